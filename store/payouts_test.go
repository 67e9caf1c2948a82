package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// bank is a merchant that sends money out and takes it on wallets. Each payout costs a fee of 100 rial.
type bank struct {
	*world
	m store.Merchant
}

func newBank(t *testing.T, balance money.Rial) *bank {
	t.Helper()
	w := newWorld(t)
	b := &bank{world: w, m: w.newMerchant()}
	if balance > 0 {
		require.NoError(t, w.CreditBalance(t.Context(), b.m.PublicID, balance, "Sara", "test"))
	}
	return b
}

const fee = 100

func (b *bank) new(order string, amount money.Rial) store.NewPayout {
	in := store.NewPayout{
		Merchant: b.m, OrderID: order, Amount: amount, Fee: fee, Network: "iban", Rail: "paya", Provider: "sandbox", Number: hidden, Destination: "IR0*",
		Holder: "سارا", Note: "دستمزد",
	}
	copy(in.Request[:], fmt.Sprint(amount))
	return in
}

func (b *bank) ordered(order string, amount money.Rial, change ...func(*store.NewPayout)) store.Payout {
	b.Helper()
	in := b.new(order, amount)
	for _, f := range change {
		f(&in)
	}
	p, err := b.OrderPayout(b.Context(), in)
	require.NoError(b, err)
	return p
}

// sent lets the order go out.
func (b *bank) sent(p store.Payout) {
	b.Helper()
	_, may, err := b.SubmitPayout(b.Context(), p.ID)
	require.NoError(b, err)
	require.True(b, may)
}

// say records the bank's word and answers how the payout then stands.
func (b *bank) say(p store.Payout, s state.Payout) state.Payout {
	b.Helper()
	now, err := b.RecordPayout(b.Context(), store.PayoutWord{PayoutID: p.ID, State: s, ProviderID: "id", TrackingID: "track", Code: "c", Why: "w", Note: "sandbox"})
	require.NoError(b, err)
	return now
}

func (b *bank) again(p store.Payout) store.Payout {
	b.Helper()
	p, err := b.Payout(b.Context(), p.UUID)
	require.NoError(b, err)
	return p
}

func (b *bank) requireBalance(available, held money.Rial) {
	b.Helper()
	got, err := b.Balance(b.Context(), b.m.ID)
	require.NoError(b, err)
	require.Equal(b, store.Balance{Available: available, Held: held}, got)
}

// moves are a payout's rows in the ledger, in order.
func (b *bank) moves(p store.Payout) string {
	b.Helper()
	return value[string](b.world, `SELECT coalesce(string_agg(split_part(ref, '/', 3), ' ' ORDER BY id), '') FROM ledger_transfers WHERE ref LIKE ?`, fmt.Sprintf("payout/%d/%%", p.ID))
}

func (b *bank) history(p store.Payout) string {
	b.Helper()
	events, err := b.PayoutTimeline(b.Context(), p.ID)
	require.NoError(b, err)
	kinds := make([]string, len(events))
	for i, e := range events {
		kinds[i] = e.Kind
	}
	return strings.Join(kinds, " ")
}

func (b *bank) sagaHears(saga, ref string) string {
	b.Helper()
	return value[string](b.world, `SELECT coalesce(string_agg(message, ' ' ORDER BY id), '') FROM outbox WHERE saga = ? AND ref = ?`, saga, ref)
}

