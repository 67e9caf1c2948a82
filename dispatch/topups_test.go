package dispatch_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

// topUp orders one; the merchant has the money.
func (h *house) topUp() store.TopUp {
	h.Helper()
	require.NoError(h, h.store.PutProduct(h.Context(), store.Product{
		ID: 62, Provider: "sandbox", OperatorID: 2, Type: "cell_direct_charge", SimCardType: "credit", Name: "charge", Price: 50_000, Active: true,
	}))
	require.NoError(h, h.store.CreditBalance(h.Context(), "shop", 50_000, "sara", "test"))
	key := store.IdempotencyKey{MerchantID: h.merchant.ID, Route: "top-up", Key: "k", Fingerprint: sha256.Sum256(nil)}
	in := store.NewTopUp{Merchant: h.merchant, ProductID: 62, Mobile: "989021234567", Price: 50_000, Code: "c", Patience: time.Minute}
	got, err := h.store.OrderTopUp(h.Context(), key, in, func(err error) store.Answer { h.Error(err); return store.Answer{} })
	require.NoError(h, err)
	return got.TopUp
}

// What the store writes about a top-up is what its saga reads, and how it looks to operators from the start.
func TestTopUpIsStartedAndResolved(t *testing.T) {
	h := newHouse(t)
	u := h.topUp()
	_, err := h.store.RecordTopUp(t.Context(), store.TopUpWord{TopUpID: u.ID, State: state.TopUpUnknown})
	require.NoError(t, err)
	require.NoError(t, h.store.ResolveTopUp(t.Context(), store.TopUpResolution{TopUpID: u.ID, As: state.TopUpReversed, By: "سارا", Why: `"not" in the panel`}))
	var start []byte
	require.NoError(t, h.db.NewRaw(`SELECT payload FROM outbox WHERE message = 'start'`).Scan(t.Context(), &start))
	require.NotContains(t, string(start), "9021234567", "the mobile stays in its row")
	in := strict[workflows.TopUpInput](t, start)
	require.True(t, in.CreatedAt.Equal(u.CreatedAt), "to the microsecond")
	require.Equal(t, workflows.TopUpInput{TopUpID: u.ID, Merchant: "shop", Amount: 50_000, Provider: "sandbox", CreatedAt: in.CreatedAt, PatienceSeconds: 60}, in)
	h.run()
	h.delivered()

	saga := fmt.Sprint("topup/", u.ID)
	require.Equal(t, []any{in}, h.temporal.inputs)
	o := h.temporal.starts[0]
	require.Equal(t, []any{saga, workflows.SagaQueue, "50,000 rial · shop · top-up", enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, true},
		[]any{o.ID, o.TaskQueue, o.StaticSummary, o.WorkflowIDReusePolicy, o.WorkflowExecutionErrorWhenAlreadyStarted})
	require.Zero(t, o.WorkflowExecutionTimeout, "a saga lives as long as it must")
	attributes := map[string]any{}
	for key, value := range o.TypedSearchAttributes.GetUntypedValues() {
		attributes[key.GetName()] = value
	}
	require.Equal(t, map[string]any{"MerchantId": "shop", "SagaKind": "topup", "SagaState": "reserved", "Provider": "sandbox", "AmountRial": int64(50_000)}, attributes)

	require.Len(t, h.temporal.signals, 1)
	require.Equal(t, []string{saga, workflows.ResolvedSignal}, []string{h.temporal.signals[0].saga, h.temporal.signals[0].name})
	require.Equal(t, workflows.TopUpResolved{State: state.TopUpReversed, By: "سارا", Why: `"not" in the panel`}, strict[workflows.TopUpResolved](t, h.temporal.signals[0].payload))

	// An earlier delivery arrived and its process died before it could say so.
	h.row("topup", fmt.Sprint(u.ID), "start", string(start))
	h.dispatch.Kick()
	h.delivered()
	require.Len(t, h.temporal.starts, 1)
}
