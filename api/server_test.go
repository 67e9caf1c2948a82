package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/state"
)

// raw sends bytes over a real connection and reads every answer until the server hangs up or rests.
func (w *world) raw(bytes string) []answer {
	w.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.base, "http://"))
	require.NoError(w, err)
	defer conn.Close()
	require.NoError(w, conn.SetDeadline(time.Now().Add(5*time.Second)))
	go func() { _, _ = io.WriteString(conn, bytes) }() // the server may answer before it has read all
	reader := bufio.NewReader(conn)
	var out []answer
	for {
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			return out
		}
		body, _ := io.ReadAll(res.Body)
		out = append(out, answer{res, string(body)})
		if res.Close || !strings.Contains(bytes, "keep-alive") {
			return out
		}
	}
}

// What is not HTTP, or too much of it, is refused in the envelope too, and the server lives on.
func TestMalformedRequests(t *testing.T) {
	w := newWorld(t)
	facts := w.facts()
	const head = "Host: x\r\nAuthorization: test\r\nContent-Type: application/json\r\n"
	for name, tt := range map[string]struct {
		bytes  string
		status int
		code   string
	}{
		"oversized body":            {"POST " + payments + " HTTP/1.1\r\n" + head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 65537, strings.Repeat("x", 65537)), 413, "too_large"},
		"oversized body, announced": {"POST " + payments + " HTTP/1.1\r\n" + head + "Content-Length: 99999999999\r\n\r\n", 413, "too_large"},
		"oversized body, chunked":   {"POST " + payments + " HTTP/1.1\r\n" + head + "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + strings.Repeat("x", 0x10001) + "\r\n0\r\n\r\n", 413, "too_large"},
		"oversized headers":         {"GET " + payments + " HTTP/1.1\r\n" + head + "X: " + strings.Repeat("x", 20_000) + "\r\n\r\n", 431, "headers_too_large"},
		"not HTTP":                  {"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "bad_request"},
		"broken length":             {"POST " + payments + " HTTP/1.1\r\n" + head + "Content-Length: ten\r\n\r\n", 400, "bad_request"},
		"broken header":             {"GET " + payments + " HTTP/1.1\r\n" + "Host x\r\n\r\n", 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			answers := w.raw(tt.bytes)
			require.Len(t, answers, 1)
			w.requireCode(answers[0], tt.status, tt.code)
			require.NotEmpty(t, answers[0].Header.Get("X-Request-Id"), "every answer can be asked about")
			require.Equal(t, facts, w.facts())
		})
	}
	// The largest body that may come does.
	form := "merchant=faSDF42w3Fs&amount=1&unknown="
	form += strings.Repeat("x", 65536-len(form))
	ok := w.raw("POST " + payments + " HTTP/1.1\r\nHost: x\r\nAuthorization: test\r\nContent-Type: application/x-www-form-urlencoded\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(form), form))
	require.Len(t, ok, 1)
	w.ok(ok[0], new(any))
}

// Every operation refuses what is too large, and every merchant's operation a missing key and too many calls.
func TestEveryOperationRefuses(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	operations := []request{
		{method: "POST", path: payments}, {method: "GET", path: payments}, {method: "GET", path: payments + "/" + token}, {method: "POST", path: payments + "/" + token + "/collect"},
		{method: "GET", path: payments + "/" + token + "/collect"}, {method: "POST", path: payments + "/" + token + "/cancel"},
	}
	limited := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.01, 1 })
	limited.get(payments)
	for _, r := range operations {
		w.requireFails(limited.do(r), http.StatusTooManyRequests, "too_many_requests", "")
		r.key = noKey
		w.requireFails(w.do(r), http.StatusUnauthorized, "unauthorized", "")
	}
	large := func(path string) answer {
		answers := w.raw("POST " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: test\r\nContent-Type: application/x-www-form-urlencoded\r\n" +
			fmt.Sprintf("Content-Length: 65537\r\n\r\nreason=%s", strings.Repeat("x", 65537-7)))
		require.Len(t, answers, 1)
		w.spec.check(t, request{method: "POST", path: path}.build(t), answers[0], false)
		return answers[0]
	}
	for _, path := range []string{payments, payments + "/" + token + "/collect", payments + "/" + token + "/cancel"} {
		w.requireFails(large(path), http.StatusRequestEntityTooLarge, "too_large", "")
	}
	page := large("/pay/" + token)
	require.Equal(t, http.StatusRequestEntityTooLarge, page.StatusCode)
	require.NotNil(t, parse(t, page).byID("problem"))
	w.requireFails(w.do(request{method: "POST", path: payments + "/" + token + "/cancel", body: "x", contentType: "text/plain"}), http.StatusUnsupportedMediaType, "content_type", "")
}

