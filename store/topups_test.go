package store_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// buyer is a merchant with a balance and a product of 5,000 to 2,000,000 rial.
type buyer struct {
	*world
	m     store.Merchant
	codes int
}

func newBuyer(t *testing.T, balance money.Rial) *buyer {
	t.Helper()
	w := newWorld(t)
	b := &buyer{world: w, m: w.newMerchant()}
	most := money.Rial(2_000_000)
	require.NoError(t, w.PutProduct(t.Context(), store.Product{
		ID: 62, Provider: "sandbox", OperatorID: 2, Type: "cell_direct_charge", SimCardType: "credit", Name: "charge", Price: 5_000, SecondPrice: &most, Active: true,
	}))
	if balance > 0 {
		require.NoError(t, w.CreditBalance(t.Context(), b.m.PublicID, balance, "Sara", "test"))
	}
	return b
}

func (b *buyer) key(key, body string) store.IdempotencyKey {
	return store.IdempotencyKey{MerchantID: b.m.ID, Route: "top-up", Key: key, Fingerprint: sha256.Sum256([]byte(body))}
}

func refusal(err error) store.Answer {
	return store.Answer{Status: http.StatusPaymentRequired, Body: []byte(err.Error())}
}

func (b *buyer) order(key string, price money.Rial) (store.Ordered, error) {
	in := store.NewTopUp{Merchant: b.m, ProductID: 62, Mobile: "989021234567", Price: price, Code: "code-" + key}
	return b.OrderTopUp(b.Context(), b.key(key, fmt.Sprint(price)), in, refusal)
}

func (b *buyer) ordered(price money.Rial) store.TopUp {
	b.Helper()
	b.codes++
	got, err := b.order(fmt.Sprint("k", b.codes), price)
	require.NoError(b, err)
	require.Nil(b, got.Answer)
	return got.TopUp
}

func (b *buyer) requireBalance(available, held money.Rial) {
	b.Helper()
	got, err := b.Balance(b.Context(), b.m.ID)
	require.NoError(b, err)
	require.Equal(b, store.Balance{Available: available, Held: held}, got)
}

func (b *buyer) tell(id int64, s state.TopUp) state.TopUp {
	b.Helper()
	now, err := b.RecordTopUp(b.Context(), store.TopUpWord{TopUpID: id, State: s, Reference: "r", Code: "c", Note: "sandbox"})
	require.NoError(b, err)
	return now
}

func TestOrderTopUp(t *testing.T) {
	b := newBuyer(t, 100_000)
	first := b.ordered(30_000)
	require.Equal(t, state.TopUpReserved, first.State)
	b.requireBalance(70_000, 30_000)
	require.Equal(t, "start", value[string](b.world, `SELECT string_agg(message, ' ') FROM outbox WHERE saga = 'topup'`))

	again, err := b.order("k1", 30_000)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.TopUp.ID, "the same order")
	_, err = b.order("k1", 31_000)
	require.ErrorIs(t, err, store.ErrKeyReused)
	b.requireBalance(70_000, 30_000)

	// Bad input leaves nothing behind: the key is free.
	facts := b.facts()
	for price, want := range map[money.Rial]error{4_999: store.ErrPrice, 2_000_001: store.ErrPrice} {
		_, err = b.order("k2", price)
		require.ErrorIs(t, err, want)
	}
	_, err = b.OrderTopUp(t.Context(), b.key("k2", "x"), store.NewTopUp{Merchant: b.m, ProductID: 63, Mobile: "989021234567", Price: 5_000, Code: "c"}, refusal)
	require.ErrorIs(t, err, store.ErrNoProduct)
	_, err = b.OrderTopUp(t.Context(), b.key("k2", "x"), store.NewTopUp{Merchant: b.m, ProductID: 62, Mobile: "989021234567", Price: 5_000, Code: "code-k1"}, refusal)
	require.ErrorIs(t, err, store.ErrCodeUsed)
	require.Equal(t, facts, b.facts())

	// What is refused stays refused under its key, also when the reason is gone.
	poor, err := b.order("k3", 70_001)
	require.NoError(t, err)
	require.Equal(t, store.ErrBalance.Error(), string(poor.Answer.Body))
	require.NoError(t, b.CreditBalance(t.Context(), b.m.PublicID, 1_000_000, "Sara", "more"))
	poor, err = b.order("k3", 70_001)
	require.NoError(t, err)
	require.True(t, poor.Answer.Replayed)
	require.Equal(t, store.ErrBalance.Error(), string(poor.Answer.Body))

	require.NoError(t, b.SetCarrierActive(t.Context(), 2, false))
	off, err := b.order("k4", 5_000)
	require.NoError(t, err)
	require.Equal(t, store.ErrCarrierInactive.Error(), string(off.Answer.Body))
	b.requireBalance(1_070_000, 30_000)
}

