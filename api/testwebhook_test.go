package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/store"
)

// The contract's examples, word for word but for the host, and for the sign, whose key is not public.
var testExamples = []struct{ kind, curl, key string }{
	{"payment", exampleOf("payment"), "test-payment-api-key"},
	{"payout", exampleOf("payout"), "test-payout-api-key"},
	{"wallet", exampleOf("wallet"), "test-payment-api-key"},
}

func exampleOf(kind string) string {
	return `curl https://api.cryptomus.com/v1/test-webhook/` + kind + ` \
-X POST \
-H 'merchant: 860166ce-478c-4087-9813-55cfb6c34580' \
-H 'sign: a466b82fad9415cdbf5f47802b8d376c' \
-H 'Content-Type: application/json' \
-d '{
"uuid": "e1830f1b-50fc-432e-80ec-15b58ccac867",
"currency": "ETH",
"url_callback": "https://your.site/callback",
"network": "eth",
"status": "paid"
}'`
}

// receiver is a merchant's machine.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies [][]byte
	header http.Header
	answer http.HandlerFunc
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.bodies, r.header = append(r.bodies, body), req.Header
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// one is the only body that came since it was last asked.
func (r *receiver) one(t *testing.T) []byte {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.bodies, 1)
	body := r.bodies[0]
	r.bodies = nil
	return body
}

func (r *receiver) none(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Empty(t, r.bodies)
}

const taxiUUID = "860166ce-478c-4087-9813-55cfb6c34580"

// signedCall is a request as a merchant's program sends it.
func signedCall(path, body, key string) request {
	return request{method: "POST", path: path, body: body, contentType: "application/json", key: noKey,
		header: map[string]string{"merchant": taxiUUID, "sign": sign.Sign([]byte(body), key)}}
}

func keyOf(kind string) string {
	if kind == "payout" {
		return "test-payout-api-key"
	}
	return "test-payment-api-key"
}

// testWebhook asks for a test with these fields beside a good url, currency and network; nil leaves one out.
func (w *world) testWebhook(kind string, r *receiver, fields map[string]any) answer {
	w.Helper()
	in := map[string]any{"url_callback": r.URL + "/callback?a=1&b=2", "currency": "ETH", "network": "eth"}
	for name, v := range fields {
		if in[name] = v; v == nil {
			delete(in, name)
		}
	}
	body, err := json.Marshal(in)
	require.NoError(w, err)
	return w.do(signedCall("/v1/test-webhook/"+kind, string(body), keyOf(kind)))
}

// tables is every row of every table, but for some.
func (w *world) tables(but ...string) string {
	w.Helper()
	var tables []string
	require.NoError(w, w.db.NewRaw(`SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`).Scan(w.Context(), &tables))
	require.Greater(w, len(tables), 20)
	var out strings.Builder
	for _, table := range tables {
		if slices.Contains(but, table) {
			continue
		}
		var rows string
		require.NoError(w, w.db.NewRaw(`SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM ? t`, bun.Ident(table)).Scan(w.Context(), &rows))
		fmt.Fprintln(&out, table, rows)
	}
	return out.String()
}

func (w *world) requireTested(a answer) {
	w.Helper()
	require.Equal(w, http.StatusOK, a.StatusCode, a.body)
	require.Equal(w, `{"state":0,"result":[]}`, a.body)
}

