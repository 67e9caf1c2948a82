package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// Payment is a bank payment as it stands.
type Payment struct {
	bun.BaseModel `bun:"table:payments,alias:p"`

	ID              int64         `bun:"id,pk"`
	Token           string        `bun:"token"`
	UUID            string        `bun:"uuid"` // by which webhooks know it
	MerchantID      int64         `bun:"merchant_id"`
	Amount          money.Rial    `bun:"amount"`
	Tip             money.Rial    `bun:"tip"`
	Description     string        `bun:"description"`
	Payload         string        `bun:"payload"`
	AutoCollect     bool          `bun:"auto_collect"`
	PreferredMethod string        `bun:"preferred_method"`
	State           state.Payment `bun:"state"`
	StateError      *string       `bun:"state_error"`
	Payer           string        `bun:"payer"`
	Method          string        `bun:"method"`
	RRN             string        `bun:"rrn"`
	AttemptID       *int64        `bun:"attempt_id"`
	CreatedAt       time.Time     `bun:"created_at"`
	CollectBy       time.Time     `bun:"collect_by"`
	CancelledAt     *time.Time    `bun:"cancelled_at"`
	PaidAt          *time.Time    `bun:"paid_at"`
	CollectedAt     *time.Time    `bun:"collected_at"`
	NeedsAttention  *string       `bun:"needs_attention"`
}

const paymentColumns = `p.id, p.token, p.uuid, p.merchant_id, p.amount, p.tip, p.description, p.payload, p.auto_collect, p.preferred_method, p.state,
	p.state_error, p.payer, p.method, p.rrn, p.attempt_id, p.created_at, p.collect_by, p.cancelled_at, p.paid_at,
	p.collected_at, p.needs_attention`

// Total is what the bank takes from the payer, in rial.
func (p Payment) Total() money.Rial { return p.Amount + p.Tip }

// NewPayment is what a merchant asks for.
type NewPayment struct {
	Merchant        Merchant
	Amount          money.Rial
	Description     string
	Payload         string
	AutoCollect     bool
	PreferredMethod string
	Token           string // empty: a random one; only fixtures choose theirs
	UUID            string // likewise
	purchase        bool   // the money of a purchase, whose command starts the saga
}

// CreatePayment records a payment and starts its saga. The deadline is the merchant's window from
// now on the database clock.
func (s *Store) CreatePayment(ctx context.Context, in NewPayment) (string, error) {
	token, err := createPayment(ctx, s.pool(), in)
	if err != nil {
		return "", err
	}
	s.kick()
	return token, nil
}

func createPayment(ctx context.Context, db conn, in NewPayment) (string, error) {
	token := in.Token
	if token == "" {
		token = NewToken()
	}
	id, err := uuidOr(in.UUID)
	if err != nil {
		return "", err
	}
	err = db.one(ctx, "create payment", &token, `
		WITH p AS (
			INSERT INTO payments (token, uuid, merchant_id, amount, description, payload, auto_collect, preferred_method, method, collect_by, for_purchase)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, now() + make_interval(secs => ?), ?)
			RETURNING id, token, amount, created_at, collect_by, for_purchase
		), e AS (
			INSERT INTO payment_events (payment_id, kind) SELECT id, 'created' FROM p
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'payment', token, 'start', jsonb_build_object(
				'payment_id', id, 'token', token, 'merchant', ?::text, 'amount', amount,
				'created_at', created_at, 'collect_by', collect_by)
			FROM p WHERE NOT for_purchase
		)
		SELECT token FROM p`,
		token, id, in.Merchant.ID, in.Amount, in.Description, in.Payload, in.AutoCollect, in.PreferredMethod,
		firstMethod(in), float64(in.Merchant.CollectWindow), in.purchase, in.Merchant.PublicID)
	return token, err
}

// firstMethod is the gateway a payment shows before its payer chose one.
func firstMethod(in NewPayment) string {
	if in.PreferredMethod != "" {
		return in.PreferredMethod
	}
	return in.Merchant.Gateways[0]
}

