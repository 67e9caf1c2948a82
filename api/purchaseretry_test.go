package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// What the payment's saga hears from the bank when it is asked, and does about it.

func (o *office) paid(a store.Attempt) func(context.Context, string) (state.Payment, error) {
	return func(ctx context.Context, _ string) (state.Payment, error) {
		at, err := o.store.AttemptPaid(ctx, store.Receipt{AttemptID: a.ID, BankTran: fmt.Sprint("t", a.ID), RRN: fmt.Sprint("rrn", a.ID)})
		return at.Payment, err
	}
}

func (o *office) unpaid(a store.Attempt) func(context.Context, string) (state.Payment, error) {
	return func(ctx context.Context, _ string) (state.Payment, error) {
		return state.PaymentPending, o.store.NoteUnpaid(ctx, a.ID, "not_paid")
	}
}

func retryPath(id any) string { return fmt.Sprint(purchases, "/retry/", id) }

// retry is the documented call.
func (o *office) retry(id any, more ...func(*request)) answer {
	o.Helper()
	r := request{method: "PUT", path: retryPath(id), json: `{"branch":31}`}
	for _, change := range more {
		change(&r)
	}
	return o.ask(r)
}

func (o *office) completed(a answer, reference string) {
	o.Helper()
	var p struct {
		Message string `json:"message"`
	}
	o.payload(a, http.StatusResetContent, &p)
	require.Equal(o, "رفرنس "+reference+" با موفقیت ایجاد شد", p.Message)
	require.Equal(o, reference, a.Header.Get("X-Reference"))
}

var stamp = regexp.MustCompile(`"timestamp":\d+`)

// alike is an answer without its time.
func alike(a answer) string { return fmt.Sprint(a.StatusCode, stamp.ReplaceAllString(a.body, "")) }

// The documented example, number for number.
func TestDocumentedRetry(t *testing.T) {
	o := newOffice(t)
	row, err := o.store.Purchase(t.Context(), 31, 74)
	require.NoError(t, err)
	require.Equal(t, 2, row.Status)
	o.sagas.inquire = o.paid(o.open(row.Token))
	a := o.retry(74)
	o.completed(a, "CHECK-9672")
	require.Regexp(t, `^{"payload":{"message":"رفرنس CHECK-9672 با موفقیت ایجاد شد"},"meta":{"timestamp":\d{10}}}$`, a.body)
	require.Equal(t, 1, o.sagas.asked)

	again := o.retry(74)
	require.Regexp(t, `^{"error":{"code":1000,"message":"`+notFoundOrYours+`"},"meta":{"timestamp":\d{10}}}$`, again.body)
	require.Equal(t, http.StatusConflict, again.StatusCode)
	require.Equal(t, 1, o.sagas.asked, "nobody is asked about what is over")
}

// The branch comes in the body or the header, as a number or its digits.
func TestWhereTheBranchIs(t *testing.T) {
	o := newOffice(t)
	body := func(text string) func(*request) { return func(r *request) { r.json = text } }
	header := func(text string) func(*request) {
		return func(r *request) { r.json, r.header = "", map[string]string{"branch": text} }
	}
	both := func(inBody, inHeader string) func(*request) {
		return func(r *request) { r.json, r.header = inBody, map[string]string{"branch": inHeader} }
	}
	form := func(text string) func(*request) {
		return func(r *request) { r.json, r.form = "", url.Values{"branch": {text}} }
	}
	for name, change := range map[string]func(*request){
		"number": body(`{"branch":31}`), "digits": body(`{"branch":"31"}`), "Persian digits": body(`{"branch":"۳۱"}`), "form": form("31"),
		"header": header("31"), "header, other case": func(r *request) { r.json, r.header = "", map[string]string{"Branch": "31"} },
		"both": both(`{"branch":31}`, "31"), "header and another body": both(`{}`, "31"),
	} {
		u, a := o.bringTo(state.PurchaseIncomplete)
		o.sagas.inquire = o.paid(a)
		require.Equal(t, http.StatusResetContent, o.retry(u.ID, change).StatusCode, name)
	}

	u, a := o.bringTo(state.PurchaseIncomplete)
	asked := o.sagas.asked
	facts := o.facts()
	want := alike(o.retry(1 << 40))
	for name, change := range map[string]func(*request){
		"nowhere": body(`{}`), "no body": body(""), "another": body(`{"branch":32}`), "another in the header": header("32"),
		"both, one another": both(`{"branch":31}`, "32"), "both, the other another": both(`{"branch":32}`, "31"), "both another": both(`{"branch":32}`, "32"),
		"zero": body(`{"branch":0}`), "zero, and the header right": both(`{"branch":0}`, "31"), "negative": body(`{"branch":-31}`),
		"null": both(`{"branch":null}`, "31"), "a word": body(`{"branch":"center"}`), "a word in the header": header("center"),
		"true": body(`{"branch":true}`), "a fraction": body(`{"branch":31.0}`), "an exponent": body(`{"branch":3.1e1}`), "a list": body(`{"branch":[31]}`),
		"an object": body(`{"branch":{"$gt":0}}`), "huge": body(`{"branch":99999999999999999999}`), "twice": body(`{"branch":31,"branch":31}`),
		"twice, other case": body(`{"branch":31,"Branch":32}`), "SQL": header("31 OR 1=1"), "broken JSON": body(`{"branch":31`),
		"text": func(r *request) { r.json, r.body, r.contentType = "", "branch=31", "text/plain" },
	} {
		require.Equal(t, want, alike(o.retry(u.ID, change)), name)
	}
	require.Equal(t, facts, o.facts())
	require.Equal(t, asked, o.sagas.asked, "nobody was asked")
	o.sagas.inquire = o.paid(a)
	o.completed(o.retry(u.ID), *o.reference(u.ID))
}

