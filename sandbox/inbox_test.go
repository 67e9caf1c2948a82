package sandbox

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
)

const inboxSecret = "whsec_cGF5c2FnYSBkZXZlbG9wbWVudCBlbmRwb2ludCBzZWNyZXQ="

// page gets a page as a browser does.
func (w *world) page(path string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.url+path, nil)
	require.NoError(w.t, err)
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	require.Contains(w.t, res.Header.Get("Content-Type"), "text/html")
	return res.StatusCode, string(body)
}

// webhook is a message as a sender makes it.
type webhook struct {
	id, key, secret, kind string
	at                    time.Time
	event                 string
	body                  []byte // nil = one that is signed with key
}

func (w *world) webhook(id string) webhook {
	return webhook{id: id, key: "pay-key", secret: inboxSecret, kind: "payment", at: w.clock.Now()}
}

// deliver sends a message to an inbox.
func (w *world) deliver(to string, m webhook) (*http.Response, error) {
	w.t.Helper()
	if m.body == nil {
		var err error
		m.body, err = sign.Body(m.key, sign.F("type", m.kind), sign.F("uuid", "u-1"), sign.F("order_id", "o/۱"), sign.F("status", "paid"))
		require.NoError(w.t, err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/inbox/"+to, strings.NewReader(string(m.body)))
	require.NoError(w.t, err)
	req.Header, err = sign.StandardHeaders(m.id, m.at, m.body, m.secret)
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Cookie", "not=kept")
	if m.event != "" {
		req.Header.Set("Paysaga-Event", m.event)
	}
	res, err := (&http.Client{
		Timeout:       5 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true}, // a used connection would be tried again by itself
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}).Do(req)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	return res, err
}

func (w *world) inbox(path string) inboxList {
	w.t.Helper()
	var out inboxList
	require.Equal(w.t, http.StatusOK, w.json(http.MethodGet, "/inbox/"+path, nil, &out))
	return out
}

func inboxWorld(t *testing.T) *world {
	w := newWorld(t)
	w.s.mail.keys = map[string]InboxKeys{"dev": {PaymentKey: "pay-key", PayoutKey: "out-key", Secret: inboxSecret}}
	return w
}

func TestInboxShowsWhatCame(t *testing.T) {
	w := inboxWorld(t)
	require.Equal(t, inboxList{Inbox: "dev", Messages: []Received{}}, w.inbox("dev"))
	m := w.webhook("msg_1")
	res, err := w.deliver("dev", m)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)

	got := w.inbox("dev")
	require.EqualValues(t, 1, got.Total)
	require.Len(t, got.Messages, 1)
	r := got.Messages[0]
	require.JSONEq(t, `{"type":"payment","uuid":"u-1","order_id":"o/۱","status":"paid","sign":"`+bodySign(t, r.Body)+`"}`, r.Body)
	r.Body = ""
	require.Equal(t, "msg_1", r.Headers.Get("Webhook-Id"))
	require.NotEmpty(t, r.Headers.Get("Webhook-Signature"))
	require.Equal(t, "application/json", r.Headers.Get("Content-Type"))
	require.NotContains(t, r.Headers, "Cookie")
	r.Headers = nil
	require.Equal(t, Received{
		N: 1, At: w.clock.Now().UTC().Round(0), ID: "msg_1", Attempt: 1, Type: "payment", Status: "paid", OrderID: "o/۱", UUID: "u-1",
		Sign: Verdict{OK: true, Key: "payment"}, Standard: Verdict{OK: true, Key: "secret"}, Answer: 200, Accepted: true,
	}, r)

	_, err = w.deliver("dev", m)
	require.NoError(t, err)
	require.Equal(t, 2, w.inbox("dev").Messages[1].Attempt, "the same id again")
	require.Len(t, w.inbox("dev?after=1").Messages, 1)
	require.Empty(t, w.inbox("dev?after=2").Messages)
	require.Empty(t, w.inbox("dev?after=17").Messages)

	require.Equal(t, http.StatusNoContent, w.json(http.MethodDelete, "/inbox/dev", nil, nil))
	require.Equal(t, inboxList{Inbox: "dev", Total: 2, Messages: []Received{}}, w.inbox("dev"))
	_, err = w.deliver("dev", m)
	require.NoError(t, err)
	require.EqualValues(t, 3, w.inbox("dev").Messages[0].N, "numbers go on")
	require.Equal(t, 1, w.inbox("dev").Messages[0].Attempt, "attempts do not")
}

func bodySign(t *testing.T, body string) string {
	var in struct{ Sign string }
	require.NoError(t, json.Unmarshal([]byte(body), &in))
	return in.Sign
}

