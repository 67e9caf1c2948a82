package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/store"
)

// Bank calls banks. Every call is keyed by the attempt's invoice, so repeating it is asking again.
type Bank struct {
	Gateways gateways.Registry
	Accounts Accounts                 // may be nil where no bank asks for credentials
	Limits   map[string]*rate.Limiter // calls per second, by gateway; absent means unlimited
}

// Accounts opens a bank with the account that an attempt's session was opened with. A saga carries no
// credentials: they are read where they are used.
type Accounts interface {
	OfAttempt(ctx context.Context, bank gateways.Bank, attemptID int64) (gateways.Gateway, error)
}

// Verdict is what a bank says of an attempt, after we compared it with our own row.
type Verdict string

const (
	VerdictPaid     Verdict = "paid"     // the money is there; verified if that was asked for
	VerdictNotPaid  Verdict = "not_paid" // no money now
	VerdictMismatch Verdict = "mismatch" // money of another amount, session or invoice: never ours
)

// Finding is the outcome of asking a bank.
type Finding struct {
	Verdict  Verdict `json:"verdict"`
	Final    bool    `json:"final"`  // for not_paid: the payer can no longer pay
	Reason   string  `json:"reason"` // for not_paid and mismatch
	BankTran string  `json:"bank_tran"`
	RRN      string  `json:"rrn"`
	Card     string  `json:"card"` // masked
}

// Receipt is what the store books of a paid finding.
func (f Finding) Receipt(attemptID int64) store.Receipt {
	return store.Receipt{AttemptID: attemptID, BankTran: f.BankTran, RRN: f.RRN, Card: f.Card}
}

// Reasons why an attempt brought no money, beside the bank's own words.
const (
	ReasonNotPaid     = "not_paid"
	ReasonReturned    = "returned_by_bank"
	ReasonMismatch    = "mismatch"
	ReasonRefused     = "refused_by_bank"
	ReasonSpent       = "receipt_spent"
	ReasonSessionOver = "session_over"
)

// ConfirmAtBank asks the bank what became of a visit and, when it was paid as we know it, verifies it.
func (a *Bank) ConfirmAtBank(ctx context.Context, v store.Visit) (Finding, error) {
	g, err := a.gateway(ctx, v)
	if err != nil {
		return Finding{}, bankError(err)
	}
	found, err := inquire(ctx, g, v)
	if err != nil || found.Verdict != VerdictPaid {
		return found, bankError(err)
	}
	receipt, err := g.Verify(ctx, bankVisit(v, found.BankTran))
	if err != nil {
		return Finding{}, bankError(err, found.BankTran) // after a no the money goes back: the bank will want its number
	}
	found.RRN = cmp.Or(receipt.RRN, found.RRN)
	found.Card = cmp.Or(receipt.Card, found.Card)
	return found, nil
}

// InquireAtBank asks the bank what became of a visit and changes nothing there: after the deadline, money
// is better left unverified, because then the bank returns it even without us.
func (a *Bank) InquireAtBank(ctx context.Context, v store.Visit) (Finding, error) {
	g, err := a.gateway(ctx, v)
	if err != nil {
		return Finding{}, bankError(err)
	}
	found, err := inquire(ctx, g, v)
	return found, bankError(err)
}

// PaidVisit is a visit with the bank's transaction.
type PaidVisit struct {
	store.Visit
	BankTran string `json:"bank_tran"`
	Unbooked bool   `json:"unbooked,omitempty"` // nothing proves that the transaction is this visit's
}

// SettleAtBank asks the bank for the payout of verified money.
func (a *Bank) SettleAtBank(ctx context.Context, v PaidVisit) error {
	g, err := a.gateway(ctx, v.Visit)
	if err != nil {
		return bankError(err)
	}
	return bankError(g.Settle(ctx, bankVisit(v.Visit, v.BankTran)))
}

