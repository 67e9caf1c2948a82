package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/sign"
)

var v1Paths = []string{"/v1/payment/services", "/v1/wallet/services", "/v1/payout/services",
	"/v1/test-webhook/payment", "/v1/test-webhook/wallet", "/v1/test-webhook/payout",
	"/v1/payout", "/v1/payout/info", "/v1/payout/list", "/v1/payout/cancel", "/v1/wallet", "/v1/wallet/info", "/v1/wallet/list"}

func keyOfPath(path string) string {
	if strings.Contains(path, "payout") {
		return "test-payout-api-key"
	}
	return "test-payment-api-key"
}

// requireRefused holds a failure's envelope against the contract: state 1 and a message, nothing else.
func (w *world) requireRefused(a answer, status int, message string) {
	w.Helper()
	require.Equal(w, status, a.StatusCode, a.body)
	require.Equal(w, "application/json", a.Header.Get("Content-Type"))
	want, err := json.Marshal(map[string]any{"state": 1, "message": message})
	require.NoError(w, err)
	require.JSONEq(w, string(want), a.body)
}

// requireRules is the same for fields: "field", "rule rule", "field", "rule", …
func (w *world) requireRules(a answer, fieldsAndRules ...string) {
	w.Helper()
	require.Equal(w, http.StatusUnprocessableEntity, a.StatusCode, a.body)
	bad := map[string][]string{}
	for i := 0; i < len(fieldsAndRules); i += 2 {
		bad[fieldsAndRules[i]] = strings.Fields(fieldsAndRules[i+1])
	}
	want, err := json.Marshal(map[string]any{"state": 1, "errors": bad})
	require.NoError(w, err)
	require.JSONEq(w, string(want), a.body)
}

func TestV1Authentication(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	body := fmt.Sprintf(`{"url_callback":%q,"currency":"ETH","network":"eth"}`, r.URL)
	before := w.tables()
	for _, path := range v1Paths {
		key := keyOfPath(path)
		good := sign.Sign([]byte(body), key)
		for name, change := range map[string]func(*request){
			"no sign":             func(r *request) { delete(r.header, "sign") },
			"empty sign":          func(r *request) { r.header["sign"] = "" },
			"wrong sign":          func(r *request) { r.header["sign"] = "a466b82fad9415cdbf5f47802b8d376c" },
			"sign of another":     func(r *request) { r.body += " " },
			"sign in capitals":    func(r *request) { r.header["sign"] = strings.ToUpper(good) },
			"the key itself":      func(r *request) { r.header["sign"] = key },
			"an API key":          func(r *request) { delete(r.header, "sign"); r.key = "test" },
			"no merchant":         func(r *request) { delete(r.header, "merchant") },
			"empty merchant":      func(r *request) { r.header["merchant"] = "" },
			"wrong merchant":      func(r *request) { r.header["merchant"] = "860166ce-478c-4087-9813-55cfb6c34581" },
			"merchant's name":     func(r *request) { r.header["merchant"] = "faSDF42w3Fs" },
			"merchant not a uuid": func(r *request) { r.header["merchant"] = taxiUUID + "' OR true --" },
			"signed without body": func(r *request) { r.header["sign"] = sign.Sign(nil, key) },
			"with an empty key":   func(r *request) { r.header["sign"] = sign.Sign([]byte(body), "") },
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				w, req := w.in(t), signedCall(path, body, key)
				change(&req)
				a := w.do(req)
				w.requireRefused(a, http.StatusUnauthorized, "Missing or wrong merchant or sign")
				require.Empty(t, a.Header.Get("WWW-Authenticate"))
			})
			w = newLimits(w)
		}
	}
	require.Equal(t, before, w.tables())
	r.none(t)
}

// newLimits is the same world with nobody's calls counted yet.
func newLimits(w *world) *world {
	out := *w
	out.api = api.New(w.api.Deps)
	return &out
}

