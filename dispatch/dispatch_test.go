package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/paysaga/paysaga/dispatch"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

// temporal stands for the server: it takes starts and signals as the real one answers them.
type temporal struct {
	mu      sync.Mutex
	sagas   map[string]enums.WorkflowExecutionStatus
	starts  []client.StartWorkflowOptions
	inputs  []any
	signals []signal
	down    error                                    // answers everything
	hold    func(ctx context.Context, what string)   // before anything
	raced   map[string]enums.WorkflowExecutionStatus // what DescribeWorkflow says instead
}

type signal struct {
	saga, name string
	payload    []byte // as the worker will get it
}

func (f *temporal) ExecuteWorkflow(ctx context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	if f.hold != nil {
		f.hold(ctx, o.ID+" start")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return nil, f.down
	}
	if workflow != workflows.PaymentName {
		return nil, fmt.Errorf("no workflow %v", workflow)
	}
	if _, known := f.sagas[o.ID]; known {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("already", "", "")
	}
	f.sagas[o.ID] = enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	f.starts, f.inputs = append(f.starts, o), append(f.inputs, args...)
	return nil, nil
}

func (f *temporal) SignalWorkflow(ctx context.Context, id, _, name string, arg any) error {
	if f.hold != nil {
		f.hold(ctx, id+" "+name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return f.down
	}
	if f.sagas[id] != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return serviceerror.NewNotFound("no running saga " + id)
	}
	payload, err := converter.GetDefaultDataConverter().ToPayload(arg)
	if err != nil {
		return err
	}
	f.signals = append(f.signals, signal{id, name, payload.Data})
	return nil
}

func (f *temporal) DescribeWorkflow(_ context.Context, id, _ string) (*client.WorkflowExecutionDescription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	status, known := f.sagas[id]
	if other, ok := f.raced[id]; ok {
		status = other
	}
	if !known {
		return nil, serviceerror.NewNotFound("never seen " + id)
	}
	d := &client.WorkflowExecutionDescription{}
	d.Status = status
	return d, nil
}

func (f *temporal) heard() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, s := range f.signals {
		out = append(out, s.name)
	}
	return strings.Join(out, " ")
}

// house is a database, a store, and a dispatcher to the fake.
type house struct {
	*testing.T
	db       *bun.DB
	store    *store.Store
	temporal *temporal
	dispatch *dispatch.Dispatcher
	log      *lockedBuffer
	merchant store.Merchant
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, temporal: &temporal{sagas: map[string]enums.WorkflowExecutionStatus{}}, log: &lockedBuffer{}}
	h.db = server.Open(t)
	h.dispatch = dispatch.New(h.temporal, 4, slog.New(slog.NewTextHandler(h.log, nil)))
	h.store = store.New(h.db, h.dispatch.Kick)
	h.dispatch.Use(h.store)
	var err error
	h.merchant, err = h.store.PutMerchant(t.Context(), store.Merchant{PublicID: "shop", CollectWindow: 1200, Gateways: []string{"zibal"}})
	require.NoError(t, err)
	return h
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}
func (b *lockedBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

// run delivers until the test ends or the returned function is called.
func (h *house) run() (stop func()) {
	ctx, cancel := context.WithCancel(h.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.dispatch.Run(ctx) }()
	stop = func() { cancel(); <-done }
	h.Cleanup(stop)
	return stop
}

func (h *house) create() store.Payment {
	h.Helper()
	token, err := h.store.CreatePayment(h.Context(), store.NewPayment{Merchant: h.merchant, Amount: 10_000})
	require.NoError(h, err)
	p, err := h.store.PaymentByToken(h.Context(), token)
	require.NoError(h, err)
	return p
}

// row adds an outbox row as a newer or broken program might.
func (h *house) row(saga, ref, message, payload string) {
	h.Helper()
	_, err := h.db.NewRaw(`INSERT INTO outbox (saga, ref, message, payload) VALUES (?, ?, ?, ?)`, saga, ref, message, payload).Exec(h.Context())
	require.NoError(h, err)
}

func (h *house) rows() int {
	var n int
	require.NoError(h, h.db.NewRaw(`SELECT count(*) FROM outbox`).Scan(h.Context(), &n))
	return n
}

// refused waits until some row has been refused, and answers the reason.
func (h *house) refused() (reason string) {
	h.Helper()
	require.Eventually(h, func() bool {
		err := h.db.NewRaw(`SELECT last_error FROM outbox WHERE tries > 0 LIMIT 1`).Scan(h.Context(), &reason)
		return err == nil
	}, 5*time.Second, 5*time.Millisecond)
	return reason
}

func (h *house) delivered() {
	h.Helper()
	require.Eventually(h, func() bool { return h.rows() == 0 }, 5*time.Second, 5*time.Millisecond)
}

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
	for name, tt := range map[string]struct {
		sagas, raced map[string]enums.WorkflowExecutionStatus
		stays        string // with this error; empty = dropped
	}{
		"completed":                 {sagas: map[string]enums.WorkflowExecutionStatus{"payment/x": enums.WORKFLOW_EXECUTION_STATUS_COMPLETED}},
		"terminated":                {sagas: map[string]enums.WorkflowExecutionStatus{"payment/x": enums.WORKFLOW_EXECUTION_STATUS_TERMINATED}},
		"never there":               {stays: "never seen"},
		"said gone, and runs again": {sagas: map[string]enums.WorkflowExecutionStatus{"payment/x": enums.WORKFLOW_EXECUTION_STATUS_COMPLETED}, raced: map[string]enums.WorkflowExecutionStatus{"payment/x": enums.WORKFLOW_EXECUTION_STATUS_RUNNING}, stays: "not taken by a running saga"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if tt.sagas != nil {
				h.temporal.sagas = tt.sagas
			}
			h.temporal.raced = tt.raced
			h.row("payment", "x", "collected", `{"event_id": 1}`)
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
		"unknown saga to start":  {"topup", "start", `{}`, `no saga is called "topup"`},
		"unknown saga to signal": {"topup", "collected", `{}`, `no saga is called "topup"`},
		"not an object":          {"payment", "start", `[1]`, "outbox payload"},
		"wrong type":             {"payment", "start", `{"payment_id": "one"}`, "outbox payload"},
		"another's payload":      {"payment", "start", `{"token": "y"}`, "payment/y"},
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

// A delivery that hangs takes its batch's time and no more; a stopping dispatcher finishes what it holds.
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
