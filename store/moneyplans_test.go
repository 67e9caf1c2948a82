package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// The same for webhooks, payouts and wallets.
func TestMoneyPlans(t *testing.T) {
	b := newBank(t, 1_000_000)
	e := b.endpoint(b.m)
	withCallback := func(order string) store.Payout {
		return b.ordered(order, 10_000, func(in *store.NewPayout) { in.CallbackURL, in.Secret = "https://a.example", hidden })
	}
	out, in := withCallback("first"), b.opened("first")
	b.fillMoney(4000)
	b.db.SetMaxOpenConns(1) // prepared statements belong to a connection
	ctx := t.Context()
	id := b.latest(b.m, e.ID).ID
	for _, call := range []func() error{
		func() error { withCallback("second"); withCallback("second"); return nil },
		func() error { _, err := b.PayoutBy(ctx, b.m.ID, "first", ""); return err },
		func() error { _, err := b.PayoutBy(ctx, b.m.ID, "", out.UUID); return err },
		func() error { _, err := b.Payout(ctx, out.UUID); return err },
		func() error { _, err := b.Payouts(ctx, b.m.ID, 0, 50); return err },
		func() error {
			b.sent(out)
			b.say(out, state.PayoutUnknown)
			b.say(out, state.PayoutUnknown)
			return nil
		},
		func() error { return b.SetPayoutAttention(ctx, out.ID, "x") },
		func() error { _, err := b.PayoutsNeedingAttention(ctx); return err },
		func() error {
			return b.ResolvePayout(ctx, store.PayoutResolution{UUID: out.UUID, As: state.PayoutPaid, By: "x", Why: "y"})
		},
		func() error { _, err := b.CancelPayout(ctx, b.m.ID, "second", ""); return err },
		func() error { _, err := b.PayoutTimeline(ctx, out.ID); return err },
		func() error { _, err := b.Balance(ctx, b.m.ID); return err },
		func() error { b.opened("second"); return nil },
		func() error { _, err := b.WalletBy(ctx, b.m.ID, "", in.UUID); return err },
		func() error { _, err := b.Wallets(ctx, b.m.ID, 0, 50); return err },
		func() error { b.arrives(in, 1); return nil },
		func() error { _, err := b.WalletDeposits(ctx, in.ID, 50); return err },
		func() error { return b.NotifyWallet(ctx, *in.Address) },
		func() error { return b.SetWalletAttention(ctx, in.ID, "x") },
		func() error { _, err := b.WalletsNeedingAttention(ctx); return err },
		func() error { _, err := b.AttentionCount(ctx); return err },
		func() error { b.try(id, 500); return nil },
		func() error { _, err := b.HoldMessage(ctx, id); return err },
		func() error { _, err := b.SendAgain(ctx, b.m.ID, id); return err },
		func() error { _, err := b.Message(ctx, b.m.ID, id); return err },
		func() error { _, err := b.Attempts(ctx, b.m.ID, id); return err },
		func() error { _, err := b.Endpoints(ctx, b.m.ID); return err },
		func() error { _, err := b.Endpoint(ctx, b.m.ID, e.ID); return err },
		func() error { b.endpoint(b.m); return nil },
		func() error { _, err := b.PauseEndpoint(ctx, b.m.ID, e.ID); return err },
		func() error { _, err := b.ResumeEndpoint(ctx, b.m.ID, e.ID); return err },
		func() error { _, err := b.RotateEndpointSecret(ctx, b.m.ID, e.ID, hidden, time.Hour); return err },
		func() error { b.try(b.latest(b.m, e.ID).ID, 410); return nil },
		func() error { return b.DeleteEndpoint(ctx, b.m.ID, e.ID) },
	} {
		require.NoError(t, call())
	}
	plans := b.plans(nil)
	require.Greater(t, len(plans), 30)
	for statement, plan := range plans {
		for _, table := range []string{"payouts", "payout_events", "wallets", "wallet_deposits", "webhook_endpoints", "webhook_messages", "webhook_attempts", "outbox", "ledger_transfers"} {
			require.NotContains(t, plan, "Seq Scan on "+table, "%s\n%s", statement, plan)
		}
		if strings.Contains(statement, "DESC LIMIT") {
			require.NotContains(t, plan, "Sort", "the index has the order: %s", plan)
		}
	}
	uses := usedBy(t, plans)
	uses("p.order_id = $2", "payouts_order")
	uses("FROM payouts p WHERE p.merchant_id = $1 AND ($2 = 0", "payouts_list")
	uses("AS held", "payouts_open")
	uses("FROM payouts p WHERE p.needs_attention", "payouts_attention")
	uses("FROM wallets w WHERE w.needs_attention", "wallets_attention")
	uses("SELECT uuid FROM wallets WHERE address", "wallets_address_key", "outbox_saga")
	uses("FROM wallet_deposits WHERE wallet_id", "wallet_deposits_list")
	uses("AND state = 'held'", "webhook_messages_waiting", "webhook_endpoints_pkey")
	uses("SET state = 'dropped', ended_at", "webhook_messages_waiting")
	uses("ORDER BY e.id", "webhook_endpoints_merchant")
}

