package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/gateways"
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
	require.Equal(w, []string{"same-origin", "no-store", "nosniff"}, []string{a.Header.Get("Referrer-Policy"), a.Header.Get("Cache-Control"), a.Header.Get("X-Content-Type-Options")})
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
		"tip a word":            {url.Values{"gateway": {"zibal"}, "tip": {"much"}}, pages.TipNotNumber},
		"tip negative":          {url.Values{"gateway": {"zibal"}, "tip": {"-5000"}}, pages.TipNotNumber},
		"tip fractional":        {url.Values{"gateway": {"zibal"}, "tip": {"10.5"}}, pages.TipNotNumber},
		"tip too large to read": {url.Values{"gateway": {"zibal"}, "tip": {"9007199254740993"}}, pages.TipNotNumber},
		"tip beyond the bank":   {url.Values{"gateway": {"zibal"}, "tip": {"500000000"}}, pages.TipTooLarge},
		"tip beyond all":        {url.Values{"gateway": {"zibal"}, "tip": {"9007199254740992"}}, pages.TipTooLarge},
		"mobile short":          {url.Values{"gateway": {"zibal"}, "mobile": {"0938123456"}}, pages.MobileWrong},
		"mobile abroad":         {url.Values{"gateway": {"zibal"}, "mobile": {"+989381234567"}}, pages.MobileWrong},
		"mobile a word":         {url.Values{"gateway": {"zibal"}, "mobile": {"09abcdefghi"}}, pages.MobileWrong},
		"mobile with a line":    {url.Values{"gateway": {"zibal"}, "mobile": {"09381234567\n09"}}, pages.MobileWrong},
		"no gateway":            {url.Values{}, pages.GatewayUnknown},
		"unknown gateway":       {url.Values{"gateway": {"paypal"}}, pages.GatewayUnknown},
		"not installed":         {url.Values{"gateway": {"sandbox"}}, pages.GatewayUnknown},
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

func TestGoToTheBank(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		form   url.Values
		total  int64
		payer  string
		mobile string // what the bank is told
	}{
		"nothing but the bank": {url.Values{"gateway": {"zibal"}}, 10_000, "", ""},
		"tip and mobile":       {url.Values{"gateway": {"zibal"}, "tip": {"2000"}, "mobile": {"09381234525"}}, 12_000, "0938*****25", "09381234525"},
		"in Persian":           {url.Values{"gateway": {"zibal"}, "tip": {" ۲۰۰۰ "}, "mobile": {"۰۹۳۸۱۲۳۴۵۲۵"}}, 12_000, "0938*****25", "09381234525"},
		"tip zero":             {url.Values{"gateway": {"zibal"}, "tip": {"0"}, "mobile": {""}}, 10_000, "", ""},
		"to the bank's limit":  {url.Values{"gateway": {"zibal"}, "tip": {"499990000"}}, 500_000_000, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			token := w.create()
			a := w.page("POST", "/pay/"+token, tt.form)
			require.Equal(t, http.StatusOK, a.StatusCode, a.body)
			w.requirePolicy(a, true)
			d := parse(t, a)
			form := d.byID("to-bank")
			require.NotNil(t, form)
			require.Equal(t, []string{w.bank.URL + "/bank/zibal/pay", "post"}, []string{attr(form, "action"), attr(form, "method")})
			require.Len(t, d.values("input", "RefId", "value"), 1)
			if tt.mobile != "" {
				require.Equal(t, []string{tt.mobile}, d.values("input", "mobileap", "value"))
			}
			p := w.payment(token)
			require.Equal(t, []any{"zibal", tt.payer, state.PaymentPending}, []any{p.Method, p.Payer, p.State})
			open, err := w.store.OpenVisits(t.Context(), p.ID)
			require.NoError(t, err)
			require.Len(t, open, 1)
			require.Equal(t, tt.total, int64(open[0].Amount))
			require.Equal(t, d.values("input", "RefId", "value")[0], open[0].BankToken)
			require.NotContains(t, w.facts(), "9381234525", "the whole number is not kept")
		})
	}
}

