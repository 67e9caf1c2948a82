package workflows

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
)

// saga is what every saga has: a timeline for the UI, calls that outlive trouble, and a way to call
// a person.
type saga struct {
	lines    []string
	open     map[string]bool // attention reasons raised and not over
	seen     map[int64]bool  // event ids of signals taken
	attend   func(ctx workflow.Context, reason string) error
	patience time.Duration
}

var (
	// errStopped means that a person ended the step while the saga was waiting for it.
	errStopped = errors.New("ended by a person")
	// errTooLate means that a bounded call came to its bound without an answer.
	errTooLate = errors.New("no answer in time")
)

func newSaga() saga {
	return saga{open: map[string]bool{}, seen: map[int64]bool{}, patience: defaultPatience}
}

// say appends a line to the Markdown that the UI shows as current details.
func (s *saga) say(ctx workflow.Context, format string, args ...any) {
	line := fmt.Sprintf("- `%s` %s", workflow.Now(ctx).UTC().Format("15:04:05"), fmt.Sprintf(format, args...))
	s.lines = append(s.lines, line)
	workflow.SetCurrentDetails(ctx, strings.Join(s.lines, "\n"))
}

// fresh recognises a signal that was delivered twice.
func (s *saga) fresh(eventID int64) bool {
	if s.seen[eventID] {
		return false
	}
	s.seen[eventID] = true
	return true
}

// awaitUntil waits for cond, at most until the instant, and says whether cond holds. Operators read
// why in the timeline. The timer is
// cancelled explicitly: workflow.AwaitWithTimeout leaks it.
func awaitUntil(ctx workflow.Context, at time.Time, why string, cond func() bool) (bool, error) {
	left := at.Sub(workflow.Now(ctx))
	if cond() || left <= 0 {
		return cond(), nil
	}
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	timer := workflow.NewTimerWithOptions(timerCtx, left, workflow.TimerOptions{Summary: why})
	err := workflow.Await(ctx, func() bool { return cond() || timer.IsReady() })
	return cond(), err
}

// callOptions shape one call.
type callOptions struct {
	within time.Duration // give up after this; 0 = never
	stop   func() bool   // a person ended it
}

// call runs an activity: locally first, then durably, for as long as it takes. It returns nil, a
// final error (refused), errStopped, or, with a bound, errTooLate.
func (s *saga) call(ctx workflow.Context, st step, opt callOptions, activity any, in, out any) error {
	err := workflow.ExecuteLocalActivity(st.local(ctx), activity, in).Get(ctx, out)
	if err == nil || final(err) {
		return err
	}
	s.say(ctx, "%s: %s; going on", st.name, reasonOf(err))

	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	stopped := func() bool { return opt.stop != nil && opt.stop() }
	future := workflow.ExecuteActivity(st.durable(ctx, opt.within), activity, in)
	settled := func() bool { return future.IsReady() || stopped() }

	inTime, err := awaitUntil(ctx, workflow.Now(ctx).Add(s.patience), "then a person is called", settled)
	if err != nil {
		return err
	}
	if !inTime {
		if err := s.raise(ctx, st.attention); err != nil {
			return err
		}
		if err := workflow.Await(ctx, settled); err != nil {
			return err
		}
		if err := s.lower(ctx, st.attention); err != nil {
			return err
		}
	}
	if stopped() {
		return errStopped
	}
	err = future.Get(ctx, out)
	if err != nil && !final(err) && opt.within > 0 {
		return errTooLate // the server tells it by the latest failure, or by a timeout
	}
	return err
}

// store runs a store activity; it ends only when the database has answered.
func (s *saga) store(ctx workflow.Context, name string, activity any, in, out any) error {
	return s.call(ctx, storeStep(name), callOptions{}, activity, in, out)
}

// raise calls a person: search attribute, row, details. Raising twice changes nothing.
func (s *saga) raise(ctx workflow.Context, reason string) error {
	if s.open[reason] {
		return nil
	}
	s.open[reason] = true
	s.say(ctx, "**needs attention: %s**", reason)
	if err := workflow.UpsertTypedSearchAttributes(ctx, NeedsAttention.ValueSet(true)); err != nil {
		return fmt.Errorf("raise attention: %w", err)
	}
	return s.attend(ctx, reason)
}

// lower takes the call back.
func (s *saga) lower(ctx workflow.Context, reason string) error {
	if !s.open[reason] {
		return nil
	}
	delete(s.open, reason)
	s.say(ctx, "attention over: %s", reason)
	if len(s.open) > 0 {
		return nil
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, NeedsAttention.ValueSet(false)); err != nil {
		return fmt.Errorf("lower attention: %w", err)
	}
	return s.attend(ctx, "")
}

// final says whether trying again cannot change the error.
func final(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.NonRetryable()
}

// refused says whether a bank gave its final no.
func refused(err error) bool { return isType(err, activities.ErrRefused) }

func isType(err error, kind string) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == kind
}

// reasonOf names an error for people, without its text: texts may hold what a bank said.
func reasonOf(err error) string {
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &app) && app.Type() != "":
		return app.Type()
	case errors.As(err, &timeout):
		return "no answer in time"
	}
	return "failed"
}
