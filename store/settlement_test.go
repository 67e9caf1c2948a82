package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// What verified money is for, in every situation; asked twice, because a saga may ask twice.
func TestAttemptPaid(t *testing.T) {
	const total = 10_500
	w := newWorld(t)
	served := func(p state.Payment, a state.Attempt) store.Standing {
		return store.Standing{Payment: p, Attempt: a, Serves: true}
	}
	surplus := func(p state.Payment) store.Standing {
		return store.Standing{Payment: p, Attempt: state.AttemptRefunding}
	}
	for name, tt := range map[string]struct {
		change          func(*store.NewPayment)
		before          func(p store.Payment)
		want            store.Standing
		stateError      string
		held, available int
		kinds           []string // after the attempt was started
	}{
		"in time":                {want: served(state.PaymentPaid, state.AttemptPaid), held: total, kinds: []string{"paid"}},
		"collected by itself":    {change: autoCollect, want: served(state.PaymentCollected, state.AttemptPaid), available: total, kinds: []string{"paid", "collected"}},
		"late":                   {before: func(p store.Payment) { w.deadline(p, 0) }, want: served(state.PaymentRefunding, state.AttemptRefunding), stateError: "late", held: total, kinds: []string{"paid", "refunding"}},
		"late, collects itself":  {change: autoCollect, before: func(p store.Payment) { w.deadline(p, 0) }, want: served(state.PaymentRefunding, state.AttemptRefunding), stateError: "late", held: total, kinds: []string{"paid", "refunding"}},
		"late, door shut before": {before: func(p store.Payment) { w.shut(p) }, want: served(state.PaymentRefunding, state.AttemptRefunding), stateError: "late", held: total, kinds: []string{"paid", "refunding"}},
		"another paid": {before: func(p store.Payment) { w.pay(w.open(p)) }, want: surplus(state.PaymentPaid), held: 2 * total,
			kinds: []string{"attempt_started", "paid", "paid", "refunding"}},
		"another was collected": {change: autoCollect, before: func(p store.Payment) { w.pay(w.open(p)) }, want: surplus(state.PaymentCollected), held: total, available: total,
			kinds: []string{"attempt_started", "paid", "collected", "paid", "refunding"}},
		"another was refunded": {before: func(p store.Payment) {
			b := w.open(p)
			w.pay(b)
			w.shut(p)
			_, err := w.AttemptRefunded(t.Context(), b.ID, "reversed")
			require.NoError(t, err)
		}, want: surplus(state.PaymentRefunded), stateError: "not_collected", held: total, kinds: []string{"attempt_started", "paid", "refunding", "refunded", "paid", "refunding"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := w.newMerchant()
			p := w.create(m, func(in *store.NewPayment) {
				if tt.change != nil {
					tt.change(in)
				}
			})
			a := w.open(p)
			if tt.before != nil {
				tt.before(p)
			}
			require.Equal(t, tt.want, w.pay(a))
			facts := w.facts()
			require.Equal(t, tt.want, w.pay(a), "found its own write")
			require.Equal(t, facts, w.facts(), "the money moved once")

			p = w.read(p.Token)
			require.Equal(t, tt.want.Payment, p.State)
			if tt.want.Serves {
				require.Equal(t, []any{a.ID, "zibal", fmt.Sprint("rrn-", a.ID), int64(500)}, []any{*p.AttemptID, p.Method, p.RRN, int64(p.Tip)})
				require.NotNil(t, p.PaidAt)
			} else {
				require.NotEqual(t, a.ID, *p.AttemptID)
			}
			if tt.stateError == "" {
				require.Nil(t, p.StateError)
			} else {
				require.Equal(t, tt.stateError, *p.StateError)
			}
			require.Equal(t, append([]string{"created", "attempt_started"}, tt.kinds...), w.kinds(p))
			require.Equal(t, []string{"start"}, w.messages(p), "the saga did this itself and needs no telling")
			w.requireBooks(m, rial(tt.held), rial(tt.available))
		})
	}
	w.requireTrue()
}

