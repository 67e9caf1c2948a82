package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

var (
	// ErrCodeUsed means that the merchant already used the webservice_code.
	ErrCodeUsed = errors.New("the webservice_code was already used")
	// ErrPrice means that a price lies outside a product's.
	ErrPrice = errors.New("the product is not sold at this price")
	// ErrNoProduct means that a product is not known.
	ErrNoProduct = errors.New("no such product")
	// ErrMerchantDisabled means that a merchant may order nothing new.
	ErrMerchantDisabled = errors.New("the merchant is disabled")

	// What refuses a top-up for good under its key.
	ErrProductInactive = errors.New("product is inactive")
	ErrCarrierInactive = errors.New("operator is inactive")
	ErrBalance         = errors.New("not enough money")
)

// TopUp is a mobile charge or package as it stands.
type TopUp struct {
	ID             int64       `bun:"id"`
	MerchantID     int64       `bun:"merchant_id"`
	Code           string      `bun:"webservice_code"`
	ProductID      int64       `bun:"product_id"`
	Provider       string      `bun:"provider"`
	Mobile         string      `bun:"mobile"`
	Amount         money.Rial  `bun:"amount"`
	State          state.TopUp `bun:"state"`
	Reference      string      `bun:"reference"`
	OperatorCode   string      `bun:"code"`
	Why            string      `bun:"why"`
	CreatedAt      time.Time   `bun:"created_at"`
	SubmittedAt    *time.Time  `bun:"submitted_at"`
	EndedAt        *time.Time  `bun:"ended_at"`
	NeedsAttention *string     `bun:"needs_attention"`
}

const topUpColumns = `t.id, t.merchant_id, t.webservice_code, t.product_id, t.provider, t.mobile, t.amount, t.state, t.reference, t.code,
	t.why, t.created_at, t.submitted_at, t.ended_at, t.needs_attention`

// Ended says whether the top-up is decided.
func (t TopUp) Ended() bool { return t.EndedAt != nil }

// NewTopUp is what a merchant orders.
type NewTopUp struct {
	Merchant  Merchant
	ProductID int64
	Mobile    string // 989xxxxxxxxx
	Price     money.Rial
	Code      string
	Patience  time.Duration // how long its outcome may stay unknown before a person is called; 0 = the saga's own
}

// Ordered is what became of an order: an answer that was decided, now or earlier, or a top-up on its way.
type Ordered struct {
	Answer *Answer
	TopUp  TopUp
}

// OrderTopUp holds the price and starts the saga, once for a key. The same order again finds what the first
// one did; a refusal is stored as its answer, so it is the same for ever, too. Bad input is an error and
// leaves nothing behind.
func (s *Store) OrderTopUp(ctx context.Context, key IdempotencyKey, in NewTopUp, refusal func(error) Answer) (Ordered, error) {
	var out Ordered
	started := false
	err := s.inTx(ctx, "order top-up", func(ctx context.Context, tx conn) error {
		first, err := claimKey(ctx, tx, key)
		if err != nil {
			return err
		}
		if !first {
			out, err = orderedBefore(ctx, tx, key)
			return err
		}
		if !in.Merchant.Enabled() { // what was answered before is still answered
			return ErrMerchantDisabled
		}
		out.TopUp, err = orderTopUp(ctx, tx, key.Key, in)
		if refused(err) {
			answer := refusal(err)
			out.Answer = &answer
			return keepAnswer(ctx, tx, key, answer)
		}
		started = err == nil
		return err
	})
	if started && err == nil {
		s.kick()
	}
	return out, inFlight(err)
}

func refused(err error) bool {
	return errors.Is(err, ErrProductInactive) || errors.Is(err, ErrCarrierInactive) || errors.Is(err, ErrBalance)
}

