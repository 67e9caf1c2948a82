package api_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/store"
)

const endpointsPath = "/api/v1/webhook-endpoints"

func endpointPath(id int64, more ...string) string {
	return strings.Join(append([]string{endpointsPath, fmt.Sprint(id)}, more...), "/")
}

// info reads the info of a success with this status, strictly.
func (w *world) info(a answer, status int, info any) {
	w.Helper()
	require.Equal(w, status, a.StatusCode, a.body)
	plain := *a.Response
	plain.StatusCode = http.StatusOK
	w.ok(answer{&plain, a.body}, info)
}

func (w *world) putJSON(method, path string, in any) answer {
	w.Helper()
	r := request{method: method, path: path}
	if in != nil {
		body, err := json.Marshal(in)
		require.NoError(w, err)
		r.json = string(body)
	}
	return w.do(r)
}

// endpoint adds one that listens for events; none is every one.
func (w *world) endpoint(events ...string) (e contracts.WebhookEndpoint) {
	w.Helper()
	w.info(w.putJSON("POST", endpointsPath, map[string]any{"url": fmt.Sprintf("https://shop.example/%d", w.count.Add(1)), "events": append([]string{}, events...)}), http.StatusCreated, &e)
	return e
}

func (w *world) endpointOf(a answer) (e contracts.WebhookEndpoint) {
	w.Helper()
	w.info(a, http.StatusOK, &e)
	return e
}

func (w *world) endpoints() (list []contracts.WebhookEndpoint) {
	w.Helper()
	w.ok(w.get(endpointsPath), &list)
	return list
}

// An endpoint's secret is in the answer that makes it and nowhere else, ever.
func TestEndpointsAndTheirSecrets(t *testing.T) {
	w := newWorld(t)
	require.Empty(t, w.endpoints())
	require.JSONEq(t, `{"message":"OK","info":[],"errors":[]}`, w.get(endpointsPath).body)
	made := w.putJSON("POST", endpointsPath, map[string]any{"url": " https://Shop.Example/webhooks?a=1 ", "description": "سفارش‌ها", "events": []string{"payment.*", "payout.paid"}})
	var e contracts.WebhookEndpoint
	w.info(made, http.StatusCreated, &e)
	require.Equal(t, contracts.WebhookEndpoint{ID: e.ID, URL: "https://shop.example/webhooks?a=1", Description: "سفارش‌ها", Events: []string{"payment.*", "payout.paid"},
		State: "enabled", Created: e.Created, Secret: e.Secret}, e)
	encoded, ok := strings.CutPrefix(e.Secret, "whsec_")
	require.True(t, ok)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	require.Len(t, secret, 32)

	form := w.post(endpointsPath, map[string][]string{"url": {"https://shop.example/form"}})
	var second contracts.WebhookEndpoint
	w.info(form, http.StatusCreated, &second)
	require.Equal(t, []string{}, second.Events)
	require.NotEqual(t, e.Secret, second.Secret)

	shown := e
	shown.Secret = ""
	require.Equal(t, shown, w.endpointOf(w.get(endpointPath(e.ID))))
	list := w.endpoints()
	require.Equal(t, []int64{e.ID, second.ID}, []int64{list[0].ID, list[1].ID}, "oldest first")
	var after strings.Builder
	for _, a := range []answer{
		w.get(endpointsPath), w.get(endpointPath(e.ID)), w.putJSON("PUT", endpointPath(e.ID), map[string]any{"description": "again"}),
		w.putJSON("POST", endpointPath(e.ID, "pause"), nil), w.putJSON("POST", endpointPath(e.ID, "resume"), nil), w.get("/api/v1/webhook-messages"),
	} {
		require.Equal(t, http.StatusOK, a.StatusCode)
		after.WriteString(a.body)
	}
	require.Contains(t, after.String(), `"description":"again"`)
	for where, text := range map[string]string{"answers": after.String(), "log": w.log.String(), "rows": w.everything()} {
		require.NotContains(t, text, "whsec_", where)
		require.NotContains(t, text, encoded, where)
		require.NotContains(t, text, fmt.Sprintf("%x", secret), where)
	}
}

func TestChangeEndpoint(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint("payment.*")
	change := func(in string) contracts.WebhookEndpoint {
		return w.endpointOf(w.do(request{method: "PUT", path: endpointPath(e.ID), json: in}))
	}
	require.Equal(t, []string{"payment.*"}, change(`{}`).Events, "absent stays")
	require.Equal(t, e.URL, change(`{"description":"x"}`).URL)
	got := change(`{"url":"https://shop.example/moved","events":["topup.delivered"],"secret":"whsec_mine","state":"deleted"}`)
	require.Equal(t, []any{"https://shop.example/moved", "x", []string{"topup.delivered"}, "enabled"}, []any{got.URL, got.Description, got.Events, got.State})
	require.Equal(t, []string{}, change(`{"events":[]}`).Events, "every event")
	require.Empty(t, change(`{"description":null}`).Description)
	form := w.endpointOf(w.do(request{method: "PUT", path: endpointPath(e.ID), form: map[string][]string{"url": {"http://127.0.0.1:3000/dev"}}}))
	require.Equal(t, "http://127.0.0.1:3000/dev", form.URL, "in development")
}

