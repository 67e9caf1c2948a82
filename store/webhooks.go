package store

import (
	"context"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/vault"
)

// Message is one change on its way to one endpoint.
type Message struct {
	ID         int64         `bun:"id"`
	WebhookID  string        `bun:"webhook_id"` // the receiver's key against doing things twice
	EndpointID int64         `bun:"endpoint_id"`
	Kind       string        `bun:"kind"`
	SubjectID  int64         `bun:"subject_id"`
	Event      string        `bun:"event"`
	Version    int64         `bun:"version"`
	Facts      Facts         `bun:"facts"`
	State      state.Webhook `bun:"state"`
	Tries      int           `bun:"tries"`
	Replaces   *int64        `bun:"replaces"`
	CreatedAt  time.Time     `bun:"created_at"`
	NextTryAt  *time.Time    `bun:"next_try_at"`
	EndedAt    *time.Time    `bun:"ended_at"`
}

const messageColumns = `m.id, m.webhook_id, m.endpoint_id, m.kind, m.subject_id, m.event, m.version, m.facts, m.state, m.tries, m.replaces,
	m.created_at, m.next_try_at, m.ended_at`

// Parcel is a message with what its delivery needs.
type Parcel struct {
	Message    `bun:"embed:"`
	MerchantID int64          `bun:"merchant_id"`
	URL        string         `bun:"url"`
	Endpoint   state.Endpoint `bun:"endpoint_state"`
	Secret     vault.Text     `bun:"embed:"`
	OldKeyID   string         `bun:"old_key_id"`
	OldSealed  []byte         `bun:"old_sealed"` // nil when only one secret signs
	Early      Seconds        `bun:"early"`      // until the next attempt is due, by the database clock; not above zero: it is
}

// Parcel reads a message for its delivery.
func (s *Store) Parcel(ctx context.Context, id int64) (Parcel, error) {
	var p Parcel
	err := s.one(ctx, "webhook message", &p, `
		SELECT `+messageColumns+`, m.merchant_id, e.url, e.state AS endpoint_state, e.key_id, e.sealed,
		       coalesce(e.old_key_id, '') AS old_key_id, CASE WHEN e.old_until > now() THEN e.old_sealed END AS old_sealed,
		       coalesce(extract(epoch FROM m.next_try_at - now()), 0)::float8 AS early
		FROM webhook_messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id WHERE m.id = ?`, id)
	return p, err
}

// Try is one attempt to deliver a message.
type Try struct {
	MessageID int64
	Try       int // from 1; the same attempt recorded twice stays one
	Status    int // HTTP; 0 = no answer
	Took      time.Duration
	Error     string
	Answer    string // its first bytes
	Then      state.Webhook
	After     time.Duration // until the next attempt, while Then is pending
	Gone      bool          // the receiver wants nothing any more
}

