package dispatch_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/workflows"
)

// slack is how long a test may take from a row's creation to its delivery.
const slack = 10 * time.Second

// A saga that first waits for somebody else sleeps until it has something to do by itself; others begin at once.
func TestStartsThatSleep(t *testing.T) {
	h := newCounter(t)
	p := h.create()
	tr := h.transfer(nil)
	u := h.purchase()
	h.topUp()
	h.run()
	h.delivered()
	for _, o := range h.temporal.starts {
		var until time.Duration
		switch o.ID {
		case workflows.PaymentID(p.Token):
			until = 10 * time.Minute
		case workflows.PaymentID(u.Token):
			until = 10 * time.Minute
		case workflows.TransferID(tr.ID):
			until = tr.ExpiresAt.Sub(tr.CreatedAt)
		case workflows.PurchaseID(u.ID):
			until = 2 * time.Minute
		}
		require.LessOrEqual(t, o.StartDelay, until, o.ID)
		require.GreaterOrEqual(t, o.StartDelay, until-slack, o.ID)
	}
	require.Len(t, h.temporal.starts, 5)
}

// The start of an old row, kept while Temporal was away, begins at once.
func TestAnOldStartDoesNotSleep(t *testing.T) {
	h := newHouse(t)
	p := h.create()
	_, err := h.db.NewRaw(`UPDATE outbox SET payload = payload || '{"created_at": "2026-01-01T00:00:00Z", "collect_by": "2026-01-01T00:20:00Z"}'`).Exec(t.Context())
	require.NoError(t, err)
	h.run()
	h.delivered()
	require.Equal(t, workflows.PaymentID(p.Token), h.temporal.starts[0].ID)
	require.Zero(t, h.temporal.starts[0].StartDelay)
}

// News wake a sleeping saga by a signal with a start, which carries exactly what its start was told, so that
// nothing else can begin by it, and nothing twice.
func TestNewsWakeASaga(t *testing.T) {
	h := newCounter(t)
	p, tr, u := h.create(), h.transfer(nil), h.purchase()
	h.run()
	h.delivered()
	inputs := map[string]any{}
	for i, o := range h.temporal.starts {
		inputs[o.ID] = h.temporal.inputs[i]
	}
	ctx := t.Context()
	_, err := h.store.CancelPayment(ctx, h.merchant.ID, p.Token, "")
	require.NoError(t, err)
	_, err = h.store.CancelPayment(ctx, h.merchant.ID, u.Token, "")
	require.NoError(t, err)
	h.row("purchase", fmt.Sprint(u.ID), workflows.EndedSignal, `{"why": "cancelled"}`)
	h.row("transfer", fmt.Sprint(tr.ID), workflows.PaidSignal, `{"event_id": 1, "deposit_id": 2}`)
	h.delivered()

	require.Len(t, h.temporal.starts, 4, "nothing was started again")
	require.Len(t, h.temporal.woken, 4)
	for _, w := range h.temporal.woken {
		was := inputs[w.id]
		if in, ok := w.input.(workflows.PaymentInput); ok {
			now, then := in, was.(workflows.PaymentInput)
			require.True(t, now.CollectBy.Before(then.CollectBy), "cancelled: its deadline is now")
			now.CollectBy = then.CollectBy
			w.input = now
		}
		if in, ok := w.input.(workflows.PurchaseInput); ok {
			in.CollectBy = was.(workflows.PurchaseInput).CollectBy // its payment's, and cancelled
			w.input = in
		}
		require.Equal(t, was, w.input, w.id)
		require.Zero(t, w.options.StartDelay, "it has something to do")
	}
}

// A card that the payer names is only remembered: it is heard with the next news.
func TestACardWakesNobody(t *testing.T) {
	h := newCounter(t)
	tr := h.transfer(nil)
	h.row("transfer", fmt.Sprint(tr.ID), workflows.CardSetSignal, `{"event_id": 1}`)
	h.run()
	h.delivered()
	require.Equal(t, "card_set", h.temporal.heard())
	require.Empty(t, h.temporal.woken)
}

// A saga that Temporal has lost, or never saw, begins with its next news.
func TestNewsStartALostSaga(t *testing.T) {
	h := newHouse(t)
	p := h.create()
	_, err := h.db.NewRaw(`DELETE FROM outbox`).Exec(t.Context())
	require.NoError(t, err)
	_, err = h.store.CancelPayment(t.Context(), h.merchant.ID, p.Token, "")
	require.NoError(t, err)
	h.run()
	h.delivered()
	require.Equal(t, "cancelled", h.temporal.heard())
	require.Equal(t, p.ID, h.temporal.inputs[0].(workflows.PaymentInput).PaymentID)
}

// Whoever sleeps can be woken: the store knows the input of exactly those sagas that have a first wake.
func TestWhoSleepsCanBeWoken(t *testing.T) {
	h := newCounter(t)
	u := h.purchase()
	rows := map[string]string{"payment": u.Token, "purchase": fmt.Sprint(u.ID), "transfer": fmt.Sprint(h.transfer(nil).ID)}
	inputs := map[string]any{
		"payment": workflows.PaymentInput{}, "transfer": workflows.TransferInput{}, "deposit": workflows.DepositInput{}, "topup": workflows.TopUpInput{},
		"purchase": workflows.PurchaseInput{}, "webhook": workflows.WebhookInput{}, "payout": workflows.PayoutInput{}, "wallet": workflows.WalletInput{},
	}
	for saga := range sagaNames {
		require.Contains(t, inputs, saga)
		_, sleeps := inputs[saga].(interface{ FirstWake() time.Time })
		input, err := h.store.SagaInput(t.Context(), saga, rows[saga])
		require.NoError(t, err)
		require.Equal(t, sleeps, input != nil, saga)
	}
}
