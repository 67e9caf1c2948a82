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

// terms are a bank's own windows.
type terms struct {
	session      time.Duration // a payer may stay this long
	reverse      time.Duration // from payment; then unverified money goes back by itself. 0 = never
	cancel       time.Duration // from payment; until then verified money can be taken back
	fromVerify   bool          // … from verification instead
	settle       time.Duration // from payment; then verified money is settled by itself. 0 = never
	noSettlement bool          // Settle is no call at this bank: it pays out by itself, and a refund needs none
}

// The clock of the generic bank after a payment.
const (
	cancelWindow = 3 * time.Hour
	settleAfter  = 12 * time.Hour
)

func genericTerms(session, reverse time.Duration) terms {
	return terms{session: session, reverse: reverse, cancel: cancelWindow, settle: settleAfter}
}

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

	// Wire: opened through the bank's own wire, not the generic one.
	Wire bool `json:"wire,omitempty"`
	// NoSettlement: at this bank verified money is paid out without being asked for.
	NoSettlement bool `json:"no_settlement,omitempty"`
	// HangVerify: the next Verify takes effect and is never answered.
	HangVerify bool `json:"hang_verify,omitempty"`
	// VerifiesItself: the bank verifies the money when it is paid, so it never goes back unasked.
	VerifiesItself bool `json:"verifies_itself,omitempty"`
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
func (c Charge) at(now time.Time, t terms) Charge {
	if c.State == Open && !c.PayAt.IsZero() && !now.Before(c.PayAt) && c.PayAt.Before(c.ExpiresAt) {
		c.pay(c.PayAt, t)
	}
	switch {
	case c.State == Open && !now.Before(c.ExpiresAt):
		c.State = Expired
	case c.State == Paid && !c.ReverseAt.IsZero() && !now.Before(c.ReverseAt):
		c.State, c.ReturnedAt, c.ReturnedBy = Reversed, c.ReverseAt, "bank"
	case c.State == Verified && t.settle > 0 && !now.Before(c.PaidAt.Add(t.settle)):
		c.State, c.SettledAt = Settled, c.PaidAt.Add(t.settle)
	}
	return c
}

// pay takes the payer's money.
func (c *Charge) pay(at time.Time, t terms) {
	c.State, c.PaidAt = Paid, at
	switch {
	case c.VerifiesItself:
		c.State, c.VerifiedAt = Verified, at
	case t.reverse > 0:
		c.ReverseAt = at.Add(t.reverse)
	}
}

// act does one operation and answers with its code; 200 means that it took effect now.
func (c *Charge) act(op string, now time.Time, t terms) int {
	move := moves[op]
	early := op == opRefund && c.State == Verified && t.noSettlement
	if c.State != move.from && !early {
		if code, ok := answers[op][c.State]; ok {
			return code
		}
		return missing(op)
	}
	from := c.PaidAt
	if t.fromVerify {
		from = c.VerifiedAt
	}
	if op == opCancel && now.After(from.Add(t.cancel)) {
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

// justPaid says that nobody but the payer has done anything with the charge.
func (c Charge) justPaid() bool { return c.State == Paid || c.VerifiesItself && c.State == Verified }

// public hides what the outside has no business with: the callback's secret, and the transaction of
// money that never moved.
func (c Charge) public() Charge {
	c.Callback = ""
	if c.PaidAt.IsZero() {
		c.Tran, c.RRN, c.Card = 0, "", ""
	}
	return c
}