func TestAPanicIsOneAnswer(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	w.open(token)
	w.sagas.inquire = func(context.Context, string) (state.Payment, error) { panic("secret cause") }
	a := w.do(request{method: "POST", path: payments + "/" + token + "/collect", header: map[string]string{"X-Request-Id": "req-1"}})
	w.requireFails(a, http.StatusInternalServerError, "internal", "")
	require.NotContains(t, a.body, "secret")
	require.Equal(t, "req-1", a.Header.Get("X-Request-Id"))
	require.Contains(t, w.log.String(), "secret cause")
	require.Contains(t, w.log.String(), "req-1")
	w.ok(w.get(payments), new(any))
}

// What breaks on our side is masked for callers and told in the log, under the request's id.
func TestErrorsAreMasked(t *testing.T) {
	w := newWorld(t)
	token := w.create()
	w.open(token)
	require.NoError(t, w.db.Close())
	for _, r := range []request{
		{method: "GET", path: payments + "/" + token},
		{method: "GET", path: payments},
		{method: "POST", path: payments, form: url.Values{"merchant": {"faSDF42w3Fs"}, "amount": {"1"}}},
		{method: "POST", path: payments + "/" + token + "/collect"},
		{method: "GET", path: payments + "/" + token + "/collect"},
		{method: "POST", path: payments + "/" + token + "/cancel"},
	} {
		a := w.do(r)
		got := w.requireFails(a, http.StatusInternalServerError, "internal", "")
		require.Equal(t, "Internal error", got.Text)
		require.NotContains(t, a.body, "database")
		require.Contains(t, w.log.String(), a.Header.Get("X-Request-Id"))
	}
	for path, methods := range map[string]string{"/pay/" + token: "GET POST", "/pay/" + token + "/status": "GET", "/pay/callback/1/key": "GET POST"} {
		for _, method := range strings.Fields(methods) {
			page := w.page(method, path, url.Values{"gateway": {"zibal"}})
			require.Equal(t, http.StatusInternalServerError, page.StatusCode)
			require.Contains(t, page.body, page.Header.Get("X-Request-Id"), "a payer can tell it on the phone")
			require.NotContains(t, page.body, "database")
		}
	}
	require.Contains(t, w.log.String(), "database is closed")
}

func TestRequestIDs(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	for name, id := range map[string]string{
		"none": "", "injected line": "a\tb", "markup": "<script>", "too long": strings.Repeat("a", 65), "not ASCII": "شناسه", "a quote": `a"b`, "spaces": "a b",
	} {
		a := w.do(request{method: "GET", path: payments, header: map[string]string{"X-Request-Id": id}})
		got := a.Header.Get("X-Request-Id")
		require.Regexp(t, `^[A-Z2-7]{26}$`, got, name)
		require.False(t, seen[got])
		seen[got] = true
	}
	for _, id := range []string{"a", "order-17_x.Y", strings.Repeat("a", 64)} {
		require.Equal(t, id, w.do(request{method: "GET", path: "/no/such/path", header: map[string]string{"X-Request-Id": id}}).Header.Get("X-Request-Id"))
	}
}

