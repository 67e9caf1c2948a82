package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/vault"
)

var (
	// ErrInvoiceUsed means that the merchant already used the invoice number.
	ErrInvoiceUsed = errors.New("the invoice number was already used")
	// ErrNoFreeAmount means that every amount near the price is reserved.
	ErrNoFreeAmount = errors.New("no free amount is left near this price")
)

// Transfer is a card-to-card payment as it stands.
type Transfer struct {
	ID             int64          `bun:"id"` // the merchant's pay_id
	MerchantID     int64          `bun:"merchant_id"`
	FID            int64          `bun:"fid"`
	LinkToken      string         `bun:"link_token"`
	Price          money.Rial     `bun:"price"`
	Amount         money.Rial     `bun:"amount"`
	Callback       string         `bun:"callback"`
	Payer          string         `bun:"payer"`
	PayerCardID    *uuid.UUID     `bun:"payer_card_id"`
	Cards          []int64        `bun:"cards,array"`
	State          state.Transfer `bun:"state"`
	DepositID      *int64         `bun:"deposit_id"`
	CreatedAt      time.Time      `bun:"created_at"`
	ExpiresAt      time.Time      `bun:"expires_at"`
	ReservedUntil  time.Time      `bun:"reserved_until"`
	PaidAt         *time.Time     `bun:"paid_at"`
	VerifiedAt     *time.Time     `bun:"verified_at"`
	NeedsAttention *string        `bun:"needs_attention"`
}

const transferColumns = `t.id, t.merchant_id, t.fid, t.link_token, t.price, t.amount, t.callback, t.payer, t.payer_card_id, t.cards,
	t.state, t.deposit_id, t.created_at, t.expires_at, t.reserved_until, t.paid_at, t.verified_at, t.needs_attention`

// NewTransfer is what a merchant asks for.
type NewTransfer struct {
	Merchant  Merchant
	FID       int64
	Price     money.Rial
	Callback  string
	Payer     string        // masked mobile
	PayerCard *vault.Sealed // nil when the payer's card is not known
	Cards     []int64       // destination cards that the payer is shown
}

// mostTries bounds how often a create looks for another amount after somebody was faster.
const mostTries = 200

// CreateTransfer records a transfer under an amount that no other open transfer of the merchant has, and
// starts its saga.
func (s *Store) CreateTransfer(ctx context.Context, in NewTransfer) (Transfer, error) {
	if in.PayerCard == nil {
		return s.createTransfer(ctx, s.pool(), in, nil)
	}
	var t Transfer
	err := s.inTx(ctx, "create transfer", func(ctx context.Context, tx conn) error {
		card, err := keepCard(ctx, tx, in.Merchant.ID, *in.PayerCard)
		if err == nil {
			t, err = s.createTransfer(ctx, tx, in, &card)
		}
		return err
	})
	if err == nil {
		s.kick() // the first kick came before the commit
	}
	return t, err
}

func (s *Store) createTransfer(ctx context.Context, db conn, in NewTransfer, card *uuid.UUID) (Transfer, error) {
	for range mostTries {
		t, err := reserve(ctx, db, in, card)
		switch {
		case violates(err, "transfers_fid"):
			return Transfer{}, ErrInvoiceUsed
		case err != nil:
			return Transfer{}, err
		case t.ID != 0:
			s.kick()
			return t.Transfer, nil
		case t.Free == 0:
			return Transfer{}, ErrNoFreeAmount
		}
	}
	return Transfer{}, fmt.Errorf("create transfer: %w", ErrNoFreeAmount)
}

type reserved struct {
	Transfer `bun:"embed:"`
	Free     int64 `bun:"free"` // amounts that looked free
}

