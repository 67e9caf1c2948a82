package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// walletBook is what the bank of static accounts did.
type walletBook struct {
	Accounts []walletAccount `json:"accounts"`
	Deposits []walletDeposit `json:"deposits"` // in order of arrival
}

type walletAccount struct {
	Reference string `json:"reference"` // the wallet's uuid
	IBAN      string `json:"iban"`
}

type walletDeposit struct {
	ID     string     `json:"id"`
	IBAN   string     `json:"iban"`
	Amount money.Rial `json:"amount"` // rial
	At     time.Time  `json:"at"`
}

const (
	walletsAgree = "the bank's deposits and our wallets agree"
	// walletLook is how long a deposit may go unseen of which nobody told us.
	walletLook = time.Hour
)

// compareWallets holds the book of the bank of static accounts against ours: every credit is a deposit there, with its
// amount, on its wallet's account; and no deposit was passed over.
func compareWallets(ctx context.Context, c Config) ([]store.Breach, error) {
	earlier, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	wallets, credits, err := c.Store.WalletsInBooks(ctx, c.WalletBanks)
	if err != nil {
		return nil, err
	}
	later, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	w := walletBooks{late: time.Now().Add(-walletLook - c.Grace), ours: map[string]string{}, credited: map[string]bool{}}
	w.accounts(wallets, later.Wallets.Accounts)
	w.credits(credits, later.Wallets.Deposits)
	w.deposits(earlier.Wallets.Deposits)
	return w.found, nil
}

// walletBooks compares the two books.
type walletBooks struct {
	late     time.Time         // what arrived before must have been seen
	ours     map[string]string // wallets by account
	credited map[string]bool   // the bank's deposits that we have
	found    []store.Breach
}

func (w *walletBooks) breach(format string, args ...any) {
	w.found = append(w.found, store.Breach{Invariant: walletsAgree, Subject: fmt.Sprintf(format, args...)})
}

// accounts: a wallet shows the account that the bank gave it.
func (w *walletBooks) accounts(wallets []store.WalletInBooks, accounts []walletAccount) {
	given := make(map[string]string, len(accounts))
	for _, a := range accounts {
		given[a.Reference] = a.IBAN
	}
	for _, x := range wallets {
		if x.Address != "" {
			w.ours[x.Address] = x.UUID
		}
		if at := given[x.UUID]; x.State == state.WalletActive && at != x.Address {
			w.breach("wallet %s shows %s, at the bank it has %q", x.UUID, x.Address, at)
		}
	}
}

func (w *walletBooks) credits(credits []store.WalletDepositInBooks, deposits []walletDeposit) {
	known := make(map[string]walletDeposit, len(deposits))
	for _, d := range deposits {
		known[d.ID] = d
	}
	for _, c := range credits {
		w.credited[c.ProviderID] = true
		d, ok := known[c.ProviderID]
		switch {
		case !ok:
			w.breach("deposit %s is credited and the bank does not know it", c.ProviderID)
		case d.Amount != c.Amount || d.IBAN != c.Address:
			w.breach("deposit %s: %s rial on %s, at the bank %s on %s", c.ProviderID, c.Amount, c.Address, d.Amount, d.IBAN)
		}
	}
}

// deposits: what the bank has is credited. The latest on an account may wait for the next look; one before a credited
// one was passed over, and nobody will look for it again.
func (w *walletBooks) deposits(deposits []walletDeposit) {
	later := map[string]bool{} // accounts with a credited deposit after this one
	for i := len(deposits) - 1; i >= 0; i-- {
		d := deposits[i]
		wallet := w.ours[d.IBAN]
		switch {
		case w.credited[d.ID]:
			later[d.IBAN] = true
		case wallet == "":
			w.breach("deposit %s of %s rial came to %s, which is no wallet's", d.ID, d.Amount, d.IBAN)
		case later[d.IBAN], d.At.Before(w.late):
			w.breach("deposit %s of %s rial came to wallet %s and is not credited", d.ID, d.Amount, wallet)
		}
	}
}
