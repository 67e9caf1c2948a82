package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/stack"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// Online purchases, as a branch, its payers and its bank meet them.

const (
	retryRefused = "آیتم مورد نظر یافت نشد و یا اجازه بازخوانی ندارد"
	notPossible  = "پرداخت قابل تکمیل نیست"
)

// branch is one of a merchant's, with the token of its user.
type branch struct {
	m     merchant
	id    int64
	token string
}

// branch gives the merchant a branch.
func (m merchant) branch(t *testing.T, id int64) branch {
	t.Helper()
	m.h.mustRun(t, "merchant", "branch", m.id, "--id", fmt.Sprint(id), "--name", "e2e")
	return branch{m, id, strings.TrimSpace(m.h.mustRun(t, "token", "--branch", fmt.Sprint(id)))}
}

// purchase is a purchase as its branch reads it.
type purchase struct {
	ID         int64  `json:"id"`
	Status     int    `json:"status"`
	RetryCount int    `json:"retry_count"`
	Reference  string `json:"reference"`
	Link       string `json:"link"`
	Timeline   []struct {
		Actor   string `json:"actor"`
		Action  string `json:"action"`
		Outcome string `json:"outcome"`
	} `json:"timeline"`
}

func (p purchase) payment() string { return p.Link[strings.LastIndex(p.Link, "/")+1:] }

// call sends a call of the dialect; an error means that no answer came.
func (b branch) call(ctx context.Context, method, path string, in any) (reply, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, b.m.h.inst.APIURL+"/api/v2/purchase"+path, bytes.NewReader(data))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+b.token)
	return send(req)
}

func (b branch) ask(ctx context.Context, method, path string, in any, status int) (p purchase, err error) {
	r, err := b.call(ctx, method, path, in)
	if err != nil {
		return p, err
	}
	if r.status != status {
		return p, fmt.Errorf("%s %s: answer %d: %s", method, path, r.status, r.body)
	}
	return p, json.Unmarshal(r.body, &struct {
		Payload *purchase `json:"payload"`
	}{&p})
}

func (b branch) sells(t *testing.T, amount int64) purchase {
	t.Helper()
	p, err := b.ask(t.Context(), http.MethodPost, "", map[string]any{"amount": amount, "description": "e2e"}, http.StatusCreated)
	require.NoError(t, err)
	return p
}

func (b branch) read(t *testing.T, p purchase) purchase {
	t.Helper()
	p, err := b.ask(t.Context(), http.MethodGet, fmt.Sprint("/", p.ID), nil, http.StatusOK)
	require.NoError(t, err)
	return p
}

// retry is the documented call. It answers the reference, or the message of a 409.
func (b branch) retry(ctx context.Context, p purchase) (reference, message string, err error) {
	r, err := b.call(ctx, http.MethodPut, fmt.Sprint("/retry/", p.ID), map[string]any{"branch": b.id})
	if err != nil {
		return "", "", err
	}
	var said struct {
		Payload, Error struct{ Message string }
	}
	if err := json.Unmarshal(r.body, &said); err != nil {
		return "", "", fmt.Errorf("answer %d: %q", r.status, r.body)
	}
	reference = r.header.Get("X-Reference")
	switch {
	case r.status == http.StatusResetContent && said.Payload.Message == "رفرنس "+reference+" با موفقیت ایجاد شد":
		return reference, "", nil
	case r.status == http.StatusConflict && reference == "" && said.Error.Message != "":
		return "", said.Error.Message, nil
	}
	return "", "", fmt.Errorf("answer %d %q: %s", r.status, reference, r.body)
}

// refuses retries what cannot be retried, or not completed.
func (b branch) refuses(t *testing.T, p purchase, want string) {
	t.Helper()
	reference, message, err := b.retry(t.Context(), p)
	require.NoError(t, err)
	require.Empty(t, reference)
	require.Equal(t, want, message)
}

func (b branch) completes(t *testing.T, p purchase) string {
	t.Helper()
	reference, message, err := b.retry(t.Context(), p)
	require.NoError(t, err)
	require.Empty(t, message)
	require.Regexp(t, `^CHECK-\d{4,}$`, reference)
	return reference
}

