package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// paid sends the payer to the bank, where they pay; nobody hears of it.
func (w *purchaseWorld) paid() {
	w.open(1)
	w.bank.pay(1)
}

func TestPurchaseCompletedByCallback(t *testing.T) {
	w := newPurchaseWorld(t)
	w.at(1*minute, func() { w.payAndReturn(1) })
	require.Equal(t, workflows.PurchaseResult{State: state.PurchaseCompleted, Reference: "CHECK-9672"}, w.runPurchase())
	require.Equal(t, []string{
		"01:00 result 1", "01:00 verify 1", "01:00 paid and collected 1", "01:00 completed CHECK-9672", "01:00 settle 1", "01:00 settled 1",
	}, w.journal)
	require.Equal(t, born.Add(minute), w.now(), "no timer is left to wait for")
}

// The payer's return was cut: the purchase asks by itself, two minutes after it was made, and then at pauses
// of four and of five minutes.
func TestPurchaseCompletedByItsOwnRetry(t *testing.T) {
	for name, tt := range map[string]struct {
		paid  time.Duration
		found string
	}{
		"first":  {1 * minute, "02:00"},
		"second": {2*minute + second, "06:00"},
		"fourth": {11*minute + second, "16:00"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPurchaseWorld(t)
			w.at(tt.paid, w.paid)
			require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
			require.Equal(t, []string{tt.found + " retried by saga"}, w.told("retried"), "while nobody is at a bank there is nothing to ask")
			require.Equal(t, []string{tt.found + " completed CHECK-9672"}, w.told("completed"))
		})
	}
}

// The payer sits at the bank's page for minutes: every look finds nothing, and the next finds the money.
func TestPurchaseRetriedWhileThePayerIsAtTheBank(t *testing.T) {
	w := newPurchaseWorld(t)
	w.at(1*minute, func() { w.open(1) })
	var before string
	w.at(3*minute, func() { before = string(w.purchase.state) })
	w.at(7*minute, func() { w.bank.pay(1) })
	require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
	require.Equal(t, "incomplete", before)
	require.Equal(t, []string{"02:00 retried by saga", "06:00 retried by saga"}, w.told("retried"))
	require.Equal(t, []string{"10:00 completed CHECK-9672"}, w.told("completed"), "by the payment's own look at half of its time")
}

func TestPurchaseCompletedByPut(t *testing.T) {
	w := newPurchaseWorld(t)
	var early, asked *answer
	w.at(30*second, func() { early = w.put() })
	w.at(1*minute, func() {
		w.open(1)
		w.callback(1) // and the bank says that nothing was paid yet
	})
	w.at(80*second, func() { w.bank.pay(1) })
	w.at(90*second, func() { asked = w.put() })
	require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
	require.Nil(t, early, "nothing is half done")
	require.Equal(t, answer{state: state.PaymentCollected, at: 90 * second, done: true}, *asked)
	require.Equal(t, []string{"01:30 retried by sara"}, w.told("retried"))
}

// Many people push at once, beside the callback and the saga's own look: one of them has it completed.
func TestPurchasePushedByMany(t *testing.T) {
	w := newPurchaseWorld(t)
	w.fails("verify", doneUnknown, unavailable)
	w.at(1*minute, func() { w.open(1); w.callback(1) })
	w.at(110*second, func() { w.bank.pay(1) })
	answers := []*answer{}
	w.at(2*minute, func() {
		w.callback(1)
		for range 5 {
			answers = append(answers, w.put())
		}
		w.repeat()
	})
	require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
	require.Len(t, w.purchase.references, 1)
	for _, a := range answers {
		require.NotNil(t, a)
		require.NoError(t, a.err)
		require.Equal(t, state.PaymentCollected, a.state)
	}
	require.Len(t, w.told("retried by sara"), 5)
}

func TestPurchaseNeverPaid(t *testing.T) {
	w := newPurchaseWorld(t)
	require.Equal(t, workflows.PurchaseResult{State: state.PurchaseEnded, Why: state.PaymentExpired}, w.runPurchase())
	require.Equal(t, []string{"20:00 expired", "20:00 ended: expired"}, w.journal)
	require.Equal(t, born.Add(window), w.now())
}