const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// NewToken makes a random token of 131 bits (22 letters and digits), safe to stand in a link.
func NewToken() string {
	out := make([]byte, 22)
	size := big.NewInt(int64(len(tokenAlphabet)))
	for i := range out {
		n, err := rand.Int(rand.Reader, size)
		if err != nil { // crypto/rand never fails on a supported system
			return rand.Text()
		}
		out[i] = tokenAlphabet[n.Int64()]
	}
	return string(out)
}

// Payment reads a merchant's payment.
func (s *Store) Payment(ctx context.Context, merchantID int64, token string) (Payment, error) {
	var p Payment
	err := s.one(ctx, "payment", &p, `SELECT `+paymentColumns+` FROM payments p WHERE p.token = ? AND p.merchant_id = ?`, token, merchantID)
	return p, err
}

// PaymentByToken reads a payment for its payer, who holds the link and nothing else.
func (s *Store) PaymentByToken(ctx context.Context, token string) (Payment, error) {
	var p Payment
	err := s.one(ctx, "payment", &p, `SELECT `+paymentColumns+` FROM payments p WHERE p.token = ?`, token)
	return p, err
}

// PaymentList asks for a page of a merchant's payments. Bounds are exclusive; with After the oldest
// come first, else the newest.
type PaymentList struct {
	MerchantID int64
	Size       int
	Before     time.Time
	After      time.Time
}

// Payments lists payments by creation time, ties by token.
func (s *Store) Payments(ctx context.Context, in PaymentList) ([]Payment, error) {
	page := []Payment{}
	q := s.db.NewSelect().Model(&page).Where("p.merchant_id = ? AND NOT p.for_purchase", in.MerchantID).Limit(int64(in.Size))
	switch {
	case !in.After.IsZero():
		q = q.Where("p.created_at > ?", in.After).OrderExpr("p.created_at, p.token")
	case !in.Before.IsZero():
		q = q.Where("p.created_at < ?", in.Before).OrderExpr("p.created_at DESC, p.token DESC")
	default:
		q = q.OrderExpr("p.created_at DESC, p.token DESC")
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("list payments: %w", err)
	}
	return page, nil
}

// CollectPayment is the merchant's claim on a paid payment. One conditional update decides between
// collect and the deadline. Collecting again is success. ErrConflict comes with the payment as it stands.
func (s *Store) CollectPayment(ctx context.Context, merchantID int64, token string) (Payment, error) {
	for try := 1; ; try++ {
		p, err := s.collect(ctx, merchantID, token)
		if err == nil {
			s.kick()
			return p, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return Payment{}, err
		}
		p, err = s.Payment(ctx, merchantID, token)
		switch {
		case err != nil || p.State == state.PaymentCollected:
			return p, err
		case p.State == state.PaymentPaid && try == 1:
			continue // the money came after the claim was refused and before the row was read
		}
		return p, fmt.Errorf("collect payment in state %s: %w", p.State, ErrConflict)
	}
}

// collect answers ErrNotFound when there is nothing to collect now.
func (s *Store) collect(ctx context.Context, merchantID int64, token string) (Payment, error) {
	var p Payment
	err := s.one(ctx, "collect payment", &p, `
		WITH p AS (
			UPDATE payments SET state = 'collected', collected_at = now()
			WHERE token = ? AND merchant_id = ? AND state = ANY(?) AND now() < collect_by
			RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'merchant/' || merchant_id || '/held', 'merchant/' || merchant_id || '/available',
			       amount + tip, 'payment/' || id || '/collected'
			FROM p
		), e AS (
			INSERT INTO payment_events (payment_id, kind) SELECT id, 'collected' FROM p RETURNING id
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'payment', p.token, 'collected', jsonb_build_object('event_id', e.id) FROM p, e
		)
		SELECT `+paymentColumns+` FROM p`,
		token, merchantID, texts(state.Payments.Into(state.PaymentCollected)))
	return p, err
}

