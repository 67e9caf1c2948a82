package gateways

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Saman's own host, for the API and the payer's page alike.
const samanHost = "https://sep.shaparak.ir"

// samanBank is Saman's gateway (SEP), from its merchant guide 3.3. Two things set it apart.
//
// There is no inquiry. The receipt's number (RefNum) comes with the payer's browser and nowhere else, and the
// only call that tells anything of it is the one that verifies it. So Result answers without calling: what the
// browser claims, once it agrees with our own session in every field, is "paid as we know it", and Verify
// proves it: the bank names amount and terminal of the receipt. Without a callback nothing is known, and that
// is "not paid, not final": money of a payer who never came back is unverified, so the bank returns it 30
// minutes after payment. SessionLife lasts until then, so that "not paid" is final only when no money is left.
//
// A receipt can be shown twice: the bank confirms it again (code 2) and does not say to whom it belonged before,
// nor does any answer name our own number (ResNum). Which attempt it pays is decided by our unique index on the
// bank's transaction, so a receipt of another payment pays nothing here. For the same reason a receipt is sent
// back only once it is booked for this very visit, or was fresh (code 0) and is for this amount: whoever could make
// us reverse a stranger's receipt would take back money that another payment has already spent.
type samanBank struct {
	base   string
	client *http.Client
}

// NewSaman returns Saman's gateway at baseURL, or at its own host when that is empty. The client comes from
// [NewHTTPClient].
func NewSaman(baseURL string, client *http.Client) Bank {
	return &samanBank{base: hostOr(baseURL, samanHost), client: client}
}

func (b *samanBank) Name() string   { return "saman" }
func (b *samanBank) Origin() string { return originOf(b.base) }

const (
	samanToken   = 20 * time.Minute // how long a session can be entered: what we ask for, and the guide's least
	samanPage    = 10 * time.Minute // how long a payer may stay on the bank's page; not in the guide
	samanReverse = 30 * time.Minute // guide: unverified money goes back by itself
)

func (b *samanBank) Limits() Limits {
	return Limits{
		SessionLife: samanToken + samanPage + samanReverse, // see samanBank
		AutoReverse: samanReverse,
		UndoWindow:  40 * time.Minute, // guide: 50 min from the transaction; ten are for asking again
		MinAmount:   1_000,            // not in the guide; no bank takes less
	}
}

// Fields: the bank knows its callers by their address; there is no password.
func (b *samanBank) Fields() []Field {
	return []Field{{Name: "terminal_id", Label: "TerminalId"}}
}

func (b *samanBank) Open(c Credentials) (Gateway, error) {
	if err := c.CheckFields(b.Fields()); err != nil {
		return nil, err
	}
	terminal, err := strconv.ParseInt(strings.TrimSpace(c["terminal_id"]), 10, 64)
	if err != nil || terminal <= 0 {
		return nil, errors.New("credentials: terminal_id is not a positive number")
	}
	return &samanAccount{b, terminal}, nil
}

type samanAccount struct {
	*samanBank
	terminal int64
}

func (a *samanAccount) CreateSession(ctx context.Context, in Session) (Redirect, error) {
	const op = "token"
	ask := map[string]any{
		"action":           "token",
		"TerminalId":       strconv.FormatInt(a.terminal, 10),
		"Amount":           in.Amount,
		"ResNum":           strconv.FormatInt(in.Invoice, 10),
		"RedirectUrl":      in.CallbackURL,
		"TokenExpiryInMin": int(samanToken / time.Minute),
	}
	if in.Mobile != "" {
		ask["CellNumber"] = in.Mobile
	}
	got, err := postJSON(ctx, a.client, op, false, a.base+"/onlinepg/onlinepg", nil, ask)
	if err != nil {
		return Redirect{}, err
	}
	var r struct {
		Status    number `json:"status"`
		Token     word   `json:"token"`
		ErrorCode word   `json:"errorCode"`
	}
	if err := got.read(op, &r); err != nil {
		return Redirect{}, err
	}
	switch {
	case r.Status == -1:
		code := int(r.ErrorCode.integer())
		return Redirect{}, samanCodes[op][code].asError(op, code)
	case r.Status != 1 || r.Token == "":
		return Redirect{}, &Unknown{Op: op, Err: errors.New("the answer holds no token")}
	}
	token := string(r.Token)
	return Redirect{
		BankToken: token, Method: http.MethodPost, URL: a.base + "/OnlinePG/OnlinePG", Fields: map[string]string{"Token": token},
	}, nil
}

