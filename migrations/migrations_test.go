package migrations_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/migrations"
)

// open connects as the owner to a database that is migrated, or emptied again.
func open(t *testing.T, empty bool) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", server.URL(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	if empty {
		run(t, db, `DROP SCHEMA public CASCADE`)
		run(t, db, `CREATE SCHEMA public`)
		run(t, db, `GRANT USAGE ON SCHEMA public TO PUBLIC`)
	}
	return db
}

func run(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

func read[T any](t *testing.T, db *sql.DB, query string) T {
	t.Helper()
	var out T
	require.NoError(t, db.QueryRowContext(t.Context(), query).Scan(&out))
	return out
}

// Several processes of a release start at once; each calls Up.
func TestUpAtOnceFromNothing(t *testing.T) {
	db := open(t, true)
	latest, err := migrations.Latest()
	require.NoError(t, err)
	require.Positive(t, latest)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			at, err := migrations.Up(t.Context(), db)
			if err != nil || at != latest {
				t.Errorf("reached %d of %d: %v", at, latest, err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, latest, read[int64](t, db, `SELECT count(*) FROM goose_db_version WHERE version_id > 0`), "each once")
	at, err := migrations.Up(t.Context(), db)
	require.NoError(t, err, "again changes nothing")
	require.Equal(t, latest, at)
}

func TestANewerDatabaseIsRefused(t *testing.T) {
	db := open(t, false)
	latest, err := migrations.Latest()
	require.NoError(t, err)
	run(t, db, fmt.Sprintf(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)`, latest+1))
	_, err = migrations.Up(t.Context(), db)
	require.ErrorIs(t, err, migrations.ErrNewer)
}

// A half-done migration leaves nothing behind and can be repeated.
func TestAFailedMigrationIsRolledBack(t *testing.T) {
	db := open(t, true)
	run(t, db, `CREATE TABLE outbox (in_the_way int)`)
	_, err := migrations.Up(t.Context(), db)
	require.Error(t, err)
	require.EqualValues(t, 2, read[int64](t, db, `SELECT max(version_id) FROM goose_db_version`))
	run(t, db, `DROP TABLE outbox`)
	_, err = migrations.Up(t.Context(), db)
	require.NoError(t, err)
}

// Applied files must not change any more, and each ends by asserting what it promised.
func TestFilesAreNumberedAndAssert(t *testing.T) {
	files, err := fs.Glob(os.DirFS("."), "*.sql")
	require.NoError(t, err)
	latest, err := migrations.Latest()
	require.NoError(t, err)
	require.Len(t, files, int(latest))
	for i, name := range files {
		require.Regexp(t, fmt.Sprintf(`^%05d_[a-z_]+\.sql$`, i+1), name)
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Contains(t, string(text), "-- +goose Up\n", name)
		require.Contains(t, string(text), "ASSERT ", name)
	}
}

// Every table is granted to the role of the processes, and none lets it delete but the outbox.
func TestGrants(t *testing.T) {
	db := open(t, false)
	rows, err := db.QueryContext(t.Context(), `
		SELECT c.relname, array_to_string(ARRAY(
			SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) p WHERE has_table_privilege('paysaga_app', c.oid, p)), ' ')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1`)
	require.NoError(t, err)
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var table, may string
		require.NoError(t, rows.Scan(&table, &may))
		got[table] = may
	}
	require.NoError(t, rows.Err())
	const rewrites, appends = "SELECT INSERT UPDATE", "SELECT INSERT"
	require.Equal(t, map[string]string{
		"merchants": rewrites, "api_keys": rewrites, "signing_keys": rewrites, "branches": rewrites, "card_vault": rewrites, "destination_cards": rewrites,
		"payments": rewrites, "attempts": rewrites, "payment_events": appends,
		"outbox": rewrites + " DELETE", "idempotency_keys": rewrites,
		"transfers": rewrites, "transfer_events": appends, "devices": rewrites, "sms": rewrites, "deposits": rewrites,
		"carriers": "SELECT", "products": rewrites, "topups": rewrites, "topup_events": appends, "balance_credits": appends,
		"gateway_accounts":  appends, // and retired_at may change
		"temporary_payment": rewrites, "system_log": appends,
		"webhook_endpoints": rewrites, "webhook_messages": rewrites, "webhook_attempts": appends,
		"payouts": rewrites, "payout_events": appends, "wallets": rewrites, "wallet_deposits": appends,
		"ledger_transfers": appends, "ledger_balances": "SELECT", "goose_db_version": "SELECT",
	}, got)

	// A foreign key without an index makes every delete and update of its target a full scan. Cards,
	// accounts, carriers, products, endpoints and messages are never deleted, and of balance_credits there are a handful.
	var bare []string
	links, err := db.QueryContext(t.Context(), `
		SELECT f.conrelid::regclass || ' ' || f.conname FROM pg_constraint f
		WHERE f.contype = 'f' AND f.confrelid::regclass::text NOT IN ('card_vault', 'destination_cards', 'gateway_accounts', 'carriers', 'products', 'webhook_endpoints', 'webhook_messages')
			AND f.conrelid::regclass::text <> 'balance_credits' AND NOT EXISTS (
			SELECT FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indkey[0] = f.conkey[1])`)
	require.NoError(t, err)
	defer links.Close()
	for links.Next() {
		var name string
		require.NoError(t, links.Scan(&name))
		bare = append(bare, name)
	}
	require.NoError(t, links.Err())
	require.Empty(t, strings.Join(bare, ", "))
}

// Every table with a saga's state tells its changes: a new kind of saga without triggers would be silent.
func TestEveryStateIsTold(t *testing.T) {
	db := open(t, false)
	rows, err := db.QueryContext(t.Context(), `
		SELECT c.table_name, coalesce(string_agg(t.tgname, ' ' ORDER BY t.tgname) FILTER (WHERE p.proname LIKE '%\_told'), '')
		FROM information_schema.columns c
		LEFT JOIN pg_trigger t ON t.tgrelid = c.table_name::regclass AND NOT t.tgisinternal LEFT JOIN pg_proc p ON p.oid = t.tgfoid
		WHERE c.table_schema = 'public' AND c.column_name = 'state' GROUP BY 1`)
	require.NoError(t, err)
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var table, triggers string
		require.NoError(t, rows.Scan(&table, &triggers))
		got[table] = triggers
	}
	require.NoError(t, rows.Err())
	require.Equal(t, map[string]string{
		"payments": "payment_changed payment_created", "transfers": "transfer_changed transfer_created", "deposits": "deposit_changed deposit_created",
		"topups": "topup_changed topup_created", "temporary_payment": "purchase_changed purchase_created", "payouts": "payout_changed payout_created",
		"attempts":          "", // visits to a bank are their payment's business
		"wallets":           "", // what arrives is told
		"webhook_endpoints": "", "webhook_messages": "",
	}, got)
	require.True(t, read[bool](t, db, `SELECT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'wallet_credited' AND tgrelid = 'wallet_deposits'::regclass)`))
	require.Zero(t, read[int](t, db, `SELECT count(*) FROM pg_trigger WHERE tgfoid IN (SELECT oid FROM pg_proc WHERE proname LIKE '%\_told') AND tgenabled <> 'O'`))
}
