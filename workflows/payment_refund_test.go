package workflows_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
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

// What a bank did not settle inside the workflow task goes on as the same call with the same key, where
// operators see it and calls to banks are rate-limited.
func TestDurableCallRepeatsTheLocalOne(t *testing.T) {
	w := newWorld(t)
	for _, op := range []string{"result", "settle"} {
		w.fails(op, unknown, unknown)
	}
	var local, durable []string
	w.watch = func(env *testsuite.TestWorkflowEnvironment) {
		env.SetOnLocalActivityStartedListener(func(info *activity.Info, _ context.Context, args []any) {
			if strings.HasSuffix(info.ActivityType.Name, "AtBank") {
				text, err := json.Marshal(args[0])
				require.NoError(t, err)
				local = append(local, info.ActivityType.Name+" "+string(text))
			}
		})
		env.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, args converter.EncodedValues) {
			var in activities.PaidVisit
			require.NoError(t, args.Get(&in))
			var text []byte
			var err error
			if text, err = json.Marshal(in); in.BankTran == "" {
				text, err = json.Marshal(in.Visit)
			}
			require.NoError(t, err)
			require.Equal(t, workflows.GatewayQueue, info.TaskQueue)
			durable = append(durable, info.ActivityType.Name+" "+string(text))
		})
	}
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(2*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Len(t, local, 2)
	require.Equal(t, []string{local[0], local[0], local[1], local[1]}, durable)
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

// A bank that will not verify decided against the payment. The money it took goes back before the
// attempt fails, because an earlier call without an answer may have verified it.
func TestRefusedAtVerify(t *testing.T) {
	for name, tt := range map[string]struct {
		op       string
		failures []error
		undone   string
	}{
		"verify":               {"verify", []error{refused}, "01:00 undo 1"},
		"verify, done unknown": {"verify", []error{doneUnknown, refused}, "01:00 undo 1"},
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

// A bank that will not even tell decided nothing.
func TestRefusedAtResult(t *testing.T) {
	w := newWorld(t)
	w.fails("result", times(3, refused)...)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(2*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"01:03 result 1", "01:03 verify 1", "01:03 paid 1"}, w.journal[3:6])
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