func TestV1HeadersThatComeTwice(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"merchant", "sign"} {
		req := signedCall("/v1/payment/services", "{}", "test-payment-api-key").build(t)
		req.Header.Add(name, req.Header.Get(name))
		res, err := w.api.App().Test(req, -1)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, res.StatusCode, name)
	}
}

func TestV1Bodies(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	before := w.tables()
	good := fmt.Sprintf(`"url_callback":%q,"currency":"ETH","network":"eth"`, r.URL)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write([]byte("{" + good + "}"))
	require.NoError(t, z.Close())
	for _, path := range v1Paths {
		for name, bad := range map[string]string{
			"broken": "{" + good, "text": "hello", "a list": `[{` + good + `}]`, "a text": `"x"`, "a number": "1", "null": "null", "blank": " ",
			"two objects": `{` + good + `}{}`, "trailing comma": `{` + good + `,}`, "trailing text": `{` + good + `} x`, "single quotes": `{'a':1}`, "a form": "currency=ETH",
		} {
			w.requireRefused(w.do(signedCall(path, bad, keyOfPath(path))), http.StatusUnprocessableEntity, "The body is not a JSON object")
			require.NotEmpty(t, name)
		}
		w.requireRefused(w.do(signedCall(path, "{\"currency\":\"\xff\"}", keyOfPath(path))), http.StatusUnprocessableEntity, "The body is not valid UTF-8")
		w.requireRefused(w.do(signedCall(path, `{`+good+`,"currency":"BTC"}`, keyOfPath(path))), http.StatusUnprocessableEntity, "The field currency comes twice")
		w.requireRefused(w.do(signedCall(path, `{`+good+`,"Currency":"BTC"}`, keyOfPath(path))), http.StatusUnprocessableEntity, "The field Currency comes twice")
		w.requireRefused(w.do(signedCall(path, `{"x":1,"\u0078":2}`, keyOfPath(path))), http.StatusUnprocessableEntity, "The field x comes twice")

		for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/", ""} {
			req := signedCall(path, "{"+good+"}", keyOfPath(path))
			req.contentType = contentType
			w.requireRefused(w.do(req), http.StatusUnsupportedMediaType, "Send application/json")
		}
		req := signedCall(path, zipped.String(), keyOfPath(path))
		req.header["Content-Encoding"] = "gzip"
		w.requireRefused(w.do(req), http.StatusUnsupportedMediaType, "The body must not be compressed")
		large := w.raw("POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 65537\r\n\r\n" + strings.Repeat("x", 65537))
		require.Len(t, large, 1)
		w.spec.check(t, request{method: "POST", path: path}.build(t), large[0], false)
		w.requireRefused(large[0], http.StatusRequestEntityTooLarge, "The body may have at most 65536 bytes")
		w = newLimits(w)
	}
	r.none(t)
	require.Equal(t, before, w.tables())

	// What nobody asks for is ignored, whatever it is; a charset is fine.
	req := signedCall("/v1/test-webhook/payment", `{`+good+`,"extra":{"a":[1,{"b":null}]},"more":[],"n":1e400,"":""}`, "test-payment-api-key")
	req.contentType = "application/json; charset=utf-8"
	w.requireTested(w.do(req))
	r.one(t)
}

// A mebibyte is refused, and who sends it reads that: a connection that is closed with something left to read is reset.
func TestV1AMebibyte(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		path := v1Paths[i%len(v1Paths)]
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.base+path, strings.NewReader(`{"x":"`+strings.Repeat("x", 1<<20)+`"}`))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode)
		require.NoError(t, res.Body.Close())
	}
}

func TestV1PathsAndMethods(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1", "/v1/", "/v1/nothing", "/v1/test-webhook", "/v1/test-webhook/refund", "/v1/test-webhook/payment/x"} {
		w.requireRefused(w.do(signedCall(path, "{}", "test-payment-api-key")), http.StatusNotFound, "No such path")
	}
	for _, path := range v1Paths {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE"} {
			req := signedCall(path, "{}", keyOfPath(path))
			req.method = method
			a := w.do(req)
			w.requireRefused(a, http.StatusMethodNotAllowed, "This path does not take this method")
			require.Equal(t, "POST", a.Header.Get("Allow"))
		}
	}
}

