package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Saman (SEP): JSON without credentials but the terminal's number, a receipt that only the payer's browser
// brings, and two calls about it.

const samanTerminal = 20150001

// ResultCodes. What the guide has no code for is answered by the nearest.
const (
	samanOK        = 0
	samanAgain     = 2
	samanReversed  = 5
	samanNotFound  = -2
	samanLate      = -6
	samanNobody    = -105
	samanOddity    = -1     // in no guide
	samanReceiptOf = "Gm+/" // before the transaction
)

func samanWire() wire {
	return wire{
		style: style{
			bank: "saman",
			refuse: func(op string) reply {
				if op == opToken {
					return samanNoToken("5")
				}
				return samanCode(samanLate) // "not found" would say that there is no money
			},
			unknown: func(op string) reply {
				if op == opToken {
					return samanNoToken("99")
				}
				return samanCode(samanOddity)
			},
			inside: func(string) reply {
				return reply{code: http.StatusOK, body: map[string]any{"Message": "An error has occurred."}}
			},
		},
		blind:   true,
		terms:   terms{reverse: 30 * time.Minute, cancel: 50 * time.Minute, noSettlement: true},
		account: map[string]string{"terminal_id": strconv.Itoa(samanTerminal)},
		routes: func(t *teller) {
			s := samanTeller{t}
			t.handle("POST", "/onlinepg/onlinepg", s.token)
			t.handle("POST", "/OnlinePG/OnlinePG", func(w http.ResponseWriter, r *http.Request) { t.show(w, r.PostFormValue("Token"), "") })
			t.handle("GET", "/OnlinePG/SendToken", func(w http.ResponseWriter, r *http.Request) { t.show(w, r.FormValue("token"), "") })
			t.handle("POST", "/verifyTxnRandomSessionkey/ipg/VerifyTransaction", s.verify)
			t.handle("POST", "/verifyTxnRandomSessionkey/ipg/ReverseTransaction", s.reverse)
		},
		back: samanBack,
	}
}

func samanBack(c Charge) way {
	terminal, amount := strconv.Itoa(samanTerminal), strconv.FormatInt(int64(c.Amount), 10)
	fields := []field{
		{"MID", terminal}, {"TerminalId", terminal}, {"ResNum", strconv.FormatInt(c.Invoice, 10)}, {"Token", c.RefID},
		{"Amount", amount}, {"Wage", ""},
	}
	switch {
	case !c.PaidAt.IsZero():
		fields = append(fields, []field{
			{"State", "OK"}, {"Status", "2"}, {"RefNum", samanReceipt(c.Tran)}, {"RRN", c.RRN}, {"TraceNo", strconv.FormatInt(c.Tran%1_000_000, 10)},
			{"AffectiveAmount", amount}, {"SecurePan", c.Card}, {"HashedCardNumber", strings.Repeat("0", 64)},
		}...)
	case c.State == Declined:
		fields = append(fields, field{"State", "CanceledByUser"}, field{"Status", "1"}, field{"RefNum", ""})
	default:
		fields = append(fields, field{"State", "SessionIsNull"}, field{"Status", "4"}, field{"RefNum", ""})
	}
	return way{"post", fields}
}

// samanReceipt is a receipt's number, with all that makes escaping go wrong.
func samanReceipt(tran int64) string { return samanReceiptOf + strconv.FormatInt(tran, 10) + "==" }

func samanTran(receipt string) int64 {
	text, ok := strings.CutPrefix(receipt, samanReceiptOf)
	if !ok {
		return 0
	}
	tran, err := strconv.ParseInt(strings.TrimSuffix(text, "=="), 10, 64)
	if err != nil || samanReceipt(tran) != receipt {
		return 0
	}
	return tran
}

type samanTeller struct{ *teller }

func samanNoToken(code string) reply {
	return reply{code: http.StatusOK, body: map[string]any{"status": -1, "errorCode": code, "errorDesc": "error " + code}}
}

func samanCode(code int) reply {
	return reply{code: http.StatusOK, body: map[string]any{
		"TransactionDetail": nil, "ResultCode": code, "ResultDescription": "code " + strconv.Itoa(code), "Success": false,
	}}
}

