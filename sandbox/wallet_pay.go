package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/paysaga/paysaga/money"
)

// Somebody pays into a static account. The bank may tell our API that something came, without a signature: who hears
// it asks the bank itself.

// WalletRequest is money that arrives on an account. Amount is rial. One of IBAN and Reference is required.
type WalletRequest struct {
	IBAN      string `json:"iban"`
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"` // rial
	From      string `json:"from"`   // a card or an IBAN, whole or masked; may be empty
	Times     int    `json:"times"`  // so many notifications of the one deposit; default 1
	Notify    *bool  `json:"notify"` // default true
}

// WalletReport is what happened.
type WalletReport struct {
	WalletDeposit
	Notified []Notified `json:"notified"`
	Rules    []string   `json:"rules,omitempty"` // of PUT /rules, played on the notification
}

// Notified is how the API answered one notification.
type Notified struct {
	Status int    `json:"status"` // 0 = no answer
	Body   string `json:"body,omitempty"`
	Error  string `json:"error,omitempty"`
}

// postWalletDeposit is of the control API: it books money that arrived, notifies our API, and answers what that said.
func (s *Server) postWalletDeposit(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in WalletRequest
	if err := decode(body, &in); err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	report, err := s.payIn(r.Context(), in)
	switch {
	case errors.Is(err, context.Canceled): // the caller left; the money and its notification go their way
	case err != nil:
		writeError(w, s.walletStatus(err), err.Error())
	default:
		writeJSON(w, http.StatusOK, report)
	}
}

func (s *Server) walletStatus(err error) int {
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, errNoAccount):
		return http.StatusNotFound
	}
	s.log.Error("wallet", "error", err)
	return http.StatusInternalServerError
}

// payIn books one deposit and notifies our API of it, also when ctx ends meanwhile.
func (s *Server) payIn(ctx context.Context, in WalletRequest) (WalletReport, error) {
	account, from, err := s.readPayIn(in)
	if err != nil {
		return WalletReport{}, err
	}
	d, err := s.wallets.deposit(WalletDeposit{IBAN: account.IBAN, Amount: money.Rial(in.Amount), From: from}, s.book.now())
	if err != nil {
		return WalletReport{}, err
	}
	report := WalletReport{WalletDeposit: d, Notified: []Notified{}}
	if in.Notify != nil && !*in.Notify {
		return report, nil
	}
	times, played := s.rules.get().Wallet.play(max(in.Times, 1))
	report.Rules = played
	done := make(chan []Notified, 1)
	s.running.Go(func() { done <- s.notify(s.closing, account.IBAN, times, strings.Join(played, " ")) })
	select {
	case sent := <-done:
		report.Notified = append(report.Notified, sent...)
		return report, nil
	case <-ctx.Done():
		return WalletReport{}, ctx.Err()
	}
}

// readPayIn checks a request and finds its account.
func (s *Server) readPayIn(in WalletRequest) (account WalletAccount, from string, err error) {
	iban := ""
	if in.IBAN != "" {
		read, err := money.ParseIBAN(in.IBAN)
		if err != nil {
			return WalletAccount{}, "", badRequest{fmt.Errorf("iban: %w", err)}
		}
		iban = string(read)
	}
	switch {
	case (in.IBAN == "") == (in.Reference == ""):
		return WalletAccount{}, "", badRequest{errors.New("use either iban or reference")}
	case in.Amount < 1 || money.Rial(in.Amount) > maxMove:
		return WalletAccount{}, "", badRequest{fmt.Errorf("amount: must be from 1 to %d rial, not %d", maxMove, in.Amount)}
	case in.Times < 0 || in.Times > maxTimes:
		return WalletAccount{}, "", badRequest{fmt.Errorf("times: must be from 1 to %d, not %d", maxTimes, in.Times)}
	}
	if from, err = readSender(in.From); err != nil {
		return WalletAccount{}, "", badRequest{fmt.Errorf("from: %w", err)}
	}
	account, ok := s.wallets.find(iban, in.Reference)
	if !ok {
		return WalletAccount{}, "", errNoAccount
	}
	return account, from, nil
}

var maskedIBAN = regexp.MustCompile(`^IR\d{5}\*{15}\d{4}$`)

// readSender masks the card or the account that paid.
func readSender(text string) (string, error) {
	if text == "" || maskedCard.MatchString(text) || maskedIBAN.MatchString(text) {
		return text, nil
	}
	if iban, err := money.ParseIBAN(text); err == nil {
		return iban.Masked(), nil
	}
	card, err := readCard(text)
	if err != nil {
		return "", errors.New("must be a card number or an IBAN, whole or masked")
	}
	return maskCard(card), nil
}

// notify tells our API so often that something came to an account.
func (s *Server) notify(ctx context.Context, iban string, times int, rule string) []Notified {
	sent := make([]Notified, 0, times)
	for range times {
		answer, err := s.postNotification(ctx, iban)
		if err != nil {
			answer.Error = err.Error()
			s.log.Warn("wallet not notified", "error", err)
		}
		s.calls.add(Call{At: s.book.now(), Bank: sideWallet, Op: opWalletNotify, Key: iban, Answer: answer.Status, Rule: rule})
		sent = append(sent, answer)
	}
	if times == 0 {
		s.calls.add(Call{At: s.book.now(), Bank: sideWallet, Op: opWalletNotify, Key: iban, Rule: rule})
	}
	return sent
}

// postNotification makes one call of our API.
func (s *Server) postNotification(ctx context.Context, iban string) (Notified, error) {
	body, err := json.Marshal(map[string]string{"iban": iban})
	if err != nil {
		return Notified{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.api.JoinPath(walletNotifyURL).String(), bytes.NewReader(body))
	if err != nil {
		return Notified{}, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "paysaga-sandbox-wallet/1")
	res, err := s.callback.Do(req)
	if err != nil {
		return Notified{}, fmt.Errorf("notify: %w", err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return Notified{Status: res.StatusCode}, fmt.Errorf("read answer: %w", err)
	}
	return Notified{Status: res.StatusCode, Body: strings.ToValidUTF8(string(raw), "")}, nil
}
