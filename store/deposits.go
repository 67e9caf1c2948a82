package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// Deposit is money seen arriving on a merchant's card.
type Deposit struct {
	ID          int64         `bun:"id"`
	MerchantID  int64         `bun:"merchant_id"`
	Merchant    string        `bun:"merchant"` // public id
	Bank        string        `bun:"bank"`
	Account     string        `bun:"account"`
	Amount      money.Rial    `bun:"amount"`
	Balance     *money.Rial   `bun:"balance"`
	At          time.Time     `bun:"at"` // by the bank's clock
	PayerCard   string        `bun:"payer_card"`
	State       state.Deposit `bun:"state"`
	Reason      string        `bun:"reason"`
	TransferID  *int64        `bun:"transfer_id"`
	CreatedAt   time.Time     `bun:"created_at"`
	ResolveBy   time.Time     `bun:"resolve_by"`
	Overdue     bool          `bun:"overdue"`
	ResolvedAt  *time.Time    `bun:"resolved_at"`
	ResolvedBy  string        `bun:"resolved_by"`
	ResolvedWhy string        `bun:"resolved_why"`
	Reference   string        `bun:"reference"`
}

// DepositList asks for a page of deposits, newest first.
type DepositList struct {
	MerchantID int64         // 0 = every merchant's
	State      state.Deposit // empty = every state
	Before     int64         // id; 0 = from the newest
	Size       int
}

// Deposits lists deposits. Each combination of filters is a statement of its own, so each has its index.
func (s *Store) Deposits(ctx context.Context, in DepositList) ([]Deposit, error) {
	list := []Deposit{}
	q := s.db.NewSelect().TableExpr("deposits AS d").Join("JOIN merchants AS m ON m.id = d.merchant_id").
		ColumnExpr(`d.id, d.merchant_id, m.public_id AS merchant, d.bank, d.account, d.amount, d.balance, d.at, d.payer_card, d.state, d.reason,
			d.transfer_id, d.created_at, d.resolve_by, d.state = 'suspense' AND d.resolve_by <= now() AS overdue,
			d.resolved_at, d.resolved_by, d.resolved_why, d.reference`).
		OrderExpr("d.id DESC").Limit(int64(in.Size))
	if in.MerchantID != 0 {
		q = q.Where("d.merchant_id = ?", in.MerchantID)
	}
	if in.State != "" {
		q = q.Where("d.state = ?", in.State)
	}
	if in.Before != 0 {
		q = q.Where("d.id < ?", in.Before)
	}
	if err := q.Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("list deposits: %w", err)
	}
	return list, nil
}

// Suggestion is an open transfer that a deposit may have been meant for.
type Suggestion struct {
	DepositID int64          `bun:"deposit_id"`
	PayID     int64          `bun:"pay_id"`
	FID       int64          `bun:"fid"`
	Amount    money.Rial     `bun:"amount"`
	State     state.Transfer `bun:"state"`
	CreatedAt time.Time      `bun:"created_at"`
	Why       string         `bun:"why"` // same_amount, price, times_ten, tenth or near
}

// nearAmount is how far from a deposit a transfer's amount may be to be suggested, in rial.
const nearAmount = 10_000

// Suggestions finds, for each deposit, the unpaid transfers of the last week whose amounts are nearest:
// the same, the price without its delta, ten times as much or a tenth (toman and rial mixed up), or near.
func (s *Store) Suggestions(ctx context.Context, depositIDs []int64) (map[int64][]Suggestion, error) {
	var rows []Suggestion
	err := s.all(ctx, &rows, `
		SELECT d.id AS deposit_id, t.id AS pay_id, t.fid, t.amount, t.state, t.created_at,
		       CASE d.amount WHEN t.amount THEN 'same_amount' WHEN t.price THEN 'price' WHEN t.amount * 10 THEN 'times_ten'
		            ELSE CASE t.amount WHEN d.amount * 10 THEN 'tenth' ELSE 'near' END END AS why
		FROM deposits d CROSS JOIN LATERAL (
			SELECT * FROM transfers t
			WHERE t.merchant_id = d.merchant_id AND t.state IN ('pending', 'expired', 'mismatched')
			  AND (t.amount BETWEEN d.amount - ? AND d.amount + ? OR t.amount = d.amount * 10 OR (d.amount % 10 = 0 AND t.amount = d.amount / 10))
			  AND t.created_at BETWEEN d.at - interval '7 days' AND d.at + interval '1 hour'
			ORDER BY CASE WHEN d.amount IN (t.amount * 10, t.amount / 10) THEN 1 ELSE abs(t.amount - d.amount) END, t.id DESC LIMIT 5
		) t
		WHERE d.id = ANY(?) ORDER BY d.id`, nearAmount, nearAmount, depositIDs)
	if err != nil {
		return nil, fmt.Errorf("suggestions: %w", err)
	}
	out := map[int64][]Suggestion{}
	for _, r := range rows {
		out[r.DepositID] = append(out[r.DepositID], r)
	}
	return out, nil
}

