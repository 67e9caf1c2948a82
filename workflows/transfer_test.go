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

func TestTransferVerified(t *testing.T) {
	w := newTransferWorld(t)
	w.at(30*second, w.setCard)
	w.at(1*minute, w.pay)
	w.at(2*minute, w.check)
	require.Equal(t, state.TransferVerified, w.runTransfer().State)
	require.Equal(t, []string{"01:00 paid", "02:00 verified"}, w.journal)
	require.Zero(t, w.steps, "the facts are rows already; the saga writes nothing")
	require.Equal(t, born.Add(2*minute), w.now(), "no timer is left to wait for")
}

// Every fact arrives twice, which must change nothing, not even what operators read.
func TestEveryTransferSignalTwice(t *testing.T) {
	w := newTransferWorld(t)
	w.at(30*second, func() { w.setCard(); w.repeat() })
	w.at(1*minute, func() { w.pay(); w.repeat() })
	w.at(90*second, w.repeat)
	var shown string
	w.at(2*minute, func() { shown = w.details(); w.check(); w.repeat() })
	require.Equal(t, state.TransferVerified, w.runTransfer().State)
	require.Equal(t, 1, strings.Count(shown, "paid by deposit 7"), shown)
	require.Equal(t, 1, strings.Count(shown, "named a card"), shown)
}

// Temporal or its workers were away, or facts follow each other at once: one task brings them all.
func TestTransferSignalsInOneTask(t *testing.T) {
	for name, happens := range map[string]func(*cardWorld){
		"paid, verified":             func(w *cardWorld) { w.pay(); w.check() },
		"card, paid, verified":       func(w *cardWorld) { w.setCard(); w.pay(); w.repeat(); w.check(); w.repeat() },
		"mismatched, paid, verified": func(w *cardWorld) { w.payFromElsewhere(); w.assign(); w.check() },
	} {
		for _, task := range []time.Duration{10 * minute, 20 * minute, 2 * hour} { // in time, in the hold, long after
			t.Run(name, func(t *testing.T) {
				w := newTransferWorld(t)
				w.plays.saga = asleep(w.world, workflows.Transfer, task)
				w.at(1*minute, func() { happens(w) })
				require.Equal(t, state.TransferVerified, w.runTransfer().State)
				require.Equal(t, born.Add(task), w.now())
			})
		}
	}
	t.Run("mismatched, paid", func(t *testing.T) {
		w := newTransferWorld(t)
		w.plays.saga = asleep(w.world, workflows.Transfer, 10*minute)
		w.at(1*minute, func() { w.payFromElsewhere(); w.assign() })
		w.at(11*minute, w.check)
		require.Equal(t, state.TransferVerified, w.runTransfer().State)
	})
}

// Signals overtake each other: the dispatcher delivers many at once.
func TestTransferSignalsOutOfOrder(t *testing.T) {
	t.Run("verified before paid", func(t *testing.T) {
		w := newTransferWorld(t)
		w.late = []time.Duration{5 * second, 0}
		w.at(1*minute, func() { w.pay(); w.check() })
		require.Equal(t, state.TransferVerified, w.runTransfer().State)
		require.Equal(t, born.Add(minute), w.now())
	})
	t.Run("paid by a person before mismatched", func(t *testing.T) {
		w := newTransferWorld(t)
		w.late = []time.Duration{5 * second, 0}
		w.at(1*minute, func() { w.payFromElsewhere(); w.assign() })
		w.at(2*minute, w.check)
		require.Equal(t, state.TransferVerified, w.runTransfer().State)
	})
	t.Run("mismatched and verified, paid not yet", func(t *testing.T) {
		w := newTransferWorld(t)
		w.plays.saga = asleep(w.world, workflows.Transfer, 2*minute)
		w.late = []time.Duration{0, 5 * minute, 0}
		w.at(1*minute, func() { w.payFromElsewhere(); w.assign(); w.check() })
		require.Equal(t, state.TransferVerified, w.runTransfer().State)
	})
}

// When the SMS comes decides: within the payer's time, while the amount is still reserved, or too late.
func TestDepositAgainstTheClock(t *testing.T) {
	for name, tt := range map[string]struct {
		at      time.Duration
		end     state.Transfer
		journal []string
	}{
		"in the last second":      {payerTime - second, state.TransferVerified, []string{"14:59 paid", "74:58 verified"}},
		"at expiry":               {payerTime, state.TransferVerified, []string{"15:00 paid", "74:58 verified"}},
		"after expiry":            {payerTime + second, state.TransferVerified, []string{"15:00 expired", "15:01 paid", "74:58 verified"}},
		"at the end of the hold":  {reservation - 3*second, state.TransferVerified, []string{"15:00 expired", "74:57 paid", "74:58 verified"}},
		"when the amount is free": {reservation, state.TransferExpired, []string{"15:00 expired", "75:00 suspense", "75:00 released"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTransferWorld(t)
			w.at(tt.at, w.pay)
			w.at(reservation-2*second, w.check)
			require.Equal(t, tt.end, w.runTransfer().State)
			require.Equal(t, tt.journal, w.journal)
		})
	}
}

