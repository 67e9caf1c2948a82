package store_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// world is a database of its own with the store on it, as the application's role and as the owner's.
type world struct {
	*testing.T
	*store.Store
	db    *bun.DB
	owner *bun.DB
	url   string
	kicks atomic.Int64
	names atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t}
	w.url = server.URL(t)
	w.db, w.owner = w.connect(w.url, "paysaga_app"), w.connect(w.url, "")
	w.Store = store.New(w.db, func() { w.kicks.Add(1) })
	return w
}

func (w *world) connect(url, role string) *bun.DB {
	w.Helper()
	db, err := store.Open(w.Context(), url, store.Options{Pool: 25, Role: role})
	require.NoError(w, err)
	w.Cleanup(func() { _ = db.Close() })
	return db
}

// exec runs a statement as the application.
func (w *world) exec(query string, args ...any) {
	w.Helper()
	_, err := w.db.NewRaw(query, args...).Exec(w.Context())
	require.NoError(w, err)
}

// value reads one value as the owner.
func value[T any](w *world, query string, args ...any) T {
	w.Helper()
	var out T
	require.NoError(w, w.owner.NewRaw(query, args...).Scan(w.Context(), &out))
	return out
}

// facts are all rows of all tables that commands write: nothing changed when they are equal.
func (w *world) facts() string {
	w.Helper()
	var out strings.Builder
	for _, table := range []string{"payments", "attempts", "payment_events", "topups", "topup_events", "transfers", "transfer_events", "deposits", "sms", "card_vault", "gateway_accounts", "outbox", "ledger_transfers", "ledger_balances", "idempotency_keys", "temporary_payment", "system_log",
		"webhook_endpoints", "webhook_messages", "webhook_attempts", "payouts", "payout_events", "wallets", "wallet_deposits"} {
		fmt.Fprintln(&out, table, value[string](w, `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '') FROM ? t`, bun.Ident(table)))
	}
	return out.String()
}

func (w *world) newMerchant(change ...func(*store.Merchant)) store.Merchant {
	w.Helper()
	in := store.Merchant{PublicID: fmt.Sprintf("shop-%d", w.names.Add(1)), CollectWindow: 1200, Gateways: []string{"sandbox", "zibal"}}
	for _, f := range change {
		f(&in)
	}
	m, err := w.PutMerchant(w.Context(), in)
	require.NoError(w, err)
	return m
}

func (w *world) create(m store.Merchant, change ...func(*store.NewPayment)) store.Payment {
	w.Helper()
	in := store.NewPayment{Merchant: m, Amount: 10_000}
	for _, f := range change {
		f(&in)
	}
	token, err := w.CreatePayment(w.Context(), in)
	require.NoError(w, err)
	return w.read(token)
}

func autoCollect(in *store.NewPayment) { in.AutoCollect = true }

func (w *world) read(token string) store.Payment {
	w.Helper()
	p, err := w.PaymentByToken(w.Context(), token)
	require.NoError(w, err)
	return p
}

// start takes an invoice number for a visit with a tip of 500 rial.
func (w *world) start(p store.Payment) store.Attempt {
	w.Helper()
	a, err := w.StartAttempt(w.Context(), store.NewAttempt{Token: p.Token, Gateway: "zibal", Tip: 500, Payer: "0938*****25"})
	require.NoError(w, err)
	return a
}

// open brings the payer to the bank.
func (w *world) open(p store.Payment) store.Attempt {
	w.Helper()
	a := w.start(p)
	require.NoError(w, w.OpenAttempt(w.Context(), a.ID, fmt.Sprint("ref-", a.ID), time.Minute))
	return a
}

func receipt(a store.Attempt) store.Receipt {
	return store.Receipt{AttemptID: a.ID, BankTran: fmt.Sprint("tran-", a.ID), RRN: fmt.Sprint("rrn-", a.ID), Card: "621986******0019"}
}

func (w *world) pay(a store.Attempt) store.Standing {
	w.Helper()
	at, err := w.AttemptPaid(w.Context(), receipt(a))
	require.NoError(w, err)
	return at
}

// deadline moves a payment's deadline to d from now, on the database clock.
func (w *world) deadline(p store.Payment, d time.Duration) {
	w.Helper()
	w.exec(`UPDATE payments SET collect_by = clock_timestamp() + make_interval(secs => ?) WHERE id = ?`, d.Seconds(), p.ID)
}

func (w *world) shut(p store.Payment) store.Deadline {
	w.Helper()
	w.deadline(p, 0)
	found, err := w.AtDeadline(w.Context(), p.ID)
	require.NoError(w, err)
	return found
}