func TestV1Rates(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.01, 2 })
	for _, path := range v1Paths {
		w := newLimits(w)
		call := func(key string) answer { return w.do(signedCall(path, "{}", key)) }
		require.NotEqual(t, http.StatusTooManyRequests, call(keyOfPath(path)).StatusCode)
		require.NotEqual(t, http.StatusTooManyRequests, call(keyOfPath(path)).StatusCode)
		a := call(keyOfPath(path))
		require.Equal(t, http.StatusTooManyRequests, a.StatusCode)
		require.Contains(t, a.body, `{"state":1,"message":"Too many requests; try again in`)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		for range 30 {
			require.Equal(t, http.StatusUnauthorized, call("wrong").StatusCode)
		}
		require.Equal(t, http.StatusTooManyRequests, call("wrong").StatusCode, "an address cannot try signs without end")
	}
}

// Each test is a call to a machine that the caller names: a merchant has few of them.
func TestTestWebhooksAreFew(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	for range 60 {
		w.requireRules(w.testWebhook("payment", r, map[string]any{"currency": nil}), "currency", "validation.required")
	}
	require.Equal(t, http.StatusTooManyRequests, w.testWebhook("payment", r, nil).StatusCode)
	r.none(t)
	require.Equal(t, http.StatusOK, w.do(signedCall("/v1/payment/services", "{}", "test-payment-api-key")).StatusCode, "other calls go on")
}

func TestV1ErrorsAreMasked(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	require.NoError(t, w.db.Close())
	for _, path := range v1Paths {
		body := fmt.Sprintf(`{"url_callback":%q,"currency":"ETH","network":"eth"}`, r.URL)
		w.requireRefused(w.do(signedCall(path, body, keyOfPath(path))), http.StatusInternalServerError, "Internal error")
	}
	require.Contains(t, w.log.String(), "database is closed")
}

func TestV1NothingSecretIsLogged(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	w.requireTested(w.testWebhook("payment", r, map[string]any{"url_callback": r.URL + "/hook?token=secret-of-theirs"}))
	require.NotContains(t, w.log.String(), "secret-of-theirs")
	require.NotContains(t, w.log.String(), "test-payment-api-key")
	require.Contains(t, w.log.String(), `"msg":"test webhook"`)
}

func TestServices(t *testing.T) {
	w := newWorld(t)
	before := w.tables()
	for kind, want := range map[string]string{
		"payment": `{"network":"shaparak","currency":"IRR","is_available":true,"limit":{"min_amount":"1000.00000000","max_amount":"2000000000.00000000"},"commission":{"fee_amount":"0.00000000","percent":"0.00"}}`,
		"wallet":  `{"network":"eth","currency":"ETH","is_available":false,"limit":{"min_amount":"0.00050000","max_amount":"10000.00000000"},"commission":{"fee_amount":"0.00000000","percent":"2.00"}}`,
		"payout":  `{"network":"tron","currency":"USDT","is_available":false,"limit":{"min_amount":"2.00000000","max_amount":"1000000.00000000"},"commission":{"fee_amount":"2.00000000","percent":"0.00"}}`,
	} {
		var first string
		for _, body := range []string{"{}", "[]", " [ ] ", "", `{"unknown":1}`} {
			req := signedCall("/v1/"+kind+"/services", body, keyOf(kind))
			if body == "" {
				req.contentType = ""
			}
			a := w.do(req)
			require.Equal(t, http.StatusOK, a.StatusCode, a.body)
			require.Contains(t, a.body, want)
			require.True(t, strings.HasPrefix(a.body, `{"state":0,"result":[{`))
			require.True(t, first == "" || first == a.body)
			first = a.body
		}
	}
	w.requireRefused(w.do(signedCall("/v1/payout/services", "{}", "test-payment-api-key")), http.StatusUnauthorized, "Missing or wrong merchant or sign")
	require.Equal(t, before, w.tables())
}
