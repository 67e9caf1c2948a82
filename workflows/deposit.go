package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
)

// Deposit holds money without an owner until a person says whose it is: assigned, refunded or ignored.
// When nobody does so in time, the call becomes louder; the money is never forgotten.
func Deposit(ctx workflow.Context, in DepositInput) (DepositResult, error) {
	// Cancelling a saga in the UI must not make anybody forget the money.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()

	s := newSaga()
	s.attend = func(ctx workflow.Context, reason string) error {
		about := activities.DepositAttention{DepositID: in.DepositID, Reason: reason}
		return s.call(ctx, attendStep(), callOptions{}, transfers.SetDepositAttention, about, nil)
	}
	s.say(ctx, "%s rial arrived at %s, owner unknown: **%s**; a person decides by `%s`", in.Amount, in.Bank, in.Reason, moment(in.ResolveBy))

	var word *DepositResolved
	onSignal(ctx, ResolvedSignal, func(_ workflow.Context, in DepositResolved) {
		if word == nil {
			word = &in
		}
	})
	resolved := func() bool { return word != nil }
	inTime, err := awaitUntil(ctx, in.ResolveBy, "then it is overdue", resolved)
	if err == nil && !inTime {
		err = s.awaitAttended(ctx, AttentionOverdue, resolved)
	}
	if err != nil {
		return DepositResult{}, err
	}

	s.say(ctx, "**%s**%s by %s: %s", word.State, word.about(), word.By, word.Why)
	err = workflow.UpsertTypedSearchAttributes(ctx, SagaState.ValueSet(string(word.State)), NeedsAttention.ValueSet(false))
	if err != nil {
		return DepositResult{}, fmt.Errorf("show the end: %w", err)
	}
	return DepositResult(*word), nil
}

// about says to whom the money went, for people.
func (w *DepositResolved) about() string {
	switch {
	case w.PayID != 0:
		return fmt.Sprintf(" to transfer %d", w.PayID)
	case w.Reference != "":
		return fmt.Sprintf(" (reference %s)", w.Reference)
	}
	return ""
}
