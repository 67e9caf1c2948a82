package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/activity"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/gateways/wallets"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Wallets opens accounts at banks and books what arrives on them. Every activity is safe to run twice.
type Wallets struct {
	Store     *store.Store
	Providers wallets.Registry
}

// WalletAttention says why a person must look at a wallet; empty when nobody must any more.
type WalletAttention struct {
	WalletID int64  `json:"wallet_id"`
	Reason   string `json:"reason"`
}

// OpeningWallet is a wallet on its way to an account.
type OpeningWallet struct {
	WalletID int64  `json:"wallet_id"`
	UUID     string `json:"uuid"`
	Holder   string `json:"holder"`
	Provider string `json:"provider"`
}

// OpenAtBank asks the bank for the wallet's account and records it. A final no blocks the wallet.
func (a *Wallets) OpenAtBank(ctx context.Context, in OpeningWallet) (state.Wallet, error) {
	provider, err := a.Providers.Get(in.Provider)
	if err != nil {
		return "", bankError(&gateways.Unavailable{Op: "find provider", Err: err})
	}
	account, err := provider.Open(ctx, wallets.Opening{Reference: in.UUID, Holder: in.Holder})
	var refused *gateways.Refused
	switch {
	case errors.As(err, &refused):
		account = wallets.Account{}
	case err != nil:
		return "", bankError(err)
	default:
		refused = &gateways.Refused{}
	}
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.WalletOpened(ctx, in.WalletID, account.IBAN, refused.Why)
}

// Arrivals is what a look at the bank brought.
type Arrivals struct {
	Booked int  `json:"booked"`
	More   bool `json:"more"` // the page was full: look again at once
}

// BookArrivals asks the bank what arrived since the last time and books it.
func (a *Wallets) BookArrivals(ctx context.Context, walletID int64) (Arrivals, error) {
	w, err := a.Store.Wallet(ctx, walletID)
	if err != nil || w.Address == nil {
		return Arrivals{}, err
	}
	provider, err := a.Providers.Get(w.Provider)
	if err != nil {
		return Arrivals{}, bankError(&gateways.Unavailable{Op: "find provider", Err: err})
	}
	list, err := provider.Deposits(ctx, *w.Address, w.Seen)
	if err != nil {
		// There is no final no to this question: the money is there or it is not.
		return Arrivals{}, retryable(fmt.Errorf("ask for deposits: %w", err), ErrUnavailable, 0)
	}
	deposits := make([]store.WalletDeposit, len(list))
	for i, d := range list {
		deposits[i] = store.WalletDeposit{ProviderID: d.ID, Amount: d.Amount, Payer: d.From, TrackingID: d.TrackingID, At: d.At}
	}
	if len(deposits) == 0 {
		return Arrivals{}, nil
	}
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	booked, err := a.Store.CreditWallet(ctx, walletID, deposits)
	return Arrivals{Booked: booked, More: len(list) >= wallets.Page}, err
}

// SetWalletAttention writes why a person must look.
func (a *Wallets) SetWalletAttention(ctx context.Context, in WalletAttention) error {
	if in.Reason != "" {
		activity.GetLogger(ctx).Warn("a wallet needs a person", "wallet", in.WalletID, "reason", in.Reason)
	}
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.SetWalletAttention(ctx, in.WalletID, in.Reason)
}
