package gateways

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

	"github.com/paysaga/paysaga/money"
)

// SandboxBank speaks to the simulated bank, whose wire is that of a bank with separate Verify,
// Settlement, Reverse and Cancel, answered only by status. It asks for no credentials, so it is bank and gateway
// in one.
type SandboxBank struct {
	name   string
	origin string
	base   string // up to and including the bank's name
	client *http.Client
	limits Limits
}

// NewSandbox returns the simulated bank called name at baseURL, "http://127.0.0.1:8090". Each name is
// its own bank with its own invoices. The client comes from [NewHTTPClient].
func NewSandbox(name, baseURL string, client *http.Client, limits Limits) *SandboxBank {
	origin := strings.TrimRight(baseURL, "/")
	return &SandboxBank{name: name, origin: origin, base: origin + "/bank/" + url.PathEscape(name), client: client, limits: limits}
}

func (b *SandboxBank) Name() string   { return b.name }
func (b *SandboxBank) Origin() string { return b.origin }
func (b *SandboxBank) Limits() Limits { return b.limits }

// Fields are none: this bank knows every merchant.
func (b *SandboxBank) Fields() []Field { return nil }

// Open refuses credentials, which this bank has no use for.
func (b *SandboxBank) Open(c Credentials) (Gateway, error) { return b, c.CheckFields(nil) }

// sandboxConfiguration is the merchant's contract number, one for all at the simulated bank.
const sandboxConfiguration = 1

// sandboxDate is how this bank writes a time.
const sandboxDate = "20060102 150405"

func (b *SandboxBank) CreateSession(ctx context.Context, in Session) (Redirect, error) {
	const op = "Token"
	got, err := b.post(ctx, op, map[string]any{
		"serviceTypeId":           1,
		"merchantConfigurationId": sandboxConfiguration,
		"localInvoiceId":          in.Invoice,
		"amountInRials":           in.Amount,
		"localDate":               time.Now().UTC().Format(sandboxDate),
		"additionalData":          cut(in.Description, 100),
		"callbackURL":             in.CallbackURL,
		"paymentId":               "0",
	})
	if err != nil {
		return Redirect{}, err
	}
	if m := codes[op][got.status]; m.verdict != done {
		return Redirect{}, m.asError(op, got.status)
	}
	var refID string
	if err := json.Unmarshal(got.body, &refID); err != nil || refID == "" {
		return Redirect{}, &Unknown{Op: op, Err: errors.New("the answer holds no token")}
	}

	fields := map[string]string{"RefId": refID}
	if in.Mobile != "" {
		fields["mobileap"] = in.Mobile
	}
	return Redirect{BankToken: refID, Method: http.MethodPost, URL: b.base + "/pay", Fields: fields}, nil
}

// tranResult is the bank's word on an invoice. Some versions send numbers as strings.
type tranResult struct {
	CardNumber    string `json:"cardNumber"`
	RRN           string `json:"rrn"`
	RefID         string `json:"refID"`
	Amount        number `json:"amount"`
	PayGateTranID digits `json:"payGateTranID"`
	SalesOrderID  number `json:"salesOrderID"`

	// Of the simulated bank only, with status 472: what became of a visit that has no money.
	State  string `json:"state"`
	Final  bool   `json:"final"`
	Reason string `json:"reason"`
}

func (b *SandboxBank) Result(ctx context.Context, v Visit) (Result, error) {
	const op = "TranResult"
	query := url.Values{
		"merchantConfigurationId": {strconv.Itoa(sandboxConfiguration)},
		"localInvoiceId":          {strconv.FormatInt(v.Invoice, 10)},
	}
	req, err := http.NewRequest(http.MethodGet, b.base+"/v1/TranResult?"+query.Encode(), nil)
	if err != nil {
		return Result{}, &Unavailable{Op: op, Err: err}
	}
	got, err := call(ctx, b.client, op, true, req)
	if err != nil {
		return Result{}, err
	}
	switch {
	case got.status == http.StatusOK:
		return paidResult(op, got.body)
	case got.status == 472:
		return unpaidResult(got.body), nil
	}
	return Result{}, codes[op][got.status].asError(op, got.status)
}

// paidResult reads a successful transaction. An answer without its essentials decides nothing.
func paidResult(op string, body []byte) (Result, error) {
	var r tranResult
	if err := json.Unmarshal(body, &r); err != nil {
		return Result{}, &Unknown{Op: op, Err: errors.New("the answer is not a transaction")}
	}
	if r.PayGateTranID == "" || r.SalesOrderID <= 0 || r.Amount <= 0 || r.RefID == "" {
		return Result{}, &Unknown{Op: op, Err: errors.New("the transaction lacks its id, invoice, amount or token")}
	}
	out := r.result()
	out.Status = ResultPaid
	return out, nil
}

// unpaidResult reads the answer for an invoice without a successful transaction. A bank that says no
// more than that leaves the visit open until its session's life is over.
func unpaidResult(body []byte) Result {
	var r tranResult
	if err := json.Unmarshal(body, &r); err != nil {
		return Result{Status: ResultNotPaid}
	}
	out := r.result()
	out.Status, out.Final, out.Reason = ResultNotPaid, r.Final, r.Reason
	switch r.State {
	case "reversed", "cancelled", "refunded":
		out.Status = ResultReturned
	}
	return out
}