// reference is the row's own, once there is one; it is read late.
func (o *office) reference(id int64) *string {
	o.Helper()
	row, err := o.store.Purchase(o.Context(), 31, id)
	require.NoError(o, err)
	text := row.CheckNumber()
	return &text
}

// What is unknown, another's, over, or not begun gets the same answer, byte for byte; and leaves its line in
// the log of the caller's branch.
func TestWhatCannotBeRetriedLooksAlike(t *testing.T) {
	o := newOffice(t)
	require.NoError(t, o.store.AddBranch(t.Context(), "faSDF42w3Fs", 32, "north"))
	require.NoError(t, o.store.AddBranch(t.Context(), "demo-fast", 77, "fast"))
	awaiting, _ := o.bringTo(state.PurchaseAwaiting)
	completed, _ := o.bringTo(state.PurchaseCompleted)
	ended, _ := o.bringTo(state.PurchaseEnded)
	half, _ := o.bringTo(state.PurchaseIncomplete)
	facts, lines := o.facts(), o.systemLog()

	want := alike(o.retry(1_000_000))
	require.Contains(t, want, notFoundOrYours)
	as := func(token, body string) func(*request) {
		return func(r *request) { r.key, r.json = token, body }
	}
	var logged []string
	for _, tt := range []struct {
		name   string
		a      answer
		logged string // "" when there is no number to log
	}{
		{"unknown", o.retry(1_000_001), "31 1000001 branch/31"},
		{"status 0", o.retry(awaiting.ID), fmt.Sprintf("31 %d branch/31", awaiting.ID)},
		{"status 3", o.retry(completed.ID), fmt.Sprintf("31 %d branch/31", completed.ID)},
		{"status 4", o.retry(ended.ID), fmt.Sprintf("31 %d branch/31", ended.ID)},
		{"another branch", o.retry(half.ID, as(o.issue(32), `{"branch":32}`)), fmt.Sprintf("32 %d branch/32", half.ID)},
		{"another branch, which says it is not", o.retry(half.ID, as(o.issue(32), `{"branch":31}`)), fmt.Sprintf("32 %d branch/32", half.ID)},
		{"another merchant", o.retry(half.ID, as(o.issue(77), `{"branch":31}`)), fmt.Sprintf("77 %d branch/77", half.ID)},
		{"another merchant's admin", o.retry(half.ID, as(o.admin("demo-fast"), `{"branch":31}`)), fmt.Sprintf("0 %d merchant/demo-fast", half.ID)},
		{"admin, branch of another merchant", o.retry(half.ID, as(o.admin("faSDF42w3Fs"), `{"branch":77}`)), fmt.Sprintf("0 %d merchant/faSDF42w3Fs", half.ID)},
		{"admin, branch of the merchant but not of the row", o.retry(half.ID, as(o.admin("faSDF42w3Fs"), `{"branch":32}`)), fmt.Sprintf("32 %d merchant/faSDF42w3Fs", half.ID)},
		{"admin without a branch", o.retry(half.ID, as(o.admin("faSDF42w3Fs"), `{}`)), fmt.Sprintf("0 %d merchant/faSDF42w3Fs", half.ID)},
		{"id 0", o.retry(0), ""},
		{"id negative", o.retry(-74), ""},
		{"id text", o.retry("seventy"), ""},
		{"id with a tail", o.retry("74x"), ""},
		{"id fraction", o.retry("74.0"), ""},
		{"id with a blank", o.retry("%2074"), ""},
		{"id SQL", o.retry("74%20OR%201=1"), ""},
		{"id hexadecimal", o.retry("0x4a"), ""},
		{"id at the edge", o.retry("9223372036854775807"), "31 9223372036854775807 branch/31"},
		{"id beyond", o.retry("9223372036854775808"), ""},
		{"id huge", o.retry(strings.Repeat("7", 300)), ""},
	} {
		require.Equal(t, want, alike(tt.a), tt.name)
		require.Equal(t, "application/json", tt.a.Header.Get("Content-Type"), tt.name)
		if tt.logged != "" {
			logged = append(logged, tt.logged+" refusal not found or not retryable")
		}
	}
	require.Equal(t, facts, o.facts(), "no row changed")
	require.Zero(t, o.sagas.asked)
	require.Equal(t, logged, o.systemLog()[len(lines)+1:])
	for _, line := range o.again(half.ID).Timeline {
		require.Equal(t, "branch/31", line.Actor, "a stranger's knocking is not in this branch's timeline")
	}
}