// orderedBefore finds what an earlier order under the same key became.
func orderedBefore(ctx context.Context, tx conn, key IdempotencyKey) (Ordered, error) {
	answer, err := replay(ctx, tx, key)
	if err != nil || answer.Status != 0 {
		return Ordered{Answer: &answer}, err
	}
	var t TopUp
	err = tx.one(ctx, "top-up", &t, `SELECT `+topUpColumns+` FROM topups t WHERE t.merchant_id = ? AND t.key = ?`, key.MerchantID, key.Key)
	return Ordered{TopUp: t}, err
}

func orderTopUp(ctx context.Context, tx conn, key string, in NewTopUp) (TopUp, error) {
	var p struct {
		Provider string     `bun:"provider"`
		Least    money.Rial `bun:"price"`
		Most     money.Rial `bun:"most"`
		Active   bool       `bun:"active"`
		Carrier  bool       `bun:"carrier_active"`
	}
	err := tx.one(ctx, "product", &p, `
		SELECT p.provider, p.price, coalesce(p.second_price, p.price) AS most, p.active, c.active AS carrier_active
		FROM products p JOIN carriers c ON c.id = p.operator_id WHERE p.id = ?`, in.ProductID)
	switch {
	case errors.Is(err, ErrNotFound):
		return TopUp{}, ErrNoProduct
	case err != nil:
		return TopUp{}, err
	case in.Price < p.Least || in.Price > p.Most:
		return TopUp{}, ErrPrice
	case !p.Active:
		return TopUp{}, ErrProductInactive
	case !p.Carrier:
		return TopUp{}, ErrCarrierInactive
	}
	if err := tx.exec(ctx, `SAVEPOINT unheld`); err != nil {
		return TopUp{}, err
	}
	var t TopUp
	err = tx.one(ctx, "top-up", &t, `
		WITH t AS (
			INSERT INTO topups (merchant_id, key, webservice_code, product_id, provider, mobile, amount)
			VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'merchant/' || merchant_id || '/available', 'merchant/' || merchant_id || '/held', amount, 'topup/' || id || '/held' FROM t
		), e AS (
			INSERT INTO topup_events (topup_id, kind) SELECT id, 'reserved' FROM t
		), o AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'topup', id::text, 'start', jsonb_build_object(
				'topup_id', id, 'merchant', ?::text, 'amount', amount, 'provider', provider, 'created_at', created_at,
				'patience_seconds', ?::bigint)
			FROM t
		)
		SELECT `+topUpColumns+` FROM t`,
		in.Merchant.ID, key, in.Code, in.ProductID, p.Provider, in.Mobile, in.Price, in.Merchant.PublicID, int64(in.Patience/time.Second))
	switch {
	case violates(err, "topups_code"):
		return TopUp{}, ErrCodeUsed
	case violates(err, "balance_not_negative"):
		if err := tx.exec(ctx, `ROLLBACK TO SAVEPOINT unheld`); err != nil {
			return TopUp{}, err
		}
		return TopUp{}, ErrBalance
	}
	return t, err
}

// AnswerTopUp stores the answer to a decided order, unless there is one, and tells which one it is.
func (s *Store) AnswerTopUp(ctx context.Context, key IdempotencyKey, answer Answer) (Answer, error) {
	err := keepAnswer(ctx, s.pool(), key, answer)
	if err != nil {
		return Answer{}, err
	}
	kept, err := replay(ctx, s.pool(), key)
	kept.Replayed = false // it is news to this caller
	return kept, err
}

// TopUp reads a top-up.
func (s *Store) TopUp(ctx context.Context, id int64) (TopUp, error) {
	var t TopUp
	err := s.one(ctx, "top-up", &t, `SELECT `+topUpColumns+` FROM topups t WHERE t.id = ?`, id)
	return t, err
}

// TopUpByCode reads a merchant's top-up by its own code.
func (s *Store) TopUpByCode(ctx context.Context, merchantID int64, code string) (TopUp, error) {
	var t TopUp
	err := s.one(ctx, "top-up", &t, `SELECT `+topUpColumns+` FROM topups t WHERE t.merchant_id = ? AND t.webservice_code = ?`, merchantID, code)
	return t, err
}

