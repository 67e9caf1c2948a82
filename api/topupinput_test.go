package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/state"
)

// Bad fields are named, all at once; nothing changes, and the key stays free.
func TestTopUpBadInput(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	w.requireTold(w.buy("first", w.order("webservice_code", `"used"`)), http.StatusOK, success, false)
	huge := strings.Repeat("9", 400)
	for name, tt := range map[string]struct {
		body   string
		fields string
	}{
		"nothing":   {`{}`, "product_id mobile price webservice_code"},
		"all wrong": {w.order("product_id", `"x"`, "mobile", `"x"`, "price", `"x"`, "webservice_code", `""`, "fake_response", `"x"`), "product_id mobile price webservice_code fake_response"},

		"product missing":    {w.order("product_id", "-"), "product_id"},
		"product null":       {w.order("product_id", "null"), "product_id"},
		"product empty":      {w.order("product_id", `""`), "product_id"},
		"product a word":     {w.order("product_id", `"charge"`), "product_id"},
		"product a fraction": {w.order("product_id", "62.5"), "product_id"},
		"product zero":       {w.order("product_id", "0"), "product_id"},
		"product negative":   {w.order("product_id", "-62"), "product_id"},
		"product boolean":    {w.order("product_id", "true"), "product_id"},
		"product huge":       {w.order("product_id", huge), "product_id"},
		"product unknown":    {w.order("product_id", "99999"), "product_id"},
		"product a list":     {w.order("product_id", "[62]"), "product_id"},
		"product in hex":     {w.order("product_id", `"0x3e"`), "product_id"},

		"price missing":                {w.order("price", "-"), "price"},
		"price null":                   {w.order("price", "null"), "price"},
		"price empty":                  {w.order("price", `""`), "price"},
		"price a word":                 {w.order("price", `"cheap"`), "price"},
		"price a fraction":             {w.order("price", "5000.5"), "price"},
		"price a whole fraction":       {w.order("price", "5000.0"), "price"},
		"price a fraction, text":       {w.order("price", `"5000.5"`), "price"},
		"price in exponent":            {w.order("price", "5e3"), "price"},
		"price with separators":        {w.order("price", `"5,000"`), "price"},
		"price zero":                   {w.order("price", "0"), "price"},
		"price negative":               {w.order("price", "-5000"), "price"},
		"price boolean":                {w.order("price", "true"), "price"},
		"price below":                  {w.order("price", "4999"), "price"},
		"price below, text":            {w.order("price", `"4999"`), "price"},
		"price above":                  {w.order("price", "2000001"), "price"},
		"price above, Persian":         {w.order("price", `"۲۰۰۰۰۰۱"`), "price"},
		"price huge":                   {w.order("price", huge), "price"},
		"price of a package, below":    {w.order("product_id", "101", "price", "98999"), "price"},
		"price of a package, above":    {w.order("product_id", "101", "price", "99001"), "price"},
		"price of a package, ten more": {w.order("product_id", "101", "price", "108900"), "price"},

		"mobile missing": {w.order("mobile", "-"), "mobile"},
		"mobile null":    {w.order("mobile", "null"), "mobile"},
		"mobile boolean": {w.order("mobile", "true"), "mobile"},

		"code missing":           {w.order("webservice_code", "-"), "webservice_code"},
		"code null":              {w.order("webservice_code", "null"), "webservice_code"},
		"code empty":             {w.order("webservice_code", `""`), "webservice_code"},
		"code blank":             {w.order("webservice_code", `"  "`), "webservice_code"},
		"code padded":            {w.order("webservice_code", `" a"`), "webservice_code"},
		"code boolean":           {w.order("webservice_code", "false"), "webservice_code"},
		"code with a slash":      {w.order("webservice_code", `"a/b"`), "webservice_code"},
		"code with a line":       {w.order("webservice_code", `"a\r\nX: y"`), "webservice_code"},
		"code with a zero":       {w.order("webservice_code", `"a\u0000b"`), "webservice_code"},
		"code of a folder":       {w.order("webservice_code", `".."`), "webservice_code"},
		"code too long":          {w.order("webservice_code", `"`+strings.Repeat("س", 101)+`"`), "webservice_code"},
		"code used":              {w.order("webservice_code", `"used"`), "webservice_code"},
		"code twice":             {strings.Replace(w.order(), "{", `{"webservice_code":"again",`, 1), "webservice_code"},
		"price in two cases":     {strings.Replace(w.order(), "{", `{"Price":6000,`, 1), "price Price"},
		"fake response a number": {w.order("fake_response", "2"), "fake_response"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			facts := w.facts()
			a := w.buy("bad input", tt.body)
			if name == "price in two cases" { // whichever came second
				require.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
				require.Contains(t, strings.ToLower(a.body), `"price":`)
			} else {
				w.requireBadFields(a, strings.Fields(tt.fields)...)
			}
			require.Equal(t, facts, w.facts())
		})
	}
	for name, body := range map[string]string{"a list": `[]`, "cut off": `{"price":`, "two": `{} {}`, "a word": `"x"`, "not UTF-8": "{\"mobile\":\"\xff\"}"} {
		facts := w.facts()
		a := w.buy("bad input", body)
		require.Equal(t, http.StatusBadRequest, a.StatusCode, "%s: %s", name, a.body)
		require.Equal(t, facts, w.facts())
	}
	w.requireTold(w.buy("bad input", w.order()), http.StatusOK, success, false)
	require.NotContains(t, w.log.String(), `"level":"ERROR"`, "what callers do wrong is not our error")
}