// ends waits for the purchase's status and holds its saga's result and its timeline against it.
func (b branch) ends(t *testing.T, p purchase, status int, timeline string) purchase {
	t.Helper()
	await(t, soon, "the purchase ends", func() (bool, string) { p = b.read(t, p); return p.Status == status, fmt.Sprintf("%+v", p) })
	result := ended[workflows.PurchaseResult](t, b.m.h, workflows.PurchaseID(p.ID))
	want := map[int]state.Purchase{3: state.PurchaseCompleted, 4: state.PurchaseEnded}[status]
	require.Equal(t, []any{want, p.Reference}, []any{result.State, result.Reference})
	var told []string
	for _, line := range p.Timeline {
		told = append(told, line.Action)
	}
	require.Equal(t, timeline, strings.Join(told, " "))
	return p
}

func (b branch) pays(t *testing.T, p purchase, do string, more ...func(*walk)) walked {
	t.Helper()
	return b.m.pays(t, p.payment(), do, more...)
}

func TestPurchaseCompletedByRetry(t *testing.T) {
	t.Parallel()
	b := shared.taxi().branch(t, 31)
	p := b.sells(t, 210_000)
	b.refuses(t, p, retryRefused) // nobody is at a bank
	require.Equal(t, "pending", b.pays(t, p, "lose_callback").State, "nobody told us")
	require.Equal(t, 1, b.read(t, p).Status)
	reference := b.completes(t, p)
	b.refuses(t, p, retryRefused) // completed
	p = b.ends(t, p, 3, "create refusal retry completion refusal")
	require.Equal(t, reference, p.Reference)
	require.Equal(t, 1, p.RetryCount)
	b.m.ends(t, p.payment(), ending{state: "collected", timeline: "created attempt_started inquire paid collected settled", visits: []visit{settled}})
}

