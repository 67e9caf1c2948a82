package gateways

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"time"
)

// ZarinPal v4: JSON, the merchant's id in the body. The transaction is named by the session's authority
// throughout; the reference that payers see comes with the first Verify.

// The addresses of ZarinPal's documentation. Refunds have a host of their own.
const (
	zarinpalBase  = "https://payment.zarinpal.com"
	zarinpalGraph = "https://next.zarinpal.com"
)

// zarinpalLimits. Official: reverse for 30 minutes after payment (two are kept for asking again), at least 1,000
// rial, at most 100 million toman. Not published: how long after payment unverified money goes back (20 minutes is the
// shortest window that any Iranian bank documents now), and how long a session that asked for no other life can be
// paid. Money paid later than we look is not verified, so it goes back by itself.
var zarinpalLimits = Limits{
	SessionLife: 30 * time.Minute,
	AutoReverse: 20 * time.Minute,
	UndoWindow:  28 * time.Minute,
	MinAmount:   1_000,
	MaxAmount:   1_000_000_000,
}

type zarinpalBank struct {
	base, pay, graph string
	client           *http.Client
}

// NewZarinpal returns ZarinPal. baseURL is its API's address, payURL that of its pages; empty means the real
// ones. The client comes from [NewHTTPClient].
func NewZarinpal(baseURL, payURL string, client *http.Client) Bank {
	graph := baseURL
	if baseURL == "" {
		graph = zarinpalGraph
	}
	return &zarinpalBank{
		base: hostOr(baseURL, zarinpalBase) + "/pg/v4/payment/", pay: hostOr(payURL, zarinpalBase),
		graph: hostOr(graph, "") + "/api/v4/graphql/", client: client,
	}
}

func (b *zarinpalBank) Name() string   { return "zarinpal" }
func (b *zarinpalBank) Origin() string { return originOf(b.pay) }
func (b *zarinpalBank) Limits() Limits { return zarinpalLimits }

func (b *zarinpalBank) Fields() []Field {
	return []Field{
		{Name: "merchant_id", Label: "merchant_id", Secret: true},
		// Both together let money go back that ZarinPal no longer reverses.
		{Name: "access_token", Label: "access token", Secret: true, Optional: true},
		{Name: "terminal_id", Label: "terminal_id", Optional: true},
	}
}

var zarinpalMerchantID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func (b *zarinpalBank) Open(c Credentials) (Gateway, error) {
	if err := c.CheckFields(b.Fields()); err != nil {
		return nil, err
	}
	switch {
	case !zarinpalMerchantID.MatchString(c["merchant_id"]):
		return nil, errors.New("credentials: merchant_id is not a UUID of 36 characters")
	case (c["access_token"] == "") != (c["terminal_id"] == ""):
		return nil, errors.New("credentials: access_token and terminal_id go together")
	}
	return &zarinpal{zarinpalBank: b, merchant: c["merchant_id"], token: c["access_token"], terminal: c["terminal_id"]}, nil
}

// zarinpal is one merchant's account.
type zarinpal struct {
	*zarinpalBank
	merchant, token, terminal string
}

// zarinpalAuthority is how a session is named; S begins those of ZarinPal's own sandbox.
var zarinpalAuthority = regexp.MustCompile(`^[AS][0-9a-zA-Z]{35}$`)

// CreateSession asks for a payment that ZarinPal does not verify by itself: money that nobody verified must go back.
func (g *zarinpal) CreateSession(ctx context.Context, in Session) (Redirect, error) {
	const op = "request"
	invoice := strconv.FormatInt(in.Invoice, 10)
	metadata := map[string]any{"order_id": invoice, "auto_verify": false}
	if in.Mobile != "" {
		metadata["mobile"] = in.Mobile
	}
	description := cut(in.Description, 500)
	if description == "" {
		description = invoice // it must not be empty
	}
	data, err := g.post(ctx, op, false, map[string]any{
		"amount": in.Amount, "currency": "IRR", "description": description, "callback_url": in.CallbackURL, "metadata": metadata,
	})
	if err != nil {
		return Redirect{}, err
	}
	if !zarinpalAuthority.MatchString(data.Authority) {
		return Redirect{}, &Unknown{Op: op, Err: errors.New("the answer holds no authority")}
	}
	return Redirect{BankToken: data.Authority, Method: http.MethodGet, URL: g.pay + "/pg/StartPay/" + data.Authority}, nil
}

