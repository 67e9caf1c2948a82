package dispatch_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

// purchase sells something online.
func (h *house) purchase() store.Purchase {
	h.Helper()
	require.NoError(h, h.store.AddBranch(h.Context(), "shop", 31, "center"))
	u, err := h.store.CreatePurchase(h.Context(), store.NewPurchase{Merchant: h.merchant, BranchID: 31, Amount: 10_000, Actor: store.Actor{Name: "سارا"}})
	require.NoError(h, err)
	return u
}

// atBank brings the payer of a purchase to a bank.
func (h *house) atBank(u store.Purchase) store.Attempt {
	h.Helper()
	a, err := h.store.StartAttempt(h.Context(), store.NewAttempt{Token: u.Token, Gateway: "zibal"})
	require.NoError(h, err)
	require.NoError(h, h.store.OpenAttempt(h.Context(), a.ID, "ref", time.Minute))
	return a
}

// A purchase has two sagas: its own, and that of the payment that is its money. What the store writes is what
// they read, and how they look to operators from the start.
func TestPurchaseStartsTwoSagas(t *testing.T) {
	h := newHouse(t)
	u := h.purchase()
	var starts []json.RawMessage
	require.NoError(t, h.db.NewRaw(`SELECT payload FROM outbox WHERE message = 'start' ORDER BY saga`).Scan(t.Context(), &starts))
	require.Len(t, starts, 2)
	money, in := strict[workflows.PaymentInput](t, starts[0]), strict[workflows.PurchaseInput](t, starts[1])
	require.True(t, in.CreatedAt.Equal(u.CreatedAt) && in.CollectBy.Equal(u.CollectBy) && money.CollectBy.Equal(u.CollectBy), "to the microsecond")
	require.Equal(t, workflows.PurchaseInput{PurchaseID: u.ID, Branch: 31, Merchant: "shop", Amount: 10_000, CreatedAt: in.CreatedAt, CollectBy: in.CollectBy}, in)
	require.Equal(t, workflows.PaymentInput{
		PaymentID: u.PaymentID, Token: u.Token, Merchant: "shop", Amount: 10_000, CreatedAt: money.CreatedAt, CollectBy: money.CollectBy, PurchaseID: u.ID,
	}, money)

	h.run()
	h.delivered()
	require.ElementsMatch(t, []any{money, in}, h.temporal.inputs)
	for _, o := range h.temporal.starts {
		require.Equal(t, []any{workflows.SagaQueue, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, true},
			[]any{o.TaskQueue, o.WorkflowIDReusePolicy, o.WorkflowExecutionErrorWhenAlreadyStarted})
		require.Zero(t, o.WorkflowExecutionTimeout, "a saga lives as long as it must")
		if o.ID == "payment/"+u.Token {
			continue // as every payment
		}
		require.Equal(t, fmt.Sprint("purchase/", u.ID), o.ID)
		require.Equal(t, "10,000 rial · shop · purchase of branch 31", o.StaticSummary)
		attributes := map[string]any{}
		for key, value := range o.TypedSearchAttributes.GetUntypedValues() {
			attributes[key.GetName()] = value
		}
		require.True(t, attributes["DeadlineAt"].(time.Time).Equal(u.CollectBy))
		delete(attributes, "DeadlineAt")
		require.Equal(t, map[string]any{"MerchantId": "shop", "SagaKind": "purchase", "SagaState": "awaiting", "AmountRial": int64(10_000)}, attributes)
	}

	// An earlier delivery arrived and its process died before it could say so.
	h.row("purchase", fmt.Sprint(u.ID), "start", string(starts[1]))
	h.dispatch.Kick()
	h.delivered()
	require.Len(t, h.temporal.starts, 2)
}

// A retry reaches the payment's saga; the ends reach the purchase's.
func TestPurchaseSignals(t *testing.T) {
	h := newHouse(t)
	s, ctx := h.store, t.Context()
	paid, unpaid := h.purchase(), h.purchase()
	a := h.atBank(paid)
	_, err := s.RetryByItself(ctx, paid.ID)
	require.NoError(t, err)
	_, err = s.RetryPurchase(ctx, 31, paid.ID, store.Actor{Name: "sara"})
	require.NoError(t, err)
	_, err = s.AttemptPaid(ctx, store.Receipt{AttemptID: a.ID, BankTran: "7", RRN: "8"})
	require.NoError(t, err)
	_, err = s.CancelPayment(ctx, h.merchant.ID, unpaid.Token, "")
	require.NoError(t, err)
	_, err = s.AtDeadline(ctx, unpaid.PaymentID)
	require.NoError(t, err)
	_, err = s.ClosePurchase(ctx, unpaid.ID)
	require.NoError(t, err)
	h.run()
	h.delivered()

	inquired := map[int64]bool{}
	heard := map[string][]byte{}
	for _, got := range h.temporal.signals {
		if got.name == workflows.InquireSignal {
			require.Equal(t, "payment/"+paid.Token, got.saga)
			inquired[strict[workflows.Fact](t, got.payload).EventID] = true
			continue
		}
		heard[got.saga+" "+got.name] = got.payload
	}
	require.Len(t, inquired, 2, "each has an id of its own")
	require.NotContains(t, inquired, int64(0))
	require.Len(t, heard, 3)
	now, err := s.Purchase(ctx, 31, paid.ID)
	require.NoError(t, err)
	require.Equal(t, workflows.PurchaseCompleted{Reference: now.CheckNumber()}, strict[workflows.PurchaseCompleted](t, heard[fmt.Sprint("purchase/", paid.ID, " completed")]))
	require.Equal(t, workflows.PurchaseEnded{Why: state.PaymentFailed}, strict[workflows.PurchaseEnded](t, heard[fmt.Sprint("purchase/", unpaid.ID, " ended")]))
	require.Contains(t, heard, "payment/"+unpaid.Token+" cancelled")
}