// The edges of what is sold are sold.
func TestTopUpPrices(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	for i, tt := range [][2]string{{"62", "5000"}, {"62", "2000000"}, {"62", `"5001"`}, {"62", `"۱۲۳۴۵"`}, {"101", "99000"}, {`"101"`, `"99000"`}} {
		w.requireTold(w.buy(fmt.Sprint(i), w.order("product_id", tt[0], "price", tt[1])), http.StatusOK, success, false)
	}
	require.EqualValues(t, 100_000_000-5_000-2_000_000-5_001-12_345-2*99_000, w.balance().Available)
}

// A mobile number is understood however people write it, and kept in one form; the prefix is no reason to refuse.
func TestTopUpMobiles(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	for i, written := range []string{
		`"989021234567"`, `989021234567`, `"09021234567"`, `"9021234567"`, `9021234567`, `"+989021234567"`, `"00989021234567"`,
		`"0902 123 4567"`, `"0902-123-4567"`, `"+98 902 123 4567"`, `"+98 (902) 123-4567"`, `"(0902) 123 45 67"`, `" 09021234567 "`, `"09021234567\n"`,
		`"۰۹۰۲۱۲۳۴۵۶۷"`, `"٠٩٠٢١٢٣٤٥٦٧"`, `"۰۹۰۲ 1234567"`, `"\u202a+98 902\u00a0123 4567\u202c"`, `"0902\u200c1234567"`,
	} {
		t.Run(written, func(t *testing.T) {
			w := w.in(t)
			w.requireTold(w.buy(fmt.Sprint(i), w.order("mobile", written)), http.StatusOK, success, false)
			require.Equal(t, "989021234567", one[string](w, `SELECT mobile FROM topups ORDER BY id DESC LIMIT 1`))
		})
	}
	ported := w.order("mobile", `"09121234567"`, "product_id", "62")
	w.requireTold(w.buy("ported", ported), http.StatusOK, success, false)
	require.NotContains(t, w.log.String(), "9021234567", "numbers are people's")

	for _, written := range []string{
		`""`, `"   "`, `"0902123456"`, `"090212345678"`, `"98902123456"`, `"9890212345678"`, `"9809021234567"`, `"+98902123456"`, `"0098"`, `"98"`, `"0"`, `"+"`,
		`"08021234567"`, `"02112345678"`, `"982112345678"`, `"+19021234567"`, `"+4479021234567"`, `"98902XXXXXXX"`, `"0902123456x"`, `"call me"`,
		`"0902123456７"`, `"090212345.67"`, `9.02123456e9`, `989021234567.0`, `-9021234567`, `true`, `"++989021234567"`, `"09021234567,09021234568"`,
		`"` + strings.Repeat("9", 500) + `"`, `"` + strings.Repeat(" ", 500) + `09021234567"`, `["09021234567"]`,
	} {
		t.Run(written, func(t *testing.T) {
			w := w.in(t)
			w.requireBadFields(w.buy("bad", w.order("mobile", written)), "mobile")
		})
	}
}