func TestOrderPayout(t *testing.T) {
	b := newBank(t, 100_000)
	p := b.ordered("o-1", 30_000)
	require.Equal(t, store.Payout{
		ID: p.ID, UUID: p.UUID, MerchantID: b.m.ID, OrderID: "o-1", Amount: 30_000, Fee: fee, Currency: "IRR", Network: "iban", Rail: "paya",
		Provider: "sandbox", Destination: "IR0*", Holder: "سارا", Note: "دستمزد", State: state.PayoutReserved, CreatedAt: p.CreatedAt,
	}, p)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7`, p.UUID)
	b.requireBalance(69_900, 30_100)
	require.Equal(t, "held", b.moves(p))
	require.Equal(t, "start", b.sagaHears("payout", p.UUID))
	require.Equal(t, "reserved", b.history(p))
	require.JSONEq(t, fmt.Sprintf(`{"payout_id": %d, "uuid": %q, "merchant": %q, "amount": 30000, "provider": "sandbox", "rail": "paya"}`, p.ID, p.UUID, b.m.PublicID),
		value[string](b.world, `SELECT payload - 'created_at' FROM outbox WHERE saga = 'payout'`), "the destination stays in the row")
	require.NotZero(t, b.kicks.Load())

	// The same order again is the same payout; anything else under its name is refused. Neither changes anything.
	facts := b.facts()
	require.Equal(t, p, b.ordered("o-1", 30_000))
	_, err := b.OrderPayout(t.Context(), b.new("o-1", 30_001))
	require.ErrorIs(t, err, store.ErrOrderReused)
	require.Equal(t, facts, b.facts())
	b.sent(p)
	b.say(p, state.PayoutPaid)
	require.Equal(t, state.PayoutPaid, b.ordered("o-1", 30_000).State, "as it now stands")

	// Its order_id is another merchant's to use.
	other := &bank{world: b.world, m: b.newMerchant()}
	_, err = b.OrderPayout(t.Context(), other.new("o-1", 10_000))
	require.ErrorIs(t, err, store.ErrBalance, "who never had any money")
	for _, find := range [][2]string{{"o-1", ""}, {"", p.UUID}} {
		got, err := b.PayoutBy(t.Context(), b.m.ID, find[0], find[1])
		require.NoError(t, err)
		require.Equal(t, p.ID, got.ID)
		_, err = b.PayoutBy(t.Context(), other.m.ID, find[0], find[1])
		require.ErrorIs(t, err, store.ErrNotFound, "another merchant's is nobody's")
		_, err = b.CancelPayout(t.Context(), other.m.ID, find[0], find[1])
		require.ErrorIs(t, err, store.ErrNotFound)
	}

	// Amount and fee, to the last rial.
	_, err = b.OrderPayout(t.Context(), b.new("o-2", 69_801))
	require.ErrorIs(t, err, store.ErrBalance)
	b.ordered("o-2", 69_800)
	b.requireBalance(0, 69_900)

	b.m.DisabledAt = &p.CreatedAt
	_, err = b.OrderPayout(t.Context(), b.new("o-3", 1))
	require.ErrorIs(t, err, store.ErrMerchantDisabled)
	require.Equal(t, p.ID, b.ordered("o-1", 30_000).ID, "what was ordered before is still told")
	b.requireTrue()
}

func TestPayoutEndsOnce(t *testing.T) {
	ways := map[state.Payout][]state.Payout{
		state.PayoutPaid:    {state.PayoutUnknown, state.PayoutSent},
		state.PayoutRefused: {state.PayoutSent},
		state.PayoutUnsent:  {state.PayoutUnknown},
	}
	for end, way := range ways {
		t.Run(string(end), func(t *testing.T) {
			b := newBank(t, 100_000)
			p := b.ordered("o", 30_000)
			b.sent(p)
			for _, s := range way {
				require.Equal(t, s, b.say(p, s))
				require.Equal(t, s, b.say(p, s), "said twice")
				b.requireBalance(69_900, 30_100)
			}
			require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "outcome_unknown"))
			require.Equal(t, end, b.say(p, end))
			for _, later := range state.Payouts.States() {
				require.Equal(t, end, b.say(p, later), "whoever says what")
			}
			require.Equal(t, "held "+string(end), b.moves(p))
			got := b.again(p)
			require.Nil(t, got.NeedsAttention, "nobody is needed any more")
			require.NotNil(t, got.EndedAt)
			require.True(t, got.Ended())
			require.Equal(t, []string{"id", "track", "c", "w"}, []string{got.ProviderID, got.TrackingID, got.Code, got.Why})
			if end == state.PayoutPaid {
				b.requireBalance(69_900, 0)
				require.Equal(t, 30_100, value[int](b.world, `SELECT amount FROM ledger_transfers WHERE credit_account = 'payout/sandbox'`))
			} else {
				b.requireBalance(100_000, 0)
			}
			require.ErrorIs(t, b.ResolvePayout(t.Context(), store.PayoutResolution{UUID: p.UUID, As: state.PayoutRefused, By: "x", Why: "y"}), store.ErrConflict)
			_, err := b.CancelPayout(t.Context(), b.m.ID, "o", "")
			require.ErrorIs(t, err, store.ErrConflict)
			b.requireTrue()
		})
	}
}

// What a bank says is kept, and an empty word does not wipe it out.
func TestPayoutKeepsWhatItKnows(t *testing.T) {
	b := newBank(t, 100_000)
	p := b.ordered("o", 30_000)
	b.sent(p)
	due := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	_, err := b.RecordPayout(t.Context(), store.PayoutWord{PayoutID: p.ID, State: state.PayoutSent, ProviderID: "77", Due: due})
	require.NoError(t, err)
	_, err = b.RecordPayout(t.Context(), store.PayoutWord{PayoutID: p.ID, State: state.PayoutSent, Code: "slow"})
	require.NoError(t, err)
	got := b.again(p)
	require.Equal(t, []string{"77", "slow"}, []string{got.ProviderID, got.Code})
	require.Equal(t, due, got.DueAt.UTC())
	require.Equal(t, 1, value[int](b.world, `SELECT inquiries FROM payouts`))
	_, err = b.RecordPayout(t.Context(), store.PayoutWord{PayoutID: p.ID, State: state.PayoutPaid, TrackingID: "88"})
	require.NoError(t, err)
	got = b.again(p)
	require.Equal(t, []string{"77", "88"}, []string{got.ProviderID, got.TrackingID})
	require.Equal(t, due, got.DueAt.UTC())
	require.Equal(t, "reserved sent paid", b.history(p))
}

func TestSubmitPayout(t *testing.T) {
	b := newBank(t, 100_000)
	p := b.ordered("o", 30_000)
	first, may, err := b.SubmitPayout(t.Context(), p.ID)
	require.NoError(t, err)
	require.True(t, may)
	require.Equal(t, hidden, first.Number)
	again, may, err := b.SubmitPayout(t.Context(), p.ID)
	require.NoError(t, err)
	require.True(t, may, "the bank carries a reference out once: sending again is asking again")
	require.Greater(t, again.SubmittedAt.Sub(*first.SubmittedAt), time.Duration(0), "the latest time counts: what the bank does not know may be on its way still")
	_, err = b.CancelPayout(t.Context(), b.m.ID, "", p.UUID)
	require.ErrorIs(t, err, store.ErrConflict, "it may have left")

	b.say(p, state.PayoutUnknown)
	order, may, err := b.SubmitPayout(t.Context(), p.ID)
	require.NoError(t, err)
	require.False(t, may, "the bank may have it: it is asked and not told again")
	require.Equal(t, state.PayoutUnknown, order.State)
	_, _, err = b.SubmitPayout(t.Context(), 999)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestCancelPayout(t *testing.T) {
	b := newBank(t, 100_000)
	p := b.ordered("o", 30_000)
	got, err := b.CancelPayout(t.Context(), b.m.ID, "o", "")
	require.NoError(t, err)
	require.Equal(t, state.PayoutCancelled, got.State)
	require.Equal(t, "Cancelled by the merchant", got.Why)
	b.requireBalance(100_000, 0)
	require.Equal(t, "start resolved", b.sagaHears("payout", p.UUID))
	_, may, err := b.SubmitPayout(t.Context(), p.ID)
	require.NoError(t, err)
	require.False(t, may, "it must not leave any more")
	_, err = b.CancelPayout(t.Context(), b.m.ID, "o", "")
	require.ErrorIs(t, err, store.ErrConflict)
	require.Equal(t, "held cancelled", b.moves(p))
	b.requireTrue()
}

// A person may decide what the bank leaves open, and nothing else.
func TestResolvePayout(t *testing.T) {
	type at struct {
		state     state.Payout
		attention bool
	}
	b := newBank(t, 1_000_000)
	for from, allowed := range map[at]string{
		{state.PayoutReserved, false}:  "",
		{state.PayoutReserved, true}:   "paid refused unsent",
		{state.PayoutUnknown, false}:   "paid refused unsent",
		{state.PayoutUnknown, true}:    "paid refused unsent",
		{state.PayoutSent, false}:      "", // the cycle is running
		{state.PayoutSent, true}:       "paid refused",
		{state.PayoutPaid, false}:      "",
		{state.PayoutRefused, false}:   "",
		{state.PayoutCancelled, false}: "",
	} {
		for _, as := range append(state.Payouts.States(), "nonsense") {
			p := b.ordered(fmt.Sprint(from, " as ", as), 10_000)
			switch from.state {
			case state.PayoutReserved:
			case state.PayoutCancelled:
				_, err := b.CancelPayout(t.Context(), b.m.ID, "", p.UUID)
				require.NoError(t, err)
			default:
				b.sent(p)
				b.say(p, from.state)
			}
			if from.attention {
				require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "outcome_unknown"))
			}
			before := b.facts()
			err := b.ResolvePayout(t.Context(), store.PayoutResolution{UUID: p.UUID, As: as, TrackingID: "9601", By: "Sara", Why: "seen in the panel"})
			if !strings.Contains(" "+allowed+" ", " "+string(as)+" ") {
				require.ErrorIs(t, err, store.ErrConflict, "%v as %s", from, as)
				require.Equal(t, before, b.facts())
				continue
			}
			require.NoError(t, err, "%v as %s", from, as)
			got := b.again(p)
			require.Equal(t, as, got.State)
			require.Equal(t, []string{"by_hand", "9601", ""}, []string{got.Code, got.TrackingID, got.Why}, "the reason is not the merchant's to read")
			require.Nil(t, got.NeedsAttention)
			require.Equal(t, "start resolved", b.sagaHears("payout", p.UUID))
			events, err := b.PayoutTimeline(t.Context(), p.ID)
			require.NoError(t, err)
			require.Equal(t, "Sara: seen in the panel", events[len(events)-1].Note)
		}
	}
	b.requireTrue()
	err := b.ResolvePayout(t.Context(), store.PayoutResolution{UUID: "e1830f1b-50fc-432e-80ec-15b58ccac867", As: state.PayoutPaid, By: "x", Why: "y"})
	require.ErrorIs(t, err, store.ErrNotFound)
}

// An order that is just going out may arrive after a person gave up on it.
func TestResolvePayoutOnItsWay(t *testing.T) {
	b := newBank(t, 100_000)
	p := b.ordered("o", 10_000)
	b.sent(p)
	require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "outcome_unknown"))
	gaveUp := store.PayoutResolution{UUID: p.UUID, As: state.PayoutUnsent, By: "x", Why: "y"}
	require.ErrorIs(t, b.ResolvePayout(t.Context(), gaveUp), store.ErrConflict)
	b.exec(`UPDATE payouts SET submitted_at = now() - interval '31 seconds'`)
	require.NoError(t, b.ResolvePayout(t.Context(), gaveUp))
}

// A person is called once for a reason, is counted, and forgotten when the payout ends.
func TestPayoutAttention(t *testing.T) {
	b := newBank(t, 100_000)
	p := b.ordered("o", 30_000)
	count := func() int64 {
		n, err := b.AttentionCount(t.Context())
		require.NoError(t, err)
		list, err := b.PayoutsNeedingAttention(t.Context())
		require.NoError(t, err)
		require.Len(t, list, int(n))
		return n
	}
	require.Zero(t, count())
	for range 2 {
		require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "outcome_unknown"))
	}
	require.EqualValues(t, 1, count())
	require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "unexpected_error"))
	require.Equal(t, "unexpected_error", *b.again(p).NeedsAttention)
	require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, ""))
	require.Zero(t, count())
	require.Equal(t, "reserved needs_attention needs_attention attention_over", b.history(p))
	require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "outcome_unknown"))
	b.say(p, state.PayoutPaid)
	require.Zero(t, count())
	require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "outcome_unknown"))
	require.Zero(t, count(), "nobody is called for what has ended")
}

func TestPayoutsAreListed(t *testing.T) {
	b := newBank(t, 1_000_000)
	for i := range 5 {
		b.ordered(fmt.Sprint("o-", i), 10_000)
	}
	list := func(merchant, before int64, size int) []string {
		got, err := b.Payouts(t.Context(), merchant, before, size)
		require.NoError(t, err)
		orders := []string{}
		for _, p := range got {
			orders = append(orders, p.OrderID)
		}
		return orders
	}
	require.Equal(t, []string{"o-4", "o-3"}, list(b.m.ID, 0, 2))
	third, err := b.PayoutBy(t.Context(), b.m.ID, "o-3", "")
	require.NoError(t, err)
	require.Equal(t, []string{"o-2", "o-1", "o-0"}, list(b.m.ID, third.ID, 10))
	require.Equal(t, []string{}, list(b.newMerchant().ID, 0, 10))
}
