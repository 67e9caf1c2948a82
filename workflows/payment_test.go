package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

const (
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
)

func TestCollected(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(2*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{
		"01:00 result 1", "01:00 verify 1", "01:00 paid 1",
		"02:00 collected", "02:00 settle 1", "02:00 settled 1",
	}, w.journal)
}

func TestAutoCollected(t *testing.T) {
	w := newWorld(t)
	w.rows.auto = true
	w.at(1*minute, func() { w.payAndReturn(1) })
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{
		"01:00 result 1", "01:00 verify 1", "01:00 paid and collected 1", "01:00 settle 1", "01:00 settled 1",
	}, w.journal)
}

func TestNobodyCame(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, state.PaymentExpired, w.run().State)
	require.Equal(t, []string{"20:00 expired"}, w.journal, "the bank is never asked")
}

func TestDeclined(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.decline(1)
		w.callback(1)
	})
	require.Equal(t, state.PaymentFailed, w.run().State)
	require.Equal(t, []string{"01:00 result 1", "01:00 failed 1 declined", "20:00 failed"}, w.journal,
		"the payment stays payable until its deadline")
}

func TestDeclinedThenPaid(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.decline(1)
		w.callback(1)
	})
	w.at(3*minute, func() { w.payAndReturn(2) })
	w.at(4*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"01:00 failed 1 declined", "03:00 paid 2", "04:00 settle 2", "04:00 settled 2"},
		w.told("failed", "paid", "settle"))
}

// A payer may come back from the bank before the money is seen there.
func TestCallbackBeforeTheMoney(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.callback(1)
	})
	w.at(2*minute, func() {
		w.bank.pay(1)
		w.callback(1)
	})
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"01:00 result 1", "02:00 result 1"}, w.told("result"))
}

func TestCallbackLost(t *testing.T) {
	for name, tt := range map[string]struct {
		paidAt, foundAt time.Duration
		asked           []string
	}{
		"half of the window": {1 * minute, 10 * minute, []string{"10:00 result 1"}},
		"nine tenths":        {12 * minute, 18 * minute, []string{"10:00 result 1", "18:00 result 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.at(1*minute-second, func() { w.open(1) })
			w.at(tt.paidAt, func() { w.bank.pay(1) })
			w.at(tt.foundAt+minute, w.collect)
			require.Equal(t, state.PaymentCollected, w.run().State)
			require.Equal(t, tt.asked, w.told("result"))
		})
	}
}

// Both attempts bring money. The first that is booked pays; the other's money goes back, and the
// payment stays what it is.
func TestPaidTwice(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.pay(1) // and the browser is lost
		w.payAndReturn(2)
	})
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"01:00 paid 2", "03:00 settle 2", "03:00 settled 2", "03:00 surplus 1", "03:00 undo 1", "03:00 refunded 1 reversed"},
		w.told("paid", "settle", "surplus", "undo", "refunded"))
}

// Both browsers come back, so both attempts are being asked about when the first is booked.
func TestPaidTwiceAtOnce(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.open(2)
		w.bank.pay(1)
		w.bank.pay(2)
		w.callback(1)
		w.callback(2)
	})
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Len(t, w.told("settle "), 1)
	require.Len(t, w.told("undo"), 1)
	require.Equal(t, "01:00", w.told("undo")[0][:5], "surplus money does not wait for collect")
}

// Money of another amount is not ours: it goes back and nothing is booked.
func TestMismatch(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.charges[1].amount = 1
		w.bank.pay(1)
		w.callback(1)
	})
	require.Equal(t, state.PaymentFailed, w.run().State)
	require.Equal(t, []string{"01:00 result 1", "01:00 undo 1", "01:00 failed 1 mismatch", "20:00 failed"}, w.journal)
}

// A receipt that paid one attempt cannot pay another.
func TestReceiptSpent(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(1*minute-second, func() {
		w.open(2)
		w.open(3)
		w.bank.pay(2)
		w.bank.charges[2].tran = "7001"
	})
	w.at(2*minute, w.collect)
	w.at(2*minute+second, func() { w.bank.charges[2].state = chargeReturned }) // one transaction, one book
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"02:00 failed 2 receipt_spent"}, w.told("failed 2"))
	require.Empty(t, w.told("undo"), "the money belongs to the first attempt")
	require.Len(t, w.told("settle "), 1)
}

// Every fact arrives twice, which must change nothing.
func TestEverySignalTwice(t *testing.T) {
	w := newWorld(t)
	w.at(30*second, func() {
		w.open(1)
		w.callback(1) // the payer is ahead of the money
	})
	w.at(40*second, w.repeat)
	w.at(50*second, func() { w.bank.pay(1) })
	w.at(1*minute, func() { w.callback(1); w.repeat() })
	w.at(90*second, w.repeat)
	w.at(2*minute, func() { w.collect(); w.repeat(); w.repeat() })
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{
		"00:30 result 1", "01:00 result 1", "01:00 verify 1", "01:00 paid 1",
		"02:00 collected", "02:00 settle 1", "02:00 settled 1",
	}, w.journal)
}

func TestCancelUnpaid(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.cancel(); w.repeat() })
	require.Equal(t, state.PaymentFailed, w.run().State)
	require.Equal(t, []string{"01:00 cancelled", "01:00 failed"}, w.journal, "at once, not at the old deadline")
}

func TestCancelPaid(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.payAndReturn(1) })
	w.at(2*minute, w.cancel)
	w.at(3*minute, w.collect) // too late
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{"02:00 cancelled", "02:00 undo 1", "02:00 refunded 1 cancelled"}, w.journal[3:])
}

// The payer is at the bank while the merchant cancels. The money that comes goes back unverified.
func TestCancelWhileThePayerIsAtTheBank(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() { w.open(1) })
	w.at(2*minute, w.cancel)
	w.at(3*minute-second, func() { w.bank.pay(1) })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{
		"02:00 cancelled", "02:00 result 1",
		"03:00 result 1", "03:00 late 1", "03:00 undo 1", "03:00 refunded 1 reversed",
	}, w.journal)
}

// Cancelling a saga in the Temporal UI must not strand money: merchants cancel through the API.
func TestCancelInTheUIChangesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		cancelAt time.Duration
		ask      bool
	}{
		"before the payer":   {30 * second, false},
		"after the payer":    {90 * second, false},
		"after an inquiry":   {90 * second, true},
		"during the inquiry": {1*minute + 2*second, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tt.ask {
				w.fails("result", unavailable, unavailable, unavailable)
				w.at(1*minute, func() {
					w.open(1)
					w.bank.pay(1)
					w.inquire()
				})
			} else {
				w.at(1*minute, func() { w.payAndReturn(1) })
			}
			w.at(tt.cancelAt, func() { w.env.CancelWorkflow() })
			w.at(2*minute, w.collect)
			require.Equal(t, state.PaymentCollected, w.run().State)
			require.Len(t, w.told("settled 1"), 1)
		})
	}
}
