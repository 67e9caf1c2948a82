package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/accounts"
	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/vault"
)

// closedBank is a bank that asks for a password and opens sessions as told.
type closedBank struct {
	gateways.Bank
	name   string
	fields []gateways.Field
	fails  atomic.Pointer[error]
	calls  atomic.Int64
	with   []string
}

func (b *closedBank) Name() string             { return b.name }
func (b *closedBank) Fields() []gateways.Field { return b.fields }
func (b *closedBank) Open(c gateways.Credentials) (gateways.Gateway, error) {
	if err := c.CheckFields(b.fields); err != nil {
		return nil, err
	}
	plain, err := b.Bank.Open(nil)
	return &closedGateway{plain, b, c["password"]}, err
}

func (b *closedBank) says(err error) { b.fails.Store(&err) }

type closedGateway struct {
	gateways.Gateway
	bank     *closedBank
	password string
}

func (g *closedGateway) Name() string { return g.bank.name }

func (g *closedGateway) CreateSession(ctx context.Context, in gateways.Session) (gateways.Redirect, error) {
	g.bank.calls.Add(1)
	g.bank.with = append(g.bank.with, g.password)
	if err := g.bank.fails.Load(); err != nil && *err != nil {
		return gateways.Redirect{}, *err
	}
	return g.Gateway.CreateSession(ctx, in)
}

var password = []gateways.Field{{Name: "password", Label: "رمز", Secret: true}}

// newRouting is a world whose banks do as they are told; fields are what zibal asks for.
func newRouting(t *testing.T, fields []gateways.Field, change ...func(*api.Deps)) (*world, map[string]*closedBank) {
	banks := map[string]*closedBank{}
	w := newWorld(t, append(change, func(d *api.Deps) {
		for name, bank := range d.Gateways {
			banks[name] = &closedBank{Bank: bank, name: name}
			d.Gateways[name] = banks[name]
		}
		banks["zibal"].fields = fields
	})...)
	return w, banks
}

// banks are what a page offers, what it marks as unavailable, and what it preselects.
func (w *world) offers(a answer) (offered, marked []string, chosen string) {
	w.Helper()
	d := parse(w.T, a)
	for n := range d.byID("pay").Descendants() {
		if n.Data != "input" || attr(n, "name") != "gateway" {
			continue
		}
		name := attr(n, "value")
		offered = append(offered, name)
		for _, at := range n.Attr {
			if at.Key == "checked" {
				chosen = name
			}
		}
		for m := range n.Parent.Descendants() {
			if m.Type == html.ElementNode && strings.Contains(attr(m, "class"), "down") {
				marked = append(marked, name)
			}
		}
	}
	return offered, marked, chosen
}

var (
	refused     = &gateways.Refused{Op: "Token", Code: "474", Why: "caller's address not registered"}
	unavailable = &gateways.Unavailable{Op: "Token", Err: errors.New("connection refused")}
	unclear     = &gateways.Unknown{Op: "Token", Err: errors.New("timeout")}
)

// A bank that asks for credentials is offered to the payers of merchants who gave some, and opened with them.
func TestABankNeedsAnAccount(t *testing.T) {
	w, banks := newRouting(t, password)
	ctx := t.Context()
	book := accounts.Book{Store: w.store, Vault: w.vault}
	token := w.create()
	m, err := w.store.Merchant(ctx, "faSDF42w3Fs")
	require.NoError(t, err)
	other, err := w.store.Merchant(ctx, "demo-fast")
	require.NoError(t, err)
	put := func(id int64, password string) {
		_, err := book.Put(ctx, id, banks["zibal"], gateways.Credentials{"password": password}, false)
		require.NoError(t, err)
	}
	see := func() []string { offered, _, _ := w.offers(w.page("GET", "/pay/"+token, nil)); return offered }
	pay := func(status int) answer {
		a := w.page("POST", "/pay/"+token, url.Values{"gateway": {"zibal"}})
		require.Equal(t, status, a.StatusCode, a.body)
		return a
	}
	put(other.ID, "word-of-another")
	require.Equal(t, []string{"asanpardakht", "zarinpal"}, see())
	facts := w.facts()
	pay(http.StatusBadRequest)
	require.Equal(t, facts, w.facts())

	put(m.ID, "word-one")
	require.Equal(t, []string{"asanpardakht", "zarinpal", "zibal"}, see())
	pay(http.StatusOK)
	put(m.ID, "word-two")
	pay(http.StatusOK)
	require.Equal(t, []string{"word-one", "word-two"}, banks["zibal"].with)

	// What was sealed with a key that is gone: no session, and the payer may go elsewhere.
	lost, err := vault.New("lost:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0=")
	require.NoError(t, err)
	_, err = accounts.Book{Store: w.store, Vault: lost}.Put(ctx, m.ID, banks["zibal"], gateways.Credentials{"password": "word-three"}, false)
	require.NoError(t, err)
	pay(http.StatusConflict)
	require.Len(t, banks["zibal"].with, 2)

	require.NoError(t, w.store.RetireGatewayAccount(ctx, m.ID, "zibal"))
	require.Equal(t, []string{"asanpardakht", "zarinpal"}, see())
	pay(http.StatusBadRequest)
	require.NotContains(t, w.log.String(), "word-")
	require.NotContains(t, w.facts(), "word-")
}

