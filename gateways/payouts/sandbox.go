package payouts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

// SandboxConfig says where the simulated bank is.
type SandboxConfig struct {
	BaseURL string        // "http://127.0.0.1:8090"
	Client  *http.Client  // nil = one of its own
	Timeout time.Duration // of one call; 0 = 2.5 s
	Settles time.Duration // see [Capabilities]; 0 = 6 s
	Cycle   time.Duration // how long the sandbox's PAYA and SATNA take; 0 = 2 s, what it does by itself
}

// sandbox speaks the simulated bank's JSON.
type sandbox struct {
	base    string
	client  *http.Client
	timeout time.Duration
	can     Capabilities
}

// NewSandbox returns the simulated provider of bank transfers.
func NewSandbox(c SandboxConfig) Provider {
	if c.Timeout <= 0 {
		c.Timeout = 2500 * time.Millisecond
	}
	if c.Settles <= 0 {
		c.Settles = 6 * time.Second
	}
	if c.Cycle <= 0 {
		c.Cycle = 2 * time.Second
	}
	if c.Client == nil {
		c.Client = gateways.NewHTTPClient(c.Timeout)
	}
	own := *c.Client // follows no redirect: an order must not be sent to a second address
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &sandbox{
		base:    strings.TrimRight(c.BaseURL, "/") + "/payout/v1",
		client:  &own,
		timeout: c.Timeout,
		can: Capabilities{Settles: c.Settles, Rails: []RailLimits{
			{Card, 10_000, 100_000_000, 0},
			{PAYA, 10_000, 1_000_000_000, c.Cycle},
			{SATNA, 500_000_000, 1_000_000_000_000, c.Cycle},
		}},
	}
}

func (s *sandbox) Name() string               { return "sandbox" }
func (s *sandbox) Capabilities() Capabilities { return s.can }

// sandboxOrder is an order on the wire. One of IBAN and Card is set.
type sandboxOrder struct {
	Reference string     `json:"reference"`
	Amount    money.Rial `json:"amount"`
	Rail      Rail       `json:"rail"`
	IBAN      string     `json:"iban,omitempty"`
	Card      string     `json:"card,omitempty"`
	Holder    string     `json:"holder,omitempty"`
	Note      string     `json:"note,omitempty"`
}

// sandboxAnswer is an order's present, or an error.
type sandboxAnswer struct {
	Reference  string    `json:"reference"`
	State      State     `json:"state"`
	ID         string    `json:"id"`
	TrackingID string    `json:"tracking_id"`
	Due        time.Time `json:"due"`
	Code       string    `json:"code"`  // why it was returned or failed
	Error      string    `json:"error"` // with a status from 400 up
}

// What the simulated bank's errors mean for an order: nothing was taken.
var sandboxRefusals = map[string]string{
	"bad_request":    "the bank did not understand the order",
	"refused":        "the bank refused the order",
	"invalid_iban":   "the bank does not know the IBAN",
	"invalid_card":   "the bank does not know the card",
	"invalid_amount": "the amount does not fit the rail",
	"invalid_rail":   "the rail does not reach the destination",
}

// Why an order came back or was never sent, by the code it has then.
var sandboxEnds = map[string]string{
	"account_closed": "the destination's bank sent it back: the account is closed",
	"refused":        "the bank refused the order",
}

// afterEmpty is when an order may come again for which our account at the bank had too little.
const afterEmpty = time.Minute

func (s *sandbox) Send(ctx context.Context, o Order) (Receipt, error) {
	if err := o.check(s.can); err != nil {
		return Receipt{}, err
	}
	out := sandboxOrder{Reference: o.Reference, Amount: o.Amount, Rail: o.Rail, Holder: o.Holder, Note: o.Note}
	if o.To.Kind() == KindCard {
		out.Card = o.To.reveal()
	} else {
		out.IBAN = o.To.reveal()
	}
	body, err := json.Marshal(out)
	if err != nil {
		return Receipt{}, &gateways.Refused{Op: opSend, Code: codeInvalid, Why: "the order cannot be written"}
	}
	status, in, err := s.call(ctx, opSend, http.MethodPost, "/orders", body)
	if err != nil {
		return Receipt{}, err
	}
	why, refused := sandboxRefusals[in.Error]
	switch {
	case status == http.StatusPaymentRequired && in.Error == "insufficient_funds":
		return Receipt{}, &gateways.Unavailable{Op: opSend, After: afterEmpty, Err: errors.New("our account at the bank has too little")}
	case status == http.StatusConflict && in.Error == "duplicate_reference":
		return Receipt{}, &gateways.Unknown{Op: opSend, Err: errors.New("the bank has another order under this reference")}
	case status >= 400 && status < 500 && refused:
		return Receipt{}, &gateways.Refused{Op: opSend, Code: in.Error, Why: why}
	}
	return report(opSend, o.Reference, status, in)
}

func (s *sandbox) Inquire(ctx context.Context, reference string) (Report, error) {
	if reference == "" || !plain(reference) {
		return Report{}, &gateways.Refused{Op: opInquire, Code: codeInvalid, Why: "the reference is empty, too long or has odd letters"}
	}
	status, in, err := s.call(ctx, opInquire, http.MethodGet, "/orders/"+reference, nil)
	switch {
	case err != nil:
		return Report{}, err
	case status == http.StatusNotFound && in.Error == "no_such_order": // any proxy can say 404
		return Report{State: NotFound, Code: in.Error, Why: "the bank has no such order"}, nil
	case status == http.StatusForbidden && in.Error == "forbidden":
		return Report{}, &gateways.Refused{Op: opInquire, Code: in.Error, Why: "the bank does not answer the question"}
	}
	return report(opInquire, reference, status, in)
}

// report reads an order as the bank has it now.
func report(op, reference string, status int, in sandboxAnswer) (Report, error) {
	out := Report{State: in.State, ID: in.ID, Due: in.Due.UTC()}
	clear := status < 300 && in.Reference == reference && plain(in.ID) && in.ID != ""
	switch in.State {
	case Accepted:
		out.Why = "the bank has taken the order"
	case Settled:
		out.TrackingID, out.Why = in.TrackingID, "the money has arrived"
		clear = clear && in.TrackingID != "" && plain(in.TrackingID)
	case Returned, Failed:
		why, known := sandboxEnds[in.Code]
		if !known {
			in.Code, why = string(in.State), "the money was not taken at the other end"
		}
		out.Code, out.Why = in.Code, why
	default:
		clear = false
	}
	if !clear {
		return Report{}, &gateways.Unknown{Op: op, Err: fmt.Errorf("status %d: %w", status, errUnclear)}
	}
	return out, nil
}

// call asks the bank. An answer that is not its JSON comes back empty.
func (s *sandbox) call(ctx context.Context, op, method, path string, body []byte) (int, sandboxAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequest(method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return 0, sandboxAnswer{}, &gateways.Unavailable{Op: op, Err: errors.New("the request could not be made")}
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	status, raw, err := gateways.Call(ctx, s.client, op, method == http.MethodGet, req)
	if err != nil {
		return 0, sandboxAnswer{}, err
	}
	var in sandboxAnswer
	if err := json.Unmarshal(raw, &in); err != nil {
		in = sandboxAnswer{}
	}
	return status, in, nil
}
