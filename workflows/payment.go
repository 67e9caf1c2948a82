package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

// Activities are named by nil pointers; the worker holds the real ones.
var (
	payments *activities.Payments
	bank     *activities.Bank
)

// paymentSaga carries one bank payment to its end: collected, refunded, expired or failed. It ends
// only when every attempt is final, because a payer may pay two attempts of one payment.
type paymentSaga struct {
	saga
	in      PaymentInput
	state   state.Payment // as far as this saga was told
	shut    bool          // the deadline has passed: nothing new is verified, what comes goes back
	gateway string        // of the attempt that pays
	rrn     string
	visits  []*visit
}

// Payment is the saga of a bank payment.
func Payment(ctx workflow.Context, in PaymentInput) (PaymentResult, error) {
	// Cancelling a saga in the UI must not strand money; merchants cancel payments through the API.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()

	p := &paymentSaga{saga: newSaga(), in: in, state: state.PaymentPending}
	p.attend = func(ctx workflow.Context, reason string) error {
		return p.call(ctx, attendStep(), callOptions{}, payments.PaymentAttention, activities.Attention{PaymentID: in.PaymentID, Reason: reason}, nil)
	}
	if err := p.listen(ctx); err != nil {
		return PaymentResult{}, err
	}
	if err := p.run(ctx); err != nil {
		return PaymentResult{}, err
	}
	return PaymentResult{State: p.state}, nil
}

func (p *paymentSaga) run(ctx workflow.Context) error {
	p.say(ctx, "created: %s rial, collect by `%s`", p.in.Amount, moment(p.in.CollectBy))
	if err := p.untilDeadline(ctx); err != nil {
		return err
	}
	for !p.decided() {
		if err := p.atDeadline(ctx); err != nil {
			return err
		}
	}
	if err := p.findMoney(ctx); err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return p.visitsOver() && workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	return p.finish(ctx)
}

// untilDeadline waits for money and for the merchant's decision. In case a callback was lost it asks
// the bank by itself on the way.
func (p *paymentSaga) untilDeadline(ctx workflow.Context) error {
	for _, at := range checkpoints(p.in.CreatedAt, p.in.CollectBy) {
		if p.state != state.PaymentPending {
			break
		}
		shut, err := awaitUntil(ctx, at, "then ask the bank, if nobody came back", p.doorShut)
		if err != nil || shut {
			return err
		}
		if p.state == state.PaymentPending {
			if err := p.askAboutAll(ctx); err != nil {
				return err
			}
		}
	}
	_, err := awaitUntil(ctx, p.in.CollectBy, "deadline to collect", p.doorShut)
	return err
}

// doorShut says that nothing more is to be waited for before the deadline.
func (p *paymentSaga) doorShut() bool {
	return p.shut || p.decided()
}

// decided says that the row's state can no longer be changed by the deadline.
func (p *paymentSaga) decided() bool {
	return p.state != state.PaymentPending && p.state != state.PaymentPaid
}

// atDeadline closes the door in the database. A payment whose money is still open at a bank stays
// pending until the last attempt is final.
func (p *paymentSaga) atDeadline(ctx workflow.Context) error {
	if err := workflow.Await(ctx, func() bool { return !p.shut || p.visitsOver() || p.decided() }); err != nil {
		return err
	}
	if p.decided() {
		return nil
	}
	var found activities.Deadline
	if err := p.store(ctx, "close the door", payments.PaymentDeadline, p.in.PaymentID, &found); err != nil {
		return err
	}
	if !found.Due {
		return workflow.Sleep(ctx, clockSkew)
	}
	if !p.shut {
		p.shut = true
		p.say(ctx, "deadline: %s", found.Payment)
	}
	p.learn(found.Payment)
	p.follow(ctx, found.Open)
	return nil
}

// findMoney looks for the attempt that pays. Normally it is known; but a worker may have died after it
// booked the money and before the history knew, and the merchant's decision came first.
func (p *paymentSaga) findMoney(ctx workflow.Context) error {
	if p.gateway != "" || p.state == state.PaymentExpired || p.state == state.PaymentFailed {
		return nil
	}
	return p.askAboutAll(ctx)
}

// learn moves on what this saga knows; news that arrives late never takes it back.
func (p *paymentSaga) learn(now state.Payment) {
	if p.state == state.PaymentPending || (p.state == state.PaymentPaid && now != state.PaymentPending) ||
		(p.state == state.PaymentRefunding && now == state.PaymentRefunded) {
		p.state = now
	}
}

// askAboutAll asks the bank about every attempt that is not over.
func (p *paymentSaga) askAboutAll(ctx workflow.Context) error {
	var open []activities.Visit
	if err := p.store(ctx, "find attempts under way", payments.PaymentVisits, p.in.PaymentID, &open); err != nil {
		return err
	}
	for _, v := range p.follow(ctx, open) {
		v.asks++
	}
	return nil
}

