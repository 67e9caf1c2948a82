package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/paysaga/paysaga/money"
)

// How a message can go wrong, as the page's list offers it.
var phoneWays = []struct{ Value, Title string }{
	{"now", "واریز، پیامک همین حالا"},
	{"late", "واریز، پیامک با چهل دقیقه تأخیر"},
	{"twice", "واریز، همان پیامک دو بار"},
	{"wrong", "واریز اشتباه، ده برابر مبلغ"},
	{"reversed", "اصلاحیه یا سند برگشت بانک"},
	{"withdraw", "برداشت همین مبلغ"},
	{"spoof", "واریز، پیامک از شماره‌ای دیگر"},
	{"lost", "واریز، پیامک گم می‌شود"},
}

const (
	spoofSender = "+989121234567"
	shownMoves  = 20
)

// phoneScreen is what the page shows. It repeats what was chosen, but never a typed card number.
type phoneScreen struct {
	Banks  []smsBank
	Lines  []phoneLine
	Ways   []struct{ Value, Title string }
	Chosen phoneChoice
	Error  string
	Report *PhoneReport
	Moves  []phoneMove
}

// phoneMove is a movement as the page's table shows it.
type phoneMove struct{ Deposit }

func (m phoneMove) BankTitle() string { return smsBankTitle(m.Bank) }
func (m phoneMove) KindTitle() string { return kindTitle(m.Kind) }

type phoneLine struct {
	Number       string // from 1
	Bank, Masked string
}

type phoneChoice struct{ Bank, Line, Amount, Way string }

func (b smsBank) Slug() string  { return b.slug }
func (b smsBank) Title() string { return b.title }

// phonePage shows the form.
func (s *Server) phonePage(w http.ResponseWriter, _ *http.Request) {
	s.showPhone(w, http.StatusOK, phoneScreen{Chosen: phoneChoice{Amount: "11385", Way: "now", Line: "1"}})
}

func (s *Server) showPhone(w http.ResponseWriter, status int, screen phoneScreen) {
	screen.Banks, screen.Ways = smsBanks, phoneWays
	for i, line := range s.phone.lines {
		screen.Lines = append(screen.Lines, phoneLine{strconv.Itoa(i + 1), smsBankTitle(line.Bank), maskCard(line.Card)})
	}
	moves := s.phone.book.list(func(*Deposit) bool { return true })
	slices.Reverse(moves)
	for _, d := range moves[:min(len(moves), shownMoves)] {
		screen.Moves = append(screen.Moves, phoneMove{d})
	}
	s.show(w, status, "phone.html", screen)
}

// phoneForm does what the form asks and shows the message with the API's answers.
func (s *Server) phoneForm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.fail(w, http.StatusBadRequest, "فرم خوانده نشد.")
		return
	}
	form := r.PostForm
	screen := phoneScreen{Chosen: phoneChoice{form.Get("bank"), form.Get("line"), form.Get("amount"), form.Get("way")}}
	in, err := s.phone.readForm(form)
	if err != nil {
		screen.Error = err.Error()
		s.showPhone(w, http.StatusBadRequest, screen)
		return
	}
	e, report, err := s.phone.begin(in)
	if err != nil {
		screen.Error = err.Error()
		s.showPhone(w, s.phoneStatus(err), screen)
		return
	}
	if e.delay > s.phone.patience { // only a rule delays what this page sends
		report.Scheduled, report.SendsAt = true, s.phone.now().Add(e.delay)
		s.running.Go(func() { s.phone.deliver(s.closing, e, report) })
	} else {
		report = s.phone.deliver(s.closing, e, report)
	}
	screen.Report = &report
	s.showPhone(w, http.StatusOK, screen)
}

var withoutCommas = strings.NewReplacer(",", "", "٬", "", " ", "")

// readForm turns the page's fields into what POST /phone takes.
func (p *phone) readForm(form url.Values) (PhoneRequest, error) {
	amount, err := strconv.ParseInt(withoutCommas.Replace(money.LatinDigits(form.Get("amount"))), 10, 64)
	if err != nil || amount < 1 || money.Rial(amount) > maxMove {
		return PhoneRequest{}, errors.New("مبلغ باید عددی بزرگ‌تر از صفر باشد.")
	}
	in := PhoneRequest{Bank: form.Get("bank"), Amount: amount, Card: form.Get("card"), PayerCard: form.Get("payer_card")}
	if in.Card == "" {
		line, err := strconv.Atoi(form.Get("line"))
		if err != nil || line < 1 || line > len(p.lines) {
			return PhoneRequest{}, errors.New("کارت مقصد را انتخاب کنید یا بنویسید.")
		}
		in.Card = p.lines[line-1].Card
	}
	switch way := form.Get("way"); way {
	case "now", "":
	case "late":
		in.Ago = "40m"
	case "twice":
		in.Times = 2
	case "wrong":
		in.Amount *= 10
	case "reversed":
		in.Kind = kindReversal
	case "withdraw":
		in.Kind = kindWithdraw
	case "spoof":
		in.Sender = spoofSender
	case "lost":
		in.Lost = true
	default:
		return PhoneRequest{}, fmt.Errorf("حالت %q شناخته نشد.", way)
	}
	if in.Kind != "" {
		in.PayerCard = "" // nobody paid
	}
	return in, nil
}

// Said is the API's answer as text.
func (s SentSMS) Said() string {
	switch body := s.Body.(type) {
	case json.RawMessage:
		return string(body)
	case string:
		return body
	}
	return s.Error
}

func kindTitle(kind string) string {
	switch kind {
	case kindDeposit:
		return "واریز"
	case kindWithdraw:
		return "برداشت"
	case kindReversal:
		return "اصلاحیه"
	}
	return kind
}

// smsBankTitle is a bank's name in Persian.
func smsBankTitle(slug string) string {
	if bank, ok := findSMSBank(slug); ok {
		return bank.title
	}
	return slug
}
