package activities_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// till is a shop with a database of its own, and the activities as a worker runs them.
type till struct {
	*testing.T
	store    *store.Store
	env      *testsuite.TestActivityEnvironment
	acts     *activities.Payments
	merchant store.Merchant
}

func newTill(t *testing.T) *till {
	s := store.New(server.Open(t), func() {})
	m, err := s.PutMerchant(t.Context(), store.Merchant{PublicID: "shop", CollectWindow: 1200, Gateways: []string{"zibal"}})
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	acts := &activities.Payments{Store: s}
	env.RegisterActivity(acts)
	return &till{t, s, env, acts, m}
}

func (s *till) payment(auto bool) store.Payment {
	s.Helper()
	token, err := s.store.CreatePayment(s.Context(), store.NewPayment{Merchant: s.merchant, Amount: 10_000, AutoCollect: auto})
	require.NoError(s, err)
	p, err := s.store.PaymentByToken(s.Context(), token)
	require.NoError(s, err)
	return p
}

func (s *till) open(p store.Payment) int64 {
	s.Helper()
	a, err := s.store.StartAttempt(s.Context(), store.NewAttempt{Token: p.Token, Gateway: "zibal"})
	require.NoError(s, err)
	require.NoError(s, s.store.OpenAttempt(s.Context(), a.ID, fmt.Sprint("session-", a.ID), 15*time.Minute))
	return a.ID
}

// twice runs an activity two times: a worker that dies after the write makes every activity run again,
// and the answer must be the same.
func twice[In, Out any](s *till, activity func(context.Context, In) (Out, error), in In) Out {
	s.Helper()
	first, again := run(s, activity, in), run(s, activity, in)
	require.Equal(s, first, again)
	return again
}

func run[In, Out any](s *till, activity func(context.Context, In) (Out, error), in In) (out Out) {
	s.Helper()
	value, err := s.env.ExecuteActivity(activity, in)
	require.NoError(s, err)
	require.NoError(s, value.Get(&out))
	return out
}

func visits(list []activities.Visit) []int64 {
	ids := []int64{}
	for _, v := range list {
		ids = append(ids, v.AttemptID)
	}
	return ids
}

func receipt(id int64) activities.Receipt {
	return activities.Receipt{AttemptID: id, BankTran: fmt.Sprint("tran-", id), RRN: fmt.Sprint("rrn-", id)}
}

func TestCollectedPayment(t *testing.T) {
	s := newTill(t)
	p := s.payment(false)
	id := s.open(p)
	require.Equal(t, []int64{id}, visits(twice(s, s.acts.PaymentVisits, p.ID)))
	require.Equal(t, activities.Standing{Payment: state.PaymentPaid, Attempt: state.AttemptPaid, Serves: true}, twice(s, s.acts.PaymentPaid, receipt(id)))
	require.Equal(t, []int64{id}, visits(twice(s, s.acts.PaymentVisits, p.ID)), "money that waits to be settled is not over")
	_, err := s.store.CollectPayment(t.Context(), s.merchant.ID, p.Token)
	require.NoError(t, err)
	require.Equal(t, activities.Standing{Payment: state.PaymentCollected, Attempt: state.AttemptPaid, Serves: true}, twice(s, s.acts.PaymentPaid, receipt(id)),
		"booking again finds what has become of it")
	require.Equal(t, activities.Aftermath{Payment: state.PaymentCollected}, twice(s, s.acts.PaymentSettled, id))
	require.Equal(t, activities.Standing{Payment: state.PaymentCollected, Attempt: state.AttemptSettled, Serves: true}, twice(s, s.acts.PaymentPaid, receipt(id)))
	require.Empty(t, twice(s, s.acts.PaymentVisits, p.ID))
}