func TestInboxVerdicts(t *testing.T) {
	good := Verdict{OK: true, Key: "secret"}
	for name, c := range map[string]struct {
		to       string
		change   func(m *webhook)
		sign     Verdict
		standard Verdict
	}{
		"good":          {"dev", func(*webhook) {}, Verdict{OK: true, Key: "payment"}, good},
		"payout key":    {"dev", func(m *webhook) { m.key, m.kind = "out-key", "payout" }, Verdict{OK: true, Key: "payout"}, good},
		"other key":     {"dev", func(m *webhook) { m.key = "x" }, Verdict{Why: "signature does not match"}, good},
		"other secret":  {"dev", func(m *webhook) { m.secret = sign.NewSecret() }, Verdict{OK: true, Key: "payment"}, Verdict{Why: "signature does not match"}},
		"old":           {"dev", func(m *webhook) { m.at = m.at.Add(-6 * time.Minute) }, Verdict{OK: true, Key: "payment"}, Verdict{Why: "timestamp is outside the tolerance"}},
		"not JSON":      {"dev", func(m *webhook) { m.body = []byte("x") }, Verdict{Why: "malformed: the body is not JSON"}, good},
		"without sign":  {"dev", func(m *webhook) { m.body = []byte(`{"type":"x"}`) }, Verdict{Why: "signature is missing", Missing: true}, good},
		"nothing":       {"dev", func(m *webhook) { m.body = []byte{} }, Verdict{Why: "malformed: the body is not JSON"}, good},
		"another inbox": {"mine", func(*webhook) {}, Verdict{OK: true, Key: "payment"}, Verdict{Why: "no key to check the signature with"}},
		"altered number": {"dev", func(m *webhook) {
			m.body = []byte(`{"amount":2,"sign":"` + sign.Sign([]byte(`{"amount":1}`), "pay-key") + `"}`)
		}, Verdict{Why: "signature does not match"}, good},
	} {
		t.Run(name, func(t *testing.T) {
			w := inboxWorld(t)
			m := w.webhook("msg_1")
			c.change(&m)
			_, err := w.deliver(c.to, m)
			require.NoError(t, err)
			r := w.inbox(c.to).Messages[0]
			require.Equal(t, c.sign, r.Sign)
			require.Equal(t, c.standard, r.Standard)
			require.Equal(t, 200, r.Answer, "what is signed wrongly is shown, not turned away")
		})
	}
}

func TestInboxWithoutKeys(t *testing.T) {
	w := newWorld(t)
	_, err := w.deliver("dev", w.webhook("msg_1"))
	require.NoError(t, err)
	r := w.inbox("dev").Messages[0]
	require.False(t, r.Sign.OK || r.Standard.OK)
	require.Equal(t, "no key to check the signature with", r.Sign.Why)
}

func TestInboxSecret(t *testing.T) {
	w := inboxWorld(t)
	secret := sign.NewSecret()
	require.Equal(t, http.StatusNoContent, w.json(http.MethodPut, "/inbox/mine/secret", map[string]string{"secret": secret, "payment_key": "mine"}, nil))
	m := w.webhook("msg_1")
	m.secret, m.key = secret, "mine"
	_, err := w.deliver("mine", m)
	require.NoError(t, err)
	m.key = "out-key"
	_, err = w.deliver("mine", m)
	require.NoError(t, err)
	got := w.inbox("mine").Messages
	require.Equal(t, Verdict{OK: true, Key: "payment"}, got[0].Sign)
	require.Equal(t, Verdict{OK: true, Key: "payout"}, got[1].Sign, "what was not set stays")
	require.True(t, got[0].Standard.OK && got[1].Standard.OK)

	for _, wrong := range []string{`{"secret":"whsec_short"}`, `{"secret":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"}`, `{}`, `{"secret":1}`, `{"key":"x"}`, `x`} {
		require.Equal(t, http.StatusBadRequest, w.json(http.MethodPut, "/inbox/mine/secret", wrong, nil), wrong)
	}
}

