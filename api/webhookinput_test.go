package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
)

// A URL, a text or a list of events that is wrong is named, on adding and on changing; nothing changes.
func TestEndpointBadInput(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint("payment.*")
	before := w.tables()
	url := func(text string) string { return fmt.Sprintf(`{"url":%q}`, text) }
	events := func(list string) string { return `{"url":"https://shop.example/x","events":` + list + `}` }
	for name, tt := range map[string]struct{ body, code, field string }{
		"url null":              {`{"url":null}`, "length", "url"},
		"url empty":             {url(""), "length", "url"},
		"url of 5":              {url("a://b"), "length", "url"},
		"url of 255 and blanks": {url("https://shop.example/" + strings.Repeat("x", 234) + " "), "too_long", "url"},
		"url of 256":            {url("https://shop.example/" + strings.Repeat("x", 235)), "too_long", "url"},
		"url a number":          {`{"url":123456}`, "type", "url"},
		"url true":              {`{"url":true}`, "type", "url"},
		"url a list":            {`{"url":["https://shop.example/"]}`, "type", "url"},
		"url an object":         {`{"url":{"a":"https://shop.example/"}}`, "type", "url"},
		"url no URL":            {url("not a URL at all"), "url", "url"},
		"url without scheme":    {url("shop.example/webhooks"), "url", "url"},
		"url another scheme":    {url("ftp://shop.example/"), "url", "url"},
		"url a file":            {url("file:///etc/passwd"), "url", "url"},
		"url with credentials":  {url("https://user:pass@shop.example/"), "url", "url"},
		"url with a user":       {url("https://user@shop.example/"), "url", "url"},
		"url with a fragment":   {url("https://shop.example/#x"), "url", "url"},
		"url with a line":       {`{"url":"https://shop.example/\r\nX: y"}`, "url", "url"},
		"url without host":      {url("https:///webhooks"), "url", "url"},
		"url private":           {url("https://10.1.2.3/x"), "forbidden", "url"},
		"url private, 192":      {url("https://192.168.1.1/"), "forbidden", "url"},
		"url private, IPv6":     {url("https://[fd00::1]/"), "forbidden", "url"},
		"url metadata":          {url("http://169.254.169.254/latest"), "forbidden", "url"},
		"url a spelled address": {url("http://2130706433/"), "forbidden", "url"},
		"url mapped":            {url("https://[::ffff:10.0.0.1]/"), "forbidden", "url"},

		"description a number": {`{"url":"https://shop.example/x","description":5}`, "type", "description"},
		"description a list":   {`{"url":"https://shop.example/x","description":[]}`, "type", "description"},
		"description of 501":   {`{"url":"https://shop.example/x","description":"` + strings.Repeat("س", 501) + `"}`, "too_long", "description"},
		"description with NUL": {`{"url":"https://shop.example/x","description":"a\u0000b"}`, "type", "description"},

		"events a text":             {events(`"payment.paid"`), "type", "events"},
		"events an object":          {events(`{"payment.paid":true}`), "type", "events"},
		"events null":               {events(`null`), "type", "events"},
		"events of numbers":         {events(`[1]`), "type", "events"},
		"events of lists":           {events(`[["payment.paid"]]`), "type", "events"},
		"events with null":          {events(`["payment.paid",null]`), "event", "events"},
		"events with an empty one":  {events(`[""]`), "event", "events"},
		"events unknown":            {events(`["payment.gone"]`), "event", "events"},
		"events of unknown kind":    {events(`["invoice.paid"]`), "event", "events"},
		"events all by a star":      {events(`["*"]`), "event", "events"},
		"events half":               {events(`["payment"]`), "event", "events"},
		"events half with a dot":    {events(`["payment."]`), "event", "events"},
		"events with another star":  {events(`["payment.p*"]`), "event", "events"},
		"events in capitals":        {events(`["Payment.Paid"]`), "event", "events"},
		"events told by transfers":  {events(`["deposit.matched"]`), "event", "events"},
		"events of a wallet itself": {events(`["wallet.active"]`), "event", "events"},
		"41 events":                 {events(`["payment.paid"` + strings.Repeat(`,"payment.paid"`, 40) + `]`), "too_long", "events"},
		"events of 4 KB":            {events(`["` + strings.Repeat("x", 4000) + `"]`), "too_long", "events"},

		"url twice":        {`{"url":"https://shop.example/a","url":"https://shop.example/b"}`, "duplicate", "url"},
		"url in two cases": {`{"url":"https://shop.example/a","URL":"https://shop.example/b"}`, "duplicate", "URL"},
		"events twice":     {`{"url":"https://shop.example/a","events":[],"events":["payment.*"]}`, "duplicate", "events"},
		"broken":           {`{"url":"https://shop.example/a"`, "json", ""},
		"a list":           {`[{"url":"https://shop.example/a"}]`, "json", ""},
		"a text":           {`"https://shop.example/a"`, "json", ""},
		"two":              {`{"url":"https://shop.example/a"}{}`, "json", ""},
		"null":             {`null`, "json", ""},
		"not UTF-8":        {"{\"url\":\"https://shop.example/\xff\"}", "encoding", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.requireFails(w.do(request{method: "POST", path: endpointsPath, json: tt.body}), http.StatusBadRequest, tt.code, tt.field)
			w.requireFails(w.do(request{method: "PUT", path: endpointPath(e.ID), json: tt.body}), http.StatusBadRequest, tt.code, tt.field)
		})
	}
	for _, nothing := range []request{{}, {json: `{}`}, {json: `{"description":"x","events":[]}`}, {form: map[string][]string{"description": {"x"}}}} {
		nothing.method, nothing.path = "POST", endpointsPath
		w.requireFails(w.do(nothing), http.StatusBadRequest, "required", "url")
	}
	w.requireFails(w.post(endpointsPath, map[string][]string{"url": {"https://shop.example/"}, "events": {"payment.paid"}}), http.StatusBadRequest, "type", "events")
	w.requireFails(w.post(endpointsPath, map[string][]string{"url": {"https://shop.example/a", "https://shop.example/b"}}), http.StatusBadRequest, "duplicate", "url")

	for _, r := range []request{{method: "POST", path: endpointsPath}, {method: "PUT", path: endpointPath(e.ID)}, {method: "POST", path: endpointPath(e.ID, "rotate-secret")}} {
		for _, contentType := range []string{"text/plain", "application/xml", "application/jsonx"} {
			r.body, r.contentType = `{"url":"https://shop.example/"}`, contentType
			w.requireFails(w.do(r), http.StatusUnsupportedMediaType, "content_type", "")
		}
		large := w.raw(r.method + " " + r.path + " HTTP/1.1\r\nHost: x\r\nAuthorization: test\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n" + strings.Repeat("x", 1<<20))
		require.Len(t, large, 1)
		w.spec.check(t, request{method: r.method, path: r.path}.build(t), large[0], false)
		w.requireFails(large[0], http.StatusRequestEntityTooLarge, "too_large", "")
	}
	require.Equal(t, before, w.tables())
	require.NotContains(t, w.log.String(), `"level":"ERROR"`, "what callers do wrong is not our error")

	longest := "https://shop.example/" + strings.Repeat("x", 234)
	require.Equal(t, longest, w.endpointOf(w.putJSON("PUT", endpointPath(e.ID), map[string]any{"url": longest, "description": strings.Repeat("س", 500)})).URL)
	w.endpointOf(w.do(request{method: "PUT", path: endpointPath(e.ID), json: `{"events":["payment.paid"` + strings.Repeat(`,"payment.paid"`, 39) + `]}`}))
}

// Every event there is can be listened for.
func TestEveryEventCanBeAskedFor(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"payment.*", "payment.refunding", "transfer.mismatched", "deposit.suspense", "topup.unknown", "purchase.completed", "payout.unsent", "wallet.credited", "wallet.*"} {
		e := w.endpoint(name)
		require.Equal(t, []string{name}, e.Events)
		w.okEmpty(w.putJSON("DELETE", endpointPath(e.ID), nil))
	}
}

// Outside development only https on the public internet is told anything.
func TestEndpointsOutsideDevelopment(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.Dev = false })
	for target, code := range map[string]string{
		w.base: "url", "http://shop.example/": "url", "https://localhost/": "forbidden", "https://127.0.0.1/": "forbidden", "https://[::1]/": "forbidden",
		"https://intranet/": "forbidden", "https://shop.local/": "forbidden", "https://shop.example:8443/": "forbidden",
	} {
		w.requireFails(w.putJSON("POST", endpointsPath, map[string]any{"url": target}), http.StatusBadRequest, code, "url")
	}
	require.Empty(t, w.endpoints())
	w.endpoint()
}
