package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/state"
)

// together makes n calls at once and counts their codes.
func (w *world) together(n int, call func(i int) answer) map[int]int {
	w.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	codes := map[int]int{}
	for i := range n {
		wg.Go(func() {
			a := call(i)
			var e struct{ Code int }
			_ = json.Unmarshal([]byte(a.body), &e)
			mu.Lock()
			defer mu.Unlock()
			codes[e.Code]++
		})
	}
	wg.Wait()
	return codes
}

func (w *world) stateOf(payID int64) (s state.Transfer) {
	w.Helper()
	require.NoError(w, w.db.NewRaw(`SELECT state FROM transfers WHERE id = ?`, payID).Scan(w.Context(), &s))
	return s
}

// heard is what a saga was or will be told, in order.
func (w *world) heard(saga string, id int64) (messages string) {
	w.Helper()
	require.NoError(w, w.db.NewRaw(`SELECT coalesce(string_agg(message, ' ' ORDER BY id), '') FROM outbox WHERE saga = ? AND ref = ?`, saga, fmt.Sprint(id)).Scan(w.Context(), &messages))
	return messages
}

func TestATransfersLife(t *testing.T) {
	w := newWorld(t).as("test-fast") // its bank prints the payer's card
	a := w.transfer()
	w.requireSays(w.check(a.PayID), 200, 7)
	w.requireSays(w.check(a.PayID), 200, 7)
	w.requireSays(w.setCard(a.PayID, "۶۰۳۷ ۹۹۰۰ ۰۰۰۰ ۰۰۱۴"), 200, 200)
	w.requireSays(w.setCard(a.PayID, payerCard), 500, -2)
	w.deposit(a, "card", parsianCard, "payer_card", payerCard)
	require.Equal(t, state.TransferPaid, w.stateOf(a.PayID))
	w.requireSays(w.setCard(a.PayID, payerCard), 500, -1)
	require.Equal(t, "Payment is complete.", func() string {
		w.requireSays(w.check(a.PayID), 200, 201)
		w.requireSays(w.setCard(a.PayID, payerCard), 500, -1)
		return w.requireSays(w.check(a.PayID), 200, 200)
	}())
	w.requireSays(w.check(a.PayID), 200, 200)
	require.Equal(t, "start card_set paid verified", w.heard("transfer", a.PayID))

	late := w.transfer() // the time ends, the SMS comes all the same
	w.exec(`UPDATE transfers SET created_at = now() - interval '20 minutes', expires_at = now() WHERE id = ?`, late.PayID)
	w.requireSays(w.check(late.PayID), 500, 6)
	require.Equal(t, state.TransferPending, w.stateOf(late.PayID), "over before its saga looked")
	w.requireSays(w.setCard(late.PayID, payerCard), 500, 6)
	w.over(late.PayID, time.Hour)
	w.requireSays(w.check(late.PayID), 500, 6)
	w.deposit(late, "card", parsianCard)
	w.requireSays(w.check(late.PayID), 200, 201)

	other := w.transfer("card", payerCard) // paid from another card
	require.Equal(t, "queued", w.sms(w.said(other.Amount, "card", parsianCard, "payer_card", otherCard))[0].Result)
	w.requireSays(w.check(other.PayID), 200, 199)
	w.requireSays(w.check(other.PayID), 200, 199)
	w.requireSays(w.setCard(other.PayID, otherCard), 500, -1)
	require.Equal(t, state.TransferMismatched, w.stateOf(other.PayID))
}

// Exactly one of all callers hears 201, over real connections too.
func TestOneCallerVerifies(t *testing.T) {
	w := newWorld(t)
	a := w.transfer()
	w.deposit(a)
	require.Equal(t, map[int]int{201: 1, 200: 49}, w.together(50, func(i int) answer {
		if i%2 == 0 {
			return w.check(a.PayID)
		}
		answers := w.raw(fmt.Sprintf("GET /api/check?pay_id=%d HTTP/1.1\r\nHost: x\r\ntoken: test\r\nConnection: close\r\n\r\n", a.PayID))
		return answers[0]
	}))
	require.Equal(t, "start paid verified", w.heard("transfer", a.PayID))
}

