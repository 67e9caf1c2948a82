package store

import (
	"context"
	"fmt"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// What must be true of payouts, wallets and messages to merchants.

var moneyInvariants = []invariant{
	{name: "a payout held its amount and fee once, and spent or gave them back once when it ended", query: `
		SELECT 'payout ' || p.uuid AS subject FROM payouts p
		LEFT JOIN ledger_transfers h ON h.ref = 'payout/' || p.id || '/held'
		LEFT JOIN ledger_transfers e ON e.ref = 'payout/' || p.id || '/' || p.state AND p.ended_at IS NOT NULL
		WHERE h.id IS NULL OR (p.ended_at IS NOT NULL) <> (e.id IS NOT NULL)
		   OR (h.amount, h.debit_account, h.credit_account)
		      <> (p.amount + p.fee, 'merchant/' || p.merchant_id || '/available', 'merchant/' || p.merchant_id || '/held')
		   OR (e.amount, e.debit_account, e.credit_account) <> (p.amount + p.fee, 'merchant/' || p.merchant_id || '/held',
			CASE p.state WHEN 'paid' THEN 'payout/' || p.provider ELSE 'merchant/' || p.merchant_id || '/available' END)`},
	{name: "a payout left before its bank could have it, and one that was cancelled did not leave", query: `
		SELECT 'payout ' || uuid AS subject FROM payouts
		WHERE (state IN ('unknown', 'sent', 'paid', 'refused') AND submitted_at IS NULL AND code <> 'by_hand')
		   OR (state = 'cancelled' AND submitted_at IS NOT NULL)`},
	{name: "a payout ends, or a person is called", graces: 1, query: `
		SELECT 'payout ' || uuid || ' (' || state || ')' AS subject FROM payouts
		WHERE ended_at IS NULL AND needs_attention IS NULL AND greatest(created_at, due_at) < now() - make_interval(secs => ?)`},
	{name: "a wallet gets its account, or a person is called", graces: 1, query: `
		SELECT 'wallet ' || uuid AS subject FROM wallets
		WHERE state = 'opening' AND needs_attention IS NULL AND created_at < now() - make_interval(secs => ?)`},
	{name: "a wallet's deposit is credited once, to the wallet's merchant", query: `
		SELECT 'wallet deposit ' || d.uuid AS subject FROM wallet_deposits d JOIN wallets w ON w.id = d.wallet_id
		LEFT JOIN ledger_transfers l ON l.ref = 'wallet_deposit/' || d.id || '/credited'
		WHERE l.id IS NULL OR d.provider <> w.provider
		   OR (l.amount, l.debit_account, l.credit_account) <> (d.amount, 'wallet/' || w.provider, 'merchant/' || w.merchant_id || '/available')`},
	{name: "a message is delivered when its receiver said so, and only then", query: `
		SELECT 'message ' || m.id || ' (' || m.state || ')' AS subject FROM webhook_messages m
		WHERE m.state IN ('delivered', 'pending')
		  AND (m.state = 'delivered') <> EXISTS (SELECT FROM webhook_attempts a WHERE a.message_id = m.id AND a.status BETWEEN 200 AND 299)`},
	{name: "a message is held only while its endpoint takes none", graces: 1, query: `
		SELECT 'message ' || m.id AS subject FROM webhook_messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id
		WHERE m.state = 'held' AND e.state NOT IN ('paused', 'disabled') AND m.ended_at < now() - make_interval(secs => ?)`},
	// A slow receiver with many messages makes each of them wait; one that was tried lately is not forgotten.
	{name: "no message that is due is forgotten", graces: 2, query: `
		SELECT 'message ' || m.id AS subject FROM webhook_messages m
		WHERE m.state = 'pending' AND coalesce(m.next_try_at, m.created_at) < now() - interval '1 hour' - make_interval(secs => ?)
		  AND m.endpoint_id NOT IN (
			SELECT o.endpoint_id FROM webhook_attempts a JOIN webhook_messages o ON o.id = a.message_id
			WHERE a.at > now() - interval '1 hour' - make_interval(secs => ?))`},
	{name: "a message that was sent again has one successor, which says the same", query: `
		SELECT 'message ' || m.id AS subject FROM webhook_messages m LEFT JOIN webhook_messages s ON s.replaces = m.id
		WHERE m.state = 'replaced' GROUP BY m.id HAVING count(s.id) <> 1
		UNION ALL
		SELECT 'message ' || s.id FROM webhook_messages s JOIN webhook_messages m ON m.id = s.replaces
		WHERE (s.webhook_id, s.endpoint_id, s.merchant_id, s.kind, s.subject_id, s.event, s.version, s.facts)
		   <> (m.webhook_id, m.endpoint_id, m.merchant_id, m.kind, m.subject_id, m.event, m.version, m.facts)`},
	{name: "a message goes to its own merchant, and to a callback only for the record that named it", query: `
		SELECT 'message ' || m.id AS subject FROM webhook_messages m JOIN webhook_endpoints e ON e.id = m.endpoint_id
		WHERE e.merchant_id <> m.merchant_id OR (e.callback
		  AND NOT EXISTS (SELECT FROM payouts p WHERE m.kind = 'payout' AND p.id = m.subject_id AND p.callback_id = e.id)
		  AND NOT EXISTS (SELECT FROM wallet_deposits d JOIN wallets w ON w.id = d.wallet_id
			WHERE m.kind = 'wallet' AND d.id = m.subject_id AND w.callback_id = e.id))`},
}

// PayoutInBooks is a payout as its bank's book is compared with it.
type PayoutInBooks struct {
	UUID        string       `bun:"uuid"`
	Amount      money.Rial   `bun:"amount"`
	Rail        string       `bun:"rail"`
	Destination string       `bun:"destination"` // masked
	State       state.Payout `bun:"state"`
	Submitted   bool         `bun:"submitted"`
	ByHand      bool         `bun:"by_hand"` // a person decided it
}

// PayoutsInBooks reads every payout through the given banks.
func (s *Store) PayoutsInBooks(ctx context.Context, banks []string) ([]PayoutInBooks, error) {
	var list []PayoutInBooks
	err := s.all(ctx, &list, `
		SELECT uuid, amount, rail, destination, state, submitted_at IS NOT NULL AS submitted, code = 'by_hand' AS by_hand
		FROM payouts WHERE provider = ANY(?) ORDER BY id`, banks)
	if err != nil {
		return nil, fmt.Errorf("payouts in books: %w", err)
	}
	return list, nil
}

// WalletInBooks is a wallet as its bank's book is compared with it.
type WalletInBooks struct {
	UUID    string       `bun:"uuid"`
	Address string       `bun:"address"` // empty: none yet
	State   state.Wallet `bun:"state"`
}

// WalletDepositInBooks is a deposit at a wallet as its bank's book is compared with it.
type WalletDepositInBooks struct {
	ProviderID string     `bun:"provider_id"`
	Address    string     `bun:"address"`
	Amount     money.Rial `bun:"amount"`
}

// WalletsInBooks reads every wallet at the given banks, and what arrived there.
func (s *Store) WalletsInBooks(ctx context.Context, banks []string) (wallets []WalletInBooks, deposits []WalletDepositInBooks, err error) {
	err = s.all(ctx, &deposits, `
		SELECT d.provider_id, coalesce(w.address, '') AS address, d.amount FROM wallet_deposits d JOIN wallets w ON w.id = d.wallet_id
		WHERE d.provider = ANY(?) ORDER BY d.id`, banks)
	if err != nil {
		return nil, nil, fmt.Errorf("wallets' deposits in books: %w", err)
	}
	err = s.all(ctx, &wallets, `SELECT uuid, coalesce(address, '') AS address, state FROM wallets WHERE provider = ANY(?) ORDER BY id`, banks)
	if err != nil {
		return nil, nil, fmt.Errorf("wallets in books: %w", err)
	}
	return wallets, deposits, nil
}

// EndedPayouts maps decided payouts, by uuid, to their states.
func (s *Store) EndedPayouts(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `SELECT uuid::text AS id, state FROM payouts WHERE ended_at IS NOT NULL`)
}

