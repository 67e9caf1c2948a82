package workflows_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/state"
)

// errSomething is what nobody foresaw. Its type decides nothing, so it is tried again.
var errSomething = errors.New("nobody foresaw this")

// attended runs a saga whose money goes the given way and lets the bank refuse the last step.
func attended(t *testing.T, op string, failures ...error) *world {
	w := newWorld(t)
	w.fails(op, failures...)
	w.at(1*minute, func() { w.payAndReturn(1) })
	if op == "settle" {
		w.at(2*minute, w.collect)
	}
	return w
}

func TestRefusedSettlement(t *testing.T) {
	w := attended(t, "settle", refused, refused)
	flagged := false
	w.at(30*minute, func() { flagged = w.flagged })
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.True(t, flagged, "the search attribute")
	require.Equal(t, []string{
		"02:00 settle 1 refused", "02:00 attention settlement_not_confirmed",
		"62:00 settle 1 refused",
		"122:00 settle 1", "122:00 attention over", "122:00 settled 1",
	}, w.journal[4:], "a person is called at once and once, the bank is asked every hour")
}

func TestRefusedRefund(t *testing.T) {
	w := attended(t, "undo", refused)
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{
		"20:00 undo 1 refused", "20:00 attention refund_not_confirmed",
		"80:00 undo 1", "80:00 attention over", "80:00 refunded 1 cancelled",
	}, w.journal[4:])
}

// Operators read in the UI what happened so far.
func TestDetails(t *testing.T) {
	w := attended(t, "settle", refused)
	var shown string
	w.at(30*minute, func() { shown = w.details() })
	w.run()
	require.Equal(t, strings.Join([]string{
		"- `08:00:00` created: 1,200,000 rial, collect by `2040-03-20 08:20:00`",
		"- `08:01:00` payer came back from sandbox, attempt 1",
		"- `08:01:00` paid at sandbox, attempt 1, reference rrn-7001: paid",
		"- `08:02:00` collected by the merchant",
		"- `08:02:00` settle at the bank: the bank refused, attempt 1",
		"- `08:02:00` **needs attention: settlement_not_confirmed**",
	}, "\n"), shown)
}

func (w *world) details() string {
	value, err := w.env.QueryWorkflow("__temporal_workflow_metadata")
	require.NoError(w.t, err)
	var shown sdk.WorkflowMetadata
	require.NoError(w.t, value.Get(&shown))
	return shown.CurrentDetails
}

// A person has seen at the bank what happened and ends the attempt.
func TestResolvedByAPerson(t *testing.T) {
	for name, tt := range map[string]struct {
		op       string
		failures []error
		as       state.Attempt
		payment  state.Payment
		book     chargeState // what the person did at the bank
		when     time.Duration
	}{
		"settlement refused":     {"settle", times(9, refused), state.AttemptSettled, state.PaymentCollected, chargeSettled, 50 * minute},
		"settlement unavailable": {"settle", times(9, busy(10*minute)), state.AttemptSettled, state.PaymentCollected, chargeSettled, 50 * minute},
		"refund refused":         {"undo", times(9, refused), state.AttemptRefunded, state.PaymentRefunded, chargeReturned, 50 * minute},
		"before anybody called":  {"undo", times(9, unknown), state.AttemptRefunded, state.PaymentRefunded, chargeReturned, window + 30*second},
		"bank silent":            {"result", times(20, busy(10*minute)), state.AttemptFailed, state.PaymentFailed, chargeReturned, 50*minute + 30*second},
	} {
		t.Run(name, func(t *testing.T) {
			w := attended(t, tt.op, tt.failures...)
			w.at(tt.when, func() {
				w.bank.charges[1].state = tt.book
				w.resolve(1, tt.as)
			})
			require.Equal(t, tt.payment, w.run().State)
			require.Equal(t, born.Add(tt.when), w.now(), "the saga goes on at once")
			last := w.told(" 1")
			require.Contains(t, last[len(last)-2]+last[len(last)-1], "resolved 1 as "+string(tt.as), "and asks the bank no more")
		})
	}
}