func TestAttemptPaidRefusals(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	a, b := w.open(w.create(m)), w.open(w.create(m))
	w.pay(a)
	before := w.facts()

	spent := receipt(a)
	spent.AttemptID = b.ID
	_, err := w.AttemptPaid(t.Context(), spent)
	require.ErrorIs(t, err, store.ErrReceiptSpent)
	_, err = w.AttemptPaid(t.Context(), store.Receipt{AttemptID: 1 << 40, BankTran: "x"})
	require.ErrorIs(t, err, store.ErrNotFound)
	require.Equal(t, before, w.facts())

	unopened := w.start(w.create(m))
	failed := w.open(w.create(m))
	require.NoError(t, w.FailAttempt(t.Context(), failed.ID, "declined"))
	before = w.facts()
	require.Equal(t, store.Standing{Payment: state.PaymentPending, Attempt: state.AttemptCreated}, w.pay(unopened), "no session, no money")
	require.Equal(t, store.Standing{Payment: state.PaymentPending, Attempt: state.AttemptFailed}, w.pay(failed), "what failed for good stays failed")
	require.Equal(t, before, w.facts())

	// Another bank may well use the same number.
	c, err := w.StartAttempt(t.Context(), store.NewAttempt{Token: w.create(m).Token, Gateway: "sandbox"})
	require.NoError(t, err)
	require.NoError(t, w.OpenAttempt(t.Context(), c.ID, "ref", time.Minute))
	spent.AttemptID = c.ID
	at, err := w.AttemptPaid(t.Context(), spent)
	require.NoError(t, err)
	require.True(t, at.Serves)
}

func TestAtDeadline(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for name, tt := range map[string]struct {
		before     func(store.Payment) []store.Attempt // answers what stays open
		end        state.Payment
		stateError string
		last       string
	}{
		"nobody tried":       {nil, state.PaymentExpired, "expired", "expired"},
		"one without answer": {func(p store.Payment) []store.Attempt { w.start(p); return nil }, state.PaymentFailed, "expired", "failed"},
		"one declined": {func(p store.Payment) []store.Attempt {
			require.NoError(t, w.FailAttempt(t.Context(), w.open(p).ID, "declined"))
			return nil
		}, state.PaymentFailed, "declined", "failed"},
		"two open": {func(p store.Payment) []store.Attempt { w.start(p); return []store.Attempt{w.open(p), w.open(p)} }, state.PaymentPending, "", "attempt_started"},
		"paid":     {func(p store.Payment) []store.Attempt { w.pay(w.open(p)); return nil }, state.PaymentRefunding, "not_collected", "refunding"},
	} {
		p := w.create(m)
		var open []store.Attempt
		if tt.before != nil {
			open = tt.before(p)
		}
		before := w.facts()
		early, err := w.AtDeadline(t.Context(), p.ID)
		require.NoError(t, err)
		require.False(t, early.Due, name)
		require.Equal(t, before, w.facts(), "%s: before the deadline nothing changes", name)

		found := w.shut(p)
		require.Equal(t, tt.end, found.Payment, name)
		require.Len(t, found.Open, len(open), name)
		for i, a := range open {
			require.Equal(t, a.ID, found.Open[i].AttemptID, name)
		}
		facts := w.facts()
		again, err := w.AtDeadline(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, found, again, name)
		require.Equal(t, facts, w.facts(), "%s: asked again, nothing changes", name)

		p = w.read(p.Token)
		require.Equal(t, tt.end, p.State, name)
		if tt.stateError != "" {
			require.Equal(t, tt.stateError, *p.StateError, name)
		}
		kinds := w.kinds(p)
		require.Equal(t, tt.last, kinds[len(kinds)-1], name)
		require.Zero(t, value[int](w, `SELECT count(*) FROM attempts WHERE payment_id = ? AND state = 'created'`, p.ID), name)
	}
	_, err := w.AtDeadline(t.Context(), 1<<40)
	require.ErrorIs(t, err, store.ErrNotFound)
	w.requireTrue()
}

// A payment that waited for its last visit ends when that visit does.
func TestDeadlineAfterTheLastVisit(t *testing.T) {
	w := newWorld(t)
	p := w.create(w.newMerchant())
	a, b := w.open(p), w.open(p)
	require.Len(t, w.shut(p).Open, 2)
	require.NoError(t, w.FailAttempt(t.Context(), a.ID, "declined"))
	require.Equal(t, state.PaymentPending, w.shut(p).Payment)
	require.NoError(t, w.FailAttempt(t.Context(), b.ID, "session_over"))
	require.Equal(t, store.Deadline{Payment: state.PaymentFailed, Due: true}, w.shut(p))
	require.Equal(t, "session_over", *w.read(p.Token).StateError)
}

