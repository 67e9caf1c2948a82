package operators

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

// The Tosha (also Ghasedak, Elka) web service: SOAP 1.1 calls whose one result is a string of JSON.
//
// From the service's own help pages (ws.toshanet.ir and ws.elkapos.com, UserWebservice.asmx): the calls, the
// names and order of their parameters, the SOAP envelope and action, the provider numbers, Service and Params,
// the table of result codes, the fields of the result (ResultCode, TransactionID, Creadit [sic]), that status 0
// of Recharge does not mean that the charge was sent, and that 9 means ask again.
// From public client code (the Elixir shop "overcharge", the Android application "aab"): amounts are rial, mobile
// numbers 09…, and GetInternetPackages answers a list of ServiceID, ServiceName, ServicePrice, ProfileName.
//
// Not confirmed by anything public, so taken the safe way:
//   - the type of UserOrderID. InquiryChargeByExtOrderID takes its twin as a string; we send a text.
//   - what the codes of refusals mean on an inquiry: only 0, 8, 9 and 10 are believed there.
//   - the duplicate's code: 12 in the table, 13 in one client. Neither ever refuses an order.
//   - how long an order may still be unknown to them after it was sent: [ToshaConfig.Settles].
//   - the service is documented under http only. Give BaseURL https wherever it is offered.

// ToshaConfig is an account at Tosha.
type ToshaConfig struct {
	BaseURL  string // the service's page, "https://…/UserWebservice.asmx"
	User     string
	Password Password
	ShopName string        // shown in their reports; may be empty
	Client   *http.Client  // nil = one of its own
	Timeout  time.Duration // of one call; 0 = 20 s
	Settles  time.Duration // see [Capabilities]; 0 = 10 min
}

type tosha struct {
	ToshaConfig
	wire wire
}

// NewTosha returns the reseller Tosha.
func NewTosha(c ToshaConfig) Operator {
	if c.Settles <= 0 {
		c.Settles = 10 * time.Minute
	}
	return &tosha{c, newWire(c.Client, c.Timeout, defaultTimeout)}
}

func (t *tosha) Name() string { return "tosha" }

func (t *tosha) Capabilities() Capabilities { return Capabilities{Inquiry: true, Settles: t.Settles} }

// toshaCodes are the codes of the service's page, on a submission. An order accepted with 0 is only
// under way. 10 and 11 are errors in the course of it and may come after the effect, so they are asked about.
var toshaCodes = map[int64]meaning{
	0:  {InProgress, "accepted, not yet sent"},
	1:  {Refused, "wrong user or password at the reseller"},
	2:  {Refused, "the amount is not valid"},
	3:  {Refused, "the mobile number is not valid"},
	4:  {Refused, "the service is not available"},
	5:  {Refused, "the operator does not take orders now"},
	6:  {Refused, "our account at the reseller is not active"},
	7:  {Refused, "the order code is not valid"},
	8:  {Unknown, "no such transaction"},
	9:  {InProgress, "the transaction is in progress"},
	10: {Unknown, "the transaction failed"},
	11: {Unknown, "the request failed"},
	12: {Unknown, "the reseller has this order already"},
	13: {Unknown, "the deposit code is not valid"},
}

// toshaInquiryCodes are the codes that say something about the order on an inquiry. All others are
// about the question (1, 6, 7, 11) or not documented to be an answer to it.
var toshaInquiryCodes = map[int64]meaning{
	0:  {Delivered, "delivered"},
	8:  {NotFound, "the reseller has no such order"},
	9:  {InProgress, "the transaction is in progress"},
	10: {Refused, "the transaction failed"},
}

// toshaProviders are the reseller's numbers of the carriers.
var toshaProviders = map[Carrier]int{Irancell: 1, MCI: 2, Rightel: 3}

