package workflows

import (
	"errors"
	"fmt"
	"slices"
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
	open     []string       // reasons for which a person is called, oldest first; one may stand twice
	seen     map[int64]bool // event ids of signals taken
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
	return saga{seen: map[int64]bool{}, patience: defaultPatience}
}

// say appends a line to the Markdown that the UI shows as current details.
func (s *saga) say(ctx workflow.Context, format string, args ...any) {
	line := fmt.Sprintf("- `%s` %s", workflow.Now(ctx).UTC().Format("15:04:05"), fmt.Sprintf(format, args...))
	s.lines = append(s.lines, line)
	workflow.SetCurrentDetails(ctx, strings.Join(s.lines, "\n"))
}

// moment is an instant as operators read it, in UTC.
func moment(at time.Time) string { return at.UTC().Format(time.DateTime) }

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

// othersFirst lets everything run that can, such as who waits for a signal that is there; it costs no event.
func othersFirst(ctx workflow.Context) error {
	last := false
	workflow.Go(ctx, func(workflow.Context) { last = true })
	return workflow.Await(ctx, func() bool { return last })
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
	if err == nil && !inTime {
		err = s.awaitAttended(ctx, st.attention, settled)
	}
	if err != nil {
		return err
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

// awaitAttended waits while a person is called; for the calling itself, without.
func (s *saga) awaitAttended(ctx workflow.Context, reason string, cond func() bool) error {
	if reason == "" {
		return workflow.Await(ctx, cond)
	}
	if err := s.raise(ctx, reason); err != nil {
		return err
	}
	if err := workflow.Await(ctx, cond); err != nil {
		return err
	}
	return s.lower(ctx, reason)
}

// store runs a store activity; it ends only when the database has answered.
func (s *saga) store(ctx workflow.Context, name string, activity any, in, out any) error {
	return s.call(ctx, storeStep(name), callOptions{}, activity, in, out)
}

// raise calls a person: search attribute, row, details. Whoever raises lowers once.
func (s *saga) raise(ctx workflow.Context, reason string) error {
	s.open = append(s.open, reason)
	s.say(ctx, "**needs attention: %s**", reason)
	return s.showAttention(ctx)
}

// lower takes one call back; others may still hold.
func (s *saga) lower(ctx workflow.Context, reason string) error {
	if i := slices.Index(s.open, reason); i >= 0 {
		s.open = slices.Delete(s.open, i, i+1)
	}
	s.say(ctx, "attention over: %s", reason)
	return s.showAttention(ctx)
}

// callPerson calls one, once for a reason; the call is taken back when the saga is decided.
func (s *saga) callPerson(ctx workflow.Context, reason string) error {
	if slices.Contains(s.open, reason) {
		return nil
	}
	return s.raise(ctx, reason)
}

// decidedAs takes back every call for a person and shows how the saga ended.
func (s *saga) decidedAs(ctx workflow.Context, end string) error {
	s.say(ctx, "**%s**", end)
	for len(s.open) > 0 {
		if err := s.lower(ctx, s.open[0]); err != nil {
			return err
		}
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, SagaState.ValueSet(end)); err != nil {
		return fmt.Errorf("show the end: %w", err)
	}
	return nil
}

func (s *saga) showAttention(ctx workflow.Context) error {
	for {
		reason := s.latestReason()
		if err := workflow.UpsertTypedSearchAttributes(ctx, NeedsAttention.ValueSet(reason != "")); err != nil {
			return fmt.Errorf("show attention: %w", err)
		}
		if err := s.attend(ctx, reason); err != nil {
			return err
		}
		if reason == s.latestReason() { // else there was news while the row was written
			return nil
		}
	}
}

func (s *saga) latestReason() string {
	if len(s.open) == 0 {
		return ""
	}
	return s.open[len(s.open)-1]
}

// final says whether trying again cannot change the error.
func final(err error) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.NonRetryable()
}

// refused says whether a bank gave its final no.
func refused(err error) bool { return isType(err, activities.ErrRefused) }

// refusedTran is the bank's number of the transaction that it refused, empty when it is not known.
func refusedTran(err error) string {
	var app *temporal.ApplicationError
	var code, tran string
	if !errors.As(err, &app) || app.Details(&code, &tran) != nil {
		return ""
	}
	return tran
}

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
