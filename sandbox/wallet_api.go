package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/paysaga/paysaga/money"
)

// The API of the bank that rents out static accounts: a reference has one account for good, and what arrived on an
// account is listed page by page, oldest first.

// Errors of this bank, beside those of the other sides.
const (
	codeNoSuchAccount = "no_such_account"
	codeNoSuchDeposit = "no_such_deposit"
)

const (
	maxHolder       = 100 // letters
	walletPage      = 50  // deposits of a list that names no limit
	maxWalletPage   = 200
	sideWallet      = "wallet"
	opWalletNotify  = "notify"
	walletNotifyURL = "/v1/wallet/notify"
)

// openAccount gives out the account of a reference.
func (s *Server) openAccount(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in struct {
		Reference string `json:"reference"`
		Holder    string `json:"holder"`
	}
	if err := json.Unmarshal(body, &in); err != nil || !orderKey.MatchString(in.Reference) || utf8.RuneCountInString(in.Holder) > maxHolder {
		s.write(w, r, no(codeBadOrder))
		return
	}
	s.serveSide(w, r, sideWallet, s.rules.get().Wallet.RuleSet, opOpen, in.Reference, func(refusal string) reply {
		got, fresh, err := s.wallets.open(in.Reference, in.Holder, s.book.now(), refusal != "")
		switch {
		case errors.Is(err, errNoAccount):
			return no(refusal)
		case err != nil:
			s.log.Error("open account", "error", err)
			return no(codeUnsure)
		}
		return reply{code: http.StatusOK, body: got, effect: fresh}
	})
}

// arrivedMoney is a deposit as the bank tells of it.
type arrivedMoney struct {
	ID         string     `json:"id"`
	Amount     money.Rial `json:"amount"`
	From       string     `json:"from"`
	TrackingID string     `json:"tracking_id"`
	At         time.Time  `json:"at"`
}

// listDeposits lists what arrived on an account after the deposit ?after=, at most ?limit=.
func (s *Server) listDeposits(w http.ResponseWriter, r *http.Request) {
	iban, query := r.PathValue("iban"), r.URL.Query()
	s.serveSide(w, r, sideWallet, s.rules.get().Wallet.RuleSet, opDeposits, iban, func(refusal string) reply {
		if refusal != "" {
			return no(codeForbidden) // the question is refused; that says nothing about the account
		}
		limit, ok := readLimit(query.Get("limit"))
		if !ok {
			return no(codeBadOrder)
		}
		deposits, err := s.wallets.after(iban, query.Get("after"), limit)
		switch {
		case errors.Is(err, errNoAccount):
			return no(codeNoSuchAccount)
		case errors.Is(err, errNoDeposit):
			return no(codeNoSuchDeposit)
		}
		out := make([]arrivedMoney, 0, len(deposits))
		for _, d := range deposits {
			out = append(out, arrivedMoney{d.ID, d.Amount, d.From, d.TrackingID, d.At})
		}
		return reply{code: http.StatusOK, body: map[string]any{"iban": iban, "deposits": out}}
	})
}

func readLimit(text string) (int, bool) {
	if text == "" {
		return walletPage, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n > 0 && n <= maxWalletPage
}
