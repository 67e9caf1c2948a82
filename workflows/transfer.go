package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

var transfers *activities.Transfers

// transferSaga carries one card-to-card payment to its end: verified, expired or mismatched. Its facts
// are rows that the API writes; it owns the time between them.
type transferSaga struct {
	saga
	in    TransferInput
	state state.Transfer
}

// Transfer waits for the deposit until the amount is free again, then for the merchant's check.
func Transfer(ctx workflow.Context, in TransferInput) (TransferResult, error) {
	// Cancelling a saga in the UI must not leave its row without anybody to end it.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()

	t := &transferSaga{saga: newSaga(), in: in, state: state.TransferPending}
	t.attend = func(ctx workflow.Context, reason string) error {
		about := activities.TransferAttention{TransferID: in.TransferID, Reason: reason}
		return t.call(ctx, attendStep(), callOptions{}, transfers.SetTransferAttention, about, nil)
	}
	t.begin(ctx)
	if err := t.awaitDeposit(ctx); err != nil {
		return TransferResult{}, err
	}
	if t.state == state.TransferPaid {
		if err := t.awaitCheck(ctx); err != nil {
			return TransferResult{}, err
		}
	}
	return TransferResult{State: t.state}, t.finish(ctx)
}

func (t *transferSaga) begin(ctx workflow.Context) {
	from := ""
	if t.in.CardSet {
		from = " from the card that the payer named"
	}
	t.say(ctx, "transfer %d: waiting for %s rial%s until `%s`", t.in.TransferID, t.in.Amount, from, moment(t.in.ExpiresAt))
	t.listen(ctx)
}

// awaitDeposit waits for the deposit: first while the payer's page is open, then for as long as the bank's
// SMS may be late.
func (t *transferSaga) awaitDeposit(ctx workflow.Context) error {
	if err := t.awaitUntilDue(ctx, t.in.ExpiresAt, "then the payer's time is over", t.open); err != nil || !t.waiting() {
		return err
	}
	t.say(ctx, "expired; a late SMS can still pay it until `%s`", moment(t.in.ReservedUntil))
	return t.awaitUntilDue(ctx, t.in.ReservedUntil, "then the amount is free again", t.held)
}

// open and held say whether a look at the deadlines left everything as it was: the database clock, which
// decides, may be behind ours.
func (t *transferSaga) open(d activities.TransferDeadline) bool {
	return d.State == state.TransferPending
}

func (t *transferSaga) held(d activities.TransferDeadline) bool {
	return d.State == state.TransferExpired && !d.Released
}

func (t *transferSaga) awaitUntilDue(ctx workflow.Context, at time.Time, why string, unchanged func(activities.TransferDeadline) bool) error {
	for {
		deposited, err := awaitUntil(ctx, at, why, func() bool { return !t.waiting() })
		if err != nil || deposited {
			return err
		}
		var d activities.TransferDeadline
		if err := t.store(ctx, "look at the deadline", transfers.TransferDeadline, t.in.TransferID, &d); err != nil {
			return err
		}
		t.learn(d.State)
		if !unchanged(d) || !t.waiting() {
			return nil
		}
		at = workflow.Now(ctx).Add(clockSkew)
	}
}

// awaitCheck waits for the merchant to verify. The money is on the merchant's card, so nothing can be
// given back from here; a person is called when the merchant does not ask.
func (t *transferSaga) awaitCheck(ctx workflow.Context) error {
	verified := func() bool { return t.state == state.TransferVerified }
	inTime, err := awaitUntil(ctx, workflow.Now(ctx).Add(checkPatience), "then a person is called", verified)
	if err == nil && !inTime {
		err = t.awaitAttended(ctx, AttentionUnchecked, verified)
	}
	return err
}

// waiting says whether the deposit may still come.
func (t *transferSaga) waiting() bool {
	return t.state == state.TransferPending || t.state == state.TransferExpired
}

// learn moves on what this saga knows; news that arrives late, or overtaken by later news, never takes it back.
func (t *transferSaga) learn(now state.Transfer) {
	order := []state.Transfer{
		state.TransferPending, state.TransferExpired, state.TransferMismatched, state.TransferPaid, state.TransferVerified,
	}
	if slices.Index(order, now) > slices.Index(order, t.state) {
		t.state = now
	}
}

func (t *transferSaga) finish(ctx workflow.Context) error {
	t.say(ctx, "**%s**", t.state)
	if err := workflow.UpsertTypedSearchAttributes(ctx, SagaState.ValueSet(string(t.state))); err != nil {
		return fmt.Errorf("show the end: %w", err)
	}
	return nil
}

func (t *transferSaga) listen(ctx workflow.Context) {
	onSignal(ctx, CardSetSignal, func(ctx workflow.Context, in Fact) {
		if t.fresh(in.EventID) {
			t.say(ctx, "the payer named a card")
		}
	})
	onSignal(ctx, PaidSignal, func(ctx workflow.Context, in Deposited) {
		if t.fresh(in.EventID) {
			t.learn(state.TransferPaid)
			t.say(ctx, "paid by deposit %d; the merchant has not asked yet", in.DepositID)
		}
	})
	onSignal(ctx, MismatchedSignal, func(ctx workflow.Context, in Deposited) {
		if t.fresh(in.EventID) {
			t.learn(state.TransferMismatched)
			t.say(ctx, "deposit %d came from another card than the payer named; a person decides", in.DepositID)
		}
	})
	onSignal(ctx, VerifiedSignal, func(ctx workflow.Context, in Fact) {
		if t.fresh(in.EventID) {
			t.learn(state.TransferVerified)
			t.say(ctx, "verified by the merchant")
		}
	})
}
