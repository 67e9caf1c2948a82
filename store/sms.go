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

// SMS is a bank's message as a merchant's phone forwarded it. One-time passwords never come here.
type SMS struct {
	Merchant   Merchant
	Source     string   // 'device/<id>' or 'key/<id>'
	MessageID  string   // the forwarder's; may be empty
	Content    [32]byte // what makes two messages the same
	Facts      [32]byte // the same, whoever sent them
	Sender     string
	Text       vault.Text // encrypted
	Bank       string
	Kind       string // deposit, withdraw or other
	Reason     string // why it may not settle a transfer by itself
	ReceivedAt time.Time
	Deposit    *SeenDeposit // nil when it tells of none
}

// SeenDeposit is money that a message tells of.
type SeenDeposit struct {
	Account   string // as printed; empty when the bank prints none
	Amount    money.Rial
	Balance   *money.Rial
	From, To  time.Time     // when it arrived, as exactly as the message says
	Settles   bool          // the message is trusted to find its transfer without a person
	PayerCard *vault.Sealed // when the whole number was printed
	PayerMask string        // what was printed of it
}

// Intake says what became of a message.
type Intake struct {
	Repeated  bool  // it was here before; nothing changed
	DepositID int64 // 0 when it tells of no deposit
	PayID     int64 // the transfer it paid; 0 when nobody's
}

// RecordSMS stores a message once and gives its deposit, if it tells of one, to its transfer. Money whose
// owner is not certain goes to suspense and starts a deposit saga.
func (s *Store) RecordSMS(ctx context.Context, m SMS) (Intake, error) {
	var out Intake
	err := s.inTx(ctx, "record SMS", func(ctx context.Context, tx conn) error {
		id, err := storeSMS(ctx, tx, m)
		if errors.Is(err, ErrNotFound) {
			out, err = repeatedSMS(ctx, tx, m)
			return err
		}
		if err != nil || m.Deposit == nil {
			return err
		}
		out, err = receiveDeposit(ctx, tx, id, m)
		return err
	})
	if err == nil && out.DepositID != 0 && !out.Repeated {
		s.kick()
	}
	return out, err
}

// storeSMS answers ErrNotFound when the message is here already, by its id or by what it says. A copy that is
// not trusted adds nothing to a message that is.
func storeSMS(ctx context.Context, tx conn, m SMS) (int64, error) {
	var id int64
	err := tx.one(ctx, "store SMS", &id, `
		INSERT INTO sms (merchant_id, source, message_id, content, facts, sender, key_id, sealed, bank, kind, reason, received_at)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::text, least(?::timestamptz, now())
		WHERE ?::text = '' OR NOT EXISTS (SELECT FROM sms WHERE merchant_id = ? AND facts = ? AND reason = '')
		ON CONFLICT DO NOTHING RETURNING id`,
		m.Merchant.ID, m.Source, m.MessageID, m.Content[:], m.Facts[:], m.Sender, m.Text.KeyID, m.Text.Sealed, m.Bank, m.Kind, m.Reason, m.ReceivedAt,
		m.Reason, m.Merchant.ID, m.Facts[:])
	return id, err
}

func repeatedSMS(ctx context.Context, tx conn, m SMS) (Intake, error) {
	var row struct {
		DepositID int64 `bun:"deposit_id"`
		PayID     int64 `bun:"pay_id"`
	}
	err := tx.one(ctx, "repeated SMS", &row, `
		WITH m AS (
			UPDATE sms SET repeats = repeats + 1
			WHERE merchant_id = ? AND (content = ? OR (message_id <> '' AND source = ? AND message_id = ?) OR (facts = ? AND reason = '')) RETURNING id
		)
		SELECT coalesce(d.id, 0) AS deposit_id, coalesce(d.transfer_id, 0) AS pay_id
		FROM m LEFT JOIN deposits d ON d.sms_id = m.id ORDER BY d.id LIMIT 1`,
		m.Merchant.ID, m.Content[:], m.Source, m.MessageID, m.Facts[:])
	return Intake{Repeated: true, DepositID: row.DepositID, PayID: row.PayID}, err
}

// receiveDeposit books a deposit on the transfer it pays, or in suspense.
func receiveDeposit(ctx context.Context, tx conn, smsID int64, m SMS) (Intake, error) {
	var cards []destination
	err := tx.all(ctx, &cards, `
		SELECT d.id, d.bank, d.accounts, v.last4 FROM destination_cards d JOIN card_vault v ON v.id = d.card_id
		WHERE d.merchant_id = ?`, m.Merchant.ID)
	if err != nil {
		return Intake{}, fmt.Errorf("destination cards: %w", err)
	}
	var rivals []rival
	err = tx.all(ctx, &rivals, `
		SELECT t.id, t.state, t.cards, t.created_at, t.reserved_until, t.reserved AND now() < t.reserved_until AS holds,
		       v.pan_hmac, coalesce(v.bin, '') AS bin, coalesce(v.last4, '') AS last4
		FROM transfers t LEFT JOIN card_vault v ON v.id = t.payer_card_id
		WHERE t.merchant_id = ? AND t.amount = ? ORDER BY t.created_at DESC LIMIT 20 FOR NO KEY UPDATE OF t`,
		m.Merchant.ID, m.Deposit.Amount)
	if err != nil {
		return Intake{}, fmt.Errorf("transfers of this amount: %w", err)
	}
	card := destinationOf(m.Bank, m.Deposit.Account, cards)
	found := findOwner(*m.Deposit, m.Reason, card, rivals)
	id, err := bookDeposit(ctx, tx, smsID, m, card, found)
	return Intake{DepositID: id, PayID: found.payID()}, err
}