func TestDocumentedTestWebhooks(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	for _, example := range testExamples {
		t.Run(example.kind, func(t *testing.T) {
			w := w.in(t)
			command := strings.ReplaceAll(example.curl, "https://your.site", r.URL)
			_, data, _ := strings.Cut(command, "-d '")
			data = strings.TrimSuffix(data, "'")
			command = strings.ReplaceAll(command, "a466b82fad9415cdbf5f47802b8d376c", sign.Sign([]byte(data), example.key))
			req := request{method: "POST", path: "/v1/test-webhook/" + example.kind, body: data, contentType: "application/json", key: noKey, header: map[string]string{}}
			for _, line := range strings.Split(command, " \\\n") {
				if header, ok := strings.CutPrefix(line, "-H '"); ok {
					name, v, _ := strings.Cut(strings.TrimSuffix(header, "'"), ": ")
					req.header[name] = v
				}
			}
			require.Len(t, req.header, 3)
			require.Contains(t, command, "https://api.cryptomus.com"+req.path)
			before := w.tables()
			a := w.do(req)
			w.requireTested(a)
			require.Equal(t, "200", a.Header.Get("X-Webhook-Answer"))
			require.Equal(t, before, w.tables(), "nothing is stored")

			body := r.one(t)
			require.Equal(t, "application/json", r.header.Get("Content-Type"))
			require.NoError(t, sign.VerifyWebhook(body, example.key))
			other := map[bool]string{true: "test-payment-api-key", false: "test-payout-api-key"}[example.kind == "payout"]
			require.ErrorIs(t, sign.VerifyWebhook(body, other), sign.ErrMismatch)
			got := delivered(t, body)
			require.Equal(t, example.kind, got["type"])
			require.Equal(t, fixtures.SampleUUID, got["uuid"])
			require.Equal(t, []any{"ETH", "eth", "paid", true}, []any{got["currency"], got["network"], got["status"], got["is_final"]})
		})
	}
}

// The examples' receiver does not exist. The request was right all the same.
func TestAReceiverThatDoesNotWork(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	for want, answer := range map[string]http.HandlerFunc{
		"500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"302": func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, "/elsewhere", http.StatusFound) },
		"unreachable": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.Close()
			}
		},
	} {
		r.answer = answer
		a := w.testWebhook("payment", r, nil)
		w.requireTested(a)
		require.Equal(t, want, a.Header.Get("X-Webhook-Answer"))
		r.one(t)
	}
	hanging := newLimits(w)
	hanging.api.TestWait = 50 * time.Millisecond
	r.answer = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	a := hanging.testWebhook("payment", r, nil)
	w.requireTested(a)
	require.Equal(t, "timeout", a.Header.Get("X-Webhook-Answer"))

	r.Close()
	a = w.testWebhook("payment", r, nil)
	w.requireTested(a)
	require.Equal(t, "unreachable", a.Header.Get("X-Webhook-Answer"))
}

func delivered(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var out map[string]any
	require.NoError(t, json.Unmarshal(body, &out), string(body))
	return out
}

var paymentStatuses = strings.Fields("process check paid paid_over fail wrong_amount cancel system_fail refund_process refund_fail refund_paid")

// record makes a payout of 2,500,000 rial or a wallet of the documented merchant.
func (w *world) record(table, id, orderID string) {
	w.Helper()
	w.exec(map[string]string{
		"payouts": `INSERT INTO payouts (uuid, merchant_id, order_id, amount, network, rail, provider, key_id, sealed, destination, request)
			SELECT ?, id, ?, 2500000, 'card', 'card', 'sandbox', 'dev', '', '621986******0019', sha256('') FROM merchants WHERE public_id = 'faSDF42w3Fs'`,
		"wallets": `INSERT INTO wallets (uuid, merchant_id, order_id, network, provider)
			SELECT ?, id, ?, 'iban', 'sandbox' FROM merchants WHERE public_id = 'faSDF42w3Fs'`,
	}[table], id, orderID)
}

// An existing payout or wallet is found by either name, too.
func TestATestOfAnExistingPayoutOrWallet(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	for table, kind := range map[string]string{"payouts": "payout", "wallets": "wallet"} {
		id := uuid.NewString()
		w.record(table, id, "order-"+kind)
		for _, fields := range []map[string]any{{"uuid": id}, {"order_id": "order-" + kind}, {"uuid": id, "order_id": "nothing"}} {
			fields["currency"], fields["network"] = "IRR", map[string]string{"payout": "paya", "wallet": "iban"}[kind]
			w.requireTested(w.testWebhook(kind, r, fields))
			body := r.one(t)
			require.NoError(t, sign.VerifyWebhook(body, keyOf(kind)))
			got := delivered(t, body)
			require.Equal(t, []any{id, "order-" + kind, map[string]string{"payout": "2500000.00000000", "wallet": "150000.00000000"}[kind]}, []any{got["uuid"], got["order_id"], got["amount"]})
		}
		w.requireRefused(w.testWebhook("payment", r, map[string]any{"uuid": id}), http.StatusUnprocessableEntity, "Not found payment")
		w.exec(`UPDATE ? SET merchant_id = (SELECT id FROM merchants WHERE public_id = 'demo-fast')`, bun.Ident(table))
		w.requireRefused(w.testWebhook(kind, r, map[string]any{"uuid": id}), http.StatusUnprocessableEntity, "Not found "+kind)
		w.requireRefused(w.testWebhook(kind, r, map[string]any{"order_id": "order-" + kind}), http.StatusUnprocessableEntity, "Not found "+kind)
	}
}

