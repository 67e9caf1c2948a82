package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/state"
)

// Whatever the reseller does, whatever is lost on the way, and whatever a person says when, the order goes
// out at most once, the held money ends where the reseller's book says, and the saga says what the row says:
// see topUpWorld.endedTopUp.
func TestEveryTopUpEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTopUpWorld(t)
		tellTopUp(t, w)
		w.live()
		checkTopUpEnd(t, w)
	})
}

// The same when the worker dies at any moment, up to three times, for any time.
func TestEveryTopUpWithCrashesEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTopUpWorld(t)
		tellTopUp(t, w)
		crashes := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 3).Draw(t, "crash after steps")
		pause := rapid.SampledFrom([]time.Duration{0, second, minute, 40 * minute, 5 * hour}).Draw(t, "pause")
		w.liveThroughCrashes(pause, crashes...)
		checkTopUpEnd(t, w)
	})
}

func tellTopUp(t *rapid.T, w *topUpWorld) {
	w.reseller.inquiry = rapid.IntRange(0, 3).Draw(t, "can be asked") > 0
	w.reseller.settles = rapid.SampledFrom([]time.Duration{settles, settles, 10 * minute, 0}).Draw(t, "settles")
	long := []time.Duration{0, 0, second, 4 * second, minute, 20 * minute, 3 * hour}
	w.reseller.will = order{
		as:      rapid.SampledFrom([]operators.Outcome{operators.Delivered, operators.Delivered, operators.Refused}).Draw(t, "becomes"),
		never:   rapid.IntRange(0, 4).Draw(t, "arrives") == 0,
		arrives: rapid.SampledFrom([]time.Duration{0, 0, second, settles - second}).Draw(t, "after"),
		decides: rapid.SampledFrom(long).Draw(t, "decides after"),
		lost:    rapid.Bool().Draw(t, "answer lost"),
		slow:    rapid.IntRange(0, 3).Draw(t, "slow") == 0,
	}
	words := rapid.SampledFrom([]state.TopUp{state.TopUpDelivered, state.TopUpReversed})
	for i := range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "a person's words") {
		as := words.Draw(t, fmt.Sprint("word ", i))
		w.at(cardMoment(t, fmt.Sprint("word at ", i), 15*minute), func() { w.resolve(as) })
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "repeats") {
		w.at(cardMoment(t, fmt.Sprint("repeat ", i), 15*minute), w.repeat)
	}
	w.late = rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, 0, second, 30 * second, hour}), 0, 3).Draw(t, "signals late by")
	if rapid.IntRange(0, 4).Draw(t, "cancelled in the UI") == 0 {
		w.at(cardMoment(t, "in the UI", 15*minute), func() {
			if w.env != nil {
				w.env.CancelWorkflow()
			}
		})
	}
	broken := []error{errSomething, pausing(7 * minute)}
	tellFailures(t, w.world, []string{"SubmitTopUp", "RecordTopUp", "InquireTopUp", "SetTopUpAttention", "inquire"}, "", broken, 9)
	last := words.Draw(t, "last word")
	w.at(4*day, func() { w.resolve(last) })
}

// checkTopUpEnd: a person is needed only where the reseller cannot tell.
func checkTopUpEnd(t *rapid.T, w *topUpWorld) {
	w.endedTopUp()
	if known := w.reseller.inquiry && (w.reseller.settles > 0 || w.reseller.outcome() != operators.NotFound); known && w.now().After(born.Add(3*day+12*hour)) {
		t.Fatalf("nobody asked the reseller, who knows\n%s", w.story())
	}
}
