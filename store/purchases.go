package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// Purchase is an online purchase of a branch as it stands.
type Purchase struct {
	ID          int64           `bun:"id"`
	BranchID    int64           `bun:"branch_id"`
	PaymentID   int64           `bun:"payment_id"`
	Token       string          `bun:"token"` // of the payment that is its money
	Amount      money.Rial      `bun:"amount"`
	Description string          `bun:"description"`
	Items       json.RawMessage `bun:"items"`
	Callback    string          `bun:"callback"`
	State       state.Purchase  `bun:"state"`
	Status      int             `bun:"status"`
	RetryCount  int             `bun:"retry_count"`
	Reference   *int64          `bun:"reference"`
	CreatedAt   time.Time       `bun:"created_at"`
	CompletedAt *time.Time      `bun:"completed_at"`
	Payment     state.Payment   `bun:"payment_state"`
	CollectBy   time.Time       `bun:"collect_by"`
}

// CheckNumber is the reference as people write it; empty before completion.
func (p Purchase) CheckNumber() string {
	if p.Reference == nil {
		return ""
	}
	return fmt.Sprintf("CHECK-%d", *p.Reference)
}

const purchaseColumns = `u.id, u.branch_id, u.payment_id, p.token, p.amount, p.description, u.items, u.callback, u.state, u.status,
	u.retry_count, u.reference, u.created_at, u.completed_at, p.state AS payment_state, p.collect_by`

// MostRetries bounds how often one purchase may be retried, by people and its saga together.
const MostRetries = 20

var (
	// ErrNotRetryable means that no purchase of this branch and number waits for completion.
	ErrNotRetryable = errors.New("no such purchase, or it cannot be retried")
	// ErrTooManyRetries means that a purchase was retried as often as allowed.
	ErrTooManyRetries = errors.New("the purchase was retried too often")
)

// NewPurchase is what a branch sells.
type NewPurchase struct {
	Merchant    Merchant
	BranchID    int64
	Amount      money.Rial
	Description string
	Items       json.RawMessage
	Callback    string
	Actor       Actor
	ID          int64          // 0: the next one; only fixtures choose theirs
	State       state.Purchase // empty: awaiting; only fixtures choose theirs
}

// Actor is who asks for something, for the log.
type Actor struct {
	Name      string // subject of the credential
	RequestID string
}

// CreatePurchase records a purchase and the payment that is its money, and starts both sagas. The payment
// collects itself: verified money and the reference come in one transaction.
func (s *Store) CreatePurchase(ctx context.Context, in NewPurchase) (Purchase, error) {
	var out Purchase
	err := s.inTx(ctx, "create purchase", func(ctx context.Context, tx conn) error {
		token, err := createPayment(ctx, tx, NewPayment{Merchant: in.Merchant, Amount: in.Amount, Description: in.Description, AutoCollect: true, purchase: true})
		if err != nil {
			return err
		}
		if len(in.Items) == 0 {
			in.Items = json.RawMessage("[]")
		}
		first := in.State
		if first == "" {
			first = state.Purchases.Initial
		}
		return tx.one(ctx, "purchase", &out, `
			WITH p AS (
				SELECT * FROM payments WHERE token = ?
			), u AS (
				INSERT INTO temporary_payment (id, branch_id, payment_id, items, callback, state)
				SELECT coalesce(nullif(?::bigint, 0), nextval(pg_get_serial_sequence('temporary_payment', 'id'))), ?, id, ?::json, ?, ? FROM p
				RETURNING *
			), e AS (
				INSERT INTO system_log (purchase_id, branch_id, actor, request_id, action) SELECT id, branch_id, ?, ?, 'create' FROM u
			), o AS (
				INSERT INTO outbox (saga, ref, message, payload)
				SELECT 'payment', p.token, 'start', jsonb_build_object(
					'payment_id', p.id, 'token', p.token, 'merchant', ?::text, 'amount', p.amount,
					'created_at', p.created_at, 'collect_by', p.collect_by, 'purchase_id', u.id)
				FROM p, u
				UNION ALL
				SELECT 'purchase', u.id::text, 'start', jsonb_build_object(
					'purchase_id', u.id, 'branch', u.branch_id, 'merchant', ?::text, 'amount', p.amount,
					'created_at', p.created_at, 'collect_by', p.collect_by)
				FROM p, u
			)
			SELECT `+purchaseColumns+` FROM u, p`,
			token, in.ID, in.BranchID, string(in.Items), in.Callback, first, in.Actor.Name, in.Actor.RequestID, in.Merchant.PublicID, in.Merchant.PublicID)
	})
	if err == nil {
		s.kick()
	}
	return out, err
}

// Purchase reads a purchase of a branch.
func (s *Store) Purchase(ctx context.Context, branch, id int64) (Purchase, error) {
	var u Purchase
	err := s.one(ctx, "purchase", &u, `
		SELECT `+purchaseColumns+` FROM temporary_payment u JOIN payments p ON p.id = u.payment_id WHERE u.id = ? AND u.branch_id = ?`, id, branch)
	return u, err
}

// PurchaseList asks for a page of a branch's purchases, newest first.
type PurchaseList struct {
	BranchID int64
	Status   *int  // nil = every status
	Before   int64 // id; 0 = from the newest
	Size     int
}

// Purchases lists purchases.
func (s *Store) Purchases(ctx context.Context, in PurchaseList) ([]Purchase, error) {
	list := []Purchase{}
	q := s.db.NewSelect().TableExpr("temporary_payment AS u").Join("JOIN payments AS p ON p.id = u.payment_id").ColumnExpr(purchaseColumns).
		Where("u.branch_id = ?", in.BranchID).OrderExpr("u.id DESC").Limit(int64(in.Size))
	if in.Status != nil {
		q = q.Where("u.status = ?", *in.Status)
	}
	if in.Before != 0 {
		q = q.Where("u.id < ?", in.Before)
	}
	if err := q.Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("list purchases: %w", err)
	}
	return list, nil
}

