package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

const day = 24 * time.Hour

// pausing fails like a call that is tried again after a pause.
func pausing(pause time.Duration) error {
	return temporal.NewApplicationErrorWithOptions("not now", "unavailable", temporal.ApplicationErrorOptions{NextRetryDelay: pause})
}

func TestTopUpDecidedAtOnce(t *testing.T) {
	for as, end := range map[operators.Outcome]state.TopUp{operators.Delivered: state.TopUpDelivered, operators.Refused: state.TopUpReversed} {
		w := newTopUpWorld(t)
		w.reseller.will.as = as
		require.Equal(t, end, w.runTopUp().State)
		require.Equal(t, []string{fmt.Sprint("00:00 order: ", as), fmt.Sprint("00:00 ", end)}, w.journal)
		require.Equal(t, 3, w.steps, "mark, order, record")
		require.Equal(t, born, w.now(), "no timer")
	}
}

// The answer to the order was lost. Only the reseller's book says what became of it.
func TestTopUpAnswerLost(t *testing.T) {
	for as, end := range map[operators.Outcome]state.TopUp{operators.Delivered: state.TopUpDelivered, operators.Refused: state.TopUpReversed} {
		w := newTopUpWorld(t)
		w.reseller.will = order{as: as, lost: true}
		require.Equal(t, end, w.runTopUp().State)
		require.Equal(t, []string{"00:00 order: unknown", "00:00 unknown", fmt.Sprint("00:01 asked: ", as), fmt.Sprint("00:01 ", end)}, w.journal)
	}
}

// The reseller takes its time: it is asked at growing pauses, and nothing is decided before it has decided.
func TestTopUpInProgress(t *testing.T) {
	for as, end := range map[operators.Outcome]state.TopUp{operators.Delivered: state.TopUpDelivered, operators.Refused: state.TopUpReversed} {
		w := newTopUpWorld(t)
		w.reseller.will = order{as: as, decides: 7 * minute}
		require.Equal(t, end, w.runTopUp().State)
		require.Equal(t, []string{
			"00:00 order: in_progress", "00:00 unknown",
			"00:01 asked: in_progress", "00:04 asked: in_progress", "00:14 asked: in_progress", "00:44 asked: in_progress",
			"01:44 asked: in_progress", "03:44 asked: in_progress", fmt.Sprint("08:44 asked: ", as), fmt.Sprint("08:44 ", end),
		}, w.journal)
	}
}

// "No such order" is believed only when an order could no longer be on its way.
func TestTopUpNotFound(t *testing.T) {
	w := newTopUpWorld(t)
	w.reseller.will.never = true
	require.Equal(t, state.TopUpReversed, w.runTopUp().State)
	require.Equal(t, []string{
		"00:00 order: unknown", "00:00 unknown", "00:01 asked: not_found", "00:04 asked: not_found", "00:14 asked: not_found", "00:14 reversed",
	}, w.journal)

	w = newTopUpWorld(t)
	w.reseller.will.arrives = settles - second
	require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	require.Equal(t, []string{"00:01 asked: not_found", "00:04 asked: delivered"}, w.told("asked"))

	w = newTopUpWorld(t) // a reseller that never says so for good
	w.reseller.will.never, w.reseller.settles = true, 0
	w.at(2*hour, func() { w.resolve(state.TopUpReversed) })
	require.Equal(t, state.TopUpReversed, w.runTopUp().State)
	require.Equal(t, []string{"15:00 attention outcome_unknown", "120:00 resolved"}, w.told("attention", "resolved"))
}

// The local try had its effect and took longer than a workflow task allows: nobody orders again.
func TestTopUpSlow(t *testing.T) {
	w := newTopUpWorld(t)
	w.reseller.will.slow = true
	require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	require.Equal(t, []string{"00:00 order: delivered", "00:00 unknown", "00:01 asked: delivered", "00:01 delivered"}, w.journal)
	require.Contains(t, w.details(), "submitted_before")
}

