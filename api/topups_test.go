package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

const (
	topUpPath = "/api/top-up"
	success   = `{"message":"successful"}`
)

// order is a body that can be bought, but for the members that are named: raw JSON, or "-" to leave one out.
func (w *world) order(pairs ...string) string {
	members := map[string]string{"product_id": "62", "mobile": `"989021234567"`, "price": "5000", "webservice_code": fmt.Sprintf(`"code-%d"`, w.count.Add(1))}
	for i := 0; i+1 < len(pairs); i += 2 {
		members[pairs[i]] = pairs[i+1]
		if pairs[i+1] == "-" {
			delete(members, pairs[i])
		}
	}
	var list []string
	for name, raw := range members {
		list = append(list, fmt.Sprintf("%q:%s", name, raw))
	}
	return "{" + strings.Join(list, ",") + "}"
}

func (w *world) buy(key, body string) answer {
	w.Helper()
	return w.do(request{method: "POST", path: topUpPath, json: body, header: map[string]string{"Idempotency-Key": key}, key: w.token})
}

// told is an answer without what changes from one request to the next.
func told(a answer) [3]string {
	return [3]string{fmt.Sprint(a.StatusCode), a.Header.Get("Content-Type"), a.body}
}

// requireTold holds an answer against status and body, byte for byte, and says whether it was stored before.
func (w *world) requireTold(a answer, status int, body string, replayed bool) {
	w.Helper()
	require.Equal(w, [3]string{fmt.Sprint(status), "application/json", body}, told(a))
	require.Equal(w, map[bool]string{true: "true", false: ""}[replayed], a.Header.Get("Idempotent-Replayed"))
}

func no(message string) string { return fmt.Sprintf(`{"status":false,"message":%q}`, message) }

// requireBadFields reads a 422 and the fields that it names.
func (w *world) requireBadFields(a answer, fields ...string) map[string][]string {
	w.Helper()
	require.Equal(w, http.StatusUnprocessableEntity, a.StatusCode, a.body)
	var out struct {
		Status  *bool
		Message string
		Errors  map[string][]string
	}
	require.NoError(w, json.Unmarshal([]byte(a.body), &out))
	require.NotNil(w, out.Status)
	require.False(w, *out.Status)
	require.NotEmpty(w, out.Message)
	var got []string
	for name := range out.Errors {
		got = append(got, name)
	}
	require.ElementsMatch(w, fields, got, a.body)
	return out.Errors
}

// decides has the saga end every top-up so, as the reseller's word; the count says how often it was asked.
func (w *world) decides(as state.TopUp, why string) *atomic.Int64 {
	var asked atomic.Int64
	w.sagas.topUp = func(ctx context.Context, id int64) error {
		asked.Add(1)
		return w.decide(ctx, id, as, why)
	}
	return &asked
}

func (w *world) decide(ctx context.Context, id int64, as state.TopUp, why string) error {
	if _, _, err := w.store.SubmitTopUp(ctx, id); err != nil {
		return err
	}
	_, err := w.store.RecordTopUp(ctx, store.TopUpWord{TopUpID: id, State: as, Reference: "r-1", Why: why})
	return err
}

func (w *world) balance() store.Balance {
	w.Helper()
	m, err := w.store.Merchant(w.Context(), "faSDF42w3Fs")
	require.NoError(w, err)
	b, err := w.store.Balance(w.Context(), m.ID)
	require.NoError(w, err)
	return b
}

// one reads one value of the database.
func one[T any](w *world, query string, args ...any) (out T) {
	w.Helper()
	require.NoError(w, w.db.NewRaw(query, args...).Scan(w.Context(), &out))
	return out
}