// reserve takes one of the smallest free amounts, at random so that the same figure does not come back
// at once. No transfer in the answer means that somebody else took it first, or that none is free.
func reserve(ctx context.Context, db conn, in NewTransfer, card *uuid.UUID) (reserved, error) {
	m := in.Merchant
	var out reserved
	err := db.one(ctx, "create transfer", &out, `
		WITH released AS (
			UPDATE transfers SET reserved = false WHERE id IN (
				SELECT id FROM transfers
				WHERE merchant_id = ? AND reserved AND amount BETWEEN ?::bigint AND ?::bigint AND reserved_until <= now()
				FOR UPDATE SKIP LOCKED)
			RETURNING 1
		), free AS (
			SELECT a AS amount FROM generate_series(?::bigint, ?::bigint, ?::bigint) a
			WHERE (SELECT count(*) FROM released) >= 0 -- so it runs first
			  AND NOT EXISTS (
				SELECT FROM transfers r WHERE r.merchant_id = ? AND r.reserved AND r.amount = a AND r.reserved_until > now()
				  AND r.amount BETWEEN ?::bigint AND ?::bigint) -- so it never reads the merchant's other reservations
			ORDER BY a LIMIT 64
		), pick AS (
			SELECT amount FROM free ORDER BY random() LIMIT 1
		), t AS (
			INSERT INTO transfers (merchant_id, fid, link_token, price, amount, callback, payer, payer_card_id, cards, expires_at, reserved_until)
			SELECT ?, ?, ?, ?, amount, ?, ?, ?, ?, now() + make_interval(secs => ?), now() + make_interval(secs => ?)
			FROM pick
			ON CONFLICT (merchant_id, amount) WHERE reserved DO NOTHING
			RETURNING *
		), e AS (
			INSERT INTO transfer_events (transfer_id, kind) SELECT id, 'created' FROM t
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'transfer', id::text, 'start', jsonb_build_object(
				'transfer_id', id, 'merchant', ?::text, 'amount', amount, 'card_set', payer_card_id IS NOT NULL,
				'created_at', created_at, 'expires_at', expires_at, 'reserved_until', reserved_until)
			FROM t
		)
		SELECT (SELECT count(*) FROM free) AS free, `+transferColumns+` FROM (SELECT) one LEFT JOIN t ON true`,
		m.ID, in.Price, in.Price+m.AmountDelta,
		in.Price+m.AmountStep, in.Price+m.AmountDelta, m.AmountStep, m.ID, in.Price, in.Price+m.AmountDelta,
		m.ID, in.FID, NewToken(), in.Price, in.Callback, in.Payer, card, in.Cards,
		float64(m.TransferWindow), float64(m.TransferWindow+m.SMSDelay), m.PublicID)
	return out, err
}

// Checked is what a merchant's check found.
type Checked struct {
	State state.Transfer `bun:"state"`
	First bool           `bun:"first"` // this call verified it
	Over  bool           `bun:"over"`  // the payer's time has ended
}

// CheckTransfer is the merchant's question whether a transfer is paid. The first one after the deposit
// verifies it: one conditional update decides who that is.
func (s *Store) CheckTransfer(ctx context.Context, merchantID, payID int64) (Checked, error) {
	var out Checked
	err := s.one(ctx, "check transfer", &out, `
		WITH v AS (
			UPDATE transfers SET state = 'verified', verified_at = now()
			WHERE id = ? AND merchant_id = ? AND state = ANY(?) RETURNING id
		), e AS (
			INSERT INTO transfer_events (transfer_id, kind) SELECT id, 'verified' FROM v RETURNING id
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'transfer', v.id::text, 'verified', jsonb_build_object('event_id', e.id) FROM v, e
		)
		SELECT t.state, v.id IS NOT NULL AS first, now() >= t.expires_at AS over
		FROM transfers t LEFT JOIN v ON true WHERE t.id = ? AND t.merchant_id = ?`,
		payID, merchantID, texts(state.Transfers.Into(state.TransferVerified)), payID, merchantID)
	switch {
	case err != nil:
		return Checked{}, err
	case out.First:
		s.kick()
		out.State = state.TransferVerified
	case out.State == state.TransferPaid: // as this call began; another one has verified it meanwhile
		out.State = state.TransferVerified
	}
	return out, nil
}