func TestPauseAndResumeEndpoints(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint("payment.*")
	for range 2 {
		require.Equal(t, "paused", w.endpointOf(w.putJSON("POST", endpointPath(e.ID, "pause"), nil)).State)
	}
	w.create()
	m := w.messages("")[0]
	require.Equal(t, "pending", m.State, "until its saga looks")
	held, err := w.store.HoldMessage(t.Context(), m.ID)
	require.NoError(t, err)
	require.EqualValues(t, "held", held)
	require.Equal(t, "held", w.message(m.ID).State)
	for range 2 {
		require.Equal(t, "enabled", w.endpointOf(w.putJSON("POST", endpointPath(e.ID, "resume"), nil)).State)
	}
	list := w.messages("")
	require.Len(t, list, 2, "what was held is sent")
	require.Equal(t, []any{"pending", m.WebhookID, &m.ID}, []any{list[0].State, list[0].WebhookID, list[0].Replaces})
	require.Equal(t, "replaced", list[1].State)

	// 410: the receiver wants nothing any more. A pause would hide that; a resume undoes it.
	w.try(list[0].ID, store.Try{Try: 1, Status: http.StatusGone, Then: "failed", Gone: true})
	gone := w.endpointOf(w.get(endpointPath(e.ID)))
	require.Equal(t, []string{"disabled", "gone"}, []string{gone.State, gone.DisabledReason})
	w.requireFails(w.putJSON("POST", endpointPath(e.ID, "pause"), nil), http.StatusConflict, "conflict", "")
	back := w.endpointOf(w.putJSON("POST", endpointPath(e.ID, "resume"), nil))
	require.Equal(t, []string{"enabled", ""}, []string{back.State, back.DisabledReason})
}

func TestRotateSecret(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint()
	path := endpointPath(e.ID, "rotate-secret")
	seen := map[string]bool{e.Secret: true}
	for _, tt := range []struct {
		r    request
		keep time.Duration
	}{
		{request{}, 24 * time.Hour}, {request{json: `{}`}, 24 * time.Hour}, {request{json: `{"keep_old_seconds":3600}`}, time.Hour}, {request{json: `{"keep_old_seconds":"۳۶۰۰"}`}, time.Hour},
		{request{form: map[string][]string{"keep_old_seconds": {"604800"}}}, 7 * 24 * time.Hour}, {request{json: `{"keep_old_seconds":1}`}, time.Second},
	} {
		tt.r.method, tt.r.path = "POST", path
		got := w.endpointOf(w.do(tt.r))
		require.False(t, seen[got.Secret])
		seen[got.Secret] = true
		until, err := time.Parse(time.RFC3339, *got.OldSecretUntil)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now().Add(tt.keep), until, time.Minute)
		require.NotContains(t, w.get(endpointPath(e.ID)).body, "whsec_")
	}
	before := w.tables()
	for _, bad := range []string{"0", "-1", "604801", "1.5", "1e3", `"x"`, `""`, "true", "null", strings.Repeat("9", 30)} {
		w.requireFails(w.do(request{method: "POST", path: path, json: `{"keep_old_seconds":` + bad + `}`}), http.StatusBadRequest, "range", "keep_old_seconds")
	}
	require.Equal(t, before, w.tables())
	for secret := range seen {
		require.NotContains(t, w.log.String(), secret)
	}
}

func TestDeleteEndpoint(t *testing.T) {
	w := newWorld(t)
	e, other := w.endpoint(), w.endpoint()
	w.create()
	w.okEmpty(w.putJSON("DELETE", endpointPath(e.ID), nil))
	require.Len(t, w.endpoints(), 1)
	require.Equal(t, "dropped", w.messages(fmt.Sprintf("?endpoint=%d", e.ID))[0].State)
	require.Equal(t, "pending", w.messages(fmt.Sprintf("?endpoint=%d", other.ID))[0].State)
	before := w.tables()
	for _, r := range endpointCalls(e.ID) {
		w.requireFails(w.do(r), http.StatusNotFound, "not_found", "")
	}
	w.requireFails(w.putJSON("POST", fmt.Sprintf("/api/v1/webhook-messages/%d/resend", w.messages(fmt.Sprintf("?endpoint=%d", e.ID))[0].ID), nil), http.StatusConflict, "conflict", "")
	require.Equal(t, before, w.tables())
	w.create()
	require.Len(t, w.messages(fmt.Sprintf("?endpoint=%d", e.ID)), 1, "it is told nothing")
	require.Len(t, w.messages(fmt.Sprintf("?endpoint=%d", other.ID)), 2)
}

// endpointCalls are all that can be done to one endpoint.
func endpointCalls(id any) (calls []request) {
	path := fmt.Sprint(endpointsPath, "/", id)
	for _, call := range []string{"GET ", "DELETE ", "PUT ", "POST /pause", "POST /resume", "POST /rotate-secret"} {
		method, more, _ := strings.Cut(call, " ")
		calls = append(calls, request{method: method, path: path + more})
		if method == "PUT" {
			calls[len(calls)-1].json = `{"description":"x"}`
		}
	}
	return calls
}

