package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// ends maps what a bank does in the end to where the held money goes.
var payoutEnds = map[payouts.State]state.Payout{
	payouts.Settled: state.PayoutPaid, payouts.Returned: state.PayoutRefused, payouts.Failed: state.PayoutRefused,
}

func TestPayoutDecidedAtOnce(t *testing.T) {
	for as, end := range payoutEnds {
		w := newPayoutWorld(t)
		w.bank.will.as = as
		require.Equal(t, end, w.runPayout().State)
		require.Equal(t, []string{fmt.Sprint("00:00 order: ", as), fmt.Sprint("00:00 ", end)}, w.journal)
		require.Equal(t, 3, w.steps, "mark, send, record")
		require.Equal(t, born, w.now(), "no timer")
	}
	w := newPayoutWorld(t)
	w.bank.will.refused = true
	require.Equal(t, state.PayoutRefused, w.runPayout().State)
	require.Equal(t, born, w.now())
}

// An order to an account moves with the rail's cycle: the saga sleeps until then, and asks once.
func TestPayoutDecidedByTheCycle(t *testing.T) {
	for as, end := range payoutEnds {
		w := newPayoutWorld(t)
		w.bank.will = transfer{as: as, cycle: 4 * hour}
		require.Equal(t, end, w.runPayout().State)
		require.Equal(t, []string{"00:00 order: accepted", "00:00 sent", fmt.Sprint("240:01 asked: ", as), fmt.Sprint("240:01 ", end)}, w.journal)
		require.Equal(t, 1, w.bank.asked)
	}
}

// The answer to the order was lost. Only the bank's book says what became of it.
func TestPayoutAnswerLost(t *testing.T) {
	for as, end := range payoutEnds {
		w := newPayoutWorld(t)
		w.bank.will = transfer{as: as, lost: true}
		require.Equal(t, end, w.runPayout().State)
		require.Equal(t, []string{"00:00 order: ", "00:00 unknown", fmt.Sprint("00:01 asked: ", as), fmt.Sprint("00:01 ", end)}, w.journal)

		w = newPayoutWorld(t) // the bank has it, and its cycle is yet to come
		w.bank.will = transfer{as: as, lost: true, cycle: 4 * hour}
		require.Equal(t, end, w.runPayout().State)
		require.Equal(t, []string{"00:01 asked: accepted", "00:01 sent", fmt.Sprint("240:01 asked: ", as), fmt.Sprint("240:01 ", end)}, w.journal[2:])
	}
}

// "No such order" is believed only when an order could no longer be on its way.
func TestPayoutNotFound(t *testing.T) {
	w := newPayoutWorld(t)
	w.bank.will.never = true
	require.Equal(t, state.PayoutUnsent, w.runPayout().State)
	require.Equal(t, []string{
		"00:00 order: ", "00:00 unknown", "00:01 asked: not_found", "00:04 asked: not_found", "00:14 asked: not_found", "00:14 unsent",
	}, w.journal)

	w = newPayoutWorld(t)
	w.bank.will.arrives = settles - second
	require.Equal(t, state.PayoutPaid, w.runPayout().State)
	require.Equal(t, []string{"00:01 asked: not_found", "00:04 asked: settled"}, w.told("asked"))

	w = newPayoutWorld(t) // a bank that never says so for good
	w.bank.will.never, w.bank.settles = true, 0
	w.at(2*hour, func() { w.resolve(state.PayoutUnsent) })
	require.Equal(t, state.PayoutUnsent, w.runPayout().State)
	require.Equal(t, []string{"15:00 attention outcome_unknown"}, w.told("attention"))
}

// An order that could not be sent for long, and whose answer was lost when it was: what the bank did not know before
// it left proves nothing.
func TestPayoutSentLate(t *testing.T) {
	w := newPayoutWorld(t)
	w.bank.away = 6
	w.bank.will.arrives = settles - second
	require.Equal(t, state.PayoutPaid, w.runPayout().State)
	require.Len(t, w.told("not taken"), 6)
	require.Equal(t, 1, w.bank.sends)
}

// A bank that had the order and then knows of none has said nothing: a person must look.
func TestPayoutForgottenByTheBank(t *testing.T) {
	w := newPayoutWorld(t)
	w.bank.will = transfer{as: payouts.Settled, cycle: hour, late: 3 * hour, forgets: true}
	flagged := false
	w.at(hour+16*minute, func() { flagged = w.flagged })
	require.Equal(t, state.PayoutPaid, w.runPayout().State)
	require.True(t, flagged)
	require.NotContains(t, afterClock(w.journal), "unknown", "the row stays sent")
	require.Equal(t, []string{"75:00 attention outcome_unknown"}, w.told("attention"))
}

