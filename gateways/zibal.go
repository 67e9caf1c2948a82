package gateways

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Zibal's own host. The merchant code "zibal" is its public sandbox, on the same host.
const zibalHost = "https://gateway.zibal.ir"

// zibalBank is Zibal, JSON over HTTPS. From its client packages and public drivers: paths, fields, result and
// status codes. What nobody has published is taken the safe way:
//   - How long a session lives. Asking costs nothing and money that nobody sees stays at Zibal, so it is long.
//   - Whether unverified money goes back by itself. Nothing says so, so it does not.
//   - How to give money back. The payment API has no call for it (the platform's refund is another product with
//     a token of its own, seen in one test only), so this bank serves auto-collected payments only. Money that
//     comes after the deadline all the same is left unverified, a person is called, and once it has been sent
//     back in Zibal's panel [zibalAccount.Undo] sees that and the saga ends by itself.
type zibalBank struct {
	base   string
	client *http.Client
}

// NewZibal returns Zibal at baseURL, or at its own host when that is empty. The client comes from [NewHTTPClient].
func NewZibal(baseURL string, client *http.Client) Bank {
	return &zibalBank{base: hostOr(baseURL, zibalHost), client: client}
}

func (b *zibalBank) Name() string   { return "zibal" }
func (b *zibalBank) Origin() string { return originOf(b.base) }

func (b *zibalBank) Limits() Limits {
	return Limits{
		SessionLife: time.Hour, // not published
		AutoReverse: 0,         // not published
		UndoWindow:  -1,
		MinAmount:   1_001, // "at least 1,000" in one source, "more than 1,000" in the codes
	}
}

func (b *zibalBank) Fields() []Field {
	return []Field{{Name: "merchant", Label: "merchant", Secret: true}} // it is all that a call needs
}

func (b *zibalBank) Open(c Credentials) (Gateway, error) {
	if err := c.CheckFields(b.Fields()); err != nil {
		return nil, err
	}
	return &zibalAccount{b, strings.TrimSpace(c["merchant"])}, nil
}

type zibalAccount struct {
	*zibalBank
	merchant string
}

func (a *zibalAccount) CreateSession(ctx context.Context, in Session) (Redirect, error) {
	const op = "request"
	ask := map[string]any{
		"amount":      in.Amount,
		"callbackUrl": in.CallbackURL,
		"orderId":     strconv.FormatInt(in.Invoice, 10),
		"description": cut(in.Description, 100),
	}
	if in.Mobile != "" {
		ask["mobile"] = in.Mobile
	}
	r, err := a.ask(ctx, op, false, ask)
	if err != nil {
		return Redirect{}, err
	}
	if m := zibalCodes[op][int(r.Result)]; m.verdict != done {
		return Redirect{}, m.asError(op, int(r.Result))
	}
	if r.TrackID.integer() == 0 {
		return Redirect{}, &Unknown{Op: op, Err: errors.New("the answer holds no session")}
	}
	track := strconv.FormatInt(r.TrackID.integer(), 10)
	return Redirect{BankToken: track, Method: http.MethodGet, URL: a.base + "/start/" + track}, nil
}

// Result asks by the session's number, which only the bank's answer to us named: nothing that the browser
// brought back is used.
func (a *zibalAccount) Result(ctx context.Context, v Visit) (Result, error) {
	r, err := a.inquire(ctx, v)
	if err != nil {
		return Result{}, err
	}
	s := zibalStatuses[int(*r.Status)]
	if s.status == "" {
		return Result{}, r.undecided()
	}
	out := Result{
		Status: s.status, Final: s.final, Reason: s.reason, BankToken: v.BankToken,
		Amount: money.Rial(r.Amount.integer()), Invoice: r.OrderID.integer(), RRN: string(r.RefNumber), Card: maskCard(string(r.CardNumber)),
	}
	if s.status == ResultPaid {
		if out.Amount <= 0 || out.Invoice <= 0 {
			return Result{}, &Unknown{Op: "inquiry", Err: errors.New("the transaction lacks its amount or order")}
		}
		out.BankTran, out.Reason = v.BankToken, ""
	}
	return out, nil
}

