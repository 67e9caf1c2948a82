package cmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/sagaclient"
	sagaworker "github.com/paysaga/paysaga/worker"
)

func replayCommand() *cobra.Command {
	var since time.Duration
	c := &cobra.Command{
		Use:   "replay",
		Short: "Replay what a running server holds against this binary; run it before every deploy",
		Long: "Reads the histories of sagas started lately and runs them through this binary's workflows. A saga that\n" +
			"would take another path than it took is printed, and the exit code is 1: deploying would block it.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load()
			if err != nil {
				return err
			}
			return replay(c.Context(), cfg, since, c.OutOrStdout())
		},
	}
	c.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back sagas were started")
	return c
}

func replay(ctx context.Context, cfg config.Config, since time.Duration, out io.Writer) error {
	quiet := slog.New(slog.DiscardHandler)
	temporal, err := openTemporal(cfg, quiet, nil)
	if err != nil {
		return err
	}
	defer temporal.Close()
	replayer, err := newReplayer(cfg)
	if err != nil {
		return err
	}
	executions, err := startedSince(ctx, temporal, cfg.TemporalNamespace, since)
	if err != nil {
		return err
	}
	broken := 0
	for _, e := range executions {
		events, err := history(ctx, temporal, e)
		if err != nil {
			return err
		}
		if events = answered(events); events == nil {
			continue
		}
		err = replayer.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(quiet), &historypb.History{Events: events},
			worker.ReplayWorkflowHistoryOptions{OriginalExecution: e})
		if err != nil {
			broken++
			fmt.Fprintf(out, "BROKEN  %s: %v\n", e.ID, err)
		}
	}
	fmt.Fprintf(out, "%d sagas replayed, %d broken\n", len(executions), broken)
	if broken > 0 {
		return exitCode(1)
	}
	return nil
}

func history(ctx context.Context, c client.Client, e workflow.Execution) ([]*historypb.HistoryEvent, error) {
	var events []*historypb.HistoryEvent
	page := c.GetWorkflowHistory(ctx, e.ID, e.RunID, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for page.HasNext() {
		event, err := page.Next()
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", e.ID, err)
		}
		events = append(events, event)
	}
	return events, nil
}

// answered leaves out a task that a worker has begun and not answered yet: the history does not hold
// its decisions, so the replay's own would look like too many. It is nil before the first answer.
func answered(events []*historypb.HistoryEvent) []*historypb.HistoryEvent {
	end := len(events)
	for i, event := range slices.Backward(events) {
		switch event.EventType {
		case enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
			return events[:end]
		case enums.EVENT_TYPE_WORKFLOW_TASK_STARTED:
			end = i
		}
	}
	return nil
}

func newReplayer(cfg config.Config) (worker.WorkflowReplayer, error) {
	codec, err := sagaclient.NewCodec(cfg.CodecKeys.Reveal())
	if err != nil {
		return nil, err
	}
	data, failure := codec.Converters()
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: data, FailureConverter: failure})
	if err != nil {
		return nil, fmt.Errorf("replayer: %w", err)
	}
	sagaworker.RegisterWorkflows(replayer)
	return replayer, nil
}

func startedSince(ctx context.Context, c client.Client, namespace string, since time.Duration) ([]workflow.Execution, error) {
	var list []workflow.Execution
	request := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: namespace, PageSize: 1000,
		Query: fmt.Sprintf(`SagaKind IS NOT NULL AND StartTime > '%s'`, time.Now().Add(-since).UTC().Format(time.RFC3339)),
	}
	for {
		page, err := c.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("list sagas: %w", err)
		}
		for _, e := range page.Executions {
			list = append(list, workflow.Execution{ID: e.Execution.WorkflowId, RunID: e.Execution.RunId})
		}
		if len(page.NextPageToken) == 0 {
			return list, nil
		}
		request.NextPageToken = page.NextPageToken
	}
}
