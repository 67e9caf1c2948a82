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
	"time"
)

// AsanPardakht's REST gateway. Verify, Settlement, Reverse and Cancel are answered by an HTTP status
// alone, and each endpoint has codes of its own: see [asanCodes].

// The addresses of the merchant guide.
const (
	asanBase = "https://ipgrest.asanpardakht.ir"
	asanPay  = "https://asan.shaparak.ir"
)

// asanLimits are the windows of the merchant guide 1.6. Reverse works for the same 30 minutes as
// Verify, Cancel for 3 hours from payment as long as nothing is settled; ten minutes of these are kept for
// asking again. How long a token can be paid is not told: half an hour is longer than the bank's page lives, and
// money that comes later is not verified, so it goes back by itself.
var asanLimits = Limits{
	SessionLife:  30 * time.Minute,
	AutoReverse:  30 * time.Minute,
	ResultWindow: 45 * time.Minute,
	UndoWindow:   3*time.Hour - 10*time.Minute,
	MinAmount:    1_000, // the merchant's own range is agreed with the bank; no bank takes less
}

type asanpardakhtBank struct {
	base, pay string
	client    *http.Client
}

// NewAsanpardakht returns AsanPardakht. baseURL is its API's address, payURL the page that payers are posted to; empty
// means the real ones. The client comes from [NewHTTPClient].
func NewAsanpardakht(baseURL, payURL string, client *http.Client) Bank {
	return &asanpardakhtBank{base: hostOr(baseURL, asanBase), pay: hostOr(payURL, asanPay), client: client}
}

func (b *asanpardakhtBank) Name() string   { return "asanpardakht" }
func (b *asanpardakhtBank) Origin() string { return originOf(b.pay) }
func (b *asanpardakhtBank) Limits() Limits { return asanLimits }

func (b *asanpardakhtBank) Fields() []Field {
	return []Field{
		{Name: "merchant_configuration_id", Label: "merchantConfigurationId"},
		{Name: "username", Label: "usr"},
		{Name: "password", Label: "pwd", Secret: true},
	}
}

func (b *asanpardakhtBank) Open(c Credentials) (Gateway, error) {
	if err := c.CheckFields(b.Fields()); err != nil {
		return nil, err
	}
	config, err := strconv.Atoi(c["merchant_configuration_id"])
	if err != nil || config <= 0 {
		return nil, errors.New("credentials: merchant_configuration_id is not a number")
	}
	header := http.Header{"usr": {c["username"]}, "pwd": {c["password"]}} // as written: the bank minds the case
	return &asanpardakht{asanpardakhtBank: b, config: config, header: header}, nil
}

// asanpardakht is one merchant's account.
type asanpardakht struct {
	*asanpardakhtBank
	config int
	header http.Header
}

