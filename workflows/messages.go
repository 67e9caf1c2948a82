package workflows

import (
	"time"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// Signals carry facts that are already rows. Each has the id of its timeline event, by which a
// repeated delivery is recognised.
const (
	CallbackSignal  = "callback"  // the payer's browser came back from a bank
	CollectedSignal = "collected" // the merchant claimed the money
	CancelledSignal = "cancelled" // the merchant declined
	ResolvedSignal  = "resolved"  // a person ended an attempt
)

// InquireUpdate asks the saga to ask the bank now and answers the payment's state.
const InquireUpdate = "inquire"

// PaymentInput starts a payment's saga. The store writes it to the outbox.
type PaymentInput struct {
	PaymentID int64      `json:"payment_id"`
	Token     string     `json:"token"`
	Merchant  string     `json:"merchant"` // public id
	Amount    money.Rial `json:"amount"`   // without tip
	CreatedAt time.Time  `json:"created_at"`
	CollectBy time.Time  `json:"collect_by"`
}

// PaymentResult is how a payment ended. Every outcome is a result; a failed workflow is a bug.
type PaymentResult struct {
	State state.Payment `json:"state"` // collected, refunded, expired or failed
}

// Callback is the payload of CallbackSignal.
type Callback struct {
	EventID int64            `json:"event_id"`
	Visit   activities.Visit `json:"visit"`
}

// Fact is the payload of CollectedSignal and CancelledSignal.
type Fact struct {
	EventID int64 `json:"event_id"`
}

// Resolved is the payload of ResolvedSignal.
type Resolved struct {
	EventID   int64 `json:"event_id"`
	AttemptID int64 `json:"attempt_id"`
}
