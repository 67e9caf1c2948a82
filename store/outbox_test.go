package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// deliver hands out one batch; the rows that refuse says something about are given back.
func (w *world) deliver(batch int, refuse func(store.Delivery) error) []store.Delivery {
	w.Helper()
	var got []store.Delivery
	n, err := w.DeliverOutbox(w.Context(), batch, func(_ context.Context, rows []store.Delivery) (failed []store.Undelivered) {
		got = rows
		for _, r := range rows {
			if err := refuse(r); err != nil {
				failed = append(failed, store.Undelivered{ID: r.ID, Tries: r.Tries, Err: err})
			}
		}
		return failed
	})
	require.NoError(w, err)
	require.Len(w, got, n)
	return got
}

func take(store.Delivery) error { return nil }

func names(rows []store.Delivery) string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Ref + " " + r.Message
	}
	return strings.Join(out, ", ")
}

func TestASagaHearsEverythingInOrder(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p, a := w.bring(m, state.PaymentPaid)
	q := w.create(m)
	_, err := w.CollectPayment(t.Context(), m.ID, p.Token)
	require.NoError(t, err)
	require.NotZero(t, a.ID)

	require.Equal(t, p.Token+" start, "+q.Token+" start", names(w.deliver(16, take)))
	require.Equal(t, p.Token+" collected", names(w.deliver(16, take)), "only after the start was taken")
	require.Empty(t, w.deliver(16, take))

	for range 5 {
		w.create(m)
	}
	require.Len(t, w.deliver(2, take), 2, "a batch is bounded")
	o, err := w.Outbox(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, o.Rows)
}

func TestAnUndeliveredRowWaitsAndHoldsItsSagaOnly(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p, _ := w.bring(m, state.PaymentCollected) // start, collected
	down := errors.New(strings.Repeat("سرور ", 200))
	refuse := func(store.Delivery) error { return down }
	due := func() { w.exec(`UPDATE outbox SET next_try_at = now()`) }

	for tries, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000} {
		require.Equal(t, p.Token+" start", names(w.deliver(16, refuse)), "try %d", tries)
		wait := value[float64](w, `SELECT extract(epoch FROM next_try_at - clock_timestamp()) FROM outbox WHERE message = 'start'`)
		require.InDelta(t, want.Seconds()*float64(time.Millisecond/time.Nanosecond), wait, 0.09, "try %d", tries)
		require.Equal(t, tries+1, value[int](w, `SELECT tries FROM outbox WHERE message = 'start'`))

		other := w.create(m)
		require.Equal(t, other.Token+" start", names(w.deliver(16, take)), "another saga goes on")
		due()
	}
	require.Equal(t, 500, value[int](w, `SELECT length(last_error) FROM outbox WHERE message = 'start'`), "the reason, cut")
	require.Equal(t, p.Token+" start", names(w.deliver(16, take)))
	require.Equal(t, p.Token+" collected", names(w.deliver(16, take)))
}

// A dispatcher that dies in the middle of a batch loses nothing; what it had delivered comes again.
func TestACrashDeliversAgain(t *testing.T) {
	w := newWorld(t)
	p := w.create(w.newMerchant())
	ctx, die := context.WithCancel(t.Context())
	_, err := w.DeliverOutbox(ctx, 16, func(context.Context, []store.Delivery) []store.Undelivered { die(); return nil })
	require.Error(t, err)
	// The server lets go of the row when it has noticed.
	require.Eventually(t, func() bool { return names(w.deliver(16, take)) == p.Token+" start" }, 5*time.Second, 5*time.Millisecond)
}

func TestTwoDispatchersAtOnce(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p, _ := w.bring(m, state.PaymentCollected)
	q := w.create(m)
	n, err := w.DeliverOutbox(t.Context(), 1, func(context.Context, []store.Delivery) []store.Undelivered {
		require.Equal(t, q.Token+" start", names(w.deliver(16, take)), "neither the row in hand nor what follows it")
		require.Empty(t, w.deliver(16, take))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, p.Token+" collected", names(w.deliver(16, take)))
}

// Four dispatchers, a Temporal that refuses every fifth time, and new messages while they work: each
// message arrives once, in its saga's order, and no two hands hold one saga at a time.
func TestManyDispatchers(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	const sagas, messages = 25, 4
	write := func(n int) {
		w.exec(`INSERT INTO outbox (saga, ref, message, payload) SELECT 'payment', 'saga' || s, ?, '{}' FROM generate_series(1, ?) s`, fmt.Sprint(n), sagas)
	}
	require.NotZero(t, m.ID)
	write(0)
	write(1)

	var mu sync.Mutex
	heard, held := map[string]string{}, map[string]bool{}
	var calls, delivered atomic.Int64
	errs := together(5, func(i int) error {
		if i == 4 {
			write(2)
			write(3)
			return nil
		}
		for delivered.Load() < sagas*messages {
			_, err := w.DeliverOutbox(t.Context(), 7, func(_ context.Context, rows []store.Delivery) (failed []store.Undelivered) {
				for _, r := range rows {
					mu.Lock()
					twice := held[r.Ref]
					held[r.Ref] = true
					mu.Unlock()
					if twice {
						t.Errorf("%s is in two hands", r.Ref)
					}
				}
				for _, r := range rows {
					mu.Lock()
					if calls.Add(1)%5 == 0 {
						failed = append(failed, store.Undelivered{ID: r.ID, Tries: 0, Err: errors.New("busy")})
					} else {
						heard[r.Ref] += r.Message
						delivered.Add(1)
					}
					held[r.Ref] = false
					mu.Unlock()
				}
				return failed
			})
			if err != nil {
				return err
			}
			w.exec(`UPDATE outbox SET next_try_at = now() WHERE id IN ( -- rows in somebody's hands are left alone, or two of us could wait for each other
				SELECT id FROM outbox WHERE next_try_at > now() FOR UPDATE SKIP LOCKED)`)
		}
		return nil
	})
	require.NoError(t, errors.Join(errs...))
	require.Len(t, heard, sagas)
	for saga, got := range heard {
		require.Equal(t, "0123", got, saga)
	}
	require.Zero(t, value[int](w, `SELECT count(*) FROM outbox`))
}

func TestOutboxIsMeasured(t *testing.T) {
	w := newWorld(t)
	o, err := w.Outbox(t.Context())
	require.NoError(t, err)
	require.Equal(t, store.OutboxState{}, o)
	m := w.newMerchant()
	for range 3 {
		w.create(m)
	}
	w.exec(`UPDATE outbox SET created_at = now() - interval '90 seconds' WHERE id = (SELECT min(id) FROM outbox)`)
	o, err = w.Outbox(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int64{3, 1}, []int64{o.Rows, o.Stuck})
	require.InDelta(t, 90, o.Oldest, 5)
}

// A process without a dispatcher wakes the others through the database.
func TestListenWakes(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	woken, ended := make(chan struct{}, 8), make(chan error, 1)
	go func() { ended <- store.Listen(ctx, w.url, func() { woken <- struct{}{} }) }()
	require.Eventually(t, func() bool {
		return value[int](w, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %' AND state = 'idle'`) == 1
	}, 5*time.Second, 5*time.Millisecond)
	require.Empty(t, woken)

	_, err := store.New(w.db, nil).CreatePayment(t.Context(), store.NewPayment{Merchant: w.newMerchant(), Amount: 1})
	require.NoError(t, err)
	select {
	case <-woken:
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was woken")
	}
	stop()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.Error(t, store.Listen(t.Context(), "postgres://127.0.0.1:1/none", func() {}), "no database, no silence")
}