func TestEveryStatusOfATest(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	before := w.tables()
	for kind, statuses := range map[string][]string{
		"payment": paymentStatuses, "wallet": paymentStatuses, "payout": strings.Fields("process check paid fail cancel system_fail"),
	} {
		for _, status := range statuses {
			w.requireTested(w.testWebhook(kind, r, map[string]any{"status": status}))
			body := r.one(t)
			require.NoError(t, sign.VerifyWebhook(body, keyOf(kind)))
			got := delivered(t, body)
			require.Equal(t, status, got["status"])
			require.Equal(t, kind, got["type"])
			require.Equal(t, status != "process" && status != "check" && status != "refund_process", got["is_final"], status)
			require.NoError(t, uuid.Validate(got["uuid"].(string)))
			require.Regexp(t, `^[0-9a-f]{32}$`, got["order_id"], "invented")
			if kind != "payout" {
				paid := map[string]string{"paid": "15", "refund_process": "15", "refund_fail": "15", "refund_paid": "15", "paid_over": "22.5", "wrong_amount": "7.5"}[status]
				require.Equal(t, paid != "", got["txid"] != nil, "only what was paid has one: %s", body)
				require.Equal(t, "15.00000000", got["amount"])
				require.True(t, strings.HasPrefix(got["payment_amount"].(string), map[bool]string{true: "0.00000000", false: paid}[paid == ""]), "%s: %s", status, body)
			}
		}
	}
	require.Equal(t, before, w.tables(), "nothing is stored")
}

// Fields in the documented order, with and without what may be absent.
func TestTheBodyOfATest(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	names := func(body []byte) (list []string) {
		d := json.NewDecoder(strings.NewReader(string(body)))
		for depth, isName := 0, true; ; {
			token, err := d.Token()
			if err != nil {
				return list
			}
			if delim, ok := token.(json.Delim); ok {
				depth += map[json.Delim]int{'{': 1, '}': -1}[delim]
				continue
			}
			if isName {
				list = append(list, token.(string))
			}
			isName = !isName
		}
	}
	w.requireTested(w.testWebhook("wallet", r, map[string]any{"status": "paid"}))
	body := r.one(t)
	require.Equal(t, strings.Fields("type uuid order_id amount payment_amount payment_amount_usd merchant_amount commission is_final status from wallet_address_uuid "+
		"network currency payer_currency payer_amount payer_amount_exchange_rate transfer_id additional_data txid sign"), names(body))
	got := delivered(t, body)
	require.Equal(t, got["uuid"], got["wallet_address_uuid"])
	require.Equal(t, []any{"15.00000000", "14.70000000", "0.30000000"}, []any{got["payment_amount"], got["merchant_amount"], got["commission"]})
	w.requireTested(w.testWebhook("payout", r, map[string]any{"status": "paid", "currency": "USDT", "network": "tron"}))
	body = r.one(t)
	require.Equal(t, strings.Fields("type uuid order_id amount merchant_amount commission is_final status txid currency network payer_currency payer_amount sign"), names(body))
	got = delivered(t, body)
	require.Equal(t, []any{"15.00000000", "17.00000000", "2.00000000"}, []any{got["amount"], got["merchant_amount"], got["commission"]})
	w.requireTested(w.testWebhook("payout", r, map[string]any{"status": "fail"}))
	require.NotContains(t, string(r.one(t)), "txid")
}

