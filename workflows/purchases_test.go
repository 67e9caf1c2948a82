package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// mostRetries is how often these rows let a purchase be retried, by people and its saga together.
const mostRetries = 20

// purchaseWorld is what surrounds a purchase: the rows and the bank of its payment, the purchase's own row,
// and both sagas, which meet nowhere but in the rows and in what the rows have signalled.
type purchaseWorld struct {
	*world
	purchase *purchaseRows
}

func newPurchaseWorld(t tester) *purchaseWorld {
	w := newLonePurchaseWorld(t)
	w.plays.name, w.plays.saga = "payment and purchase", mortal(w.world, twoSagas)
	in := w.input()
	in.PurchaseID = purchaseInput().PurchaseID
	w.plays.input = twoInputs{in, purchaseInput()}
	return w
}

// newLonePurchaseWorld plays the purchase's saga without its payment's.
func newLonePurchaseWorld(t tester) *purchaseWorld {
	w := newWorld(t)
	p := &purchaseRows{world: w, state: state.PurchaseAwaiting, onRetry: func() {}}
	w.rows.auto, w.rows.purchase = true, p
	w.plays = cast{workflows.PurchaseName, mortal(w, workflows.Purchase), purchaseInput(), append(w.plays.activities, p)}
	w.watch = func(*testsuite.TestWorkflowEnvironment) { // what the rows said last may not have gone out
		w.mu.Lock()
		defer w.mu.Unlock()
		w.sent, p.outbox = append(w.sent, p.outbox...), nil
	}
	return &purchaseWorld{w, p}
}

func purchaseInput() workflows.PurchaseInput {
	return workflows.PurchaseInput{
		PurchaseID: 74, Branch: 31, Merchant: "shop", Amount: 1_200_000, CreatedAt: born, CollectBy: born.Add(window),
	}
}

type twoInputs struct {
	Payment  workflows.PaymentInput
	Purchase workflows.PurchaseInput
}

type twoResults struct {
	Payment  workflows.PaymentResult
	Purchase workflows.PurchaseResult
}

// twoSagas runs both sagas in one workflow, because the test environment has one clock. They listen to
// different signals and share nothing.
func twoSagas(ctx workflow.Context, in twoInputs) (out twoResults, err error) {
	all, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	open := 2
	workflow.Go(ctx, func(ctx workflow.Context) {
		result, failed := workflows.Payment(ctx, in.Payment)
		out.Payment, err, open = result, errors.Join(err, failed), open-1
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		result, failed := workflows.Purchase(ctx, in.Purchase)
		out.Purchase, err, open = result, errors.Join(err, failed), open-1
	})
	evicted := workflow.Await(all, func() bool { return open == 0 })
	return out, errors.Join(err, evicted)
}

// purchaseRows play the part of a purchase's row with its rules in short; store's own tests hold the SQL to
// the same rules. Where the payment's rows write the purchase in the same transaction, so do these.
type purchaseRows struct {
	*world
	state      state.Purchase
	retries    int
	references []string // that were made; more than one is a bug
	why        state.Payment
	stuck      bool   // nothing ends it
	onRetry    func() // when the saga looks by itself
	outbox     []sent
}

// move makes sure that the fake itself never leaves the table of allowed transitions.
func (r *purchaseRows) move(to state.Purchase) {
	if !state.Purchases.Allows(r.state, to) {
		panic(fmt.Sprintf("purchase: %s to %s is not allowed", r.state, to))
	}
	r.state = to
}

// tell writes the outbox, from which a dispatcher takes it.
func (r *purchaseRows) tell(name string, payload any) {
	if r.env == nil { // nobody is there to hear it yet
		r.sent = append(r.sent, sent{name, payload})
		return
	}
	r.outbox = append(r.outbox, sent{name, payload})
	r.env.RegisterDelayedCallback(func() {
		r.mu.Lock()
		news := r.outbox
		r.outbox = nil
		r.mu.Unlock()
		for _, s := range news {
			r.signal(s.name, s.payload)
		}
	}, 0)
}

// complete is what happens in the transaction that books the money.
func (r *purchaseRows) complete() {
	if r == nil || !state.Purchases.Allows(r.state, state.PurchaseCompleted) {
		return
	}
	r.move(state.PurchaseCompleted)
	reference := fmt.Sprint("CHECK-", 9672+len(r.references))
	r.references = append(r.references, reference)
	r.note("completed %s", reference)
	r.tell(workflows.CompletedSignal, workflows.PurchaseCompleted{Reference: reference})
}

