package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// together runs n calls at once and returns their errors.
func together(n int, call func(i int) error) []error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			errs[i] = call(i)
		})
	}
	close(gate)
	wg.Wait()
	return errs
}

func TestFiftyCollectsAreOne(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p, _ := w.bring(m, state.PaymentPaid)
	for _, err := range together(50, func(int) error { _, err := w.CollectPayment(t.Context(), m.ID, p.Token); return err }) {
		require.NoError(t, err)
	}
	require.Equal(t, 1, value[int](w, `SELECT count(*) FROM ledger_transfers WHERE ref = ?`, fmt.Sprintf("payment/%d/collected", p.ID)))
	require.Equal(t, []string{"start", "collected"}, w.messages(p))
	require.Equal(t, []string{"created", "attempt_started", "paid", "collected"}, w.kinds(p))
	w.requireBooks(m, 0, 10_500)
}

// Merchant and deadline meet at the same instant, over and over: one of them wins, wholly.
func TestCollectAgainstTheDeadline(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	const payments, each = 24, 6
	won := map[state.Payment]int{}
	for range payments {
		p, a := w.bring(m, state.PaymentPaid)
		w.deadline(p, 15*time.Millisecond)
		at := time.Now().Add(15 * time.Millisecond)
		var mu sync.Mutex
		collected, refunding := 0, 0
		errs := together(2*each, func(i int) error {
			time.Sleep(time.Until(at.Add(time.Duration(i-each) * time.Millisecond))) // around the deadline, before and after
			if i%2 == 0 {
				for {
					found, err := w.AtDeadline(t.Context(), p.ID)
					if err != nil || found.Due {
						mu.Lock()
						defer mu.Unlock()
						if found.Payment == state.PaymentRefunding {
							refunding++
						}
						return err
					}
				}
			}
			_, err := w.CollectPayment(t.Context(), m.ID, p.Token)
			if errors.Is(err, store.ErrConflict) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			collected++
			return err
		})
		require.NoError(t, errors.Join(errs...))
		end := w.read(p.Token).State
		won[end]++
		switch end {
		case state.PaymentCollected:
			require.Zero(t, refunding, "nobody may be told that collected money goes back")
			require.Equal(t, state.AttemptPaid, w.attemptState(a.ID))
		case state.PaymentRefunding:
			require.Zero(t, collected, "nobody may be told that he has money that goes back")
			require.Equal(t, state.AttemptRefunding, w.attemptState(a.ID))
		default:
			t.Fatalf("payment is %s", end)
		}
		kinds := w.kinds(p)
		require.Len(t, kinds, 4)
		require.Equal(t, string(end), kinds[3])
	}
	t.Logf("won: %v", won)
	w.requireBooks(m, rial(10_500*won[state.PaymentRefunding]), rial(10_500*won[state.PaymentCollected]))
	w.requireTrue()
}

func TestCollectAgainstCancel(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for range 12 {
		p, _ := w.bring(m, state.PaymentPaid)
		errs := together(8, func(i int) error {
			if i%2 == 0 {
				_, err := w.CancelPayment(t.Context(), m.ID, p.Token, "")
				return err
			}
			_, err := w.CollectPayment(t.Context(), m.ID, p.Token)
			return err
		})
		end := w.read(p.Token).State
		for i, err := range errs {
			if (end == state.PaymentCollected) == (i%2 == 0) {
				require.ErrorIs(t, err, store.ErrConflict, "the loser hears it")
			} else {
				require.NoError(t, err)
			}
		}
	}
	w.requireTrue()
}

func TestTwoAttemptsPayAtOnce(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for range 10 {
		p := w.create(m)
		attempts := []store.Attempt{w.open(p), w.open(p), w.open(p)}
		at := make([]store.Standing, 9) // three sagas' tries of each
		errs := together(len(at), func(i int) (err error) {
			at[i], err = w.AttemptPaid(t.Context(), receipt(attempts[i%3]))
			return err
		})
		require.NoError(t, errors.Join(errs...))
		serves := slices.IndexFunc(at[:3], func(s store.Standing) bool { return s.Serves })
		require.GreaterOrEqual(t, serves, 0)
		for i, s := range at {
			want := store.Standing{Payment: state.PaymentPaid, Attempt: state.AttemptRefunding}
			if i%3 == serves {
				want = store.Standing{Payment: state.PaymentPaid, Attempt: state.AttemptPaid, Serves: true}
			}
			require.Equal(t, want, s)
		}
	}
	w.requireBooks(m, 10*3*10_500, 0)
	w.requireTrue()
}

// Payment ends and bank session come at once: no visit may stay open that the deadline did not name.
func TestOpenAttemptAgainstTheDeadline(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for round := range 30 {
		p := w.create(m)
		attempts := []store.Attempt{w.start(p), w.start(p), w.start(p)}
		w.deadline(p, 4*time.Millisecond)
		var named []store.Visit
		opened := make([]error, len(attempts))
		errs := together(1+len(attempts), func(i int) error {
			if i == 0 {
				for {
					found, err := w.AtDeadline(t.Context(), p.ID)
					if named = found.Open; err != nil || found.Due {
						return err
					}
				}
			}
			time.Sleep(time.Duration((round%6)*i) * time.Millisecond / 2)
			if opened[i-1] = w.OpenAttempt(t.Context(), attempts[i-1].ID, "ref", time.Minute); errors.Is(opened[i-1], store.ErrTooLate) {
				return nil
			}
			return opened[i-1]
		})
		require.NoError(t, errors.Join(errs...))
		for i, a := range attempts {
			isNamed := slices.ContainsFunc(named, func(v store.Visit) bool { return v.AttemptID == a.ID })
			isOpen := w.attemptState(a.ID) == state.AttemptOpen
			require.Equal(t, isNamed, isOpen, "round %d: an open visit that nobody watches", round)
			require.Equal(t, isOpen, opened[i] == nil)
		}
		if end := w.read(p.Token).State; len(named) == 0 {
			require.Equal(t, state.PaymentFailed, end)
		} else {
			require.Equal(t, state.PaymentPending, end)
		}
	}
}

