package api_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Fifty twins at once, and the order is decided while they wait: one order, one charge, one answer.
func TestTopUpTwins(t *testing.T) {
	for name, as := range map[string]state.TopUp{"delivered": state.TopUpDelivered, "refused": state.TopUpReversed} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			const twins = 50
			var waiting atomic.Int64
			all := make(chan struct{})
			w.sagas.topUp = func(ctx context.Context, id int64) error {
				if waiting.Add(1) == twins { // the last one finds all of them on the same order
					close(all)
				}
				select {
				case <-all:
				case <-ctx.Done():
					return ctx.Err()
				}
				return w.decide(ctx, id, as, "")
			}
			body := w.order()
			answers := map[[3]string]int{}
			var mu sync.Mutex
			var wg sync.WaitGroup
			for range twins {
				wg.Go(func() {
					a := w.buy("twins", body)
					mu.Lock()
					defer mu.Unlock()
					answers[told(a)]++
				})
			}
			wg.Wait()
			require.Len(t, answers, 1)
			require.Equal(t, 1, one[int](w, `SELECT count(*) FROM topups`))
			require.Equal(t, 2, one[int](w, `SELECT count(*) FROM ledger_transfers WHERE ref LIKE 'topup/%'`))
			if as == state.TopUpDelivered {
				require.Contains(t, answers, [3]string{"200", "application/json", success})
				require.Equal(t, store.Balance{Available: 99_995_000}, w.balance())
			} else {
				require.Equal(t, store.Balance{Available: 100_000_000}, w.balance())
			}
		})
	}
}

// Two keys race for one webservice_code: one order; the loser hears so, and its key stays free.
func TestTopUpCodeRace(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	const racers = 10
	body := w.order("webservice_code", `"race"`)
	var wg sync.WaitGroup
	statuses := make([]int, racers)
	for i := range racers {
		wg.Go(func() { statuses[i] = w.buy(fmt.Sprint("racer", i), body).StatusCode })
	}
	wg.Wait()
	count := map[int]int{}
	for _, s := range statuses {
		count[s]++
	}
	require.Equal(t, map[int]int{200: 1, 422: racers - 1}, count)
	require.Equal(t, store.Balance{Available: 99_995_000}, w.balance())
	require.Equal(t, 1, one[int](w, `SELECT count(*) FROM idempotency_keys`))
	for i, s := range statuses {
		if s == http.StatusUnprocessableEntity {
			w.requireBadFields(w.buy(fmt.Sprint("racer", i), body), "webservice_code")
			w.requireTold(w.buy(fmt.Sprint("racer", i), w.order()), http.StatusOK, success, false)
			return
		}
	}
}

// Keys, codes and balances are each merchant's own.
func TestTopUpsOfTwoMerchants(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	body := w.order("webservice_code", `"ours"`)
	w.requireTold(w.buy("shared", body), http.StatusOK, success, false)
	other := w.as("test-fast")
	other.requireTold(other.buy("shared", body), http.StatusPaymentRequired, no("Not enough money / e1"), false)
	require.Equal(t, http.StatusNotFound, w.do(request{method: "GET", path: topUpPath + "/ours", key: "test-fast"}).StatusCode, "not theirs")
	require.NoError(t, w.store.CreditBalance(t.Context(), "demo-fast", 5_000, "Sara", "start"))
	other.requireTold(other.buy("shared 2", body), http.StatusOK, success, false)
	for _, key := range []string{"test", "test-fast"} {
		require.Equal(t, http.StatusOK, w.do(request{method: "GET", path: topUpPath + "/ours", key: key}).StatusCode)
	}
	require.Equal(t, store.Balance{Available: 99_995_000}, w.balance())
}

// A disabled merchant buys nothing new; what was answered is answered all the same.
func TestTopUpOfADisabledMerchant(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	body := w.order()
	w.requireTold(w.buy("before", body), http.StatusOK, success, false)
	require.NoError(t, w.store.SetMerchantDisabled(t.Context(), "faSDF42w3Fs", true))
	w = w.as("test-operator") // its other key is remembered for a second
	facts := w.facts()
	w.requireTold(w.buy("after", w.order()), http.StatusForbidden, no("The merchant is disabled"), false)
	require.Equal(t, facts, w.facts())
	w.requireTold(w.buy("before", body), http.StatusOK, success, true)
	require.NoError(t, w.store.SetMerchantDisabled(t.Context(), "faSDF42w3Fs", false))
}

// A twin that is still being stored is not ordered twice.
func TestTopUpTwinInFlight(t *testing.T) {
	w := newWorld(t)
	w.db.SetMaxOpenConns(1)
	w.exec(`SET lock_timeout = '50ms'`)
	other, err := store.Open(t.Context(), w.url, store.Options{Pool: 1, Role: "paysaga_app"})
	require.NoError(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	_, err = tx.NewRaw(`INSERT INTO idempotency_keys (merchant_id, route, key, fingerprint, status, body) VALUES (1, 'top-up', 'twin', ?, 0, '')`, make([]byte, 32)).Exec(t.Context())
	require.NoError(t, err)
	a := w.buy("twin", w.order())
	w.requireTold(a, http.StatusConflict, no("The same request is still being answered"), false)
	require.Equal(t, "1", a.Header.Get("Retry-After"))
}

// A stored answer costs one transaction and no saga: that is what makes it fast.
func TestTopUpReplayIsOneTransaction(t *testing.T) {
	w := newWorld(t)
	asked := w.decides(state.TopUpDelivered, "")
	body := w.order()
	w.requireTold(w.buy("k", body), http.StatusOK, success, false)
	w.db.SetMaxOpenConns(1)
	transactions := func(do func()) int {
		count := func() int {
			w.exec(`SELECT pg_stat_force_next_flush()`)
			return one[int](w, `SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()`)
		}
		least := 1 << 30
		for range 5 { // the server may do something of its own meanwhile
			before := count()
			do()
			least = min(least, count()-before)
		}
		return least
	}
	counting := transactions(func() {})
	require.Equal(t, 3, transactions(func() {
		for range 3 {
			w.requireTold(w.buy("k", body), http.StatusOK, success, true)
		}
	})-counting)
	require.EqualValues(t, 1, asked.Load())
}
