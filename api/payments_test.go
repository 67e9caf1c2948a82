package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

const payments = "/api/v1/payments"

// golden holds a body against the contract's sample: the same members everywhere, no more, no fewer,
// of the same kind. Values are compared where the sample's are not of its own time.
func golden(t *testing.T, sample, body string) {
	t.Helper()
	var want, got any
	require.NoError(t, json.Unmarshal([]byte(sample), &want))
	require.NoError(t, json.Unmarshal([]byte(body), &got), body)
	require.Equal(t, shape(want), shape(got), body)
}

func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			out[name] = shape(member)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, shape(item))
		}
		return out
	}
	return fmt.Sprintf("%T", v)
}

const samplePayment = `{
	"merchant": {"display_name": "", "display_image": "", "display_biz_name": ""},
	"description": "", "payer": "0938*****25", "created": "2017-05-14T14:01:50.632640+04:30", "amount": 10000, "paid": null,
	"token": "AsF42Sg53",
	"outcome": {"rrn": "bank_reference_code", "total_amount": 10000, "tip": 0, "state": "pending", "state_error": null, "method": "asanpardakht"},
	"payload": ""}`

// The published examples, with no more than host and secret replaced.
func TestDocumentedExamples(t *testing.T) {
	w := newWorld(t)
	for name, key := range map[string]string{"as it is": "test", "bearer": "Bearer test", "any case": "bearer test"} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			for _, r := range []request{
				{method: "POST", path: payments, form: url.Values{"merchant": {"faSDF42w3Fs"}, "amount": {"10000"}}, key: key},
				{method: "POST", path: payments, json: `{"merchant": "faSDF42w3Fs", "amount": 10000}`, key: key},
			} {
				created := w.do(r)
				golden(t, `{"message": "OK", "info": {"token": "AsF42Sg53"}, "errors": []}`, created.body)
				var info struct{ Token string }
				w.ok(created, &info)
				require.Regexp(t, `^[A-Za-z0-9]{22}$`, info.Token)
				path := payments + "/" + info.Token

				one := w.do(request{method: "GET", path: path, key: key})
				golden(t, `{"message": "OK", "info": `+samplePayment+`, "errors": []}`, one.body)

				a := w.open(info.Token)
				w.pay(a)
				w.okEmpty(w.do(request{method: "GET", path: path + "/collect", key: key})) // curl without -d
			}
			list := w.do(request{method: "GET", path: payments + "?after=2017-05-09T00:28:51.309004Z&size=1", key: key})
			golden(t, `{"message": "OK", "info": [`+samplePayment+`], "errors": []}`, list.body)
		})
	}
	w.ok(w.get(payments+"/"+fixtures.SampleToken), &json.RawMessage{})
}

func TestAPaymentFromCreateToCollect(t *testing.T) {
	w := newWorld(t)
	w.exec(`UPDATE merchants SET image_url = '/logo.png' WHERE public_id = 'faSDF42w3Fs'`)
	token := w.create()
	path := payments + "/" + token
	w.exec(`UPDATE payments SET created_at = '2026-11-21T14:01:50.63264Z' WHERE token = ?`, token)
	read := func() map[string]any {
		var info map[string]any
		w.ok(w.get(path), &info)
		return info
	}
	want := map[string]any{
		"merchant":    map[string]any{"display_name": "تاکسی آنلاین", "display_image": "/logo.png", "display_biz_name": "شرکت حمل‌ونقل نمونه"},
		"description": "", "payload": "", "payer": "", "amount": 10000.0, "paid": nil, "token": token,
		"created": "2026-11-21T17:31:50.632640+03:30",
		"outcome": map[string]any{"rrn": "", "total_amount": 10000.0, "tip": 0.0, "state": "pending", "state_error": nil, "method": "asanpardakht"},
	}
	outcome := want["outcome"].(map[string]any)
	require.Equal(t, want, read(), "defaults")

	a := w.open(token)
	want["payer"], outcome["method"] = "0938*****25", "zibal"
	require.Equal(t, want, read(), "a tip counts once it is paid")
	require.NoError(t, w.store.NoteUnpaid(t.Context(), a.ID, "declined"))
	outcome["state_error"] = "declined"
	require.Equal(t, want, read())

	w.pay(a)
	w.exec(`UPDATE payments SET paid_at = '2026-03-21T20:30:00Z' WHERE token = ?`, token)
	want["paid"] = "2026-03-22T00:00:00.000000+03:30" // no summer time since 1401
	outcome["rrn"], outcome["total_amount"], outcome["tip"], outcome["state"], outcome["state_error"] = fmt.Sprint("rrn", a.ID), 10500.0, 500.0, "paid", nil
	require.Equal(t, want, read())

	w.okEmpty(w.post(path+"/collect", nil))
	outcome["state"] = "collected"
	require.Equal(t, want, read())
	facts := w.facts()
	for _, method := range []string{"POST", "GET", "POST"} {
		w.okEmpty(w.do(request{method: method, path: path + "/collect"}))
	}
	require.Equal(t, facts, w.facts(), "collected once")
}

