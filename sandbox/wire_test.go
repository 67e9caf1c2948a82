package sandbox

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
)

// What wires have in common. Each bank's own words are tried by the adapters' contract test.

// adapter opens the account of a bank at its wire.
func (w *world) adapter(bank string) gateways.Gateway {
	w.t.Helper()
	base, client := w.url+"/wire/"+bank, gateways.NewHTTPClient(5*time.Second)
	b := map[string]func() gateways.Bank{
		"asanpardakht": func() gateways.Bank { return gateways.NewAsanpardakht(base, base, client) },
		"zarinpal":     func() gateways.Bank { return gateways.NewZarinpal(base, base, client) },
		"zibal":        func() gateways.Bank { return gateways.NewZibal(base, client) },
		"saman":        func() gateways.Bank { return gateways.NewSaman(base, client) },
		"mellat":       func() gateways.Bank { return gateways.NewMellat(base, client) },
	}[bank]()
	g, err := b.Open(Account(bank))
	require.NoError(w.t, err)
	return g
}

func TestPayerWalksEveryWire(t *testing.T) {
	for _, bank := range Wires() {
		for do, want := range map[string]struct {
			state     State
			callbacks int
		}{
			doPay: {Paid, 1}, doVerifyTimeout: {Paid, 1}, doDecline: {Declined, 1}, doLoseCallback: {Paid, 0}, doCallbackTwice: {Paid, 2},
		} {
			t.Run(bank+" "+do, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.api.bank = func(string) gateways.Gateway { return w.adapter(bank) }
				status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: do})
				require.Equal(t, http.StatusOK, status, got.Error)
				require.Equal(t, bank, got.Bank)
				charges := w.getBook("?bank=" + bank).Charges
				require.Len(t, charges, 1)
				require.Equal(t, want.state, charges[0].State)
				require.True(t, charges[0].Wire)
				require.Eventually(t, func() bool { return len(w.api.returned()) == want.callbacks }, 5*time.Second, time.Millisecond)
				for _, fields := range w.api.returned() {
					require.NotEmpty(t, fields)
					require.Equal(t, w.api.returned()[0], fields, "twice is the same")
				}
			})
		}
	}
}

func TestVerifyWithoutAnswerAtEveryWire(t *testing.T) {
	for _, bank := range Wires() {
		t.Run(bank, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.api.bank = func(string) gateways.Gateway { return w.adapter(bank) }
			w.setRules(`{"bank":{"hold":"10ms"}}`)
			status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doVerifyTimeout})
			require.Equal(t, http.StatusOK, status, got.Error)
			charge := w.s.book.list(everyCharge)[0]
			v := gateways.Visit{Invoice: 1, BankToken: charge.RefID, Amount: charge.Amount, Callback: map[string]string{}}
			for name, values := range w.api.returned()[0] {
				v.Callback[name] = values[0]
			}
			r, err := w.adapter(bank).Result(t.Context(), v)
			require.NoError(t, err)
			v.BankTran = r.BankTran
			_, err = w.adapter(bank).Verify(t.Context(), v)
			require.Equal(t, gateways.ClassUnknown, gateways.Classify(err), "%v", err)
			_, err = w.adapter(bank).Verify(t.Context(), v)
			require.NoError(t, err)
			require.Equal(t, Verified, w.getBook("?bank=" + bank).Charges[0].State)
		})
	}
}

func TestTheGenericBankOfTheSameNameIsAnother(t *testing.T) {
	for _, bank := range Wires() {
		t.Run(bank, func(t *testing.T) {
			w := newWorld(t)
			g := w.bank(bank)
			got, err := g.CreateSession(t.Context(), gateways.Session{Invoice: 1, Amount: 10_000, CallbackURL: w.api.url + "/pay/callback/1/key"})
			require.NoError(t, err)
			charge := w.getBook("").Charges[0]
			require.False(t, charge.Wire)
			require.False(t, charge.NoSettlement)
			_, err = w.s.book.pay(bank, got.BankToken, false)
			require.NoError(t, err)
			v := gateways.Visit{Invoice: 1, BankToken: got.BankToken, Amount: 10_000}
			_, err = g.Verify(t.Context(), v)
			require.NoError(t, err)
			w.clock.pass(cancelWindow)
			how, err := g.Undo(t.Context(), v)
			require.NoError(t, err)
			require.Equal(t, gateways.Cancelled, how, "with the generic windows")
		})
	}
}

// Where only the payer's browser tells of money, the wait for its return keeps pace with the session.
func TestUnseenMoneyGoesBackInPace(t *testing.T) {
	require.Equal(t, 4*time.Second, Paced(4*time.Minute, 15*time.Second))
	require.Equal(t, time.Hour, Paced(time.Hour, 15*time.Minute))
	require.Equal(t, time.Hour, Paced(time.Hour, 0))
	all := wires()
	for _, life := range []time.Duration{15 * time.Second, 15 * time.Minute, time.Hour} {
		terms := termsOf(genericTerms(life, time.Minute), all)
		for _, bank := range []gateways.Bank{gateways.NewSaman("", nil), gateways.NewMellat("", nil)} {
			got := terms(&Charge{Bank: bank.Name(), Wire: true})
			require.Equal(t, life, got.session)
			require.Equal(t, Paced(bank.Limits().AutoReverse, life), got.reverse)
			require.GreaterOrEqual(t, Paced(bank.Limits().SessionLife, life), got.session+got.reverse, "only then is all unseen money back")
		}
		require.Equal(t, 30*time.Minute, terms(&Charge{Bank: "asanpardakht", Wire: true}).reverse, "there one can ask, and act")
	}
}

