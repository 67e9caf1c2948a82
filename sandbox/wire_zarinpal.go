package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
)

// ZarinPal v4: JSON with the merchant's id in the body, an envelope whose "data" and "errors" flip between
// object and list, and refunds by GraphQL.

// What the account here is made of.
const (
	zarinpalMerchant = "1f6c0a52-7d0e-4f7f-9a43-5e0c5a2b9d10"
	zarinpalToken    = "sandbox-access-token"
	zarinpalTerminal = "349001"
)

const (
	zarinpalOK          = 100
	zarinpalAgain       = 101
	zarinpalInvalid     = -9
	zarinpalStranger    = -10
	zarinpalInactive    = -11
	zarinpalOtherAmount = -50
	zarinpalNotPaid     = -51
	zarinpalUnexpected  = -52
	zarinpalForeign     = -53
	zarinpalNoSession   = -54
	zarinpalBankRefuses = -60
	zarinpalNotReversed = -61
	zarinpalTooLate     = -63
)

func zarinpalWire() wire {
	return wire{
		style: style{
			bank: "zarinpal",
			refuse: func(op string) reply {
				code, ok := map[string]int{opToken: zarinpalInactive, opVerify: zarinpalForeign, opReverse: zarinpalBankRefuses}[op]
				if !ok {
					code = zarinpalNoSession
				}
				return zarinpalError(code)
			},
			unknown: func(string) reply { return zarinpalError(zarinpalUnexpected) },
			inside: func(string) reply {
				return zarinpalData(map[string]any{"code": -99, "message": "Internal error"})
			},
		},
		// How long unverified money is kept is not published.
		terms:   terms{reverse: 30 * time.Minute, cancel: 30 * time.Minute, noSettlement: true},
		account: map[string]string{"merchant_id": zarinpalMerchant, "access_token": zarinpalToken, "terminal_id": zarinpalTerminal},
		routes: func(t *teller) {
			z := zarinpalTeller{t}
			t.handle("POST", "/pg/v4/payment/request.json", z.request)
			t.handle("POST", "/pg/v4/payment/verify.json", z.verify)
			t.handle("POST", "/pg/v4/payment/inquiry.json", z.inquiry)
			t.handle("POST", "/pg/v4/payment/unVerified.json", z.unverified)
			t.handle("POST", "/pg/v4/payment/reverse.json", z.reverse)
			t.handle("POST", "/api/v4/graphql/", z.graphQL)
			t.handle("GET", "/pg/StartPay/{authority}", func(w http.ResponseWriter, r *http.Request) {
				t.show(w, r.PathValue("authority"), "")
			})
		},
		back: func(c Charge) way {
			status := "NOK"
			if !c.PaidAt.IsZero() {
				status = "OK"
			}
			return way{"get", []field{{"Authority", c.RefID}, {"Status", status}}}
		},
	}
}

type zarinpalTeller struct{ *teller }

// zarinpalData is a success: errors is a list then.
func zarinpalData(data map[string]any) reply {
	return reply{code: http.StatusOK, body: map[string]any{"data": data, "errors": []any{}}}
}

// zarinpalError is an error: data is a list or an empty object then, and nobody knows which.
func zarinpalError(code int) reply {
	var data any = []any{}
	if rand.IntN(2) == 0 {
		data = map[string]any{}
	}
	status := http.StatusOK
	switch code {
	case zarinpalInvalid:
		status = http.StatusUnprocessableEntity
	case zarinpalStranger:
		status = http.StatusUnauthorized
	}
	return reply{code: status, body: map[string]any{
		"data": data, "errors": map[string]any{"code": code, "message": "Error " + strconv.Itoa(code), "validations": []any{}},
	}}
}

// stranger refuses another merchant; its message holds the caller's address.
func (z zarinpalTeller) stranger(r *http.Request) reply {
	return reply{code: http.StatusUnauthorized, body: map[string]any{
		"data": []any{}, "errors": map[string]any{"code": zarinpalStranger, "message": "Terminal is not valid for " + r.RemoteAddr},
	}}
}

