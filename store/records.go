package store

import (
	"context"

	"github.com/paysaga/paysaga/money"
)

// Record is what a test webhook shows of a payment, a static wallet or a payout.
type Record struct {
	UUID    string     `bun:"uuid"`
	OrderID string     `bun:"order_id"`
	Amount  money.Rial `bun:"amount"`
	Data    string     `bun:"data"` // the merchant's own text
}

// recordBy finds a record by its uuid, or, when that is empty, by its order id. The uuid must be a well-formed one.
func (s *Store) recordBy(ctx context.Context, what, table, columns, orderID string, merchantID int64, id, order string) (Record, error) {
	var r Record
	column, value := "r.uuid", id
	if id == "" {
		column, value = orderID, order
	}
	err := s.one(ctx, what, &r, `SELECT `+columns+` FROM `+table+` r WHERE r.merchant_id = ? AND `+column+` = ?`, merchantID, value)
	return r, err
}

// PaymentRecord finds a merchant's payment. Its order id is its token.
func (s *Store) PaymentRecord(ctx context.Context, merchantID int64, uuid, orderID string) (Record, error) {
	return s.recordBy(ctx, "payment", "payments", "r.uuid, r.token AS order_id, r.amount, r.payload AS data", "r.token", merchantID, uuid, orderID)
}

// PayoutRecord finds a merchant's payout.
func (s *Store) PayoutRecord(ctx context.Context, merchantID int64, uuid, orderID string) (Record, error) {
	return s.recordBy(ctx, "payout", "payouts", "r.uuid, r.order_id, r.amount", "r.order_id", merchantID, uuid, orderID)
}

// WalletRecord finds a merchant's static wallet; it has no amount.
func (s *Store) WalletRecord(ctx context.Context, merchantID int64, uuid, orderID string) (Record, error) {
	return s.recordBy(ctx, "wallet", "wallets", "r.uuid, r.order_id", "r.order_id", merchantID, uuid, orderID)
}
