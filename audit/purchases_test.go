package audit_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

// addPurchases makes purchases of some payments.
func (b *books) addPurchases() {
	b.Helper()
	require.NoError(b, b.store.AddBranch(b.Context(), b.merchant.PublicID, 31, "branch"))
	b.purchases = map[state.Purchase]int64{}
	for s, p := range map[state.Purchase]state.Payment{
		state.PurchaseAwaiting: state.PaymentPending, state.PurchaseCompleted: state.PaymentCollected, state.PurchaseEnded: state.PaymentExpired,
	} {
		var id int64
		require.NoError(b, b.owner.NewRaw(`
			INSERT INTO temporary_payment (branch_id, payment_id, state, reference) VALUES (31, ?, ?, CASE ? WHEN 'completed' THEN 9672 END) RETURNING id`,
			b.payments[p].ID, s, s).Scan(b.Context(), &id))
		b.purchases[s] = id
	}
}

func wrongPurchases() []wrong {
	const (
		completed = "a completed purchase, and no other, has a reference and verified money"
		ends      = "a purchase ends with its payment"
	)
	of := func(s state.Purchase) func(*books) string {
		return func(b *books) string { return fmt.Sprint("purchase ", b.purchases[s]) }
	}
	change := func(s state.Purchase, set string, args ...any) func(*books) {
		return func(b *books) {
			b.exec(`UPDATE temporary_payment SET `+set+` WHERE id = ?`, append(args, b.purchases[s])...)
		}
	}
	return []wrong{
		{"completed without money", change(state.PurchaseAwaiting, `state = 'completed', reference = 9673`), completed, of(state.PurchaseAwaiting), nil},
		{"money and no reference", change(state.PurchaseCompleted, `state = 'incomplete', reference = NULL`), completed, of(state.PurchaseCompleted), nil},
		{"a reference for a visit whose money went back", func(b *books) {
			b.exec(`UPDATE payments SET attempt_id = ? WHERE id = ?`, b.surplus, b.payments[state.PaymentCollected].ID)
		}, completed, of(state.PurchaseCompleted), []string{
			"a payment and the attempt that serves it agree", "at most one attempt's money stays with a payment",
		}},
		{"a purchase outlived its payment", func(b *books) {
			change(state.PurchaseEnded, `state = 'incomplete'`)(b)
			b.exec(`UPDATE payments SET collect_by = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentExpired].ID)
		}, ends, func(b *books) string { return of(state.PurchaseEnded)(b) + " (incomplete)" }, nil},
		{"a purchase ended before its payment", change(state.PurchaseAwaiting, `state = 'ended'`),
			ends, func(b *books) string { return of(state.PurchaseAwaiting)(b) + " (ended)" }, nil},
	}
}
