package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Start is the outbox message that starts a saga; every other message is a signal's name.
const Start = "start"

// Delivery is one outbox row on its way to Temporal.
type Delivery struct {
	ID      int64           `bun:"id"`
	Saga    string          `bun:"saga"`
	Ref     string          `bun:"ref"`
	Message string          `bun:"message"`
	Payload json.RawMessage `bun:"payload"`
	Tries   int             `bun:"tries"`
}

// Undelivered is a delivery that Temporal did not take.
type Undelivered struct {
	ID    int64
	Tries int
	Err   error
}

// DeliverOutbox claims up to `batch` rows, hands them to deliver and removes those that it does not
// give back. Only the oldest row of a saga is claimed, so a saga hears everything in order; rows that
// another process is delivering are skipped. It answers how many rows it claimed.
func (s *Store) DeliverOutbox(ctx context.Context, batch int, deliver func(context.Context, []Delivery) []Undelivered) (int, error) {
	claimed := 0
	err := s.inTx(ctx, "deliver outbox", func(ctx context.Context, tx conn) error {
		var rows []Delivery
		err := tx.all(ctx, &rows, `
			SELECT id, saga, ref, message, payload, tries FROM outbox o
			WHERE next_try_at <= now()
			  AND NOT EXISTS (SELECT FROM outbox w WHERE w.saga = o.saga AND w.ref = o.ref AND w.id < o.id)
			ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED`, batch)
		if err != nil {
			return fmt.Errorf("claim: %w", err)
		}
		if claimed = len(rows); claimed == 0 {
			return nil
		}
		failed := deliver(ctx, rows)
		if err := removeDelivered(ctx, tx, rows, failed); err != nil {
			return err
		}
		for _, f := range failed {
			if err := postpone(ctx, tx, f); err != nil {
				return err
			}
		}
		return nil
	})
	return claimed, err
}

func removeDelivered(ctx context.Context, tx conn, rows []Delivery, failed []Undelivered) error {
	stays := make(map[int64]bool, len(failed))
	for _, f := range failed {
		stays[f.ID] = true
	}
	done := make([]int64, 0, len(rows))
	for _, r := range rows {
		if !stays[r.ID] {
			done = append(done, r.ID)
		}
	}
	if len(done) == 0 {
		return nil
	}
	if err := tx.exec(ctx, `DELETE FROM outbox WHERE id = ANY(?)`, done); err != nil {
		return fmt.Errorf("remove delivered: %w", err)
	}
	return nil
}

// postpone backs off from 100 ms to 30 s and keeps the reason where an operator finds it.
func postpone(ctx context.Context, tx conn, f Undelivered) error {
	wait := min(100*time.Millisecond<<min(f.Tries, 10), 30*time.Second)
	err := tx.exec(ctx, `
		UPDATE outbox SET tries = tries + 1, last_error = left(?, 500), next_try_at = now() + make_interval(secs => ?)
		WHERE id = ?`, f.Err.Error(), wait.Seconds(), f.ID)
	if err != nil {
		return fmt.Errorf("postpone: %w", err)
	}
	return nil
}

// What a saga's start was told, read again from its rows; by kind of saga, for those that sleep at first. It is what
// createPayment, CreatePurchase and CreateTransfer write; the dispatcher's tests hold both to the same input.
var sagaInputs = map[string]string{
	"payment": `
		SELECT jsonb_build_object('payment_id', p.id, 'token', p.token, 'merchant', m.public_id, 'amount', p.amount,
		       'created_at', p.created_at, 'collect_by', p.collect_by, 'purchase_id', coalesce(u.id, 0)) AS input
		FROM payments p JOIN merchants m ON m.id = p.merchant_id LEFT JOIN temporary_payment u ON u.payment_id = p.id
		WHERE p.token = ?`,
	"transfer": `
		SELECT jsonb_build_object('transfer_id', t.id, 'merchant', m.public_id, 'amount', t.amount,
		       'card_set', t.payer_card_id IS NOT NULL, 'created_at', t.created_at, 'expires_at', t.expires_at,
		       'reserved_until', t.reserved_until) AS input
		FROM transfers t JOIN merchants m ON m.id = t.merchant_id
		WHERE t.id = ?::bigint`,
	"purchase": `
		SELECT jsonb_build_object('purchase_id', u.id, 'branch', u.branch_id, 'merchant', m.public_id, 'amount', p.amount,
		       'created_at', p.created_at, 'collect_by', p.collect_by) AS input
		FROM temporary_payment u JOIN payments p ON p.id = u.payment_id JOIN merchants m ON m.id = p.merchant_id
		WHERE u.id = ?::bigint`,
}

// SagaInput is what a saga's start was told. Nothing comes for a saga that begins at once, or that has no row.
func (s *Store) SagaInput(ctx context.Context, saga, ref string) (json.RawMessage, error) {
	query, sleeps := sagaInputs[saga]
	if !sleeps {
		return nil, nil
	}
	var row struct {
		Input json.RawMessage `bun:"input"`
	}
	err := s.one(ctx, "input of "+saga+"/"+ref, &row, query, ref)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return row.Input, err
}

// OutboxState is what metrics and readiness say of the outbox.
type OutboxState struct {
	Rows   int64   `bun:"rows"`
	Oldest float64 `bun:"oldest"` // seconds
	Stuck  int64   `bun:"stuck"`  // rows that have waited longer than a minute
}

// Outbox measures the outbox.
func (s *Store) Outbox(ctx context.Context) (OutboxState, error) {
	var o OutboxState
	err := s.one(ctx, "outbox", &o, `
		SELECT count(*) AS rows, coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest,
		       count(*) FILTER (WHERE created_at < now() - interval '1 minute') AS stuck
		FROM outbox`)
	return o, err
}

// AttentionCount is how many payments, transfers, deposits, top-ups, payouts and wallets wait for a person.
func (s *Store) AttentionCount(ctx context.Context) (int64, error) {
	var n int64
	err := s.one(ctx, "attention", &n, `
		SELECT (SELECT count(*) FROM payments p WHERE `+waitsForAPerson+`)
		     + (SELECT count(*) FROM transfers WHERE needs_attention IS NOT NULL)
		     + (SELECT count(*) FROM deposits WHERE state = 'suspense')
		     + (SELECT count(*) FROM topups WHERE needs_attention IS NOT NULL)
		     + (SELECT count(*) FROM payouts WHERE needs_attention IS NOT NULL)
		     + (SELECT count(*) FROM wallets WHERE needs_attention IS NOT NULL)`)
	return n, err
}