// Everything is done once, and the log afterwards holds no key, no link, no mobile, no card.
func TestNothingSecretIsLogged(t *testing.T) {
	w := newWorld(t)
	token := w.create("description", "کرایهٔ محرمانه", "payload", "payload-of-theirs")
	a := w.open(token)
	w.page("GET", "/pay/"+token, nil)
	w.page("GET", "/pay/"+token+"/status", nil)
	w.page("POST", "/pay/"+token, url.Values{"gateway": {"zibal"}, "mobile": {"09381234567"}, "tip": {"700"}})
	w.page("POST", "/pay/"+token, url.Values{"gateway": {"zibal"}, "mobile": {"0938123"}, "tip": {"x"}})
	w.page("POST", fmt.Sprintf("/pay/callback/%d/%s", a.ID, a.CallbackKey), url.Values{"RefId": {"ref-of-bank"}, "CardNumber": {"6219860000000019"}})
	w.post(payments+"/"+token+"/collect", nil) // Temporal is down: logged
	w.bank.Close()
	require.Equal(t, http.StatusConflict, w.page("POST", "/pay/"+w.create(), url.Values{"gateway": {"zibal"}, "mobile": {"09381234567"}}).StatusCode)
	w.do(request{method: "GET", path: payments, key: "wrong-key-of-somebody"})
	require.NoError(t, w.db.Close())
	w.get(payments + "/" + token)
	w.page("GET", "/pay/"+token, nil)
	w.page("POST", fmt.Sprintf("/pay/callback/%d/%s", a.ID, a.CallbackKey), nil)

	log := w.log.String()
	require.Contains(t, log, "/pay/callback/:attempt/:key", "routes are logged by pattern")
	require.Contains(t, log, `"level":"ERROR"`)
	for name, secret := range map[string]string{
		"token": token, "callback key": a.CallbackKey, "mobile": "9381234567", "card": "6219860000000019", "wrong key": "wrong-key-of-somebody",
		"description": "محرمانه", "payload": "payload-of-theirs", "bank's reference": "ref-of-bank",
	} {
		require.NotContains(t, log, secret, name)
	}
	require.NotRegexp(t, `"test"|Bearer`, log, "the API key")
}

func TestOperations(t *testing.T) {
	ready := errors.New("schema is 3, this binary needs 5")
	w := newWorld(t, func(d *api.Deps) { d.Ready = func(context.Context) error { return ready } })
	for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/version": `{"version":"v0-test"}`} {
		a := w.page("GET", path, nil)
		require.Equal(t, http.StatusOK, a.StatusCode)
		require.JSONEq(t, want, a.body)
	}
	check := func(status int, says string) {
		t.Helper()
		a := w.page("GET", "/readyz", nil)
		require.Equal(t, status, a.StatusCode)
		require.JSONEq(t, `{"status":"`+says+`"}`, a.body)
	}
	check(http.StatusServiceUnavailable, "not ready")
	require.Contains(t, w.log.String(), "schema is 3")
	ready = nil
	check(http.StatusOK, "ready")
	w.api.Drain()
	check(http.StatusServiceUnavailable, "not ready")
	require.Equal(t, http.StatusOK, w.page("GET", "/healthz", nil).StatusCode, "alive all the same")
	w.ok(w.get(payments), new(any))

	require.Contains(t, w.page("GET", "/metrics", nil).body, "go_goroutines")
	docs := w.page("GET", "/docs", nil)
	require.Equal(t, http.StatusOK, docs.StatusCode)
	require.Contains(t, docs.Header.Get("Content-Security-Policy"), "default-src")
	assets := regexp.MustCompile(`/docs/assets/[^"]+`).FindAllString(docs.body, -1)
	require.NotEmpty(t, assets, "everything is served from here")
	for _, asset := range assets {
		require.Equal(t, http.StatusOK, w.page("GET", asset, nil).StatusCode, asset)
	}
	require.Equal(t, http.StatusNotFound, w.page("GET", "/docs/assets/nothing.js", nil).StatusCode)
}

func TestSagaLinkIsForOperators(t *testing.T) {
	w := newWorld(t)
	token := w.bring(state.PaymentPaid)
	for key, want := range map[string]string{"test": "", "test-operator": "http://ui.example/payment/" + token} {
		for _, r := range []request{{method: "GET"}, {method: "POST", path: "/collect"}} {
			r.path, r.key = payments+"/"+token+r.path, key
			a := w.do(r)
			require.Equal(t, http.StatusOK, a.StatusCode)
			require.Equal(t, want, a.Header.Get("X-Saga-Link"), key)
		}
	}
	require.Equal(t, "http://ui.example/payment/"+fixtures.SampleToken,
		w.do(request{method: "POST", path: payments + "/" + fixtures.SampleToken + "/cancel", key: "test-operator"}).Header.Get("X-Saga-Link"))
}
