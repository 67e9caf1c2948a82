package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/gateways/wallets"
	"github.com/paysaga/paysaga/money"
)

func TestWalletOpens(t *testing.T) {
	w, _ := newWalletWorld(t)
	iban := w.rent("wallet-1")
	_, err := money.ParseIBAN(iban)
	require.NoError(t, err)
	require.Equal(t, "099", iban[4:7], "no bank's code")
	require.NotEqual(t, iban, w.rent("wallet-2"))

	again, err := w.renter().Open(t.Context(), wallets.Opening{Reference: "wallet-1", Holder: "کسی دیگر"})
	require.NoError(t, err)
	require.Equal(t, iban, again.IBAN)
	book := w.getBook("?key=wallet-1").Wallets
	require.Equal(t, Wallets{
		Accounts: []WalletAccount{{Reference: "wallet-1", Holder: "سارا نمونه", IBAN: iban, At: w.clock.Now()}}, Deposits: []WalletDeposit{},
	}, book, "the first holder stays")

	calls := w.getBook("?calls=1&bank=wallet&key=wallet-1").Calls
	require.Len(t, calls, 2)
	require.True(t, calls[0].Effect)
	require.False(t, calls[1].Effect)
}

func TestWalletOpensAReferenceOnce(t *testing.T) {
	w, _ := newWalletWorld(t)
	const twins = 20
	ibans := make([]string, twins)
	var wg sync.WaitGroup
	for i := range twins {
		wg.Go(func() {
			got, err := w.renter().Open(context.Background(), wallets.Opening{Reference: "wallet-1", Holder: fmt.Sprint(i)})
			if err == nil {
				ibans[i] = got.IBAN
			}
		})
	}
	wg.Wait()
	for _, iban := range ibans {
		require.Equal(t, ibans[0], iban)
	}
	require.NotEmpty(t, ibans[0])
	require.Len(t, w.getBook("").Wallets.Accounts, 1)
}

func TestWalletNumbers(t *testing.T) {
	seen := map[string]bool{}
	for i := range 1_000 {
		iban := ibanOf(fmt.Sprint(i))
		_, err := money.ParseIBAN(iban)
		require.NoError(t, err, iban)
		require.False(t, seen[iban])
		seen[iban] = true
	}
	b := &walletBook{byIBAN: map[string]int{ibanOf("w/0"): 0}}
	require.Equal(t, ibanOf("w/1"), b.number("w"), "a number is given out once")
}

func TestWalletBadOpenings(t *testing.T) {
	w, _ := newWalletWorld(t)
	for name, body := range map[string]string{
		"no JSON":        `x`,
		"half":           `{"reference":"w`,
		"list":           `[]`,
		"no reference":   `{"holder":"h"}`,
		"odd reference":  `{"reference":"a b"}`,
		"long reference": `{"reference":"` + strings.Repeat("r", 65) + `"}`,
		"number":         `{"reference":17}`,
		"long holder":    `{"reference":"w","holder":"` + strings.Repeat("ن", 101) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := w.status(http.MethodPost, "/wallet/accounts", body)
			require.Equal(t, http.StatusBadRequest, status)
			require.JSONEq(t, `{"error":"bad_request"}`, answer)
		})
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, w.json(http.MethodPost, "/wallet/accounts", strings.Repeat(" ", maxBody+1), nil))
	require.Empty(t, w.getBook("").Wallets.Accounts)
}

func TestWalletDepositsByPages(t *testing.T) {
	w, _ := newWalletWorld(t)
	one, two := w.rent("wallet-1"), w.rent("wallet-2")
	p := w.renter()
	none, err := p.Deposits(t.Context(), one, "")
	require.NoError(t, err)
	require.Empty(t, none)

	const count = 2*wallets.Page + 7
	for i := range count {
		w.paidIn(map[string]any{"iban": one, "amount": i + 1, "notify": false})
		w.paidIn(map[string]any{"iban": two, "amount": 5, "notify": false})
	}
	var got []wallets.Deposit
	after := ""
	for pages := 1; ; pages++ {
		list, err := p.Deposits(t.Context(), one, after)
		require.NoError(t, err)
		got = append(got, list...)
		if len(list) < wallets.Page {
			require.Equal(t, 3, pages)
			break
		}
		after = list[len(list)-1].ID
	}
	require.Len(t, got, count)
	for i, d := range got {
		require.Equal(t, money.Rial(i+1), d.Amount)
		if i > 0 {
			require.Greater(t, d.ID, got[i-1].ID)
		}
	}
	last, err := p.Deposits(t.Context(), one, got[count-1].ID)
	require.NoError(t, err)
	require.Empty(t, last)

	var list struct{ Deposits []arrivedMoney }
	require.Equal(t, http.StatusOK, w.json(http.MethodGet, "/wallet/accounts/"+one+"/deposits?limit=2&after="+got[2].ID, nil, &list))
	require.Len(t, list.Deposits, 2)
	require.Equal(t, got[3].ID, list.Deposits[0].ID)

	require.Len(t, w.getBook("?key="+one).Wallets.Deposits, count)
	require.Len(t, w.getBook("?key=wallet-2").Wallets.Deposits, count)
	require.Len(t, w.getBook("?key="+got[0].ID).Wallets.Deposits, 1)
	for _, side := range []string{"?bank=test", "?state=paid", "?invoice=1", "?key=topup-1"} {
		require.Empty(t, w.getBook(side).Wallets.Deposits, side)
	}
}

