package store

import (
	"context"
	"fmt"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// Breach is a row that breaks an invariant.
type Breach struct {
	Invariant string
	Subject   string `bun:"subject"`
}

// invariant is one truth about the books. Its query returns a subject for each row that breaks it.
// Queries that look at work in progress leave it the grace of ? seconds.
type invariant struct {
	name, query string
	graces      int // how many times the query names the grace
}

var invariants = append([]invariant{
	{name: "a balance equals the sum of its transfers", query: `
		WITH moves AS (
			SELECT credit_account AS account, amount FROM ledger_transfers
			UNION ALL SELECT debit_account, -amount FROM ledger_transfers
		), sums AS (
			SELECT account, sum(amount) AS total FROM moves WHERE account LIKE 'merchant/%/available' GROUP BY account
		)
		SELECT coalesce(s.account, b.account) AS subject FROM sums s FULL JOIN ledger_balances b ON b.account = s.account
		WHERE coalesce(s.total, 0) <> coalesce(b.balance, 0)`},
	{name: "money held for a merchant is the money of undecided attempts, top-ups and payouts", query: `
		WITH moves AS (
			SELECT credit_account AS account, amount FROM ledger_transfers WHERE credit_account LIKE 'merchant/%/held'
			UNION ALL SELECT debit_account, -amount FROM ledger_transfers WHERE debit_account LIKE 'merchant/%/held'
		), held AS (
			SELECT account, sum(amount) AS total FROM moves GROUP BY account
		), undecided AS (
			SELECT 'merchant/' || merchant_id || '/held' AS account, sum(amount) AS total
			FROM (
				SELECT p.merchant_id, a.amount FROM attempts a JOIN payments p ON p.id = a.payment_id
				WHERE a.state IN ('paid', 'refunding') AND NOT (p.state = 'collected' AND p.attempt_id = a.id)
				UNION ALL SELECT merchant_id, amount FROM topups WHERE ended_at IS NULL
				UNION ALL SELECT merchant_id, amount + fee FROM payouts WHERE ended_at IS NULL
			) u GROUP BY 1
		)
		SELECT coalesce(h.account, u.account) AS subject FROM held h FULL JOIN undecided u ON u.account = h.account
		WHERE coalesce(h.total, 0) <> coalesce(u.total, 0)`},
	{name: "a paid attempt is booked once, with its amount", query: `
		SELECT 'attempt ' || a.id AS subject FROM attempts a JOIN payments p ON p.id = a.payment_id
		LEFT JOIN ledger_transfers l ON l.ref = 'attempt/' || a.id || '/paid'
		WHERE (a.state IN ('paid', 'settled', 'refunding', 'refunded')) <> (l.id IS NOT NULL)
		   OR (l.amount, l.debit_account, l.credit_account) <> (a.amount, 'bank/' || a.gateway, 'merchant/' || p.merchant_id || '/held')`},
	{name: "a refunded attempt, and no other, gave its amount back", query: `
		SELECT 'attempt ' || a.id AS subject FROM attempts a JOIN payments p ON p.id = a.payment_id
		LEFT JOIN ledger_transfers l ON l.ref = 'attempt/' || a.id || '/refunded'
		WHERE (a.state = 'refunded') <> (l.id IS NOT NULL)
		   OR (l.amount, l.debit_account, l.credit_account) <> (a.amount, 'merchant/' || p.merchant_id || '/held', 'bank/' || a.gateway)`},
	{name: "a collected payment, and no other, reached the merchant with its amount", query: `
		SELECT 'payment ' || p.token AS subject FROM payments p
		LEFT JOIN ledger_transfers l ON l.ref = 'payment/' || p.id || '/collected'
		WHERE (p.state = 'collected') <> (l.id IS NOT NULL)
		   OR (l.amount, l.debit_account, l.credit_account)
		      <> (p.amount + p.tip, 'merchant/' || p.merchant_id || '/held', 'merchant/' || p.merchant_id || '/available')`},
	{name: "every transfer has its fact", query: `
		WITH facts AS (
			SELECT 'attempt/' || id || '/paid' AS ref FROM attempts
			UNION ALL SELECT 'attempt/' || id || '/refunded' FROM attempts
			UNION ALL SELECT 'payment/' || id || '/collected' FROM payments
			UNION ALL SELECT 'deposit/' || id || '/seen' FROM deposits
			UNION ALL SELECT 'credit/' || id FROM balance_credits
			UNION ALL SELECT 'topup/' || id || '/held' FROM topups
			UNION ALL SELECT 'topup/' || id || '/' || state FROM topups WHERE ended_at IS NOT NULL
			UNION ALL SELECT 'deposit/' || id || '/resolved' FROM deposits WHERE resolved_at IS NOT NULL
			UNION ALL SELECT 'payout/' || id || '/held' FROM payouts
			UNION ALL SELECT 'payout/' || id || '/' || state FROM payouts WHERE ended_at IS NOT NULL
			UNION ALL SELECT 'wallet_deposit/' || id || '/credited' FROM wallet_deposits
		)
		SELECT 'transfer ' || l.ref AS subject FROM ledger_transfers l LEFT JOIN facts f ON f.ref = l.ref WHERE f.ref IS NULL`},
	{name: "a payment and the attempt that serves it agree", query: `
		SELECT 'payment ' || p.token AS subject FROM payments p JOIN attempts a ON a.id = p.attempt_id
		WHERE a.payment_id <> p.id OR a.amount <> p.amount + p.tip OR a.gateway <> p.method OR a.rrn <> p.rrn
		   OR (p.state, a.state) NOT IN (('paid', 'paid'), ('collected', 'paid'), ('collected', 'settled'),
		                                 ('refunding', 'refunding'), ('refunded', 'refunded'))`},
	{name: "at most one attempt's money stays with a payment", query: `
		SELECT 'payment ' || p.token AS subject FROM payments p
		JOIN attempts a ON a.payment_id = p.id AND a.state IN ('paid', 'settled') AND a.id IS DISTINCT FROM p.attempt_id`},
	{name: "an attempt was made with its merchant's own account at its bank", query: `
		SELECT 'attempt ' || a.id AS subject FROM attempts a JOIN payments p ON p.id = a.payment_id
		JOIN gateway_accounts g ON g.id = a.account_id
		WHERE g.merchant_id <> p.merchant_id OR g.gateway <> a.gateway`},
	{name: "nothing is undecided past its deadline", graces: 2, query: `
		SELECT 'payment ' || p.token || ' (' || p.state || ')' AS subject FROM payments p
		WHERE p.needs_attention IS NULL AND (
			(p.state IN ('paid', 'refunding') AND p.collect_by < now() - make_interval(secs => ?))
			OR (p.state = 'pending' AND p.collect_by < now() - make_interval(secs => ?)
			    AND NOT EXISTS (SELECT FROM attempts a WHERE a.payment_id = p.id AND a.state = 'open' AND a.final_at > now())))`},
	{name: "every attempt ends", graces: 2, query: `
		SELECT 'attempt ' || a.id || ' (' || a.state || ')' AS subject FROM attempts a JOIN payments p ON p.id = a.payment_id
		WHERE p.needs_attention IS NULL AND (
			(a.state = 'open' AND greatest(a.final_at, p.collect_by) < now() - make_interval(secs => ?))
			OR (a.state IN ('paid', 'refunding') AND p.state <> 'paid'
			    AND greatest(a.paid_at, least(p.collect_by, coalesce(p.collected_at, p.collect_by))) < now() - make_interval(secs => ?)))`},
	{name: "a deposit is booked once, with its amount, on its transfer or in suspense", query: `
		SELECT 'deposit ' || d.id AS subject FROM deposits d
		LEFT JOIN ledger_transfers l ON l.ref = 'deposit/' || d.id || '/seen'
		WHERE l.id IS NULL OR (l.amount, l.debit_account, l.credit_account) <>
			(d.amount, 'card/' || coalesce(d.card_id::text, 'unknown-' || d.merchant_id),
			 'merchant/' || d.merchant_id || CASE d.state WHEN 'matched' THEN '/received' ELSE '/suspense' END)`},
	{name: "a resolved deposit, and no other, left suspense with its amount, to where its resolution says", query: `
		SELECT 'deposit ' || d.id AS subject FROM deposits d
		LEFT JOIN ledger_transfers l ON l.ref = 'deposit/' || d.id || '/resolved'
		WHERE (d.state IN ('assigned', 'refunded', 'ignored')) <> (l.id IS NOT NULL)
		   OR (l.amount, l.debit_account, l.credit_account) <> (d.amount, 'merchant/' || d.merchant_id || '/suspense',
			CASE d.state WHEN 'assigned' THEN 'merchant/' || d.merchant_id || '/received'
			             WHEN 'refunded' THEN 'card/' || coalesce(d.card_id::text, 'unknown-' || d.merchant_id)
			             ELSE 'merchant/' || d.merchant_id || '/own' END)`},
	{name: "suspense holds the deposits without an owner", query: `
		WITH moves AS (
			SELECT credit_account AS account, amount FROM ledger_transfers WHERE credit_account LIKE 'merchant/%/suspense'
			UNION ALL SELECT debit_account, -amount FROM ledger_transfers WHERE debit_account LIKE 'merchant/%/suspense'
		), held AS (
			SELECT account, sum(amount) AS total FROM moves GROUP BY account
		), open AS (
			SELECT 'merchant/' || merchant_id || '/suspense' AS account, sum(amount) AS total FROM deposits WHERE state = 'suspense' GROUP BY 1
		)
		SELECT coalesce(h.account, o.account) AS subject FROM held h FULL JOIN open o ON o.account = h.account
		WHERE coalesce(h.total, 0) <> coalesce(o.total, 0)`},
	{name: "an SMS that tells of a deposit became one deposit of its merchant, and no other SMS did", query: `
		SELECT 'SMS ' || s.id AS subject FROM sms s JOIN deposits d ON d.sms_id = s.id
		WHERE s.kind <> 'deposit' OR s.merchant_id <> d.merchant_id
		UNION ALL
		SELECT 'SMS ' || s.id FROM sms s
		WHERE s.kind = 'deposit' AND s.reason <> 'no_amount' AND NOT EXISTS (SELECT FROM deposits d WHERE d.sms_id = s.id)`},
	{name: "one movement at a bank is credited once", query: `
		SELECT 'deposits ' || string_agg(d.id::text, ', ' ORDER BY d.id) AS subject FROM deposits d JOIN sms s ON s.id = d.sms_id
		WHERE d.balance IS NOT NULL AND (s.reason = '' OR d.transfer_id IS NOT NULL) -- a copy that nobody trusts may wait beside it
		GROUP BY d.merchant_id, d.bank, d.account, d.amount, d.balance, d.at HAVING count(*) > 1`},
	{name: "a deposit found its transfer by a trusted message, in time, and not from another card", query: `
		SELECT 'deposit ' || d.id AS subject FROM deposits d JOIN sms s ON s.id = d.sms_id JOIN transfers t ON t.id = d.transfer_id
		WHERE d.state = 'matched' AND (s.reason <> '' OR d.created_at >= t.reserved_until OR d.at > t.reserved_until
			OR d.at < t.created_at - interval '7 days 2 minutes' -- a bank that prints no date is known as exactly as sms_delay
			OR d.payer_card_id <> t.payer_card_id)`},
	{name: "cards belong to the merchant they are used for", query: `
		SELECT 'transfer ' || t.id AS subject FROM transfers t CROSS JOIN unnest(t.cards) shown LEFT JOIN destination_cards c ON c.id = shown
		WHERE c.merchant_id IS DISTINCT FROM t.merchant_id
		UNION SELECT 'transfer ' || t.id FROM transfers t JOIN card_vault v ON v.id = t.payer_card_id WHERE v.merchant_id <> t.merchant_id
		UNION SELECT 'deposit ' || d.id FROM deposits d JOIN destination_cards c ON c.id = d.card_id WHERE c.merchant_id <> d.merchant_id`},
	{name: "a paid transfer and its one deposit agree", query: `
		SELECT 'transfer ' || t.id AS subject FROM transfers t LEFT JOIN deposits d ON d.transfer_id = t.id
		WHERE (t.state IN ('paid', 'verified')) <> (d.id IS NOT NULL)
		   OR d.id <> t.deposit_id OR d.merchant_id <> t.merchant_id
		   OR (d.state = 'matched' AND (d.amount <> t.amount OR NOT d.card_id = ANY(t.cards)))`},
	{name: "a mismatched transfer names the deposit that came from another card", query: `
		SELECT 'transfer ' || t.id AS subject FROM transfers t LEFT JOIN deposits d ON d.id = t.deposit_id
		WHERE t.state = 'mismatched' AND (d.id IS NULL OR d.merchant_id <> t.merchant_id OR d.amount <> t.amount
			OR d.reason <> 'payer_mismatch')`},
	{name: "a verified transfer, and no other, was verified once", query: `
		SELECT 'transfer ' || t.id AS subject FROM transfers t
		LEFT JOIN transfer_events e ON e.transfer_id = t.id AND e.kind = 'verified'
		GROUP BY t.id HAVING count(e.id) <> (t.state = 'verified')::int`},
	{name: "no two open transfers of a merchant wait for the same amount", query: `
		SELECT 'transfers ' || a.id || ' and ' || b.id AS subject FROM transfers a
		JOIN transfers b ON b.merchant_id = a.merchant_id AND b.amount = a.amount AND b.id > a.id
		WHERE b.created_at < a.reserved_until - interval '1 second'
		UNION ALL
		SELECT 'transfer ' || id FROM transfers WHERE NOT reserved AND reserved_until > now()`},
	{name: "every transfer ends", graces: 2, query: `
		SELECT 'transfer ' || t.id || ' (' || t.state || ')' AS subject FROM transfers t
		WHERE t.needs_attention IS NULL AND (
			(t.state = 'pending' AND t.expires_at < now() - make_interval(secs => ?))
			OR (t.state = 'paid' AND t.paid_at < now() - interval '1 day' - make_interval(secs => ?)
			    AND NOT EXISTS (SELECT FROM deposits d WHERE d.id = t.deposit_id AND d.state = 'assigned')))`}, // a person saw to that one
	{name: "a person is called for every deposit without an owner, and for no other", query: `
		SELECT 'deposit ' || id AS subject FROM deposits WHERE (state = 'suspense') <> (needs_attention IS NOT NULL)`},
	{name: "a deposit that nobody resolved in time is called overdue", graces: 1, query: `
		SELECT 'deposit ' || id AS subject FROM deposits
		WHERE state = 'suspense' AND resolve_by < now() - make_interval(secs => ?) AND needs_attention <> 'deposit_overdue'`},
	{name: "a top-up held its price once, and spent or gave it back once when it ended", query: `
		SELECT 'top-up ' || t.id AS subject FROM topups t
		LEFT JOIN ledger_transfers h ON h.ref = 'topup/' || t.id || '/held'
		LEFT JOIN ledger_transfers e ON e.ref = 'topup/' || t.id || '/' || t.state AND t.ended_at IS NOT NULL
		WHERE h.id IS NULL OR (t.ended_at IS NOT NULL) <> (e.id IS NOT NULL)
		   OR (h.amount, h.debit_account, h.credit_account) <> (t.amount, 'merchant/' || t.merchant_id || '/available', 'merchant/' || t.merchant_id || '/held')
		   OR (e.amount, e.debit_account, e.credit_account) <> (t.amount, 'merchant/' || t.merchant_id || '/held',
			CASE t.state WHEN 'delivered' THEN 'operator/' || t.provider ELSE 'merchant/' || t.merchant_id || '/available' END)`},
	{name: "a top-up that was delivered had been ordered", query: `
		SELECT 'top-up ' || id AS subject FROM topups WHERE state IN ('unknown', 'delivered') AND submitted_at IS NULL AND code <> 'by_hand'`},
	{name: "a top-up ends, or a person is called", graces: 1, query: `
		SELECT 'top-up ' || id || ' (' || state || ')' AS subject FROM topups
		WHERE ended_at IS NULL AND needs_attention IS NULL AND created_at < now() - make_interval(secs => ?)`},
	{name: "a stored answer tells what its top-up became", query: `
		SELECT 'top-up ' || t.id AS subject FROM topups t
		JOIN idempotency_keys k ON k.merchant_id = t.merchant_id AND k.route = 'top-up' AND k.key = t.key
		WHERE k.status <> 0 AND (t.ended_at IS NULL OR (k.status = 200) <> (t.state = 'delivered'))`},
	{name: "a completed purchase, and no other, has a reference and verified money", query: `
		SELECT 'purchase ' || u.id AS subject FROM temporary_payment u JOIN payments p ON p.id = u.payment_id
		WHERE (u.state = 'completed') <> (p.state = 'collected') OR (u.reference IS NULL) <> (u.state <> 'completed')
		   OR (u.state = 'completed' AND NOT EXISTS (SELECT FROM attempts a WHERE a.id = p.attempt_id AND a.state IN ('paid', 'settled')))`},
	{name: "a purchase ends with its payment", graces: 1, query: `
		SELECT 'purchase ' || u.id || ' (' || u.state || ')' AS subject FROM temporary_payment u JOIN payments p ON p.id = u.payment_id
		WHERE u.state NOT IN ('completed', 'ended') AND p.state IN ('refunded', 'expired', 'failed') AND p.collect_by < now() - make_interval(secs => ?)
		   OR u.state = 'ended' AND p.state NOT IN ('refunded', 'expired', 'failed')`},
	{name: "the outbox is empty when all is quiet", graces: 1, query: `
		SELECT saga || '/' || ref || ' ' || message AS subject FROM outbox WHERE created_at < now() - make_interval(secs => ?)`},
}, moneyInvariants...)

// Audit checks every invariant. Work in progress may be as old as grace, in seconds.
func (s *Store) Audit(ctx context.Context, grace float64) ([]Breach, error) {
	var breaches []Breach
	for _, i := range invariants {
		args := make([]any, i.graces)
		for n := range args {
			args[n] = grace
		}
		var found []Breach
		if err := s.all(ctx, &found, i.query+` LIMIT 50`, args...); err != nil {
			return nil, fmt.Errorf("invariant %q: %w", i.name, err)
		}
		for _, b := range found {
			breaches = append(breaches, Breach{Invariant: i.name, Subject: b.Subject})
		}
	}
	return breaches, nil
}

// Invariants is how many truths Audit checks.
func Invariants() int { return len(invariants) }

// AttemptInBooks is an attempt as a bank's book is compared with it.
type AttemptInBooks struct {
	ID      int64         `bun:"id"`
	Gateway string        `bun:"gateway"`
	Amount  money.Rial    `bun:"amount"`
	State   state.Attempt `bun:"state"`
	Error   *string       `bun:"error"`
}

// AttemptsInBooks reads every attempt at the given gateways.
func (s *Store) AttemptsInBooks(ctx context.Context, gateways []string) ([]AttemptInBooks, error) {
	var list []AttemptInBooks
	err := s.all(ctx, &list, `SELECT id, gateway, amount, state, error FROM attempts WHERE gateway = ANY(?) ORDER BY id`, gateways)
	if err != nil {
		return nil, fmt.Errorf("attempts in books: %w", err)
	}
	return list, nil
}

// DepositInBooks is a deposit as the banks' movements are compared with it.
type DepositInBooks struct {
	Amount  money.Rial `bun:"amount"`
	Balance money.Rial `bun:"balance"`
}

// DepositsInBooks reads every deposit whose message named a balance, and how many messages wait for a
// person because nobody could read them.
func (s *Store) DepositsInBooks(ctx context.Context) (deposits []DepositInBooks, unread int, err error) {
	if err := s.all(ctx, &deposits, `SELECT amount, balance FROM deposits WHERE balance IS NOT NULL`); err != nil {
		return nil, 0, fmt.Errorf("deposits in books: %w", err)
	}
	err = s.one(ctx, "unread SMS", &unread, `SELECT count(*) FROM sms s WHERE `+isUnread)
	return deposits, unread, err
}

// TopUpInBooks is a top-up as its reseller's book is compared with it.
type TopUpInBooks struct {
	ID        int64       `bun:"id"`
	Mobile    string      `bun:"mobile"`
	Amount    money.Rial  `bun:"amount"`
	State     state.TopUp `bun:"state"`
	Submitted bool        `bun:"submitted"`
	ByHand    bool        `bun:"by_hand"` // a person decided it
}

// Key is what the reseller knows it by.
func (t TopUpInBooks) Key() string { return fmt.Sprintf("topup-%d", t.ID) }

// Masked is its mobile number as it may stand in a book: 0902*****67.
func (t TopUpInBooks) Masked() string { return "0" + t.Mobile[2:5] + "*****" + t.Mobile[10:] }

// TopUpsInBooks reads every top-up at the given resellers.
func (s *Store) TopUpsInBooks(ctx context.Context, resellers []string) ([]TopUpInBooks, error) {
	var list []TopUpInBooks
	err := s.all(ctx, &list, `
		SELECT id, mobile, amount, state, submitted_at IS NOT NULL AS submitted, code = 'by_hand' AS by_hand
		FROM topups WHERE provider = ANY(?) ORDER BY id`, resellers)
	if err != nil {
		return nil, fmt.Errorf("top-ups in books: %w", err)
	}
	return list, nil
}

// EndedPayments maps the tokens of ended payments to their states.
func (s *Store) EndedPayments(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `SELECT token AS id, state FROM payments WHERE state IN ('collected', 'refunded', 'expired', 'failed')`)
}

