package main

import (
	"context"
	"fmt"
	"sync"
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

// bareSagas are sagas with three wake-ups and nothing else. They tell their driver when
// they have woken, so that each signal meets a sleeping saga and costs a workflow task of its own, as
// it does for a payment, whose payer is slower. (A saga must not do that; a benchmark may.)
type bareSagas struct {
	mu   sync.Mutex
	woke map[string]chan struct{}
}

// bare wakes at its start, when it is paid and when it is collected. (A payment's saga sleeps through the first.) Its
// one timer is armed and cancelled.
func (b *bareSagas) bare(ctx workflow.Context) error {
	return b.wakeUps(ctx, func(workflow.Context) error { return nil })
}

// naive is what one writes first: a regular activity for each step.
func (b *bareSagas) naive(ctx workflow.Context) error {
	return b.wakeUps(ctx, func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 10 * time.Second})
		return workflow.ExecuteActivity(ctx, "step").Get(ctx, nil)
	})
}

func (b *bareSagas) wakeUps(ctx workflow.Context, step func(workflow.Context) error) error {
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	_ = workflow.NewTimer(timerCtx, 20*time.Minute)
	if err := step(ctx); err != nil {
		return err
	}
	for _, signal := range signals {
		b.channel(workflow.GetInfo(ctx).WorkflowExecution.ID) <- struct{}{}
		workflow.GetSignalChannel(ctx, signal).Receive(ctx, nil)
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

var signals = []string{"paid", "collected"}

// single wakes once, like a top-up: one local activity, and it is done.
func (b *bareSagas) single(ctx workflow.Context) error {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: 10 * time.Second})
	return workflow.ExecuteLocalActivity(ctx, step).Get(ctx, nil)
}

func step(context.Context) error { return nil }

// channel has room for a replay.
func (b *bareSagas) channel(id string) chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.woke[id]
	if !ok {
		c = make(chan struct{}, 16)
		b.woke[id] = c
	}
	return c
}

// start runs the bare sagas with the tuning of the real worker.
func (b *bareSagas) start(c client.Client) (worker.Worker, error) {
	w := worker.New(c, bareQueue, worker.Options{
		WorkflowTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 5}),
		ActivityTaskPollerBehavior: worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{InitialNumberOfPollers: 5}),
	})
	w.RegisterWorkflowWithOptions(b.bare, workflow.RegisterOptions{Name: "bench.bare"})
	w.RegisterWorkflowWithOptions(b.naive, workflow.RegisterOptions{Name: "bench.naive"})
	w.RegisterWorkflowWithOptions(b.single, workflow.RegisterOptions{Name: "bench.single"})
	w.RegisterActivityWithOptions(step, activity.RegisterOptions{Name: "step"})
	return w, w.Start()
}

// bareStart is nothing but StartWorkflow: the queue has no worker.
func bareStart(ctx context.Context, c client.Client) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "bench/" + uuid.NewString(), TaskQueue: idleQueue}, "bench.idle")
	return err
}

// run carries one bare or naive saga to its end.
func (b *bareSagas) run(ctx context.Context, c client.Client, name string) error {
	id := "bench/" + uuid.NewString()
	woke := b.channel(id)
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: bareQueue}, name)
	if err != nil {
		return err
	}
	for _, signal := range signals {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-woke:
		}
		if err := c.SignalWorkflow(ctx, id, run.GetRunID(), signal, nil); err != nil {
			return fmt.Errorf("signal: %w", err)
		}
	}
	return run.Get(ctx, nil)
}

// once carries one single saga to its end.
func (b *bareSagas) once(ctx context.Context, c client.Client) error {
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "bench/" + uuid.NewString(), TaskQueue: bareQueue}, "bench.single")
	if err != nil {
		return err
	}
	return run.Get(ctx, nil)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
