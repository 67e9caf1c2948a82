package payouts

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/paysaga/paysaga/gateways"
)

const (
	opSend    = "send"
	opInquire = "inquire"
)

// Codes of our own, for orders that were never sent.
const codeInvalid = "invalid"

var errUnclear = errors.New("the answer is unclear")

// check refuses what no provider can take; nothing was sent.
func (o Order) check(c Capabilities) error {
	why := ""
	switch {
	case !plain(o.Reference) || o.Reference == "":
		why = "the reference is empty, too long or has odd letters"
	case o.To.kind == "":
		why = "there is no destination"
	case !o.Rail.Takes(o.To.kind):
		why = "the rail does not reach the destination"
	case !c.takes(o.Rail, o.Amount):
		why = "the rail does not take the amount"
	case utf8.RuneCountInString(o.Note) > MaxNote:
		why = "the note is too long"
	default:
		return nil
	}
	return &gateways.Refused{Op: opSend, Code: codeInvalid, Why: why}
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
