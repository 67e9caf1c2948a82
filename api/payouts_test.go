package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

const (
	payoutIBAN   = "IR270170000000100324200001"
	maskedPayout = "IR27017***************0001"
)

// payoutBank has the rails of the simulated bank.
func payoutBank() api.PayoutBank {
	can := payouts.NewSandbox(payouts.SandboxConfig{BaseURL: "http://127.0.0.1:1"}).Capabilities()
	return api.PayoutBank{Provider: "sandbox", Rail: func(network string, amount money.Rial) (string, error) {
		kind := payouts.KindIBAN
		switch network {
		case "paya", "satna":
			return network, nil
		case "card":
			kind = payouts.KindCard
		}
		rail, err := can.RailFor(amount, kind)
		return string(rail.Rail), err
	}}
}

// paySample ends the sample payout, as its saga does soon after the start: nothing is held.
func (w *world) paySample() {
	w.Helper()
	p, err := w.store.Payout(w.Context(), fixtures.SampleUUID)
	require.NoError(w, err)
	_, _, err = w.store.SubmitPayout(w.Context(), p.ID)
	require.NoError(w, err)
	_, err = w.store.RecordPayout(w.Context(), store.PayoutWord{PayoutID: p.ID, State: state.PayoutPaid, TrackingID: "SAMPLE"})
	require.NoError(w, err)
}

// changed is a body with these fields instead; nil leaves one out.
func changed(in map[string]any, pairs ...any) map[string]any {
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		if in[name] = pairs[i+1]; pairs[i+1] == nil {
			delete(in, name)
		}
	}
	return in
}

// payoutOrder is a body that can be ordered.
func (w *world) payoutOrder(pairs ...any) map[string]any {
	return changed(map[string]any{"amount": "250000", "currency": "IRR", "network": "iban", "address": payoutIBAN,
		"order_id": fmt.Sprintf("order-%d", w.count.Add(1))}, pairs...)
}

// v1 makes a signed call of the documented merchant.
func (w *world) v1(path string, fields map[string]any) answer {
	w.Helper()
	return w.v1As(taxiUUID, keyOfPath(path), path, fields)
}

func (w *world) v1As(merchant, key, path string, fields map[string]any) answer {
	w.Helper()
	body, err := json.Marshal(fields)
	require.NoError(w, err)
	r := signedCall(path, string(body), key)
	r.header["merchant"] = merchant
	return w.do(r)
}

// v1OK reads the result of a success, strictly.
func (w *world) v1OK(a answer, result any) {
	w.Helper()
	require.Equal(w, http.StatusOK, a.StatusCode, a.body)
	e := struct {
		State  *int `json:"state"`
		Result any  `json:"result"`
	}{Result: result}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	require.NoError(w, d.Decode(&e), a.body)
	require.NotNil(w, e.State)
	require.Zero(w, *e.State)
}

func (w *world) payout(a answer) (p contracts.V1Payout) {
	w.Helper()
	w.v1OK(a, &p)
	return p
}

// otherMerchant is demo-fast with a payout and a payment key of its own.
func (w *world) otherMerchant() (m store.Merchant, payoutKey, paymentKey string) {
	w.Helper()
	m, err := w.store.Merchant(w.Context(), "demo-fast")
	require.NoError(w, err)
	payoutKey, paymentKey = "fast-payout-key", "fast-payment-key"
	require.NoError(w, w.store.AddSigningKey(w.Context(), w.vault, m.ID, store.PayoutKey, payoutKey))
	require.NoError(w, w.store.AddSigningKey(w.Context(), w.vault, m.ID, store.PaymentKey, paymentKey))
	return m, payoutKey, paymentKey
}

// money is what a merchant may spend, and what is held for it, by the ledger.
func (w *world) money() (b store.Balance) {
	w.Helper()
	account := `SELECT coalesce(sum(CASE WHEN credit_account = a THEN amount ELSE -amount END), 0)::bigint
		FROM ledger_transfers, (SELECT 'merchant/' || id || ? AS a FROM merchants WHERE public_id = 'faSDF42w3Fs') m WHERE a IN (credit_account, debit_account)`
	return store.Balance{Available: one[money.Rial](w, account, "/available"), Held: one[money.Rial](w, account, "/held")}
}

