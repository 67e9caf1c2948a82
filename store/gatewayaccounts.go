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

// PutGatewayAccount makes credentials the merchant's account at a gateway from now on, and retires the one before.
func (s *Store) PutGatewayAccount(ctx context.Context, merchantID int64, gateway string, credentials vault.Text) (GatewayAccount, error) {
	var out GatewayAccount
	err := s.inTx(ctx, "put gateway account", func(ctx context.Context, tx conn) error {
		var id int64 // two at once must not both find none to retire
		if err := tx.one(ctx, "merchant", &id, `SELECT id FROM merchants WHERE id = ? FOR NO KEY UPDATE`, merchantID); err != nil {
			return err
		}
		err := tx.exec(ctx, `UPDATE gateway_accounts SET retired_at = now() WHERE merchant_id = ? AND gateway = ? AND retired_at IS NULL`, merchantID, gateway)
		if err != nil {
			return fmt.Errorf("retire the one before: %w", err)
		}
		return tx.one(ctx, "account", &out, `
			INSERT INTO gateway_accounts AS g (merchant_id, gateway, key_id, sealed) VALUES (?, ?, ?, ?) RETURNING `+accountColumns,
			merchantID, gateway, credentials.KeyID, credentials.Sealed)
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

// AttemptAccount reads the account that an attempt's session was opened with. ErrNotFound means that it was
// opened without one.
func (s *Store) AttemptAccount(ctx context.Context, attemptID int64) (GatewayAccount, error) {
	var g GatewayAccount
	err := s.one(ctx, fmt.Sprintf("account of attempt %d", attemptID), &g, `
		SELECT `+accountColumns+` FROM attempts a JOIN gateway_accounts g ON g.id = a.account_id WHERE a.id = ?`, attemptID)
	return g, err
}
