package store_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func sealed(text string) vault.Text { return vault.Text{KeyID: "k1", Sealed: []byte(text)} }

func (w *world) putAccount(m store.Merchant, gateway, text string) store.GatewayAccount {
	w.Helper()
	g, err := w.PutGatewayAccount(w.Context(), store.NewGatewayAccount{MerchantID: m.ID, Gateway: gateway, Credentials: sealed(text)})
	require.NoError(w, err)
	return g
}

func TestGatewayAccounts(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m, other := w.newMerchant(), w.newMerchant()
	_, err := w.GatewayAccount(ctx, m.ID, "zibal")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, w.RetireGatewayAccount(ctx, m.ID, "zibal"), store.ErrNotFound)
	_, err = w.PutGatewayAccount(ctx, store.NewGatewayAccount{MerchantID: m.ID + 1000, Gateway: "zibal", Credentials: sealed("x")})
	require.ErrorIs(t, err, store.ErrNotFound)

	first := w.putAccount(m, "zibal", "first")
	require.Equal(t, []any{m.ID, "zibal", sealed("first"), true}, []any{first.MerchantID, first.Gateway, first.Credentials, first.RetiredAt == nil})
	w.putAccount(m, "saman", "elsewhere")
	w.putAccount(other, "zibal", "another's")
	second := w.putAccount(m, "zibal", "second")
	live, err := w.GatewayAccount(ctx, m.ID, "zibal")
	require.NoError(t, err)
	require.Equal(t, second, live)

	list, err := w.GatewayAccounts(ctx, m.ID)
	require.NoError(t, err)
	var seen []string
	for _, g := range list {
		seen = append(seen, fmt.Sprint(g.Gateway, " ", string(g.Credentials.Sealed), " ", g.RetiredAt == nil))
	}
	require.Equal(t, []string{"zibal second true", "saman elsewhere true", "zibal first false"}, seen)

	require.NoError(t, w.RetireGatewayAccount(ctx, m.ID, "zibal"))
	_, err = w.GatewayAccount(ctx, m.ID, "zibal")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = w.GatewayAccount(ctx, other.ID, "zibal")
	require.NoError(t, err, "another merchant's goes on")
}

// Ten people put credentials at once: one account is live, and each of the others was.
func TestPutGatewayAccountAtOnce(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for _, err := range together(10, func(i int) error {
		_, err := w.PutGatewayAccount(t.Context(), store.NewGatewayAccount{MerchantID: m.ID, Gateway: "zibal", Credentials: sealed(fmt.Sprint("c", i))})
		return err
	}) {
		require.NoError(t, err)
	}
	list, err := w.GatewayAccounts(t.Context(), m.ID)
	require.NoError(t, err)
	require.Len(t, list, 10)
	for i, g := range list {
		require.Equal(t, i == 0, g.RetiredAt == nil)
	}
}

// What was begun with an account goes on with it, whatever the merchant uses now.
func TestAnAttemptKeepsItsAccount(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.newMerchant()
	w.putAccount(w.newMerchant(), "zibal", "another's")
	none := w.start(w.create(m))
	require.Zero(t, none.Account)
	_, err := w.AttemptAccount(ctx, none.ID)
	require.ErrorIs(t, err, store.ErrNotFound)

	first := w.putAccount(m, "zibal", "first")
	w.putAccount(m, "sandbox", "elsewhere")
	a := w.open(w.create(m))
	require.Equal(t, []any{first.ID, m.ID, "zibal", sealed("first")}, []any{a.Account.ID, a.Account.MerchantID, a.Account.Gateway, a.Account.Credentials})

	second := w.putAccount(m, "zibal", "second")
	b := w.open(w.create(m))
	require.Equal(t, second.ID, b.Account.ID)
	require.NoError(t, w.RetireGatewayAccount(ctx, m.ID, "zibal"))
	c := w.start(w.create(m))
	require.Zero(t, c.Account, "a retired account opens no session")
	for attempt, want := range map[int64]store.GatewayAccount{a.ID: first, b.ID: second} {
		got, err := w.AttemptAccount(ctx, attempt)
		require.NoError(t, err)
		require.NotNil(t, got.RetiredAt)
		got.RetiredAt = nil
		require.Equal(t, want, got)
	}
}

