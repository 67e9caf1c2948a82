package dispatch_test

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/paysaga/paysaga/store"
)

// temporal stands for the server: it takes starts and signals as the real one answers them.
type temporal struct {
	mu      sync.Mutex
	sagas   map[string]enums.WorkflowExecutionStatus
	starts  []client.StartWorkflowOptions
	inputs  []any
	signals []signal
	woken   []woken
	down    error                                    // answers everything
	hold    func(ctx context.Context, what string)   // before anything
	raced   map[string]enums.WorkflowExecutionStatus // what DescribeWorkflow says instead
}

var sagaNames = map[string]string{
	"payment": "payment.v1", "transfer": "transfer.v1", "deposit": "deposit.v1", "topup": "topup.v1", "purchase": "purchase.v1",
	"webhook": "webhook.v1", "payout": "payout.v1", "wallet": "wallet.v1",
}

// woken is a saga that was told by a signal with a start.
type woken struct {
	id, signal string
	options    client.StartWorkflowOptions
	input      any
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
	kind, _, _ := strings.Cut(o.ID, "/")
	if workflow != sagaNames[kind] {
		return nil, fmt.Errorf("no workflow %v for %s", workflow, o.ID)
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

// SignalWithStartWorkflow tells a running saga, or refuses one that has ended; a saga that never was begins.
func (f *temporal) SignalWithStartWorkflow(ctx context.Context, id, name string, arg any, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error) {
	f.mu.Lock()
	_, known := f.sagas[id]
	f.mu.Unlock()
	if !known {
		if _, err := f.ExecuteWorkflow(ctx, o, workflow, args...); err != nil {
			return nil, err
		}
	}
	err := f.SignalWorkflow(ctx, id, "", name, arg)
	var gone *serviceerror.NotFound
	if errors.As(err, &gone) {
		err = serviceerror.NewWorkflowExecutionAlreadyStarted("ended", "", "")
	}
	if err == nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.woken = append(f.woken, woken{id: id, signal: name, options: o, input: args[0]})
	}
	return nil, err
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
