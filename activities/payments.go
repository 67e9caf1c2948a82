package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/paysaga/paysaga/store"
)

// Payments writes the facts of bank payments. Every activity is safe to run twice.
type Payments struct {
	Store *store.Store
}

// Unpaid is an attempt that brought no money.
type Unpaid struct {
	AttemptID int64  `json:"attempt_id"`
	Reason    string `json:"reason"`
	Final     bool   `json:"final"` // the payer can no longer pay it
}

// Refund is an attempt whose money the bank gave back.
type Refund struct {
	AttemptID int64  `json:"attempt_id"`
	How       string `json:"how"`
}

// Attention says why a person must look; empty when nobody must any more.
type Attention struct {
	PaymentID int64  `json:"payment_id"`
	Reason    string `json:"reason"`
}

// PaymentPaid books verified money and answers what it is for.
func (a *Payments) PaymentPaid(ctx context.Context, r store.Receipt) (store.Standing, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	at, err := a.Store.AttemptPaid(ctx, r)
	return at, storeError(err)
}

// PaymentNotPaid records the bank's word that an attempt brought no money, for now or for good. Money
// that was booked before stays booked; the answer says where the attempt stands.
func (a *Payments) PaymentNotPaid(ctx context.Context, in Unpaid) (store.Standing, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	note := a.Store.NoteUnpaid
	if in.Final {
		note = a.Store.FailAttempt
	}
	if err := note(ctx, in.AttemptID, in.Reason); err != nil {
		return store.Standing{}, err
	}
	return a.Store.Standing(ctx, in.AttemptID)
}

// PaymentVisits lists attempts that are not over: the bank may still say "paid", or their money is on
// its way.
func (a *Payments) PaymentVisits(ctx context.Context, paymentID int64) ([]store.Visit, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.OpenVisits(ctx, paymentID)
}

// PaymentDeadline closes the payment's door and answers what is left to do.
func (a *Payments) PaymentDeadline(ctx context.Context, paymentID int64) (store.Deadline, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.AtDeadline(ctx, paymentID)
}

// PaymentSettled records that collected money is settled at the bank.
func (a *Payments) PaymentSettled(ctx context.Context, attemptID int64) (store.Aftermath, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.AttemptSettled(ctx, attemptID)
}

// PaymentRefunded records that the bank gave the money back.
func (a *Payments) PaymentRefunded(ctx context.Context, in Refund) (store.Aftermath, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.AttemptRefunded(ctx, in.AttemptID, in.How)
}

// PaymentAftermath reads what is left of a payment when a person has ended one of its attempts.
func (a *Payments) PaymentAftermath(ctx context.Context, attemptID int64) (store.Aftermath, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.Aftermath(ctx, attemptID)
}

// PaymentAttention puts the payment on the operators' list, or takes it off.
func (a *Payments) PaymentAttention(ctx context.Context, in Attention) error {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	if in.Reason != "" {
		activity.GetLogger(ctx).Warn("a payment needs a person", "payment", in.PaymentID, "reason", in.Reason)
	}
	return a.Store.SetAttention(ctx, in.PaymentID, in.Reason)
}

func storeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 5*time.Second)
}
