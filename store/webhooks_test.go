package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// hidden stands for a sealed secret.
var hidden = vault.Text{KeyID: "k", Sealed: []byte("sealed")}

// told is a world whose merchant can do everything and listens.
type told struct {
	*shop
	counter *counter
	buyer   *buyer
	bank    *bank
	all     store.Endpoint // hears of everything
}

func newTold(t *testing.T) *told {
	t.Helper()
	s := newShop(t)
	w := &told{shop: s, counter: &counter{world: s.world, m: s.m, branch: 31}, buyer: &buyer{world: s.world, m: s.m}, bank: &bank{world: s.world, m: s.m}}
	require.NoError(t, w.AddBranch(t.Context(), s.m.PublicID, 31, "center"))
	most := money.Rial(2_000_000)
	require.NoError(t, w.PutProduct(t.Context(), store.Product{
		ID: 62, Provider: "sandbox", OperatorID: 2, Type: "cell_direct_charge", SimCardType: "credit", Name: "charge", Price: 5_000, SecondPrice: &most, Active: true,
	}))
	require.NoError(t, w.CreditBalance(t.Context(), s.m.PublicID, 10_000_000, "Sara", "test"))
	w.all = w.listen()
	return w
}

func (w *world) endpoint(m store.Merchant, events ...string) store.Endpoint {
	w.Helper()
	e, err := w.AddEndpoint(w.Context(), m.ID, store.Endpoint{URL: "https://shop.example/hook", Events: events}, hidden)
	require.NoError(w, err)
	return e
}

func (w *told) listen(events ...string) store.Endpoint {
	w.Helper()
	return w.endpoint(w.m, events...)
}

// hears lists the events that an endpoint was told, in order of their versions.
func (w *world) hearsOf(endpoint int64) []string {
	w.Helper()
	return strings.Fields(value[string](w, `SELECT coalesce(string_agg(event, ' ' ORDER BY version), '') FROM webhook_messages WHERE endpoint_id = ?`, endpoint))
}

// latest is the newest message to an endpoint.
func (w *world) latest(m store.Merchant, endpoint int64) store.Message {
	w.Helper()
	list, err := w.Messages(w.Context(), store.MessageList{MerchantID: m.ID, EndpointID: endpoint, Size: 1})
	require.NoError(w, err)
	require.Len(w, list, 1)
	return list[0]
}

