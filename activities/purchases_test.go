package activities_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

const branch = 31

// stand is a till whose branch sells online.
type stand struct {
	*till
	acts *activities.Purchases
}

func newStand(t *testing.T) *stand {
	s := newTill(t)
	require.NoError(t, s.store.AddBranch(t.Context(), s.merchant.PublicID, branch, "center"))
	acts := &activities.Purchases{Store: s.store}
	s.env.RegisterActivity(acts)
	return &stand{s, acts}
}

func (s *stand) purchase(window store.Seconds) (store.Purchase, store.Payment) {
	s.Helper()
	m := s.merchant
	m.CollectWindow = window
	u, err := s.store.CreatePurchase(s.Context(), store.NewPurchase{Merchant: m, BranchID: branch, Amount: 10_000, Actor: store.Actor{Name: "sara"}})
	require.NoError(s, err)
	p, err := s.store.PaymentByToken(s.Context(), u.Token)
	require.NoError(s, err)
	return u, p
}

// log is who did what, and how it went.
func (s *stand) log(u store.Purchase) (said []string) {
	s.Helper()
	lines, err := s.store.PurchaseLog(s.Context(), branch, u.ID)
	require.NoError(s, err)
	for _, l := range lines {
		said = append(said, fmt.Sprint(l.Actor, " ", l.Action, " ", l.Outcome))
	}
	return said
}

func (s *stand) now(u store.Purchase) store.Purchase {
	s.Helper()
	now, err := s.store.Purchase(s.Context(), branch, u.ID)
	require.NoError(s, err)
	return now
}

// outbox counts what the sagas are going to hear.
func (s *stand) outbox() map[string]int {
	s.Helper()
	heard := map[string]int{}
	for taken := 1; taken > 0; {
		var err error
		taken, err = s.store.DeliverOutbox(s.Context(), 100, func(_ context.Context, rows []store.Delivery) []store.Undelivered {
			for _, r := range rows {
				heard[r.Saga+" "+r.Message]++
			}
			return nil
		})
		require.NoError(s, err)
	}
	return heard
}

func TestPurchaseIsRetried(t *testing.T) {
	s := newStand(t)
	u, p := s.purchase(1200)
	require.Equal(t, state.PurchaseAwaiting, twice(s.till, s.acts.RetryPurchase, u.ID), "nobody is at a bank")
	require.Zero(t, s.now(u).RetryCount)

	id := s.open(p)
	require.Equal(t, state.PurchaseCompleting, run(s.till, s.acts.RetryPurchase, u.ID))
	run(s.till, s.till.acts.PaymentNotPaid, activities.Unpaid{AttemptID: id, Reason: "not_paid"})
	require.Equal(t, state.PurchaseIncomplete, s.now(u).State)
	require.Equal(t, state.PurchaseCompleting, run(s.till, s.acts.RetryPurchase, u.ID), "a worker that died takes it twice, which asks twice and harms nobody")
	require.Equal(t, 2, s.now(u).RetryCount)
	require.Equal(t, []string{"sara create ", "saga retry ", "saga retry "}, s.log(u))

	run(s.till, s.till.acts.PaymentPaid, receipt(id))
	require.Equal(t, state.PurchaseCompleted, twice(s.till, s.acts.RetryPurchase, u.ID), "a retry takes nothing back")
	require.Equal(t, state.PurchaseCompleted, twice(s.till, s.acts.ClosePurchase, u.ID), "nor does the end")
	now := s.now(u)
	require.Equal(t, 2, now.RetryCount)
	require.Equal(t, []string{"sara create ", "saga retry ", "saga retry ", "bank completion " + now.CheckNumber()}, s.log(u))
	require.Equal(t, map[string]int{"payment start": 1, "purchase start": 1, "payment inquire": 2, "purchase completed": 1}, s.outbox())
}

// As often as allowed; the saga is told where the purchase stands, not to end.
func TestPurchaseIsRetriedTooOften(t *testing.T) {
	s := newStand(t)
	u, p := s.purchase(1200)
	s.open(p)
	for range store.MostRetries {
		require.Equal(t, state.PurchaseCompleting, run(s.till, s.acts.RetryPurchase, u.ID))
	}
	require.Equal(t, state.PurchaseCompleting, run(s.till, s.acts.RetryPurchase, u.ID))
	require.Equal(t, store.MostRetries, s.now(u).RetryCount)
	require.Equal(t, "saga refusal too many retries", s.log(u)[store.MostRetries+1])
	require.Equal(t, store.MostRetries, s.outbox()["payment inquire"])
}

func TestPurchaseIsClosed(t *testing.T) {
	s := newStand(t)
	u, p := s.purchase(1200)
	_, err := s.env.ExecuteActivity(s.acts.ClosePurchase, u.ID)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app, "its payment is not over")
	require.False(t, app.NonRetryable(), "it is tried again, and a person is called")
	require.Equal(t, state.PurchaseAwaiting, s.now(u).State)

	_, err = s.store.CancelPayment(t.Context(), s.merchant.ID, p.Token, "")
	require.NoError(t, err)
	require.Equal(t, state.PaymentFailed, run(s.till, s.till.acts.PaymentDeadline, p.ID).Payment)
	require.Equal(t, state.PurchaseEnded, twice(s.till, s.acts.ClosePurchase, u.ID))
	require.Equal(t, state.PurchaseEnded, twice(s.till, s.acts.RetryPurchase, u.ID))
	require.Equal(t, []string{"sara create ", "saga end failed"}, s.log(u))
	require.Equal(t, 1, s.outbox()["purchase ended"], "once")
	require.Empty(t, s.now(u).CheckNumber())
}

func TestPurchaseNobodyKnows(t *testing.T) {
	s := newStand(t)
	for _, activity := range []any{s.acts.RetryPurchase, s.acts.ClosePurchase} {
		_, err := s.env.ExecuteActivity(activity, int64(999_999))
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.False(t, app.NonRetryable(), "the saga waits for its row; a person sees the tries")
	}
}

// A person who is called because a purchase does not end finds it on the list, although its payment has ended.
func TestAttentionForAPurchaseThatIsLeft(t *testing.T) {
	s := newStand(t)
	u, p := s.purchase(0.001)
	require.Eventually(t, func() bool {
		return run(s.till, s.till.acts.PaymentDeadline, p.ID).Payment == state.PaymentExpired
	}, 5*time.Second, 5*time.Millisecond)
	_, err := s.env.ExecuteActivity(s.till.acts.PaymentAttention, activities.Attention{PaymentID: p.ID, Reason: "database_unreachable"})
	require.NoError(t, err)
	list, err := s.store.PaymentsNeedingAttention(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	run(s.till, s.acts.ClosePurchase, u.ID)
	list, err = s.store.PaymentsNeedingAttention(t.Context())
	require.NoError(t, err)
	require.Empty(t, list)
}
