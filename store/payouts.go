package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/vault"
)

// ErrOrderReused means that an order_id was used with another request.
var ErrOrderReused = errors.New("order_id was used with another request")

// Payout is money on its way from a merchant's balance to a card or an account.
type Payout struct {
	ID             int64        `bun:"id"`
	UUID           string       `bun:"uuid"`
	MerchantID     int64        `bun:"merchant_id"`
	OrderID        string       `bun:"order_id"`
	Amount         money.Rial   `bun:"amount"`
	Fee            money.Rial   `bun:"fee"`
	Currency       string       `bun:"currency"`
	Network        string       `bun:"network"`
	Rail           string       `bun:"rail"`
	Provider       string       `bun:"provider"`
	Destination    string       `bun:"destination"` // masked
	Holder         string       `bun:"holder"`
	Note           string       `bun:"note"`
	State          state.Payout `bun:"state"`
	ProviderID     string       `bun:"provider_id"`
	TrackingID     string       `bun:"tracking_id"`
	Code           string       `bun:"code"`
	Why            string       `bun:"why"`
	DueAt          *time.Time   `bun:"due_at"`
	CreatedAt      time.Time    `bun:"created_at"`
	SubmittedAt    *time.Time   `bun:"submitted_at"`
	EndedAt        *time.Time   `bun:"ended_at"`
	NeedsAttention *string      `bun:"needs_attention"`
}

const payoutColumns = `p.id, p.uuid, p.merchant_id, p.order_id, p.amount, p.fee, p.currency, p.network, p.rail, p.provider, p.destination, p.holder,
	p.note, p.state, p.provider_id, p.tracking_id, p.code, p.why, p.due_at, p.created_at, p.submitted_at, p.ended_at, p.needs_attention`

// Ended says whether the payout is decided.
func (p Payout) Ended() bool { return p.EndedAt != nil }

// NewPayout is what a merchant orders.
type NewPayout struct {
	Merchant    Merchant
	UUID        string // empty: a new one; only fixtures choose theirs
	OrderID     string
	Amount, Fee money.Rial
	Network     string
	Rail        string
	Provider    string
	Number      vault.Text // the whole destination, sealed
	Destination string     // masked
	Request     [32]byte   // keyed fingerprint of everything that was asked
	Holder      string
	Note        string
	CallbackURL string
	Secret      vault.Text // of the callback's endpoint, in case it is new
}

// OrderPayout holds the money and starts the saga, once for an order_id: the same request again finds the payout that
// is there, another one is ErrOrderReused. Not enough money is ErrBalance, and nothing is kept.
func (s *Store) OrderPayout(ctx context.Context, in NewPayout) (Payout, error) {
	var out Payout
	err := s.inTx(ctx, "order payout", func(ctx context.Context, tx conn) error {
		found, err := payoutOrderedBefore(ctx, tx, in)
		if found != nil || err != nil {
			out = deref(found)
			return err
		}
		if !in.Merchant.Enabled() { // what was ordered before is still told
			return ErrMerchantDisabled
		}
		callback, err := callbackEndpoint(ctx, tx, in.Merchant.ID, in.CallbackURL, in.Secret)
		if err != nil {
			return err
		}
		out, err = orderPayout(ctx, tx, in, callback)
		return err
	})
	switch {
	case violates(err, "payouts_order"): // a twin was faster
		found, again := payoutOrderedBefore(ctx, s.pool(), in)
		if again == nil && found == nil {
			again = fmt.Errorf("order payout: %w", ErrInFlight)
		}
		return deref(found), again
	case violates(err, "balance_not_negative"):
		return Payout{}, ErrBalance
	case err == nil:
		s.kick()
	}
	return out, err
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func payoutOrderedBefore(ctx context.Context, db conn, in NewPayout) (*Payout, error) {
	var row struct {
		Payout  `bun:"embed:"`
		Request []byte `bun:"request"`
	}
	err := db.one(ctx, "payout", &row, `SELECT `+payoutColumns+`, p.request FROM payouts p WHERE p.merchant_id = ? AND p.order_id = ?`, in.Merchant.ID, in.OrderID)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case string(row.Request) != string(in.Request[:]):
		return nil, ErrOrderReused
	}
	return &row.Payout, nil
}

