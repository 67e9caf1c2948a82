package wallets

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

const (
	opOpen     = "open"
	opDeposits = "deposits"
)

// codeInvalid is of our own, for questions that were never asked.
const codeInvalid = "invalid"

// MaxHolder is how many letters an account's holder may have.
const MaxHolder = 100

var errUnclear = errors.New("the answer is unclear")

func invalid(op, why string) error {
	return &gateways.Refused{Op: op, Code: codeInvalid, Why: why}
}

// check refuses what no provider can take; nothing was sent.
func (o Opening) check() error {
	switch {
	case o.Reference == "" || !plain(o.Reference):
		return invalid(opOpen, "the reference is empty, too long or has odd letters")
	case utf8.RuneCountInString(o.Holder) > MaxHolder:
		return invalid(opOpen, "the holder's name is too long")
	}
	return nil
}

// plain says whether a text is short and harmless enough for a path, a reference and a log.
func plain(text string) bool {
	if len(text) > 64 {
		return false
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-_", c) {
			return false
		}
	}
	return true
}

// whole says whether a text is an IBAN in its one form on the wire.
func whole(text string) bool {
	iban, err := money.ParseIBAN(text)
	return err == nil && string(iban) == text
}

// sender is where money came from if that is masked, else nothing: it is only shown, and must never be a whole
// number of a card or an account.
func sender(from string) string {
	if len(from) > 32 || !strings.Contains(from, "*") {
		return ""
	}
	run := 0
	for _, c := range from {
		switch {
		case c >= '0' && c <= '9':
			if run++; run > 6 { // a masked card shows its bank's six digits
				return ""
			}
		case (c >= 'A' && c <= 'Z') || c == '*' || c == '-' || c == ' ':
			run = 0
		default:
			return ""
		}
	}
	return from
}