// UndoAtBank sends the money back, whichever way its state at the bank allows, and answers which.
func (a *Bank) UndoAtBank(ctx context.Context, v PaidVisit) (string, error) {
	g, err := a.gateway(ctx, v.Visit)
	if err != nil {
		return "", bankError(err)
	}
	visit := bankVisit(v.Visit, v.BankTran)
	visit.Unbooked = v.Unbooked
	how, err := g.Undo(ctx, visit)
	return string(how), bankError(err)
}

// gateway opens the bank of a visit and waits for its rate limit. A gateway that was taken out of the
// configuration, or an account that cannot be opened, is unavailable, not refused: the money is still there.
func (a *Bank) gateway(ctx context.Context, v store.Visit) (gateways.Gateway, error) {
	bank, err := a.Gateways.Get(v.Gateway)
	if err != nil {
		return nil, &gateways.Unavailable{Op: "find gateway", Err: err}
	}
	g, err := a.open(ctx, bank, v.AttemptID)
	if err != nil {
		return nil, &gateways.Unavailable{Op: "open account", Err: err}
	}
	if limit := a.Limits[v.Gateway]; limit != nil {
		if err := limit.Wait(ctx); err != nil {
			return nil, &gateways.Unavailable{Op: "rate limit", Err: err}
		}
	}
	return g, nil
}

func (a *Bank) open(ctx context.Context, bank gateways.Bank, attemptID int64) (gateways.Gateway, error) {
	if len(bank.Fields()) == 0 {
		return bank.Open(nil)
	}
	if a.Accounts == nil {
		return nil, errors.New("no accounts are known here")
	}
	return a.Accounts.OfAttempt(ctx, bank, attemptID)
}

func inquire(ctx context.Context, g gateways.Gateway, v store.Visit) (Finding, error) {
	r, err := g.Result(ctx, bankVisit(v, ""))
	var refused *gateways.Refused
	switch {
	case errors.As(err, &refused): // a bank that will not tell decides nothing: the money may be there
		return Finding{}, &gateways.Unavailable{Op: "result", Err: errors.New(refused.Error())}
	case err != nil:
		return Finding{}, err
	}
	switch r.Status {
	case gateways.ResultPaid:
		f := Finding{Verdict: VerdictPaid, BankTran: r.BankTran, RRN: r.RRN, Card: r.Card}
		if why := mismatch(r, v); why != "" {
			f.Verdict, f.Reason = VerdictMismatch, ReasonMismatch
		}
		return f, nil
	case gateways.ResultReturned:
		return Finding{Verdict: VerdictNotPaid, Final: true, Reason: ReasonReturned}, nil
	case gateways.ResultNotPaid:
		if forgotten(g.Limits(), v) {
			return Finding{}, &gateways.Unknown{Op: "result", Err: errors.New("asked too late: the bank no longer tells")}
		}
		return Finding{Verdict: VerdictNotPaid, Final: r.Final, Reason: cmp.Or(r.Reason, ReasonNotPaid)}, nil
	}
	return Finding{}, &gateways.Unknown{Op: "result", Err: fmt.Errorf("status %q", r.Status)}
}

// forgotten says whether a bank that tells of a payment for some time only may have known of this one. Verified money would
// be taken for none, so a payer who came back from the bank is looked up by a person; one who never did was hardly verified.
func forgotten(l gateways.Limits, v store.Visit) bool {
	if l.ResultWindow == 0 || len(v.Callback) == 0 {
		return false
	}
	opened := v.FinalAt.Add(-l.SessionLife)
	return time.Now().After(opened.Add(l.ResultWindow))
}

// mismatch compares the bank's word with our row; a receipt for another sum or session must never
// pay this attempt.
func mismatch(r gateways.Result, v store.Visit) string {
	switch {
	case r.Amount != v.Amount:
		return "amount"
	case r.BankToken != v.BankToken:
		return "session"
	case r.Invoice != v.AttemptID:
		return "invoice"
	case r.BankTran == "":
		return "transaction id"
	}
	return ""
}

func bankVisit(v store.Visit, tran string) gateways.Visit {
	return gateways.Visit{Invoice: v.AttemptID, BankToken: v.BankToken, BankTran: tran, Amount: v.Amount, Callback: v.Callback}
}
