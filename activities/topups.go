package activities

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/time/rate"

	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// TopUps writes the facts of top-ups and talks to resellers. Every activity is safe to run twice.
type TopUps struct {
	Store     *store.Store
	Operators operators.Registry
	Limits    map[string]*rate.Limiter // calls to each reseller; a missing one is not limited
}

// TopUpAttention says why a person must look at a top-up; empty when nobody must any more.
type TopUpAttention struct {
	TopUpID int64  `json:"topup_id"`
	Reason  string `json:"reason"`
}

// ErrNeedsTime means that a call may take longer than a workflow task allows: it goes on as a regular activity.
const ErrNeedsTime = "needs_time"

// sendWithin is how long after an order was marked as submitted it may still leave. A reseller's "no such
// order" is believed after its Capabilities.Settles, so no order may arrive later than that.
const sendWithin = 2 * time.Second

// CannotBeAsked is the code of a word that only a person can give: the reseller has no inquiry.
const CannotBeAsked = "cannot_be_asked"

// SubmitTopUp orders a top-up, once in its life. Whoever comes second (after a crash, after a lost answer)
// hears "unknown" and must ask the reseller.
func (a *TopUps) SubmitTopUp(ctx context.Context, id int64) (store.TopUpWord, error) {
	provider, err := a.provider(ctx, id)
	if err != nil {
		return store.TopUpWord{}, err
	}
	if activity.GetInfo(ctx).IsLocalActivity && !provider.Capabilities().Inquiry {
		// Nobody can be asked afterwards, so the answer is worth waiting for.
		return store.TopUpWord{}, retryable(fmt.Errorf("%s answers slowly and cannot be asked", provider.Name()), ErrNeedsTime, 0)
	}
	if err := awaitTurn(ctx, a.Limits, provider.Name()); err != nil {
		return store.TopUpWord{}, err
	}
	began := time.Now()
	order, first, err := a.Store.SubmitTopUp(ctx, id)
	if err != nil {
		return store.TopUpWord{}, err
	}
	if !first {
		return store.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Code: "submitted_before"}, nil
	}
	if time.Since(began) > sendWithin { // and nobody else may send it
		return word(id, operators.Answer{Outcome: operators.Refused, Code: "not_sent", Why: "The order was not sent in time"}, order, provider.Capabilities()), nil
	}
	return word(id, provider.Submit(ctx, orderOf(order)), order, provider.Capabilities()), nil
}

// InquireTopUp asks the reseller what became of an order.
func (a *TopUps) InquireTopUp(ctx context.Context, id int64) (store.TopUpWord, error) {
	order, err := a.Store.TopUpOrder(ctx, id)
	if err != nil {
		return store.TopUpWord{}, err
	}
	provider, err := a.Operators.Get(order.TopUp.Provider)
	if err != nil {
		return store.TopUpWord{}, err
	}
	if order.TopUp.Ended() { // a person was faster
		return store.TopUpWord{TopUpID: id, State: order.TopUp.State, Code: "decided_before"}, nil
	}
	if !provider.Capabilities().Inquiry {
		return store.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Code: CannotBeAsked}, nil
	}
	if err := awaitTurn(ctx, a.Limits, provider.Name()); err != nil {
		return store.TopUpWord{}, err
	}
	return word(id, provider.Inquire(ctx, orderOf(order)), order, provider.Capabilities()), nil
}

// RecordTopUp writes what was said and answers how the top-up then stands.
func (a *TopUps) RecordTopUp(ctx context.Context, w store.TopUpWord) (state.TopUp, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.RecordTopUp(ctx, w)
}

// SetTopUpAttention writes why a person must look.
func (a *TopUps) SetTopUpAttention(ctx context.Context, in TopUpAttention) error {
	if in.Reason != "" {
		activity.GetLogger(ctx).Warn("a top-up needs a person", "topup", in.TopUpID, "reason", in.Reason)
	}
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.SetTopUpAttention(ctx, in.TopUpID, in.Reason)
}

func (a *TopUps) provider(ctx context.Context, id int64) (operators.Operator, error) {
	t, err := a.Store.TopUp(ctx, id)
	if err != nil {
		return nil, err
	}
	return a.Operators.Get(t.Provider)
}

func orderOf(o store.TopUpOrder) operators.Order {
	return operators.Order{
		Key: fmt.Sprintf("topup-%d", o.TopUp.ID), Carrier: operators.Carrier(o.Carrier), Type: o.Type, Sim: o.Sim, Package: o.ProfileID,
		Mobile: o.TopUp.Mobile, Amount: o.TopUp.Amount, Reference: o.TopUp.Reference,
	}
}

// word turns a reseller's answer into what is recorded. An order that the reseller does not know, long enough
// after it went out, never arrived.
func word(id int64, answer operators.Answer, o store.TopUpOrder, can operators.Capabilities) store.TopUpWord {
	w := store.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Reference: answer.Reference, Code: answer.Code, Note: o.TopUp.Provider}
	switch answer.Outcome {
	case operators.Delivered:
		w.State = state.TopUpDelivered
	case operators.Refused:
		w.State, w.Why = state.TopUpReversed, answer.Why
	case operators.NotFound:
		if can.Settles > 0 && o.Since.Duration() >= can.Settles {
			w.State, w.Why, w.Code = state.TopUpReversed, "The order never reached the operator", "never_arrived"
		}
	}
	return w
}
