package payouts

import (
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Rail is a way on which money travels between banks.
type Rail string

// The rails of Iran's banks.
const (
	Card  Rail = "card"  // card to card: at once, small amounts
	PAYA  Rail = "paya"  // the automated clearing house: to an IBAN, in cycles some times a working day
	SATNA Rail = "satna" // real-time gross settlement: to an IBAN, large amounts, in banking hours
)

// Takes says whether a rail reaches a kind of destination.
func (r Rail) Takes(k Kind) bool { return (r == Card) == (k == KindCard) }

// RailLimits are one rail's rules at one provider. They are the provider's, and change by circular.
type RailLimits struct {
	Rail     Rail
	Min, Max money.Rial    // of one order, both included
	Cycle    time.Duration // how long an accepted order usually waits until it is settled; 0 = at once
}

// NoRail means that a provider cannot send an amount to a kind of destination.
type NoRail struct {
	Kind     Kind
	Min, Max money.Rial // what it can send there; both 0 when it cannot send there at all
}

func (e *NoRail) Error() string {
	if e.Max == 0 {
		return fmt.Sprintf("no rail to a destination of kind %s", e.Kind)
	}
	return fmt.Sprintf("no rail for the amount: a destination of kind %s takes %s to %s rial", e.Kind, e.Min, e.Max)
}

// RailFor chooses the rail of an order: the first one that reaches the destination and takes the amount. The error is
// [*NoRail].
func (c Capabilities) RailFor(amount money.Rial, to Kind) (RailLimits, error) {
	no := &NoRail{Kind: to}
	for _, r := range c.Rails {
		if !r.Rail.Takes(to) {
			continue
		}
		if amount >= r.Min && amount <= r.Max {
			return r, nil
		}
		if no.Max == 0 || r.Min < no.Min {
			no.Min = r.Min
		}
		no.Max = max(no.Max, r.Max)
	}
	return RailLimits{}, no
}

// takes says whether the provider offers a rail for an amount.
func (c Capabilities) takes(rail Rail, amount money.Rial) bool {
	for _, r := range c.Rails {
		if r.Rail == rail {
			return amount >= r.Min && amount <= r.Max
		}
	}
	return false
}
