package accounts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/accounts"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

const (
	oldKey = "old:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0="
	newKey = "new:bmV3LW5ldy1uZXctbmV3LW5ldy1uZXctbmV3LW5ldy0="
)

// bank asks for a terminal and a password, and remembers what it was opened with.
type bank struct {
	gateways.Bank
	name string
}

func (b bank) Name() string { return b.name }
func (b bank) Fields() []gateways.Field {
	return []gateways.Field{{Name: "terminal", Label: "terminal"}, {Name: "password", Label: "password", Secret: true}}
}

func (b bank) Open(c gateways.Credentials) (gateways.Gateway, error) {
	if err := c.CheckFields(b.Fields()); err != nil {
		return nil, err
	}
	if c["terminal"] == "letters" {
		return nil, errors.New("credentials: terminal is not a number")
	}
	return opened{with: c}, nil
}

type opened struct {
	gateways.Gateway
	with gateways.Credentials
}

// free asks for nothing.
type free struct{ gateways.Bank }

func (free) Name() string             { return "free" }
func (free) Fields() []gateways.Field { return nil }
func (free) Open(c gateways.Credentials) (gateways.Gateway, error) {
	return opened{with: c}, nil
}

type world struct {
	*testing.T
	accounts.Book
	m store.Merchant
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := store.Open(t.Context(), server.URL(t), store.Options{Pool: 5, Role: "paysaga_app"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	w := &world{T: t, Book: accounts.Book{Store: store.New(db, func() {}), Vault: keys(t, oldKey)}}
	w.m = w.merchant("shop")
	return w
}

func keys(t *testing.T, text string) *vault.Vault {
	t.Helper()
	v, err := vault.New(text)
	require.NoError(t, err)
	return v
}

func (w *world) merchant(id string) store.Merchant {
	w.Helper()
	m, err := w.Store.PutMerchant(w.Context(), store.Merchant{PublicID: id, CollectWindow: 1200, Gateways: []string{"saman", "mellat"}})
	require.NoError(w, err)
	return m
}

func (w *world) put(b gateways.Bank, password string) store.GatewayAccount {
	w.Helper()
	g, err := w.Put(w.Context(), w.m.ID, b, gateways.Credentials{"terminal": "1234", "password": password}, false)
	require.NoError(w, err)
	return g
}

func (w *world) attempt(gateway string) store.Attempt {
	w.Helper()
	token, err := w.Store.CreatePayment(w.Context(), store.NewPayment{Merchant: w.m, Amount: 10_000})
	require.NoError(w, err)
	a, err := w.Store.StartAttempt(w.Context(), store.NewAttempt{Token: token, Gateway: gateway})
	require.NoError(w, err)
	return a
}

func password(t *testing.T, g gateways.Gateway) string {
	t.Helper()
	return g.(opened).with["password"]
}

var (
	saman  = bank{name: "saman"}
	mellat = bank{name: "mellat"}
)

// An attempt's bank is opened with the account of its session, also when that was replaced, retired, and the
// encryption key changed since.
func TestAnAttemptIsOpenedWithItsAccount(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.put(saman, "first")
	w.put(mellat, "elsewhere")
	a := w.attempt("saman")
	w.Vault = keys(t, newKey+","+oldKey)
	w.put(saman, "second")
	b := w.attempt("saman")

	for attempt, want := range map[int64]string{a.ID: "first", b.ID: "second"} {
		g, err := w.OfAttempt(ctx, saman, attempt)
		require.NoError(t, err)
		require.Equal(t, want, password(t, g))
	}
	g, err := w.Live(ctx, w.m.ID, saman)
	require.NoError(t, err)
	require.Equal(t, "second", password(t, g))
	g, err = w.Open(saman, a.Account)
	require.NoError(t, err)
	require.Equal(t, "first", password(t, g))

	require.NoError(t, w.Store.RetireGatewayAccount(ctx, w.m.ID, "saman"))
	g, err = w.OfAttempt(ctx, saman, b.ID)
	require.NoError(t, err)
	require.Equal(t, "second", password(t, g))
	_, err = w.Live(ctx, w.m.ID, saman)
	require.ErrorIs(t, err, accounts.ErrNone)
	_, err = w.Open(saman, w.attempt("saman").Account)
	require.ErrorIs(t, err, accounts.ErrNone)
}

func TestABankWithoutCredentials(t *testing.T) {
	w := newWorld(t)
	w.Store = nil // nobody asks it
	for _, open := range []func() (gateways.Gateway, error){
		func() (gateways.Gateway, error) { return w.OfAttempt(t.Context(), free{}, 1) },
		func() (gateways.Gateway, error) { return w.Live(t.Context(), 1, free{}) },
		func() (gateways.Gateway, error) { return w.Open(free{}, store.GatewayAccount{}) },
	} {
		g, err := open()
		require.NoError(t, err)
		require.Empty(t, g.(opened).with)
	}
	_, err := w.Put(t.Context(), 1, free{}, gateways.Credentials{"x": "y"}, false)
	require.ErrorContains(t, err, "asks for no credentials")
}

func TestWhatABankDoesNotAcceptIsNotStored(t *testing.T) {
	w := newWorld(t)
	w.put(saman, "first")
	for says, c := range map[string]gateways.Credentials{
		"password is missing":           {"terminal": "1"},
		"terminal is missing":           {"terminal": "  ", "password": "hidden-word"},
		"user is unknown":               {"terminal": "1", "password": "hidden-word", "user": "hidden-user"},
		"terminal is not a number":      {"terminal": "letters", "password": "hidden-word"},
		"password is missing, terminal": nil,
	} {
		_, err := w.Put(t.Context(), w.m.ID, saman, c, false)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "hidden")
	}
	_, err := w.Put(t.Context(), w.m.ID+1000, saman, gateways.Credentials{"terminal": "1", "password": "hidden-word"}, false)
	require.ErrorIs(t, err, store.ErrNotFound)
	list, err := w.Store.GatewayAccounts(t.Context(), w.m.ID)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Nil(t, list[0].RetiredAt, "what was there goes on")
}

// A row opens with its key, for its merchant, at its bank; and no error shows what is in it.
func TestAnAccountOpensForNobodyElse(t *testing.T) {
	w := newWorld(t)
	g := w.put(saman, "hidden-word")
	require.NotContains(t, string(g.Credentials.Sealed), "hidden-word")
	require.NotContains(t, string(g.Credentials.Sealed), "1234")
	at := func(change func(*store.GatewayAccount)) store.GatewayAccount { out := g; change(&out); return out }
	elsewhere := at(func(g *store.GatewayAccount) { g.MerchantID++ })
	nonsense := at(func(g *store.GatewayAccount) {
		g.Credentials = w.Vault.SealText(w.m.ID, vault.GatewayAccount+"saman", `["hidden-word"`)
	})
	for name, tt := range map[string]struct {
		book    accounts.Book
		bank    gateways.Bank
		account store.GatewayAccount
		says    string
	}{
		"the key is gone":        {accounts.Book{Vault: keys(t, newKey)}, saman, g, fmt.Sprintf("account %d", g.ID)},
		"another key, same name": {accounts.Book{Vault: keys(t, "old:"+strings.Split(newKey, ":")[1])}, saman, g, fmt.Sprintf("account %d", g.ID)},
		"another merchant":       {w.Book, saman, elsewhere, fmt.Sprintf("account %d", g.ID)},
		"another bank":           {w.Book, mellat, g, "is one at saman"},
		"a row moved to a bank":  {w.Book, mellat, at(func(g *store.GatewayAccount) { g.Gateway = "mellat" }), fmt.Sprintf("account %d", g.ID)},
		"a changed byte": {w.Book, saman, at(func(g *store.GatewayAccount) {
			g.Credentials.Sealed = append([]byte{g.Credentials.Sealed[0] ^ 1}, g.Credentials.Sealed[1:]...)
		}), "account"},
		"nothing":                {w.Book, saman, store.GatewayAccount{}, accounts.ErrNone.Error()},
		"sealed, no credentials": {w.Book, saman, nonsense, "no credentials"},
		"an attempt without one": {w.Book, saman, w.attempt("mellat").Account, accounts.ErrNone.Error()},
	} {
		_, err := tt.book.Open(tt.bank, tt.account)
		require.ErrorContains(t, err, tt.says, name)
		require.NotContains(t, err.Error(), "hidden", name)
	}
	_, err := w.OfAttempt(t.Context(), mellat, w.attempt("mellat").ID)
	require.ErrorIs(t, err, store.ErrNotFound)
}

// Opening is quick enough not to be kept: a query by key, decryption, and no call.
func BenchmarkOpen(b *testing.B) {
	v, err := vault.New(oldKey)
	require.NoError(b, err)
	g := store.GatewayAccount{ID: 1, MerchantID: 7, Gateway: "saman", Credentials: v.SealText(7, vault.GatewayAccount+"saman", `{"terminal":"1234","password":"hidden-word"}`)}
	book := accounts.Book{Vault: v}
	for b.Loop() {
		if _, err := book.Open(saman, g); err != nil {
			b.Fatal(err)
		}
	}
}
