package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/store"
)

// walletIBANs are accounts that the bank may give.
var walletIBANs = []string{"IR930560000000001234567890", "IR100120000000005400112233", "IR850620000000100123456789"}

// gives has the saga open every wallet with this account; empty: the bank gives none.
func (w *world) gives(address string) {
	w.sagas.wallet = func(ctx context.Context, id string) error {
		found := one[int64](w, `SELECT id FROM wallets WHERE uuid = ?`, id)
		why := ""
		if address == "" {
			why = "the bank gives no accounts"
		}
		_, err := w.store.WalletOpened(ctx, found, address, why)
		return err
	}
}

func (w *world) newWallet(pairs ...any) map[string]any {
	return changed(map[string]any{"currency": "IRR", "network": "iban", "order_id": fmt.Sprintf("customer-%d", w.count.Add(1))}, pairs...)
}

func (w *world) wallet(a answer) (out contracts.V1Wallet) {
	w.Helper()
	w.v1OK(a, &out)
	return out
}

func TestOpenWallet(t *testing.T) {
	w := newWorld(t)
	w.gives(walletIBANs[0])
	in := w.newWallet("order_id", "customer-9", "url_callback", "https://shop.example/callback")
	a := w.wallet(w.v1("/v1/wallet", in))
	require.NoError(t, uuid.Validate(a.UUID))
	require.Equal(t, contracts.V1Wallet{WalletUUID: a.UUID, UUID: a.UUID, OrderID: "customer-9", Address: &walletIBANs[0], Network: "iban", Currency: "IRR",
		Status: "active", CreatedAt: a.CreatedAt}, a)
	require.Equal(t, "start", w.heardBy("wallet", a.UUID))

	before := w.tables()
	w.sagas.wallet = nil // nobody is asked again
	require.Equal(t, a, w.wallet(w.v1("/v1/wallet", in)))
	for _, by := range []map[string]any{{"uuid": a.UUID}, {"order_id": "customer-9"}, {"order_id": "customer-9", "uuid": uuid.NewString()}} {
		require.Equal(t, a, w.wallet(w.v1("/v1/wallet/info", by)))
	}
	require.Equal(t, before, w.tables())

	_, err := w.store.CreditWallet(t.Context(), one[int64](w, `SELECT id FROM wallets WHERE uuid = ?`, a.UUID), []store.WalletDeposit{
		{ProviderID: "d-1", Amount: 750_000, Payer: "603799******0014", TrackingID: "t-1", At: time.Now()}, {ProviderID: "d-2", Amount: 10_000, At: time.Now()},
	})
	require.NoError(t, err)
	info := w.wallet(w.v1("/v1/wallet/info", map[string]any{"uuid": a.UUID}))
	require.Len(t, info.Deposits, 2)
	require.Equal(t, []string{"10000.00000000", "750000.00000000"}, []string{info.Deposits[0].Amount, info.Deposits[1].Amount}, "newest first")
	require.Equal(t, []string{"603799******0014", "t-1"}, []string{info.Deposits[1].From, info.Deposits[1].TxID})
	require.Nil(t, w.wallet(w.v1("/v1/wallet", in)).Deposits, "in info only")
}

// A wallet is for good, its merchant's server is not: the URL that was named last is told.
func TestWalletMovesItsCallback(t *testing.T) {
	w := newWorld(t)
	w.gives(walletIBANs[0])
	tells := func() string {
		return one[string](w, `SELECT coalesce((SELECT e.url FROM webhook_endpoints e WHERE e.id = w.callback_id), '') FROM wallets w WHERE order_id = 'moves'`)
	}
	var id string
	for _, step := range []struct{ named, told string }{
		{"", ""}, {"https://old.example/callback", "https://old.example/callback"}, {"", "https://old.example/callback"},
		{"https://new.example/callback", "https://new.example/callback"}, {"https://new.example/callback", "https://new.example/callback"},
	} {
		in := w.newWallet("order_id", "moves")
		if step.named != "" {
			in["url_callback"] = step.named
		}
		got := w.wallet(w.v1("/v1/wallet", in))
		require.Contains(t, []string{"", got.UUID}, id, "the same wallet")
		id = got.UUID
		require.Equal(t, step.told, tells())
	}
}

// While the bank is silent the wallet stays, and the same request goes on waiting for it.
func TestWalletThatIsStillOpening(t *testing.T) {
	w := newWorld(t)
	in := w.newWallet()
	for range 2 {
		a := w.v1("/v1/wallet", in)
		w.requireRefused(a, http.StatusServiceUnavailable, "The bank has not given the account yet; ask again")
		require.Equal(t, "5", a.Header.Get("Retry-After"))
	}
	require.NotContains(t, w.v1("/v1/wallet", in).body, "10.1.2.3")
	info := w.wallet(w.v1("/v1/wallet/info", map[string]any{"order_id": in["order_id"]}))
	require.Equal(t, "opening", info.Status)
	require.Nil(t, info.Address)
	require.Equal(t, "start", w.heardBy("wallet", info.UUID))
	w.gives(walletIBANs[1])
	require.Equal(t, []string{info.UUID, walletIBANs[1]}, []string{w.wallet(w.v1("/v1/wallet", in)).UUID, *w.wallet(w.v1("/v1/wallet", in)).Address})

	w.gives("")
	blocked := w.wallet(w.v1("/v1/wallet", w.newWallet("order_id", "none")))
	require.Equal(t, "blocked", blocked.Status)
	require.Nil(t, blocked.Address)
	w.sagas.wallet = nil
	require.Equal(t, blocked, w.wallet(w.v1("/v1/wallet", w.newWallet("order_id", "none"))), "it is not waited for again")
}

