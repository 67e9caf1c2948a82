package banksms

import (
	"regexp"
	"strings"
)

// printedAccount is an account or card in a text of unknown layout, and the word before it.
type printedAccount struct{ preposition, number string }

const (
	plainAccount = `(?:IR)?\d{24}|\d+(?:-\d+){2,4}|\d+(?:\.\d+){2,4}|[\dX]{3}/[\dX]{8,9}|` + maskedCard + `|[\dXx*]{4,8}(?:-[\dXx*]{2,4}){2,3}|\d{8,16}`
	accountWord  = `(?:حساب|سپرده|کارت|شبا)(?: به شماره| شماره| شما| جاری| پس انداز| قرض الحسنه| کوتاه مدت| مقصد)*`
)

var (
	looseAccount = compile(`(?:^|\P{L})(?:(?P<prep>به|از|با)(?:~:~| ))?(?:شماره )?` + accountWord + `~:?~(?P<account>` + wholeCard + `|{digits})` +
		`|(?:^|\P{L})(?P<prep>به|از)(?:~:~| )(?P<account>` + wholeCard + `|` + plainAccount + `)` +
		`|(?:^|\s)(?:ش ?\.? ?)?ح ?\.?~:~(?P<account>{digits})` +
		`|(?:^|\P{L})(?P<prep>واریز|برداشت|خرید)(?:~:~|\x20)(?P<account>\d+(?:[.-]\d+){2,4}|\d{3,16})(?:\s|\z)`)
	bareAccount = regexp.MustCompile(`(?m)^(` + plainAccount + `|\d{6,7}|\*+\d{4}|\d{4}\*)$`)
)

// accounts takes out all that is called an account.
func (l *loose) accounts() []printedAccount {
	var list []printedAccount
	names := looseAccount.SubexpNames()
	for from := 0; from < len(l.rest) && len(list) < mostFigures; {
		at := looseAccount.FindStringSubmatchIndex(l.rest[from:])
		if at == nil {
			break
		}
		a, start, end := printedAccount{}, 0, 0
		for i, name := range names {
			switch {
			case at[2*i] < 0:
			case name == "prep":
				a.preposition = l.rest[from+at[2*i] : from+at[2*i+1]]
			case name == "account":
				start, end = from+at[2*i], from+at[2*i+1]
				a.number = l.rest[start:end]
			}
		}
		switch rest := l.rest[end:]; {
		case startsWithUnit(rest), len(rest) > 1 && rest[0] == ',' && isDigitOrMask(rest[1]), len(a.number) < 3,
			strings.HasPrefix(rest, "+"), strings.HasPrefix(rest, "-"), strings.HasPrefix(rest, ":"):
			from = end // a figure of money
			continue
		}
		switch a.preposition {
		case "واریز":
			a.preposition = "به"
		case "برداشت", "خرید":
			a.preposition = "از"
		}
		list = append(list, a)
		l.cut(start, end)
		from = start
	}
	return list
}

// chooseAccount takes the account that is ours: money comes «به» it and leaves «از» it.
func (l *loose) chooseAccount(list []printedAccount, d direction) bool {
	order := map[direction][]string{
		credit: {"به", ""}, debit: {"از", "با", ""}, unknown: {"به", "", "از", "با"}, conflict: {"به", "", "از", "با"},
	}[d]
	for _, preposition := range order {
		for _, a := range list {
			if a.preposition == preposition {
				l.caught["account"] = []string{cardAsPrinted16(a.number)}
				return true
			}
		}
	}
	if len(l.caught["account"]) > 0 { // beside the balance
		return true
	}
	if m := bareAccount.FindStringIndex(l.rest); m != nil {
		l.caught["account"] = []string{l.rest[m[0]:m[1]]}
		l.cut(m[0], m[1])
		return true
	}
	return len(list) > 0
}

// cardAsPrinted16 joins the groups of a whole card number and leaves accounts alone.
func cardAsPrinted16(number string) string {
	if card := cardAsPrinted(number); len(card) == 16 && len(number) == 19 {
		return card
	}
	return number
}
