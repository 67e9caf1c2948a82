package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/paysaga/paysaga/state"
)

// ErrReceiptSpent means that the bank's transaction already paid another attempt.
var ErrReceiptSpent = errors.New("the bank's receipt was already used")

// Receipt is the bank's word that an attempt's money is there.
type Receipt struct {
	AttemptID int64  `json:"attempt_id"`
	BankTran  string `json:"bank_tran"`
	RRN       string `json:"rrn"`
	Card      string `json:"card"` // masked
}

// Standing is where an attempt and its payment stand after a command.
type Standing struct {
	Payment state.Payment `bun:"payment" json:"payment"`
	Attempt state.Attempt `bun:"attempt" json:"attempt"`
	// Serves says that this attempt's money pays the payment. Money that does not goes back.
	Serves bool `bun:"serves" json:"serves"`
}

// AttemptPaid books verified money and decides, on the database clock, what it is for: the payment
// (paid, or collected at once with auto_collect), or the way back, because the deadline has passed
// or another attempt already paid.
func (s *Store) AttemptPaid(ctx context.Context, r Receipt) (Standing, error) {
	var at struct {
		Standing `bun:"embed:"`
		Told     bool `bun:"told"` // a purchase's saga is to hear of it
	}
	err := s.one(ctx, "attempt paid", &at, `
		WITH a AS (
			SELECT a.id, a.payment_id, a.amount, a.tip, a.gateway, p.merchant_id, p.state AS payment_state,
			       CASE WHEN p.state <> 'pending' THEN 'surplus'
			            WHEN now() >= p.collect_by OR p.cancelled_at IS NOT NULL THEN 'late'
			            WHEN p.auto_collect THEN 'collected'
			            ELSE 'paid' END AS decision
			FROM attempts a JOIN payments p ON p.id = a.payment_id
			WHERE a.id = ? AND a.state = ANY(?)
			FOR NO KEY UPDATE
		), d AS (
			SELECT *, CASE WHEN decision IN ('paid', 'collected') THEN 'paid' ELSE 'refunding' END AS attempt,
			       CASE decision WHEN 'surplus' THEN payment_state WHEN 'late' THEN 'refunding' ELSE decision END AS payment
			FROM a
		), t AS (
			UPDATE attempts t SET state = d.attempt, bank_tran = ?, rrn = ?, card = ?, paid_at = now(), checked_at = now(), error = NULL
			FROM d WHERE t.id = d.id
		), p AS (
			UPDATE payments p SET state = d.payment, attempt_id = d.id, tip = d.tip, method = d.gateway, rrn = ?, paid_at = now(),
				collected_at = CASE d.decision WHEN 'collected' THEN now() END,
				state_error = CASE WHEN d.decision = 'late' THEN coalesce(CASE WHEN p.cancelled_at IS NOT NULL THEN 'cancelled' END, 'late') END
			FROM d WHERE p.id = d.payment_id AND d.decision <> 'surplus'
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'bank/' || gateway, 'merchant/' || merchant_id || '/held', amount, 'attempt/' || id || '/paid' FROM d
			UNION ALL
			SELECT 'merchant/' || merchant_id || '/held', 'merchant/' || merchant_id || '/available', amount, 'payment/' || payment_id || '/collected'
			FROM d WHERE decision = 'collected'
		), e AS (
			INSERT INTO payment_events (payment_id, attempt_id, kind, note)
			SELECT payment_id, id, 'paid', '' FROM d
			UNION ALL
			SELECT payment_id, id, CASE decision WHEN 'collected' THEN 'collected' ELSE 'refunding' END, decision
			FROM d WHERE decision <> 'paid'
		), w AS (
			SELECT u.id FROM temporary_payment u JOIN d ON d.payment_id = u.payment_id
			WHERE d.decision = 'collected' AND u.state = ANY(?) FOR NO KEY UPDATE OF u
		), n AS ( -- once the row is ours: an update that has to look twice would skip a number
			SELECT id, nextval('purchase_reference') AS reference FROM w
		), u AS ( -- the reference comes with the money, so there is one for each and never two
			UPDATE temporary_payment u SET state = 'completed', reference = n.reference, completed_at = now() FROM n WHERE u.id = n.id
			RETURNING u.id, u.branch_id, u.reference
		), ul AS (
			INSERT INTO system_log (purchase_id, branch_id, actor, action, outcome) SELECT id, branch_id, 'bank', 'completion', 'CHECK-' || reference FROM u
		), uo AS (
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'purchase', id::text, 'completed', jsonb_build_object('reference', 'CHECK-' || reference) FROM u
		)
		SELECT payment, attempt, decision <> 'surplus' AS serves, EXISTS (SELECT FROM u) AS told FROM d`,
		r.AttemptID, texts(state.Attempts.Into(state.AttemptPaid)), r.BankTran, r.RRN, r.Card, r.RRN, texts(state.Purchases.Into(state.PurchaseCompleted)))
	switch {
	case violates(err, "attempts_receipt"):
		return Standing{}, ErrReceiptSpent
	case errors.Is(err, ErrNotFound):
		return s.Standing(ctx, r.AttemptID)
	case at.Told:
		s.kick()
	}
	return at.Standing, err
}

