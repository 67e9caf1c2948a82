package store

import (
	"context"
	"errors"
	"time"
)

// PaymentPage is what a payer's page needs.
type PaymentPage struct {
	Payment  Payment
	Merchant Merchant
	Attempt  AttemptOnPage
	Now      time.Time // the database clock, which deadlines are compared with
}

// PaymentPage reads a payment for its payer, who holds the link and nothing else.
func (s *Store) PaymentPage(ctx context.Context, token string) (PaymentPage, error) {
	var page PaymentPage
	var err error
	if page.Payment, err = s.PaymentByToken(ctx, token); err != nil {
		return page, err
	}
	var m struct {
		Merchant
		Now time.Time `bun:"now"`
	}
	err = s.one(ctx, "merchant", &m, `SELECT `+merchantColumns+`, now() AS now FROM merchants m WHERE m.id = ?`, page.Payment.MerchantID)
	if err != nil {
		return page, err
	}
	page.Merchant, page.Now = m.Merchant, m.Now
	page.Attempt, err = s.attemptForPage(ctx, page.Payment)
	return page, err
}

// attemptForPage finds the attempt that served the payment, else the latest one.
func (s *Store) attemptForPage(ctx context.Context, p Payment) (AttemptOnPage, error) {
	var a AttemptOnPage
	err := s.one(ctx, "attempt", &a, `
		SELECT id, state, gateway, card, ended_at,
		       state = 'open' AND called_at IS NOT NULL AND (checked_at IS NULL OR checked_at < called_at) AS checking
		FROM attempts WHERE payment_id = ? AND (? IS NULL OR id = ?) ORDER BY id DESC LIMIT 1`, p.ID, p.AttemptID, p.AttemptID)
	if errors.Is(err, ErrNotFound) {
		return AttemptOnPage{}, nil
	}
	return a, err
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
	return n, s.one(ctx, "payment", &n, `
		SELECT p.state, p.collect_by AS deadline, now() AS now,
		       p.state = 'pending' AND EXISTS (
		           SELECT FROM attempts a WHERE a.payment_id = p.id AND a.state = 'open' AND a.called_at IS NOT NULL
		              AND (a.checked_at IS NULL OR a.checked_at < a.called_at)) AS checking
		FROM payments p WHERE p.token = ?`, token)
}