// What the browser's Status says. Of the others only a failed card is final; the rest is about the session.
const (
	samanCancelled = "1"
	samanOK        = "2"
	samanFailed    = "3"
)

// samanReceipt is how a receipt's number looks.
var samanReceipt = regexp.MustCompile(`^[\x21-\x7e]{1,50}$`)

// Result takes the browser's word and calls nobody; see [samanBank]. Reference and card come with the receipt of
// Verify: from a browser they would prove nothing.
func (a *samanAccount) Result(_ context.Context, v Visit) (Result, error) {
	out := Result{Status: ResultNotPaid, BankToken: v.BankToken, Invoice: v.Invoice, Amount: v.Amount}
	if !a.ours(v) {
		return out, nil
	}
	receipt := said(v, "RefNum")
	switch said(v, "Status") {
	case samanOK:
		if samanReceipt.MatchString(receipt) {
			out.Status, out.BankTran = ResultPaid, receipt
		}
	case samanCancelled:
		out.Final, out.Reason = true, "پرداخت‌کننده انصراف داد"
	case samanFailed:
		out.Final, out.Reason = true, "پرداخت ناموفق بود"
	}
	return out, nil
}

// ours says that what the browser brought is about this session. The number must be there; the rest must agree
// wherever it is: another amount or terminal is somebody else's receipt, and must not lead to any call about it.
func (a *samanAccount) ours(v Visit) bool {
	agrees := func(name, want string) bool { got := said(v, name); return got == "" || got == want }
	return said(v, "ResNum") == strconv.FormatInt(v.Invoice, 10) &&
		agrees("Token", v.BankToken) &&
		agrees("TerminalId", strconv.FormatInt(a.terminal, 10)) &&
		agrees("MID", strconv.FormatInt(a.terminal, 10)) &&
		agrees("Amount", strconv.FormatInt(int64(v.Amount), 10))
}

// samanAnswer is what VerifyTransaction and ReverseTransaction answer. OrginalAmount is spelled so.
type samanAnswer struct {
	Detail *struct {
		RRN           word `json:"RRN"`
		RefNum        word `json:"RefNum"`
		ResNum        word `json:"ResNum"` // not in the guide; compared where a version has it
		MaskedPan     word `json:"MaskedPan"`
		Terminal      word `json:"TerminalNumber"`
		OrginalAmount word `json:"OrginalAmount"`
	} `json:"TransactionDetail"`
	Code *number `json:"ResultCode"`
}

const (
	samanDone     = 0
	samanRepeated = 2
	samanReturned = 5
	samanNone     = -2
	samanTooLate  = -6
)

func (a *samanAccount) Verify(ctx context.Context, v Visit) (Receipt, error) {
	const op = "VerifyTransaction"
	if v.BankTran == "" {
		r, err := a.Result(ctx, v)
		switch {
		case err != nil:
			return Receipt{}, err
		case r.Status != ResultPaid && !r.Final:
			return Receipt{}, &Unavailable{Op: op, Err: errPending}
		case r.Status != ResultPaid:
			return Receipt{}, &Refused{Op: op, Code: "-", Why: "the payer came back without a receipt"}
		}
		v.BankTran = r.BankTran
	}
	r, code, err := a.ask(ctx, op, v.BankTran)
	if err != nil {
		return Receipt{}, err
	}
	if m := samanCodes[op][code]; m.verdict != done {
		return Receipt{}, m.asError(op, code)
	}
	if err := a.compare(op, r, v); err != nil {
		return Receipt{}, err
	}
	return Receipt{RRN: string(r.Detail.RRN), Card: maskCard(string(r.Detail.MaskedPan))}, nil
}