// EndedTransfers maps transfers to the results that their ended sagas may have, separated by spaces: their
// state, and for one that a person gave a deposit to, perhaps after its saga's end, also how it had ended.
func (s *Store) EndedTransfers(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `
		SELECT t.id::text AS id, t.state || CASE WHEN d.state = 'assigned' THEN ' expired mismatched' ELSE '' END AS state
		FROM transfers t LEFT JOIN deposits d ON d.id = t.deposit_id
		WHERE t.state IN ('verified', 'expired', 'mismatched') OR d.state = 'assigned'`)
}

// EndedDeposits maps resolved deposits to their states.
func (s *Store) EndedDeposits(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `SELECT id::text AS id, state FROM deposits WHERE state IN ('assigned', 'refunded', 'ignored')`)
}

// EndedTopUps maps decided top-ups to their states.
func (s *Store) EndedTopUps(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `SELECT id::text AS id, state FROM topups WHERE ended_at IS NOT NULL`)
}

// EndedPurchases maps purchases that are over to their states.
func (s *Store) EndedPurchases(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `SELECT id::text AS id, state FROM temporary_payment WHERE state IN ('completed', 'ended')`)
}

func (s *Store) ended(ctx context.Context, query string) (map[string]string, error) {
	var rows []struct {
		ID    string `bun:"id"`
		State string `bun:"state"`
	}
	if err := s.all(ctx, &rows, query); err != nil {
		return nil, fmt.Errorf("ended rows: %w", err)
	}
	ended := make(map[string]string, len(rows))
	for _, r := range rows {
		ended[r.ID] = r.State
	}
	return ended, nil
}
