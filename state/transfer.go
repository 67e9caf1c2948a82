package state

// Transfer is the state of a card-to-card payment as its merchant sees it.
type Transfer string

const (
	TransferPending    Transfer = "pending"
	TransferPaid       Transfer = "paid"
	TransferVerified   Transfer = "verified"
	TransferExpired    Transfer = "expired"
	TransferMismatched Transfer = "mismatched"
)

// Transfers is the machine of card-to-card payments. A transfer that has expired may still be paid: its
// amount stays reserved for as long as a bank's SMS may be late, and a person may give it a deposit later.
var Transfers = Machine[Transfer]{
	Name:    "transfer",
	Initial: TransferPending,
	Transitions: []Transition[Transfer]{
		{TransferPending, TransferPaid, "its deposit was seen"},
		{TransferPending, TransferMismatched, "its deposit came from another card"},
		{TransferPending, TransferExpired, "nobody paid in time"},
		{TransferPaid, TransferVerified, "the merchant checked"},
		{TransferExpired, TransferPaid, "its deposit came late"},
		{TransferExpired, TransferMismatched, "late, and from another card"},
		{TransferMismatched, TransferPaid, "a person accepted the deposit"},
	},
}

// Deposit is the state of money seen arriving on a merchant's card.
type Deposit string

const (
	DepositMatched  Deposit = "matched"
	DepositSuspense Deposit = "suspense"
	DepositAssigned Deposit = "assigned"
	DepositRefunded Deposit = "refunded"
	DepositIgnored  Deposit = "ignored"
)

// Deposits is the machine of deposits.
var Deposits = Machine[Deposit]{
	Name:    "deposit",
	Initial: DepositSuspense,
	Transitions: []Transition[Deposit]{
		{DepositSuspense, DepositMatched, "its transfer was found, in the transaction that saw it"},
		{DepositSuspense, DepositAssigned, "a person found its transfer"},
		{DepositSuspense, DepositRefunded, "a person sent it back"},
		{DepositSuspense, DepositIgnored, "a person knows it is no customer's money"},
	},
}