// The example of the contract, with the digits of a number: first as it is written, then in every other way
// that means the same.
func TestTopUpAsDocumented(t *testing.T) {
	w := newWorld(t)
	asked := w.decides(state.TopUpDelivered, "")
	const documented = `{
"product_id": 62,
"mobile": "989021234567",
"price": 5000,
"webservice_code": "YOUR_CODE"
}`
	key := map[string]string{"Idempotency-Key": "YOUR_RANDOM_IDENPOTENCY"}
	first := w.do(request{method: "POST", path: topUpPath, json: documented, key: "Bearer test", header: key})
	w.requireTold(first, http.StatusOK, success, false)
	golden(t, `{"message": "successful"}`, first.body)
	require.Equal(t, store.Balance{Available: 99_995_000}, w.balance())
	require.Equal(t, "62 989021234567 5000 delivered", one[string](w, `SELECT concat_ws(' ', product_id, mobile, amount, state) FROM topups WHERE webservice_code = 'YOUR_CODE'`))

	facts := w.facts()
	for name, body := range map[string]string{
		"again":           documented,
		"as text":         `{"product_id":"62","mobile":"989021234567","price":"5000","webservice_code":"YOUR_CODE"}`,
		"another order":   `{"webservice_code":"YOUR_CODE","price":5000,"mobile":989021234567,"product_id":62}`,
		"Persian digits":  `{"product_id":"۶۲","mobile":"۰۹۰۲ ۱۲۳ ۴۵۶۷","price":"۵۰۰۰","webservice_code":"YOUR_CODE"}`,
		"nobody's fields": `{"product_id":62,"mobile":"+989021234567","price":5000,"webservice_code":"YOUR_CODE","fake_response":null,"operator_id":7}`,
	} {
		for _, written := range []string{"YOUR_RANDOM_IDENPOTENCY", `"YOUR_RANDOM_IDENPOTENCY"`, "  YOUR_RANDOM_IDENPOTENCY "} {
			t.Run(name+" "+written, func(t *testing.T) {
				w := w.in(t)
				w.requireTold(w.buy(written, body), http.StatusOK, success, true)
			})
		}
	}
	form := w.do(request{method: "POST", path: topUpPath, body: "product_id=62&mobile=09021234567&price=5000&webservice_code=YOUR_CODE", contentType: "application/x-www-form-urlencoded", header: key})
	w.requireTold(form, http.StatusOK, success, true)

	for name, body := range map[string]string{
		"product": w.order("webservice_code", `"YOUR_CODE"`, "product_id", "61"), "mobile": w.order("webservice_code", `"YOUR_CODE"`, "mobile", `"989021234568"`),
		"price": w.order("webservice_code", `"YOUR_CODE"`, "price", "5001"), "code": w.order(),
		"fake": w.order("webservice_code", `"YOUR_CODE"`, "fake_response", "true"), "fake failure": w.order("webservice_code", `"YOUR_CODE"`, "fake_response", "false"),
	} {
		t.Run("another "+name, func(t *testing.T) {
			w := w.in(t)
			w.requireTold(w.buy("YOUR_RANDOM_IDENPOTENCY", body), http.StatusUnprocessableEntity, no("This Idempotency-Key was used with another request"), false)
		})
	}
	require.Equal(t, facts, w.facts(), "nothing more happened")
	require.EqualValues(t, 1, asked.Load(), "a stored answer needs no saga")
}

// Without a key that can be told apart, nothing is bought.
func TestTopUpWithoutAKey(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	facts := w.facts()
	const required = "The header Idempotency-Key is required"
	for name, tt := range map[string]struct{ key, says string }{
		"missing":         {"", required},
		"blank":           {"   ", required},
		"empty in quotes": {`""`, required},
		"blank in quotes": {`"  "`, required},
		"256 bytes":       {strings.Repeat("k", 256), "The Idempotency-Key may have at most 255 characters"},
		"not UTF-8":       {"\xff\xfe", "The Idempotency-Key is not valid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.requireTold(w.buy(tt.key, w.order()), http.StatusBadRequest, no(tt.says), false)
		})
	}
	twice := w.raw("POST /api/top-up HTTP/1.1\r\nHost: x\r\nAuthorization: test\r\nContent-Type: application/json\r\nIdempotency-Key: one\r\nidempotency-key: two\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(w.order()), w.order()))
	require.Len(t, twice, 1)
	w.requireTold(twice[0], http.StatusBadRequest, no("The header Idempotency-Key came twice"), false)
	require.Equal(t, facts, w.facts())

	for _, key := range []string{strings.Repeat("k", 255), `"` + strings.Repeat("q", 255) + `"`, `"`, `a"b`, "کلید", "0"} {
		w.requireTold(w.buy(key, w.order()), http.StatusOK, success, false)
	}
}