func orderPayout(ctx context.Context, tx conn, in NewPayout, callback *int64) (Payout, error) {
	id, err := uuidOr(in.UUID)
	if err != nil {
		return Payout{}, err
	}
	var p Payout
	err = tx.one(ctx, "payout", &p, `
		WITH p AS (
			INSERT INTO payouts (uuid, merchant_id, order_id, amount, fee, network, rail, provider, key_id, sealed, destination, request, holder, note, callback_id)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'merchant/' || merchant_id || '/available', 'merchant/' || merchant_id || '/held', amount + fee, 'payout/' || id || '/held' FROM p
		), e AS (
			INSERT INTO payout_events (payout_id, kind) SELECT id, 'reserved' FROM p
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'payout', uuid::text, 'start', jsonb_build_object(
				'payout_id', id, 'uuid', uuid, 'merchant', ?::text, 'amount', amount, 'provider', provider, 'rail', rail, 'created_at', created_at)
			FROM p
		)
		SELECT `+payoutColumns+` FROM p`,
		id, in.Merchant.ID, in.OrderID, in.Amount, in.Fee, in.Network, in.Rail, in.Provider, in.Number.KeyID, in.Number.Sealed, in.Destination,
		in.Request[:], in.Holder, in.Note, callback, in.Merchant.PublicID)
	return p, err
}

// PayoutBy finds a merchant's payout by its order_id, or, when that is empty, by its uuid.
func (s *Store) PayoutBy(ctx context.Context, merchantID int64, orderID, id string) (Payout, error) {
	var p Payout
	if orderID == "" {
		err := s.one(ctx, "payout", &p, `SELECT `+payoutColumns+` FROM payouts p WHERE p.merchant_id = ? AND p.uuid = ?`, merchantID, id)
		return p, err
	}
	err := s.one(ctx, "payout", &p, `SELECT `+payoutColumns+` FROM payouts p WHERE p.merchant_id = ? AND p.order_id = ?`, merchantID, orderID)
	return p, err
}

// Payouts lists a merchant's payouts, newest first, older than `before` (0 = from the newest).
func (s *Store) Payouts(ctx context.Context, merchantID, before int64, size int) ([]Payout, error) {
	list := []Payout{}
	err := s.all(ctx, &list, `
		SELECT `+payoutColumns+` FROM payouts p WHERE p.merchant_id = ? AND (? = 0 OR p.id < ?) ORDER BY p.id DESC LIMIT ?`, merchantID, before, before, size)
	if err != nil {
		return nil, fmt.Errorf("list payouts: %w", err)
	}
	return list, nil
}

// PayoutOrder is a payout as its bank needs it.
type PayoutOrder struct {
	Payout `bun:"embed:"`
	Number vault.Text `bun:"embed:"`
	Since  Seconds    `bun:"since"` // since it was last submitted, by the database clock
}

const payoutOrder = payoutColumns + `, p.key_id, p.sealed, coalesce(extract(epoch FROM now() - p.submitted_at), 0)::float8 AS since`

// PayoutOrder reads an order for an inquiry.
func (s *Store) PayoutOrder(ctx context.Context, id int64) (PayoutOrder, error) {
	var o PayoutOrder
	err := s.one(ctx, "payout order", &o, `SELECT `+payoutOrder+` FROM payouts p WHERE p.id = ?`, id)
	return o, err
}

// SubmitPayout lets the caller send an order that is still reserved, and remembers when it last could have left: from
// the first time on it can no longer be cancelled. Sending is the bank's to make safe: it does the same reference once.
func (s *Store) SubmitPayout(ctx context.Context, id int64) (o PayoutOrder, may bool, err error) {
	err = s.one(ctx, "submit payout", &o, `
		WITH p AS (
			UPDATE payouts SET submitted_at = now() WHERE id = ? AND state = 'reserved' RETURNING *
		)
		SELECT `+payoutOrder+` FROM p`, id)
	if errors.Is(err, ErrNotFound) {
		o, err = s.PayoutOrder(ctx, id)
		return o, false, err
	}
	return o, err == nil, err
}

