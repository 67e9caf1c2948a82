package api_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

func TestPagesInTheReadersLanguage(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	_, path := w.linked()
	for _, page := range []string{"/pay/" + token, path, "/pay/nosuchpayment1"} {
		for _, tt := range []struct{ query, header, want string }{
			{"", "", "fa"},
			{"", "fa-IR,fa;q=0.9,en;q=0.8", "fa"},
			{"", "en-GB,en;q=0.9", "en"},
			{"", "en-US,en;q=0.9,fa;q=0.8", "en"},
			{"", "de-DE,de;q=0.9", "fa"},
			{"", "de-DE,en;q=0.5", "en"},
			{"", ";;;", "fa"},
			{"?lang=en", "fa", "en"},
			{"?lang=fa", "en", "fa"},
			{"?lang=xx", "en", "en"},
			{"?lang=%3Cscript%3E", "", "fa"},
		} {
			a := w.do(request{method: "GET", path: page + tt.query, key: noKey, header: map[string]string{"Accept-Language": tt.header}})
			require.Equal(t, []string{tt.want, "Accept-Language"}, []string{a.Header.Get("Content-Language"), a.Header.Get("Vary")}, "%s %+v", page, tt)
			d := parse(t, a)
			for n := range d.root.Descendants() {
				if n.Type == html.ElementNode && n.Data == "html" {
					require.Equal(t, map[string]string{"fa": "rtl", "en": "ltr"}[tt.want], attr(n, "dir"))
				}
			}
			other := map[string]string{"fa": "en", "en": "fa"}[tt.want]
			require.Equal(t, page+"?lang="+other, attr(d.byID("language"), "href"))
			require.Empty(t, a.Header.Get("Set-Cookie"), "nothing is remembered")
		}
	}
}

// Links and forms carry a chosen language on, and only that.
func TestAChosenLanguageGoesAlong(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	english := map[string]string{"Accept-Language": "en"}
	a := w.do(request{method: "GET", path: "/pay/" + token, key: noKey, header: english})
	require.Equal(t, "/pay/"+token, attr(parse(t, a).byID("pay"), "action"))
	a = w.page("GET", "/pay/"+token+"?lang=en", nil)
	require.Equal(t, "/pay/"+token+"?lang=en", attr(parse(t, a).byID("pay"), "action"))

	a = w.page("POST", "/pay/"+token+"?lang=en", url.Values{"gateway": {"zibal"}, "tip": {"much"}})
	require.Equal(t, http.StatusBadRequest, a.StatusCode)
	require.Contains(t, a.body, "Write the tip in rial")
	a = w.page("POST", "/pay/"+token+"?lang=en", url.Values{"gateway": {"zibal"}})
	require.Equal(t, "/pay/"+token+"?lang=en", attr(parse(t, a).byID("to-bank"), "data-back"))

	w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token)
	a = w.page("POST", "/pay/"+token+"?lang=en", url.Values{"gateway": {"zibal"}})
	require.Equal(t, []any{http.StatusSeeOther, "/pay/" + token + "?lang=en"}, []any{a.StatusCode, a.Header.Get("Location")})
}
