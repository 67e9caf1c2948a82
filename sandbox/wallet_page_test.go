package sandbox

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sendWalletForm fills in the page of static accounts.
func (w *world) sendWalletForm(fields ...string) (int, string) {
	w.t.Helper()
	form := url.Values{"amount": {"250000"}, "way": {"now"}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	res, err := http.PostForm(w.url+"/wallet/pay", form)
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(body)
}

func TestWalletPage(t *testing.T) {
	w, _ := newWalletWorld(t)
	status, body := w.status(http.MethodGet, "/wallet", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "هنوز حسابی باز نشده است")
	_, start := w.status(http.MethodGet, "/", "")
	require.Contains(t, start, `href="/wallet"`)

	iban := w.rent("wallet-1")
	w.rent("wallet-2")
	w.paidIn(`{"reference":"wallet-1","amount":1500,"notify":false}`)
	status, body = w.status(http.MethodGet, "/wallet?refresh=5&iban="+iban, "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `<form id="move" method="post" action="/wallet/pay">`)
	require.Contains(t, body, `data-reference="wallet-1" data-iban="`+iban+`"`)
	require.Contains(t, body, `value="`+iban+`">`, "the account of the link is chosen")
	require.Contains(t, body, `data-id="600000000001"`)
	require.Contains(t, body, "۱٬۵۰۰")
	require.Contains(t, body, "سارا نمونه")
	require.Contains(t, body, `content="5"`)
	require.NotContains(t, body, "style=", "the policy forbids inline styles")
	require.Less(t, strings.Index(body, `data-reference="wallet-2"`), strings.Index(body, `data-reference="wallet-1"`), "newest first")
}

func TestWalletPagePaysIn(t *testing.T) {
	w, b := newWalletWorld(t)
	iban := w.rent("wallet-1")
	status, body := w.sendWalletForm("iban", iban, "amount", "۲۵۰٬۰۰۰", "from", payerCard)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "600000000001")
	require.Contains(t, body, "<b>202</b>")
	require.NotContains(t, body, payerCard)
	require.Contains(t, body, "589210******7895")
	require.Len(t, b.rings(), 1)
	require.EqualValues(t, 250_000, w.getBook("").Wallets.Deposits[0].Amount)

	_, body = w.sendWalletForm("iban", iban, "way", "lost")
	require.Contains(t, body, "اعلانی فرستاده نشد")
	require.Contains(t, body, `<option value="lost" selected>`)
	require.Len(t, b.rings(), 1)
	w.sendWalletForm("iban", iban, "way", "twice")
	require.Len(t, b.rings(), 3)
	require.Len(t, w.getBook("").Wallets.Deposits, 3)
}

func TestWalletPageRefusals(t *testing.T) {
	w, b := newWalletWorld(t)
	iban := w.rent("wallet-1")
	for name, c := range map[string]struct {
		fields []string
		status int
		says   string
	}{
		"no account":      {nil, 400, "شبا درست نیست"},
		"unknown account": {[]string{"iban", "IR270170000000100324200001"}, 404, "چنین حسابی نیست"},
		"amount zero":     {[]string{"iban", iban, "amount", "0"}, 400, "مبلغ باید"},
		"amount negative": {[]string{"iban", iban, "amount", "-5"}, 400, "مبلغ باید"},
		"amount huge":     {[]string{"iban", iban, "amount", "99999999999999999999"}, 400, "مبلغ باید"},
		"amount a word":   {[]string{"iban", iban, "amount", "زیاد"}, 400, "مبلغ باید"},
		"wrong card":      {[]string{"iban", iban, "from", "6219860000000018"}, 400, "مبدأ باید"},
		"unknown way":     {[]string{"iban", iban, "way", "<b>"}, 400, "این حالت شناخته نشد"},
	} {
		t.Run(name, func(t *testing.T) {
			status, body := w.sendWalletForm(c.fields...)
			require.Equal(t, c.status, status)
			require.Contains(t, body, `<p id="error"`)
			require.Contains(t, body, c.says)
		})
	}
	require.Empty(t, w.getBook("").Wallets.Deposits)
	require.Empty(t, b.rings())
	status, _ := w.sendWalletForm("iban", strings.Repeat("x", maxBody))
	require.Equal(t, http.StatusBadRequest, status)
}