func TestOrderPayout(t *testing.T) {
	w := newWorld(t)
	before := w.money()
	p := w.payout(w.v1("/v1/payout", w.payoutOrder("order_id", "order-17", "holder", "سارا نمونه", "note", "بابت سفارش")))
	require.NoError(t, uuid.Validate(p.UUID))
	left := fmt.Sprintf("%d.00000000", before.Available-250_000)
	require.Equal(t, contracts.V1Payout{
		UUID: p.UUID, OrderID: "order-17", Amount: "250000.00000000", Commission: "0.00000000", MerchantAmt: "250000.00000000",
		Currency: "IRR", Network: "iban", Address: maskedPayout, Status: "process", Balance: &left,
		PayerCurrency: "IRR", PayerAmount: "250000.00000000", CreatedAt: p.CreatedAt,
	}, p)
	require.Equal(t, store.Balance{Available: before.Available - 250_000, Held: before.Held + 250_000}, w.money())
	require.Equal(t, "paya سارا نمونه بابت سفارش", one[string](w, `SELECT concat_ws(' ', rail, holder, note) FROM payouts WHERE uuid = ?`, p.UUID))
	require.Equal(t, "start", one[string](w, `SELECT string_agg(message, ' ') FROM outbox WHERE saga = 'payout' AND ref = ?`, p.UUID))
	require.Equal(t, payoutIBAN, w.payoutNumber(p.UUID))

	p.Balance = nil
	for name, by := range map[string]map[string]any{
		"uuid": {"uuid": p.UUID}, "uuid in capitals": {"uuid": strings.ToUpper(p.UUID)}, "order_id": {"order_id": "order-17"},
		"both, order_id counts": {"order_id": "order-17", "uuid": uuid.NewString()}, "null": {"order_id": "order-17", "uuid": json.RawMessage("null")},
	} {
		require.Equal(t, p, w.payout(w.v1("/v1/payout/info", by)), name)
	}
	require.Equal(t, p.UUID, w.payoutList("").Items[0].UUID)
}

// payoutNumber opens where a payout goes.
func (w *world) payoutNumber(id string) string {
	w.Helper()
	p, err := w.store.Payout(w.Context(), id)
	require.NoError(w, err)
	o, err := w.store.PayoutOrder(w.Context(), p.ID)
	require.NoError(w, err)
	number, err := w.vault.OpenText(p.MerchantID, vault.PayoutDestination, o.Number)
	require.NoError(w, err)
	return number
}

type payoutPage struct {
	Items    []contracts.V1Payout `json:"items"`
	Paginate contracts.V1Cursor   `json:"paginate"`
}

func (w *world) payoutList(cursor string) (page payoutPage) {
	w.Helper()
	in := map[string]any{}
	if cursor != "" {
		in["cursor"] = cursor
	}
	w.v1OK(w.v1("/v1/payout/list", in), &page)
	return page
}