func TestWalletBadQuestions(t *testing.T) {
	w, _ := newWalletWorld(t)
	one, two := w.rent("wallet-1"), w.rent("wallet-2")
	foreign := w.paidIn(`{"reference":"wallet-2","amount":5,"notify":false}`).ID
	w.paidIn(`{"reference":"wallet-1","amount":5,"notify":false}`)
	for name, c := range map[string]struct {
		path   string
		status int
		code   string
	}{
		"another's deposit":  {one + "/deposits?after=" + foreign, 422, "no_such_deposit"},
		"a deposit to come":  {one + "/deposits?after=600000000003", 422, "no_such_deposit"},
		"before the first":   {one + "/deposits?after=600000000000", 422, "no_such_deposit"},
		"no number":          {one + "/deposits?after=first", 422, "no_such_deposit"},
		"another writing":    {two + "/deposits?after=%2B" + foreign, 422, "no_such_deposit"},
		"a huge number":      {one + "/deposits?after=99999999999999999999", 422, "no_such_deposit"},
		"unknown account":    {"IR270170000000100324200001/deposits", 404, "no_such_account"},
		"mistyped account":   {one[:25] + "x/deposits", 404, "no_such_account"},
		"reference":          {"wallet-1/deposits", 404, "no_such_account"},
		"limit of nothing":   {one + "/deposits?limit=0", 400, "bad_request"},
		"limit below":        {one + "/deposits?limit=-1", 400, "bad_request"},
		"limit above":        {one + "/deposits?limit=201", 400, "bad_request"},
		"limit as a word":    {one + "/deposits?limit=many", 400, "bad_request"},
		"limit far too long": {one + "/deposits?limit=99999999999999999999", 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := w.status(http.MethodGet, "/wallet/accounts/"+c.path, "")
			require.Equal(t, c.status, status)
			require.JSONEq(t, `{"error":"`+c.code+`"}`, answer)
		})
	}
	_, err := w.renter().Deposits(t.Context(), one, foreign)
	var refused *gateways.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "no_such_deposit", refused.Code)
	_, err = w.renter().Deposits(t.Context(), "IR270170000000100324200001", "")
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "no_such_account", refused.Code)
}

func TestWalletFailures(t *testing.T) {
	for failure, c := range map[string]struct {
		open, list gateways.Class
		opened     []bool
	}{
		failRefuse:        {gateways.ClassRefused, gateways.ClassRefused, []bool{false}},
		failTimeoutBefore: {gateways.ClassUnknown, gateways.ClassUnavailable, []bool{false}},
		failTimeoutAfter:  {gateways.ClassUnknown, gateways.ClassUnavailable, []bool{true}},
		failUnknown:       {gateways.ClassUnknown, gateways.ClassUnknown, []bool{true, false}},
		failGarbage:       {gateways.ClassUnknown, gateways.ClassUnknown, []bool{true, false}},
		failEmpty:         {gateways.ClassUnknown, gateways.ClassUnknown, []bool{true, false}},
		failInside:        {gateways.ClassUnknown, gateways.ClassUnknown, []bool{true, false}},
		failRedirect:      {gateways.ClassUnknown, gateways.ClassUnknown, []bool{true, false}},
	} {
		t.Run(failure, func(t *testing.T) {
			w, _ := newWalletWorld(t)
			iban := w.rent("wallet-1")
			w.paidIn(`{"reference":"wallet-1","amount":5,"notify":false}`)
			w.setRules(`{"wallet":{"` + failure + `":1,"hold":"10m"}}`)
			timeout := 5 * time.Second
			if strings.HasPrefix(failure, "timeout") {
				timeout = 250 * time.Millisecond
			}
			p := wallets.NewSandbox(wallets.SandboxConfig{BaseURL: w.url, Timeout: timeout})
			_, err := p.Open(t.Context(), wallets.Opening{Reference: "wallet-2"})
			require.Equal(t, c.open, gateways.Classify(err), "%v", err)
			_, err = p.Deposits(t.Context(), iban, "")
			require.Equal(t, c.list, gateways.Classify(err), "%v", err)

			w.setRules(`{}`)
			book := w.getBook("?calls=1&bank=wallet")
			opened := w.getBook("?key=wallet-2").Wallets.Accounts
			require.Contains(t, c.opened, len(opened) == 1)
			last := book.Calls[len(book.Calls)-2]
			require.Equal(t, opOpen, last.Op)
			require.Equal(t, failure, last.Rule)
			require.Equal(t, len(opened) == 1, last.Effect)

			again := w.rent("wallet-2")
			if len(opened) == 1 {
				require.Equal(t, opened[0].IBAN, again, "asking again settles it")
			}
			list, err := w.renter().Deposits(t.Context(), iban, "")
			require.NoError(t, err)
			require.Len(t, list, 1)
		})
	}
}

