package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/store"
)

func TestIdempotencyKey(t *testing.T) {
	w := newWorld(t)
	call := func(key, amount string) answer {
		return w.do(request{method: "POST", path: payments, form: url.Values{"merchant": {"faSDF42w3Fs"}, "amount": {amount}}, header: map[string]string{"Idempotency-Key": key}})
	}
	first := call("order-17", "10000")
	require.Empty(t, first.Header.Get("Idempotent-Replayed"))
	golden(t, `{"message": "OK", "info": {"token": "AsF42Sg53"}, "errors": []}`, first.body)
	facts := w.facts()
	again := call("order-17", "۱۰۰۰۰") // the same request, written otherwise
	require.Equal(t, "true", again.Header.Get("Idempotent-Replayed"))
	require.Equal(t, first.body, again.body, "byte for byte")
	asJSON := w.do(request{method: "POST", path: payments, json: `{"amount":10000,"merchant":"faSDF42w3Fs"}`, header: map[string]string{"Idempotency-Key": "order-17"}})
	require.Equal(t, first.body, asJSON.body)
	w.requireFails(call("order-17", "10001"), http.StatusUnprocessableEntity, "key_reused", "Idempotency-Key")
	w.requireFails(call(strings.Repeat("k", 256), "1"), http.StatusBadRequest, "too_long", "Idempotency-Key")
	w.requireFails(call("order-18", "-1"), http.StatusBadRequest, "not_positive", "amount")
	require.Equal(t, facts, w.facts())
	require.NotEqual(t, first.body, call("order-18", "1").body, "a refused request does not use up its key")
	require.NotEqual(t, first.body, call(strings.Repeat("k", 255), "1").body)

	var mu sync.Mutex
	answers := map[string]int{}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			a := call("twins", "10000")
			mu.Lock()
			defer mu.Unlock()
			answers[a.body]++
		})
	}
	wg.Wait()
	require.Len(t, answers, 1)
}

// A twin that is still being answered is not answered twice.
func TestATwinInFlight(t *testing.T) {
	w := newWorld(t)
	w.db.SetMaxOpenConns(1)
	w.exec(`SET lock_timeout = '50ms'`)
	other, err := store.Open(t.Context(), w.url, store.Options{Pool: 1, Role: "paysaga_app"})
	require.NoError(t, err)
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	_, err = tx.NewRaw(`INSERT INTO idempotency_keys (merchant_id, route, key, fingerprint, status, body) VALUES (1, 'create payment', 'twin', ?, 0, '')`, make([]byte, 32)).Exec(t.Context())
	require.NoError(t, err)
	a := w.do(request{method: "POST", path: payments, form: url.Values{"merchant": {"faSDF42w3Fs"}, "amount": {"1"}}, header: map[string]string{"Idempotency-Key": "twin"}})
	w.requireFails(a, http.StatusConflict, "in_progress", "Idempotency-Key")
	require.Equal(t, "1", a.Header.Get("Retry-After"))
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst, d.ListPerMinute = 0.5, 6, 2 })
	limited := func(a answer) {
		t.Helper()
		w.requireFails(a, http.StatusTooManyRequests, "too_many_requests", "")
		require.Regexp(t, `^[1-9][0-9]?$`, a.Header.Get("Retry-After"))
	}
	for range 2 {
		require.Equal(t, http.StatusOK, w.get(payments).StatusCode)
	}
	a := w.get(payments)
	limited(a)
	require.Equal(t, "30", a.Header.Get("Retry-After"), "two a minute")
	require.Equal(t, http.StatusOK, w.do(request{method: "GET", path: payments, key: "test-fast"}).StatusCode, "another credential has its own")
	for range 3 { // the list's limit left the rest of the calls alone
		require.Equal(t, http.StatusOK, w.get(payments+"/"+fixtures.SampleToken).StatusCode)
	}
	limited(w.get(payments + "/" + fixtures.SampleToken))
	require.Equal(t, http.StatusOK, w.do(request{method: "GET", path: payments, key: "test-operator"}).StatusCode, "a second key of the merchant has its own")

	// Guessing keys is stopped by address; the right ones still work.
	guesses := map[int]int{}
	for range 40 {
		guesses[w.do(request{method: "GET", path: payments, key: "guess"}).StatusCode]++
	}
	require.Len(t, guesses, 2)
	require.GreaterOrEqual(t, guesses[http.StatusUnauthorized], 30)
	require.GreaterOrEqual(t, guesses[http.StatusTooManyRequests], 8)
	require.Equal(t, http.StatusOK, w.do(request{method: "GET", path: payments + "/" + fixtures.SampleToken, key: "test-operator"}).StatusCode)
}

// Behind a proxy the address is the one that the proxy wrote. What a caller claims counts for nothing.
func TestLimitsByAddress(t *testing.T) {
	const router = "0.0.0.0" // who calls in these tests
	for name, tt := range map[string]struct {
		proxies []string
		claim   func(i int) string
		limited bool
	}{
		"nobody is trusted":           {nil, func(i int) string { return fmt.Sprintf("10.0.0.%d", i) }, true},
		"another is trusted":          {[]string{"10.9.9.9"}, func(i int) string { return fmt.Sprintf("10.0.0.%d", i) }, true},
		"many callers behind a proxy": {[]string{router}, func(i int) string { return fmt.Sprintf("10.0.0.%d", i) }, false},
		"one caller with many claims": {[]string{router}, func(i int) string { return fmt.Sprintf("10.0.0.%d, 10.7.7.7", i) }, true},
		"nonsense":                    {[]string{router}, func(i int) string { return fmt.Sprintf("caller-%d", i) }, true},
	} {
		w := newWorld(t, func(d *api.Deps) { d.TrustedProxies = tt.proxies })
		limited := 0
		for i := range 40 {
			a := w.do(request{method: "GET", path: payments, key: "guess", header: map[string]string{"X-Forwarded-For": tt.claim(i)}})
			if a.StatusCode == http.StatusTooManyRequests {
				limited++
			}
		}
		require.Equal(t, tt.limited, limited > 0, name)
	}
}