// Each network, and which rail carries it.
func TestPayoutNetworks(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
		SELECT 'test/money', 'merchant/' || id || '/available', 3000000000, 'test' FROM merchants WHERE public_id = 'faSDF42w3Fs'`)
	for _, tt := range []struct{ network, address, amount, masked, rail string }{
		{"card", payerCard, "10000", "603799******0014", "card"},
		{"card", "6037-9900 ۰۰۰۰ 0014", "100000000", "603799******0014", "card"},
		{"iban", payoutIBAN, "10000", maskedPayout, "paya"},
		{"iban", "ir27 0170 0000 0010 0324 2000 01", "1000000000", maskedPayout, "paya"},
		{"iban", "۲۷۰۱۷۰۰۰۰۰۰۰۱۰۰۳۲۴۲۰۰۰۰۱", "1000000001", maskedPayout, "satna"},
		{"paya", payoutIBAN, "10000", maskedPayout, "paya"},
		{"satna", payoutIBAN, "500000000", maskedPayout, "satna"},
	} {
		p := w.payout(w.v1("/v1/payout", w.payoutOrder("network", tt.network, "address", tt.address, "amount", tt.amount)))
		require.Equal(t, []string{tt.network, tt.masked, tt.amount + ".00000000"}, []string{p.Network, p.Address, p.Amount})
		require.Equal(t, tt.rail, one[string](w, `SELECT rail FROM payouts WHERE uuid = ?`, p.UUID))
		want := payoutIBAN
		if tt.network == "card" {
			want = payerCard
		}
		require.Equal(t, want, w.payoutNumber(p.UUID))
	}
}

// What the bank says is read in the contract's six words.
func TestPayoutStatuses(t *testing.T) {
	w := newWorld(t)
	for to, want := range map[state.Payout]struct {
		status string
		final  bool
	}{
		state.PayoutReserved: {"process", false}, state.PayoutUnknown: {"check", false}, state.PayoutSent: {"check", false},
		state.PayoutPaid: {"paid", true}, state.PayoutRefused: {"fail", true}, state.PayoutUnsent: {"system_fail", true},
		state.PayoutCancelled: {"cancel", true},
	} {
		before := w.money()
		made := w.payout(w.v1("/v1/payout", w.payoutOrder()))
		w.bringPayout(made.UUID, to)
		p := w.payout(w.v1("/v1/payout/info", map[string]any{"uuid": made.UUID}))
		require.Equal(t, []any{want.status, want.final, want.final}, []any{p.Status, p.IsFinal, p.EndedAt != nil}, to)
		require.Nil(t, p.Balance)
		switch to {
		case state.PayoutPaid:
			require.Equal(t, "TRACK-1", *p.TxID)
			require.Nil(t, p.Why)
			require.Equal(t, store.Balance{Available: before.Available - 250_000, Held: before.Held}, w.money())
		case state.PayoutSent:
			require.Contains(t, *p.DueAt, "+03:30")
		case state.PayoutRefused, state.PayoutUnsent, state.PayoutCancelled:
			require.NotEmpty(t, *p.Why)
			require.Equal(t, before, w.money())
		}
	}
}

// bringPayout brings a reserved payout into a state, as its saga does.
func (w *world) bringPayout(id string, to state.Payout) {
	w.Helper()
	p, err := w.store.Payout(w.Context(), id)
	require.NoError(w, err)
	switch to {
	case state.PayoutReserved:
		return
	case state.PayoutCancelled:
		w.payout(w.v1("/v1/payout/cancel", map[string]any{"uuid": id}))
		return
	}
	_, may, err := w.store.SubmitPayout(w.Context(), p.ID)
	require.NoError(w, err)
	require.True(w, may)
	word := store.PayoutWord{PayoutID: p.ID, State: to}
	switch to {
	case state.PayoutPaid:
		word.TrackingID = "TRACK-1"
	case state.PayoutSent:
		word.Due = time.Now().Add(time.Hour)
	case state.PayoutRefused, state.PayoutUnsent:
		word.Why = "the bank refused the order"
	}
	now, err := w.store.RecordPayout(w.Context(), word)
	require.NoError(w, err)
	require.Equal(w, to, now)
}

// A payout is taken back while it cannot have left, however often it is asked.
func TestCancelPayout(t *testing.T) {
	w := newWorld(t)
	before := w.money()
	p := w.payout(w.v1("/v1/payout", w.payoutOrder("order_id", "back")))
	first := w.v1("/v1/payout/cancel", map[string]any{"order_id": "back"})
	require.Equal(t, []any{"cancel", true}, []any{w.payout(first).Status, w.payout(first).IsFinal})
	require.Equal(t, before, w.money())
	require.Equal(t, "start resolved", w.heardBy("payout", p.UUID))
	rows := w.tables()
	require.Equal(t, first.body, w.v1("/v1/payout/cancel", map[string]any{"uuid": p.UUID}).body, "again")
	require.Equal(t, rows, w.tables())

	late := w.payout(w.v1("/v1/payout", w.payoutOrder()))
	stored, err := w.store.Payout(t.Context(), late.UUID)
	require.NoError(t, err)
	_, _, err = w.store.SubmitPayout(t.Context(), stored.ID)
	require.NoError(t, err)
	refused := func(id string) {
		rows := w.tables()
		w.requireRefused(w.v1("/v1/payout/cancel", map[string]any{"uuid": id}), http.StatusUnprocessableEntity, "The payout has left or is decided and cannot be cancelled")
		require.Equal(t, rows, w.tables())
	}
	refused(late.UUID)
	for _, to := range []state.Payout{state.PayoutUnknown, state.PayoutSent, state.PayoutPaid, state.PayoutRefused, state.PayoutUnsent} {
		p := w.payout(w.v1("/v1/payout", w.payoutOrder()))
		w.bringPayout(p.UUID, to)
		refused(p.UUID)
	}
}

// heardBy is what a saga was told.
func (w *world) heardBy(saga, ref string) string {
	w.Helper()
	return one[string](w, `SELECT coalesce(string_agg(message, ' ' ORDER BY id), '') FROM outbox WHERE saga = ? AND ref = ?`, saga, ref)
}

// A merchant without a way for money out, a disabled one, and one that is spent.
func TestPayoutsThatAreNotTaken(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.Payouts = api.PayoutBank{} })
	w.requireRefused(w.v1("/v1/payout", w.payoutOrder()), http.StatusUnprocessableEntity, "Payout service not found")

	w = newWorld(t, func(d *api.Deps) {
		d.Payouts.Rail = func(string, money.Rial) (string, error) {
			return "", &payouts.NoRail{Kind: payouts.KindIBAN, Min: 10_000, Max: 100_000}
		}
	})
	rows := w.tables()
	w.requireRefused(w.v1("/v1/payout", w.payoutOrder()), http.StatusUnprocessableEntity,
		"The amount cannot be sent there: no rail for the amount: a destination of kind iban takes 10,000 to 100,000 rial")
	require.Equal(t, rows, w.tables())

	w = newWorld(t)
	made := w.payoutOrder()
	p := w.payout(w.v1("/v1/payout", made))
	w.exec(`UPDATE merchants SET disabled_at = now()`)
	w = newLimits(w)
	rows = w.tables()
	w.requireRefused(w.v1("/v1/payout", w.payoutOrder()), http.StatusForbidden, "The merchant is disabled")
	require.Equal(t, rows, w.tables())
	require.Equal(t, p.UUID, w.payout(w.v1("/v1/payout", made)).UUID, "what was ordered before is told")
	require.Equal(t, p.UUID, w.payout(w.v1("/v1/payout/info", map[string]any{"uuid": p.UUID})).UUID)
}

func TestPayoutsEndWithTheBalance(t *testing.T) {
	w := newWorld(t)
	have := w.money().Available
	w.payout(w.v1("/v1/payout", w.payoutOrder("amount", int64(have-20_000))))
	rows := w.tables()
	w.requireRefused(w.v1("/v1/payout", w.payoutOrder("amount", 20_001, "url_callback", "https://shop.example/callback")), http.StatusUnprocessableEntity, "Not enough funds")
	require.Equal(t, rows, w.tables(), "not even the callback is kept")
	w.payout(w.v1("/v1/payout", w.payoutOrder("amount", 20_000)))
	require.Zero(t, w.money().Available)

	w = newWorld(t)
	half := w.money().Available/2 + 1
	codes := map[string]int{}
	for _, a := range w.atOnce(12, func(int) request {
		body, _ := json.Marshal(w.payoutOrder("amount", int64(half)))
		return signedCall("/v1/payout", string(body), "test-payout-api-key")
	}) {
		if a.StatusCode != http.StatusOK {
			codes[a.body]++
		} else {
			codes["ok"]++
		}
	}
	require.Equal(t, map[string]int{"ok": 1, `{"state":1,"message":"Not enough funds"}`: 11}, codes)
}

// atOnce makes calls together; what they answer is looked at afterwards.
func (w *world) atOnce(n int, call func(i int) request) []answer {
	w.Helper()
	answers := make([]answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i] = w.do(call(i)) })
	}
	wg.Wait()
	return answers
}

// The documented way to sign, without our own package.
func TestPayoutIsSignedOverItsBytes(t *testing.T) {
	w := newWorld(t)
	body := `{ "amount":"250000", "currency":"IRR","network":"iban","order_id":"سفارش-۱۷","address":"` + payoutIBAN + `" }`
	r := signedCall("/v1/payout", body, "test-payout-api-key")
	require.Equal(t, sign.Sign([]byte(body), "test-payout-api-key"), r.header["sign"])
	require.Equal(t, "سفارش-۱۷", w.payout(w.do(r)).OrderID)
}
