package audit_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// addTopUps adds a top-up in each state, with the answers of those that are decided.
func (b *books) addTopUps() {
	b.Helper()
	ctx := b.Context()
	require.NoError(b, b.store.CreditBalance(ctx, b.buyer.PublicID, 100_000, "sara", "test"))
	require.NoError(b, b.store.PutProduct(ctx, store.Product{
		ID: 62, Provider: "sandbox", OperatorID: 2, Type: "charge", SimCardType: "credit", Name: "charge", Price: 5_000, Active: true,
	}))
	b.topups = map[state.TopUp]int64{}
	for _, s := range []state.TopUp{state.TopUpReserved, state.TopUpUnknown, state.TopUpDelivered, state.TopUpReversed} {
		key := store.IdempotencyKey{MerchantID: b.buyer.ID, Route: "top-up", Key: string(s)}
		in := store.NewTopUp{Merchant: b.buyer, ProductID: 62, Mobile: "989021234567", Price: 5_000, Code: string(s)}
		got, err := b.store.OrderTopUp(ctx, key, in, func(error) store.Answer { return store.Answer{} })
		require.NoError(b, err)
		require.Nil(b, got.Answer)
		b.topups[s] = got.TopUp.ID
		if s == state.TopUpReserved {
			continue
		}
		_, first, err := b.store.SubmitTopUp(ctx, got.TopUp.ID)
		require.NoError(b, err)
		require.True(b, first)
		now, err := b.store.RecordTopUp(ctx, store.TopUpWord{TopUpID: got.TopUp.ID, State: s, Code: "c", Note: "sandbox"})
		require.NoError(b, err)
		require.Equal(b, s, now)
		if status, ended := map[state.TopUp]int{state.TopUpDelivered: 200, state.TopUpReversed: 402}[s]; ended {
			_, err = b.store.AnswerTopUp(ctx, key, store.Answer{Status: status, Body: []byte("{}")})
			require.NoError(b, err)
		}
	}
}

func wrongTopUps() []wrong {
	const (
		held    = "money held for a merchant is the money of undecided attempts, top-ups and payouts"
		sums    = "a balance equals the sum of its transfers"
		booked  = "a top-up held its price once, and spent or gave it back once when it ended"
		ordered = "a top-up that was delivered had been ordered"
		ends    = "a top-up ends, or a person is called"
		answer  = "a stored answer tells what its top-up became"
	)
	of := func(s state.TopUp) func(*books) string {
		return func(b *books) string { return fmt.Sprint("top-up ", b.topups[s]) }
	}
	booking := func(s state.TopUp, step, change string) func(*books) {
		return func(b *books) { b.exec(change+` WHERE ref = ?`, fmt.Sprintf("topup/%d/%s", b.topups[s], step)) }
	}
	change := func(s state.TopUp, set string) func(*books) {
		return func(b *books) { b.exec(`UPDATE topups SET `+set+` WHERE id = ?`, b.topups[s]) }
	}
	answered := func(s state.TopUp, status int) func(*books) {
		return func(b *books) {
			b.exec(`UPDATE idempotency_keys SET status = ?, body = '{}' WHERE route = 'top-up' AND key = ?`, status, string(s))
		}
	}
	return []wrong{
		{"a top-up held nothing", booking(state.TopUpReserved, "held", `DELETE FROM ledger_transfers`), booked, of(state.TopUpReserved), []string{held, sums}},
		{"a top-up held too little", booking(state.TopUpReserved, "held", `UPDATE ledger_transfers SET amount = amount - 1`), booked, of(state.TopUpReserved), []string{held, sums}},
		{"delivered and never spent", booking(state.TopUpDelivered, "delivered", `DELETE FROM ledger_transfers`), booked, of(state.TopUpDelivered), []string{held}},
		{"spent on another reseller", booking(state.TopUpDelivered, "delivered", `UPDATE ledger_transfers SET credit_account = 'operator/elsewhere'`), booked, of(state.TopUpDelivered), nil},
		{"reversed and never given back", booking(state.TopUpReversed, "reversed", `DELETE FROM ledger_transfers`), booked, of(state.TopUpReversed), []string{held, sums}},
		{"delivered without an order", change(state.TopUpDelivered, `submitted_at = NULL`), ordered, of(state.TopUpDelivered), nil},
		{"unknown without an order", change(state.TopUpUnknown, `submitted_at = NULL`), ordered, of(state.TopUpUnknown), nil},
		{"a top-up was forgotten", change(state.TopUpUnknown, `created_at = now() - interval '61 seconds'`),
			ends, func(b *books) string { return of(state.TopUpUnknown)(b) + " (unknown)" }, nil},
		{"told delivered, and it was reversed", answered(state.TopUpReversed, 200), answer, of(state.TopUpReversed), nil},
		{"told refused, and it was delivered", answered(state.TopUpDelivered, 402), answer, of(state.TopUpDelivered), nil},
		{"told before it was decided", answered(state.TopUpUnknown, 200), answer, of(state.TopUpUnknown), nil},
	}
}
