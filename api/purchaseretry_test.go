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

	"github.com/paysaga/paysaga/api"
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

// The bank's no, a wrong amount, no word in time, Temporal down: 409, and the row stays retryable.
func TestNotCompletable(t *testing.T) {
	o := newOffice(t)
	type inquiry = func(context.Context, string) (state.Payment, error)
	for name, tt := range map[string]struct {
		inquire func(store.Attempt) inquiry
		status  int
	}{
		"unpaid": {o.unpaid, 2},
		"declined, or a wrong amount": {func(a store.Attempt) inquiry {
			return func(ctx context.Context, _ string) (state.Payment, error) {
				return state.PaymentPending, o.store.FailAttempt(ctx, a.ID, "mismatch")
			}
		}, 2},
		"no word in time": {func(store.Attempt) inquiry {
			return func(ctx context.Context, _ string) (state.Payment, error) {
				until, ok := ctx.Deadline()
				require.True(t, ok)
				require.WithinDuration(t, time.Now().Add(8*time.Second), until, time.Second, "the caller is not kept for ever")
				return "", context.DeadlineExceeded
			}
		}, 1},
		"Temporal is down": {func(store.Attempt) inquiry { return nil }, 1},
		"its saga has ended, and says nothing": {func(store.Attempt) inquiry {
			return func(context.Context, string) (state.Payment, error) { return "", nil }
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := o.in(t)
			u, a := o.bringTo(state.PurchaseIncomplete)
			o.sagas.inquire = tt.inquire(a)
			require.Equal(t, notCompletable, o.refuses(o.retry(u.ID), http.StatusConflict))
			got := o.again(u.ID)
			require.Equal(t, []any{tt.status, 1}, []any{got.Status, got.RetryCount})
			require.Nil(t, got.Reference)
			last := got.Timeline[len(got.Timeline)-1]
			require.Equal(t, []string{"refusal", "not completable, pending"}, []string{last.Action, last.Outcome})
			var told int
			require.NoError(t, o.db.NewRaw(`SELECT count(*) FROM outbox WHERE ref = ? AND message = 'inquire'`, u.token()).Scan(t.Context(), &told))
			require.Equal(t, 1, told, "the bank is asked all the same")

			if o.attemptIsOpen(a) {
				o.sagas.inquire = o.paid(a)
				require.Equal(t, http.StatusResetContent, o.retry(u.ID).StatusCode)
			}
		})
	}
}

func (o *office) attemptIsOpen(a store.Attempt) (open bool) {
	o.Helper()
	require.NoError(o, o.db.NewRaw(`SELECT state = 'open' FROM attempts WHERE id = ?`, a.ID).Scan(o.Context(), &open))
	return open
}

// Money that came too late is on its way back: no reference, and at its end no retry either.
func TestRetryOfWhatIsRefunded(t *testing.T) {
	o := newOffice(t)
	u, a := o.bringTo(state.PurchaseIncomplete)
	o.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, u.token())
	o.sagas.inquire = o.paid(a)
	require.Equal(t, notCompletable, o.refuses(o.retry(u.ID), http.StatusConflict))
	require.Equal(t, state.PaymentRefunding, o.payment(u.token()).State)
	_, err := o.store.AttemptRefunded(t.Context(), a.ID, "reversed")
	require.NoError(t, err)
	require.Equal(t, notCompletable, o.refuses(o.retry(u.ID), http.StatusConflict), "not closed yet")
	_, err = o.store.ClosePurchase(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, notFoundOrYours, o.refuses(o.retry(u.ID), http.StatusConflict))
	require.Nil(t, o.again(u.ID).Reference)
}

