package wallets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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
}

// sandbox speaks the simulated bank's JSON.
type sandbox struct {
	base    string
	client  *http.Client
	timeout time.Duration
}

// NewSandbox returns the simulated provider of accounts.
func NewSandbox(c SandboxConfig) Provider {
	if c.Timeout <= 0 {
		c.Timeout = 2500 * time.Millisecond
	}
	if c.Client == nil {
		c.Client = gateways.NewHTTPClient(c.Timeout)
	}
	own := *c.Client // follows no redirect: the bank is asked at its own address
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &sandbox{base: strings.TrimRight(c.BaseURL, "/") + "/wallet/accounts", client: &own, timeout: c.Timeout}
}

func (s *sandbox) Name() string { return "sandbox" }

// sandboxOpening asks for an account on the wire.
type sandboxOpening struct {
	Reference string `json:"reference"`
	Holder    string `json:"holder,omitempty"`
}

// sandboxAnswer is an account, the deposits on one, or an error.
type sandboxAnswer struct {
	Reference string           `json:"reference"`
	IBAN      string           `json:"iban"`
	Deposits  []sandboxDeposit `json:"deposits"` // null is not the same as none
	Error     string           `json:"error"`    // with a status from 400 up
}

// sandboxDeposit is a deposit on the wire.
type sandboxDeposit struct {
	ID         string     `json:"id"`
	Amount     money.Rial `json:"amount"`
	From       string     `json:"from"`
	TrackingID string     `json:"tracking_id"`
	At         time.Time  `json:"at"`
}

// What the simulated bank's errors mean: a final no.
var sandboxRefusals = map[string]string{
	"bad_request":     "the bank did not understand the question",
	"refused":         "the bank opens no account",
	"no_such_account": "the bank has no such account",
	"no_such_deposit": "the account has no such deposit",
	"forbidden":       "the bank does not answer the question",
}

func (s *sandbox) Open(ctx context.Context, o Opening) (Account, error) {
	if err := o.check(); err != nil {
		return Account{}, err
	}
	body, err := json.Marshal(sandboxOpening(o))
	if err != nil {
		return Account{}, invalid(opOpen, "the question cannot be written")
	}
	status, in, err := s.call(ctx, opOpen, http.MethodPost, s.base, body)
	switch {
	case err != nil:
		return Account{}, err
	case status != http.StatusOK, in.Reference != o.Reference, !whole(in.IBAN):
		return Account{}, unclear(opOpen, status)
	}
	return Account{IBAN: in.IBAN}, nil
}

func (s *sandbox) Deposits(ctx context.Context, iban, after string) ([]Deposit, error) {
	switch {
	case !whole(iban):
		return nil, invalid(opDeposits, "the account is not an IBAN")
	case !plain(after):
		return nil, invalid(opDeposits, "the last deposit's id is too long or has odd letters")
	}
	query := url.Values{"limit": {strconv.Itoa(Page)}}
	if after != "" {
		query.Set("after", after)
	}
	status, in, err := s.call(ctx, opDeposits, http.MethodGet, s.base+"/"+iban+"/deposits?"+query.Encode(), nil)
	switch {
	case err != nil:
		return nil, err
	case status != http.StatusOK, in.IBAN != iban, in.Deposits == nil:
		return nil, unclear(opDeposits, status)
	}
	out, ok := read(in.Deposits, after)
	if !ok {
		return nil, unclear(opDeposits, status)
	}
	return out, nil
}

// read takes a page of deposits as a whole or not at all: whoever asks goes on after its last one.
func read(in []sandboxDeposit, after string) ([]Deposit, bool) {
	if len(in) > Page {
		return nil, false
	}
	seen := map[string]bool{"": true, after: true}
	out := make([]Deposit, 0, len(in))
	for _, d := range in {
		if seen[d.ID] || !plain(d.ID) || !plain(d.TrackingID) || d.Amount <= 0 || d.Amount > money.Max || d.At.IsZero() {
			return nil, false
		}
		seen[d.ID] = true
		out = append(out, Deposit{d.ID, d.Amount, sender(d.From), d.TrackingID, d.At.UTC()})
	}
	return out, true
}

func unclear(op string, status int) error {
	return &gateways.Unknown{Op: op, Err: fmt.Errorf("status %d: %w", status, errUnclear)}
}

// call asks the bank. An answer that is not its JSON comes back empty.
func (s *sandbox) call(ctx context.Context, op, method, address string, body []byte) (int, sandboxAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequest(method, address, bytes.NewReader(body))
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
	why, refused := sandboxRefusals[in.Error]
	switch {
	case status == http.StatusTooManyRequests:
		return 0, sandboxAnswer{}, &gateways.Unavailable{Op: op, Err: errors.New("too many calls")}
	case status >= 400 && status < 500 && refused:
		return 0, sandboxAnswer{}, &gateways.Refused{Op: op, Code: in.Error, Why: why}
	}
	return status, in, nil
}
