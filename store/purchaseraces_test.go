package store_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Receipt, retry and end of a purchase meet on its row. Each test stops one of them where it could be
// overtaken.

// keep locks a purchase's row as a command in progress would.
func (c *counter) keep(u store.Purchase) bun.Tx {
	c.Helper()
	tx, err := c.owner.BeginTx(c.Context(), nil)
	require.NoError(c, err)
	c.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.NewRaw(`SELECT FROM temporary_payment WHERE id = ? FOR NO KEY UPDATE`, u.ID).Exec(c.Context())
	require.NoError(c, err)
	return tx
}

// begin starts a command and waits until it is the n-th that waits for a lock.
func (c *counter) begin(n int, command func() error) <-chan error {
	c.Helper()
	done := make(chan error, 1)
	go func() { done <- command() }()
	c.blocked(n)
	return done
}

func TestMoneyWaitsForARetry(t *testing.T) {
	c := newCounter(t)
	for round := range 3 {
		u, a := c.bringTo(state.PurchaseIncomplete)
		tx := c.keep(u)
		_, err := tx.NewRaw(`UPDATE temporary_payment SET state = 'completing', retry_count = retry_count + 1 WHERE id = ?`, u.ID).Exec(t.Context())
		require.NoError(t, err)
		paid := c.begin(1, func() error { _, err := c.AttemptPaid(t.Context(), receipt(a)); return err })
		again := c.begin(2, func() error { _, err := c.AttemptPaid(t.Context(), receipt(a)); return err })
		require.NoError(t, tx.Commit())
		require.NoError(t, errors.Join(<-paid, <-again))
		u = c.again(u)
		require.Equal(t, []any{state.PurchaseCompleted, fmt.Sprint("CHECK-", 9672+round), 1}, []any{u.State, u.CheckNumber(), u.RetryCount})
	}
	c.requireTrue()
}

// A retry that waits behind the money finds nothing left to retry, and must not take the row back.
func TestRetryWaitsForTheMoney(t *testing.T) {
	c := newCounter(t)
	u, a := c.bringTo(state.PurchaseIncomplete)
	resume := c.pause("AFTER UPDATE ON temporary_payment", "attempts")
	paid := c.begin(1, func() error { _, err := c.AttemptPaid(t.Context(), receipt(a)); return err })
	byPeople := c.begin(2, func() error { _, err := c.RetryPurchase(t.Context(), c.branch, u.ID, sara); return err })
	var now state.Purchase
	bySaga := c.begin(3, func() (err error) { now, err = c.RetryByItself(t.Context(), u.ID); return err })
	resume()
	require.NoError(t, errors.Join(<-paid, <-bySaga))
	require.ErrorIs(t, <-byPeople, store.ErrNotRetryable)
	require.Equal(t, state.PurchaseCompleted, now)
	u = c.again(u)
	require.Equal(t, []any{state.PurchaseCompleted, "CHECK-9672", 0}, []any{u.State, u.CheckNumber(), u.RetryCount})
	c.requireTrue()
}

// Two visits of one purchase, one bank says no while the other's money is booked: whoever locks the purchase
// has the payment first, so that neither waits for the other for ever.
func TestTwoVisitsOfAPurchaseDoNotDeadlock(t *testing.T) {
	c := newCounter(t)
	for _, first := range []string{"the no", "the money"} {
		u := c.sell()
		a, b := c.visit(u), c.visit(u)
		tx := c.keep(u)
		no := func() error { return c.NoteUnpaid(t.Context(), a.ID, "not_paid") }
		money := func() error { _, err := c.AttemptPaid(t.Context(), receipt(b)); return err }
		var one, two <-chan error
		if first == "the no" {
			one = c.begin(1, no)
			two = c.begin(2, money)
		} else {
			one = c.begin(1, money)
			two = c.begin(2, no)
		}
		require.NoError(t, tx.Commit())
		require.NoError(t, errors.Join(<-one, <-two), first)
		require.Equal(t, state.PurchaseCompleted, c.again(u).State, first)
		require.Equal(t, "not_paid", value[string](c.world, `SELECT error FROM attempts WHERE id = ?`, a.ID))
	}
	c.requireTrue()
}

// A retry and the end of a purchase: whoever is second finds what the first has left.
func TestRetryAgainstTheEnd(t *testing.T) {
	c := newCounter(t)
	over := func() store.Purchase {
		u, a := c.bringTo(state.PurchaseIncomplete)
		require.NoError(t, c.FailAttempt(t.Context(), a.ID, "declined"))
		c.shut(c.read(u.Token))
		return u
	}
	retry := func(u store.Purchase) func() error {
		return func() error { _, err := c.RetryPurchase(t.Context(), c.branch, u.ID, sara); return err }
	}
	end := func(u store.Purchase) func() error {
		return func() error { _, err := c.ClosePurchase(t.Context(), u.ID); return err }
	}
	u := over()
	tx := c.keep(u)
	ended := c.begin(1, end(u))
	retried := c.begin(2, retry(u))
	require.NoError(t, tx.Commit())
	require.NoError(t, <-ended)
	require.ErrorIs(t, <-retried, store.ErrNotRetryable)
	require.Equal(t, state.PurchaseEnded, c.again(u).State)

	u = over()
	tx = c.keep(u)
	retried = c.begin(1, retry(u))
	ended = c.begin(2, end(u))
	require.NoError(t, tx.Commit())
	require.NoError(t, errors.Join(<-retried, <-ended))
	require.Equal(t, []any{state.PurchaseEnded, 1}, []any{c.again(u).State, c.again(u).RetryCount})
	require.Equal(t, "start ended", c.hears(u))

	for range 8 { // and without order
		u := over()
		for _, err := range together(12, func(i int) error {
			if i%3 == 0 {
				return end(u)()
			}
			return retry(u)()
		}) {
			if err != nil {
				require.ErrorIs(t, err, store.ErrNotRetryable)
			}
		}
		require.Equal(t, state.PurchaseEnded, c.again(u).State)
		require.Equal(t, "start ended", c.hears(u))
	}
	c.requireTrue()
}

// The payer's way to the bank, the bank's word and the deadline, all at once and over and over.
func TestEverythingAtOnce(t *testing.T) {
	c := newCounter(t)
	for range 8 {
		u := c.sell()
		p := c.read(u.Token)
		a, b, unopened := c.open(p), c.open(p), c.start(p)
		require.NoError(t, errors.Join(together(16, func(i int) error {
			var err error
			switch i % 8 {
			case 0:
				_, err = c.AttemptPaid(t.Context(), receipt(a))
			case 1:
				_, err = c.AttemptPaid(t.Context(), receipt(b))
			case 2:
				err = c.NoteUnpaid(t.Context(), b.ID, "not_paid")
			case 3:
				_, err = c.RetryPurchase(t.Context(), c.branch, u.ID, sara)
			case 4:
				_, err = c.RetryByItself(t.Context(), u.ID)
			case 5:
				_, err = c.ClosePurchase(t.Context(), u.ID)
			case 6:
				err = c.OpenAttempt(t.Context(), unopened.ID, "ref", 0)
			case 7:
				_, err = c.AtDeadline(t.Context(), p.ID)
			}
			if errors.Is(err, store.ErrNotRetryable) || errors.Is(err, store.ErrTooLate) {
				return nil
			}
			return err
		})...))
		require.Equal(t, state.PurchaseCompleted, c.again(u).State)
	}
	require.Equal(t, 8, value[int](c.world, `SELECT count(*) FROM system_log WHERE action = 'completion'`))
	c.requireTrue()
}
