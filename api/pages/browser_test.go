package pages

import (
	"fmt"
	"image"
	"image/color/palette"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/images"
	"github.com/paysaga/paysaga/testbrowser"
)

// Every page in every state in a real browser, in both languages, light and dark, on a phone and on a desk.
// Look at test-output/pages/.

// gallery serves the samples with their own policy, at addresses like those of the real pages.
func gallery(t *testing.T, views map[string]view) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pay/assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, contentType, _ := Asset(r.PathValue("name"))
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	})
	show := func(w http.ResponseWriter, r *http.Request, name string) {
		v := views[name]
		if v == nil {
			http.NotFound(w, r)
			return
		}
		for name, value := range Security(nil) {
			w.Header().Set(name, value)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if page, ok := v.(View); ok {
			v = page.For(ReaderOf(r.URL.Query().Get("lang"), r.Header.Get("Accept-Language")))
		}
		page := draw(t, v)
		if name == "to-bank" { // it would leave at once
			page = strings.ReplaceAll(page, assetURL("pay.js"), "")
			page = strings.ReplaceAll(page, `<script src="" defer></script>`, "")
		}
		_, _ = w.Write([]byte(page))
	}
	mux.HandleFunc("GET /{name}", func(w http.ResponseWriter, r *http.Request) { show(w, r, r.PathValue("name")) })
	mux.HandleFunc("GET /pay/{token}", func(w http.ResponseWriter, r *http.Request) { show(w, r, "checkout") })
	mux.HandleFunc("GET /pay/transfer/{token}", func(w http.ResponseWriter, r *http.Request) { show(w, r, "transfer-pending") })
	mux.HandleFunc("GET /pay/image/lost", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /pay/image/none", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write(images.Nothing)
	})
	mux.HandleFunc("GET /pay/image/face", func(w http.ResponseWriter, _ *http.Request) {
		m := image.NewPaletted(image.Rect(0, 0, 144, 144), palette.WebSafe)
		for n := range m.Pix {
			m.Pix[n] = uint8(n % 144 / 24 * 36)
		}
		_ = png.Encode(w, m)
	})
	// A page that asks for its state gets no answer, and so stays what it is.
	mux.HandleFunc("GET /pay/", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server
}

func allSamples() map[string]view {
	views := samples()
	maps.Copy(views, transferSamples())
	views["deposits"] = Deposits{}
	return views
}

const (
	phoneWidth   = 390
	smallest     = 320
	desktopWidth = 1200
)

// stretch makes the screen as long as the page.
func stretch(b *testbrowser.Browser, width int64) {
	screen := func(height int64) testbrowser.Action {
		if width == desktopWidth {
			return chromedp.EmulateViewport(width, height)
		}
		return testbrowser.PhoneOf(width, height)
	}
	b.Do(screen(600))
	b.Do(screen(max(600, testbrowser.Ask(b, chromedp.Evaluate[int64](`document.documentElement.scrollHeight`)))))
}

// wider lists what hangs over the screen's edge.
const wider = `(() => {
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth <= width) return [];
	return [...document.querySelectorAll('body *')].filter(e => {
		const box = e.getBoundingClientRect();
		return box.width > 0 && (box.right > width + 1 || box.left < -1);
	}).map(e => e.outerHTML.slice(0, 120)).concat('the page is ' + document.documentElement.scrollWidth + ' wide');
})()`

func TestPagesInABrowser(t *testing.T) {
	views := allSamples()
	server := gallery(t, views)
	b := testbrowser.New(t)
	// The page of a paid transfer goes back to the merchant after five seconds, once per tab.
	b.GoTo(server.URL + "/transfer-paid")
	b.Do(chromedp.Evaluate[chromedp.Void](`sessionStorage.setItem('returned ' + '/pay/transfer/` + sampleTransfer("paid").Token + `', 'yes')`))

	for _, name := range slices.Sorted(maps.Keys(views)) {
		for _, l := range Langs {
			address := server.URL + "/" + name + "?" + url.Values{"lang": {l.String()}}.Encode()
			picture := fmt.Sprintf("pages/%s-%s-", name, l)

			b.Do(testbrowser.Prefers("prefers-color-scheme", "light"), testbrowser.PhoneOf(smallest, 700), chromedp.Navigate(address))
			require.Equal(t, l.String(), testbrowser.Ask(b, chromedp.Evaluate[string](`document.documentElement.lang`)))
			assert.Empty(t, testbrowser.Ask(b, chromedp.Evaluate[[]string](wider)), "%s at %d pixels", address, smallest)
			stretch(b, phoneWidth)
			b.Picture(picture + "phone")
			assert.Empty(t, b.Barriers(), "%s, light", address)

			dark := testbrowser.Prefers("prefers-color-scheme", "dark", "prefers-reduced-motion", "reduce")
			if l == Persian {
				stretch(b, desktopWidth)
				b.Picture(picture + "desktop")
				b.Do(dark)
				stretch(b, phoneWidth)
				b.Picture(picture + "phone-dark")
			} else {
				b.Do(dark)
				stretch(b, desktopWidth)
				b.Picture(picture + "desktop-dark")
			}
			assert.Empty(t, b.Barriers("color-contrast"), "%s, dark", address)
			assert.Empty(t, testbrowser.Ask(b, chromedp.Evaluate[[]string](wider)), address)
		}
	}
	b.AsksOnly(server.URL)
}