func TestWalletGivesAnOpenAccountEvenWhenItRefuses(t *testing.T) {
	w, _ := newWalletWorld(t)
	iban := w.rent("wallet-1")
	w.setRules(`{"wallet":{"open":{"refuse":1}}}`)
	require.Equal(t, iban, w.rent("wallet-1"))
	_, err := w.renter().Open(t.Context(), wallets.Opening{Reference: "wallet-2"})
	require.Equal(t, gateways.ClassRefused, gateways.Classify(err))
	_, err = w.renter().Deposits(t.Context(), iban, "")
	require.NoError(t, err, "the rule is of one call")
}

func TestWalletSlowAnswersStillCome(t *testing.T) {
	w, _ := newWalletWorld(t)
	w.setRules(`{"wallet":{"slow":1,"delay":"1ms"}}`)
	w.rent("wallet-1")
	w.setRules(`{"wallet":{"slow":1,"delay":"10m"}}`)
	p := wallets.NewSandbox(wallets.SandboxConfig{BaseURL: w.url, Timeout: 250 * time.Millisecond})
	_, err := p.Open(t.Context(), wallets.Opening{Reference: "wallet-2"})
	require.Equal(t, gateways.ClassUnknown, gateways.Classify(err))
	w.setRules(`{}`)
	require.Len(t, w.getBook("").Wallets.Accounts, 1, "who left was not served")
}

func TestWalletRules(t *testing.T) {
	w, _ := newWalletWorld(t)
	const rules = `{"bank":{},"operator":{},"wallet":{"refuse":0.5,"lose_notify":0.25,"notify_twice":1,"hold":"2s","open":{"timeout_after":1}}}`
	var got json.RawMessage
	require.Equal(t, http.StatusOK, w.json(http.MethodPut, "/rules", rules, &got))
	require.JSONEq(t, rules, string(got))
	for in, says := range map[string]string{
		`{"wallet":{"lose_notify":2}}`:     "wallet: lose_notify: must be a number",
		`{"wallet":{"notify_twice":null}}`: "wallet: notify_twice: must be a number",
		`{"wallet":{"lose":1}}`:            "wallet: lose: unknown",
		`{"wallet":{"verify":{}}}`:         "wallet: verify: unknown",
		`{"wallet":{"open":{"hold":1}}}`:   "wallet: open: hold: unknown",
		`{"bank":{"lose_notify":1}}`:       "bank: lose_notify: unknown",
	} {
		_, err := ParseRules([]byte(in))
		require.ErrorContains(t, err, says)
	}
}

func TestWalletBookSurvives(t *testing.T) {
	w, _ := newWalletWorld(t)
	iban := w.rent("wallet-1")
	w.rent("wallet-2")
	w.paidIn(`{"reference":"wallet-1","amount":5,"notify":false,"from":"` + payerCard + `"}`)
	w.paidIn(`{"reference":"wallet-2","amount":7,"notify":false}`)
	before := w.getBook("").Wallets

	path := bookBeside(w.cfg.Book, "wallet")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), payerCard, "the book on disk holds no whole card")
	require.NoError(t, os.WriteFile(path, append(raw, `{"deposit":{"id":"600000000003","am`...), 0o600)) // killed while writing

	book, err := openWalletBook(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = book.close() })
	require.Equal(t, asJSON(t, before), asJSON(t, book.list("")))
	next, err := book.deposit(WalletDeposit{IBAN: iban, Amount: 9}, w.clock.Now())
	require.NoError(t, err)
	require.Equal(t, "600000000003", next.ID)
	list, err := book.after(iban, before.Deposits[0].ID, 10)
	require.NoError(t, err)
	require.Equal(t, []WalletDeposit{next}, list)
	same, fresh, err := book.open("wallet-1", "", w.clock.Now(), true)
	require.NoError(t, err)
	require.False(t, fresh)
	require.Equal(t, iban, same.IBAN)

	for line, says := range map[string]string{
		`{}`:                            "line 1: neither an account nor a deposit",
		`{"account":{"reference":"w"}}`: "line 1: neither",
		`{"deposit":{"id":"600000000001","iban":"IR1"}}`: "line 1: deposit 600000000001: no such account",
		`x`: "line 1: invalid character",
	} {
		require.NoError(t, os.WriteFile(path, []byte(line+"\n"), 0o600))
		_, err = openWalletBook(path)
		require.ErrorContains(t, err, says)
	}
}