// The contract's own sample lies in a summer that had summer time.
func TestSummerTimeOfThePast(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	w.exec(`UPDATE payments SET created_at = '2017-05-14T09:31:50.63264Z' WHERE token = ?`, token)
	require.Contains(t, w.get(payments+"/"+token).body, `"created":"2017-05-14T14:01:50.632640+04:30"`)
}

// Everything a create may carry comes back as it was sent.
func TestCreateEchoes(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("ش", 1000)
	for name, tt := range map[string]struct {
		r    request
		want store.Payment
	}{
		"form": {request{form: url.Values{"amount": {"12345"}, "description": {"کرایهٔ <b>\"تاکسی\"</b> & 'سواری' \\"}, "payload": {`{"order":17}`}, "auto_collect": {"true"}, "preferred_method": {"zibal"}}},
			store.Payment{Amount: 12345, Description: "کرایهٔ <b>\"تاکسی\"</b> & 'سواری' \\", Payload: `{"order":17}`, AutoCollect: true, PreferredMethod: "zibal"}},
		"json":                      {request{json: `{"merchant":"faSDF42w3Fs","amount":12345,"description":"a\nb","payload":"p","auto_collect":true,"preferred_method":"zibal"}`}, store.Payment{Amount: 12345, Description: "a\nb", Payload: "p", AutoCollect: true, PreferredMethod: "zibal"}},
		"json with nulls":           {request{json: `{"merchant":"faSDF42w3Fs","amount":1,"description":null,"payload":null,"auto_collect":null,"preferred_method":null}`, lenient: true}, store.Payment{Amount: 1}},
		"amount as text":            {request{json: `{"merchant":"faSDF42w3Fs","amount":"10000"}`}, store.Payment{Amount: 10_000}},
		"persian digits":            {request{form: url.Values{"amount": {"۱۰۰۰۰"}}}, store.Payment{Amount: 10_000}},
		"persian digits, json":      {request{json: `{"merchant":"faSDF42w3Fs","amount":"۱۰٠00"}`}, store.Payment{Amount: 10_000}},
		"the largest amount":        {request{form: url.Values{"amount": {"9007199254740992"}}}, store.Payment{Amount: 1 << 53}},
		"one rial":                  {request{json: `{"merchant":"faSDF42w3Fs","amount":1}`}, store.Payment{Amount: 1}},
		"longest texts":             {request{form: url.Values{"amount": {"1"}, "description": {long}, "payload": {strings.Repeat("x", 4000)}}}, store.Payment{Amount: 1, Description: long, Payload: strings.Repeat("x", 4000)}},
		"empty texts":               {request{form: url.Values{"amount": {"1"}, "description": {""}, "auto_collect": {""}, "preferred_method": {""}}, lenient: true}, store.Payment{Amount: 1}},
		"unknown fields":            {request{form: url.Values{"amount": {"1"}, "callback_url": {"https://evil.example"}}}, store.Payment{Amount: 1}},
		"content type with charset": {request{body: `{"merchant":"faSDF42w3Fs","amount":1}`, contentType: "application/json; charset=utf-8"}, store.Payment{Amount: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			tt.r.method, tt.r.path = "POST", payments
			if tt.r.form != nil {
				tt.r.form.Set("merchant", "faSDF42w3Fs")
			}
			var info struct{ Token string }
			w.ok(w.do(tt.r), &info)
			p := w.payment(info.Token)
			require.Equal(t, tt.want, store.Payment{Amount: p.Amount, Description: p.Description, Payload: p.Payload, AutoCollect: p.AutoCollect, PreferredMethod: p.PreferredMethod})
			var shown struct {
				Description, Payload string
				Amount               int64
				Outcome              struct{ Method string }
			}
			require.NoError(t, json.Unmarshal([]byte(w.get(payments+"/"+info.Token).body), &struct{ Info any }{&shown}))
			require.Equal(t, []any{tt.want.Description, tt.want.Payload, int64(tt.want.Amount)}, []any{shown.Description, shown.Payload, shown.Amount})
		})
	}
	for text, want := range map[string]bool{"true": true, "True": true, "1": true, "false": false, "FALSE": false, "0": false} {
		require.Equal(t, want, w.payment(w.create("auto_collect", text)).AutoCollect, text)
	}
}

