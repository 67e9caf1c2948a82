package worker_test

import (
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/worker"
	"github.com/paysaga/paysaga/workflows"
)

// registry notes what is registered under which name.
type registry struct{ workflows, activities []string }

func (r *registry) RegisterWorkflowWithOptions(_ any, options workflow.RegisterOptions) {
	r.workflows = append(r.workflows, options.Name)
}

// RegisterActivityWithOptions does as the SDK does with a struct: every exported method under its own name.
func (r *registry) RegisterActivityWithOptions(a any, options activity.RegisterOptions) {
	for m := range reflect.TypeOf(a).Methods() {
		r.activities = append(r.activities, options.Name+m.Name)
	}
}

// Names live in histories and outlive releases. One that is missing here or renamed strands every saga
// that is under way; a new one is added to the list.
func TestRegisteredNames(t *testing.T) {
	var r registry
	worker.RegisterWorkflows(&r)
	worker.RegisterActivities(&r, worker.Options{
		Payments: &activities.Payments{}, Bank: &activities.Bank{}, Transfers: &activities.Transfers{},
		TopUps: &activities.TopUps{}, Purchases: &activities.Purchases{},
		Webhooks: &activities.Webhooks{}, Payouts: &activities.Payouts{}, Wallets: &activities.Wallets{},
	})
	require.Equal(t, []string{
		"payment.v1", "transfer.v1", "deposit.v1", "topup.v1", "purchase.v1", "webhook.v1", "payout.v1", "wallet.v1", "catalogue.v1",
	}, r.workflows)
	slices.Sort(r.activities)
	require.Equal(t, []string{
		"BookArrivals", "ClosePurchase", "ConfirmAtBank", "DeliverWebhook", "InquireAtBank", "InquirePayout", "InquireTopUp", "OpenAtBank",
		"PaymentAftermath", "PaymentAttention", "PaymentDeadline", "PaymentNotPaid", "PaymentPaid", "PaymentRefunded", "PaymentSettled", "PaymentVisits",
		"RecordPayout", "RecordTopUp", "RefreshCatalogue", "RetryPurchase",
		"SendPayout", "SetDepositAttention", "SetPayoutAttention", "SetTopUpAttention", "SetTransferAttention", "SetWalletAttention",
		"SettleAtBank", "SubmitTopUp", "TransferDeadline", "UndoAtBank",
	}, r.activities)
}

func TestQueuesSignalsAndUpdates(t *testing.T) {
	require.Equal(t, "sagas", workflows.SagaQueue)
	require.Equal(t, "gateways", workflows.GatewayQueue)
	require.Equal(t, "webhooks", workflows.WebhookQueue)
	require.Equal(t, "callback", workflows.CallbackSignal)
	require.Equal(t, "collected", workflows.CollectedSignal)
	require.Equal(t, "cancelled", workflows.CancelledSignal)
	require.Equal(t, "resolved", workflows.ResolvedSignal)
	require.Equal(t, "card_set", workflows.CardSetSignal)
	require.Equal(t, "paid", workflows.PaidSignal)
	require.Equal(t, "mismatched", workflows.MismatchedSignal)
	require.Equal(t, "verified", workflows.VerifiedSignal)
	require.Equal(t, "inquire", workflows.InquireUpdate)
	require.Equal(t, "inquire", workflows.InquireSignal)
	require.Equal(t, "completed", workflows.CompletedSignal)
	require.Equal(t, "ended", workflows.EndedSignal)
	require.Equal(t, "arrived", workflows.ArrivedSignal)
	require.Equal(t, "opened", workflows.OpenedUpdate)
}

func TestSearchAttributes(t *testing.T) {
	names := map[string]string{}
	for _, key := range workflows.SearchAttributes() {
		names[key.GetName()] = key.GetValueType().String()
	}
	require.Equal(t, map[string]string{
		"MerchantId": "Keyword", "SagaKind": "Keyword", "SagaState": "Keyword", "Provider": "Keyword", "Reference": "Keyword",
		"AmountRial": "Int", "DeadlineAt": "Datetime", "NeedsAttention": "Bool",
	}, names)
}

func TestWorkflowIDs(t *testing.T) {
	require.Equal(t, "payment/AsF42Sg53", workflows.PaymentID("AsF42Sg53"))
	longest := strings.Repeat("x", 40) // what the database allows for a token
	require.Less(t, len(workflows.PaymentID(longest)), workflows.MaxIDLength)
	require.Less(t, len(workflows.TransferID(math.MaxInt64)), workflows.MaxIDLength)
	require.Less(t, len(workflows.TopUpID(math.MaxInt64)), workflows.MaxIDLength)
	require.Less(t, len(workflows.WebhookID(math.MaxInt64)), workflows.MaxIDLength)
	const uuid = "0197a3f2-6f3e-7c11-9a44-1f1f7d0f0b11" // the database takes no other text
	require.Less(t, len(workflows.PayoutID(uuid)), workflows.MaxIDLength)
	require.Less(t, len(workflows.WalletID(uuid)), workflows.MaxIDLength)
	require.Equal(t, "catalogue/sandbox", workflows.CatalogueID("sandbox"))
	token := store.NewToken()
	for _, tt := range []struct {
		in interface {
			Options() client.StartWorkflowOptions
			Summary() string
		}
		id, summary string
	}{
		{workflows.PaymentInput{Token: token, Merchant: "shop", Amount: 1_200_000}, "payment/" + token, "1,200,000 rial · shop · payment"},
		{workflows.TransferInput{TransferID: 19, Merchant: "shop", Amount: 11_385}, "transfer/19", "11,385 rial · shop · transfer"},
		{workflows.TopUpInput{TopUpID: 17, Merchant: "shop", Amount: 50_000, Provider: "sandbox"}, "topup/17", "50,000 rial · shop · top-up"},
		{workflows.PurchaseInput{PurchaseID: 74, Branch: 31, Merchant: "shop", Amount: 1_450_000}, "purchase/74", "1,450,000 rial · shop · purchase of branch 31"},
		{workflows.DepositInput{DepositID: 7, Merchant: "shop", Amount: 11_385, Reason: "late"}, "deposit/7", "11,385 rial · shop · deposit: late"},
		{workflows.WebhookInput{MessageID: 5, EndpointID: 3, Merchant: "shop", Event: "payment.paid"}, "webhook/5", "payment.paid · shop · webhook to endpoint 3"},
		{workflows.PayoutInput{PayoutID: 9, UUID: uuid, Merchant: "shop", Amount: 500_000, Rail: "paya"}, "payout/" + uuid, "500,000 rial · shop · payout by paya"},
		{workflows.WalletInput{WalletID: 9, UUID: uuid, Merchant: "shop", Holder: "Sara"}, "wallet/" + uuid, "shop · static wallet"},
	} {
		o := tt.in.Options()
		require.Equal(t, tt.id, o.ID)
		queue := "sagas"
		if strings.HasPrefix(tt.id, "webhook/") { // slow receivers hold up no money
			queue = "webhooks"
		}
		require.Equal(t, queue, o.TaskQueue)
		require.Zero(t, o.WorkflowExecutionTimeout, "a saga is never cut off")
		require.Zero(t, o.WorkflowRunTimeout)
		require.Equal(t, tt.summary, tt.in.Summary())
	}
}
