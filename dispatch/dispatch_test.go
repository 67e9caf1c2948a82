package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/paysaga/paysaga/dispatch"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

// strict decodes as a worker that knows exactly these fields.
func strict[T any](t *testing.T, raw []byte) T {
	t.Helper()
	var out T
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&out), "%s", raw)
	return out
}

// What the store writes is what the sagas read: nothing unknown, nothing missing, nothing changed.
func TestPayloads(t *testing.T) {
	h := newHouse(t)
	s, ctx := h.store, t.Context()
	p := h.create()
	a, err := s.StartAttempt(ctx, store.NewAttempt{Token: p.Token, Gateway: "zibal", Tip: 500})
	require.NoError(t, err)
	require.NoError(t, s.OpenAttempt(ctx, a.ID, "ref", time.Minute))
	_, err = s.RecordCallback(ctx, a.ID, a.CallbackKey, map[string]string{"RefId": "یک\"2"})
	require.NoError(t, err)
	visits, err := s.OpenVisits(ctx, p.ID)
	require.NoError(t, err)
	_, err = s.AttemptPaid(ctx, store.Receipt{AttemptID: a.ID, BankTran: "7", RRN: "8"})
	require.NoError(t, err)
	_, err = s.CollectPayment(ctx, h.merchant.ID, p.Token)
	require.NoError(t, err)
	require.NoError(t, s.ResolveAttempt(ctx, store.Resolution{Token: p.Token, AttemptID: a.ID, As: state.AttemptSettled, By: "sara", Reason: "letter"}))
	q := h.create()
	_, err = s.CancelPayment(ctx, h.merchant.ID, q.Token, "")
	require.NoError(t, err)

	var starts []json.RawMessage
	require.NoError(t, h.db.NewRaw(`SELECT payload FROM outbox WHERE message = 'start' ORDER BY id`).Scan(ctx, &starts))
	require.Len(t, starts, 2)
	in := strict[workflows.PaymentInput](t, starts[0])
	require.True(t, in.CreatedAt.Equal(p.CreatedAt) && in.CollectBy.Equal(p.CollectBy), "to the microsecond")
	require.Equal(t, workflows.PaymentInput{PaymentID: p.ID, Token: p.Token, Merchant: "shop", Amount: 10_000, CreatedAt: in.CreatedAt, CollectBy: in.CollectBy}, in)

	h.run()
	h.delivered()
	require.Len(t, h.temporal.inputs, 2)
	require.Contains(t, h.temporal.inputs, any(in))
	require.ElementsMatch(t, []string{"payment/" + p.Token, "payment/" + q.Token}, []string{h.temporal.starts[0].ID, h.temporal.starts[1].ID})

	events, err := s.Timeline(ctx, p.ID)
	require.NoError(t, err)
	eventID := func(kind string) int64 {
		for _, e := range events {
			if e.Kind == kind {
				return e.ID
			}
		}
		return 0
	}
	got := map[string][]byte{}
	for _, s := range h.temporal.signals {
		got[s.saga+" "+s.name] = s.payload
	}
	require.Len(t, got, 4)
	callback := strict[workflows.Callback](t, got["payment/"+p.Token+" "+workflows.CallbackSignal])
	require.True(t, callback.Visit.FinalAt.Equal(visits[0].FinalAt))
	callback.Visit.FinalAt = visits[0].FinalAt
	require.Equal(t, workflows.Callback{EventID: eventID("callback"), Visit: visits[0]}, callback)
	require.Equal(t, workflows.Fact{EventID: eventID("collected")}, strict[workflows.Fact](t, got["payment/"+p.Token+" "+workflows.CollectedSignal]))
	require.Equal(t, workflows.Resolved{EventID: eventID("resolved"), AttemptID: a.ID}, strict[workflows.Resolved](t, got["payment/"+p.Token+" "+workflows.ResolvedSignal]))
	require.NotZero(t, strict[workflows.Fact](t, got["payment/"+q.Token+" "+workflows.CancelledSignal]).EventID)
}

