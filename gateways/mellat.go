package gateways

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Mellat's own host, for the service and the payer's page alike.
const mellatHost = "https://bpm.shaparak.ir"

// mellatBank is Mellat's gateway (Behpardakht), SOAP, from its merchant guide 1.29.
//
// The sale's reference comes with the payer's browser and nowhere else. Every call names it together with our own
// order, and the bank knows which belong together, so a forged reference leads to "no such sale" and never to
// another payment's money. The bank never tells an amount: it takes what the session was opened for.
//
// Result asks by bpInquiryRequest. What the guide does not say is what that answers for a sale that is paid and not
// yet verified; so only its clear no's are believed (reversed, no such sale, a card that failed), and everything
// else it may say of a sale leaves the browser's claim standing until bpVerifyRequest proves it. Without a callback
// nothing is known: "not paid, not final". Money of a payer who never came back is unverified, so the bank
// returns it 20 minutes after payment; SessionLife lasts until then.
//
// Payers must come to the bank's page with a Referer of the registered domain: the page that sends them there
// must not hold it back.
type mellatBank struct {
	base   string
	client *http.Client
}

// NewMellat returns Mellat's gateway at baseURL, or at its own host when that is empty. The client comes from
// [NewHTTPClient].
func NewMellat(baseURL string, client *http.Client) Bank {
	return &mellatBank{base: hostOr(baseURL, mellatHost), client: client}
}

func (b *mellatBank) Name() string   { return "mellat" }
func (b *mellatBank) Origin() string { return originOf(b.base) }

const (
	mellatPage    = 20 * time.Minute // how long a payer may stay at the bank; the guide tells sites to wait 15
	mellatReverse = 20 * time.Minute // guide: unverified money goes back by itself (15 in older ones)
)

func (b *mellatBank) Limits() Limits {
	return Limits{
		SessionLife: mellatPage + mellatReverse, // see mellatBank
		AutoReverse: mellatReverse,
		UndoWindow:  3*time.Hour - 10*time.Minute, // guide: 3 h from verification; ten minutes are for asking again
		MinAmount:   1_000,                        // not in the guide; no bank takes less
	}
}

func (b *mellatBank) Fields() []Field {
	return []Field{
		{Name: "terminal_id", Label: "terminalId"},
		{Name: "username", Label: "userName"},
		{Name: "password", Label: "userPassword", Secret: true},
	}
}

func (b *mellatBank) Open(c Credentials) (Gateway, error) {
	if err := c.CheckFields(b.Fields()); err != nil {
		return nil, err
	}
	terminal, err := strconv.ParseInt(strings.TrimSpace(c["terminal_id"]), 10, 64)
	if err != nil || terminal <= 0 {
		return nil, errors.New("credentials: terminal_id is not a positive number")
	}
	return &mellatAccount{b, terminal, strings.TrimSpace(c["username"]), c["password"]}, nil
}

type mellatAccount struct {
	*mellatBank
	terminal       int64
	user, password string
}

// mellatRefID is how a session's token looks. The bank minds its case.
var mellatRefID = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)

func (a *mellatAccount) CreateSession(ctx context.Context, in Session) (Redirect, error) {
	const op = "bpPayRequest"
	now := time.Now().In(tehran)
	arguments := []argument{
		arg("orderId", in.Invoice),
		arg("amount", int64(in.Amount)),
		arg("localDate", now.Format("20060102")),
		arg("localTime", now.Format("150405")),
		arg("additionalData", cut(in.Description, 1000)),
		arg("callBackUrl", in.CallbackURL),
		arg("payerId", "0"),
	}
	if in.Mobile != "" {
		arguments = append(arguments, arg("mobileNo", mellatMobile(in.Mobile)))
	}
	text, err := a.soap(ctx, op, false, arguments...)
	if err != nil {
		return Redirect{}, err
	}
	first, refID, _ := strings.Cut(text, ",")
	if !mellatCode.MatchString(first) {
		return Redirect{}, &Unknown{Op: op, Err: errors.New("the answer is not a code")}
	}
	code, _ := strconv.Atoi(first)
	if m := mellatCodes[op][code]; m.verdict != done {
		return Redirect{}, m.asError(op, code)
	}
	if refID = strings.TrimSpace(refID); !mellatRefID.MatchString(refID) {
		return Redirect{}, &Unknown{Op: op, Err: errors.New("the answer holds no session")}
	}
	fields := map[string]string{"RefId": refID}
	if in.Mobile != "" {
		fields["MobileNo"] = mellatMobile(in.Mobile)
	}
	return Redirect{BankToken: refID, Method: http.MethodPost, URL: a.base + "/pgwchannel/startpay.mellat", Fields: fields}, nil
}