func TestPurchaseDeclined(t *testing.T) {
	w := newPurchaseWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.decline(1)
		w.callback(1)
	})
	require.Equal(t, workflows.PurchaseResult{State: state.PurchaseEnded, Why: state.PaymentFailed}, w.runPurchase())
	require.Equal(t, []string{"20:00 ended: failed"}, w.told("ended"), "its payer may try again until then")
}

// Money that comes when the door is shut goes back, and the purchase ends after the money has.
func TestPurchasePaidLate(t *testing.T) {
	w := newPurchaseWorld(t)
	w.at(10*minute+second, func() { w.open(1) })
	w.at(window+10*second, func() { w.bank.pay(1) })
	w.at(window+20*second, func() { w.callback(1) })
	require.Equal(t, workflows.PurchaseResult{State: state.PurchaseEnded, Why: state.PaymentRefunded}, w.runPurchase())
	require.Equal(t, []string{"20:20 refunded 1 reversed", "20:20 ended: refunded"}, w.told("refunded", "ended"))
}

func TestPurchaseCancelled(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(w *purchaseWorld)
		why    state.Payment
		bank   chargeState
	}{
		"nobody came":      {func(*purchaseWorld) {}, state.PaymentFailed, ""},
		"paid and unheard": {func(w *purchaseWorld) { w.paid() }, state.PaymentRefunded, chargeReturned},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPurchaseWorld(t)
			w.at(1*minute, func() { tt.before(w) })
			w.at(90*second, w.cancel)
			w.at(100*second, func() { w.put() })
			require.Equal(t, workflows.PurchaseResult{State: state.PurchaseEnded, Why: tt.why}, w.runPurchase())
			if tt.bank != "" {
				require.Equal(t, tt.bank, w.bank.charges[1].state)
			}
		})
	}
	t.Run("completed", func(t *testing.T) {
		w := newPurchaseWorld(t)
		w.at(1*minute, func() { w.payAndReturn(1) })
		w.at(61*second, w.cancel)
		require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
	})
}

// Nobody is silent about a purchase that hangs: whatever holds its payment up, a person is called, and the
// purchase ends when the person has helped, or the trouble is over.
func TestSomebodyIsCalledWhileAPurchaseHangs(t *testing.T) {
	final := temporal.NewNonRetryableApplicationError("a bug", "bug", nil)
	away := pausing(25 * minute)
	resolved := func(as state.Attempt) func(*purchaseWorld) {
		return func(w *purchaseWorld) {
			w.bank.charges[1].state = chargeReturned
			w.resolve(1, as)
		}
	}
	never := func(*purchaseWorld) {}
	for name, tt := range map[string]struct {
		call     string
		failures []error
		paid     time.Duration
		reason   string
		help     func(*purchaseWorld)
		why      state.Payment
	}{
		"the bank is silent":        {"result", times(30, busy(28*minute)), minute, "outcome_unknown", resolved(state.AttemptFailed), state.PaymentFailed},
		"the bank returns nothing":  {"undo", times(4, refused), window, "refund_not_confirmed", never, state.PaymentRefunded},
		"the money is not booked":   {"PaymentPaid", []error{final}, window, "unexpected_error", resolved(state.AttemptRefunded), state.PaymentRefunded},
		"the refund is not noted":   {"PaymentRefunded", times(9, away), window, "database_unreachable", never, state.PaymentRefunded},
		"the door cannot be closed": {"PaymentDeadline", times(9, away), hour, "database_unreachable", never, state.PaymentExpired},
		"nobody can end it":         {"ClosePurchase", times(9, away), hour, "database_unreachable", never, state.PaymentExpired},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPurchaseWorld(t)
			w.fails(tt.call, tt.failures...)
			w.at(10*minute+second, func() {
				if tt.paid < hour {
					w.open(1)
				}
			})
			w.at(max(tt.paid, 10*minute+2*second), func() {
				if w.has(1) {
					w.bank.pay(1)
				}
			})
			var called string
			flagged := false
			w.at(2*hour, func() {
				called, flagged = w.rows.attention, w.flagged
				if tt.call != "ClosePurchase" { // whose answer alone is lost: the row is ended
					require.False(t, state.Purchases.Terminal(w.purchase.state))
				}
			})
			w.at(3*hour, func() { tt.help(w) })
			require.Equal(t, workflows.PurchaseResult{State: state.PurchaseEnded, Why: tt.why}, w.runPurchase())
			require.Equal(t, tt.reason, called, w.story())
			require.True(t, flagged, "the search attribute")
		})
	}
}