// What is refused for good is refused under its key for ever, also when the reason is gone. A new key may do better.
func TestTopUpRefusalsAreKept(t *testing.T) {
	w := newWorld(t)
	asked := w.decides(state.TopUpDelivered, "")
	for name, tt := range map[string]struct {
		before, after func()
		order         []string
		status        int
		says          string
	}{
		"insufficient balance": {
			func() {
				w.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
					SELECT account, 'elsewhere', balance - 1999999, 'test' FROM ledger_balances WHERE account = 'merchant/1/available'`)
			},
			func() {
				require.NoError(t, w.store.CreditBalance(t.Context(), "faSDF42w3Fs", 50_000_000, "Sara", "more"))
			},
			[]string{"price", "2000000"}, http.StatusPaymentRequired, "Not enough money / e1"},
		"inactive product": {
			func() { w.exec(`UPDATE products SET active = false WHERE id = 62`) }, func() { w.exec(`UPDATE products SET active = true WHERE id = 62`) },
			nil, http.StatusForbidden, "Product is inactive"},
		"inactive operator": {
			func() { require.NoError(t, w.store.SetCarrierActive(t.Context(), 2, false)) }, func() { require.NoError(t, w.store.SetCarrierActive(t.Context(), 2, true)) },
			nil, http.StatusForbidden, "No Operator or status is inactive"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			body := w.order(tt.order...)
			tt.before()
			before := w.balance()
			w.requireTold(w.buy(name, body), tt.status, no(tt.says), false)
			w.requireTold(w.buy(name, body), tt.status, no(tt.says), true)
			require.Equal(t, before, w.balance())
			require.Zero(t, asked.Load(), "it never went out")
			tt.after()
			w.requireTold(w.buy(name, body), tt.status, no(tt.says), true)
			w.requireTold(w.buy(name+" again", body), http.StatusOK, success, false)
			asked.Store(0)
		})
	}
}

// The reseller refuses: the money is back, and the failure is the answer for ever.
func TestTopUpRefusedByTheOperator(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpReversed, "the operator does not know the mobile number")
	before, body := w.balance(), w.order("webservice_code", `"r"`)
	w.requireTold(w.buy("r", body), http.StatusBadRequest, no("the operator does not know the mobile number"), false)
	require.Equal(t, before, w.balance())
	w.decides(state.TopUpDelivered, "")
	w.requireTold(w.buy("r", body), http.StatusBadRequest, no("the operator does not know the mobile number"), true)
	w.requireBadFields(w.buy("r2", body), "webservice_code")
	require.Equal(t, before, w.balance())

	// Where nobody says why, and where a person decided: their reason is not for merchants.
	w.decides(state.TopUpReversed, "")
	w.requireTold(w.buy("silent", w.order()), http.StatusBadRequest, no("The top-up was not delivered"), false)
	w.sagas.topUp = func(ctx context.Context, id int64) error {
		if err := w.decide(ctx, id, state.TopUpUnknown, ""); err != nil {
			return err
		}
		return w.store.ResolveTopUp(ctx, store.TopUpResolution{TopUpID: id, As: state.TopUpReversed, By: "Sara", Why: "their panel is messy"})
	}
	w.requireTold(w.buy("by hand", w.order("webservice_code", `"hand"`)), http.StatusBadRequest, no("The top-up was not delivered"), false)
	require.NotContains(t, w.get(topUpPath+"/hand").body, "messy")
	require.Contains(t, w.get(topUpPath+"/hand").body, "The top-up was not delivered")
	require.Equal(t, before, w.balance())
}

// fake_response answers without operator and money, in development only; it is a request like any other.
func TestTopUpFakeResponse(t *testing.T) {
	w := newWorld(t)
	asked := w.decides(state.TopUpDelivered, "")
	before := w.balance()
	for i, raw := range []string{"true", `"true"`, "1"} {
		body := w.order("fake_response", raw)
		w.requireTold(w.buy(fmt.Sprint("yes", i), body), http.StatusOK, success, false)
		w.requireTold(w.buy(fmt.Sprint("yes", i), body), http.StatusOK, success, true)
	}
	for i, raw := range []string{"false", `"false"`, "0"} {
		body := w.order("fake_response", raw)
		w.requireTold(w.buy(fmt.Sprint("no", i), body), http.StatusBadRequest, no("unsuccessful"), false)
		w.requireTold(w.buy(fmt.Sprint("no", i), body), http.StatusBadRequest, no("unsuccessful"), true)
	}
	w.requireBadFields(w.buy("maybe", w.order("fake_response", `"maybe"`)), "fake_response")
	w.requireBadFields(w.buy("bad", w.order("fake_response", "true", "mobile", `"1"`)), "mobile")
	require.Equal(t, before, w.balance())
	require.Zero(t, asked.Load())
	require.Zero(t, one[int](w, `SELECT count(*) FROM topups`))
	require.Zero(t, one[int](w, `SELECT count(*) FROM outbox WHERE saga = 'topup'`))

	production := newWorld(t, func(d *api.Deps) { d.Dev = false })
	production.decides(state.TopUpDelivered, "")
	facts := production.facts()
	for _, raw := range []string{"true", "false", `"true"`, "1", `""`} {
		production.requireBadFields(production.buy("k", production.order("fake_response", raw)), "fake_response")
	}
	require.Equal(t, facts, production.facts(), "no fake success, no real purchase")
	production.requireTold(production.buy("k", production.order("fake_response", "null")), http.StatusOK, success, false)
}

// A saga that takes longer than the caller waits: 202 and the way to follow up, and the final answer under
// the same key later, though nobody waited for it.
func TestTopUpTakesTooLong(t *testing.T) {
	for name, waits := range map[string]func(ctx context.Context, id int64) error{
		"the operator is slow": nil, // the fake one waits until the caller has enough
		"Temporal is down":     func(context.Context, int64) error { return errors.New("temporal is down at 10.1.2.3") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(d *api.Deps) { d.TopUpWait = 50 * time.Millisecond })
			w.sagas.topUp = waits
			body := w.order("webservice_code", `"سفارش ۱۷?/#"`)
			w.requireBadFields(w.buy("k", body), "webservice_code")
			body = w.order("webservice_code", `"سفارش ۱۷?%#"`)
			const path = "/api/top-up/%D8%B3%D9%81%D8%A7%D8%B1%D8%B4%20%DB%B1%DB%B7%3F%25%23"
			for range 2 {
				a := w.buy("k", body)
				w.requireTold(a, http.StatusAccepted, `{"status":true,"message":"The operator has not decided yet; ask again with the same key, or follow up","follow_up":"`+path+`"}`, false)
				require.Equal(t, path, a.Header.Get("Location"))
				require.Equal(t, store.Balance{Available: 99_995_000, Held: 5_000}, w.balance())
			}
			require.Equal(t, "start", one[string](w, `SELECT string_agg(message, ' ') FROM outbox WHERE saga = 'topup'`), "its saga is started when that can be")
			require.NotContains(t, w.log.String(), `"level":"ERROR"`)
			require.Equal(t, waits != nil, strings.Contains(w.log.String(), "10.1.2.3"), "operators can see why")

			follow := func() (out topUpStatus) {
				a := w.get(path)
				require.Equal(t, http.StatusOK, a.StatusCode, a.body)
				require.NoError(t, json.Unmarshal([]byte(a.body), &out))
				return out
			}
			got := follow()
			require.Equal(t, topUpStatus{ID: got.ID, WebserviceCode: "سفارش ۱۷?%#", ProductID: 62, Mobile: "0902*****67", Price: 5_000,
				State: "reserved", Message: "The operator has not decided yet", CreatedAt: got.CreatedAt}, got)
			_, err := w.store.RecordTopUp(t.Context(), store.TopUpWord{TopUpID: got.ID, State: state.TopUpUnknown})
			require.NoError(t, err)
			require.Equal(t, "unknown", follow().State)
			require.Equal(t, http.StatusAccepted, w.buy("k", body).StatusCode)

			require.NoError(t, w.decide(t.Context(), got.ID, state.TopUpDelivered, ""))
			w.requireTold(w.buy("k", body), http.StatusOK, success, false)
			w.requireTold(w.buy("k", body), http.StatusOK, success, true)
			ended := follow()
			require.NotNil(t, ended.EndedAt)
			require.Equal(t, []any{"delivered", "successful", "r-1", got.CreatedAt}, []any{ended.State, ended.Message, ended.Reference, ended.CreatedAt})
			require.Equal(t, store.Balance{Available: 99_995_000}, w.balance())
		})
	}
}

// Nobody waits for an operator in a process that is to go.
func TestTopUpWhileDraining(t *testing.T) {
	w := newWorld(t) // a caller waits 20 seconds
	waiting := make(chan struct{})
	w.sagas.topUp = func(ctx context.Context, _ int64) error {
		close(waiting)
		<-ctx.Done()
		return ctx.Err()
	}
	go func() {
		<-waiting
		w.api.Drain()
		w.api.Drain()
	}()
	begin := time.Now()
	require.Equal(t, http.StatusAccepted, w.buy("k", w.order()).StatusCode)
	require.Less(t, time.Since(begin), 10*time.Second)
	require.NotContains(t, w.log.String(), "saga not waited for", "that is no fault")
}

type topUpStatus struct {
	ID             int64   `json:"id"`
	WebserviceCode string  `json:"webservice_code"`
	ProductID      int64   `json:"product_id"`
	Mobile         string  `json:"mobile"`
	Price          int64   `json:"price"`
	State          string  `json:"state"`
	Message        string  `json:"message"`
	Reference      string  `json:"reference"`
	CreatedAt      string  `json:"created_at"`
	EndedAt        *string `json:"ended_at"`
}
