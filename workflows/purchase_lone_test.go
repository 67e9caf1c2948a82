package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// The purchase's saga alone, without its payment's: see newLonePurchaseWorld.

// looks notes when the saga looks by itself.
func looks(w *purchaseWorld) *[]time.Duration {
	var at []time.Duration
	w.purchase.onRetry = func() { at = append(at, w.now().Sub(born)) }
	return &at
}

func TestPurchasePauses(t *testing.T) {
	w := newLonePurchaseWorld(t)
	at := looks(w)
	w.at(2*hour, func() { w.says(func() { w.purchase.end(state.PaymentFailed) }) })
	require.Equal(t, state.PurchaseEnded, w.runLone().State)
	require.Equal(t, []time.Duration{2 * minute, 6 * minute, 11 * minute, 16 * minute}, *at, "and never when the window is over")
}

// A short window has no room for a look; the payment looks at half of it.
func TestPurchaseOfAShortWindow(t *testing.T) {
	w := newLonePurchaseWorld(t)
	in := purchaseInput()
	in.CollectBy = born.Add(2 * minute)
	w.plays.input = in
	at := looks(w)
	w.at(3*minute, func() { w.says(func() { w.purchase.end(state.PaymentExpired) }) })
	w.runLone()
	require.Empty(t, *at)
}

// Temporal or its workers were away: one task brings the start and all that was signalled.
func TestPurchaseSignalsInOneTask(t *testing.T) {
	for _, task := range []time.Duration{minute, window + minute} {
		w := newLonePurchaseWorld(t)
		w.plays.saga = asleep(w.world, workflows.Purchase, task)
		at := looks(w)
		w.at(10*second, func() { w.says(w.purchase.complete) })
		w.at(11*second, w.repeat)
		require.Equal(t, state.PurchaseCompleted, w.runLone().State)
		require.Equal(t, born.Add(task), w.now())
		require.Empty(t, *at)
	}
}

// Both ends cannot be. If they came, the money would count.
func TestPurchaseCompletedAndEnded(t *testing.T) {
	ended := func(w *purchaseWorld) {
		w.signal(workflows.EndedSignal, workflows.PurchaseEnded{Why: state.PaymentExpired})
	}
	for name, happens := range map[string]func(*purchaseWorld){
		"completed first": func(w *purchaseWorld) { w.says(w.purchase.complete); ended(w) },
		"ended first":     func(w *purchaseWorld) { ended(w); w.says(w.purchase.complete) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newLonePurchaseWorld(t)
			w.plays.saga = asleep(w.world, workflows.Purchase, 10*second)
			w.at(second, func() { happens(w) })
			require.Equal(t, state.PurchaseCompleted, w.runLone().State)
		})
	}
}

// A look that hangs or fails holds nothing up.
func TestPurchaseRetryFails(t *testing.T) {
	t.Run("while the database is away", func(t *testing.T) {
		w := newLonePurchaseWorld(t)
		w.fails("RetryPurchase", times(9, pausing(4*minute))...)
		w.at(3*minute, func() { w.says(w.purchase.complete) })
		require.Equal(t, state.PurchaseCompleted, w.runLone().State)
		require.Equal(t, born.Add(3*minute), w.now(), "at once")
	})
	t.Run("for the whole window", func(t *testing.T) {
		w := newLonePurchaseWorld(t)
		w.fails("RetryPurchase", times(9, pausing(4*minute))...)
		flagged, later := false, true
		w.at(17*minute+30*second, func() { flagged = w.flagged })
		w.at(21*minute, func() { later = w.flagged })
		w.at(1*hour, func() { w.says(func() { w.purchase.end(state.PaymentFailed) }) })
		require.Equal(t, state.PurchaseEnded, w.runLone().State)
		require.Equal(t, []bool{true, false}, []bool{flagged, later}, "operators see it as long as it can matter")
		require.Equal(t, born.Add(hour), w.now())
	})
	t.Run("for good", func(t *testing.T) {
		w := newLonePurchaseWorld(t)
		w.fails("RetryPurchase", temporal.NewNonRetryableApplicationError("a bug", "bug", nil))
		at := looks(w)
		w.at(7*minute, func() { w.says(w.purchase.complete) })
		require.Equal(t, state.PurchaseCompleted, w.runLone().State)
		require.Equal(t, []time.Duration{2 * minute, 6 * minute}, *at, "the next look is taken")
	})
}

// Operators read in the UI what happened so far.
func TestPurchaseDetails(t *testing.T) {
	w := newLonePurchaseWorld(t)
	w.rows.attempts = []*row{{Visit: activities.Visit{AttemptID: 1}, state: state.AttemptOpen}}
	w.at(7*minute, func() { w.says(w.purchase.complete) })
	w.runLone()
	require.Equal(t, strings.Join([]string{
		"- `08:00:00` purchase 74 of branch 31: waiting for 1,200,000 rial",
		"- `08:02:00` looked by itself: completing",
		"- `08:06:00` looked by itself: completing",
		"- `08:07:00` **completed**: CHECK-9672",
	}, "\n"), w.details())

	w = newLonePurchaseWorld(t)
	w.at(3*minute, func() { w.says(func() { w.purchase.end(state.PaymentRefunded) }) })
	w.runLone()
	require.Equal(t, strings.Join([]string{
		"- `08:00:00` purchase 74 of branch 31: waiting for 1,200,000 rial",
		"- `08:02:00` looked by itself: awaiting",
		"- `08:03:00` **ended**: its payment refunded",
	}, "\n"), w.details())
}

func TestPurchaseStartsVisible(t *testing.T) {
	in := purchaseInput()
	options := in.Options()
	require.Equal(t, "purchase/74", options.ID)
	require.Equal(t, "sagas", options.TaskQueue)
	require.Zero(t, options.WorkflowExecutionTimeout+options.WorkflowRunTimeout, "a saga is never cut off")
	require.Equal(t, "1,200,000 rial · shop · purchase of branch 31", in.Summary())
	require.Equal(t, temporal.NewSearchAttributes(
		workflows.MerchantID.ValueSet("shop"), workflows.SagaKind.ValueSet("purchase"), workflows.SagaState.ValueSet("awaiting"),
		workflows.AmountRial.ValueSet(1_200_000), workflows.DeadlineAt.ValueSet(born.Add(window)),
	), options.TypedSearchAttributes)
}
