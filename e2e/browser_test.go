package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/testbrowser"
)

// The payer's pages in a real browser, as payers see them; look at test-output/.

func TestPayerWithAPhone(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	token := m.create(t, 120_000, "description", "کرایهٔ تاکسی، ولی‌عصر تا تجریش")
	b := newBrowser(t)
	b.Do(testbrowser.Phone(), chromedp.Navigate(m.link(token)))
	b.Sees(`main#payment[data-state=pending] form#pay`)
	b.Picture("phone-1-checkout")
	require.Contains(t, b.Text("h1"), "۱۲۰٬۰۰۰")

	b.Write("#tip", "۵۰۰۰")
	b.Write("#mobile", "09121234567")
	b.Click("label:has(input[value=zarinpal])")
	require.Contains(t, b.Text("[data-total]"), "۱۲۵٬۰۰۰", "the script adds the tip")
	b.Picture("phone-2-tip")

	b.Click("#pay button[type=submit]")
	b.Sees("main#bank[data-state=open][data-bank=zarinpal]") // the page between sends itself
	b.Picture("phone-3-bank")
	require.Contains(t, b.Text("main#bank"), "۱۲۵٬۰۰۰")

	b.Click("button[value=pay]")
	b.Sees("main#payment[data-state=paid]") // and so does the bank's, and the page that asks
	b.Picture("phone-4-paid")
	require.Contains(t, b.Text("main"), m.read(t, token).Outcome.RRN)
	require.Contains(t, b.Text("main"), "۵٬۰۰۰", "the tip")

	m.collect(t, token)
	b.Sees("main#payment[data-state=collected]") // by itself
	b.Picture("phone-5-collected")
	require.Equal(t, m.link(token), b.Location())
	require.True(t, testbrowser.Ask(b, chromedp.Evaluate[bool](`document.fonts.check("16px Vazirmatn")`)), "the font is our own")
	b.AsksOnly(h.inst.APIURL, h.inst.SandboxURL)
}

func TestPayerWithoutJavaScript(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	token := m.create(t, 98_765)
	b := newBrowser(t)
	b.Do(testbrowser.Desktop(), testbrowser.WithoutJavaScript(), chromedp.Navigate(m.link(token)))
	b.Sees("form#pay")
	b.Picture("desktop-1-checkout")
	b.Write("#tip", "1235")
	b.Click("#pay button[type=submit]")
	b.Sees("form#to-bank button")
	b.Picture("desktop-2-to-bank")
	require.Contains(t, b.Text("main"), "۱۰۰٬۰۰۰", "what the bank will take, with the tip")
	b.Click("form#to-bank button")
	b.Sees("main#bank[data-state=open]")
	b.Picture("desktop-3-bank")
	b.Click("button[value=pay]")
	b.Sees("form#to-merchant button")
	b.Picture("desktop-4-back")
	b.Click("form#to-merchant button")
	b.Sees("main#payment[data-state=paid]")
	b.Picture("desktop-5-paid")

	m.collect(t, token)
	b.Sees("main#payment[data-state=collected]") // the page reloads itself without a script
	b.Picture("desktop-6-collected")
	require.Contains(t, b.Text("main"), "۱۰۰٬۰۰۰")
	b.AsksOnly(h.inst.APIURL, h.inst.SandboxURL)
}

// The language chosen holds on the way to the bank and back; nobody stores it.
func TestPayerInEnglish(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	token := m.create(t, 120_000)
	b := newBrowser(t)
	b.Do(testbrowser.Phone(), testbrowser.Prefers("prefers-color-scheme", "dark"), chromedp.Navigate(m.link(token)))
	b.Sees("html[lang=fa] form#pay")
	b.Click("#language")
	b.Sees("html[lang=en] form#pay")
	b.Picture("english-1-checkout")
	require.Contains(t, b.Text("main"), "twelve thousand toman")
	b.Click("#pay button[type=submit]")
	b.Sees("main#bank[data-state=open]")
	b.Click("button[value=pay]")
	b.Sees("html[lang=en] main#payment[data-state=paid]")
	b.Picture("english-2-paid")
	require.Empty(t, b.Barriers())
	m.collect(t, token)
	b.Sees("html[lang=en] main#payment[data-state=collected]")
	require.Contains(t, b.Text("main"), "Payment successful")
	b.AsksOnly(h.inst.APIURL, h.inst.SandboxURL)
}

// What goes wrong is said to the payer, too.
func TestPayerIsToldWhatIsWrong(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	token := m.create(t, 50_000)
	b := newBrowser(t)
	b.Do(testbrowser.Phone(), testbrowser.WithoutJavaScript(), chromedp.Navigate(m.link(token)))
	b.Write("#tip", "ده")
	b.Click("#pay button[type=submit]")
	b.Sees("#tip-error")
	b.Picture("phone-6-bad-tip")
	require.Equal(t, "created", h.ending(t, token).timeline, "nothing was begun")

	b.GoTo(m.link(token))
	b.Click("#pay button[type=submit]")
	b.Click("form#to-bank button")
	b.Sees("main#bank[data-state=open]")
	b.Click("button[value=decline]")
	b.Click("form#to-merchant button")
	b.Sees("main#payment[data-state=pending] [role=alert]")
	b.Picture("phone-7-declined")

	require.Equal(t, http.StatusOK, m.must(t, http.MethodPost, "/"+token+"/cancel", nil).status)
	m.awaitState(t, token, "failed")
	b.GoTo(m.link(token))
	b.Sees("main#payment[data-state=failed]")
	b.Picture("phone-8-cancelled")
}

// Operators look at a saga in the Temporal UI, which decodes what the server holds encrypted.
func TestOperatorLooksAtASaga(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	m.key = "test-operator"
	b := newBrowser(t)
	b.Do(testbrowser.Desktop(), chromedp.Navigate(m.must(t, http.MethodGet, "/AsF42Sg53", nil).header.Get("X-Saga-Link")))
	await(t, soon, "the decoded input is shown", func() (bool, string) {
		text := b.Text("body")
		return strings.Contains(text, `"merchant": "faSDF42w3Fs"`) && strings.Contains(text, `"state": "collected"`), text
	})
	b.Picture("operator-1-saga")
}
