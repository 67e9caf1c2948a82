package sandbox

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
)

// bankPage opens the bank's page as the merchant's form does.
func (w *world) bankPage(v gateways.Visit) (*http.Response, string) {
	w.t.Helper()
	res, err := http.PostForm(w.url+"/bank/test/pay", url.Values{"RefId": {v.BankToken}})
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res, string(body)
}

func TestBankPage(t *testing.T) {
	w := newWorld(t)
	v := w.open(12)
	res, body := w.bankPage(v)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, body, `<html lang="fa" dir="rtl">`)
	require.Contains(t, body, "۱۰٬۰۰۰")
	require.Contains(t, body, "۱۲")
	require.Contains(t, body, "کرایه")
	for _, do := range buttons {
		require.Contains(t, body, `value="`+do+`"`)
	}
	csp := res.Header.Get("Content-Security-Policy")
	require.Contains(t, csp, "default-src 'none'")
	require.Contains(t, csp, "form-action 'self' "+w.api.url)
	require.NotContains(t, csp, "unsafe")
	require.NotContains(t, body, "style=", "the policy forbids inline styles")

	for _, asset := range []string{"/assets/sandbox.css", "/assets/auto.js"} {
		status, _ := w.status(http.MethodGet, asset, "")
		require.Equal(t, http.StatusOK, status, asset)
	}
}

func TestPagesEscapeWhatMerchantsSay(t *testing.T) {
	w := newWorld(t)
	got, err := w.bank("test").CreateSession(t.Context(), gateways.Session{
		Invoice: 1, Amount: 5, CallbackURL: w.api.url + `/"><script>`, Description: `<script>alert(1)</script>`,
	})
	require.NoError(t, err)
	_, body := w.bankPage(gateways.Visit{BankToken: got.BankToken})
	require.NotContains(t, body, "<script>alert")
	_, body = w.press(gateways.Visit{BankToken: got.BankToken}, doPay)
	require.NotContains(t, body, `"><script>`)
}

func TestButtons(t *testing.T) {
	for do, want := range map[string]struct {
		state State
		back  bool // a way back to the merchant
	}{
		doPay:           {Paid, true},
		doDecline:       {Declined, true},
		doLoseCallback:  {Paid, false},
		doVerifyTimeout: {Paid, true},
		doCallbackTwice: {Paid, true},
	} {
		t.Run(do, func(t *testing.T) {
			w := newWorld(t)
			v := w.open(1)
			status, body := w.press(v, do)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, want.state, w.state(1))
			require.Equal(t, want.back, strings.Contains(body, `action="`+w.api.url+`/pay/callback/1/key"`))
			require.Equal(t, want.state == Paid && want.back, strings.Contains(body, `name="PayGateTranID"`), "a payer who did not pay carries nothing")

			_, again := w.bankPage(v)
			require.Contains(t, again, `data-state="`+string(want.state)+`"`)
			require.NotContains(t, again, `value="decline"`, "a closed session has no buttons")
			w.press(v, doDecline)
			w.press(v, doPay)
			require.Equal(t, want.state, w.state(1), "the first press decides")
		})
	}
}

func TestPressRefusesNonsense(t *testing.T) {
	w := newWorld(t)
	v := w.open(1)
	for name, c := range map[string]struct {
		do, seconds string
		status      int
	}{
		"unknown button":      {"dance", "", 400},
		"no button":           {"", "", 400},
		"late without time":   {doPayLate, "", 400},
		"late in no time":     {doPayLate, "0", 400},
		"late in text":        {doPayLate, "soon", 400},
		"late beyond session": {doPayLate, "900", 409},
	} {
		t.Run(name, func(t *testing.T) {
			status, _ := w.press(v, c.do, "seconds", c.seconds)
			require.Equal(t, c.status, status)
			require.Equal(t, Open, w.state(1))
		})
	}
	status, _ := w.press(gateways.Visit{BankToken: "nobody"}, doPay)
	require.Equal(t, http.StatusNotFound, status)
	res, err := http.PostForm(w.url+"/bank/zibal/press", url.Values{"RefId": {v.BankToken}, "do": {doPay}})
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNotFound, res.StatusCode, "a session belongs to one bank")
}

