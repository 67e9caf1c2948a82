package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

func TestCreatePayment(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant(func(m *store.Merchant) { m.CollectWindow = 90 })

	p := w.create(m)
	require.Regexp(t, `^[A-Za-z0-9]{22}$`, p.Token)
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7`, p.UUID)
	require.Equal(t, store.Payment{
		ID: p.ID, Token: p.Token, UUID: p.UUID, MerchantID: m.ID, Amount: 10_000, State: state.PaymentPending, Method: "sandbox",
		CreatedAt: p.CreatedAt, CollectBy: p.CreatedAt.Add(90 * time.Second),
	}, p, "defaults")
	require.Equal(t, []string{"created"}, w.kinds(p))
	require.Equal(t, []string{"start"}, w.messages(p))
	require.EqualValues(t, 1, w.kicks.Load())
	w.requireBooks(m, 0, 0)

	in := store.NewPayment{
		Merchant: m, Amount: money.Max, Description: "کرایه ' \\ ?", Payload: `{"a":"?"}`, AutoCollect: true, PreferredMethod: "zibal", Token: "AsF42Sg53",
	}
	token, err := w.CreatePayment(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, "AsF42Sg53", token)
	p = w.read(token)
	require.Equal(t, []any{money.Max, in.Description, in.Payload, true, "zibal", "zibal"},
		[]any{p.Amount, p.Description, p.Payload, p.AutoCollect, p.PreferredMethod, p.Method})

	before, kicks := w.facts(), w.kicks.Load()
	_, err = w.CreatePayment(t.Context(), in)
	require.Error(t, err, "a token is taken once")
	in.Token, in.Amount = "", 0
	_, err = w.CreatePayment(t.Context(), in)
	require.Error(t, err, "the database refuses what the API should have")
	require.Equal(t, before, w.facts())
	require.Equal(t, kicks, w.kicks.Load(), "nobody is woken for nothing")
}

func TestPaymentsAreReadByTheirMerchantOnly(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	p := w.create(m)
	got, err := w.Payment(t.Context(), m.ID, p.Token)
	require.NoError(t, err)
	require.Equal(t, p, got)
	for name, read := range map[string]func() error{
		"another merchant's": func() error { _, err := w.Payment(t.Context(), other.ID, p.Token); return err },
		"unknown":            func() error { _, err := w.Payment(t.Context(), m.ID, "nothing12"); return err },
		"unknown link":       func() error { _, err := w.PaymentByToken(t.Context(), "nothing12"); return err },
		"collect another's":  func() error { _, err := w.CollectPayment(t.Context(), other.ID, p.Token); return err },
		"cancel another's":   func() error { _, err := w.CancelPayment(t.Context(), other.ID, p.Token, ""); return err },
	} {
		before := w.facts()
		require.ErrorIs(t, read(), store.ErrNotFound, name)
		require.Equal(t, before, w.facts(), name)
	}
}

// Collect and cancel, in every state: what they answer, where they lead, what the books say; then
// once more, which must change nothing.
func TestCollectAndCancelInEveryState(t *testing.T) {
	const total = 10_500 // with the tip
	tests := []struct {
		in              state.Payment
		collect, cancel error
		collected       state.Payment // state after collect
		cancelled       state.Payment // state after cancel
	}{
		{state.PaymentPending, store.ErrConflict, nil, state.PaymentPending, state.PaymentPending},
		{state.PaymentPaid, nil, nil, state.PaymentCollected, state.PaymentRefunding},
		{state.PaymentCollected, nil, store.ErrConflict, state.PaymentCollected, state.PaymentCollected},
		{state.PaymentRefunding, store.ErrConflict, nil, state.PaymentRefunding, state.PaymentRefunding},
		{state.PaymentRefunded, store.ErrConflict, nil, state.PaymentRefunded, state.PaymentRefunded},
		{state.PaymentExpired, store.ErrConflict, nil, state.PaymentExpired, state.PaymentExpired},
		{state.PaymentFailed, store.ErrConflict, nil, state.PaymentFailed, state.PaymentFailed},
	}
	require.Len(t, tests, len(state.Payments.States()))
	w := newWorld(t)
	for _, tt := range tests {
		m := w.newMerchant()
		for name, command := range map[string]struct {
			run  func(store.Payment) (store.Payment, error)
			err  error
			to   state.Payment
			tell string
		}{
			"collect": {func(p store.Payment) (store.Payment, error) { return w.CollectPayment(t.Context(), m.ID, p.Token) }, tt.collect, tt.collected, "collected"},
			"cancel": {func(p store.Payment) (store.Payment, error) {
				return w.CancelPayment(t.Context(), m.ID, p.Token, "broke down")
			}, tt.cancel, tt.cancelled, "cancelled"},
		} {
			what := fmt.Sprintf("%s when %s", name, tt.in)
			p, a := w.bring(m, tt.in)
			before := w.facts()
			for try := 1; try <= 3; try++ {
				got, err := command.run(p)
				require.ErrorIs(t, err, command.err, what)
				require.Equal(t, command.to, got.State, what)
				require.Equal(t, w.read(p.Token), got, what)
				if command.err != nil || (try == 1 && command.to == tt.in && tt.in != state.PaymentPending) {
					require.Equal(t, before, w.facts(), "%s, try %d: nothing changes", what, try)
				}
				if try == 1 {
					before = w.facts()
				}
				require.Equal(t, before, w.facts(), "%s, try %d: done once", what, try)
			}
			changed := w.read(p.Token)
			if command.err == nil && tt.in != command.to {
				require.Equal(t, []string{"start", command.tell}, w.messages(p), what)
				require.Equal(t, command.tell, w.kinds(p)[len(w.kinds(p))-1], what)
			}
			switch changed.State {
			case state.PaymentCollected:
				require.NotNil(t, changed.CollectedAt, what)
				require.Equal(t, state.AttemptPaid, w.attemptState(a.ID), "settling is the saga's")
			case state.PaymentRefunding:
				require.Equal(t, state.AttemptRefunding, w.attemptState(a.ID), what)
			}
		}
		switch tt.in { // one payment of each, collected and cancelled
		case state.PaymentPaid:
			w.requireBooks(m, total, total)
		case state.PaymentCollected:
			w.requireBooks(m, 0, 2*total)
		case state.PaymentRefunding:
			w.requireBooks(m, 2*total, 0)
		default:
			w.requireBooks(m, 0, 0)
		}
	}
	w.requireTrue()
}

func TestCollectAtTheDeadline(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p, _ := w.bring(m, state.PaymentPaid)

	early, err := w.AtDeadline(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, store.Deadline{Payment: state.PaymentPaid}, early, "not due, nothing changes")

	w.deadline(p, 0)
	before := w.facts()
	got, err := w.CollectPayment(t.Context(), m.ID, p.Token)
	require.ErrorIs(t, err, store.ErrConflict, "the deadline is exclusive, also before anyone looked")
	require.Equal(t, state.PaymentPaid, got.State)
	require.Equal(t, before, w.facts())

	for range 2 {
		due, err := w.AtDeadline(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, store.Deadline{Payment: state.PaymentRefunding, Due: true}, due)
	}
	require.Equal(t, "not_collected", *w.read(p.Token).StateError)
	require.Equal(t, []string{"created", "attempt_started", "paid", "refunding"}, w.kinds(p))
}

// The bank's word may arrive between collect's claim and its look at the row. Then the merchant must
// not hear that its time is over.
func TestCollectWhileTheMoneyArrives(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p := w.create(m)
	a := w.open(p)
	resume := w.pause("BEFORE UPDATE ON payments", "SET state = 'collected', collected_at")
	got := make(chan error, 1)
	go func() { _, err := w.CollectPayment(t.Context(), m.ID, p.Token); got <- err }()
	w.blocked(1)
	w.pay(a) // which the claim under way does not see
	resume()
	require.NoError(t, <-got)
	require.Equal(t, state.PaymentCollected, w.read(p.Token).State)
	w.requireBooks(m, 0, 10_500)
}

func TestCancelShutsTheDoor(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()

	for name, tt := range map[string]struct {
		before func(store.Payment)
		end    state.Payment
	}{
		"nobody came":      {func(store.Payment) {}, state.PaymentFailed},
		"no session yet":   {func(p store.Payment) { w.start(p) }, state.PaymentFailed},
		"declined earlier": {func(p store.Payment) { require.NoError(t, w.FailAttempt(t.Context(), w.open(p).ID, "declined")) }, state.PaymentFailed},
	} {
		p := w.create(m)
		tt.before(p)
		_, err := w.CancelPayment(t.Context(), m.ID, p.Token, "no driver")
		require.NoError(t, err, name)
		_, err = w.StartAttempt(t.Context(), store.NewAttempt{Token: p.Token, Gateway: "zibal"})
		require.ErrorIs(t, err, store.ErrTooLate, name)
		due, err := w.AtDeadline(t.Context(), p.ID)
		require.NoError(t, err)
		require.Equal(t, store.Deadline{Payment: tt.end, Due: true}, due, name)
		require.Equal(t, "cancelled", *w.read(p.Token).StateError, name)
	}

	p := w.create(m)
	a := w.open(p)
	_, err := w.CancelPayment(t.Context(), m.ID, p.Token, "no driver")
	require.NoError(t, err)
	require.NoError(t, w.NoteUnpaid(t.Context(), a.ID, "not yet"))
	require.Equal(t, "cancelled", *w.read(p.Token).StateError, "the bank's later word does not hide why")
	require.Equal(t, store.Standing{Payment: state.PaymentRefunding, Attempt: state.AttemptRefunding, Serves: true}, w.pay(a))
	require.Equal(t, "cancelled", *w.read(p.Token).StateError)
	events, err := w.Timeline(t.Context(), p.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"cancelled", "no driver"}, []string{events[2].Kind, events[2].Note})
	w.requireTrue()
}

func TestListPayments(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	base := time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)
	// Four instants; at the third, three payments whose tokens are out of order.
	for i, token := range []string{"aaaaaaaaa", "zzzzzzzzz", "mmmmmmmm1", "mmmmmmmm3", "mmmmmmmm2", "bbbbbbbbb"} {
		p := w.create(m, func(in *store.NewPayment) { in.Token = token })
		w.exec(`UPDATE payments SET created_at = ? WHERE id = ?`, base.Add(time.Duration([]int{0, 1, 2, 2, 2, 3}[i])*time.Microsecond), p.ID)
	}
	w.create(other)
	at := func(n int) time.Time { return base.Add(time.Duration(n) * time.Microsecond) }
	for name, tt := range map[string]struct {
		in   store.PaymentList
		want string
	}{
		"newest first, ties by token":      {store.PaymentList{Size: 50}, "bbbbbbbbb mmmmmmmm3 mmmmmmmm2 mmmmmmmm1 zzzzzzzzz aaaaaaaaa"},
		"size":                             {store.PaymentList{Size: 2}, "bbbbbbbbb mmmmmmmm3"},
		"before is exclusive":              {store.PaymentList{Size: 50, Before: at(2)}, "zzzzzzzzz aaaaaaaaa"},
		"before, one microsecond later":    {store.PaymentList{Size: 2, Before: at(3)}, "mmmmmmmm3 mmmmmmmm2"},
		"before everything":                {store.PaymentList{Size: 50, Before: at(0)}, ""},
		"after is exclusive, oldest first": {store.PaymentList{Size: 50, After: at(1)}, "mmmmmmmm1 mmmmmmmm2 mmmmmmmm3 bbbbbbbbb"},
		"after, size":                      {store.PaymentList{Size: 2, After: at(0)}, "zzzzzzzzz mmmmmmmm1"},
		"after everything":                 {store.PaymentList{Size: 50, After: at(3)}, ""},
	} {
		tt.in.MerchantID = m.ID
		rows, err := w.Payments(t.Context(), tt.in)
		require.NoError(t, err)
		require.NotNil(t, rows, "an empty page is [] on the wire")
		tokens := []string{}
		for _, p := range rows {
			tokens = append(tokens, p.Token)
		}
		require.Equal(t, tt.want, strings.Join(tokens, " "), name)
	}
}

func TestAttention(t *testing.T) {
	w := newWorld(t)
	p := w.create(w.newMerchant())
	for range 2 { // raising again is no news
		require.NoError(t, w.SetAttention(t.Context(), p.ID, "outcome_unknown"))
	}
	list, err := w.PaymentsNeedingAttention(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "outcome_unknown", *list[0].NeedsAttention)
	n, err := w.AttentionCount(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	for range 2 {
		require.NoError(t, w.SetAttention(t.Context(), p.ID, ""))
	}
	n, err = w.AttentionCount(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.Equal(t, []string{"created", "needs_attention", "attention_over"}, w.kinds(p))
}

func TestNewToken(t *testing.T) {
	seen := map[string]bool{}
	var letters [256]bool
	for range 2000 {
		token := store.NewToken()
		require.Len(t, token, 22)
		require.False(t, seen[token])
		seen[token] = true
		for _, c := range []byte(token) {
			letters[c] = true
		}
	}
	used := 0
	for _, ok := range letters {
		if ok {
			used++
		}
	}
	require.Equal(t, 62, used, "the whole alphabet, 131 bits in 22 letters")
}