// TopUpOrder is a top-up as its reseller needs it.
type TopUpOrder struct {
	TopUp     TopUp  `bun:"embed:"`
	Carrier   int    `bun:"operator_id"`
	Type      string `bun:"type"`
	Sim       string `bun:"sim_card_type"`
	ProfileID string `bun:"profile_id"`
	// Since is how long ago it was submitted, by the database clock.
	Since Seconds `bun:"since"`
}

const topUpOrder = `
	SELECT ` + topUpColumns + `, p.operator_id, p.type, p.sim_card_type, p.profile_id,
	       coalesce(extract(epoch FROM now() - t.submitted_at), 0)::float8 AS since
	FROM topups t JOIN products p ON p.id = t.product_id WHERE t.id = ?`

// TopUpOrder reads an order for an inquiry.
func (s *Store) TopUpOrder(ctx context.Context, id int64) (TopUpOrder, error) {
	var o TopUpOrder
	err := s.one(ctx, "top-up order", &o, topUpOrder, id)
	return o, err
}

// SubmitTopUp lets the caller send the order to the reseller, which is allowed once in its life: first is
// true for one caller only. Everybody else, and whoever comes after a crash, must ask the reseller instead.
func (s *Store) SubmitTopUp(ctx context.Context, id int64) (o TopUpOrder, first bool, err error) {
	err = s.one(ctx, "submit top-up", &o, `
		WITH t AS (
			UPDATE topups SET submitted_at = now() WHERE id = ? AND submitted_at IS NULL AND state = 'reserved' RETURNING *
		)
		SELECT `+topUpColumns+`, p.operator_id, p.type, p.sim_card_type, p.profile_id, 0::float8 AS since
		FROM t JOIN products p ON p.id = t.product_id`, id)
	if errors.Is(err, ErrNotFound) {
		o, err = s.TopUpOrder(ctx, id)
		return o, false, err
	}
	return o, err == nil, err
}

// TopUpWord is what the reseller, or a person, said of a top-up.
type TopUpWord struct {
	TopUpID   int64       `json:"topup_id"`
	State     state.TopUp `json:"state"` // unknown, delivered or reversed
	Reference string      `json:"reference,omitempty"`
	Code      string      `json:"code,omitempty"`
	Why       string      `json:"why,omitempty"`
	Note      string      `json:"note,omitempty"` // for the timeline: who said it
}

// RecordTopUp writes what was said of a top-up and answers the state in which it then is. A decided top-up
// stays as it is. Delivered spends what was held, reversed gives it back.
func (s *Store) RecordTopUp(ctx context.Context, w TopUpWord) (state.TopUp, error) {
	return recordTopUp(ctx, s.pool(), w)
}

func recordTopUp(ctx context.Context, db conn, w TopUpWord) (state.TopUp, error) {
	var now state.TopUp
	err := db.one(ctx, "record top-up", &now, `
		WITH t AS (
			UPDATE topups SET state = ?, reference = coalesce(nullif(?, ''), reference), code = ?, why = ?,
			       ended_at = CASE WHEN ? IN ('delivered', 'reversed') THEN now() END, needs_attention = CASE WHEN ? = 'unknown' THEN needs_attention END
			WHERE id = ? AND state = ANY(?) RETURNING *
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'merchant/' || merchant_id || '/held',
			       CASE state WHEN 'delivered' THEN 'operator/' || provider ELSE 'merchant/' || merchant_id || '/available' END,
			       amount, 'topup/' || id || '/' || state
			FROM t WHERE state <> 'unknown'
		), e AS (
			INSERT INTO topup_events (topup_id, kind, note) SELECT id, state, ? FROM t
		)
		SELECT state FROM t`,
		w.State, w.Reference, w.Code, w.Why, w.State, w.State, w.TopUpID, texts(state.TopUps.Into(w.State)), w.Note)
	if errors.Is(err, ErrNotFound) { // it is decided, or still unknown after one more inquiry
		err = db.one(ctx, "top-up", &now, `
			WITH t AS (
				UPDATE topups SET inquiries = inquiries + 1, code = ? WHERE id = ? AND state = 'unknown' AND ? = 'unknown' RETURNING state
			)
			SELECT state FROM t UNION ALL SELECT state FROM topups WHERE id = ? LIMIT 1`, w.Code, w.TopUpID, w.State, w.TopUpID)
	}
	return now, err
}