func TestInboxAnswersAsAsked(t *testing.T) {
	for to, want := range map[string]struct {
		status []int
		retry  string
	}{
		"dev":                                  {[]int{200, 200}, ""},
		"gone":                                 {[]int{410, 410}, ""},
		"busy":                                 {[]int{429, 429}, "2"},
		"busy?retry_after=7":                   {[]int{429, 429}, "7"},
		"busy?times=1":                         {[]int{429, 200}, "2"},
		"dev?answer=503":                       {[]int{503, 503}, ""},
		"dev?answer=503&retry_after=9&times=2": {[]int{503, 503, 200, 200}, "9"},
		"dev?answer=204":                       {[]int{204}, ""},
		"dev?answer=302":                       {[]int{302}, ""},
		"dev?answer=99":                        {[]int{400}, ""},
		"dev?answer=600":                       {[]int{400}, ""},
		"dev?answer=503&retry_after=-1":        {[]int{400}, ""},
		"dev?answer=503&times=0":               {[]int{400}, ""},
		"dev?answer=five":                      {[]int{400}, ""},
		"a%20b":                                {[]int{404}, ""},
		strings.Repeat("n", 65):                {[]int{404}, ""},
	} {
		t.Run(to, func(t *testing.T) {
			w := inboxWorld(t)
			for i, status := range want.status {
				res, err := w.deliver(to, w.webhook("msg_1"))
				require.NoError(t, err)
				require.Equal(t, status, res.StatusCode)
				if status >= 410 {
					require.Equal(t, want.retry, res.Header.Get("Retry-After"))
				}
				if status == 400 || status == 404 {
					continue
				}
				name, _, _ := strings.Cut(to, "?")
				r := w.inbox(name).Messages[i]
				require.Equal(t, status, r.Answer)
				require.Equal(t, status/100 == 2, r.Accepted)
			}
			_, err := w.deliver("dev?times=1", w.webhook("msg_2"))
			require.NoError(t, err)
		})
	}
}

func TestInboxFailures(t *testing.T) {
	for failure, c := range map[string]struct {
		status   int // 0 = no answer
		accepted bool
	}{
		failTimeoutBefore: {0, false}, failTimeoutAfter: {0, true}, failReset: {0, false}, failGarbage: {0, false}, failRefuse: {503, false}, failSlow: {200, true},
	} {
		t.Run(failure, func(t *testing.T) {
			w := inboxWorld(t)
			w.setRules(`{"inbox":{"` + failure + `":1,"hold":"20ms","delay":"20ms"}}`)
			res, err := w.deliver("dev", w.webhook("msg_1"))
			if c.status == 0 {
				require.Error(t, err)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.status, res.StatusCode)
			}
			r := w.inbox("dev").Messages[0]
			require.Equal(t, c.status, r.Answer)
			require.Equal(t, c.accepted, r.Accepted)
			if failure != failSlow {
				require.Equal(t, failure, r.Rule)
				res, err = w.deliver("gone", w.webhook("msg_1"))
				require.NoError(t, err, "who asks for an answer gets it")
				require.Equal(t, 410, res.StatusCode)
			}
			w.setRules(`{}`)
			res, err = w.deliver("dev", w.webhook("msg_1"))
			require.NoError(t, err)
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, 2, w.inbox("dev").Messages[1].Attempt)
		})
	}
}

func TestInboxForgetsTheOldest(t *testing.T) {
	now := time.Now()
	m := &mailroom{inboxes: map[string]*inbox{}}
	for range keptWebhooks + 5 {
		m.keep("dev", Received{At: now, Raw: []byte("x")})
	}
	list, total := m.list("dev", 0)
	require.Len(t, list, keptWebhooks)
	require.EqualValues(t, keptWebhooks+5, total)
	require.EqualValues(t, 6, list[0].N)
	list, _ = m.list("dev", keptWebhooks)
	require.Len(t, list, 5)
	require.EqualValues(t, keptWebhooks+1, list[0].N)

	for range 3 {
		m.keep("big", Received{Raw: make([]byte, keptBytes/2)})
	}
	list, _ = m.list("big", 0)
	require.Len(t, list, 2)
	m.keep("big", Received{Headers: http.Header{"X": {""}}})
	list, _ = m.list("big", 0)
	require.Len(t, list, 2, "one byte too many")
}

func TestThereAreNotTooManyInboxes(t *testing.T) {
	w := inboxWorld(t)
	for i := range maxInboxes {
		_, err := w.deliver(fmt.Sprint("n", i), w.webhook("msg_1"))
		require.NoError(t, err)
	}
	res, err := w.deliver("more", w.webhook("msg_1"))
	require.NoError(t, err)
	require.Equal(t, http.StatusInsufficientStorage, res.StatusCode)
	require.Equal(t, http.StatusInsufficientStorage, w.json(http.MethodPut, "/inbox/more/secret", `{"payment_key":"k"}`, nil))
	require.Equal(t, http.StatusInsufficientStorage, w.json(http.MethodGet, "/inbox/more/stream", nil, nil))
	require.Equal(t, http.StatusOK, w.json(http.MethodGet, "/inbox/more", nil, nil), "looking makes none")
	require.Equal(t, http.StatusNoContent, w.json(http.MethodDelete, "/inbox/n3", nil, nil))
	res, err = w.deliver("more", w.webhook("msg_1"))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
}

