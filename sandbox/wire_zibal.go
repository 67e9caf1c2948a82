package sandbox

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"

	"github.com/paysaga/paysaga/money"
)

// Zibal: JSON with the merchant's code in the body, answers with a result, and a status that the inquiry tells. It
// gives nothing back and waits for ever.

const zibalMerchant = "zibal" // as in Zibal's own sandbox

// Results and statuses.
const (
	zibalOK         = 100
	zibalNoMerchant = 102
	zibalBadAmount  = 105
	zibalBadAddress = 106
	zibalAgain      = 201
	zibalNotPaid    = 202
	zibalNoSession  = 203
)

var zibalStatus = map[State]int{Open: -1, Expired: -1, Verified: 1, Settled: 1, Paid: 2, Declined: 3, Refunded: 15, Reversed: 18, Cancelled: 18}

func zibalWire() wire {
	return wire{
		style: style{
			bank: "zibal",
			refuse: func(op string) reply {
				return zibalResult(map[string]int{opToken: zibalNoMerchant, opVerify: zibalNotPaid, opResult: zibalNoSession}[op])
			},
			unknown: func(string) reply { return zibalResult(-1) },
			inside: func(string) reply {
				return reply{code: http.StatusOK, body: map[string]any{"message": "internal error", "statusCode": 500}}
			},
		},
		terms:   terms{noSettlement: true},
		account: map[string]string{"merchant": zibalMerchant},
		routes: func(t *teller) {
			z := zibalTeller{t}
			t.handle("POST", "/v1/request", z.request)
			t.handle("POST", "/v1/verify", z.verify)
			t.handle("POST", "/v1/inquiry", z.inquiry)
			t.handle("GET", "/start/{trackId}", func(w http.ResponseWriter, r *http.Request) {
				t.show(w, r.PathValue("trackId"), "")
			})
		},
		back: func(c Charge) way {
			success := "0"
			if !c.PaidAt.IsZero() {
				success = "1"
			}
			return way{"get", []field{
				{"trackId", c.RefID}, {"success", success}, {"status", strconv.Itoa(zibalStatus[c.State])},
				{"orderId", strconv.FormatInt(c.Invoice, 10)},
			}}
		},
	}
}

type zibalTeller struct{ *teller }

func zibalResult(result int) reply {
	return reply{code: http.StatusOK, body: map[string]any{"result": result, "message": "result " + strconv.Itoa(result)}}
}

// request opens a session. The book needs a number for every charge, so orderId is not optional here, and used once.
func (z zibalTeller) request(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Merchant    string      `json:"merchant"`
		Amount      json.Number `json:"amount"`
		CallbackURL string      `json:"callbackUrl"`
		OrderID     string      `json:"orderId"`
		Description string      `json:"description"`
	}
	if !z.body(w, r, &in) {
		return
	}
	invoice, _ := strconv.ParseInt(in.OrderID, 10, 64)
	z.serve(w, r, opToken, invoice, func() reply {
		amount, err := in.Amount.Int64()
		_, badCallback := origin(in.CallbackURL)
		switch {
		case in.Merchant != zibalMerchant:
			return z.stranger(r)
		case err != nil, amount < 1000, !goodAmount(amount), invoice <= 0:
			return zibalResult(zibalBadAmount)
		case badCallback != nil:
			return zibalResult(zibalBadAddress)
		}
		charge, err := z.open(Charge{
			Invoice: invoice, Amount: money.Rial(amount), Description: in.Description, Callback: in.CallbackURL,
			RefID: strconv.FormatInt(1_000_000_000_000+rand.Int64N(8_000_000_000_000), 10),
		})
		switch {
		case errors.Is(err, errDuplicate):
			return zibalResult(zibalBadAmount) // no code of its own: the real one does not mind
		case err != nil:
			return reply{code: http.StatusInternalServerError}
		}
		return reply{code: http.StatusOK, effect: true, body: map[string]any{
			"result": zibalOK, "message": "success", "trackId": json.Number(charge.RefID),
		}}
	})
}

// stranger refuses another merchant. Its message holds the caller's address.
func (z zibalTeller) stranger(r *http.Request) reply {
	return reply{code: http.StatusOK, body: map[string]any{"result": zibalNoMerchant, "message": "merchant not found for " + r.RemoteAddr}}
}

// about serves a call about a session.
func (z zibalTeller) about(w http.ResponseWriter, r *http.Request, op string, do func(c Charge) reply) {
	var in struct {
		Merchant string      `json:"merchant"`
		TrackID  json.Number `json:"trackId"`
	}
	if !z.body(w, r, &in) {
		return
	}
	charge, _ := z.byRef(in.TrackID.String())
	z.serve(w, r, op, charge.Invoice, func() reply {
		charge, ok := z.byRef(in.TrackID.String())
		switch {
		case in.Merchant != zibalMerchant:
			return z.stranger(r)
		case !ok:
			return zibalResult(zibalNoSession)
		}
		return do(charge)
	})
}

// verify tells the details once; who asks again hears only that it was done.
func (z zibalTeller) verify(w http.ResponseWriter, r *http.Request) {
	z.about(w, r, opVerify, func(c Charge) reply {
		got := z.act(opVerify, c.Tran)
		switch {
		case got.effect:
			return reply{code: http.StatusOK, body: zibalDetails(got.charge), effect: true, hang: got.hang}
		case got.charge.State == Verified:
			return zibalResult(zibalAgain)
		}
		return zibalResult(zibalNotPaid)
	})
}

func (z zibalTeller) inquiry(w http.ResponseWriter, r *http.Request) {
	z.about(w, r, opResult, func(c Charge) reply { return reply{code: http.StatusOK, body: zibalDetails(c)} })
}

func zibalDetails(c Charge) map[string]any {
	out := map[string]any{
		"result": zibalOK, "message": "success", "status": zibalStatus[c.State], "amount": c.Amount, "orderId": strconv.FormatInt(c.Invoice, 10),
		"refNumber": nil, "cardNumber": nil, "paidAt": nil, "description": c.Description,
	}
	if !c.PaidAt.IsZero() {
		out["refNumber"], out["cardNumber"], out["paidAt"] = json.Number(c.RRN), c.Card, c.PaidAt
	}
	return out
}
