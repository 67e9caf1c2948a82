package banksms

import (
	"regexp"
	"strings"
	"time"
)

// longest is the longest normalised text that is looked at, in bytes: ten joined messages, and some more.
const longest = 2048

// Parse reads one message. With an empty sender the layout alone decides. received is when the message arrived: it
// completes dates that lack a year. The text is judged in this order: credentials first, then the templates of the
// bank, last the fallback for people.
func Parse(sender, text string, received time.Time) Reading {
	r := Reading{Type: Other, Normal: normalise(text)}
	from, kind := identify(sender)
	r.Bank = from
	if from == "" {
		r.Bank, _ = bankIn(r.Normal)
	}
	body := withoutAdvice(r.Normal)
	switch {
	case isSecret(body):
		return r.secret()
	case len(body) > longest:
		r.Reason = ReasonLayout
		return r
	}
	left := ""
	if t, caught, ok := findTemplate(body, r.Bank); ok && !isRequest(caught) {
		left = caught.unexplained()
		if from == "" {
			r.Bank = t.bank
		}
		r.read(caught, directionOf(caught), caught.words(), received)
		if r.Reason == "" {
			r.Reason = senderReason(kind, from, t.bank)
		}
		r.Settles = r.Reason == ""
	} else {
		r, left = readLoosely(r, body, received)
	}
	if body != r.Normal && bareCode.MatchString(left) { // advice about a code that stands beside it
		return r.secret()
	}
	return r
}

// secret is all that is kept of a text that delivers a password.
func (r Reading) secret() Reading {
	return Reading{Bank: r.Bank, Type: Other, Secret: true, Reason: ReasonSecret}
}

// isRequest says whether the free words of a credit ask for something: then it is a shop's text, not a bank's.
func isRequest(c captures) bool {
	return directionOf(c) == credit && noTransaction.MatchString(strings.Join(c["note"], "\n"))
}

// findTemplate looks for a template that fits: among those of the bank, then of another bank that the text names, then
// among all whose layout tells the bank, last among the layouts that banks share.
func findTemplate(normal string, bank Bank) (template, captures, bool) {
	if atop, ok := bankAtop(normal); ok && atop != bank { // the sender is another bank
		bank = ""
	}
	if t, caught, ok := templateOf(templates, bank, normal); ok {
		return t, caught, true
	}
	if named, ok := bankIn(normal); ok && named != bank {
		for _, list := range [...][]template{templates, shared} {
			if t, caught, ok := templateOf(list, named, normal); ok {
				return t, caught, true
			}
		}
	}
	// A bank that is named further down may be the payer's.
	if first, _, _ := strings.Cut(normal, "\n"); !bankNamedIn(first) {
		for _, t := range templates {
			if t.shape == nil || !t.shape.MatchString(normal) {
				continue
			}
			if caught, ok := t.match(normal); ok {
				return t, caught, true
			}
		}
	}
	return templateOf(shared, bank, normal)
}

func bankNamedIn(line string) bool {
	_, ok := bankIn(line)
	return ok
}

func templateOf(list []template, bank Bank, normal string) (template, captures, bool) {
	for _, t := range list {
		if t.bank == bank {
			if caught, ok := t.match(normal); ok {
				return t, caught, true
			}
		}
	}
	return template{}, nil, false
}

func senderReason(kind senderKind, from, bank Bank) string {
	switch {
	case kind == senderPhone:
		return ReasonPhone
	case kind == senderUnknown:
		return ReasonSender
	case kind == senderBank && from != bank:
		return ReasonOtherBank
	}
	return ""
}

// read fills in what a template caught.
func (r *Reading) read(c captures, d direction, words string, received time.Time) {
	if notDone.MatchString(words) {
		r.Reason = ReasonNotMoney
		return
	}
	var ok bool
	if r.Amount, ok = figure(c.last("amount"), c.last("unit")); !ok {
		r.Amount = 0
	}
	if balance, ok := figure(c.last("balance"), c.last("balunit")); ok {
		if c.last("balsign") == "-" {
			balance = -balance
		}
		r.Balance = &balance
	}
	r.At, r.HasDate, r.HasTime = instant(c.last("date"), c.last("time"), received)
	r.decide(d, words)
	r.readAccount(c, words)
	if r.Type == Deposit {
		r.readPayer(c, words)
	}
}

// readAccount takes the printed account. One that is masked throughout says less than the tail of our card. What money
// went «from» is not ours when it came in.
func (r *Reading) readAccount(c captures, words string) {
	r.Account = c.last("account")
	switch {
	case r.Account != "":
	case r.Type == Deposit:
		r.Account = cardAsPrinted(c.last("to"))
	default:
		r.Account = c.last("off")
	}
	if strings.ContainsAny(r.Account, "0123456789") {
		return
	}
	if m := ourCard.FindStringSubmatch(words); m != nil {
		r.Account = m[1]
	} else if from := c.last("from"); r.Account == "" && from != "" && r.Type == Withdraw {
		r.Account = cardAsPrinted(from)
	}
}

// readPayer takes the card the money came from.
func (r *Reading) readPayer(c captures, words string) {
	if card := c.last("payer") + c.last("from"); card != "" {
		r.PayerCard = cardAsPrinted(card)
		return
	}
	r.PayerCard = payerCard(words)
}

// decide sets the type and the reason that the text itself gives.
func (r *Reading) decide(d direction, words string) {
	switch {
	case d == debit:
		r.Type, r.Reason = Withdraw, ReasonWithdrawal
	case d == conflict:
		r.Reason = ReasonConflict
	case notCustomer.MatchString(words):
		r.Reason = ReasonNotCustomer
	case d == unknown:
		r.Reason = ReasonDirection
	case r.Amount == 0:
		r.Reason = ReasonNoAmount
	default:
		r.Type = Deposit
	}
}

var ourCard = regexp.MustCompile(`(?:با|خرید ?:?) ?کارت(?: شماره)? ?:? ?[*Xx]*(\d{4})(?:\D|$)`)
