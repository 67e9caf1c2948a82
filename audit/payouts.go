package audit

import (
	"context"
	"fmt"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// order is a line of the book of the bank that pays out: what became of one order.
type order struct {
	Reference string     `json:"reference"` // the payout's uuid
	Rail      string     `json:"rail"`
	To        string     `json:"to"`     // masked
	Amount    money.Rial `json:"amount"` // rial
	State     string     `json:"state"`  // accepted, settled, returned or failed
}

const payoutsAgree = "the bank's orders and our payouts agree"

// comparePayouts holds the book of the bank that pays out against ours: paid here is settled there, what was given
// back here did not arrive there, and the bank has nothing that we did not send. As with charges, the book is read
// before and after ours. What the bank has not decided and a person has, is believed to the person.
func comparePayouts(ctx context.Context, c Config) ([]store.Breach, error) {
	earlier, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	payouts, err := c.Store.PayoutsInBooks(ctx, c.PayoutBanks)
	if err != nil {
		return nil, err
	}
	later, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	known := make(map[string]order, len(later.Transfers))
	for _, o := range later.Transfers {
		known[o.Reference] = o
	}
	var found []store.Breach
	breach := func(format string, args ...any) {
		found = append(found, store.Breach{Invariant: payoutsAgree, Subject: fmt.Sprintf(format, args...)})
	}
	ours := make(map[string]store.PayoutInBooks, len(payouts))
	for _, p := range payouts {
		ours[p.UUID] = p
		o, ok := known[p.UUID]
		switch {
		case !ok && mustBeKnown(p):
			breach("payout %s is %s and the bank does not know it", p.UUID, p.State)
		case !ok:
		case o.Amount != p.Amount || o.Rail != p.Rail || o.To != p.Destination:
			breach("payout %s: %s rial by %s to %s, at the bank %s by %s to %s", p.UUID, p.Amount, p.Rail, p.Destination, o.Amount, o.Rail, o.To)
		case !sameFate(p, o):
			breach("payout %s is %s, at the bank %s", p.UUID, p.State, o.State)
		}
	}
	for _, o := range earlier.Transfers {
		switch p, ok := ours[o.Reference]; {
		case !ok && o.State != "failed":
			breach("the bank has %s as %s and we do not know it", o.Reference, o.State)
		case ok && !p.Submitted:
			breach("payout %s never left, and the bank has it as %s", o.Reference, o.State)
		}
	}
	return found, nil
}

// mustBeKnown says whether a payout stands as it does by the bank's own word.
func mustBeKnown(p store.PayoutInBooks) bool {
	return p.State == state.PayoutSent || p.State == state.PayoutPaid && !p.ByHand
}

// sameFate says whether the bank may have a payout as it does.
func sameFate(p store.PayoutInBooks, o order) bool {
	switch p.State {
	case state.PayoutReserved, state.PayoutUnknown:
		return true // whatever it is, it will be heard of
	case state.PayoutSent:
		return o.State != "failed"
	case state.PayoutPaid:
		return o.State == "settled" || p.ByHand && o.State == "accepted"
	case state.PayoutRefused:
		return o.State == "returned" || o.State == "failed" || p.ByHand && o.State == "accepted"
	}
	return o.State == "failed" // it never arrived, or never left: no money may have moved
}
