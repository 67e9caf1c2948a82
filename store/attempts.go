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

// MaxAttempts bounds how often a payer may start over: every attempt is a bank session that the
// saga has to watch until it is final.
const MaxAttempts = 10

// MaxCallbacks is how many callbacks of one attempt wake the saga. The callback is unauthenticated,
// so a flood must not fill a history; after this many, the saga's own inquiries must do.
const MaxCallbacks = 10

// Why an attempt came to no session, as its error. The payer never saw the bank, so no money moved.
const (
	NoSession      = "no_session"      // the bank did not answer, or not clearly
	SessionRefused = "session_refused" // the bank said no
)

var (
	// ErrTooLate means that the payment's door is closed: its deadline passed or it is no longer pending.
	ErrTooLate = errors.New("the payment can no longer be paid")
	// ErrTooManyAttempts means that the payer started over too often.
	ErrTooManyAttempts = errors.New("too many attempts")
)

// NewAttempt is a payer's choice on the hosted page.
type NewAttempt struct {
	Token   string // the payment
	Gateway string
	Tip     money.Rial
	Payer   string // masked mobile; empty keeps what is known
}

// Attempt is one visit of the payer to one bank.
type Attempt struct {
	ID          int64      `bun:"id"` // the bank's invoice number
	PaymentID   int64      `bun:"payment_id"`
	Amount      money.Rial `bun:"amount"` // tip included
	CallbackKey string     `bun:"callback_key"`
	// Account is the merchant's at the gateway, which all calls for this attempt are made with; its ID is 0 when
	// the merchant has none there.
	Account GatewayAccount `bun:"embed:g_"`
}

// StartAttempt takes an invoice number for a visit to a bank. Nothing has been sent yet.
func (s *Store) StartAttempt(ctx context.Context, in NewAttempt) (Attempt, error) {
	var a Attempt
	err := s.one(ctx, "start attempt", &a, `
		WITH p AS (
			UPDATE payments SET attempts = attempts + 1, method = ?, payer = coalesce(nullif(?, ''), payer)
			WHERE token = ? AND state = 'pending' AND now() < collect_by AND attempts < ?
			RETURNING id, merchant_id, amount
		), a AS (
			INSERT INTO attempts (payment_id, gateway, amount, tip, callback_key, account_id)
			SELECT p.id, ?, p.amount + ?, ?, ?, g.id
			FROM p LEFT JOIN gateway_accounts g ON g.merchant_id = p.merchant_id AND g.gateway = ? AND g.retired_at IS NULL
			RETURNING id, payment_id, amount, callback_key, account_id
		), e AS (
			INSERT INTO payment_events (payment_id, attempt_id, kind, note) SELECT payment_id, id, 'attempt_started', ? FROM a
		)
		SELECT a.id, a.payment_id, a.amount, a.callback_key, coalesce(g.id, 0) AS g_id, coalesce(g.merchant_id, 0) AS g_merchant_id,
		       coalesce(g.gateway, '') AS g_gateway, coalesce(g.key_id, '') AS g_key_id, g.sealed AS g_sealed
		FROM a LEFT JOIN gateway_accounts g ON g.id = a.account_id`,
		in.Gateway, in.Payer, in.Token, MaxAttempts, in.Gateway, in.Tip, in.Tip, NewToken(), in.Gateway, in.Gateway)
	if !errors.Is(err, ErrNotFound) {
		return a, err
	}
	p, err := s.PaymentByToken(ctx, in.Token)
	switch {
	case err != nil:
		return Attempt{}, err
	case p.State == state.PaymentPending && time.Now().Before(p.CollectBy):
		return Attempt{}, ErrTooManyAttempts
	}
	return Attempt{}, ErrTooLate
}

// OpenAttempt records the bank's session. ErrTooLate means that the deadline came in between: the
// payer must not be sent to the bank, and the session stays unused.
func (s *Store) OpenAttempt(ctx context.Context, attemptID int64, bankToken string, life time.Duration) error {
	var id int64
	err := s.one(ctx, "open attempt", &id, `
		WITH p AS ( -- the deadline takes the same lock, so either it sees this attempt or this sees it
			SELECT p.id FROM payments p JOIN attempts a ON a.payment_id = p.id
			WHERE a.id = ? AND p.state = 'pending' AND now() < p.collect_by
			FOR NO KEY UPDATE OF p
		), a AS (
			UPDATE attempts a SET state = 'open', bank_token = ?, final_at = now() + make_interval(secs => ?)
			FROM p WHERE a.id = ? AND a.payment_id = p.id AND a.state = ANY(?)
			RETURNING a.id, a.payment_id
		), u AS ( -- from now on the bank may have money that nobody tells us of
			UPDATE temporary_payment u SET state = 'completing' FROM a WHERE u.payment_id = a.payment_id AND u.state = ANY(?)
		)
		SELECT id FROM a`,
		attemptID, bankToken, life.Seconds(), attemptID, texts(state.Attempts.Into(state.AttemptOpen)), texts(state.Purchases.Into(state.PurchaseCompleting)))
	if errors.Is(err, ErrNotFound) {
		return ErrTooLate
	}
	return err
}

