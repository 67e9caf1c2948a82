package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

var (
	// ErrKeyReused means that the idempotency key stands for another request.
	ErrKeyReused = errors.New("idempotency key was used with another request")
	// ErrInFlight means that the twin of a request is still being answered.
	ErrInFlight = errors.New("a request with this idempotency key is in progress")
)

// IdempotencyKey names one request of a merchant.
type IdempotencyKey struct {
	MerchantID  int64
	Route       string
	Key         string
	Fingerprint [32]byte // SHA-256 of the request as read
}

// Answer is what a request was answered.
type Answer struct {
	Status   int    `bun:"status"`
	Body     []byte `bun:"body"`
	Replayed bool   `bun:"-"`
}

// CreatePaymentOnce creates a payment under an idempotency key; answer makes the response from its
// token. The same request again gets the stored answer; its twin in flight waits for it.
func (s *Store) CreatePaymentOnce(ctx context.Context, key IdempotencyKey, in NewPayment, answer func(token string) Answer) (Answer, error) {
	return s.once(ctx, key, func(ctx context.Context, tx conn) (Answer, error) {
		token, err := createPayment(ctx, tx, in)
		return answer(token), err
	})
}

// AnswerOnce keeps an answer under a key; whoever asks again gets the one that was kept.
func (s *Store) AnswerOnce(ctx context.Context, key IdempotencyKey, answer func() Answer) (Answer, error) {
	return s.once(ctx, key, func(context.Context, conn) (Answer, error) { return answer(), nil })
}

// once stores the answer in the transaction of the command that it answers. The insert comes first:
// a twin waits there, on the primary key, until this transaction ends.
func (s *Store) once(ctx context.Context, key IdempotencyKey, command func(context.Context, conn) (Answer, error)) (Answer, error) {
	var out Answer
	err := s.inTx(ctx, "idempotent command", func(ctx context.Context, tx conn) error {
		first, err := claimKey(ctx, tx, key)
		if err != nil {
			return err
		}
		if !first {
			out, err = replay(ctx, tx, key)
			return err
		}
		if out, err = command(ctx, tx); err != nil {
			return err
		}
		return keepAnswer(ctx, tx, key, out)
	})
	if err != nil {
		return Answer{}, inFlight(err)
	}
	if !out.Replayed {
		s.kick()
	}
	return out, nil
}

// inFlight says ErrInFlight where the twin takes too long.
func inFlight(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "55P03" { // lock_timeout
		return ErrInFlight
	}
	return err
}

// claimKey says whether this request is the first under its key. Its twin waits here, on the primary key,
// until the first one's transaction ends.
func claimKey(ctx context.Context, tx conn, key IdempotencyKey) (first bool, err error) {
	var inserted int
	err = tx.one(ctx, "idempotency key", &inserted, `
		WITH i AS (
			INSERT INTO idempotency_keys (merchant_id, route, key, fingerprint, status, body)
			VALUES (?, ?, ?, ?, 0, '') ON CONFLICT DO NOTHING RETURNING 1
		)
		SELECT count(*) FROM i`, key.MerchantID, key.Route, key.Key, key.Fingerprint[:])
	return inserted > 0, err
}

// keepAnswer stores the answer of a claimed key; the first one stays.
func keepAnswer(ctx context.Context, db conn, key IdempotencyKey, answer Answer) error {
	return db.exec(ctx, `
		UPDATE idempotency_keys SET status = ?, body = ? WHERE merchant_id = ? AND route = ? AND key = ? AND status = 0`,
		answer.Status, answer.Body, key.MerchantID, key.Route, key.Key)
}

func replay(ctx context.Context, tx conn, key IdempotencyKey) (Answer, error) {
	var row struct {
		Answer      `bun:"embed:"`
		Fingerprint []byte `bun:"fingerprint"`
	}
	err := tx.one(ctx, "stored answer", &row, `
		SELECT fingerprint, status, body FROM idempotency_keys WHERE merchant_id = ? AND route = ? AND key = ?`,
		key.MerchantID, key.Route, key.Key)
	if err != nil {
		return Answer{}, fmt.Errorf("replay: %w", err)
	}
	if [32]byte(row.Fingerprint) != key.Fingerprint {
		return Answer{}, ErrKeyReused
	}
	row.Replayed = true
	return row.Answer, nil
}
