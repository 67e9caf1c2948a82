package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/api/forwarders"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// message is an SMS as a phone forwards it.
type message map[string]any

// with is the message with other fields; nil leaves one out.
func (m message) with(pairs ...any) message {
	out := message{}
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
		if pairs[i+1] == nil {
			delete(out, pairs[i].(string))
		}
	}
	return out
}

// said is what the simulated bank writes about a movement of money, Saman's unless another card is named.
// No phone has forwarded it yet.
func (w *world) said(amount int64, pairs ...string) message {
	w.Helper()
	in := map[string]any{"amount": amount, "card": samanCard, "lost": true}
	for i := 0; i+1 < len(pairs); i += 2 {
		in[pairs[i]] = pairs[i+1]
	}
	body, err := json.Marshal(in)
	require.NoError(w, err)
	res, err := http.Post(w.bank.URL+"/phone", "application/json", bytes.NewReader(body))
	require.NoError(w, err)
	defer res.Body.Close()
	var out struct{ Text, Sender string }
	require.NoError(w, json.NewDecoder(res.Body).Decode(&out))
	require.NotEmpty(w, out.Text)
	return message{"text": out.Text, "sender": out.Sender}
}

type result struct {
	Result    string
	PayID     int64 `json:"pay_id"`
	DepositID int64 `json:"deposit_id"`
	Msg       string
}

func (w *world) results(a answer) []result {
	w.Helper()
	require.Equal(w, http.StatusOK, a.StatusCode, a.body)
	var out struct {
		Status   bool
		Code     int
		Msg      string
		Messages []result
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	require.NoError(w, d.Decode(&out), a.body)
	require.Equal(w, []any{true, 200}, []any{out.Status, out.Code})
	return out.Messages
}

// sms forwards messages as one batch with the merchant's key.
func (w *world) sms(messages ...message) []result {
	w.Helper()
	body, err := json.Marshal(map[string]any{"messages": messages})
	require.NoError(w, err)
	out := w.results(w.cards(request{method: "POST", path: "/api/sms", json: string(body)}))
	require.Len(w, out, len(messages))
	return out
}

// deposit has a payer pay a transfer exactly.
func (w *world) deposit(c created, pairs ...string) result {
	w.Helper()
	got := w.sms(w.said(c.Amount, pairs...))[0]
	require.Equal(w, result{Result: "paid", PayID: c.PayID, DepositID: got.DepositID}, got)
	return got
}

func (w *world) device(id, secret string) {
	w.Helper()
	m, err := w.store.Merchant(w.Context(), "faSDF42w3Fs")
	require.NoError(w, err)
	require.NoError(w, w.store.AddDevice(w.Context(), m.ID, id, "", w.vault.SealText(m.ID, vault.DeviceSecret, secret)))
}

// signed is a phone's call without a key.
func signed(device, secret string, body []byte, at time.Time) request {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return request{method: "POST", path: "/api/sms", json: string(body), key: noKey, header: map[string]string{
		"X-Device": device, "X-Timestamp": stamp, "X-Signature": forwarders.Sign(secret, body, stamp),
	}}
}

func TestWhoMaySendSMS(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.PutKey(t.Context(), "faSDF42w3Fs", "phone-key", "", []string{auth.ScopeSMS}))
	w.device("phone1", "s3cret of the phone")
	w.device("phone2", "s3cret of the second")
	require.NoError(t, w.store.RevokeDevice(t.Context(), "phone2"))
	a := w.transfer()
	body, err := json.Marshal(w.said(a.Amount))
	require.NoError(t, err)
	good := signed("phone1", "s3cret of the phone", body, time.Now())
	changed := func(f func(*request)) request {
		r := signed("phone1", "s3cret of the phone", body, time.Now())
		f(&r)
		return r
	}
	facts := w.facts()
	for name, r := range map[string]request{
		"no credential":          {method: "POST", path: "/api/sms", json: string(body), key: noKey},
		"wrong key":              {method: "POST", path: "/api/sms", json: string(body), key: "phone-ke"},
		"wrong secret":           signed("phone1", "s3cret of the second", body, time.Now()),
		"stale":                  signed("phone1", "s3cret of the phone", body, time.Now().Add(-16*time.Minute)),
		"from the future":        signed("phone1", "s3cret of the phone", body, time.Now().Add(16*time.Minute)),
		"revoked":                signed("phone2", "s3cret of the second", body, time.Now()),
		"unknown":                signed("phone3", "s3cret of the phone", body, time.Now()),
		"not an id":              signed("\xff\xfe", "s3cret of the phone", body, time.Now()),
		"not an id, in query":    changed(func(r *request) { delete(r.header, "X-Device"); r.path += "?device=%ff%00" }),
		"another body":           changed(func(r *request) { r.json = strings.Replace(r.json, "10", "11", 1) }),
		"another timestamp":      changed(func(r *request) { r.header["X-Timestamp"] = strconv.FormatInt(time.Now().Unix()+1, 10) }),
		"no timestamp":           changed(func(r *request) { delete(r.header, "X-Timestamp") }),
		"no signature":           changed(func(r *request) { delete(r.header, "X-Signature") }),
		"a key does not help it": changed(func(r *request) { r.header["X-Signature"] = "00"; r.key = "test" }),
	} {
		w.requireSays(w.cards(r), 403, 403)
		require.Equal(t, facts, w.facts(), name)
	}
	require.Equal(t, "paid", w.results(w.cards(good))[0].Result)
	require.Equal(t, "duplicate", w.results(w.cards(good))[0].Result, "a replay of the whole call")
	byQuery := changed(func(r *request) { delete(r.header, "X-Device"); r.path += "?device=phone1" })
	require.Equal(t, "duplicate", w.results(w.cards(byQuery))[0].Result)
	require.Equal(t, "duplicate", w.results(w.cards(request{method: "POST", path: "/api/sms", json: string(body), key: "phone-key"}))[0].Result)
	require.NotContains(t, w.log.String(), "s3cret")
	require.NotContains(t, w.log.String(), "phone-ke")

	limited := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.01, 1 })
	limited.device("phone1", "s3cret of the phone")
	require.Equal(t, http.StatusOK, limited.cards(good).StatusCode)
	limited.requireSays(limited.cards(good), 429, 429)
}