func TestTooManyRetries(t *testing.T) {
	o := newOffice(t)
	u, a := o.bringTo(state.PurchaseIncomplete)
	o.exec(`UPDATE temporary_payment SET retry_count = ? WHERE id = ?`, store.MostRetries-1, u.ID)
	o.sagas.inquire = o.unpaid(a)
	for range 3 {
		require.Equal(t, notCompletable, o.refuses(o.retry(u.ID), http.StatusConflict))
	}
	require.Equal(t, 1, o.sagas.asked, "the bank is spared")
	got := o.again(u.ID)
	require.Equal(t, store.MostRetries, got.RetryCount)
	require.Equal(t, "too many retries", got.Timeline[len(got.Timeline)-1].Outcome)
}

// Twenty retries at once, over connections too, against the saga's own: one reference, and everybody who hears
// one hears the same.
func TestRetriesAtOnce(t *testing.T) {
	o := newOffice(t)
	for round := range 5 {
		u, a := o.bringTo(state.PurchaseIncomplete)
		o.sagas.inquire = o.paid(a)
		want := fmt.Sprint("CHECK-", 9672+round)
		var mu sync.Mutex
		var wg sync.WaitGroup
		codes := map[int]int{}
		for i := range 20 {
			wg.Go(func() {
				if i%5 == 4 {
					_, err := o.store.RetryByItself(t.Context(), u.ID)
					if err != nil {
						t.Error(err)
					}
					return
				}
				got := o.retry(u.ID)
				mu.Lock()
				defer mu.Unlock()
				codes[got.StatusCode]++
				switch got.StatusCode {
				case http.StatusResetContent:
					if got.Header.Get("X-Reference") != want {
						t.Errorf("reference %q, want %q", got.Header.Get("X-Reference"), want)
					}
				default:
					if !strings.Contains(got.body, notFoundOrYours) {
						t.Errorf("%d %s", got.StatusCode, got.body)
					}
				}
			})
		}
		wg.Wait()
		t.Log(codes)
		require.GreaterOrEqual(t, codes[http.StatusResetContent], 1)
		require.Equal(t, 16, codes[http.StatusResetContent]+codes[http.StatusConflict])
		require.Equal(t, want, *o.again(u.ID).Reference)
	}
	require.Len(t, slices.DeleteFunc(o.systemLog(), func(l string) bool { return !strings.Contains(l, "completion") }), 5)
}

// The answer as it stands on the wire: HTTP libraries may drop the body of a 205, we do not.
func TestTheBodyOf205IsSent(t *testing.T) {
	o := newOffice(t)
	u, a := o.bringTo(state.PurchaseIncomplete)
	o.sagas.inquire = o.paid(a)
	conn, err := net.Dial("tcp", strings.TrimPrefix(o.base, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
	head := fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nbranch: 31\r\n", retryPath(u.ID), o.token)
	_, err = io.WriteString(conn, head+"\r\n"+head+"Connection: close\r\n\r\n")
	require.NoError(t, err)
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Regexp(t, `(?s)^HTTP/1\.1 205 Reset Content\r\n.*\r\nContent-Length: \d+\r\n.*X-Reference: CHECK-9672\r\n.*\r\n{"payload":{"message":"رفرنس CHECK-9672 با موفقیت ایجاد شد"},"meta":{"timestamp":\d+}}HTTP/1\.1 409 Conflict\r\n`, string(all))

	// And a client of the standard library reads both answers of one connection.
	reader := bufio.NewReader(strings.NewReader(string(all)))
	for _, want := range []string{"CHECK-9672", notFoundOrYours} {
		res, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), want)
	}
}