// Every way through every machine, and what the merchant hears of it: each change once, in its order.
func TestEveryChangeIsTold(t *testing.T) {
	for name, tt := range map[string]struct {
		run   func(w *told)
		hears string
	}{
		"a payment is collected": {func(w *told) { w.bring(w.m, state.PaymentCollected) }, "payment.pending payment.paid payment.collected"},
		"a payment goes back":    {func(w *told) { w.bring(w.m, state.PaymentRefunded) }, "payment.pending payment.paid payment.refunding payment.refunded"},
		"nobody pays":            {func(w *told) { w.bring(w.m, state.PaymentExpired) }, "payment.pending payment.expired"},
		"declined":               {func(w *told) { w.bring(w.m, state.PaymentFailed) }, "payment.pending payment.failed"},
		"collected at once":      {func(w *told) { w.pay(w.open(w.create(w.m, autoCollect))) }, "payment.pending payment.collected"},
		"money that comes too late": {func(w *told) {
			p := w.create(w.m)
			a := w.open(p)
			w.deadline(p, 0)
			w.pay(a)
		}, "payment.pending payment.refunding"},
		"paid by card": {func(w *told) {
			tr := w.transfer(10_000)
			w.deposit(tr)
			_, err := w.CheckTransfer(t.Context(), w.m.ID, tr.ID)
			require.NoError(t, err)
		}, "transfer.pending transfer.paid transfer.verified"}, // its deposit is told by it
		"no card comes": {func(w *told) {
			tr := w.ago(w.transfer(10_000), 2*time.Hour)
			_, err := w.AtTransferDeadline(t.Context(), tr.ID)
			require.NoError(t, err)
		}, "transfer.pending transfer.expired"},
		"money without an owner": {func(w *told) {
			id := w.record(w.sms(777, 1)).DepositID
			require.NoError(t, w.ResolveDeposit(t.Context(), store.DepositResolution{DepositID: id, As: state.DepositIgnored, By: "sara", Why: "own"}))
		}, "deposit.suspense deposit.ignored"},
		"a charge is delivered": {func(w *told) {
			id := w.buyer.ordered(30_000).ID
			_, _, err := w.SubmitTopUp(t.Context(), id)
			require.NoError(t, err)
			w.buyer.tell(id, state.TopUpUnknown)
			w.buyer.tell(id, state.TopUpUnknown) // nothing new
			w.buyer.tell(id, state.TopUpDelivered)
		}, "topup.reserved topup.unknown topup.delivered"},
		"a purchase is completed": {func(w *told) { w.counter.bringTo(state.PurchaseCompleted) },
			"purchase.awaiting purchase.completing purchase.completed"}, // and nothing of its payment
		"a purchase is half done": {func(w *told) { w.counter.bringTo(state.PurchaseIncomplete) }, "purchase.awaiting purchase.completing purchase.incomplete"},
		"a purchase ends":         {func(w *told) { w.counter.bringTo(state.PurchaseEnded) }, "purchase.awaiting purchase.ended"},
		"a payout is paid": {func(w *told) {
			p := w.bank.ordered("o", 50_000)
			w.bank.sent(p)
			for _, s := range []state.Payout{state.PayoutUnknown, state.PayoutUnknown, state.PayoutSent, state.PayoutPaid, state.PayoutPaid} {
				w.bank.say(p, s)
			}
		}, "payout.reserved payout.unknown payout.sent payout.paid"},
		"a payout is cancelled": {func(w *told) {
			_, err := w.CancelPayout(t.Context(), w.m.ID, w.bank.ordered("o", 50_000).OrderID, "")
			require.NoError(t, err)
		}, "payout.reserved payout.cancelled"},
		"money comes to a wallet": {func(w *told) {
			wallet := w.bank.opened("o")
			w.bank.arrives(wallet, 1, 2)
			w.bank.arrives(wallet, 2, 3) // the second again
		}, "wallet.credited wallet.credited wallet.credited"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTold(t)
			kind, _, _ := strings.Cut(tt.hears, ".")
			twin, kindOnly, last := w.listen(), w.listen(kind+".*"), w.listen(tt.hears[strings.LastIndexByte(tt.hears, ' ')+1:])
			nothing := w.listen("payment.never", "elsewhere.*")
			stranger := w.endpoint(w.newMerchant())
			paused, gone := w.listen(), w.listen()
			_, err := w.PauseEndpoint(t.Context(), w.m.ID, paused.ID)
			require.NoError(t, err)
			require.NoError(t, w.DeleteEndpoint(t.Context(), w.m.ID, gone.ID))
			w.exec(`DELETE FROM outbox`)
			tt.run(w)

			want := strings.Fields(tt.hears)
			for _, e := range []store.Endpoint{w.all, twin, kindOnly, paused} {
				require.Equal(t, want, w.hearsOf(e.ID))
			}
			ends := slices.DeleteFunc(slices.Clone(want), func(e string) bool { return e != want[len(want)-1] })
			require.Equal(t, ends, w.hearsOf(last.ID))
			for _, e := range []store.Endpoint{nothing, stranger, gone} {
				require.Empty(t, w.hearsOf(e.ID))
			}
			// Of each change every endpoint has one message with the same version, and each message has a saga to come.
			require.Zero(t, value[int](w.world, `SELECT count(*) FROM (SELECT FROM webhook_messages GROUP BY endpoint_id, version HAVING count(*) <> 1) x`))
			require.Equal(t, len(want), value[int](w.world, `SELECT count(DISTINCT version) FROM webhook_messages`))
			require.Zero(t, value[int](w.world, `SELECT count(*) FROM (SELECT FROM webhook_messages GROUP BY webhook_id HAVING count(*) <> 1) x`))
			require.Equal(t, value[int](w.world, `SELECT count(*) FROM webhook_messages WHERE state = 'pending'`),
				value[int](w.world, `SELECT count(*) FROM outbox o JOIN webhook_messages m ON o.saga = 'webhook' AND o.message = 'start' AND o.ref = m.id::text
					AND o.payload = jsonb_build_object('message_id', m.id, 'endpoint_id', m.endpoint_id, 'event', m.event, 'merchant', ?::text)`, w.m.PublicID))
		})
	}
}

// Every event that a merchant may subscribe to is one that happens, and the other way round.
func TestEventsAreThoseOfTheRows(t *testing.T) {
	w := newWorld(t)
	tables := map[string]string{"payment": "payments", "transfer": "transfers", "deposit": "deposits", "topup": "topups", "purchase": "temporary_payment", "payout": "payouts"}
	for kind, states := range state.Events() {
		table, ok := tables[kind]
		if !ok {
			require.Equal(t, "wallet", kind)
			continue
		}
		check := value[string](w, `SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = ?::regclass AND contype = 'c' AND pg_get_constraintdef(oid) ~ 'CHECK \(\(state = ANY'`, table)
		for _, s := range states {
			require.Contains(t, check, "'"+s+"'", kind)
		}
		if kind == "deposit" { // one that is matched at once is told by its transfer
			require.NotContains(t, states, "matched")
			states = append(states, "matched")
		}
		require.Equal(t, len(states), strings.Count(check, "::text"), check)
	}
}