func (g *asanpardakht) CreateSession(ctx context.Context, in Session) (Redirect, error) {
	const op = "Token"
	got, err := postJSON(ctx, g.client, op, false, g.base+"/v1/Token", g.header, map[string]any{
		"serviceTypeId":           1,
		"merchantConfigurationId": g.config,
		"localInvoiceId":          in.Invoice,
		"amountInRials":           in.Amount,
		"localDate":               time.Now().In(tehran).Format("20060102 150405"),
		"additionalData":          cut(in.Description, 100),
		"callbackURL":             in.CallbackURL,
		"paymentId":               "0",
	})
	if err != nil {
		return Redirect{}, err
	}
	if m := asanCodes[op][got.status]; m.verdict != done {
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
	return Redirect{BankToken: refID, Method: http.MethodPost, URL: g.pay, Fields: fields}, nil
}

// Result asks for the transaction of an invoice. The bank knows successful ones only, for 45 minutes
// after payment; 472 is everything else and tells no more than that.
func (g *asanpardakht) Result(ctx context.Context, v Visit) (Result, error) {
	const op = "TranResult"
	got, err := g.tranResult(ctx, v.Invoice)
	switch {
	case err != nil:
		return Result{}, err
	case got.status == http.StatusOK:
		return paidResult(op, got.body)
	case got.status == 472:
		return Result{Status: ResultNotPaid}, nil
	}
	return Result{}, asanCodes[op][got.status].asError(op, got.status)
}

func (g *asanpardakht) tranResult(ctx context.Context, invoice int64) (answer, error) {
	const op = "TranResult"
	query := url.Values{
		"merchantConfigurationId": {strconv.Itoa(g.config)},
		"localInvoiceId":          {strconv.FormatInt(invoice, 10)},
	}
	req, err := http.NewRequest(http.MethodGet, g.base+"/v1/TranResult?"+query.Encode(), nil)
	if err != nil {
		return answer{}, &Unavailable{Op: op, Err: withoutURL(err)}
	}
	for name, values := range g.header {
		req.Header[name] = values
	}
	return call(ctx, g.client, op, true, req)
}

func (g *asanpardakht) Verify(ctx context.Context, v Visit) (Receipt, error) {
	return Receipt{}, g.do(ctx, "Verify", v)
}

func (g *asanpardakht) Settle(ctx context.Context, v Visit) error {
	return g.do(ctx, "Settlement", v)
}

// do makes one call whose only good outcome is that it happened, now or before.
func (g *asanpardakht) do(ctx context.Context, op string, v Visit) error {
	tran, err := g.transaction(ctx, op, v)
	if err != nil {
		return err
	}
	m, status, err := g.ask(ctx, op, tran)
	if err != nil || m.verdict == done {
		return err
	}
	return m.asError(op, status)
}

// transaction is the bank's number, from the visit or from the bank. There is no transaction now is not the same
// as never: the payer may still be at the bank, or the bank may have forgotten it.
func (g *asanpardakht) transaction(ctx context.Context, op string, v Visit) (string, error) {
	if v.BankTran != "" {
		if _, err := strconv.ParseUint(v.BankTran, 10, 64); err != nil {
			return "", &Refused{Op: op, Code: "400", Why: "the transaction id is not a number"}
		}
		return v.BankTran, nil
	}
	r, err := g.Result(ctx, v)
	switch {
	case err != nil:
		return "", err
	case r.Status != ResultPaid:
		return "", &Unavailable{Op: op, Err: errPending}
	}
	return r.BankTran, nil
}

// Undo tries Reverse, then Cancel, and both again, because after a Verify without an answer nobody knows
// which of them is the right one. There is no refund of settled money.
func (g *asanpardakht) Undo(ctx context.Context, v Visit) (Undone, error) {
	tran, err := g.transaction(ctx, "Reverse", v)
	if err != nil {
		return "", err
	}
	for range 2 {
		m, status, failedCall := g.ask(ctx, "Reverse", tran)
		err = failedCall
		if err == nil {
			switch m.verdict {
			case done:
				return Reversed, nil
			case failed:
				return g.neverTaken(ctx, v, m.asError("Reverse", status))
			case verified, unclear:
				err = m.asError("Reverse", status)
			default:
				return "", m.asError("Reverse", status)
			}
		}
		how, failedCancel := g.cancel(ctx, tran, m.verdict == verified)
		if how != "" {
			return how, nil
		}
		if m.verdict == verified {
			err = failedCancel // then Cancel was the right one
		}
		if Classify(err) == ClassRefused || ctx.Err() != nil {
			break
		}
	}
	return "", err
}

// cancel takes verified money back. Cancel's refusals have no documented codes, so the state is read
// again, by the one call whose codes tell: Verify, which does nothing to what is known to be verified.
func (g *asanpardakht) cancel(ctx context.Context, tran string, verified bool) (Undone, error) {
	m, status, err := g.ask(ctx, "Cancel", tran)
	switch {
	case err != nil:
		return "", err
	case m.verdict == done:
		return Cancelled, nil
	case !verified || m.verdict != unclear:
		return "", m.asError("Cancel", status)
	}
	now, nowStatus, err := g.ask(ctx, "Verify", tran)
	if err != nil {
		return "", err
	}
	switch {
	case now.verdict == cancelled:
		return Cancelled, nil
	case now.verdict == reversed:
		return Reversed, nil
	case nowStatus == 473, nowStatus == 475:
		return "", &Refused{Op: "Cancel", Code: strconv.Itoa(status), Why: now.why}
	case now.verdict == done: // it was not cancelled, but may yet be
		return "", &Unavailable{Op: "Cancel", Err: fmt.Errorf("not cancelled (code %d), still verified", status)}
	}
	return "", now.asError("Cancel", nowStatus)
}

// neverTaken answers an Undo of what the bank calls a failed transaction, unless it tells otherwise elsewhere.
func (g *asanpardakht) neverTaken(ctx context.Context, v Visit, why error) (Undone, error) {
	r, err := g.Result(ctx, v)
	switch {
	case err != nil:
		return "", err
	case r.Status == ResultPaid:
		return "", why
	}
	return NotTaken, nil
}

// ask makes one of the calls that are answered only by status. A yes with a body is none.
func (g *asanpardakht) ask(ctx context.Context, op, tran string) (meaning, int, error) {
	got, err := postJSON(ctx, g.client, op, false, g.base+"/v1/"+op, g.header, map[string]any{
		"merchantConfigurationId": g.config,
		"payGateTranId":           json.Number(tran),
	})
	if err != nil {
		return meaning{}, 0, err
	}
	if got.status == http.StatusOK && len(bytes.TrimSpace(got.body)) > 0 {
		return meaning{}, 0, &Unknown{Op: op, Err: errors.New("status 200, but a body where none belongs")}
	}
	return asanCodes[op][got.status], got.status, nil
}

// Check asks for the first invoice: whether there is one or not, the bank tells it only to its merchant.
func (g *asanpardakht) Check(ctx context.Context) error {
	const op = "TranResult"
	got, err := g.tranResult(ctx, 1)
	if err != nil || got.status == http.StatusOK || got.status == 472 {
		return err
	}
	m := asanCodes[op][got.status]
	switch got.status {
	case 401, 471, 473, 474, 490, 571, 572, 573:
		m.verdict = refused
	}
	return m.asError(op, got.status)
}
