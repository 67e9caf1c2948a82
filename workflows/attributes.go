package workflows

import (
	"fmt"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/state"
)

// Search attributes are for operators only, hold no personal data, and are few: the server's SQL
// visibility has ten keyword columns.
var (
	MerchantID     = temporal.NewSearchAttributeKeyKeyword("MerchantId")
	SagaKind       = temporal.NewSearchAttributeKeyKeyword("SagaKind")
	SagaState      = temporal.NewSearchAttributeKeyKeyword("SagaState")
	Provider       = temporal.NewSearchAttributeKeyKeyword("Provider")
	Reference      = temporal.NewSearchAttributeKeyKeyword("Reference")
	AmountRial     = temporal.NewSearchAttributeKeyInt64("AmountRial")
	DeadlineAt     = temporal.NewSearchAttributeKeyTime("DeadlineAt")
	NeedsAttention = temporal.NewSearchAttributeKeyBool("NeedsAttention")
)

// SearchAttributes lists every attribute that must be registered before a worker starts.
func SearchAttributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{
		MerchantID, SagaKind, SagaState, Provider, Reference, AmountRial, DeadlineAt, NeedsAttention,
	}
}

// Options start a payment's saga: its fixed id, and attributes, which cost nothing at the start.
func (in PaymentInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        PaymentID(in.Token),
		TaskQueue: SagaQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("payment"),
			SagaState.ValueSet(string(state.PaymentPending)),
			AmountRial.ValueSet(int64(in.Amount)),
			DeadlineAt.ValueSet(in.CollectBy),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in PaymentInput) Summary() string {
	return fmt.Sprintf("%s rial · %s · payment", in.Amount, in.Merchant)
}

// Options start a transfer's saga.
func (in TransferInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        TransferID(in.TransferID),
		TaskQueue: SagaQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("transfer"),
			SagaState.ValueSet(string(state.TransferPending)),
			AmountRial.ValueSet(int64(in.Amount)),
			DeadlineAt.ValueSet(in.ExpiresAt),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in TransferInput) Summary() string {
	return fmt.Sprintf("%s rial · %s · transfer", in.Amount, in.Merchant)
}

// Options start a deposit's saga, which needs a person from its first moment.
func (in DepositInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        DepositID(in.DepositID),
		TaskQueue: SagaQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("deposit"),
			SagaState.ValueSet(string(state.DepositSuspense)),
			Provider.ValueSet(in.Bank),
			AmountRial.ValueSet(int64(in.Amount)),
			DeadlineAt.ValueSet(in.ResolveBy),
			NeedsAttention.ValueSet(true),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in DepositInput) Summary() string {
	return fmt.Sprintf("%s rial · %s · deposit: %s", in.Amount, in.Merchant, in.Reason)
}

// Options start a top-up's saga.
func (in TopUpInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        TopUpID(in.TopUpID),
		TaskQueue: SagaQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("topup"),
			SagaState.ValueSet(string(state.TopUpReserved)),
			Provider.ValueSet(in.Provider),
			AmountRial.ValueSet(int64(in.Amount)),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in TopUpInput) Summary() string {
	return fmt.Sprintf("%s rial · %s · top-up", in.Amount, in.Merchant)
}

// Options start a purchase's saga.
func (in PurchaseInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        PurchaseID(in.PurchaseID),
		TaskQueue: SagaQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("purchase"),
			SagaState.ValueSet(string(state.PurchaseAwaiting)),
			AmountRial.ValueSet(int64(in.Amount)),
			DeadlineAt.ValueSet(in.CollectBy),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in PurchaseInput) Summary() string {
	return fmt.Sprintf("%s rial · %s · purchase of branch %d", in.Amount, in.Merchant, in.Branch)
}

// Options start a message's saga, on the queue of deliveries.
func (in WebhookInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        WebhookID(in.MessageID),
		TaskQueue: WebhookQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("webhook"),
			SagaState.ValueSet(string(state.WebhookPending)),
			Reference.ValueSet(in.Event),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in WebhookInput) Summary() string {
	return fmt.Sprintf("%s · %s · webhook to endpoint %d", in.Event, in.Merchant, in.EndpointID)
}

// Options start a payout's saga.
func (in PayoutInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        PayoutID(in.UUID),
		TaskQueue: SagaQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("payout"),
			SagaState.ValueSet(string(state.PayoutReserved)),
			Provider.ValueSet(in.Provider),
			AmountRial.ValueSet(int64(in.Amount)),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in PayoutInput) Summary() string {
	return fmt.Sprintf("%s rial · %s · payout by %s", in.Amount, in.Merchant, in.Rail)
}

// Options start a wallet's saga.
func (in WalletInput) Options() client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:        WalletID(in.UUID),
		TaskQueue: SagaQueue,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			MerchantID.ValueSet(in.Merchant),
			SagaKind.ValueSet("wallet"),
			SagaState.ValueSet(string(state.WalletOpening)),
			Provider.ValueSet(in.Provider),
		),
	}
}

// Summary is the line operators see in the list of sagas.
func (in WalletInput) Summary() string { return fmt.Sprintf("%s · static wallet", in.Merchant) }
