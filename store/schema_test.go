package store_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Rows are read into structs by column name, so a column that no struct knows would go unseen.
func TestColumnsAreMapped(t *testing.T) {
	w := newWorld(t)
	for table, tt := range map[string]struct {
		row    any
		inside []string // columns that only statements use
	}{
		"payments":       {store.Payment{}, []string{"attempts", "for_purchase"}},
		"merchants":      {store.Merchant{}, nil},
		"payment_events": {store.Event{}, []string{"payment_id"}},
		"system_log":     {store.LogLine{}, []string{"id", "purchase_id", "branch_id"}},
	} {
		w.requireMapped(table, tt.row, tt.inside)
	}
	// And every column comes back with its value, null or not.
	p, a := w.bring(w.newMerchant(), state.PaymentCollected)
	require.NoError(t, w.SetAttention(t.Context(), p.ID, "x"))
	w.exec(`UPDATE payments SET cancelled_at = now(), state_error = 'e', description = 'd', payload = 'p', preferred_method = 'm', auto_collect = true WHERE id = ?`, p.ID)
	require.NotZero(t, a.ID)
	v := reflect.ValueOf(w.read(p.Token))
	for i := 1; i < v.NumField(); i++ {
		require.False(t, v.Field(i).IsZero(), v.Type().Field(i).Name)
	}
}

func (w *world) requireMapped(table string, row any, inside []string) {
	w.Helper()
	known := slices.Clone(inside)
	for _, f := range reflect.VisibleFields(reflect.TypeOf(row)) {
		if name, _, _ := strings.Cut(f.Tag.Get("bun"), ","); !f.Anonymous && name != "" {
			known = append(known, name)
		}
	}
	var columns []string
	require.NoError(w, w.db.NewRaw(`SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ?`, table).Scan(w.Context(), &columns))
	require.ElementsMatch(w, columns, known, table)
}