// EndedWallets maps wallets without an account, by uuid, to their states: the saga of any other lives on.
func (s *Store) EndedWallets(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `SELECT uuid::text AS id, state FROM wallets WHERE state = 'blocked'`)
}

// EndedMessages maps messages that are not pending to what their ended sagas may say, separated by spaces. The saga
// of a delivered one says what it began with, to save an event; what became of a message after its saga had ended is
// in the row alone.
func (s *Store) EndedMessages(ctx context.Context) (map[string]string, error) {
	return s.ended(ctx, `
		SELECT id::text AS id, CASE state WHEN 'delivered' THEN 'pending' WHEN 'replaced' THEN 'replaced failed held' WHEN 'dropped' THEN 'dropped held'
			ELSE state END AS state
		FROM webhook_messages WHERE state <> 'pending'`)
}

// Unfinished lists rows that a running saga must carry, or an outbox row tell of, by workflow id: those whose change
// is older than grace, in seconds, and that no outbox row tells of.
func (s *Store) Unfinished(ctx context.Context, grace float64) ([]string, error) {
	var list []string
	err := s.all(ctx, &list, `
		SELECT saga || '/' || ref FROM (
			SELECT 'webhook' AS saga, id::text AS ref, created_at FROM webhook_messages WHERE state = 'pending'
			UNION ALL SELECT 'payout', uuid::text, created_at FROM payouts WHERE ended_at IS NULL
			UNION ALL SELECT 'wallet', uuid::text, created_at FROM wallets WHERE state <> 'blocked'
		) r
		WHERE created_at < now() - make_interval(secs => ?) AND NOT EXISTS (
			SELECT FROM outbox o WHERE o.saga = r.saga AND o.ref = r.ref AND o.message = 'start')
		ORDER BY 1`, grace)
	if err != nil {
		return nil, fmt.Errorf("unfinished rows: %w", err)
	}
	return list, nil
}
