// Package banksms reads the text messages Iranian banks send about an account.
//
// [Parse] is a pure function. It tells deposits from withdrawals and from everything else, and says whether a message
// may settle a transfer by itself. The sender is the gate, the wording is not: anybody can send a perfect text.
// A message whose layout is not known is still read as far as possible, for a person to look at.
package banksms

import (
	"time"

	"github.com/paysaga/paysaga/money"
)

// Type is what a message says about the customer's money.
type Type string

const (
	// Deposit is money that somebody sent to the account.
	Deposit Type = "deposit"
	// Withdraw is money that left the account.
	Withdraw Type = "withdraw"
	// Other is everything else: passwords, adverts, notices, and credits that no payer made, such as interest.
	Other Type = "other"
)

// Why a message may not settle a transfer by itself: [Reading].Reason.
const (
	ReasonSecret      = "one_time_password"    // a password or confirmation code; not to be stored
	ReasonNotMoney    = "not_a_transaction"    // an advert, a request, a notice, a failed transaction, a balance
	ReasonNotCustomer = "not_customer_money"   // interest, correction, reversal, subsidy, cheque, loan
	ReasonWithdrawal  = "withdrawal"           // money that left
	ReasonConflict    = "sign_conflict"        // sign and words disagree
	ReasonDirection   = "unknown_direction"    // neither a sign nor a word says which way the money went
	ReasonNoAmount    = "no_amount"            // zero, too large or unreadable
	ReasonLayout      = "unknown_layout"       // no template of a bank fits the whole text
	ReasonPhone       = "phone_number_sender"  // a mobile number, which no bank sends from
	ReasonSender      = "unknown_sender"       // not a known sender of any bank
	ReasonOtherBank   = "sender_of_other_bank" // a known sender, but the text is another bank's
)

// Reading is what a message says.
type Reading struct {
	Bank   Bank // empty when unknown; a known sender decides it, else the layout
	Type   Type
	Secret bool // a one-time password or another credential: the text must not be stored at all

	Amount    money.Rial  // zero when there is none
	Account   string      // the account or the tail of its card as printed, with Latin digits; empty when there is none
	PayerCard string      // 16 digits, masked, or 4 digits as printed; empty when there is none
	Balance   *money.Rial // after the transaction; nil when not printed

	// At is the bank's own clock in UTC, zero when nothing is printed. A date without a time is midnight in Tehran;
	// a time without a date is the newest such instant around the moment of receipt.
	At               time.Time
	HasDate, HasTime bool // what the text printed

	Settles bool   // it may settle a transfer by itself
	Reason  string // why it may not; empty when it may
	Normal  string // the text in one spelling, for comparing contents; empty for a secret
}