// PayoutWord is what the bank, or a person, said of a payout.
type PayoutWord struct {
	PayoutID   int64        `json:"payout_id"`
	State      state.Payout `json:"state"`
	ProviderID string       `json:"provider_id,omitempty"`
	TrackingID string       `json:"tracking_id,omitempty"`
	Code       string       `json:"code,omitempty"`
	Why        string       `json:"why,omitempty"`
	Note       string       `json:"note,omitempty"` // for the timeline: who said it
	Due        time.Time    `json:"due,omitzero"`   // of a sent one: when its cycle should be over
}

// RecordPayout writes what was said and answers the state in which the payout then is. A decided one stays as it is.
// Paid spends what was held; every other end gives it back.
func (s *Store) RecordPayout(ctx context.Context, w PayoutWord) (state.Payout, error) {
	return recordPayout(ctx, s.pool(), w)
}

func recordPayout(ctx context.Context, db conn, w PayoutWord) (state.Payout, error) {
	var due *time.Time
	if !w.Due.IsZero() {
		due = &w.Due
	}
	var now state.Payout
	err := db.one(ctx, "record payout", &now, `
		WITH p AS (
			UPDATE payouts SET state = ?, provider_id = coalesce(nullif(?, ''), provider_id), tracking_id = coalesce(nullif(?, ''), tracking_id),
				code = ?, why = ?, due_at = coalesce(?::timestamptz, due_at),
				ended_at = CASE WHEN ? = ANY(?) THEN now() END, needs_attention = CASE WHEN ? = ANY(?) THEN NULL ELSE needs_attention END
			WHERE id = ? AND state = ANY(?) RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'merchant/' || merchant_id || '/held',
			       CASE state WHEN 'paid' THEN 'payout/' || provider ELSE 'merchant/' || merchant_id || '/available' END,
			       amount + fee, 'payout/' || id || '/' || state
			FROM p WHERE ended_at IS NOT NULL
		), e AS (
			INSERT INTO payout_events (payout_id, kind, note) SELECT id, state, ? FROM p
		)
		SELECT state FROM p`,
		w.State, w.ProviderID, w.TrackingID, w.Code, w.Why, due,
		w.State, texts(payoutEnds), w.State, texts(payoutEnds), w.PayoutID, texts(state.Payouts.Into(w.State)), w.Note)
	if errors.Is(err, ErrNotFound) { // it is decided, or as it was after one more inquiry
		err = db.one(ctx, "payout", &now, `
			WITH p AS (
				UPDATE payouts SET inquiries = inquiries + 1, code = ? WHERE id = ? AND state = ? AND ended_at IS NULL RETURNING state
			)
			SELECT state FROM p UNION ALL SELECT state FROM payouts WHERE id = ? LIMIT 1`, w.Code, w.PayoutID, w.State, w.PayoutID)
	}
	return now, err
}

var payoutEnds = []state.Payout{state.PayoutPaid, state.PayoutRefused, state.PayoutCancelled, state.PayoutUnsent}

// CancelPayout takes a payout back for its merchant, while it cannot have left.
func (s *Store) CancelPayout(ctx context.Context, merchantID int64, orderID, id string) (Payout, error) {
	p, err := s.PayoutBy(ctx, merchantID, orderID, id)
	if err != nil {
		return Payout{}, err
	}
	err = s.inTx(ctx, "cancel payout", func(ctx context.Context, tx conn) error {
		var got int64
		err := tx.one(ctx, "payout", &got, `SELECT id FROM payouts WHERE id = ? AND state = 'reserved' AND submitted_at IS NULL FOR NO KEY UPDATE`, p.ID)
		if errors.Is(err, ErrNotFound) {
			return fmt.Errorf("payout is on its way: %w", ErrConflict)
		}
		if err != nil {
			return err
		}
		_, err = recordPayout(ctx, tx, PayoutWord{PayoutID: p.ID, State: state.PayoutCancelled, Why: "Cancelled by the merchant", Note: "merchant"})
		if err != nil {
			return err
		}
		return tellPayout(ctx, tx, p.UUID, state.PayoutCancelled, "merchant", "cancelled")
	})
	if err != nil {
		return Payout{}, err
	}
	s.kick()
	return s.PayoutBy(ctx, merchantID, "", p.UUID)
}

