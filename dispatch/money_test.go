package dispatch_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
	"github.com/paysaga/paysaga/workflows"
)

const iban = "IR270170000000100324200001"

var sealed = vault.Text{KeyID: "k", Sealed: []byte("sealed " + iban)}

// payload is the outbox row of a saga, as it waits.
func (h *house) payload(saga, message string) []byte {
	h.Helper()
	var payload []byte
	require.NoError(h, h.db.NewRaw(`SELECT payload FROM outbox WHERE saga = ? AND message = ?`, saga, message).Scan(h.Context(), &payload))
	return payload
}

// requireStarted says how a saga was started: once, under its id, on its queue, with what operators see of it.
func (h *house) requireStarted(o client.StartWorkflowOptions, id, queue, summary string, attributes map[string]any) {
	h.Helper()
	require.Equal(h, []any{id, queue, summary, enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, true},
		[]any{o.ID, o.TaskQueue, o.StaticSummary, o.WorkflowIDReusePolicy, o.WorkflowExecutionErrorWhenAlreadyStarted})
	require.Zero(h, o.WorkflowExecutionTimeout, "a saga lives as long as it must")
	shown := map[string]any{}
	for key, value := range o.TypedSearchAttributes.GetUntypedValues() {
		shown[key.GetName()] = value
	}
	require.Equal(h, attributes, shown)
}

// startedAgain delivers a start a second time: an earlier delivery arrived, and its process died before it could say so.
func (h *house) startedAgain(saga, ref string, start []byte) {
	h.Helper()
	before := len(h.temporal.starts)
	h.row(saga, ref, "start", string(start))
	h.dispatch.Kick()
	h.delivered()
	require.Len(h, h.temporal.starts, before)
}

// A change is told to every endpoint that listens, each by a saga of its own. What the trigger writes is what it reads.
func TestWebhookSaga(t *testing.T) {
	h := newHouse(t)
	endpoint, err := h.store.AddEndpoint(t.Context(), h.merchant.ID, store.Endpoint{URL: "https://shop.example/hook?secret=1", Events: []string{"payment.*"}}, sealed)
	require.NoError(t, err)
	p := h.create()
	list, err := h.store.Messages(t.Context(), store.MessageList{MerchantID: h.merchant.ID, Size: 10})
	require.NoError(t, err)
	require.Len(t, list, 1)
	start := h.payload("webhook", "start")
	require.NotContains(t, string(start), "secret", "the URL stays in its row")
	in := strict[workflows.WebhookInput](t, start)
	require.Equal(t, workflows.WebhookInput{MessageID: list[0].ID, EndpointID: endpoint.ID, Event: "payment.pending", Merchant: "shop"}, in)
	require.Equal(t, p.ID, list[0].SubjectID)

	h.run()
	h.delivered()
	require.Len(t, h.temporal.starts, 2)
	for i, o := range h.temporal.starts {
		if o.ID != "payment/"+p.Token {
			require.Equal(t, in, h.temporal.inputs[i])
			h.requireStarted(o, workflows.WebhookID(in.MessageID), workflows.WebhookQueue, fmt.Sprint("payment.pending · shop · webhook to endpoint ", endpoint.ID),
				map[string]any{"MerchantId": "shop", "SagaKind": "webhook", "SagaState": "pending", "Reference": "payment.pending"})
		}
	}
	h.startedAgain("webhook", fmt.Sprint(in.MessageID), start)

	again, err := h.store.SendAgain(t.Context(), h.merchant.ID, in.MessageID) // a message of its own, and a saga of its own
	require.NoError(t, err)
	h.delivered()
	require.Equal(t, workflows.WebhookInput{MessageID: again.ID, EndpointID: endpoint.ID, Event: "payment.pending", Merchant: "shop"}, h.temporal.inputs[2])
}

func (h *house) payout(order string) store.Payout {
	h.Helper()
	require.NoError(h, h.store.CreditBalance(h.Context(), "shop", 600_000, "Sara", "test"))
	p, err := h.store.OrderPayout(h.Context(), store.NewPayout{
		Merchant: h.merchant, OrderID: order, Amount: 500_000, Fee: 5_000, Network: "iban", Rail: "paya", Provider: "sandbox",
		Number: sealed, Destination: "IR27************0001", Holder: "Sara",
	})
	require.NoError(h, err)
	return p
}

