package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/paysaga/paysaga/money"
)

// The API of the bank that pays out: transfers to an IBAN, which settle with the rail's next cycle, and to a card, which
// settle at once. A reference is carried out once; the same order again is answered with what became of it.

// transferRequest is one order; amount is rial. One of IBAN and Card is set.
type transferRequest struct {
	Reference string     `json:"reference"`
	Amount    money.Rial `json:"amount"`
	Rail      string     `json:"rail"`
	IBAN      string     `json:"iban"`
	Card      string     `json:"card"`
	Holder    string     `json:"holder"`
	Note      string     `json:"note"`
}

// The rails and what they take, in rial.
var transferRails = map[string]struct {
	card     bool
	min, max money.Rial
}{
	"card":  {true, 10_000, 100_000_000},
	"paya":  {false, 10_000, 1_000_000_000},
	"satna": {false, 500_000_000, 1_000_000_000_000},
}

const maxTransferText = 100 // letters of a note or a name

// check says what is wrong with an order, or masks its destination.
func (in transferRequest) check() (to, wrong string) {
	rail, known := transferRails[in.Rail]
	switch {
	case !orderKey.MatchString(in.Reference), (in.IBAN == "") == (in.Card == ""),
		utf8.RuneCountInString(in.Note) > maxTransferText, utf8.RuneCountInString(in.Holder) > maxTransferText:
		return "", codeBadOrder
	case !known, rail.card != (in.Card != ""):
		return "", codeInvalidRail
	case in.Amount < rail.min, in.Amount > rail.max:
		return "", codeInvalidAmount
	case rail.card:
		if len(in.Card) != 16 || !money.Luhn(in.Card) {
			return "", codeInvalidCard
		}
		return maskCard(in.Card), ""
	}
	iban, err := money.ParseIBAN(in.IBAN)
	if err != nil || string(iban) != in.IBAN { // on this wire it has one form
		return "", codeInvalidIBAN
	}
	return iban.Masked(), ""
}

// sendTransfer takes an order, or says why not.
func (s *Server) sendTransfer(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in transferRequest
	if err := json.Unmarshal(body, &in); err != nil {
		s.write(w, r, no(codeBadOrder))
		return
	}
	rules := s.rules.get().Payout
	s.serveSide(w, r, "payout", rules.RuleSet, opSend, in.Reference, func(refusal string) reply {
		to, wrong := in.check()
		switch {
		case wrong != "":
			return no(wrong)
		case refusal == "" && hits(rules.Exhausted):
			return no(codeNoFunds)
		}
		order := Transfer{Reference: in.Reference, Rail: in.Rail, To: to, Amount: in.Amount, Holder: in.Holder, Note: in.Note}
		got, fresh, err := s.payouts.order(order, s.book.now(), func(t *Transfer) { t.decide(rules, refusal) })
		switch {
		case errors.Is(err, errDuplicateRef):
			return no(codeDuplicateRef)
		case err != nil:
			s.log.Error("send money", "error", err)
			return no(codeUnsure)
		}
		out := reply{code: http.StatusOK, body: presentTransfer(got)}
		switch got.State {
		case transferFailed:
			out = no(got.Code)
		case transferAccepted:
			out.code = http.StatusAccepted
		}
		out.effect = fresh
		return out
	})
}

// decide says what becomes of a new order.
func (t *Transfer) decide(rules PayoutRules, refusal string) {
	back := hits(rules.Return)
	switch {
	case refusal != "":
		t.State, t.Code = transferFailed, refusal
		return
	case t.Rail == "card" && !back:
		t.State = transferSettled
		return
	}
	t.State, t.Then, t.Due = transferAccepted, transferSettled, t.At.Add(orElse(rules.Cycle, defaultCycle))
	if back {
		t.Then = transferReturned
	}
}

// transferPresent is a transfer as the bank tells of it.
type transferPresent struct {
	Reference  string    `json:"reference"`
	State      string    `json:"state"`
	ID         string    `json:"id"`
	TrackingID string    `json:"tracking_id,omitempty"`
	Due        time.Time `json:"due,omitzero"`
	Code       string    `json:"code,omitempty"`
	At         time.Time `json:"at"`
}

func presentTransfer(t Transfer) transferPresent {
	return transferPresent{t.Reference, t.State, t.ID, t.TrackingID, t.Due, t.Code, t.At}
}

// inquireTransfer tells what became of an order.
func (s *Server) inquireTransfer(w http.ResponseWriter, r *http.Request) {
	reference := r.PathValue("reference")
	s.serveSide(w, r, "payout", s.rules.get().Payout.RuleSet, opInquire, reference, func(refusal string) reply {
		if refusal != "" {
			return no(codeForbidden) // the question is refused; that says nothing about the order
		}
		got, found := s.payouts.find(reference, s.book.now())
		if !found {
			return no(codeNoSuchOrder)
		}
		return reply{code: http.StatusOK, body: presentTransfer(got)}
	})
}
