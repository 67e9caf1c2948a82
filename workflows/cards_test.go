package workflows_test

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// When the payer's time ends, and when a late SMS pays no more.
const (
	payerTime   = 15 * time.Minute
	reservation = payerTime + time.Hour
	patience    = 24 * time.Hour // until a deposit without an owner is overdue
)

// cardWorld is what surrounds one saga of a transfer, or of a deposit without an owner.
type cardWorld struct {
	*world
	cards *cardRows
}

func newCardWorld(t tester) *cardWorld {
	w := newWorld(t)
	return &cardWorld{w, &cardRows{world: w}}
}

func newTransferWorld(t tester) *cardWorld {
	w := newCardWorld(t)
	w.cards.transfer, w.cards.reserved = state.TransferPending, true
	w.plays = cast{workflows.TransferName, mortal(w.world, workflows.Transfer), transferInput(), []any{w.cards}}
	return w
}

func newDepositWorld(t tester) *cardWorld {
	w := newCardWorld(t)
	w.cards.deposit, w.cards.depositAttention = state.DepositSuspense, "no_transfer"
	w.plays = cast{workflows.DepositName, mortal(w.world, workflows.Deposit), depositInput(), []any{w.cards}}
	return w
}

func transferInput() workflows.TransferInput {
	return workflows.TransferInput{
		TransferID: 19, Merchant: "shop", Amount: 1_200_010,
		CreatedAt: born, ExpiresAt: born.Add(payerTime), ReservedUntil: born.Add(reservation),
	}
}

func depositInput() workflows.DepositInput {
	return workflows.DepositInput{
		DepositID: 7, Merchant: "shop", Amount: 500_000, Bank: "saman", Reason: "no_transfer", CreatedAt: born, ResolveBy: born.Add(patience),
	}
}

// asleep is a saga that sleeps before its first line, so that it finds in one task whatever was signalled
// meanwhile: what a real server does when facts follow each other at once, or when workers were away.
func asleep[In, Out any](w *world, saga func(workflow.Context, In) (Out, error), long time.Duration) any {
	return mortal(w, func(ctx workflow.Context, in In) (Out, error) {
		if err := workflow.Sleep(ctx, long); err != nil {
			var none Out
			return none, err
		}
		return saga(ctx, in)
	})
}

// cardRows play the store's part with its rules in short; store's own tests hold the SQL to the same rules.
type cardRows struct {
	*world
	transfer         state.Transfer
	reserved         bool // the amount
	attention        string
	reopened         bool // a person gave a deposit to a transfer that had ended without
	deposit          state.Deposit
	depositAttention string
	behind           time.Duration // of the database clock
}

func (r *cardRows) over(at time.Duration) bool { return !r.now().Add(-r.behind).Before(born.Add(at)) }

// move makes sure that the fake itself never leaves the table of allowed transitions.
func (r *cardRows) move(to state.Transfer) {
	if !state.Transfers.Allows(r.transfer, to) {
		panic(fmt.Sprintf("transfer: %s to %s is not allowed", r.transfer, to))
	}
	r.transfer = to
	r.note("%s", to)
}

// Below: the activities, under the names of the real ones.

func (r *cardRows) TransferDeadline(ctx context.Context, _ int64) (out activities.TransferDeadline, err error) {
	return out, r.store(ctx, "TransferDeadline", 0, func() error {
		switch {
		case r.transfer == state.TransferPending && r.over(payerTime):
			r.move(state.TransferExpired)
		case r.transfer == state.TransferPending:
			r.note("not due")
		}
		out.State = r.transfer
		if r.transfer == state.TransferExpired && r.over(reservation) {
			out.Released = true
			if r.reserved {
				r.reserved = false
				r.note("released")
			}
		}
		return nil
	})
}

func (r *cardRows) SetTransferAttention(ctx context.Context, in activities.TransferAttention) error {
	return r.store(ctx, "SetTransferAttention", 0, func() error {
		r.called(&r.attention, in.Reason)
		return nil
	})
}

func (r *cardRows) SetDepositAttention(ctx context.Context, in activities.DepositAttention) error {
	return r.store(ctx, "SetDepositAttention", 0, func() error {
		if r.deposit == state.DepositSuspense {
			r.called(&r.depositAttention, in.Reason)
		}
		return nil
	})
}

