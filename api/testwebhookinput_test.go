package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/store"
)

// Everything that the contract refuses, on each path, in its words. Nothing is delivered and nothing changes.
func TestTestWebhookBadInput(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	before := w.tables()
	long := r.URL + "/" + strings.Repeat("x", 150-len(r.URL))
	require.Len(t, long, 151)
	for _, kind := range []string{"payment", "payout", "wallet"} {
		w := newLimits(w)
		for name, tt := range map[string]struct {
			in   map[string]any
			want []string
		}{
			"no url":               {map[string]any{"url_callback": nil}, []string{"url_callback", "validation.required"}},
			"null url":             {map[string]any{"url_callback": json.RawMessage("null")}, []string{"url_callback", "validation.required"}},
			"empty url":            {map[string]any{"url_callback": ""}, []string{"url_callback", "validation.required"}},
			"url a number":         {map[string]any{"url_callback": 123456}, []string{"url_callback", "validation.string"}},
			"url a list":           {map[string]any{"url_callback": []string{r.URL}}, []string{"url_callback", "validation.string"}},
			"url of 5":             {map[string]any{"url_callback": "a://b"}, []string{"url_callback", "validation.min validation.url"}},
			"url of 151":           {map[string]any{"url_callback": long}, []string{"url_callback", "validation.max"}},
			"no scheme":            {map[string]any{"url_callback": "your.site/callback"}, []string{"url_callback", "validation.url"}},
			"text":                 {map[string]any{"url_callback": "not a URL at all"}, []string{"url_callback", "validation.url"}},
			"another scheme":       {map[string]any{"url_callback": "file:///etc/passwd"}, []string{"url_callback", "validation.url"}},
			"with credentials":     {map[string]any{"url_callback": "https://user:pass@your.site/"}, []string{"url_callback", "validation.url"}},
			"private":              {map[string]any{"url_callback": "https://10.1.2.3/x"}, []string{"url_callback", "validation.url"}},
			"metadata":             {map[string]any{"url_callback": "http://169.254.169.254/"}, []string{"url_callback", "validation.url"}},
			"a spelled address":    {map[string]any{"url_callback": "http://2130706433/"}, []string{"url_callback", "validation.url"}},
			"no currency":          {map[string]any{"currency": nil}, []string{"currency", "validation.required"}},
			"empty currency":       {map[string]any{"currency": " "}, []string{"currency", "validation.required"}},
			"currency a number":    {map[string]any{"currency": 1}, []string{"currency", "validation.string"}},
			"currency true":        {map[string]any{"currency": true}, []string{"currency", "validation.string"}},
			"no network":           {map[string]any{"network": nil}, []string{"network", "validation.required"}},
			"network an object":    {map[string]any{"network": map[string]any{}}, []string{"network", "validation.string"}},
			"network with NUL":     {map[string]any{"network": "eth\x00"}, []string{"network", "validation.string"}},
			"network too long":     {map[string]any{"network": strings.Repeat("e", 1001)}, []string{"network", "validation.max"}},
			"bad uuid":             {map[string]any{"uuid": "e1830f1b"}, []string{"uuid", "validation.uuid"}},
			"empty uuid":           {map[string]any{"uuid": ""}, []string{"uuid", "validation.uuid"}},
			"uuid without dashes":  {map[string]any{"uuid": "e1830f1b50fc432e80ec15b58ccac867"}, []string{"uuid", "validation.uuid"}},
			"uuid as urn":          {map[string]any{"uuid": "urn:uuid:" + fixtures.SampleUUID}, []string{"uuid", "validation.uuid"}},
			"uuid a number":        {map[string]any{"uuid": 7}, []string{"uuid", "validation.string"}},
			"order_id of 0":        {map[string]any{"order_id": ""}, []string{"order_id", "validation.min"}},
			"order_id of 33":       {map[string]any{"order_id": strings.Repeat("x", 33)}, []string{"order_id", "validation.max"}},
			"order_id with a dot":  {map[string]any{"order_id": "a.b"}, []string{"order_id", "validation.alpha_dash"}},
			"order_id with spaces": {map[string]any{"order_id": "a b"}, []string{"order_id", "validation.alpha_dash"}},
			"order_id a number":    {map[string]any{"order_id": 12}, []string{"order_id", "validation.string"}},
			"both":                 {map[string]any{"order_id": strings.Repeat("x ", 17)}, []string{"order_id", "validation.max validation.alpha_dash"}},
			"unknown status":       {map[string]any{"status": "payed"}, []string{"status", "validation.in"}},
			"empty status":         {map[string]any{"status": ""}, []string{"status", "validation.in"}},
			"status in capitals":   {map[string]any{"status": "PAID"}, []string{"status", "validation.in"}},
			"status a number":      {map[string]any{"status": 0}, []string{"status", "validation.string"}},
			"not for tests":        {map[string]any{"status": "confirm_check"}, []string{"status", "validation.in"}},
			"several":              {map[string]any{"currency": nil, "network": nil, "status": "x"}, []string{"currency", "validation.required", "network", "validation.required", "status", "validation.in"}},
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				w := w.in(t)
				w.requireRules(w.testWebhook(kind, r, tt.in), tt.want...)
			})
		}
		w = newLimits(w)
		w.requireRules(w.do(signedCall("/v1/test-webhook/"+kind, `{}`, keyOf(kind))),
			"url_callback", "validation.required", "currency", "validation.required", "network", "validation.required")
		w.requireRules(w.do(signedCall("/v1/test-webhook/"+kind, ``, keyOf(kind))),
			"url_callback", "validation.required", "currency", "validation.required", "network", "validation.required")

		service := map[string]string{"payment": "Payment service not found", "wallet": "Payment service not found", "payout": "Payout service not found"}[kind]
		for _, pair := range [][2]string{{"ETH", "btc"}, {"USD", "eth"}, {"eth", "ETH"}, {"IRR", "eth"}, {"ETH ", "eth"}} {
			w.requireRefused(w.testWebhook(kind, r, map[string]any{"currency": pair[0], "network": pair[1]}), http.StatusUnprocessableEntity, service)
		}
		for _, unknown := range []map[string]any{{"uuid": "00000000-0000-4000-8000-000000000000"}, {"order_id": "nobody-has_this"}, {"order_id": "سفارش-۱"},
			{"uuid": "00000000-0000-4000-8000-000000000000", "order_id": fixtures.SampleToken}} {
			w.requireRefused(w.testWebhook(kind, r, unknown), http.StatusUnprocessableEntity, "Not found "+kind)
		}
	}
	w = newLimits(w)
	for _, status := range []string{"paid_over", "wrong_amount", "refund_process", "refund_fail", "refund_paid"} {
		w.requireRules(w.testWebhook("payout", r, map[string]any{"status": status}), "status", "validation.in")
	}
	r.none(t)
	require.Equal(t, before, w.tables())
}