// Result asks for the state of a session. The bank tells no amount with it, and no invoice: the session is ours
// because we were given its authority, and Verify refuses another amount than the session's.
func (g *zarinpal) Result(ctx context.Context, v Visit) (Result, error) {
	state, err := g.inquire(ctx, v)
	if err != nil {
		return Result{}, err
	}
	out := Result{Amount: v.Amount, BankToken: v.BankToken, Invoice: v.Invoice, BankTran: v.BankToken}
	switch state {
	case "PAID", "VERIFIED":
		out.Status = ResultPaid
		return out, nil
	case "REVERSED":
		out.Status, out.Final = ResultReturned, true
		return out, nil
	case "IN_BANK", "FAILED": // "not completed": a payer who failed may try again
		return Result{Status: ResultNotPaid, BankToken: v.BankToken}, nil
	}
	return Result{}, &Unknown{Op: "inquiry", Err: errors.New("unknown state of the payment")}
}

func (g *zarinpal) inquire(ctx context.Context, v Visit) (string, error) {
	data, err := g.post(ctx, "inquiry", true, map[string]any{"authority": v.BankToken})
	return data.Status, err
}

func (g *zarinpal) Verify(ctx context.Context, v Visit) (Receipt, error) {
	data, err := g.post(ctx, "verify", false, map[string]any{"authority": v.BankToken, "amount": v.Amount})
	if err != nil {
		return Receipt{}, err
	}
	out := Receipt{Card: maskCard(data.CardPan)}
	if data.RefID.integer() > 0 {
		out.RRN = string(data.RefID)
	}
	return out, nil
}

// Settle has nothing to ask for: ZarinPal pays out by itself, in the cycle that is set in its panel.
func (g *zarinpal) Settle(context.Context, Visit) error { return nil }

// Undo reverses, verified or not. What ZarinPal no longer reverses it refunds, if the account has what that takes.
func (g *zarinpal) Undo(ctx context.Context, v Visit) (Undone, error) {
	const op = "reverse"
	state, err := g.inquire(ctx, v)
	switch {
	case err != nil:
		return "", err
	case state == "REVERSED":
		return Reversed, nil
	case state == "FAILED" && v.BankTran != "": // it was there, and now there is none
		return NotTaken, nil
	case state == "FAILED", state == "IN_BANK":
		return "", &Unavailable{Op: op, Err: errPending}
	case state != "PAID" && state != "VERIFIED":
		return "", &Unknown{Op: op, Err: errors.New("unknown state of the payment")}
	}
	_, err = g.post(ctx, op, false, map[string]any{"authority": v.BankToken})
	var no *Refused
	if err == nil {
		return Reversed, nil
	}
	if !errors.As(err, &no) {
		return "", err
	}
	switch {
	case no.Code == "-61": // said of what is reversed and of what never was
		if state, failed := g.inquire(ctx, v); failed != nil || state == "REVERSED" {
			return Reversed, failed
		}
	case (no.Code == "-60" || no.Code == "-63") && state == "VERIFIED" && g.token != "":
		return g.refund(ctx, v)
	}
	return "", err
}

// Check asks for the payments that await verification.
func (g *zarinpal) Check(ctx context.Context) error {
	_, err := g.post(ctx, "unVerified", true, map[string]any{})
	return err
}

func (g *zarinpal) post(ctx context.Context, op string, readOnly bool, in map[string]any) (zarinpalData, error) {
	in["merchant_id"] = g.merchant
	got, err := postJSON(ctx, g.client, op, readOnly, g.base+op+".json", nil, in)
	if err != nil {
		return zarinpalData{}, err
	}
	return zarinpalRead(op, got)
}