func TestSettledAndRefunded(t *testing.T) {
	const total = 10_500
	w := newWorld(t)
	settle := func(id int64) (store.Aftermath, error) { return w.AttemptSettled(t.Context(), id) }
	refund := func(id int64) (store.Aftermath, error) { return w.AttemptRefunded(t.Context(), id, "cancelled") }
	for name, tt := range map[string]struct {
		in              state.Payment
		command         func(int64) (store.Aftermath, error)
		payment         state.Payment
		attempt         state.Attempt
		held, available int
		changes         bool
	}{
		"settle collected":  {state.PaymentCollected, settle, state.PaymentCollected, state.AttemptSettled, 0, total, true},
		"settle paid":       {state.PaymentPaid, settle, state.PaymentPaid, state.AttemptPaid, total, 0, false},
		"settle refunding":  {state.PaymentRefunding, settle, state.PaymentRefunding, state.AttemptRefunding, total, 0, false},
		"settle refunded":   {state.PaymentRefunded, settle, state.PaymentRefunded, state.AttemptRefunded, 0, 0, false},
		"refund refunding":  {state.PaymentRefunding, refund, state.PaymentRefunded, state.AttemptRefunded, 0, 0, true},
		"refund refunded":   {state.PaymentRefunded, refund, state.PaymentRefunded, state.AttemptRefunded, 0, 0, false},
		"refund paid":       {state.PaymentPaid, refund, state.PaymentPaid, state.AttemptPaid, total, 0, false},
		"refund collected":  {state.PaymentCollected, refund, state.PaymentCollected, state.AttemptPaid, 0, total, false},
		"refund the failed": {state.PaymentFailed, refund, state.PaymentFailed, state.AttemptFailed, 0, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			m := w.newMerchant()
			p, a := w.bring(m, tt.in)
			before := w.facts()
			for range 2 {
				after, err := tt.command(a.ID)
				require.NoError(t, err)
				require.Equal(t, store.Aftermath{Payment: tt.payment}, after)
				require.Equal(t, tt.attempt, w.attemptState(a.ID))
				require.Equal(t, tt.changes, before != w.facts())
			}
			if tt.changes {
				events, err := w.Timeline(t.Context(), p.ID)
				require.NoError(t, err)
				require.Equal(t, string(tt.attempt), events[len(events)-1].Kind, "told once")
				require.NotEqual(t, events[len(events)-2].Kind, events[len(events)-1].Kind)
			}
			w.requireBooks(m, rial(tt.held), rial(tt.available))
		})
	}
	_, err := settle(1 << 40)
	require.ErrorIs(t, err, store.ErrNotFound)
	w.requireTrue()
}

// A surplus attempt goes back without touching what the payment has become.
func TestRefundOfASurplusAttempt(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)
	a, b := w.open(p), w.open(p)
	w.pay(a)
	w.pay(b)
	_, err := w.CollectPayment(t.Context(), m.ID, p.Token)
	require.NoError(t, err)
	after, err := w.AttemptRefunded(t.Context(), b.ID, "reversed")
	require.NoError(t, err)
	require.Equal(t, state.PaymentCollected, after.Payment)
	require.Len(t, after.Open, 1)
	require.Equal(t, a.ID, after.Open[0].AttemptID, "the other one still waits to be settled")
	after, err = w.AttemptSettled(t.Context(), a.ID)
	require.NoError(t, err)
	require.Equal(t, store.Aftermath{Payment: state.PaymentCollected}, after)
	w.requireBooks(m, 0, 10_500)
	w.requireTrue()
}

