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
	})
	require.Equal(t, []string{"payment.v1", "transfer.v1", "deposit.v1", "topup.v1", "purchase.v1", "catalogue.v1"}, r.workflows)
	slices.Sort(r.activities)
	require.Equal(t, []string{
		"ClosePurchase", "ConfirmAtBank", "InquireAtBank", "InquireTopUp",
		"PaymentAftermath", "PaymentAttention", "PaymentDeadline", "PaymentNotPaid", "PaymentPaid", "PaymentRefunded", "PaymentSettled", "PaymentVisits",
		"RecordTopUp", "RefreshCatalogue", "RetryPurchase", "SetDepositAttention", "SetTopUpAttention", "SetTransferAttention",
		"SettleAtBank", "SubmitTopUp", "TransferDeadline", "UndoAtBank",
	}, r.activities)
}

func TestQueuesSignalsAndUpdates(t *testing.T) {
	require.Equal(t, "sagas", workflows.SagaQueue)
	require.Equal(t, "gateways", workflows.GatewayQueue)
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
	} {
		o := tt.in.Options()
		require.Equal(t, tt.id, o.ID)
		require.Equal(t, "sagas", o.TaskQueue)
		require.Zero(t, o.WorkflowExecutionTimeout, "a saga is never cut off")
		require.Zero(t, o.WorkflowRunTimeout)
		require.Equal(t, tt.summary, tt.in.Summary())
	}
}