// A bank whose cycle is for ever yet to come, or a year away, does not keep a person from being called.
func TestPayoutPutOffForEver(t *testing.T) {
	for name, will := range map[string]transfer{
		"again and again": {as: payouts.Settled, cycle: 6 * hour, late: 8 * day, moves: true},
		"for a year":      {as: payouts.Settled, cycle: 365 * day, late: -357 * day},
	} {
		w := newPayoutWorld(t)
		w.bank.will = will
		require.Equal(t, state.PayoutPaid, w.runPayout().State, name)
		require.Equal(t, []string{"10095:00 attention outcome_unknown"}, w.told("attention"), "%s: a week and the patience", name)
	}
}

// The local try had its effect and took longer than a workflow task allows: the same order again is the same order.
func TestPayoutSlow(t *testing.T) {
	w := newPayoutWorld(t)
	w.bank.will.slow = true
	require.Equal(t, state.PayoutPaid, w.runPayout().State)
	require.Equal(t, []string{"00:00 order: settled", "00:00 order: settled", "00:00 paid"}, w.journal)
	require.Contains(t, w.details(), "send at the bank: failed; going on")
}

// A worker dies after any of its steps and the next one finds what it left. See endedPayout.
func TestPayoutCrashes(t *testing.T) {
	for name, will := range map[string]transfer{
		"paid":         {as: payouts.Settled},
		"refused":      {refused: true},
		"lost":         {as: payouts.Settled, lost: true},
		"cycle":        {as: payouts.Settled, cycle: 30 * minute},
		"returned":     {as: payouts.Returned, cycle: minute},
		"arrives late": {as: payouts.Settled, arrives: settles - second},
		"never":        {never: true},
	} {
		for _, pause := range []time.Duration{0, second, hour} {
			for step := 1; ; step++ {
				w := newPayoutWorld(t)
				w.bank.will = will
				w.liveThroughCrashes(pause, step, 2, 1)
				w.endedPayout()
				require.False(t, w.rows.byHand, name)
				if !w.crashedOnce {
					require.Greater(t, step, 3, name)
					break
				}
			}
		}
	}
}

// After its patience a person is called, and sent away when the bank decides after all. Of an order that waits for
// its cycle the patience begins when that should be over.
func TestPayoutPatience(t *testing.T) {
	for name, tt := range map[string]struct {
		will   transfer
		called time.Duration
	}{
		"unknown":           {transfer{as: payouts.Settled, arrives: 2 * hour}, 15 * minute},
		"late cycle":        {transfer{as: payouts.Settled, cycle: 6 * hour, late: 2 * hour}, 6*hour + 15*minute},
		"lost, late cycle":  {transfer{as: payouts.Settled, lost: true, cycle: 6 * hour, late: 2 * hour}, 6*hour + 15*minute},
		"cycle of a second": {transfer{as: payouts.Returned, cycle: second, late: 2 * hour}, 15*minute + second},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPayoutWorld(t)
			w.bank.will, w.bank.settles = tt.will, 0
			w.at(tt.called-second, func() { require.False(t, w.flagged) })
			flagged := false
			w.at(tt.called+second, func() { flagged = w.flagged })
			w.runPayout()
			require.True(t, flagged, "the search attribute\n%s", w.story())
			require.Equal(t, []string{fmt.Sprintf("%02d:%02d attention outcome_unknown", int(tt.called.Minutes()), int(tt.called.Seconds())%60)}, w.told("attention"), "once, and to the second")
		})
	}
}

// What stays open for days is asked about more and more seldom: a history has an end.
func TestPayoutOpenForDays(t *testing.T) {
	w := newPayoutWorld(t)
	w.bank.will = transfer{as: payouts.Settled, cycle: second, late: 9 * day}
	require.Equal(t, state.PayoutPaid, w.runPayout().State)
	require.Less(t, w.bank.asked, 300)
	require.Equal(t, 1, strings.Count(w.details(), "accepted"), "the same word stands once in the details")
}