func TestPurchaseCompletedByCallback(t *testing.T) {
	t.Parallel()
	b := shared.taxi().branch(t, 31)
	p := b.sells(t, 220_000)
	require.Equal(t, "collected", b.pays(t, p, "pay").State)
	b.refuses(t, p, retryRefused)
	p = b.ends(t, p, 3, "create completion refusal")
	b.m.ends(t, p.payment(), ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	for _, id := range []string{workflows.PurchaseID(p.ID), workflows.PaymentID(p.payment())} {
		d, err := shared.temporal.DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		require.LessOrEqual(t, d.WorkflowExecutionInfo.HistoryLength, int64(20), id)
	}
}

func TestPurchaseDeclinedStaysRetryable(t *testing.T) {
	t.Parallel()
	b := shared.taxi().branch(t, 31)
	p := b.sells(t, 230_000)
	require.Equal(t, "pending", b.pays(t, p, "decline", at("asanpardakht")).State)
	require.Equal(t, 2, b.read(t, p).Status)
	b.refuses(t, p, notPossible)
	b.refuses(t, p, notPossible)
	require.Equal(t, 2, b.read(t, p).RetryCount)

	require.Equal(t, "pending", b.pays(t, p, "lose_callback", at("zibal")).State, "and the payer comes again")
	reference := b.completes(t, p)
	p = b.ends(t, p, 3, "create retry refusal retry refusal retry completion")
	require.Equal(t, reference, p.Reference)
}

func TestPurchaseThatIsNotPaidEnds(t *testing.T) {
	t.Parallel()
	b := shared.with(t, "e2e-kiosk", 4*time.Second).branch(t, 9004)
	p := b.sells(t, 240_000)
	b.ends(t, p, 4, "create end")
	b.refuses(t, p, retryRefused)
	b.m.ends(t, p.payment(), ending{state: "expired", reason: "expired", timeline: "created expired"})
}

func TestPurchasePaidTooLateIsRefunded(t *testing.T) {
	t.Parallel()
	b := shared.with(t, "e2e-stand", 5*time.Second).branch(t, 9005)
	p := b.sells(t, 250_000)
	b.pays(t, p, "pay_late")
	p = b.ends(t, p, 4, "create end")
	require.Empty(t, p.Reference)
	require.Equal(t, "refunded", p.Timeline[1].Outcome)
	b.m.ends(t, p.payment(), ending{state: "refunded", reason: "late", timeline: "created attempt_started callback paid refunding refunded", visits: []visit{reversed}})
}

// Half-done purchases of a bank that in 30 of 100 cases verifies and does not say so, each retried by five
// people at once and by its saga, while the worker is killed. PAYSAGA_PURCHASES is how many (500 is the promise).
func TestPurchaseStorm(t *testing.T) {
	count := envNumber(t, "PAYSAGA_PURCHASES", 40)
	h := breakable(t)
	patient := h.taxi().branch(t, 31)
	hasty := h.with(t, "e2e-hasty", 6*time.Second).branch(t, 9006)
	h.rules(t, map[string]any{"verify": map[string]any{"timeout_after": 0.3}, "hold": "300ms"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(count)*time.Second)
	defer cancel()
	begin := time.Now()
	underWay, over := context.WithCancel(ctx)
	kills := make(chan int, 1)
	go func() { kills <- h.keepKilling(underWay, stack.Worker) }()

	var mu sync.Mutex
	sold := make([]purchase, count)
	answers := map[string]int{}
	heard := map[int64]string{} // the reference that somebody was told
	next := make(chan int)
	var crowd sync.WaitGroup
	for range 16 {
		crowd.Go(func() {
			for i := range next {
				b := patient
				if i%5 == 4 {
					b = hasty
				}
				var err error
				if sold[i], err = b.ask(ctx, http.MethodPost, "", map[string]any{"amount": 1000 + i}, http.StatusCreated); err != nil {
					t.Errorf("purchase %d: %v", i, err)
					continue
				}
				if _, err := h.walk(ctx, walk{Link: sold[i].Link, Do: "lose_callback"}); err != nil {
					t.Errorf("payer %d: %v", i, err)
				}
				var people sync.WaitGroup
				for range 5 {
					people.Go(func() {
						reference, message, err := b.retry(ctx, sold[i])
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err != nil:
							t.Errorf("retry of purchase %d: %v", sold[i].ID, err)
						case reference != "" && heard[sold[i].ID] != "" && heard[sold[i].ID] != reference:
							t.Errorf("purchase %d has two references: %s and %s", sold[i].ID, heard[sold[i].ID], reference)
						case reference != "":
							heard[sold[i].ID] = reference
							answers["205"]++
						default:
							answers[message]++
						}
					})
				}
				people.Wait()
			}
		})
	}
	for i := range sold {
		next <- i
	}
	close(next)
	crowd.Wait()
	over()
	t.Logf("%d purchases in %.1f s, the worker killed %d times, answers: %v", count, time.Since(begin).Seconds(), <-kills, answers)
	h.comesBack(t, stack.Worker)
	h.rules(t, map[string]any{})

	first := sold[0].ID
	for _, p := range sold {
		first = min(first, p.ID)
	}
	await(t, time.Minute+time.Duration(count)*200*time.Millisecond, "every purchase ends", func() (bool, string) {
		var left []string
		err := h.db.NewRaw(`SELECT id || ' ' || state FROM temporary_payment WHERE state NOT IN ('completed', 'ended') AND id >= ?`, first).Scan(ctx, &left)
		return err == nil && len(left) == 0, fmt.Sprint(left, err)
	})
	t.Logf("ended after %.1f s", time.Since(begin).Seconds())
	ends, references := map[int]int{}, map[string]bool{}
	for i, p := range sold {
		b := patient
		if i%5 == 4 {
			b = hasty
		}
		p = b.read(t, p)
		ends[p.Status]++
		result := ended[workflows.PurchaseResult](t, h, workflows.PurchaseID(p.ID))
		require.Equal(t, p.Reference, result.Reference)
		require.Equal(t, p.Status == 3, p.Reference != "", "%+v", p)
		require.False(t, p.Reference != "" && references[p.Reference], "%s twice", p.Reference)
		references[p.Reference] = true
		if told := heard[p.ID]; told != "" {
			require.Equal(t, told, p.Reference, "what was told stays")
		}
	}
	var completions int
	require.NoError(t, h.db.NewRaw(`SELECT count(*) FROM system_log WHERE action = 'completion' AND purchase_id >= ?`, first).Scan(ctx, &completions))
	require.Equal(t, ends[3], completions)
	t.Logf("status 3: %d, status 4: %d, %.1f s in all", ends[3], ends[4], time.Since(begin).Seconds())
	require.GreaterOrEqual(t, ends[3], count*4/5, "who had time was served")
	require.NoError(t, h.audit())
}

// keepKilling kills a part, again and again, until ctx ends, each time some seconds after it came back.
func (h *house) keepKilling(ctx context.Context, part string) (kills int) {
	for pause(ctx, 4*time.Second) {
		if h.Kill(part) == nil {
			kills++
		}
		_ = h.WaitReady(ctx, part)
	}
	return kills
}