func TestWalletTwins(t *testing.T) {
	w := newWorld(t)
	w.gives(walletIBANs[0])
	body, err := json.Marshal(w.newWallet("order_id", "twins", "url_callback", "https://shop.example/callback"))
	require.NoError(t, err)
	ids := map[string]int{}
	for _, a := range w.atOnce(16, func(int) request { return signedCall("/v1/wallet", string(body), "test-payment-api-key") }) {
		got := w.wallet(a)
		ids[got.UUID+" "+*got.Address]++
	}
	require.Len(t, ids, 1)
	require.Equal(t, 1, one[int](w, `SELECT count(*) FROM wallets WHERE order_id = 'twins'`))
	require.Equal(t, 1, one[int](w, `SELECT count(*) FROM outbox WHERE saga = 'wallet' AND ref = (SELECT uuid::text FROM wallets WHERE order_id = 'twins')`))
}

func TestWalletBadInput(t *testing.T) {
	w := newWorld(t)
	w.gives(walletIBANs[0])
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	before := w.tables()
	for name, tt := range map[string]struct {
		in   []any
		want string
	}{
		"nothing":               {[]any{"currency", nil, "network", nil, "order_id", nil}, "currency required; network required; order_id required"},
		"nulls":                 {[]any{"currency", raw("null"), "network", raw("null"), "order_id", raw("null")}, "currency required; network required; order_id required"},
		"lists":                 {[]any{"currency", raw("[]"), "network", raw(`["iban"]`), "order_id", raw("[1]"), "url_callback", raw("[]")}, "currency string; network string; order_id string; url_callback string"},
		"objects":               {[]any{"currency", raw("{}"), "network", raw("{}"), "order_id", raw("{}"), "url_callback", raw("{}")}, "currency string; network string; order_id string; url_callback string"},
		"numbers":               {[]any{"currency", 1, "network", 2, "order_id", 3, "url_callback", 4}, "currency string; network string; order_id string; url_callback string"},
		"order_id empty":        {[]any{"order_id", ""}, "order_id min"},
		"order_id of 101":       {[]any{"order_id", strings.Repeat("x", 101)}, "order_id max"},
		"order_id with a space": {[]any{"order_id", "a b"}, "order_id alpha_dash"},
		"url of 5":              {[]any{"url_callback", "a://b"}, "url_callback min url"},
		"url of 256":            {[]any{"url_callback", "https://shop.example/" + strings.Repeat("x", 235)}, "url_callback max url"},
		"url no URL":            {[]any{"url_callback", "shop.example/callback"}, "url_callback url"},
		"url with credentials":  {[]any{"url_callback", "https://user:pass@shop.example/"}, "url_callback url"},
		"url private":           {[]any{"url_callback", "https://192.168.0.1/"}, "url_callback url"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.requireRules(w.v1("/v1/wallet", w.newWallet(tt.in...)), rules(tt.want)...)
		})
	}
	for _, pair := range [][2]string{{"IRR", "card"}, {"IRR", "paya"}, {"USDT", "tron"}, {"irr", "iban"}} {
		w.requireRefused(w.v1("/v1/wallet", w.newWallet("currency", pair[0], "network", pair[1])), http.StatusUnprocessableEntity, "Payment service not found")
	}
	require.Equal(t, before, w.tables())

	none := newWorld(t, func(d *api.Deps) { d.WalletBank = "" })
	none.requireRefused(none.v1("/v1/wallet", none.newWallet()), http.StatusUnprocessableEntity, "Payment service not found")

	in := w.newWallet()
	made := w.wallet(w.v1("/v1/wallet", in))
	w.exec(`UPDATE merchants SET disabled_at = now()`)
	w = newLimits(w)
	w.requireRefused(w.v1("/v1/wallet", w.newWallet()), http.StatusForbidden, "The merchant is disabled")
	require.Equal(t, made, w.wallet(w.v1("/v1/wallet", in)), "what is there is told")
}

