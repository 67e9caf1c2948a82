package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// The payer's pages in a real browser, as payers see them; look at test-output/.

func TestPayerWithAPhone(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	token := m.create(t, 120_000, "description", "کرایهٔ تاکسی، ولی‌عصر تا تجریش")
	b := newBrowser(t)
	b.do(phone(), chromedp.Navigate(m.link(token)))
	b.sees(`main#payment[data-state=pending] form#pay`)
	b.picture("phone-1-checkout")
	require.Contains(t, b.text("h1"), "۱۲۰٬۰۰۰")

	b.write("#tip", "۵۰۰۰")
	b.write("#mobile", "09121234567")
	b.click("label:has(input[value=zarinpal])")
	require.Contains(t, b.text("[data-total]"), "۱۲۵٬۰۰۰", "the script adds the tip")
	b.picture("phone-2-tip")

	b.click("#pay button[type=submit]")
	b.sees("main#bank[data-state=open][data-bank=zarinpal]") // the page between sends itself
	b.picture("phone-3-bank")
	require.Contains(t, b.text("main#bank"), "۱۲۵٬۰۰۰")

	b.click("button[value=pay]")
	b.sees("main#payment[data-state=paid]") // and so does the bank's, and the page that asks
	b.picture("phone-4-paid")
	require.Contains(t, b.text("main"), m.read(t, token).Outcome.RRN)
	require.Contains(t, b.text("main"), "۵٬۰۰۰", "the tip")

	m.collect(t, token)
	b.sees("main#payment[data-state=collected]") // by itself
	b.picture("phone-5-collected")
	require.Equal(t, m.link(token), ask(b, chromedp.Location()))
	require.True(t, ask(b, chromedp.Evaluate[bool](`document.fonts.check("16px Vazirmatn")`)), "the font is our own")
	b.asksOnly(h.inst.APIURL, h.inst.SandboxURL)
}

func TestPayerWithoutJavaScript(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	token := m.create(t, 98_765)
	b := newBrowser(t)
	b.do(desktop(), withoutJavaScript(), chromedp.Navigate(m.link(token)))
	b.sees("form#pay")
	b.picture("desktop-1-checkout")
	b.write("#tip", "1235")
	b.click("#pay button[type=submit]")
	b.sees("form#to-bank button")
	b.picture("desktop-2-to-bank")
	require.Contains(t, b.text("main"), "۱۰۰٬۰۰۰", "what the bank will take, with the tip")
	b.click("form#to-bank button")
	b.sees("main#bank[data-state=open]")
	b.picture("desktop-3-bank")
	b.click("button[value=pay]")
	b.sees("form#to-merchant button")
	b.picture("desktop-4-back")
	b.click("form#to-merchant button")
	b.sees("main#payment[data-state=paid]")
	b.picture("desktop-5-paid")

	m.collect(t, token)
	b.sees("main#payment[data-state=collected]") // the page reloads itself without a script
	b.picture("desktop-6-collected")
	require.Contains(t, b.text("main"), "۱۰۰٬۰۰۰")
	b.asksOnly(h.inst.APIURL, h.inst.SandboxURL)
}

// What goes wrong is said to the payer, too.
func TestPayerIsToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	token := m.create(t, 50_000)
	b := newBrowser(t)
	b.do(phone(), withoutJavaScript(), chromedp.Navigate(m.link(token)))
	b.write("#tip", "ده")
	b.click("#pay button[type=submit]")
	b.sees("#tip-error")
	b.picture("phone-6-bad-tip")
	require.Equal(t, "created", h.ending(t, token).timeline, "nothing was begun")

	b.goTo(m.link(token))
	b.click("#pay button[type=submit]")
	b.click("form#to-bank button")
	b.sees("main#bank[data-state=open]")
	b.click("button[value=decline]")
	b.click("form#to-merchant button")
	b.sees("main#payment[data-state=pending] [role=alert]")
	b.picture("phone-7-declined")

	require.Equal(t, http.StatusOK, m.must(t, http.MethodPost, "/"+token+"/cancel", nil).status)
	m.awaitState(t, token, "failed")
	b.goTo(m.link(token))
	b.sees("main#payment[data-state=failed]")
	b.picture("phone-8-cancelled")
}

// Operators look at a saga in the Temporal UI, which decodes what the server holds encrypted.
func TestOperatorLooksAtASaga(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	m.key = "test-operator"
	b := newBrowser(t)
	b.do(desktop(), chromedp.Navigate(m.must(t, http.MethodGet, "/AsF42Sg53", nil).header.Get("X-Saga-Link")))
	await(t, soon, "the decoded input is shown", func() (bool, string) {
		text := b.text("body")
		return strings.Contains(text, `"merchant": "faSDF42w3Fs"`) && strings.Contains(text, `"state": "collected"`), text
	})
	b.picture("operator-1-saga")
}