func TestCollectAndCancelInEveryState(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		in              state.Payment
		collect, cancel string // error code; empty = OK
	}{
		{state.PaymentPending, "state_pending", ""},
		{state.PaymentPaid, "", ""},
		{state.PaymentCollected, "", "state_collected"},
		{state.PaymentRefunding, "state_refunding", ""},
		{state.PaymentRefunded, "state_refunded", ""},
		{state.PaymentExpired, "state_expired", ""},
		{state.PaymentFailed, "state_failed", ""},
	} {
		for action, code := range map[string]string{"collect": tt.collect, "cancel": tt.cancel} {
			path := payments + "/" + w.bring(tt.in) + "/" + action
			facts := w.facts()
			for range 2 {
				a := w.post(path, nil)
				if code == "" {
					w.okEmpty(a)
					continue
				}
				w.requireFails(a, http.StatusConflict, code, "")
				require.Equal(t, facts, w.facts(), "%s when %s", action, tt.in)
			}
		}
	}
	require.Zero(t, w.sagas.asked, "nobody was at a bank")

	// The deadline decides, not the sweep that comes after it.
	token := w.bring(state.PaymentPaid)
	w.exec(`UPDATE payments SET collect_by = now() WHERE token = ?`, token)
	w.requireFails(w.post(payments+"/"+token+"/collect", nil), http.StatusConflict, "state_paid", "")
}

func TestCancelKeepsTheReason(t *testing.T) {
	w := newWorld(t)
	for name, r := range map[string]request{
		"form": {form: url.Values{"reason": {"راننده نبود"}}},
		"json": {json: `{"reason": "راننده نبود"}`},
	} {
		token := w.bring(state.PaymentPaid)
		r.method, r.path = "POST", payments+"/"+token+"/cancel"
		w.okEmpty(w.do(r))
		events, err := w.store.Timeline(t.Context(), w.payment(token).ID)
		require.NoError(t, err)
		require.Equal(t, "راننده نبود", events[len(events)-1].Note, name)
	}
}

// The merchant may be ahead of the bank: then the saga is asked before anything is refused.
func TestCollectAsksTheBankFirst(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	a := w.open(token)
	path := payments + "/" + token + "/collect"

	facts := w.facts()
	down := w.post(path, nil)
	got := w.requireFails(down, http.StatusServiceUnavailable, "bank_not_reached", "")
	require.NotContains(t, got.Text, "10.1.2.3", "why is for the log")
	require.Contains(t, w.log.String(), "10.1.2.3")
	w.requireFails(w.get(path), http.StatusServiceUnavailable, "bank_not_reached", "")
	require.Equal(t, facts, w.facts())

	w.sagas.inquire = func(context.Context, string) (state.Payment, error) { return state.PaymentPending, nil }
	w.requireFails(w.post(path, nil), http.StatusConflict, "state_pending", "")
	require.Equal(t, facts, w.facts())

	w.sagas.inquire = func(ctx context.Context, asked string) (state.Payment, error) {
		require.Equal(t, token, asked)
		until, ok := ctx.Deadline()
		require.True(t, ok)
		require.Less(t, time.Until(until), 9*time.Second, "a caller does not wait for ever")
		w.pay(a)
		return state.PaymentPaid, nil
	}
	w.okEmpty(w.post(path, nil))
	require.Equal(t, 4, w.sagas.asked)
	w.okEmpty(w.post(path, nil))
	require.Equal(t, 4, w.sagas.asked, "decided")
}

