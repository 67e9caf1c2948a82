package state_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

func TestPaymentMachine(t *testing.T) {
	checkMachine(t, state.Payments, "payments",
		[]state.Payment{state.PaymentCollected, state.PaymentRefunded, state.PaymentExpired, state.PaymentFailed})
}

func TestAttemptMachine(t *testing.T) {
	checkMachine(t, state.Attempts, "attempts",
		[]state.Attempt{state.AttemptSettled, state.AttemptRefunded, state.AttemptFailed})
}

func TestTransferMachine(t *testing.T) {
	checkMachine(t, state.Transfers, "transfers", []state.Transfer{state.TransferVerified})
}

func TestDepositMachine(t *testing.T) {
	checkMachine(t, state.Deposits, "deposits",
		[]state.Deposit{state.DepositMatched, state.DepositAssigned, state.DepositRefunded, state.DepositIgnored})
}

func TestTopUpMachine(t *testing.T) {
	checkMachine(t, state.TopUps, "topups", []state.TopUp{state.TopUpDelivered, state.TopUpReversed})
}

func TestPurchaseMachine(t *testing.T) {
	checkMachine(t, state.Purchases, "temporary_payment", []state.Purchase{state.PurchaseCompleted, state.PurchaseEnded})
}

func checkMachine[S ~string](t *testing.T, m state.Machine[S], table string, ends []S) {
	t.Helper()
	states := m.States()
	require.Equal(t, m.Initial, states[0])
	require.ElementsMatch(t, statesInSQL[S](t, table), states, "the CHECK of table %s", table)

	var terminal []S
	for _, s := range states {
		require.NotEmpty(t, s)
		if s != m.Initial {
			require.NotEmpty(t, m.Into(s), "%s is never entered", s)
		}
		require.Contains(t, reachable(m, m.Initial), s, "%s cannot be reached", s)
		require.False(t, m.Allows(s, s), "%s to itself", s)
		if m.Terminal(s) {
			terminal = append(terminal, s)
		}
	}
	require.Empty(t, m.Into(m.Initial), "nothing comes back to the start")
	require.ElementsMatch(t, ends, terminal)

	for i, step := range m.Transitions {
		require.True(t, m.Allows(step.From, step.To))
		require.Contains(t, m.Into(step.To), step.From)
		require.NotEmpty(t, step.When, "every step has its reason")
		for _, other := range m.Transitions[:i] {
			require.False(t, other.From == step.From && other.To == step.To, "%s to %s stands twice", step.From, step.To)
		}
	}
	for _, from := range states {
		for _, to := range states {
			listed := slices.ContainsFunc(m.Transitions, func(s state.Transition[S]) bool { return s.From == from && s.To == to })
			require.Equal(t, listed, m.Allows(from, to), "%s to %s", from, to)
		}
	}
}

func reachable[S ~string](m state.Machine[S], from S) []S {
	seen := []S{from}
	for i := 0; i < len(seen); i++ {
		for _, step := range m.Transitions {
			if step.From == seen[i] && !slices.Contains(seen, step.To) {
				seen = append(seen, step.To)
			}
		}
	}
	return seen
}

// statesInSQL reads the states that the database allows in a table.
func statesInSQL[S ~string](t *testing.T, table string) []S {
	t.Helper()
	files, err := filepath.Glob("../migrations/*.sql")
	require.NoError(t, err)
	check := regexp.MustCompile(`(?s)CREATE TABLE ` + table + ` \([^;]*?\bstate\s[^;]*?CHECK \(state IN \(([^)]*)\)\)`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if found := check.FindSubmatch(text); found != nil {
			var states []S
			for _, s := range strings.Split(string(found[1]), ",") {
				states = append(states, S(strings.Trim(s, " '\n")))
			}
			return states
		}
	}
	require.Fail(t, "no migration checks the states", table)
	return nil
}

// Money that was taken ends in exactly one of two ways, and nothing that has ended starts again.
func TestMoneyGoesOneWay(t *testing.T) {
	require.False(t, state.Payments.Allows(state.PaymentCollected, state.PaymentRefunding))
	require.False(t, state.Payments.Allows(state.PaymentRefunding, state.PaymentCollected))
	require.NotContains(t, reachable(state.Payments, state.PaymentRefunding), state.PaymentCollected)
	require.NotContains(t, reachable(state.Attempts, state.AttemptRefunding), state.AttemptSettled)
	require.NotContains(t, reachable(state.Attempts, state.AttemptPaid), state.AttemptFailed, "booked money cannot vanish")
	require.NotContains(t, reachable(state.Payments, state.PaymentPaid), state.PaymentExpired)
}
