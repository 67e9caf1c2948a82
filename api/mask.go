package api

import (
	"strings"
	"unicode"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/vault"
)

// mostBetween is how many characters may stand between two digits of one card number.
const mostBetween = 3

// digit is one of a text: where it stands, and whether it follows the digit before it directly or within
// the spaces of a grouped number.
type digit struct {
	at           int
	value        byte
	glued, close bool
}

// maskCards hides the middle of card numbers in a text that is shown or stored in the open, in whatever
// digits and groups they are written. A card that stands beside other figures is found too.
func maskCards(text string) string {
	letters := []rune(text)
	digits := digitsOf(letters)
	for i := range digits {
		if isCard(digits, i) {
			for _, d := range digits[i+6 : i+12] {
				letters[d.at] = '*'
			}
		}
	}
	return string(letters)
}

func digitsOf(letters []rune) (digits []digit) {
	last, apart := -1, false // apart: something between the digits that no card number has
	for at, letter := range letters {
		value := money.LatinDigits(string(letter))
		if letter >= '０' && letter <= '９' {
			value = string(letter - '０' + '0')
		}
		if len(value) == 1 && value[0] >= '0' && value[0] <= '9' {
			gap := at - last - 1
			digits = append(digits, digit{at, value[0], last >= 0 && gap == 0, last >= 0 && gap <= mostBetween && !apart})
			last, apart = at, false
			continue
		}
		apart = apart || letter == '\n' || unicode.IsLetter(letter) || unicode.IsDigit(letter)
	}
	return digits
}

// isCard says whether the sixteen digits from i are a number by themselves and a card's.
func isCard(digits []digit, i int) bool {
	end := i + 16
	if end > len(digits) || digits[i].glued || end < len(digits) && digits[end].glued {
		return false
	}
	var number strings.Builder
	for n, d := range digits[i:end] {
		if n > 0 && !d.close {
			return false
		}
		number.WriteByte(d.value)
	}
	_, err := vault.ParsePAN(number.String())
	return err == nil
}