// Only a whole code finds a top-up.
func TestTopUpFollowUp(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	for i, code := range []string{"order 17", "a+b", "100%", "%41", "سفارش", "a.b", "...", "a?b=c", "-", "😀", strings.Repeat("س", 100)} {
		body := w.order("webservice_code", fmt.Sprintf("%q", code))
		w.requireTold(w.buy(fmt.Sprint(i), body), http.StatusOK, success, false)
		a := w.get(topUpPath + "/" + escaped(code))
		require.Equal(t, http.StatusOK, a.StatusCode, "%s: %s", code, a.body)
		require.Contains(t, a.body, fmt.Sprintf(`"webservice_code":%q`, code))
		require.Regexp(t, `"created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+03:30"`, a.body)
	}
	for _, path := range []string{"/nothing", "/A+B", "/a%2Fb", "/%00", "/%ff", "/%", "/%zz", "/a%20b", "/sefaresh", "/%20", "/" + strings.Repeat("x", 5000), "/a.b/c"} {
		a := w.do(request{method: "GET", path: topUpPath + "/x", header: nil})
		require.Equal(t, http.StatusNotFound, a.StatusCode)
		raw := w.raw("GET " + topUpPath + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: test\r\n\r\n")
		require.Len(t, raw, 1)
		w.requireTold(raw[0], http.StatusNotFound, no("Not found."), false)
	}
	for key, want := range map[string]string{"test": "", "test-operator": "http://ui.example/topup/1"} {
		require.Equal(t, want, w.do(request{method: "GET", path: topUpPath + "/order%2017", key: key}).Header.Get("X-Saga-Link"))
	}
	require.NotContains(t, w.log.String(), `"level":"ERROR"`)
}

// escaped is a path segment in which nothing needs care.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

// Every refusal before a handler's own is in this contract's words, on every operation.
func TestTopUpDialect(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpDelivered, "")
	w.requireTold(w.buy("k", w.order("webservice_code", `"c"`)), http.StatusOK, success, false)
	const phoneKey = "key-of-a-phone"
	require.NoError(t, w.store.PutKey(t.Context(), "faSDF42w3Fs", phoneKey, "", []string{auth.ScopeSMS}))
	facts := w.facts()
	ours := func(a answer, status int, message string) {
		t.Helper()
		w.in(t).requireTold(a, status, no(message), false)
		require.NotEmpty(t, a.Header.Get("X-Request-Id"))
	}
	operations := func() []request {
		return []request{
			{method: "POST", path: topUpPath, json: w.order(), header: map[string]string{"Idempotency-Key": "x"}}, {method: "GET", path: topUpPath + "/c"},
			{method: "GET", path: "/api/product"}, {method: "GET", path: "/api/product/62"}, {method: "GET", path: "/api/filter"},
			{method: "GET", path: "/api/balance"}, {method: "GET", path: "/api/balance/statement"},
		}
	}
	limited := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.01, 1 })
	limited.get("/api/balance")
	for _, r := range operations() {
		for _, key := range []string{noKey, "Bearer wrong", "Bearer " + phoneKey} {
			refused := r
			refused.key = key
			a := w.do(refused)
			ours(a, http.StatusUnauthorized, "Unauthenticated.")
			require.Equal(t, "Bearer", a.Header.Get("WWW-Authenticate"))
		}
		ofCards := r
		ofCards.key, ofCards.header = noKey, map[string]string{"token": "test", "Idempotency-Key": "x"}
		ours(w.do(ofCards), http.StatusUnauthorized, "Unauthenticated.")
		a := limited.do(r)
		require.Equal(t, http.StatusTooManyRequests, a.StatusCode, a.body)
		require.Contains(t, a.body, `{"status":false,"message":"Too many requests; try again in `)
		require.NotEmpty(t, a.Header.Get("Retry-After"))
		w.do(request{method: "GET", path: "/healthz", key: noKey})
	}
	for _, r := range []request{
		{method: "PUT", path: topUpPath}, {method: "PATCH", path: topUpPath}, {method: "POST", path: topUpPath + "/c"}, {method: "DELETE", path: "/api/product"},
		{method: "POST", path: "/api/product/62"}, {method: "POST", path: "/api/filter"}, {method: "POST", path: "/api/balance"}, {method: "PATCH", path: "/api/balance/statement"},
	} {
		a := w.do(r)
		ours(a, http.StatusMethodNotAllowed, "This path does not take this method")
		require.NotEmpty(t, a.Header.Get("Allow"))
	}
	for _, path := range []string{"/api/top-up/c/d", "/api/product/62/x", "/api/product/abc", "/api/product/0", "/api/product/-1", "/api/product/99999", "/api/product/9223372036854775808", "/api/filter/x", "/api/balance/x"} {
		ours(w.get(path), http.StatusNotFound, "Not found.")
	}
	key := map[string]string{"Idempotency-Key": "x"}
	for _, contentType := range []string{"text/plain", "application/xml", "application/jsonp", ""} {
		ours(w.do(request{method: "POST", path: topUpPath, body: w.order(), contentType: contentType, header: key}), http.StatusUnsupportedMediaType, "Send application/x-www-form-urlencoded or application/json")
	}
	w.requireBadFields(w.do(request{method: "POST", path: topUpPath, header: key}), "product_id", "mobile", "price", "webservice_code")
	large := w.raw("POST /api/top-up HTTP/1.1\r\nHost: x\r\nAuthorization: test\r\nContent-Type: application/json\r\nIdempotency-Key: x\r\n" + fmt.Sprintf("Content-Length: 65537\r\n\r\n%s", strings.Repeat("x", 65537)))
	require.Len(t, large, 1)
	w.spec.check(t, request{method: "POST", path: topUpPath}.build(t), large[0], false)
	ours(large[0], http.StatusRequestEntityTooLarge, "The body may have at most 65536 bytes")
	require.Equal(t, facts, w.facts())

	require.NoError(t, w.db.Close())
	for _, r := range operations() {
		a := w.do(r)
		ours(a, http.StatusInternalServerError, "Internal error")
		require.Contains(t, w.log.String(), a.Header.Get("X-Request-Id"))
	}
}

// The log of a purchase holds neither the number, nor key, nor code.
func TestTopUpsDoNotLeak(t *testing.T) {
	w := newWorld(t)
	w.decides(state.TopUpReversed, "the operator refused the order")
	w.buy("idempotency-key-of-theirs", w.order("webservice_code", `"code-of-theirs"`))
	w.buy("idempotency-key-of-theirs", w.order("mobile", `"0902123456"`, "price", "1"))
	w.get(topUpPath + "/code-of-theirs")
	w.sagas.topUp = func(ctx context.Context, id int64) error { panic("secret cause") }
	a := w.buy("panic-key", w.order())
	w.requireTold(a, http.StatusInternalServerError, no("Internal error"), false)
	require.Contains(t, w.log.String(), "secret cause")
	w.decides(state.TopUpDelivered, "")
	require.NoError(t, w.db.Close())
	w.buy("idempotency-key-of-theirs", w.order())
	log := w.log.String()
	for _, secret := range []string{"9021234567", "902123456", "idempotency-key-of-theirs", "code-of-theirs", "panic-key"} {
		require.NotContains(t, log, secret)
	}
	require.Contains(t, log, `"route":"/api/top-up/:code"`)
}
