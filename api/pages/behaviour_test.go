package pages

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/testbrowser"
)

// How the pages behave under a payer's hands, in a real browser.

func evaluate[T any](b *testbrowser.Browser, script string) T {
	return testbrowser.Ask(b, chromedp.Evaluate[T](script))
}

// Who cannot use a mouse comes everywhere, in the order of the page, and always sees where they are.
func TestKeyboard(t *testing.T) {
	server := gallery(t, allSamples())
	b := testbrowser.New(t)
	for page, want := range map[string][]string{
		"checkout":         {"#language", ".copy", "gateway", ".chip", ".chip", ".chip", ".chip", "#tip", "#mobile", "submit"},
		"transfer-ask":     {"#language", ".copy-text", ".copy-text", ".copy-text", "#card", "submit"},
		"status-collected": {"#language", ".copy", ".copy", "a.button", ".button"},
		"problem-expired":  {"#language", "a.button", ".copy"},
	} {
		b.Do(testbrowser.Desktop(), chromedp.Navigate(server.URL+"/"+page))
		for n, name := range want {
			b.Do(chromedp.KeyEvent(kb.Tab))
			// The ring is the element's own or that of the box around it.
			got := evaluate[map[string]any](b, `(() => {
				const at = document.activeElement, box = at.closest('.box, .bank') ?? at;
				const ring = getComputedStyle(box).outlineStyle !== 'none' ? box : at;
				const style = getComputedStyle(ring);
				return {
					is: ['#' + at.id, at.name, at.type, ...[...at.classList].flatMap(c => ['.' + c, at.localName + '.' + c])],
					ring: style.outlineStyle === 'solid' && parseFloat(style.outlineWidth) >= 2,
					what: at.outerHTML.slice(0, 100),
				};
			})()`)
			require.Contains(t, got["is"], name, "%s: Tab %d leads to %v", page, n+1, got["what"])
			require.Equal(t, true, got["ring"], "%s: nothing shows that the focus is on %v", page, got["what"])
		}
	}
}

// The choice goes along, also when the bank sends the payer back without it.
func TestChoosingALanguage(t *testing.T) {
	server := gallery(t, allSamples())
	b := testbrowser.New(t)
	path := server.URL + samplePayment().Path()
	b.GoTo(path)
	b.Sees("html[lang=fa]")
	b.Click("#language")
	b.Sees("html[lang=en] form#pay[action$='?lang=en']")
	require.Equal(t, path+"?lang=en", b.Location())

	b.GoTo(path)
	b.Sees("html[lang=en]")
	b.GoTo(server.URL + sampleTransfer("pending").Path())
	b.Sees("html[lang=en] main#transfer")
	b.Click("#language")
	b.Sees("html[lang=fa] main#transfer")
	b.GoTo(path)
	b.Sees("html[lang=fa] form#pay")
	b.AsksOnly(server.URL)
}

// A countdown is not read out every second, and the last minute is announced once.
func TestAnnouncements(t *testing.T) {
	views := allSamples()
	server := gallery(t, views)
	b := testbrowser.New(t)
	const listen = `window.heard = []; new MutationObserver(() => heard.push(document.querySelector('#announce').textContent))
		.observe(document.querySelector('#announce'), { childList: true, characterData: true, subtree: true })`
	ticks := func(page string) (said []string) {
		b.GoTo(server.URL + "/" + page)
		b.Do(chromedp.Evaluate[chromedp.Void](listen))
		before := b.Text("[data-countdown]")
		require.NotEmpty(t, before)
		b.Do(chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.querySelector('[data-countdown]').textContent !== %q`, before)))
		before = b.Text("[data-countdown]")
		b.Do(chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.querySelector('[data-countdown]').textContent !== %q`, before)))
		return evaluate[[]string](b, `heard.concat()`)
	}
	require.Empty(t, ticks("checkout"))
	require.Equal(t, "off", evaluate[string](b, `document.querySelector('[data-countdown]').getAttribute('aria-live')`))

	page := views["checkout-small"].(Checkout)
	require.Empty(t, ticks("checkout-small"), "said before anybody listened, and never again")
	require.Equal(t, "۱ دقیقه مانده است", b.Text("#announce"))
	require.Less(t, page.Deadline.Sub(page.Now).Seconds(), 60.0)
}

// The initial is seen, and no sign of something broken.
func TestAnImageThatDoesNotCome(t *testing.T) {
	views := allSamples()
	v := sampleCheckout()
	views["without"] = v
	v.Merchant.Image = "/pay/image/none?v=1"
	views["missing"] = v
	v.Merchant.Image = "/pay/image/lost?v=1"
	views["lost"] = v
	v.Merchant.Image = "/pay/image/face?v=1"
	views["with"] = v
	server := gallery(t, views)
	b := testbrowser.New(t)
	face := func(page string) string {
		b.GoTo(server.URL + "/" + page)
		return fmt.Sprintf("%x", sha256.Sum256(testbrowser.Ask(b, chromedp.Screenshot(chromedp.CSS(".face")))))
	}
	without := face("without")
	require.Equal(t, without, face("lost"), "the script takes it away")
	require.NotEqual(t, without, face("with"))
	b.Do(testbrowser.WithoutJavaScript())
	require.Equal(t, without, face("missing"))
}

func TestReducedMotion(t *testing.T) {
	server := gallery(t, allSamples())
	b := testbrowser.New(t)
	const animation = `getComputedStyle(document.querySelector('.spin')).animationName`
	b.GoTo(server.URL + "/status-checking")
	require.Equal(t, "turn", evaluate[string](b, animation))
	b.Do(testbrowser.Prefers("prefers-reduced-motion", "reduce"))
	require.Equal(t, "none", evaluate[string](b, animation))
}

// Some banks turn away payers of whom they cannot see where they come from. They see the origin and no more.
func TestTheBankSeesWhereAPayerComesFrom(t *testing.T) {
	referrers := make(chan string, 1)
	bank := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			referrers <- r.Referer() + " " + r.PostFormValue("RefId")
		}
		_, _ = w.Write([]byte("<!doctype html><title>bank</title><link rel=icon href='data:,'><main id=bank>bank</main>"))
	}))
	t.Cleanup(bank.Close)
	v := ToBank{Payment: samplePayment(), Method: "mellat", Action: bank.URL + "/startpay", Fields: map[string]string{"RefId": "AF82"}}
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, ok := strings.CutPrefix(r.URL.Path, "/pay/assets/"); ok {
			body, contentType, _ := Asset(name)
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body)
			return
		}
		for name, value := range SecurityToBank([]string{bank.URL}) {
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = v.Render(w)
	}))
	t.Cleanup(ours.Close)
	b := testbrowser.New(t)
	b.GoTo(ours.URL + v.Path())
	b.Sees("main#bank")
	require.Equal(t, ours.URL+"/ AF82", <-referrers)
	b.AsksOnly(ours.URL, bank.URL)
}