// The row was marked, and the worker heard neither that nor anything else.
func TestTopUpMarkedAndNeverSent(t *testing.T) {
	w := newTopUpWorld(t)
	w.fails("SubmitTopUp", errSomething)
	require.Equal(t, state.TopUpReversed, w.runTopUp().State)
	require.Zero(t, w.reseller.orders)
	require.Equal(t, "00:14 reversed", w.journal[len(w.journal)-1])
}

// A worker dies after any of its steps and the next one finds what it left. See endedTopUp: it never orders
// again, and never reverses what was delivered.
func TestTopUpCrashes(t *testing.T) {
	for name, will := range map[string]order{
		"delivered":    {as: operators.Delivered},
		"refused":      {as: operators.Refused},
		"lost":         {as: operators.Delivered, lost: true},
		"in progress":  {as: operators.Delivered, decides: 30 * second},
		"arrives late": {as: operators.Delivered, arrives: settles - second},
		"never":        {never: true},
	} {
		for _, inquiry := range []bool{true, false} {
			for _, pause := range []time.Duration{0, second, hour} {
				for step := 1; ; step++ {
					w := newTopUpWorld(t)
					w.reseller.will, w.reseller.inquiry = will, inquiry
					w.at(day, func() { w.resolve(state.TopUpDelivered) })
					w.liveThroughCrashes(pause, step, 2, 1)
					w.endedTopUp()
					if inquiry {
						require.False(t, w.rows.byHand, "%s, step %d: the reseller was not asked\n%s", name, step, w.story())
					}
					if !w.crashedOnce {
						require.Greater(t, step, 3, name)
						break
					}
				}
			}
		}
	}
}

// A reseller that cannot be asked: its answer is worth waiting for, and without one only a person knows.
func TestTopUpResellerWithoutInquiry(t *testing.T) {
	w := newTopUpWorld(t)
	w.reseller.inquiry, w.reseller.will.slow = false, true // slow only for the local try, which must not be made
	require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	require.Equal(t, []string{"00:00 order: delivered", "00:00 delivered"}, w.journal)

	w = newTopUpWorld(t)
	w.reseller.inquiry, w.reseller.will.lost = false, true
	flagged := false
	w.at(3*day, func() { flagged = w.flagged; w.resolve(state.TopUpDelivered) })
	require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	require.True(t, flagged, "the search attribute")
	require.Equal(t, []string{"00:00 order: unknown", "00:00 unknown", "00:01 attention outcome_unknown", "4320:00 resolved", "4320:00 delivered"}, w.journal)
	require.Zero(t, w.reseller.asked)
	require.Equal(t, 6, w.steps, "mark, order, record, inquire, call, take the call back: nothing wakes the saga meanwhile")
}

// After its patience a person is called, and sent away when the reseller decides after all.
func TestTopUpPatience(t *testing.T) {
	w := newTopUpWorld(t)
	w.reseller.will.decides = hour
	w.at(15*minute-second, func() { require.False(t, w.flagged) })
	flagged := false
	w.at(15*minute+second, func() { flagged = w.flagged })
	require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	require.True(t, flagged, "the search attribute")
	require.Equal(t, []string{"15:00 attention outcome_unknown"}, w.told("attention"), "once, and to the second")
	require.Equal(t, born.Add(hour), w.now())
}

// What stays open for days is asked about more and more seldom: a history has an end.
func TestTopUpOpenForDays(t *testing.T) {
	w := newTopUpWorld(t)
	w.reseller.will.decides = 9 * day
	require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	require.Less(t, w.reseller.asked, 300)
	require.Equal(t, 1, strings.Count(w.details(), "in_progress"), "the same word stands once in the details")
}

