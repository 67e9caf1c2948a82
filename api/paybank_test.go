package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

func TestGoToTheBank(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		form   url.Values
		total  int64
		payer  string
		mobile string // what the bank is told
	}{
		"nothing but the bank": {url.Values{"gateway": {"zibal"}}, 10_000, "", ""},
		"tip and mobile":       {url.Values{"gateway": {"zibal"}, "tip": {"2000"}, "mobile": {"09381234525"}}, 12_000, "0938*****25", "09381234525"},
		"in Persian":           {url.Values{"gateway": {"zibal"}, "tip": {" ۲۰۰۰ "}, "mobile": {"۰۹۳۸۱۲۳۴۵۲۵"}}, 12_000, "0938*****25", "09381234525"},
		"tip zero":             {url.Values{"gateway": {"zibal"}, "tip": {"0"}, "mobile": {""}}, 10_000, "", ""},
		"to the bank's limit":  {url.Values{"gateway": {"zibal"}, "tip": {"499990000"}}, 500_000_000, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			token := w.create()
			a := w.page("POST", "/pay/"+token, tt.form)
			require.Equal(t, http.StatusOK, a.StatusCode, a.body)
			w.requirePolicy(a, true)
			d := parse(t, a)
			form := d.byID("to-bank")
			require.NotNil(t, form)
			require.Equal(t, []string{w.bank.URL + "/bank/zibal/pay", "post"}, []string{attr(form, "action"), attr(form, "method")})
			require.Len(t, d.values("input", "RefId", "value"), 1)
			if tt.mobile != "" {
				require.Equal(t, []string{tt.mobile}, d.values("input", "mobileap", "value"))
			}
			p := w.payment(token)
			require.Equal(t, []any{"zibal", tt.payer, state.PaymentPending}, []any{p.Method, p.Payer, p.State})
			open, err := w.store.OpenVisits(t.Context(), p.ID)
			require.NoError(t, err)
			require.Len(t, open, 1)
			require.Equal(t, tt.total, int64(open[0].Amount))
			require.Equal(t, d.values("input", "RefId", "value")[0], open[0].BankToken)
			require.NotContains(t, w.facts(), "9381234525", "the whole number is not kept")
		})
	}
}

func TestNoWayToTheBank(t *testing.T) {
	w := newWorld(t)
	form := url.Values{"gateway": {"zibal"}}
	// What can no longer be paid leads back to its page.
	for _, s := range state.Payments.States() {
		token := w.bring(s)
		if s == state.PaymentPending {
			w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token)
		}
		facts := w.facts()
		a := w.page("POST", "/pay/"+token, form)
		require.Equal(t, []any{http.StatusSeeOther, "/pay/" + token}, []any{a.StatusCode, a.Header.Get("Location")}, string(s))
		require.Equal(t, facts, w.facts())
	}
	// A payer may start over, not endlessly.
	token := w.create()
	for i := range 6 {
		a := w.page("POST", "/pay/"+token, form)
		require.Equal(t, map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[i < 5], a.StatusCode)
		if i == 5 {
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.NotNil(t, parse(t, a).byID("problem"))
		}
	}
	exhausted := w.create()
	for range store.MaxAttempts {
		w.open(exhausted)
	}
	require.Equal(t, http.StatusConflict, w.page("POST", "/pay/"+exhausted, form).StatusCode)

	// The bank does not answer: no money, and the payer may choose another.
	token = w.create()
	w.bank.Close()
	a := w.page("POST", "/pay/"+token, form)
	require.Equal(t, http.StatusConflict, a.StatusCode)
	require.NotNil(t, parse(t, a).byID("no-session"))
	p := w.payment(token)
	require.Equal(t, []any{state.PaymentPending, "no_session"}, []any{p.State, *p.StateError})
	again := w.page("GET", "/pay/"+token, nil)
	require.NotNil(t, parse(t, again).byID("pay"))
	require.NotContains(t, w.log.String(), w.bank.URL+"/bank/zibal/v1/Token?", "no query of ours in the log")
}

// The deadline passes while the bank opens its session: the payer must not be sent there.
func TestTheDeadlinePassesAtTheBank(t *testing.T) {
	bank := &lateBank{}
	w := newWorld(t, func(d *api.Deps) { bank.Bank, d.Gateways["zibal"] = d.Gateways["zibal"], bank })
	token := w.create()
	bank.during = func() { w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token) }
	a := w.page("POST", "/pay/"+token, url.Values{"gateway": {"zibal"}})
	require.Equal(t, []any{http.StatusSeeOther, "/pay/" + token}, []any{a.StatusCode, a.Header.Get("Location")})
	found, err := w.store.AtDeadline(t.Context(), w.payment(token).ID)
	require.NoError(t, err)
	require.Equal(t, store.Deadline{Payment: state.PaymentFailed, Due: true}, found)
}

// lateBank does something while it opens a session.
type lateBank struct {
	gateways.Bank
	during func()
}

