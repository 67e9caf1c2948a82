package store

import (
	"context"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/vault"
)

// GatewayAccount is what a merchant signs in with at a bank, sealed. It never changes; another one takes its
// place, and what was begun with it goes on with it.
type GatewayAccount struct {
	ID          int64      `bun:"id"`
	MerchantID  int64      `bun:"merchant_id"`
	Gateway     string     `bun:"gateway"`
	Credentials vault.Text `bun:"embed:"`
	CreatedAt   time.Time  `bun:"created_at"`
	RetiredAt   *time.Time `bun:"retired_at"`
}

const accountColumns = `g.id, g.merchant_id, g.gateway, g.key_id, g.sealed, g.created_at, g.retired_at`

// NewGatewayAccount is what takes the place of a merchant's account at a gateway.
type NewGatewayAccount struct {
	MerchantID  int64
	Gateway     string
	Credentials vault.Text
	// SameTerminal says that only the password is another: what was begun with the account before goes on with this
	// one. Without an account before it is ErrNotFound.
	SameTerminal bool
}

// PutGatewayAccount makes credentials the merchant's account at a gateway from now on, and retires the one before.
func (s *Store) PutGatewayAccount(ctx context.Context, in NewGatewayAccount) (GatewayAccount, error) {
	var out GatewayAccount
	err := s.inTx(ctx, "put gateway account", func(ctx context.Context, tx conn) error {
		var id int64 // two at once must not both find none to retire
		if err := tx.one(ctx, "merchant", &id, `SELECT id FROM merchants WHERE id = ? FOR NO KEY UPDATE`, in.MerchantID); err != nil {
			return err
		}
		var before *int64
		if in.SameTerminal {
			err := tx.one(ctx, "the account before", &before, `
				SELECT id FROM gateway_accounts WHERE merchant_id = ? AND gateway = ? ORDER BY id DESC LIMIT 1`, in.MerchantID, in.Gateway)
			if err != nil {
				return err
			}
		}
		err := tx.exec(ctx, `UPDATE gateway_accounts SET retired_at = now() WHERE merchant_id = ? AND gateway = ? AND retired_at IS NULL`, in.MerchantID, in.Gateway)
		if err != nil {
			return fmt.Errorf("retire the one before: %w", err)
		}
		return tx.one(ctx, "account", &out, `
			INSERT INTO gateway_accounts AS g (merchant_id, gateway, key_id, sealed, replaces) VALUES (?, ?, ?, ?, ?) RETURNING `+accountColumns,
			in.MerchantID, in.Gateway, in.Credentials.KeyID, in.Credentials.Sealed, before)
	})
	return out, err
}

// GatewayAccount reads a merchant's live account at a gateway.
func (s *Store) GatewayAccount(ctx context.Context, merchantID int64, gateway string) (GatewayAccount, error) {
	var g GatewayAccount
	err := s.one(ctx, "account at "+gateway, &g, `
		SELECT `+accountColumns+` FROM gateway_accounts g WHERE g.merchant_id = ? AND g.gateway = ? AND g.retired_at IS NULL`, merchantID, gateway)
	return g, err
}

// GatewayAccounts lists a merchant's accounts, newest first, the retired ones too.
func (s *Store) GatewayAccounts(ctx context.Context, merchantID int64) ([]GatewayAccount, error) {
	list := []GatewayAccount{}
	err := s.all(ctx, &list, `SELECT `+accountColumns+` FROM gateway_accounts g WHERE g.merchant_id = ? ORDER BY g.id DESC`, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list gateway accounts: %w", err)
	}
	return list, nil
}

// RetireGatewayAccount ends a merchant's live account at a gateway: no new session is opened with it.
func (s *Store) RetireGatewayAccount(ctx context.Context, merchantID int64, gateway string) error {
	var id int64
	return s.one(ctx, "live account at "+gateway, &id, `
		UPDATE gateway_accounts SET retired_at = now() WHERE merchant_id = ? AND gateway = ? AND retired_at IS NULL RETURNING id`, merchantID, gateway)
}

// AttemptAccount reads the account that an attempt's session was opened with, or the latest of the same terminal.
// ErrNotFound means that it was opened without one.
func (s *Store) AttemptAccount(ctx context.Context, attemptID int64) (GatewayAccount, error) {
	var g GatewayAccount
	err := s.one(ctx, fmt.Sprintf("account of attempt %d", attemptID), &g, `
		WITH RECURSIVE same AS (
			SELECT a.account_id AS id FROM attempts a WHERE a.id = ?
			UNION ALL SELECT n.id FROM same JOIN gateway_accounts n ON n.replaces = same.id
		)
		SELECT `+accountColumns+` FROM same JOIN gateway_accounts g ON g.id = same.id ORDER BY g.id DESC LIMIT 1`, attemptID)
	return g, err
}
