package store

import (
	"context"
	"time"

	"github.com/paysaga/paysaga/state"
)

// merchantAs are a merchant's columns for an embedded Merchant with the prefix m_.
const merchantAs = `m.id AS m_id, m.public_id AS m_public_id, m.uuid AS m_uuid, m.display_name AS m_display_name, m.biz_name AS m_biz_name,
	m.image_url AS m_image_url, m.return_url AS m_return_url, m.gateways AS m_gateways,
	extract(epoch FROM m.collect_window)::float8 AS m_collect_window,
	extract(epoch FROM m.transfer_window)::float8 AS m_transfer_window, extract(epoch FROM m.sms_delay)::float8 AS m_sms_delay,
	m.amount_step AS m_amount_step, m.amount_delta AS m_amount_delta,
	extract(epoch FROM m.deposit_patience)::float8 AS m_deposit_patience, m.disabled_at AS m_disabled_at, m.created_at AS m_created_at`

// PaymentPage is what a payer's page needs.
type PaymentPage struct {
	Payment  Payment       `bun:"embed:"`
	Merchant Merchant      `bun:"embed:m_"`
	Attempt  AttemptOnPage `bun:"embed:a_"`
	Now      time.Time     `bun:"now"`            // the database clock, which deadlines are compared with
	Accounts []string      `bun:"accounts,array"` // gateways at which the merchant has a live account

	PurchaseID       int64  `bun:"purchase_id"` // the purchase whose money it is; 0 = none
	PurchaseCallback string `bun:"purchase_callback"`
}

// AttemptOnPage is what the hosted page shows of the attempt that served the payment, else of the
// latest one; its ID is 0 when there is none.
type AttemptOnPage struct {
	ID      int64         `bun:"id"`
	State   state.Attempt `bun:"state"`
	Gateway string        `bun:"gateway"`
	Card    string        `bun:"card"`
	EndedAt *time.Time    `bun:"ended_at"`
	Error   string        `bun:"error"`
	// Of any attempt of the payment, because an earlier one may still bring money:
	Open     bool `bun:"open"`     // the bank may have the payer's money, or get it
	Checking bool `bun:"checking"` // the browser is back and the bank's word is not here yet
}

// checking says that attempt a's payer is back and that the bank has not spoken since.
const checking = `(a.state = 'open' AND a.called_at IS NOT NULL AND (a.checked_at IS NULL OR a.checked_at < a.called_at))`

// PaymentPage reads a payment for its payer, who holds the link and nothing else.
func (s *Store) PaymentPage(ctx context.Context, token string) (PaymentPage, error) {
	var page PaymentPage
	err := s.one(ctx, "payment", &page, `
		SELECT `+paymentColumns+`,
		       `+merchantAs+`,
		       coalesce(a.id, 0) AS a_id, coalesce(a.state, '') AS a_state, coalesce(a.gateway, '') AS a_gateway, coalesce(a.card, '') AS a_card,
		       a.ended_at AS a_ended_at, coalesce(a.error, '') AS a_error, o.open AS a_open, o.checking AS a_checking, now() AS now,
		       ARRAY(SELECT g.gateway FROM gateway_accounts g WHERE g.merchant_id = m.id AND g.retired_at IS NULL) AS accounts,
		       coalesce(u.id, 0) AS purchase_id, coalesce(u.callback, '') AS purchase_callback
		FROM payments p
		JOIN merchants m ON m.id = p.merchant_id
		LEFT JOIN temporary_payment u ON u.payment_id = p.id
		LEFT JOIN LATERAL (
			SELECT * FROM attempts t WHERE t.payment_id = p.id AND t.id = coalesce(p.attempt_id, t.id) ORDER BY t.id DESC LIMIT 1
		) a ON true
		LEFT JOIN LATERAL (
			SELECT coalesce(bool_or(a.state = 'open'), false) AS open, coalesce(bool_or(`+checking+`), false) AS checking
			FROM attempts a WHERE a.payment_id = p.id
		) o ON true
		WHERE p.token = ?`, token)
	return page, err
}

// PaymentNow is the little that a polling page asks.
type PaymentNow struct {
	State    string    `bun:"state" json:"state"`
	Checking bool      `bun:"checking" json:"checking"`
	Deadline time.Time `bun:"deadline" json:"deadline"`
	Now      time.Time `bun:"now" json:"now"`
}

// PaymentNow answers a polling page.
func (s *Store) PaymentNow(ctx context.Context, token string) (PaymentNow, error) {
	var n PaymentNow
	err := s.one(ctx, "payment", &n, `
		SELECT p.state, p.collect_by AS deadline, now() AS now,
		       p.state = 'pending' AND EXISTS (SELECT FROM attempts a WHERE a.payment_id = p.id AND `+checking+`) AS checking
		FROM payments p WHERE p.token = ?`, token)
	n.Deadline, n.Now = n.Deadline.UTC(), n.Now.UTC() // the driver gives them in the machine's zone
	return n, err
}

// TransferPage is what a payer's page of a transfer needs.
type TransferPage struct {
	Transfer   Transfer  `bun:"embed:"`
	Merchant   Merchant  `bun:"embed:m_"`
	PayerBin   string    `bun:"payer_bin"` // of the card that the payer registered; empty when none
	PayerLast4 string    `bun:"payer_last4"`
	Now        time.Time `bun:"now"` // the database clock, which deadlines are compared with
}

// TransferPage reads a transfer for its payer, who holds the link and nothing else.
func (s *Store) TransferPage(ctx context.Context, linkToken string) (TransferPage, error) {
	var page TransferPage
	err := s.one(ctx, "transfer", &page, `
		SELECT `+transferColumns+`, `+merchantAs+`, coalesce(v.bin, '') AS payer_bin, coalesce(v.last4, '') AS payer_last4, now() AS now
		FROM transfers t JOIN merchants m ON m.id = t.merchant_id LEFT JOIN card_vault v ON v.id = t.payer_card_id
		WHERE t.link_token = ?`, linkToken)
	return page, err
}

// TransferCards lists the cards that a transfer's payer is shown.
func (s *Store) TransferCards(ctx context.Context, ids []int64) ([]DestinationCard, error) {
	return destinationCards(ctx, s.pool(), `
		SELECT `+destinationColumns+` FROM destination_cards d JOIN card_vault v ON v.id = d.card_id
		WHERE d.id = ANY(?) ORDER BY d.id`, ids)
}

// TransferNow is the little that a polling page asks.
type TransferNow struct {
	State    string    `bun:"state" json:"state"`
	Deadline time.Time `bun:"expires_at" json:"deadline"`
	Now      time.Time `bun:"now" json:"now"`
}

// TransferNow answers a polling page.
func (s *Store) TransferNow(ctx context.Context, linkToken string) (TransferNow, error) {
	var n TransferNow
	err := s.one(ctx, "transfer", &n, `SELECT state, expires_at, now() AS now FROM transfers WHERE link_token = ?`, linkToken)
	n.Deadline, n.Now = n.Deadline.UTC(), n.Now.UTC() // the driver gives them in the machine's zone
	return n, err
}
