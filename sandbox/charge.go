package sandbox

import (
	"time"

	"github.com/paysaga/paysaga/money"
)

// State is what the bank holds of a charge.
type State string

// The states of a charge.
const (
	Open      State = "open"      // the payer is (or may come) at the bank
	Paid      State = "paid"      // taken from the payer, unverified
	Verified  State = "verified"  // promised to the merchant
	Settled   State = "settled"   // on its way to the merchant
	Reversed  State = "reversed"  // given back unverified
	Cancelled State = "cancelled" // given back verified, before settlement
	Refunded  State = "refunded"  // given back after settlement
	Declined  State = "declined"  // the payer turned away
	Expired   State = "expired"   // nobody paid in the session's time
)

// The bank's own clock after a payment.
const (
	cancelWindow = 3 * time.Hour  // Cancel works this long
	settleAfter  = 12 * time.Hour // verified money is settled by itself
)

// Charge is one session at a bank and the money it moved. Amounts are rial, times UTC.
type Charge struct {
	Bank        string     `json:"bank"`
	Invoice     int64      `json:"invoice"`
	Tran        int64      `json:"tran,string,omitempty"`
	RRN         string     `json:"rrn,omitempty"`
	Amount      money.Rial `json:"amount"`
	State       State      `json:"state"`
	Card        string     `json:"card,omitempty"` // masked
	Description string     `json:"description,omitempty"`
	Mobile      string     `json:"-"` // shown to the payer, not kept
	RefID       string     `json:"ref_id"`
	Callback    string     `json:"callback,omitempty"`

	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"`
	PayAt      time.Time `json:"pay_at,omitzero"` // the payer will pay then
	PaidAt     time.Time `json:"paid_at,omitzero"`
	ReverseAt  time.Time `json:"reverse_at,omitzero"` // unverified money goes back then
	VerifiedAt time.Time `json:"verified_at,omitzero"`
	SettledAt  time.Time `json:"settled_at,omitzero"`
	ReturnedAt time.Time `json:"returned_at,omitzero"`
	ReturnedBy string    `json:"returned_by,omitempty"` // merchant or bank

	// HangVerify: the next Verify takes effect and is never answered.
	HangVerify bool `json:"hang_verify,omitempty"`
}

// The operations a merchant asks for, as rules and the call log name them.
const (
	opToken   = "token"
	opResult  = "result"
	opVerify  = "verify"
	opSettle  = "settle"
	opReverse = "reverse"
	opCancel  = "cancel"
	opRefund  = "refund"
)

// moves says from which state each operation leads where.
var moves = map[string]struct{ from, to State }{
	opVerify:  {Paid, Verified},
	opSettle:  {Verified, Settled},
	opReverse: {Paid, Reversed},
	opCancel:  {Verified, Cancelled},
	opRefund:  {Settled, Refunded},
}

// answers are the codes for a transaction that the operation does not move. A transaction that was
// never paid is a failed one.
var answers = map[string]map[State]int{
	opVerify:  {Verified: 472, Settled: 475, Reversed: 476, Cancelled: 478, Refunded: 478},
	opSettle:  {Paid: 472, Settled: 476, Reversed: 475, Cancelled: 478, Refunded: 478},
	opReverse: {Verified: 472, Settled: 476, Reversed: 475, Cancelled: 472, Refunded: 476},
	opCancel:  {Paid: 804, Settled: 807, Reversed: 808, Cancelled: 813, Refunded: 807},
	opRefund:  {Paid: 472, Verified: 472, Reversed: 474, Cancelled: 475, Refunded: 473},
}

const (
	codeFailed        = 471
	codeCancelMissing = 812
	codeCancelLate    = 814
)

// missing is the code for a transaction that does not exist or was never paid.
func missing(op string) int {
	if op == opCancel {
		return codeCancelMissing
	}
	return codeFailed
}

// at returns the charge as it is at now: what time alone does to it is computed, never stored.
// Unverified money goes back after autoReverse.
func (c Charge) at(now time.Time, autoReverse time.Duration) Charge {
	if c.State == Open && !c.PayAt.IsZero() && !now.Before(c.PayAt) && c.PayAt.Before(c.ExpiresAt) {
		c.pay(c.PayAt, autoReverse)
	}
	switch {
	case c.State == Open && !now.Before(c.ExpiresAt):
		c.State = Expired
	case c.State == Paid && !now.Before(c.ReverseAt):
		c.State, c.ReturnedAt, c.ReturnedBy = Reversed, c.ReverseAt, "bank"
	case c.State == Verified && !now.Before(c.PaidAt.Add(settleAfter)):
		c.State, c.SettledAt = Settled, c.PaidAt.Add(settleAfter)
	}
	return c
}

// pay takes the payer's money.
func (c *Charge) pay(at time.Time, autoReverse time.Duration) {
	c.State, c.PaidAt, c.ReverseAt = Paid, at, at.Add(autoReverse)
}

// act does one operation and answers with its code; 200 means that it took effect now.
func (c *Charge) act(op string, now time.Time) int {
	move := moves[op]
	if c.State != move.from {
		if code, ok := answers[op][c.State]; ok {
			return code
		}
		return missing(op)
	}
	if op == opCancel && now.After(c.PaidAt.Add(cancelWindow)) {
		return codeCancelLate
	}
	c.State = move.to
	switch move.to {
	case Verified:
		c.VerifiedAt = now
	case Settled:
		c.SettledAt = now
	default:
		c.ReturnedAt, c.ReturnedBy = now, "merchant"
	}
	return 200
}

// public hides what the outside has no business with: the callback's secret, and the transaction of
// money that never moved.
func (c Charge) public() Charge {
	c.Callback = ""
	if c.PaidAt.IsZero() {
		c.Tran, c.RRN, c.Card = 0, "", ""
	}
	return c
}