// One message, a list, a batch, a form: the same message in every dress, then bodies that hold none.
func TestShapesOfSMS(t *testing.T) {
	w := newWorld(t)
	a := w.transfer()
	m := w.said(a.Amount)
	one, err := json.Marshal(m)
	require.NoError(t, err)
	form := url.Values{"text": {m["text"].(string)}, "sender": {m["sender"].(string)}}
	want := []string{"paid", "duplicate", "duplicate", "duplicate", "duplicate"}
	for i, r := range []request{
		{json: string(one)}, {json: "[" + string(one) + "]"}, {json: `{"messages":[` + string(one) + `]}`}, {form: form},
		{form: url.Values{"from": form["sender"], "content": form["text"]}},
	} {
		r.method, r.path, r.lenient = "POST", "/api/sms", true
		got := w.results(w.cards(r))
		require.Equal(t, want[i], got[0].Result)
		require.Equal(t, a.PayID, got[0].PayID)
	}
	facts := w.facts()
	for _, r := range []request{
		{}, {json: `[]`}, {json: `{"messages":[]}`}, {json: `{"text":`}, {json: `"text"`}, {contentType: "text/plain", body: "text=a"},
		{json: `[` + strings.Repeat(`{},`, 100) + `{}]`}, {json: `{"text":"a","text":"b"}`}, {json: `{"sender":"6219"}`}, {json: `[{},5]`}, {contentType: "application/json", body: "{\"text\":\"\xff\"}"},
	} {
		r.method, r.path = "POST", "/api/sms"
		w.requireSays(w.cards(r), 422, 422)
	}
	require.Equal(t, facts, w.facts())
	require.Empty(t, w.results(w.cards(request{method: "POST", path: "/api/sms", json: `{"event":"system:ping"}`})), "a forwarder's ping is no error")
}

// A bad message does not hold up the others, and each has its result in its place.
func TestABatch(t *testing.T) {
	w := newWorld(t)
	a, b := w.transfer(), w.transfer()
	got := w.sms(message{"sender": "6219"}, w.said(a.Amount), message{"text": 5.5, "sender": true}, w.said(a.Amount, "kind", "withdraw"),
		message{"sender": "6219", "text": "رمز دوم پویا: 123456"}, w.said(b.Amount), w.said(b.Amount).with("received_at", "yesterday"))
	var results []string
	for _, r := range got {
		results = append(results, r.Result)
		require.Equal(t, r.Result == "invalid", r.Msg != "", "what is wrong is told")
	}
	require.Equal(t, []string{"invalid", "paid", "invalid", "stored", "secret", "paid", "invalid"}, results)
	require.Equal(t, []int64{a.PayID, b.PayID}, []int64{got[1].PayID, got[5].PayID})
	require.Equal(t, state.TransferPaid, w.stateOf(b.PayID))
}