// mellatMobile writes 09… as 989….
func mellatMobile(mobile string) string { return "98" + strings.TrimPrefix(mobile, "0") }

func (a *mellatAccount) Result(ctx context.Context, v Visit) (Result, error) {
	const op = "bpInquiryRequest"
	out := Result{Status: ResultNotPaid, BankToken: v.BankToken, Invoice: v.Invoice, Amount: v.Amount}
	sale, code := a.claim(v)
	if known := word(v.BankTran).integer(); known > 0 {
		sale = known
	}
	if sale == 0 {
		out.Final, out.Reason = code == mellatCancelled || mellatCard(code), mellatReason(code)
		return out, nil
	}
	code, err := a.code(ctx, op, true, saleArguments(v.Invoice, v.Invoice, sale)...)
	if err != nil {
		return Result{}, err
	}
	switch m := mellatCodes[op][code]; {
	case m.verdict == done:
		// The reference is what the bank shows payers, too.
		out.Status, out.BankTran = ResultPaid, strconv.FormatInt(sale, 10)
		out.RRN = out.BankTran
	case m.verdict == reversed:
		out.Status, out.Final, out.Reason = ResultReturned, true, "مبلغ به پرداخت‌کننده برگشت"
	case m.verdict == failed:
		out.Reason = mellatReason(code)
	default:
		return Result{}, m.asError(op, code)
	}
	return out, nil
}

// claim is what the browser says of this session: a sale, or the code of a visit without one (-1 when it says
// nothing). The guide wants RefId and SaleOrderId compared before the bank is asked.
func (a *mellatAccount) claim(v Visit) (sale int64, code int) {
	text := said(v, "ResCode")
	if said(v, "RefId") != v.BankToken || said(v, "SaleOrderId") != strconv.FormatInt(v.Invoice, 10) || !mellatCode.MatchString(text) {
		return 0, -1
	}
	if code, _ = strconv.Atoi(text); code != 0 {
		return 0, code
	}
	sale, err := strconv.ParseInt(said(v, "SaleReferenceId"), 10, 64)
	if err != nil || sale <= 0 {
		return 0, -1
	}
	return sale, 0
}

// saleArguments name a sale in every later call. Only a refund's own order must be one that was never used.
func saleArguments(order, invoice, sale int64) []argument {
	return []argument{arg("orderId", order), arg("saleOrderId", invoice), arg("saleReferenceId", sale)}
}

func (a *mellatAccount) Verify(ctx context.Context, v Visit) (Receipt, error) {
	return Receipt{}, a.do(ctx, "bpVerifyRequest", v)
}

// Settle is mandatory: what is not settled is never paid out.
func (a *mellatAccount) Settle(ctx context.Context, v Visit) error {
	return a.do(ctx, "bpSettleRequest", v)
}

// do makes one call whose only good outcome is that it happened, now or before.
func (a *mellatAccount) do(ctx context.Context, op string, v Visit) error {
	sale, err := a.sale(op, v)
	if err != nil {
		return err
	}
	m, code, err := a.ask(ctx, op, v, sale)
	if err != nil || m.verdict == done {
		return err
	}
	return m.asError(op, code)
}