// bookDeposit writes what findOwner decided: rows, ledger, timeline, and what the sagas must be told.
func bookDeposit(ctx context.Context, tx conn, smsID int64, m SMS, card int64, found owner) (int64, error) {
	d := *m.Deposit
	var payerCard *uuid.UUID
	if d.PayerCard != nil {
		id, err := keepCard(ctx, tx, m.Merchant.ID, *d.PayerCard)
		if err != nil {
			return 0, err
		}
		payerCard = &id
	}
	var id int64
	err := tx.one(ctx, "book deposit", &id, `
		WITH d AS (
			INSERT INTO deposits (merchant_id, sms_id, card_id, bank, account, amount, balance, at, payer_card_id, payer_card,
			                      state, reason, needs_attention, transfer_id, resolve_by)
			VALUES (?, ?, nullif(?::bigint, 0), ?, ?, ?, ?, ?, ?, ?,
			        ?, ?, nullif(?, ''), nullif(?::bigint, 0), now() + make_interval(secs => ?))
			RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'card/' || coalesce(card_id::text, 'unknown-' || merchant_id),
			       'merchant/' || merchant_id || CASE state WHEN 'matched' THEN '/received' ELSE '/suspense' END,
			       amount, 'deposit/' || id || '/seen'
			FROM d
		), t AS (
			UPDATE transfers t SET state = ?, deposit_id = d.id, paid_at = now() FROM d WHERE t.id = ?
			RETURNING t.id, t.state, d.id AS deposit_id
		), e AS (
			INSERT INTO transfer_events (transfer_id, deposit_id, kind) SELECT id, deposit_id, state FROM t RETURNING id, transfer_id, kind
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'transfer', e.transfer_id::text, e.kind, jsonb_build_object('event_id', e.id, 'deposit_id', d.id) FROM d, e
			UNION ALL
			SELECT 'deposit', id::text, 'start', jsonb_build_object(
				'deposit_id', id, 'merchant', ?::text, 'amount', amount, 'bank', bank, 'reason', reason,
				'created_at', created_at, 'resolve_by', resolve_by)
			FROM d WHERE state = 'suspense'
		)
		SELECT id FROM d`,
		m.Merchant.ID, smsID, card, m.Bank, d.Account, d.Amount, d.Balance, d.From, payerCard, d.PayerMask,
		found.deposit(), found.reason, found.reason, found.payID(), float64(m.Merchant.DepositPatience),
		found.transfer, found.id, m.Merchant.PublicID)
	return id, err
}

// UnreadSMS is a bank's message that the parser could not read and that is kept for a new template.
type UnreadSMS struct {
	ID         int64      `bun:"id"`
	MerchantID int64      `bun:"merchant_id"`
	Merchant   string     `bun:"merchant"`
	Sender     string     `bun:"sender"`
	Bank       string     `bun:"bank"`
	Reason     string     `bun:"reason"`
	Text       vault.Text `bun:"embed:"`
	ReceivedAt time.Time  `bun:"received_at"`
}

// isUnread holds for a message s that says nothing of a deposit and still wants a person's eyes.
const isUnread = `s.kind = 'other' AND s.reason IN ('unknown_layout', 'unknown_direction', 'sign_conflict', 'no_amount')`

// UnreadSMS lists messages that nobody could read, newest first; of every merchant for 0.
func (s *Store) UnreadSMS(ctx context.Context, merchantID int64, limit int) ([]UnreadSMS, error) {
	list := []UnreadSMS{}
	q := s.db.NewSelect().TableExpr("sms AS s").Join("JOIN merchants AS m ON m.id = s.merchant_id").
		ColumnExpr("s.id, s.merchant_id, m.public_id AS merchant, s.sender, s.bank, s.reason, s.key_id, s.sealed, s.received_at").
		Where(isUnread).
		OrderExpr("s.id DESC").Limit(int64(limit))
	if merchantID != 0 {
		q = q.Where("s.merchant_id = ?", merchantID)
	}
	if err := q.Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("unread SMS: %w", err)
	}
	return list, nil
}

// depositStates names the two states in which a deposit may be seen.
var depositStates = map[bool]state.Deposit{true: state.DepositMatched, false: state.DepositSuspense}
