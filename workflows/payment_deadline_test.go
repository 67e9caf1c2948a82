package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

func TestCollectInTheLastSecond(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(window-second, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"19:59 collected", "19:59 settle 1", "19:59 settled 1"}, w.journal[3:])
}

func TestRefundOnTheDot(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.payAndReturn(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{"20:00 refunding 1", "20:00 undo 1", "20:00 refunded 1 cancelled"}, w.journal[3:])
	require.Equal(t, born.Add(window), w.now(), "the timer stands at the exact instant")
}

// The claim won in the database at 19:59:59; its signal comes after the timer. The deadline finds
// the money collected, so it is settled, and nothing is returned.
func TestCollectSignalAfterTheTimer(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(window-second, func() { require.True(t, w.rows.collect()) })
	w.at(window+5*second, func() { w.signal(workflows.CollectedSignal, workflows.Fact{EventID: 99}) })
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"19:59 collected", "20:00 settle 1", "20:00 settled 1"}, w.journal[3:])
}

// The saga's clock is ahead of the database's: it waits, and the merchant may still collect.
func TestDatabaseClockBehind(t *testing.T) {
	w := newWorld(t)
	w.rows.behind = 2500 * time.Millisecond
	w.at(1*minute, func() { w.payAndReturn(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{"20:00 not due", "20:01 not due", "20:02 not due", "20:03 refunding 1"}, w.told("due", "refunding"))

	w = newWorld(t)
	w.rows.behind = 2500 * time.Millisecond
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(window+1500*time.Millisecond, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"20:01 collected", "20:01 settle 1"}, w.told("collected", "settle ", "undo"))
}

// Money that the database takes as paid must be verified, however late it is on the saga's clock.
func TestPaidWhileTheDatabaseClockIsBehind(t *testing.T) {
	w := newWorld(t)
	w.rows.auto = true
	w.rows.behind = 2500 * time.Millisecond
	w.fails("result", unavailable) // so that a durable call, which has a bound, must do
	w.at(window+second, func() { w.payAndReturn(1) })
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"20:01 result 1 unavailable", "20:01 result 1", "20:01 verify 1", "20:01 paid and collected 1"}, w.journal[2:6])
}

// An attempt is open at the deadline and its money comes afterwards: it goes back unverified.
func TestLateSuccess(t *testing.T) {
	w := newWorld(t)
	w.at(10*minute+second, func() { w.open(1) })
	w.at(window+30*second, func() { w.bank.pay(1) })
	w.at(window+40*second, func() { w.callback(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{
		"18:00 result 1", "20:00 result 1",
		"20:40 result 1", "20:40 late 1", "20:40 undo 1", "20:40 refunded 1 reversed",
	}, w.journal)
}

// The same without a callback: the saga finds the money by itself.
func TestLateSuccessFoundByAsking(t *testing.T) {
	w := newWorld(t)
	w.at(10*minute+second, func() { w.open(1) })
	w.at(window+30*second, func() { w.bank.pay(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{"21:00 late 1", "21:00 undo 1", "21:00 refunded 1 reversed"}, w.journal[3:])
}

// The payer walked away from the bank's page. The bank is asked at growing pauses until it can no
// longer say "paid", and exactly then once more.
func TestAbandonedAttempt(t *testing.T) {
	w := newWorld(t)
	w.at(17*minute, func() { w.open(1) })
	require.Equal(t, state.PaymentFailed, w.run().State)
	require.Equal(t, []string{
		"18:00 result 1", "20:00 result 1", "21:00 result 1", "23:00 result 1", "26:00 result 1", "30:00 result 1",
		"32:00 result 1", "32:00 failed 1 session_over", "32:00 failed",
	}, w.journal)
}

// The bank does not answer over the deadline. The call that would verify ends with it; from then on
// the bank is only asked, because unverified money goes back even without us.
func TestBankSilentOverTheDeadline(t *testing.T) {
	w := newWorld(t)
	w.fails("result", times(7, unavailable)...)
	w.at(window-20*second, func() { w.payAndReturn(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Empty(t, w.told("verify"))
	require.Len(t, w.told("undo"), 1)
	require.Empty(t, w.told("attention"), "nobody is called for what ends by itself")
}

// The bank verified the money just before the deadline and its answer was lost.
func TestVerifiedUnknownOverTheDeadline(t *testing.T) {
	w := newWorld(t)
	w.fails("verify", append([]error{doneUnknown}, times(5, unknown)...)...)
	w.at(window-20*second, func() { w.payAndReturn(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{"undo 1", "refunded 1 cancelled"}, afterClock(w.told("undo", "refunded")))
}

func afterClock(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = line[len("00:00 "):]
	}
	return out
}
