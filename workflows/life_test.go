package workflows_test

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/workflows"
)

// How a world carries its saga, on one worker or on several that crash.

// live carries the saga to its end without a crash.
func (w *world) live() {
	w.t.Helper()
	w.execute(born)
	require.False(w.t, w.crashed, "a planned crash needs runThroughCrashes")
}

// liveThroughCrashes starts the saga again on the same rows whenever its worker has crashed. Nothing
// of the run before is remembered but its signals, so every step is taken again: harder than what a
// real replay does, which remembers finished workflow tasks.
func (w *world) liveThroughCrashes(pause time.Duration, crashes ...int) {
	w.t.Helper()
	start := born
	for _, steps := range append(crashes, 0) {
		w.mu.Lock()
		w.crashAt = steps
		w.mu.Unlock()
		w.execute(start)
		if !w.dead() {
			break
		}
		start = w.now().Add(pause)
	}
}

func (w *world) execute(start time.Time) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetStartTime(start)
	env.SetTestTimeout(20 * time.Second)
	env.SetWorkflowRunTimeout(start.Sub(born) + 10*24*time.Hour) // a saga that goes in circles
	env.RegisterWorkflowWithOptions(w.plays.saga, workflow.RegisterOptions{Name: w.plays.name})
	for _, a := range w.plays.activities {
		env.RegisterActivity(a)
	}
	if w.watch != nil {
		w.watch(env)
	}
	env.OnUpsertTypedSearchAttributes(mock.MatchedBy(w.show)).Return(nil)
	w.meanwhile(start)
	w.mu.Lock()
	w.env, w.flagged, w.crashed, w.steps = env, false, false, 0
	w.life++
	env.SetWorkerOptions(sdkworker.Options{BackgroundActivityContext: context.WithValue(context.Background(), lifeKey{}, w.life)})
	w.mu.Unlock()

	for _, s := range w.sent { // history keeps its signals
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(s.name, s.payload) }, 0)
	}
	for _, p := range w.planned {
		env.RegisterDelayedCallback(func() {
			if !w.dead() {
				w.planned = slices.DeleteFunc(w.planned, func(q *planned) bool { return p == q })
				p.do()
			}
		}, born.Add(p.after).Sub(start))
	}
	env.ExecuteWorkflow(w.plays.name, w.plays.input)
}

// meanwhile lets happen what was planned for the time without a worker.
func (w *world) meanwhile(until time.Time) {
	w.env = nil
	slices.SortStableFunc(w.planned, func(a, b *planned) int { return cmp.Compare(a.after, b.after) })
	for len(w.planned) > 0 && born.Add(w.planned[0].after).Before(until) {
		w.clock = born.Add(w.planned[0].after)
		w.planned[0].do()
		w.planned = w.planned[1:]
	}
}

func (w *world) dead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crashed
}

// show notes what operators are shown.
func (w *world) show(shown temporal.SearchAttributes) bool {
	if flag, ok := shown.GetBool(workflows.NeedsAttention); ok {
		w.flagged = flag
	}
	if at, ok := shown.GetKeyword(workflows.SagaState); ok {
		w.shownState, w.shown = at, append(w.shown, at)
	}
	return true
}

// mortal is a saga on a worker that can crash.
func mortal[In, Out any](w *world, saga func(workflow.Context, In) (Out, error)) func(workflow.Context, In) (Out, error) {
	return func(ctx workflow.Context, in In) (Out, error) {
		alive, _ := workflow.NewDisconnectedContext(ctx) // a saga that was cancelled in the UI can crash, too
		workflow.Go(alive, func(ctx workflow.Context) {
			if workflow.Await(ctx, w.dead) == nil {
				panic("crash")
			}
		})
		return saga(ctx, in)
	}
}

// completed reads the saga's result. A saga that has not ended, or has failed, is a bug.
func (w *world) completed(result any) {
	w.t.Helper()
	require.True(w.t, w.env.IsWorkflowCompleted(), w.story())
	require.NoError(w.t, w.env.GetWorkflowError(), w.story())
	require.NoError(w.t, w.env.GetWorkflowResult(result))
	require.False(w.t, w.flagged, "nobody is called any more\n%s", w.story())
}
