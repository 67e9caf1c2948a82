package api_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// document is a page as a browser reads it.
type document struct {
	*testing.T
	root *html.Node
}

func parse(t *testing.T, a answer) document {
	t.Helper()
	require.Equal(t, "text/html; charset=utf-8", a.Header.Get("Content-Type"), a.body)
	root, err := html.Parse(strings.NewReader(a.body))
	require.NoError(t, err)
	d := document{t, root}
	d.requireHarmless()
	return d
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// requireHarmless holds a page against its policy: no inline script or style, no foreign address but
// a form's and the merchant's link.
func (d document) requireHarmless() {
	d.Helper()
	for n := range d.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" || n.Data == "style" || n.Data == "iframe" {
			require.True(d, strings.HasPrefix(attr(n, "src"), "/pay/assets/") && n.FirstChild == nil, "an inline %s", n.Data)
		}
		for _, a := range n.Attr {
			require.False(d, strings.HasPrefix(a.Key, "on") || a.Key == "style", "%s %s=%q", n.Data, a.Key, a.Val)
			if a.Key == "href" || a.Key == "src" || a.Key == "action" {
				require.Regexp(d, `^(/|https?://|data:image/)`, a.Val, "%s %s", n.Data, a.Key)
			}
		}
	}
}

func (d document) byID(id string) *html.Node {
	for n := range d.root.Descendants() {
		if attr(n, "id") == id {
			return n
		}
	}
	return nil
}

// values lists an attribute of every element that has the name.
func (d document) values(element, name, of string) []string {
	var out []string
	for n := range d.root.Descendants() {
		if n.Data == element && attr(n, "name") == name {
			out = append(out, attr(n, of))
		}
	}
	return out
}

// payment reads the root element's state.
func (d document) payment() string {
	d.Helper()
	main := d.byID("payment")
	require.NotNil(d, main, "no main#payment")
	for _, at := range []string{"data-deadline", "data-now"} {
		when, err := time.Parse(time.RFC3339, attr(main, at))
		require.NoError(d, err)
		require.Equal(d, time.UTC, when.Location(), at)
	}
	return attr(main, "data-state")
}

func (w *world) requirePolicy(a answer, bank bool) {
	w.Helper()
	want := "form-action 'self'"
	if bank {
		want += " " + w.bank.URL
	}
	policy := a.Header.Get("Content-Security-Policy")
	require.True(w, strings.HasPrefix(policy, "default-src 'none'; script-src 'self'"), policy)
	require.True(w, strings.HasSuffix(policy, want), "%s should end with %s", policy, want)
	referrer := "same-origin"
	if strings.Contains(a.body, `id="to-bank"`) {
		referrer = "strict-origin" // some banks ask where a payer comes from
	}
	require.Equal(w, []string{referrer, "no-store", "nosniff"}, []string{a.Header.Get("Referrer-Policy"), a.Header.Get("Cache-Control"), a.Header.Get("X-Content-Type-Options")})
}

func TestHostedPageInEveryState(t *testing.T) {
	w := newWorld(t)
	show := func(token, want string, bank bool) document {
		t.Helper()
		a := w.page("GET", "/pay/"+token, nil)
		require.Equal(t, http.StatusOK, a.StatusCode)
		w.requirePolicy(a, bank)
		d := parse(t, a)
		require.Equal(t, want, d.payment())
		require.Equal(t, want == "pending", d.byID("pay") != nil, "the form is there while it can be paid")
		require.Equal(t, "/pay/"+token+"/status", attr(d.byID("payment"), "data-status-url"))
		return d
	}
	for _, s := range state.Payments.States() {
		token := w.bring(s)
		d := show(token, string(s), s == state.PaymentPending)
		if s == state.PaymentPending {
			require.Equal(t, []string{"asanpardakht", "zarinpal", "zibal"}, d.values("input", "gateway", "value"), "the merchant's order; what is not installed is not offered")
			require.Equal(t, []string{"/pay/" + token, "post"}, []string{attr(d.byID("pay"), "action"), attr(d.byID("pay"), "method")})
		} else {
			found := false
			for n := range d.root.Descendants() {
				found = found || (n.Data == "a" && attr(n, "href") == "http://127.0.0.1:8080/docs?token="+token)
			}
			require.True(t, found, "the way back to the merchant, who collects by the token")
		}
	}
	// Between the browser's return and the bank's word; then the bank says no.
	token := w.create()
	a := w.open(token)
	show(token, "pending", true)
	_, err := w.store.RecordCallback(t.Context(), a.ID, a.CallbackKey, nil)
	require.NoError(t, err)
	show(token, "checking", false)
	require.NoError(t, w.store.NoteUnpaid(t.Context(), a.ID, "declined"))
	show(token, "pending", true)

	// The door is shut though nobody swept yet; and while a late visit is still open.
	w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token)
	show(token, "expired", false)

	// A preferred gateway is chosen; a paid card is shown masked.
	preferred := w.page("GET", "/pay/"+w.create("preferred_method", "zibal"), nil)
	require.Regexp(t, `value="zibal"[^>]* checked`, preferred.body)
	require.Contains(t, w.page("GET", "/pay/"+w.bring(state.PaymentPaid), nil).body, "۰۰۱۹")
}