func TestCreatesAtOnce(t *testing.T) {
	w := newWorld(t)
	amounts := sync.Map{}
	codes := w.together(64, func(int) answer {
		a := w.cards(request{method: "POST", path: "/api/create", form: w.form()})
		var c created
		_ = json.Unmarshal([]byte(a.body), &c)
		amounts.Store(c.Amount, c.PayID)
		return a
	})
	require.Equal(t, map[int]int{200: 64}, codes)
	different := 0
	amounts.Range(func(any, any) bool { different++; return true })
	require.Equal(t, 64, different)

	form := w.form("card", payerCard)
	require.Equal(t, map[int]int{200: 1, 3: 15}, w.together(16, func(int) answer {
		return w.cards(request{method: "POST", path: "/api/create", form: form})
	}), "one invoice number is one transfer")
	bare := w.transfer()
	require.Equal(t, map[int]int{200: 1, -2: 15}, w.together(16, func(int) answer { return w.setCard(bare.PayID, payerCard) }))
}

// When no amount is left near the price a create says so; amounts come back when their reservation ends.
func TestExhaustedAmounts(t *testing.T) {
	w := newWorld(t)
	w.exec(`UPDATE merchants SET amount_delta = 50 WHERE public_id = 'faSDF42w3Fs'`)
	var last created
	for range 5 {
		last = w.transfer()
	}
	facts := w.facts()
	w.requireSays(w.cards(request{method: "POST", path: "/api/create", form: w.form()}), 409, 409)
	w.requireSays(w.cards(request{method: "POST", path: "/api/create", form: w.form("card", payerCard)}), 409, 409)
	require.Equal(t, facts, w.facts(), "a card of a refused create is not kept")
	require.Greater(t, w.transfer("price", "20000").Amount, int64(20_000), "another price has its own")
	w.over(last.PayID, time.Hour)
	w.requireSays(w.cards(request{method: "POST", path: "/api/create", form: w.form()}), 409, 409)
	w.over(last.PayID, 0)
	require.Equal(t, last.Amount, w.transfer().Amount)
}

func TestMerchantsAreApart(t *testing.T) {
	w := newWorld(t)
	fid := w.form()
	mine := w.createdBy(w.cards(request{method: "POST", path: "/api/create", form: fid}))
	theirs := w.createdBy(w.cards(request{method: "POST", path: "/api/create", form: fid, key: "test-fast"}))
	require.Equal(t, parsianCard, theirs.Cart[0].Number)
	require.Len(t, theirs.Cart, 1, "an invoice number is the merchant's own")
	w.deposit(mine)
	w.requireSays(w.check(mine.PayID, "test-fast"), 500, 5)
	require.Equal(t, state.TransferPaid, w.stateOf(mine.PayID), "a stranger's check verifies nothing")
	w.requireSays(w.check(mine.PayID), 200, 201)

	// A disabled merchant takes no new transfer; what is on its way goes on.
	open := w.createdBy(w.cards(request{method: "POST", path: "/api/create", form: w.form()}))
	require.NoError(t, w.store.PutKey(t.Context(), "faSDF42w3Fs", "second-key", "", []string{auth.ScopeMerchant}))
	require.NoError(t, w.store.SetMerchantDisabled(t.Context(), "faSDF42w3Fs", true))
	facts := w.facts()
	w.requireSays(w.cards(request{method: "POST", path: "/api/create", form: w.form(), key: "second-key"}), 403, 403)
	require.Equal(t, facts, w.facts())
	w.requireSays(w.check(open.PayID, "second-key"), 200, 7)
	w.deposit(open)
	w.requireSays(w.check(open.PayID, "second-key"), 200, 201)
}

func TestAMerchantWithoutCards(t *testing.T) {
	w := newWorld(t)
	w.exec(`UPDATE destination_cards SET disabled_at = now()`)
	facts := w.facts()
	w.requireSays(w.cards(request{method: "POST", path: "/api/create", form: w.form()}), 503, 503)
	require.Equal(t, facts, w.facts())
	golden(t, `[]`, w.cards(request{method: "GET", path: "/api/carts"}).body)
}