// A call that stays open for 15 minutes calls a person, who is let go when it ends.
func TestPatience(t *testing.T) {
	for name, tt := range map[string]struct {
		op      string
		reason  string
		payment state.Payment
		from    string
	}{
		"settle": {"settle", "settlement_not_confirmed", state.PaymentCollected, "17:00"},
		"undo":   {"undo", "refund_not_confirmed", state.PaymentRefunded, "35:00"},
		"result": {"result", "outcome_unknown", state.PaymentCollected, "16:00"},
	} {
		t.Run(name, func(t *testing.T) {
			w := attended(t, tt.op, times(4, busy(5*minute+second))...)
			if tt.op == "result" {
				w.at(17*minute, w.collect)
			}
			require.Equal(t, tt.payment, w.run().State)
			require.Equal(t, []string{tt.from + " attention " + tt.reason}, w.told("attention "+tt.reason))
			require.Len(t, w.told("attention over"), 1)
		})
	}

	w := attended(t, "settle", times(3, busy(4*minute+59*second))...)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Empty(t, w.told("attention"), "14:57 is not 15 minutes")
}

// The database is away for longer than the patience of a store call.
func TestDatabaseAway(t *testing.T) {
	w := newWorld(t)
	away := temporal.NewApplicationErrorWithOptions("no connection", "", temporal.ApplicationErrorOptions{NextRetryDelay: 4 * minute})
	w.fails("PaymentDeadline", times(5, away)...)
	require.Equal(t, state.PaymentExpired, w.run().State)
	require.Equal(t, []string{"35:00 attention database_unreachable", "36:00 attention over"}, w.told("attention"))
}

// Calling a person is a store call, too. It does not call a person itself, over and over.
func TestDatabaseAwayForThePersonToo(t *testing.T) {
	w := newWorld(t)
	away := temporal.NewApplicationErrorWithOptions("no connection", "", temporal.ApplicationErrorOptions{NextRetryDelay: 7 * minute})
	w.fails("PaymentDeadline", times(9, away)...)
	w.fails("PaymentAttention", times(9, away)...)
	details := ""
	w.at(80*minute, func() { details = w.details() })
	require.Equal(t, state.PaymentExpired, w.run().State)
	require.Equal(t, 1, strings.Count(details, "needs attention"), details)
}

// Two attempts wait for a person; the one that ends first does not send the person away.
func TestTwoAttemptsNeedAPerson(t *testing.T) {
	w := newWorld(t)
	w.fails("undo 1", refused, refused) // at 01:00 and 61:00
	w.fails("undo 2", refused)          // at 20:00
	w.at(1*minute, func() {
		w.open(1)
		w.bank.charges[1].amount = 1 // never ours
		w.bank.pay(1)
		w.callback(1)
	})
	w.at(2*minute, func() { w.payAndReturn(2) })
	w.at(90*minute, func() { require.True(t, w.flagged, "attempt 1 still waits") })
	require.Equal(t, state.PaymentRefunded, w.run().State)
	require.Equal(t, []string{
		"01:00 attention refund_not_confirmed", "80:00 refunded 2 cancelled", "121:00 attention over",
	}, w.told("attention", "refunded"))
}

// The row names a reason that still holds.
func TestTwoReasons(t *testing.T) {
	w := newWorld(t)
	w.fails("undo 1", refused, refused)
	w.fails("settle 2", refused)
	w.at(1*minute, func() {
		w.open(1)
		w.bank.charges[1].amount = 1
		w.bank.pay(1)
		w.callback(1)
	})
	w.at(2*minute, func() { w.payAndReturn(2) })
	w.at(3*minute, w.collect)
	require.Equal(t, state.PaymentCollected, w.run().State)
	require.Equal(t, []string{
		"01:00 attention refund_not_confirmed", "03:00 attention settlement_not_confirmed",
		"63:00 attention refund_not_confirmed", "121:00 attention over",
	}, w.told("attention"))
}

// An error that nobody foresaw must not end the saga: the money of the attempt is somewhere. A
// person is called, and the attempt waits for their word.
func TestUnexpectedError(t *testing.T) {
	final := temporal.NewNonRetryableApplicationError("a bug", "bug", nil)
	for _, activity := range []string{"PaymentPaid", "PaymentSettled"} {
		t.Run(activity, func(t *testing.T) {
			w := newWorld(t)
			w.rows.auto = true
			w.fails(activity, final)
			w.at(1*minute, func() { w.payAndReturn(1) })
			w.at(4*hour, func() {
				require.Equal(t, "unexpected_error", w.rows.attention)
				require.True(t, w.flagged)
				w.bank.charges[1].state = chargeSettled
				if a := w.rows.attempt(1); a.state == state.AttemptPaid {
					w.resolve(1, state.AttemptSettled)
				} else {
					w.signal("resolved", map[string]any{"event_id": 99, "attempt_id": 1})
				}
			})
			require.Equal(t, state.PaymentCollected, w.run().State)
			require.Equal(t, []string{"01:00 attention unexpected_error", "240:00 attention over"}, w.told("attention"))
		})
	}
}
