package sandbox

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
)

func TestPhoneForwardsADeposit(t *testing.T) {
	w, box := newPhoneWorld(t)
	opening := openingBalance("saman/849-700-1112223-1")
	got := w.phoned(`{"bank":"SAMAN","amount":11385,"card":"` + samanCard + `"}`)

	require.Equal(t, "+989999920000", got.Sender)
	require.Equal(t, opening+11_385, got.Balance)
	require.Equal(t, w.clock.Now(), got.At)
	require.Equal(t, fmt.Sprintf("بانك سامان\nواريز مبلغ  11,385ريال\nبه  849-700-1112223-1\nمانده %s\n1405/7/2\n18:05", got.Balance), got.Text)
	require.Len(t, got.Sent, 1)
	require.Equal(t, 200, got.Sent[0].Status)
	require.Equal(t, "paid", got.Sent[0].Body.(map[string]any)["messages"].([]any)[0].(map[string]any)["result"])

	arrived := box.messages()
	require.Len(t, arrived, 1)
	require.Equal(t, "key-one", arrived[0].header.Get("token"))
	require.Equal(t, "application/json; charset=utf-8", arrived[0].header.Get("Content-Type"))
	require.Equal(t, "2026-09-24T14:35:09Z", arrived[0].fields["received_at"])
	require.Equal(t, got.Text, arrived[0].fields["text"])
	require.Equal(t, got.Sender, arrived[0].fields["sender"])
	require.NotEmpty(t, arrived[0].fields["message_id"])
	require.Len(t, arrived[0].fields, 4)

	require.Equal(t, []Deposit{{
		ID: 1, Bank: "saman", Card: "621986******0019", Account: "849-700-1112223-1", Amount: 11_385, Balance: got.Balance,
		Kind: "deposit", At: got.At, Sent: 1, Accepted: 1,
	}}, w.getBook("").Deposits)
}

func TestPhoneDestinations(t *testing.T) {
	w, box := newPhoneWorld(t)
	for name, c := range map[string]struct {
		in             string
		bank, acc, key string
	}{
		"nothing said":           {`{"amount":10}`, "saman", "849-700-1112223-1", "key-one"},
		"by bank":                {`{"amount":10,"bank":" Mellat"}`, "mellat", "4433221100", "key-two"},
		"by card":                {`{"amount":10,"card":"6104-3300-0000-0011"}`, "mellat", "4433221100", "key-two"},
		"another card":           {`{"amount":10,"card":"6037990000000014"}`, "melli", findBank(t, "melli").accountOf("6037990000000014"), "key-one"},
		"another card, its bank": {`{"amount":10,"card":"6219860000000027","bank":"blu"}`, "blu", "", "key-one"},
		"another key":            {`{"amount":10,"token":"other"}`, "saman", "849-700-1112223-1", "other"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(box.messages())
			got := w.phoned(c.in)
			require.Equal(t, c.bank, got.Bank)
			require.Equal(t, c.acc, got.Account)
			require.Contains(t, got.Text, c.acc)
			require.Equal(t, c.key, box.messages()[before].header.Get("token"))
		})
	}
}

func findBank(t *testing.T, slug string) *smsBank {
	t.Helper()
	bank, ok := findSMSBank(slug)
	require.True(t, ok)
	return bank
}

func TestPhoneKeepsBalances(t *testing.T) {
	w, _ := newPhoneWorld(t)
	first := w.phoned(`{"amount":1000}`)
	second := w.phoned(`{"amount":1000}`)
	require.Equal(t, first.Balance+1000, second.Balance, "the same amount again is another deposit")
	require.NotEqual(t, first.Text, second.Text)
	out := w.phoned(`{"amount":700,"kind":"withdraw"}`)
	require.Equal(t, second.Balance-700, out.Balance)
	require.Contains(t, out.Text, "برداشت مبلغ 700 ")
	back := w.phoned(`{"amount":700,"kind":"reversal"}`)
	require.Equal(t, second.Balance, back.Balance)
	require.Contains(t, back.Text, "اصلاحيه")
	other := w.phoned(`{"amount":1000,"bank":"mellat"}`)
	require.Equal(t, openingBalance("mellat/4433221100")+1000, other.Balance)

	var refused struct{ Error string }
	require.Equal(t, http.StatusConflict, w.json(http.MethodPost, "/phone", `{"amount":900000000000,"kind":"withdraw"}`, &refused))
	require.Contains(t, refused.Error, "does not hold so much")
	require.Len(t, w.getBook("?bank=saman").Deposits, 4)
}

