// Package payouts sends money out to bank accounts and cards. Every provider of bank transfers is one file
// behind [Provider]; its states, codes and rails stay in its file.
package payouts

import (
	"context"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Provider is one way to send money from our account to others'.
//
// An order is named by our own reference and is carried out at most once, however often it is sent. Every
// method returns nil or an error that wraps exactly one of [gateways.Refused], [gateways.Unavailable] and
// [gateways.Unknown]; see [gateways.Classify].
type Provider interface {
	// Name is the provider's name in our rows, "sandbox".
	Name() string
	// Capabilities are what this provider can do.
	Capabilities() Capabilities
	// Send orders one transfer and answers the provider's first word on it. Refused: no money has moved or will
	// move under this reference. Unavailable: the order was not taken; the same order may be sent again. Unknown:
	// it may have been taken, and only Inquire settles it.
	//
	// Sending the same order again is safe: it answers what the provider has under the reference. Another order under
	// a used reference is never carried out, and Unknown: the first one may have been.
	Send(ctx context.Context, o Order) (Receipt, error)
	// Inquire asks what became of an order. It changes nothing. Refused means that the question is; it says nothing
	// about the order.
	Inquire(ctx context.Context, reference string) (Report, error)
}

// Capabilities of a provider.
type Capabilities struct {
	// Rails are the ways it can send money, the preferred ones first.
	Rails []RailLimits
	// Settles is how long after Send an order may still turn up that Inquire does not find. After that, "not
	// found" means that it never arrived and never will.
	Settles time.Duration
}

// Order is one transfer as a provider needs it.
type Order struct {
	Reference string     // ours, stable for the order's whole life, never used for another: the payout's uuid
	Amount    money.Rial // what arrives
	Rail      Rail       // of [Capabilities.RailFor]
	To        Destination
	Holder    string // the name of the account's owner; may be empty
	Note      string // on the statements of both sides, up to [MaxNote] letters; may be empty
}

// MaxNote is how many letters an order's note may have.
const MaxNote = 100

// State is what a provider says of an order.
type State string

// The states.
const (
	NotFound State = "not_found" // Inquire only: the provider has no such order, now; see [Capabilities.Settles]
	Accepted State = "accepted"  // taken, waits for the rail's next cycle: ask again after Due
	Settled  State = "settled"   // final: the money has arrived
	Returned State = "returned"  // final: it was on its way and is back in our account
	Failed   State = "failed"    // final: taken, never sent
)

// Final says whether a provider will not change its mind.
func (s State) Final() bool { return s == Settled || s == Returned || s == Failed }

// Report is a provider's word on an order.
type Report struct {
	State      State
	ID         string    // the provider's own number of the order; empty when it told none
	TrackingID string    // of the rail, shown to merchants and receivers; set when settled
	Due        time.Time // UTC; of an accepted order: when its cycle should have carried it out; zero = not told
	Code       string    // the provider's code of a returned or failed order
	Why        string    // safe to log and to show a merchant; never a raw body
}

// Receipt is the first [Report] on an order. It is never not_found; of an order that was sent before it may
// already be final.
type Receipt = Report

// Registry finds providers by name.
type Registry map[string]Provider

// Get returns the provider called name.
func (r Registry) Get(name string) (Provider, error) {
	p, ok := r[name]
	if !ok {
		return nil, fmt.Errorf("no such payout provider: %q", name)
	}
	return p, nil
}
