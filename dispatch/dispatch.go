// Package dispatch delivers outbox rows to Temporal. It is the only place that starts a saga.
//
// A delivery is safe to repeat: a saga's id is fixed and never reused, and signals carry the id of
// their event. So a row is removed only after Temporal has taken it, and a crash in between delivers
// it twice.
package dispatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/workflows"
)

const (
	batch    = 16               // rows claimed at once
	poll     = time.Second      // catches what a crash or a lost notification left behind
	delivery = 10 * time.Second // one batch; the rows are locked that long at most
)

// Temporal is what a dispatcher needs of the client.
type Temporal interface {
	ExecuteWorkflow(ctx context.Context, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWorkflow(ctx context.Context, workflowID, runID, signal string, arg any) error
	SignalWithStartWorkflow(ctx context.Context, workflowID, signal string, arg any, options client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	DescribeWorkflow(ctx context.Context, workflowID, runID string) (*client.WorkflowExecutionDescription, error)
}

// Dispatcher delivers the outbox. Any number of them may run, in any number of processes.
type Dispatcher struct {
	store    *store.Store
	temporal Temporal
	log      *slog.Logger
	workers  int                        // deliveries at once
	link     func(sagaID string) string // the saga's page in the Temporal UI, for the log
	work     chan struct{}
}

// New returns a dispatcher that makes `workers` deliveries at once.
func New(temporal Temporal, workers int, log *slog.Logger) *Dispatcher {
	return &Dispatcher{
		temporal: temporal, log: log, workers: workers, work: make(chan struct{}, 1),
		link: func(sagaID string) string { return sagaID },
	}
}

// LinkTo makes the log name a saga by its page in the Temporal UI.
func (d *Dispatcher) LinkTo(link func(sagaID string) string) { d.link = link }

// Use sets the store; the store in turn kicks this dispatcher, so one of them comes first.
func (d *Dispatcher) Use(s *store.Store) { d.store = s }

// Kick says that the outbox has work. It never blocks.
func (d *Dispatcher) Kick() {
	select {
	case d.work <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. A batch that was claimed is finished first.
func (d *Dispatcher) Run(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		more := d.deliverBatch(ctx)
		if ctx.Err() != nil {
			return
		}
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-d.work:
		case <-tick.C:
		}
	}
}

// deliverBatch says whether there may be more to deliver at once.
func (d *Dispatcher) deliverBatch(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), delivery)
	defer cancel()
	failed := 0
	claimed, err := d.store.DeliverOutbox(ctx, batch, func(ctx context.Context, rows []store.Delivery) []store.Undelivered {
		undelivered := d.deliverAll(ctx, rows)
		failed = len(undelivered)
		return undelivered
	})
	if err != nil {
		d.log.Warn("outbox not delivered", "error", err)
		return false
	}
	return claimed > failed
}

func (d *Dispatcher) deliverAll(ctx context.Context, rows []store.Delivery) []store.Undelivered {
	errs := make([]error, len(rows))
	var group errgroup.Group
	group.SetLimit(d.workers)
	for i, row := range rows {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, delivery/2)
			defer cancel()
			errs[i] = d.deliver(ctx, row)
			return nil
		})
	}
	_ = group.Wait() // errors are per row
	var failed []store.Undelivered
	for i, err := range errs {
		if err != nil {
			d.log.Warn("delivery failed", "saga", rows[i].Saga+"/"+rows[i].Ref, "message", rows[i].Message, "tries", rows[i].Tries+1, "error", err)
			failed = append(failed, store.Undelivered{ID: rows[i].ID, Tries: rows[i].Tries, Err: err})
		}
	}
	return failed
}

func (d *Dispatcher) deliver(ctx context.Context, row store.Delivery) error {
	if row.Message == store.Start {
		return d.start(ctx, row)
	}
	id, err := sagaID(row)
	if err != nil {
		return err
	}
	err = d.signal(ctx, id, row)
	var gone *serviceerror.NotFound
	var ended *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &gone) || errors.As(err, &ended) {
		return d.afterEnd(ctx, id, row)
	}
	return err
}

