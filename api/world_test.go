package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// world is the API with everything around it but Temporal: a database with the documented merchants,
// and the simulated bank. What goes through it is held against openapi.yaml.
type world struct {
	*testing.T
	api   *api.API
	base  string // where it also listens, for those who need a connection
	url   string // the database
	db    *bun.DB
	store *store.Store
	sagas *sagas
	bank  *httptest.Server
	log   *logBook
	spec  *spec
	vault *vault.Vault
	count *atomic.Int64 // for what must differ: invoice numbers
	token string        // of card-to-card calls; empty is "test"
}

// sagas stands for Temporal.
type sagas struct {
	inquire func(ctx context.Context, token string) (state.Payment, error)
	mu      sync.Mutex
	asked   int
	topUp   func(ctx context.Context, id int64) error
	wallet  func(ctx context.Context, uuid string) error
}

func (s *sagas) InquirePayment(ctx context.Context, token string) (state.Payment, error) {
	s.mu.Lock()
	s.asked++
	s.mu.Unlock()
	if s.inquire == nil {
		return "", errors.New("temporal is down at 10.1.2.3")
	}
	return s.inquire(ctx, token)
}

func (s *sagas) PaymentLink(token string) string { return "http://ui.example/payment/" + token }
func (s *sagas) TransferLink(payID int64) string {
	return fmt.Sprintf("http://ui.example/transfer/%d", payID)
}
func (s *sagas) DepositLink(id int64) string { return fmt.Sprintf("http://ui.example/deposit/%d", id) }

func (s *sagas) TopUpLink(id int64) string { return fmt.Sprintf("http://ui.example/topup/%d", id) }

func (s *sagas) AwaitWallet(ctx context.Context, uuid string) error {
	if s.wallet == nil {
		return errors.New("temporal is down at 10.1.2.3")
	}
	return s.wallet(ctx, uuid)
}

func (s *sagas) AwaitTopUp(ctx context.Context, id int64) error {
	if s.topUp == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.topUp(ctx, id)
}