func TestStatusForThePage(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	a := w.open(token)
	read := func() (out struct {
		State         string
		Checking      bool
		Deadline, Now time.Time
	}) {
		got := w.page("GET", "/pay/"+token+"/status", nil)
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
		golden(t, `{"state":"pending","checking":false,"deadline":"","now":""}`, strings.Replace(got.body, `"checking":true`, `"checking":false`, 1))
		require.NoError(t, json.Unmarshal([]byte(got.body), &out))
		require.Equal(t, []*time.Location{time.UTC, time.UTC}, []*time.Location{out.Deadline.Location(), out.Now.Location()})
		return out
	}
	s := read()
	require.Equal(t, []any{"pending", false}, []any{s.State, s.Checking})
	require.InDelta(t, 20*60, s.Deadline.Sub(s.Now).Seconds(), 10)
	_, err := w.store.RecordCallback(t.Context(), a.ID, a.CallbackKey, nil)
	require.NoError(t, err)
	require.True(t, read().Checking)
	w.pay(a)
	s = read()
	require.Equal(t, []any{"paid", false}, []any{s.State, s.Checking})
}

func TestHostileTextIsShownNotRun(t *testing.T) {
	w := newWorld(t)
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}` + "\u202e"
	w.exec(`UPDATE merchants SET display_name = ?, biz_name = ?, image_url = 'javascript:alert(3)', return_url = 'javascript:alert(4)//' WHERE public_id = 'faSDF42w3Fs'`, hostile, hostile)
	token := w.create("description", hostile, "payload", hostile)
	for _, a := range []answer{
		w.page("GET", "/pay/"+token, nil),
		w.page("POST", "/pay/"+token, url.Values{"gateway": {hostile}, "tip": {hostile}, "mobile": {hostile}}),
		w.page("GET", "/pay/"+url.PathEscape(hostile), nil),
		w.do(request{method: "GET", path: "/pay/" + token + "x", key: noKey, header: map[string]string{"X-Request-Id": hostile}}),
	} {
		d := parse(t, a)
		require.Nil(t, d.byID("x"))
		require.NotContains(t, a.body, "<img src=x")
		require.NotContains(t, a.body, "<script>alert")
	}
	require.NoError(t, w.store.NoteUnpaid(t.Context(), w.open(token).ID, hostile))
	w.exec(`UPDATE attempts SET state = 'failed' WHERE payment_id = ?`, w.payment(token).ID)
	parse(t, w.page("GET", "/pay/"+token, nil))
	w.exec(`UPDATE payments SET rrn = ?, state = 'failed' WHERE token = ?`, hostile, token)
	a := w.page("GET", "/pay/"+token, nil)
	parse(t, a)
	require.NotContains(t, a.body, "javascript:")
}

// What the payer filled in wrongly comes back with the reason, and nothing has happened.
func TestPayFormIsChecked(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		form url.Values
		says string
	}{
		"tip a word":            {url.Values{"gateway": {"zibal"}, "tip": {"much"}}, pages.TipNotNumber.In(pages.Persian)},
		"tip negative":          {url.Values{"gateway": {"zibal"}, "tip": {"-5000"}}, pages.TipNotNumber.In(pages.Persian)},
		"tip fractional":        {url.Values{"gateway": {"zibal"}, "tip": {"10.5"}}, pages.TipNotNumber.In(pages.Persian)},
		"tip too large to read": {url.Values{"gateway": {"zibal"}, "tip": {"9007199254740993"}}, pages.TipNotNumber.In(pages.Persian)},
		"tip beyond the bank":   {url.Values{"gateway": {"zibal"}, "tip": {"500000000"}}, pages.TipTooLarge.In(pages.Persian)},
		"tip beyond all":        {url.Values{"gateway": {"zibal"}, "tip": {"9007199254740992"}}, pages.TipTooLarge.In(pages.Persian)},
		"mobile short":          {url.Values{"gateway": {"zibal"}, "mobile": {"0938123456"}}, pages.MobileWrong.In(pages.Persian)},
		"mobile abroad":         {url.Values{"gateway": {"zibal"}, "mobile": {"+989381234567"}}, pages.MobileWrong.In(pages.Persian)},
		"mobile a word":         {url.Values{"gateway": {"zibal"}, "mobile": {"09abcdefghi"}}, pages.MobileWrong.In(pages.Persian)},
		"mobile with a line":    {url.Values{"gateway": {"zibal"}, "mobile": {"09381234567\n09"}}, pages.MobileWrong.In(pages.Persian)},
		"no gateway":            {url.Values{}, pages.GatewayUnknown.In(pages.Persian)},
		"unknown gateway":       {url.Values{"gateway": {"paypal"}}, pages.GatewayUnknown.In(pages.Persian)},
		"not installed":         {url.Values{"gateway": {"sandbox"}}, pages.GatewayUnknown.In(pages.Persian)},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			token := w.create()
			facts := w.facts()
			a := w.page("POST", "/pay/"+token, tt.form)
			require.Equal(t, http.StatusBadRequest, a.StatusCode)
			d := parse(t, a)
			require.Equal(t, "pending", d.payment())
			require.Contains(t, a.body, tt.says)
			w.requirePolicy(a, true)
			if tip := strings.TrimSpace(tt.form.Get("tip")); tip != "" {
				require.Equal(t, []string{tip}, d.values("input", "tip", "value"), "what was typed is still there")
			}
			require.Equal(t, facts, w.facts())
		})
	}
}

func TestLinksThatLeadNowhere(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	for _, call := range []struct{ method, path string }{
		{"GET", "/pay/nothing12"}, {"POST", "/pay/nothing12"}, {"GET", "/pay/nothing12/status"}, {"GET", "/pay/%ff%00"}, {"GET", "/pay/a/b/c/d"}, {"GET", "/pay/assets/nothing.css"},
		{"GET", "/pay/assets/..%2f..%2fetc%2fpasswd"}, {"GET", "/pay/" + strings.ToLower(token)},
	} {
		a := w.page(call.method, call.path, url.Values{"gateway": {"zibal"}})
		require.Equal(t, http.StatusNotFound, a.StatusCode, call.path)
		require.Equal(t, "not_found", attr(parse(t, a).byID("problem"), "data-problem"))
		w.requirePolicy(a, false)
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.page("DELETE", "/pay/"+token, nil).StatusCode)

	// Guessing is stopped by address; a right link still opens.
	answers := map[int]int{}
	for range 45 {
		answers[w.page("GET", "/pay/guess"+store.NewToken(), nil).StatusCode]++
	}
	for range 3 {
		answers[w.page("GET", "/pay/guess"+store.NewToken()+"/status", nil).StatusCode]++
		answers[w.page("GET", "/pay/callback/1/"+store.NewToken(), nil).StatusCode]++
		answers[w.page("POST", "/pay/callback/1/"+store.NewToken(), nil).StatusCode]++
	}
	require.Len(t, answers, 2)
	require.Positive(t, answers[http.StatusNotFound])
	require.GreaterOrEqual(t, answers[http.StatusTooManyRequests], 10)
	require.Equal(t, http.StatusOK, w.page("GET", "/pay/"+token, nil).StatusCode)
	require.Equal(t, http.StatusOK, w.page("GET", "/pay/"+token+"/status", nil).StatusCode)
}

func TestAssets(t *testing.T) {
	w := newWorld(t)
	page := w.page("GET", "/pay/"+w.create(), nil)
	d := parse(t, page)
	seen := 0
	for n := range d.root.Descendants() {
		for _, link := range []string{attr(n, "href"), attr(n, "src")} {
			if strings.HasPrefix(link, "/pay/assets/") {
				seen++
				a := w.page("GET", link, nil)
				require.Equal(t, http.StatusOK, a.StatusCode, link)
				require.Equal(t, []string{"nosniff", pages.AssetCacheControl}, []string{a.Header.Get("X-Content-Type-Options"), a.Header.Get("Cache-Control")})
			}
		}
	}
	require.GreaterOrEqual(t, seen, 4, "style, script, font, icon")
	head := w.page("HEAD", "/pay/"+w.create(), nil)
	require.Equal(t, http.StatusOK, head.StatusCode)
	require.Empty(t, head.body)
}