func TestPhoneRepeatsItself(t *testing.T) {
	for name, c := range map[string]struct {
		in  string
		ids int
	}{
		"new ids":    {`{"amount":1000,"times":3}`, 3},
		"one replay": {`{"amount":1000,"times":3,"replay":true}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, box := newPhoneWorld(t)
			got := w.phoned(c.in)
			require.Len(t, got.Sent, 3)
			ids, texts := map[string]bool{}, map[string]bool{}
			for _, m := range box.messages() {
				ids[m.body.MessageID], texts[m.body.Text] = true, true
			}
			require.Len(t, ids, c.ids)
			require.Len(t, texts, 1)
			deposits := w.getBook("").Deposits
			require.Len(t, deposits, 1, "one deposit, however many messages")
			require.Equal(t, 3, deposits[0].Sent)
			require.Equal(t, 3, deposits[0].Accepted)
		})
	}
}

func TestPhoneLosesAMessage(t *testing.T) {
	w, box := newPhoneWorld(t)
	got := w.phoned(`{"amount":1000,"lost":true,"delay":"1h"}`)
	require.Empty(t, got.Sent)
	require.NotEmpty(t, got.Text)
	require.Empty(t, box.messages())
	deposits := w.getBook("").Deposits
	require.Len(t, deposits, 1)
	require.Zero(t, deposits[0].Sent)
	require.Equal(t, got.Balance+1, w.phoned(`{"amount":1}`).Balance, "the money came all the same")
}

func TestPhoneSpoofsASender(t *testing.T) {
	w, box := newPhoneWorld(t)
	got := w.phoned(`{"amount":1000,"sender":"+989121234567"}`)
	require.Equal(t, "+989121234567", got.Sender)
	require.Equal(t, "+989121234567", box.messages()[0].body.Sender)
}

func TestPhonePrintsAnEarlierTime(t *testing.T) {
	w, box := newPhoneWorld(t)
	got := w.phoned(`{"bank":"mellat","amount":1000,"ago":"40m"}`)
	require.Equal(t, w.clock.Now().Add(-40*time.Minute), got.At)
	require.True(t, strings.HasSuffix(got.Text, "05/07/02-17:25"), got.Text)
	require.Equal(t, "2026-09-24T14:35:09Z", box.messages()[0].body.ReceivedAt, "the phone got it now")
}

func TestPhoneDelays(t *testing.T) {
	w, box := newPhoneWorld(t)
	begin := time.Now()
	got := w.phoned(`{"amount":1000,"delay":"30ms"}`)
	require.Len(t, got.Sent, 1, "a short delay is waited for")
	require.GreaterOrEqual(t, time.Since(begin), 30*time.Millisecond)

	w.s.phone.patience = 0
	got = w.phoned(`{"amount":1000,"delay":"30ms","wait":true}`)
	require.Len(t, got.Sent, 1)

	var later PhoneReport
	require.Equal(t, http.StatusAccepted, w.json(http.MethodPost, "/phone", `{"amount":1000,"delay":"30ms"}`, &later))
	require.True(t, later.Scheduled)
	require.Equal(t, w.clock.Now().Add(30*time.Millisecond), later.SendsAt)
	require.Empty(t, later.Sent)
	require.Eventually(t, func() bool { return w.getBook("").Deposits[2].Accepted == 1 }, 10*time.Second, 5*time.Millisecond)
	require.Equal(t, later.Text, box.messages()[2].body.Text)
}

func TestClosingDropsDelayedMessages(t *testing.T) {
	w, box := newPhoneWorld(t)
	require.Equal(t, http.StatusAccepted, w.json(http.MethodPost, "/phone", `{"amount":1000,"delay":"1h"}`, nil))
	require.NoError(t, w.s.Close())
	require.Empty(t, box.messages())
}

func TestPhoneTellsWhatTheAPISaid(t *testing.T) {
	w, box := newPhoneWorld(t)
	box.answers(403, `{"status":false,"code":403,"msg":"no"}`)
	refused := w.phoned(`{"amount":1000}`)
	require.Equal(t, 403, refused.Sent[0].Status)
	require.Equal(t, "no", refused.Sent[0].Body.(map[string]any)["msg"])

	box.answers(502, "<h1>bad gateway</h1>")
	require.Equal(t, []SentSMS{{Status: 502, Body: "<h1>bad gateway</h1>"}}, w.phoned(`{"amount":1000}`).Sent)

	w.s.phone.api, _ = origin("http://127.0.0.1:1")
	silent := w.phoned(`{"amount":1000}`).Sent[0]
	require.Zero(t, silent.Status)
	require.Contains(t, silent.Error, "forward")

	for _, d := range w.getBook("").Deposits {
		require.Equal(t, 1, d.Sent)
		require.Zero(t, d.Accepted)
	}
}

func TestPhoneRefusals(t *testing.T) {
	w, box := newPhoneWorld(t)
	for name, c := range map[string]struct{ in, says string }{
		"broken JSON":             {`{"amount":`, "bad JSON"},
		"unknown field":           {`{"amount":1,"amout":2}`, "amout"},
		"no amount":               {`{}`, "amount: must be from 1"},
		"zero":                    {`{"amount":0}`, "amount: must be from 1"},
		"negative":                {`{"amount":-1}`, "not -1"},
		"too much":                {`{"amount":1000000000001}`, "amount: must be"},
		"a fraction":              {`{"amount":1.5}`, "amount"},
		"text amount":             {`{"amount":"1"}`, "amount"},
		"unknown bank":            {`{"amount":1,"bank":"lehman"}`, `bank: unknown "lehman"; use one of saman, mellat`},
		"no line":                 {`{"amount":1,"bank":"parsian"}`, "card: missing; the phone has no line at this bank"},
		"bad card":                {`{"amount":1,"card":"6219860000000018"}`, "card: its check digit is wrong"},
		"other bank's card":       {`{"amount":1,"bank":"mellat","card":"` + samanCard + `"}`, "bank: this card is at saman, not mellat"},
		"nobody's card":           {`{"amount":1,"card":"1234567890123452"}`, "bank: missing"},
		"bad payer":               {`{"amount":1,"payer_card":"123"}`, "payer_card: must be a card number"},
		"payer of a withdrawal":   {`{"amount":1,"kind":"withdraw","payer_card":"` + payerCard + `"}`, "payer_card: only a deposit has one"},
		"unknown kind":            {`{"amount":1,"kind":"gift"}`, `kind: unknown "gift"; use one of deposit, withdraw, reversal`},
		"delay without a unit":    {`{"amount":1,"delay":"5"}`, `delay: must be a duration like "30s", at most 1h, not "5"`},
		"long delay":              {`{"amount":1,"delay":"61m"}`, "delay: must be"},
		"negative delay":          {`{"amount":1,"delay":"-1s"}`, "delay: must be"},
		"long ago":                {`{"amount":1,"ago":"2h"}`, "ago: must be"},
		"in the future":           {`{"amount":1,"ago":"-1s"}`, "ago: must be"},
		"negative times":          {`{"amount":1,"times":-1}`, "times: must be from 1 to 100"},
		"too many times":          {`{"amount":1,"times":101}`, "times: must be from 1 to 100"},
		"waiting beyond reason":   {`{"amount":1,"wait":true,"delay":"10m"}`, "wait: nobody waits for a delay above 50s"},
		"rial at a bank of toman": {`{"amount":11385,"card":"6362140000000011","bank":"ayandeh"}`, "amount: ayandeh prints toman"},
	} {
		t.Run(name, func(t *testing.T) {
			var got struct{ Error string }
			require.Equal(t, http.StatusBadRequest, w.json(http.MethodPost, "/phone", c.in, &got))
			require.Contains(t, got.Error, c.says)
		})
	}
	require.Empty(t, w.getBook("").Deposits)
	require.Empty(t, box.messages())
}

func TestPhoneLinesAreChecked(t *testing.T) {
	w, _ := newPhoneWorld(t)
	for says, line := range map[string]Phone{
		`phone 1: unknown bank "lehman"`: {Card: samanCard, Bank: "lehman"},
		"phone 1: card: its check digit": {Card: "6219860000000018", Bank: "saman"},
	} {
		cfg := w.cfg
		cfg.Phones = []Phone{line}
		_, err := New(cfg)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), line.Card)
	}

	cfg := w.cfg
	cfg.Book += "-other"
	cfg.Phones = nil
	s, err := New(cfg)
	require.NoError(t, err)
	defer s.Close()
	_, _, err = s.phone.begin(PhoneRequest{Amount: 1, Card: samanCard})
	require.ErrorContains(t, err, "token: missing")
}

func TestDepositsSurviveARestart(t *testing.T) {
	w, _ := newPhoneWorld(t)
	w.phoned(`{"amount":1000,"times":2}`)
	last := w.phoned(`{"amount":500,"kind":"withdraw"}`)
	before := w.getBook("").Deposits
	require.Len(t, before, 2)

	again, err := New(w.cfg)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, before, again.phone.book.list(everyDeposit))
	_, next, err := again.phone.begin(PhoneRequest{Amount: 70})
	require.NoError(t, err)
	require.EqualValues(t, 3, next.ID)
	require.Equal(t, last.Balance+70, next.Balance, "the balance goes on where it stopped")
}

func everyDeposit(*Deposit) bool { return true }

func TestPhoneBookRefusesAGap(t *testing.T) {
	w, _ := newPhoneWorld(t)
	cfg := w.cfg
	cfg.Book += "-gap"
	require.NoError(t, os.WriteFile(bookBeside(cfg.Book, "phone"), []byte(`{"id":2}`+"\n"), 0o600))
	_, err := New(cfg)
	require.ErrorContains(t, err, "movement 2 after 0")
}

func TestMovesThatCannotBeWrittenDidNotHappen(t *testing.T) {
	w, box := newPhoneWorld(t)
	first := w.phoned(`{"amount":1000}`)
	require.NoError(t, w.s.phone.book.journal.close())
	require.Equal(t, http.StatusInternalServerError, w.json(http.MethodPost, "/phone", `{"amount":1000}`, nil))
	require.Len(t, box.messages(), 1)
	deposits := w.getBook("").Deposits
	require.Len(t, deposits, 1)
	require.Equal(t, first.Balance, deposits[0].Balance)
}

func TestMovesAtTheSameTime(t *testing.T) {
	w, box := newPhoneWorld(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { w.phoned(`{"amount":10}`) })
	}
	wg.Wait()
	texts := map[string]bool{}
	for _, m := range box.messages() {
		texts[m.body.Text] = true
	}
	require.Len(t, texts, 20, "every deposit has its own balance")
	deposits := w.getBook("").Deposits
	require.Equal(t, openingBalance("saman/849-700-1112223-1")+200, deposits[19].Balance)
}

func TestBookFiltersDeposits(t *testing.T) {
	w, _ := newPhoneWorld(t)
	w.phoned(`{"amount":10}`)
	w.phoned(`{"amount":10,"bank":"mellat"}`)
	require.Len(t, w.getBook("").Deposits, 2)
	require.Len(t, w.getBook("?bank=mellat").Deposits, 1)
	require.Empty(t, w.getBook("?invoice=1").Deposits)
	require.Empty(t, w.getBook("?state=paid").Deposits)
	var raw map[string]json.RawMessage
	w.json(http.MethodGet, "/book?bank=none", nil, &raw)
	require.JSONEq(t, `[]`, string(raw["deposits"]))
}

// A whole card number goes where the bank prints it, into the text, and nowhere else.
func TestPhoneKeepsCardsToItself(t *testing.T) {
	w, box := newPhoneWorld(t)
	var log strings.Builder
	w.s.phone.log = slog.New(slog.NewTextHandler(&log, nil))
	box.answers(500, "{}")
	const parsian = "6221060000000012"
	var report map[string]any
	require.Equal(t, http.StatusOK, w.json(http.MethodPost, "/phone", `{"amount":10,"card":"`+parsian+`","payer_card":"`+payerCard+`"}`, &report))
	require.Contains(t, report["text"], payerCard)
	delete(report, "text")
	w.s.phone.api, _ = origin("http://127.0.0.1:1")
	w.phoned(`{"amount":10,"payer_card":"` + payerCard + `"}`)

	answer, err := json.Marshal(report)
	require.NoError(t, err)
	var book json.RawMessage
	w.json(http.MethodGet, "/book", nil, &book)
	disk, err := os.ReadFile(bookBeside(w.cfg.Book, "phone"))
	require.NoError(t, err)
	require.NotEmpty(t, log.String())
	for name, place := range map[string]string{"answer": string(answer), "book": string(book), "disk": string(disk), "log": log.String()} {
		for _, card := range []string{payerCard, parsian, samanCard} {
			require.NotContains(t, place, card, name)
		}
	}
}

func TestMaskedPayer(t *testing.T) {
	w, _ := newPhoneWorld(t)
	got := w.phoned(`{"amount":10,"payer_card":"603799******1234"}`)
	require.True(t, strings.HasSuffix(got.Text, "\nاز کارت 603799******1234"), got.Text)
}

func TestSMSRules(t *testing.T) {
	for name, c := range map[string]struct {
		rules, err string
	}{
		"all":      {`{"sms":{"lose":0,"twice":0.5,"late":1,"delay":"30s"}}`, ""},
		"unknown":  {`{"sms":{"slow":1}}`, "sms: slow: unknown; use lose, twice, late, delay"},
		"bad rate": {`{"sms":{"lose":2}}`, "sms: lose: must be a number from 0 to 1"},
		"bad time": {`{"sms":{"delay":"x"}}`, "sms: delay: must be a duration"},
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := ParseRules([]byte(c.rules))
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			shown, err := json.Marshal(rules)
			require.NoError(t, err)
			again, err := ParseRules(shown)
			require.NoError(t, err, "what is shown can be put back: %s", shown)
			require.Equal(t, rules.SMS, again.SMS)
		})
	}
}

func TestSMSRulesPlayed(t *testing.T) {
	w, box := newPhoneWorld(t)
	w.setRules(`{"sms":{"lose":1}}`)
	got := w.phoned(`{"amount":1000}`)
	require.Equal(t, []string{"lose"}, got.Rules)
	require.Empty(t, box.messages())

	w.setRules(`{"sms":{"twice":1}}`)
	got = w.phoned(`{"amount":1000}`)
	require.Equal(t, []string{"twice"}, got.Rules)
	require.Len(t, got.Sent, 2)

	w.setRules(`{"sms":{"late":1,"delay":"20ms"}}`)
	begin := time.Now()
	require.Equal(t, []string{"late"}, w.phoned(`{"amount":1000}`).Rules)
	require.GreaterOrEqual(t, time.Since(begin), 20*time.Millisecond)

	w.setRules(`{}`)
	require.Empty(t, w.phoned(`{"amount":1000}`).Rules)
	require.Len(t, w.getBook("").Deposits, 4)
	require.Equal(t, money.Rial(4000), w.getBook("").Deposits[3].Balance-openingBalance("saman/849-700-1112223-1"))
}