// The longest that is accepted.
func TestTestWebhookLimits(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	long := r.URL + "/" + strings.Repeat("x", 149-len(r.URL))
	require.Len(t, long, 150)
	w.requireTested(w.testWebhook("payment", r, map[string]any{"url_callback": long, "status": nil}))
	require.Equal(t, "paid", delivered(t, r.one(t))["status"], "the default")
	w.requireTested(w.testWebhook("payment", r, map[string]any{"status": json.RawMessage("null")}))
	require.Equal(t, "paid", delivered(t, r.one(t))["status"])
}

// What another merchant has looks like what does not exist.
func TestTestsOfOthersRecords(t *testing.T) {
	w, r := newWorld(t), newReceiver(t)
	fast, err := w.store.Merchant(t.Context(), "demo-fast")
	require.NoError(t, err)
	token, err := w.store.CreatePayment(t.Context(), store.NewPayment{Merchant: fast, Amount: 5000})
	require.NoError(t, err)
	p, err := w.store.PaymentByToken(t.Context(), token)
	require.NoError(t, err)
	w.requireRefused(w.testWebhook("payment", r, map[string]any{"uuid": p.UUID}), http.StatusUnprocessableEntity, "Not found payment")
	w.requireRefused(w.testWebhook("payment", r, map[string]any{"order_id": token}), http.StatusUnprocessableEntity, "Not found payment")
	r.none(t)
}
