package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/state"
)

// Bad input gets the dialect's clear error and changes nothing.
func TestBadInput(t *testing.T) {
	w := newWorld(t)
	in := map[state.Payment]string{}
	for _, s := range state.Payments.States() {
		in[s] = payments + "/" + w.bring(s)
	}
	require.NoError(t, w.store.SetMerchantDisabled(t.Context(), "demo-fast", true))
	form := func(pairs ...string) request { // a good create but for what is named; a "-" leaves it out
		values := url.Values{"merchant": {"faSDF42w3Fs"}, "amount": {"10000"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
			if pairs[i+1] == "-" {
				values.Del(pairs[i])
			}
		}
		return request{method: "POST", path: payments, form: values}
	}
	json := func(members string) request {
		return request{method: "POST", path: payments, json: `{"merchant":"faSDF42w3Fs",` + members + `}`}
	}
	raw := func(contentType, body string) request {
		return request{method: "POST", path: payments, contentType: contentType, body: body}
	}
	get := func(query string) request { return request{method: "GET", path: payments + query} }
	call := func(method, path string) request { return request{method: method, path: path} }
	with := func(r request, name, value string) request { r.header = map[string]string{name: value}; return r }
	keyed := func(r request, key string) request { r.key = key; return r }
	const formType, jsonType = "application/x-www-form-urlencoded", "application/json"

	for name, tt := range map[string]struct {
		r      request
		status int
		code   string
		field  string
	}{
		"amount missing":               {form("amount", "-"), 400, "required", "amount"},
		"amount empty":                 {form("amount", ""), 400, "required", "amount"},
		"amount null":                  {json(`"amount":null`), 400, "required", "amount"},
		"amount zero":                  {form("amount", "0"), 400, "not_positive", "amount"},
		"amount zero, persian":         {form("amount", "۰۰"), 400, "not_positive", "amount"},
		"amount negative":              {form("amount", "-10000"), 400, "not_positive", "amount"},
		"amount negative, json":        {json(`"amount":-1`), 400, "not_positive", "amount"},
		"amount fractional":            {form("amount", "10.5"), 400, "fraction", "amount"},
		"amount fractional, json":      {json(`"amount":10000.0`), 400, "fraction", "amount"},
		"amount fractional, persian":   {form("amount", "۱۰٫۵"), 400, "fraction", "amount"},
		"amount text":                  {form("amount", "ten"), 400, "not_number", "amount"},
		"amount with separators":       {form("amount", "10,000"), 400, "not_number", "amount"},
		"amount with spaces":           {form("amount", " 10000"), 400, "not_number", "amount"},
		"amount with a plus":           {form("amount", "+10000"), 400, "not_number", "amount"},
		"amount in exponent":           {json(`"amount":1e4`), 400, "not_number", "amount"},
		"amount hexadecimal":           {form("amount", "0x10"), 400, "not_number", "amount"},
		"amount boolean":               {json(`"amount":true`), 400, "not_number", "amount"},
		"amount a list":                {json(`"amount":[10000]`), 400, "type", "amount"},
		"amount an object":             {json(`"amount":{"$gt":0}`), 400, "type", "amount"},
		"amount above 2^53":            {form("amount", "9007199254740993"), 400, "too_large", "amount"},
		"amount above 2^64":            {json(`"amount":18446744073709551617`), 400, "too_large", "amount"},
		"amount of a thousand digits":  {form("amount", strings.Repeat("9", 1000)), 400, "too_large", "amount"},
		"amount twice":                 {raw(formType, "merchant=faSDF42w3Fs&amount=1&amount=2"), 400, "duplicate", "amount"},
		"amount twice, json":           {json(`"amount":1,"amount":2`), 400, "duplicate", "amount"},
		"amount twice, other case":     {raw(formType, "merchant=faSDF42w3Fs&amount=1&Amount=2"), 400, "duplicate", "*"},
		"amount twice, json, case":     {json(`"amount":1,"AMOUNT":2`), 400, "duplicate", "AMOUNT"},
		"amount as a field of a list":  {raw(formType, "merchant=faSDF42w3Fs&amount[]=1"), 400, "required", "amount"},
		"merchant missing":             {form("merchant", "-"), 400, "required", "merchant"},
		"merchant unknown":             {form("merchant", "nobody"), 400, "unknown", "merchant"},
		"merchant foreign":             {form("merchant", "demo-fast"), 400, "unknown", "merchant"},
		"merchant in another case":     {form("merchant", "FASDF42W3FS"), 400, "unknown", "merchant"},
		"merchant a number":            {raw(jsonType, `{"merchant":7,"amount":1}`), 400, "type", "merchant"},
		"merchant disabled":            {keyed(form("merchant", "demo-fast"), "test-fast"), 403, "disabled", "merchant"},
		"gateway unknown":              {form("preferred_method", "paypal"), 400, "unknown", "preferred_method"},
		"gateway too long":             {form("preferred_method", strings.Repeat("x", 41)), 400, "too_long", "preferred_method"},
		"description too long":         {form("description", strings.Repeat("ش", 1001)), 400, "too_long", "description"},
		"description not a text":       {json(`"amount":1,"description":5`), 400, "type", "description"},
		"description with a NUL":       {json(`"amount":1,"description":"a\u0000b"`), 400, "type", "description"},
		"description with a NUL, form": {raw(formType, "merchant=faSDF42w3Fs&amount=1&description=a%00b"), 400, "encoding", "description"},
		"description not UTF-8":        {raw(formType, "merchant=faSDF42w3Fs&amount=1&description=%ff%fe"), 400, "encoding", "description"},
		"payload too long":             {form("payload", strings.Repeat("x", 4001)), 400, "too_long", "payload"},
		"payload an object":            {json(`"amount":1,"payload":{"a":1}`), 400, "type", "payload"},
		"auto_collect a word":          {form("auto_collect", "yes"), 400, "boolean", "auto_collect"},
		"auto_collect a number":        {json(`"amount":1,"auto_collect":2`), 400, "boolean", "auto_collect"},
		"auto_collect persian":         {form("auto_collect", "۱"), 400, "boolean", "auto_collect"},
		"broken JSON":                  {raw(jsonType, `{"merchant":"faSDF42w3Fs","amount":1`), 400, "json", ""},
		"JSON with a tail":             {raw(jsonType, `{"merchant":"faSDF42w3Fs","amount":1} {}`), 400, "json", ""},
		"JSON list":                    {raw(jsonType, `[1]`), 400, "json", ""},
		"JSON null":                    {raw(jsonType, `null`), 400, "json", ""},
		"empty JSON":                   {raw(jsonType, ``), 400, "json", ""},
		"JSON not UTF-8":               {raw(jsonType, "{\"merchant\":\"\xff\",\"amount\":1}"), 400, "encoding", ""},
		"JSON in UTF-16":               {raw(jsonType, "\xfe\xff\x00{\x00}"), 400, "encoding", ""},
		"broken form":                  {raw(formType, "merchant=%zz&amount=1"), 400, "form", ""},
		"form with semicolons":         {raw(formType, "merchant=a;amount=1"), 400, "form", ""},
		"no body":                      {call("POST", payments), 400, "required", "amount"},
		"text":                         {raw("text/plain", "amount=1"), 415, "content_type", ""},
		"XML":                          {raw("application/xml", "<a/>"), 415, "content_type", ""},
		"multipart":                    {raw("multipart/form-data; boundary=x", "--x--"), 400, "required", "amount"},
		"multipart with a file":        {raw("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"amount\"; filename=\"a\"\r\n\r\n1\r\n--x--"), 400, "form", ""},
		"multipart twice":              {raw("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"amount\"\r\n\r\n2\r\n--x--"), 400, "duplicate", "amount"},
		"no content type":              {raw("", `{"merchant":"faSDF42w3Fs","amount":1}`), 415, "content_type", ""},
		"nonsense content type":        {raw("/;;", `x`), 415, "content_type", ""},
		"idempotency key not UTF-8":    {with(form(), "Idempotency-Key", "\xff\xfe"), 400, "encoding", "Idempotency-Key"},
		"idempotency key too long":     {with(form(), "Idempotency-Key", strings.Repeat("k", 256)), 400, "too_long", "Idempotency-Key"},
		"no key":                       {keyed(form(), noKey), 401, "unauthorized", ""},
		"empty key":                    {keyed(form(), " "), 401, "unauthorized", ""},
		"wrong key":                    {keyed(form(), "Test"), 401, "unauthorized", ""},
		"key under another scheme":     {keyed(form(), "Basic test"), 401, "unauthorized", ""},
		"half a header":                {keyed(form(), "Bearer"), 401, "unauthorized", ""},
		"key with a tail":              {keyed(form(), "test x"), 401, "unauthorized", ""},
		"key not UTF-8":                {keyed(form(), "\xff\xfe"), 401, "unauthorized", ""},
		"key for an unknown path":      {keyed(call("GET", payments+"/a/b"), noKey), 401, "unauthorized", ""},
		"unknown token":                {call("GET", payments+"/nothing12"), 404, "not_found", ""},
		"token not UTF-8":              {call("GET", payments+"/%ff%00"), 404, "not_found", ""},
		"token with SQL":               {call("GET", payments+"/'%20OR%20true%20--"), 404, "not_found", ""},
		"a very long token":            {call("GET", payments+"/"+strings.Repeat("a", 3000)), 404, "not_found", ""},
		"collect an unknown token":     {call("POST", payments+"/nothing12/collect"), 404, "not_found", ""},
		"collect before payment":       {call("POST", in[state.PaymentPending]+"/collect"), 409, "state_pending", ""},
		"collect in refunding":         {call("GET", in[state.PaymentRefunding]+"/collect"), 409, "state_refunding", ""},
		"collect after refund":         {call("POST", in[state.PaymentRefunded]+"/collect"), 409, "state_refunded", ""},
		"collect after expiry":         {call("POST", in[state.PaymentExpired]+"/collect"), 409, "state_expired", ""},
		"collect after failure":        {call("POST", in[state.PaymentFailed]+"/collect"), 409, "state_failed", ""},
		"cancel after collect":         {call("POST", in[state.PaymentCollected]+"/cancel"), 409, "state_collected", ""},
		"cancel with a long reason":    {request{method: "POST", path: in[state.PaymentPaid] + "/cancel", form: url.Values{"reason": {strings.Repeat("x", 501)}}}, 400, "too_long", "reason"},
		"cancel with a broken body":    {request{method: "POST", path: in[state.PaymentPaid] + "/cancel", contentType: jsonType, body: "{"}, 400, "json", ""},
		"size zero":                    {get("?size=0"), 400, "range", "size"},
		"size negative":                {get("?size=-1"), 400, "range", "size"},
		"size 201":                     {get("?size=201"), 400, "range", "size"},
		"size text":                    {get("?size=all"), 400, "range", "size"},
		"size fractional":              {get("?size=1.5"), 400, "range", "size"},
		"size beyond any number":       {get("?size=99999999999999999999"), 400, "range", "size"},
		"before and after":             {get("?before=2026-01-01T00:00:00Z&after=2025-01-01T00:00:00Z"), 400, "both", "after"},
		"before not UTC":               {get("?before=2026-01-01T00:00:00%2B03:30"), 400, "not_utc", "before"},
		"after not UTC, plus as space": {get("?after=2026-01-01T00:00:00+03:30"), 400, "not_utc", "after"},
		"after without a zone":         {get("?after=2026-01-01T00:00:00"), 400, "time", "after"},
		"before a date only":           {get("?before=2026-01-01"), 400, "time", "before"},
		"before garbage":               {get("?before=yesterday"), 400, "time", "before"},
		"before not UTF-8":             {get("?before=%ff"), 400, "time", "before"},
		"after the year 0":             {get("?after=0000-01-01T00:00:00Z"), 400, "time", "after"},
		"after a day that never was":   {get("?after=2026-02-30T00:00:00Z"), 400, "time", "after"},
		"after in Unix time":           {get("?after=1767225600"), 400, "time", "after"},
		"wrong method":                 {call("DELETE", payments), 405, "wrong_method", ""},
		"wrong method on a payment":    {call("PUT", in[state.PaymentPaid]), 405, "wrong_method", ""},
		"wrong method on cancel":       {call("GET", in[state.PaymentPaid]+"/cancel"), 405, "wrong_method", ""},
		"wrong method outside":         {keyed(call("POST", "/healthz"), noKey), 405, "wrong_method", ""},
		"unknown path below":           {call("POST", in[state.PaymentPaid]+"/refund"), 404, "no_such_path", ""},
		"unknown path":                 {keyed(call("GET", "/api/v1/nothing"), noKey), 404, "no_such_path", ""},
		"unknown path in another case": {keyed(call("GET", "/API/v1/payments"), noKey), 404, "no_such_path", ""},
		"the root":                     {keyed(call("GET", "/"), noKey), 404, "no_such_path", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			facts := w.facts()
			a := w.do(tt.r)
			got := w.failed(a)
			if tt.field == "*" { // two names; either may be told
				tt.field = got.Field
			}
			require.Equal(t, failure{tt.status, tt.code, tt.field, got.Message, got.Text}, got)
			require.Equal(t, facts, w.facts(), "nothing may change")
			require.NotContains(t, strings.ToLower(a.body), "sql")
			switch tt.status {
			case 401:
				require.Equal(t, "Bearer", a.Header.Get("WWW-Authenticate"))
			case 405:
				require.NotEmpty(t, a.Header.Get("Allow"))
			}
		})
	}
	require.Zero(t, w.sagas.asked)
	require.False(t, strings.Contains(w.log.String(), `"level":"ERROR"`), "what callers do wrong is not our error")
}

