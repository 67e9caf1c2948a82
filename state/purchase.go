package state

// Purchase is the state of an online purchase of a branch. The contract knows it by its number.
type Purchase string

const (
	PurchaseAwaiting   Purchase = "awaiting"   // 0
	PurchaseCompleting Purchase = "completing" // 1
	PurchaseIncomplete Purchase = "incomplete" // 2
	PurchaseCompleted  Purchase = "completed"  // 3
	PurchaseEnded      Purchase = "ended"      // 4
)

// Purchases is the machine of online purchases.
var Purchases = Machine[Purchase]{
	Name:    "purchase",
	Initial: PurchaseAwaiting,
	Transitions: []Transition[Purchase]{
		{PurchaseAwaiting, PurchaseCompleting, "the payer went to the bank"},
		{PurchaseAwaiting, PurchaseIncomplete, "the bank says that it is not paid yet"},
		{PurchaseCompleting, PurchaseIncomplete, "asked, and still not paid"},
		{PurchaseIncomplete, PurchaseCompleting, "retried by a person or its saga, or the payer went to the bank again"},
		{PurchaseAwaiting, PurchaseCompleted, "the money is verified, the reference made"},
		{PurchaseCompleting, PurchaseCompleted, "the money is verified, the reference made"},
		{PurchaseIncomplete, PurchaseCompleted, "the money is verified, the reference made"},
		{PurchaseAwaiting, PurchaseEnded, "never paid in time"},
		{PurchaseCompleting, PurchaseEnded, "never paid in time, or paid too late and refunded"},
		{PurchaseIncomplete, PurchaseEnded, "never paid in time, or paid too late and refunded"},
	},
}