func TestDuplicateSMS(t *testing.T) {
	w := newWorld(t)
	a := w.transfer()
	m := w.said(a.Amount)
	now := time.Now().Truncate(time.Second)
	first := w.sms(m.with("message_id", "m-1", "received_at", now.Format(time.RFC3339)))[0]
	require.Equal(t, "paid", first.Result)
	again := result{Result: "duplicate", PayID: a.PayID, DepositID: first.DepositID}
	require.Equal(t, again, w.sms(m.with("message_id", "m-1"))[0])
	require.Equal(t, again, w.sms(m.with("message_id", "m-2", "received_at", now.Add(26*time.Minute).Format(time.RFC3339)))[0], "the forwarder's queue, 26 minutes later")
	require.Equal(t, again, w.sms(m.with("text", strings.ReplaceAll(m["text"].(string), "ي", "ی")))[0], "another spelling")
	require.Equal(t, again, w.sms(w.said(1_000_000).with("message_id", "m-1"))[0], "the id decides too")

	// The same amount with another balance is another deposit, and the transfer has its own.
	second := w.sms(w.said(a.Amount))[0]
	require.Equal(t, "queued", second.Result)
	require.NotEqual(t, first.DepositID, second.DepositID)
	require.Equal(t, "already_paid", w.deposits("").Deposits[0].Reason)

	// Parallel copies are one deposit.
	b := w.transfer()
	body, err := json.Marshal(w.said(b.Amount))
	require.NoError(t, err)
	results := make(chan string, 20)
	w.together(20, func(int) answer {
		out := w.cards(request{method: "POST", path: "/api/sms", json: string(body)})
		results <- w.results(out)[0].Result
		return out
	})
	counts := map[string]int{}
	for range 20 {
		counts[<-results]++
	}
	require.Equal(t, map[string]int{"paid": 1, "duplicate": 19}, counts)
}

// Which messages pay, which wait for a person, which are only kept.
func TestWhatSMSDo(t *testing.T) {
	w := newWorld(t)
	mobile := func(m message) message { return m.with("sender", "+989121234567") }
	for name, tt := range map[string]struct {
		say    func(a created) message
		result string
		reason string
	}{
		"paid at Mellat": {func(a created) message { return w.said(a.Amount, "card", mellatCard) }, "paid", ""},
		"named by our whole card": {func(a created) message {
			m := w.said(a.Amount)
			return m.with("text", strings.Replace(m["text"].(string), "826-810-3456701-1", samanCard, 1))
		}, "paid", ""},
		"printed 5 minutes early":  {func(a created) message { return w.said(a.Amount, "ago", "5m") }, "queued", "too_early"},
		"another amount":           {func(a created) message { return w.said(a.Amount + 1) }, "queued", "no_transfer"},
		"an account not ours":      {func(a created) message { return w.said(a.Amount, "card", "6219861000000009") }, "queued", "unknown_account"},
		"from a mobile":            {func(a created) message { return mobile(w.said(a.Amount)) }, "queued", "phone_number_sender"},
		"from nobody":              {func(a created) message { return w.said(a.Amount).with("sender", nil) }, "queued", "unknown_sender"},
		"from a blank":             {func(a created) message { return w.said(a.Amount).with("sender", "  ") }, "queued", "unknown_sender"},
		"from a shop":              {func(a created) message { return w.said(a.Amount).with("sender", "+98300012345") }, "queued", "unknown_sender"},
		"from another bank":        {func(a created) message { return w.said(a.Amount).with("sender", "Bank Mellat") }, "queued", "sender_of_other_bank"},
		"money that left":          {func(a created) message { return w.said(a.Amount, "kind", "withdraw") }, "stored", ""},
		"money of the bank itself": {func(a created) message { return w.said(a.Amount, "kind", "reversal") }, "stored", ""},
		"an advert": {func(a created) message {
			return message{"sender": "6219", "text": "بانک سامان: در جشنواره شرکت کنید"}
		}, "stored", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			a := w.transfer()
			m := tt.say(a)
			got := w.sms(m)[0]
			require.Equal(t, tt.result, got.Result)
			require.Equal(t, tt.result == "paid", got.PayID == a.PayID)
			require.Equal(t, tt.result != "stored", got.DepositID != 0)
			w.requireSays(w.check(a.PayID), 200, map[bool]int{true: 201, false: 7}[tt.result == "paid"])
			if tt.result == "queued" {
				d := w.deposits("").Deposits[0]
				require.Equal(t, []any{got.DepositID, "suspense", tt.reason}, []any{d.ID, d.State, d.Reason})
				require.Equal(t, "start", w.heard("deposit", got.DepositID))
				require.Equal(t, "start", w.heard("transfer", a.PayID))
			}
		})
	}

	// An untrusted copy that came first does not use up the bank's own message.
	for _, sender := range []any{nil, "+989121234567"} {
		a := w.transfer()
		m := w.said(a.Amount)
		require.Equal(t, "queued", w.sms(m.with("sender", sender))[0].Result)
		require.Equal(t, "paid", w.sms(m)[0].Result)
	}

	// Late: the bank's time counts while the amount is reserved, and nothing does afterwards.
	in, out := w.transfer(), w.transfer()
	w.over(in.PayID, time.Minute)
	w.over(out.PayID, 0)
	require.Equal(t, "paid", w.sms(w.said(in.Amount, "ago", "10m"))[0].Result)
	require.Equal(t, "queued", w.sms(w.said(out.Amount))[0].Result)
	require.Equal(t, "late", w.deposits("").Deposits[0].Reason)
}

