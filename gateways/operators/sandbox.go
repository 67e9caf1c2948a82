package operators

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

// SandboxConfig says where the simulated operator is.
type SandboxConfig struct {
	BaseURL string        // "http://127.0.0.1:8090"
	Client  *http.Client  // nil = one of its own
	Timeout time.Duration // of one call; 0 = 2.5 s
	Settles time.Duration // see [Capabilities]; 0 = 6 s
}

// sandboxOperator speaks the simulated operator's JSON.
type sandboxOperator struct {
	base    string
	settles time.Duration
	wire    wire
}

// NewSandbox returns the simulated operator.
func NewSandbox(c SandboxConfig) Operator {
	if c.Settles <= 0 {
		c.Settles = 6 * time.Second
	}
	return &sandboxOperator{
		base:    strings.TrimRight(c.BaseURL, "/") + "/operator/v1",
		settles: c.Settles,
		wire:    newWire(c.Client, c.Timeout, 2500*time.Millisecond),
	}
}

func (s *sandboxOperator) Name() string { return "sandbox" }

func (s *sandboxOperator) Capabilities() Capabilities {
	return Capabilities{Inquiry: true, Settles: s.settles}
}

// What the simulated operator's error codes mean for an order that was submitted.
var sandboxCodes = map[string]meaning{
	"bad_request":          {Refused, "the operator did not understand the order"},
	"refused":              {Refused, "the operator refused the order"},
	"insufficient_balance": {Refused, "the operator does not take orders now"},
	"unknown_product":      {Refused, "the operator has no such product"},
	"inactive_product":     {Refused, "the product is not sold at the moment"},
	"invalid_amount":       {Refused, "the amount does not fit the product"},
	"invalid_mobile":       {Refused, "the operator does not know the mobile number"},
	"duplicate_order":      {Unknown, "the operator has this order already"},
}

// sandboxOrder is an order on the wire.
type sandboxOrder struct {
	Key     string     `json:"key"`
	Carrier string     `json:"carrier"`
	Type    string     `json:"type"`
	Sim     string     `json:"sim"`
	Package string     `json:"package"`
	Mobile  string     `json:"mobile"`
	Amount  money.Rial `json:"amount"`
}

// sandboxAnswer is an order's present, or an error.
type sandboxAnswer struct {
	Key       string  `json:"key"`
	State     Outcome `json:"state"`
	Reference label   `json:"reference"`
	Code      string  `json:"code"`  // why it was refused
	Error     string  `json:"error"` // with a status from 400 up
}

func (s *sandboxOperator) Submit(ctx context.Context, o Order) Answer {
	if no, ok := o.check(); !ok {
		return no
	}
	body, err := json.Marshal(sandboxOrder{o.Key, o.Carrier.String(), o.Type, o.Sim, o.Package, o.Mobile, o.Amount})
	if err != nil {
		return unsent().ofSubmit()
	}
	got, quiet := s.call(ctx, http.MethodPost, "/orders", body, gateways.MaxAnswer)
	if quiet != nil {
		return quiet.ofSubmit()
	}

	in, ok := got.order()
	if !ok {
		return unclear(got.reply)
	}
	if got.status >= 400 && got.status < 500 {
		if m, known := sandboxCodes[in.Error]; known {
			return Answer{Outcome: m.outcome, Code: in.Error, Why: m.why}
		}
	}
	return got.present(in, o)
}

func (s *sandboxOperator) Inquire(ctx context.Context, o Order) Answer {
	got, quiet := s.call(ctx, http.MethodGet, "/orders/"+url.PathEscape(o.Key), nil, gateways.MaxAnswer)
	if quiet != nil {
		return quiet.ofInquiry()
	}
	in, ok := got.order()
	if ok && got.status == http.StatusNotFound && in.Error == "no_such_order" { // any proxy can say 404
		return Answer{Outcome: NotFound, Code: in.Error, Why: "the operator has no such order"}
	}
	if !ok {
		return unclear(got.reply)
	}
	return got.present(in, o)
}

// present reads an order as the operator has it now.
func (r sandboxReply) present(in sandboxAnswer, o Order) Answer {
	if r.status >= 300 || in.Key != o.Key {
		return unclear(r.reply)
	}
	out := Answer{Outcome: in.State, Reference: string(in.Reference), Code: string(in.State)}
	switch {
	case in.State == Delivered && in.Reference != "":
		out.Why = "delivered"
	case in.State == InProgress:
		out.Why = "the operator has not decided yet"
	case in.State == Refused:
		m, known := sandboxCodes[in.Code]
		if !known || m.outcome != Refused {
			m, in.Code = sandboxCodes["refused"], "refused"
		}
		out.Code, out.Why = in.Code, m.why
	default:
		return unclear(r.reply)
	}
	return out
}

// sandboxProduct is a line of the catalogue on the wire; amounts are rial.
type sandboxProduct struct {
	Carrier string     `json:"carrier"`
	Type    string     `json:"type"`
	Sim     string     `json:"sim"`
	Package string     `json:"package"`
	Name    string     `json:"name"`
	Price   money.Rial `json:"price"`
	Most    money.Rial `json:"most"`
	Active  bool       `json:"active"`
}

func (s *sandboxOperator) Catalogue(ctx context.Context) ([]Product, error) {
	var in struct {
		Products []sandboxProduct `json:"products"`
	}
	if err := s.read(ctx, "/catalogue", &in); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	if len(in.Products) == 0 {
		return nil, errors.New("catalogue: it lists nothing")
	}
	var out []Product
	for i, p := range in.Products {
		carrier, ok := ParseCarrier(p.Carrier)
		if !ok || p.Type == "" || p.Sim == "" || p.Price <= 0 || (p.Most != 0 && p.Most < p.Price) {
			return nil, fmt.Errorf("catalogue: line %d makes no sense", i+1)
		}
		out = append(out, Product{carrier, p.Type, p.Sim, p.Package, p.Name, p.Price, p.Most, p.Active})
	}
	return out, nil
}

func (s *sandboxOperator) Balance(ctx context.Context) (money.Rial, error) {
	var in struct {
		Balance *money.Rial `json:"balance"`
	}
	if err := s.read(ctx, "/balance", &in); err != nil {
		return 0, fmt.Errorf("balance: %w", err)
	}
	if in.Balance == nil {
		return 0, errors.New("balance: the answer holds none")
	}
	return *in.Balance, nil
}

// read asks for something that changes nothing.
func (s *sandboxOperator) read(ctx context.Context, path string, out any) error {
	got, quiet := s.call(ctx, http.MethodGet, path, nil, maxCatalogue)
	if quiet != nil {
		return quiet
	}
	if got.status != http.StatusOK {
		return fmt.Errorf("status %d", got.status)
	}
	if err := json.Unmarshal(got.body, out); err != nil {
		return errors.New("the answer is not what was asked for")
	}
	return nil
}

type sandboxReply struct{ reply }

func (s *sandboxOperator) call(ctx context.Context, method, path string, body []byte, limit int64) (sandboxReply, *silence) {
	req, err := http.NewRequest(method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return sandboxReply{}, unsent()
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	got, quiet := s.wire.send(ctx, req, limit)
	return sandboxReply{got}, quiet
}

func (r sandboxReply) order() (sandboxAnswer, bool) {
	var in sandboxAnswer
	err := json.Unmarshal(r.body, &in)
	return in, err == nil
}
