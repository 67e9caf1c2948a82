package audit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
)

// temporal lists sagas, two a page.
type temporal struct {
	client.Client
	sagas []*workflowpb.WorkflowExecutionInfo
	late  map[string]bool // run, and are not in the list yet
}

var kindOf = map[string]string{
	`WorkflowType = 'payment.v1' AND ExecutionStatus != 'Running'`:  "payment/",
	`WorkflowType = 'transfer.v1' AND ExecutionStatus != 'Running'`: "transfer/",
	`WorkflowType = 'deposit.v1' AND ExecutionStatus != 'Running'`:  "deposit/",
	`WorkflowType = 'topup.v1' AND ExecutionStatus != 'Running'`:    "topup/",
	`WorkflowType = 'purchase.v1' AND ExecutionStatus != 'Running'`: "purchase/",
	`WorkflowType = 'webhook.v1' AND ExecutionStatus != 'Running'`:  "webhook/",
	`WorkflowType = 'payout.v1' AND ExecutionStatus != 'Running'`:   "payout/",
	`WorkflowType = 'wallet.v1' AND ExecutionStatus != 'Running'`:   "wallet/",
}

const whoRuns = `WorkflowType IN ('webhook.v1', 'payout.v1', 'wallet.v1') AND ExecutionStatus = 'Running'`

func (f *temporal) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	kind, ok := kindOf[in.Query]
	if in.Namespace != "paysaga" || !ok && in.Query != whoRuns {
		return nil, fmt.Errorf("asked for %s", in)
	}
	var sagas []*workflowpb.WorkflowExecutionInfo
	for _, s := range f.sagas {
		runs := s.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING
		if strings.HasPrefix(s.Execution.WorkflowId, kind) && runs == (in.Query == whoRuns) {
			sagas = append(sagas, s)
		}
	}
	from := len(in.NextPageToken)
	to := min(from+2, len(sagas))
	page := &workflowservice.ListWorkflowExecutionsResponse{Executions: sagas[from:to]}
	if to < len(sagas) {
		page.NextPageToken = make([]byte, to)
	}
	return page, nil
}

func (f *temporal) DescribeWorkflowExecution(_ context.Context, id, _ string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	if f.late[id] {
		return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: saga(id, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, "")}, nil
	}
	for _, s := range f.sagas {
		if s.Execution.WorkflowId == id {
			return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: s}, nil
		}
	}
	return nil, serviceerror.NewNotFound("nobody")
}

func saga(id string, status enums.WorkflowExecutionStatus, result string) *workflowpb.WorkflowExecutionInfo {
	e := &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: id}, Status: status}
	if result != "" {
		payload, _ := converter.GetDefaultDataConverter().ToPayload(result)
		e.SearchAttributes = &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{"SagaState": payload}}
	}
	return e
}