// Facts are the row as it was when it changed, whatever became of it since.
func TestFacts(t *testing.T) {
	w := newTold(t)
	read := func() store.Facts {
		f := w.latest(w.m, w.all.ID).Facts
		require.WithinDuration(t, time.Now(), f.CreatedAt, time.Minute)
		f.CreatedAt = time.Time{}
		return f
	}
	p := w.create(w.m, func(in *store.NewPayment) { in.Payload = "کالا ۱" })
	first := w.latest(w.m, w.all.ID)
	require.Equal(t, []any{"payment", p.ID, "payment.pending", state.WebhookPending, 0}, []any{first.Kind, first.SubjectID, first.Event, first.State, first.Tries})
	require.Regexp(t, `^msg_[0-9a-f]{32}$`, first.WebhookID)
	require.Equal(t, store.Facts{UUID: p.UUID, OrderID: p.Token, Amount: 10_000, Paid: 10_000, Method: "sandbox", Data: "کالا ۱"}, read())
	a := w.open(p)
	w.pay(a)
	require.Equal(t, store.Facts{UUID: p.UUID, OrderID: p.Token, Amount: 10_000, Paid: 10_500, Method: "zibal", Data: "کالا ۱", TxID: fmt.Sprint("rrn-", a.ID)}, read())
	again, err := w.Message(t.Context(), w.m.ID, first.ID)
	require.NoError(t, err)
	require.Equal(t, first, again, "what was told stays")

	tr := w.transfer(20_000)
	require.Equal(t, store.Facts{OrderID: fmt.Sprint(tr.FID), Amount: 20_000, Paid: int64(tr.Amount)}, read())
	stray := w.record(w.sms(777, 1)).DepositID
	require.Equal(t, store.Facts{OrderID: fmt.Sprint(stray), Amount: 777, Paid: 777, Why: w.reason(stray)}, read())
	up := w.buyer.ordered(30_000)
	require.Equal(t, store.Facts{OrderID: up.Code, Amount: 30_000, Paid: 30_000}, read())
	u, _ := w.counter.bringTo(state.PurchaseCompleted)
	require.Equal(t, store.Facts{OrderID: fmt.Sprint(u.ID), Amount: 10_000, Paid: 10_500, TxID: u.CheckNumber()}, read())
	out := w.bank.ordered("o-1", 50_000)
	require.Equal(t, store.Facts{UUID: out.UUID, OrderID: "o-1", Amount: 50_000, Paid: 50_000, Fee: 100, Currency: "IRR", Network: "iban"}, read())
	in := w.bank.opened("o-2")
	w.bank.arrives(in, 7)
	require.Equal(t, store.Facts{
		UUID: value[string](w.world, `SELECT uuid FROM wallet_deposits`), OrderID: "o-2", Wallet: in.UUID, Amount: 7_000, Paid: 7_000,
		Currency: "IRR", Network: "iban", From: "IR0*", TxID: "track-7",
	}, read())
}

// A change that is taken back is told to nobody, and one of a merchant without endpoints costs nothing.
func TestNobodyIsTold(t *testing.T) {
	w := newTold(t)
	before := w.facts()
	tx, err := w.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.NewRaw(`INSERT INTO payments (token, merchant_id, amount, collect_by, method) VALUES ('rolledback', ?, 1000, now(), 'zibal')`, w.m.ID).Exec(t.Context())
	require.NoError(t, err)
	var seen int
	require.NoError(t, tx.NewRaw(`SELECT count(*) FROM webhook_messages`).Scan(t.Context(), &seen))
	require.Equal(t, 1, seen, "with the change")
	require.NoError(t, tx.Rollback())
	require.Equal(t, before, w.facts())

	in := w.bank.new("too much", 10_000_000)
	_, err = w.OrderPayout(t.Context(), in)
	require.ErrorIs(t, err, store.ErrBalance)
	require.Equal(t, before, w.facts(), "a refused payout leaves nothing")

	version := value[int64](w.world, `SELECT last_value FROM webhook_version`)
	m := w.newMerchant()
	for _, to := range []state.Payment{state.PaymentCollected, state.PaymentRefunded} {
		w.bring(m, to)
	}
	require.Zero(t, value[int](w.world, `SELECT count(*) FROM webhook_messages`))
	require.Zero(t, value[int](w.world, `SELECT count(*) FROM outbox WHERE saga = 'webhook'`))
	require.Equal(t, version, value[int64](w.world, `SELECT last_value FROM webhook_version`))
}

