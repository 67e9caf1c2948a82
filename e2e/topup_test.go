package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/paysaga/paysaga/stack"
	"github.com/paysaga/paysaga/workflows"
)

// Top-ups, as a merchant that tries again and an operator that cannot be trusted to answer meet them.

// topUpOrder is the order of a charge; a zero field is what most tests want.
type topUpOrder struct {
	Product int    `json:"product_id"`
	Mobile  string `json:"mobile"`
	Price   int64  `json:"price"`
	Code    string `json:"webservice_code"`
}

const delivered = `{"message":"successful"}`

// topUp sends the order once.
func (m merchant) topUp(ctx context.Context, key string, o topUpOrder) (reply, error) {
	if o.Product == 0 {
		o.Product = 62
	}
	if o.Mobile == "" {
		o.Mobile = "989021234567"
	}
	if o.Code == "" {
		o.Code = key
	}
	data, err := json.Marshal(o)
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.h.inst.APIURL+"/api/top-up", strings.NewReader(string(data)))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+m.key)
	req.Header.Set("Idempotency-Key", key)
	return send(req)
}

// buys repeats the order under its key until it is decided, as the contract tells merchants to.
func (m merchant) buys(ctx context.Context, key string, o topUpOrder) (reply, error) {
	for {
		r, err := m.topUp(ctx, key, o)
		undecided := err != nil || r.status == http.StatusAccepted || r.status == http.StatusConflict || r.status == http.StatusTooManyRequests || r.status >= 500
		if !undecided {
			return r, nil
		}
		if !pause(ctx, 50*time.Millisecond) {
			return r, fmt.Errorf("key %s is not decided: %d %s %w", key, r.status, r.body, err)
		}
	}
}

// reads reads something of the dialect.
func (m merchant) reads(t *testing.T, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.h.inst.APIURL+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+m.key)
	r, err := send(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s: %s", path, r.body)
	require.NoError(t, json.Unmarshal(r.body, into))
}

// balance is what the merchant may spend, and what is held.
func (m merchant) balance(t *testing.T) [2]int64 {
	t.Helper()
	var b struct{ Balance, Held int64 }
	m.reads(t, "/api/balance", &b)
	return [2]int64{b.Balance, b.Held}
}

// followed is a top-up as its merchant follows it up.
type followed struct {
	ID                        int64
	State, Message, Reference string
	Price                     int64
}

func (m merchant) follows(t *testing.T, code string) (out followed) {
	t.Helper()
	m.reads(t, "/api/top-up/"+code, &out)
	return out
}

// buyer is a merchant with a balance of its own.
func (h *house) buyer(t *testing.T, id string, balance int64) merchant {
	t.Helper()
	m := h.with(t, id, time.Minute)
	h.mustRun(t, "balance", "credit", id, "--amount", fmt.Sprint(balance), "--by", "Sara N.", "--reason", "paid in at the counter")
	return m
}

// operator sets what goes wrong at the operator from now on.
func (h *house) operator(t *testing.T, rules map[string]any) {
	t.Helper()
	r, err := sendJSON(t.Context(), http.MethodPut, h.inst.SandboxURL+"/rules", map[string]any{"operator": rules})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
}

// delivery is a line of the operator's book.
type delivery struct {
	Key, State, Mobile string
	Amount             int64
	Submits            int
}

// deliveries is the operator's whole book, by key.
func (h *house) deliveries(t *testing.T) map[string]delivery {
	t.Helper()
	var book struct{ Deliveries []delivery }
	require.NoError(t, json.Unmarshal(get(t, h.inst.SandboxURL+"/book").body, &book))
	out := make(map[string]delivery, len(book.Deliveries))
	for _, d := range book.Deliveries {
		require.NotContains(t, out, d.Key)
		out[d.Key] = d
	}
	return out
}