// DepositResolution is a person's word on a deposit that nobody owned.
type DepositResolution struct {
	DepositID  int64
	MerchantID int64         // whose deposit it must be; 0 = anybody's
	As         state.Deposit // assigned, refunded or ignored
	PayID      int64         // the transfer it is assigned to
	By         string        // who decided
	Why        string
	Reference  string // the bank's, of money sent back
}

// ErrNotPayable means that a transfer cannot take a deposit: it has one.
var ErrNotPayable = errors.New("the transfer cannot take a deposit in its state")

// ResolveDeposit ends a deposit by a person's word and tells the sagas. Resolving twice is ErrConflict;
// a transfer of nobody or of another merchant is ErrNotPayable.
func (s *Store) ResolveDeposit(ctx context.Context, r DepositResolution) error {
	err := s.inTx(ctx, "resolve deposit", func(ctx context.Context, tx conn) error {
		var d Deposit
		err := tx.one(ctx, "deposit", &d, `
			SELECT id, merchant_id, state FROM deposits WHERE id = ? AND (?::bigint = 0 OR merchant_id = ?) FOR NO KEY UPDATE`,
			r.DepositID, r.MerchantID, r.MerchantID)
		if err != nil {
			return err
		}
		if !state.Deposits.Allows(d.State, r.As) || r.As == state.DepositMatched {
			return fmt.Errorf("deposit is %s: %w", d.State, ErrConflict)
		}
		if r.As == state.DepositAssigned {
			if err := assignDeposit(ctx, tx, d, r); err != nil {
				return err
			}
		}
		return endDeposit(ctx, tx, r)
	})
	if err == nil {
		s.kick()
	}
	return err
}

// assignDeposit pays a transfer with the deposit.
func assignDeposit(ctx context.Context, tx conn, d Deposit, r DepositResolution) error {
	var id int64
	err := tx.one(ctx, "transfer", &id, `
		WITH t AS (
			UPDATE transfers SET state = 'paid', deposit_id = ?, paid_at = now()
			WHERE id = ? AND merchant_id = ? AND state = ANY(?) RETURNING id
		), e AS (
			INSERT INTO transfer_events (transfer_id, deposit_id, kind, note) SELECT id, ?, 'assigned', ? FROM t RETURNING id
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'transfer', t.id::text, 'paid', jsonb_build_object('event_id', e.id, 'deposit_id', ?::bigint) FROM t, e
		)
		SELECT id FROM t`,
		d.ID, r.PayID, d.MerchantID, texts(state.Transfers.Into(state.TransferPaid)), d.ID, r.By+": "+r.Why, d.ID)
	if errors.Is(err, ErrNotFound) {
		return ErrNotPayable
	}
	return err
}

// endDeposit takes the money out of suspense.
func endDeposit(ctx context.Context, tx conn, r DepositResolution) error {
	var id int64
	return tx.one(ctx, "deposit", &id, `
		WITH d AS (
			UPDATE deposits SET state = ?, transfer_id = nullif(?::bigint, 0), resolved_at = now(), resolved_by = ?, resolved_why = ?,
			                    reference = ?, needs_attention = NULL
			WHERE id = ? RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'merchant/' || merchant_id || '/suspense',
			       CASE state WHEN 'assigned' THEN 'merchant/' || merchant_id || '/received'
			                  WHEN 'refunded' THEN 'card/' || coalesce(card_id::text, 'unknown-' || merchant_id)
			                  ELSE 'merchant/' || merchant_id || '/own' END,
			       amount, 'deposit/' || id || '/resolved'
			FROM d
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'deposit', id::text, 'resolved', jsonb_build_object(
				'state', state, 'pay_id', coalesce(transfer_id, 0), 'by', resolved_by, 'why', resolved_why, 'reference', reference)
			FROM d
		)
		SELECT id FROM d`, r.As, r.PayID, r.By, r.Why, r.Reference, r.DepositID)
}

// SetDepositAttention writes why a person must look at a deposit in suspense.
func (s *Store) SetDepositAttention(ctx context.Context, id int64, reason string) error {
	var n int64
	return s.one(ctx, "attention", &n, `
		WITH d AS (
			UPDATE deposits SET needs_attention = nullif(?, '') WHERE id = ? AND state = 'suspense' RETURNING id
		)
		SELECT count(*) FROM d`, reason, id)
}