// The url_callback of a request hears of that record, whatever else the merchant has and does.
func TestCallbacks(t *testing.T) {
	w := newTold(t)
	back := func(url string) func(*store.NewPayout) {
		return func(in *store.NewPayout) { in.CallbackURL, in.Secret = url, hidden }
	}
	id := func(url string) int64 {
		return value[int64](w.world, `SELECT id FROM webhook_endpoints WHERE callback AND url = ?`, url)
	}
	a := w.bank.ordered("a", 10_000, back("https://a.example"))
	b := w.bank.ordered("b", 10_000, back("https://b.example"))
	c := w.bank.ordered("c", 10_000, back("https://a.example"))
	w.bank.ordered("d", 10_000)
	w.bank.sent(a)
	w.bank.say(a, state.PayoutPaid)
	wallet := w.bank.opened("w", func(in *store.NewWallet) { in.CallbackURL, in.Secret = "https://b.example", hidden })
	w.bank.arrives(wallet, 1)
	w.bank.arrives(w.bank.opened("x"), 2)
	w.bring(w.m, state.PaymentPaid)

	require.Equal(t, []string{"payout.reserved", "payout.reserved", "payout.paid"}, w.hearsOf(id("https://a.example")))
	require.Equal(t, []string{"payout.reserved", "wallet.credited"}, w.hearsOf(id("https://b.example")))
	require.Equal(t, fmt.Sprint(a.ID, c.ID), value[string](w.world, `SELECT string_agg(DISTINCT subject_id::text, ' ') FROM webhook_messages WHERE endpoint_id = ?`, id("https://a.example")))
	require.Len(t, w.hearsOf(w.all.ID), 9, "an endpoint hears of these, too")
	require.NotZero(t, b.ID)

	// It is no endpoint that the merchant manages.
	list, err := w.Endpoints(t.Context(), w.m.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	_, err = w.Endpoint(t.Context(), w.m.ID, id("https://a.example"))
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = w.PauseEndpoint(t.Context(), w.m.ID, id("https://a.example"))
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, w.DeleteEndpoint(t.Context(), w.m.ID, id("https://a.example")), store.ErrNotFound)
	w.requireTrue()
}

// A callback that answered 410 is taken again when a new request names it, with what it was not told meanwhile.
func TestACallbackComesBack(t *testing.T) {
	w := newTold(t)
	back := func(in *store.NewPayout) { in.CallbackURL, in.Secret = "https://a.example", hidden }
	a := w.bank.ordered("a", 10_000, back)
	e := value[int64](w.world, `SELECT id FROM webhook_endpoints WHERE callback`)
	w.try(w.latest(w.m, e).ID, 410)
	require.Equal(t, "disabled gone", value[string](w.world, `SELECT state || ' ' || disabled_reason FROM webhook_endpoints WHERE id = ?`, e))
	w.bank.sent(a)
	w.bank.say(a, state.PayoutPaid)
	held := w.latest(w.m, e)
	now, err := w.HoldMessage(t.Context(), held.ID)
	require.NoError(t, err)
	require.Equal(t, state.WebhookHeld, now)

	w.bank.ordered("a", 10_000, back) // the same order again asks for nothing
	require.Equal(t, "disabled", value[string](w.world, `SELECT state FROM webhook_endpoints WHERE id = ?`, e))
	w.bank.ordered("b", 10_000, back)
	require.Equal(t, "enabled", value[string](w.world, `SELECT state || disabled_reason FROM webhook_endpoints WHERE id = ?`, e))
	require.Equal(t, "failed replaced pending pending", value[string](w.world, `SELECT string_agg(state, ' ' ORDER BY id) FROM webhook_messages WHERE endpoint_id = ?`, e))
	require.Equal(t, held.WebhookID, value[string](w.world, `SELECT webhook_id FROM webhook_messages WHERE replaces = ?`, held.ID))
	w.requireTrue()
}

// A body is made of facts as the trigger wrote them: a name that nobody reads would go unseen.
func TestFactsHaveNoOtherNames(t *testing.T) {
	w := newTold(t)
	w.bring(w.m, state.PaymentCollected)
	w.deposit(w.transfer(10_000))
	w.record(w.sms(777, 1))
	w.buyer.ordered(30_000)
	w.counter.bringTo(state.PurchaseEnded)
	w.bank.ordered("o", 50_000)
	w.bank.arrives(w.bank.opened("o"), 1)
	names := strings.Fields(value[string](w.world, `SELECT string_agg(DISTINCT k, ' ') FROM webhook_messages, jsonb_object_keys(facts) k`))
	text, err := json.Marshal(store.Facts{})
	require.NoError(t, err)
	known := map[string]any{}
	require.NoError(t, json.Unmarshal(text, &known))
	for _, name := range names {
		require.Contains(t, known, name)
	}
	require.Len(t, names, len(known), "and every name is somebody's")
}
