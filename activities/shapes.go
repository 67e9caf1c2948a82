package activities

import "github.com/paysaga/paysaga/store"

// What sagas pass around is what the store speaks; workflows name it here, because they may not
// know the store.
type (
	// Visit names an attempt to its bank.
	Visit = store.Visit
	// Receipt is the bank's word that an attempt's money is there.
	Receipt = store.Receipt
	// Standing is where an attempt and its payment stand.
	Standing = store.Standing
	// Deadline is what the deadline found.
	Deadline = store.Deadline
	// Aftermath is what is left of a payment when one of its attempts has ended.
	Aftermath = store.Aftermath
	// TransferDeadline is where a transfer stands after its deadlines were looked at.
	TransferDeadline = store.TransferDeadline
	// TopUpWord is what a reseller said of a top-up.
	TopUpWord = store.TopUpWord
	// PayoutWord is what a bank said of a payout.
	PayoutWord = store.PayoutWord
	// CatalogueChange is what a refresh did to one product.
	CatalogueChange = store.CatalogueChange
)