func TestPayLate(t *testing.T) {
	w := newWorld(t)
	v := w.open(1)
	status, body := w.press(v, doPayLate, "seconds", "۹۰")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `http-equiv="refresh" content="90;url=/bank/test/return?RefId=`)
	require.Equal(t, Open, w.state(1))
	got, err := w.bank("test").Result(t.Context(), v)
	require.NoError(t, err)
	require.False(t, got.Final, "the payer may still pay")

	w.clock.pass(90 * time.Second)
	require.Equal(t, Paid, w.state(1))
	_, back := w.status(http.MethodGet, "/bank/test/return?RefId="+v.BankToken, "")
	require.Contains(t, back, `name="PayGateTranID"`)
}

func TestVerifyTimeoutHappensOnceAndTakesEffect(t *testing.T) {
	w := newWorld(t)
	v := w.open(1)
	w.press(v, doVerifyTimeout)
	r, err := w.bank("test").Result(t.Context(), v)
	require.NoError(t, err)
	v.BankTran = r.BankTran

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = w.bank("test").Verify(ctx, v)
	require.Equal(t, gateways.ClassUnknown, gateways.Classify(err))
	require.Equal(t, Verified, w.state(1))

	_, err = w.bank("test").Verify(t.Context(), v)
	require.NoError(t, err, "already verified is success")
}

func TestCallbackTwiceSendsOneFromTheBank(t *testing.T) {
	w := newWorld(t)
	w.press(w.open(1), doCallbackTwice)
	require.Eventually(t, func() bool { return len(w.api.returned()) == 1 }, 5*time.Second, time.Millisecond)
	require.Equal(t, "1", w.api.returned()[0].Get("SalesOrderID"))
	require.Eventually(t, func() bool {
		calls := w.getBook("?calls=1").Calls
		last := calls[len(calls)-1]
		return last.Op == "callback" && last.Answer == http.StatusSeeOther
	}, 5*time.Second, time.Millisecond)
}

func TestBankItselfCallsNoForeignHost(t *testing.T) {
	w := newWorld(t)
	got, err := w.bank("test").CreateSession(t.Context(), gateways.Session{Invoice: 1, Amount: 5, CallbackURL: w.url + "/healthz"})
	require.NoError(t, err)
	w.press(gateways.Visit{BankToken: got.BankToken}, doCallbackTwice)
	require.Eventually(t, func() bool {
		calls := w.getBook("?calls=1").Calls
		last := calls[len(calls)-1]
		return last.Op == "callback" && last.Answer == 0
	}, 5*time.Second, time.Millisecond)
}

func TestBookPage(t *testing.T) {
	w := newWorld(t)
	status, body := w.status(http.MethodGet, "/", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "هنوز کسی")
	w.bring(Settled, 1)
	w.bring(Reversed, 2)
	_, body = w.status(http.MethodGet, "/?refresh=5", "")
	require.Contains(t, body, `http-equiv="refresh" content="5"`)
	require.Contains(t, body, "تسویه‌شده")
	require.Contains(t, body, "برگشت‌خورده")
	require.Contains(t, body, "۲۰٬۰۰۰", "sum taken")
}

func TestBookFilters(t *testing.T) {
	w := newWorld(t)
	w.bring(Paid, 1)
	w.bring(Declined, 2)
	require.Len(t, w.getBook("?state=declined").Charges, 1)
	require.Len(t, w.getBook("?invoice=1").Charges, 1)
	require.Empty(t, w.getBook("?bank=zibal").Charges)
	require.Equal(t, http.StatusBadRequest, w.json(http.MethodGet, "/book?invoice=x", nil, nil))
	_, raw := w.status(http.MethodGet, "/book", "")
	require.NotContains(t, raw, "callback", "the callback's secret stays at the bank")
}

func TestHealth(t *testing.T) {
	w := newWorld(t)
	status, body := w.status(http.MethodGet, "/healthz", "")
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"status":"ok"}`, body)
}

func TestConfigIsChecked(t *testing.T) {
	good := Config{Book: t.TempDir() + "/b", PublicURL: "http://127.0.0.1:1", APIURL: "http://127.0.0.1:2"}
	for name, spoil := range map[string]func(*Config){
		"public URL": func(c *Config) { c.PublicURL = "127.0.0.1:1" },
		"API URL":    func(c *Config) { c.APIURL = "" },
		"open book":  func(c *Config) { c.Book = t.TempDir() },
	} {
		c := good
		spoil(&c)
		_, err := New(c)
		require.ErrorContains(t, err, name)
	}
}