// The row stays open although the payment has ended, which nobody foresaw: it is tried again, and a person
// is called.
func TestPurchaseThatDoesNotClose(t *testing.T) {
	w := newPurchaseWorld(t)
	w.purchase.stuck = true
	w.at(window+15*minute+30*second, func() {
		require.Equal(t, "database_unreachable", w.rows.attention)
		w.purchase.stuck = false
	})
	require.Equal(t, workflows.PurchaseResult{State: state.PurchaseEnded, Why: state.PaymentExpired}, w.runPurchase())
}

// A bank that is slow to settle holds nobody up: the purchase has its reference.
func TestPurchaseDoesNotWaitForSettlement(t *testing.T) {
	w := newPurchaseWorld(t)
	w.fails("settle", times(3, refused)...)
	w.at(1*minute, func() { w.payAndReturn(1) })
	var shown []string
	w.at(1*hour, func() { shown = w.shown })
	require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
	require.Equal(t, []string{"completed"}, shown, "the purchase's saga is over, its payment's is not")
}

// As often as allowed, and no more; then the payment's own look still finds the money.
func TestPurchaseRetriedTooOften(t *testing.T) {
	w := newPurchaseWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.callback(1)
	})
	refused := 0
	for i := range mostRetries + 5 {
		w.at(2*minute+time.Duration(i+1)*second, func() {
			if w.put() == nil {
				refused++
			}
		})
	}
	w.at(5*minute, func() { w.bank.pay(1) })
	require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
	require.Equal(t, mostRetries, w.purchase.retries)
	require.Equal(t, 6, refused, "the saga was first")
	require.Equal(t, []string{"06:00 refused saga: too many retries"}, w.told("refused saga"))
	require.Equal(t, []string{"10:00 completed CHECK-9672"}, w.told("completed"))
}

// Signals come twice, late, and in another order than they were sent.
func TestPurchaseSignalsTwiceAndOutOfOrder(t *testing.T) {
	t.Run("twice", func(t *testing.T) {
		w := newPurchaseWorld(t)
		w.fails("settle", busy(30*second))
		w.at(1*minute, func() { w.open(1); w.callback(1); w.repeat() })
		w.at(100*second, func() { w.bank.pay(1) })
		w.at(110*second, func() { w.put(); w.callback(1); w.repeat() })
		w.at(112*second, func() {
			require.Equal(t, workflows.CompletedSignal, w.sent[len(w.sent)-1].name)
			w.repeat()
		})
		require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
		require.Equal(t, 1, strings.Count(w.story(), "completed"))
	})
	t.Run("a retry twice", func(t *testing.T) {
		w := newPurchaseWorld(t)
		w.at(1*minute, func() { w.open(1); w.callback(1) })
		w.at(100*second, func() { w.put() })
		w.at(101*second, func() {
			require.Equal(t, workflows.InquireSignal, w.sent[len(w.sent)-1].name)
			w.repeat()
		})
		w.at(5*minute, func() { w.bank.pay(1); w.callback(1) })
		require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
		require.Empty(t, w.told("01:41 result"), "asked once")
	})
	t.Run("callback overtaken by the retry", func(t *testing.T) {
		w := newPurchaseWorld(t)
		w.late = []time.Duration{70 * second}
		w.at(1*minute, func() { w.payAndReturn(1) })
		require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
		require.Equal(t, []string{"02:00 completed CHECK-9672"}, w.told("completed"))
	})
	t.Run("the news is late by hours", func(t *testing.T) {
		w := newPurchaseWorld(t)
		w.late = []time.Duration{0, 5 * hour}
		w.at(1*minute, func() { w.payAndReturn(1) })
		require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
		require.Empty(t, w.told("retried"), "the row knows better")
		require.Equal(t, born.Add(5*hour+minute), w.now())
	})
	t.Run("the end is late by hours", func(t *testing.T) {
		w := newPurchaseWorld(t)
		w.late = []time.Duration{5 * hour}
		require.Equal(t, state.PurchaseEnded, w.runPurchase().State)
		require.Equal(t, born.Add(window+5*hour), w.now())
	})
}

