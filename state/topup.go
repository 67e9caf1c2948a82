package state

// TopUp is the state of a mobile charge or internet package bought from a merchant's balance.
type TopUp string

const (
	TopUpReserved  TopUp = "reserved"
	TopUpUnknown   TopUp = "unknown"
	TopUpDelivered TopUp = "delivered"
	TopUpReversed  TopUp = "reversed"
)

// TopUps is the machine of top-ups. The price is held from the start; only the reseller's word, or a
// person's, spends it or gives it back.
var TopUps = Machine[TopUp]{
	Name:    "top-up",
	Initial: TopUpReserved,
	Transitions: []Transition[TopUp]{
		{TopUpReserved, TopUpDelivered, "the reseller delivered"},
		{TopUpReserved, TopUpReversed, "the reseller refused"},
		{TopUpReserved, TopUpUnknown, "the reseller's answer was lost or undecided"},
		{TopUpUnknown, TopUpDelivered, "asked again: delivered"},
		{TopUpUnknown, TopUpReversed, "asked again: not delivered"},
	},
}