// Standing reads where an attempt and its payment stand.
func (s *Store) Standing(ctx context.Context, attemptID int64) (Standing, error) {
	var at Standing
	err := s.one(ctx, "attempt", &at, `
		SELECT p.state AS payment, a.state AS attempt, p.attempt_id IS NOT DISTINCT FROM a.id AS serves
		FROM attempts a JOIN payments p ON p.id = a.payment_id WHERE a.id = ?`, attemptID)
	return at, err
}

// Deadline is what the deadline found.
type Deadline struct {
	Payment state.Payment `json:"payment"`
	Due     bool          `json:"due"`  // false: the database clock has not reached the deadline
	Open    []Visit       `json:"open"` // attempts that the bank may still say "paid" to
}

// AtDeadline closes a payment's door. Paid money that was not collected starts on its way back; a
// payment with no money ends, unless the bank may still have it. Before the deadline it changes nothing.
func (s *Store) AtDeadline(ctx context.Context, paymentID int64) (Deadline, error) {
	var out Deadline
	err := s.inTx(ctx, "deadline", func(ctx context.Context, tx conn) error {
		var p struct {
			State state.Payment `bun:"state"`
			Due   bool          `bun:"due"`
		}
		// Statements after this lock see every attempt that was opened before it.
		err := tx.one(ctx, "payment", &p, `SELECT state, now() >= collect_by AS due FROM payments WHERE id = ? FOR NO KEY UPDATE`, paymentID)
		if err != nil {
			return err
		}
		out = Deadline{Payment: p.State, Due: p.Due}
		switch {
		case !p.Due:
			return nil
		case p.State == state.PaymentPaid:
			out.Payment = state.PaymentRefunding
			return refundUncollected(ctx, tx, paymentID)
		case p.State == state.PaymentPending:
			out.Payment, out.Open, err = endUnpaid(ctx, tx, paymentID)
			return err
		}
		return nil
	})
	return out, err
}

func refundUncollected(ctx context.Context, tx conn, paymentID int64) error {
	var id int64
	return tx.one(ctx, "refund uncollected", &id, `
		WITH p AS (
			UPDATE payments SET state = 'refunding', state_error = 'not_collected' WHERE id = ? AND state = ANY(?) RETURNING id, attempt_id
		), a AS (
			UPDATE attempts a SET state = 'refunding' FROM p WHERE a.id = p.attempt_id AND a.state = ANY(?)
		)
		INSERT INTO payment_events (payment_id, attempt_id, kind, note) SELECT id, attempt_id, 'refunding', 'deadline' FROM p RETURNING id`,
		paymentID, texts(state.Payments.Into(state.PaymentRefunding)), texts(state.Attempts.Into(state.AttemptRefunding)))
}

func endUnpaid(ctx context.Context, tx conn, paymentID int64) (state.Payment, []Visit, error) {
	// An attempt without a session was never shown to the payer, and the door is closed now.
	err := tx.exec(ctx, `UPDATE attempts SET state = 'failed', error = 'no_session', ended_at = now() WHERE payment_id = ? AND state = 'created'`, paymentID)
	if err != nil {
		return "", nil, fmt.Errorf("close unopened attempts: %w", err)
	}
	open, err := openVisits(ctx, tx, paymentID)
	if err != nil || len(open) > 0 {
		return state.PaymentPending, open, err
	}
	var end state.Payment
	err = tx.one(ctx, "end unpaid", &end, `
		WITH p AS (
			UPDATE payments p SET
				state = CASE WHEN cancelled_at IS NOT NULL OR EXISTS (SELECT FROM attempts WHERE payment_id = p.id) THEN 'failed' ELSE 'expired' END,
				state_error = CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled' ELSE coalesce(state_error, 'expired') END
			WHERE id = ? AND state = 'pending' RETURNING id, state, state_error
		), e AS (
			INSERT INTO payment_events (payment_id, kind, note) SELECT id, state, state_error FROM p
		)
		SELECT state FROM p`, paymentID)
	return end, nil, err
}

