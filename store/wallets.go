package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/vault"
)

// Wallet is a static place to pay into: what arrives there is its merchant's.
type Wallet struct {
	ID             int64        `bun:"id"`
	UUID           string       `bun:"uuid"`
	MerchantID     int64        `bun:"merchant_id"`
	OrderID        string       `bun:"order_id"`
	Currency       string       `bun:"currency"`
	Network        string       `bun:"network"`
	Provider       string       `bun:"provider"`
	Address        *string      `bun:"address"` // the IBAN, once the bank gave it
	State          state.Wallet `bun:"state"`
	Seen           string       `bun:"seen"` // the bank's id of the latest deposit that was booked
	Why            string       `bun:"why"`
	CreatedAt      time.Time    `bun:"created_at"`
	NeedsAttention *string      `bun:"needs_attention"`
}

const walletColumns = `w.id, w.uuid, w.merchant_id, w.order_id, w.currency, w.network, w.provider, w.address, w.state, w.seen, w.why, w.created_at,
	w.needs_attention`

// NewWallet is what a merchant asks for.
type NewWallet struct {
	Merchant    Merchant
	UUID        string // empty: a new one; only fixtures choose theirs
	OrderID     string
	Network     string
	Provider    string
	CallbackURL string
	Secret      vault.Text // of the callback's endpoint, in case it is new
}

// OpenWallet makes a wallet and starts its saga, once for an order_id: asked again, the one that is there is found, and
// tells the URL that was named last.
func (s *Store) OpenWallet(ctx context.Context, in NewWallet) (Wallet, error) {
	found, err := s.WalletBy(ctx, in.Merchant.ID, in.OrderID, "")
	if err == nil && in.CallbackURL != "" {
		err = s.moveCallback(ctx, found.ID, in)
	}
	if !errors.Is(err, ErrNotFound) {
		return found, err
	}
	if !in.Merchant.Enabled() {
		return Wallet{}, ErrMerchantDisabled
	}
	id, err := uuidOr(in.UUID)
	if err != nil {
		return Wallet{}, err
	}
	var w Wallet
	err = s.inTx(ctx, "open wallet", func(ctx context.Context, tx conn) error {
		callback, err := callbackEndpoint(ctx, tx, in.Merchant.ID, in.CallbackURL, in.Secret)
		if err != nil {
			return err
		}
		return tx.one(ctx, "wallet", &w, `
			WITH w AS (
				INSERT INTO wallets (uuid, merchant_id, order_id, network, provider, callback_id) VALUES (?, ?, ?, ?, ?, ?) RETURNING *
			), o AS (
				INSERT INTO outbox (saga, ref, message, payload)
				SELECT 'wallet', uuid::text, 'start', jsonb_build_object(
					'wallet_id', id, 'uuid', uuid, 'merchant', ?::text, 'holder', ?::text, 'provider', provider)
				FROM w
			)
			SELECT `+walletColumns+` FROM w`,
			id, in.Merchant.ID, in.OrderID, in.Network, in.Provider, callback, in.Merchant.PublicID, cut(in.Merchant.DisplayName, maxHolder))
	})
	if violates(err, "wallets_order") { // a twin was faster
		return s.WalletBy(ctx, in.Merchant.ID, in.OrderID, "")
	}
	if err == nil {
		s.kick()
	}
	return w, err
}

// moveCallback makes a wallet tell another URL from now on; a customer's account outlives a merchant's server.
func (s *Store) moveCallback(ctx context.Context, id int64, in NewWallet) error {
	err := s.inTx(ctx, "move callback", func(ctx context.Context, tx conn) error {
		callback, err := callbackEndpoint(ctx, tx, in.Merchant.ID, in.CallbackURL, in.Secret)
		if err != nil {
			return err
		}
		return tx.exec(ctx, `UPDATE wallets SET callback_id = ? WHERE id = ? AND callback_id IS DISTINCT FROM ?`, callback, id, callback)
	})
	if err == nil {
		s.kick() // what was held for the URL goes out
	}
	return err
}

// WalletBy finds a merchant's wallet by its order_id, or, when that is empty, by its uuid.
func (s *Store) WalletBy(ctx context.Context, merchantID int64, orderID, id string) (Wallet, error) {
	var w Wallet
	if orderID == "" {
		err := s.one(ctx, "wallet", &w, `SELECT `+walletColumns+` FROM wallets w WHERE w.merchant_id = ? AND w.uuid = ?`, merchantID, id)
		return w, err
	}
	err := s.one(ctx, "wallet", &w, `SELECT `+walletColumns+` FROM wallets w WHERE w.merchant_id = ? AND w.order_id = ?`, merchantID, orderID)
	return w, err
}

// Wallet reads one, whoever's it is.
func (s *Store) Wallet(ctx context.Context, id int64) (Wallet, error) {
	var w Wallet
	err := s.one(ctx, "wallet", &w, `SELECT `+walletColumns+` FROM wallets w WHERE w.id = ?`, id)
	return w, err
}

// WalletByUUID reads one, whoever's it is.
func (s *Store) WalletByUUID(ctx context.Context, id string) (Wallet, error) {
	var w Wallet
	err := s.one(ctx, "wallet", &w, `SELECT `+walletColumns+` FROM wallets w WHERE w.uuid = ?`, id)
	return w, err
}

// Wallets lists a merchant's wallets, newest first, older than `before` (0 = from the newest).
func (s *Store) Wallets(ctx context.Context, merchantID, before int64, size int) ([]Wallet, error) {
	list := []Wallet{}
	err := s.all(ctx, &list, `
		SELECT `+walletColumns+` FROM wallets w WHERE w.merchant_id = ? AND (? = 0 OR w.id < ?) ORDER BY w.id DESC LIMIT ?`, merchantID, before, before, size)
	if err != nil {
		return nil, fmt.Errorf("list wallets: %w", err)
	}
	return list, nil
}