func TestList(t *testing.T) {
	w := newWorld(t)
	var tokens []string
	for i := range 60 {
		token := w.create()
		w.exec(`UPDATE payments SET created_at = ?::timestamptz + ? * interval '1 microsecond' WHERE token = ?`, "2026-01-01T00:00:00Z", i, token)
		tokens = append(tokens, token)
	}
	w.exec(`UPDATE payments SET created_at = '2020-01-01' WHERE token = ?`, fixtures.SampleToken)
	w.shut(tokens[3])
	w.ok(w.do(request{method: "POST", path: payments, key: "test-fast", form: url.Values{"merchant": {"demo-fast"}, "amount": {"1"}}}), &json.RawMessage{})
	list := func(query string) []string {
		var info []struct {
			Token   string         `json:"token"`
			Created string         `json:"created"`
			Rest    map[string]any `json:"-"`
		}
		var raw json.RawMessage
		w.ok(w.do(request{method: "GET", path: payments + query, lenient: strings.Contains(query, "+")}), &raw)
		require.NoError(t, json.Unmarshal(raw, &info))
		out := []string{}
		for _, p := range info {
			out = append(out, p.Token)
		}
		return out
	}
	newest := func(from, to int) []string {
		out := []string{}
		for i := from; i > to; i-- {
			out = append(out, tokens[i])
		}
		return out
	}
	require.Equal(t, newest(59, 9), list(""), "fifty, newest first, nobody else's")
	all := list("?size=200")
	require.Len(t, all, 61)
	require.Contains(t, all, tokens[3], "those that came to nothing too")
	require.Equal(t, newest(9, 7), list("?size=2&before=2026-01-01T00:00:00.000010Z"), "exclusive")
	require.Equal(t, tokens[11:13], list("?size=2&after=2026-01-01T00:00:00.000010Z"), "exclusive, oldest first")
	require.Equal(t, tokens[11:12], list("?size=1&after=2026-01-01T00:00:00.000010%2B00:00"), "written with an offset")
	require.Equal(t, tokens[11:12], list("?size=1&after=2026-01-01T00:00:00.000010+00:00"), "whose plus became a space")
	require.Equal(t, []string{fixtures.SampleToken}, list("?before=2026-01-01T00:00:00Z"))
	require.Equal(t, []string{}, list("?after=2030-01-01T00:00:00Z"))
	require.Equal(t, []string{}, list("?before=0001-01-01T00:00:00Z"), "before everything")
	require.Equal(t, []string{fixtures.SampleToken, tokens[0]}, list("?size=2&after=0001-01-01T00:00:00Z"), "after everything began")
}

// A payment of someone else and one that never was are told apart by nothing.
func TestForeignAndUnknownLookAlike(t *testing.T) {
	w := newWorld(t)
	var info struct{ Token string }
	w.ok(w.do(request{method: "POST", path: payments, key: "test-fast", form: url.Values{"merchant": {"demo-fast"}, "amount": {"1"}}}), &info)
	unknown := store.NewToken()
	facts := w.facts()
	for _, call := range []struct{ method, suffix string }{{"GET", ""}, {"POST", "/collect"}, {"GET", "/collect"}, {"POST", "/cancel"}} {
		theirs := w.do(request{method: call.method, path: payments + "/" + info.Token + call.suffix})
		nobodys := w.do(request{method: call.method, path: payments + "/" + unknown + call.suffix})
		w.requireFails(theirs, http.StatusNotFound, "not_found", "")
		require.Equal(t, nobodys.body, theirs.body)
		for _, a := range []answer{theirs, nobodys} {
			a.Header.Del("X-Request-Id")
			a.Header.Del("Date")
		}
		require.Equal(t, nobodys.Header, theirs.Header)
	}
	w.requireFails(w.post(payments, url.Values{"merchant": {"demo-fast"}, "amount": {"1"}}), http.StatusBadRequest, "unknown", "merchant")
	theirs := w.post(payments, url.Values{"merchant": {"demo-fast"}, "amount": {"1"}}).body
	require.Equal(t, w.post(payments, url.Values{"merchant": {"nobody"}, "amount": {"1"}}).body, theirs)
	require.Equal(t, facts, w.facts())
}
