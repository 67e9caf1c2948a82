package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// AsanPardakht: REST with the codes of its own merchant guide, credentials in headers. The operations on a
// transaction are answered by status alone.

// What the account here is made of.
const (
	asanUser     = "sandbox-user"
	asanPassword = "sandbox-password"
	asanConfig   = 1001
)

// The codes that the engine's own tables do not have. Those tables are this bank's.
const (
	asanUnauthorised = 401
	asanBadIdentity  = 471 // Token, TranResult
	asanBadPassword  = 473 // Token, TranResult
	asanUntrusted    = 477 // the operations
	asanBadAmount    = 486
	asanTokenRefused = 492
)

// asanResultWindow is how long after payment TranResult still knows a transaction.
const asanResultWindow = 45 * time.Minute

func asanpardakhtWire() wire {
	return wire{
		style: style{
			bank:       "asanpardakht",
			statusOnly: statusOnly,
			refuse: func(op string) reply {
				if op == opToken {
					return reply{code: asanTokenRefused}
				}
				return reply{code: codeBadRequest}
			},
			unknown: func(op string) reply {
				if op == opToken || op == opResult {
					return reply{code: codeTokenInternal}
				}
				return reply{code: codeUndetermined}
			},
			inside: func(string) reply { return reply{code: codeOK, body: map[string]any{"error": codeInternal}} },
		},
		terms: terms{reverse: 30 * time.Minute, cancel: 3 * time.Hour, settle: 12 * time.Hour},
		account: map[string]string{
			"username": asanUser, "password": asanPassword, "merchant_configuration_id": strconv.Itoa(asanConfig),
		},
		routes: func(t *teller) {
			a := asanTeller{t}
			t.handle("GET", "/v1/Time", a.time)
			t.handle("POST", "/v1/Token", a.token)
			t.handle("GET", "/v1/TranResult", a.result)
			t.handle("POST", "/v1/Verify", a.operation(opVerify))
			t.handle("POST", "/v1/Settlement", a.operation(opSettle))
			t.handle("POST", "/v1/Reverse", a.operation(opReverse))
			t.handle("POST", "/v1/Cancel", a.operation(opCancel))
			t.handle("POST", "", func(w http.ResponseWriter, r *http.Request) {
				t.show(w, r.PostFormValue("RefId"), r.PostFormValue("mobileap"))
			})
		},
		// The guide promises no fields; these come in practice.
		back: func(c Charge) way { return way{"post", callbackFields(c)} },
	}
}

type asanTeller struct{ *teller }

func (a asanTeller) time(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, a.s.book.now().Format("20060102 150405"))
}

// allow checks who asks. As at the real bank, the refusal's body holds the caller's address.
func (a asanTeller) allow(r *http.Request, op string, config int) (reply, bool) {
	user, password := r.Header.Get("usr"), r.Header.Get("pwd")
	query := op == opToken || op == opResult
	no := reply{body: fmt.Sprintf("Access denied for %s", r.RemoteAddr)}
	switch {
	case user == "" || password == "":
		no.code = asanUnauthorised
	case user == asanUser && password == asanPassword && config == asanConfig:
		return reply{}, true
	case !query:
		no.code = asanUntrusted
	case config != asanConfig:
		no.code = asanBadIdentity
	default:
		no.code = asanBadPassword
	}
	return no, false
}

func (a asanTeller) token(w http.ResponseWriter, r *http.Request) {
	var in tokenRequest
	if !a.body(w, r, &in) {
		return
	}
	invoice, _ := in.LocalInvoiceID.Int64()
	a.serve(w, r, opToken, invoice, func() reply {
		if no, ok := a.allow(r, opToken, in.MerchantConfigurationID); !ok {
			return no
		}
		charge, code := in.charge(a.bank, a.s.book.now())
		if code != codeOK {
			return reply{code: code}
		}
		if charge.Amount < 1000 {
			return reply{code: asanBadAmount}
		}
		charge, err := a.open(charge)
		switch {
		case errors.Is(err, errDuplicate):
			return reply{code: codeDuplicate}
		case err != nil:
			return reply{code: codeTokenInternal}
		}
		return reply{code: codeOK, body: charge.RefID, effect: true}
	})
}

// asanResult is a transaction, with the amount as text, as some of its versions have it.
type asanResult struct {
	CardNumber       string     `json:"cardNumber"`
	RRN              string     `json:"rrn"`
	RefID            string     `json:"refID"`
	Amount           money.Rial `json:"amount,string"`
	PayGateTranID    int64      `json:"payGateTranID"`
	SalesOrderID     int64      `json:"salesOrderID"`
	ServiceTypeID    int        `json:"serviceTypeId"`
	PayGateTranDate  time.Time  `json:"payGateTranDate"`
	PayGateTranEpoch int64      `json:"payGateTranDateEpoch"`
}

// result knows successful transactions only, and not for ever.
func (a asanTeller) result(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	config, _ := strconv.Atoi(query.Get("merchantConfigurationId"))
	invoice, err := strconv.ParseInt(query.Get("localInvoiceId"), 10, 64)
	if err != nil {
		w.WriteHeader(codeBadRequest)
		return
	}
	a.serve(w, r, opResult, invoice, func() reply {
		if no, ok := a.allow(r, opResult, config); !ok {
			return no
		}
		c, _ := a.byInvoice(invoice)
		known := c.State == Paid || c.State == Verified || c.State == Settled
		if !known || a.s.book.now().After(c.PaidAt.Add(asanResultWindow)) {
			return reply{code: codeNotPaid}
		}
		return reply{code: codeOK, body: asanResult{
			CardNumber: c.Card, RRN: c.RRN, RefID: c.RefID, Amount: c.Amount, PayGateTranID: c.Tran, SalesOrderID: c.Invoice,
			ServiceTypeID: 1, PayGateTranDate: c.PaidAt, PayGateTranEpoch: c.PaidAt.Unix(),
		}}
	})
}

func (a asanTeller) operation(op string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			MerchantConfigurationID int         `json:"merchantConfigurationId"`
			PayGateTranID           json.Number `json:"payGateTranId"`
		}
		if !a.body(w, r, &in) {
			return
		}
		tran, _ := in.PayGateTranID.Int64()
		c, _ := a.byTran(tran)
		a.serve(w, r, op, c.Invoice, func() reply {
			if no, ok := a.allow(r, op, in.MerchantConfigurationID); !ok {
				return no
			}
			got := a.act(op, tran)
			return reply{code: got.code, effect: got.effect, hang: got.hang}
		})
	}
}