func TestNoWayToTheBank(t *testing.T) {
	w := newWorld(t)
	form := url.Values{"gateway": {"zibal"}}
	// What can no longer be paid leads back to its page.
	for _, s := range state.Payments.States() {
		token := w.bring(s)
		if s == state.PaymentPending {
			w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token)
		}
		facts := w.facts()
		a := w.page("POST", "/pay/"+token, form)
		require.Equal(t, []any{http.StatusSeeOther, "/pay/" + token}, []any{a.StatusCode, a.Header.Get("Location")}, string(s))
		require.Equal(t, facts, w.facts())
	}
	// A payer may start over, not endlessly.
	token := w.create()
	for i := range 6 {
		a := w.page("POST", "/pay/"+token, form)
		require.Equal(t, map[bool]int{true: http.StatusOK, false: http.StatusTooManyRequests}[i < 5], a.StatusCode)
		if i == 5 {
			require.NotEmpty(t, a.Header.Get("Retry-After"))
			require.NotNil(t, parse(t, a).byID("problem"))
		}
	}
	exhausted := w.create()
	for range store.MaxAttempts {
		w.open(exhausted)
	}
	require.Equal(t, http.StatusTooManyRequests, w.page("POST", "/pay/"+exhausted, form).StatusCode)

	// The bank does not answer: no money, and the payer may choose another.
	token = w.create()
	w.bank.Close()
	a := w.page("POST", "/pay/"+token, form)
	require.Equal(t, http.StatusBadGateway, a.StatusCode)
	d := parse(t, a)
	require.Equal(t, "bank_unavailable", attr(d.byID("problem"), "data-problem"))
	require.Contains(t, a.body, `href="/pay/`+token+`"`)
	p := w.payment(token)
	require.Equal(t, []any{state.PaymentPending, "no_session"}, []any{p.State, *p.StateError})
	again := w.page("GET", "/pay/"+token, nil)
	require.NotNil(t, parse(t, again).byID("pay"))
	require.NotContains(t, w.log.String(), w.bank.URL+"/bank/zibal/v1/Token?", "no query of ours in the log")
}

// The deadline passes while the bank opens its session: the payer must not be sent there.
func TestTheDeadlinePassesAtTheBank(t *testing.T) {
	bank := &lateBank{}
	w := newWorld(t, func(d *api.Deps) { bank.Gateway, d.Gateways["zibal"] = d.Gateways["zibal"], bank })
	token := w.create()
	bank.during = func() { w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token) }
	a := w.page("POST", "/pay/"+token, url.Values{"gateway": {"zibal"}})
	require.Equal(t, []any{http.StatusSeeOther, "/pay/" + token}, []any{a.StatusCode, a.Header.Get("Location")})
	found, err := w.store.AtDeadline(t.Context(), w.payment(token).ID)
	require.NoError(t, err)
	require.Equal(t, store.Deadline{Payment: state.PaymentFailed, Due: true}, found)
}

// lateBank does something while it opens a session.
type lateBank struct {
	gateways.Gateway
	during func()
}

func (b *lateBank) CreateSession(ctx context.Context, in gateways.Session) (gateways.Redirect, error) {
	r, err := b.Gateway.CreateSession(ctx, in)
	b.during()
	return r, err
}