// RetryPurchase begins another try to complete a purchase that is half done: its payment's saga asks the bank.
// ErrNotRetryable covers numbers of nobody and of other branches: all must look alike.
func (s *Store) RetryPurchase(ctx context.Context, branch, id int64, by Actor) (Purchase, error) {
	return s.retryPurchase(ctx, id, by, `u.branch_id = ? AND u.state IN ('completing', 'incomplete')`, branch)
}

// RetryByItself is the purchase saga's own retry. It has nothing to ask about while nobody is at a bank.
func (s *Store) RetryByItself(ctx context.Context, id int64) (state.Purchase, error) {
	_, err := s.retryPurchase(ctx, id, Actor{Name: "saga"}, `u.state IN ('awaiting', 'completing', 'incomplete')
		AND EXISTS (SELECT FROM attempts a WHERE a.payment_id = u.payment_id AND a.state = 'open')`)
	switch {
	case err == nil:
		return state.PurchaseCompleting, nil
	case !errors.Is(err, ErrNotRetryable) && !errors.Is(err, ErrTooManyRetries):
		return "", err
	}
	var now state.Purchase
	return now, s.one(ctx, "purchase", &now, `SELECT state FROM temporary_payment WHERE id = ?`, id)
}

func (s *Store) retryPurchase(ctx context.Context, id int64, by Actor, allowed string, args ...any) (Purchase, error) {
	var u struct {
		Purchase `bun:"embed:"`
		TooOften bool `bun:"too_often"`
	}
	err := s.one(ctx, "retry purchase", &u, `
		WITH u AS (
			SELECT u.*, u.retry_count >= ? AS too_often FROM temporary_payment u WHERE u.id = ? AND `+allowed+` FOR NO KEY UPDATE
		), changed AS (
			UPDATE temporary_payment t SET state = 'completing', retry_count = t.retry_count + 1 FROM u WHERE t.id = u.id AND NOT u.too_often
			RETURNING t.*, false AS too_often
		), now AS (
			SELECT * FROM changed UNION ALL SELECT * FROM u WHERE too_often
		), l AS (
			INSERT INTO system_log (purchase_id, branch_id, actor, request_id, action, outcome)
			SELECT id, branch_id, ?, ?, CASE WHEN too_often THEN 'refusal' ELSE 'retry' END, CASE WHEN too_often THEN 'too many retries' ELSE '' END FROM u
		), e AS (
			INSERT INTO payment_events (payment_id, kind) SELECT payment_id, 'inquire' FROM u WHERE NOT too_often RETURNING id, payment_id
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'payment', p.token, 'inquire', jsonb_build_object('event_id', e.id) FROM e JOIN payments p ON p.id = e.payment_id
		)
		SELECT `+purchaseColumns+`, u.too_often FROM now u JOIN payments p ON p.id = u.payment_id`,
		append([]any{MostRetries, id}, append(args, by.Name, by.RequestID)...)...)
	switch {
	case errors.Is(err, ErrNotFound):
		return Purchase{}, ErrNotRetryable
	case err == nil && u.TooOften:
		return u.Purchase, ErrTooManyRetries
	case err == nil:
		s.kick()
	}
	return u.Purchase, err
}

// LogPurchase notes how a call about a purchase went.
func (s *Store) LogPurchase(ctx context.Context, branch, id int64, by Actor, action, outcome string) error {
	return s.pool().exec(ctx, `
		INSERT INTO system_log (purchase_id, branch_id, actor, request_id, action, outcome) VALUES (?, ?, ?, ?, ?, ?)`,
		id, branch, by.Name, by.RequestID, action, outcome)
}

// ClosePurchase ends a purchase whose payment has ended without its money. One that is completed stays.
func (s *Store) ClosePurchase(ctx context.Context, id int64) (state.Purchase, error) {
	var now state.Purchase
	err := s.one(ctx, "close purchase", &now, `
		WITH u AS (
			UPDATE temporary_payment u SET state = 'ended' FROM payments p
			WHERE u.id = ? AND p.id = u.payment_id AND p.state IN ('refunded', 'expired', 'failed') AND u.state = ANY(?)
			RETURNING u.id, u.branch_id, p.state AS why
		), l AS (
			INSERT INTO system_log (purchase_id, branch_id, actor, action, outcome) SELECT id, branch_id, 'saga', 'end', why FROM u
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload) SELECT 'purchase', id::text, 'ended', jsonb_build_object('why', why) FROM u
		)
		SELECT 'ended' FROM u
		UNION ALL SELECT state FROM temporary_payment WHERE id = ? LIMIT 1`,
		id, texts(state.Purchases.Into(state.PurchaseEnded)), id)
	if err == nil {
		s.kick()
	}
	return now, err
}

// LogLine is one line of a purchase's log.
type LogLine struct {
	Actor     string    `bun:"actor"`
	RequestID string    `bun:"request_id"`
	Action    string    `bun:"action"`
	Outcome   string    `bun:"outcome"`
	At        time.Time `bun:"at"`
}

// PurchaseLog lists who did what to a purchase, oldest first.
func (s *Store) PurchaseLog(ctx context.Context, branch, id int64) ([]LogLine, error) {
	lines := []LogLine{}
	err := s.all(ctx, &lines, `
		SELECT actor, request_id, action, outcome, at FROM system_log WHERE purchase_id = ? AND branch_id = ? ORDER BY id`, id, branch)
	if err != nil {
		return nil, fmt.Errorf("purchase log: %w", err)
	}
	return lines, nil
}
