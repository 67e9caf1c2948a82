package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

// The money goes back as often as it takes, always for the same invoice, and is booked once.
func TestUndoUntilTheBankConfirms(t *testing.T) {
	w := newWorld(t)
	w.fails("undo", unknown, unavailable, unknown, busy(30*second), doneUnknown)
	w.at(1*minute, func() { w.payAndReturn(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{
		"20:00 undo 1 unknown",     // at once, inside the workflow task
		"20:00 undo 1 unavailable", // from here on durably: 1 s, 2 s, the bank's wish, 8 s
		"20:01 undo 1 unknown",
		"20:03 undo 1 unavailable",
		"20:33 undo 1 unknown", // the bank did it, and nobody heard
		"20:41 undo 1",
		"20:41 refunded 1 cancelled",
	}, w.told("undo", "refunded"))
}

func TestSettleUntilTheBankConfirms(t *testing.T) {
	w := newWorld(t)
	w.fails("settle", doneUnknown, unavailable)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(2*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"02:00 settle 1 unknown", "02:00 settle 1 unavailable", "02:01 settle 1", "02:01 settled 1"}, w.told("settle"))
}

// Unknown is not failure: nothing is reversed, the bank is asked again until it has an answer.
func TestUnknownAtVerify(t *testing.T) {
	w := newWorld(t)
	w.fails("verify", doneUnknown, unknown)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(2*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{
		"01:00 result 1", "01:00 verify 1 unknown",
		"01:00 result 1", "01:00 verify 1 unknown",
		"01:01 result 1", "01:01 verify 1", "01:01 paid 1",
		"02:00 collected", "02:00 settle 1", "02:00 settled 1",
	}, w.journal)
}

// A bank that will not verify, or not even tell, decided against the payment. What money it took goes
// back before the attempt fails, because an earlier call without an answer may have verified it.
func TestRefusedByTheBank(t *testing.T) {
	for name, tt := range map[string]struct {
		op       string
		failures []error
		undone   string
	}{
		"verify":                  {"verify", []error{refused}, "01:00 undo 1"},
		"verify, done unknown":    {"verify", []error{doneUnknown, refused}, "01:00 undo 1"},
		"result":                  {"result", []error{refused}, "01:00 undo 1"},
		"result, no answer first": {"result", []error{unknown, refused}, "01:00 undo 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.fails(tt.op, tt.failures...)
			w.at(1*minute, func() { w.payAndReturn(1) })
			require.Equal(t, state.PaymentFailed, w.run().State)
			require.Equal(t, []string{tt.undone, "01:00 failed 1 refused_by_bank", "20:00 failed"}, w.told("undo", "failed"))
			require.Empty(t, w.told("paid", "attention"))
		})
	}
}

// The database answers late or not at all after it has written. Asking again finds the write.
func TestLostAnswersOfTheDatabase(t *testing.T) {
	for _, activity := range []string{
		"PaymentPaid", "PaymentSettled", "PaymentRefunded", "PaymentDeadline", "PaymentVisits", "PaymentNotPaid",
	} {
		for _, collected := range []bool{true, false} {
			for name, lost := range map[string][]error{"once": times(1, errSomething), "for long": times(12, errSomething)} {
				t.Run(activity+" "+name, func(t *testing.T) {
					w := newWorld(t)
					w.fails(activity, lost...)
					w.at(1*minute, func() { w.open(1) })
					w.at(9*minute, func() { w.bank.pay(1) })
					w.at(9*minute+second, func() {
						w.open(2)
						w.callback(2)
					})
					want := state.PaymentRefunded
					if collected {
						want = state.PaymentCollected
						w.at(15*minute, w.collect)
					}
					require.Equal(t, want, w.run().State)
				})
			}
		}
	}
}

// Everything at once: a wrong amount, a refund that the bank refuses first, and a second attempt
// whose money serves. Each attempt goes its own way.
func TestAttemptsDoNotWaitForEachOther(t *testing.T) {
	w := newWorld(t)
	w.fails("undo", times(3, refused)...)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.charges[1].amount = 1
		w.bank.pay(1)
		w.callback(1)
	})
	w.at(2*minute, func() { w.payAndReturn(2) })
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"03:00 settled 2"}, w.told("settled"))
	require.Equal(t, []string{"181:00 undo 1", "181:00 failed 1 mismatch"}, w.told("undo 1", "failed 1")[3:])
	require.GreaterOrEqual(t, w.now(), born.Add(3*time.Hour))
}