// A bank that gives no session is named, marked, and no longer preselected; what the payer typed stays, and no
// other bank is tried by itself.
func TestTheNextBankIsOffered(t *testing.T) {
	w, banks := newRouting(t, nil)
	for says, tt := range map[error]string{refused: "session_refused", unavailable: "no_session", unclear: "no_session", errors.New("?"): "no_session"} {
		banks["asanpardakht"].says(says)
		token := w.create("preferred_method", "asanpardakht")
		a := w.page("POST", "/pay/"+token, url.Values{"gateway": {"asanpardakht"}, "tip": {"۲۰۰۰"}, "mobile": {"09381234525"}})
		require.Equal(t, http.StatusConflict, a.StatusCode)
		w.requirePolicy(a, true)
		d := parse(t, a)
		require.NotNil(t, d.byID("no-session"))
		require.Contains(t, a.body, "پولی از حسابتان کم نشده است")
		require.NotContains(t, a.body, "address")
		require.Equal(t, [][]string{{"۲۰۰۰"}, {"09381234525"}}, [][]string{d.values("input", "tip", "value"), d.values("input", "mobile", "value")})
		for _, a := range []answer{a, w.page("GET", "/pay/"+token, nil)} { // and so it stays when the page is loaded again
			offered, marked, chosen := w.offers(a)
			require.Equal(t, []string{"asanpardakht", "zarinpal", "zibal"}, offered)
			require.Equal(t, []string{"asanpardakht"}, marked)
			require.Equal(t, "zarinpal", chosen)
			require.NotNil(t, parse(t, a).byID("no-session"))
		}
		p := w.payment(token)
		require.Equal(t, []any{state.PaymentPending, tt}, []any{p.State, *p.StateError})
		visits, err := w.store.OpenVisits(t.Context(), p.ID)
		require.NoError(t, err)
		require.Empty(t, visits, "nobody has to ask this bank about it")
		require.Zero(t, banks["zarinpal"].calls.Load()+banks["zibal"].calls.Load(), "nothing is tried by itself")

		// The payer may insist, and go to the next.
		banks["asanpardakht"].says(nil)
		require.Equal(t, http.StatusOK, w.page("POST", "/pay/"+token, url.Values{"gateway": {"asanpardakht"}}).StatusCode)
		_, marked, _ := w.offers(w.page("GET", "/pay/"+token, nil))
		require.Empty(t, marked)
	}
	require.Contains(t, w.log.String(), "the bank gave no session")
}

// While a visit is open its payer may have paid: another bank is not suggested.
func TestNoOtherBankIsSuggestedWhileAVisitIsOpen(t *testing.T) {
	w, banks := newRouting(t, nil)
	token := w.create("preferred_method", "asanpardakht")
	require.Equal(t, http.StatusOK, w.page("POST", "/pay/"+token, url.Values{"gateway": {"zibal"}}).StatusCode)
	banks["asanpardakht"].says(unclear)
	a := w.page("POST", "/pay/"+token, url.Values{"gateway": {"asanpardakht"}})
	require.Equal(t, http.StatusConflict, a.StatusCode)
	for _, a := range []answer{a, w.page("GET", "/pay/"+token, nil)} {
		_, marked, chosen := w.offers(a)
		require.Equal(t, []string{"asanpardakht"}, marked)
		require.Equal(t, "asanpardakht", chosen, "as before")
		require.Contains(t, a.body, "پرداختی در بانک باز است", "the warning against paying twice")
	}
	require.Zero(t, banks["zarinpal"].calls.Load())
}

// A bank that is down is not tried for each payer, and tried again after a while.
func TestABankThatIsDownIsLeftAlone(t *testing.T) {
	w, banks := newRouting(t, nil, func(d *api.Deps) { d.BankPause = 300 * time.Millisecond })
	bank := banks["asanpardakht"]
	pay := func() (string, answer) {
		token := w.create()
		return token, w.page("POST", "/pay/"+token, url.Values{"gateway": {"asanpardakht"}})
	}
	bank.says(refused)
	for range 6 {
		_, a := pay()
		require.Equal(t, http.StatusConflict, a.StatusCode)
	}
	_, marked, _ := w.offers(w.page("GET", "/pay/"+w.create(), nil))
	require.Empty(t, marked, "it is there; what it refuses is one merchant's")

	bank.says(unclear)
	for range 5 {
		_, a := pay()
		require.Equal(t, http.StatusConflict, a.StatusCode)
	}
	offered, marked, chosen := w.offers(w.page("GET", "/pay/"+w.create(), nil))
	require.Equal(t, []any{[]string{"asanpardakht", "zarinpal", "zibal"}, []string{"asanpardakht"}, "zarinpal"}, []any{offered, marked, chosen})
	calls := bank.calls.Load()
	token, a := pay()
	require.Equal(t, http.StatusConflict, a.StatusCode)
	require.NotNil(t, parse(t, a).byID("no-session"))
	require.Equal(t, calls, bank.calls.Load())
	var attempts int
	require.NoError(t, w.db.NewRaw(`SELECT attempts FROM payments WHERE token = ?`, token).Scan(t.Context(), &attempts))
	require.Zero(t, attempts, "no invoice is spent on it")
	require.Equal(t, http.StatusOK, w.page("POST", "/pay/"+token, url.Values{"gateway": {"zarinpal"}}).StatusCode)
	require.Contains(t, w.log.String(), "bank gives no sessions")

	bank.says(nil)
	require.Eventually(t, func() bool {
		_, a := pay()
		return a.StatusCode == http.StatusOK
	}, 5*time.Second, 50*time.Millisecond)
	require.Contains(t, w.log.String(), "bank gives sessions again")
	_, marked, chosen = w.offers(w.page("GET", "/pay/"+w.create(), nil))
	require.Empty(t, marked)
	require.Equal(t, "asanpardakht", chosen)
}