func TestTopUpEndsOnce(t *testing.T) {
	for _, end := range []state.TopUp{state.TopUpDelivered, state.TopUpReversed} {
		t.Run(string(end), func(t *testing.T) {
			b := newBuyer(t, 100_000)
			id := b.ordered(30_000).ID
			_, first, err := b.SubmitTopUp(t.Context(), id)
			require.NoError(t, err)
			require.True(t, first)
			require.Equal(t, state.TopUpUnknown, b.tell(id, state.TopUpUnknown))
			b.requireBalance(70_000, 30_000)
			other := state.TopUpReversed
			if end == state.TopUpReversed {
				other = state.TopUpDelivered
			}
			for range 2 {
				require.Equal(t, end, b.tell(id, end))
			}
			require.Equal(t, end, b.tell(id, other), "decided is decided")
			require.Equal(t, end, b.tell(id, state.TopUpUnknown))
			if end == state.TopUpDelivered {
				b.requireBalance(70_000, 0)
			} else {
				b.requireBalance(100_000, 0)
			}
			require.ErrorIs(t, b.ResolveTopUp(t.Context(), store.TopUpResolution{TopUpID: id, As: other, By: "x", Why: "y"}), store.ErrConflict)
			b.requireTrue()
		})
	}
}

// An order goes out once, whoever asks.
func TestSubmitOnce(t *testing.T) {
	b := newBuyer(t, 100_000)
	id := b.ordered(30_000).ID
	sent := 0
	for _, err := range together(20, func(int) error {
		_, first, err := b.SubmitTopUp(t.Context(), id)
		if first {
			sent++
		}
		return err
	}) {
		require.NoError(t, err)
	}
	require.Equal(t, 1, sent)
	o, first, err := b.SubmitTopUp(t.Context(), id)
	require.NoError(t, err)
	require.False(t, first)
	require.Equal(t, "989021234567", o.TopUp.Mobile)
	require.Equal(t, 2, o.Carrier)
}

// Fifty orders of 10,000 against a balance for thirty: thirty are held, the balance is never below zero.
func TestBalanceUnderConcurrentOrders(t *testing.T) {
	b := newBuyer(t, 300_000)
	refusals := make([]bool, 50)
	require.NoError(t, errorsOf(together(50, func(i int) error {
		got, err := b.order(fmt.Sprint("p", i), 10_000)
		refusals[i] = got.Answer != nil
		return err
	})))
	held := 0
	for _, r := range refusals {
		if !r {
			held++
		}
	}
	require.Equal(t, 30, held)
	b.requireBalance(0, 300_000)

	// Fifty twins of one order are one.
	b2 := newBuyer(t, 300_000)
	require.NoError(t, errorsOf(together(50, func(int) error { _, err := b2.order("twin", 10_000); return err })))
	b2.requireBalance(290_000, 10_000)
	b2.requireTrue()
}

