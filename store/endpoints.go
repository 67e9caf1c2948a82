package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/vault"
)

// Endpoint is a merchant's URL that is told of changes.
type Endpoint struct {
	ID             int64          `bun:"id"`
	URL            string         `bun:"url"`
	Description    string         `bun:"description"`
	Events         []string       `bun:"events,array"` // none = every one
	Callback       bool           `bun:"callback"`     // named in a request, hears of that record only
	State          state.Endpoint `bun:"state"`
	DisabledReason string         `bun:"disabled_reason"`
	OldUntil       *time.Time     `bun:"old_until"` // the secret before signs too until then
	CreatedAt      time.Time      `bun:"created_at"`
}

const endpointColumns = `e.id, e.url, e.description, e.events, e.callback, e.state, e.disabled_reason, e.old_until, e.created_at`

// MaxEndpoints bounds a merchant's endpoints: each change is written once for every one.
const MaxEndpoints = 20

// ErrTooMany means that a merchant has as many of a thing as it may have.
var ErrTooMany = errors.New("too many")

// AddEndpoint adds an endpoint, whose secret the caller has sealed. Adding waits for the merchant's row: two at once
// must not both be its last.
func (s *Store) AddEndpoint(ctx context.Context, merchantID int64, e Endpoint, secret vault.Text) (Endpoint, error) {
	var out Endpoint
	err := s.inTx(ctx, "add endpoint", func(ctx context.Context, tx conn) error {
		if err := tx.exec(ctx, `SELECT FROM merchants WHERE id = ? FOR NO KEY UPDATE`, merchantID); err != nil {
			return err
		}
		err := tx.one(ctx, "endpoint", &out, `
			INSERT INTO webhook_endpoints AS e (merchant_id, url, description, events, key_id, sealed)
			SELECT ?, ?, ?, ?, ?, ?
			WHERE (SELECT count(*) FROM webhook_endpoints WHERE merchant_id = ? AND state <> 'deleted' AND NOT callback) < ?
			RETURNING `+endpointColumns,
			merchantID, e.URL, e.Description, arrayOf(e.Events), secret.KeyID, secret.Sealed, merchantID, MaxEndpoints)
		if errors.Is(err, ErrNotFound) {
			return ErrTooMany
		}
		return err
	})
	return out, err
}

