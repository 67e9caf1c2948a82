package money

import (
	"errors"
	"strings"
)

// IBAN is an Iranian bank account's number in its international form: "IR" and 24 digits. It shows itself masked
// wherever it is printed or encoded; string(i) is the whole number.
type IBAN string

// What [ParseIBAN] finds wrong with a text.
var (
	// ErrNotIBAN means the text is not IR and 24 digits.
	ErrNotIBAN = errors.New("not an Iranian IBAN")
	// ErrIBANCheck means the check digits do not fit the others: somebody mistyped.
	ErrIBANCheck = errors.New("the IBAN's check digits are wrong")
)

// ParseIBAN reads an IBAN in Latin, Persian or Arabic-Indic digits, with or without IR before it and with blanks or
// dashes in between, and checks it (ISO 7064, mod 97).
func ParseIBAN(text string) (IBAN, error) {
	plain := strings.NewReplacer(" ", "", "-", "", "\u200c", "", "\u00a0", "").Replace(LatinDigits(text))
	number := strings.TrimPrefix(strings.ToUpper(plain), "IR")
	if len(number) != 24 || !digits(number) {
		return "", ErrNotIBAN
	}
	if mod97(number[2:]+"1827"+number[:2]) != 1 { // I is 18, R is 27
		return "", ErrIBANCheck
	}
	return IBAN("IR" + number), nil
}

func mod97(number string) int {
	rest := 0
	for _, c := range number {
		rest = (rest*10 + int(c-'0')) % 97
	}
	return rest
}

// Masked shows check digits, bank and the last four: "IR82017*************2345".
func (i IBAN) Masked() string {
	if len(i) != 26 {
		return "[IBAN]"
	}
	return string(i[:7]) + strings.Repeat("*", 15) + string(i[22:])
}

func (i IBAN) String() string               { return i.Masked() }
func (i IBAN) GoString() string             { return i.Masked() }
func (i IBAN) MarshalText() ([]byte, error) { return []byte(i.Masked()), nil }

// Luhn says whether the last digit of a card number fits the others. It wants digits only.
func Luhn(number string) bool {
	if !digits(number) {
		return false
	}
	sum := 0
	for i, c := range number {
		n := int(c - '0')
		if (len(number)-i)%2 == 0 { // every other one, from the last but one
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