// The role of the processes can append to the books and the timeline, and not rewrite them.
func TestTheBooksAreAppendOnly(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	w.bring(m, state.PaymentCollected)
	require.Equal(t, "paysaga_app", func() (role string) {
		require.NoError(t, w.db.NewRaw(`SELECT current_user`).Scan(t.Context(), &role))
		return role
	}())
	facts := w.facts()
	for _, statement := range []string{
		`UPDATE ledger_transfers SET amount = 1`, `DELETE FROM ledger_transfers`, `TRUNCATE ledger_transfers`,
		`UPDATE payment_events SET note = 'x'`, `DELETE FROM payment_events`, `TRUNCATE payment_events`,
		`UPDATE ledger_balances SET balance = 1`, `INSERT INTO ledger_balances VALUES ('merchant/1/held', 5)`, `DELETE FROM ledger_balances`,
		`DELETE FROM payments`, `DELETE FROM attempts`, `DELETE FROM idempotency_keys`, `DELETE FROM merchants`, `DELETE FROM api_keys`,
		`DELETE FROM card_vault`, `UPDATE goose_db_version SET version_id = 0`,
		`ALTER TABLE ledger_transfers DISABLE TRIGGER ledger_apply`, `DROP TABLE ledger_transfers`, `SET session_replication_role = replica`,
	} {
		_, err := w.db.ExecContext(t.Context(), statement)
		require.Equal(t, "42501", sqlState(err), "%s: %v", statement, err)
	}
	require.Equal(t, facts, w.facts())
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

func TestBalances(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	available := fmt.Sprintf("merchant/%d/available", m.ID)
	transfer := func(from, to string, amount int, ref string) string {
		_, err := w.db.NewRaw(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES (?, ?, ?, ?)`, from, to, amount, ref).Exec(t.Context())
		return sqlState(err)
	}
	require.Equal(t, "23514", transfer(available, "bank/zibal", 1, "empty account"))
	require.Equal(t, "", transfer("bank/zibal", available, 100, "in"), "a bank's clearing may be negative")
	require.Equal(t, "23514", transfer(available, "bank/zibal", 101, "too much"))
	require.Equal(t, "", transfer(available, "bank/zibal", 100, "all"), "to the last rial")
	require.Equal(t, "23505", transfer("bank/zibal", available, 100, "in"), "a step moves money once")
	require.Equal(t, "23514", transfer("bank/zibal", available, 0, "nothing"))
	require.Equal(t, "23514", transfer(available, available, 1, "to itself"))
	w.requireBooks(m, 0, 0)

	// Two hundred rial in the account, twenty withdrawals of twenty at once: ten succeed.
	require.Equal(t, "", transfer("bank/zibal", available, 200, "more"))
	failed := 0
	for _, err := range together(20, func(i int) error {
		if code := transfer(available, "bank/zibal", 20, fmt.Sprint("w", i)); code != "" {
			return errors.New(code)
		}
		return nil
	}) {
		if err != nil {
			require.Equal(t, "23514", err.Error())
			failed++
		}
	}
	require.Equal(t, 10, failed)
	w.requireBooks(m, 0, 0)
	require.Zero(t, value[int](w, `SELECT balance FROM ledger_balances WHERE account = ?`, available))
}

// States that the tables must never hold, whoever writes them.
func TestImpossibleRowsAreRefused(t *testing.T) {
	w := newWorld(t)
	p, a := w.bring(w.newMerchant(), state.PaymentPaid)
	for _, statement := range []string{
		`UPDATE payments SET attempt_id = NULL WHERE id = %d`,
		`UPDATE payments SET state = 'pending' WHERE id = %d`,
		`UPDATE payments SET state = 'collected' WHERE id = %d`,
		`UPDATE payments SET collected_at = now() WHERE id = %d`,
		`UPDATE payments SET state = 'lost' WHERE id = %d`,
		`UPDATE payments SET tip = -1 WHERE id = %d`,
	} {
		_, err := w.db.ExecContext(t.Context(), fmt.Sprintf(statement, p.ID))
		require.Equal(t, "23514", sqlState(err), statement)
	}
	for _, statement := range []string{
		`UPDATE attempts SET paid_at = NULL WHERE id = %d`,
		`UPDATE attempts SET state = 'open', bank_token = NULL WHERE id = %d`,
		`UPDATE attempts SET state = 'lost' WHERE id = %d`,
	} {
		_, err := w.db.ExecContext(t.Context(), fmt.Sprintf(statement, a.ID))
		require.Equal(t, "23514", sqlState(err), statement)
	}
}

// Hot statements find their rows by index. The plans are the server's own, for the statements as the
// store sends them, over a few thousand rows.
func TestPlans(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	p, a := w.bring(m, state.PaymentPaid)
	w.fill(m, 4000)
	w.db.SetMaxOpenConns(1) // prepared statements belong to a connection

	var built []string // by bun's query builder
	s := store.New(w.db.WithQueryHook(seen(func(q string) { built = append(built, q) })), func() {})
	ctx := t.Context()
	list := store.PaymentList{MerchantID: m.ID, Size: 50}
	for _, in := range []store.PaymentList{list, {MerchantID: m.ID, Size: 50, Before: time.Now()}, {MerchantID: m.ID, Size: 50, After: time.Now().Add(-time.Hour)}} {
		_, err := s.Payments(ctx, in)
		require.NoError(t, err)
	}
	for _, call := range []func() error{
		func() error { _, err := s.Payment(ctx, m.ID, p.Token); return err },
		func() error { _, err := s.PaymentNow(ctx, p.Token); return err },
		func() error { _, err := s.PaymentPage(ctx, p.Token); return err },
		func() error { _, err := s.OpenVisits(ctx, p.ID); return err },
		func() error { _, err := s.Aftermath(ctx, a.ID); return err },
		func() error {
			_, err := s.StartAttempt(ctx, store.NewAttempt{Token: w.anyPending(), Gateway: "zibal"})
			return err
		},
		func() error { _, err := s.RecordCallback(ctx, a.ID, a.CallbackKey, nil); return err },
		func() error { _, err := s.AttemptPaid(ctx, receipt(a)); return err },
		func() error { _, err := s.AtDeadline(ctx, p.ID); return err },
		func() error { _, err := s.CollectPayment(ctx, m.ID, p.Token); return err },
		func() error { _, err := s.AttemptSettled(ctx, a.ID); return err },
		func() error { _, err := s.AttemptRefunded(ctx, a.ID, "reversed"); return err },
		func() error { return s.NoteUnpaid(ctx, a.ID, "no") },
		func() error { _, err := s.Timeline(ctx, p.ID); return err },
		func() error { _, err := s.AttentionCount(ctx); return err },
		func() error {
			_, err := s.DeliverOutbox(ctx, 16, func(context.Context, []store.Delivery) []store.Undelivered { return nil })
			return err
		},
	} {
		require.NoError(t, call())
	}

	plans := w.plans(built)
	require.Greater(t, len(plans), 15)
	for statement, plan := range plans {
		for _, table := range []string{"payments", "attempts", "payment_events", "outbox", "ledger_transfers"} {
			require.NotContains(t, plan, "Seq Scan on "+table, "%s\n%s", statement, plan)
		}
	}
	uses := usedBy(t, plans)
	uses("SET state = 'collected', collected_at", "payments_token_key")
	uses("AND p.merchant_id = $2", "payments_token_key")
	uses("ORDER BY p.created_at", "payments_list")
	uses("WHERE payment_id = $1 AND state", "attempts_payment")
	uses("FOR UPDATE SKIP LOCKED", "outbox_pkey", "outbox_saga")
	uses("needs_attention IS NOT NULL", "payments_attention")
	for _, q := range built {
		require.NotContains(t, plans[q], "Sort", "the index has the order: %s", plans[q])
	}
}

// The same for card-to-card transfers, their messages and deposits.
func TestCardPlans(t *testing.T) {
	s := newShop(t)
	pending, expired := s.transfer(10_000), s.transfer(10_000)
	s.fillCards(4000)
	s.db.SetMaxOpenConns(1) // prepared statements belong to a connection
	ctx := t.Context()
	stray := s.sms(777, 1, func(m *store.SMS) { m.MessageID = "m1" })
	deposit := s.record(stray).DepositID
	require.NoError(t, s.AddDevice(ctx, s.m.ID, "abcdef1", "shop", s.vault.SealText(s.m.ID, vault.DeviceSecret, "hidden")))
	card := s.seal("6037991234567893")
	for _, call := range []func() error{
		func() error { s.transfer(10_000); return nil },
		func() error { s.transfer(10_000, func(in *store.NewTransfer) { in.PayerCard = &card }); return nil },
		func() error { _, err := s.CheckTransfer(ctx, s.m.ID, pending.ID); return err },
		func() error { _, err := s.SetPayerCard(ctx, s.m.ID, pending.ID, card); return err },
		func() error { _, err := s.Transfer(ctx, s.m.ID, pending.ID); return err },
		func() error { _, err := s.TransferPage(ctx, pending.LinkToken); return err },
		func() error { _, err := s.TransferNow(ctx, pending.LinkToken); return err },
		func() error { s.ago(expired, 2*time.Hour); _, err := s.AtTransferDeadline(ctx, expired.ID); return err },
		func() error { return s.SetTransferAttention(ctx, pending.ID, "x") },
		func() error { _, err := s.TransferTimeline(ctx, pending.ID); return err },
		func() error { s.record(stray); return nil },
		func() error { _, err := s.Suggestions(ctx, []int64{deposit}); return err },
		func() error { return s.SetDepositAttention(ctx, deposit, "x") },
		func() error { _, err := s.Device(ctx, "abcdef1"); return err },
		func() error { _, err := s.Devices(ctx, s.m.ID); return err },
		func() error {
			return s.ResolveDeposit(ctx, store.DepositResolution{DepositID: deposit, As: state.DepositAssigned, PayID: expired.ID, By: "x", Why: "y"})
		},
		func() error { s.deposit(s.again(pending)); return nil },
	} {
		require.NoError(t, call())
	}
	plans := s.plans(nil)
	for statement, plan := range plans {
		for _, table := range []string{"transfers", "transfer_events", "deposits", "sms", "outbox", "ledger_transfers", "card_vault"} {
			if !strings.Contains(statement, "JOIN card_vault") { // of a few cards
				require.NotContains(t, plan, "Seq Scan on "+table, "%s\n%s", statement, plan)
			}
		}
	}
	uses := usedBy(t, plans)
	uses("SET state = 'verified', verified_at", "transfers_pkey")                             // a merchant's check
	uses("SET reserved = false WHERE id IN", "transfers_reservation")                         // looking for a free amount
	uses("FOR NO KEY UPDATE OF t", "transfers_amount")                                        // whose a deposit is
	uses("WHERE t.link_token", "transfers_link_token_key")                                    // the payer's page
	uses("SELECT state, expires_at, now() AS now FROM transfers", "transfers_link_token_key") // its polling
	uses("SET repeats = repeats + 1", "sms_content", "sms_message_id", "sms_facts")
	uses("WHERE d.id = ANY", "transfers_amount", "deposits_pkey") // suggestions
	uses("FROM devices d JOIN", "devices_pkey")
	uses("FROM devices WHERE merchant_id", "devices_merchant")
}

// The list of what waits for a person finds it among all that ever came.
func TestDepositListPlans(t *testing.T) {
	s := newShop(t)
	s.fillCards(4000)
	var built []string
	on := store.New(s.db.WithQueryHook(seen(func(q string) { built = append(built, q) })), func() {})
	for _, tt := range []struct {
		list  store.DepositList
		index string
	}{
		{store.DepositList{MerchantID: s.m.ID, State: state.DepositSuspense, Size: 50}, "deposits_suspense"},
		{store.DepositList{MerchantID: s.m.ID, State: state.DepositSuspense, Before: 1 << 40, Size: 50}, "deposits_suspense"},
		{store.DepositList{State: state.DepositSuspense, Size: 50}, "deposits_suspense"},
		{store.DepositList{MerchantID: s.m.ID, Size: 50}, "deposits_list"},
		{store.DepositList{Before: 1 << 40, Size: 50}, "deposits_pkey"},
	} {
		built = nil
		_, err := on.Deposits(t.Context(), tt.list)
		require.NoError(t, err)
		require.Len(t, built, 1)
		require.Contains(t, s.plans(built)[built[0]], tt.index)
	}
}

// usedBy checks that every statement with a text uses the indexes.
func usedBy(t *testing.T, plans map[string]string) func(text string, indexes ...string) {
	return func(text string, indexes ...string) {
		t.Helper()
		found := 0
		for statement, plan := range plans {
			if strings.Contains(statement, text) {
				found++
				for _, index := range indexes {
					require.Contains(t, plan, index, "%s\n%s", statement, plan)
				}
			}
		}
		require.NotZero(t, found, "no statement holds %q", text)
	}
}

// fillCards adds n old transfers, each with an event, a message and its deposit.
func (s *shop) fillCards(n int) {
	s.Helper()
	_, err := s.owner.NewRaw(`
		INSERT INTO transfers (merchant_id, fid, link_token, price, amount, cards, state, reserved, deposit_id, created_at, expires_at, reserved_until, paid_at)
		SELECT ?, 1000000 + i, 'fill' || lpad(i::text, 20, '0'), 10000, 10010 + i % 500 * 10, '{1}', CASE i % 2 WHEN 0 THEN 'expired' ELSE 'paid' END, false,
		       CASE i % 2 WHEN 1 THEN i END, past, past, past, past FROM generate_series(1, ?) i, LATERAL (SELECT now() - i * interval '1 minute' - interval '1 day' AS past) t;
		UPDATE transfers SET reserved = true, amount = 20000 + id * 10, reserved_until = now() + interval '1 hour' WHERE link_token LIKE 'fill%' AND id % 20 = 0;
		INSERT INTO transfer_events (transfer_id, kind) SELECT id, 'created' FROM transfers;
		INSERT INTO merchants (public_id, display_name, gateways, collect_window) SELECT 'fill' || i, '', '{zibal}', '1 minute' FROM generate_series(1, 200) i;
		INSERT INTO devices (id, merchant_id, key_id, sealed) SELECT 'filled' || id, id, 'k', '' FROM merchants;
		INSERT INTO sms (merchant_id, source, message_id, content, facts, sender, key_id, sealed, bank, kind, received_at)
		SELECT CASE i % 5 WHEN 0 THEN ? ELSE (SELECT max(id) FROM merchants) - i % 100 END, 'key/1', 'fill' || i, sha256(i::text::bytea), sha256(i::text::bytea), 'x', 'k', '', 'saman', 'deposit', now() FROM generate_series(1, ?) i;
		INSERT INTO deposits (merchant_id, sms_id, bank, account, amount, at, state, transfer_id, resolve_by, resolved_at, resolved_by, resolved_why)
		SELECT merchant_id, id, 'saman', 'x', 100, now(), CASE id % 50 WHEN 0 THEN 'suspense' ELSE 'ignored' END, NULL, now() + interval '1 day',
		       CASE id % 50 WHEN 0 THEN NULL ELSE now() END, 'x', 'y' FROM sms;
		INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) SELECT 'card/1', 'card/2', 1, 'fill/' || id FROM deposits;
		INSERT INTO outbox (saga, ref, message, payload) SELECT 'transfer', 'fill' || id, 'start', '{}' FROM transfers;
		ANALYZE`, s.m.ID, n, s.m.ID, n).Exec(s.Context())
	require.NoError(s, err)
}

type seen func(query string)

func (seen) BeforeQuery(ctx context.Context, _ *bun.QueryEvent) context.Context { return ctx }
func (f seen) AfterQuery(_ context.Context, e *bun.QueryEvent) {
	if e.Operation() == "SELECT" {
		f(e.Query)
	}
}

// fill adds n payments of three kinds, each with an attempt, events, a transfer and an outbox row.
func (w *world) fill(m store.Merchant, n int) {
	w.Helper()
	_, err := w.owner.NewRaw(`
		INSERT INTO payments (token, merchant_id, amount, collect_by, created_at, state, method)
		SELECT 'fill' || lpad(i::text, 8, '0'), ?, 1000, now() + interval '1 hour', now() - i * interval '1 second',
		       CASE i % 3 WHEN 0 THEN 'pending' WHEN 1 THEN 'expired' ELSE 'failed' END, 'zibal' FROM generate_series(1, ?) i;
		INSERT INTO attempts (payment_id, gateway, amount, tip, callback_key, state, bank_token, final_at)
		SELECT id, 'zibal', 1000, 0, 'k', CASE WHEN id % 7 = 0 THEN 'open' ELSE 'failed' END, 'ref', now() FROM payments WHERE token LIKE 'fill%';
		INSERT INTO payment_events (payment_id, kind) SELECT id, 'created' FROM payments;
		INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) SELECT 'bank/zibal', 'bank/sandbox', 1, 'fill/' || id FROM payments;
		INSERT INTO outbox (saga, ref, message, payload) SELECT 'payment', token, 'start', '{}' FROM payments WHERE token LIKE 'fill%';
		ANALYZE`, m.ID, n).Exec(w.Context())
	require.NoError(w, err)
}

func (w *world) anyPending() string {
	return value[string](w, `SELECT token FROM payments WHERE state = 'pending' AND token LIKE 'fill%' LIMIT 1`)
}

// plans explains what the store's one connection has prepared, for any arguments, and what was built
// as text. Writing plans is not running: EXPLAIN alone changes nothing.
func (w *world) plans(built []string) map[string]string {
	w.Helper()
	out := map[string]string{}
	explain := func(statement, query string) {
		var lines []string
		require.NoError(w, w.db.NewRaw("EXPLAIN "+strings.ReplaceAll(query, "?", `\?`)).Scan(w.Context(), &lines), statement)
		out[statement] = strings.Join(lines, "\n")
	}
	for _, q := range built {
		explain(q, q)
	}
	var prepared []struct {
		Name      string
		Statement string
		Arguments int
	}
	require.NoError(w, w.db.NewRaw(`SELECT name, statement, coalesce(array_length(parameter_types, 1), 0) AS arguments FROM pg_prepared_statements
		WHERE statement ~ '^\s*(SELECT|WITH|INSERT|UPDATE|DELETE)'`).Scan(w.Context(), &prepared))
	w.exec(`SET plan_cache_mode = force_generic_plan`)
	for _, p := range prepared {
		query := fmt.Sprintf("EXECUTE %q", p.Name)
		if p.Arguments > 0 {
			query += "(" + strings.TrimSuffix(strings.Repeat("NULL,", p.Arguments), ",") + ")"
		}
		explain(p.Statement, query)
	}
	return out
}