// A bank is offered only for what it can take, and take back.
func TestBanksAreOfferedForWhatTheyCan(t *testing.T) {
	limits := map[string]gateways.Limits{
		"asanpardakht": {SessionLife: time.Minute, MinAmount: 20_000, UndoWindow: time.Hour},
		"zarinpal":     {SessionLife: time.Minute, MaxAmount: 15_000, UndoWindow: 19 * time.Minute}, // shorter than the collect window
		"zibal":        {SessionLife: time.Minute, MaxAmount: 15_000, UndoWindow: -1},               // gives nothing back
	}
	w := newWorld(t, func(d *api.Deps) {
		for name, l := range limits {
			d.Gateways[name] = gateways.NewSandbox(name, "https://"+name+".example", gateways.NewHTTPClient(time.Second), l)
		}
	})
	for name, tt := range map[string]struct {
		fields  []string
		offered []string
	}{
		"small":                  {[]string{"amount", "15000"}, nil},
		"small, collects itself": {[]string{"amount", "15000", "auto_collect", "true"}, []string{"zarinpal", "zibal"}},
		"large":                  {[]string{"amount", "20000"}, []string{"asanpardakht"}},
		"large, collects itself": {[]string{"amount", "20000", "auto_collect", "true"}, []string{"asanpardakht"}},
	} {
		a := w.page("GET", "/pay/"+w.create(tt.fields...), nil)
		d := parse(t, a)
		require.Equal(t, tt.offered, d.values("input", "gateway", "value"), name)
		policy := a.Header.Get("Content-Security-Policy")
		for bank := range limits {
			require.Equal(t, strings.Contains(strings.Join(tt.offered, " "), bank), strings.Contains(policy, "https://"+bank+".example"), "%s: %s", name, policy)
		}
	}
}