type zarinpalRequest struct {
	MerchantID  string      `json:"merchant_id"`
	Amount      json.Number `json:"amount"`
	Currency    string      `json:"currency"`
	Description string      `json:"description"`
	CallbackURL string      `json:"callback_url"`
	Metadata    struct {
		Mobile     string `json:"mobile"`
		OrderID    string `json:"order_id"`
		AutoVerify *bool  `json:"auto_verify"`
	} `json:"metadata"`
	Authority string `json:"authority"`
}

// request opens a session. The book needs a number for every charge, so order_id is not optional here, and used once.
func (z zarinpalTeller) request(w http.ResponseWriter, r *http.Request) {
	var in zarinpalRequest
	if !z.body(w, r, &in) {
		return
	}
	invoice, _ := strconv.ParseInt(in.Metadata.OrderID, 10, 64)
	z.serve(w, r, opToken, invoice, func() reply {
		amount, err := in.Amount.Int64()
		if in.Currency == "IRT" {
			amount *= 10
		}
		_, badCallback := origin(in.CallbackURL)
		switch {
		case in.MerchantID != zarinpalMerchant:
			return z.stranger(r)
		case err != nil, amount < 1000, !goodAmount(amount), in.Description == "", badCallback != nil, invoice <= 0:
			return zarinpalError(zarinpalInvalid)
		}
		charge, err := z.open(Charge{
			Invoice: invoice, Amount: money.Rial(amount), Description: in.Description, Callback: in.CallbackURL,
			RefID: zarinpalAuthority(), VerifiesItself: in.Metadata.AutoVerify == nil || *in.Metadata.AutoVerify,
		})
		switch {
		case errors.Is(err, errDuplicate):
			return zarinpalError(zarinpalInvalid)
		case err != nil:
			return zarinpalError(zarinpalUnexpected)
		}
		got := zarinpalData(map[string]any{"code": zarinpalOK, "message": "Success", "authority": charge.RefID, "fee_type": "Merchant", "fee": 1200})
		got.effect = true
		return got
	})
}

// zarinpalAuthority is S, as in ZarinPal's own sandbox, and 35 characters.
func zarinpalAuthority() string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyz"
	out := []byte("S00000000000")
	for len(out) < 36 {
		out = append(out, letters[rand.IntN(len(letters))])
	}
	return string(out)
}

// about serves a call about an authority.
func (z zarinpalTeller) about(w http.ResponseWriter, r *http.Request, op string, do func(in zarinpalRequest, c Charge) reply) {
	var in zarinpalRequest
	if !z.body(w, r, &in) {
		return
	}
	charge, _ := z.byRef(in.Authority)
	z.serve(w, r, op, charge.Invoice, func() reply {
		charge, ok := z.byRef(in.Authority)
		switch {
		case in.MerchantID != zarinpalMerchant:
			return z.stranger(r)
		case !ok:
			return zarinpalError(zarinpalNoSession)
		}
		return do(in, charge)
	})
}

func (z zarinpalTeller) verify(w http.ResponseWriter, r *http.Request) {
	z.about(w, r, opVerify, func(in zarinpalRequest, c Charge) reply {
		if amount, err := in.Amount.Int64(); err != nil || money.Rial(amount) != c.Amount {
			return zarinpalError(zarinpalOtherAmount)
		}
		got := z.act(opVerify, c.Tran)
		code := zarinpalOK
		if !got.effect {
			code = zarinpalAgain
			if c.State != Verified && c.State != Refunded {
				return zarinpalError(zarinpalNotPaid)
			}
		}
		rrn, _ := strconv.ParseInt(c.RRN, 10, 64)
		out := zarinpalData(map[string]any{
			"code": code, "message": "Verified", "card_hash": "0", "card_pan": c.Card, "ref_id": rrn, "fee_type": "Merchant", "fee": 1200,
		})
		out.effect, out.hang = got.effect, got.hang
		return out
	})
}

func (z zarinpalTeller) inquiry(w http.ResponseWriter, r *http.Request) {
	z.about(w, r, opResult, func(_ zarinpalRequest, c Charge) reply {
		status := map[State]string{
			Open: "IN_BANK", Paid: "PAID", Verified: "VERIFIED", Refunded: "VERIFIED", Reversed: "REVERSED", Cancelled: "REVERSED",
			Declined: "FAILED", Expired: "FAILED",
		}[c.State]
		return zarinpalData(map[string]any{"code": zarinpalOK, "message": "Success", "status": status})
	})
}

