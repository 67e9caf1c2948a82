package gateways_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/sandbox"
)

// world is one bank in a sandbox of its own, and an account there.
type world struct {
	*testing.T
	contract
	gateways.Gateway
	url   string
	clock *clock
}

// clock is the bank's time. It stands still until a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// patience is how long an adapter waits for an answer here. The rules' holds are shorter, so that a test waits for
// the broken connection instead.
const patience = 5 * time.Second

func newWorld(t *testing.T, c contract) *world { return newHurriedWorld(t, c, patience) }

func newHurriedWorld(t *testing.T, c contract, patience time.Duration) *world {
	t.Helper()
	w := &world{T: t, contract: c, clock: &clock{now: time.Now()}}
	front := httptest.NewServer(nil)
	w.url = front.URL
	s, err := sandbox.New(sandbox.Config{
		Book: filepath.Join(t.TempDir(), "book.jsonl"), PublicURL: w.url, APIURL: "http://shop.example", Now: w.clock.Now,
	})
	require.NoError(t, err)
	front.Config.Handler = s
	t.Cleanup(func() {
		s.Release()
		front.Close()
		require.NoError(t, s.Close())
	})
	w.Gateway, err = w.bank(patience).Open(c.account())
	require.NoError(t, err)
	return w
}

func (w *world) bank(patience time.Duration) gateways.Bank {
	base := w.url + "/wire/" + w.name
	return w.open(base, base, gateways.NewHTTPClient(patience))
}

const amount = money.Rial(1_250_000)

// session opens a session for an invoice.
func (w *world) session(invoice int64) (gateways.Visit, gateways.Redirect) {
	w.Helper()
	got, err := w.CreateSession(w.Context(), sessionOf(invoice))
	require.NoError(w, err)
	require.NotEmpty(w, got.BankToken)
	return gateways.Visit{Invoice: invoice, BankToken: got.BankToken, Amount: amount}, got
}

func sessionOf(invoice int64) gateways.Session {
	return gateways.Session{
		Invoice: invoice, Amount: amount, Description: "کرایه", Mobile: "09123456789",
		CallbackURL: "http://shop.example/pay/callback/7/secret",
	}
}

// visited opens a session, lets the payer press a button of the bank's page and brings back what the browser does.
func (w *world) visited(invoice int64, do string) gateways.Visit {
	w.Helper()
	v, to := w.session(invoice)
	v.Callback = w.press(to, do)
	return v
}

// press follows a redirect as a browser does, presses a button, and returns the fields of the callback.
func (w *world) press(to gateways.Redirect, do string) map[string]string {
	w.Helper()
	form := url.Values{}
	for name, value := range to.Fields {
		form.Set(name, value)
	}
	page := w.browse(to.Method, to.URL, form)
	bank := find(page, func(n *html.Node) bool { return n.Data == "form" && attr(n, "method") == "post" })
	require.NotNil(w, bank, "the bank's page has no form")
	form = inputs(bank)
	form.Set("do", do)
	page = w.browse(http.MethodPost, w.url+attr(bank, "action"), form)
	back := find(page, func(n *html.Node) bool { return attr(n, "id") == "to-merchant" })
	if back == nil {
		return nil // the callback is lost
	}
	require.Equal(w, w.callback, attr(back, "method"))
	require.Equal(w, sessionOf(1).CallbackURL, attr(back, "action"))
	out := map[string]string{}
	for name, values := range inputs(back) {
		lower := strings.ToLower(name)
		if strings.Contains(lower, "card") || strings.Contains(lower, "pan") {
			continue // these are left where they are
		}
		out[name] = values[0]
	}
	return out
}

func (w *world) browse(method, to string, form url.Values) *html.Node {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, to, strings.NewReader(form.Encode()))
	require.NoError(w, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	require.NoError(w, err)
	defer res.Body.Close()
	require.Equal(w, http.StatusOK, res.StatusCode, to)
	root, err := html.Parse(res.Body)
	require.NoError(w, err)
	return root
}

func find(from *html.Node, match func(*html.Node) bool) *html.Node {
	for n := range from.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			return n
		}
	}
	return nil
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func inputs(form *html.Node) url.Values {
	out := url.Values{}
	for n := range form.Descendants() {
		if n.Data == "input" && attr(n, "type") == "hidden" {
			out.Add(attr(n, "name"), attr(n, "value"))
		}
	}
	return out
}

// bring makes a visit whose charge is in a state of the bank's book.
func (w *world) bring(state sandbox.State, invoice int64) gateways.Visit {
	w.Helper()
	switch state {
	case sandbox.Open:
		v, _ := w.session(invoice)
		return v
	case sandbox.Declined:
		return w.visited(invoice, "decline")
	case sandbox.Expired:
		v, _ := w.session(invoice)
		w.clock.pass(w.Limits().SessionLife)
		return v
	}
	v := w.visited(invoice, "pay")
	v.BankTran = w.result(v).BankTran
	if state == sandbox.Verified || state == sandbox.Settled {
		_, err := w.Verify(w.Context(), v)
		require.NoError(w, err)
	}
	if state == sandbox.Settled {
		require.NoError(w, w.Settle(w.Context(), v))
	}
	require.Equal(w, state, w.charge(invoice).State)
	return v
}

// result asks for a paid visit and holds the answer against what was agreed.
func (w *world) result(v gateways.Visit) gateways.Result {
	w.Helper()
	got, err := w.Result(w.Context(), v)
	require.NoError(w, err)
	require.Equal(w, gateways.ResultPaid, got.Status)
	require.Equal(w, amount, got.Amount)
	require.Equal(w, v.BankToken, got.BankToken)
	require.Equal(w, v.Invoice, got.Invoice)
	require.NotEmpty(w, got.BankTran)
	return got
}

func (w *world) book() sandbox.Book {
	w.Helper()
	var out sandbox.Book
	w.json(http.MethodGet, "/book?calls=1", "", &out)
	return out
}

func (w *world) charge(invoice int64) sandbox.Charge {
	w.Helper()
	for _, c := range w.book().Charges {
		if c.Invoice == invoice {
			require.Equal(w, w.name, c.Bank)
			return c
		}
	}
	require.Fail(w, "no such charge in the book")
	return sandbox.Charge{}
}

// rules sets the failures of the bank, {"verify": {"refuse": 1}}.
func (w *world) rules(bank string) { w.json(http.MethodPut, "/rules", `{"bank":`+bank+`}`, nil) }

func (w *world) json(method, path, in string, out any) {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(in))
	require.NoError(w, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	require.Equal(w, http.StatusOK, res.StatusCode, "%s", body)
	if out != nil {
		require.NoError(w, json.Unmarshal(body, out))
	}
}

// class is the error's family; "" is success.
func class(err error) gateways.Class {
	if err == nil {
		return ""
	}
	return gateways.Classify(err)
}

const (
	yes         = gateways.Class("")
	refused     = gateways.ClassRefused
	unavailable = gateways.ClassUnavailable
	unknown     = gateways.ClassUnknown
)
