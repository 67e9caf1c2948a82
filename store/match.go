package store

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// Whose money a deposit is. All of the rule stands here; a person decides whatever it does not.

// Why a deposit has no owner. A message that is not trusted has the parser's reason instead.
const (
	ReasonNoTransfer     = "no_transfer"     // nobody waits or waited for this amount
	ReasonAlreadyPaid    = "already_paid"    // the transfer of this amount has its deposit
	ReasonLate           = "late"            // after the reservation
	ReasonTooEarly       = "too_early"       // before the transfer was created
	ReasonSeveral        = "several"         // more than one transfer fits
	ReasonOtherCard      = "other_card"      // our card, but not one that the payer was shown
	ReasonUnknownAccount = "unknown_account" // no card of the merchant has this account
	ReasonPayerMismatch  = "payer_mismatch"  // not the card that the payer registered
)

// bankClock is how far a bank's clock may be from ours.
const bankClock = 2 * time.Minute

// destination is a card that money may arrive on.
type destination struct {
	ID       int64    `bun:"id"`
	Bank     string   `bun:"bank"`
	Accounts []string `bun:"accounts,array"`
	Last4    string   `bun:"last4"`
}

// rival is a transfer that has or had a deposit's amount.
type rival struct {
	ID            int64          `bun:"id"`
	State         state.Transfer `bun:"state"`
	Cards         []int64        `bun:"cards,array"`
	CreatedAt     time.Time      `bun:"created_at"`
	ReservedUntil time.Time      `bun:"reserved_until"`
	Holds         bool           `bun:"holds"` // its reservation still holds
	PayerHash     []byte         `bun:"pan_hmac"`
	PayerBin      string         `bun:"bin"`
	PayerLast4    string         `bun:"last4"`
}

// owner is what was decided: the transfer that the deposit pays or came for, or the reason why none.
type owner struct {
	id       int64          // transfer to change; 0 = none
	transfer state.Transfer // what it becomes
	reason   string         // empty: matched
}

func (o owner) deposit() state.Deposit { return depositStates[o.reason == ""] }

// payID is the transfer that the deposit pays.
func (o owner) payID() int64 {
	if o.reason != "" {
		return 0
	}
	return o.id
}

func nobody(reason string) owner { return owner{reason: reason} }

// findOwner gives a deposit to the one open transfer of exactly its amount, whose window holds the bank's
// time, that was shown the card it arrived on. `distrust` is why the message may not settle by itself.
func findOwner(d SeenDeposit, distrust string, card int64, rivals []rival) owner {
	if !d.Settles {
		return nobody(distrust)
	}
	if card == 0 {
		return nobody(ReasonUnknownAccount)
	}
	fits, reason := fitting(d, rivals)
	switch {
	case len(fits) == 0:
		return nobody(reason)
	case len(fits) > 1:
		return nobody(ReasonSeveral)
	}
	t := fits[0]
	switch {
	case t.State != state.TransferPending && t.State != state.TransferExpired:
		return nobody(ReasonAlreadyPaid)
	case !t.Holds:
		return nobody(ReasonLate)
	case !slices.Contains(t.Cards, card):
		return nobody(ReasonOtherCard)
	case !d.fromCardOf(t):
		return owner{id: t.ID, transfer: state.TransferMismatched, reason: ReasonPayerMismatch}
	}
	return owner{id: t.ID, transfer: state.TransferPaid}
}

// fitting lists the transfers in whose window the deposit arrived; for none it says why. Late SMS are
// nothing special: the bank's clock counts, not the hour of arrival.
func fitting(d SeenDeposit, rivals []rival) ([]rival, string) {
	var fits []rival
	reason := ReasonNoTransfer
	for _, t := range rivals {
		switch {
		case d.From.After(t.ReservedUntil):
			reason = ReasonLate
		case d.To.Before(t.CreatedAt.Add(-bankClock)):
			if reason == ReasonNoTransfer {
				reason = ReasonTooEarly
			}
		default:
			fits = append(fits, t)
		}
	}
	return fits, reason
}

// fromCardOf says whether the deposit may have come from the transfer's payer card. It may, as long as
// one side does not know.
func (d SeenDeposit) fromCardOf(t rival) bool {
	if len(t.PayerHash) == 0 {
		return true
	}
	if d.PayerCard != nil {
		return bytes.Equal(d.PayerCard.Hash, t.PayerHash)
	}
	front, back := shownDigits(d.PayerMask)
	return strings.HasPrefix(t.PayerBin, front[:min(len(front), len(t.PayerBin))]) && strings.HasSuffix(back, t.PayerLast4[max(0, len(t.PayerLast4)-len(back)):])
}

// shownDigits splits a masked card number into what is shown of its front and of its end; four digits
// alone are the end.
func shownDigits(mask string) (front, back string) {
	mask = strings.NewReplacer(" ", "", "-", "").Replace(mask)
	back = mask[len(strings.TrimRight(mask, "0123456789")):]
	if len(back) == len(mask) {
		return "", back
	}
	return mask[:len(mask)-len(strings.TrimLeft(mask, "0123456789"))], back
}

// shortestAccount is how many digits of an account are enough to know it by its end.
const shortestAccount = 4

// destinationOf finds the card that an account belongs to. Banks print the whole account, its end, or the
// end of the card. Without a number, a merchant's only card at that bank is meant. 0: none, or not sure.
func destinationOf(bank, account string, cards []destination) int64 {
	digits := digitsOf(account)
	var found []int64
	for _, c := range cards {
		if c.Bank == bank && (digits == "" || c.has(digits)) {
			found = append(found, c.ID)
		}
	}
	if len(found) != 1 {
		return 0
	}
	return found[0]
}

func (c destination) has(digits string) bool {
	if len(digits) < shortestAccount {
		return false
	}
	return digits == c.Last4 || slices.ContainsFunc(c.Accounts, func(a string) bool {
		return strings.HasSuffix(digitsOf(a), digits)
	})
}

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, money.LatinDigits(text))
}