// Lists of messages find what is asked for among all that were ever sent.
func TestMessageListPlans(t *testing.T) {
	b := newBank(t, 1_000_000)
	e := b.endpoint(b.m)
	b.fillMoney(4000)
	var built []string
	on := store.New(b.db.WithQueryHook(seen(func(q string) { built = append(built, q) })), func() {})
	for _, tt := range []struct {
		list  store.MessageList
		index string
	}{
		{store.MessageList{}, "webhook_messages_list"},
		{store.MessageList{Before: 1 << 40}, "webhook_messages_list"},
		{store.MessageList{State: state.WebhookDelivered}, "webhook_messages_list"},
		{store.MessageList{EndpointID: e.ID}, "webhook_messages_endpoint"},
		{store.MessageList{State: state.WebhookFailed}, "webhook_messages_undelivered"},
		{store.MessageList{State: state.WebhookHeld, Before: 1 << 40}, "webhook_messages_undelivered"},
	} {
		built = nil
		tt.list.MerchantID, tt.list.Size = b.m.ID, 50
		_, err := on.Messages(t.Context(), tt.list)
		require.NoError(t, err)
		require.Len(t, built, 1)
		plan := b.plans(built)[built[0]]
		require.Contains(t, plan, tt.index, built[0])
		require.NotContains(t, plan, "Sort", plan)
	}
}

// fillMoney adds n payouts, wallets with a deposit each, endpoints and delivered messages of a hundred merchants, the
// bank's own among them.
func (b *bank) fillMoney(n int) {
	b.Helper()
	_, err := b.owner.NewRaw(`
		INSERT INTO merchants (public_id, display_name, gateways, collect_window) SELECT 'fill' || i, '', '{zibal}', '1 minute' FROM generate_series(1, 100) i;
		CREATE TEMP TABLE whose ON COMMIT PRESERVE ROWS AS SELECT i, CASE i % 10 WHEN 0 THEN ? ELSE (SELECT min(id) FROM merchants WHERE public_id LIKE 'fill%') + i % 100 END AS m FROM generate_series(1, ?) i;
		INSERT INTO payouts (uuid, merchant_id, order_id, amount, network, rail, provider, key_id, sealed, destination, request, state, ended_at)
		SELECT gen_random_uuid(), m, 'fill' || i, 1000, 'iban', 'paya', 'sandbox', 'k', '', 'IR', sha256(''), 'refused', now() FROM whose;
		INSERT INTO payout_events (payout_id, kind) SELECT id, 'reserved' FROM payouts;
		INSERT INTO wallets (uuid, merchant_id, order_id, network, provider, address, state) SELECT gen_random_uuid(), m, 'fill' || i, 'iban', 'sandbox', 'fill' || i, 'active' FROM whose;
		INSERT INTO wallet_deposits (wallet_id, provider, provider_id, amount, at) SELECT id, 'sandbox', 'fill' || id, 1000, now() FROM wallets WHERE order_id LIKE 'fill%';
		INSERT INTO webhook_endpoints (merchant_id, url, key_id, sealed, state) SELECT m, 'https://fill.example', 'k', '', 'deleted' FROM whose WHERE i <= 1000;
		INSERT INTO webhook_messages (webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts, state, ended_at)
		SELECT 'fill' || i, (SELECT min(id) FROM webhook_endpoints WHERE url LIKE '%fill%') + i % 900, m, 'payout', i, 'payout.paid', i, '{}',
		       CASE i % 100 WHEN 0 THEN 'failed' ELSE 'delivered' END, now() FROM whose;
		INSERT INTO webhook_attempts (message_id, try) SELECT id, 1 FROM webhook_messages;
		INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) SELECT 'bank/zibal', 'bank/sandbox', 1, 'fill/' || i FROM whose;
		INSERT INTO outbox (saga, ref, message, payload) SELECT 'wallet', 'fill' || i, 'start', '{}' FROM whose;
		ANALYZE`, b.m.ID, n).Exec(b.Context())
	require.NoError(b, err)
}