// called notes for what a person is called.
func (r *cardRows) called(held *string, reason string) {
	switch {
	case *held == reason:
	case reason == "":
		r.note("attention over")
	default:
		r.note("attention %s", reason)
	}
	*held = reason
}

// Below: what payers, merchants and people do, each one transaction that also writes the outbox.

// change runs a command on the rows and tells the saga if it changed anything.
func (w *cardWorld) change(signal string, payload any, command func(r *cardRows) bool) {
	w.mu.Lock()
	changed := command(w.cards)
	w.mu.Unlock()
	if changed {
		w.signal(signal, payload)
	}
}

func (w *cardWorld) setCard() {
	w.change(workflows.CardSetSignal, workflows.Fact{EventID: w.event()}, func(r *cardRows) bool {
		return r.transfer == state.TransferPending && !r.over(payerTime)
	})
}

// pay brings the bank's SMS of exactly this amount.
func (w *cardWorld) pay() { w.receive(workflows.PaidSignal, state.TransferPaid) }

// payFromElsewhere is the same from another card than the payer named.
func (w *cardWorld) payFromElsewhere() {
	w.receive(workflows.MismatchedSignal, state.TransferMismatched)
}

func (w *cardWorld) receive(signal string, as state.Transfer) {
	w.change(signal, workflows.Deposited{EventID: w.event(), DepositID: 7}, func(r *cardRows) bool {
		if r.over(reservation) || (r.transfer != state.TransferPending && r.transfer != state.TransferExpired) {
			r.note("suspense")
			return false
		}
		r.move(as)
		return true
	})
}

// assign is a person's word that a deposit in suspense is for this transfer.
func (w *cardWorld) assign() {
	w.change(workflows.PaidSignal, workflows.Deposited{EventID: w.event(), DepositID: 8}, func(r *cardRows) bool {
		if !state.Transfers.Allows(r.transfer, state.TransferPaid) {
			return false
		}
		r.reopened = r.transfer != state.TransferPending
		r.move(state.TransferPaid)
		return true
	})
}

func (w *cardWorld) check() {
	w.change(workflows.VerifiedSignal, workflows.Fact{EventID: w.event()}, func(r *cardRows) bool {
		if r.transfer != state.TransferPaid {
			return false
		}
		r.move(state.TransferVerified)
		return true
	})
}

// decide is a person's word on the deposit.
func (w *cardWorld) decide(word workflows.DepositResolved) {
	w.change(workflows.ResolvedSignal, word, func(r *cardRows) bool {
		if !state.Deposits.Allows(r.deposit, word.State) {
			return false
		}
		r.deposit, r.depositAttention = word.State, ""
		r.note("%s by %s", word.State, word.By)
		return true
	})
}

// runTransfer carries a transfer's saga to its end and checks what must always hold: it ends where the row
// is, and never while the deposit may still come.
func (w *cardWorld) runTransfer() workflows.TransferResult {
	w.t.Helper()
	w.live()
	return w.endedTransfer()
}

func (w *cardWorld) endedTransfer() workflows.TransferResult {
	w.t.Helper()
	var result workflows.TransferResult
	w.completed(&result)
	require.Contains(w.t, []state.Transfer{state.TransferVerified, state.TransferExpired, state.TransferMismatched}, result.State, w.story())
	if !w.cards.reopened { // else it may have ended before
		require.Equal(w.t, w.cards.transfer, result.State, "row and result\n%s", w.story())
	}
	if result.State == state.TransferExpired {
		require.False(w.t, w.cards.reserved, "the amount is free again\n%s", w.story())
	}
	require.Equal(w.t, string(result.State), w.shownState, "what operators see")
	if !w.crashedOnce { // else the call may be left behind
		require.Empty(w.t, w.cards.attention, w.story())
	}
	return result
}

// runDeposit does the same for the saga of a deposit.
func (w *cardWorld) runDeposit() workflows.DepositResult {
	w.t.Helper()
	w.live()
	return w.endedDeposit()
}

func (w *cardWorld) endedDeposit() workflows.DepositResult {
	w.t.Helper()
	var result workflows.DepositResult
	w.completed(&result)
	require.Contains(w.t, []state.Deposit{state.DepositAssigned, state.DepositRefunded, state.DepositIgnored}, result.State, w.story())
	require.Equal(w.t, w.cards.deposit, result.State, "row and result\n%s", w.story())
	require.Equal(w.t, string(result.State), w.shownState, "what operators see")
	require.Empty(w.t, w.cards.depositAttention, w.story())
	return result
}
