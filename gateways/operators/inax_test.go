package operators

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func inaxCall(_ *http.Request, body string) string {
	var in struct{ Method string }
	_ = json.Unmarshal([]byte(body), &in)
	return in.Method
}

func newInaxFake(t *testing.T) (*reseller, Operator) {
	f := newReseller(t, inaxCall)
	return f, NewInax(InaxConfig{
		BaseURL: f.url, User: "u", Password: NewPassword(secretWord), Timeout: 5 * time.Second,
		Refusals: map[int]string{-7: "the mobile number is not valid", 1: "never"},
	})
}

func TestInaxAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   Answer
	}{
		"delivered":          {200, `{"code":1,"trans_id":9,"ref_code":"77","msg":"ok"}`, Answer{Delivered, "9", "1", "delivered"}},
		"numbers as texts":   {200, `{"code":"1","trans_id":"9","ref_code":77}`, Answer{Delivered, "9", "1", "delivered"}},
		"a payment page":     {200, `{"code":1,"trans_id":9,"url":"http://x"}`, Answer{Unknown, "9", "1", "the success has no reference"}},
		"empty reference":    {200, `{"code":1,"trans_id":9,"ref_code":""}`, Answer{Unknown, "9", "1", "the success has no reference"}},
		"exhausted":          {200, `{"code":-33,"msg":"09121234567"}`, Answer{Refused, "", "-33", "the operator does not take orders now"}},
		"a named refusal":    {200, `{"code":-7,"msg":"09121234567"}`, Answer{Refused, "", "-7", "the mobile number is not valid"}},
		"any other code":     {200, `{"code":-12,"msg":"تکراری"}`, Answer{Unknown, "", "-12", "the code says nothing certain about the order"}},
		"zero":               {200, `{"code":0}`, Answer{Unknown, "", "0", "the code says nothing certain about the order"}},
		"no code":            {200, `{"msg":"x"}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"null code":          {200, `{"code":null}`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"not an object":      {200, `[1]`, Answer{Unknown, "", "200", "the answer is unclear"}},
		"refusal, but a 500": {500, `{"code":-33}`, Answer{Unknown, "", "500", "the answer is unclear"}},
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newInaxFake(t)
			f.says(c.status, c.body)
			got := op.Submit(t.Context(), order)
			require.Equal(t, c.want, got)
			requireNoSecrets(t, f.url, got)
		})
	}
}

func TestInaxOnTheWire(t *testing.T) {
	const common = `"username":"u","password":"` + secretWord + `","mobile":"09121234567","amount":5000,"order_id":"topup-17","pay_type":"credit"`
	for name, c := range map[string]struct {
		change       func(o *Order)
		method, want string
	}{
		"credit":    {func(*Order) {}, "topup", `"operator":"MCI","charge_type":"normal"`},
		"permanent": {func(o *Order) { o.Sim = "permanent" }, "topup", `"operator":"MCI","charge_type":"permanent"`},
		"ported":    {func(o *Order) { o.Carrier = Irancell }, "topup", `"operator":"MTN","charge_type":"normal","mnp":1`},
		"amazing":   {func(o *Order) { o.Carrier, o.Type = Irancell, "cell_amazing_direct_charge" }, "topup", `"operator":"MTN","charge_type":"amazing","mnp":1`},
		"package":   {func(o *Order) { o.Type, o.Package = "cell_internet", "daily/31" }, "internet", `"operator":"MCI","internet_type":"daily","product_id":"31","sim_type":"credit"`},
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newInaxFake(t)
			f.says(200, adapters["inax"].ok)
			o := order
			c.change(&o)
			require.Equal(t, Delivered, op.Submit(t.Context(), o).Outcome)
			_, _, bodies := f.seen()
			require.JSONEq(t, `{"method":"`+c.method+`",`+common+`,`+c.want+`}`, bodies[0])
		})
	}
}

func TestInaxRefusesBeforeAnyCall(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(o *Order)
		code  string
	}{
		"not whole toman":      {func(o *Order) { o.Amount = 50_005 }, codeInvalid},
		"carrier":              {func(o *Order) { o.Carrier = Aptel }, codeUnsupported},
		"type":                 {func(o *Order) { o.Type = "td_lte_internet" }, codeUnsupported},
		"package without kind": {func(o *Order) { o.Type, o.Package = "cell_internet", "31" }, codeUnsupported},
		"sim":                  {func(o *Order) { o.Sim = "data" }, codeUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newInaxFake(t)
			o := order
			c.spoil(&o)
			got := op.Submit(t.Context(), o)
			require.Equal(t, Refused, got.Outcome)
			require.Equal(t, c.code, got.Code)
			_, asked, _ := f.seen()
			require.Empty(t, asked)
		})
	}
}

func TestInaxHasNoInquiry(t *testing.T) {
	f, op := newInaxFake(t)
	require.False(t, op.Capabilities().Inquiry)
	require.Equal(t, Unknown, op.Inquire(t.Context(), order).Outcome)
	_, asked, _ := f.seen()
	require.Empty(t, asked)
}

func TestInaxCatalogueAndBalance(t *testing.T) {
	f, op := newInaxFake(t)
	f.says(200, `{"code":1,"products":{"pin":[],"internet":[
		{"id":31,"name":"یک گیگ","amount":"12500","internet_type":"daily","operator":"MTN","sim_type":"credit"},
		{"id":32,"name":"TD-LTE","amount":1,"internet_type":"TDLTE","operator":"MTN","sim_type":"TDLTE_credit"}]}}`)
	list, err := op.Catalogue(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Product{{Irancell, "cell_internet", "credit", "daily/31", "یک گیگ", 125_000, 0, true}}, list)
	for _, body := range []string{`{"code":-1}`, `x`, `{"code":1,"products":{"internet":[{"id":"","amount":1,"internet_type":"daily","operator":"MCI","sim_type":"credit"}]}}`} {
		f.says(200, body)
		_, err = op.Catalogue(t.Context())
		require.Error(t, err, body)
	}

	f.says(200, `{"code":1,"credit":"120000"}`)
	rial, err := op.Balance(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1_200_000, rial, "toman on the wire")
	for _, body := range []string{`{"code":1}`, `{"code":2,"credit":5}`, `{"credit":5}`, `x`} {
		f.says(200, body)
		_, err = op.Balance(t.Context())
		require.Error(t, err, body)
	}
}