// What the store writes is what the saga reads, and how it looks to operators from the start.
func TestPayoutSaga(t *testing.T) {
	h := newHouse(t)
	p := h.payout("o-1")
	_, err := h.store.RecordPayout(t.Context(), store.PayoutWord{PayoutID: p.ID, State: state.PayoutUnknown})
	require.NoError(t, err)
	require.NoError(t, h.store.ResolvePayout(t.Context(), store.PayoutResolution{UUID: p.UUID, As: state.PayoutRefused, By: "سارا", Why: `"not" in the panel`}))
	start := h.payload("payout", "start")
	for _, hidden := range []string{iban, "0001", "Sara"} {
		require.NotContains(t, string(start), hidden, "where the money goes stays in its row")
	}
	in := strict[workflows.PayoutInput](t, start)
	require.True(t, in.CreatedAt.Equal(p.CreatedAt), "to the microsecond")
	require.Equal(t, workflows.PayoutInput{
		PayoutID: p.ID, UUID: p.UUID, Merchant: "shop", Amount: 500_000, Provider: "sandbox", Rail: "paya", CreatedAt: in.CreatedAt,
	}, in)
	h.run()
	h.delivered()
	require.Equal(t, []any{in}, h.temporal.inputs)
	h.requireStarted(h.temporal.starts[0], "payout/"+p.UUID, workflows.SagaQueue, "500,000 rial · shop · payout by paya",
		map[string]any{"MerchantId": "shop", "SagaKind": "payout", "SagaState": "reserved", "Provider": "sandbox", "AmountRial": int64(500_000)})
	require.Len(t, h.temporal.signals, 1)
	require.Equal(t, []string{"payout/" + p.UUID, workflows.ResolvedSignal}, []string{h.temporal.signals[0].saga, h.temporal.signals[0].name})
	require.Equal(t, workflows.PayoutResolved{State: state.PayoutRefused, By: "سارا", Why: `"not" in the panel`}, strict[workflows.PayoutResolved](t, h.temporal.signals[0].payload))
	h.startedAgain("payout", p.UUID, start)

	cancelled := h.payout("o-2")
	_, err = h.store.CancelPayout(t.Context(), h.merchant.ID, "o-2", "")
	require.NoError(t, err)
	h.delivered()
	require.Equal(t, "payout/"+cancelled.UUID, h.temporal.signals[1].saga)
	require.Equal(t, workflows.PayoutResolved{State: state.PayoutCancelled, By: "merchant", Why: "cancelled"}, strict[workflows.PayoutResolved](t, h.temporal.signals[1].payload))
}

func TestWalletSaga(t *testing.T) {
	h := newHouse(t)
	merchant := h.merchant
	merchant.DisplayName = "فروشگاه"
	wallet, err := h.store.OpenWallet(t.Context(), store.NewWallet{Merchant: merchant, OrderID: "o-1", Network: "iban", Provider: "sandbox"})
	require.NoError(t, err)
	start := h.payload("wallet", "start")
	in := strict[workflows.WalletInput](t, start)
	require.Equal(t, workflows.WalletInput{WalletID: wallet.ID, UUID: wallet.UUID, Merchant: "shop", Holder: "فروشگاه", Provider: "sandbox"}, in)
	h.run()
	h.delivered()
	require.Equal(t, []any{in}, h.temporal.inputs)
	h.requireStarted(h.temporal.starts[0], "wallet/"+wallet.UUID, workflows.SagaQueue, "shop · static wallet",
		map[string]any{"MerchantId": "shop", "SagaKind": "wallet", "SagaState": "opening", "Provider": "sandbox"})
	h.startedAgain("wallet", wallet.UUID, start)

	_, err = h.store.WalletOpened(t.Context(), wallet.ID, iban, "")
	require.NoError(t, err)
	require.NoError(t, h.store.NotifyWallet(t.Context(), iban))
	h.delivered()
	require.Equal(t, []string{"wallet/" + wallet.UUID, workflows.ArrivedSignal}, []string{h.temporal.signals[0].saga, h.temporal.signals[0].name})
	strict[struct{}](t, h.temporal.signals[0].payload)
}