// An existing record is found by either name; the uuid wins; rial are the record's, and so is the merchant's text.
func TestATestOfAnExistingPayment(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	token := w.create("payload", "سفارش ۱/۲ \u2028 \"نقل\"", "amount", "12345")
	p, err := w.store.PaymentByToken(t.Context(), token)
	require.NoError(t, err)
	for name, fields := range map[string]map[string]any{
		"uuid": {"uuid": p.UUID}, "uuid in capitals": {"uuid": strings.ToUpper(p.UUID)}, "order id": {"order_id": token},
		"both": {"uuid": p.UUID, "order_id": fixtures.SampleToken}, "uuid and an unknown order id": {"uuid": p.UUID, "order_id": "nothing"},
		"null uuid": {"uuid": json.RawMessage("null"), "order_id": token},
	} {
		fields["currency"], fields["network"] = "IRR", "card"
		w.requireTested(w.testWebhook("payment", r, fields))
		body := r.one(t)
		require.NoError(t, sign.VerifyWebhook(body, "test-payment-api-key"), name)
		got := delivered(t, body)
		require.Equal(t, []any{p.UUID, token, "12345.00000000", "12345.00000000", "12345.00000000", "0.00000000"},
			[]any{got["uuid"], got["order_id"], got["amount"], got["payment_amount"], got["merchant_amount"], got["commission"]}, name)
		require.Equal(t, "سفارش ۱/۲ \u2028 \"نقل\"", got["additional_data"])
		require.Contains(t, string(body), `\u2028`, "as PHP writes it")
		require.Contains(t, string(body), `۱\/۲`)
	}
	w.requireTested(w.testWebhook("payment", r, map[string]any{"uuid": p.UUID}))
	require.Equal(t, "15.00000000", delivered(t, r.one(t))["amount"], "12,345 rial are not 12,345 ether")
}

// The contract's text names the payment key for payouts too. What is delivered is signed with the payout key.
func TestAPayoutTestSignedWithThePaymentKey(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	body := fmt.Sprintf(`{"url_callback":%q,"currency":"ETH","network":"eth"}`, r.URL)
	w.requireTested(w.do(signedCall("/v1/test-webhook/payout", body, "test-payment-api-key")))
	require.NoError(t, sign.VerifyWebhook(r.one(t), "test-payout-api-key"))

	for _, path := range []string{"/v1/test-webhook/payment", "/v1/test-webhook/wallet"} {
		require.Equal(t, http.StatusUnauthorized, w.do(signedCall(path, body, "test-payout-api-key")).StatusCode)
	}
	w.exec(`UPDATE signing_keys SET replaced_at = now(), ends_at = now() + interval '1 hour' WHERE kind = 'payout'`)
	a := w.do(signedCall("/v1/test-webhook/payout", body, "test-payout-api-key"))
	require.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
	require.JSONEq(t, `{"state":1,"message":"The merchant has no payout key to sign with"}`, a.body)
	r.none(t)
}

// After a rotation requests may be signed with either key, and webhooks are signed with the new one.
func TestTestsAfterARotation(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	taxi, err := w.store.Merchant(t.Context(), "faSDF42w3Fs")
	require.NoError(t, err)
	require.NoError(t, w.store.RotateSigningKey(t.Context(), w.vault, taxi.ID, store.PaymentKey, "the-new-key", 1e9))
	body := fmt.Sprintf(`{"url_callback":%q,"currency":"ETH","network":"eth"}`, r.URL)
	for _, key := range []string{"the-new-key", "test-payment-api-key"} {
		w.requireTested(w.do(signedCall("/v1/test-webhook/payment", body, key)))
		require.NoError(t, sign.VerifyWebhook(r.one(t), "the-new-key"))
	}
}

// Outside development the machines next to us are out of reach, also under a name that leads to them.
func TestTestsReachNobodyPrivate(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.Dev = false })
	r := newReceiver(t)
	for _, target := range []string{r.URL, strings.Replace(r.URL, "127.0.0.1", "localhost", 1), "http://example.com/", "https://10.0.0.1/", "https://example.com:8443/", "https://127.1/", "https://[::1]/"} {
		w.requireRules(w.testWebhook("payment", r, map[string]any{"url_callback": target}), "url_callback", "validation.url")
	}
	dev := newWorld(t)
	for _, target := range []string{"http://10.0.0.1/", "http://169.254.169.254/latest", "http://[fd00::1]:80/", "https://192.168.1.1/"} {
		dev.requireRules(dev.testWebhook("payment", r, map[string]any{"url_callback": target}), "url_callback", "validation.url")
	}
	r.none(t)
}
