package sandbox

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways/wallets"
	"github.com/paysaga/paysaga/money"
)

func TestWalletPaysIn(t *testing.T) {
	w, b := newWalletWorld(t)
	iban := w.rent("wallet-1")
	got := w.paidIn(`{"reference":"wallet-1","amount":250000,"from":"` + payerCard + `"}`)
	want := WalletDeposit{ID: "600000000001", IBAN: iban, Amount: 250_000, From: "589210******7895", TrackingID: "9602600000000001", At: w.clock.Now()}
	require.Equal(t, WalletReport{WalletDeposit: want, Notified: []Notified{{Status: 202, Body: `{"state":0}`}}}, got)
	require.Equal(t, []string{`{"iban":"` + iban + `"}`}, b.rings())
	require.Equal(t, []string{""}, b.auth, "a notification proves nothing")

	list, err := w.renter().Deposits(t.Context(), iban, "")
	require.NoError(t, err)
	require.Equal(t, []wallets.Deposit{{ID: want.ID, Amount: want.Amount, From: want.From, TrackingID: want.TrackingID, At: want.At}}, list)

	spaced := iban[:4] + " " + iban[4:]
	quiet := w.paidIn(map[string]any{"iban": spaced, "amount": 250_000, "notify": false, "from": iban})
	require.Empty(t, quiet.Notified)
	require.Equal(t, "600000000002", quiet.ID, "the same again is another deposit")
	require.Equal(t, money.IBAN(iban).Masked(), quiet.From)
	require.Len(t, b.rings(), 1)

	thrice := w.paidIn(`{"reference":"wallet-1","amount":1,"times":3}`)
	require.Len(t, thrice.Notified, 3)
	require.Len(t, b.rings(), 4)
	require.Len(t, w.getBook("").Wallets.Deposits, 3, "one deposit a call, however many notifications")
	require.Empty(t, w.getBook("").Deposits, "the phones know nothing of it")
}

func TestWalletBadDeposits(t *testing.T) {
	w, b := newWalletWorld(t)
	iban := w.rent("wallet-1")
	for name, c := range map[string]struct {
		in     string
		status int
		says   string
	}{
		"broken JSON":       {`{"amount":`, 400, "bad JSON"},
		"two values":        {`{} {}`, 400, "bad JSON: more than one value"},
		"unknown field":     {`{"reference":"wallet-1","amout":2}`, 400, "amout"},
		"no account":        {`{"amount":5}`, 400, "use either iban or reference"},
		"both":              {`{"amount":5,"reference":"wallet-1","iban":"` + iban + `"}`, 400, "use either iban or reference"},
		"unknown reference": {`{"amount":5,"reference":"wallet-2"}`, 404, "no such account"},
		"unknown iban":      {`{"amount":5,"iban":"IR270170000000100324200001"}`, 404, "no such account"},
		"not an iban":       {`{"amount":5,"iban":"IR1"}`, 400, "iban: not an Iranian IBAN"},
		"mistyped iban":     {`{"amount":5,"iban":"IR280170000000100324200001"}`, 400, "iban: the IBAN's check digits"},
		"no amount":         {`{"reference":"wallet-1"}`, 400, "amount: must be from 1"},
		"zero":              {`{"reference":"wallet-1","amount":0}`, 400, "amount: must be from 1"},
		"negative":          {`{"reference":"wallet-1","amount":-5}`, 400, "not -5"},
		"too much":          {`{"reference":"wallet-1","amount":1000000000001}`, 400, "amount: must be from 1"},
		"huge":              {`{"reference":"wallet-1","amount":99999999999999999999}`, 400, "amount"},
		"a fraction":        {`{"reference":"wallet-1","amount":1.5}`, 400, "amount"},
		"text amount":       {`{"reference":"wallet-1","amount":"5"}`, 400, "amount"},
		"negative times":    {`{"reference":"wallet-1","amount":5,"times":-1}`, 400, "times: must be from 1 to 100"},
		"too many times":    {`{"reference":"wallet-1","amount":5,"times":101}`, 400, "times: must be from 1 to 100"},
		"from a name":       {`{"reference":"wallet-1","amount":5,"from":"Sara"}`, 400, "from: must be a card number or an IBAN"},
		"from a wrong card": {`{"reference":"wallet-1","amount":5,"from":"6219860000000018"}`, 400, "from: must be a card number"},
	} {
		t.Run(name, func(t *testing.T) {
			var got struct{ Error string }
			require.Equal(t, c.status, w.json(http.MethodPost, "/wallet/deposit", c.in, &got))
			require.Contains(t, got.Error, c.says)
		})
	}
	require.Empty(t, w.getBook("").Wallets.Deposits)
	require.Empty(t, b.rings())
}