func TestTransferExpired(t *testing.T) {
	w := newTransferWorld(t)
	require.Equal(t, state.TransferExpired, w.runTransfer().State)
	require.Equal(t, []string{"15:00 expired", "75:00 released"}, w.journal)
	require.Equal(t, 2, w.steps, "one look at each deadline")
	require.Equal(t, born.Add(reservation), w.now(), "the timers stand at the exact instants")
}

func TestMismatched(t *testing.T) {
	for name, at := range map[string]time.Duration{"in time": 1 * minute, "late": payerTime + minute} {
		t.Run(name, func(t *testing.T) {
			w := newTransferWorld(t)
			w.at(30*second, w.setCard)
			w.at(at, func() { w.payFromElsewhere(); w.repeat() })
			require.Equal(t, state.TransferMismatched, w.runTransfer().State)
			require.Equal(t, born.Add(at), w.now(), "what to do with the money is the deposit's saga")
		})
	}
}

// The row knew before the saga was told: the signal waits in the outbox, or was overtaken by the timer.
func TestRowAheadOfTheSignal(t *testing.T) {
	t.Run("paid", func(t *testing.T) {
		w := newTransferWorld(t)
		w.late = []time.Duration{5 * second}
		w.at(payerTime-2*second, w.pay)
		var before, after string
		w.at(payerTime+second, func() { before = w.details() })
		w.at(16*minute, func() { after = w.details(); w.check() })
		require.Equal(t, state.TransferVerified, w.runTransfer().State)
		require.Equal(t, []string{"14:58 paid", "16:00 verified"}, w.journal)
		require.NotContains(t, before, "expired")
		require.Contains(t, after, "paid by deposit 7", "its signal still says by which")
	})
	t.Run("paid during the hold", func(t *testing.T) {
		w := newTransferWorld(t)
		w.late = []time.Duration{minute}
		w.at(reservation-2*second, w.pay)
		w.at(reservation+5*minute, w.check)
		require.Equal(t, state.TransferVerified, w.runTransfer().State)
		require.Equal(t, []string{"15:00 expired", "74:58 paid", "80:00 verified"}, w.journal)
	})
	t.Run("verified", func(t *testing.T) {
		w := newTransferWorld(t)
		w.late = []time.Duration{hour, hour}
		w.at(1*minute, w.pay)
		w.at(2*minute, w.check)
		require.Equal(t, state.TransferVerified, w.runTransfer().State)
		require.Equal(t, born.Add(payerTime), w.now())
	})
	t.Run("mismatched", func(t *testing.T) {
		w := newTransferWorld(t)
		w.late = []time.Duration{hour}
		w.at(1*minute, w.payFromElsewhere)
		require.Equal(t, state.TransferMismatched, w.runTransfer().State)
		require.Equal(t, born.Add(payerTime), w.now())
	})
}

// The saga's clock is ahead of the database's: it waits, and the deposit may still come in time.
func TestTransferDatabaseClockBehind(t *testing.T) {
	w := newTransferWorld(t)
	w.cards.behind = 2500 * time.Millisecond
	require.Equal(t, state.TransferExpired, w.runTransfer().State)
	require.Equal(t, []string{"15:00 not due", "15:01 not due", "15:02 not due", "15:03 expired", "75:03 released"}, w.journal)

	w = newTransferWorld(t)
	w.cards.behind = 2500 * time.Millisecond
	w.at(payerTime+1500*time.Millisecond, w.pay)
	w.at(17*minute, w.check)
	require.Equal(t, state.TransferVerified, w.runTransfer().State)
	require.Equal(t, []string{"15:00 not due", "15:01 not due", "15:01 paid", "17:00 verified"}, w.journal)

	w = newTransferWorld(t)
	w.cards.behind = 2500 * time.Millisecond
	w.at(reservation+1500*time.Millisecond, w.pay)
	w.at(77*minute, w.check)
	require.Equal(t, state.TransferVerified, w.runTransfer().State)
	require.Equal(t, []string{"75:01 paid", "77:00 verified"}, w.journal[4:])
}

// The database is away for three hours and more: the saga waits, a person is called, and the payer's
// deposit, which the bank did not wait with, is found afterwards.
func TestTransferDatabaseAway(t *testing.T) {
	away := temporal.NewApplicationErrorWithOptions("no connection", "", temporal.ApplicationErrorOptions{NextRetryDelay: 25 * minute})
	w := newTransferWorld(t)
	w.fails("TransferDeadline", times(9, away)...)
	flagged := false
	w.at(2*hour, func() { flagged = w.flagged })
	require.Equal(t, state.TransferExpired, w.runTransfer().State)
	require.True(t, flagged, "the search attribute")
	require.Equal(t, []string{"30:00 attention database_unreachable", "215:00 attention over"}, w.told("attention"))
}