func (b *lateBank) Open(c gateways.Credentials) (gateways.Gateway, error) {
	g, err := b.Bank.Open(c)
	return &lateGateway{g, b.during}, err
}

type lateGateway struct {
	gateways.Gateway
	during func()
}

func (g *lateGateway) CreateSession(ctx context.Context, in gateways.Session) (gateways.Redirect, error) {
	r, err := g.Gateway.CreateSession(ctx, in)
	g.during()
	return r, err
}

// A bank is offered only for what it can take, and take back.
func TestBanksAreOfferedForWhatTheyCan(t *testing.T) {
	limits := map[string]gateways.Limits{
		"asanpardakht": {SessionLife: time.Minute, MinAmount: 20_000, UndoWindow: time.Hour},
		"zarinpal":     {SessionLife: time.Minute, MaxAmount: 15_000, UndoWindow: 19 * time.Minute},      // shorter than the collect window
		"zibal":        {SessionLife: time.Minute, MaxAmount: 15_000, UndoWindow: -1},                    // gives nothing back
		"mellat":       {SessionLife: time.Minute, UndoWindow: time.Hour, AutoReverse: 19 * time.Minute}, // takes back what nobody asked for yet
		"saman":        {SessionLife: time.Minute, UndoWindow: 20 * time.Minute, AutoReverse: 20 * time.Minute},
	}
	w := newWorld(t, func(d *api.Deps) {
		for name, l := range limits {
			d.Gateways[name] = gateways.NewSandbox(name, "https://"+name+".example", gateways.NewHTTPClient(time.Second), l)
		}
	})
	w.exec(`UPDATE merchants SET gateways = '{asanpardakht,zarinpal,zibal,mellat,saman}' WHERE public_id = 'faSDF42w3Fs'`)
	for name, tt := range map[string]struct {
		fields  []string
		offered []string
	}{
		"small":                  {[]string{"amount", "15000"}, []string{"saman"}},
		"small, collects itself": {[]string{"amount", "15000", "auto_collect", "true"}, []string{"zarinpal", "zibal", "saman"}},
		"large":                  {[]string{"amount", "20000"}, []string{"asanpardakht", "saman"}},
		"large, collects itself": {[]string{"amount", "20000", "auto_collect", "true"}, []string{"asanpardakht", "saman"}},
	} {
		a := w.page("GET", "/pay/"+w.create(tt.fields...), nil)
		d := parse(t, a)
		require.Equal(t, tt.offered, d.values("input", "gateway", "value"), name)
		policy := a.Header.Get("Content-Security-Policy")
		for bank := range limits {
			require.Equal(t, strings.Contains(strings.Join(tt.offered, " "), bank), strings.Contains(policy, "https://"+bank+".example"), "%s: %s", name, policy)
		}
	}
}

func TestBankCallback(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	a := w.open(token)
	other := w.open(w.create())
	path := func(id any, key string) string { return fmt.Sprintf("/pay/callback/%v/%s", id, key) }

	facts := w.facts()
	for name, target := range map[string]string{
		"unknown attempt":    path(a.ID+1000, a.CallbackKey),
		"wrong key":          path(a.ID, store.NewToken()),
		"another attempt's":  path(a.ID, other.CallbackKey),
		"no number":          path("one", a.CallbackKey),
		"negative":           path(-a.ID, a.CallbackKey),
		"beyond any number":  path("99999999999999999999", a.CallbackKey),
		"number with a plus": path("+0"+fmt.Sprint(a.ID)+"x", a.CallbackKey),
		"key not UTF-8":      path(a.ID, "%ff"),
		"key with SQL":       path(a.ID, "'%20OR%201=1--"),
	} {
		for _, method := range []string{"GET", "POST"} {
			got := w.page(method, target, nil)
			require.Equal(t, http.StatusNotFound, got.StatusCode, name)
			require.Equal(t, "not_found", attr(parse(t, got).byID("problem"), "data-problem"), name)
		}
	}
	require.Equal(t, facts, w.facts())

	// The browser is back, by either method; what it brings is kept within bounds and not believed.
	form := url.Values{"RefId": {"r\x00\xff1"}, "CardNumber": {"6219860000000019"}, "maskedPan": {"621986"}, "long": {strings.Repeat("x", 301)}, strings.Repeat("n", 41): {"v"}}
	for i := range 40 {
		form.Set("f"+strconv.Itoa(i), "v")
	}
	for _, method := range []string{"POST", "GET", "POST"} {
		got := w.page(method, path(a.ID, a.CallbackKey), form)
		require.Equal(t, []any{http.StatusSeeOther, "/pay/" + token}, []any{got.StatusCode, got.Header.Get("Location")})
		form = url.Values{"State": {"OK"}}
	}
	require.Equal(t, state.PaymentPending, w.payment(token).State)
	visits, err := w.store.OpenVisits(t.Context(), w.payment(token).ID)
	require.NoError(t, err)
	require.Equal(t, []string{"r1", "OK"}, []string{visits[0].Callback["RefId"], visits[0].Callback["State"]}, "the latest, and what it does not repeat")
	var first map[string]string
	var raw []byte
	require.NoError(t, w.db.NewRaw(`SELECT payload->'visit'->'callback' FROM outbox WHERE message = 'callback' ORDER BY id LIMIT 1`).Scan(t.Context(), &raw))
	require.NoError(t, json.Unmarshal(raw, &first))
	require.LessOrEqual(t, len(first), 24)
	for name, v := range first {
		require.NotRegexp(t, `(?i)card|pan|long|nnn`, name)
		require.NotContains(t, v, "6219")
	}

	// Decided: a repeated or forged callback changes nothing and leads to the page all the same.
	w.pay(a)
	facts = w.facts()
	for range 3 {
		got := w.page("POST", path(a.ID, a.CallbackKey), url.Values{"State": {"FAILED"}})
		require.Equal(t, http.StatusSeeOther, got.StatusCode)
	}
	require.Equal(t, facts, w.facts())
	for _, method := range []string{"PUT", "DELETE", "OPTIONS", "HEAD"} {
		require.Equal(t, http.StatusMethodNotAllowed, w.page(method, path(a.ID, a.CallbackKey), nil).StatusCode, method)
	}
}