// AttemptSettled records that the bank took the settlement of collected money.
func (s *Store) AttemptSettled(ctx context.Context, attemptID int64) (Aftermath, error) {
	return attemptSettled(ctx, s.pool(), attemptID, "")
}

func attemptSettled(ctx context.Context, db conn, attemptID int64, note string) (Aftermath, error) {
	return aftermath(ctx, db, "attempt settled", `
		WITH a AS (
			UPDATE attempts a SET state = 'settled', ended_at = now() FROM payments p
			WHERE a.id = ? AND a.state = ANY(?) AND p.id = a.payment_id AND p.attempt_id = a.id AND p.state = 'collected'
			RETURNING a.id, a.payment_id
		), p AS (
			SELECT p.id, p.state, t.id AS ended FROM attempts t JOIN payments p ON p.id = t.payment_id WHERE t.id = ?
		), e AS (
			INSERT INTO payment_events (payment_id, attempt_id, kind, note) SELECT payment_id, id, 'settled', ? FROM a
		)`+whatIsOpen,
		attemptID, texts(state.Attempts.Into(state.AttemptSettled)), attemptID, note)
}

// AttemptRefunded records that the bank gave the money back, and which way.
func (s *Store) AttemptRefunded(ctx context.Context, attemptID int64, how string) (Aftermath, error) {
	return attemptRefunded(ctx, s.pool(), attemptID, how, "")
}

func attemptRefunded(ctx context.Context, db conn, attemptID int64, how, note string) (Aftermath, error) {
	return aftermath(ctx, db, "attempt refunded", `
		WITH a AS (
			UPDATE attempts SET state = 'refunded', undone = ?, ended_at = now() WHERE id = ? AND state = ANY(?)
			RETURNING id, payment_id, amount, gateway
		), u AS (
			UPDATE payments p SET state = 'refunded' FROM a
			WHERE p.id = a.payment_id AND p.attempt_id = a.id AND p.state = ANY(?)
			RETURNING p.id, p.state
		), p AS (
			SELECT p.id, coalesce(u.state, p.state) AS state, t.id AS ended
			FROM attempts t JOIN payments p ON p.id = t.payment_id LEFT JOIN u ON u.id = p.id WHERE t.id = ?
		), l AS (
			INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref)
			SELECT 'merchant/' || q.merchant_id || '/held', 'bank/' || a.gateway, a.amount, 'attempt/' || a.id || '/refunded'
			FROM a JOIN payments q ON q.id = a.payment_id
		), e AS (
			INSERT INTO payment_events (payment_id, attempt_id, kind, note)
			SELECT payment_id, id, 'refunded', concat_ws(' ', ?::text, nullif(?::text, '')) FROM a
		)`+whatIsOpen,
		how, attemptID, texts(state.Attempts.Into(state.AttemptRefunded)),
		texts(state.Payments.Into(state.PaymentRefunded)), attemptID, how, note)
}

// Aftermath is what is left of a payment when one of its attempts has ended.
type Aftermath struct {
	Payment state.Payment `json:"payment"`
	Open    []Visit       `json:"open"` // other attempts that are not over, as in OpenVisits
}

// whatIsOpen ends a statement whose p is the payment and the attempt that ended: the payment's state
// and its other attempts under way.
const whatIsOpen = `
		SELECT p.state AS payment, o.id IS NOT NULL AS open, coalesce(o.id, 0) AS id, coalesce(o.gateway, '') AS gateway,
		       coalesce(o.amount, 0) AS amount, coalesce(o.bank_token, '') AS bank_token, coalesce(o.final_at, now()) AS final_at, o.callback
		FROM p LEFT JOIN attempts o ON o.payment_id = p.id AND o.id <> p.ended AND o.state IN ('open', 'paid', 'refunding')
		ORDER BY o.id`