// messageCalls are all that can be done to one message.
func messageCalls(id any) []request {
	path := fmt.Sprint("/api/v1/webhook-messages/", id)
	return []request{{method: "GET", path: path}, {method: "GET", path: path + "/attempts"}, {method: "POST", path: path + "/resend"}}
}

// A merchant has twenty at most, also when the last ones come together.
func TestTwentyEndpoints(t *testing.T) {
	w := newWorld(t)
	for range store.MaxEndpoints - 2 {
		w.endpoint()
	}
	codes := map[int]int{}
	for _, a := range w.atOnce(8, func(i int) request {
		return request{method: "POST", path: endpointsPath, json: fmt.Sprintf(`{"url":"https://shop.example/last/%d"}`, i)}
	}) {
		codes[a.StatusCode]++
	}
	require.Equal(t, map[int]int{http.StatusCreated: 2, http.StatusConflict: 6}, codes)
	before := w.tables()
	w.requireFails(w.putJSON("POST", endpointsPath, map[string]any{"url": "https://shop.example/more"}), http.StatusConflict, "too_many", "")
	require.Equal(t, before, w.tables())
	w.okEmpty(w.putJSON("DELETE", endpointPath(w.endpoints()[0].ID), nil))
	w.endpoint()

	w.payout(w.v1("/v1/payout", w.payoutOrder("url_callback", "https://shop.example/callback")))
	require.Len(t, w.endpoints(), store.MaxEndpoints, "a callback is none of them")
}

// The endpoint of a url_callback is no endpoint to work with, but its secret is there to be had.
func TestEndpointOfACallback(t *testing.T) {
	w := newWorld(t)
	for range 2 {
		w.payout(w.v1("/v1/payout", w.payoutOrder("url_callback", "https://shop.example/callback")))
	}
	list := w.messages("")
	require.Len(t, list, 2)
	id := list[0].EndpointID
	require.Equal(t, id, list[1].EndpointID, "one for all records that name it")
	for _, r := range endpointCalls(id) {
		if strings.HasSuffix(r.path, "/rotate-secret") {
			require.NotEmpty(t, w.endpointOf(w.do(r)).Secret)
			continue
		}
		w.requireFails(w.do(r), http.StatusNotFound, "not_found", "")
	}
	require.Empty(t, w.endpoints())
}

// What another merchant has looks like what does not exist.
func TestEndpointsOfOthers(t *testing.T) {
	w := newWorld(t)
	fast, err := w.store.Merchant(t.Context(), "demo-fast")
	require.NoError(t, err)
	var theirs contracts.WebhookEndpoint
	w.info(w.do(request{method: "POST", path: endpointsPath, json: `{"url":"https://fast.example/"}`, key: "test-fast"}), http.StatusCreated, &theirs)
	_, err = w.store.CreatePayment(t.Context(), store.NewPayment{Merchant: fast, Amount: 5000})
	require.NoError(t, err)
	message := one[int64](w, `SELECT id FROM webhook_messages WHERE endpoint_id = ?`, theirs.ID)
	before := w.tables()
	for _, r := range append(endpointCalls(theirs.ID), messageCalls(message)...) {
		w.requireFails(w.do(r), http.StatusNotFound, "not_found", "")
	}
	for _, id := range []any{"0", "-1", "x", "1.5", "9223372036854775808", 987654321} {
		for _, r := range append(endpointCalls(id), messageCalls(id)...) {
			w.requireFails(w.do(r), http.StatusNotFound, "not_found", "")
		}
	}
	require.Empty(t, w.endpoints())
	require.Empty(t, w.messages(""))
	require.Empty(t, w.messages(fmt.Sprintf("?endpoint=%d", theirs.ID)))
	require.Equal(t, before, w.tables())
}

func TestEndpointsNeedAMerchantsKey(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint()
	w.create()
	require.NoError(t, w.store.PutKey(t.Context(), "faSDF42w3Fs", "key-of-a-phone", "", []string{auth.ScopeSMS}))
	before := w.tables()
	for _, key := range []string{noKey, "wrong", "key-of-a-phone", "test-payment-api-key", e.Secret} {
		for _, r := range webhookCalls(e.ID, w.messages("")[0].ID) {
			r.key = key
			a := w.do(r)
			w.requireFails(a, http.StatusUnauthorized, "unauthorized", "")
			require.Equal(t, "Bearer", a.Header.Get("WWW-Authenticate"))
		}
		w.api = newLimits(w).api
	}
	require.Equal(t, before, w.tables())
}

// webhookCalls are all calls of the resource.
func webhookCalls(endpoint, message int64) []request {
	calls := append(endpointCalls(endpoint), messageCalls(message)...)
	return append(calls, request{method: "GET", path: endpointsPath}, request{method: "POST", path: endpointsPath, json: `{"url":"https://shop.example/"}`},
		request{method: "GET", path: "/api/v1/webhook-messages"})
}