// signal tells a saga. One that still sleeps after its start is woken, unless this gives it nothing to do: to a server,
// that is a signal with a start, which never starts a second one.
func (d *Dispatcher) signal(ctx context.Context, id string, row store.Delivery) error {
	input, err := d.store.SagaInput(ctx, row.Saga, row.Ref)
	if err != nil {
		return err
	}
	if input == nil || !workflows.Wakes(row.Message) {
		return d.temporal.SignalWorkflow(ctx, id, "", row.Message, row.Payload)
	}
	name, in, err := decode(row.Saga, input)
	if err != nil {
		return err
	}
	_, err = d.temporal.SignalWithStartWorkflow(ctx, id, row.Message, row.Payload, startOptions(in), name, in)
	return err
}

// afterEnd accepts a signal to a saga that has ended: it ended on rows that were already final, so
// the fact changes nothing. A saga that was never there is another matter: the row stays and alerts.
func (d *Dispatcher) afterEnd(ctx context.Context, id string, row store.Delivery) error {
	description, err := d.temporal.DescribeWorkflow(ctx, id, "")
	if err != nil {
		return fmt.Errorf("signal %s: %w", row.Message, err)
	}
	if description.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return fmt.Errorf("signal %s: not taken by a running saga", row.Message)
	}
	d.log.Info("signal after the saga's end", "saga", id, "message", row.Message)
	return nil
}

func (d *Dispatcher) start(ctx context.Context, row store.Delivery) error {
	name, in, err := decode(row.Saga, row.Payload)
	if err != nil {
		return err
	}
	options := startOptions(in)
	if id, err := sagaID(row); err != nil || id != options.ID {
		return fmt.Errorf("outbox payload is of saga %s, the row of %s", options.ID, id)
	}
	if s, ok := in.(sleeper); ok {
		options.StartDelay = max(0, time.Until(s.FirstWake()))
	}
	_, err = d.temporal.ExecuteWorkflow(ctx, options, name, in)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	if errors.As(err, &started) {
		return nil // an earlier delivery arrived
	}
	if err == nil {
		d.log.Info("saga started", "saga", options.ID, "link", d.link(options.ID))
	}
	return err
}

// starter is what a saga's input tells about itself.
type starter interface {
	Summary() string
	Options() client.StartWorkflowOptions
}

// sleeper is a saga that has nothing to do at first.
type sleeper interface{ FirstWake() time.Time }

// decode finds a saga's registered name and reads its input.
func decode(saga string, payload json.RawMessage) (string, starter, error) {
	switch saga {
	case "payment":
		return as[workflows.PaymentInput](workflows.PaymentName, payload)
	case "transfer":
		return as[workflows.TransferInput](workflows.TransferName, payload)
	case "deposit":
		return as[workflows.DepositInput](workflows.DepositName, payload)
	case "topup":
		return as[workflows.TopUpInput](workflows.TopUpName, payload)
	case "purchase":
		return as[workflows.PurchaseInput](workflows.PurchaseName, payload)
	case "webhook":
		return as[workflows.WebhookInput](workflows.WebhookName, payload)
	case "payout":
		return as[workflows.PayoutInput](workflows.PayoutName, payload)
	case "wallet":
		return as[workflows.WalletInput](workflows.WalletName, payload)
	}
	return "", nil, fmt.Errorf("no saga is called %q", saga)
}

func as[In starter](name string, payload json.RawMessage) (string, starter, error) {
	var in In
	if err := json.Unmarshal(payload, &in); err != nil {
		return "", nil, fmt.Errorf("outbox payload: %w", err)
	}
	return name, in, nil
}

func startOptions(in starter) client.StartWorkflowOptions {
	options := in.Options()
	options.StaticSummary = in.Summary()
	options.WorkflowIDReusePolicy = enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	options.WorkflowExecutionErrorWhenAlreadyStarted = true
	return options
}

func sagaID(row store.Delivery) (string, error) {
	switch row.Saga {
	case "payment":
		return workflows.PaymentID(row.Ref), nil
	case "transfer", "deposit", "topup", "purchase", "webhook", "payout", "wallet":
		return row.Saga + "/" + row.Ref, nil // as TransferID and the others write them; start compares
	}
	return "", fmt.Errorf("no saga is called %q", row.Saga)
}