func TestWalletsOfOthersAndPages(t *testing.T) {
	w := newWorld(t)
	fast, _, key := w.otherMerchant()
	w.gives(walletIBANs[0])
	mine := w.wallet(w.v1("/v1/wallet", w.newWallet("order_id", "same")))
	w.gives(walletIBANs[1])
	theirs := w.wallet(w.v1As(fast.UUID, key, "/v1/wallet", w.newWallet("order_id", "same")))
	require.NotEqual(t, mine.UUID, theirs.UUID)
	w.requireRefused(w.v1("/v1/wallet/info", map[string]any{"uuid": theirs.UUID}), http.StatusUnprocessableEntity, "Not found wallet")
	w.requireRefused(w.v1As(fast.UUID, key, "/v1/wallet/info", map[string]any{"uuid": mine.UUID}), http.StatusUnprocessableEntity, "Not found wallet")

	w.gives("")
	for range 49 {
		w.wallet(w.v1("/v1/wallet", w.newWallet()))
	}
	var first, second struct {
		Items    []contracts.V1Wallet `json:"items"`
		Paginate contracts.V1Cursor   `json:"paginate"`
	}
	w.v1OK(w.v1("/v1/wallet/list", map[string]any{}), &first)
	require.Equal(t, []int{50, 50}, []int{len(first.Items), first.Paginate.Count})
	w.v1OK(w.v1("/v1/wallet/list", map[string]any{"cursor": *first.Paginate.NextCursor}), &second)
	require.Len(t, second.Items, 1, "the sample wallet")
	require.Nil(t, second.Paginate.NextCursor)
	require.Equal(t, mine, first.Items[49])
	require.NotContains(t, w.v1("/v1/wallet/list", map[string]any{}).body, theirs.UUID)
}

// notice is what the bank says, unsigned.
func notice(body string) request {
	return request{method: "POST", path: "/v1/wallet/notify", body: body, contentType: "application/json", key: noKey}
}

// A notice makes the saga ask the bank, once however many come, and tells nobody whose account it is.
func TestWalletNotices(t *testing.T) {
	w := newWorld(t)
	w.gives(walletIBANs[0])
	mine := w.wallet(w.v1("/v1/wallet", w.newWallet()))
	before := w.tables()
	for _, other := range []string{walletIBANs[1], payoutIBAN, "IR27-0170-0000-0010-0324-2000-01", payoutIBAN[2:]} {
		w.requireTested(w.do(notice(`{"iban":"` + other + `"}`)))
	}
	require.Equal(t, before, w.tables(), "nobody's account starts nothing")
	others := w.tables("outbox")
	for _, spelled := range []string{*mine.Address, "930560000000001234567890", "IR93 0560 0000 0000 1234 5678 90", "۹۳۰۵۶۰۰۰۰۰۰۰۰۰۱۲۳۴۵۶۷۸۹۰"} {
		w.requireTested(w.do(notice(`{"iban":"` + spelled + `","amount":"1000000","paid":true}`)))
	}
	require.Equal(t, "start arrived", w.heardBy("wallet", mine.UUID), "one message at a time")
	require.Equal(t, others, w.tables("outbox"), "a notice proves nothing")
	after := w.tables()

	for body, want := range map[string]string{
		`{}`: "iban required", ``: "iban required", `{"iban":null}`: "iban required", `{"iban":" "}`: "iban required", `{"iban":930560000000001234567890}`: "iban string",
		`{"iban":["` + walletIBANs[0] + `"]}`: "iban string", `{"iban":"` + strings.Repeat("0", 65) + `"}`: "iban max", `{"iban":"IR940560000000001234567890"}`: "iban iban",
		`{"iban":"` + payerCard + `"}`: "iban iban", `{"iban":"x"}`: "iban iban",
	} {
		w.requireRules(w.do(notice(body)), rules(want)...)
	}
	for body, want := range map[string]string{
		`{"iban"`: "The body is not a JSON object", `[1]`: "The body is not a JSON object", "{\"iban\":\"\xff\"}": "The body is not valid UTF-8",
		`{"iban":"a","IBAN":"b"}`: "The field IBAN comes twice",
	} {
		w.requireRefused(w.do(notice(body)), http.StatusUnprocessableEntity, want)
	}
	text := notice(`{"iban":"` + walletIBANs[0] + `"}`)
	text.contentType = "text/plain"
	w.requireRefused(w.do(text), http.StatusUnsupportedMediaType, "Send application/json")
	large := w.raw("POST /v1/wallet/notify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n" + strings.Repeat("x", 65537))
	w.spec.check(t, request{method: "POST", path: "/v1/wallet/notify"}.build(t), large[0], false)
	w.requireRefused(large[0], http.StatusRequestEntityTooLarge, "The body may have at most 65536 bytes")
	require.Equal(t, after, w.tables())

	require.NoError(t, w.db.Close())
	w.requireRefused(w.do(text.with("application/json")), http.StatusInternalServerError, "Internal error")
}

func (r request) with(contentType string) request { r.contentType = contentType; return r }

// Anybody may send notices, so an address has few.
func TestWalletNoticesAreFew(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.01, 2 })
	w.requireTested(w.do(notice(`{"iban":"` + payoutIBAN + `"}`)))
	w.requireRules(w.do(notice(`{}`)), "iban", "validation.required")
	a := w.do(notice(`{"iban":"` + payoutIBAN + `"}`))
	require.Equal(t, http.StatusTooManyRequests, a.StatusCode)
	require.Contains(t, a.body, `{"state":1,"message":"Too many requests; try again in`)
	require.NotEmpty(t, a.Header.Get("Retry-After"))
}
