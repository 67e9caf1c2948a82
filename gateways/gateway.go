// Package gateways talks to banks. Every bank is one file behind [Gateway]; what is peculiar to a
// bank stays in its file.
package gateways

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Gateway is one bank's internet payment gateway.
//
// Verify, Settle and Undo are safe to repeat with the same [Visit]: "already done" is success.
// So after an unknown outcome, the same call again is the inquiry. Every method returns nil or an
// error that wraps exactly one of [Refused], [Unavailable] and [Unknown]; see [Classify].
type Gateway interface {
	// Name is the method name merchants and payers see, "asanpardakht".
	Name() string
	// Origin is where payers are sent, "https://asan.shaparak.ir": the form target a page must allow.
	Origin() string
	// Limits are the bank's windows. The saga's deadlines lie inside them.
	Limits() Limits
	// CreateSession opens a session for one attempt. An attempt's invoice is never used twice:
	// when the outcome is unknown the invoice is burnt and the next try takes a new attempt.
	CreateSession(ctx context.Context, in Session) (Redirect, error)
	// Result asks what became of a visit. It changes nothing at the bank.
	Result(ctx context.Context, v Visit) (Result, error)
	// Verify accepts a paid transaction: from here on the money is guaranteed. The receipt holds
	// what this bank tells only now; its empty fields mean that [Result] already said it.
	Verify(ctx context.Context, v Visit) (Receipt, error)
	// Settle asks for the payout of a verified transaction. A bank that settles by itself answers nil.
	Settle(ctx context.Context, v Visit) error
	// Undo sends the money back in whichever way the transaction's state at the bank allows
	// (reverse, cancel, refund) and says which way it was.
	Undo(ctx context.Context, v Visit) (Undone, error)
	// Check asks the bank something that moves no money and needs the account's credentials. Nil means
	// that they work; [Refused] says why they do not.
	Check(ctx context.Context) error
}

// Limits are a bank's own windows.
type Limits struct {
	// SessionLife is how long after CreateSession a payer may still pay. After it, "not paid" is final.
	SessionLife time.Duration
	// AutoReverse is how long after payment the bank returns unverified money by itself; 0 = never.
	AutoReverse time.Duration
	// ResultWindow is how long after payment Result tells of it; 0 = always. Later than that, "not paid" proves nothing.
	ResultWindow time.Duration
	// UndoWindow is how long after payment Undo works; 0 = no limit. A collect window must lie inside
	// it. Negative = this bank cannot give verified money back, so it serves auto-collected payments only.
	UndoWindow time.Duration
	// MinAmount and MaxAmount bound one transaction, in rial; MaxAmount 0 = no limit.
	MinAmount, MaxAmount money.Rial
}

// Session is what a bank needs to let a payer in.
type Session struct {
	Invoice     int64 // the attempt's id; positive, never used twice at one bank
	Amount      money.Rial
	CallbackURL string // carries our own attempt id, because banks promise no fields
	Description string
	Mobile      string // "09…" when the payer gave one, else empty
}

// Redirect sends the payer's browser to the bank.
type Redirect struct {
	BankToken string            // the bank's name for the session
	Method    string            // GET or POST
	URL       string            // absolute
	Fields    map[string]string // hidden form fields for POST
}

// Visit names one attempt at a bank in every later call.
type Visit struct {
	Invoice   int64
	BankToken string
	BankTran  string // the bank's transaction id from [Result]; empty before the first Result
	Amount    money.Rial
	// Unbooked: an Undo of money that this visit does not own. Where BankTran is the browser's claim it may be
	// another payment's, which must not be taken back.
	Unbooked bool
	// Callback is what the payer's browser brought back, empty when it never came. Anyone can forge
	// it: an adapter may use it only to ask the bank (some banks name the transaction nowhere else).
	Callback map[string]string
}

// ResultStatus is what the bank says became of a visit.
type ResultStatus string

const (
	// ResultPaid means the payer's money left the card. It may or may not be verified yet.
	ResultPaid ResultStatus = "paid"
	// ResultNotPaid means there is no successful transaction, now. It is final only when
	// [Result.Final] says so or the session's life is over.
	ResultNotPaid ResultStatus = "not_paid"
	// ResultReturned means the bank gave the money back.
	ResultReturned ResultStatus = "returned"
)

// Result is the bank's word on a visit. Amount, BankToken and Invoice are what the bank has on
// file; the caller compares them with its own.
type Result struct {
	Status    ResultStatus
	Final     bool   // for ResultNotPaid: the payer can no longer pay this session
	Reason    string // why it was not paid, in the bank's words, safe to show
	Amount    money.Rial
	BankToken string
	Invoice   int64
	BankTran  string
	RRN       string // the bank's reference, shown to payers and merchants
	Card      string // masked: first 6 and last 4 digits at most
}

// Receipt is what a bank tells at verification that its [Result] did not.
type Receipt struct {
	RRN  string
	Card string // masked: first 6 and last 4 digits at most
}

// Undone says how money went back.
type Undone string

const (
	Reversed  Undone = "reversed"  // before verify
	Cancelled Undone = "cancelled" // after verify, before settlement
	Refunded  Undone = "refunded"  // after settlement
	NotTaken  Undone = "not_taken" // the bank had already returned it, or never took it
)

// Refused is a bank's final no. Repeating the call cannot change it.
type Refused struct {
	Op   string // the call, "verify"
	Code string // the bank's code
	Why  string // safe to log and to show an operator; never a raw body (it may hold our address)
}

func (e *Refused) Error() string { return fmt.Sprintf("%s refused: %s (code %s)", e.Op, e.Why, e.Code) }

// Unavailable means the call had no effect and may be tried again: connection refused before
// anything was sent, "not yet processed", rate limits.
type Unavailable struct {
	Op    string
	After time.Duration // the bank's wish; 0 = the caller's schedule
	Err   error
}

func (e *Unavailable) Error() string { return fmt.Sprintf("%s unavailable: %v", e.Op, e.Err) }
func (e *Unavailable) Unwrap() error { return e.Err }

// Unknown means the call may or may not have had its effect: a timeout, a broken answer, an
// undocumented code. It is not a failure; only asking again with the same key settles it.
type Unknown struct {
	Op  string
	Err error
}

func (e *Unknown) Error() string { return fmt.Sprintf("%s: outcome unknown: %v", e.Op, e.Err) }
func (e *Unknown) Unwrap() error { return e.Err }

// Class sorts an error of a [Gateway] into one of three families.
type Class string

const (
	ClassRefused     Class = "refused"
	ClassUnavailable Class = "unavailable"
	ClassUnknown     Class = "unknown"
)

// Classify sorts err; what no adapter classified is unknown, because unknown is the safe guess.
func Classify(err error) Class {
	var refused *Refused
	var unavailable *Unavailable
	switch {
	case errors.As(err, &refused):
		return ClassRefused
	case errors.As(err, &unavailable):
		return ClassUnavailable
	}
	return ClassUnknown
}