// A person decides while the saga waits, while a call is open, and whatever the reseller says afterwards.
func TestTopUpResolved(t *testing.T) {
	for _, as := range []state.TopUp{state.TopUpDelivered, state.TopUpReversed} {
		for name, arrange := range map[string]func(w *topUpWorld){
			"between inquiries": func(w *topUpWorld) { w.reseller.will.decides = hour },
			"an inquiry is running": func(w *topUpWorld) {
				w.reseller.will.lost = true
				w.fails("InquireTopUp", times(9, pausing(7*minute))...)
			},
			"the order is going out": func(w *topUpWorld) { w.fails("SubmitTopUp", times(9, pausing(7*minute))...) },
			"a record is being tried": func(w *topUpWorld) {
				w.reseller.will.lost = true
				w.fails("RecordTopUp", times(9, pausing(7*minute))...)
			},
			"a person was called": func(w *topUpWorld) { w.reseller.will.decides = day },
		} {
			for _, at := range []time.Duration{2 * second, 10 * minute, 20 * minute} {
				t.Run(fmt.Sprint(as, ", ", name, " ", at), func(t *testing.T) {
					w := newTopUpWorld(t)
					arrange(w)
					w.at(at, func() {
						require.True(t, w.resolve(as))
						w.repeat()
						require.False(t, w.resolve(state.TopUpDelivered), "decided is decided")
						require.False(t, w.resolve(state.TopUpReversed))
					})
					w.at(at+second, w.repeat)
					require.Equal(t, as, w.runTopUp().State)
					require.NotContains(t, w.details(), "unexpected_error")
					if name != "a record is being tried" { // which must end before anything else does
						require.Equal(t, born.Add(at), w.now(), "at once")
					}
				})
			}
		}
	}
}

// The row, not who is heard first, says how it ended.
func TestTopUpRowDecides(t *testing.T) {
	t.Run("a person was faster than the reseller's word", func(t *testing.T) {
		w := newTopUpWorld(t)
		w.reseller.will.decides = 30 * second
		w.late = []time.Duration{hour}
		w.at(40*second, func() { w.resolve(state.TopUpReversed) })
		require.Equal(t, state.TopUpReversed, w.runTopUp().State)
		require.Equal(t, []string{"00:40 resolved", "00:40 reversed"}, w.journal[len(w.journal)-2:], "the row is read, the reseller is not asked any more")
		require.Equal(t, born.Add(44*second), w.now(), "without the signal")
	})
	t.Run("a person decides between the word and its record", func(t *testing.T) {
		w := newTopUpWorld(t)
		w.reseller.will.decides = 30 * second
		w.late = []time.Duration{hour}
		w.rows.before = func() {
			if w.reseller.outcome() == operators.Delivered {
				w.rows.before = nil
				w.rows.byHand = true
				w.rows.move(state.TopUpReversed)
			}
		}
		require.Equal(t, state.TopUpReversed, w.runTopUp().State)
		require.Equal(t, []string{"00:44 asked: delivered", "00:44 reversed"}, w.journal[len(w.journal)-2:])
	})
	t.Run("a person is late", func(t *testing.T) {
		w := newTopUpWorld(t)
		w.reseller.will.lost = true
		w.fails("RecordTopUp", nil, pausing(30*second), pausing(30*second), pausing(30*second), pausing(30*second)) // delivered is written, its answer is lost
		w.at(5*second, func() { require.False(t, w.resolve(state.TopUpReversed)) })
		require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	})
	t.Run("a person forbids an order that did not go out", func(t *testing.T) {
		w := newTopUpWorld(t)
		w.plays.saga = asleep(w.world, workflows.TopUp, minute)
		w.at(second, func() { w.resolve(state.TopUpReversed); w.repeat() })
		require.Equal(t, state.TopUpReversed, w.runTopUp().State)
		require.Zero(t, w.reseller.orders)
	})
}

// The database is away: nothing is decided, a person is called when it is back, and the money is not forgotten.
func TestTopUpDatabaseAway(t *testing.T) {
	for call, ends := range map[string]state.TopUp{
		"SubmitTopUp": state.TopUpReversed, "RecordTopUp": state.TopUpDelivered, "InquireTopUp": state.TopUpDelivered,
	} {
		for _, person := range []int{0, 9} { // how often nobody can be called, either
			t.Run(fmt.Sprint(call, " ", person), func(t *testing.T) {
				w := newTopUpWorld(t)
				w.reseller.will.lost = call == "InquireTopUp"
				w.fails(call, times(9, pausing(25*minute))...)
				w.fails("SetTopUpAttention", times(person, pausing(20*minute))...)
				flagged, details := false, ""
				w.at(2*hour, func() { flagged, details = w.flagged, w.details() })
				require.Equal(t, ends, w.runTopUp().State)
				require.True(t, flagged)
				require.Equal(t, 1, strings.Count(details, "needs attention"), details)
			})
		}
	}
}

