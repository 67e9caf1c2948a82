package operators

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func toshaCall(r *http.Request, _ string) string { return r.Header.Get("SOAPAction") }

// soap is an answer as the service writes it.
func soap(op, result string) string {
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(result))
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` +
		`<` + op + `Response xmlns="http://www.toranjsoft.com"><` + op + `Result>` + text.String() + `</` + op + `Result></` + op + `Response></soap:Body></soap:Envelope>`
}

func newToshaFake(t *testing.T) (*reseller, Operator) {
	f := newReseller(t, toshaCall)
	return f, NewTosha(ToshaConfig{BaseURL: f.url, User: "us&er", Password: NewPassword(secretWord), ShopName: "پی‌ساگا", Timeout: 5 * time.Second})
}

func TestToshaCodes(t *testing.T) {
	submit := map[int]Outcome{
		0: InProgress, 9: InProgress,
		1: Refused, 2: Refused, 3: Refused, 4: Refused, 5: Refused, 6: Refused, 7: Refused,
		8: Unknown, 10: Unknown, 11: Unknown, 12: Unknown, 13: Unknown, 14: Unknown, -1: Unknown,
	}
	inquire := map[int]Outcome{0: Delivered, 8: NotFound, 9: InProgress, 10: Refused,
		1: Unknown, 2: Unknown, 3: Unknown, 4: Unknown, 5: Unknown, 6: Unknown, 7: Unknown, 11: Unknown, 12: Unknown, 13: Unknown, 99: Unknown}
	for code, want := range submit {
		t.Run("submit "+strconv.Itoa(code), func(t *testing.T) {
			f, op := newToshaFake(t)
			f.says(200, soap("Recharge", `{"ResultCode":`+strconv.Itoa(code)+`,"Note":"`+testMobile+`","TransactionID":"55","MobileNumber":"09121234567"}`))
			got := op.Submit(t.Context(), order)
			require.Equal(t, want, got.Outcome)
			require.Equal(t, strconv.Itoa(code), got.Code)
			require.Equal(t, "55", got.Reference)
			requireNoSecrets(t, f.url, got)
		})
	}
	for code, want := range inquire {
		t.Run("inquire "+strconv.Itoa(code), func(t *testing.T) {
			f, op := newToshaFake(t)
			f.says(200, soap("InquiryChargeByExtOrderID", `{"ResultCode":"`+strconv.Itoa(code)+`","TransactionID":null}`))
			got := op.Inquire(t.Context(), order)
			require.Equal(t, want, got.Outcome)
			requireNoSecrets(t, f.url, got)
		})
	}
}

func TestToshaSubmitOnTheWire(t *testing.T) {
	head := `<Username>us&amp;er</Username><Password>` + secretWord + `</Password><MobileNumber>09121234567</MobileNumber>`
	tail := `<UserOrderID>topup-17</UserOrderID><ShopName>پی‌ساگا</ShopName>`
	for name, c := range map[string]struct {
		change func(o *Order)
		call   string
		want   string
	}{
		"credit":           {func(*Order) {}, "Recharge", `<Amount>50000</Amount><Service>1</Service><Params>0</Params>`},
		"permanent":        {func(o *Order) { o.Sim = "permanent" }, "Recharge", `<Amount>50000</Amount><Service>2</Service><Params>0</Params>`},
		"package":          {func(o *Order) { o.Type, o.Package = "cell_internet", "1<2" }, "Recharge", `<Amount>50000</Amount><Service>5</Service><Params>1&lt;2</Params>`},
		"ported":           {func(o *Order) { o.Carrier = Rightel }, "RechargeMNP", `<Provider>3</Provider><Amount>50000</Amount><Service>1</Service><Params>0</Params>`},
		"amazing irancell": {func(o *Order) { o.Carrier, o.Type = Irancell, "cell_amazing_direct_charge" }, "RechargeMNP", `<Provider>1</Provider><Amount>50000</Amount><Service>1</Service><Params>4</Params>`},
		"amazing rightel":  {func(o *Order) { o.Carrier, o.Type = Rightel, "cell_amazing_direct_charge" }, "RechargeMNP", `<Provider>3</Provider><Amount>50000</Amount><Service>1</Service><Params>3</Params>`},
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newToshaFake(t)
			f.says(200, soap(c.call, `{"ResultCode":0,"TransactionID":55}`))
			o := order
			c.change(&o)
			require.Equal(t, Answer{InProgress, "55", "0", "accepted, not yet sent"}, op.Submit(t.Context(), o))
			_, asked, bodies := f.seen()
			require.Equal(t, []string{`"http://www.toranjsoft.com/` + c.call + `"`}, asked)
			require.Contains(t, bodies[0], `<`+c.call+` xmlns="http://www.toranjsoft.com">`+head+c.want+tail+`</`+c.call+`>`)
		})
	}
}

func TestToshaDoesNotSellEverything(t *testing.T) {
	for name, spoil := range map[string]func(o *Order){
		"carrier":              func(o *Order) { o.Carrier = Shatel },
		"type":                 func(o *Order) { o.Type = "card_charge" },
		"sim":                  func(o *Order) { o.Sim = "data" },
		"package without code": func(o *Order) { o.Type = "cell_internet" },
		"amazing of MCI":       func(o *Order) { o.Type = "cell_amazing_direct_charge" },
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newToshaFake(t)
			o := order
			spoil(&o)
			got := op.Submit(t.Context(), o)
			require.Equal(t, Refused, got.Outcome)
			require.Equal(t, codeUnsupported, got.Code)
			_, asked, _ := f.seen()
			require.Empty(t, asked)
		})
	}
}

func TestToshaOddAnswersAreUnknown(t *testing.T) {
	good := `{"ResultCode":0,"TransactionID":55}`
	for name, body := range map[string]string{
		"fault":          `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultstring>x</faultstring></soap:Fault></soap:Body></soap:Envelope>`,
		"another call":   soap("RechargeMNP", good),
		"no code":        soap("Recharge", `{"TransactionID":55}`),
		"null code":      soap("Recharge", `{"ResultCode":null}`),
		"odd code":       soap("Recharge", `{"ResultCode":"ok"}`),
		"no JSON":        soap("Recharge", `0`),
		"empty":          soap("Recharge", ``),
		"bare JSON":      good,
		"not closed":     strings.TrimSuffix(soap("Recharge", good), "</soap:Envelope>"),
		"entities":       `<!DOCTYPE x [<!ENTITY a "{}">]>` + strings.Replace(soap("Recharge", "X"), "X", "&a;", 1),
		"very deep":      strings.Repeat("<a>", 15_000),
		"odd reference":  soap("Recharge", `{"ResultCode":0,"TransactionID":"a b"}`),
		"another system": `<Envelope><Body/></Envelope>`,
	} {
		t.Run(name, func(t *testing.T) {
			f, op := newToshaFake(t)
			f.says(200, body)
			require.Equal(t, Answer{Outcome: Unknown, Code: "200", Why: "the answer is unclear"}, op.Submit(t.Context(), order))
		})
	}
}

func TestToshaInquireAsksByOurCode(t *testing.T) {
	f, op := newToshaFake(t)
	f.says(200, soap("InquiryChargeByExtOrderID", `{"ResultCode":0,"TransactionID":55}`))
	require.Equal(t, Answer{Delivered, "55", "0", "delivered"}, op.Inquire(t.Context(), order))
	_, asked, bodies := f.seen()
	require.Equal(t, []string{`"http://www.toranjsoft.com/InquiryChargeByExtOrderID"`}, asked)
	require.Contains(t, bodies[0], `<UserName>us&amp;er</UserName><Password>`+secretWord+`</Password><ExtOrderID>topup-17</ExtOrderID>`)

	o := order
	o.Reference = "55"
	require.Equal(t, Delivered, op.Inquire(t.Context(), o).Outcome)
	o.Reference = "56"
	require.Equal(t, Unknown, op.Inquire(t.Context(), o).Outcome, "another transaction's answer decides nothing")
}

func TestToshaCatalogueAndBalance(t *testing.T) {
	f, op := newToshaFake(t)
	f.says(200, soap("GetInternetPackages", `[{"ServiceID":"7","ProviderTitle":"x","ServiceName":"یک گیگ","ServicePrice":"109000","ProfileName":"روزانه"}]`))
	list, err := op.Catalogue(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Equal(t, Product{MCI, "cell_internet", "credit", "7", "یک گیگ", 109_000, 0, true}, list[0])
	_, asked, bodies := f.seen()
	require.Len(t, asked, 3)
	require.Contains(t, bodies[0], "<OperatorID>2</OperatorID>")
	for _, body := range []string{`{}`, `[{"ServiceID":"","ServicePrice":1}]`, `[{"ServiceID":1}]`, `x`} {
		f.says(200, soap("GetInternetPackages", body))
		_, err = op.Catalogue(t.Context())
		require.Error(t, err, body)
	}

	f.says(200, soap("GetUserCredit", `{"ResultCode":0,"Creadit":1250000}`))
	rial, err := op.Balance(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1_250_000, rial)
	for _, body := range []string{`{"ResultCode":1,"Creadit":5}`, `{"ResultCode":0}`, `{"Creadit":5}`, `x`} {
		f.says(200, soap("GetUserCredit", body))
		_, err = op.Balance(t.Context())
		require.Error(t, err, body)
	}
	require.Equal(t, Capabilities{Inquiry: true, Settles: 10 * time.Minute}, op.Capabilities())
}

// TestToshaLostAnswer plays a reseller that books an order and loses its answer, from the first call to
// the last.
func TestToshaLostAnswer(t *testing.T) {
	f := newReseller(t, toshaCall)
	code := func(op, result string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(soap(op, result))) }
	}
	op := NewTosha(ToshaConfig{BaseURL: f.url, Timeout: 50 * time.Millisecond})
	f.with(func(_ http.ResponseWriter, r *http.Request) { f.book(); f.hang(r) })
	require.Equal(t, Unknown, op.Submit(t.Context(), order).Outcome)

	op = NewTosha(ToshaConfig{BaseURL: f.url, Timeout: 5 * time.Second})
	f.with(code("Recharge", `{"ResultCode":12}`))
	require.Equal(t, Unknown, op.Submit(t.Context(), order).Outcome, "a duplicate is a question, not an answer")
	f.with(code("InquiryChargeByExtOrderID", `{"ResultCode":9,"TransactionID":55}`))
	require.Equal(t, InProgress, op.Inquire(t.Context(), order).Outcome)
	f.with(code("InquiryChargeByExtOrderID", `{"ResultCode":0,"TransactionID":55}`))
	require.Equal(t, Answer{Delivered, "55", "0", "delivered"}, op.Inquire(t.Context(), order))
	booked, _, _ := f.seen()
	require.Equal(t, 1, booked)
}
