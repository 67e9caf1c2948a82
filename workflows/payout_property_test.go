package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/state"
)

// Whatever the bank does, whatever is lost on the way, and whatever a person or the merchant says when, the held money
// ends where the bank's book says, and the saga says what the row says: see payoutWorld.endedPayout.
func TestEveryPayoutEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newPayoutWorld(t)
		tellPayout(t, w)
		w.live()
		w.endedPayout()
	})
}

// The same when the worker dies at any moment, up to three times, for any time.
func TestEveryPayoutWithCrashesEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newPayoutWorld(t)
		tellPayout(t, w)
		crashes := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 3).Draw(t, "crash after steps")
		pause := rapid.SampledFrom([]time.Duration{0, second, minute, 40 * minute, 5 * hour}).Draw(t, "pause")
		w.liveThroughCrashes(pause, crashes...)
		w.endedPayout()
	})
}

func tellPayout(t *rapid.T, w *payoutWorld) {
	w.bank.settles = rapid.SampledFrom([]time.Duration{settles, settles, 10 * minute, 0}).Draw(t, "settles")
	long := []time.Duration{0, 0, second, 4 * second, minute, 20 * minute, 3 * hour}
	w.bank.will = transfer{
		as:      rapid.SampledFrom([]payouts.State{payouts.Settled, payouts.Settled, payouts.Returned, payouts.Failed}).Draw(t, "becomes"),
		refused: rapid.IntRange(0, 5).Draw(t, "refused") == 0,
		never:   rapid.IntRange(0, 4).Draw(t, "arrives") == 0,
		arrives: rapid.SampledFrom([]time.Duration{0, 0, second, settles - second}).Draw(t, "after"),
		cycle:   rapid.SampledFrom(long).Draw(t, "cycle"),
		late:    rapid.SampledFrom(long).Draw(t, "late by"),
		lost:    rapid.Bool().Draw(t, "answer lost"),
		slow:    rapid.IntRange(0, 3).Draw(t, "slow") == 0,
		forgets: rapid.IntRange(0, 5).Draw(t, "forgets") == 0,
	}
	w.bank.away = rapid.IntRange(0, 6).Draw(t, "not taken")
	if rapid.IntRange(0, 3).Draw(t, "cancels") == 0 {
		w.at(cardMoment(t, "cancelled at"), func() { w.cancel() })
	}
	words := rapid.SampledFrom([]state.Payout{state.PayoutPaid, state.PayoutRefused, state.PayoutUnsent})
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
	tellFailures(t, w.world, []string{"SendPayout"}, "", broken, 3) // with those that the bank did not take within ten
	tellFailures(t, w.world, []string{"RecordPayout", "InquirePayout", "SetPayoutAttention", "inquire"}, "", broken, 9)
	for i, last := range []state.Payout{words.Draw(t, "last word"), state.PayoutUnsent} {
		w.at(time.Duration(4+i)*day, func() { w.resolve(last) })
	}
}