// A person decides while the saga waits, while a call is open, and whatever the bank says afterwards.
func TestPayoutResolved(t *testing.T) {
	for _, as := range []state.Payout{state.PayoutPaid, state.PayoutRefused, state.PayoutUnsent} {
		for name, arrange := range map[string]func(w *payoutWorld){
			"between inquiries": func(w *payoutWorld) { w.bank.will = transfer{as: payouts.Settled, lost: true, arrives: day} },
			"an inquiry is running": func(w *payoutWorld) {
				w.bank.will = transfer{as: payouts.Settled, lost: true}
				w.fails("InquirePayout", times(9, pausing(7*minute))...)
			},
			"a record is being tried": func(w *payoutWorld) {
				w.bank.will = transfer{as: payouts.Settled, lost: true}
				w.fails("RecordPayout", times(9, pausing(7*minute))...)
			},
		} {
			for _, at := range []time.Duration{2 * second, 10 * minute, 20 * minute} {
				t.Run(fmt.Sprint(as, ", ", name, " ", at), func(t *testing.T) {
					w := newPayoutWorld(t)
					w.bank.settles = 0
					arrange(w)
					w.at(at, func() {
						require.True(t, w.resolve(as), w.story())
						w.repeat()
						require.False(t, w.resolve(state.PayoutPaid), "decided is decided")
						require.False(t, w.resolve(state.PayoutRefused))
					})
					w.at(at+second, w.repeat)
					require.Equal(t, as, w.runPayout().State)
					require.NotContains(t, w.details(), "unexpected_error")
					if name != "a record is being tried" { // which must end before anything else does
						require.Equal(t, born.Add(at), w.now(), "at once")
					}
				})
			}
		}
	}
}

// While an order is going out, or waits for its cycle, nobody but the bank decides; when a person was called, they may.
func TestPayoutResolvedOnlyWhereNobodyElseDecides(t *testing.T) {
	w := newPayoutWorld(t)
	w.bank.away = 9
	w.at(2*second, func() { require.False(t, w.resolve(state.PayoutUnsent), "it may go out at any moment") })
	require.Equal(t, state.PayoutPaid, w.runPayout().State)

	w = newPayoutWorld(t)
	w.fails("SendPayout", times(9, pausing(7*minute))...) // and never comes to its end
	w.at(16*minute, func() { require.True(t, w.resolve(state.PayoutUnsent), w.story()) })
	require.Equal(t, state.PayoutUnsent, w.runPayout().State)
	require.Equal(t, born.Add(16*minute), w.now())

	w = newPayoutWorld(t)
	w.bank.will = transfer{as: payouts.Settled, cycle: hour, late: 3 * hour}
	w.at(30*minute, func() { require.False(t, w.resolve(state.PayoutRefused), "its cycle is yet to come") })
	w.at(2*hour, func() { require.True(t, w.resolve(state.PayoutRefused)) })
	require.Equal(t, state.PayoutRefused, w.runPayout().State)
	require.Equal(t, born.Add(2*hour), w.now())
}

// The merchant takes a payout back before it left: it never leaves.
func TestPayoutCancelled(t *testing.T) {
	for _, late := range []time.Duration{0, hour} {
		w := newPayoutWorld(t)
		w.plays.saga = asleep(w.world, workflows.Payout, minute)
		w.late = []time.Duration{late}
		w.at(second, func() { require.True(t, w.cancel()); w.repeat() })
		require.Equal(t, state.PayoutCancelled, w.runPayout().State)
		require.Zero(t, w.bank.asked)
		require.Equal(t, born.Add(minute), w.now(), "the row is read, with or without the signal")
	}
	w := newPayoutWorld(t)
	w.bank.away = 3
	w.at(2*second, func() { require.False(t, w.cancel(), "it may have left") })
	require.Equal(t, state.PayoutPaid, w.runPayout().State)
}

// The row, not who is heard first, says how it ended.
func TestPayoutRowDecides(t *testing.T) {
	t.Run("a person was faster than the bank's word", func(t *testing.T) {
		w := newPayoutWorld(t)
		w.bank.will = transfer{as: payouts.Settled, lost: true, arrives: 30 * second}
		w.bank.settles = 0
		w.late = []time.Duration{hour}
		w.at(40*second, func() { require.True(t, w.resolve(state.PayoutUnsent)) })
		require.Equal(t, state.PayoutUnsent, w.runPayout().State)
		require.Equal(t, []string{"00:40 decided by Sara", "00:40 unsent"}, w.journal[len(w.journal)-2:], "the row is read, the bank is not asked any more")
		require.Equal(t, born.Add(44*second), w.now(), "without the signal")
	})
	t.Run("a person decides between the word and its record", func(t *testing.T) {
		w := newPayoutWorld(t)
		w.bank.will = transfer{as: payouts.Settled, lost: true, arrives: 30 * second}
		w.bank.settles = 0
		w.rows.before = func() {
			if w.bank.report().State == payouts.Settled {
				w.rows.before, w.rows.byHand = nil, true
				w.rows.move(state.PayoutRefused)
			}
		}
		require.Equal(t, state.PayoutRefused, w.runPayout().State)
		require.Equal(t, []string{"00:44 asked: settled", "00:44 refused"}, w.journal[len(w.journal)-2:])
	})
}