// everything is all rows of all tables as text, as the database's owner sees them.
func (w *world) everything() string {
	w.Helper()
	owner, err := store.Open(w.Context(), w.url, store.Options{Pool: 1})
	require.NoError(w, err)
	defer owner.Close()
	var tables []string
	require.NoError(w, owner.NewRaw(`SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`).Scan(w.Context(), &tables))
	require.Subset(w, tables, []string{"card_vault", "deposits", "outbox", "sms", "transfer_events", "transfers"})
	var out strings.Builder
	for _, table := range tables {
		var rows string
		require.NoError(w, owner.NewRaw(fmt.Sprintf(`SELECT coalesce(string_agg(t::text, E'\n'), '') FROM %q t`, table)).Scan(w.Context(), &rows))
		fmt.Fprintln(&out, table, rows)
	}
	return out.String()
}

func TestOneTimePasswordsAreNotKept(t *testing.T) {
	w := newWorld(t)
	a := w.transfer()
	deposit := w.said(a.Amount)["text"].(string)
	before := w.everything()
	for _, text := range []string{
		"بانک سامان\nرمز دوم یکبار مصرف:\n6376325\nاعتبارتا:15:29:00", "کد تایید شما ۶۳۷۶۳۲۵", "Your OTP is 6376325", deposit + "\nرمز پویا: 6376325",
	} {
		require.Equal(t, result{Result: "secret"}, w.sms(message{"sender": "6219", "text": text, "message_id": "secret-1"})[0], text)
	}
	require.Equal(t, before, w.everything(), "not a row, not a counter")
	require.NotContains(t, w.log.String(), "6376325")
	w.requireSays(w.check(a.PayID), 200, 7)
}

func TestUnreadSMS(t *testing.T) {
	w := newWorld(t)
	list := func(token string) (out struct {
		Messages []struct {
			ID                                               int64
			Merchant, Sender, Bank, Reason, Text, ReceivedAt string
		}
	}) {
		a := w.cards(request{method: "GET", path: "/api/sms/unread", key: token})
		require.Equal(t, http.StatusOK, a.StatusCode)
		require.NoError(t, json.Unmarshal([]byte(a.body), &out))
		return out
	}
	require.NotNil(t, list("test").Messages, "an empty list, not null")
	w.sms(w.said(55_000)) // well known
	strange := "بانک سامان\nاعتبار حساب 826-810-3456701-1 فلان شد. مبلغ 123,000 ریال. ۶۰۳۷-۹۹۰۰-۰۰۰۰-۰۰۱۴ و 6219860000000019 1405/08/30\nمانده 99,000,000 ریال"
	require.Equal(t, "stored", w.sms(message{"sender": "+989999920000", "text": strange})[0].Result)
	got := list("test").Messages
	require.Len(t, got, 1)
	require.Equal(t, []string{"faSDF42w3Fs", "+989999920000", "saman", "unknown_direction"}, []string{got[0].Merchant, got[0].Sender, got[0].Bank, got[0].Reason})
	require.Equal(t, strings.NewReplacer("۶۰۳۷-۹۹۰۰-۰۰۰۰-۰۰۱۴", "۶۰۳۷-۹۹**-****-۰۰۱۴", "6219860000000019", "621986******0019").Replace(strange), got[0].Text)
	require.Empty(t, list("test-fast").Messages, "another merchant's are not shown")
	require.Len(t, list("test-operator").Messages, 1)
}