func (r tranResult) result() Result {
	return Result{
		Amount:    money.Rial(r.Amount),
		BankToken: r.RefID,
		Invoice:   int64(r.SalesOrderID),
		BankTran:  string(r.PayGateTranID),
		RRN:       r.RRN,
		Card:      maskCard(r.CardNumber),
	}
}

func (b *SandboxBank) Verify(ctx context.Context, v Visit) (Receipt, error) {
	return Receipt{}, b.do(ctx, "Verify", v)
}

func (b *SandboxBank) Settle(ctx context.Context, v Visit) error {
	return b.do(ctx, "Settlement", v)
}

// do makes one call whose only good outcome is that it happened, now or before.
func (b *SandboxBank) do(ctx context.Context, op string, v Visit) error {
	if v.BankTran == "" {
		r, err := b.Result(ctx, v)
		switch {
		case err != nil:
			return err
		case r.Status == ResultNotPaid && !r.Final:
			return &Unavailable{Op: op, Err: errPending}
		case r.BankTran == "":
			return &Refused{Op: op, Code: "472", Why: "there is no successful transaction"}
		}
		v.BankTran = r.BankTran
	}
	m, status, err := b.ask(ctx, op, v)
	if err != nil || m.verdict == done {
		return err
	}
	return m.asError(op, status)
}

// Undo walks the three ways back in the order the transaction's state closes them.
func (b *SandboxBank) Undo(ctx context.Context, v Visit) (Undone, error) {
	if v.BankTran == "" {
		r, err := b.Result(ctx, v)
		if err != nil {
			return "", err
		}
		if r.Status != ResultPaid {
			return neverTaken(r)
		}
		v.BankTran = r.BankTran
	}

	way := "Reverse"
	for range 4 { // each answer leads further along; a bank that leads in a circle is unclear
		m, status, err := b.ask(ctx, way, v)
		if err != nil {
			return "", err
		}
		switch m.verdict {
		case done:
			return undone[way], nil
		case reversed:
			return Reversed, nil
		case cancelled:
			return Cancelled, nil
		case verified:
			way = "Cancel"
		case settled:
			way = "Refund"
		case failed:
			// Money that was never taken cannot go back, but a wrong id looks the same: ask.
			r, err := b.Result(ctx, v)
			if err != nil {
				return "", err
			}
			if r.Status != ResultPaid {
				return neverTaken(r)
			}
			return "", m.asError(way, status)
		default:
			return "", m.asError(way, status)
		}
	}
	return "", &Unknown{Op: "Undo", Err: errors.New("the bank's answers lead in a circle")}
}

// undone names what each call does.
var undone = map[string]Undone{"Reverse": Reversed, "Cancel": Cancelled, "Refund": Refunded}

// neverTaken answers an Undo that found no money to give back.
func neverTaken(r Result) (Undone, error) {
	if r.Status == ResultNotPaid && !r.Final {
		return "", &Unavailable{Op: "Undo", Err: errPending}
	}
	return NotTaken, nil
}

// ask makes one of the calls that are answered only by status.
func (b *SandboxBank) ask(ctx context.Context, op string, v Visit) (meaning, int, error) {
	tran, err := strconv.ParseUint(v.BankTran, 10, 64)
	if err != nil {
		return meaning{}, 0, &Refused{Op: op, Code: "400", Why: "the transaction id is not a number"}
	}
	got, err := b.post(ctx, op, map[string]any{
		"merchantConfigurationId": sandboxConfiguration,
		"payGateTranId":           tran,
	})
	if err != nil {
		return meaning{}, 0, err
	}
	if got.status == http.StatusOK && len(bytes.TrimSpace(got.body)) > 0 {
		return meaning{}, 0, &Unknown{Op: op, Err: errors.New("status 200, but a body where none belongs")}
	}
	return codes[op][got.status], got.status, nil
}

func (b *SandboxBank) post(ctx context.Context, op string, in any) (answer, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return answer{}, &Unavailable{Op: op, Err: err}
	}
	req, err := http.NewRequest(http.MethodPost, b.base+"/v1/"+op, bytes.NewReader(body))
	if err != nil {
		return answer{}, &Unavailable{Op: op, Err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	return call(ctx, b.client, op, false, req)
}

// Check asks for an invoice that never was.
func (b *SandboxBank) Check(ctx context.Context) error {
	_, err := b.Result(ctx, Visit{})
	return err
}

// number is a JSON integer that may come as a string.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil {
		return fmt.Errorf("not an integer: %w", err)
	}
	*n = number(v)
	return nil
}

// digits is a positive JSON integer of up to 64 bits that is only passed on.
type digits string

func (d *digits) UnmarshalJSON(b []byte) error {
	text := strings.Trim(string(b), `"`)
	if v, err := strconv.ParseUint(text, 10, 64); err != nil || v == 0 {
		return errors.New("not a positive integer")
	}
	*d = digits(text)
	return nil
}

// maskCard keeps the first 6 and last 4 digits, whatever the bank shows.
func maskCard(card string) string {
	if len(card) < 13 {
		return ""
	}
	return card[:6] + strings.Repeat("*", len(card)-10) + card[len(card)-4:]
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
