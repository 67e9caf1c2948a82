package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
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

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

// clock is the bank's time in a test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// world is a running sandbox and a stand-in for the system that uses it.
type world struct {
	t     *testing.T
	s     *Server
	url   string
	clock *clock
	api   *fakeAPI
	cfg   Config
}

// newWorld starts a sandbox. Its clock stands still until a test moves it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{now: time.Now()}}
	front := httptest.NewServer(nil)
	w.url = front.URL
	w.api = newFakeAPI(t, func(name string) gateways.Gateway { return w.bank(name) })
	w.cfg = Config{Book: filepath.Join(t.TempDir(), "book.jsonl"), PublicURL: w.url, APIURL: w.api.url, Now: w.clock.Now}
	s, err := New(w.cfg)
	require.NoError(t, err)
	w.s, front.Config.Handler = s, s
	t.Cleanup(func() {
		w.s.Release()
		front.Close()
		_ = w.s.Close()
	})
	return w
}

func (w *world) bank(name string) gateways.Gateway {
	return gateways.NewSandbox(name, w.url, gateways.NewHTTPClient(5*time.Second), gateways.Limits{})
}

// open opens a session at bank "test".
func (w *world) open(invoice int64) gateways.Visit {
	w.t.Helper()
	got, err := w.bank("test").CreateSession(w.t.Context(), gateways.Session{
		Invoice: invoice, Amount: 10_000, CallbackURL: w.api.url + "/pay/callback/1/key", Description: "کرایه",
	})
	require.NoError(w.t, err)
	return gateways.Visit{Invoice: invoice, BankToken: got.BankToken, Amount: 10_000}
}

// press presses a button of the bank's page and returns what it shows.
func (w *world) press(v gateways.Visit, do string, more ...string) (int, string) {
	w.t.Helper()
	form := url.Values{"RefId": {v.BankToken}, "do": {do}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	res, err := http.PostForm(w.url+"/bank/test/press", form)
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(body)
}

// paid opens a session, pays it and asks the bank about it.
func (w *world) paid(invoice int64) gateways.Visit {
	w.t.Helper()
	v := w.open(invoice)
	status, _ := w.press(v, doPay)
	require.Equal(w.t, http.StatusOK, status)
	r, err := w.bank("test").Result(w.t.Context(), v)
	require.NoError(w.t, err)
	require.Equal(w.t, gateways.ResultPaid, r.Status)
	v.BankTran = r.BankTran
	return v
}

// getBook reads the book through HTTP.
func (w *world) getBook(query string) Book {
	w.t.Helper()
	var out Book
	require.Equal(w.t, http.StatusOK, w.json(http.MethodGet, "/book"+query, nil, &out))
	return out
}

func (w *world) state(invoice int64) State {
	w.t.Helper()
	charges := w.getBook(fmt.Sprintf("?bank=test&invoice=%d", invoice)).Charges
	require.Len(w.t, charges, 1)
	return charges[0].State
}

// json makes a call of the control API; in is marshalled unless it is a string.
func (w *world) json(method, path string, in, out any) int {
	w.t.Helper()
	body, isText := in.(string)
	if !isText && in != nil {
		raw, err := json.Marshal(in)
		require.NoError(w.t, err)
		body = string(raw)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	if out != nil {
		require.NoError(w.t, json.NewDecoder(bytes.NewReader(raw)).Decode(out), "%s", raw)
	}
	return res.StatusCode
}

func (w *world) setRules(rules string) {
	w.t.Helper()
	require.Equal(w.t, http.StatusOK, w.json(http.MethodPut, "/rules", rules, nil))
}

// fakeAPI is the least of a payment system that a payer can walk through: a hosted page, a callback,
// a result page.
type fakeAPI struct {
	t    *testing.T
	url  string
	bank func(name string) gateways.Gateway

	mu        sync.Mutex
	state     string
	deadline  time.Duration // from now
	invoice   int64
	form      url.Values // what the payer sent
	callbacks []url.Values
	autoForm  bool   // lead to the bank by a form instead of a redirect
	foreign   bool   // lead to a foreign host
	refusal   string // a page that refuses the form
	polls     int    // status answers "checking" this many times more
}

func newFakeAPI(t *testing.T, bank func(string) gateways.Gateway) *fakeAPI {
	a := &fakeAPI{t: t, bank: bank, state: "pending", deadline: time.Hour, autoForm: true}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pay/tok", a.page)
	mux.HandleFunc("GET /pay/empty", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<p>nothing here</p>") })
	mux.HandleFunc("POST /pay/tok", a.start)
	mux.HandleFunc("POST /pay/callback/{attempt}/{key}", a.callback)
	mux.HandleFunc("GET /pay/callback/{attempt}/{key}", a.callback)
	mux.HandleFunc("GET /pay/tok/status", a.status)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	a.url = srv.URL
	return a
}

func (a *fakeAPI) page(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now().Add(-17 * time.Hour) // the server's clock need not be the payer's
	fmt.Fprintf(w, `<html><body><main id="payment" data-state="%s" data-deadline="%s" data-now="%s" data-status-url="/pay/tok/status">`,
		a.state, now.Add(a.deadline).UTC().Format(time.RFC3339Nano), now.UTC().Format(time.RFC3339Nano))
	if a.state == "pending" {
		fmt.Fprint(w, `<form id="pay" method="post" action="/pay/tok"><input type="hidden" name="csrf" value="c">
<input type="radio" name="gateway" value="test"><input type="radio" name="gateway" value="zibal" checked>
<input name="tip" value="0"><input name="mobile"><button>go</button></form>`)
	}
	fmt.Fprint(w, `</main></body></html>`)
}

func (a *fakeAPI) start(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.form = r.PostForm
	a.invoice++
	got, err := a.bank(r.PostForm.Get("gateway")).CreateSession(r.Context(), gateways.Session{
		Invoice: a.invoice, Amount: money.Rial(10_000), CallbackURL: fmt.Sprintf("%s/pay/callback/%d/key", a.url, a.invoice), Description: "کرایه",
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	switch {
	case a.refusal != "":
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, a.refusal)
	case a.foreign:
		http.Redirect(w, r, "http://bank.example/pay", http.StatusSeeOther)
	case got.Method == http.MethodGet:
		http.Redirect(w, r, got.URL, http.StatusSeeOther)
	case a.autoForm:
		fmt.Fprintf(w, `<form id="to-bank" method="post" action="%s">`, got.URL)
		for name, value := range got.Fields {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, value)
		}
		fmt.Fprint(w, `<button>go</button></form>`)
	default:
		http.Error(w, "sorry, the bank is closed", http.StatusServiceUnavailable)
	}
}

func (a *fakeAPI) callback(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	a.mu.Lock()
	a.callbacks = append(a.callbacks, r.Form)
	a.state = "checking"
	a.mu.Unlock()
	http.Redirect(w, r, "/pay/tok", http.StatusSeeOther)
}

func (a *fakeAPI) status(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.polls > 0 {
		a.polls--
		fmt.Fprint(w, `{"state":"pending","checking":true}`)
		return
	}
	a.state = "paid"
	fmt.Fprint(w, `{"state":"paid","checking":false}`)
}

func (a *fakeAPI) returned() []url.Values {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]url.Values(nil), a.callbacks...)
}
