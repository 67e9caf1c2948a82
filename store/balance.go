package store

import (
	"context"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Balance is what a merchant may spend, and what is held for top-ups and payouts under way.
type Balance struct {
	Available money.Rial `bun:"available"`
	Held      money.Rial `bun:"held"`
}

// Balance reads a merchant's balance.
func (s *Store) Balance(ctx context.Context, merchantID int64) (Balance, error) {
	var b Balance
	err := s.one(ctx, "balance", &b, `
		SELECT coalesce((SELECT balance FROM ledger_balances WHERE account = 'merchant/' || ?::bigint || '/available'), 0) AS available,
		       (coalesce((SELECT sum(amount) FROM topups WHERE merchant_id = ? AND ended_at IS NULL), 0)
		        + coalesce((SELECT sum(amount + fee) FROM payouts WHERE merchant_id = ? AND ended_at IS NULL), 0))::bigint AS held`,
		merchantID, merchantID, merchantID)
	return b, err
}

// StatementLine is one movement of a merchant's balance.
type StatementLine struct {
	ID     int64      `bun:"id"`
	Amount money.Rial `bun:"amount"` // negative when it left
	Ref    string     `bun:"ref"`
	At     time.Time  `bun:"at"`
}

// Statement lists movements of a merchant's balance, newest first, before an id; 0 starts at the newest.
func (s *Store) Statement(ctx context.Context, merchantID, before int64, size int) ([]StatementLine, error) {
	lines := []StatementLine{}
	account := fmt.Sprintf("merchant/%d/available", merchantID)
	err := s.all(ctx, &lines, `
		(SELECT id, amount, ref, at FROM ledger_transfers
		 WHERE credit_account = ? AND credit_account LIKE 'merchant/%/available' AND (?::bigint = 0 OR id < ?) ORDER BY id DESC LIMIT ?)
		UNION ALL
		(SELECT id, -amount, ref, at FROM ledger_transfers
		 WHERE debit_account = ? AND debit_account LIKE 'merchant/%/available' AND (?::bigint = 0 OR id < ?) ORDER BY id DESC LIMIT ?)
		ORDER BY id DESC LIMIT ?`,
		account, before, before, size, account, before, before, size, size)
	if err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	return lines, nil
}

// CreditBalance adds money that a merchant paid in by another way, on a person's word.
func (s *Store) CreditBalance(ctx context.Context, publicID string, amount money.Rial, by, reason string) error {
	var id int64
	return s.one(ctx, "credit balance of merchant "+publicID, &id, `
		WITH c AS (
			INSERT INTO balance_credits (merchant_id, amount, by, reason) SELECT id, ?, ?, ? FROM merchants WHERE public_id = ? RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'treasury', 'merchant/' || merchant_id || '/available', amount, 'credit/' || id FROM c
		)
		SELECT id FROM c`, amount, by, reason, publicID)
}
