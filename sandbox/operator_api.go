package sandbox

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"regexp"
	"time"

	"github.com/paysaga/paysaga/money"
)

// The operator's API. An order is taken once for a key: whatever came of it is the answer to every
// inquiry, and the same key again is a duplicate, never a second delivery.

// operator is the simulated reseller of charges and packages.
type operator struct {
	book      *operatorBook
	catalogue catalogueBox
}

// Errors of the operator, {"error": "…"}.
const (
	codeBadOrder        = "bad_request"
	codeRefused         = "refused"
	codeExhausted       = "insufficient_balance"
	codeUnknownProduct  = "unknown_product"
	codeInactiveProduct = "inactive_product"
	codeInvalidAmount   = "invalid_amount"
	codeInvalidMobile   = "invalid_mobile"
	codeDuplicateOrder  = "duplicate_order"
	codeNoSuchOrder     = "no_such_order"
	codeForbidden       = "forbidden"
	codeUnsure          = "undetermined"

	// Of the bank that pays out.
	codeNoFunds       = "insufficient_funds"
	codeDuplicateRef  = "duplicate_reference"
	codeInvalidIBAN   = "invalid_iban"
	codeInvalidCard   = "invalid_card"
	codeInvalidRail   = "invalid_rail"
	codeAccountClosed = "account_closed"
)

// orderStatus is the HTTP status of the errors that are not 422.
var orderStatus = map[string]int{
	codeBadOrder:       http.StatusBadRequest,
	codeExhausted:      http.StatusPaymentRequired,
	codeDuplicateOrder: http.StatusConflict,
	codeNoSuchOrder:    http.StatusNotFound,
	codeForbidden:      http.StatusForbidden,
	codeUnsure:         http.StatusInternalServerError,
	codeNoFunds:        http.StatusPaymentRequired,
	codeDuplicateRef:   http.StatusConflict,
	codeNoSuchAccount:  http.StatusNotFound,
}

// no is an answer that is an error.
func no(code string) reply {
	status, ok := orderStatus[code]
	if !ok {
		status = http.StatusUnprocessableEntity
	}
	return reply{code: status, body: map[string]string{"error": code}}
}

// serveOperator answers one call to the operator, with the failure that the rules draw for it. refusal is
// empty, or codeRefused when the rules want the call refused.
func (s *Server) serveOperator(w http.ResponseWriter, r *http.Request, op, key string, do func(rules OperatorRules, refusal string) reply) {
	rules := s.rules.get().Operator
	s.serveSide(w, r, "operator", rules.RuleSet, op, key, func(refusal string) reply { return do(rules, refusal) })
}

// serveSide answers one call to a side whose errors are {"error": "…"}: the operator, the bank that pays out, the one that
// keeps static accounts.
func (s *Server) serveSide(w http.ResponseWriter, r *http.Request, side string, rules RuleSet, op, key string, do func(refusal string) reply) {
	failure, slow := rules.draw(op)
	if slow > 0 && !s.wait(r, slow) {
		return
	}
	if r.Context().Err() != nil { // whoever gave up must not be served afterwards
		return
	}

	var got reply
	switch failure {
	case failTimeoutBefore:
	case failRefuse:
		got = do(codeRefused)
	case "", failTimeoutAfter:
		got = do("")
	default:
		if rand.IntN(2) == 0 {
			got = do("")
		}
	}

	call := Call{At: s.book.now(), Bank: side, Op: op, Key: key, Effect: got.effect, Rule: failure}
	switch failure {
	case failTimeoutBefore, failTimeoutAfter:
		s.calls.add(call)
		s.hold(w, r, orElse(rules.Hold, defaultHold))
		return
	case failUnknown:
		got = no(codeUnsure)
	case failInside:
		got = no(codeUnsure)
		got.code = http.StatusOK
	case failGarbage, failEmpty, failHuge, failRedirect, failDrip:
		got = oddity(failure, http.StatusOK, orElse(rules.Hold, defaultHold))
	}
	call.Answer = got.code
	s.calls.add(call)
	s.log.Debug(side+" call", "op", op, "key", key, "answer", got.code, "effect", call.Effect, "rule", call.Rule)
	s.write(w, r, got)
}