// A caller who gives up, or an API that dies, after the retry was noted: the saga asks the bank by itself.
func TestAnAPIThatDiesInTheMiddle(t *testing.T) {
	o := newOffice(t)
	u, a := o.bringTo(state.PurchaseIncomplete)
	o.sagas.inquire = func(context.Context, string) (state.Payment, error) { panic("gone, at 10.1.2.3") }
	require.Equal(t, tryAgainLater, o.refuses(o.retry(u.ID), http.StatusConflict))
	require.Equal(t, 1, o.again(u.ID).Status, "still retryable")
	var told int
	require.NoError(t, o.db.NewRaw(`SELECT count(*) FROM outbox WHERE ref = ? AND message = 'inquire'`, u.token()).Scan(t.Context(), &told))
	require.Equal(t, 1, told)
	_, err := o.paid(a)(t.Context(), "") // as the saga does, hearing it
	require.NoError(t, err)
	require.Equal(t, notFoundOrYours, o.refuses(o.retry(u.ID), http.StatusConflict), "completed meanwhile")
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

// Trouble of ours is 409 too, and tells nothing of itself.
func TestRetryWithoutADatabase(t *testing.T) {
	o := newOffice(t)
	u, a := o.bringTo(state.PurchaseIncomplete)
	owner, err := store.Open(t.Context(), o.url, store.Options{Pool: 1})
	require.NoError(t, err)
	defer owner.Close()
	broken := func(statement string, args ...any) answer {
		t.Helper()
		_, err := owner.NewRaw(statement, args...).Exec(t.Context())
		require.NoError(t, err)
		got := o.retry(u.ID)
		require.Contains(t, o.log.String(), got.Header.Get("X-Request-Id"))
		return got
	}
	trouble := func(got answer) {
		t.Helper()
		require.Equal(t, tryAgainLater, o.refuses(got, http.StatusConflict))
	}
	facts := o.facts()
	trouble(broken(`ALTER TABLE system_log RENAME TO elsewhere`))
	_, err = owner.NewRaw(`ALTER TABLE elsewhere RENAME TO system_log`).Exec(t.Context())
	require.NoError(t, err)
	require.Equal(t, facts, o.facts(), "the retry is noted whole or not at all")

	o.sagas.inquire = o.unpaid(a)
	trouble(broken(`
		CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no space left on /var/lib/postgresql'; END $$;
		CREATE TRIGGER test_refuse BEFORE INSERT ON system_log FOR EACH ROW WHEN (NEW.action = 'refusal') EXECUTE FUNCTION test_refuse()`))
	require.Equal(t, notFoundOrYours, o.refuses(o.retry(1_000_000), http.StatusConflict), "a refusal that cannot be logged is still one")
	require.NoError(t, o.db.Close())
	trouble(o.retry(u.ID))
	trouble(o.retry(u.ID, func(r *request) { r.key = o.admin("faSDF42w3Fs") }))
	for _, r := range []request{{method: "GET", path: purchases}, {method: "GET", path: purchases + "/74"}, {method: "POST", path: purchases, json: `{"amount":1}`}} {
		require.Equal(t, "Internal error", o.refuses(o.ask(r), http.StatusInternalServerError))
	}
	require.Contains(t, o.log.String(), "database is closed")
}

// A disabled merchant sells nothing new; what is half done is completed.
func TestRetryForADisabledMerchant(t *testing.T) {
	o := newOffice(t)
	u, a := o.bringTo(state.PurchaseIncomplete)
	require.NoError(t, o.store.SetMerchantDisabled(t.Context(), "faSDF42w3Fs", true))
	o.sagas.inquire = o.paid(a)
	o.completed(o.retry(u.ID), "CHECK-9672")
}

func TestPurchaseDialectElsewhere(t *testing.T) {
	o := newOffice(t)
	facts := o.facts()
	for path, want := range map[string]string{purchases: "GET, HEAD, POST", purchases + "/74": "GET, HEAD", retryPath(74): "PUT"} {
		for _, method := range []string{"PATCH", "DELETE"} {
			a := o.ask(request{method: method, path: path})
			o.refuses(a, http.StatusMethodNotAllowed)
			require.ElementsMatch(t, strings.Split(want, ", "), strings.Split(a.Header.Get("Allow"), ", "), path)
		}
	}
	o.refuses(o.ask(request{method: "POST", path: retryPath(74)}), http.StatusMethodNotAllowed)
	require.Equal(t, http.StatusMethodNotAllowed, o.ask(request{method: "HEAD", path: retryPath(74)}).StatusCode)
	for _, path := range []string{purchases, purchases + "/74"} {
		a := o.ask(request{method: "HEAD", path: path})
		require.Equal(t, http.StatusOK, a.StatusCode)
		require.Empty(t, a.body)
	}
	for _, path := range []string{purchases + "/74/more", retryPath("74/more"), "/api/v2/nothing"} {
		o.refuses(o.ask(request{method: "GET", path: path}), http.StatusNotFound)
	}
	for _, path := range []string{"POST " + purchases, "PUT " + retryPath(74)} {
		answers := o.raw(path + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + o.token + "\r\nContent-Type: application/json\r\n" +
			fmt.Sprintf("Content-Length: 65537\r\n\r\nx=%s", strings.Repeat("x", 65535)))
		require.Len(t, answers, 1)
		o.refuses(answers[0], http.StatusRequestEntityTooLarge)
	}
	require.Equal(t, facts, o.facts())
	require.Zero(t, o.sagas.asked)

	limited := newOffice(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.01, 1 })
	require.Equal(t, http.StatusOK, limited.ask(request{method: "GET", path: purchases}).StatusCode)
	for _, r := range []request{
		{method: "GET", path: purchases}, {method: "GET", path: purchases + "/74"}, {method: "POST", path: purchases, json: `{"amount":1}`},
		{method: "PUT", path: retryPath(74), json: `{"branch":31}`},
	} {
		a := limited.ask(r)
		limited.refuses(a, http.StatusTooManyRequests)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
	}
}