// The bank's word that there is no money does not touch what was booked; the answer tells the saga so.
func TestNotPaidAfterItWasBooked(t *testing.T) {
	s := newTill(t)
	p := s.payment(false)
	booked, other := s.open(p), s.open(p)
	run(s, s.acts.PaymentPaid, receipt(booked))
	for _, final := range []bool{false, true} {
		require.Equal(t, activities.Standing{Payment: state.PaymentPaid, Attempt: state.AttemptPaid, Serves: true},
			twice(s, s.acts.PaymentNotPaid, activities.Unpaid{AttemptID: booked, Reason: "returned_by_bank", Final: final}))
	}
	require.Equal(t, activities.Standing{Payment: state.PaymentPaid, Attempt: state.AttemptOpen},
		twice(s, s.acts.PaymentNotPaid, activities.Unpaid{AttemptID: other, Reason: "not_paid"}))
	require.Equal(t, activities.Standing{Payment: state.PaymentPaid, Attempt: state.AttemptFailed},
		twice(s, s.acts.PaymentNotPaid, activities.Unpaid{AttemptID: other, Reason: "declined", Final: true}))
}

// Two attempts bring money. What is left after one has ended includes the other, whose money is on its way.
func TestSurplus(t *testing.T) {
	s := newTill(t)
	p := s.payment(true)
	first, second, third := s.open(p), s.open(p), s.open(p)
	require.Equal(t, state.PaymentCollected, twice(s, s.acts.PaymentPaid, receipt(first)).Payment)
	require.Equal(t, activities.Standing{Payment: state.PaymentCollected, Attempt: state.AttemptRefunding}, twice(s, s.acts.PaymentPaid, receipt(second)))
	require.Equal(t, []int64{second, third}, visits(twice(s, s.acts.PaymentSettled, first).Open))
	require.Equal(t, []int64{third}, visits(twice(s, s.acts.PaymentRefunded, activities.Refund{AttemptID: second, How: "cancelled"}).Open))
	after := twice(s, s.acts.PaymentAftermath, second)
	require.Equal(t, state.PaymentCollected, after.Payment)
	require.Equal(t, []int64{third}, visits(after.Open))
}

func TestReceiptSpent(t *testing.T) {
	s := newTill(t)
	p := s.payment(false)
	first, second := s.open(p), s.open(p)
	run(s, s.acts.PaymentPaid, receipt(first))
	stolen := receipt(first)
	stolen.AttemptID = second
	_, err := s.env.ExecuteActivity(s.acts.PaymentPaid, stolen)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrReceiptSpent, app.Type())
	require.True(t, app.NonRetryable())
}

func TestDeadlineAndRefund(t *testing.T) {
	s := newTill(t)
	p := s.payment(false)
	id := s.open(p)
	require.Equal(t, activities.Deadline{Payment: state.PaymentPending}, twice(s, s.acts.PaymentDeadline, p.ID), "not due")
	run(s, s.acts.PaymentPaid, receipt(id))
	_, err := s.store.CancelPayment(t.Context(), s.merchant.ID, p.Token, "")
	require.NoError(t, err)
	found := twice(s, s.acts.PaymentDeadline, p.ID)
	require.Equal(t, state.PaymentRefunding, found.Payment)
	require.True(t, found.Due)
	require.Equal(t, []int64{id}, visits(run(s, s.acts.PaymentVisits, p.ID)), "money on its way back is not over")
	require.Equal(t, activities.Aftermath{Payment: state.PaymentRefunded}, twice(s, s.acts.PaymentRefunded, activities.Refund{AttemptID: id, How: "cancelled"}))
}

func TestAttention(t *testing.T) {
	s := newTill(t)
	p := s.payment(false)
	for _, reason := range []string{"outcome_unknown", ""} {
		for range 2 {
			_, err := s.env.ExecuteActivity(s.acts.PaymentAttention, activities.Attention{PaymentID: p.ID, Reason: reason})
			require.NoError(t, err)
		}
		n, err := s.store.AttentionCount(t.Context())
		require.NoError(t, err)
		require.Equal(t, reason != "", n == 1)
	}
}

// A call that was left behind by a worker that died does not keep a person busy with an ended payment.
func TestAttentionLeftBehind(t *testing.T) {
	s := newTill(t)
	p := s.payment(true)
	id := s.open(p)
	run(s, s.acts.PaymentPaid, receipt(id))
	require.NoError(t, s.store.SetAttention(t.Context(), p.ID, "settlement_not_confirmed"))
	n, err := s.store.AttentionCount(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "collected, and not settled yet")
	run(s, s.acts.PaymentSettled, id)
	n, err = s.store.AttentionCount(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	list, err := s.store.PaymentsNeedingAttention(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}
