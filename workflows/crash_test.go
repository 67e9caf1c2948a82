package workflows_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

// A worker dies after any of its steps, before it hears the answer, and takes with it everything that
// its workflow task remembered. Whoever takes over finds the rows and the bank as they were left and
// must end well. A short absence leaves the outcome as it would have been.
func TestCrashAfterEveryStep(t *testing.T) {
	stories := map[string]struct {
		tell func(*world)
		ends []state.Payment // merchants collect again at 19 minutes
	}{
		"collected": {func(w *world) {
			w.at(1*minute, func() { w.payAndReturn(1) })
			w.at(2*minute, w.collect)
		}, []state.Payment{state.PaymentCollected}},
		"auto-collected": {func(w *world) {
			w.rows.auto = true
			w.at(1*minute, func() { w.payAndReturn(1) })
		}, []state.Payment{state.PaymentCollected}},
		"found by inquiry": {func(w *world) {
			w.at(1*minute, func() {
				w.open(1)
				w.bank.pay(1)
			})
			w.at(2*minute, func() { w.inquire() })
			w.at(3*minute, w.collect)
		}, []state.Payment{state.PaymentCollected}},
		"found by inquiry, not collected": {func(w *world) {
			w.at(1*minute, func() {
				w.open(1)
				w.bank.pay(1)
			})
			w.at(2*minute, func() { w.inquire() })
		}, []state.Payment{state.PaymentRefunded}},
		"refunded at the deadline": {func(w *world) {
			w.at(1*minute, func() { w.payAndReturn(1) })
		}, []state.Payment{state.PaymentRefunded}},
		"late": {func(w *world) {
			w.at(10*minute+second, func() { w.open(1) })
			w.at(window+30*second, func() { w.bank.pay(1) })
			w.at(window+40*second, func() { w.callback(1) })
		}, []state.Payment{state.PaymentRefunded, state.PaymentFailed}}, // failed: the bank was first to return it
		"cancelled": {func(w *world) {
			w.at(1*minute, func() { w.payAndReturn(1) })
			w.at(2*minute, w.cancel)
		}, []state.Payment{state.PaymentRefunded}},
		"paid twice": {func(w *world) {
			w.at(1*minute, func() {
				w.open(1)
				w.open(2)
				w.bank.pay(1)
				w.callback(1)
			})
			w.at(90*second, func() {
				w.bank.pay(2)
				w.callback(2)
			})
			w.at(3*minute, w.collect)
		}, []state.Payment{state.PaymentCollected}},
		"mismatch": {func(w *world) {
			w.at(1*minute, func() {
				w.open(1)
				w.bank.charges[1].amount = 1
				w.bank.pay(1)
				w.callback(1)
			})
		}, []state.Payment{state.PaymentFailed}},
		"refused": {func(w *world) {
			w.fails("settle", refused)
			w.at(1*minute, func() { w.payAndReturn(1) })
			w.at(2*minute, w.collect)
		}, []state.Payment{state.PaymentCollected}},
	}
	for name, story := range stories {
		for _, pause := range []time.Duration{second, 5 * minute, hour} { // an hour is past what the bank waits
			for step := 1; ; step++ {
				w := newWorld(t)
				story.tell(w)
				if slices.Contains(story.ends, state.PaymentCollected) {
					w.at(19*minute, w.collect)
				}
				end := w.runThroughCrashes(pause, step).State
				if !w.crashedOnce {
					require.Greater(t, step, 3, "%s: the story has its steps", name)
					break
				}
				if pause < hour {
					require.Contains(t, story.ends, end, "%s, %s after a crash at step %d\n%s", name, pause, step, w.story())
				}
			}
		}
	}
}

// The money was booked, the worker died before it could tell, and now the bank will not verify again. What
// is ours by our own books is not sent back.
func TestRefusedAfterItWasBooked(t *testing.T) {
	w := newWorld(t)
	w.fails("verify", nil, refused)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(2*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.runThroughCrashes(second, 3).State)
	require.Equal(t, []string{"verify 1", "paid 1", "verify 1 refused", "settle 1", "settled 1"},
		afterClock(w.told("verify", "paid", "settle", "undo")))
}

// A worker that dies again and again.
func TestManyCrashes(t *testing.T) {
	for seed := range 40 {
		w := newWorld(t)
		w.rows.auto = seed%2 == 0
		w.at(1*minute, func() { w.payAndReturn(1) })
		w.at(2*minute, func() { w.open(2) })
		w.at(3*minute, w.collect)
		crashes := []int{1 + seed%7, 1 + seed%5, 1 + seed%3, 2, 1}
		end := w.runThroughCrashes(3*second, crashes...).State
		require.Contains(t, []state.Payment{state.PaymentCollected, state.PaymentRefunded}, end, fmt.Sprint(crashes))
	}
}
