package store_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Fifty payouts against a balance for thirty: thirty are held, and the balance is never below zero.
func TestBalanceUnderConcurrentPayouts(t *testing.T) {
	b := newBank(t, 30*(10_000+fee))
	var poor atomic.Int64
	require.NoError(t, errors.Join(together(50, func(i int) error {
		_, err := b.OrderPayout(t.Context(), b.new(fmt.Sprint("o-", i), 10_000))
		if errors.Is(err, store.ErrBalance) {
			poor.Add(1)
			return nil
		}
		return err
	})...))
	require.EqualValues(t, 20, poor.Load())
	b.requireBalance(0, 30*(10_000+fee))
	require.Equal(t, 30, value[int](b.world, `SELECT count(*) FROM payouts`))
	require.Equal(t, 30, value[int](b.world, `SELECT count(*) FROM outbox`))
	b.requireTrue()
}

// Fifty twins of one order are one; of two requests under one order_id one wins, and the other one's callers hear it.
func TestPayoutTwins(t *testing.T) {
	b := newBank(t, 1_000_000)
	ids := make([]int64, 50)
	require.NoError(t, errors.Join(together(len(ids), func(i int) error {
		in := b.new("twin", 10_000)
		in.CallbackURL, in.Secret = "https://a.example", hidden
		p, err := b.OrderPayout(t.Context(), in)
		ids[i] = p.ID
		return err
	})...))
	for _, id := range ids {
		require.Equal(t, ids[0], id)
	}
	b.requireBalance(1_000_000-10_000-fee, 10_000+fee)

	for round := range 6 {
		errs := together(10, func(i int) error {
			_, err := b.OrderPayout(t.Context(), b.new(fmt.Sprint("two-", round), rial(10_000+i%2)))
			return err
		})
		won := int(value[int64](b.world, `SELECT amount FROM payouts ORDER BY id DESC LIMIT 1`)) - 10_000
		for i, err := range errs {
			if i%2 == won {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, store.ErrOrderReused)
			}
		}
	}
	require.Equal(t, 7, value[int](b.world, `SELECT count(*) FROM payouts`))
	b.requireTrue()
}

// A twin of an order that is too much for the balance is too much, too, and neither leaves anything.
func TestTwinsWithoutMoney(t *testing.T) {
	b := newBank(t, 10_000)
	before := b.facts()
	for _, err := range together(20, func(int) error { _, err := b.OrderPayout(t.Context(), b.new("o", 10_000)); return err }) {
		require.ErrorIs(t, err, store.ErrBalance)
	}
	require.Equal(t, before, b.facts())
}

// The merchant takes a payout back in the moment in which it is sent: one of them wins, wholly.
func TestCancelAgainstSubmit(t *testing.T) {
	b := newBank(t, 10_000_000)
	won := map[state.Payout]int{}
	for round := range 40 {
		p := b.ordered(fmt.Sprint("o-", round), 10_000)
		var left, cancelled atomic.Int64
		require.NoError(t, errors.Join(together(6, func(i int) error {
			if i%2 == 0 {
				_, may, err := b.SubmitPayout(t.Context(), p.ID)
				if may {
					left.Add(1)
				}
				return err
			}
			_, err := b.CancelPayout(t.Context(), b.m.ID, p.OrderID, "")
			if errors.Is(err, store.ErrConflict) {
				return nil
			}
			cancelled.Add(1)
			return err
		})...))
		end := b.again(p)
		won[end.State]++
		if end.State == state.PayoutCancelled {
			require.Zero(t, left.Load(), "it must not leave")
			require.EqualValues(t, 1, cancelled.Load())
			require.Nil(t, end.SubmittedAt)
			require.Equal(t, "held cancelled", b.moves(p))
		} else {
			require.Equal(t, state.PayoutReserved, end.State)
			require.EqualValues(t, 3, left.Load())
			require.Zero(t, cancelled.Load(), "nobody may be told that he has it back")
			require.Equal(t, "held", b.moves(p))
		}
	}
	t.Logf("won: %v", won)
	b.requireTrue()
}

// The bank, its repetitions and a person say different things at once: the first one counts, and money moves once.
func TestPayoutIsDecidedOnce(t *testing.T) {
	b := newBank(t, 10_000_000)
	for round := range 20 {
		p := b.ordered(fmt.Sprint("o-", round), 10_000)
		b.sent(p)
		b.say(p, state.PayoutUnknown)
		heard := make([]state.Payout, 9)
		require.NoError(t, errors.Join(together(len(heard), func(i int) (err error) {
			switch i % 3 {
			case 0:
				heard[i], err = b.RecordPayout(t.Context(), store.PayoutWord{PayoutID: p.ID, State: state.PayoutPaid})
			case 1:
				heard[i], err = b.RecordPayout(t.Context(), store.PayoutWord{PayoutID: p.ID, State: state.PayoutRefused})
			default:
				err = b.ResolvePayout(t.Context(), store.PayoutResolution{UUID: p.UUID, As: state.PayoutUnsent, By: "x", Why: "y"})
				if err == nil {
					heard[i] = state.PayoutUnsent
				} else if errors.Is(err, store.ErrConflict) {
					err = nil
				}
			}
			return err
		})...))
		end := b.again(p)
		require.True(t, end.Ended())
		for _, h := range heard {
			if h != "" {
				require.Equal(t, end.State, h, "everybody hears how it ended")
			}
		}
		require.Equal(t, "held "+string(end.State), b.moves(p))
	}
	b.requireTrue()
}
