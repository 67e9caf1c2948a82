package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// What the payment saga is measured against, on the same server and with the same codec.

const (
	bareQueue = "bench"
	idleQueue = "bench-idle" // nobody polls it
)

// bareSaga wakes three times, like a payment that is paid and collected, and does nothing: start,
// paid, collected. Its one timer is armed and cancelled.
func bareSaga(ctx workflow.Context) error {
	return wakeTwice(ctx, func(workflow.Context) error { return nil })
}

// naiveSaga is what one writes first: a regular activity for each step.
func naiveSaga(ctx workflow.Context) error {
	step := func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
		return workflow.ExecuteActivity(ctx, "step").Get(ctx, nil)
	}
	if err := step(ctx); err != nil {
		return err
	}
	return wakeTwice(ctx, step)
}

func wakeTwice(ctx workflow.Context, step func(workflow.Context) error) error {
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	_ = workflow.NewTimer(timerCtx, 20*time.Minute)
	for _, signal := range []string{"paid", "collected"} {
		workflow.GetSignalChannel(ctx, signal).Receive(ctx, nil)
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startBareWorker runs the bare sagas with the tuning of the real worker.
func startBareWorker(c client.Client) (worker.Worker, error) {
	w := worker.New(c, bareQueue, worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 5}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 5}),
	})
	w.RegisterWorkflowWithOptions(bareSaga, workflow.RegisterOptions{Name: "bench.bare"})
	w.RegisterWorkflowWithOptions(naiveSaga, workflow.RegisterOptions{Name: "bench.naive"})
	w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "step"})
	return w, w.Start()
}

// bareStart is nothing but StartWorkflow: the queue has no worker.
func bareStart(ctx context.Context, c client.Client) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "bench/" + uuid.NewString(), TaskQueue: idleQueue}, "bench.idle")
	return err
}

// signalled runs one bare or naive saga as the world would: two signals, each after the saga had
// time to fall asleep again.
func signalled(ctx context.Context, c client.Client, name string) error {
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "bench/" + uuid.NewString(), TaskQueue: bareQueue}, name)
	if err != nil {
		return err
	}
	for _, signal := range []string{"paid", "collected"} {
		if err := pause(ctx, bareGap); err != nil {
			return err
		}
		if err := c.SignalWorkflow(ctx, run.GetID(), run.GetRunID(), signal, nil); err != nil {
			return fmt.Errorf("signal: %w", err)
		}
	}
	return run.Get(ctx, nil)
}

// bareGap keeps the wake-ups apart, so that each costs a workflow task of its own, as it does for a
// payment, whose payer takes longer.
const bareGap = 100 * time.Millisecond

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