func TestAllow(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		payments:                              "GET, HEAD, POST",
		payments + "/" + fixtures.SampleToken: "GET, HEAD",
		payments + "/" + fixtures.SampleToken + "/collect": "GET, POST",
		payments + "/" + fixtures.SampleToken + "/cancel":  "POST",
		"/healthz": "GET, HEAD",
	} {
		a := w.do(request{method: "PATCH", path: path})
		require.Equal(t, http.StatusMethodNotAllowed, a.StatusCode, path)
		got := strings.Split(a.Header.Get("Allow"), ", ")
		require.ElementsMatch(t, strings.Split(want, ", "), got, path)
	}
	// HEAD reads and never acts.
	require.Equal(t, http.StatusOK, w.do(request{method: "HEAD", path: payments}).StatusCode)
	a := w.do(request{method: "HEAD", path: payments + "/" + fixtures.SampleToken})
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.Empty(t, a.body)
	token := w.bring(state.PaymentPaid)
	facts := w.facts()
	require.Equal(t, http.StatusMethodNotAllowed, w.do(request{method: "HEAD", path: payments + "/" + token + "/collect"}).StatusCode)
	require.Equal(t, facts, w.facts())
}

// A field's name is the caller's text too.
func TestNamesOfFieldsAreHarmless(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		`{"</script><script>":[1]}`, `{"a\u0000b":{}}`, `{"":[]}`, `{"` + strings.Repeat("n", 5000) + `":[]}`,
	} {
		got := w.requireCode(w.do(request{method: "POST", path: payments, json: body}), http.StatusBadRequest, "type")
		require.LessOrEqual(t, len(got.Field), 5000)
	}
}

func (w *world) requireCode(a answer, status int, code string) failure {
	w.Helper()
	got := w.failed(a)
	require.Equal(w, failure{status, code, got.Field, got.Message, got.Text}, got)
	return got
}
