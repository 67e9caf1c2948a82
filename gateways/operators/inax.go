package operators

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

// The inax web service: one address, POST of JSON with "method", amounts in toman.
//
// From the reseller's own sample code and WordPress plugin (inax-ir/sample_code, inax-ir on WordPress): the
// methods credit, products, topup and internet, their fields, the operators MTN, MCI, RTL and SHT, the charge
// types, pay_type credit (our money, at once) and online (a payment page), code 1 for success with trans_id
// and ref_code, the unique order_id, and that code -33 means that our credit is exhausted.
//
// Not confirmed by anything public, so taken the safe way:
//   - the table of error codes. Only -33 refuses; every other code is unknown until [InaxConfig.Refusals] names
//     it from the table in one's own contract. The duplicate's code must not be named there.
//   - an inquiry. One client asks trans_status by their trans_id, which a lost answer does not give, and reads
//     from it whether an online payment was paid, not whether a charge was sent. So there is none, and an
//     unknown outcome goes to a person.

// InaxConfig is an account at inax.
type InaxConfig struct {
	BaseURL  string // the service's address, "https://inax.ir/webservice.php"
	User     string
	Password Password
	Refusals map[int]string // codes that are a final no, with words that are safe to show
	Client   *http.Client   // nil = one of its own
	Timeout  time.Duration  // of one call; 0 = 20 s
}

type inax struct {
	InaxConfig
	wire wire
}

// NewInax returns the reseller inax.
func NewInax(c InaxConfig) Operator {
	return &inax{c, newWire(c.Client, c.Timeout, defaultTimeout)}
}

func (x *inax) Name() string { return "inax" }

func (x *inax) Capabilities() Capabilities { return Capabilities{} }

var inaxCodes = map[int64]meaning{
	1:   {Delivered, "delivered"},
	-33: {Refused, "the operator does not take orders now"},
}

// inaxOperators are the reseller's names of the carriers.
var inaxOperators = map[Carrier]string{MCI: "MCI", Irancell: "MTN", Rightel: "RTL", Shatel: "SHT"}

func (x *inax) Submit(ctx context.Context, o Order) Answer {
	if no, ok := o.check(); !ok {
		return no
	}
	if o.Amount%10 != 0 {
		return Answer{Outcome: Refused, Code: codeInvalid, Why: "the amount is not a whole number of toman"}
	}
	method, fields, ok := inaxProduct(o)
	carrier, sold := inaxOperators[o.Carrier]
	if !ok || !sold {
		return unsupported("the reseller does not sell this kind of product")
	}
	fields["operator"] = carrier
	fields["mobile"] = national(o.Mobile)
	fields["amount"] = int64(o.Amount / 10) // toman
	fields["order_id"] = o.Key
	fields["pay_type"] = "credit"
	if o.ported() {
		fields["mnp"] = 1
	}

	got, quiet := x.call(ctx, method, fields, gateways.MaxAnswer)
	if quiet != nil {
		return quiet.ofSubmit()
	}
	return x.mean(got)
}

// inaxProduct says how the reseller names what is ordered. A package's code is "internet_type/product_id",
// as [inax.Catalogue] writes it.
func inaxProduct(o Order) (method string, fields map[string]any, ok bool) {
	switch o.Type {
	case "cell_internet":
		kind, id, ok := strings.Cut(o.Package, "/")
		return "internet", map[string]any{"internet_type": kind, "product_id": id, "sim_type": o.Sim}, ok
	case "cell_direct_charge":
		if o.Sim == "permanent" {
			return "topup", map[string]any{"charge_type": "permanent"}, true
		}
		return "topup", map[string]any{"charge_type": "normal"}, o.Sim == "credit"
	case "cell_amazing_direct_charge":
		return "topup", map[string]any{"charge_type": "amazing"}, o.Sim == "credit"
	}
	return "", nil, false
}

// Inquire has nobody to ask; see [Capabilities].
func (x *inax) Inquire(context.Context, Order) Answer {
	return Answer{Outcome: Unknown, Code: codeUnsupported, Why: "the reseller answers no inquiries"}
}

