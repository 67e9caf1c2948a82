package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

func TestStartAttempt(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)

	a := w.start(p)
	require.Equal(t, store.Attempt{ID: a.ID, PaymentID: p.ID, Amount: 10_500, CallbackKey: a.CallbackKey}, a, "the bank takes the tip too")
	require.Regexp(t, `^[A-Za-z0-9]{22}$`, a.CallbackKey)
	p = w.read(p.Token)
	require.Equal(t, []any{"zibal", "0938*****25", int64(10_000), int64(0)}, []any{p.Method, p.Payer, int64(p.Amount), int64(p.Tip)},
		"a tip counts only once it is paid")

	b, err := w.StartAttempt(t.Context(), store.NewAttempt{Token: p.Token, Gateway: "sandbox"})
	require.NoError(t, err)
	require.Equal(t, a.ID+1, b.ID)
	require.NotEqual(t, a.CallbackKey, b.CallbackKey)
	p = w.read(p.Token)
	require.Equal(t, []any{"sandbox", "0938*****25"}, []any{p.Method, p.Payer}, "no mobile keeps what is known")
	require.Equal(t, []string{"created", "attempt_started", "attempt_started"}, w.kinds(p))
	require.Equal(t, []string{"start"}, w.messages(p), "a visit without a session is not the saga's business")

	_, err = w.StartAttempt(t.Context(), store.NewAttempt{Token: "nothing12", Gateway: "zibal"})
	require.ErrorIs(t, err, store.ErrNotFound)
	for range store.MaxAttempts - 2 {
		w.start(p)
	}
	before := w.facts()
	_, err = w.StartAttempt(t.Context(), store.NewAttempt{Token: p.Token, Gateway: "zibal"})
	require.ErrorIs(t, err, store.ErrTooManyAttempts)
	require.Equal(t, before, w.facts())
}

func TestAShutPaymentTakesNoAttempt(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for _, to := range state.Payments.States() {
		p, _ := w.bring(m, to)
		if to == state.PaymentPending {
			w.deadline(p, 0)
		}
		before := w.facts()
		_, err := w.StartAttempt(t.Context(), store.NewAttempt{Token: p.Token, Gateway: "zibal"})
		require.ErrorIs(t, err, store.ErrTooLate, "%s", to)
		require.Equal(t, before, w.facts(), "%s", to)
	}
}

func TestOpenAttempt(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)
	a := w.start(p)
	require.NoError(t, w.OpenAttempt(t.Context(), a.ID, "ref", 90*time.Second))
	visits, err := w.OpenVisits(t.Context(), p.ID)
	require.NoError(t, err)
	require.Len(t, visits, 1)
	life := visits[0].FinalAt.Sub(value[time.Time](w, `SELECT now()`))
	require.InDelta(t, 90, life.Seconds(), 5)
	require.Equal(t, []store.Visit{{AttemptID: a.ID, Gateway: "zibal", Amount: 10_500, BankToken: "ref", FinalAt: visits[0].FinalAt}}, visits)

	for name, id := range map[string]int64{
		"twice":           a.ID,
		"unknown":         1 << 40,
		"after the end":   func() int64 { p := w.create(m); a := w.start(p); w.shut(p); return a.ID }(),
		"at the deadline": func() int64 { p := w.create(m); a := w.start(p); w.deadline(p, 0); return a.ID }(),
		"after failing": func() int64 {
			a := w.start(w.create(m))
			require.NoError(t, w.FailAttempt(t.Context(), a.ID, "no_session"))
			return a.ID
		}(),
		"after another paid": func() int64 { p := w.create(m); a, b := w.start(p), w.open(p); w.pay(b); return a.ID }(),
	} {
		before := w.facts()
		require.ErrorIs(t, w.OpenAttempt(t.Context(), id, "other", time.Minute), store.ErrTooLate, name)
		require.Equal(t, before, w.facts(), name)
	}
}

func TestCallback(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)
	a := w.open(p)
	fields := map[string]string{"RefId": "x", "یادداشت": "'\\?"}

	for name, key := range map[string]string{"wrong key": "x", "no key": "", "another's key": w.open(p).CallbackKey} {
		before := w.facts()
		_, err := w.RecordCallback(t.Context(), a.ID, key, fields)
		require.ErrorIs(t, err, store.ErrNotFound, name)
		require.Equal(t, before, w.facts(), name)
	}
	kicks := w.kicks.Load()
	token, err := w.RecordCallback(t.Context(), a.ID, a.CallbackKey, fields)
	require.NoError(t, err)
	require.Equal(t, p.Token, token)
	require.Equal(t, []string{"start", "callback"}, w.messages(p))
	require.Equal(t, kicks+1, w.kicks.Load())
	visits, err := w.OpenVisits(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, fields, visits[0].Callback)

	// A flood of callbacks wakes the saga MaxCallbacks times; the browser is served all the same.
	for range 2 * store.MaxCallbacks {
		token, err = w.RecordCallback(t.Context(), a.ID, a.CallbackKey, nil)
		require.NoError(t, err)
		require.Equal(t, p.Token, token)
	}
	require.Len(t, w.messages(p), 1+store.MaxCallbacks)
	require.Equal(t, kicks+store.MaxCallbacks, w.kicks.Load())

	// A visit without a session, and one that is decided, have nothing to wake anybody for.
	for name, a := range map[string]store.Attempt{
		"not open yet": w.start(p),
		"paid":         func() store.Attempt { a := w.open(w.create(m)); w.pay(a); return a }(),
		"failed": func() store.Attempt {
			a := w.open(w.create(m))
			require.NoError(t, w.FailAttempt(t.Context(), a.ID, "declined"))
			return a
		}(),
	} {
		before := w.facts()
		_, err = w.RecordCallback(t.Context(), a.ID, a.CallbackKey, fields)
		require.NoError(t, err, name)
		require.Equal(t, before, w.facts(), name)
	}
}

func TestAnAttemptThatBringsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)
	a := w.open(p)

	require.NoError(t, w.NoteUnpaid(t.Context(), a.ID, "still_there"))
	require.Equal(t, state.AttemptOpen, w.attemptState(a.ID))
	require.Equal(t, "still_there", *w.read(p.Token).StateError)

	for range 2 {
		require.NoError(t, w.FailAttempt(t.Context(), a.ID, "declined"))
	}
	p = w.read(p.Token)
	require.Equal(t, state.PaymentPending, p.State, "the payer may try again")
	require.Equal(t, "declined", *p.StateError)
	require.Equal(t, state.AttemptFailed, w.attemptState(a.ID))
	require.Equal(t, []string{"created", "attempt_started", "not_paid_yet", "attempt_failed"}, w.kinds(p))

	b := w.open(p)
	require.Equal(t, store.Standing{Payment: state.PaymentPaid, Attempt: state.AttemptPaid, Serves: true}, w.pay(b))
	require.Nil(t, w.read(p.Token).StateError, "paid at the second try")

	before := w.facts()
	for _, id := range []int64{a.ID, b.ID} { // an ended attempt stays as it ended
		require.NoError(t, w.FailAttempt(t.Context(), id, "late news"))
		require.NoError(t, w.NoteUnpaid(t.Context(), id, "late news"))
	}
	require.Equal(t, before, w.facts())
}

func TestInvoiceNumbersStartWhereTold(t *testing.T) {
	w := newWorld(t)
	owner := store.New(w.owner, nil) // migrate runs as the owner
	next := func() int64 { return w.start(w.create(w.newMerchant())).ID }
	require.NoError(t, owner.StartAttemptsAt(t.Context(), 1))
	require.EqualValues(t, 1, next())
	require.NoError(t, owner.StartAttemptsAt(t.Context(), 5000))
	require.EqualValues(t, 5000, next())
	for _, n := range []int64{1, 5000, 4999} { // never back: a bank must not see a number twice
		require.NoError(t, owner.StartAttemptsAt(t.Context(), n))
	}
	require.EqualValues(t, 5001, next())
}

func TestPaymentPage(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)

	see := func() (store.PaymentPage, store.PaymentNow) {
		page, err := w.PaymentPage(t.Context(), p.Token)
		require.NoError(t, err)
		now, err := w.PaymentNow(t.Context(), p.Token)
		require.NoError(t, err)
		require.Equal(t, string(page.Payment.State), now.State)
		require.True(t, now.Deadline.Equal(page.Payment.CollectBy))
		require.WithinDuration(t, page.Now, now.Now, time.Second)
		return page, now
	}
	page, now := see()
	require.Equal(t, m, page.Merchant)
	require.Equal(t, store.AttemptOnPage{}, page.Attempt)
	require.False(t, now.Checking)

	a := w.open(p)
	page, now = see()
	require.Equal(t, store.AttemptOnPage{ID: a.ID, State: state.AttemptOpen, Gateway: "zibal", Open: true}, page.Attempt)
	require.False(t, now.Checking, "the payer is at the bank")

	_, err := w.RecordCallback(t.Context(), a.ID, a.CallbackKey, nil)
	require.NoError(t, err)
	page, now = see()
	require.True(t, page.Attempt.Checking && now.Checking, "the browser is back, the bank's word is not")

	require.NoError(t, w.NoteUnpaid(t.Context(), a.ID, "not yet"))
	page, now = see()
	require.False(t, page.Attempt.Checking || now.Checking, "the bank has spoken")

	w.pay(a)
	later := w.insertAttempt(p) // must not hide the one that paid
	require.Greater(t, later, a.ID)
	page, _ = see()
	require.Equal(t, []any{a.ID, "621986******0019"}, []any{page.Attempt.ID, page.Attempt.Card})

	for _, token := range []string{"nothing12", ""} {
		_, err = w.PaymentPage(t.Context(), token)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = w.PaymentNow(t.Context(), token)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}

// insertAttempt adds an unopened attempt whatever the payment's state.
func (w *world) insertAttempt(p store.Payment) int64 {
	return value[int64](w, `INSERT INTO attempts (payment_id, gateway, amount, tip, callback_key) VALUES (?, 'sandbox', ?, 0, 'k') RETURNING id`, p.ID, p.Amount)
}