func TestAStartIsMadeOnce(t *testing.T) {
	h := newHouse(t)
	p := h.create()
	h.run()
	h.delivered()
	require.Len(t, h.temporal.starts, 1)
	o := h.temporal.starts[0]
	require.Equal(t, []any{workflows.SagaQueue, "10,000 rial · shop · payment", enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, true},
		[]any{o.TaskQueue, o.StaticSummary, o.WorkflowIDReusePolicy, o.WorkflowExecutionErrorWhenAlreadyStarted})
	require.Zero(t, o.WorkflowExecutionTimeout, "a saga lives as long as it must")

	// An earlier delivery arrived and its process died before it could say so.
	input, err := json.Marshal(h.temporal.inputs[0])
	require.NoError(t, err)
	h.row("payment", p.Token, "start", string(input))
	h.dispatch.Kick()
	h.delivered()
	require.Len(t, h.temporal.starts, 1)
}

// A signal after the end changes nothing and is dropped; one to a saga that never was must be seen.
func TestSignalsToSagasThatDoNotRun(t *testing.T) {
	const completed, terminated, running = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	for name, tt := range map[string]struct {
		saga, message string
		status, raced enums.WorkflowExecutionStatus
		stays         string // with this error; empty = dropped
	}{
		"completed":                   {saga: "payment", message: "collected", status: completed},
		"terminated":                  {saga: "payment", message: "collected", status: terminated},
		"never there":                 {saga: "payment", message: "collected", stays: "never seen payment/5"},
		"said gone, and runs again":   {saga: "payment", message: "collected", status: completed, raced: running, stays: "not taken by a running saga"},
		"assigned after its end":      {saga: "transfer", message: "paid", status: completed},
		"verified after its end":      {saga: "transfer", message: "verified", status: completed},
		"a transfer that never was":   {saga: "transfer", message: "paid", stays: "never seen transfer/5"},
		"a deposit resolved and over": {saga: "deposit", message: "resolved", status: completed},
		"a deposit that never was":    {saga: "deposit", message: "resolved", stays: "never seen deposit/5"},
		"a top-up resolved and over":  {saga: "topup", message: "resolved", status: completed},
		"a top-up that never was":     {saga: "topup", message: "resolved", stays: "never seen topup/5"},
		"inquire after its end":       {saga: "payment", message: "inquire", status: completed},
		"completed after its end":     {saga: "purchase", message: "completed", status: completed},
		"a purchase that never was":   {saga: "purchase", message: "ended", stays: "never seen purchase/5"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if tt.status != 0 {
				h.temporal.sagas[tt.saga+"/5"] = tt.status
			}
			if tt.raced != 0 {
				h.temporal.raced = map[string]enums.WorkflowExecutionStatus{tt.saga + "/5": tt.raced}
			}
			h.row(tt.saga, "5", tt.message, `{"event_id": 1}`)
			h.run()
			if tt.stays == "" {
				h.delivered()
				require.Empty(t, h.temporal.heard())
				return
			}
			require.Contains(t, h.refused(), tt.stays)
			require.Equal(t, 1, h.rows())
			require.Contains(t, h.log.String(), "delivery failed")
		})
	}
}

// What this program cannot deliver stays, says why, and holds up nobody else.
func TestRowsThatCannotBeDelivered(t *testing.T) {
	for name, tt := range map[string]struct{ saga, message, payload, says string }{
		"unknown saga to start":   {"dream", "start", `{}`, `no saga is called "dream"`},
		"unknown saga to signal":  {"dream", "collected", `{}`, `no saga is called "dream"`},
		"not an object":           {"payment", "start", `[1]`, "outbox payload"},
		"wrong type":              {"payment", "start", `{"payment_id": "one"}`, "outbox payload"},
		"another's payload":       {"payment", "start", `{"token": "y"}`, "payment/y"},
		"a transfer's wrong type": {"transfer", "start", `{"transfer_id": "x"}`, "outbox payload"},
		"another transfer's":      {"transfer", "start", `{"transfer_id": 6}`, "transfer/6"},
		"another deposit's":       {"deposit", "start", `{"deposit_id": 6}`, "deposit/6"},
		"no deposit's":            {"deposit", "start", `{}`, "deposit/0"},
		"a top-up's wrong type":   {"topup", "start", `{"topup_id": "x"}`, "outbox payload"},
		"another top-up's":        {"topup", "start", `{"topup_id": 6}`, "topup/6"},
		"a purchase's wrong type": {"purchase", "start", `{"purchase_id": "x"}`, "outbox payload"},
		"another purchase's":      {"purchase", "start", `{"purchase_id": 6}`, "purchase/6"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.row(tt.saga, "x", tt.message, tt.payload)
			h.run()
			require.Contains(t, h.refused(), tt.says)
			p := h.create()
			require.Eventually(t, func() bool { return h.rows() == 1 }, 5*time.Second, 5*time.Millisecond)
			require.Contains(t, h.temporal.sagas, "payment/"+p.Token)
		})
	}
}

