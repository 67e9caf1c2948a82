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
	ResolvedSignal  = "resolved"  // a person ended an attempt, or a deposit

	InquireSignal   = "inquire"   // somebody wants the bank asked
	CompletedSignal = "completed" // the purchase has its reference
	EndedSignal     = "ended"     // its payment ended without money

	ArrivedSignal = "arrived" // somebody says that money came to a wallet

	CardSetSignal    = "card_set"   // the payer named the card they pay from
	PaidSignal       = "paid"       // a deposit pays the transfer
	MismatchedSignal = "mismatched" // its deposit came from another card
	VerifiedSignal   = "verified"   // the merchant checked
)

// Wakes says whether a signal gives a saga something to do that still sleeps after its start. One that does not is
// kept, and read when the saga wakes.
func Wakes(signal string) bool { return signal != CardSetSignal }

// InquireUpdate asks the saga to ask the bank now and answers the payment's state.
const InquireUpdate = "inquire"

// OpenedUpdate waits until a wallet has its account, or will get none.
const OpenedUpdate = "opened"

// PaymentInput starts a payment's saga. The store writes it to the outbox.
type PaymentInput struct {
	PaymentID int64      `json:"payment_id"`
	Token     string     `json:"token"`
	Merchant  string     `json:"merchant"` // public id
	Amount    money.Rial `json:"amount"`   // without tip
	CreatedAt time.Time  `json:"created_at"`
	CollectBy time.Time  `json:"collect_by"`
	// PurchaseID is the purchase whose money this is; 0 = none.
	PurchaseID int64 `json:"purchase_id,omitempty"`
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

// TransferInput starts a transfer's saga. The store writes it to the outbox.
type TransferInput struct {
	TransferID    int64      `json:"transfer_id"`
	Merchant      string     `json:"merchant"` // public id
	Amount        money.Rial `json:"amount"`
	CardSet       bool       `json:"card_set"` // the payer's card was known from the start
	CreatedAt     time.Time  `json:"created_at"`
	ExpiresAt     time.Time  `json:"expires_at"`     // the payer's time ends
	ReservedUntil time.Time  `json:"reserved_until"` // a late SMS can still pay it until then
}

// TransferResult is how a transfer ended.
type TransferResult struct {
	State state.Transfer `json:"state"` // verified, expired or mismatched
}

// Deposited is the payload of PaidSignal and MismatchedSignal.
type Deposited struct {
	EventID   int64 `json:"event_id"`
	DepositID int64 `json:"deposit_id"`
}

// DepositInput starts the saga of a deposit without an owner. The store writes it to the outbox.
type DepositInput struct {
	DepositID int64      `json:"deposit_id"`
	Merchant  string     `json:"merchant"` // public id
	Amount    money.Rial `json:"amount"`
	Bank      string     `json:"bank"`
	Reason    string     `json:"reason"` // why nobody owns it
	CreatedAt time.Time  `json:"created_at"`
	ResolveBy time.Time  `json:"resolve_by"`
}

// DepositResolved is the payload of a deposit's ResolvedSignal: who decided what, and why.
type DepositResolved struct {
	State     state.Deposit `json:"state"` // assigned, refunded or ignored
	PayID     int64         `json:"pay_id"`
	By        string        `json:"by"`
	Why       string        `json:"why"`
	Reference string        `json:"reference"`
}

// DepositResult is how a deposit ended, by whose word, and why.
type DepositResult struct {
	State     state.Deposit `json:"state"`            // assigned, refunded or ignored
	PayID     int64         `json:"pay_id,omitempty"` // the transfer it was assigned to
	By        string        `json:"by"`
	Why       string        `json:"why"`
	Reference string        `json:"reference,omitempty"` // the bank's, of money sent back
}

// TopUpInput starts a top-up's saga. The store writes it to the outbox. The mobile number stays in its row.
type TopUpInput struct {
	TopUpID   int64      `json:"topup_id"`
	Merchant  string     `json:"merchant"` // public id
	Amount    money.Rial `json:"amount"`
	Provider  string     `json:"provider"`
	CreatedAt time.Time  `json:"created_at"`
	// PatienceSeconds is how long the outcome may stay unknown before a person is called; 0 = 15 minutes.
	PatienceSeconds int64 `json:"patience_seconds,omitempty"`
}

// TopUpResolved is the payload of a top-up's ResolvedSignal: who decided what, and why.
type TopUpResolved struct {
	State state.TopUp `json:"state"` // delivered or reversed
	By    string      `json:"by"`
	Why   string      `json:"why"`
}

// TopUpResult is how a top-up ended.
type TopUpResult struct {
	State state.TopUp `json:"state"` // delivered or reversed
}

// PurchaseInput starts a purchase's saga. The store writes it to the outbox.
type PurchaseInput struct {
	PurchaseID int64      `json:"purchase_id"`
	Branch     int64      `json:"branch"`
	Merchant   string     `json:"merchant"` // public id
	Amount     money.Rial `json:"amount"`
	CreatedAt  time.Time  `json:"created_at"`
	CollectBy  time.Time  `json:"collect_by"` // later money goes back
}

// PurchaseCompleted is the payload of CompletedSignal.
type PurchaseCompleted struct {
	Reference string `json:"reference"`
}

// PurchaseEnded is the payload of EndedSignal.
type PurchaseEnded struct {
	Why state.Payment `json:"why"` // refunded, expired or failed
}

// PurchaseResult is how a purchase ended.
type PurchaseResult struct {
	State     state.Purchase `json:"state"` // completed or ended
	Reference string         `json:"reference,omitempty"`
	Why       state.Payment  `json:"why,omitempty"`
}

// WebhookInput starts a message's saga. A trigger writes it to the outbox, beside the message.
type WebhookInput struct {
	MessageID  int64  `json:"message_id"`
	EndpointID int64  `json:"endpoint_id"`
	Event      string `json:"event"`
	Merchant   string `json:"merchant"` // public id
}

// WebhookResult is how a message ended.
type WebhookResult struct {
	State state.Webhook `json:"state"` // delivered, failed, held, replaced or dropped
}

// PayoutInput starts a payout's saga. The store writes it to the outbox. Where the money goes stays in its row.
type PayoutInput struct {
	PayoutID  int64      `json:"payout_id"`
	UUID      string     `json:"uuid"`
	Merchant  string     `json:"merchant"` // public id
	Amount    money.Rial `json:"amount"`
	Provider  string     `json:"provider"`
	Rail      string     `json:"rail"`
	CreatedAt time.Time  `json:"created_at"`
}

// PayoutResolved is the payload of a payout's ResolvedSignal: who decided what, and why.
type PayoutResolved struct {
	State state.Payout `json:"state"` // paid, refused, unsent or cancelled
	By    string       `json:"by"`
	Why   string       `json:"why"`
}

// PayoutResult is how a payout ended.
type PayoutResult struct {
	State state.Payout `json:"state"` // paid, refused, unsent or cancelled
}

// WalletInput starts a wallet's saga. The store writes it to the outbox.
type WalletInput struct {
	WalletID int64  `json:"wallet_id"`
	UUID     string `json:"uuid"`
	Merchant string `json:"merchant"` // public id
	Holder   string `json:"holder"`   // the merchant's name, shown to whoever pays in
	Provider string `json:"provider"`
	// Of a later run of the same saga: the account is there; somebody said that money arrived; a person is still needed.
	Open      bool `json:"open,omitempty"`
	Knock     bool `json:"knock,omitempty"`
	Attention bool `json:"attention,omitempty"`
}

// WalletResult is how a wallet ended, when it did.
type WalletResult struct {
	State state.Wallet `json:"state"` // blocked
}
