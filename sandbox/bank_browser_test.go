package sandbox

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/testbrowser"
)

// The bank's pages in a real browser; look at test-output/sandbox/.
func TestBankPagesInABrowser(t *testing.T) {
	w := newWorld(t)
	b := testbrowser.New(t)
	look := func(name string) {
		t.Helper()
		for theme, rules := range map[string][]string{"light": nil, "dark": {"color-contrast"}} {
			b.Do(testbrowser.Prefers("prefers-color-scheme", theme), testbrowser.PhoneOf(390, 900))
			b.Picture("sandbox/" + name + "-" + theme)
			require.Empty(t, b.Barriers(rules...), "%s, %s", name, theme)
		}
		b.Do(testbrowser.PhoneOf(320, 900))
		require.LessOrEqual(t, testbrowser.Ask(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)), 320, name)
	}
	// The merchant's page posts a form.
	visit := func(v gateways.Visit) {
		t.Helper()
		b.GoTo(w.url + "/assets/sandbox.css")
		b.Do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => {
			const form = document.createElement('form'), field = document.createElement('input');
			form.method = 'post'; form.action = '/bank/test/pay'; field.name = 'RefId'; field.value = %q;
			form.append(field); document.body.append(form); form.submit();
		})()`, v.BankToken)))
		b.Sees("main#bank[data-state=open]")
	}

	visit(w.open(1))
	look("open")
	b.Click("button[value=lose_callback]")
	b.Sees("main#bank[data-state=paid]")
	look("closed")

	visit(w.open(2))
	b.Click("button[value=pay_late]")
	b.Sees("#return")
	look("waiting")

	b.Do(testbrowser.WithoutJavaScript())
	v := w.open(3)
	w.press(v, doPay)
	b.GoTo(w.url + "/bank/test/return?" + url.Values{"RefId": {v.BankToken}}.Encode())
	b.Sees("form#to-merchant button")
	b.Do(testbrowser.Prefers("prefers-color-scheme", "light"), testbrowser.PhoneOf(390, 900))
	b.Picture("sandbox/return-light")
}