// An error that nobody foresaw must not end the saga, which holds money.
func TestTopUpUnexpectedError(t *testing.T) {
	final := temporal.NewNonRetryableApplicationError("a bug", "bug", nil)
	for call, end := range map[string]state.TopUp{
		"SubmitTopUp": state.TopUpReversed, // the row was marked, the order never went out
		"RecordTopUp": state.TopUpDelivered, "InquireTopUp": state.TopUpDelivered,
	} {
		w := newTopUpWorld(t)
		w.reseller.will.lost = call == "InquireTopUp"
		w.fails(call, final, final, final)
		require.Equal(t, end, w.runTopUp().State, call)
		require.Len(t, w.told("attention unexpected_error"), map[string]int{"SubmitTopUp": 1, "RecordTopUp": 0, "InquireTopUp": 1}[call], call)
		require.Contains(t, w.details(), "needs attention: unexpected_error", call)
	}
}

// Cancelling the saga in the Temporal UI must not make anybody forget the held money.
func TestCancelTopUpInTheUIChangesNothing(t *testing.T) {
	for name, at := range map[string]time.Duration{"between inquiries": 2 * second, "with a person called": 20 * minute} {
		t.Run(name, func(t *testing.T) {
			w := newTopUpWorld(t)
			w.reseller.will.decides = 30 * minute
			w.at(at, func() { w.env.CancelWorkflow() })
			require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
			require.False(t, w.now().Before(born.Add(30*minute)))
		})
	}
	t.Run("while only a person can know", func(t *testing.T) {
		w := newTopUpWorld(t)
		w.reseller.inquiry, w.reseller.will.lost = false, true
		w.at(hour, func() { w.env.CancelWorkflow() })
		w.at(2*hour, func() { w.resolve(state.TopUpReversed) })
		require.Equal(t, state.TopUpReversed, w.runTopUp().State)
	})
	t.Run("while a call is open", func(t *testing.T) {
		w := newTopUpWorld(t)
		w.reseller.will.lost = true
		w.fails("InquireTopUp", times(5, pausing(7*minute))...)
		w.at(10*minute, func() { w.env.CancelWorkflow() })
		require.Equal(t, state.TopUpDelivered, w.runTopUp().State)
	})
}

// Operators read in the UI what happened so far.
func TestTopUpDetails(t *testing.T) {
	w := newTopUpWorld(t)
	w.reseller.will = order{as: operators.Delivered, lost: true, decides: day}
	var shown string
	w.at(hour+second, func() { shown = w.details(); w.resolve(state.TopUpReversed) })
	w.runTopUp()
	require.Equal(t, strings.Join([]string{
		"- `08:00:00` top-up 17: 50,000 rial held, ordering at sandbox",
		"- `08:00:00` the reseller says: unknown (unknown)",
		"- `08:00:01` the reseller says: unknown (in_progress)",
		"- `08:15:00` **needs attention: outcome_unknown**",
	}, "\n"), shown)
	require.Equal(t, "reversed by Sara: seen at the reseller\n- `09:00:01` **reversed**\n- `09:00:01` attention over: outcome_unknown", after(w.details(), "09:00:01` "))
}

func TestTopUpStartsVisible(t *testing.T) {
	in := topUpInput()
	options := in.Options()
	require.Equal(t, "topup/17", options.ID)
	require.Equal(t, "sagas", options.TaskQueue)
	require.Zero(t, options.WorkflowExecutionTimeout+options.WorkflowRunTimeout, "a saga is never cut off")
	require.Equal(t, "50,000 rial · shop · top-up", in.Summary())
	require.Equal(t, temporal.NewSearchAttributes(
		workflows.MerchantID.ValueSet("shop"), workflows.SagaKind.ValueSet("topup"), workflows.SagaState.ValueSet("reserved"),
		workflows.Provider.ValueSet("sandbox"), workflows.AmountRial.ValueSet(50_000),
	), options.TypedSearchAttributes)
}