// Calling a person is a store call, too. It does not call a person itself, over and over.
func TestTransferDatabaseAwayForThePersonToo(t *testing.T) {
	away := temporal.NewApplicationErrorWithOptions("no connection", "", temporal.ApplicationErrorOptions{NextRetryDelay: 25 * minute})
	w := newTransferWorld(t)
	w.fails("TransferDeadline", times(9, away)...)
	w.fails("SetTransferAttention", times(9, away)...)
	details := ""
	w.at(3*hour, func() { details = w.details() })
	require.Equal(t, state.TransferExpired, w.runTransfer().State)
	require.Equal(t, 1, strings.Count(details, "needs attention"), details)
}

// The money lies on the merchant's card and the merchant does not ask: after a day a person is called.
func TestPaidNotChecked(t *testing.T) {
	w := newTransferWorld(t)
	w.at(1*minute, w.pay)
	w.at(24*hour, func() { require.False(t, w.flagged, "not yet a day") })
	flagged := false
	w.at(30*hour, func() { flagged = w.flagged; w.check() })
	require.Equal(t, state.TransferVerified, w.runTransfer().State)
	require.True(t, flagged, "the search attribute")
	require.Equal(t, []string{"01:00 paid", "1441:00 attention paid_not_checked", "1800:00 verified", "1800:00 attention over"}, w.journal)

	w = newTransferWorld(t)
	w.at(1*minute, w.pay)
	w.at(24*hour+minute-second, w.check)
	require.Equal(t, state.TransferVerified, w.runTransfer().State)
	require.Empty(t, w.told("attention"))
}

// Cancelling a saga in the Temporal UI changes nothing: the row would be left without anybody to end it.
func TestCancelTransferInTheUIChangesNothing(t *testing.T) {
	for name, at := range map[string]time.Duration{
		"before the deposit": 30 * second, "after the deposit": 2 * minute, "with a person called": 26 * hour,
	} {
		t.Run(name, func(t *testing.T) {
			w := newTransferWorld(t)
			w.at(1*minute, w.pay)
			w.at(at, func() { w.env.CancelWorkflow() })
			w.at(30*hour, w.check)
			require.Equal(t, state.TransferVerified, w.runTransfer().State)
		})
	}
	for name, at := range map[string]time.Duration{"open": 30 * second, "held": payerTime + minute} {
		t.Run(name, func(t *testing.T) {
			w := newTransferWorld(t)
			w.at(at, func() { w.env.CancelWorkflow() })
			require.Equal(t, state.TransferExpired, w.runTransfer().State)
			require.Equal(t, born.Add(reservation), w.now())
		})
	}
}

// A worker dies after it has looked at a deadline and before it could tell.
func TestTransferCrashes(t *testing.T) {
	for step := 1; ; step++ {
		w := newTransferWorld(t)
		w.at(reservation-minute, w.pay)
		w.liveThroughCrashes(second, step)
		if !w.crashedOnce {
			require.Equal(t, 3, step, "the story has its steps: expired, paid_not_checked")
			break
		}
		w.at(30*hour, w.check)
	}
}

// Operators read in the UI what happened so far.
func TestTransferDetails(t *testing.T) {
	w := newTransferWorld(t)
	w.at(1*minute, w.setCard)
	w.at(20*minute, w.pay)
	var shown string
	w.at(30*hour, func() { shown = w.details(); w.check() })
	w.runTransfer()
	require.Equal(t, strings.Join([]string{
		"- `08:00:00` transfer 19: waiting for 1,200,010 rial until `2040-03-20 08:15:00`",
		"- `08:01:00` the payer named a card",
		"- `08:15:00` expired; a late SMS can still pay it until `2040-03-20 09:15:00`",
		"- `08:20:00` paid by deposit 7; the merchant has not asked yet",
		"- `08:20:00` **needs attention: paid_not_checked**",
	}, "\n"), shown)
	require.Equal(t, "verified by the merchant\n- `14:00:00` attention over: paid_not_checked\n- `14:00:00` **verified**", after(w.details(), "14:00:00` "))

	w = newTransferWorld(t)
	in := transferInput()
	in.CardSet = true
	w.plays.input = in
	w.at(2*minute, w.payFromElsewhere)
	w.runTransfer()
	require.Equal(t, strings.Join([]string{
		"- `08:00:00` transfer 19: waiting for 1,200,010 rial from the card that the payer named until `2040-03-20 08:15:00`",
		"- `08:02:00` deposit 7 came from another card than the payer named; a person decides",
		"- `08:02:00` **mismatched**",
	}, "\n"), w.details())
}

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

func TestTransferStartsVisible(t *testing.T) {
	in := transferInput()
	options := in.Options()
	require.Equal(t, "transfer/19", options.ID)
	require.Equal(t, "sagas", options.TaskQueue)
	require.Zero(t, options.WorkflowExecutionTimeout+options.WorkflowRunTimeout, "a saga is never cut off")
	require.Equal(t, "1,200,010 rial · shop · transfer", in.Summary())
	require.Equal(t, temporal.NewSearchAttributes(
		workflows.MerchantID.ValueSet("shop"), workflows.SagaKind.ValueSet("transfer"), workflows.SagaState.ValueSet("pending"),
		workflows.AmountRial.ValueSet(1_200_010), workflows.DeadlineAt.ValueSet(born.Add(payerTime)),
	), options.TypedSearchAttributes)
}
