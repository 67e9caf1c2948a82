package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/worker"
	"github.com/paysaga/paysaga/workflows"
)

// outcomes are the ways of a payment that every release must have recorded, and how each ends.
var outcomes = map[string]state.Payment{
	"collected":               state.PaymentCollected,
	"auto-collected":          state.PaymentCollected,
	"collected-by-inquiry":    state.PaymentCollected,
	"collected-by-checkpoint": state.PaymentCollected,
	"callback-twice":          state.PaymentCollected,
	"verify-unknown":          state.PaymentCollected,
	"settle-retried":          state.PaymentCollected,
	"paid-twice":              state.PaymentCollected,
	"refunded":                state.PaymentRefunded,
	"refunded-late":           state.PaymentRefunded,
	"refund-resolved":         state.PaymentRefunded,
	"bank-silent":             state.PaymentRefunded,
	"cancelled":               state.PaymentRefunded,
	"cancelled-unpaid":        state.PaymentFailed,
	"failed":                  state.PaymentFailed,
	"abandoned":               state.PaymentFailed,
	"expired":                 state.PaymentExpired,
}

// anyKeys are payload keys of 32 zeros; histories are kept in the clear, so every key will do.
const anyKeys = "any:MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="

// histories reads what was recorded from a real server, as "release/name" without ".json".
func histories(t *testing.T) map[string]*historypb.History {
	t.Helper()
	files, err := filepath.Glob("testdata/histories/*/*.json")
	require.NoError(t, err)
	list := map[string]*historypb.History{}
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
		require.NoError(t, err, file)
		require.NoError(t, f.Close())
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		list[filepath.Base(filepath.Dir(file))+"/"+name] = h
	}
	return list
}

// replay runs a history through workflows and answers the result that they reach.
func replay(t *testing.T, h *historypb.History, register func(worker.WorkflowRegistry), opt sdkworker.WorkflowReplayerOptions) (state.Payment, error) {
	t.Helper()
	codec, err := sagaclient.NewCodec(anyKeys)
	require.NoError(t, err)
	opt.DataConverter, opt.FailureConverter = codec.Converters()
	replayer, err := sdkworker.NewWorkflowReplayerWithOptions(opt)
	require.NoError(t, err)
	register(replayer)
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	original := sdkworker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{ID: "payment/recorded"}}
	if err := replayer.ReplayWorkflowHistoryWithOptions(quiet, h, original); err != nil {
		return "", err
	}
	results, ok := replayer.(interface { // the SDK's replayer has it, its interface does not
		GetWorkflowResult(workflowID string, valuePtr any) error
	})
	require.True(t, ok)
	var result workflows.PaymentResult
	err = results.GetWorkflowResult(original.OriginalExecution.ID, &result)
	return result.State, err
}

// Every saga that was ever recorded takes the same way through today's code.
func TestReplay(t *testing.T) {
	for name, h := range histories(t) {
		t.Run(name, func(t *testing.T) {
			end, err := replay(t, h, worker.RegisterWorkflows, sdkworker.WorkflowReplayerOptions{})
			require.NoError(t, err)
			require.Equal(t, ended(t, h), end)
		})
	}
}

// The machine that takes a saga over has another zone, another number of processors and other keys.
func TestReplayElsewhere(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Tehran")
	require.NoError(t, err)
	home, processors := time.Local, runtime.GOMAXPROCS(1)
	t.Cleanup(func() {
		time.Local = home
		runtime.GOMAXPROCS(processors)
	})
	time.Local = zone
	for name, h := range histories(t) {
		end, err := replay(t, h, worker.RegisterWorkflows, sdkworker.WorkflowReplayerOptions{EnableLoggingInReplay: true})
		require.NoError(t, err, name)
		require.Equal(t, ended(t, h), end, name)
	}
}