// stream follows an inbox until the test ends.
func (w *world) stream(path, last string) <-chan Received {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+"/inbox/"+path, nil)
	require.NoError(w.t, err)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	require.Equal(w.t, "text/event-stream", res.Header.Get("Content-Type"))
	out := make(chan Received, 100)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(out)
		lines := bufio.NewScanner(res.Body)
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var r Received
				if json.Unmarshal([]byte(data), &r) == nil {
					out <- r
				}
			}
		}
	})
	w.t.Cleanup(func() { res.Body.Close(); wg.Wait() })
	return out
}

func next(t *testing.T, from <-chan Received) Received {
	t.Helper()
	select {
	case r, ok := <-from:
		require.True(t, ok, "the stream ended")
		return r
	case <-time.After(5 * time.Second):
		require.Fail(t, "nothing came")
		return Received{}
	}
}

func TestInboxStream(t *testing.T) {
	w := inboxWorld(t)
	m := w.webhook("msg_0")
	_, err := w.deliver("dev", m)
	require.NoError(t, err)
	fresh, all, rest := w.stream("dev/stream", ""), w.stream("dev/stream?after=0", ""), w.stream("dev/stream?after=0", "1")
	require.Equal(t, "msg_0", next(t, all).ID)

	m.id, m.body = "msg_1", []byte("\xff\x00 raw, not text")
	_, err = w.deliver("dev", m)
	require.NoError(t, err)
	for _, s := range []<-chan Received{fresh, all, rest} {
		r := next(t, s)
		require.Equal(t, "msg_1", r.ID)
		require.EqualValues(t, 2, r.N)
		require.Equal(t, m.body, r.Raw, "byte by byte")
		require.True(t, r.Standard.OK)
	}

	restarted := w.stream("dev/stream", "17")
	require.Equal(t, "msg_0", next(t, restarted).ID, "numbers begin again with the sandbox")
	require.Equal(t, "msg_1", next(t, restarted).ID)

	w.json(http.MethodDelete, "/inbox/dev", nil, nil)
	_, err = w.deliver("dev", w.webhook("msg_2"))
	require.NoError(t, err)
	require.Equal(t, "msg_2", next(t, fresh).ID, "emptying disturbs nobody")
	require.Equal(t, "msg_2", next(t, restarted).ID)

	w.s.Release()
	select {
	case _, open := <-fresh:
		require.False(t, open)
	case <-time.After(5 * time.Second):
		require.Fail(t, "the stream holds up the end")
	}
}

func TestInboxPage(t *testing.T) {
	w := inboxWorld(t)
	_, page := w.page("/inbox/dev")
	require.Contains(t, page, "هنوز پیامی نرسیده است")
	_, err := w.deliver("dev", w.webhook("msg_1"))
	require.NoError(t, err)
	m := w.webhook("msg_2")
	m.event = "payment.collected"
	m.body = []byte(`{"type":"payment","order_id":"<script>","note":"<script>alert(1)</script>"}`)
	_, err = w.deliver("dev?answer=503", m)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, w.json(http.MethodPost, "/inbox/dev", `{"type":"payment","sign":"x"}`, nil)) // a test webhook has only this one
	_, page = w.page("/inbox/dev?refresh=5")
	for _, want := range []string{
		`data-n="1" data-id="msg_1"`, "payment paid", "payment.collected", "ندارد", "signature does not match", "۵۰۳", `<meta http-equiv="refresh" content="5">`, "&lt;script&gt;",
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "<script>")
	require.Equal(t, 3, strings.Count(page, `"verdict good"`))
	require.Equal(t, 1, strings.Count(page, `"verdict bad"`))
	require.Equal(t, 2, strings.Count(page, `"verdict none"`))
	status, _ := w.page("/payout")
	require.Equal(t, http.StatusOK, status)
}

func TestInboxRules(t *testing.T) {
	w := newWorld(t)
	const rules = `{"bank":{},"operator":{},"inbox":{"refuse":0.1,"timeout_after":0.1,"garbage":0.1,"slow":0.2,"reset":0.1,"hold":"2s","delay":"1s"}}`
	var got json.RawMessage
	require.Equal(t, http.StatusOK, w.json(http.MethodPut, "/rules", rules, &got))
	require.JSONEq(t, rules, string(got))
	for wrong, why := range map[string]string{
		`{"inbox":{"refuse":2}}`:    "inbox: refuse: must be a number",
		`{"inbox":{"unknown":0.1}}`: "inbox: unknown: unknown; use",
		`{"inbox":{"hold":2}}`:      "inbox: hold: must be a duration",
		`{"bank":{"reset":1}}`:      "bank: reset: unknown",
	} {
		_, err := ParseRules([]byte(wrong))
		require.ErrorContains(t, err, why)
	}
}