// Catalogue lists the internet packages. Plain charges have no list; their products stand in ours.
func (x *inax) Catalogue(ctx context.Context) ([]Product, error) {
	got, quiet := x.call(ctx, "products", map[string]any{}, maxCatalogue)
	if quiet != nil {
		return nil, fmt.Errorf("products: %w", quiet)
	}
	var in struct {
		Code     *loose `json:"code"`
		Products struct {
			Internet []struct {
				ID       label  `json:"id"`
				Name     string `json:"name"`
				Amount   loose  `json:"amount"` // toman
				Kind     label  `json:"internet_type"`
				Operator string `json:"operator"`
				Sim      string `json:"sim_type"`
			} `json:"internet"`
		} `json:"products"`
	}
	if got.status != http.StatusOK || json.Unmarshal(got.body, &in) != nil || in.Code == nil || *in.Code != 1 {
		return nil, fmt.Errorf("products: %w", errNotAnswer)
	}
	var out []Product
	for _, p := range in.Products.Internet {
		carrier, ok := inaxCarrier(p.Operator)
		if !ok || (p.Sim != "credit" && p.Sim != "permanent") {
			continue // TD-LTE and data SIMs, networks that are not ours
		}
		if p.ID == "" || p.Kind == "" || p.Amount <= 0 {
			return nil, errors.New("products: a package without code, kind or price")
		}
		out = append(out, Product{carrier, "cell_internet", p.Sim, string(p.Kind + "/" + p.ID), p.Name, money.Rial(p.Amount) * 10, 0, true})
	}
	return out, nil
}

func inaxCarrier(name string) (Carrier, bool) {
	for c, n := range inaxOperators {
		if n == name {
			return c, true
		}
	}
	return 0, false
}

func (x *inax) Balance(ctx context.Context) (money.Rial, error) {
	got, quiet := x.call(ctx, "credit", map[string]any{}, gateways.MaxAnswer)
	if quiet != nil {
		return 0, fmt.Errorf("balance: %w", quiet)
	}
	var in struct {
		Code   *loose `json:"code"`
		Credit *loose `json:"credit"` // toman
	}
	if got.status != http.StatusOK || json.Unmarshal(got.body, &in) != nil || in.Code == nil || *in.Code != 1 || in.Credit == nil {
		return 0, fmt.Errorf("balance: %w", errNotAnswer)
	}
	return money.Rial(*in.Credit) * 10, nil
}

// errNotAnswer is an answer without what was asked for; what it holds instead is not repeated.
var errNotAnswer = errors.New("the answer is not what was asked for")

func (x *inax) call(ctx context.Context, method string, fields map[string]any, limit int64) (reply, *silence) {
	fields["method"], fields["username"], fields["password"] = method, x.User, x.Password.reveal()
	body, err := json.Marshal(fields)
	if err != nil {
		return reply{}, unsent()
	}
	req, err := http.NewRequest(http.MethodPost, x.BaseURL, bytes.NewReader(body))
	if err != nil {
		return reply{}, unsent()
	}
	req.Header.Set("Content-Type", "application/json")
	return x.wire.send(ctx, req, limit)
}

// mean reads the answer to an order. Success without a ref_code is not believed: an order that went the
// online way is answered with code 1 and the address of a payment page.
func (x *inax) mean(got reply) Answer {
	var in struct {
		Code    *loose `json:"code"`
		TransID label  `json:"trans_id"`
		RefCode label  `json:"ref_code"`
	}
	if got.status != http.StatusOK || json.Unmarshal(got.body, &in) != nil || in.Code == nil {
		return unclear(got)
	}
	code := int64(*in.Code)
	out := Answer{Outcome: Unknown, Code: strconv.FormatInt(code, 10), Reference: string(in.TransID), Why: "the code says nothing certain about the order"}
	m, known := inaxCodes[code]
	if why, told := x.Refusals[int(code)]; told && !known {
		m, known = meaning{Refused, why}, true
	}
	switch {
	case !known:
	case m.outcome == Delivered && in.RefCode == "":
		out.Why = "the success has no reference"
	default:
		out.Outcome, out.Why = m.outcome, m.why
	}
	return out
}
