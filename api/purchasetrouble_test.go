package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

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
	for method, path := range map[string]string{"POST": purchases, "PUT": retryPath(74)} {
		answers := o.raw(method + " " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + o.token + "\r\nContent-Type: application/json\r\n" +
			fmt.Sprintf("Content-Length: 65537\r\n\r\nx=%s", strings.Repeat("x", 65535)))
		require.Len(t, answers, 1)
		o.spec.check(t, request{method: method, path: path}.build(t), answers[0], false)
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