func (z zarinpalTeller) unverified(w http.ResponseWriter, r *http.Request) {
	var in zarinpalRequest
	if !z.body(w, r, &in) {
		return
	}
	z.serve(w, r, opResult, 0, func() reply {
		if in.MerchantID != zarinpalMerchant {
			return z.stranger(r)
		}
		list := []any{}
		for _, c := range z.s.book.list(func(c *Charge) bool { return c.Bank == z.bank && c.State == Paid }) {
			if len(list) == 100 {
				break
			}
			list = append(list, map[string]any{"authority": c.RefID, "amount": c.Amount, "date": c.PaidAt.Format(time.DateTime)})
		}
		return zarinpalData(map[string]any{"code": "100", "message": "Success", "authorities": list})
	})
}

// reverse gives money back, verified or not, for half an hour.
func (z zarinpalTeller) reverse(w http.ResponseWriter, r *http.Request) {
	z.about(w, r, opReverse, func(_ zarinpalRequest, c Charge) reply {
		op := opReverse
		if c.State == Verified {
			op = opCancel
		}
		got := z.act(op, c.Tran)
		switch {
		case got.effect:
			out := zarinpalData(map[string]any{"code": zarinpalOK, "message": "Reversed"})
			out.effect = true
			return out
		case got.code == codeCancelLate, c.State == Refunded:
			return zarinpalError(zarinpalTooLate)
		}
		return zarinpalError(zarinpalNotReversed)
	})
}

var zarinpalMutation = regexp.MustCompile(`\bAddRefund\s*\(`)

// graphQL knows two things: which sessions have a reference, and how to refund one.
func (z zarinpalTeller) graphQL(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Query     string `json:"query"`
		Variables struct {
			TerminalID  string      `json:"terminal_id"`
			ReferenceID string      `json:"reference_id"`
			SessionID   string      `json:"session_id"`
			Amount      json.Number `json:"amount"`
		} `json:"variables"`
	}
	if !z.body(w, r, &in) {
		return
	}
	mutation := zarinpalMutation.MatchString(in.Query)
	op := opResult
	if mutation {
		op = opRefund
	}
	tran, _ := strconv.ParseInt(in.Variables.SessionID, 10, 64)
	charge, _ := z.byTran(tran)
	z.serve(w, r, op, charge.Invoice, func() reply {
		switch {
		case strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") != zarinpalToken:
			return reply{code: http.StatusUnauthorized, body: graphError("Unauthenticated for " + r.RemoteAddr)}
		case mutation:
			return z.refund(tran, in.Variables.Amount)
		case in.Variables.TerminalID != zarinpalTerminal:
			return reply{code: http.StatusOK, body: graphError("Terminal not found")}
		}
		data := map[string]any{}
		for name, state := range map[string]State{"refunded": Refunded, "verified": Verified} {
			list := []any{}
			for _, c := range z.s.book.list(func(c *Charge) bool {
				return c.Bank == z.bank && c.State == state && c.RRN == in.Variables.ReferenceID
			}) {
				list = append(list, map[string]any{"id": fmt.Sprint(c.Tran), "status": strings.ToUpper(string(c.State)), "amount": c.Amount})
			}
			data[name] = list
		}
		return reply{code: http.StatusOK, body: map[string]any{"data": data}}
	})
}

func (z zarinpalTeller) refund(tran int64, amount json.Number) reply {
	c, ok := z.byTran(tran)
	n, err := amount.Int64()
	if !ok || err != nil || money.Rial(n) != c.Amount || n < 20_000 {
		return reply{code: http.StatusOK, body: graphError("The session cannot be refunded")}
	}
	if !z.act(opRefund, tran).effect {
		return reply{code: http.StatusOK, body: graphError("The session cannot be refunded")}
	}
	return reply{code: http.StatusOK, effect: true, body: map[string]any{"data": map[string]any{"resource": map[string]any{
		"id": fmt.Sprint(tran), "terminal_id": zarinpalTerminal, "amount": n,
		"timeline": map[string]any{"refund_amount": n, "refund_time": z.s.book.now().Format(time.RFC3339), "refund_status": "PENDING"},
	}}}}
}

func graphError(message string) map[string]any {
	return map[string]any{"errors": []any{map[string]any{"message": message}}, "data": nil}
}
