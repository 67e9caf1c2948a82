package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

// The merchant collects before the browser is back: the saga asks the bank first, and answers when
// the bank has spoken.
func TestInquire(t *testing.T) {
	w := newWorld(t)
	var asked *answer
	w.fails("result", unavailable, unavailable)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.pay(1)
	})
	w.at(2*minute, func() { asked = w.inquire() })
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, answer{state: state.PaymentPaid, at: 2*minute + second, done: true}, *asked)
	require.Equal(t, []string{"02:00 result 1 unavailable", "02:00 result 1 unavailable", "02:01 result 1", "02:01 verify 1", "02:01 paid 1"}, w.journal[:5])
}

// A callback under way is covered by the same question to the bank.
func TestInquireTogetherWithTheCallback(t *testing.T) {
	w := newWorld(t)
	var asked *answer
	w.at(1*minute, func() {
		w.payAndReturn(1)
		asked = w.inquire()
	})
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, answer{state: state.PaymentPaid, at: 1 * minute, done: true}, *asked)
	require.Len(t, w.told("verify"), 1)
}

func TestInquireWhenThereIsNothingToAsk(t *testing.T) {
	w := newWorld(t)
	answers := make([]*answer, 4)
	w.at(1*minute, func() { answers[0] = w.inquire() })
	w.at(2*minute, func() { w.open(1) })
	w.at(3*minute, func() { answers[1] = w.inquire() })
	w.at(4*minute, func() {
		w.bank.pay(1)
		w.callback(1)
	})
	w.at(5*minute, func() { answers[2] = w.inquire() })
	w.at(6*minute, func() {
		w.collect()
		answers[3] = w.inquire()
	})
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{"03:00 result 1", "04:00 result 1"}, w.told("result"))
	for i, want := range []answer{
		{state: state.PaymentPending, at: 1 * minute, done: true}, // no attempt
		{state: state.PaymentPending, at: 3 * minute, done: true}, // the payer is still at the bank
		{state: state.PaymentPaid, at: 5 * minute, done: true},    // already paid
		{state: state.PaymentCollected, at: 6 * minute, done: true},
	} {
		require.Equal(t, want, *answers[i], i)
	}
}

// An inquiry finds every open attempt.
func TestInquireAboutSeveral(t *testing.T) {
	w := newWorld(t)
	w.at(1*minute, func() {
		w.open(1)
		w.open(2)
		w.bank.pay(2)
	})
	var asked *answer
	w.at(2*minute, func() { asked = w.inquire() })
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, state.PaymentPaid, asked.state)
	require.Equal(t, []string{"02:00 result 1"}, w.told("result 1")[:1])
	require.Equal(t, []string{"16:00 failed 1 session_over"}, w.told("failed 1"), "the other is watched until it is final")
}
