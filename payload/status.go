package payload

import "slices"

// Kind is the member "type" of a body.
type Kind string

// The kinds of bodies.
const (
	KindPayment Kind = "payment"
	KindWallet  Kind = "wallet"
	KindPayout  Kind = "payout"
)

// Status is the member "status" of a body.
type Status string

// The statuses. Payouts have process, check, paid, fail, cancel and system_fail only.
const (
	Process            Status = "process"
	Check              Status = "check"         // the payer is known, the money not yet there
	ConfirmCheck       Status = "confirm_check" // seen, not yet certain
	Paid               Status = "paid"
	PaidOver           Status = "paid_over" // more than asked
	WrongAmount        Status = "wrong_amount"
	WrongAmountWaiting Status = "wrong_amount_waiting" // less than asked, the rest may still come
	Fail               Status = "fail"
	Cancel             Status = "cancel"      // nobody paid in time
	SystemFail         Status = "system_fail" // trouble of ours
	RefundProcess      Status = "refund_process"
	RefundFail         Status = "refund_fail"
	RefundPaid         Status = "refund_paid"
	Locked             Status = "locked" // held for a person to look at
)

var (
	paymentStatuses = []Status{Process, Check, Paid, PaidOver, Fail, WrongAmount, Cancel, SystemFail, RefundProcess, RefundFail, RefundPaid}
	payoutStatuses  = []Status{Process, Check, Paid, Fail, Cancel, SystemFail}
	open            = []Status{Process, Check, ConfirmCheck, WrongAmountWaiting, RefundProcess, Locked}
)

// TestStatuses are the statuses that a test webhook of this kind can have, as documented.
func TestStatuses(kind Kind) []Status {
	if kind == KindPayout {
		return slices.Clone(payoutStatuses)
	}
	return slices.Clone(paymentStatuses)
}

// Final says whether "is_final" goes with a status: nothing more is on its way then.
func (s Status) Final() bool { return !slices.Contains(open, s) }