func tellPayout(ctx context.Context, tx conn, id string, as state.Payout, by, why string) error {
	return tx.exec(ctx, `
		INSERT INTO outbox (saga, ref, message, payload)
		VALUES ('payout', ?, 'resolved', jsonb_build_object('state', ?::text, 'by', ?::text, 'why', ?::text))`, id, as, by, why)
}

// PayoutResolution is a person's word on a payout whose bank does not say.
type PayoutResolution struct {
	UUID       string
	As         state.Payout // paid, refused or unsent
	TrackingID string
	By         string
	Why        string
}

// ResolvePayout decides a payout by a person's word and tells its saga. One that is decided, or that the bank may
// just be deciding, is ErrConflict.
func (s *Store) ResolvePayout(ctx context.Context, r PayoutResolution) error {
	err := s.inTx(ctx, "resolve payout", func(ctx context.Context, tx conn) error {
		var before struct {
			ID    int64        `bun:"id"`
			State state.Payout `bun:"state"`
			Stuck bool         `bun:"stuck"`
		}
		err := tx.one(ctx, "payout", &before, `
			SELECT id, state, state = 'unknown' OR needs_attention IS NOT NULL
			       -- an order that is just going out may still arrive
			       AND (state <> 'reserved' OR coalesce(submitted_at, '-infinity') < now() - interval '30 seconds') AS stuck
			FROM payouts WHERE uuid = ? FOR NO KEY UPDATE`, r.UUID)
		if err != nil {
			return err
		}
		if !before.Stuck || !state.Payouts.Terminal(r.As) || r.As == state.PayoutCancelled || !state.Payouts.Allows(before.State, r.As) {
			return fmt.Errorf("payout is %s: %w", before.State, ErrConflict)
		}
		// The person's reason is for the timeline: the merchant reads Why.
		_, err = recordPayout(ctx, tx, PayoutWord{PayoutID: before.ID, State: r.As, TrackingID: r.TrackingID, Code: "by_hand", Note: r.By + ": " + r.Why})
		if err != nil {
			return err
		}
		return tellPayout(ctx, tx, r.UUID, r.As, r.By, r.Why)
	})
	if err == nil {
		s.kick()
	}
	return err
}

// SetPayoutAttention writes why a person must look at a payout; empty takes it back.
func (s *Store) SetPayoutAttention(ctx context.Context, id int64, reason string) error {
	var n int64
	return s.one(ctx, "attention", &n, `
		WITH p AS (
			UPDATE payouts SET needs_attention = nullif(?, '')
			WHERE id = ? AND ended_at IS NULL AND needs_attention IS DISTINCT FROM nullif(?, '') RETURNING id
		), e AS (
			INSERT INTO payout_events (payout_id, kind, note)
			SELECT id, CASE ? WHEN '' THEN 'attention_over' ELSE 'needs_attention' END, ? FROM p
		)
		SELECT count(*) FROM p`, reason, id, reason, reason, reason)
}

// PayoutsNeedingAttention lists payouts that wait for a person, oldest first.
func (s *Store) PayoutsNeedingAttention(ctx context.Context) ([]Payout, error) {
	list := []Payout{}
	err := s.all(ctx, &list, `SELECT `+payoutColumns+` FROM payouts p WHERE p.needs_attention IS NOT NULL ORDER BY p.id LIMIT 1000`)
	if err != nil {
		return nil, fmt.Errorf("payouts needing attention: %w", err)
	}
	return list, nil
}

// Payout reads one by its uuid, whoever's it is.
func (s *Store) Payout(ctx context.Context, id string) (Payout, error) {
	var p Payout
	err := s.one(ctx, "payout", &p, `SELECT `+payoutColumns+` FROM payouts p WHERE p.uuid = ?`, id)
	return p, err
}

// PayoutTimeline reads what happened to a payout, oldest first.
func (s *Store) PayoutTimeline(ctx context.Context, id int64) ([]Event, error) {
	var events []Event
	err := s.all(ctx, &events, `SELECT id, kind, note, at FROM payout_events WHERE payout_id = ? ORDER BY id`, id)
	if err != nil {
		return nil, fmt.Errorf("payout timeline: %w", err)
	}
	return events, nil
}