// TopUpResolution is a person's word on a top-up whose reseller does not say.
type TopUpResolution struct {
	TopUpID int64
	As      state.TopUp // delivered or reversed
	By      string
	Why     string
}

// ResolveTopUp decides a top-up by a person's word and tells its saga. One that is decided, or whose order
// may just be under way, is ErrConflict.
func (s *Store) ResolveTopUp(ctx context.Context, r TopUpResolution) error {
	err := s.inTx(ctx, "resolve top-up", func(ctx context.Context, tx conn) error {
		var before struct {
			State state.TopUp `bun:"state"`
			Stuck bool        `bun:"stuck"`
		}
		err := tx.one(ctx, "top-up", &before, `
			SELECT state, state = 'unknown' OR needs_attention IS NOT NULL AS stuck FROM topups WHERE id = ? FOR NO KEY UPDATE`, r.TopUpID)
		if err != nil {
			return err
		}
		if r.As == state.TopUpUnknown || !before.Stuck || !state.TopUps.Allows(before.State, r.As) {
			return fmt.Errorf("top-up is %s: %w", before.State, ErrConflict)
		}
		// The person's reason is for the timeline: the merchant reads Why.
		_, err = recordTopUp(ctx, tx, TopUpWord{TopUpID: r.TopUpID, State: r.As, Code: "by_hand", Note: r.By + ": " + r.Why})
		if err != nil {
			return err
		}
		return tx.exec(ctx, `
			INSERT INTO outbox (saga, ref, message, payload)
			VALUES ('topup', ?::bigint::text, 'resolved', jsonb_build_object('state', ?::text, 'by', ?::text, 'why', ?::text))`,
			r.TopUpID, r.As, r.By, r.Why)
	})
	if err == nil {
		s.kick()
	}
	return err
}

// SetTopUpAttention writes why a person must look at a top-up; empty takes it back.
func (s *Store) SetTopUpAttention(ctx context.Context, id int64, reason string) error {
	var n int64
	return s.one(ctx, "attention", &n, `
		WITH t AS (
			UPDATE topups SET needs_attention = nullif(?, '')
			WHERE id = ? AND ended_at IS NULL AND needs_attention IS DISTINCT FROM nullif(?, '') RETURNING id
		), e AS (
			INSERT INTO topup_events (topup_id, kind, note)
			SELECT id, CASE ? WHEN '' THEN 'attention_over' ELSE 'needs_attention' END, ? FROM t
		)
		SELECT count(*) FROM t`, reason, id, reason, reason, reason)
}

// TopUpsNeedingAttention lists top-ups that wait for a person, oldest first.
func (s *Store) TopUpsNeedingAttention(ctx context.Context) ([]TopUp, error) {
	list := []TopUp{}
	err := s.all(ctx, &list, `SELECT `+topUpColumns+` FROM topups t WHERE t.needs_attention IS NOT NULL ORDER BY t.id LIMIT 1000`)
	if err != nil {
		return nil, fmt.Errorf("top-ups needing attention: %w", err)
	}
	return list, nil
}

// TopUpTimeline lists what happened to a top-up, oldest first.
func (s *Store) TopUpTimeline(ctx context.Context, id int64) ([]Event, error) {
	var events []Event
	err := s.all(ctx, &events, `SELECT id, kind, note, at FROM topup_events WHERE topup_id = ? ORDER BY id`, id)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	return events, nil
}