func TestBankCallback(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	a := w.open(token)
	other := w.open(w.create())
	path := func(id any, key string) string { return fmt.Sprintf("/pay/callback/%v/%s", id, key) }

	facts := w.facts()
	for name, target := range map[string]string{
		"unknown attempt":    path(a.ID+1000, a.CallbackKey),
		"wrong key":          path(a.ID, store.NewToken()),
		"another attempt's":  path(a.ID, other.CallbackKey),
		"no number":          path("one", a.CallbackKey),
		"negative":           path(-a.ID, a.CallbackKey),
		"beyond any number":  path("99999999999999999999", a.CallbackKey),
		"number with a plus": path("+0"+fmt.Sprint(a.ID)+"x", a.CallbackKey),
		"key not UTF-8":      path(a.ID, "%ff"),
		"key with SQL":       path(a.ID, "'%20OR%201=1--"),
	} {
		for _, method := range []string{"GET", "POST"} {
			got := w.page(method, target, nil)
			require.Equal(t, http.StatusNotFound, got.StatusCode, name)
			require.Equal(t, "not_found", attr(parse(t, got).byID("problem"), "data-problem"), name)
		}
	}
	require.Equal(t, facts, w.facts())

	// The browser is back, by either method; what it brings is kept within bounds and not believed.
	form := url.Values{"RefId": {"r\x00\xff1"}, "CardNumber": {"6219860000000019"}, "maskedPan": {"621986"}, "long": {strings.Repeat("x", 301)}, strings.Repeat("n", 41): {"v"}}
	for i := range 40 {
		form.Set("f"+strconv.Itoa(i), "v")
	}
	for _, method := range []string{"POST", "GET", "POST"} {
		got := w.page(method, path(a.ID, a.CallbackKey), form)
		require.Equal(t, []any{http.StatusSeeOther, "/pay/" + token}, []any{got.StatusCode, got.Header.Get("Location")})
		form = url.Values{"State": {"OK"}}
	}
	require.Equal(t, state.PaymentPending, w.payment(token).State)
	visits, err := w.store.OpenVisits(t.Context(), w.payment(token).ID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"State": "OK"}, visits[0].Callback, "the latest")
	var first map[string]string
	var raw []byte
	require.NoError(t, w.db.NewRaw(`SELECT payload->'visit'->'callback' FROM outbox WHERE message = 'callback' ORDER BY id LIMIT 1`).Scan(t.Context(), &raw))
	require.NoError(t, json.Unmarshal(raw, &first))
	require.LessOrEqual(t, len(first), 24)
	for name, v := range first {
		require.NotRegexp(t, `(?i)card|pan|long|nnn`, name)
		require.NotContains(t, v, "6219")
	}

	// Decided: a repeated or forged callback changes nothing and leads to the page all the same.
	w.pay(a)
	facts = w.facts()
	for range 3 {
		got := w.page("POST", path(a.ID, a.CallbackKey), url.Values{"State": {"FAILED"}})
		require.Equal(t, http.StatusSeeOther, got.StatusCode)
	}
	require.Equal(t, facts, w.facts())
	for _, method := range []string{"PUT", "DELETE", "OPTIONS", "HEAD"} {
		require.Equal(t, http.StatusMethodNotAllowed, w.page(method, path(a.ID, a.CallbackKey), nil).StatusCode, method)
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

// A payer walks: our page, the bank's page, back to ours. The saga's part is played here, by asking
// the bank as it does.
func TestAPayerWalks(t *testing.T) {
	w := newWorld(t)
	bank := gateways.NewSandbox("zibal", w.bank.URL, gateways.NewHTTPClient(5*time.Second), gateways.Limits{})
	ask := func(ctx context.Context, token string) error {
		p, err := w.store.PaymentByToken(ctx, token)
		if err != nil {
			return err
		}
		visits, err := w.store.OpenVisits(ctx, p.ID)
		if err != nil || len(visits) != 1 {
			return errors.Join(err, fmt.Errorf("%d open visits", len(visits)))
		}
		v := visits[0]
		at := gateways.Visit{Invoice: v.AttemptID, BankToken: v.BankToken, Amount: v.Amount}
		r, err := bank.Result(ctx, at)
		if err != nil || r.Status != gateways.ResultPaid {
			return errors.Join(err, w.store.FailAttempt(ctx, v.AttemptID, "declined"))
		}
		if _, err := bank.Verify(ctx, at); err != nil {
			return err
		}
		_, err = w.store.AttemptPaid(ctx, store.Receipt{AttemptID: v.AttemptID, BankTran: r.BankTran, RRN: r.RRN, Card: r.Card})
		return err
	}
	w.sagas.inquire = func(ctx context.Context, token string) (state.Payment, error) {
		return state.PaymentPaid, ask(ctx, token)
	}
	walk := func(token, do string) (out struct {
		State string
		Bank  string
		RRN   string
		Error string
	}) {
		body, err := json.Marshal(map[string]any{"link": w.base + "/pay/" + token, "do": do, "tip": 2000, "gateway": "zibal", "mobile": "09381234525"})
		require.NoError(t, err)
		// The bank's word comes when the browser is back.
		done := make(chan struct{})
		if do != "lose_callback" {
			go func() {
				defer close(done)
				for t.Context().Err() == nil {
					if now, err := w.store.PaymentNow(t.Context(), token); err == nil && now.Checking {
						if err := ask(t.Context(), token); err != nil {
							t.Error(err)
						}
						return
					}
					time.Sleep(2 * time.Millisecond)
				}
			}()
		} else {
			close(done)
		}
		res, err := http.Post(w.bank.URL+"/payer", "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		defer res.Body.Close()
		<-done
		raw, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &out), "%s", raw)
		require.Empty(t, out.Error)
		return out
	}

	token := w.create()
	got := walk(token, "pay")
	require.Equal(t, []string{"paid", "zibal"}, []string{got.State, got.Bank})
	w.okEmpty(w.post(payments+"/"+token+"/collect", nil))
	var info struct {
		Payer   string
		Outcome map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(w.get(payments+"/"+token).body), &struct{ Info any }{&info}))
	require.Equal(t, "0938*****25", info.Payer)
	require.Equal(t, map[string]any{"rrn": got.RRN, "total_amount": 12000.0, "tip": 2000.0, "state": "collected", "state_error": nil, "method": "zibal"}, info.Outcome)
	receipt := w.page("GET", "/pay/"+token, nil)
	require.Contains(t, receipt.body, got.RRN)

	token = w.create()
	require.Equal(t, "pending", walk(token, "decline").State)
	require.Equal(t, "declined", *w.payment(token).StateError)
	require.Equal(t, "paid", walk(token, "pay").State, "at the second try")

	// The callback was lost: the merchant asks all the same, and the bank is asked for him.
	token = w.create()
	walk(token, "lose_callback")
	require.Equal(t, state.PaymentPending, w.payment(token).State)
	w.okEmpty(w.post(payments+"/"+token+"/collect", nil))
	require.Equal(t, state.PaymentCollected, w.payment(token).State)
}
