package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Phone is a line of the merchants' phones: a card that money comes to, the account its bank names in
// text messages, and the API key the messages are forwarded with.
type Phone struct {
	Card    string // 16 digits
	Bank    string // slug, as in POST /phone
	Account string // as the bank prints it; empty = invented from the card
	Token   string
}

// PhoneRequest asks a bank to move money on an account and a phone to forward the bank's text message.
// Amount is in rial. Only Amount is required.
type PhoneRequest struct {
	Bank      string `json:"bank"`       // slug; default: the card's
	Amount    int64  `json:"amount"`     // rial
	Card      string `json:"card"`       // destination; default: the bank's first line
	PayerCard string `json:"payer_card"` // whole or 603799******1234; deposits only
	Kind      string `json:"kind"`       // deposit (default), withdraw, reversal
	Ago       string `json:"ago"`        // the bank's printed time lies so far back, "40m"
	Delay     string `json:"delay"`      // the phone forwards so much later, "5s"
	Wait      bool   `json:"wait"`       // answer after the delay, however long
	Times     int    `json:"times"`      // forward the same text so often; default 1
	Replay    bool   `json:"replay"`     // … with one message id, as a forwarder that repeats itself; else each is new
	Lost      bool   `json:"lost"`       // the movement happens, its message never arrives
	Sender    string `json:"sender"`     // default: the bank's
	Token     string `json:"token"`      // default: the line's
}

// PhoneReport is what happened. Text is the bank's message, with the payer's card when the bank tells it.
type PhoneReport struct {
	ID        int64      `json:"id"` // in the book's deposits
	Bank      string     `json:"bank"`
	Account   string     `json:"account"`
	Text      string     `json:"text"`
	Sender    string     `json:"sender"`
	Balance   money.Rial `json:"balance"`
	At        time.Time  `json:"at"` // as printed, UTC
	Sent      []SentSMS  `json:"sent"`
	Rules     []string   `json:"rules,omitempty"` // of PUT /rules, played on this message
	Scheduled bool       `json:"scheduled,omitempty"`
	SendsAt   time.Time  `json:"sends_at,omitzero"`
}

// SentSMS is how the API answered one text message.
type SentSMS struct {
	Status int    `json:"status"` // 0 = no answer
	Body   any    `json:"body,omitempty"`
	Error  string `json:"error,omitempty"`
}

const (
	maxPhoneWait    = time.Hour
	defaultPatience = 2 * time.Second
	maxHeldAnswer   = 50 * time.Second // a server gives up writing after a minute
	maxTimes        = 100
	maxMove         = money.Rial(1_000_000_000_000)
)

// phone is all phones of all merchants.
type phone struct {
	lines    []Phone
	book     *phoneBook
	api      *url.URL
	client   *http.Client
	now      func() time.Time
	rules    func() SMSRules
	log      *slog.Logger
	patience time.Duration // longer delays are not waited for by the caller
}

// checkLines reads the lines of the configuration.
func checkLines(in []Phone) ([]Phone, error) {
	var out []Phone
	for i, line := range in {
		bank, ok := findSMSBank(line.Bank)
		if !ok {
			return nil, fmt.Errorf("phone %d: unknown bank %q", i+1, line.Bank)
		}
		card, err := readCard(line.Card)
		if err != nil {
			return nil, fmt.Errorf("phone %d: card: %w", i+1, err)
		}
		line.Bank, line.Card = bank.slug, card
		if line.Account == "" {
			line.Account = bank.accountOf(card)
		}
		out = append(out, line)
	}
	return out, nil
}

// errand is a request that was understood.
type errand struct {
	bank          *smsBank
	line          Phone
	kind, payer   string
	amount        money.Rial
	ago, delay    time.Duration
	wait          bool
	times         int
	replay, lost  bool
	sender, token string
}

// postPhone moves money, forwards the bank's message, and answers with the API's answers.
func (s *Server) postPhone(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	var in PhoneRequest
	err := decode(body, &in)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	e, report, err := s.phone.begin(in)
	if err != nil {
		writeError(w, s.phoneStatus(err), err.Error())
		return
	}
	if e.delay > s.phone.patience && !e.wait && !e.lost {
		report.Scheduled, report.SendsAt = true, s.phone.now().Add(e.delay)
		s.running.Go(func() { s.phone.deliver(s.closing, e, report) })
		writeJSON(w, http.StatusAccepted, report)
		return
	}

	// The phone goes on when the caller leaves.
	done := make(chan PhoneReport, 1)
	s.running.Go(func() { done <- s.phone.deliver(s.closing, e, report) })
	select {
	case end := <-done:
		writeJSON(w, http.StatusOK, end)
	case <-r.Context().Done():
	}
}

func (s *Server) phoneStatus(err error) int {
	var bad badRequest
	switch {
	case errors.As(err, &bad):
		return http.StatusBadRequest
	case errors.Is(err, errNoFunds):
		return http.StatusConflict
	}
	s.log.Error("phone", "error", err)
	return http.StatusInternalServerError
}