var (
	orderKey    = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)
	orderMobile = regexp.MustCompile(`^989[0-9]{9}$`)
)

// orderRequest is one order; amount is rial.
type orderRequest struct {
	Key     string     `json:"key"`
	Carrier string     `json:"carrier"`
	Type    string     `json:"type"`
	Sim     string     `json:"sim"`
	Package string     `json:"package"`
	Mobile  string     `json:"mobile"`
	Amount  money.Rial `json:"amount"`
}

// submitOrder delivers an order, or says why not.
func (s *Server) submitOrder(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in orderRequest
	if err := json.Unmarshal(body, &in); err != nil || !orderKey.MatchString(in.Key) {
		s.write(w, r, no(codeBadOrder))
		return
	}
	s.serveOperator(w, r, opSubmit, in.Key, func(rules OperatorRules, refusal string) reply {
		if !orderMobile.MatchString(in.Mobile) {
			return no(codeInvalidMobile)
		}
		order := Delivery{
			Key: in.Key, Carrier: in.Carrier, Type: in.Type, Sim: in.Sim, Package: in.Package,
			Mobile: maskMobile(in.Mobile), Amount: in.Amount,
		}
		got, err := s.operator.book.submit(order, s.book.now(), func(d *Delivery, left money.Rial) {
			s.operator.decide(d, rules, refusal, left)
		})
		switch {
		case errors.Is(err, errDuplicateOrder):
			return no(codeDuplicateOrder)
		case err != nil:
			s.log.Error("submit order", "error", err)
			return no(codeUnsure)
		case got.State == orderRefused:
			out := no(got.Code)
			out.effect = true
			return out
		case got.State == orderInProgress:
			return reply{code: http.StatusAccepted, body: presentOf(got), effect: true}
		}
		return reply{code: http.StatusOK, body: presentOf(got), effect: true}
	})
}

// decide says what becomes of a new order.
func (o *operator) decide(d *Delivery, rules OperatorRules, refusal string, left money.Rial) {
	if refusal == "" {
		refusal = o.catalogue.refusal(*d)
	}
	if refusal == "" && (left < d.Amount || hits(rules.Exhausted)) {
		refusal = codeExhausted
	}
	switch {
	case refusal != "":
		d.State, d.Code = orderRefused, refusal
	case hits(rules.InProgress):
		d.State, d.Then = orderInProgress, orderDelivered
		if hits(rules.InProgressFails) {
			d.Then = orderRefused
		}
		d.DecidesAt = d.At.Add(orElse(rules.InProgressFor, defaultInProgress))
	default:
		d.State = orderDelivered
	}
}

// orderPresent is an order as the operator tells of it.
type orderPresent struct {
	Key       string    `json:"key"`
	State     string    `json:"state"`
	Reference string    `json:"reference"`
	Code      string    `json:"code,omitempty"`
	At        time.Time `json:"at"`
}

func presentOf(d Delivery) orderPresent {
	return orderPresent{d.Key, d.State, d.Reference, d.Code, d.At}
}

// inquireOrder tells what became of an order.
func (s *Server) inquireOrder(w http.ResponseWriter, r *http.Request) {
	key := r.PathValue("key")
	s.serveOperator(w, r, opInquire, key, func(_ OperatorRules, refusal string) reply {
		if refusal != "" {
			return no(codeForbidden) // the question is refused; that says nothing about the order
		}
		got, found := s.operator.book.find(key, s.book.now())
		if !found {
			return no(codeNoSuchOrder)
		}
		return reply{code: http.StatusOK, body: presentOf(got)}
	})
}

// getBalance tells what is left of the prepaid money, in rial.
func (s *Server) getBalance(w http.ResponseWriter, r *http.Request) {
	s.serveOperator(w, r, opBalance, "", func(rules OperatorRules, refusal string) reply {
		left := s.operator.book.money(s.book.now())
		switch {
		case refusal != "":
			return no(codeForbidden)
		case hits(rules.Exhausted):
			left = 0
		}
		return reply{code: http.StatusOK, body: map[string]money.Rial{"balance": left}}
	})
}