// sale is the sale's reference: the one that was booked, else the browser's, which the bank checks.
func (a *mellatAccount) sale(op string, v Visit) (int64, error) {
	if v.BankTran != "" {
		sale, err := strconv.ParseInt(v.BankTran, 10, 64)
		if err != nil || sale <= 0 {
			return 0, &Refused{Op: op, Code: "-", Why: "the sale's reference is not a number"}
		}
		return sale, nil
	}
	sale, code := a.claim(v)
	switch {
	case sale != 0:
		return sale, nil
	case code == mellatCancelled || mellatCard(code):
		return 0, &Refused{Op: op, Code: strconv.Itoa(code), Why: "the payer came back without a sale"}
	}
	return 0, &Unavailable{Op: op, Err: errPending}
}

// Undo reverses what is not settled and refunds what is. The guide knows reversal only after verification:
// where the bank insists on that, the sale is verified first.
func (a *mellatAccount) Undo(ctx context.Context, v Visit) (Undone, error) {
	const op = "bpReversalRequest"
	sale, err := a.sale(op, v)
	switch {
	case v.BankTran == "" && err != nil: // in a browser's words, which do not say where the money is
		return "", &Unavailable{Op: op, Err: errNoReceipt}
	case err != nil:
		return "", err
	}
	m, code, err := a.ask(ctx, op, v, sale)
	if err == nil && m.verdict == unverified {
		if err := a.do(ctx, "bpVerifyRequest", v); err != nil && Classify(err) != ClassRefused {
			return "", err
		}
		m, code, err = a.ask(ctx, op, v, sale) // after a refusal, too: it may have gone back meanwhile
	}
	switch {
	case err != nil:
		return "", err
	case m.verdict == done, m.verdict == reversed: // now, by an earlier call of ours, or by itself: one word for all
		return Reversed, nil
	case m.verdict == settled:
		return a.refund(ctx, v, sale)
	case m.verdict == failed && (v.BankTran == "" || v.Unbooked):
		return NotTaken, nil
	}
	return "", m.asError(op, code)
}

// mellatRefunds is added to an invoice for the number of its refund, of which there is one. No invoice comes near.
const mellatRefunds = 9_000_000_000_000_000

// refund sends settled money back. A refund's number works once and the bank tells nobody what became of it, so
// after a lost answer only a person can.
func (a *mellatAccount) refund(ctx context.Context, v Visit, sale int64) (Undone, error) {
	const op = "bpRefundRequest"
	arguments := append(saleArguments(mellatRefunds+v.Invoice, v.Invoice, sale), arg("refundAmount", int64(v.Amount)))
	text, err := a.soap(ctx, op, false, arguments...)
	if err != nil {
		return "", err
	}
	first, _, _ := strings.Cut(text, ",") // the refund's own reference may follow
	if !mellatCode.MatchString(first) {
		return "", &Unknown{Op: op, Err: errors.New("the answer is not a code")}
	}
	code, _ := strconv.Atoi(first)
	switch m := mellatCodes[op][code]; m.verdict {
	case done:
		return Refunded, nil
	case reversed:
		return Reversed, nil
	default:
		return "", m.asError(op, code)
	}
}

// Check asks about a sale that cannot be.
func (a *mellatAccount) Check(ctx context.Context) error {
	const op = "bpInquiryRequest"
	code, err := a.code(ctx, op, true, saleArguments(1, 1, 1)...)
	if err != nil {
		return err
	}
	if m := mellatCodes["check"][code]; m.verdict != done {
		return m.asError(op, code)
	}
	return nil
}

// ask makes one of the calls about a sale.
func (a *mellatAccount) ask(ctx context.Context, op string, v Visit, sale int64) (meaning, int, error) {
	code, err := a.code(ctx, op, false, saleArguments(v.Invoice, v.Invoice, sale)...)
	return mellatCodes[op][code], code, err
}
