package audit

import (
	"context"
	"fmt"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// delivery is a line of the simulated reseller's book: what became of one order.
type delivery struct {
	Key     string     `json:"key"`
	Mobile  string     `json:"mobile"` // masked
	Amount  money.Rial `json:"amount"` // rial
	State   string     `json:"state"`  // delivered, refused or in_progress
	Submits int        `json:"submits"`
}

const deliveriesAgree = "the reseller's deliveries and our top-ups agree"

// compareDeliveries holds the reseller's book against ours: delivered outside is spent inside, refused or never
// ordered is given back, and every order went out once. As with the bank's, the book is read before and after
// ours. An order that the reseller has not decided and a person has, is believed to the person.
func compareDeliveries(ctx context.Context, c Config) ([]store.Breach, error) {
	earlier, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	topups, err := c.Store.TopUpsInBooks(ctx, c.Resellers)
	if err != nil {
		return nil, err
	}
	later, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	known := make(map[string]delivery, len(later.Deliveries))
	for _, d := range later.Deliveries {
		known[d.Key] = d
	}
	var found []store.Breach
	breach := func(format string, args ...any) {
		found = append(found, store.Breach{Invariant: deliveriesAgree, Subject: fmt.Sprintf(format, args...)})
	}
	ours := make(map[string]store.TopUpInBooks, len(topups))
	for _, t := range topups {
		ours[t.Key()] = t
		d, ok := known[t.Key()]
		switch {
		case !ok && t.State == state.TopUpDelivered && !t.ByHand:
			breach("top-up %d is delivered and the reseller does not know it", t.ID)
		case !ok:
		case d.Amount != t.Amount || d.Mobile != t.Masked():
			breach("top-up %d: %s rial for %s, at the reseller %s for %s", t.ID, t.Amount, t.Masked(), d.Amount, d.Mobile)
		case d.Submits != 1:
			breach("top-up %d was ordered %d times", t.ID, d.Submits)
		case !sameEnd(t, d):
			breach("top-up %d is %s, at the reseller %s", t.ID, t.State, d.State)
		}
	}
	for _, d := range earlier.Deliveries {
		switch t, ok := ours[d.Key]; {
		case !ok:
			breach("the reseller has %s as %s and we do not know it", d.Key, d.State)
		case !t.Submitted:
			breach("top-up %d never went out, and the reseller has it as %s", t.ID, d.State)
		}
	}
	return found, nil
}

func sameEnd(t store.TopUpInBooks, d delivery) bool {
	switch {
	case t.State == state.TopUpReserved || t.State == state.TopUpUnknown:
		return true // whatever it is, it will be heard of
	case t.ByHand && d.State == "in_progress":
		return true
	case t.State == state.TopUpDelivered:
		return d.State == "delivered"
	}
	return d.State == "refused"
}
