package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

// A saga that slept begins with the news that woke it, and misses nothing of what it would have done awake.
func TestWokenByNews(t *testing.T) {
	for name, tt := range map[string]struct {
		at      time.Duration
		news    func(w *world)
		end     state.Payment
		journal []string
	}{
		"the payer came back": {minute, func(w *world) { w.payAndReturn(1) }, state.PaymentRefunded,
			[]string{"01:01 result 1", "01:01 verify 1", "01:01 paid 1", "20:00 refunding 1", "20:00 undo 1", "20:00 refunded 1 cancelled"}},
		"cancelled": {minute, func(w *world) { w.cancel() }, state.PaymentFailed, []string{"01:00 cancelled", "01:01 failed"}},
		"nobody came, and it asks by itself": {10 * minute, func(w *world) {
			w.open(1)
			w.bank.pay(1)
		}, state.PaymentRefunded,
			[]string{"10:01 result 1", "10:01 verify 1", "10:01 paid 1", "20:00 refunding 1", "20:00 undo 1", "20:00 refunded 1 cancelled"}},
		"nobody came at all": {10 * minute, func(*world) {}, state.PaymentExpired, []string{"20:00 expired"}},
		"its time is over":   {25 * minute, func(*world) {}, state.PaymentExpired, []string{"25:01 expired"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(tt.at, func() { tt.news(w) })
			w.execute(born.Add(tt.at + second))
			require.Equal(t, tt.end, w.finished().State)
			require.Equal(t, tt.journal, w.journal)
		})
	}
}

// A server that has forgotten an ended saga begins it anew with the next news. Its rows say that all is done.
func TestBegunAnewAfterItsEnd(t *testing.T) {
	for name, plan := range map[string]func(w *world){
		"collected": func(w *world) { w.at(minute, func() { w.payAndReturn(1) }); w.at(2*minute, w.collect) },
		"refunded":  func(w *world) { w.at(minute, func() { w.payAndReturn(1) }) },
		"expired":   func(*world) {},
	} {
		w := newWorld(t)
		plan(w)
		first := w.run()
		done := len(w.journal)
		w.execute(born.Add(40 * 24 * hour))
		require.Equal(t, first, w.finished(), name)
		for _, line := range w.journal[done:] {
			require.Contains(t, line, "result", "%s: the bank may be asked, nothing is done again", name)
		}
	}
}
