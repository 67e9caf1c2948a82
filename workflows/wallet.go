package workflows

import (
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

var wallets *activities.Wallets

// walletSaga keeps one static place to pay into: it gets an account for it, and books what arrives, told or not.
type walletSaga struct {
	saga
	in    WalletInput
	knock bool // somebody says that money arrived
}

// Wallet lives as long as its wallet. A notification proves nothing and may be lost, so the bank is asked after each,
// and every hour besides.
func Wallet(ctx workflow.Context, in WalletInput) (WalletResult, error) {
	// Cancelling a saga in the UI must not make anybody overlook money.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()

	w := &walletSaga{saga: newSaga(), in: in, knock: in.Knock}
	if in.Attention {
		w.saga.open = []string{AttentionUnexpected}
	}
	w.attend = func(ctx workflow.Context, reason string) error {
		about := activities.WalletAttention{WalletID: in.WalletID, Reason: reason}
		return w.call(ctx, attendStep(), callOptions{}, wallets.SetWalletAttention, about, nil)
	}
	opened := in.Open
	err := workflow.SetUpdateHandler(ctx, OpenedUpdate, func(ctx workflow.Context) error {
		return workflow.Await(ctx, func() bool { return opened })
	})
	if err != nil {
		return WalletResult{}, fmt.Errorf("offer update: %w", err)
	}
	onSignal(ctx, ArrivedSignal, func(workflow.Context, struct{}) { w.knock = true })
	for !opened {
		now, err := w.open(ctx)
		switch {
		case err != nil:
			w.stumble(ctx, err)
			if err := workflow.Sleep(ctx, walletLook); err != nil {
				return WalletResult{}, err
			}
		case now == state.WalletBlocked:
			w.recovered(ctx)
			opened = true // there is nothing more to wait for
			return WalletResult{State: now}, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
		default:
			w.recovered(ctx)
			opened = true
		}
	}
	for range looksPerRun {
		if _, err := awaitUntil(ctx, workflow.Now(ctx).Add(walletLook), "then ask the bank what arrived", func() bool { return w.knock }); err != nil {
			return WalletResult{}, err
		}
		w.knock = false
		if err := w.book(ctx); err != nil {
			w.stumble(ctx, err)
		} else {
			w.recovered(ctx)
		}
	}
	if err := othersFirst(ctx); err != nil { // a signal that came with the last answer
		return WalletResult{}, err
	}
	next := in
	next.Open, next.Knock, next.Attention = true, w.knock, len(w.saga.open) > 0
	return WalletResult{}, workflow.NewContinueAsNewError(ctx, WalletName, next)
}

// stumble calls a person after an error that nobody foresaw. It must not end the saga: money may still arrive.
func (w *walletSaga) stumble(ctx workflow.Context, err error) {
	w.say(ctx, "%s", reasonOf(err))
	workflow.GetLogger(ctx).Error("wallet stumbled", "wallet", w.in.WalletID, "error", err)
	if slices.Contains(w.saga.open, AttentionUnexpected) {
		return
	}
	if err := w.raise(ctx, AttentionUnexpected); err != nil {
		workflow.GetLogger(ctx).Error("nobody could be called", "wallet", w.in.WalletID, "error", err)
	}
}

// recovered takes the call back: what nobody foresaw is over.
func (w *walletSaga) recovered(ctx workflow.Context) {
	for len(w.saga.open) > 0 {
		if err := w.lower(ctx, w.saga.open[0]); err != nil {
			workflow.GetLogger(ctx).Error("the call was not taken back", "wallet", w.in.WalletID, "error", err)
		}
	}
}

func (w *walletSaga) open(ctx workflow.Context) (state.Wallet, error) {
	w.say(ctx, "wallet %s: asking %s for an account", w.in.UUID, w.in.Provider)
	var now state.Wallet
	opening := activities.OpeningWallet{WalletID: w.in.WalletID, UUID: w.in.UUID, Holder: w.in.Holder, Provider: w.in.Provider}
	if err := w.call(ctx, openStep, callOptions{}, wallets.OpenAtBank, opening, &now); err != nil {
		return "", err
	}
	w.say(ctx, "**%s**", now)
	return now, workflow.UpsertTypedSearchAttributes(ctx, SagaState.ValueSet(string(now)))
}

// book takes what arrived, page by page.
func (w *walletSaga) book(ctx workflow.Context) error {
	for {
		var got activities.Arrivals
		if err := w.call(ctx, arrivalsStep, callOptions{}, wallets.BookArrivals, w.in.WalletID, &got); err != nil {
			return err
		}
		if got.Booked > 0 {
			w.say(ctx, "%d deposits credited", got.Booked)
		}
		if !got.More {
			return nil
		}
	}
}