// RecordTry writes an attempt and what follows from it, and answers how the message then stands: a message
// that was decided meanwhile stays as it is.
func (s *Store) RecordTry(ctx context.Context, t Try) (state.Webhook, error) {
	var now state.Webhook
	err := s.inTx(ctx, "record delivery attempt", func(ctx context.Context, tx conn) error {
		if t.Gone {
			err := tx.exec(ctx, `
				UPDATE webhook_endpoints SET state = 'disabled', disabled_reason = 'gone'
				WHERE id = (SELECT endpoint_id FROM webhook_messages WHERE id = ?) AND state = ANY(?)`,
				t.MessageID, texts(state.Endpoints.Into(state.EndpointDisabled)))
			if err != nil {
				return err
			}
		}
		var got struct {
			State   state.Webhook `bun:"state"`
			Unnoted bool          `bun:"unnoted"`
		}
		err := tx.one(ctx, "webhook message", &got, `
			WITH a AS (
				INSERT INTO webhook_attempts (message_id, try, status, took_ms, error, answer) VALUES (?, ?, ?, ?, ?, ?)
				ON CONFLICT DO NOTHING RETURNING try
			), m AS (
				UPDATE webhook_messages SET tries = greatest(tries, ?), state = ?,
					next_try_at = CASE WHEN ? = 'pending' THEN now() + make_interval(secs => ?) END,
					ended_at = CASE WHEN ? <> 'pending' THEN now() END
				WHERE id = ? AND state = 'pending' RETURNING id, state
			)
			SELECT coalesce((SELECT state FROM m), '') AS state,
				EXISTS (SELECT FROM m WHERE state <> 'pending') AND NOT EXISTS (SELECT FROM a) AS unnoted`,
			t.MessageID, t.Try, t.Status, t.Took.Milliseconds(), t.Error, t.Answer,
			t.Try, t.Then, t.Then, t.After.Seconds(), t.Then, t.MessageID)
		now = got.State
		switch {
		case err != nil:
			return err
		case now == "": // decided meanwhile, perhaps while this waited for the row
			return tx.one(ctx, "webhook message", &now, `SELECT state FROM webhook_messages WHERE id = ?`, t.MessageID)
		case !got.Unnoted:
			return nil
		}
		// Two made this attempt at once; the one that decides must be in the list.
		return tx.exec(ctx, `
			WITH a AS (
				INSERT INTO webhook_attempts (message_id, try, status, took_ms, error, answer)
				SELECT message_id, max(try) + 1, ?, ?, ?, ? FROM webhook_attempts WHERE message_id = ? GROUP BY 1 RETURNING message_id, try
			)
			UPDATE webhook_messages m SET tries = a.try FROM a WHERE m.id = a.message_id`,
			t.Status, t.Took.Milliseconds(), t.Error, t.Answer, t.MessageID)
	})
	return now, err
}

// HoldMessage ends the delivery of a message whose endpoint takes nothing: held until it is resumed, or
// dropped with it. An endpoint that was resumed meanwhile leaves the message pending; the lock makes a resume
// that comes now see what was held.
func (s *Store) HoldMessage(ctx context.Context, id int64) (state.Webhook, error) {
	var now state.Webhook
	err := s.one(ctx, "webhook message", &now, `
		WITH e AS (
			SELECT id, state FROM webhook_endpoints
			WHERE id = (SELECT endpoint_id FROM webhook_messages WHERE id = ?) AND state <> 'enabled' FOR SHARE
		), m AS (
			UPDATE webhook_messages m SET state = CASE e.state WHEN 'deleted' THEN 'dropped' ELSE 'held' END, ended_at = now(), next_try_at = NULL
			FROM e WHERE m.id = ? AND m.state = 'pending'
			RETURNING m.state
		)
		SELECT coalesce((SELECT state FROM m), '') AS state`, id, id)
	if err == nil && now == "" { // its endpoint takes it, or it was decided meanwhile
		err = s.one(ctx, "webhook message", &now, `SELECT state FROM webhook_messages WHERE id = ?`, id)
	}
	return now, err
}

// sendAgain writes successors of messages, with their webhook-ids, and starts their sagas.
func sendAgain(ctx context.Context, tx conn, ids []int64) ([]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var sent []int64
	err := tx.all(ctx, &sent, `
		WITH old AS (
			UPDATE webhook_messages SET state = CASE WHEN state = ANY(?) THEN 'replaced' ELSE state END,
				ended_at = coalesce(ended_at, now()), next_try_at = NULL
			WHERE id = ANY(?) RETURNING id, webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts
		), m AS (
			INSERT INTO webhook_messages (webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts, replaces)
			SELECT webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts, id FROM old ORDER BY id
			RETURNING id, endpoint_id, merchant_id, event
		)
		INSERT INTO outbox (saga, ref, message, payload)
		SELECT 'webhook', m.id::text, 'start', jsonb_build_object('message_id', m.id, 'endpoint_id', m.endpoint_id, 'event', m.event, 'merchant', t.public_id)
		FROM m JOIN merchants t ON t.id = m.merchant_id ORDER BY m.id
		RETURNING ref::bigint`, texts(state.Webhooks.Into(state.WebhookReplaced)), ids)
	if err != nil {
		return nil, fmt.Errorf("send again: %w", err)
	}
	return sent, nil
}

