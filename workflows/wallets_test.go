package workflows_test

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// walletWorld is what surrounds the saga of one static wallet, which lives for ever, a run after the other.
type walletWorld struct {
	*world
	rows *walletRows
}

func newWalletWorld(t tester) *walletWorld {
	w := newWorld(t)
	rows := &walletRows{world: w, state: state.WalletOpening}
	w.plays = cast{workflows.WalletName, mortal(w, workflows.Wallet), walletInput(), []any{rows}}
	return &walletWorld{w, rows}
}

func walletInput() workflows.WalletInput {
	return workflows.WalletInput{WalletID: 9, UUID: payoutUUID, Merchant: "shop", Holder: "Sara", Provider: "sandbox"}
}

// page is how many deposits the bank of these tests lists at once.
const page = 3

// runLength is how long a run of a quiet wallet is: two hundred looks, an hour each.
const runLength = 200 * hour

// walletRows play the part of store, bank and activities with their rules in short; their own tests hold them to the
// same rules.
type walletRows struct {
	*world
	state     state.Wallet
	refuses   bool        // the bank gives no account
	slow      bool        // nobody hears it within a workflow task
	arrived   []time.Time // when each deposit came to the bank
	booked    []time.Time // when we booked it
	looks     int
	attention string
}

// Below: the activities, under the names of the real ones.

func (r *walletRows) OpenAtBank(ctx context.Context, in activities.OpeningWallet) (now state.Wallet, err error) {
	if want := walletInput(); in != (activities.OpeningWallet{WalletID: want.WalletID, UUID: want.UUID, Holder: want.Holder, Provider: want.Provider}) {
		panic("another wallet")
	}
	if err := r.call(ctx, "open", func() {}); err != nil {
		return "", err
	}
	return now, r.store(ctx, "OpenAtBank", 0, func() error {
		if r.state == state.WalletOpening {
			r.state = state.WalletActive
			if r.refuses {
				r.state = state.WalletBlocked
			}
			r.note("%s", r.state)
		}
		now = r.state
		return nil
	})
}

func (r *walletRows) BookArrivals(ctx context.Context, _ int64) (got activities.Arrivals, err error) {
	var from, listed int
	err = r.call(ctx, "deposits", func() {
		r.looks++
		from = len(r.booked)
		listed = min(len(r.arrived)-from, page)
	})
	if err != nil || listed == 0 {
		return got, err
	}
	return got, r.store(ctx, "BookArrivals", 0, func() error {
		got.More = listed == page
		for range from + listed - len(r.booked) { // who was faster has booked some
			r.booked = append(r.booked, r.now())
			got.Booked++
		}
		r.note("booked %d", got.Booked)
		return nil
	})
}

func (r *walletRows) SetWalletAttention(ctx context.Context, in activities.WalletAttention) error {
	return r.store(ctx, "SetWalletAttention", 0, func() error {
		if r.attention != in.Reason {
			r.note("attention %s", in.Reason)
		}
		r.attention = in.Reason
		return nil
	})
}

// call asks the bank; a planned failure means that nobody heard the answer.
func (r *walletRows) call(ctx context.Context, what string, ask func()) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone(ctx) {
		return errCrashed
	}
	ask()
	if err := r.fault(what, 0); err != nil {
		return err
	}
	if r.slow && activity.GetInfo(ctx).IsLocalActivity {
		return errSlow
	}
	return r.step()
}

// pay brings deposits to the account; the bank may tell us, or not.
func (w *walletWorld) pay(deposits int, told bool) {
	w.mu.Lock()
	for range deposits {
		w.rows.arrived = append(w.rows.arrived, w.now())
	}
	w.note("%d arrived", deposits)
	w.mu.Unlock()
	if told {
		w.signal(workflows.ArrivedSignal, struct{}{})
	}
}

// opened asks the saga to answer when the wallet is open, as the API does.
func (w *walletWorld) opened() *answer {
	got := &answer{}
	w.env.UpdateWorkflow(workflows.OpenedUpdate, "", &testsuite.TestUpdateCallback{
		OnAccept:   func() {},
		OnReject:   func(err error) { got.err = err },
		OnComplete: func(_ any, err error) { got.done, got.err, got.at = true, err, w.now().Sub(born) },
	})
	return got
}

// lives carries an open wallet through one run and checks what must always hold; it answers what the next one gets.
func (w *walletWorld) lives(start time.Time) workflows.WalletInput {
	w.t.Helper()
	w.execute(start)
	require.False(w.t, w.crashed, "a planned crash needs livesThroughCrashes")
	return w.continued()
}

// livesOn carries it through the run after.
func (w *walletWorld) livesOn(with workflows.WalletInput) workflows.WalletInput {
	w.t.Helper()
	w.sent = nil // another history
	w.plays.input = with
	return w.lives(w.now())
}

// continued checks what holds at the end of a run: it goes on, and what came to the bank an hour ago or before is
// booked, once.
func (w *walletWorld) continued() workflows.WalletInput {
	w.t.Helper()
	require.True(w.t, w.env.IsWorkflowCompleted(), w.story())
	var next *workflow.ContinueAsNewError
	require.ErrorAs(w.t, w.env.GetWorkflowError(), &next, w.story())
	require.Equal(w.t, workflows.WalletName, next.WorkflowType.Name)
	var in workflows.WalletInput
	require.NoError(w.t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
	require.True(w.t, in.Open)
	require.Equal(w.t, in.Attention, w.flagged, "the next run knows whether somebody was called")
	if !w.crashedOnce { // else the call may be left behind: whoever starts anew remembers less than a real replay
		require.Equal(w.t, in.Attention, w.rows.attention != "", w.story())
	}
	want := walletInput()
	want.Open, want.Knock, want.Attention = true, in.Knock, in.Attention
	require.Equal(w.t, want, in)
	require.LessOrEqual(w.t, len(w.rows.booked), len(w.rows.arrived), "booked twice\n%s", w.story())
	return in
}

// requireBooked says that every deposit was booked within a time.
func (w *walletWorld) requireBooked(within time.Duration) {
	w.t.Helper()
	require.Len(w.t, w.rows.booked, len(w.rows.arrived), w.story())
	for i, at := range w.rows.arrived {
		require.LessOrEqual(w.t, w.rows.booked[i].Sub(at), within, "deposit %d\n%s", i+1, w.story())
	}
}

// blocked reads the result of a wallet that the bank refused.
func (w *walletWorld) blocked() {
	w.t.Helper()
	var result workflows.WalletResult
	w.completed(&result)
	require.Equal(w.t, workflows.WalletResult{State: state.WalletBlocked}, result)
	require.Equal(w.t, state.WalletBlocked, w.rows.state)
	require.Equal(w.t, "blocked", w.shownState)
}

var errBug = error(temporal.NewNonRetryableApplicationError("a bug", "bug", errors.New("of ours")))