// askOrLook asks the bank, or learns from the row that the payment is over: a task in which all of it was
// done is lost to the history when other news, or the worker's end, came in between.
func (p *paymentSaga) askOrLook(ctx workflow.Context) error {
	if err := p.askAboutAll(ctx); err != nil || !p.visitsOver() || p.state != state.PaymentPending {
		return err
	}
	var found activities.Deadline // before which nothing is decided
	if err := p.store(ctx, "look where it stands", payments.PaymentDeadline, p.in.PaymentID, &found); err != nil {
		return err
	}
	p.learn(found.Payment)
	return nil
}

// follow makes sure that every given attempt is watched to its end.
func (p *paymentSaga) follow(ctx workflow.Context, open []activities.Visit) []*visit {
	watched := make([]*visit, 0, len(open))
	for _, o := range open {
		watched = append(watched, p.visit(ctx, o))
	}
	return watched
}

func (p *paymentSaga) visit(ctx workflow.Context, of activities.Visit) *visit {
	i := slices.IndexFunc(p.visits, func(v *visit) bool { return v.AttemptID == of.AttemptID })
	if i >= 0 {
		return p.visits[i]
	}
	v := &visit{Visit: of, payment: p}
	p.visits = append(p.visits, v)
	workflow.Go(ctx, v.watch)
	return v
}

func (p *paymentSaga) visitsOver() bool {
	return !slices.ContainsFunc(p.visits, func(v *visit) bool { return !v.over })
}

// finish shows operators how it ended, and ends the purchase that got no money.
func (p *paymentSaga) finish(ctx workflow.Context) error {
	if p.in.PurchaseID != 0 && p.state != state.PaymentCollected {
		if err := p.store(ctx, "end the purchase", purchases.ClosePurchase, p.in.PurchaseID, nil); err != nil {
			return err
		}
	}
	p.say(ctx, "**%s**", p.state)
	updates := append(make([]temporal.SearchAttributeUpdate, 0, 3), SagaState.ValueSet(string(p.state)))
	if p.gateway != "" {
		updates = append(updates, Provider.ValueSet(p.gateway), Reference.ValueSet(p.rrn))
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		return fmt.Errorf("show the end: %w", err)
	}
	return nil
}

// listen takes signals and questions. Signals only tell what the rows already say.
func (p *paymentSaga) listen(ctx workflow.Context) error {
	onSignal(ctx, CallbackSignal, func(ctx workflow.Context, in Callback) {
		if p.fresh(in.EventID) {
			v := p.visit(ctx, in.Visit)
			v.Callback = in.Visit.Callback
			v.asks++
			p.say(ctx, "payer came back from %s, attempt %d", v.Gateway, v.AttemptID)
		}
	})
	onSignal(ctx, CollectedSignal, func(ctx workflow.Context, in Fact) {
		if p.fresh(in.EventID) {
			p.learn(state.PaymentCollected)
			p.say(ctx, "collected by the merchant")
		}
	})
	onSignal(ctx, CancelledSignal, func(ctx workflow.Context, in Fact) {
		if p.fresh(in.EventID) {
			p.shut = true // the row's deadline is now
			if p.state == state.PaymentPaid {
				p.learn(state.PaymentRefunding)
			}
			p.say(ctx, "cancelled by the merchant")
		}
	})
	onSignal(ctx, InquireSignal, func(ctx workflow.Context, in Fact) {
		if p.fresh(in.EventID) && p.state == state.PaymentPending {
			p.say(ctx, "somebody wants the bank asked")
			if err := p.askOrLook(ctx); err != nil {
				workflow.GetLogger(ctx).Error("not asked", "error", err)
			}
		}
	})
	onSignal(ctx, ResolvedSignal, func(ctx workflow.Context, in Resolved) {
		for _, v := range p.visits {
			if v.AttemptID == in.AttemptID && p.fresh(in.EventID) {
				v.resolved = true
				p.say(ctx, "attempt %d resolved by a person", v.AttemptID)
			}
		}
	})
	err := workflow.SetUpdateHandlerWithOptions(ctx, InquireUpdate, p.inquire, workflow.UpdateHandlerOptions{
		Description: "Asks the bank about every open attempt and answers the payment's state.",
	})
	if err != nil {
		return fmt.Errorf("listen for questions: %w", err)
	}
	return nil
}

// inquire answers when the bank has spoken about every attempt that was open when it was asked.
func (p *paymentSaga) inquire(ctx workflow.Context) (state.Payment, error) {
	ctx, _ = workflow.NewDisconnectedContext(ctx) // as the saga's own; what starts here outlives the question
	if err := p.askAboutAll(ctx); err != nil {
		return "", err
	}
	pending := make(map[*visit]int, len(p.visits))
	for _, v := range p.visits {
		pending[v] = v.asks
	}
	err := workflow.Await(ctx, func() bool {
		return !slices.ContainsFunc(p.visits, func(v *visit) bool { return !v.answered(pending[v]) })
	})
	return p.state, err
}

func onSignal[T any](ctx workflow.Context, name string, handle func(workflow.Context, T)) {
	channel := workflow.GetSignalChannel(ctx, name)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var in T
			if !channel.Receive(ctx, &in) {
				return
			}
			handle(ctx, in)
		}
	})
}