// Replay bites: a saga that was changed without a version fails on every history.
func TestChangedWorkflowFailsReplay(t *testing.T) {
	changes := map[string]func(workflow.Context, workflows.PaymentInput) (workflows.PaymentResult, error){
		"a timer more": func(ctx workflow.Context, in workflows.PaymentInput) (workflows.PaymentResult, error) {
			workflow.NewTimer(ctx, time.Hour)
			return workflows.Payment(ctx, in)
		},
		"a local activity more": func(ctx workflow.Context, in workflows.PaymentInput) (workflows.PaymentResult, error) {
			local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: time.Second})
			workflow.ExecuteLocalActivity(local, "PaymentVisits", in.PaymentID)
			return workflows.Payment(ctx, in)
		},
		"every step less": func(workflow.Context, workflows.PaymentInput) (workflows.PaymentResult, error) {
			return workflows.PaymentResult{State: state.PaymentExpired}, nil
		},
		"another deadline": func(ctx workflow.Context, in workflows.PaymentInput) (workflows.PaymentResult, error) {
			in.CollectBy = in.CreatedAt // no timer at all
			return workflows.Payment(ctx, in)
		},
	}
	for change, changed := range changes {
		register := func(r worker.WorkflowRegistry) {
			r.RegisterWorkflowWithOptions(changed, workflow.RegisterOptions{Name: workflows.PaymentName})
		}
		for name, h := range histories(t) {
			_, err := replay(t, h, register, sdkworker.WorkflowReplayerOptions{})
			require.Error(t, err, "%s: %s went unnoticed", change, name)
		}
	}
}

func TestEveryOutcomeIsRecorded(t *testing.T) {
	releases, err := filepath.Glob("testdata/histories/*")
	require.NoError(t, err)
	require.NotEmpty(t, releases)
	all := histories(t)
	for _, release := range releases {
		for outcome, want := range outcomes {
			name := filepath.Base(release) + "/payment-" + outcome
			require.Contains(t, all, name, "make record")
			require.Equal(t, want, ended(t, all[name]), name)
		}
	}
}

// ended reads the result of a recorded saga. A saga that failed would be a bug.
func ended(t *testing.T, h *historypb.History) state.Payment {
	t.Helper()
	last := h.Events[len(h.Events)-1]
	require.Equal(t, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, last.EventType)
	var result workflows.PaymentResult
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(last.GetWorkflowExecutionCompletedEventAttributes().Result, &result))
	return result.State
}

// A workflow task costs about 9 ms of CPU in all, an event far less. What payments cost is limited.
func TestBudget(t *testing.T) {
	for name, h := range histories(t) {
		tasks := count(h, enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
		switch strings.SplitN(name, "/", 2)[1] {
		case "payment-collected":
			require.LessOrEqual(t, len(h.Events), 20, name)
			require.LessOrEqual(t, tasks, 3, name)
		case "payment-auto-collected":
			require.LessOrEqual(t, len(h.Events), 16, name)
			require.LessOrEqual(t, tasks, 2, name)
		default:
			require.LessOrEqual(t, len(h.Events), 70, name)
			require.LessOrEqual(t, tasks, 10, name)
		}
		open := count(h, enums.EVENT_TYPE_TIMER_STARTED) - count(h, enums.EVENT_TYPE_TIMER_FIRED) - count(h, enums.EVENT_TYPE_TIMER_CANCELED)
		require.Zero(t, open, "%s: a timer was left running", name)
	}
}

func count(h *historypb.History, kind enums.EventType) int {
	n := 0
	for _, e := range h.Events {
		if e.EventType == kind {
			n++
		}
	}
	return n
}

// Histories stand in a public repository.
func TestHistoriesAreClean(t *testing.T) {
	for name, h := range histories(t) {
		text := h.String()
		for _, bad := range []string{"identity:", "binary/encrypted", "Encoded failure", "/home/", "/root/", "/tmp/"} {
			require.NotContains(t, text, bad, name)
		}
	}
}