func (s samanTeller) token(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Action      string      `json:"action"`
		TerminalID  string      `json:"TerminalId"`
		Amount      json.Number `json:"Amount"`
		ResNum      string      `json:"ResNum"`
		RedirectURL string      `json:"RedirectUrl"`
	}
	if !s.body(w, r, &in) {
		return
	}
	invoice, _ := strconv.ParseInt(in.ResNum, 10, 64)
	s.serve(w, r, opToken, invoice, func() reply {
		amount, err := in.Amount.Int64()
		_, badCallback := origin(in.RedirectURL)
		switch {
		case in.TerminalID != strconv.Itoa(samanTerminal):
			return samanNoToken("12")
		case in.Action != "token", err != nil, !goodAmount(amount), invoice <= 0, badCallback != nil, len(in.RedirectURL) > 2083:
			return samanNoToken("5")
		}
		charge, err := s.open(Charge{Invoice: invoice, Amount: money.Rial(amount), Callback: in.RedirectURL})
		switch {
		case errors.Is(err, errDuplicate):
			return samanNoToken("5")
		case err != nil:
			return samanNoToken("3")
		}
		return reply{code: http.StatusOK, effect: true, body: map[string]any{"status": 1, "token": charge.RefID}}
	})
}

// about serves a call about a receipt. A terminal sees its own only.
func (s samanTeller) about(w http.ResponseWriter, r *http.Request, op func(c Charge) string, do func(c Charge) reply) {
	var in struct {
		RefNum         string      `json:"RefNum"`
		TerminalNumber json.Number `json:"TerminalNumber"`
	}
	if !s.body(w, r, &in) {
		return
	}
	charge, _ := s.byTran(samanTran(in.RefNum))
	s.serve(w, r, op(charge), charge.Invoice, func() reply {
		charge, _ := s.byTran(samanTran(in.RefNum))
		switch {
		case in.TerminalNumber.String() != strconv.Itoa(samanTerminal):
			return samanCode(samanNobody)
		case charge.PaidAt.IsZero():
			return samanCode(samanNotFound)
		}
		return do(charge)
	})
}

// verify confirms a receipt as often as it is shown and never says to whom it belonged before.
func (s samanTeller) verify(w http.ResponseWriter, r *http.Request) {
	s.about(w, r, func(Charge) string { return opVerify }, func(c Charge) reply {
		got := s.act(opVerify, c.Tran)
		switch {
		case got.effect:
			out := samanDetail(got.charge, samanOK)
			out.effect, out.hang = true, got.hang
			return out
		case got.charge.State == Verified:
			return samanDetail(got.charge, samanAgain)
		case got.charge.ReturnedBy == "bank":
			return samanCode(samanLate)
		case got.charge.ReturnedBy != "":
			return samanCode(samanReversed)
		}
		return samanCode(samanOddity)
	})
}

// reverse takes verified money back, within its time.
func (s samanTeller) reverse(w http.ResponseWriter, r *http.Request) {
	op := func(c Charge) string {
		if c.State == Verified {
			return opCancel
		}
		return opReverse
	}
	s.about(w, r, op, func(c Charge) reply {
		switch c.State {
		case Paid: // not verified; the guide has no code for it
			return samanCode(samanNotFound)
		case Reversed, Refunded:
			return samanCode(samanReversed)
		case Cancelled:
			return samanDetail(c, samanAgain)
		}
		got := s.act(opCancel, c.Tran)
		if !got.effect {
			return samanCode(samanLate)
		}
		out := samanDetail(got.charge, samanOK)
		out.effect = true
		return out
	})
}

func samanDetail(c Charge, code int) reply {
	return reply{code: http.StatusOK, body: map[string]any{
		"TransactionDetail": map[string]any{
			"RRN": c.RRN, "RefNum": samanReceipt(c.Tran), "MaskedPan": c.Card, "HashedPan": strings.Repeat("0", 64), "TerminalNumber": samanTerminal,
			"OrginalAmount": c.Amount, "AffectiveAmount": c.Amount, "StraceDate": c.PaidAt.Format(time.DateTime), "StraceNo": strconv.FormatInt(c.Tran%1_000_000, 10),
		},
		"ResultCode": code, "ResultDescription": "code " + strconv.Itoa(code), "Success": code == samanOK,
	}}
}