func TestAccountsOfWires(t *testing.T) {
	require.Nil(t, Account("nobody"))
	for _, bank := range Wires() {
		account := Account(bank)
		require.NotEmpty(t, account, bank)
		for name := range account {
			account[name] = "changed"
			require.NotEqual(t, "changed", Account(bank)[name], "a copy is given")
		}
	}
}

// The refusal of another account's caller holds the caller's address, as at the real bank.
func TestRefusedCallerReadsItsAddress(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		user, password, config string
		code                   int
	}{
		{"", "", "1001", 401},
		{asanUser, "wrong", "1001", 473},
		{asanUser, asanPassword, "1002", 471},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
			w.url+"/wire/asanpardakht/v1/TranResult?localInvoiceId=1&merchantConfigurationId="+c.config, nil)
		require.NoError(t, err)
		req.Header.Set("usr", c.user)
		req.Header.Set("pwd", c.password)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		res.Body.Close()
		require.Equal(t, c.code, res.StatusCode)
		require.Contains(t, string(body), "127.0.0.1")
	}
	for path, body := range map[string]string{
		"/wire/asanpardakht/v1/Verify":             `{"merchantConfigurationId":1001,"payGateTranId":5}`,
		"/wire/zarinpal/pg/v4/payment/verify.json": `{"merchant_id":"x","authority":"y","amount":5}`,
	} {
		status, text := w.status("POST", path, body)
		require.Equal(t, 401, status, path)
		require.Contains(t, text, "127.0.0.1", path)
	}
	status, text := w.status("POST", "/wire/zarinpal/api/v4/graphql/", `{"query":"query"}`)
	require.Equal(t, 401, status)
	require.Contains(t, text, "127.0.0.1")
}

func TestWiresRefuseBadBodies(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{
		"/wire/asanpardakht/v1/Token", "/wire/asanpardakht/v1/Cancel", "/wire/zarinpal/pg/v4/payment/request.json",
		"/wire/zarinpal/pg/v4/payment/reverse.json", "/wire/zarinpal/api/v4/graphql/",
	} {
		status, _ := w.status("POST", path, `{broken`)
		require.Equal(t, 400, status, path)
		status, _ = w.status("POST", path, strings.Repeat("x", maxBody+1))
		require.Equal(t, 413, status, path)
	}
	status, _ := w.status("GET", "/wire/zarinpal/pg/StartPay/S0", "")
	require.Equal(t, 404, status)
	status, _ = w.status("POST", "/wire/nobody/v1/Token", "{}")
	require.Equal(t, 404, status)
	require.Empty(t, w.getBook("").Charges)
}

// An answer by GET loses the query of the callback's address, unless it becomes fields.
func TestWayBackKeepsTheQuery(t *testing.T) {
	w := newWorld(t)
	g := w.adapter("zarinpal")
	_, err := g.CreateSession(t.Context(), gateways.Session{Invoice: 1, Amount: 10_000, CallbackURL: "https://shop.example/back?id=7&x=", Description: "d"})
	require.NoError(t, err)
	charge := w.s.book.list(everyCharge)[0]
	charge.Callback = "https://shop.example/back?id=7"
	method, action, fields := w.s.wayBack(charge)
	require.Equal(t, []string{"get", "https://shop.example/back"}, []string{method, action})
	require.Equal(t, []field{{"id", "7"}, {"Authority", charge.RefID}, {"Status", "NOK"}}, fields)
}

func TestBankThatVerifiesItselfKeepsTheMoney(t *testing.T) {
	w := newWorld(t)
	for i, metadata := range []string{`{"order_id":"1"}`, `{"order_id":"2","auto_verify":true}`, `{"order_id":"3","auto_verify":false}`} {
		status, body := w.status("POST", "/wire/zarinpal/pg/v4/payment/request.json",
			`{"merchant_id":"`+zarinpalMerchant+`","amount":1000,"currency":"IRT","description":"d","callback_url":"https://shop.example/","metadata":`+metadata+`}`)
		require.Equal(t, 200, status, body)
		charge := w.s.book.list(everyCharge)[i]
		require.EqualValues(t, 10_000, charge.Amount, "toman become rial")
		_, err := w.s.book.pay("zarinpal", charge.RefID, false)
		require.NoError(t, err)
	}
	w.clock.pass(24 * time.Hour)
	var states []State
	for _, c := range w.getBook("").Charges {
		states = append(states, c.State)
	}
	require.Equal(t, []State{Verified, Verified, Reversed}, states)
}
