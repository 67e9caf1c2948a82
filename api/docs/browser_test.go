package docs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/testbrowser"
)

// gallery serves the pages under their own policy.
func gallery(t *testing.T) *httptest.Server {
	t.Helper()
	s := site(t)
	mux := http.NewServeMux()
	show := func(w http.ResponseWriter, r *http.Request) {
		page, ok, err := s.Page(r.PathValue("page"), pages.ReaderOf(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language")), r.URL.Query().Get("code"))
		if err != nil || !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", Policy)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page)
	}
	mux.HandleFunc("GET /docs", show)
	mux.HandleFunc("GET /docs/{page}", show)
	mux.HandleFunc("GET /docs/assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		file, _ := Asset(r.PathValue("name"))
		w.Header().Set("Content-Type", file.ContentType)
		_, _ = w.Write(file.Body)
	})
	mux.HandleFunc("GET /pay/assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, contentType, _ := pages.Asset(r.PathValue("name"))
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// Every page in a real browser: no barriers, nothing wider than the screen, nothing asked of anybody else. Those that
// are unlike each other also in both languages, light and dark, on a phone and on a desk. Look at test-output/docs/.
func TestPagesInABrowser(t *testing.T) {
	server := gallery(t)
	b := testbrowser.New(t)
	for i, name := range site(t).Names() {
		for j, screen := range []struct {
			name string
			lang pages.Lang
			size testbrowser.Action
			look string
		}{
			{"phone", pages.Persian, testbrowser.PhoneOf(390, 1500), "light"},
			{"desk", pages.Persian, testbrowser.Desktop(), "dark"},
			{"phone", pages.English, testbrowser.PhoneOf(320, 1500), "dark"},
			{"desk", pages.English, testbrowser.Desktop(), "light"},
		} {
			unlike := name == startPage || name == receiverPage || name == "card-to-card"
			if !unlike && j > 0 && j != 1+i%3 {
				continue
			}
			code := Codes[(i+j)%len(Codes)]
			where := fmt.Sprintf("%s?lang=%s&code=%s", strings.TrimSuffix(server.URL+"/docs/"+name, "/"), screen.lang, code.Slug)
			b.Do(screen.size, testbrowser.Prefers("prefers-color-scheme", screen.look))
			b.GoTo(where)
			b.Sees("main h1")
			b.Sees(".copyable button")
			require.Equal(t, screen.lang.String(), testbrowser.Ask(b, chromedp.Evaluate[string](`document.documentElement.lang`)))
			wide := testbrowser.Ask(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > document.documentElement.clientWidth`))
			assert.False(t, wide, "%s is wider than the screen", where)
			if unlike || j > 0 {
				assert.Empty(t, b.Barriers(), where)
			}
			b.Picture(fmt.Sprintf("docs/%s-%s-%s-%s", orStart(name), screen.name, screen.lang, screen.look))
		}
	}
	require.True(t, testbrowser.Ask(b, chromedp.Evaluate[bool](`document.fonts.check("16px Vazirmatn")`)), "the font is our own")
	b.AsksOnly(server.URL)
}

func orStart(name string) string {
	if name == startPage {
		return "start"
	}
	return name
}

// Without JavaScript the languages, of people and of samples, are links.
func TestPagesWithoutJavaScript(t *testing.T) {
	server := gallery(t)
	b := testbrowser.New(t)
	b.Do(testbrowser.Phone(), testbrowser.WithoutJavaScript())
	b.GoTo(server.URL + "/docs/payments")
	b.Sees("html[lang=fa] #createPayment")
	b.Click("#collectPayment .codes a[href*='code=python']")
	b.Sees("html[lang=fa] #collectPayment .codes [aria-current][href*='code=python']")
	require.Contains(t, b.Text("#collectPayment pre"), "urllib.request")
	require.Contains(t, b.Location(), "#collectPayment")
	b.Click("#language")
	b.Sees("html[lang=en] #createPayment")
	require.Contains(t, b.Text("#createPayment pre"), "urllib.request", "the choice of code stays")
	b.AsksOnly(server.URL)
}