// Verify accepts the money. "Verified before" may come without details, which the inquiry has.
func (a *zibalAccount) Verify(ctx context.Context, v Visit) (Receipt, error) {
	const op = "verify"
	r, err := a.ask(ctx, op, false, map[string]any{"trackId": zibalTrack(v)})
	if err != nil {
		return Receipt{}, err
	}
	if m := zibalCodes[op][int(r.Result)]; m.verdict != done {
		return Receipt{}, m.asError(op, int(r.Result))
	}
	if r.Result == zibalDoneBefore && r.RefNumber == "" {
		if full, err := a.inquire(ctx, v); err == nil { // without them the receipt is what Result said
			r = full
		}
	}
	if r.Amount != "" && r.Amount.integer() != int64(v.Amount) {
		return Receipt{}, &Refused{Op: op, Code: strconv.Itoa(int(r.Result)), Why: "verified for another amount"}
	}
	return Receipt{RRN: string(r.RefNumber), Card: maskCard(string(r.CardNumber))}, nil
}

// Settle is nothing: Zibal pays out by itself.
func (a *zibalAccount) Settle(context.Context, Visit) error { return nil }

// Undo cannot give money back (see [zibalBank]); it says what the bank says became of it.
func (a *zibalAccount) Undo(ctx context.Context, v Visit) (Undone, error) {
	r, err := a.inquire(ctx, v)
	if err != nil {
		return "", err
	}
	switch status := int(*r.Status); {
	case status == zibalRefunded:
		return Refunded, nil
	case status == zibalReversed:
		return Reversed, nil
	case zibalStatuses[status].status == ResultPaid:
		return "", &Refused{
			Op: "undo", Code: strconv.Itoa(status),
			Why: "the payment API cannot give money back; refund it in Zibal's panel, and this ends by itself",
		}
	case zibalStatuses[status].status == ResultNotPaid:
		return neverTaken(Result{Status: ResultNotPaid, Final: zibalStatuses[status].final})
	}
	return "", r.undecided()
}

// Check asks for a session that never was: an account that may ask is told that there is none.
func (a *zibalAccount) Check(ctx context.Context) error {
	const op = "inquiry"
	r, err := a.ask(ctx, op, true, map[string]any{"trackId": 1})
	if err != nil {
		return err
	}
	switch m := zibalCodes["check"][int(r.Result)]; m.verdict {
	case done:
		return nil
	default:
		return m.asError(op, int(r.Result))
	}
}

// inquire asks for a session of ours. Its answer has a status.
func (a *zibalAccount) inquire(ctx context.Context, v Visit) (zibalAnswer, error) {
	const op = "inquiry"
	r, err := a.ask(ctx, op, true, map[string]any{"trackId": zibalTrack(v)})
	if err != nil {
		return zibalAnswer{}, err
	}
	if m := zibalCodes[op][int(r.Result)]; m.verdict != done {
		return zibalAnswer{}, m.asError(op, int(r.Result))
	}
	if r.Status == nil {
		return zibalAnswer{}, &Unknown{Op: op, Err: errors.New("the answer holds no status")}
	}
	return r, nil
}

// zibalTrack is a session's number as the bank gave it.
func zibalTrack(v Visit) any {
	if n := word(v.BankToken).integer(); n > 0 {
		return n
	}
	return v.BankToken
}

// zibalAnswer is what every call answers; which fields come depends on the call. Numbers may come as strings.
type zibalAnswer struct {
	Result     number  `json:"result"`
	TrackID    word    `json:"trackId"`
	Status     *number `json:"status"`
	Amount     word    `json:"amount"`
	OrderID    word    `json:"orderId"`
	RefNumber  word    `json:"refNumber"`
	CardNumber word    `json:"cardNumber"`
}

// undecided is the error for a status that decides nothing.
func (r zibalAnswer) undecided() error {
	const op = "inquiry"
	switch status := int(*r.Status); status {
	case zibalRefunding:
		return &Unavailable{Op: op, After: 10 * time.Minute, Err: errors.New("the money is on its way back")}
	case zibalNoMerchant:
		return &Unavailable{Op: op, Err: errors.New("the bank does not know the merchant (status 21)")}
	default:
		return &Unknown{Op: op, Err: fmt.Errorf("unclear answer: status %d", status)}
	}
}

func (a *zibalAccount) ask(ctx context.Context, op string, readOnly bool, in map[string]any) (zibalAnswer, error) {
	in["merchant"] = a.merchant
	got, err := postJSON(ctx, a.client, op, readOnly, a.base+"/v1/"+op, nil, in)
	if err != nil {
		return zibalAnswer{}, err
	}
	var r zibalAnswer
	if err := got.read(op, &r); err != nil {
		return zibalAnswer{}, err
	}
	if r.Result == 0 {
		return zibalAnswer{}, &Unknown{Op: op, Err: errors.New("the answer holds no result")}
	}
	return r, nil
}
