package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// People may retry what is half done; everything else looks like what does not exist.
func TestRetryPurchase(t *testing.T) {
	c := newCounter(t)
	require.NoError(t, c.AddBranch(t.Context(), c.m.PublicID, 32, "north"))
	for _, s := range []state.Purchase{state.PurchaseCompleting, state.PurchaseIncomplete} {
		u, _ := c.bringTo(s)
		kicks := c.kicks.Load()
		got, err := c.RetryPurchase(t.Context(), c.branch, u.ID, sara)
		require.NoError(t, err)
		require.Equal(t, kicks+1, c.kicks.Load())
		require.Equal(t, []any{state.PurchaseCompleting, 1, 1}, []any{got.State, got.Status, got.RetryCount})
		require.Equal(t, got, c.again(u))
		p := c.read(u.Token)
		require.Equal(t, []string{"start", "inquire"}, c.messages(p), "the bank is asked also when the caller is gone")
		require.Equal(t, value[int64](c.world, `SELECT max(id) FROM payment_events WHERE kind = 'inquire'`),
			value[int64](c.world, `SELECT (payload->>'event_id')::bigint FROM outbox WHERE message = 'inquire' ORDER BY id DESC LIMIT 1`))
		require.Equal(t, "start", c.hears(u))
		require.Equal(t, []string{"branch/31 create", "branch/31 retry"}, c.log(u))

		before := c.facts()
		for _, wrong := range []struct{ branch, id int64 }{{32, u.ID}, {404, u.ID}, {0, u.ID}, {c.branch, 1 << 40}, {c.branch, -u.ID}} {
			_, err := c.RetryPurchase(t.Context(), wrong.branch, wrong.id, sara)
			require.ErrorIs(t, err, store.ErrNotRetryable, "%+v", wrong)
			require.Equal(t, store.ErrNotRetryable.Error(), err.Error(), "all look alike")
		}
		require.Equal(t, before, c.facts())
	}
	for _, s := range []state.Purchase{state.PurchaseAwaiting, state.PurchaseCompleted, state.PurchaseEnded} {
		u, _ := c.bringTo(s)
		before := c.facts()
		_, err := c.RetryPurchase(t.Context(), c.branch, u.ID, sara)
		require.ErrorIs(t, err, store.ErrNotRetryable, s)
		require.Equal(t, before, c.facts(), s)
	}
}

func TestRetriesAreCapped(t *testing.T) {
	c := newCounter(t)
	u, a := c.bringTo(state.PurchaseIncomplete)
	c.exec(`UPDATE temporary_payment SET retry_count = ? WHERE id = ?`, store.MostRetries-3, u.ID)
	allowed := 0
	for i, err := range together(12, func(i int) error {
		if i%2 == 0 {
			_, err := c.RetryByItself(t.Context(), u.ID)
			return err
		}
		_, err := c.RetryPurchase(t.Context(), c.branch, u.ID, sara)
		return err
	}) {
		if err != nil {
			require.ErrorIs(t, err, store.ErrTooManyRetries)
			require.Equal(t, 1, i%2, "its saga just goes on waiting")
		}
	}
	u = c.again(u)
	require.Equal(t, store.MostRetries, u.RetryCount)
	for _, l := range c.log(u) {
		if strings.HasSuffix(l, " retry") {
			allowed++
		}
	}
	require.Equal(t, 3, allowed)
	require.Len(t, c.log(u), 1+12)
	require.Contains(t, c.log(u), "branch/31 refusal too many retries")
	require.Equal(t, 3, value[int](c.world, `SELECT count(*) FROM payment_events WHERE kind = 'inquire'`))

	_, err := c.RetryPurchase(t.Context(), 32, u.ID, sara)
	require.ErrorIs(t, err, store.ErrNotRetryable, "a stranger does not learn of the cap")
	c.pay(a)
	require.Equal(t, state.PurchaseCompleted, c.again(u).State, "money completes it all the same")
	_, err = c.RetryPurchase(t.Context(), c.branch, u.ID, sara)
	require.ErrorIs(t, err, store.ErrNotRetryable)
}

// The saga's own retry asks only when the payer is at a bank.
func TestRetryByItself(t *testing.T) {
	c := newCounter(t)
	for _, s := range []state.Purchase{state.PurchaseAwaiting, state.PurchaseCompleted, state.PurchaseEnded} {
		u, _ := c.bringTo(s)
		before := c.facts()
		now, err := c.RetryByItself(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, s, now)
		require.Equal(t, before, c.facts(), s)
	}
	declined, a := c.bringTo(state.PurchaseIncomplete)
	require.NoError(t, c.FailAttempt(t.Context(), a.ID, "declined"))
	before := c.facts()
	now, err := c.RetryByItself(t.Context(), declined.ID)
	require.NoError(t, err)
	require.Equal(t, state.PurchaseIncomplete, now)
	require.Equal(t, before, c.facts(), "nobody is at a bank")

	u, _ := c.bringTo(state.PurchaseIncomplete)
	now, err = c.RetryByItself(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, state.PurchaseCompleting, now)
	require.Equal(t, []string{"branch/31 create", "saga retry"}, c.log(u))
	require.Equal(t, []string{"start", "inquire"}, c.messages(c.read(u.Token)))
	_, err = c.RetryByItself(t.Context(), 1<<40)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// Fifty receipts of one attempt, with retries of people and of the saga among them: one reference.
func TestFiftyReceiptsAreOneReference(t *testing.T) {
	c := newCounter(t)
	for round := range 4 {
		u, a := c.bringTo(state.PurchaseIncomplete)
		refused := 0
		for i, err := range together(50, func(i int) (err error) {
			switch i % 5 {
			case 0:
				_, err = c.RetryPurchase(t.Context(), c.branch, u.ID, sara)
			case 1:
				_, err = c.RetryByItself(t.Context(), u.ID)
			case 2:
				err = c.NoteUnpaid(t.Context(), a.ID, "not_paid")
			default:
				_, err = c.AttemptPaid(t.Context(), receipt(a))
			}
			return err
		}) {
			if errors.Is(err, store.ErrNotRetryable) && i%5 == 0 {
				refused++
				continue
			}
			require.NoError(t, err)
		}
		t.Log(refused, "of 10 retries came after the money")
		u = c.again(u)
		require.Equal(t, fmt.Sprint("CHECK-", 9672+round), u.CheckNumber())
		require.Equal(t, 1, strings.Count(c.hears(u), "completed"))
		lines := c.log(u)
		require.Len(t, slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.Contains(l, "completion") }), 1)
		retries := len(slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasSuffix(l, "retry") }))
		require.Equal(t, retries, u.RetryCount, "each retry is counted and logged")
	}
	require.Equal(t, 4, value[int](c.world, `SELECT count(*) FROM temporary_payment WHERE reference IS NOT NULL`))
	c.requireBooks(c.m, 0, rial(4*10_500))
	c.requireTrue()
}
