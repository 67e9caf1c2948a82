package sandbox

import (
	encoding "encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Mellat (Behpardakht): SOAP 1.1, every call with the credentials inside, every answer one text: a code, or a code
// and a number behind it.

// What the account here is made of.
const (
	mellatTerminal = "4410021"
	mellatUser     = "sandbox-mellat"
	mellatPassword = "sandbox&<password>"
)

// The codes. What the guide has none for is answered by the nearest.
const (
	mellatOK         = 0
	mellatCancelled  = 17
	mellatStranger   = 21
	mellatWrongUser  = 24
	mellatBadAmount  = 25
	mellatSystem     = 34
	mellatBadDate    = 35
	mellatDuplicate  = 41
	mellatNoSale     = 42
	mellatVerified   = 43
	mellatUnverified = 44
	mellatSettled    = 45
	mellatUnsettled  = 46
	mellatReversed   = 48
	mellatInvalid    = 55
	mellatCallback   = 62
	mellatSession    = 415
)

// mellatCalls are the service's calls by what the rules call them; reversal is one call for two.
var mellatCalls = map[string]string{
	opToken: "bpPayRequest", opResult: "bpInquiryRequest", opVerify: "bpVerifyRequest", opSettle: "bpSettleRequest",
	opReverse: "bpReversalRequest", opCancel: "bpReversalRequest", opRefund: "bpRefundRequest",
}

const mellatSpace = "http://interfaces.core.sw.bps.com/"

// mellatTehran has had one offset all year since 2022.
var mellatTehran = time.FixedZone("Tehran", 3*3600+1800)

func mellatWire() wire {
	return wire{
		style: style{
			bank: "mellat",
			refuse: func(op string) reply {
				code, ok := map[string]int{opToken: mellatStranger, opResult: mellatWrongUser, opReverse: mellatInvalid, opCancel: mellatInvalid}[op]
				if !ok {
					code = mellatNoSale
				}
				return mellatCode(op, code)
			},
			unknown: func(op string) reply { return mellatCode(op, mellatSystem) },
			inside: func(string) reply {
				return reply{code: http.StatusOK, body: xml(soapEnvelope(`<soap:Fault><faultcode>soap:Server</faultcode><faultstring>Bad Gateway</faultstring></soap:Fault>`))}
			},
		},
		blind:   true,
		terms:   terms{reverse: 20 * time.Minute, cancel: 3 * time.Hour, fromVerify: true},
		account: map[string]string{"terminal_id": mellatTerminal, "username": mellatUser, "password": mellatPassword},
		routes: func(t *teller) {
			t.handle("POST", "/pgwchannel/services/pgw", mellatTeller{t}.service)
			t.handle("POST", "/pgwchannel/startpay.mellat", func(w http.ResponseWriter, r *http.Request) {
				t.show(w, r.PostFormValue("RefId"), r.PostFormValue("MobileNo"))
			})
		},
		back: func(c Charge) way {
			code, sale := mellatSession, ""
			switch {
			case !c.PaidAt.IsZero():
				code, sale = mellatOK, c.RRN
			case c.State == Declined:
				code = mellatCancelled
			}
			return way{"post", []field{
				{"RefId", c.RefID}, {"ResCode", strconv.Itoa(code)}, {"SaleOrderId", strconv.FormatInt(c.Invoice, 10)}, {"SaleReferenceId", sale},
				{"CardHolderPan", c.Card}, {"CreditCardSaleResponseDetail", "0"}, {"FinalAmount", strconv.FormatInt(int64(c.Amount), 10)},
			}}
		},
	}
}

func soapEnvelope(body string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

// mellatText answers a call. The texts are codes and tokens of our own making: nothing in them needs escaping.
func mellatText(op, text string) reply {
	call := mellatCalls[op] + "Response"
	return reply{code: http.StatusOK, body: xml(soapEnvelope(
		`<ns1:` + call + ` xmlns:ns1="` + mellatSpace + `"><return>` + text + `</return></ns1:` + call + `>`))}
}

func mellatCode(op string, code int) reply { return mellatText(op, strconv.Itoa(code)) }

// mellatCall is any call of the service.
type mellatCall struct {
	XMLName         encoding.Name
	TerminalID      string `xml:"terminalId"`
	UserName        string `xml:"userName"`
	UserPassword    string `xml:"userPassword"`
	OrderID         int64  `xml:"orderId"`
	Amount          int64  `xml:"amount"`
	LocalDate       string `xml:"localDate"`
	LocalTime       string `xml:"localTime"`
	AdditionalData  string `xml:"additionalData"`
	CallBackURL     string `xml:"callBackUrl"`
	SaleOrderID     int64  `xml:"saleOrderId"`
	SaleReferenceID string `xml:"saleReferenceId"`
	RefundAmount    int64  `xml:"refundAmount"`
}

type mellatTeller struct{ *teller }

func (m mellatTeller) service(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in struct {
		XMLName encoding.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
		Body    struct {
			Calls []mellatCall `xml:",any"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if encoding.Unmarshal(body, &in) != nil || len(in.Body.Calls) != 1 || in.Body.Calls[0].XMLName.Space != mellatSpace {
		http.Error(w, "not a call", http.StatusInternalServerError)
		return
	}
	call := in.Body.Calls[0]
	sale := m.sale(call)
	op, invoice := call.op(sale), call.SaleOrderID
	if op == opToken {
		invoice = call.OrderID
	}
	if op == "" {
		http.Error(w, "no such call", http.StatusInternalServerError)
		return
	}
	m.serve(w, r, op, invoice, func() reply {
		switch {
		case call.TerminalID != mellatTerminal:
			return mellatCode(op, mellatStranger)
		case call.UserName != mellatUser, call.UserPassword != mellatPassword:
			return mellatCode(op, mellatWrongUser)
		case op == opToken:
			return m.pay(call)
		}
		sale := m.sale(call)
		if sale.PaidAt.IsZero() {
			return mellatCode(op, mellatNoSale)
		}
		return m.about(op, sale, call)
	})
}

// op is what the rules call this call.
func (c mellatCall) op(sale Charge) string {
	if c.XMLName.Local == mellatCalls[opReverse] && sale.State == Verified {
		return opCancel
	}
	for _, op := range []string{opToken, opResult, opVerify, opSettle, opReverse, opRefund} {
		if mellatCalls[op] == c.XMLName.Local {
			return op
		}
	}
	return ""
}

// sale finds what a call is about: order and reference must belong together.
func (m mellatTeller) sale(call mellatCall) Charge {
	c, _ := m.byInvoice(call.SaleOrderID)
	if c.RRN != call.SaleReferenceID {
		return Charge{}
	}
	return c
}

func (m mellatTeller) pay(call mellatCall) reply {
	at, err := time.ParseInLocation("20060102150405", call.LocalDate+call.LocalTime, mellatTehran)
	_, badCallback := origin(call.CallBackURL)
	switch {
	case err != nil, at.Sub(m.s.book.now()).Abs() > 24*time.Hour:
		return mellatCode(opToken, mellatBadDate)
	case !goodAmount(call.Amount):
		return mellatCode(opToken, mellatBadAmount)
	case badCallback != nil:
		return mellatCode(opToken, mellatCallback)
	case call.OrderID <= 0:
		return mellatCode(opToken, mellatInvalid)
	}
	charge, err := m.open(Charge{
		Invoice: call.OrderID, Amount: money.Rial(call.Amount), Description: call.AdditionalData, Callback: call.CallBackURL,
	})
	switch {
	case errors.Is(err, errDuplicate):
		return mellatCode(opToken, mellatDuplicate)
	case err != nil:
		return mellatCode(opToken, mellatSystem)
	}
	out := mellatText(opToken, "0,"+charge.RefID)
	out.effect = true
	return out
}

// mellatAnswers are the codes for a sale that a call does not change, or only asks about.
var mellatAnswers = map[string]map[State]int{
	opResult:  {Paid: mellatUnverified, Verified: mellatVerified, Settled: mellatSettled},
	opVerify:  {Verified: mellatVerified, Settled: mellatVerified},
	opSettle:  {Paid: mellatUnverified, Settled: mellatSettled},
	opReverse: {Paid: mellatUnverified, Settled: mellatSettled, Refunded: mellatSettled},
	opCancel:  {Verified: mellatInvalid, Settled: mellatSettled}, // verified still: it is too late
	opRefund:  {Paid: mellatUnsettled, Verified: mellatUnsettled, Refunded: mellatDuplicate},
}

// about does what a call asks for, or says in which state the sale is.
func (m mellatTeller) about(op string, sale Charge, call mellatCall) reply {
	var got outcome
	switch op {
	case opVerify, opSettle, opCancel:
		got = m.act(op, sale.Tran)
		sale = got.charge
	case opRefund:
		switch used, _ := m.byInvoice(call.OrderID); {
		case used.Invoice != 0, call.OrderID <= 0:
			return mellatCode(op, mellatDuplicate)
		case call.RefundAmount != int64(sale.Amount): // this book knows whole refunds only
			return mellatCode(op, mellatBadAmount)
		}
		got = m.act(op, sale.Tran)
		sale = got.charge
	}
	if got.effect {
		out := mellatCode(op, mellatOK)
		out.effect, out.hang = true, got.hang
		return out
	}
	code, ok := mellatAnswers[op][sale.State]
	switch {
	case ok:
		return mellatCode(op, code)
	case sale.State == Reversed, sale.State == Cancelled, sale.State == Refunded:
		return mellatCode(op, mellatReversed)
	}
	return mellatCode(op, mellatSystem)
}
