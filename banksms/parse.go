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
	switch {
	case isSecret(r.Normal):
		r.Secret, r.Reason, r.Normal = true, ReasonSecret, ""
		return r
	case len(r.Normal) > longest:
		r.Reason = ReasonLayout
		return r
	}
	t, caught, ok := findTemplate(r.Normal, r.Bank)
	if !ok {
		return readLoosely(r, received)
	}
	if from == "" {
		r.Bank = t.bank
	}
	r.read(caught, received)
	if r.Reason == "" {
		r.Reason = senderReason(kind, from, t.bank)
	}
	r.Settles = r.Reason == ""
	return r
}

// findTemplate looks for a template that fits: among those of the bank, then of another bank that the text names, then
// among all whose layout tells the bank.
func findTemplate(normal string, bank Bank) (template, captures, bool) {
	if t, caught, ok := templateOf(bank, normal); ok {
		return t, caught, true
	}
	if named, ok := bankIn(normal); ok {
		if named == bank {
			return template{}, nil, false
		}
		return templateOf(named, normal)
	}
	for _, t := range templates {
		if t.shape == nil || !t.shape.MatchString(normal) {
			continue
		}
		if caught, ok := t.match(normal); ok {
			return t, caught, true
		}
	}
	return template{}, nil, false
}

func templateOf(bank Bank, normal string) (template, captures, bool) {
	for _, t := range templates {
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
func (r *Reading) read(c captures, received time.Time) {
	words := strings.Join(append(c["word"], c["note"]...), "\n")
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
	r.decide(directionOf(c), words)
	r.readAccount(c, words)
	if r.Type == Deposit {
		r.readPayer(c, words)
	}
}

// readAccount takes the printed account. One that is masked throughout says less than the tail of our card. What money
// left «from» is ours only when it left.
func (r *Reading) readAccount(c captures, words string) {
	r.Account = c.last("account")
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

var ourCard = regexp.MustCompile(`با ?کارت(?: شماره)? ?:? ?[*Xx]*(\d{4})(?:\D|$)`)
