package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

var purchases *activities.Purchases

// purchaseSaga sees that a purchase ends: with its reference, or with its payer's money returned. The money
// itself is the payment saga's; what this one owns is asking again when the payer's return was cut.
type purchaseSaga struct {
	saga
	in     PurchaseInput
	result PurchaseResult // of a purchase that has ended
}

// Purchase retries until its payment has the money or has ended without.
func Purchase(ctx workflow.Context, in PurchaseInput) (PurchaseResult, error) {
	ctx, stop := workflow.NewDisconnectedContext(ctx) // cancelling a saga in the UI must not strand a purchase
	defer stop()

	p := &purchaseSaga{saga: newSaga(), in: in}
	p.listen(ctx)
	p.say(ctx, "purchase %d of branch %d: waiting for %s rial", in.PurchaseID, in.Branch, in.Amount)
	if err := p.retry(ctx); err != nil {
		return PurchaseResult{}, err
	}
	if err := p.awaitEnd(ctx); err != nil {
		return PurchaseResult{}, err
	}
	return p.result, p.finish(ctx)
}

func (p *purchaseSaga) listen(ctx workflow.Context) {
	p.attend = func(ctx workflow.Context, reason string) error { return nil } // the payment's saga calls people
	onSignal(ctx, CompletedSignal, func(ctx workflow.Context, in PurchaseCompleted) {
		if !p.over() {
			p.result = PurchaseResult{State: state.PurchaseCompleted, Reference: in.Reference}
		}
	})
	onSignal(ctx, EndedSignal, func(ctx workflow.Context, in PurchaseEnded) {
		if !p.over() {
			p.result = PurchaseResult{State: state.PurchaseEnded, Why: in.Why}
		}
	})
}

func (p *purchaseSaga) over() bool { return p.result.State != "" }

// retry has the bank asked at growing pauses, until the window to complete is over. It only helps: a call
// that hangs or fails must not hold up the end.
func (p *purchaseSaga) retry(ctx workflow.Context) error {
	pause := firstRetry
	for at := p.in.CreatedAt.Add(pause); at.Before(p.in.CollectBy); at = workflow.Now(ctx).Add(pause) {
		over, err := awaitUntil(ctx, at, "then retry, if the payer is at a bank", p.over)
		left := p.in.CollectBy.Sub(workflow.Now(ctx))
		if err != nil || over || left <= 0 { // the worker may have been away for long
			return err
		}
		var now state.Purchase
		err = p.call(ctx, storeStep("retry"), callOptions{within: left, stop: p.over}, purchases.RetryPurchase, p.in.PurchaseID, &now)
		switch {
		case errors.Is(err, errStopped):
			return nil
		case errors.Is(err, errTooLate), final(err):
			p.say(ctx, "retry: %s", reasonOf(err))
		case err != nil:
			return err
		default:
			p.say(ctx, "looked by itself: %s", now)
		}
		pause = min(2*pause, longestRetry)
	}
	return nil
}

// awaitEnd waits for the payment's saga, which ends in any case and tells this one.
func (p *purchaseSaga) awaitEnd(ctx workflow.Context) error {
	return workflow.Await(ctx, p.over)
}

func (p *purchaseSaga) finish(ctx workflow.Context) error {
	updates := []temporal.SearchAttributeUpdate{SagaState.ValueSet(string(p.result.State))}
	if p.result.State == state.PurchaseCompleted {
		p.say(ctx, "**completed**: %s", p.result.Reference)
		updates = append(updates, Reference.ValueSet(p.result.Reference))
	} else {
		p.say(ctx, "**ended**: its payment %s", p.result.Why)
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		return fmt.Errorf("show the end: %w", err)
	}
	return nil
}