func TestAnswerTopUpIsKept(t *testing.T) {
	b := newBuyer(t, 100_000)
	b.ordered(30_000)
	b.tell(1, state.TopUpDelivered)
	got, err := b.AnswerTopUp(t.Context(), b.key("k1", "30,000"), store.Answer{Status: 200, Body: []byte("one")})
	require.NoError(t, err)
	require.Equal(t, "one", string(got.Body))
	got, err = b.AnswerTopUp(t.Context(), b.key("k1", "30,000"), store.Answer{Status: 200, Body: []byte("two")})
	require.NoError(t, err)
	require.Equal(t, "one", string(got.Body), "the first answer stays")
	again, err := b.order("k1", 30_000)
	require.NoError(t, err)
	require.True(t, again.Answer.Replayed)
	require.Equal(t, "one", string(again.Answer.Body))
}

func TestResolveTopUp(t *testing.T) {
	b := newBuyer(t, 100_000)
	id := b.ordered(30_000).ID
	_, _, err := b.SubmitTopUp(t.Context(), id)
	require.NoError(t, err)
	b.tell(id, state.TopUpUnknown)
	for range 2 {
		require.NoError(t, b.SetTopUpAttention(t.Context(), id, "outcome_unknown"))
	}
	list, err := b.TopUpsNeedingAttention(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, b.ResolveTopUp(t.Context(), store.TopUpResolution{TopUpID: id, As: state.TopUpReversed, By: "Sara", Why: "not in the panel"}))
	b.requireBalance(100_000, 0)
	require.Equal(t, "start resolved", value[string](b.world, `SELECT string_agg(message, ' ' ORDER BY id) FROM outbox WHERE saga = 'topup'`))
	events, err := b.TopUpTimeline(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "Sara: not in the panel", events[len(events)-1].Note)
	n, err := b.AttentionCount(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	b.requireTrue()
}

func TestStatement(t *testing.T) {
	b := newBuyer(t, 100_000)
	id := b.ordered(30_000).ID
	b.tell(id, state.TopUpReversed)
	lines, err := b.Statement(t.Context(), b.m.ID, 0, 10)
	require.NoError(t, err)
	amounts := make([]money.Rial, len(lines))
	for i, l := range lines {
		amounts[i] = l.Amount
	}
	require.Equal(t, []money.Rial{30_000, -30_000, 100_000}, amounts)
	rest, err := b.Statement(t.Context(), b.m.ID, lines[1].ID, 10)
	require.NoError(t, err)
	require.Len(t, rest, 1)
}

func TestRefreshProducts(t *testing.T) {
	b := newBuyer(t, 0)
	most := money.Rial(2_000_000)
	same := store.Product{OperatorID: 2, Type: "cell_direct_charge", SimCardType: "credit", Name: "charge", Price: 5_000, SecondPrice: &most, Active: true}
	fresh := store.Product{OperatorID: 1, Type: "cell_internet", SimCardType: "credit", ProfileID: "77", Name: "package", Price: 90_000, Active: true}
	refresh := func(listed ...store.Product) map[string]string {
		changes, err := b.RefreshProducts(t.Context(), "sandbox", listed)
		require.NoError(t, err)
		out := map[string]string{}
		for _, c := range changes {
			out[c.Name] = c.What
		}
		return out
	}
	require.Equal(t, map[string]string{"package": "added"}, refresh(same, fresh))
	require.Empty(t, refresh(same, fresh))
	require.Empty(t, refresh(), "an empty catalogue is a fault")
	renamed := same
	renamed.Name = "charge of any amount"
	require.Equal(t, map[string]string{"charge of any amount": "changed", "package": "switched_off"}, refresh(renamed))
	require.Equal(t, map[string]string{"package": "switched_on"}, refresh(renamed, fresh))
	p, err := b.Product(t.Context(), 62)
	require.NoError(t, err)
	require.Equal(t, "charge of any amount", p.Name, "its id stays")
}