func TestWalletNotifications(t *testing.T) {
	for rules, c := range map[string]struct {
		rings  int
		played []string
	}{
		`{}`:                            {1, nil},
		`{"wallet":{"lose_notify":1}}`:  {0, []string{"lose_notify"}},
		`{"wallet":{"notify_twice":1}}`: {2, []string{"notify_twice"}},
		`{"wallet":{"lose_notify":1,"notify_twice":1}}`: {0, []string{"notify_twice", "lose_notify"}},
	} {
		t.Run(rules, func(t *testing.T) {
			w, b := newWalletWorld(t)
			iban := w.rent("wallet-1")
			w.setRules(rules)
			got := w.paidIn(`{"reference":"wallet-1","amount":5}`)
			require.Len(t, got.Notified, c.rings)
			require.Equal(t, c.played, got.Rules)
			require.Len(t, b.rings(), c.rings)
			require.Len(t, w.getBook("").Wallets.Deposits, 1)

			calls := w.getBook("?calls=1&key=" + iban).Calls
			require.Len(t, calls, max(c.rings, 1))
			require.Equal(t, strings.Join(c.played, " "), calls[0].Rule)
		})
	}
}

func TestWalletTellsWhatTheAPISaid(t *testing.T) {
	w, b := newWalletWorld(t)
	w.rent("wallet-1")
	b.answers(503, "<h1>down</h1>")
	require.Equal(t, []Notified{{Status: 503, Body: "<h1>down</h1>"}}, w.paidIn(`{"reference":"wallet-1","amount":5}`).Notified)

	w.s.api, _ = origin("http://127.0.0.1:1")
	silent := w.paidIn(`{"reference":"wallet-1","amount":5}`).Notified[0]
	require.Zero(t, silent.Status)
	require.Contains(t, silent.Error, "notify")
	require.Len(t, w.getBook("").Wallets.Deposits, 2, "the money came all the same")
}

func TestWalletMoneyStaysWhenTheCallerLeaves(t *testing.T) {
	w, b := newWalletWorld(t)
	iban := w.rent("wallet-1")
	b.hold = make(chan struct{})
	ended := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.s.ServeHTTP(rw, r)
	}))
	defer front.Close()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, front.URL+"/wallet/deposit", strings.NewReader(`{"reference":"wallet-1","amount":5}`))
	require.NoError(t, err)
	left := make(chan error, 1)
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
		}
		left <- err
	}()
	require.Eventually(t, func() bool { return len(b.rings()) == 1 }, 10*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-left, context.Canceled)
	select {
	case <-ended: // the sandbox has noticed
	case <-time.After(10 * time.Second):
		t.Error("the call is still held")
	}
	close(b.hold)
	require.Eventually(t, func() bool {
		calls := w.getBook("?calls=1&key=" + iban).Calls
		return len(calls) == 1 && calls[0].Answer == http.StatusAccepted
	}, 10*time.Second, time.Millisecond, "the notification is not broken off")
	require.Len(t, w.getBook("").Wallets.Deposits, 1)
}