// SendAgain sends a message once more, whatever became of it, and answers its successor. The endpoint must be enabled.
func (s *Store) SendAgain(ctx context.Context, merchantID, id int64) (Message, error) {
	var out Message
	err := s.inTx(ctx, "send again", func(ctx context.Context, tx conn) error {
		var at struct {
			Message  state.Webhook  `bun:"state"`
			Endpoint state.Endpoint `bun:"endpoint"`
		}
		err := tx.one(ctx, "webhook message", &at, `
			SELECT m.state, e.state AS endpoint FROM webhook_messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id
			WHERE m.id = ? AND m.merchant_id = ? FOR NO KEY UPDATE OF m`, id, merchantID)
		switch {
		case err != nil:
			return err
		case at.Endpoint != state.EndpointEnabled:
			return fmt.Errorf("endpoint is %s: %w", at.Endpoint, ErrConflict)
		case at.Message == state.WebhookReplaced:
			return fmt.Errorf("message was sent again before: %w", ErrConflict)
		}
		sent, err := sendAgain(ctx, tx, []int64{id})
		if err != nil {
			return err
		}
		return tx.one(ctx, "webhook message", &out, `SELECT `+messageColumns+` FROM webhook_messages m WHERE m.id = ?`, sent[0])
	})
	if err == nil {
		s.kick()
	}
	return out, err
}

// Message reads one message of a merchant.
func (s *Store) Message(ctx context.Context, merchantID, id int64) (Message, error) {
	var m Message
	err := s.one(ctx, "webhook message", &m, `SELECT `+messageColumns+` FROM webhook_messages m WHERE m.id = ? AND m.merchant_id = ?`, id, merchantID)
	return m, err
}

// MessageList filters a list of messages, newest first.
type MessageList struct {
	MerchantID int64
	EndpointID int64         // 0 = all
	State      state.Webhook // empty = all
	Event      string        // empty = all
	Before     int64         // older than this id; 0 = from the newest
	Size       int
}

// Messages lists a merchant's messages, newest first.
func (s *Store) Messages(ctx context.Context, f MessageList) ([]Message, error) {
	list := []Message{}
	q := s.db.NewSelect().TableExpr("webhook_messages AS m").ColumnExpr(messageColumns).
		Where("m.merchant_id = ?", f.MerchantID).OrderExpr("m.id DESC").Limit(int64(f.Size))
	if f.EndpointID != 0 {
		q = q.Where("m.endpoint_id = ?", f.EndpointID)
	}
	if f.State != "" {
		q = q.Where("m.state = ?", f.State)
	}
	if f.Event != "" {
		q = q.Where("m.event = ?", f.Event)
	}
	if f.Before != 0 {
		q = q.Where("m.id < ?", f.Before)
	}
	if err := q.Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("list webhook messages: %w", err)
	}
	return list, nil
}

// Attempted is one attempt, as it was recorded.
type Attempted struct {
	Try    int       `bun:"try"`
	At     time.Time `bun:"at"`
	Status int       `bun:"status"`
	TookMS int       `bun:"took_ms"`
	Error  string    `bun:"error"`
	Answer string    `bun:"answer"`
}

// Attempts lists the attempts of a merchant's message, first first.
func (s *Store) Attempts(ctx context.Context, merchantID, messageID int64) ([]Attempted, error) {
	if _, err := s.Message(ctx, merchantID, messageID); err != nil {
		return nil, err
	}
	var list []Attempted
	err := s.all(ctx, &list, `SELECT try, at, status, took_ms, error, answer FROM webhook_attempts WHERE message_id = ? ORDER BY try`, messageID)
	if err != nil {
		return nil, fmt.Errorf("list delivery attempts: %w", err)
	}
	return list, nil
}