func (t *tosha) Submit(ctx context.Context, o Order) Answer {
	if no, ok := o.check(); !ok {
		return no
	}
	service, params, ok := toshaProduct(o)
	provider, sold := toshaProviders[o.Carrier]
	if !ok || !sold {
		return unsupported("the reseller does not sell this kind of product")
	}

	// Recharge guesses the carrier from the number's prefix; RechargeMNP is told.
	call := "Recharge"
	fields := []field{{"Username", t.User}, {"Password", t.Password.reveal()}, {"MobileNumber", national(o.Mobile)}}
	if o.ported() {
		call = "RechargeMNP"
		fields = append(fields, field{"Provider", strconv.Itoa(provider)})
	}
	fields = append(fields, field{"Amount", strconv.FormatInt(int64(o.Amount), 10)}, field{"Service", service}, field{"Params", params},
		field{"UserOrderID", o.Key}, field{"ShopName", t.ShopName})

	got, quiet := t.call(ctx, call, fields, gateways.MaxAnswer)
	if quiet != nil {
		return quiet.ofSubmit()
	}
	return got.mean(toshaCodes)
}

// toshaProduct says how the reseller names what is ordered.
func toshaProduct(o Order) (service, params string, ok bool) {
	switch {
	case o.Type == "cell_internet" && o.Package != "":
		return "5", o.Package, true
	case o.Type == "cell_direct_charge" && o.Sim == "credit":
		return "1", "0", true
	case o.Type == "cell_direct_charge" && o.Sim == "permanent":
		return "2", "0", true
	case o.Type == "cell_amazing_direct_charge" && o.Sim == "credit" && o.Carrier == Irancell:
		return "1", "4", true
	case o.Type == "cell_amazing_direct_charge" && o.Sim == "credit" && o.Carrier == Rightel:
		return "1", "3", true
	}
	return "", "", false
}

func (t *tosha) Inquire(ctx context.Context, o Order) Answer {
	got, quiet := t.call(ctx, "InquiryChargeByExtOrderID",
		[]field{{"UserName", t.User}, {"Password", t.Password.reveal()}, {"ExtOrderID", o.Key}}, gateways.MaxAnswer)
	if quiet != nil {
		return quiet.ofInquiry()
	}
	out := got.mean(toshaInquiryCodes)
	if out.Reference != "" && o.Reference != "" && out.Reference != o.Reference {
		return Answer{Outcome: Unknown, Code: out.Code, Why: "the answer is about another transaction"}
	}
	return out
}

// Catalogue lists the internet packages. Plain charges have no list; their products stand in ours.
func (t *tosha) Catalogue(ctx context.Context) ([]Product, error) {
	var out []Product
	for _, carrier := range []Carrier{MCI, Irancell, Rightel} {
		list, err := t.packages(ctx, carrier)
		if err != nil {
			return nil, fmt.Errorf("packages of %s: %w", carrier, err)
		}
		out = append(out, list...)
	}
	return out, nil
}

func (t *tosha) packages(ctx context.Context, carrier Carrier) ([]Product, error) {
	got, quiet := t.call(ctx, "GetInternetPackages", []field{{"OperatorID", strconv.Itoa(toshaProviders[carrier])}}, maxCatalogue)
	if quiet != nil {
		return nil, quiet
	}
	var list []struct {
		ServiceID    label
		ServiceName  string
		ServicePrice loose
	}
	if got.status != http.StatusOK || json.Unmarshal([]byte(got.result), &list) != nil {
		return nil, errNotAnswer
	}
	var out []Product
	for _, p := range list {
		if p.ServiceID == "" || p.ServicePrice <= 0 {
			return nil, errors.New("a package without code or price")
		}
		// The list does not tell SIM types apart; credit is what resellers sell to.
		out = append(out, Product{carrier, "cell_internet", "credit", string(p.ServiceID), p.ServiceName, money.Rial(p.ServicePrice), 0, true})
	}
	return out, nil
}