// Visit is what a saga needs to know of an attempt to ask its bank.
type Visit struct {
	AttemptID int64      `bun:"id" json:"attempt_id"`
	Gateway   string     `bun:"gateway" json:"gateway"`
	Amount    money.Rial `bun:"amount" json:"amount"` // rial, tip included
	BankToken string     `bun:"bank_token" json:"bank_token"`
	FinalAt   time.Time  `bun:"final_at" json:"final_at"` // after this, "not paid" is final
	// Callback is what the payer's browser brought back, unproven.
	Callback map[string]string `bun:"callback,type:jsonb" json:"callback,omitempty"`
}

// RecordCallback stores that a bank sent a browser back and wakes the saga. It answers the payment's
// token. Nothing is believed: the saga asks the bank. What an earlier callback brought and this one does not
// stays: at some banks it alone names the money. A callback whose key is wrong is ErrNotFound; one that repeats
// after the attempt is decided changes nothing.
func (s *Store) RecordCallback(ctx context.Context, attemptID int64, key string, fields map[string]string) (string, error) {
	said, err := json.Marshal(fields)
	if err != nil {
		return "", fmt.Errorf("callback fields: %w", err)
	}
	var row struct {
		Token string `bun:"token"`
		Woken bool   `bun:"woken"`
	}
	err = s.one(ctx, "callback", &row, `
		WITH a AS (
			UPDATE attempts SET callbacks = callbacks + 1, called_at = now(), callback = coalesce(callback, '{}') || ?::jsonb
			WHERE id = ? AND callback_key = ? AND state = 'open' AND callbacks < ?
			RETURNING *
		), e AS (
			INSERT INTO payment_events (payment_id, attempt_id, kind) SELECT payment_id, id, 'callback' FROM a RETURNING id
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'payment', p.token, 'callback', jsonb_build_object('event_id', e.id, 'visit', jsonb_build_object(
				'attempt_id', a.id, 'gateway', a.gateway, 'amount', a.amount, 'bank_token', a.bank_token, 'final_at', a.final_at,
				'callback', a.callback))
			FROM a JOIN payments p ON p.id = a.payment_id, e
		)
		SELECT p.token, EXISTS (SELECT FROM a) AS woken
		FROM attempts t JOIN payments p ON p.id = t.payment_id
		WHERE t.id = ? AND t.callback_key = ?`,
		string(said), attemptID, key, MaxCallbacks, attemptID, key)
	if err == nil && row.Woken {
		s.kick()
	}
	return row.Token, err
}

// FailAttempt closes an attempt that brought no money, for good. The payment stays pending and
// carries the reason, so that its payer may try again.
func (s *Store) FailAttempt(ctx context.Context, attemptID int64, reason string) error {
	return attemptNotPaid(ctx, s.pool(), attemptID, reason, true)
}

// NoteUnpaid records that the bank does not have the money yet; the attempt stays open.
func (s *Store) NoteUnpaid(ctx context.Context, attemptID int64, reason string) error {
	return attemptNotPaid(ctx, s.pool(), attemptID, reason, false)
}

func attemptNotPaid(ctx context.Context, db conn, attemptID int64, reason string, final bool) error {
	var n int
	return db.one(ctx, "attempt not paid", &n, `
		WITH a AS (
			UPDATE attempts SET error = ?, checked_at = now(),
				state = CASE WHEN ? THEN 'failed' ELSE state END,
				ended_at = CASE WHEN ? THEN now() END
			WHERE id = ? AND state = ANY(?)
			RETURNING id, payment_id
		), p AS (
			UPDATE payments p SET state_error = ? FROM a
			WHERE p.id = a.payment_id AND p.state = 'pending' AND p.cancelled_at IS NULL
			RETURNING p.id
		), e AS (
			INSERT INTO payment_events (payment_id, attempt_id, kind, note)
			SELECT payment_id, id, CASE WHEN ? THEN 'attempt_failed' ELSE 'not_paid_yet' END, ? FROM a
		), u AS ( -- after p: whoever locks a purchase has its payment first
			UPDATE temporary_payment u SET state = 'incomplete' FROM p WHERE u.payment_id = p.id AND u.state = ANY(?)
		)
		SELECT count(*) FROM a`,
		reason, final, final, attemptID, texts(state.Attempts.Into(state.AttemptFailed)), reason, final, reason,
		texts(state.Purchases.Into(state.PurchaseIncomplete)))
}

// OpenVisits lists the attempts of a payment that are not over: the bank may still say "paid", or their
// money waits to be settled or returned.
func (s *Store) OpenVisits(ctx context.Context, paymentID int64) ([]Visit, error) {
	return openVisits(ctx, s.pool(), paymentID)
}

func openVisits(ctx context.Context, db conn, paymentID int64) ([]Visit, error) {
	visits := []Visit{}
	err := db.all(ctx, &visits, `
		SELECT id, gateway, amount, bank_token, final_at, callback FROM attempts
		WHERE payment_id = ? AND state IN ('open', 'paid', 'refunding') ORDER BY id`, paymentID)
	if err != nil {
		return nil, fmt.Errorf("open attempts: %w", err)
	}
	return visits, nil
}

// StartAttemptsAt raises the next invoice number to at least n: a bank may have seen lower ones from
// an earlier system, and must never see one twice.
func (s *Store) StartAttemptsAt(ctx context.Context, n int64) error {
	var next int64
	return s.one(ctx, "first invoice number", &next, `
		SELECT setval('attempts_id_seq', ?, false) FROM attempts_id_seq
		WHERE ? > last_value OR (? = last_value AND NOT is_called)
		UNION ALL SELECT 0 LIMIT 1`, n, n, n)
}