// The next tests stop a command at the one place where it could be overtaken.

// A cancel that waits for the money's booking must send that money back, not leave it behind.
func TestCancelWaitsForTheMoney(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)
	a := w.open(p)

	resume := w.pause("AFTER UPDATE ON attempts", "attempts")
	errs := make(chan error, 2)
	go func() { _, err := w.AttemptPaid(t.Context(), receipt(a)); errs <- err }()
	w.blocked(1)
	go func() { _, err := w.CancelPayment(t.Context(), m.ID, p.Token, "no driver"); errs <- err }()
	w.blocked(2)
	resume()
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)

	require.Equal(t, state.PaymentRefunding, w.read(p.Token).State)
	require.Equal(t, state.AttemptRefunding, w.attemptState(a.ID), "the money must be on its way")
	_, err := w.AttemptRefunded(t.Context(), a.ID, "cancelled")
	require.NoError(t, err)
	w.requireBooks(m, 0, 0)
	w.requireTrue()
}

// Money whose booking began before a cancel and got its turn after it: the merchant has heard OK, so
// the money goes back, also when it would have collected itself.
func TestMoneyWaitsForACancel(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m, autoCollect)
	a := w.open(p)

	tx := w.hold(p)
	at := make(chan store.Standing, 1)
	go func() { s, _ := w.AttemptPaid(t.Context(), receipt(a)); at <- s }()
	w.blocked(1)
	_, err := tx.NewRaw(`UPDATE payments SET cancelled_at = clock_timestamp(), collect_by = clock_timestamp(), state_error = 'cancelled' WHERE id = ?`, p.ID).Exec(t.Context())
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	require.Equal(t, store.Standing{Payment: state.PaymentRefunding, Attempt: state.AttemptRefunding, Serves: true}, <-at)
	require.Equal(t, "cancelled", *w.read(p.Token).StateError)
	w.requireBooks(m, 10_500, 0)
}

// A deadline that waits for a collect learns what the collect decided.
func TestTheDeadlineWaitsForACollect(t *testing.T) {
	w := newWorld(t)
	p, _ := w.bring(w.newMerchant(), state.PaymentPaid)
	tx := w.hold(p)
	_, err := tx.NewRaw(`UPDATE payments SET state = 'collected', collected_at = now(), collect_by = now() WHERE id = ?`, p.ID).Exec(t.Context())
	require.NoError(t, err)
	type answer struct {
		store.Deadline
		error
	}
	got := make(chan answer, 1)
	go func() { d, err := w.AtDeadline(t.Context(), p.ID); got <- answer{d, err} }()
	w.blocked(1)
	require.NoError(t, tx.Commit())
	require.Equal(t, answer{store.Deadline{Payment: state.PaymentCollected, Due: true}, nil}, <-got)
}

// A browser that fires many attempts at once gets no more than one that fires them in turn.
func TestAttemptsAtOnceAreCounted(t *testing.T) {
	w := newWorld(t)
	p := w.create(w.newMerchant())
	for range store.MaxAttempts - 2 {
		w.start(p)
	}
	tx := w.hold(p)
	errs := make(chan error, 6)
	for range cap(errs) {
		go func() {
			_, err := w.StartAttempt(t.Context(), store.NewAttempt{Token: p.Token, Gateway: "zibal"})
			errs <- err
		}()
	}
	w.blocked(cap(errs))
	require.NoError(t, tx.Commit())
	for range cap(errs) {
		if err := <-errs; err != nil {
			require.ErrorIs(t, err, store.ErrTooManyAttempts)
		}
	}
	require.Equal(t, store.MaxAttempts, value[int](w, `SELECT count(*) FROM attempts WHERE payment_id = ?`, p.ID))
}

// An SMS comes in the reservation's last moment and waits for the row behind the saga's look at the deadline,
// which gives the amount away. The saga has ended by then: the money is a person's to assign.
func TestDepositAgainstTheEndOfTheReservation(t *testing.T) {
	s := newShop(t)
	tr := s.transfer(10_000)
	sms := s.sms(tr.Amount, 5_000_000)
	s.exec(`UPDATE transfers SET expires_at = now(), reserved_until = clock_timestamp() + interval '1 second' WHERE id = ?`, tr.ID)

	deadline, err := s.owner.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = deadline.Rollback() })
	_, err = deadline.NewRaw(`SELECT FROM transfers WHERE id = ? FOR NO KEY UPDATE`, tr.ID).Exec(t.Context())
	require.NoError(t, err)
	got := make(chan store.Intake, 1)
	go func() {
		in, err := s.RecordSMS(t.Context(), sms)
		if err == nil {
			got <- in
		}
		close(got)
	}()
	s.blocked(1)
	require.Eventually(t, func() bool {
		return value[bool](s.world, `SELECT now() >= reserved_until FROM transfers WHERE id = ?`, tr.ID)
	}, 4*time.Second, 10*time.Millisecond)
	_, err = deadline.NewRaw(`UPDATE transfers SET state = 'expired', reserved = false WHERE id = ?`, tr.ID).Exec(t.Context())
	require.NoError(t, err)
	require.NoError(t, deadline.Commit())

	in := <-got
	require.NotZero(t, in.DepositID)
	require.Zero(t, in.PayID)
	require.Equal(t, store.ReasonLate, s.reason(in.DepositID))
	require.Equal(t, state.TransferExpired, s.again(tr).State)
	s.requireTrue()
}