// The database is away: nothing is decided, a person is called when it is back, and the money is not forgotten.
func TestPayoutDatabaseAway(t *testing.T) {
	for _, call := range []string{"SendPayout", "RecordPayout", "InquirePayout"} {
		for _, person := range []int{0, 9} { // how often nobody can be called, either
			t.Run(fmt.Sprint(call, " ", person), func(t *testing.T) {
				w := newPayoutWorld(t)
				w.bank.will.lost = call == "InquirePayout"
				w.fails(call, times(9, pausing(25*minute))...)
				w.fails("SetPayoutAttention", times(person, pausing(20*minute))...)
				flagged, details := false, ""
				w.at(2*hour, func() { flagged, details = w.flagged, w.details() })
				require.Equal(t, state.PayoutPaid, w.runPayout().State)
				require.True(t, flagged)
				require.Equal(t, 1, strings.Count(details, "needs attention"), details)
			})
		}
	}
}

// An error that nobody foresaw must not end the saga, which holds money.
func TestPayoutUnexpectedError(t *testing.T) {
	final := temporal.NewNonRetryableApplicationError("a bug", "bug", nil)
	for call, end := range map[string]state.Payout{
		"SendPayout":   state.PayoutUnsent, // the row was marked, the order never went out
		"RecordPayout": state.PayoutPaid, "InquirePayout": state.PayoutPaid,
	} {
		w := newPayoutWorld(t)
		w.bank.will.lost = call == "InquirePayout"
		w.fails(call, final, final, final)
		require.Equal(t, end, w.runPayout().State, call)
		require.Len(t, w.told("attention unexpected_error"), map[string]int{"SendPayout": 1, "RecordPayout": 0, "InquirePayout": 1}[call], call)
		require.Contains(t, w.details(), "needs attention: unexpected_error", call)
	}
}

// Cancelling the saga in the Temporal UI must not make anybody forget the held money.
func TestCancelPayoutInTheUIChangesNothing(t *testing.T) {
	for name, at := range map[string]time.Duration{"before the cycle": 2 * second, "with a person called": 20 * minute} {
		t.Run(name, func(t *testing.T) {
			w := newPayoutWorld(t)
			w.bank.will = transfer{as: payouts.Settled, cycle: minute, late: hour}
			w.at(at, func() { w.env.CancelWorkflow() })
			require.Equal(t, state.PayoutPaid, w.runPayout().State)
			require.False(t, w.now().Before(born.Add(hour)))
		})
	}
	t.Run("while a call is open", func(t *testing.T) {
		w := newPayoutWorld(t)
		w.bank.will.lost = true
		w.fails("InquirePayout", times(5, pausing(7*minute))...)
		w.at(10*minute, func() { w.env.CancelWorkflow() })
		require.Equal(t, state.PayoutPaid, w.runPayout().State)
	})
}

// Operators read in the UI what happened so far.
func TestPayoutDetails(t *testing.T) {
	w := newPayoutWorld(t)
	w.bank.will = transfer{as: payouts.Settled, cycle: 10 * minute, late: day}
	var shown string
	w.at(hour+second, func() { shown = w.details(); w.resolve(state.PayoutRefused) })
	w.runPayout()
	require.Equal(t, strings.Join([]string{
		"- `08:00:00` payout " + payoutUUID + ": 500,000 rial held, sending by paya through sandbox",
		"- `08:00:00` the bank says: sent (accepted)",
		"- `08:25:00` **needs attention: outcome_unknown**",
	}, "\n"), shown)
	require.Equal(t, "refused by Sara: seen at the bank\n- `09:00:01` **refused**\n- `09:00:01` attention over: outcome_unknown", after(w.details(), "09:00:01` "))
}

func TestPayoutStartsVisible(t *testing.T) {
	in := payoutInput()
	options := in.Options()
	require.Equal(t, "payout/"+payoutUUID, options.ID)
	require.Equal(t, "sagas", options.TaskQueue)
	require.Zero(t, options.WorkflowExecutionTimeout+options.WorkflowRunTimeout, "a saga is never cut off")
	require.Equal(t, "500,000 rial · shop · payout by paya", in.Summary())
	require.Equal(t, temporal.NewSearchAttributes(
		workflows.MerchantID.ValueSet("shop"), workflows.SagaKind.ValueSet("payout"), workflows.SagaState.ValueSet("reserved"),
		workflows.Provider.ValueSet("sandbox"), workflows.AmountRial.ValueSet(500_000),
	), options.TypedSearchAttributes)
}