// SetPayerCard registers the card that a transfer's payer says they pay from. ErrConflict comes with the
// transfer as it stands: it has a card, or its time is over.
func (s *Store) SetPayerCard(ctx context.Context, merchantID, payID int64, card vault.Sealed) (Transfer, error) {
	var t Transfer
	err := s.inTx(ctx, "set payer card", func(ctx context.Context, tx conn) error {
		id, err := keepCard(ctx, tx, merchantID, card)
		if err != nil {
			return err
		}
		return tx.one(ctx, "transfer", &t, `
			WITH t AS (
				UPDATE transfers SET payer_card_id = ?
				WHERE id = ? AND merchant_id = ? AND state = 'pending' AND payer_card_id IS NULL AND now() < expires_at
				RETURNING *
			), e AS (
				INSERT INTO transfer_events (transfer_id, kind) SELECT id, 'card_set' FROM t RETURNING id
			), o AS (
				INSERT INTO outbox (saga, ref, message, payload)
				SELECT 'transfer', t.id::text, 'card_set', jsonb_build_object('event_id', e.id) FROM t, e
			)
			SELECT `+transferColumns+` FROM t`, id, payID, merchantID)
	})
	if err == nil {
		s.kick()
		return t, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return Transfer{}, err
	}
	if t, err = s.Transfer(ctx, merchantID, payID); err != nil {
		return Transfer{}, err
	}
	return t, fmt.Errorf("set payer card in state %s: %w", t.State, ErrConflict)
}

// Transfer reads a merchant's transfer.
func (s *Store) Transfer(ctx context.Context, merchantID, payID int64) (Transfer, error) {
	var t Transfer
	err := s.one(ctx, "transfer", &t, `SELECT `+transferColumns+` FROM transfers t WHERE t.id = ? AND t.merchant_id = ?`, payID, merchantID)
	return t, err
}

// TransferDeadline is where a transfer stands after its deadlines were looked at.
type TransferDeadline struct {
	State state.Transfer `json:"state"`
	// Released says that the amount is free again: no late deposit can pay it any more without a person.
	Released bool `json:"released"`
}

// AtTransferDeadline ends what the database clock says is over: first the payer's time, later the
// reservation. Before a deadline it changes nothing.
func (s *Store) AtTransferDeadline(ctx context.Context, id int64) (TransferDeadline, error) {
	var out TransferDeadline
	err := s.inTx(ctx, "transfer deadline", func(ctx context.Context, tx conn) error {
		var t struct {
			State    state.Transfer `bun:"state"`
			Over     bool           `bun:"over"`
			Released bool           `bun:"released"`
		}
		err := tx.one(ctx, "transfer", &t, `
			SELECT state, now() >= expires_at AS over, now() >= reserved_until AS released
			FROM transfers WHERE id = ? FOR NO KEY UPDATE`, id)
		if err != nil {
			return err
		}
		out = TransferDeadline{State: t.State}
		if t.State == state.TransferPending && t.Over {
			out.State = state.TransferExpired
			if err := expireTransfer(ctx, tx, id); err != nil {
				return err
			}
		}
		if out.State == state.TransferExpired && t.Released {
			out.Released = true
			return tx.exec(ctx, `UPDATE transfers SET reserved = false WHERE id = ? AND reserved`, id)
		}
		return nil
	})
	return out, err
}

func expireTransfer(ctx context.Context, tx conn, id int64) error {
	return tx.exec(ctx, `
		WITH t AS (
			UPDATE transfers SET state = 'expired' WHERE id = ? AND state = ANY(?) RETURNING id
		)
		INSERT INTO transfer_events (transfer_id, kind) SELECT id, 'expired' FROM t`,
		id, texts(state.Transfers.Into(state.TransferExpired)))
}

// SetTransferAttention writes why a person must look at a transfer; empty takes it back.
func (s *Store) SetTransferAttention(ctx context.Context, id int64, reason string) error {
	var n int64
	return s.one(ctx, "attention", &n, `
		WITH t AS (
			UPDATE transfers SET needs_attention = nullif(?, '')
			WHERE id = ? AND needs_attention IS DISTINCT FROM nullif(?, '') RETURNING id
		), e AS (
			INSERT INTO transfer_events (transfer_id, kind, note)
			SELECT id, CASE ? WHEN '' THEN 'attention_over' ELSE 'needs_attention' END, ? FROM t
		)
		SELECT count(*) FROM t`, reason, id, reason, reason, reason)
}

// TransferTimeline lists what happened to a transfer, oldest first.
func (s *Store) TransferTimeline(ctx context.Context, id int64) ([]Event, error) {
	var events []Event
	err := s.all(ctx, &events, `SELECT id, kind, note, at FROM transfer_events WHERE transfer_id = ? ORDER BY id`, id)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	return events, nil
}
