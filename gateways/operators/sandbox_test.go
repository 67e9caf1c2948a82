package operators

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func sandboxCall(r *http.Request, _ string) string { return r.Method + " " + r.URL.EscapedPath() }

func newSandboxFake(t *testing.T) (*reseller, Operator) {
	f := newReseller(t, sandboxCall)
	return f, adapters["sandbox"].make(f.url+"/", 5*time.Second)
}

func TestSandboxSubmit(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   Answer
	}{
		"delivered":         {200, `{"key":"topup-17","state":"delivered","reference":"8001"}`, Answer{Delivered, "8001", "delivered", "delivered"}},
		"in progress":       {202, `{"key":"topup-17","state":"in_progress","reference":"8001"}`, Answer{InProgress, "8001", "in_progress", "the operator has not decided yet"}},
		"duplicate":         {409, `{"error":"duplicate_order"}`, Answer{Unknown, "", "duplicate_order", "the operator has this order already"}},
		"refused":           {422, `{"error":"refused"}`, Answer{Refused, "", "refused", "the operator refused the order"}},
		"exhausted":         {402, `{"error":"insufficient_balance"}`, Answer{Refused, "", "insufficient_balance", "the operator does not take orders now"}},
		"unknown product":   {422, `{"error":"unknown_product"}`, Answer{Refused, "", "unknown_product", "the operator has no such product"}},
		"inactive product":  {422, `{"error":"inactive_product"}`, Answer{Refused, "", "inactive_product", "the product is not sold at the moment"}},
		"amount":            {422, `{"error":"invalid_amount"}`, Answer{Refused, "", "invalid_amount", "the amount does not fit the product"}},
		"mobile":            {422, `{"error":"invalid_mobile"}`, Answer{Refused, "", "invalid_mobile", "the operator does not know the mobile number"}},
		"bad request":       {400, `{"error":"bad_request"}`, Answer{Refused, "", "bad_request", "the operator did not understand the order"}},
		"undetermined":      {500, `{"error":"undetermined"}`, Answer{Unknown, "", "500", "the answer is unclear"}},
		"refused by 5xx":    {502, `{"error":"refused"}`, Answer{Unknown, "", "502", "the answer is unclear"}},
		"refused by 200":    {200, `{"error":"refused"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"new error":         {422, `{"error":"moon_phase"}`, Answer{Unknown, "", "422", "the answer is unclear"}},
		"another order":     {200, `{"key":"topup-18","state":"delivered","reference":"8001"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"without reference": {200, `{"key":"topup-17","state":"delivered"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"new state":         {200, `{"key":"topup-17","state":"pondering"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"state unknown":     {200, `{"key":"topup-17","state":"unknown"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"odd reference":     {200, `{"key":"topup-17","state":"delivered","reference":"<b>"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newSandboxFake(t)
			f.says(c.status, c.body)
			require.Equal(t, c.want, op.Submit(t.Context(), order))
			_, asked, bodies := f.seen()
			require.Equal(t, []string{"POST /operator/v1/orders"}, asked)
			require.JSONEq(t, `{"key":"topup-17","carrier":"mci","type":"cell_direct_charge","sim":"credit","package":"","mobile":"989121234567","amount":50000}`, bodies[0])
		})
	}
}

func TestSandboxInquire(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   Answer
	}{
		"delivered":       {200, `{"key":"topup-17","state":"delivered","reference":"8001"}`, Answer{Delivered, "8001", "delivered", "delivered"}},
		"in progress":     {200, `{"key":"topup-17","state":"in_progress","reference":"8001"}`, Answer{InProgress, "8001", "in_progress", "the operator has not decided yet"}},
		"refused":         {200, `{"key":"topup-17","state":"refused","code":"insufficient_balance"}`, Answer{Refused, "", "insufficient_balance", "the operator does not take orders now"}},
		"refused somehow": {200, `{"key":"topup-17","state":"refused","code":"duplicate_order"}`, Answer{Refused, "", "refused", "the operator refused the order"}},
		"none":            {404, `{"error":"no_such_order"}`, Answer{NotFound, "", "no_such_order", "the operator has no such order"}},
		"a proxy's 404":   {404, `<html>not found</html>`, Answer{Unknown, "", "404", "the answer is unclear"}},
		"another's 404":   {404, `{"error":"no_such_page"}`, Answer{Unknown, "", "404", "the answer is unclear"}},
		"forbidden":       {403, `{"error":"refused"}`, Answer{Unknown, "", "403", "the answer is unclear"}},
		"another order":   {200, `{"key":"topup-1","state":"refused"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"undetermined":    {500, `{"error":"undetermined"}`, Answer{Unknown, "", "500", "the answer is unclear"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newSandboxFake(t)
			f.says(c.status, c.body)
			require.Equal(t, c.want, op.Inquire(t.Context(), order))
			_, asked, _ := f.seen()
			require.Equal(t, []string{"GET /operator/v1/orders/topup-17"}, asked)
		})
	}
}

func TestSandboxTimeout(t *testing.T) {
	op := NewSandbox(SandboxConfig{BaseURL: "http://x"}).(*sandboxOperator)
	require.Equal(t, 2500*time.Millisecond, op.wire.timeout)
	require.Equal(t, Capabilities{Inquiry: true, Settles: 6 * time.Second}, op.Capabilities())
	require.Equal(t, "sandbox", op.Name())
}

func TestSandboxCatalogueAndBalance(t *testing.T) {
	f, op := newSandboxFake(t)
	f.says(200, `{"products":[{"carrier":"irancell","type":"cell_direct_charge","sim":"credit","package":"","name":"شارژ","price":5000,"most":2000000,"active":true}]}`)
	list, err := op.Catalogue(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Product{{Irancell, "cell_direct_charge", "credit", "", "شارژ", 5000, 2_000_000, true}}, list)

	for _, body := range []string{`{}`, `{"products":[]}`, `[]`, `x`, `{"products":[{"carrier":"mars","type":"t","sim":"credit","price":1}]}`,
		`{"products":[{"carrier":"mci","type":"t","sim":"credit","price":0}]}`, `{"products":[{"carrier":"mci","type":"t","sim":"credit","price":5,"most":4}]}`} {
		f.says(200, body)
		_, err := op.Catalogue(t.Context())
		require.Error(t, err, body)
	}
	f.says(403, `{"products":[]}`)
	_, err = op.Catalogue(t.Context())
	require.ErrorContains(t, err, "status 403")

	f.says(200, `{"balance":0}`)
	rial, err := op.Balance(t.Context())
	require.NoError(t, err)
	require.Zero(t, rial)
	for _, body := range []string{`{}`, `{"balance":null}`, `{"balance":"x"}`, `{"balance":1.5}`} {
		f.says(200, body)
		_, err = op.Balance(t.Context())
		require.Error(t, err, body)
	}
}