// CancelPayment declines a payment early: its deadline becomes now. Paid money starts on its way
// back in the same transaction; an unpaid payment can no longer be paid and its saga ends it.
// Cancelling again, or what has already ended without the merchant's money, is success; a collected
// payment is ErrConflict.
func (s *Store) CancelPayment(ctx context.Context, merchantID int64, token, reason string) (Payment, error) {
	var p Payment
	err := s.inTx(ctx, "cancel payment", func(ctx context.Context, tx conn) error {
		// After this lock the next statement sees money that was booked while it waited.
		var id int64
		err := tx.one(ctx, "payment", &id, `SELECT id FROM payments WHERE token = ? AND merchant_id = ? FOR NO KEY UPDATE`, token, merchantID)
		if err != nil {
			return err
		}
		return tx.one(ctx, "cancel", &p, `
			WITH p AS (
				UPDATE payments SET cancelled_at = now(), collect_by = least(collect_by, now()),
					state = CASE state WHEN 'paid' THEN 'refunding' ELSE state END,
					state_error = 'cancelled'
				WHERE id = ? AND state IN ('pending', 'paid') AND cancelled_at IS NULL AND now() < collect_by
				RETURNING *
			), a AS (
				UPDATE attempts a SET state = 'refunding' FROM p
				WHERE a.id = p.attempt_id AND a.state = ANY(?) AND p.state = 'refunding'
			), e AS (
				INSERT INTO payment_events (payment_id, kind, note) SELECT id, 'cancelled', ? FROM p RETURNING id
			), o AS (
				INSERT INTO outbox (saga, ref, message, payload)
				SELECT 'payment', p.token, 'cancelled', jsonb_build_object('event_id', e.id) FROM p, e
			)
			SELECT `+paymentColumns+` FROM p`,
			id, texts(state.Attempts.Into(state.AttemptRefunding)), reason)
	})
	if err == nil {
		s.kick()
		return p, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return Payment{}, err
	}
	p, err = s.Payment(ctx, merchantID, token)
	if err != nil || p.State != state.PaymentCollected {
		return p, err
	}
	return p, fmt.Errorf("cancel payment in state %s: %w", p.State, ErrConflict)
}

// Event is one line of a payment's timeline.
type Event struct {
	ID        int64     `bun:"id"`
	AttemptID *int64    `bun:"attempt_id"`
	Kind      string    `bun:"kind"`
	Note      string    `bun:"note"`
	At        time.Time `bun:"at"`
}

// Timeline lists what happened to a payment, oldest first.
func (s *Store) Timeline(ctx context.Context, paymentID int64) ([]Event, error) {
	var events []Event
	err := s.all(ctx, &events, `SELECT id, attempt_id, kind, note, at FROM payment_events WHERE payment_id = ? ORDER BY id`, paymentID)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	return events, nil
}

// waitsForAPerson holds for a payment p that has something left to be decided. A worker that died right
// after it called a person may have left the call behind when its successor ended the payment.
const waitsForAPerson = `p.needs_attention IS NOT NULL AND (p.state IN ('pending', 'paid', 'refunding')
	OR EXISTS (SELECT FROM attempts a WHERE a.payment_id = p.id AND a.state IN ('open', 'paid', 'refunding'))
	OR EXISTS (SELECT FROM temporary_payment u WHERE u.payment_id = p.id AND u.state NOT IN ('completed', 'ended')))`

// PaymentsNeedingAttention lists payments that wait for a person, oldest first.
func (s *Store) PaymentsNeedingAttention(ctx context.Context) ([]Payment, error) {
	list := []Payment{}
	err := s.all(ctx, &list, `SELECT `+paymentColumns+` FROM payments p WHERE `+waitsForAPerson+` ORDER BY p.id LIMIT 1000`)
	if err != nil {
		return nil, fmt.Errorf("payments needing attention: %w", err)
	}
	return list, nil
}
