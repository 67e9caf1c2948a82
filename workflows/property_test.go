package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paysaga/paysaga/state"
)

// Whatever payers, merchants, banks and dispatchers do, in whatever order and however often, every
// saga ends well: see world.finished for what that means.
func TestEveryStoryEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		tellStory(t, w)
		checkEnd(t, w, w.run().State)
	})
}

// The same when the worker dies at any moment, up to three times, for any time.
func TestEveryStoryWithCrashesEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		tellStory(t, w)
		crashes := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 3).Draw(t, "crash after steps")
		pause := rapid.SampledFrom([]time.Duration{second, minute, 10 * minute, 40 * minute}).Draw(t, "pause")
		checkEnd(t, w, w.runThroughCrashes(pause, crashes...).State)
	})
}

// moment is an instant of a story; the ends of the windows come up more often than chance has it.
func moment(t *rapid.T, what string) time.Duration {
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, 40*60).Draw(t, "second")) * second
		}),
		rapid.SampledFrom([]time.Duration{second, 10 * minute, window - second, window, window + second}),
	).Draw(t, what)
}

func tellStory(t *rapid.T, w *world) {
	w.rows.auto = rapid.Bool().Draw(t, "auto_collect")
	w.rows.behind = time.Duration(rapid.SampledFrom([]int{0, 0, 1500}).Draw(t, "database clock behind")) * time.Millisecond
	for id := int64(1); id <= int64(rapid.IntRange(0, 3).Draw(t, "attempts")); id++ {
		tellAttempt(t, w, id)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "collects") {
		w.at(moment(t, fmt.Sprint("collect ", i)), w.collect)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "cancels") {
		w.at(moment(t, fmt.Sprint("cancel ", i)), w.cancel)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "inquiries") {
		w.at(moment(t, fmt.Sprint("inquire ", i)), func() { w.inquire() })
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "repeats") {
		w.at(moment(t, fmt.Sprint("repeat ", i)), w.repeat)
	}
	late := rapid.SampledFrom([]time.Duration{0, 0, 0, second, 30 * second, 5 * minute, 25 * minute})
	w.late = rapid.SliceOfN(late, 0, 6).Draw(t, "signals late by")
	if rapid.IntRange(0, 9).Draw(t, "cancelled in the UI") == 0 {
		w.at(moment(t, "in the UI"), func() {
			if w.env != nil {
				w.env.CancelWorkflow()
			}
		})
	}
	tellFailures(t, w, []string{"PaymentDeadline", "PaymentVisits"}, "", []error{errSomething}, 9)
}

// tellFailures plans how often calls fail. The test environment tries a durable call ten times.
func tellFailures(t *rapid.T, w *world, calls []string, attempt string, errs []error, most int) {
	for _, call := range calls {
		w.fails(call+attempt, rapid.SliceOfN(rapid.SampledFrom(errs), 0, most).Draw(t, call+attempt+" fails")...)
	}
}

func tellAttempt(t *rapid.T, w *world, id int64) {
	name := func(what string) string { return fmt.Sprintf("attempt %d %s", id, what) }
	opened := moment(t, name("opened"))
	w.at(opened, func() { w.open(id) })
	done := opened + time.Duration(rapid.IntRange(1, 16*60).Draw(t, name("done after")))*second
	does := rapid.SampledFrom([]string{"pay", "pay", "pay", "decline", "leave", "pay another amount"}).Draw(t, name("does"))
	w.at(done, func() {
		switch {
		case !w.has(id):
		case does == "decline":
			w.bank.decline(id)
		case does == "pay another amount":
			if w.bank.pay(id) {
				w.bank.charges[id].amount = 7
			}
		case does == "pay":
			w.bank.pay(id)
		}
	})
	errs := []error{unknown, unavailable, doneUnknown, refused, busy(7 * minute)}
	tellFailures(t, w, []string{"result", "verify", "settle", "undo"}, fmt.Sprint(" ", id), errs, 4)
	tellFailures(t, w, []string{"PaymentPaid", "PaymentNotPaid", "PaymentSettled", "PaymentRefunded"}, fmt.Sprint(" ", id), []error{errSomething}, 9)
	for i := range rapid.IntRange(0, 3).Draw(t, name("callbacks")) {
		back := done + time.Duration(rapid.IntRange(-60, 600).Draw(t, name(fmt.Sprint("callback ", i))))*second
		w.at(max(opened+second, back), func() {
			if w.has(id) {
				w.callback(id)
			}
		})
	}
}

// checkEnd holds the outcome against what happened.
func checkEnd(t *rapid.T, w *world, end state.Payment) {
	settled, booked := 0, 0
	for _, a := range w.rows.attempts {
		switch a.state {
		case state.AttemptSettled:
			settled++
			booked++
		case state.AttemptRefunded:
			booked++
		}
	}
	want := map[state.Payment]func() bool{
		state.PaymentCollected: func() bool { return settled == 1 },
		state.PaymentRefunded:  func() bool { return settled == 0 && booked > 0 },
		state.PaymentFailed:    func() bool { return booked == 0 },
		state.PaymentExpired:   func() bool { return len(w.rows.attempts) == 0 && !w.rows.cancelled },
	}[end]
	if want == nil || !want() {
		t.Fatalf("%s with %d settled of %d booked attempts\n%s", end, settled, booked, w.story())
	}
}