// A new password of the same terminal: what was begun with the old one goes on with the new one.
func TestANewPasswordOfTheSameTerminal(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.newMerchant()
	renew := func(text string) (store.GatewayAccount, error) {
		return w.PutGatewayAccount(ctx, store.NewGatewayAccount{MerchantID: m.ID, Gateway: "zibal", Credentials: sealed(text), SameTerminal: true})
	}
	w.putAccount(w.newMerchant(), "zibal", "another's")
	w.putAccount(m, "saman", "elsewhere")
	_, err := renew("second")
	require.ErrorIs(t, err, store.ErrNotFound, "of which terminal?")
	w.putAccount(m, "zibal", "an earlier terminal")
	before := w.open(w.create(m))
	w.putAccount(m, "zibal", "first")
	a := w.open(w.create(m))
	_, err = renew("second")
	require.NoError(t, err)
	b := w.open(w.create(m))
	require.NoError(t, w.RetireGatewayAccount(ctx, m.ID, "zibal"))
	_, err = renew("third")
	require.NoError(t, err)
	for attempt, want := range map[int64]string{before.ID: "an earlier terminal", a.ID: "third", b.ID: "third"} {
		got, err := w.AttemptAccount(ctx, attempt)
		require.NoError(t, err)
		require.Equal(t, want, string(got.Credentials.Sealed))
	}
	live, err := w.GatewayAccount(ctx, m.ID, "zibal")
	require.NoError(t, err)
	require.Equal(t, "third", string(live.Credentials.Sealed))
}

// The application can retire an account, and nothing else about it.
func TestGatewayAccountsNeverChange(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	g := w.putAccount(m, "zibal", "first")
	for _, statement := range []string{
		`UPDATE gateway_accounts SET sealed = 'x' WHERE id = %d`, `UPDATE gateway_accounts SET key_id = 'x' WHERE id = %d`,
		`UPDATE gateway_accounts SET replaces = NULL WHERE id = %d`, `UPDATE gateway_accounts SET merchant_id = 1 WHERE id = %d`, `UPDATE gateway_accounts SET gateway = 'x' WHERE id = %d`,
		`DELETE FROM gateway_accounts WHERE id = %d`,
	} {
		_, err := w.db.ExecContext(t.Context(), fmt.Sprintf(statement, g.ID))
		require.Equal(t, "42501", sqlState(err), statement)
	}
	for statement, state := range map[string]string{
		`INSERT INTO gateway_accounts (merchant_id, gateway, key_id, sealed) VALUES (%d, 'zibal', 'k', 'x')`:        "23505",
		`INSERT INTO gateway_accounts (merchant_id, gateway, key_id, sealed) VALUES (%d, 'saman', 'k', '')`:         "23514",
		`INSERT INTO gateway_accounts (merchant_id, gateway, key_id, sealed) VALUES (%d, '', 'k', 'x')`:             "23514",
		`INSERT INTO gateway_accounts (merchant_id, gateway, key_id, sealed) VALUES (%d + 1000, 'saman', 'k', 'x')`: "23503",
		`UPDATE attempts SET account_id = 1000 + %d`:                                                                "23503",
	} {
		w.start(w.create(m))
		_, err := w.db.ExecContext(t.Context(), fmt.Sprintf(statement, m.ID))
		require.Equal(t, state, sqlState(err), statement)
	}
}

// The page knows where the merchant has an account, and of every visit that may still bring money.
func TestThePageKnowsAccountsAndOpenVisits(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	m := w.newMerchant()
	w.putAccount(m, "zibal", "first")
	w.putAccount(m, "saman", "second")
	require.NoError(t, w.RetireGatewayAccount(ctx, m.ID, "saman"))
	w.putAccount(w.newMerchant(), "mellat", "another's")
	p := w.create(m)
	read := func() store.PaymentPage {
		page, err := w.PaymentPage(ctx, p.Token)
		require.NoError(t, err)
		return page
	}
	page := read()
	require.Equal(t, []string{"zibal"}, page.Accounts)
	require.Equal(t, store.AttemptOnPage{}, page.Attempt)

	first := w.open(p)
	require.True(t, read().Attempt.Open)
	// A second visit that came to no session does not hide the first.
	second := w.start(p)
	require.NoError(t, w.FailAttempt(ctx, second.ID, store.NoSession))
	page = read()
	require.Equal(t, []any{second.ID, state.AttemptFailed, "no_session", true, false},
		[]any{page.Attempt.ID, page.Attempt.State, page.Attempt.Error, page.Attempt.Open, page.Attempt.Checking})
	_, err := w.RecordCallback(ctx, first.ID, first.CallbackKey, nil)
	require.NoError(t, err)
	require.True(t, read().Attempt.Checking)
	require.NoError(t, w.FailAttempt(ctx, first.ID, "declined"))
	page = read()
	require.False(t, page.Attempt.Open || page.Attempt.Checking)
}
