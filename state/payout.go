package state

// Payout is the state of money sent from a merchant's balance to a card or an account.
type Payout string

const (
	PayoutReserved  Payout = "reserved"
	PayoutUnknown   Payout = "unknown"
	PayoutSent      Payout = "sent"
	PayoutPaid      Payout = "paid"
	PayoutRefused   Payout = "refused"
	PayoutCancelled Payout = "cancelled"
	PayoutUnsent    Payout = "unsent"
)

// Payouts is the machine of payouts. The amount is held from the start; only the bank's word, or a person's, spends
// it or gives it back.
var Payouts = Machine[Payout]{
	Name:    "payout",
	Initial: PayoutReserved,
	Transitions: []Transition[Payout]{
		{PayoutReserved, PayoutSent, "the bank took the order; it moves with the next cycle"},
		{PayoutReserved, PayoutPaid, "the bank paid at once"},
		{PayoutReserved, PayoutRefused, "the bank refused"},
		{PayoutReserved, PayoutUnknown, "the bank's answer was lost or undecided"},
		{PayoutReserved, PayoutCancelled, "the merchant took it back before it left"},
		{PayoutReserved, PayoutUnsent, "it could not be sent"},
		{PayoutUnknown, PayoutSent, "asked again: the bank has it"},
		{PayoutUnknown, PayoutPaid, "asked again: paid"},
		{PayoutUnknown, PayoutRefused, "asked again: refused, or returned"},
		{PayoutUnknown, PayoutUnsent, "asked again: it never arrived there"},
		{PayoutSent, PayoutPaid, "the cycle paid it"},
		{PayoutSent, PayoutRefused, "the receiving bank returned it"},
	},
}
