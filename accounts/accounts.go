// Package accounts opens banks with merchants' own credentials, which nobody else gets to see.
package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// ErrNone means that the merchant has no account at a bank that asks for one.
var ErrNone = errors.New("the merchant has no account at this bank")

// Book holds merchants' accounts at banks. It keeps nothing opened: reading a row by its key and opening it takes
// a fraction of a millisecond beside a bank's answer, and an account that is not kept cannot be out of date.
type Book struct {
	Store *store.Store
	Vault *vault.Vault
}

// Put makes credentials the merchant's account at a bank from now on. What was begun with the one before goes on
// with that one, unless they are of the same terminal. Credentials that the bank's adapter does not accept are
// refused and change nothing.
func (b Book) Put(ctx context.Context, merchantID int64, bank gateways.Bank, c gateways.Credentials, sameTerminal bool) (store.GatewayAccount, error) {
	if len(bank.Fields()) == 0 {
		return store.GatewayAccount{}, fmt.Errorf("%s asks for no credentials", bank.Name())
	}
	if err := c.CheckFields(bank.Fields()); err != nil {
		return store.GatewayAccount{}, err
	}
	if _, err := bank.Open(c); err != nil {
		return store.GatewayAccount{}, err
	}
	text, err := json.Marshal(map[string]string(c))
	if err != nil {
		return store.GatewayAccount{}, errors.New("credentials: not text")
	}
	sealed := b.Vault.SealText(merchantID, vault.GatewayAccount+bank.Name(), string(text))
	return b.Store.PutGatewayAccount(ctx, store.NewGatewayAccount{
		MerchantID: merchantID, Gateway: bank.Name(), Credentials: sealed, SameTerminal: sameTerminal,
	})
}

// Live opens a bank with the merchant's account of now.
func (b Book) Live(ctx context.Context, merchantID int64, bank gateways.Bank) (gateways.Gateway, error) {
	if len(bank.Fields()) == 0 {
		return bank.Open(nil)
	}
	account, err := b.Store.GatewayAccount(ctx, merchantID, bank.Name())
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	return b.Open(bank, account)
}

// OfAttempt opens a bank with the account that an attempt's session was opened with, or the latest of the same terminal.
func (b Book) OfAttempt(ctx context.Context, bank gateways.Bank, attemptID int64) (gateways.Gateway, error) {
	if len(bank.Fields()) == 0 {
		return bank.Open(nil)
	}
	account, err := b.Store.AttemptAccount(ctx, attemptID)
	if err != nil {
		return nil, err
	}
	return b.Open(bank, account)
}

// Open opens a bank with an account. No error of it holds any of the credentials.
func (b Book) Open(bank gateways.Bank, account store.GatewayAccount) (gateways.Gateway, error) {
	switch {
	case len(bank.Fields()) == 0:
		return bank.Open(nil)
	case account.ID == 0:
		return nil, ErrNone
	case account.Gateway != bank.Name():
		return nil, fmt.Errorf("account %d is one at %s", account.ID, account.Gateway)
	}
	text, err := b.Vault.OpenText(account.MerchantID, vault.GatewayAccount+account.Gateway, account.Credentials)
	if err != nil {
		return nil, fmt.Errorf("account %d: %w", account.ID, err)
	}
	var c gateways.Credentials
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return nil, fmt.Errorf("account %d: what was sealed are no credentials", account.ID) // not err: it may quote them
	}
	return bank.Open(c)
}
