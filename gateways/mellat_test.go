package gateways

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var mellatTestAccount = Credentials{"terminal_id": "1234", "username": "shop&co", "password": `p<>&"'word`}

func mellatVisit() Visit {
	return Visit{Invoice: 12, BankToken: "AF82041a2Bf6989c7fF9", Amount: 10_000, Callback: map[string]string{
		"RefId": "AF82041a2Bf6989c7fF9", "ResCode": "0", "SaleOrderId": "12", "SaleReferenceId": "127926981246", "FinalAmount": "10000",
	}}
}

func mellatBooked() Visit {
	v := mellatVisit()
	v.BankTran = "127926981246"
	return v
}

func mellatAnswer(op, text string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><ns1:` + op +
		`Response xmlns:ns1="http://interfaces.core.sw.bps.com/"><return>` + text + `</return></ns1:` + op + `Response></soap:Body></soap:Envelope>`
}

// mellatFake answers each call with the next of its texts, wrapped in the envelope of the call that was made, and
// notes the calls as the service would read them.
type mellatFake struct {
	texts  []string // "!…" is a whole body
	asked  []string
	calls  []map[string]string
	header http.Header
}

func mellatOpened(t *testing.T, texts ...string) (*mellatFake, Gateway) {
	t.Helper()
	f := &mellatFake{texts: texts}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			XMLName xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
			Body    struct {
				Calls []struct {
					XMLName   xml.Name
					Arguments []struct {
						XMLName xml.Name
						Value   string `xml:",chardata"`
					} `xml:",any"`
				} `xml:",any"`
			} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
		}
		if err := xml.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Body.Calls) != 1 || in.Body.Calls[0].XMLName.Space != mellatSpace {
			t.Errorf("not a call: %v", err)
			return
		}
		call, arguments, order := in.Body.Calls[0], map[string]string{}, []string{}
		for _, a := range call.Arguments {
			arguments[a.XMLName.Local], order = a.Value, append(order, a.XMLName.Local)
			if a.XMLName.Space != "" {
				t.Errorf("%s: arguments have no namespace", a.XMLName.Local)
			}
		}
		arguments["order"] = strings.Join(order, " ")
		f.asked, f.calls, f.header = append(f.asked, call.XMLName.Local), append(f.calls, arguments), r.Header
		if len(f.texts) == 0 || r.URL.Path != "/pgwchannel/services/pgw" {
			t.Errorf("unexpected call of %s at %s", call.XMLName.Local, r.URL.Path)
			return
		}
		text := f.texts[0]
		f.texts = f.texts[1:]
		if whole, ok := strings.CutPrefix(text, "!"); ok {
			text = whole
		} else {
			text = mellatAnswer(call.XMLName.Local, text)
		}
		_, _ = w.Write([]byte(text))
	}))
	t.Cleanup(srv.Close)
	g, err := NewMellat(srv.URL, NewHTTPClient(5*time.Second)).Open(mellatTestAccount)
	require.NoError(t, err)
	return f, g
}

func TestMellatSession(t *testing.T) {
	in := Session{Invoice: 12, Amount: 10_000, CallbackURL: "https://pay.example/cb?a=1&b=2", Description: `کرایه </additionalData> & "x"`, Mobile: "09120000000"}
	f, g := mellatOpened(t, "0,AF82041a2Bf6989c7fF9")
	got, err := g.CreateSession(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, Redirect{
		BankToken: "AF82041a2Bf6989c7fF9", Method: http.MethodPost, URL: g.Origin() + "/pgwchannel/startpay.mellat",
		Fields: map[string]string{"RefId": "AF82041a2Bf6989c7fF9", "MobileNo": "989120000000"},
	}, got)
	require.Equal(t, []string{"bpPayRequest"}, f.asked)
	sent := f.calls[0]
	require.Equal(t, "terminalId userName userPassword orderId amount localDate localTime additionalData callBackUrl payerId mobileNo", sent["order"])
	require.Equal(t, `p<>&"'word`, sent["userPassword"], "whatever is in it arrives")
	require.Equal(t, in.Description, sent["additionalData"])
	require.Equal(t, in.CallbackURL, sent["callBackUrl"])
	require.Equal(t, []string{"1234", "12", "10000", "0"}, []string{sent["terminalId"], sent["orderId"], sent["amount"], sent["payerId"]})
	told, err := time.ParseInLocation("20060102150405", sent["localDate"]+sent["localTime"], tehran)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), told, time.Minute, "Tehran's clock")
	require.Equal(t, `""`, f.header.Get("SOAPAction"))
	require.Equal(t, "text/xml; charset=utf-8", f.header.Get("Content-Type"))

	for text, class := range map[string]Class{
		"21": ClassRefused, "24": ClassRefused, "41": ClassRefused, "62": ClassRefused, "421": ClassRefused, "25": ClassRefused,
		"34": ClassUnknown, "77": ClassUnknown, "0": ClassUnknown, "0,": ClassUnknown, "0,<b>": ClassUnknown, "": ClassUnknown,
		"-1": ClassUnknown, "ok": ClassUnknown, "0,a,b": ClassUnknown,
	} {
		_, g := mellatOpened(t, strings.ReplaceAll(text, "<", "&lt;"))
		_, err := g.CreateSession(t.Context(), in)
		requireClass(t, class, err)
		for _, secret := range []string{"p<>", "shop&co"} {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

// Only a whole answer to the very call counts.
func TestMellatOddAnswers(t *testing.T) {
	good := mellatAnswer("bpVerifyRequest", "0")
	for name, body := range map[string]string{
		"a fault":               `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:Server</faultcode><faultstring>10.0.0.1</faultstring></soap:Fault></soap:Body></soap:Envelope>`,
		"another call's":        mellatAnswer("bpSettleRequest", "0"),
		"another namespace":     strings.Replace(good, mellatSpace, "http://elsewhere/", 1),
		"another envelope":      strings.Replace(good, soapSpace, "http://www.w3.org/2003/05/soap-envelope", 1),
		"no envelope":           `<return>0</return>`,
		"two answers":           strings.Replace(good, "<soap:Body>", "<soap:Body>"+`<ns1:bpVerifyRequestResponse xmlns:ns1="`+mellatSpace+`"><return>48</return></ns1:bpVerifyRequestResponse>`, 1),
		"two texts":             strings.Replace(good, "</return>", "</return><return>48</return>", 1),
		"no text":               strings.Replace(good, "<return>0</return>", "", 1),
		"an empty text":         strings.Replace(good, "0", "", 1),
		"words":                 mellatAnswer("bpVerifyRequest", "zero"),
		"a code and more":       mellatAnswer("bpVerifyRequest", "0,0"),
		"cut off":               good[:len(good)-10],
		"something behind":      good + "x",
		"two envelopes":         good + good,
		"an entity of its own":  `<!DOCTYPE a [<!ENTITY zero "0">]>` + mellatAnswer("bpVerifyRequest", "&zero;"),
		"another character set": `<?xml version="1.0" encoding="utf-7"?>` + good,
		"a page":                "<html><body>10.0.0.1</body></html>",
		"JSON":                  `{"return":"0"}`,
		"nothing":               "",
	} {
		t.Run(name, func(t *testing.T) {
			_, g := mellatOpened(t, "!"+body)
			_, err := g.Verify(t.Context(), mellatBooked())
			requireClass(t, ClassUnknown, err)
			require.NotContains(t, err.Error(), "10.0.0.1")
		})
	}
	for name, body := range map[string]string{
		"another prefix": strings.NewReplacer("soap:", "S:", "xmlns:soap", "xmlns:S").Replace(good),
		"with a header":  `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + good + "\n",
		"spaced":         mellatAnswer("bpVerifyRequest", "\n 0 "),
	} {
		_, g := mellatOpened(t, "!"+body)
		_, err := g.Verify(t.Context(), mellatBooked())
		require.NoError(t, err, name)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprint(w, good)
	}))
	defer srv.Close()
	g, err := NewMellat(srv.URL, NewHTTPClient(time.Second)).Open(mellatTestAccount)
	require.NoError(t, err)
	_, err = g.Verify(t.Context(), mellatBooked())
	requireClass(t, ClassUnknown, err)
}

func TestMellatResult(t *testing.T) {
	base := Result{BankToken: "AF82041a2Bf6989c7fF9", Invoice: 12, Amount: 10_000}
	for name, c := range map[string]struct {
		change map[string]string
		bank   string // its answer to the inquiry; "" = nobody asks
		want   ResultStatus
		final  bool
		class  Class
	}{
		"paid":                {nil, "0", ResultPaid, false, ""},
		"paid, not verified":  {nil, "44", ResultPaid, false, ""},
		"paid, not settled":   {nil, "46", ResultPaid, false, ""},
		"verified":            {nil, "43", ResultPaid, false, ""},
		"settled":             {nil, "45", ResultPaid, false, ""},
		"reversed":            {nil, "48", ResultReturned, true, ""},
		"no such sale":        {nil, "42", ResultNotPaid, false, ""},
		"the card failed":     {nil, "12", ResultNotPaid, false, ""},
		"account unknown":     {nil, "24", "", false, ClassUnavailable},
		"address unknown":     {nil, "421", "", false, ClassUnavailable},
		"system error":        {nil, "34", "", false, ClassUnknown},
		"undocumented":        {nil, "777", "", false, ClassUnknown},
		"cancelled":           {map[string]string{"ResCode": "17", "SaleReferenceId": ""}, "", ResultNotPaid, true, ""},
		"declined":            {map[string]string{"ResCode": "12"}, "", ResultNotPaid, true, ""},
		"session over":        {map[string]string{"ResCode": "415"}, "", ResultNotPaid, false, ""},
		"another session":     {map[string]string{"RefId": "af82041a2bf6989c7ff9"}, "", ResultNotPaid, false, ""},
		"another order":       {map[string]string{"SaleOrderId": "13"}, "", ResultNotPaid, false, ""},
		"another's cancelled": {map[string]string{"SaleOrderId": "13", "ResCode": "17"}, "", ResultNotPaid, false, ""},
		"no reference":        {map[string]string{"SaleReferenceId": ""}, "", ResultNotPaid, false, ""},
		"a wrong reference":   {map[string]string{"SaleReferenceId": "-5"}, "", ResultNotPaid, false, ""},
		"a wrong code":        {map[string]string{"ResCode": "zero"}, "", ResultNotPaid, false, ""},
		"no code":             {map[string]string{"ResCode": ""}, "", ResultNotPaid, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			v := mellatVisit()
			maps.Copy(v.Callback, c.change)
			texts := []string{c.bank}
			if c.bank == "" {
				texts = nil
			}
			f, g := mellatOpened(t, texts...)
			got, err := g.Result(t.Context(), v)
			requireClass(t, c.class, err)
			require.Len(t, f.asked, len(texts), "nothing is asked about what is not ours")
			if c.class != "" {
				require.Zero(t, got)
				return
			}
			want := base
			want.Status, want.Final, want.Reason = c.want, c.final, got.Reason
			if c.want == ResultPaid {
				want.BankTran, want.RRN, want.Reason = "127926981246", "127926981246", ""
			}
			require.Equal(t, want, got)
			if len(texts) > 0 {
				require.Equal(t, []string{"bpInquiryRequest"}, f.asked)
				require.Equal(t, []string{"12", "12", "127926981246"}, []string{f.calls[0]["orderId"], f.calls[0]["saleOrderId"], f.calls[0]["saleReferenceId"]})
			}
		})
	}
	_, g := mellatOpened(t)
	base.Status = ResultNotPaid
	got, err := g.Result(t.Context(), Visit{Invoice: 12, BankToken: "AF82041a2Bf6989c7fF9", Amount: 10_000})
	require.NoError(t, err)
	require.Equal(t, base, got, "a lost callback")
	require.GreaterOrEqual(t, g.Limits().SessionLife, mellatPage+g.Limits().AutoReverse, "only then is all unseen money back")
}

func TestMellatVerifyAndSettle(t *testing.T) {
	verify := map[string]Class{
		"0": "", "43": "", "45": "", "48": ClassRefused, "42": ClassRefused, "54": ClassRefused, "17": ClassRefused,
		"21": ClassUnavailable, "23": ClassUnavailable, "24": ClassUnavailable, "421": ClassUnavailable,
		"34": ClassUnknown, "44": ClassUnknown, "41": ClassUnknown, "61": ClassUnknown, "9999": ClassUnknown, "12345": ClassUnknown,
	}
	settle := map[string]Class{
		"0": "", "45": "", "48": ClassRefused, "42": ClassRefused, "44": ClassRefused,
		"24": ClassUnavailable, "61": ClassUnavailable, "43": ClassUnknown, "34": ClassUnknown, "46": ClassUnknown, "17": ClassUnknown,
	}
	for text, class := range verify {
		f, g := mellatOpened(t, text)
		_, err := g.Verify(t.Context(), mellatBooked())
		requireClass(t, class, err)
		require.Equal(t, "terminalId userName userPassword orderId saleOrderId saleReferenceId", f.calls[0]["order"])
		require.Equal(t, []string{"bpVerifyRequest"}, f.asked)
	}
	for text, class := range settle {
		f, g := mellatOpened(t, text)
		requireClass(t, class, g.Settle(t.Context(), mellatBooked()))
		require.Equal(t, []string{"bpSettleRequest"}, f.asked)
	}

	// Before the reference is booked it is the browser's, and without one there is nothing to ask about.
	f, g := mellatOpened(t, "0")
	_, err := g.Verify(t.Context(), mellatVisit())
	require.NoError(t, err)
	require.Equal(t, "127926981246", f.calls[0]["saleReferenceId"])
	for code, class := range map[string]Class{"17": ClassRefused, "415": ClassUnavailable, "": ClassUnavailable} {
		v := mellatVisit()
		v.Callback["ResCode"] = code
		_, g := mellatOpened(t)
		_, err := g.Verify(t.Context(), v)
		requireClass(t, class, err)
	}
}

// mellatClaimed is what a verification that was refused leaves.
func mellatClaimed() Visit {
	v := mellatBooked()
	v.Unbooked = true
	return v
}

func TestMellatUndo(t *testing.T) {
	unverified := "bpReversalRequest bpVerifyRequest bpReversalRequest"
	for name, c := range map[string]struct {
		visit Visit
		texts []string
		want  Undone
		class Class
		asked string
	}{
		"verified":                    {mellatBooked(), []string{"0"}, Reversed, "", "bpReversalRequest"},
		"reversed before":             {mellatBooked(), []string{"48"}, Reversed, "", "bpReversalRequest"},
		"not verified":                {mellatBooked(), []string{"44", "0", "0"}, Reversed, "", unverified},
		"not verified, gone back":     {mellatBooked(), []string{"44", "48", "48"}, Reversed, "", unverified},
		"not verified, verify silent": {mellatBooked(), []string{"44", "!"}, "", ClassUnknown, "bpReversalRequest bpVerifyRequest"},
		"settled":                     {mellatBooked(), []string{"45", "0"}, Refunded, "", "bpReversalRequest bpRefundRequest"},
		"settled, with a reference":   {mellatBooked(), []string{"45", "0,998877"}, Refunded, "", "bpReversalRequest bpRefundRequest"},
		"refund: asked before":        {mellatBooked(), []string{"45", "41"}, "", ClassRefused, "bpReversalRequest bpRefundRequest"},
		"refund: no credit":           {mellatBooked(), []string{"45", "12"}, "", ClassUnavailable, "bpReversalRequest bpRefundRequest"},
		"refund: not settled yet":     {mellatBooked(), []string{"45", "46"}, "", ClassUnavailable, "bpReversalRequest bpRefundRequest"},
		"refund: silent":              {mellatBooked(), []string{"45", "!"}, "", ClassUnknown, "bpReversalRequest bpRefundRequest"},
		"booked, no such sale":        {mellatBooked(), []string{"42"}, "", ClassRefused, "bpReversalRequest"},
		"not booked, no such sale":    {mellatVisit(), []string{"42"}, NotTaken, "", "bpReversalRequest"},
		"claimed, no such sale":       {mellatClaimed(), []string{"42"}, NotTaken, "", "bpReversalRequest"},
		"not booked, verified":        {mellatVisit(), []string{"0"}, Reversed, "", "bpReversalRequest"},
		"no longer":                   {mellatBooked(), []string{"55"}, "", ClassRefused, "bpReversalRequest"},
		"undocumented":                {mellatBooked(), []string{"34"}, "", ClassUnknown, "bpReversalRequest"},
		"account unknown":             {mellatBooked(), []string{"24"}, "", ClassUnavailable, "bpReversalRequest"},
		"no reference":                {Visit{Invoice: 12, Amount: 10_000}, nil, "", ClassUnavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f, g := mellatOpened(t, c.texts...)
			got, err := g.Undo(t.Context(), c.visit)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.asked, strings.Join(f.asked, " "))
			if last := len(f.calls) - 1; strings.HasSuffix(c.asked, "bpRefundRequest") {
				require.Equal(t, "terminalId userName userPassword orderId saleOrderId saleReferenceId refundAmount", f.calls[last]["order"])
				require.Equal(t, []string{"9000000000000012", "12", "10000"},
					[]string{f.calls[last]["orderId"], f.calls[last]["saleOrderId"], f.calls[last]["refundAmount"]}, "one number for the one refund")
			}
		})
	}
	cancelled := mellatVisit()
	cancelled.Callback["ResCode"] = "17"
	_, g := mellatOpened(t)
	_, err := g.Undo(t.Context(), cancelled)
	requireClass(t, ClassUnavailable, err)
}

func TestMellatAccount(t *testing.T) {
	for text, class := range map[string]Class{"42": "", "54": "", "0": "", "21": ClassRefused, "24": ClassRefused, "421": ClassRefused, "34": ClassUnknown} {
		f, g := mellatOpened(t, text)
		requireClass(t, class, g.Check(t.Context()))
		require.Equal(t, []string{"bpInquiryRequest"}, f.asked)
	}
	_, err := NewMellat("", nil).Open(Credentials{"terminal_id": "x1y", "username": "u", "password": "hush"})
	require.ErrorContains(t, err, "terminal_id")
	require.NotRegexp(t, regexp.MustCompile("x1y|hush"), err.Error())
	require.Equal(t, "https://bpm.shaparak.ir", NewMellat("", nil).Origin())
}
