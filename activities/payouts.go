package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"golang.org/x/time/rate"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Payouts writes the facts of payouts and talks to the banks that send them. Every activity is safe to run twice.
type Payouts struct {
	Store     *store.Store
	Vault     *vault.Vault
	Providers payouts.Registry
	Limits    map[string]*rate.Limiter // calls to each provider; a missing one is not limited
}

// PayoutAttention says why a person must look at a payout; empty when nobody must any more.
type PayoutAttention struct {
	PayoutID int64  `json:"payout_id"`
	Reason   string `json:"reason"`
}

// SendPayout orders a payout. The bank carries out a reference once, so sending it again is asking again; what it
// refuses for certain is refused, and what it did not take may be tried again.
func (a *Payouts) SendPayout(ctx context.Context, id int64) (store.PayoutWord, error) {
	order, err := a.Store.PayoutOrder(ctx, id)
	if err != nil {
		return store.PayoutWord{}, err
	}
	provider, err := a.Providers.Get(order.Provider)
	if err != nil {
		return store.PayoutWord{}, bankError(&gateways.Unavailable{Op: "find provider", Err: err})
	}
	out, err := a.open(order)
	if err != nil {
		return store.PayoutWord{}, err
	}
	if err := awaitTurn(ctx, a.Limits, order.Provider); err != nil {
		return store.PayoutWord{}, err
	}
	began := time.Now()
	order, may, err := a.Store.SubmitPayout(ctx, id)
	if err != nil {
		return store.PayoutWord{}, err
	}
	if !may { // decided, or known to the bank
		return store.PayoutWord{PayoutID: id, State: order.State, Code: "sent_before"}, nil
	}
	if time.Since(began) > sendWithin { // else "no such order" would be believed too early; it is marked anew
		return store.PayoutWord{}, bankError(&gateways.Unavailable{Op: "send", Err: errors.New("held up before it left")})
	}
	receipt, err := provider.Send(ctx, out)
	switch gateways.Classify(err) {
	case gateways.ClassRefused:
		return refusedPayout(id, order.Provider, err), nil
	case gateways.ClassUnavailable:
		return store.PayoutWord{}, bankError(err)
	}
	if err != nil {
		return store.PayoutWord{PayoutID: id, State: state.PayoutUnknown, Code: "no_answer", Note: order.Provider}, nil
	}
	return payoutWord(order, receipt, provider.Capabilities()), nil
}

// InquirePayout asks the bank what became of a payout.
func (a *Payouts) InquirePayout(ctx context.Context, id int64) (store.PayoutWord, error) {
	order, err := a.Store.PayoutOrder(ctx, id)
	if err != nil {
		return store.PayoutWord{}, err
	}
	if order.Ended() { // a person was faster
		return store.PayoutWord{PayoutID: id, State: order.State, Code: "decided_before"}, nil
	}
	provider, err := a.Providers.Get(order.Provider)
	if err != nil {
		return store.PayoutWord{}, bankError(&gateways.Unavailable{Op: "find provider", Err: err})
	}
	if err := awaitTurn(ctx, a.Limits, order.Provider); err != nil {
		return store.PayoutWord{}, err
	}
	report, err := provider.Inquire(ctx, order.UUID)
	if err != nil {
		// Whatever is wrong with the question says nothing about the order.
		return store.PayoutWord{PayoutID: id, State: order.State, Code: string(gateways.Classify(err)), Note: order.Provider}, nil
	}
	return payoutWord(order, report, provider.Capabilities()), nil
}

// RecordPayout writes what was said and answers how the payout then stands.
func (a *Payouts) RecordPayout(ctx context.Context, w store.PayoutWord) (state.Payout, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.RecordPayout(ctx, w)
}

// SetPayoutAttention writes why a person must look.
func (a *Payouts) SetPayoutAttention(ctx context.Context, in PayoutAttention) error {
	if in.Reason != "" {
		activity.GetLogger(ctx).Warn("a payout needs a person", "payout", in.PayoutID, "reason", in.Reason)
	}
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.SetPayoutAttention(ctx, in.PayoutID, in.Reason)
}

// open makes the bank's order, with the destination whole.
func (a *Payouts) open(o store.PayoutOrder) (payouts.Order, error) {
	number, err := a.Vault.OpenText(o.MerchantID, vault.PayoutDestination, o.Number)
	if err != nil {
		return payouts.Order{}, err
	}
	to := payouts.ToIBAN(money.IBAN(number))
	if payouts.Rail(o.Rail) == payouts.Card {
		if to, err = payouts.ToCard(number); err != nil {
			return payouts.Order{}, err
		}
	}
	return payouts.Order{Reference: o.UUID, Amount: o.Amount, Rail: payouts.Rail(o.Rail), To: to, Holder: o.Holder, Note: o.Note}, nil
}

func refusedPayout(id int64, provider string, err error) store.PayoutWord {
	w := store.PayoutWord{PayoutID: id, State: state.PayoutRefused, Note: provider}
	var refused *gateways.Refused
	if errors.As(err, &refused) {
		w.Code, w.Why = refused.Code, refused.Why
	}
	return w
}

// payoutWord turns a bank's report into what is recorded. An order that the bank does not know, long enough after it
// went out, never arrived and never will; one that it had is not undone by such an answer, nor by an unclear one.
func payoutWord(o store.PayoutOrder, r payouts.Report, can payouts.Capabilities) store.PayoutWord {
	w := store.PayoutWord{PayoutID: o.ID, State: state.PayoutUnknown, ProviderID: r.ID, TrackingID: r.TrackingID, Code: r.Code, Note: o.Provider, Due: r.Due}
	switch r.State {
	case payouts.Settled:
		w.State = state.PayoutPaid
	case payouts.Returned, payouts.Failed:
		w.State, w.Why = state.PayoutRefused, r.Why
	case payouts.Accepted:
		w.State = state.PayoutSent
	default:
		w.Code = or(r.Code, string(r.State))
		if o.State == state.PayoutSent {
			w.State = state.PayoutSent
		} else if r.State == payouts.NotFound && can.Settles > 0 && o.Since.Duration() >= can.Settles {
			w.State, w.Code, w.Why = state.PayoutUnsent, "never_arrived", "The order never reached the bank"
		}
	}
	return w
}
