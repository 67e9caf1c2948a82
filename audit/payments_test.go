package audit_test

import (
	"fmt"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func wrongPayments() []wrong {
	const (
		sums      = "a balance equals the sum of its transfers"
		held      = "money held for a merchant is the money of undecided attempts, top-ups and payouts"
		booked    = "a paid attempt is booked once, with its amount"
		returned  = "a refunded attempt, and no other, gave its amount back"
		reached   = "a collected payment, and no other, reached the merchant with its amount"
		reason    = "every transfer has its fact"
		agree     = "a payment and the attempt that serves it agree"
		one       = "at most one attempt's money stays with a payment"
		account   = "an attempt was made with its merchant's own account at its bank"
		undecided = "nothing is undecided past its deadline"
		ends      = "every attempt ends"
		outbox    = "the outbox is empty when all is quiet"
	)
	payment := func(b *books, s state.Payment) string { return "payment " + b.payments[s].Token }
	attempt := func(b *books, s state.Payment) string { return fmt.Sprint("attempt ", b.attempts[s]) }
	return []wrong{
		{"a balance was raised", func(b *books) { b.exec(`UPDATE ledger_balances SET balance = balance + 1`) },
			sums, func(b *books) string { return fmt.Sprintf("merchant/%d/available", b.merchant.ID) }, nil},
		{"a balance out of nothing", func(b *books) { b.exec(`INSERT INTO ledger_balances VALUES ('merchant/77/available', 1)`) },
			sums, func(*books) string { return "merchant/77/available" }, nil},
		{"money held without an attempt", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('bank/zibal', 'merchant/' || ? || '/held', 7, 'gift')`, b.merchant.ID)
		}, held, func(b *books) string { return fmt.Sprintf("merchant/%d/held", b.merchant.ID) }, []string{reason}},
		{"money for the merchant without a payment", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('bank/zibal', 'merchant/' || ? || '/available', 7, 'gift')`, b.merchant.ID)
		}, reason, func(*books) string { return "transfer gift" }, nil},
		{"a paid attempt's booking is gone", func(b *books) {
			b.exec(`DELETE FROM ledger_transfers WHERE ref = ?`, fmt.Sprintf("attempt/%d/paid", b.attempts[state.PaymentPaid]))
		}, booked, func(b *books) string { return attempt(b, state.PaymentPaid) }, []string{held}},
		{"booked with another amount", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET amount = amount + 1 WHERE ref = ?`, fmt.Sprintf("attempt/%d/paid", b.attempts[state.PaymentPaid]))
		}, booked, func(b *books) string { return attempt(b, state.PaymentPaid) }, []string{held}},
		{"booked on another bank", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET debit_account = 'bank/asanpardakht' WHERE ref = ?`, fmt.Sprintf("attempt/%d/paid", b.attempts[state.PaymentPaid]))
		}, booked, func(b *books) string { return attempt(b, state.PaymentPaid) }, nil},
		{"a failed attempt was booked", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'failed' WHERE id = ?`, b.surplus)
		}, booked, func(b *books) string { return fmt.Sprint("attempt ", b.surplus) }, []string{returned}},
		{"a refund was never booked", func(b *books) {
			b.exec(`DELETE FROM ledger_transfers WHERE ref = ?`, fmt.Sprintf("attempt/%d/refunded", b.attempts[state.PaymentRefunded]))
		}, returned, func(b *books) string { return attempt(b, state.PaymentRefunded) }, []string{held}},
		{"the refund came from another merchant", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET debit_account = 'merchant/' || ? || '/held' WHERE ref = ?`, b.other.ID, fmt.Sprintf("attempt/%d/refunded", b.attempts[state.PaymentRefunded]))
		}, returned, func(b *books) string { return attempt(b, state.PaymentRefunded) }, []string{held}},
		{"an attempt was made with another merchant's account", func(b *books) {
			b.account(b.other, "zibal", state.PaymentPaid)
		}, account, func(b *books) string { return attempt(b, state.PaymentPaid) }, nil},
		{"an attempt was made with an account at another bank", func(b *books) {
			b.account(b.merchant, "saman", state.PaymentRefunded)
		}, account, func(b *books) string { return attempt(b, state.PaymentRefunded) }, nil},
		{"a collected payment reached nobody", func(b *books) {
			b.exec(`DELETE FROM ledger_transfers WHERE ref = ?`, fmt.Sprintf("payment/%d/collected", b.payments[state.PaymentCollected].ID))
		}, reached, func(b *books) string { return payment(b, state.PaymentCollected) }, []string{held, sums}},
		{"a collected payment reached another merchant", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET credit_account = 'merchant/' || ? || '/available' WHERE ref = ?`, b.other.ID, fmt.Sprintf("payment/%d/collected", b.payments[state.PaymentCollected].ID))
			b.exec(`UPDATE ledger_balances SET account = 'merchant/' || ? || '/available' WHERE account = 'merchant/' || ? || '/available'`, b.other.ID, b.merchant.ID)
		}, reached, func(b *books) string { return payment(b, state.PaymentCollected) }, nil},
		{"refunded and collected", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('bank/zibal', 'merchant/' || ? || '/available', 10500, ?)`,
				b.merchant.ID, fmt.Sprintf("payment/%d/collected", b.payments[state.PaymentRefunded].ID))
		}, reached, func(b *books) string { return payment(b, state.PaymentRefunded) }, nil},
		{"the tip was lost", func(b *books) { b.exec(`UPDATE payments SET tip = 0 WHERE id = ?`, b.payments[state.PaymentPaid].ID) },
			agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"another reference of the bank", func(b *books) { b.exec(`UPDATE payments SET rrn = 'x' WHERE id = ?`, b.payments[state.PaymentPaid].ID) },
			agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"another bank", func(b *books) {
			b.exec(`UPDATE payments SET method = 'x' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
		},
			agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"served by another payment's attempt", func(b *books) {
			b.exec(`UPDATE payments SET attempt_id = ?, rrn = ? WHERE id = ?`, b.surplus, fmt.Sprint("rrn", b.surplus), b.payments[state.PaymentRefunded].ID)
		}, agree, func(b *books) string { return payment(b, state.PaymentRefunded) }, nil},
		{"refunding here, paid there", func(b *books) {
			b.exec(`UPDATE payments SET state = 'refunding' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
		}, agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"a second attempt's money stayed", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'settled' WHERE id = ?`, b.surplus)
		}, one, func(b *books) string { return payment(b, state.PaymentCollected) }, []string{returned}},
		{"a paid payment was forgotten", func(b *books) {
			b.exec(`UPDATE payments SET collect_by = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
		}, undecided, func(b *books) string { return payment(b, state.PaymentPaid) + " (paid)" }, nil},
		{"a pending payment was forgotten", func(b *books) {
			b.exec(`UPDATE payments SET collect_by = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentPending].ID)
			b.exec(`UPDATE attempts SET final_at = now() - interval '10 seconds' WHERE id = ?`, b.visiting)
		}, undecided, func(b *books) string { return payment(b, state.PaymentPending) + " (pending)" }, nil},
		{"an open visit was forgotten", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'open', final_at = now() - interval '61 seconds', created_at = now() - interval '1 hour' WHERE id = ?`, b.attempts[state.PaymentFailed])
			b.exec(`UPDATE payments SET collect_by = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentFailed].ID)
		}, ends, func(b *books) string { return attempt(b, state.PaymentFailed) + " (open)" }, nil},
		{"settlement was forgotten", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'paid', paid_at = now() - interval '2 minutes' WHERE id = ?`, b.attempts[state.PaymentCollected])
			b.exec(`UPDATE payments SET collected_at = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentCollected].ID)
		}, ends, func(b *books) string { return attempt(b, state.PaymentCollected) + " (paid)" }, nil},
		{"a message was never delivered", func(b *books) {
			b.exec(`INSERT INTO outbox (saga, ref, message, payload, created_at) VALUES ('payment', 'x', 'collected', '{}', now() - interval '61 seconds')`)
		}, outbox, func(*books) string { return "payment/x collected" }, nil},
	}
}

// account makes it look as if an attempt had been made with an account; with its merchant's own, nothing is wrong.
func (b *books) account(of store.Merchant, gateway string, attempt state.Payment) {
	b.Helper()
	put := func(m store.Merchant, gateway string) {
		g, err := b.store.PutGatewayAccount(b.Context(), store.NewGatewayAccount{MerchantID: m.ID, Gateway: gateway, Credentials: vault.Text{KeyID: "k", Sealed: []byte("x")}})
		require.NoError(b, err)
		b.exec(`UPDATE attempts SET account_id = ? WHERE id = ?`, g.ID, b.attempts[attempt])
	}
	put(b.merchant, "zibal")
	require.Empty(b, b.audit(audit.Config{}))
	put(of, gateway)
}