// A payer walks: our page, the bank's page, back to ours. The saga's part is played here, by asking
// the bank as it does.
func TestAPayerWalks(t *testing.T) {
	w := newWorld(t)
	bank := gateways.NewSandbox("zibal", w.bank.URL, gateways.NewHTTPClient(5*time.Second), gateways.Limits{})
	ask := func(ctx context.Context, token string) error {
		p, err := w.store.PaymentByToken(ctx, token)
		if err != nil {
			return err
		}
		visits, err := w.store.OpenVisits(ctx, p.ID)
		if err != nil || len(visits) != 1 {
			return errors.Join(err, fmt.Errorf("%d open visits", len(visits)))
		}
		v := visits[0]
		at := gateways.Visit{Invoice: v.AttemptID, BankToken: v.BankToken, Amount: v.Amount}
		r, err := bank.Result(ctx, at)
		if err != nil || r.Status != gateways.ResultPaid {
			return errors.Join(err, w.store.FailAttempt(ctx, v.AttemptID, "declined"))
		}
		if _, err := bank.Verify(ctx, at); err != nil {
			return err
		}
		_, err = w.store.AttemptPaid(ctx, store.Receipt{AttemptID: v.AttemptID, BankTran: r.BankTran, RRN: r.RRN, Card: r.Card})
		return err
	}
	w.sagas.inquire = func(ctx context.Context, token string) (state.Payment, error) {
		return state.PaymentPaid, ask(ctx, token)
	}
	walk := func(token, do string) (out struct {
		State string
		Bank  string
		RRN   string
		Error string
	}) {
		body, err := json.Marshal(map[string]any{"link": w.base + "/pay/" + token, "do": do, "tip": 2000, "gateway": "zibal", "mobile": "09381234525"})
		require.NoError(t, err)
		// The bank's word comes when the browser is back.
		done := make(chan struct{})
		if do != "lose_callback" {
			go func() {
				defer close(done)
				for t.Context().Err() == nil {
					if now, err := w.store.PaymentNow(t.Context(), token); err == nil && now.Checking {
						if err := ask(t.Context(), token); err != nil {
							t.Error(err)
						}
						return
					}
					time.Sleep(2 * time.Millisecond)
				}
			}()
		} else {
			close(done)
		}
		res, err := http.Post(w.bank.URL+"/payer", "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		defer res.Body.Close()
		<-done
		raw, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &out), "%s", raw)
		require.Empty(t, out.Error)
		return out
	}

	token := w.create()
	got := walk(token, "pay")
	require.Equal(t, []string{"paid", "zibal"}, []string{got.State, got.Bank})
	w.okEmpty(w.post(payments+"/"+token+"/collect", nil))
	var info struct {
		Payer   string
		Outcome map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(w.get(payments+"/"+token).body), &struct{ Info any }{&info}))
	require.Equal(t, "0938*****25", info.Payer)
	require.Equal(t, map[string]any{"rrn": got.RRN, "total_amount": 12000.0, "tip": 2000.0, "state": "collected", "state_error": nil, "method": "zibal"}, info.Outcome)
	receipt := w.page("GET", "/pay/"+token, nil)
	require.Contains(t, receipt.body, got.RRN)

	token = w.create()
	require.Equal(t, "pending", walk(token, "decline").State)
	require.Equal(t, "declined", *w.payment(token).StateError)
	require.Equal(t, "paid", walk(token, "pay").State, "at the second try")

	// The callback was lost: the merchant asks all the same, and the bank is asked for him.
	token = w.create()
	walk(token, "lose_callback")
	require.Equal(t, state.PaymentPending, w.payment(token).State)
	w.okEmpty(w.post(payments+"/"+token+"/collect", nil))
	require.Equal(t, state.PaymentCollected, w.payment(token).State)
}