// bring creates a payment and carries it to a state by commands. The attempt is the one that serves
// it, else the latest; zero when there was none.
func (w *world) bring(m store.Merchant, to state.Payment) (store.Payment, store.Attempt) {
	w.Helper()
	p := w.create(m)
	var a store.Attempt
	switch to {
	case state.PaymentPending:
	case state.PaymentExpired:
		w.shut(p)
	case state.PaymentFailed:
		a = w.open(p)
		require.NoError(w, w.FailAttempt(w.Context(), a.ID, "declined"))
		w.shut(p)
	default:
		a = w.open(p)
		w.pay(a)
		switch to {
		case state.PaymentCollected:
			_, err := w.CollectPayment(w.Context(), m.ID, p.Token)
			require.NoError(w, err)
		case state.PaymentRefunding, state.PaymentRefunded:
			w.shut(p)
		}
		if to == state.PaymentRefunded {
			_, err := w.AttemptRefunded(w.Context(), a.ID, "cancelled")
			require.NoError(w, err)
		}
	}
	p = w.read(p.Token)
	require.Equal(w, to, p.State)
	return p, a
}

func (w *world) attemptState(id int64) state.Attempt {
	w.Helper()
	return value[state.Attempt](w, `SELECT state FROM attempts WHERE id = ?`, id)
}

// kinds are the timeline's kinds, in order.
func (w *world) kinds(p store.Payment) []string {
	w.Helper()
	events, err := w.Timeline(w.Context(), p.ID)
	require.NoError(w, err)
	kinds := make([]string, len(events))
	for i, e := range events {
		kinds[i] = e.Kind
	}
	return kinds
}

// messages are what the saga of a payment is still to be told, in order.
func (w *world) messages(p store.Payment) []string {
	w.Helper()
	return strings.Fields(value[string](w, `SELECT coalesce(string_agg(message, ' ' ORDER BY id), '') FROM outbox WHERE saga = 'payment' AND ref = ?`, p.Token))
}

// books are a merchant's balances.
func (w *world) books(m store.Merchant) (held, available money.Rial) {
	w.Helper()
	balance := func(kind string) money.Rial {
		account := fmt.Sprintf("merchant/%d/%s", m.ID, kind)
		return value[money.Rial](w, `
			SELECT coalesce(sum(CASE account WHEN credit_account THEN amount ELSE -amount END), 0)::bigint
			FROM ledger_transfers, (SELECT ?::text AS account) x WHERE account IN (credit_account, debit_account)`, account)
	}
	return balance("held"), balance("available")
}

func (w *world) requireBooks(m store.Merchant, held, available money.Rial) {
	w.Helper()
	h, a := w.books(m)
	require.Equal(w, []money.Rial{held, available}, []money.Rial{h, a}, "held and available")
}

// requireTrue audits with no grace but for the outbox, which nobody delivers here.
func (w *world) requireTrue() {
	w.Helper()
	w.exec(`DELETE FROM outbox`)
	breaches, err := w.Audit(w.Context(), 3600)
	require.NoError(w, err)
	require.Empty(w, breaches)
}

// blocked waits until n statements of this database wait for a lock.
func (w *world) blocked(n int) {
	w.Helper()
	require.Eventually(w, func() bool {
		return value[int](w, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) >= n
	}, 4*time.Second, 2*time.Millisecond, "statements that wait for a lock")
}

// hold locks a payment's row as a command in progress would; what runs meanwhile waits behind it.
func (w *world) hold(p store.Payment) (tx bun.Tx) {
	w.Helper()
	tx, err := w.owner.BeginTx(w.Context(), nil)
	require.NoError(w, err)
	w.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.NewRaw(`SELECT FROM payments WHERE id = ? FOR NO KEY UPDATE`, p.ID).Exec(w.Context())
	require.NoError(w, err)
	return tx
}

// pause makes statements that fire the trigger and hold a text wait for resume: after their snapshot
// was taken and, with AFTER, with their rows locked.
func (w *world) pause(when, text string) (resume func()) {
	w.Helper()
	ctx := w.Context()
	_, err := w.owner.NewRaw(`
		CREATE FUNCTION test_pause() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF position(? IN current_query()) > 0 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER test_pause `+when+` FOR EACH STATEMENT EXECUTE FUNCTION test_pause()`, text).Exec(ctx)
	require.NoError(w, err)
	tx, err := w.owner.BeginTx(ctx, nil)
	require.NoError(w, err)
	w.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(1)`)
	require.NoError(w, err)
	return func() { require.NoError(w, tx.Commit()) }
}

func rial(n int) money.Rial { return money.Rial(n) }