// The worker of both sagas dies after any step, and takes along what its workflow task remembered.
func TestPurchaseCrashAfterEveryStep(t *testing.T) {
	for name, tt := range map[string]struct {
		tell func(*purchaseWorld)
		end  state.Purchase
	}{
		"completed by callback":  {func(w *purchaseWorld) { w.at(minute, func() { w.payAndReturn(1) }) }, state.PurchaseCompleted},
		"completed by own retry": {func(w *purchaseWorld) { w.at(minute, w.paid) }, state.PurchaseCompleted},
		"completed by people": {func(w *purchaseWorld) {
			w.at(minute, func() { w.open(1); w.callback(1) })
			w.at(80*second, func() { w.bank.pay(1) })
			for i := range 4 {
				w.at(90*second+time.Duration(i)*minute, func() { w.put() })
			}
		}, state.PurchaseCompleted},
		"never paid": {func(*purchaseWorld) {}, state.PurchaseEnded},
		"refunded": {func(w *purchaseWorld) {
			w.at(10*minute+second, func() { w.open(1) })
			w.at(window+2*second, func() { w.bank.pay(1) })
		}, state.PurchaseEnded},
		"cancelled": {func(w *purchaseWorld) {
			w.at(minute, w.paid)
			w.at(90*second, w.cancel)
		}, state.PurchaseEnded},
	} {
		for _, pause := range []time.Duration{second, 5 * minute, hour} { // an hour is past what the bank waits
			for step := 1; ; step++ {
				w := newPurchaseWorld(t)
				tt.tell(w)
				w.liveThroughCrashes(pause, step)
				end := w.endedPurchase().State
				if !w.crashedOnce {
					require.Greater(t, step, 2, "%s: the story has its steps", name)
					break
				}
				if pause < hour {
					require.Equal(t, tt.end, end, "%s, %s after a crash at step %d\n%s", name, pause, step, w.story())
				}
			}
		}
	}
}

// A task in which everything was done is lost: its worker died, or Temporal took none of it because other news
// had come. Whoever does it again finds nothing to ask about, and reads how it ended.
func TestPurchaseWhoseTaskWasLost(t *testing.T) {
	w := newPurchaseWorld(t)
	w.at(1*minute, w.paid)
	w.liveThroughCrashes(second, 7) // looked, listed, asked, verified, booked, settled, noted
	require.Equal(t, state.PurchaseCompleted, w.endedPurchase().State)
	require.Equal(t, []string{"02:00 settled 1", "02:00 crash"}, w.told("settled", "crash"))
	require.Equal(t, born.Add(2*minute+second), w.now(), "long before the payment's deadline")
}

// Cancelling a saga in the Temporal UI changes nothing: payers' money is at stake.
func TestCancelPurchaseInTheUIChangesNothing(t *testing.T) {
	for name, at := range map[string]time.Duration{"before": 30 * second, "while the payer is away": 90 * second, "at the deadline": window} {
		t.Run(name, func(t *testing.T) {
			w := newPurchaseWorld(t)
			w.at(1*minute, w.paid)
			w.at(at, func() { w.env.CancelWorkflow() })
			require.Equal(t, state.PurchaseCompleted, w.runPurchase().State)
			require.Equal(t, []string{"02:00 completed CHECK-9672"}, w.told("completed"))
		})
	}
	w := newPurchaseWorld(t)
	w.at(window-second, func() { w.env.CancelWorkflow() })
	require.Equal(t, workflows.PurchaseResult{State: state.PurchaseEnded, Why: state.PaymentExpired}, w.runPurchase())
}