// Rows are read into structs by column name, so a column that no struct knows would go unseen.
func TestMoneyColumnsAreMapped(t *testing.T) {
	w := newWorld(t)
	for table, tt := range map[string]struct {
		row    any
		inside string // columns that only statements use
	}{
		"payouts":           {store.Payout{}, "key_id sealed request callback_id inquiries"},
		"wallets":           {store.Wallet{}, "callback_id"},
		"wallet_deposits":   {store.CreditedDeposit{}, "id wallet_id provider provider_id created_at"},
		"webhook_endpoints": {store.Endpoint{}, "merchant_id key_id sealed old_key_id old_sealed"},
		"webhook_messages":  {store.Message{}, "merchant_id"},
		"webhook_attempts":  {store.Attempted{}, "message_id"},
	} {
		w.requireMapped(table, tt.row, strings.Fields(tt.inside))
	}
}

// States that the tables must never hold, whoever writes them.
func TestImpossibleMoneyIsRefused(t *testing.T) {
	b := newBank(t, 1_000_000)
	e := b.endpoint(b.m)
	p, w := b.ordered("o", 10_000), b.opened("o")
	b.arrives(w, 1)
	for _, tt := range []struct{ statement, code string }{
		{`UPDATE payouts SET state = 'paid'`, "23514"}, // and no end
		{`UPDATE payouts SET ended_at = now()`, "23514"},
		{`UPDATE payouts SET state = 'lost', ended_at = now()`, "23514"},
		{`UPDATE payouts SET amount = 0`, "23514"},
		{`UPDATE payouts SET fee = -1`, "23514"},
		{`UPDATE payouts SET request = 'x'`, "23514"},
		{`UPDATE wallets SET address = NULL`, "23514"},
		{`UPDATE wallets SET state = 'lost'`, "23514"},
		{`INSERT INTO wallet_deposits (wallet_id, provider, provider_id, amount, at) SELECT wallet_id, provider, provider_id, amount, at FROM wallet_deposits`, "23505"},
		{`UPDATE wallet_deposits SET amount = 1`, "42501"},
		{`DELETE FROM wallet_deposits`, "42501"},
		{`DELETE FROM payouts`, "42501"},
		{`DELETE FROM wallets`, "42501"},
		{`UPDATE payout_events SET note = 'x'`, "42501"},
		{`UPDATE webhook_messages SET state = 'delivered'`, "23514"}, // and no end
		{`UPDATE webhook_messages SET ended_at = now()`, "23514"},
		{`UPDATE webhook_messages SET state = 'lost', ended_at = now()`, "23514"},
		{`DELETE FROM webhook_messages`, "42501"},
		{`DELETE FROM webhook_attempts`, "42501"},
		{`UPDATE webhook_attempts SET status = 200`, "42501"},
		{`UPDATE webhook_endpoints SET state = 'lost'`, "23514"},
		{`UPDATE webhook_endpoints SET url = 'x'`, "23514"},
		{`DELETE FROM webhook_endpoints`, "42501"},
		{`ALTER TABLE payouts DISABLE TRIGGER payout_changed`, "42501"},
	} {
		_, err := b.db.ExecContext(t.Context(), tt.statement)
		require.Equal(t, tt.code, sqlState(err), tt.statement)
	}
	require.NotZero(t, e.ID+p.ID)
}

// A change that is no change of state is told to nobody.
func TestOnlyStatesAreTold(t *testing.T) {
	b := newBank(t, 1_000_000)
	e := b.endpoint(b.m)
	p, w := b.ordered("o", 10_000), b.opened("o")
	paid := b.create(b.m)
	before := len(b.hearsOf(e.ID))
	b.sent(p)
	require.NoError(t, b.SetPayoutAttention(t.Context(), p.ID, "x"))
	require.NoError(t, b.SetWalletAttention(t.Context(), w.ID, "x"))
	b.world.open(paid)
	require.NoError(t, b.SetAttention(t.Context(), paid.ID, "x"))
	b.exec(fmt.Sprintf(`UPDATE payments SET state = state WHERE id = %d`, paid.ID))
	require.Len(t, b.hearsOf(e.ID), before)
}