func TestSagasAgree(t *testing.T) {
	const completed = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	b := newBooks(t)
	payment := func(s state.Payment) string { return "payment/" + b.payments[s].Token }
	transfer := func(s state.Transfer) string { return fmt.Sprint("transfer/", b.transfers[s].ID) }
	deposit := func(s state.Deposit) string { return fmt.Sprint("deposit/", b.deposits[s]) }
	late := fmt.Sprint("transfer/", b.late.ID)
	var well []*workflowpb.WorkflowExecutionInfo
	for _, s := range []state.Payment{state.PaymentCollected, state.PaymentRefunded, state.PaymentExpired, state.PaymentFailed} {
		well = append(well, saga(payment(s), completed, string(s)))
	}
	for _, s := range []state.Transfer{state.TransferVerified, state.TransferExpired, state.TransferMismatched} {
		well = append(well, saga(transfer(s), completed, string(s)))
	}
	for _, s := range []state.Deposit{state.DepositAssigned, state.DepositRefunded, state.DepositIgnored} {
		well = append(well, saga(deposit(s), completed, string(s)))
	}
	topup := func(s state.TopUp) string { return fmt.Sprint("topup/", b.topups[s]) }
	for _, s := range []state.TopUp{state.TopUpDelivered, state.TopUpReversed} {
		well = append(well, saga(topup(s), completed, string(s)))
	}
	purchase := func(s state.Purchase) string { return fmt.Sprint("purchase/", b.purchases[s]) }
	for _, s := range []state.Purchase{state.PurchaseCompleted, state.PurchaseEnded} {
		well = append(well, saga(purchase(s), completed, string(s)))
	}
	payout := func(s state.Payout) string { return "payout/" + b.payouts[s].UUID }
	for _, s := range []state.Payout{state.PayoutPaid, state.PayoutRefused, state.PayoutCancelled, state.PayoutUnsent} {
		well = append(well, saga(payout(s), completed, string(s)))
	}
	wallet := func(s state.Wallet) string { return "wallet/" + b.wallets[s].UUID }
	well = append(well, saga(wallet(state.WalletBlocked), completed, "blocked"),
		saga(wallet(state.WalletActive), enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW, ""))
	message := func(s state.Webhook) string { return fmt.Sprint("webhook/", b.told[s]) }
	well = append(well, saga(message(state.WebhookDelivered), completed, "pending")) // to save an event
	for _, s := range []state.Webhook{state.WebhookFailed, state.WebhookHeld, state.WebhookReplaced, state.WebhookDropped} {
		well = append(well, saga(message(s), completed, string(s)))
	}
	check := func(more ...*workflowpb.WorkflowExecutionInfo) []string {
		var out []string
		for _, breach := range b.audit(audit.Config{Temporal: &temporal{sagas: append(slices.Clone(well), more...)}, Namespace: "paysaga"}) {
			out = append(out, breach.Subject)
		}
		return out
	}
	require.Empty(t, check())
	paid := payment(state.PaymentPaid)
	for name, tt := range map[string]struct {
		saga *workflowpb.WorkflowExecutionInfo
		says string // %s is the saga
	}{
		"failed":               {saga(paid, enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of %s: Failed"},
		"terminated":           {saga(paid, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, ""), "saga of %s: Terminated"},
		"ended before its row": {saga(paid, completed, "collected"), `%s is "", its saga says "collected"`},
		"without a payment":    {saga("payment/nobody", completed, "expired"), `%s is "", its saga says "expired"`},
		"says something else":  {saga(payment(state.PaymentCollected), completed, "refunded"), `%s is "collected", its saga says "refunded"`},
		"says nothing":         {saga(paid, completed, ""), `%s is "", its saga says ""`},

		"a failed transfer":                  {saga(transfer(state.TransferPaid), enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of %s: Failed"},
		"a transfer's saga ended while paid": {saga(transfer(state.TransferPaid), completed, "verified"), `%s is "", its saga says "verified"`},
		"a pending transfer's saga expired":  {saga(transfer(state.TransferPending), completed, "expired"), `%s is "", its saga says "expired"`},
		"expired, and its row is verified":   {saga(transfer(state.TransferVerified), completed, "expired"), `%s is "verified", its saga says "expired"`},
		"verified, and its row is expired":   {saga(transfer(state.TransferExpired), completed, "verified"), `%s is "expired", its saga says "verified"`},
		"assigned, and verified by nobody":   {saga(late, completed, "verified"), `%s is "paid expired mismatched", its saga says "verified"`},

		"a failed deposit":                    {saga(deposit(state.DepositSuspense), enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of %s: Failed"},
		"a deposit's saga ended unresolved":   {saga(deposit(state.DepositSuspense), completed, "ignored"), `%s is "", its saga says "ignored"`},
		"refunded, and its row is ignored":    {saga(deposit(state.DepositIgnored), completed, "refunded"), `%s is "ignored", its saga says "refunded"`},
		"a failed top-up":                     {saga(topup(state.TopUpUnknown), enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of %s: Failed"},
		"a top-up's saga ended undecided":     {saga(topup(state.TopUpUnknown), completed, "delivered"), `%s is "", its saga says "delivered"`},
		"reversed, and its row is delivered":  {saga(topup(state.TopUpDelivered), completed, "reversed"), `%s is "delivered", its saga says "reversed"`},
		"a failed purchase":                   {saga(purchase(state.PurchaseAwaiting), enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of %s: Failed"},
		"a purchase's saga ended early":       {saga(purchase(state.PurchaseAwaiting), completed, "ended"), `%s is "", its saga says "ended"`},
		"ended, and its row is completed":     {saga(purchase(state.PurchaseCompleted), completed, "ended"), `%s is "completed", its saga says "ended"`},
		"a failed payout":                     {saga(payout(state.PayoutSent), enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of %s: Failed"},
		"a payout's saga ended undecided":     {saga(payout(state.PayoutSent), completed, "paid"), `%s is "", its saga says "paid"`},
		"given back, and its row is paid":     {saga(payout(state.PayoutPaid), completed, "refused"), `%s is "paid", its saga says "refused"`},
		"a wallet's saga ended":               {saga(wallet(state.WalletActive), completed, "active"), `%s is "", its saga says "active"`},
		"a wallet's saga was terminated":      {saga(wallet(state.WalletOpening), enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, ""), "saga of %s: Terminated"},
		"a failed delivery":                   {saga(message(state.WebhookPending), enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of %s: Failed"},
		"a delivery ended undecided":          {saga(message(state.WebhookPending), completed, "pending"), `%s is "", its saga says "pending"`},
		"delivered, and its row is failed":    {saga(message(state.WebhookFailed), completed, "pending"), `%s is "failed", its saga says "pending"`},
		"failed, and its row is delivered":    {saga(message(state.WebhookDelivered), completed, "failed"), `%s is "pending", its saga says "failed"`},
		"a saga of a deposit that had a home": {saga(deposit(state.DepositMatched), completed, "assigned"), `%s is "", its saga says "assigned"`},
	} {
		require.Equal(t, []string{fmt.Sprintf(tt.says, strings.Replace(tt.saga.Execution.WorkflowId, "/", " ", 1))}, check(tt.saga), name)
	}

	// A person may give a deposit to a transfer whose saga has ended; later the merchant checks it.
	ended := saga(late, completed, "expired")
	require.Empty(t, check(ended))
	checked, err := b.store.CheckTransfer(t.Context(), b.merchant.ID, b.late.ID)
	require.NoError(t, err)
	require.True(t, checked.First)
	require.Empty(t, check(ended))
	require.Empty(t, check(saga(late, completed, "verified")), "or before its end")
	b.exec(`UPDATE deposits SET state = 'matched', resolved_at = NULL WHERE id = ?`, b.deposits[state.DepositAssigned])
	require.Contains(t, check(ended), fmt.Sprintf(`transfer %d is "verified", its saga says "expired"`, b.late.ID), "only a person may")
}

// A row that waits for a saga has one that runs, or an outbox row that starts it.
func TestUnfinishedRowsAreCarried(t *testing.T) {
	b := newBooks(t)
	check := func(f *temporal) []string {
		var out []string
		for _, breach := range b.audit(audit.Config{Temporal: f, Namespace: "paysaga"}) {
			if breach.Invariant == "what is not finished is carried by a saga" {
				out = append(out, breach.Subject)
			}
		}
		return out
	}
	require.Empty(t, check(&temporal{}), "all are younger than the grace")
	b.exec(`UPDATE webhook_messages SET created_at = now() - interval '61 seconds' WHERE id = ?`, b.told[state.WebhookPending])
	b.exec(`UPDATE payouts SET created_at = now() - interval '61 seconds'`)
	b.exec(`UPDATE wallets SET created_at = now() - interval '61 seconds'`)
	need := []string{
		"payout/" + b.payouts[state.PayoutReserved].UUID, "payout/" + b.payouts[state.PayoutUnknown].UUID, "payout/" + b.payouts[state.PayoutSent].UUID,
		"wallet/" + b.wallets[state.WalletOpening].UUID, "wallet/" + b.wallets[state.WalletActive].UUID,
		fmt.Sprint("webhook/", b.told[state.WebhookPending]),
	}
	slices.Sort(need)
	got := check(&temporal{})
	slices.Sort(got)
	require.Equal(t, need, got)

	all := &temporal{late: map[string]bool{}}
	for _, id := range need {
		all.sagas = append(all.sagas, saga(id, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, ""))
	}
	require.Empty(t, check(all))
	for i, id := range need {
		one := &temporal{sagas: slices.Delete(slices.Clone(all.sagas), i, i+1)}
		require.Equal(t, []string{id}, check(one))
		one.late = map[string]bool{id: true}
		require.Empty(t, check(one), "lists are late")
		one.late, one.sagas = nil, append(one.sagas, saga(id, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, ""))
		require.Equal(t, []string{id}, check(one), "a saga that has ended carries nothing")
		saga, ref, _ := strings.Cut(id, "/")
		b.exec(`INSERT INTO outbox (saga, ref, message, payload) VALUES (?, ?, 'start', '{}')`, saga, ref)
		require.Empty(t, check(one), "its start is on its way")
		b.exec(`DELETE FROM outbox`)
	}
}
