package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// The same for purchases; and what they add to the statements of every payment.
func TestPurchasePlans(t *testing.T) {
	c := newCounter(t)
	half, a := c.bringTo(state.PurchaseIncomplete)
	over := c.sell()
	b := c.visit(over)
	require.NoError(t, c.FailAttempt(t.Context(), b.ID, "declined"))
	c.shut(c.read(over.Token))
	c.fillPurchases(4000)
	c.db.SetMaxOpenConns(1) // prepared statements belong to a connection

	var built []string
	s := store.New(c.db.WithQueryHook(seen(func(q string) { built = append(built, q) })), func() {})
	ctx, status := t.Context(), 2
	for _, in := range []store.PurchaseList{{BranchID: c.branch, Size: 50}, {BranchID: c.branch, Size: 50, Before: 1 << 40}, {BranchID: c.branch, Size: 50, Status: &status}} {
		_, err := s.Purchases(ctx, in)
		require.NoError(t, err)
	}
	for _, call := range []func() error{
		func() error { c.sell(); return nil },
		func() error { _, err := s.Purchase(ctx, c.branch, half.ID); return err },
		func() error { _, err := s.PurchaseLog(ctx, c.branch, half.ID); return err },
		func() error { return s.LogPurchase(ctx, c.branch, half.ID, sara, "refusal", "x") },
		func() error { _, err := s.RetryPurchase(ctx, c.branch, half.ID, sara); return err },
		func() error { _, err := s.RetryByItself(ctx, half.ID); return err },
		func() error { _, err := s.RetryByItself(ctx, over.ID); return err },
		func() error { _, err := s.ClosePurchase(ctx, over.ID); return err },
		func() error { c.visit(c.sell()); return nil },
		func() error { return s.NoteUnpaid(ctx, a.ID, "no") },
		func() error { _, err := s.AttemptPaid(ctx, receipt(a)); return err },
		func() error { _, err := s.PaymentPage(ctx, half.Token); return err },
	} {
		require.NoError(t, call())
	}
	plans := c.plans(built)
	for statement, plan := range plans {
		for _, table := range []string{"temporary_payment", "system_log", "payments", "attempts", "outbox", "ledger_transfers"} {
			require.NotContains(t, plan, "Seq Scan on "+table, "%s\n%s", statement, plan)
		}
	}
	uses := usedBy(t, plans)
	uses("AS too_often FROM temporary_payment", "temporary_payment_pkey", "payments_pkey")
	uses("SET state = 'completed', reference", "temporary_payment_payment_id_key")
	uses("SET state = 'incomplete'", "temporary_payment_payment_id_key")
	uses("SET state = 'completing' FROM a", "temporary_payment_payment_id_key")
	uses("SET state = 'ended'", "temporary_payment_pkey")
	uses("FROM system_log WHERE", "system_log_pkey")
	uses("WHERE (u.branch_id = 31) ORDER BY", "temporary_payment_list")
	uses("AND (u.id < ", "temporary_payment_list")
	uses("AND (u.status = 2)", "temporary_payment_half_done")
	for _, q := range built {
		require.NotContains(t, plans[q], "Sort", "the index has the order: %s", plans[q])
	}
}

// fillPurchases adds n purchases of fifty branches, each with its payment and three lines in the log.
func (c *counter) fillPurchases(n int) {
	c.Helper()
	c.fill(c.m, n)
	_, err := c.owner.NewRaw(`
		INSERT INTO branches (id, merchant_id, name) SELECT 100 + i, ?, '' FROM generate_series(0, 49) i;
		INSERT INTO temporary_payment (branch_id, payment_id, state)
		SELECT CASE id % 50 WHEN 0 THEN ? ELSE 100 + id % 50 END, id, CASE id % 4 WHEN 0 THEN 'awaiting' WHEN 1 THEN 'completing' WHEN 2 THEN 'incomplete' ELSE 'ended' END FROM payments WHERE token LIKE 'fill%';
		INSERT INTO system_log (purchase_id, branch_id, actor, action) SELECT id, branch_id, 'x', 'retry' FROM temporary_payment, generate_series(1, 3);
		ANALYZE`, c.m.ID, c.branch).Exec(c.Context())
	require.NoError(c, err)
}