// begin checks a request, does the movement and composes the bank's message.
func (p *phone) begin(in PhoneRequest) (errand, PhoneReport, error) {
	e, err := p.understand(in)
	if err != nil {
		return errand{}, PhoneReport{}, badRequest{err}
	}
	played := p.rules().play(&e)
	d, err := p.book.move(Deposit{
		Bank: e.bank.slug, Card: maskCard(e.line.Card), Account: e.line.Account, Amount: e.amount, Kind: e.kind,
		At: p.now().Add(-e.ago).Truncate(time.Second),
	})
	if err != nil {
		return errand{}, PhoneReport{}, err
	}
	text := e.bank.text(sms{
		kind: e.kind, amount: e.amount, balance: d.Balance, account: d.Account, card: e.line.Card, payer: e.payer,
		at: toJalali(d.At), id: d.ID,
	})
	return e, PhoneReport{
		ID: d.ID, Bank: d.Bank, Account: d.Account, Text: text, Sender: e.sender, Balance: d.Balance, At: d.At, Sent: []SentSMS{}, Rules: played,
	}, nil
}

// understand reads a request and fills in what it leaves open.
func (p *phone) understand(in PhoneRequest) (errand, error) {
	e := errand{
		kind: in.Kind, amount: money.Rial(in.Amount), wait: in.Wait, times: max(in.Times, 1), replay: in.Replay, lost: in.Lost,
		sender: in.Sender, token: in.Token,
	}
	var err error
	if e.line, e.bank, err = p.destination(in.Bank, in.Card); err != nil {
		return errand{}, err
	}
	if e.ago, err = phoneDuration(in.Ago); err != nil {
		return errand{}, fmt.Errorf("ago: %w", err)
	}
	if e.delay, err = phoneDuration(in.Delay); err != nil {
		return errand{}, fmt.Errorf("delay: %w", err)
	}
	if e.kind == "" {
		e.kind = kindDeposit
	}
	if e.sender == "" {
		e.sender = e.bank.sender
	}
	if e.token == "" {
		e.token = e.line.Token
	}
	switch {
	case e.amount < 1 || e.amount > maxMove:
		return errand{}, fmt.Errorf("amount: must be from 1 to %d rial, not %d", maxMove, in.Amount)
	case e.bank.slug == "ayandeh" && e.amount%10 != 0:
		return errand{}, fmt.Errorf("amount: %s prints toman, so it must be a multiple of 10 rial", e.bank.slug)
	case !slices.Contains(smsKinds, e.kind):
		return errand{}, fmt.Errorf("kind: unknown %q; use one of %s", e.kind, strings.Join(smsKinds, ", "))
	case in.Times < 0 || in.Times > maxTimes:
		return errand{}, fmt.Errorf("times: must be from 1 to %d, not %d", maxTimes, in.Times)
	case e.wait && e.delay > maxHeldAnswer:
		return errand{}, fmt.Errorf("wait: nobody waits for a delay above %s", maxHeldAnswer)
	case e.token == "" && !e.lost:
		return errand{}, errors.New("token: missing; this sandbox has no phone lines")
	}
	if e.payer, err = readPayer(in.PayerCard, e.kind); err != nil {
		return errand{}, fmt.Errorf("payer_card: %w", err)
	}
	return e, nil
}

// destination finds the line and the bank that money goes to.
func (p *phone) destination(bankSlug, cardText string) (Phone, *smsBank, error) {
	var bank *smsBank
	if bankSlug != "" {
		var ok bool
		if bank, ok = findSMSBank(bankSlug); !ok {
			return Phone{}, nil, fmt.Errorf("bank: unknown %q; use one of %s", bankSlug, smsBankSlugs())
		}
	}
	if cardText == "" {
		i := slices.IndexFunc(p.lines, func(l Phone) bool { return bank == nil || l.Bank == bank.slug })
		if i < 0 {
			return Phone{}, nil, errors.New("card: missing; the phone has no line at this bank")
		}
		bank, _ = findSMSBank(p.lines[i].Bank)
		return p.lines[i], bank, nil
	}

	card, err := readCard(cardText)
	if err != nil {
		return Phone{}, nil, fmt.Errorf("card: %w", err)
	}
	for _, line := range p.lines {
		if line.Card != card {
			continue
		}
		if bank != nil && bank.slug != line.Bank {
			return Phone{}, nil, fmt.Errorf("bank: this card is at %s, not %s", line.Bank, bank.slug)
		}
		bank, _ = findSMSBank(line.Bank)
		return line, bank, nil
	}

	if bank == nil {
		var ok bool
		if bank, ok = smsBankOfCard(card); !ok {
			return Phone{}, nil, fmt.Errorf("bank: missing; the card's first digits are not known. Use one of %s", smsBankSlugs())
		}
	}
	line := Phone{Card: card, Bank: bank.slug, Account: bank.accountOf(card)}
	if len(p.lines) > 0 {
		line.Token = p.lines[0].Token
	}
	return line, bank, nil
}

var maskedCard = regexp.MustCompile(`^\d{6}\*{6}\d{4}$`)

// readPayer reads the card that paid, whole or masked.
func readPayer(text, kind string) (string, error) {
	switch {
	case text == "":
		return "", nil
	case kind != kindDeposit:
		return "", fmt.Errorf("only a %s has one", kindDeposit)
	case maskedCard.MatchString(text):
		return text, nil
	}
	return readCard(text)
}

func phoneDuration(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > maxPhoneWait {
		return 0, fmt.Errorf(`must be a duration like "30s", at most 1h, not %q`, text)
	}
	return d, nil
}

// deliver waits and forwards the message, unless it is lost or the sandbox closes.
func (p *phone) deliver(ctx context.Context, e errand, report PhoneReport) PhoneReport {
	if e.lost || !pause(ctx, e.delay) {
		return report
	}
	report.Sent = p.forward(ctx, e, report)
	return report
}

// pause waits, and says whether it was let to the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
