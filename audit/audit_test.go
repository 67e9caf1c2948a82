package audit_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// wrong is a way to make the books untrue, and the invariant that sees it.
type wrong struct {
	name     string
	do       func(*books)
	breaks   string
	subject  func(*books) string
	alsoFail []string // what it must also upset
}

// Each invariant is broken by hand and seen, with its subject. So every invariant can fail. Each break is taken back
// with its transaction: books and audit share one connection.
func TestEveryInvariantCanFail(t *testing.T) {
	seen := map[string]bool{}
	books := newBooks(t).alone()
	for _, tt := range slices.Concat(wrongPayments(), wrongTransfers(), wrongDeposits(), wrongTopUps(), wrongPurchases(), wrongMoney(), wrongMessages()) {
		t.Run(tt.name, func(t *testing.T) {
			at := *books
			b := &at
			b.T = t
			b.exec(`BEGIN`)
			defer b.exec(`ROLLBACK`)
			tt.do(b)
			var broken []string
			found := false
			breaches := b.audit(audit.Config{})
			for _, breach := range breaches {
				broken = append(broken, breach.Invariant)
				found = found || breach == store.Breach{Invariant: tt.breaks, Subject: tt.subject(b)}
			}
			require.True(t, found, "%v", breaches)
			slices.Sort(broken)
			expected := append([]string{tt.breaks}, tt.alsoFail...)
			slices.Sort(expected)
			require.Equal(t, expected, slices.Compact(broken))
			seen[tt.breaks] = true
		})
	}
	require.Len(t, seen, store.Invariants(), "an invariant that no break of this test has failed")
	require.Empty(t, books.audit(audit.Config{}), "all is taken back")
}

// What is on its way is no breach: within the grace, at a bank that may still say paid, or with a person.
func TestWorkInProgressIsNoBreach(t *testing.T) {
	b := newBooks(t)
	b.exec(`UPDATE payments SET collect_by = now() - interval '50 seconds' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
	b.exec(`UPDATE payments SET collect_by = now() - interval '1 hour' WHERE id = ?`, b.payments[state.PaymentPending].ID) // its visit is open still
	b.exec(`INSERT INTO outbox (saga, ref, message, payload) VALUES ('payment', 'x', 'collected', '{}')`)
	b.exec(`UPDATE transfers SET expires_at = now() - interval '50 seconds' WHERE state = 'pending'`)
	b.exec(`UPDATE transfers SET paid_at = now() - interval '1 day 50 seconds' WHERE state = 'paid'`)
	b.exec(`UPDATE deposits SET resolve_by = now() - interval '50 seconds' WHERE state = 'suspense'`)
	b.exec(`UPDATE deposits SET (balance, at) = (SELECT balance, at FROM deposits WHERE id = ?) WHERE id = ?`, b.deposits[state.DepositIgnored], b.deposits[state.DepositSuspense])
	b.exec(`UPDATE sms SET reason = 'unknown_sender' WHERE id = (SELECT sms_id FROM deposits WHERE id = ?)`, b.deposits[state.DepositSuspense]) // an untrusted copy
	b.exec(`UPDATE topups SET created_at = now() - interval '50 seconds' WHERE ended_at IS NULL`)
	b.exec(`UPDATE payouts SET created_at = now() - interval '50 seconds' WHERE state = 'unknown'`)
	b.exec(`UPDATE payouts SET created_at = now() - interval '1 day', due_at = now() - interval '50 seconds' WHERE state = 'sent'`)
	b.exec(`UPDATE wallets SET created_at = now() - interval '50 seconds' WHERE state = 'opening'`)
	b.exec(`UPDATE webhook_messages SET created_at = now() - interval '1 day', next_try_at = now() - interval '1 hour 50 seconds' WHERE id = ?`, b.told[state.WebhookPending])
	require.Empty(t, b.audit(audit.Config{}))
	b.exec(`UPDATE payments SET collect_by = now() - interval '1 hour' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
	require.Len(t, b.audit(audit.Config{}), 1)
	require.NoError(t, b.store.SetAttention(t.Context(), b.payments[state.PaymentPaid].ID, "outcome_unknown"))
	require.Empty(t, b.audit(audit.Config{}), "a person was called")

	paid := b.transfers[state.TransferPaid].ID
	b.exec(`UPDATE transfers SET paid_at = now() - interval '2 days' WHERE id = ?`, paid)
	b.exec(`UPDATE deposits SET resolve_by = now() - interval '1 hour' WHERE id = ?`, b.mismatch)
	require.Len(t, b.audit(audit.Config{}), 2)
	require.NoError(t, b.store.SetTransferAttention(t.Context(), paid, "paid_not_checked"))
	require.NoError(t, b.store.SetDepositAttention(t.Context(), b.mismatch, "deposit_overdue"))
	require.Empty(t, b.audit(audit.Config{}), "a person was called")

	b.exec(`UPDATE payouts SET created_at = now() - interval '1 hour', due_at = NULL WHERE state IN ('unknown', 'sent')`)
	b.exec(`UPDATE wallets SET created_at = now() - interval '1 hour' WHERE state = 'opening'`)
	require.Len(t, b.audit(audit.Config{}), 3)
	for _, s := range []state.Payout{state.PayoutUnknown, state.PayoutSent} {
		require.NoError(t, b.store.SetPayoutAttention(t.Context(), b.payouts[s].ID, "outcome_unknown"))
	}
	require.NoError(t, b.store.SetWalletAttention(t.Context(), b.wallets[state.WalletOpening].ID, "outcome_unknown"))
	require.Empty(t, b.audit(audit.Config{}), "a person was called")

	b.exec(`UPDATE webhook_messages SET next_try_at = now() - interval '1 day' WHERE id = ?`, b.told[state.WebhookPending])
	require.Empty(t, b.audit(audit.Config{}), "its receiver is slow, and answers others")
	b.exec(`UPDATE webhook_attempts SET at = now() - interval '2 hours'`)
	require.Len(t, b.audit(audit.Config{}), 1)
}