// The examples of the contract, word for word; the host, the token and the X of the number are replaced.
func TestTopUpContractExamplesWorkAsWritten(t *testing.T) {
	t.Parallel()
	const documented = `curl -X POST "https://gateway.esaj.ir/api/top-up" \
-H "Authorization: Bearer {TOKEN}" \
-H "Idempotency-Key: YOUR_RANDOM_IDENPOTENCY" \
-H "Content-Type: application/json" \
-d '{
"product_id": 62,
"mobile": "98902XXXXXXX",
"price": 5000,
"webservice_code": "YOUR_CODE"
}'`
	parts := regexp.MustCompile(`(?s)^curl -X (\w+) "([^"]+)".*? -d '(.*)'$`).FindStringSubmatch(strings.ReplaceAll(documented, "\\\n", " "))
	require.NotNil(t, parts)
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), parts[1], strings.Replace(parts[2], "https://gateway.esaj.ir", shared.inst.APIURL, 1),
			strings.NewReader(strings.Replace(parts[3], "XXXXXXX", "1234567", 1)))
		require.NoError(t, err)
		for _, h := range regexp.MustCompile(`-H "([^:]+): ([^"]+)"`).FindAllStringSubmatch(documented, -1) {
			req.Header.Set(h[1], strings.Replace(h[2], "{TOKEN}", "test", 1))
		}
		r, err := send(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		require.JSONEq(t, `{"message": "successful"}`, string(r.body))
	}
	var product map[string]any
	shared.taxi().reads(t, "/api/product/62", &product)
	require.Len(t, product, 26)
	require.Equal(t, []any{62.0, "شارژ مستقیم ایرانسل - مبلغ دلخواه", 5_000.0, 2_000_000.0, "cell_direct_charge", "credit", 2.0},
		[]any{product["id"], product["name"], product["price"], product["second_price"], product["type"], product["sim_card_type"], product["operator_id"]})
}

func TestTopUpIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	h := shared
	m := h.buyer(t, "e2e-kiosk", 1_000_000)
	const twins = 20
	answers := make([]reply, twins)
	var calls sync.WaitGroup
	for i := range twins {
		calls.Go(func() {
			var err error
			if answers[i], err = m.buys(t.Context(), "kiosk-1", topUpOrder{Price: 50_000}); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	for _, a := range answers {
		require.Equal(t, [2]string{"200", delivered}, [2]string{fmt.Sprint(a.status), string(a.body)})
	}
	require.Equal(t, [2]int64{950_000, 0}, m.balance(t))
	again, err := m.topUp(t.Context(), "kiosk-1", topUpOrder{Price: 50_000})
	require.NoError(t, err)
	require.Equal(t, []string{delivered, "true"}, []string{string(again.body), again.header.Get("Idempotent-Replayed")})

	top := m.follows(t, "kiosk-1")
	d := h.deliveries(t)[fmt.Sprint("topup-", top.ID)]
	require.Equal(t, delivery{fmt.Sprint("topup-", top.ID), "delivered", "0902*****67", 50_000, 1}, d)
	require.Equal(t, followed{top.ID, "delivered", "successful", top.Reference, 50_000}, top)
	require.NotEmpty(t, top.Reference)
	require.EqualValues(t, "delivered", ended[workflows.TopUpResult](t, h, workflows.TopUpID(top.ID)).State)
	events := 0
	history := h.temporal.GetWorkflowHistory(t.Context(), workflows.TopUpID(top.ID), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		_, err := history.Next()
		require.NoError(t, err)
		events++
	}
	require.LessOrEqual(t, events, 8)

	// What it costs, and what it looks like, in a terminal.
	shown := h.mustRun(t, "topup", "show", fmt.Sprint(top.ID))
	require.Contains(t, shown, "50,000 rial at sandbox, delivered")
	require.Contains(t, shown, h.inst.UIURL+"/namespaces/paysaga/workflows/topup%2F"+fmt.Sprint(top.ID))
	for _, kind := range []string{"reserved", "delivered"} {
		require.Regexp(t, `(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +`+kind+`\b`, shown)
	}
	require.NotContains(t, shown, "9021234567")
	require.Equal(t, "950,000 rial, and 0 held for top-ups and payouts\n", h.mustRun(t, "balance", "show", m.id))
}

// Everything that can go wrong with one order, at once, and each ends as it must: delivered and spent once,
// or not delivered and the money back. Meanwhile there is a storm (see TestTopUpStorm) in which the worker is
// killed: an order that it was about to send is never sent again, but found not to have arrived, and the merchant
// orders under a new key. All answers stay.
func TestTopUpsThatGoWrong(t *testing.T) {
	h := breakable(t)
	m := h.buyer(t, "e2e-unlucky", 10_000_000)
	const price = 100_000
	kills := max(1, envNumber(t, "PAYSAGA_TOPUPS", 60)/100)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	answers := map[string]reply{}
	var mu sync.Mutex
	var calls sync.WaitGroup
	orders := func(key string) { // and waits until it went out, so that the rules of the next are not its own
		calls.Go(func() {
			a, err := m.buys(ctx, key, topUpOrder{Price: price})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			answers[key] = a
		})
		await(t, soon, key+" is at the operator", func() (bool, string) {
			var calls []string
			err := h.db.NewRaw(`SELECT 'topup-' || id FROM topups WHERE key = ? AND submitted_at IS NOT NULL`, key).Scan(ctx, &calls)
			if err != nil || len(calls) == 0 {
				return false, fmt.Sprint(err)
			}
			book := string(get(t, h.inst.SandboxURL+"/book?calls=1&key="+calls[0]).body)
			return strings.Contains(book, `"op":"submit"`), book
		})
	}
	for _, step := range []struct {
		key   string
		rules map[string]any
	}{
		{"lost order", map[string]any{"submit": map[string]any{"timeout_before": 1}, "hold": "50ms"}}, // first: it takes the longest
		{"garbage", map[string]any{"submit": map[string]any{"garbage": 1}}},
		{"error after all", map[string]any{"submit": map[string]any{"unknown": 1}}},
		{"lost answer", map[string]any{"submit": map[string]any{"timeout_after": 1}, "hold": "50ms"}},
		{"refused", map[string]any{"submit": map[string]any{"refuse": 1}}},
		{"exhausted", map[string]any{"exhausted": 1}},
		{"in progress", map[string]any{"in_progress": 1, "in_progress_for": "3s"}},
		{"in progress, then refused", map[string]any{"in_progress": 1, "in_progress_for": "3s", "in_progress_fails": 1}},
		{"by hand, delivered", map[string]any{"in_progress": 1, "in_progress_for": "10m"}},
		{"by hand, reversed", map[string]any{"in_progress": 1, "in_progress_for": "10m", "in_progress_fails": 1}},
	} {
		h.operator(t, step.rules)
		orders(step.key)
	}
	// The worker dies when the order is delivered and the answer still on its way.
	h.operator(t, map[string]any{"submit": map[string]any{"timeout_after": 1}, "hold": "2s"})
	orders("killed")
	require.NoError(t, h.Kill(stack.Worker))
	h.operator(t, map[string]any{})
	h.comesBack(t, stack.Worker)

	// A caller does not wait for ever; whoever asks again later gets the final answer.
	waiting, err := m.topUp(ctx, "by hand, delivered", topUpOrder{Price: price})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, waiting.status, "%s", waiting.body)
	require.Equal(t, "/api/top-up/by%20hand%2C%20delivered", waiting.header.Get("Location"))
	require.Equal(t, "unknown", m.follows(t, "by%20hand%2C%20delivered").State)
	for key, as := range map[string]string{"by hand, delivered": "delivered", "by hand, reversed": "reversed"} {
		id := fmt.Sprint(m.follows(t, strings.ReplaceAll(key, " ", "%20")).ID)
		out, code := h.command("topup", "resolve", id, "--as", "unknown", "--by", "Sara N.", "--reason", "x")
		require.Equal(t, 1, code)
		require.Contains(t, out, "delivered or reversed")
		h.mustRun(t, "topup", "resolve", id, "--as", as, "--by", "Sara N.", "--reason", "seen in their panel")
		out, code = h.command("topup", "resolve", id, "--as", "reversed", "--by", "Sara N.", "--reason", "again")
		require.Equal(t, 1, code, "decided once")
		require.Contains(t, out, "top-up is "+as)
		require.Contains(t, h.mustRun(t, "topup", "show", id), "Sara N.: seen in their panel")
		require.EqualValues(t, as, ended[workflows.TopUpResult](t, h, "topup/"+id).State)
	}

	// While the slow ones wait, the worker is killed under a storm of others, and then the API.
	newTopUpStorm(t, "e2e-killed", envNumber(t, "PAYSAGA_TOPUPS", 60), envNumber(t, "PAYSAGA_TWINS", 10)).rages(t, kills)
	require.NoError(t, h.Kill(stack.API))
	h.comesBack(t, stack.API)
	calls.Wait()

	ends := map[string]string{ // garbage and errors may come before or after the delivery: the book says
		"lost answer": "delivered", "killed": "delivered", "in progress": "delivered", "by hand, delivered": "delivered",
		"lost order": "The order never reached the operator", "refused": "the operator refused the order", "exhausted": "the operator does not take orders now",
		"in progress, then refused": "the operator refused the order", "by hand, reversed": "The top-up was not delivered",
		"garbage": "", "error after all": "",
	}
	spent, book := int64(0), h.deliveries(t)
	for key, end := range ends {
		top := m.follows(t, strings.ReplaceAll(key, " ", "%20"))
		d, known := book[fmt.Sprint("topup-", top.ID)]
		require.Equal(t, key != "lost order" && (end != "" || known), known, key)
		if end == "" {
			end = map[bool]string{true: "delivered", false: "The order never reached the operator"}[known]
		}
		if known {
			require.Equal(t, 1, d.Submits, key)
		}
		if end == "delivered" {
			spent += price
			require.Equal(t, [3]string{"200", delivered, "delivered"}, [3]string{fmt.Sprint(answers[key].status), string(answers[key].body), top.State}, key)
		} else {
			require.Equal(t, [3]string{"400", fmt.Sprintf(`{"status":false,"message":%q}`, end), "reversed"}, [3]string{fmt.Sprint(answers[key].status), string(answers[key].body), top.State}, key)
		}
	}
	require.Equal(t, [2]int64{10_000_000 - spent, 0}, m.balance(t))
	for key, first := range answers {
		a, err := m.topUp(ctx, key, topUpOrder{Price: price})
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprint(first.status), string(first.body), "true"}, []string{fmt.Sprint(a.status), string(a.body), a.header.Get("Idempotent-Replayed")}, key)
	}
	require.Equal(t, [2]int64{10_000_000 - spent, 0}, m.balance(t))
	require.NoError(t, h.audit())
}

// Without Temporal an order is taken and its money held; it goes out when Temporal is back.
func TestTopUpWithoutTemporal(t *testing.T) {
	h := breakable(t)
	m := h.buyer(t, "e2e-offline", 100_000)
	require.NoError(t, h.Down(stack.Temporal))
	t.Cleanup(func() { h.comesBack(t, stack.Temporal) })
	a, err := m.topUp(t.Context(), "offline", topUpOrder{Price: 60_000})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	require.Equal(t, [2]int64{40_000, 60_000}, m.balance(t))
	poor, err := m.topUp(t.Context(), "poor", topUpOrder{Price: 60_000})
	require.NoError(t, err)
	require.Equal(t, http.StatusPaymentRequired, poor.status, "held money is not spent twice")
	h.comesBack(t, stack.Temporal)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	a, err = m.buys(ctx, "offline", topUpOrder{Price: 60_000})
	require.NoError(t, err)
	require.Equal(t, delivered, string(a.body))
	require.Equal(t, [2]int64{40_000, 0}, m.balance(t))
	require.NoError(t, h.audit())
}
