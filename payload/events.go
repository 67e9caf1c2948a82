package payload

import "strings"

// Word is how a change of ours is said in the contract's words.
type Word struct {
	Kind   Kind
	Status Status
	Final  bool // nothing more can come of it, and whoever gives goods for a payment may do so when it is paid
	Moved  bool // of money in: it has been seen, wherever it goes from there
}

// dictionary maps every event. A payment that is paid but not collected may still go back, so it is not "paid"
// to a receiver that gives goods for that word.
var dictionary = map[string]Word{
	"payment.pending":   {Status: Process},
	"payment.paid":      {Status: Check, Moved: true},
	"payment.collected": {Status: Paid, Final: true, Moved: true},
	"payment.refunding": {Status: RefundProcess, Moved: true},
	"payment.refunded":  {Status: RefundPaid, Final: true, Moved: true},
	"payment.expired":   {Status: Cancel, Final: true},
	"payment.failed":    {Status: Fail, Final: true},

	"transfer.pending":    {Status: Process},
	"transfer.paid":       {Status: Paid, Final: true, Moved: true},
	"transfer.verified":   {Status: Paid, Final: true, Moved: true},
	"transfer.mismatched": {Status: Check, Moved: true}, // a person decides
	"transfer.expired":    {Status: Cancel},             // its deposit may still come

	"deposit.suspense": {Status: Check, Moved: true},
	"deposit.assigned": {Status: Check, Final: true, Moved: true}, // "paid" is said by its transfer, once
	"deposit.refunded": {Status: RefundPaid, Final: true, Moved: true},
	"deposit.ignored":  {Status: Fail, Final: true, Moved: true},

	"topup.reserved":  {Status: Process},
	"topup.unknown":   {Status: Check},
	"topup.delivered": {Status: Paid, Final: true},
	"topup.reversed":  {Status: Fail, Final: true},

	"purchase.awaiting":   {Status: Process},
	"purchase.completing": {Status: Check},
	"purchase.incomplete": {Status: Check},
	"purchase.completed":  {Status: Paid, Final: true, Moved: true},
	"purchase.ended":      {Status: Cancel, Final: true},

	"payout.reserved":  {Status: Process},
	"payout.unknown":   {Status: Check},
	"payout.sent":      {Status: Check},
	"payout.paid":      {Status: Paid, Final: true},
	"payout.refused":   {Status: Fail, Final: true},
	"payout.cancelled": {Status: Cancel, Final: true},
	"payout.unsent":    {Status: SystemFail, Final: true},

	"wallet.credited": {Status: Paid, Final: true, Moved: true},
}

// kinds maps what changed to the contract's three types: money in, money out, money into a static target.
var kinds = map[string]Kind{
	"payment": KindPayment, "transfer": KindPayment, "purchase": KindPayment,
	"topup": KindPayout, "payout": KindPayout,
	"wallet": KindWallet, "deposit": KindWallet,
}

// OfEvent says an event, "payment.collected", in the contract's words.
func OfEvent(event string) (Word, bool) {
	word, ok := dictionary[event]
	what, _, _ := strings.Cut(event, ".")
	word.Kind = kinds[what]
	return word, ok && word.Kind != ""
}