// WalletOpened records the account that the bank gave, or, without one, why it gives none. It answers how the wallet
// then stands; once it has an account it keeps it.
func (s *Store) WalletOpened(ctx context.Context, id int64, address, why string) (state.Wallet, error) {
	to := state.WalletActive
	if address == "" {
		to = state.WalletBlocked
	}
	var now state.Wallet
	err := s.one(ctx, "wallet opened", &now, `
		WITH w AS (
			UPDATE wallets SET state = ?, address = nullif(?, ''), why = ? WHERE id = ? AND state = ? RETURNING state
		)
		SELECT state FROM w UNION ALL SELECT state FROM wallets WHERE id = ? LIMIT 1`, to, address, why, id, state.WalletOpening, id)
	return now, err
}

// NotifyWallet tells a wallet's saga that something may have arrived. Whoever says so proves nothing: it makes the
// saga ask the bank. A message that waits is not doubled; one that is just being delivered does not count, for its
// saga may have asked already.
func (s *Store) NotifyWallet(ctx context.Context, address string) error {
	var known bool
	err := s.one(ctx, "wallet", &known, `
		WITH w AS (
			SELECT uuid FROM wallets WHERE address = ?
		), waits AS (
			SELECT x.id FROM outbox x, w WHERE x.saga = 'wallet' AND x.ref = w.uuid::text AND x.message = 'arrived'
			FOR KEY SHARE OF x SKIP LOCKED
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'wallet', uuid::text, 'arrived', '{}' FROM w WHERE NOT EXISTS (SELECT FROM waits)
		)
		SELECT true FROM w`, address)
	if err == nil {
		s.kick() // also for what waits: a delivery may have passed it by while it was looked at
	}
	return err
}

// WalletDeposit is money that arrived at a wallet.
type WalletDeposit struct {
	ProviderID string     `json:"provider_id"`
	Amount     money.Rial `json:"amount"`
	Payer      string     `json:"payer,omitempty"` // masked
	TrackingID string     `json:"tracking_id,omitempty"`
	At         time.Time  `json:"at"`
}

// CreditWallet books deposits, each once whoever comes, oldest first; the money is the merchant's at once. It answers
// how many were new.
func (s *Store) CreditWallet(ctx context.Context, id int64, deposits []WalletDeposit) (int, error) {
	booked := 0
	err := s.inTx(ctx, "credit wallet", func(ctx context.Context, tx conn) error {
		booked = 0
		for _, d := range deposits {
			var fresh bool
			err := tx.one(ctx, "wallet", &fresh, `
				WITH w AS (
					SELECT id, merchant_id, provider FROM wallets WHERE id = ? FOR NO KEY UPDATE
				), d AS (
					INSERT INTO wallet_deposits (wallet_id, provider, provider_id, amount, payer, tracking_id, at)
					SELECT w.id, w.provider, ?, ?::bigint, ?, ?, ?::timestamptz FROM w
					ON CONFLICT (provider, provider_id) DO NOTHING RETURNING id, amount
				), l AS (
					INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
					SELECT 'wallet/' || w.provider, 'merchant/' || w.merchant_id || '/available', d.amount, 'wallet_deposit/' || d.id || '/credited' FROM d, w
				), s AS (
					UPDATE wallets SET seen = ? FROM w WHERE wallets.id = w.id
				)
				SELECT EXISTS (SELECT FROM d) FROM w`,
				id, d.ProviderID, d.Amount, d.Payer, d.TrackingID, d.At, d.ProviderID)
			if err != nil {
				return err
			}
			if fresh {
				booked++
			}
		}
		return nil
	})
	return booked, err
}

// CreditedDeposit is a deposit as its merchant reads it.
type CreditedDeposit struct {
	UUID       string     `bun:"uuid"`
	Amount     money.Rial `bun:"amount"`
	Payer      string     `bun:"payer"`
	TrackingID string     `bun:"tracking_id"`
	At         time.Time  `bun:"at"`
}

// WalletDeposits lists the latest deposits of a wallet, newest first.
func (s *Store) WalletDeposits(ctx context.Context, id int64, size int) ([]CreditedDeposit, error) {
	list := []CreditedDeposit{}
	err := s.all(ctx, &list, `SELECT uuid, amount, payer, tracking_id, at FROM wallet_deposits WHERE wallet_id = ? ORDER BY id DESC LIMIT ?`, id, size)
	if err != nil {
		return nil, fmt.Errorf("list wallet deposits: %w", err)
	}
	return list, nil
}

// SetWalletAttention writes why a person must look at a wallet; empty takes it back.
func (s *Store) SetWalletAttention(ctx context.Context, id int64, reason string) error {
	return s.pool().exec(ctx, `UPDATE wallets SET needs_attention = nullif(?, '') WHERE id = ?`, reason, id)
}

// WalletsNeedingAttention lists wallets that wait for a person, oldest first.
func (s *Store) WalletsNeedingAttention(ctx context.Context) ([]Wallet, error) {
	list := []Wallet{}
	err := s.all(ctx, &list, `SELECT `+walletColumns+` FROM wallets w WHERE w.needs_attention IS NOT NULL ORDER BY w.id LIMIT 1000`)
	if err != nil {
		return nil, fmt.Errorf("wallets needing attention: %w", err)
	}
	return list, nil
}

// maxHolder is how long a name a bank prints beside an account number.
const maxHolder = 100

// cut shortens s to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