// compare holds a confirmed receipt against our own session. What differs is another payment's receipt.
func (a *samanAccount) compare(op string, r samanAnswer, v Visit) error {
	if r.Detail == nil || r.Detail.OrginalAmount.integer() == 0 || r.Detail.Terminal.integer() == 0 {
		return &Unknown{Op: op, Err: errors.New("the receipt lacks its amount or terminal")}
	}
	foreign := func(why string) error { return &Refused{Op: op, Code: strconv.Itoa(int(*r.Code)), Why: why} }
	switch d := r.Detail; {
	case money.Rial(d.OrginalAmount.integer()) != v.Amount:
		return foreign("the receipt is for another amount")
	case d.Terminal.integer() != a.terminal:
		return foreign("the receipt is another terminal's")
	case d.RefNum != "" && string(d.RefNum) != v.BankTran:
		return foreign("the bank answered for another receipt")
	case d.ResNum != "" && d.ResNum.integer() != v.Invoice:
		return foreign("the receipt is another payment's")
	}
	return nil
}

// errNoReceipt is the cause when nothing names the money that is to go back.
var errNoReceipt = errors.New("no receipt is known that could be sent back")

// Settle is nothing: the bank pays out by itself.
func (a *samanAccount) Settle(context.Context, Visit) error { return nil }

// Undo reverses. The bank knows that only of verified money, and whether ours is verified it tells only by
// verifying it: so that comes first, and proves the receipt at the same time.
func (a *samanAccount) Undo(ctx context.Context, v Visit) (Undone, error) {
	const op = "ReverseTransaction"
	booked := v.BankTran != "" && !v.Unbooked
	if v.BankTran == "" {
		r, err := a.Result(ctx, v)
		switch {
		case err != nil:
			return "", err
		case r.Status != ResultPaid: // in a browser's words, which do not say where the money is
			return "", &Unavailable{Op: op, Err: errNoReceipt}
		}
		v.BankTran = r.BankTran
	}
	r, code, err := a.ask(ctx, "VerifyTransaction", v.BankTran)
	switch {
	case err != nil:
		return "", err
	case code == samanNone:
		return NotTaken, nil
	case code == samanReturned: // by an earlier call of ours, or by itself: the bank has one word for both
		return Reversed, nil
	case code == samanTooLate && booked: // it may have been verified in time, and is still in time for this
	case samanCodes["VerifyTransaction"][code].verdict != done:
		return "", samanCodes["VerifyTransaction"][code].asError(op, code)
	default:
		if err := a.compare(op, r, v); err != nil {
			return "", err
		}
		if !booked && code != samanDone {
			return "", &Refused{Op: op, Code: strconv.Itoa(code), Why: "somebody else may have spent this receipt; look it up in the bank's panel"}
		}
	}
	_, code, err = a.ask(ctx, op, v.BankTran)
	if err != nil {
		return "", err
	}
	if m := samanCodes[op][code]; m.verdict != done {
		return "", m.asError(op, code)
	}
	return Reversed, nil
}

// Check asks about a receipt that cannot be.
func (a *samanAccount) Check(ctx context.Context) error {
	const op = "VerifyTransaction"
	_, code, err := a.ask(ctx, op, "0")
	if err != nil {
		return err
	}
	if m := samanCodes["check"][code]; m.verdict != done {
		return m.asError(op, code)
	}
	return nil
}

// ask makes one of the two calls about a receipt. Its answer has a code.
func (a *samanAccount) ask(ctx context.Context, op, receipt string) (samanAnswer, int, error) {
	got, err := postJSON(ctx, a.client, op, false, a.base+"/verifyTxnRandomSessionkey/ipg/"+op, nil, map[string]any{
		"RefNum": receipt, "TerminalNumber": a.terminal,
	})
	if err != nil {
		return samanAnswer{}, 0, err
	}
	var r samanAnswer
	if err := got.read(op, &r); err != nil {
		return samanAnswer{}, 0, err
	}
	if r.Code == nil {
		return samanAnswer{}, 0, &Unknown{Op: op, Err: errors.New("the answer holds no code")}
	}
	return r, int(*r.Code), nil
}