// The aftermath joins attempts that may not be there: nothing but the payment's state is then null.
func TestAftermath(t *testing.T) {
	w := newWorld(t)
	p := w.create(w.newMerchant())
	paid := w.open(p)
	w.pay(paid)
	after, err := w.Aftermath(t.Context(), paid.ID)
	require.NoError(t, err)
	require.Equal(t, store.Aftermath{Payment: state.PaymentPaid}, after, "no other visit")

	p = w.create(w.newMerchant())
	a, b, c := w.open(p), w.open(p), w.open(p)
	_, err = w.RecordCallback(t.Context(), b.ID, b.CallbackKey, map[string]string{"RefId": "7"})
	require.NoError(t, err)
	w.pay(a)
	after, err = w.Aftermath(t.Context(), a.ID)
	require.NoError(t, err)
	require.Len(t, after.Open, 2)
	require.Equal(t, store.Visit{AttemptID: b.ID, Gateway: "zibal", Amount: 10_500, BankToken: fmt.Sprint("ref-", b.ID),
		FinalAt: after.Open[0].FinalAt, Callback: map[string]string{"RefId": "7"}}, after.Open[0])
	require.Equal(t, store.Visit{AttemptID: c.ID, Gateway: "zibal", Amount: 10_500, BankToken: fmt.Sprint("ref-", c.ID),
		FinalAt: after.Open[1].FinalAt}, after.Open[1], "no callback, nothing of its neighbour's")
}

func TestResolveAttempt(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for name, tt := range map[string]struct {
		in      state.Payment
		attempt func(store.Payment) // brings the attempt of a pending payment
		as      state.Attempt
		payment state.Payment
		refused bool
	}{
		"settled after collect":  {in: state.PaymentCollected, as: state.AttemptSettled, payment: state.PaymentCollected},
		"refunded":               {in: state.PaymentRefunding, as: state.AttemptRefunded, payment: state.PaymentRefunded},
		"settled before collect": {in: state.PaymentPaid, as: state.AttemptSettled, refused: true},
		"settled when refunding": {in: state.PaymentRefunding, as: state.AttemptSettled, refused: true},
		"refunded when paid":     {in: state.PaymentPaid, as: state.AttemptRefunded, refused: true},
		"refunded, collected":    {in: state.PaymentCollected, as: state.AttemptRefunded, refused: true},
		"failed when paid":       {in: state.PaymentPaid, as: state.AttemptFailed, refused: true},
		"paid by a person":       {in: state.PaymentPending, as: state.AttemptPaid, refused: true},
		"no state at all":        {in: state.PaymentPaid, as: "nonsense", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			p, a := w.bring(m, tt.in)
			if a.ID == 0 {
				a = w.open(p)
			}
			in := store.Resolution{Token: p.Token, AttemptID: a.ID, As: tt.as, By: "sara", Reason: "bank's letter 17"}
			before := w.facts()
			err := w.ResolveAttempt(t.Context(), in)
			if tt.refused {
				require.ErrorIs(t, err, store.ErrConflict)
				require.Equal(t, before, w.facts())
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.as, w.attemptState(a.ID))
			require.Equal(t, tt.payment, w.read(p.Token).State)
			events, err := w.Timeline(t.Context(), p.ID)
			require.NoError(t, err)
			last := events[len(events)-1]
			require.Equal(t, []any{"resolved", "sara: bank's letter 17", a.ID}, []any{last.Kind, last.Note, *last.AttemptID})
			messages := w.messages(p)
			require.Equal(t, "resolved", messages[len(messages)-1])

			before = w.facts()
			require.ErrorIs(t, w.ResolveAttempt(t.Context(), in), store.ErrConflict, "a second time")
			require.Equal(t, before, w.facts())
		})
	}
	p := w.create(m)
	a := w.open(p)
	in := store.Resolution{Token: p.Token, AttemptID: a.ID, As: state.AttemptFailed, By: "sara", Reason: "no such transaction"}
	for name, wrong := range map[string]store.Resolution{
		"another payment's attempt": {Token: w.create(m).Token, AttemptID: a.ID, As: state.AttemptFailed},
		"unknown attempt":           {Token: p.Token, AttemptID: 1 << 40, As: state.AttemptFailed},
	} {
		require.ErrorIs(t, w.ResolveAttempt(t.Context(), wrong), store.ErrNotFound, name)
	}
	require.NoError(t, w.ResolveAttempt(t.Context(), in))
	require.Equal(t, state.PaymentPending, w.read(p.Token).State, "the payer may try again")
	require.Equal(t, []string{"start", "resolved"}, w.messages(p))
	w.requireTrue()
}
