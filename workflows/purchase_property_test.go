package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever payers, branches, banks and dispatchers do, in whatever order and however often, a purchase ends
// where its row is, with one reference if its payment has the money, and with none otherwise: see
// purchaseWorld.endedPurchase.
func TestEveryPurchaseEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newPurchaseWorld(t)
		tellPurchase(t, w)
		w.live()
		w.endedPurchase()
		checkEnd(t, w.world, w.rows.state)
	})
}

// The same when the worker dies at any moment, up to three times, for any time.
func TestEveryPurchaseWithCrashesEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newPurchaseWorld(t)
		tellPurchase(t, w)
		crashes := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 3).Draw(t, "crash after steps")
		pause := rapid.SampledFrom([]time.Duration{second, minute, 10 * minute, 40 * minute}).Draw(t, "pause")
		w.liveThroughCrashes(pause, crashes...)
		w.endedPurchase()
		checkEnd(t, w.world, w.rows.state)
	})
}

// tellPurchase tells the story of a payment that collects itself, and of people who push its purchase.
func tellPurchase(t *rapid.T, w *purchaseWorld) {
	tellStory(t, w.world)
	w.rows.auto = true
	puts := rapid.SampledFrom([]int{0, 1, 2, 3, mostRetries + 3}).Draw(t, "puts")
	for i := range puts {
		w.at(moment(t, fmt.Sprint("put ", i)), func() { w.put() })
	}
	broken := []error{errSomething, pausing(3 * minute)}
	tellFailures(t, w.world, []string{"RetryPurchase", "ClosePurchase"}, "", broken, 9)
}