// Temporal is down: everything is kept, in order, and delivered when it is back.
func TestTemporalComesBack(t *testing.T) {
	h := newHouse(t)
	h.temporal.down = serviceerror.NewUnavailable("connection refused")
	h.run()
	p := h.create()
	_, err := h.store.CancelPayment(t.Context(), h.merchant.ID, p.Token, "")
	require.NoError(t, err)
	require.Contains(t, h.refused(), "connection refused")
	require.Equal(t, 2, h.rows())
	h.temporal.mu.Lock()
	h.temporal.down = nil
	h.temporal.mu.Unlock()
	h.delivered()
	require.Equal(t, "cancelled", h.temporal.heard(), "after its start")
}

// A stopping dispatcher finishes the batch it holds.
func TestStoppingFinishesTheBatch(t *testing.T) {
	h := newHouse(t)
	holding, release := make(chan struct{}), make(chan struct{})
	h.temporal.hold = func(ctx context.Context, _ string) {
		if ctx.Err() != nil {
			t.Error("the batch in hand was cut off")
		}
		close(holding)
		<-release
	}
	h.create()
	stop := h.run()
	<-holding
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	close(release)
	<-stopped
	require.Zero(t, h.rows(), "delivered and noted")
	require.Len(t, h.temporal.starts, 1)
}

// A kick delivers at once; without one, the poll finds the row.
func TestKickAndPoll(t *testing.T) {
	h := newHouse(t)
	h.run()
	silent := store.New(h.db, func() {})
	_, err := silent.CreatePayment(t.Context(), store.NewPayment{Merchant: h.merchant, Amount: 1})
	require.NoError(t, err)
	h.delivered() // within a second, by the poll

	h.create()
	require.Eventually(t, func() bool { return h.rows() == 0 }, 500*time.Millisecond, 2*time.Millisecond, "at once, by the kick")
	for range 1000 {
		h.dispatch.Kick() // never blocks
	}
}

// Two processes deliver the same outbox: each saga is started once and hears its messages in order.
func TestTwoDispatchers(t *testing.T) {
	h := newHouse(t)
	var mu sync.Mutex
	now := map[string]string{}
	h.temporal.hold = func(_ context.Context, what string) {
		saga, _, _ := strings.Cut(what, " ")
		mu.Lock()
		defer mu.Unlock()
		if now[saga] != "" {
			t.Errorf("%s and %s are delivered at once", now[saga], what)
		}
		now[saga] = what
		mu.Unlock()
		time.Sleep(time.Millisecond) // the server takes its time
		mu.Lock()
		now[saga] = ""
	}
	other := dispatch.New(h.temporal, 4, slog.New(slog.DiscardHandler))
	other.Use(store.New(h.db, func() {}))
	const payments = 40
	for range payments {
		p := h.create()
		_, err := h.store.CancelPayment(t.Context(), h.merchant.ID, p.Token, "")
		require.NoError(t, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); other.Run(ctx) }()
	h.run()
	h.delivered()
	cancel()
	<-done
	require.Len(t, h.temporal.starts, payments)
	require.Len(t, h.temporal.signals, payments, "none came before its saga's start")
}

// A database that is gone is logged and waited for; the dispatcher lives.
func TestTheDatabaseIsGone(t *testing.T) {
	h := newHouse(t)
	require.NoError(t, h.db.Close())
	stop := h.run()
	require.Eventually(t, func() bool { return strings.Contains(h.log.String(), "outbox not delivered") }, 5*time.Second, 5*time.Millisecond)
	stop()
	require.NotContains(t, h.log.String(), "panic")
}
