package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/state"
)

// Whole card numbers stand in what a payer must see and nowhere else: not in the log, in a metric, in a
// row, or in any other answer. Keys and secrets stand nowhere at all.
func TestCardNumbersDoNotLeak(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := newWorld(t, func(d *api.Deps) { d.Metrics = api.NewMetrics(registry) })
	const key, phoneKey, secret = "key-of-the-merchant", "key-of-the-phone", "s3cret-of-the-phone"
	require.NoError(t, w.store.PutKey(t.Context(), "demo-fast", key, "", []string{auth.ScopeMerchant}))
	require.NoError(t, w.store.PutKey(t.Context(), "demo-fast", phoneKey, "", []string{auth.ScopeSMS}))
	w.device("phone1", secret)
	w = w.as(key)
	persian := strings.NewReplacer("0", "۰", "1", "۱", "3", "۳", "4", "۴", "6", "۶", "7", "۷", "9", "۹")
	var answers strings.Builder
	note := func(a answer) { answers.WriteString(a.body + "\n") }
	var numbers []int

	// Every way in for a card: create, setCard, the page, good and bad, and the banks' own messages.
	mine, path := w.linked("card", "6037-9900-0000-0014", "phone", "09380000025")
	bare, barePath := w.linked()
	named, namedPath := w.linked()
	note(w.setCard(bare.PayID, persian.Replace(payerCard)))
	note(w.setCard(bare.PayID, otherCard))
	note(w.cards(request{method: "POST", path: "/api/setCard", json: `{"pay_id":99999999,"card":` + payerCard + `}`}))
	note(w.cards(request{method: "POST", path: "/api/setCard", json: `{"pay_id":1,"card":["` + payerCard + `"]}`}))
	note(w.cards(request{method: "POST", path: "/api/create", form: w.form("card", payerCard+"1", "phone", payerCard)}))
	note(w.cards(request{method: "POST", path: "/api/create", form: w.form("price", payerCard, "card", payerCard)}))
	note(w.page("POST", namedPath+"/card", url.Values{"card": {"6037 9900 0000 0014"}}))
	for _, m := range []message{
		w.said(mine.Amount, "card", parsianCard, "payer_card", payerCard), // whole payer's and our own card
		w.said(bare.Amount, "card", parsianCard, "payer_card", otherCard),
		w.said(20_000, "card", parsianCard, "payer_card", payerCard),
		w.said(20_010, "card", parsianCard).with("sender", payerCard),
		{"sender": "PARSIANBANK", "text": "پست بانک\nواريز به کارت: " + parsianCard + "\n+4,998,190\n1405/08/9\n9:47\nمانده: 44,108,899 ريال"},
		{"sender": "PARSIANBANK", "text": "بانک پارسیان\nاعتبار حساب فلان شد. مبلغ 123,000 ریال. " + persian.Replace("6037-9900-0000-0014") + " و " + parsianCard + " 1405/08/30\nمانده 99,000,000 ریال"},
		{"sender": "PARSIANBANK", "text": "80001234567806\nمبلغ:+4,310,000\nمانده:19,763,250\n08/12\n12:04\nبابت :انتقال از کارت 6037990000000015 به کارت " + parsianCard + " با شماره بازیابی 440912876611"},
		{"sender": "PARSIANBANK", "text": "رمز پویا 123456 کارت " + payerCard},
	} {
		body, err := json.Marshal(m)
		require.NoError(t, err)
		a := w.cards(request{method: "POST", path: "/api/sms", json: string(body), key: phoneKey})
		note(a)
		numbers = append(numbers, int(w.results(a)[0].DepositID))
	}
	require.Equal(t, []state.Transfer{"paid", "mismatched"}, []state.Transfer{w.stateOf(mine.PayID), w.stateOf(bare.PayID)})
	w.cards(request{method: "POST", path: "/api/sms", json: `{"` + payerCard + `":1,"` + payerCard + `":2}`}) // told the name it sent
	note(w.cards(request{method: "POST", path: "/api/sms", json: `{"text":"` + payerCard + `","received_at":"` + payerCard + `"}`}))
	body, err := json.Marshal(w.said(30_000, "card", parsianCard, "payer_card", payerCard))
	require.NoError(t, err)
	note(w.cards(signed("phone1", secret, body, time.Now())))
	note(w.cards(signed("phone1", "another-"+secret, body, time.Now())))
	note(w.cards(request{method: "GET", path: "/api/carts", key: key + "x"}))

	// Every way out.
	w.requireSays(w.check(mine.PayID), 200, 201)
	note(w.check(bare.PayID))
	note(w.cards(request{method: "GET", path: "/api/check?pay_id=" + payerCard}))
	note(w.cards(request{method: "GET", path: "/api/" + payerCard}))
	for _, token := range []string{key, "test-operator"} {
		note(w.cards(request{method: "GET", path: "/api/deposits", key: token}))
		note(w.cards(request{method: "GET", path: "/api/deposits?state=" + payerCard, key: token}))
		note(w.cards(request{method: "GET", path: "/api/sms/unread", key: token}))
	}
	for _, action := range []string{"assign", "refund", "ignore"} {
		for i, by := range []string{payerCard, persian.Replace(payerCard) + " سارا"} {
			note(w.resolve(int64(numbers[i+1]), "action", action, "by", by, "reason", "seen "+payerCard+" 1405/08/30", "reference", "6037-9900-0000-0014", "pay_id", fmt.Sprint(bare.PayID)))
		}
	}
	note(w.cards(request{method: "GET", path: "/api/deposits", key: key}))
	for _, path := range []string{path, path + "/status", barePath} {
		note(w.page("GET", path, nil))
	}
	require.Equal(t, "start card_set", w.heard("transfer", named.PayID))
	metrics, err := registry.Gather()
	require.NoError(t, err)
	everything := w.everything()
	require.Contains(t, everything, "603799******0014", "the masked card is kept")
	require.Contains(t, answers.String(), "603799******0014")

	require.NoError(t, w.db.Close()) // what fails on our side is logged
	for _, r := range append(w.cardOperations(), request{method: "POST", path: "/api/create", form: w.form("card", payerCard)}, request{method: "POST", path: "/api/sms", json: string(body)}) {
		note(w.cards(r))
	}
	note(w.page("POST", path+"/card", url.Values{"card": {payerCard}}))

	all := []string{payerCard, "6037990000000015", otherCard, samanCard, mellatCard, parsianCard}
	log := w.log.String()
	require.Contains(t, log, `"route":"/api/setCard"`)
	require.Contains(t, log, "database is closed")
	for where, text := range map[string]string{"log": log, "metrics": fmt.Sprint(metrics), "rows": everything, "answers": answers.String()} {
		require.NotEmpty(t, text)
		requireNoCard(t, text, where, all...)
		for _, s := range []string{key, phoneKey, secret, "9380000025"} {
			require.False(t, strings.Contains(text, s), "%s in %s", s, where)
		}
	}
	scrape, err := http.Get(w.base + "/metrics")
	require.NoError(t, err)
	defer scrape.Body.Close()
	text, err := io.ReadAll(scrape.Body)
	require.NoError(t, err)
	requireNoCard(t, string(bytes.ToLower(text)), "scrape", all...)
}