// unpaid is what happens in the transaction that notes the bank's word.
func (r *purchaseRows) unpaid() {
	if r != nil && r.rows.state == state.PaymentPending && !r.rows.cancelled && state.Purchases.Allows(r.state, state.PurchaseIncomplete) {
		r.move(state.PurchaseIncomplete)
	}
}

// retry has the payment's saga ask the bank again, if the row allows one of these states.
func (r *purchaseRows) retry(by string, allowed ...state.Purchase) bool {
	switch {
	case !slices.Contains(allowed, r.state):
		return false
	case r.retries >= mostRetries:
		r.note("refused %s: too many retries", by)
		return false
	}
	if r.state != state.PurchaseCompleting {
		r.move(state.PurchaseCompleting)
	}
	r.retries++
	r.note("retried by %s", by)
	r.tell(workflows.InquireSignal, workflows.Fact{EventID: int64(1000 + r.retries)})
	return true
}

// end is what happens when the payment's saga finds that no money came.
func (r *purchaseRows) end(why state.Payment) {
	r.move(state.PurchaseEnded)
	r.why = why
	r.note("ended: %s", why)
	r.tell(workflows.EndedSignal, workflows.PurchaseEnded{Why: why})
}

// Below: the activities, under the names of the real ones.

func (r *purchaseRows) RetryPurchase(ctx context.Context, _ int64) (now state.Purchase, err error) {
	return now, r.store(ctx, "RetryPurchase", 0, func() error {
		r.onRetry()
		if slices.ContainsFunc(r.rows.attempts, func(a *row) bool { return a.state == state.AttemptOpen }) {
			r.retry("saga", state.PurchaseAwaiting, state.PurchaseCompleting, state.PurchaseIncomplete)
		}
		now = r.state
		return nil
	})
}

func (r *purchaseRows) ClosePurchase(ctx context.Context, _ int64) (now state.Purchase, err error) {
	return now, r.store(ctx, "ClosePurchase", 0, func() error {
		if !r.stuck && state.Payments.Terminal(r.rows.state) && r.rows.state != state.PaymentCollected && !state.Purchases.Terminal(r.state) {
			r.end(r.rows.state)
		}
		if now = r.state; !state.Purchases.Terminal(now) {
			return temporal.NewApplicationErrorWithOptions("still "+string(now), "", temporal.ApplicationErrorOptions{NextRetryDelay: 4 * minute})
		}
		return nil
	})
}

// Below: what people do.

// put is PUT /retry of a person: one transaction, then the question to the saga. It answers the question, or
// nil where nothing was to be retried.
func (w *purchaseWorld) put() *answer {
	w.mu.Lock()
	retried := w.purchase.retry("sara", state.PurchaseCompleting, state.PurchaseIncomplete)
	w.mu.Unlock()
	if !retried {
		return nil
	}
	return w.inquire()
}

// says lets the row end without a payment.
func (w *purchaseWorld) says(end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	end()
}

// runPurchase carries both sagas to their ends and checks what must always hold.
func (w *purchaseWorld) runPurchase() workflows.PurchaseResult {
	w.t.Helper()
	w.live()
	return w.endedPurchase()
}

// endedPurchase checks what holds for every ended purchase: it ended where its row is, with one reference if,
// and only if, its payment has the money; and the payment ended well, too.
func (w *purchaseWorld) endedPurchase() workflows.PurchaseResult {
	w.t.Helper()
	var both twoResults
	w.completed(&both)
	w.paymentEnded(both.Payment)
	w.purchaseEnded(both.Purchase)
	require.Equal(w.t, w.rows.state == state.PaymentCollected, both.Purchase.State == state.PurchaseCompleted, w.story())
	if both.Purchase.State == state.PurchaseEnded {
		require.Equal(w.t, both.Payment.State, both.Purchase.Why, w.story())
	}
	return both.Purchase
}

// runLone carries the purchase's saga alone to its end.
func (w *purchaseWorld) runLone() workflows.PurchaseResult {
	w.t.Helper()
	w.live()
	var result workflows.PurchaseResult
	w.completed(&result)
	w.purchaseEnded(result)
	return result
}

func (w *purchaseWorld) purchaseEnded(result workflows.PurchaseResult) {
	w.t.Helper()
	r, story := w.purchase, w.story()
	want := workflows.PurchaseResult{State: r.state, Why: r.why}
	if r.state == state.PurchaseCompleted {
		require.Len(w.t, r.references, 1, story)
		want.Reference = r.references[0]
	} else {
		require.Equal(w.t, state.PurchaseEnded, r.state, story)
		require.Empty(w.t, r.references, story)
	}
	require.Equal(w.t, want, result, "row and result\n%s", story)
	require.Contains(w.t, w.shown, string(result.State), "what operators see")
}
