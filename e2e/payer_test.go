package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// walk is what the sandbox's payer is asked to do.
type walk struct {
	Link    string `json:"link"`
	Do      string `json:"do"`
	Tip     int64  `json:"tip"`
	Gateway string `json:"gateway,omitempty"`
	Mobile  string `json:"mobile,omitempty"`
}

// walked is what happened on the way.
type walked struct {
	Bank    string `json:"bank"`
	Invoice int64  `json:"invoice"`
	RRN     string `json:"rrn"`
	State   string `json:"state"`
	Error   string `json:"error"`
}

// send has the sandbox's payer walk. An error means that the payer got stuck on the way.
func (h *house) walk(ctx context.Context, in walk) (walked, error) {
	r, err := sendJSON(ctx, http.MethodPost, h.inst.SandboxURL+"/payer", in)
	if err != nil {
		return walked{}, err
	}
	var out walked
	if err := json.Unmarshal(r.body, &out); err != nil {
		return out, err
	}
	if r.status != http.StatusOK {
		return out, fmt.Errorf("payer got stuck (%d): %s", r.status, out.Error)
	}
	return out, nil
}

// pays sends a payer who must come through.
func (m merchant) pays(t *testing.T, token, do string, more ...func(*walk)) walked {
	t.Helper()
	in := walk{Link: m.link(token), Do: do}
	for _, change := range more {
		change(&in)
	}
	out, err := m.h.walk(t.Context(), in)
	require.NoError(t, err)
	return out
}

func at(gateway string) func(*walk) { return func(w *walk) { w.Gateway = gateway } }

// page is a page as a browser without JavaScript shows it.
type page struct {
	t    *testing.T
	url  *url.URL
	root *html.Node
}

// open visits a page by hand and follows redirects.
func open(t *testing.T, method, to string, form url.Values) *page {
	t.Helper()
	for range 5 {
		body := strings.NewReader(form.Encode())
		req, err := http.NewRequestWithContext(t.Context(), method, to, body)
		require.NoError(t, err)
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		r, err := send(req)
		require.NoError(t, err)
		if r.status == http.StatusSeeOther {
			next, err := req.URL.Parse(r.header.Get("Location"))
			require.NoError(t, err)
			method, to, form = http.MethodGet, next.String(), nil
			continue
		}
		require.Equal(t, http.StatusOK, r.status, "%s %s: %s", method, to, r.body)
		root, err := html.Parse(bytes.NewReader(r.body))
		require.NoError(t, err)
		return &page{t, req.URL, root}
	}
	t.Fatal("too many redirects")
	return nil
}

// state is what the payment's page says of itself.
func (p *page) state() string { return attr(p.find("main", "id", "payment"), "data-state") }

// find returns the first element with the attribute, or nil.
func (p *page) find(tag, name, value string) *html.Node {
	for n := range p.root.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag && attr(n, name) == value {
			return n
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// submit sends the form that holds the given element, with its hidden fields and more.
func (p *page) submit(inside *html.Node, more url.Values) *page {
	p.t.Helper()
	form := inside
	for form != nil && form.Data != "form" {
		form = form.Parent
	}
	require.NotNil(p.t, form, "no such form on %s", p.url)
	values := url.Values{}
	for n := range form.Descendants() {
		if n.Data == "input" && attr(n, "type") == "hidden" {
			values.Set(attr(n, "name"), attr(n, "value"))
		}
	}
	for name, value := range more {
		values[name] = value
	}
	action, err := p.url.Parse(attr(form, "action"))
	require.NoError(p.t, err)
	return open(p.t, http.MethodPost, action.String(), values)
}

// toBank opens the pay link by hand, chooses a bank and goes there, without doing anything at it.
func (m merchant) toBank(t *testing.T, token, gateway string) *page {
	t.Helper()
	hosted := open(t, http.MethodGet, m.link(token), nil)
	between := hosted.submit(hosted.find("form", "id", "pay"), url.Values{"gateway": {gateway}})
	return between.submit(between.find("form", "id", "to-bank"), nil)
}

// press does what a button of the bank's page does.
func (p *page) press(do string) *page {
	p.t.Helper()
	return p.submit(p.find("button", "value", do), url.Values{"do": {do}})
}

// back returns to the merchant's side.
func (p *page) back() *page {
	p.t.Helper()
	return p.submit(p.find("form", "id", "to-merchant"), nil)
}

// deadline is when the payment's time is over.
func (m merchant) deadline(t *testing.T, token string) time.Time {
	t.Helper()
	row, err := m.h.store.PaymentByToken(t.Context(), token)
	require.NoError(t, err)
	return row.CollectBy
}