// In production a payer is sent back over https only.
func TestCallbacksInProduction(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.Dev = false })
	w.requireSays(w.cards(request{method: "POST", path: "/api/create", form: w.form("callback", "http://shop.example/")}), 422, 422)
	require.NotNil(t, w.transfer("callback", "https://shop.example/").Link)
	require.NotNil(t, newWorld(t).transfer("callback", "http://127.0.0.1:8080/docs").Link)
}

func TestSagaLinkOfATransfer(t *testing.T) {
	w := newWorld(t)
	a := w.transfer()
	for key, want := range map[string]string{"test": "", "test-operator": fmt.Sprint("http://ui.example/transfer/", a.PayID)} {
		require.Equal(t, want, w.check(a.PayID, key).Header.Get("X-Saga-Link"), key)
	}
	w.token = "test-operator"
	require.NotEmpty(t, w.cards(request{method: "POST", path: "/api/create", form: w.form()}).Header.Get("X-Saga-Link"))
	require.NotEmpty(t, w.setCard(a.PayID, payerCard).Header.Get("X-Saga-Link"))
}

// cardOperations is every operation of the dialect, once.
func (w *world) cardOperations() []request {
	return []request{
		{method: "POST", path: "/api/create", form: w.form()},
		{method: "POST", path: "/api/setCard", form: url.Values{"pay_id": {"1"}, "card": {payerCard}}},
		{method: "GET", path: "/api/check?pay_id=1"},
		{method: "GET", path: "/api/carts"},
		{method: "POST", path: "/api/sms", json: `{"sender":"6219","text":"بانک سامان"}`},
		{method: "GET", path: "/api/sms/unread"},
		{method: "GET", path: "/api/deposits"},
		{method: "POST", path: "/api/deposits/1/resolve", form: url.Values{"action": {"ignore"}, "by": {"Sara"}, "reason": {"own money"}}},
	}
}

// Every operation refuses a missing key, a phone's key, too many calls and what is too large, and masks
// what breaks on our side.
func TestEveryCardOperationRefuses(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.PutKey(t.Context(), "faSDF42w3Fs", "phone-key", "", []string{auth.ScopeSMS}))
	limited := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.01, 1 })
	limited.cards(request{method: "GET", path: "/api/carts"})
	facts := w.facts()
	for _, r := range w.cardOperations() {
		a := limited.cards(r)
		limited.requireSays(a, 429, 429)
		require.Regexp(t, `^[1-9][0-9]*$`, a.Header.Get("Retry-After"))
		for _, key := range []string{noKey, "wrong"} {
			r.key = key
			w.requireSays(w.cards(r), 403, 403)
		}
		if r.path != "/api/sms" {
			r.key = "phone-key"
			w.requireSays(w.cards(r), 403, 403)
		}
		if r.method == "POST" {
			path := strings.Split(r.path, "?")[0]
			answers := w.raw("POST " + path + " HTTP/1.1\r\nHost: x\r\ntoken: test\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
				fmt.Sprintf("Content-Length: 65537\r\n\r\nx=%s", strings.Repeat("x", 65535)))
			require.Len(t, answers, 1)
			w.spec.check(t, request{method: "POST", path: path}.build(t), answers[0], false)
			w.requireSays(answers[0], 413, 413)
		}
	}
	require.Equal(t, facts, w.facts())

	// Guessing tokens is stopped by address; the right ones still work.
	guesses := w.together(40, func(int) answer { return w.cards(request{method: "GET", path: "/api/check?pay_id=1", key: "guess"}) })
	require.Len(t, guesses, 2)
	require.GreaterOrEqual(t, guesses[429], 8)
	require.Equal(t, http.StatusOK, w.cards(request{method: "GET", path: "/api/carts"}).StatusCode)

	require.NoError(t, w.db.Close())
	for _, r := range w.cardOperations() {
		a := w.cards(r)
		require.Equal(t, "Internal error", w.requireSays(a, 500, 500))
		require.Contains(t, w.log.String(), a.Header.Get("X-Request-Id"))
	}
	require.Contains(t, w.log.String(), "database is closed")
}