type logBook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *logBook) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func newWorld(t *testing.T, change ...func(*api.Deps)) *world {
	t.Helper()
	w := &world{T: t, sagas: &sagas{}, log: &logBook{}, spec: loadedSpec(t), count: &atomic.Int64{}}
	ctx := t.Context()
	w.url = server.URL(t)
	var err error
	w.db, err = store.Open(ctx, w.url, store.Options{Pool: 10, Role: "paysaga_app"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.store = store.New(w.db, func() {})
	v, err := vault.New("dev:cGF5c2FnYS1kZXZlbG9wbWVudC12YXVsdC1rZXktMSE=")
	require.NoError(t, err)
	require.NoError(t, fixtures.Load(ctx, w.store, v, true))
	w.vault = v
	w.paySample()

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.base = "http://" + listener.Addr().String()
	w.openBank()

	deps := api.Deps{
		Store: w.store, Auth: auth.New(w.store, "a secret of this test, long enough"), Sagas: w.sagas, Vault: v, Dev: true,
		Log:     slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: api.NewMetrics(prometheus.NewRegistry()),
		Ready:   func(context.Context) error { return nil },
		Version: "v0-test", PublicURL: w.base, RatePerSecond: 10_000, RateBurst: 10_000, ListPerMinute: 10_000,
		Gateways: api.Gateways{}, Payouts: payoutBank(), WalletBank: "sandbox",
	}
	for _, name := range []string{"asanpardakht", "zarinpal", "zibal"} { // "sandbox" is missing on purpose: not every gateway is installed
		deps.Gateways[name] = gateways.NewSandbox(name, w.bank.URL, gateways.NewHTTPClient(5*time.Second), gateways.Limits{
			SessionLife: time.Minute, UndoWindow: time.Hour, MinAmount: 1, MaxAmount: 500_000_000,
		})
	}
	for _, f := range change {
		f(&deps)
	}
	w.api = api.New(deps)
	go func() { _ = w.api.App().Listener(listener) }()
	t.Cleanup(func() { _ = w.api.Shutdown(context.Background()) })
	return w
}

// in is the same world in a subtest.
func (w *world) in(t *testing.T) *world {
	out := *w
	out.T = t
	return &out
}

func (w *world) openBank() {
	w.Helper()
	w.bank = httptest.NewUnstartedServer(nil)
	address := "http://" + w.bank.Listener.Addr().String()
	var lines []sandbox.Phone
	for _, p := range fixtures.Phones() {
		lines = append(lines, sandbox.Phone(p))
	}
	s, err := sandbox.New(sandbox.Config{Book: filepath.Join(w.TempDir(), "book.jsonl"), PublicURL: address, APIURL: w.base, Phones: lines})
	require.NoError(w, err)
	w.bank.Config.Handler = s
	w.bank.Start()
	w.Cleanup(func() {
		s.Release()
		w.bank.Close()
		_ = s.Close()
	})
}

// request is one call. The zero key is "test"; form and json are bodies.
type request struct {
	method, path string
	key          string
	form         url.Values
	json         string
	body         string // with contentType, anything else
	contentType  string
	header       map[string]string
	lenient      bool // accepted though not described: what people send all the same
}

const noKey = "\x00"

type answer struct {
	*http.Response
	body string
}

func (r request) build(t *testing.T) *http.Request {
	t.Helper()
	body, contentType := r.body, r.contentType
	switch {
	case r.form != nil:
		body, contentType = r.form.Encode(), "application/x-www-form-urlencoded"
	case r.json != "":
		body, contentType = r.json, "application/json"
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	req := httptest.NewRequest(r.method, r.path, reader)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if r.key != noKey {
		req.Header.Set("Authorization", map[bool]string{true: "test", false: r.key}[r.key == ""])
	}
	for name, v := range r.header {
		req.Header.Set(name, v)
	}
	return req
}

// do makes a call through the router and holds it against the description.
func (w *world) do(r request) answer {
	w.Helper()
	res, err := w.api.App().Test(r.build(w.T), -1)
	require.NoError(w, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	a := answer{res, string(raw)}
	w.spec.check(w.T, r.build(w.T), a, r.lenient)
	return a
}

func (w *world) get(path string) answer { w.Helper(); return w.do(request{method: "GET", path: path}) }

func (w *world) post(path string, form url.Values) answer {
	w.Helper()
	return w.do(request{method: "POST", path: path, form: form})
}

// page is what a payer's browser does: no key.
func (w *world) page(method, path string, form url.Values) answer {
	w.Helper()
	return w.do(request{method: method, path: path, form: form, key: noKey})
}

// failure is the dialect's error.
type failure struct {
	Status                     int
	Code, Field, Message, Text string
}

// failed reads a failure and holds its envelope against the contract: exactly three members, an
// empty info, one error.
func (w *world) failed(a answer) failure {
	w.Helper()
	require.Equal(w, "application/json", a.Header.Get("Content-Type"), a.body)
	var e map[string]json.RawMessage
	require.NoError(w, json.Unmarshal([]byte(a.body), &e), a.body)
	require.Len(w, e, 3, a.body)
	require.JSONEq(w, `{}`, string(e["info"]))
	var message string
	require.NoError(w, json.Unmarshal(e["message"], &message))
	require.Equal(w, http.StatusText(a.StatusCode), message)
	require.NotEqual(w, "OK", message)
	var list []map[string]string
	require.NoError(w, json.Unmarshal(e["errors"], &list))
	require.Len(w, list, 1, a.body)
	for name := range list[0] {
		require.Contains(w, []string{"field", "code", "message"}, name)
	}
	require.NotEmpty(w, list[0]["message"])
	return failure{a.StatusCode, list[0]["code"], list[0]["field"], message, list[0]["message"]}
}

func (w *world) requireFails(a answer, status int, code, field string) failure {
	w.Helper()
	got := w.failed(a)
	require.Equal(w, failure{status, code, field, got.Message, got.Text}, got)
	return got
}

// ok reads the info of a success into a value, strictly.
func (w *world) ok(a answer, info any) {
	w.Helper()
	require.Equal(w, http.StatusOK, a.StatusCode, a.body)
	require.Equal(w, "application/json", a.Header.Get("Content-Type"))
	var e struct {
		Message *string           `json:"message"`
		Info    json.RawMessage   `json:"info"`
		Errors  []json.RawMessage `json:"errors"`
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	require.NoError(w, d.Decode(&e), a.body)
	require.NotNil(w, e.Message)
	require.Equal(w, "OK", *e.Message)
	require.NotNil(w, e.Errors, "an empty list, not null")
	require.Empty(w, e.Errors)
	require.NotNil(w, e.Info)
	d = json.NewDecoder(bytes.NewReader(e.Info))
	d.DisallowUnknownFields()
	require.NoError(w, d.Decode(info), a.body)
}

func (w *world) okEmpty(a answer) {
	w.Helper()
	w.ok(a, &struct{}{})
	require.JSONEq(w, `{"message": "OK", "info": {}, "errors": []}`, a.body)
}

// facts are all rows that calls may change: nothing changed when they are equal.
func (w *world) facts() string {
	w.Helper()
	var out strings.Builder
	for _, table := range []string{"payments", "attempts", "payment_events", "gateway_accounts", "transfers", "transfer_events", "sms", "deposits", "card_vault", "topups", "topup_events", "balance_credits", "ledger_balances", "outbox", "ledger_transfers", "idempotency_keys", "merchants", "temporary_payment"} {
		var rows string
		err := w.db.NewRaw(`SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM ? t`, bun.Ident(table)).Scan(w.Context(), &rows)
		require.NoError(w, err)
		fmt.Fprintln(&out, table, rows)
	}
	return out.String()
}

func (w *world) exec(query string, args ...any) {
	w.Helper()
	_, err := w.db.NewRaw(query, args...).Exec(w.Context())
	require.NoError(w, err)
}

// create makes a payment of 10,000 rial through the API.
func (w *world) create(fields ...string) string {
	w.Helper()
	form := url.Values{"merchant": {"faSDF42w3Fs"}, "amount": {"10000"}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	var info struct{ Token string }
	w.ok(w.post("/api/v1/payments", form), &info)
	return info.Token
}

func (w *world) payment(token string) store.Payment {
	w.Helper()
	p, err := w.store.PaymentByToken(w.Context(), token)
	require.NoError(w, err)
	return p
}

// open opens a visit with a tip of 500 rial, as the hosted page does.
func (w *world) open(token string) store.Attempt {
	w.Helper()
	a, err := w.store.StartAttempt(w.Context(), store.NewAttempt{Token: token, Gateway: "zibal", Tip: 500, Payer: "0938*****25"})
	require.NoError(w, err)
	require.NoError(w, w.store.OpenAttempt(w.Context(), a.ID, fmt.Sprint("ref", a.ID), time.Minute))
	return a
}

// pay books an open visit's money, as the saga does.
func (w *world) pay(a store.Attempt) {
	w.Helper()
	_, err := w.store.AttemptPaid(w.Context(), store.Receipt{AttemptID: a.ID, BankTran: fmt.Sprint("t", a.ID), RRN: fmt.Sprint("rrn", a.ID), Card: "621986******0019"})
	require.NoError(w, err)
}

func (w *world) shut(token string) {
	w.Helper()
	w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token)
	_, err := w.store.AtDeadline(w.Context(), w.payment(token).ID)
	require.NoError(w, err)
}

// bring makes a payment in a state.
func (w *world) bring(to state.Payment) string {
	w.Helper()
	token := w.create()
	switch to {
	case state.PaymentPending:
		return token
	case state.PaymentExpired:
		w.shut(token)
	case state.PaymentFailed:
		require.NoError(w, w.store.FailAttempt(w.Context(), w.open(token).ID, "declined"))
		w.shut(token)
	default:
		a := w.open(token)
		w.pay(a)
		switch to {
		case state.PaymentCollected:
			w.okEmpty(w.post("/api/v1/payments/"+token+"/collect", nil))
		case state.PaymentRefunding, state.PaymentRefunded:
			w.shut(token)
		}
		if to == state.PaymentRefunded {
			_, err := w.store.AttemptRefunded(w.Context(), a.ID, "cancelled")
			require.NoError(w, err)
		}
	}
	require.Equal(w, to, w.payment(token).State)
	return token
}