// Aftermath reads the state of an attempt's payment and its other attempts under way.
func (s *Store) Aftermath(ctx context.Context, attemptID int64) (Aftermath, error) {
	return aftermath(ctx, s.pool(), "aftermath", `
		WITH p AS (SELECT p.id, p.state, a.id AS ended FROM attempts a JOIN payments p ON p.id = a.payment_id WHERE a.id = ?)`+whatIsOpen, attemptID)
}

func aftermath(ctx context.Context, db conn, what, query string, args ...any) (Aftermath, error) {
	var rows []struct {
		Payment state.Payment `bun:"payment"`
		Open    bool          `bun:"open"`
		Visit   `bun:"embed:"`
	}
	if err := db.all(ctx, &rows, query, args...); err != nil {
		return Aftermath{}, fmt.Errorf("%s: %w", what, err)
	}
	if len(rows) == 0 {
		return Aftermath{}, fmt.Errorf("%s: attempt: %w", what, ErrNotFound)
	}
	after := Aftermath{Payment: rows[0].Payment}
	for _, r := range rows {
		if r.Open {
			after.Open = append(after.Open, r.Visit)
		}
	}
	return after, nil
}

// SetAttention says why a person must look at a payment; an empty reason says that nobody must any more.
func (s *Store) SetAttention(ctx context.Context, paymentID int64, reason string) error {
	var n int
	return s.one(ctx, "attention", &n, `
		WITH p AS (
			UPDATE payments SET needs_attention = nullif(?, '')
			WHERE id = ? AND needs_attention IS DISTINCT FROM nullif(?, '') RETURNING id
		), e AS (
			INSERT INTO payment_events (payment_id, kind, note)
			SELECT id, CASE ? WHEN '' THEN 'attention_over' ELSE 'needs_attention' END, ? FROM p
		)
		SELECT count(*) FROM p`, reason, paymentID, reason, reason, reason)
}

// Resolution is a person's word on a step that the bank does not confirm.
type Resolution struct {
	Token     string
	AttemptID int64
	As        state.Attempt // settled, refunded or failed
	By        string        // who decided
	Reason    string        // why
}

// ResolveAttempt ends an attempt by a person's word and tells its saga. Resolving twice, or against
// the attempt's state, is ErrConflict.
func (s *Store) ResolveAttempt(ctx context.Context, r Resolution) error {
	note := r.By + ": " + r.Reason
	err := s.inTx(ctx, "resolve attempt", func(ctx context.Context, tx conn) error {
		var before state.Attempt
		err := tx.one(ctx, "attempt", &before, `
			SELECT a.state FROM attempts a JOIN payments p ON p.id = a.payment_id
			WHERE a.id = ? AND p.token = ? FOR NO KEY UPDATE`, r.AttemptID, r.Token)
		if err != nil {
			return err
		}
		if !state.Attempts.Allows(before, r.As) {
			return fmt.Errorf("attempt is %s: %w", before, ErrConflict)
		}
		if err := s.resolve(ctx, tx, r, note); err != nil {
			return err
		}
		at := state.Attempt("")
		if err := tx.one(ctx, "attempt", &at, `SELECT state FROM attempts WHERE id = ?`, r.AttemptID); err != nil {
			return err
		}
		if at != r.As {
			return fmt.Errorf("the payment does not allow it: %w", ErrConflict)
		}
		var eventID int64
		return tx.one(ctx, "tell the saga", &eventID, `
			WITH e AS (
				INSERT INTO payment_events (payment_id, attempt_id, kind, note)
				SELECT payment_id, id, 'resolved', ? FROM attempts WHERE id = ? RETURNING id
			)
			INSERT INTO outbox (saga, ref, message, payload)
			SELECT 'payment', ?, 'resolved', jsonb_build_object('event_id', id, 'attempt_id', ?::bigint) FROM e RETURNING id`,
			note, r.AttemptID, r.Token, r.AttemptID)
	})
	if err == nil {
		s.kick()
	}
	return err
}

func (s *Store) resolve(ctx context.Context, tx conn, r Resolution, note string) error {
	var err error
	switch r.As {
	case state.AttemptSettled:
		_, err = attemptSettled(ctx, tx, r.AttemptID, note)
	case state.AttemptRefunded:
		_, err = attemptRefunded(ctx, tx, r.AttemptID, "by_hand", note)
	case state.AttemptFailed:
		err = attemptNotPaid(ctx, tx, r.AttemptID, "resolved", true)
	default:
		err = fmt.Errorf("an attempt cannot be resolved as %q: %w", r.As, ErrConflict)
	}
	return err
}