func (t *tosha) Balance(ctx context.Context) (money.Rial, error) {
	got, quiet := t.call(ctx, "GetUserCredit", []field{{"Username", t.User}, {"Password", t.Password.reveal()}}, gateways.MaxAnswer)
	if quiet != nil {
		return 0, fmt.Errorf("balance: %w", quiet)
	}
	in, ok := got.read()
	if !ok {
		return 0, fmt.Errorf("balance: %w", errNotAnswer)
	}
	var credit struct {
		Creadit *loose // rial; their spelling
	}
	if err := json.Unmarshal([]byte(got.result), &credit); err != nil || *in.ResultCode != 0 || credit.Creadit == nil {
		return 0, fmt.Errorf("balance: code %d, or no balance in it", *in.ResultCode)
	}
	return money.Rial(*credit.Creadit), nil
}

// field is one parameter of a call, in the order of the service's page.
type field struct{ name, value string }

const toshaNamespace = "http://www.toranjsoft.com"

// toshaReply is the JSON string inside of the envelope.
type toshaReply struct {
	reply
	result string
}

func (t *tosha) call(ctx context.Context, op string, fields []field, limit int64) (toshaReply, *silence) {
	req, err := http.NewRequest(http.MethodPost, t.BaseURL, bytes.NewReader(envelope(op, fields)))
	if err != nil {
		return toshaReply{}, unsent()
	}
	req.Header.Set("Content-Type", "text/xml; charset=utf-8")
	req.Header.Set("SOAPAction", `"`+toshaNamespace+"/"+op+`"`)
	got, quiet := t.wire.send(ctx, req, limit)
	if quiet != nil {
		return toshaReply{}, quiet
	}
	return toshaReply{got, result(op, got.body)}, nil
}

// envelope writes a SOAP 1.1 request.
func envelope(op string, fields []field) []byte {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><` + op + ` xmlns="` + toshaNamespace + `">`)
	for _, f := range fields {
		b.WriteString("<" + f.name + ">")
		_ = xml.EscapeText(&b, []byte(f.value)) // a buffer takes everything
		b.WriteString("</" + f.name + ">")
	}
	b.WriteString("</" + op + "></soap:Body></soap:Envelope>")
	return b.Bytes()
}

// result takes the one result out of an envelope; empty when there is none.
func result(op string, body []byte) string {
	var e struct {
		XMLName xml.Name `xml:"Envelope"`
		Body    struct {
			Answer struct {
				XMLName xml.Name
				Result  struct {
					XMLName xml.Name
					Text    string `xml:",chardata"`
				} `xml:",any"`
			} `xml:",any"`
		} `xml:"Body"`
	}
	if err := xml.Unmarshal(body, &e); err != nil {
		return ""
	}
	answer := e.Body.Answer
	if answer.XMLName.Local != op+"Response" || answer.Result.XMLName.Local != op+"Result" {
		return ""
	}
	return strings.TrimSpace(answer.Result.Text)
}

type toshaResult struct {
	ResultCode    *loose
	TransactionID label
}

func (r toshaReply) read() (toshaResult, bool) {
	var in toshaResult
	if r.status != http.StatusOK || json.Unmarshal([]byte(r.result), &in) != nil || in.ResultCode == nil {
		return toshaResult{}, false
	}
	return in, true
}

// mean looks the result's code up. Their own words (Note) are not passed on: they may hold the number.
func (r toshaReply) mean(codes map[int64]meaning) Answer {
	in, ok := r.read()
	if !ok {
		return unclear(r.reply)
	}
	code := int64(*in.ResultCode)
	m, known := codes[code]
	if !known {
		m = meaning{Unknown, "the code says nothing about the order"}
	}
	out := Answer{Outcome: m.outcome, Code: strconv.FormatInt(code, 10), Why: m.why}
	if in.TransactionID != "0" {
		out.Reference = string(in.TransactionID)
	}
	return out
}
