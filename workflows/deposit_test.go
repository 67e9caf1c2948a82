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

var words = map[state.Deposit]workflows.DepositResolved{
	state.DepositAssigned: {State: state.DepositAssigned, PayID: 19, By: "sara", Why: "the payer sent a receipt"},
	state.DepositRefunded: {State: state.DepositRefunded, By: "reza", Why: "nobody asked for it", Reference: "732150889041"},
	state.DepositIgnored:  {State: state.DepositIgnored, By: "sara", Why: "interest of the bank"},
}

// A person decides in time: nothing is written, nobody is called any more, who and why is told.
func TestDepositResolved(t *testing.T) {
	told := map[state.Deposit]string{
		state.DepositAssigned: "**assigned** to transfer 19 by sara: the payer sent a receipt",
		state.DepositRefunded: "**refunded** (reference 732150889041) by reza: nobody asked for it",
		state.DepositIgnored:  "**ignored** by sara: interest of the bank",
	}
	for as, word := range words {
		t.Run(string(as), func(t *testing.T) {
			w := newDepositWorld(t)
			w.at(3*hour, func() { w.decide(word) })
			require.Equal(t, workflows.DepositResult{State: as, PayID: word.PayID, By: word.By, Why: word.Why, Reference: word.Reference}, w.runDeposit())
			require.Zero(t, w.steps)
			require.Equal(t, born.Add(3*hour), w.now())
			require.Equal(t, strings.Join([]string{
				"- `08:00:00` 500,000 rial arrived at saman, owner unknown: **no_transfer**; a person decides by `2040-03-21 08:00:00`",
				"- `11:00:00` " + told[as],
			}, "\n"), w.details())
		})
	}
}

// Nobody decides: the call becomes louder, and the money waits on.
func TestDepositOverdue(t *testing.T) {
	for as, word := range words {
		t.Run(string(as), func(t *testing.T) {
			w := newDepositWorld(t)
			var row string
			w.at(90*hour, func() { row = w.cards.depositAttention; require.True(t, w.flagged) })
			w.at(100*hour, func() { w.decide(word) })
			require.Equal(t, as, w.runDeposit().State)
			require.Equal(t, "deposit_overdue", row)
			require.Equal(t, []string{"1440:00 attention deposit_overdue", "6000:00 " + string(as) + " by " + word.By}, w.journal)
		})
	}
}

func TestDepositInTheLastSecond(t *testing.T) {
	w := newDepositWorld(t)
	w.at(patience-second, func() { w.decide(words[state.DepositIgnored]) })
	w.runDeposit()
	require.Empty(t, w.told("attention"))
}

// The store refuses a second word. What reaches the saga twice, or out of its row's order, counts once.
func TestDepositResolvedTwice(t *testing.T) {
	w := newDepositWorld(t)
	w.at(1*hour, func() {
		w.decide(words[state.DepositRefunded])
		w.repeat()
		w.decide(words[state.DepositAssigned])
		w.repeat()
	})
	require.Equal(t, state.DepositRefunded, w.runDeposit().State)
	require.Equal(t, []string{"60:00 refunded by reza"}, w.journal)

	w = newDepositWorld(t)
	w.plays.saga = asleep(w.world, workflows.Deposit, 2*hour)
	w.at(1*hour, func() {
		w.decide(words[state.DepositRefunded])
		w.signal(workflows.ResolvedSignal, words[state.DepositAssigned])
	})
	require.Equal(t, "reza", w.runDeposit().By, "both in one task")
}

// The saga starts when its deadline has passed already: Temporal was away.
func TestDepositStartedLate(t *testing.T) {
	w := newDepositWorld(t)
	in := depositInput()
	in.ResolveBy = born.Add(-hour)
	w.plays.input = in
	w.at(1*hour, func() { w.decide(words[state.DepositIgnored]) })
	require.Equal(t, state.DepositIgnored, w.runDeposit().State)
	require.Equal(t, []string{"00:00 attention deposit_overdue", "60:00 ignored by sara"}, w.journal)
}

// Cancelling the saga in the Temporal UI must not make anybody forget the money.
func TestCancelDepositInTheUIChangesNothing(t *testing.T) {
	for name, at := range map[string]time.Duration{"in time": 1 * hour, "overdue": patience + hour} {
		t.Run(name, func(t *testing.T) {
			w := newDepositWorld(t)
			w.at(at, func() { w.env.CancelWorkflow() })
			w.at(patience+2*hour, func() { w.decide(words[state.DepositIgnored]) })
			require.Equal(t, state.DepositIgnored, w.runDeposit().State)
			require.Equal(t, []string{"1440:00 attention deposit_overdue"}, w.told("attention"))
		})
	}
}

// The database is away when the deposit is overdue, and still when it is resolved.
func TestDepositDatabaseAway(t *testing.T) {
	away := temporal.NewApplicationErrorWithOptions("no connection", "", temporal.ApplicationErrorOptions{NextRetryDelay: 25 * minute})
	w := newDepositWorld(t)
	w.fails("SetDepositAttention", times(9, away)...)
	w.at(patience+hour, func() { w.decide(words[state.DepositIgnored]) })
	require.Equal(t, state.DepositIgnored, w.runDeposit().State)
}

func TestDepositStartsVisible(t *testing.T) {
	in := depositInput()
	options := in.Options()
	require.Equal(t, "deposit/7", options.ID)
	require.Equal(t, "sagas", options.TaskQueue)
	require.Zero(t, options.WorkflowExecutionTimeout+options.WorkflowRunTimeout, "a saga is never cut off")
	require.Equal(t, "500,000 rial · shop · deposit: no_transfer", in.Summary())
	require.Equal(t, temporal.NewSearchAttributes(
		workflows.MerchantID.ValueSet("shop"), workflows.SagaKind.ValueSet("deposit"), workflows.SagaState.ValueSet("suspense"),
		workflows.Provider.ValueSet("saman"), workflows.AmountRial.ValueSet(500_000), workflows.DeadlineAt.ValueSet(born.Add(patience)),
		workflows.NeedsAttention.ValueSet(true),
	), options.TypedSearchAttributes)
}
