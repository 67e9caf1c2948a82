// Package worker builds and runs the Temporal workers: what is registered under which name, on which
// queue, with which limits.
package worker

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/workflows"
)

// Options of the workers of one process.
type Options struct {
	Payments  *activities.Payments
	Bank      *activities.Bank
	Transfers *activities.Transfers
	TopUps    *activities.TopUps
	Purchases *activities.Purchases
	Webhooks  *activities.Webhooks
	Payouts   *activities.Payouts
	Wallets   *activities.Wallets
	// StoreCalls bounds concurrent store activities; it should not pass the connection pool.
	StoreCalls int
}

// Workers run the sagas and the durable bank calls of one process.
type Workers struct {
	list []worker.Worker
}

// drain is how long running activities may finish at shutdown.
const drain = 20 * time.Second

// cachedSagas bounds the sagas that a process keeps in memory. Most sleep for minutes; the SDK's ten
// thousand, with a few goroutines each, cost more in garbage collection than replaying one that left.
const cachedSagas = 1000

// New registers everything. Nothing runs before Start.
func New(c client.Client, opt Options) *Workers {
	worker.SetStickyWorkflowCacheSize(cachedSagas)
	sagas := worker.New(c, workflows.SagaQueue, worker.Options{
		MaxConcurrentLocalActivityExecutionSize: opt.StoreCalls,
		MaxConcurrentActivityExecutionSize:      opt.StoreCalls,
		WorkflowTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 5}),
		ActivityTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 2}),
		WorkflowPanicPolicy:                     worker.BlockWorkflow, // a bug waits for its fix; it must not end a saga
		WorkerStopTimeout:                       drain,
		DisableRegistrationAliasing:             true,
	})
	RegisterWorkflows(sagas)
	RegisterActivities(sagas, opt)

	banks := worker.New(c, workflows.GatewayQueue, worker.Options{
		DisableWorkflowWorker:              true,
		MaxConcurrentActivityExecutionSize: 200,
		ActivityTaskPollerBehavior:         worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 2}),
		WorkerStopTimeout:                  drain,
		DisableRegistrationAliasing:        true,
	})
	RegisterActivities(banks, opt)

	// Deliveries wait for strangers' machines: they have room of their own, and the sagas of money theirs.
	webhooks := worker.New(c, workflows.WebhookQueue, worker.Options{
		MaxConcurrentLocalActivityExecutionSize: 64,
		MaxConcurrentActivityExecutionSize:      200,
		WorkflowTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 2}),
		ActivityTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 2}),
		WorkflowPanicPolicy:                     worker.BlockWorkflow,
		WorkerStopTimeout:                       drain,
		DisableRegistrationAliasing:             true,
	})
	RegisterWorkflows(webhooks)
	RegisterActivities(webhooks, opt)
	return &Workers{list: []worker.Worker{banks, webhooks, sagas}}
}

// WorkflowRegistry is a worker or a replayer.
type WorkflowRegistry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// RegisterWorkflows names every saga.
func RegisterWorkflows(r WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(workflows.Payment, workflow.RegisterOptions{Name: workflows.PaymentName})
	r.RegisterWorkflowWithOptions(workflows.Transfer, workflow.RegisterOptions{Name: workflows.TransferName})
	r.RegisterWorkflowWithOptions(workflows.Deposit, workflow.RegisterOptions{Name: workflows.DepositName})
	r.RegisterWorkflowWithOptions(workflows.TopUp, workflow.RegisterOptions{Name: workflows.TopUpName})
	r.RegisterWorkflowWithOptions(workflows.Purchase, workflow.RegisterOptions{Name: workflows.PurchaseName})
	r.RegisterWorkflowWithOptions(workflows.Webhook, workflow.RegisterOptions{Name: workflows.WebhookName})
	r.RegisterWorkflowWithOptions(workflows.Payout, workflow.RegisterOptions{Name: workflows.PayoutName})
	r.RegisterWorkflowWithOptions(workflows.Wallet, workflow.RegisterOptions{Name: workflows.WalletName})
	r.RegisterWorkflowWithOptions(workflows.Catalogue, workflow.RegisterOptions{Name: workflows.CatalogueName})
}

// ActivityRegistry is a worker or a test environment.
type ActivityRegistry interface {
	RegisterActivityWithOptions(a any, options activity.RegisterOptions)
}

// RegisterActivities registers the methods of the dependency structs under their own names.
func RegisterActivities(r ActivityRegistry, opt Options) {
	r.RegisterActivityWithOptions(opt.Payments, activity.RegisterOptions{})
	r.RegisterActivityWithOptions(opt.Bank, activity.RegisterOptions{})
	r.RegisterActivityWithOptions(opt.Transfers, activity.RegisterOptions{})
	r.RegisterActivityWithOptions(opt.TopUps, activity.RegisterOptions{})
	r.RegisterActivityWithOptions(opt.Purchases, activity.RegisterOptions{})
	r.RegisterActivityWithOptions(opt.Webhooks, activity.RegisterOptions{})
	r.RegisterActivityWithOptions(opt.Payouts, activity.RegisterOptions{})
	r.RegisterActivityWithOptions(opt.Wallets, activity.RegisterOptions{})
}

// Start begins polling.
func (w *Workers) Start() error {
	for i, one := range w.list {
		if err := one.Start(); err != nil {
			for _, started := range w.list[:i] {
				started.Stop()
			}
			return fmt.Errorf("start worker: %w", err)
		}
	}
	return nil
}

// Stop takes no new work and lets running activities finish.
func (w *Workers) Stop() {
	for _, one := range w.list {
		one.Stop()
	}
}
