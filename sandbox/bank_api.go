package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// The banks' API: sessions are opened with an invoice number, money is confirmed, settled and given
// back by transaction number, and most answers are an HTTP status alone.

const (
	codeOK            = 200
	codeBadRequest    = 400
	codeNotPaid       = 472
	codeBadInvoice    = 475
	codeBadAmount     = 476
	codeBadDate       = 478
	codeDateFar       = 485
	codeBadCallback   = 488
	codeDuplicate     = 489
	codeDisabled      = 490
	codeInternal      = 573
	codeUndetermined  = 572
	codeTokenInternal = 484
)

var bankName = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

// generic is how a bank without a wire of its own speaks.
func generic(bank string) style {
	return style{
		bank: bank,
		refuse: func(op string) reply {
			if op == opToken {
				return reply{code: codeDisabled}
			}
			return reply{code: codeBadRequest}
		},
		unknown: func(op string) reply {
			if op == opToken || op == opResult {
				return reply{code: codeTokenInternal}
			}
			return reply{code: codeUndetermined}
		},
		inside:     func(string) reply { return reply{code: codeOK, body: map[string]any{"code": codeInternal}} },
		statusOnly: statusOnly,
	}
}

// statusOnly says that an operation is answered by an HTTP status and nothing else.
func statusOnly(op string) bool { return op != opToken && op != opResult }

func (s *Server) serve(w http.ResponseWriter, r *http.Request, op string, invoice int64, do func() reply) {
	s.answer(w, r, generic(r.PathValue("bank")), op, invoice, do)
}

type tokenRequest struct {
	ServiceTypeID           int         `json:"serviceTypeId"`
	MerchantConfigurationID int         `json:"merchantConfigurationId"`
	LocalInvoiceID          json.Number `json:"localInvoiceId"`
	AmountInRials           json.Number `json:"amountInRials"`
	LocalDate               string      `json:"localDate"`
	AdditionalData          string      `json:"additionalData"`
	CallbackURL             string      `json:"callbackURL"`
	PaymentID               string      `json:"paymentId"`
}

// token opens a session and answers with its token, a bare JSON string.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	body, ok := s.bankRequest(w, r)
	if !ok {
		return
	}
	var in tokenRequest
	if err := json.Unmarshal(body, &in); err != nil {
		w.WriteHeader(codeBadRequest)
		return
	}
	invoice, _ := in.LocalInvoiceID.Int64()
	s.serve(w, r, opToken, invoice, func() reply {
		charge, code := in.charge(r.PathValue("bank"), s.book.now())
		if code != codeOK {
			return reply{code: code}
		}
		charge, err := s.book.open(charge)
		switch {
		case errors.Is(err, errDuplicate):
			return reply{code: codeDuplicate}
		case err != nil:
			s.log.Error("open session", "error", err)
			return reply{code: codeTokenInternal}
		}
		return reply{code: codeOK, body: charge.RefID, effect: true}
	})
}

// charge checks the request and says what to open, or why not.
func (in tokenRequest) charge(bank string, now time.Time) (Charge, int) {
	invoice, err := in.LocalInvoiceID.Int64()
	if err != nil || invoice <= 0 {
		return Charge{}, codeBadInvoice
	}
	amount, err := in.AmountInRials.Int64()
	if err != nil || amount <= 0 || money.Rial(amount) > money.Max {
		return Charge{}, codeBadAmount
	}
	date, err := time.Parse("20060102 150405", in.LocalDate)
	if err != nil {
		return Charge{}, codeBadDate
	}
	if date.Sub(now).Abs() > 24*time.Hour {
		return Charge{}, codeDateFar
	}
	if u, err := url.Parse(in.CallbackURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return Charge{}, codeBadCallback
	}
	return Charge{Bank: bank, Invoice: invoice, Amount: money.Rial(amount), Description: in.AdditionalData, Callback: in.CallbackURL}, codeOK
}

// tranResult tells what became of an invoice: 200 for a transaction that succeeded, else 472.
func (s *Server) tranResult(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.bankRequest(w, r); !ok {
		return
	}
	invoice, err := strconv.ParseInt(r.URL.Query().Get("localInvoiceId"), 10, 64)
	if err != nil {
		w.WriteHeader(codeBadRequest)
		return
	}
	s.serve(w, r, opResult, invoice, func() reply {
		charge, found := s.book.invoice(r.PathValue("bank"), invoice)
		if !found {
			return reply{code: codeNotPaid, body: transactionResult{State: "none", Final: true, Reason: "چنین تراکنشی نیست"}}
		}
		return resultOf(charge.public())
	})
}

type transactionResult struct {
	CardNumber    string     `json:"cardNumber,omitempty"`
	RRN           string     `json:"rrn,omitempty"`
	RefID         string     `json:"refID,omitempty"`
	Amount        money.Rial `json:"amount,string,omitempty"`
	PayGateTranID int64      `json:"payGateTranID,omitempty"`
	SalesOrderID  int64      `json:"salesOrderID,omitempty"`
	ServiceTypeID int        `json:"serviceTypeId,omitempty"`

	// Not of any real bank: what became of a visit without money.
	State  State  `json:"state,omitempty"`
	Final  bool   `json:"final,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func resultOf(c Charge) reply {
	out := transactionResult{CardNumber: c.Card, RRN: c.RRN, RefID: c.RefID, Amount: c.Amount, PayGateTranID: c.Tran, SalesOrderID: c.Invoice, ServiceTypeID: 1}
	switch c.State {
	case Paid, Verified, Settled:
		return reply{code: codeOK, body: out}
	}
	out.State, out.Final, out.Reason = c.State, c.State != Open, reasons[c.State]
	return reply{code: codeNotPaid, body: out}
}

// reasons are the bank's words to payers.
var reasons = map[State]string{
	Open:      "هنوز پرداخت نشده است",
	Declined:  "پرداخت‌کننده انصراف داد",
	Expired:   "مهلت پرداخت در درگاه تمام شد",
	Reversed:  "مبلغ به پرداخت‌کننده برگشت",
	Cancelled: "مبلغ به پرداخت‌کننده برگشت",
	Refunded:  "مبلغ به پرداخت‌کننده برگشت",
}

// transaction serves one of the operations that are answered by status alone.
func (s *Server) transaction(op string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := s.bankRequest(w, r)
		if !ok {
			return
		}
		var in struct {
			MerchantConfigurationID int   `json:"merchantConfigurationId"`
			PayGateTranID           int64 `json:"payGateTranId"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			w.WriteHeader(codeBadRequest)
			return
		}
		bank := r.PathValue("bank")
		s.serve(w, r, op, s.book.invoiceOf(bank, in.PayGateTranID), func() reply {
			got, err := s.book.act(bank, op, in.PayGateTranID)
			if err != nil {
				s.log.Error("bank operation", "op", op, "error", err)
				return reply{code: codeInternal}
			}
			return reply{code: got.code, effect: got.effect, hang: got.hang}
		})
	}
}

// bankRequest checks the bank's name and reads the body, or answers why not.
func (s *Server) bankRequest(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	if !bankName.MatchString(r.PathValue("bank")) {
		http.NotFound(w, r)
		return nil, false
	}
	return readBody(w, r)
}