// arrayOf never is NULL.
func arrayOf(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// Endpoints lists a merchant's endpoints, oldest first; those of single records are left out.
func (s *Store) Endpoints(ctx context.Context, merchantID int64) ([]Endpoint, error) {
	var list []Endpoint
	err := s.all(ctx, &list, `
		SELECT `+endpointColumns+` FROM webhook_endpoints e
		WHERE e.merchant_id = ? AND e.state <> 'deleted' AND NOT e.callback ORDER BY e.id`, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list endpoints: %w", err)
	}
	return list, nil
}

// EndpointChange is what a merchant changes; nil keeps.
type EndpointChange struct {
	URL         *string
	Description *string
	Events      []string // nil keeps, empty means every event
}

// ChangeEndpoint changes where and of what an endpoint is told. Messages under way follow it.
func (s *Store) ChangeEndpoint(ctx context.Context, merchantID, id int64, c EndpointChange) (Endpoint, error) {
	var out Endpoint
	err := s.one(ctx, "change endpoint", &out, `
		UPDATE webhook_endpoints e SET url = coalesce(?::text, url), description = coalesce(?::text, description),
			events = CASE WHEN ? THEN ?::text[] ELSE events END
		WHERE e.merchant_id = ? AND e.id = ? AND e.state <> 'deleted' AND NOT e.callback RETURNING `+endpointColumns,
		c.URL, c.Description, c.Events != nil, arrayOf(c.Events), merchantID, id)
	return out, err
}

// RotateEndpointSecret gives an endpoint a new secret; the one before signs too for as long as `both`.
func (s *Store) RotateEndpointSecret(ctx context.Context, merchantID, id int64, secret vault.Text, both time.Duration) (Endpoint, error) {
	var out Endpoint
	err := s.one(ctx, "rotate secret", &out, `
		UPDATE webhook_endpoints e SET old_key_id = e.key_id, old_sealed = e.sealed, old_until = now() + make_interval(secs => ?),
			key_id = ?, sealed = ?
		WHERE e.merchant_id = ? AND e.id = ? AND e.state <> 'deleted' RETURNING `+endpointColumns,
		both.Seconds(), secret.KeyID, secret.Sealed, merchantID, id)
	return out, err
}

// PauseEndpoint holds back what an endpoint would be told. Pausing twice is fine.
func (s *Store) PauseEndpoint(ctx context.Context, merchantID, id int64) (Endpoint, error) {
	out, err := moveEndpoint(ctx, s.pool(), merchantID, id, state.EndpointPaused)
	if errors.Is(err, ErrNotFound) {
		return s.notMoved(ctx, merchantID, id, err)
	}
	return out, err
}

func moveEndpoint(ctx context.Context, db conn, merchantID, id int64, to state.Endpoint) (Endpoint, error) {
	var out Endpoint
	err := db.one(ctx, "endpoint", &out, `
		UPDATE webhook_endpoints e SET state = ?, disabled_reason = ''
		WHERE e.merchant_id = ? AND e.id = ? AND e.state = ANY(?) AND NOT e.callback RETURNING `+endpointColumns,
		to, merchantID, id, texts(append(state.Endpoints.Into(to), to)))
	return out, err
}

// notMoved tells an endpoint that is not there from one whose state does not allow it.
func (s *Store) notMoved(ctx context.Context, merchantID, id int64, missing error) (Endpoint, error) {
	e, err := s.Endpoint(ctx, merchantID, id)
	if err != nil {
		return Endpoint{}, missing
	}
	return e, fmt.Errorf("endpoint is %s: %w", e.State, ErrConflict)
}

// Endpoint reads one.
func (s *Store) Endpoint(ctx context.Context, merchantID, id int64) (Endpoint, error) {
	var e Endpoint
	err := s.one(ctx, "endpoint", &e, `
		SELECT `+endpointColumns+` FROM webhook_endpoints e
		WHERE e.merchant_id = ? AND e.id = ? AND e.state <> 'deleted' AND NOT e.callback`, merchantID, id)
	return e, err
}

// ResumeEndpoint enables an endpoint and sends what was held, in its order. The first batch goes with the enabling, so
// that an end of this process in between leaves nothing behind but what is too much for one transaction; resuming
// again sends that.
func (s *Store) ResumeEndpoint(ctx context.Context, merchantID, id int64) (Endpoint, error) {
	var out Endpoint
	var sent int
	err := s.inTx(ctx, "resume endpoint", func(ctx context.Context, tx conn) (err error) {
		// The endpoint is enabled first: what comes from now on is sent at once and not held.
		if out, err = moveEndpoint(ctx, tx, merchantID, id, state.EndpointEnabled); err != nil {
			return err
		}
		sent, err = sendHeld(ctx, tx, id)
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return s.notMoved(ctx, merchantID, id, err)
	}
	for sent == heldBatch && err == nil {
		s.kick()
		err = s.inTx(ctx, "send what was held", func(ctx context.Context, tx conn) (err error) {
			sent, err = sendHeld(ctx, tx, id)
			return err
		})
	}
	if sent > 0 && err == nil {
		s.kick()
	}
	return out, err
}

// heldBatch bounds one transaction of ResumeEndpoint.
const heldBatch = 500

// sendHeld sends the oldest held messages of an endpoint, if it takes any.
func sendHeld(ctx context.Context, tx conn, endpointID int64) (int, error) {
	var held []int64
	err := tx.all(ctx, &held, `
		SELECT id FROM webhook_messages WHERE endpoint_id = ? AND state = 'held'
			AND EXISTS (SELECT FROM webhook_endpoints WHERE id = ? AND state = 'enabled')
		ORDER BY id LIMIT ? FOR NO KEY UPDATE`, endpointID, endpointID, heldBatch)
	if err != nil {
		return 0, err
	}
	sent, err := sendAgain(ctx, tx, held)
	return len(sent), err
}

// DeleteEndpoint ends an endpoint and drops what it was not told yet.
func (s *Store) DeleteEndpoint(ctx context.Context, merchantID, id int64) error {
	return s.inTx(ctx, "delete endpoint", func(ctx context.Context, tx conn) error {
		var got int64
		err := tx.one(ctx, "endpoint", &got, `
			UPDATE webhook_endpoints SET state = 'deleted'
			WHERE merchant_id = ? AND id = ? AND state = ANY(?) AND NOT callback RETURNING id`,
			merchantID, id, texts(state.Endpoints.Into(state.EndpointDeleted)))
		if err != nil {
			return err
		}
		return tx.exec(ctx, `
			UPDATE webhook_messages SET state = 'dropped', ended_at = now(), next_try_at = NULL
			WHERE endpoint_id = ? AND state IN ('pending', 'held') AND state = ANY(?)`, // their index wants the words
			id, texts(state.Webhooks.Into(state.WebhookDropped)))
	})
}

// callbackEndpoint finds or makes the endpoint of a url_callback that a request named. One that was disabled is
// enabled, as if it were resumed.
func callbackEndpoint(ctx context.Context, tx conn, merchantID int64, url string, secret vault.Text) (*int64, error) {
	if url == "" {
		return nil, nil
	}
	var id int64
	err := tx.one(ctx, "callback", &id, `
		INSERT INTO webhook_endpoints (merchant_id, url, callback, key_id, sealed) VALUES (?, ?, true, ?, ?)
		ON CONFLICT (merchant_id, url) WHERE callback DO UPDATE SET disabled_reason = '',
			state = CASE webhook_endpoints.state WHEN 'disabled' THEN 'enabled' ELSE webhook_endpoints.state END
		RETURNING id`, merchantID, url, secret.KeyID, secret.Sealed)
	if err != nil {
		return nil, err
	}
	for sent := heldBatch; sent == heldBatch; {
		if sent, err = sendHeld(ctx, tx, id); err != nil {
			return nil, err
		}
	}
	return &id, nil
}

// Facts are a row as it was when it changed: what a body is made of.
type Facts struct {
	UUID      string    `json:"uuid"` // empty where the record has none of its own
	OrderID   string    `json:"order_id"`
	Amount    int64     `json:"amount"` // rial, as asked
	Paid      int64     `json:"paid"`   // rial, as moved
	Fee       int64     `json:"fee"`
	From      string    `json:"from"` // masked
	TxID      string    `json:"txid"`
	Wallet    string    `json:"wallet"`
	Currency  string    `json:"currency"`
	Network   string    `json:"network"`
	Method    string    `json:"method"`
	Data      string    `json:"data"` // the merchant's own text
	Why       string    `json:"why"`
	CreatedAt time.Time `json:"created_at"`
}

func (f *Facts) Scan(src any) error {
	switch b := src.(type) {
	case []byte:
		return json.Unmarshal(b, f)
	case string:
		return json.Unmarshal([]byte(b), f)
	}
	return fmt.Errorf("facts: %T", src)
}
