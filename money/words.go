package money

import (
	"errors"
	"strings"
)

// What [ParseAmount] finds wrong with a text.
var (
	// ErrNotNumber means the text is empty or holds something besides digits.
	ErrNotNumber = errors.New("amount is not a whole number")
	// ErrFraction means the text is a number with a fraction. A rial has no parts.
	ErrFraction = errors.New("amount has a fraction")
	// ErrNegative means the text is a number below zero, "-5".
	ErrNegative = errors.New("amount is negative")
	// ErrTooLarge means the amount is above [Max].
	ErrTooLarge = errors.New("amount is too large")
)

// ParseAmount reads an amount in rial. Latin, Persian and Arabic-Indic digits may be mixed; signs,
// separators and spaces are not accepted. Zero is returned as zero: whether it is allowed is
// the caller's to say. The error is one of [ErrNotNumber], [ErrFraction], [ErrNegative] and [ErrTooLarge].
func ParseAmount(text string) (Rial, error) {
	text = LatinDigits(text)
	if rest, ok := cutMinus(text); ok {
		if whole, fraction := numeric(rest); whole || fraction {
			return 0, ErrNegative
		}
		return 0, ErrNotNumber
	}
	whole, fraction := numeric(text)
	if fraction {
		return 0, ErrFraction
	}
	if !whole {
		return 0, ErrNotNumber
	}
	var sum Rial
	for _, c := range text {
		// sum ≤ Max before this step, so it cannot overflow.
		sum = sum*10 + Rial(c-'0')
		if sum > Max {
			return 0, ErrTooLarge
		}
	}
	return sum, nil
}

func cutMinus(text string) (string, bool) {
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		return rest, true
	}
	return strings.CutPrefix(text, "\u2212") // the minus sign of typesetting
}

// numeric says whether text is a whole number or a decimal fraction, in Latin digits.
func numeric(text string) (whole, fraction bool) {
	head, tail, dotted := strings.Cut(text, ".")
	if !dotted {
		head, tail, dotted = strings.Cut(text, "\u066B") // the Persian decimal separator
	}
	if dotted {
		return false, digits(tail) && (head == "" || digits(head))
	}
	return digits(text), false
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// PersianDigits replaces Latin and Arabic-Indic digits with Persian ones and leaves the rest alone.
func PersianDigits(text string) string {
	return mapDigits(text, '۰')
}

// LatinDigits replaces Persian and Arabic-Indic digits with Latin ones and leaves the rest alone.
func LatinDigits(text string) string {
	return mapDigits(text, '0')
}

func mapDigits(text string, zero rune) string {
	return strings.Map(func(c rune) rune {
		for _, from := range [...]rune{'0', '۰', '٠'} {
			if c >= from && c <= from+9 {
				return zero + c - from
			}
		}
		return c
	}, text)
}

// TomanWords spells the amount in toman, as a payer reads it: "یک میلیون و دویست هزار تومان".
// A rial that does not fill a toman is named too: "هزار تومان و پنج ریال".
func (r Rial) TomanWords() string {
	sign, n := "", uint64(r)
	if r < 0 {
		sign, n = "منفی ", -n
	}
	toman, rest := n/10, n%10
	switch {
	case rest == 0:
		return sign + spell(toman) + " تومان"
	case toman == 0:
		return sign + spell(rest) + " ریال"
	}
	return sign + spell(toman) + " تومان و " + spell(rest) + " ریال"
}

var (
	words19 = [...]string{"صفر", "یک", "دو", "سه", "چهار", "پنج", "شش", "هفت", "هشت", "نه", "ده", "یازده",
		"دوازده", "سیزده", "چهارده", "پانزده", "شانزده", "هفده", "هجده", "نوزده"}
	wordsTens     = [...]string{2: "بیست", "سی", "چهل", "پنجاه", "شصت", "هفتاد", "هشتاد", "نود"}
	wordsHundreds = [...]string{1: "صد", "دویست", "سیصد", "چهارصد", "پانصد", "ششصد", "هفتصد", "هشتصد", "نهصد"}
)

// spell counts in thousand, million and milliard. Above, it says "هزار میلیارد": the words for
// 10^12 mean different numbers to different readers.
func spell(n uint64) string {
	switch {
	case n >= 1_000_000_000:
		return joinWords(spell(n/1_000_000_000)+" میلیارد", n%1_000_000_000)
	case n >= 1_000_000:
		return joinWords(spell(n/1_000_000)+" میلیون", n%1_000_000)
	case n >= 2_000:
		return joinWords(spell(n/1_000)+" هزار", n%1_000)
	case n >= 1_000: // nobody says "one thousand"
		return joinWords("هزار", n%1_000)
	case n >= 100:
		return joinWords(wordsHundreds[n/100], n%100)
	case n >= 20:
		return joinWords(wordsTens[n/10], n%10)
	}
	return words19[n]
}

func joinWords(head string, rest uint64) string {
	if rest == 0 {
		return head
	}
	return head + " و " + spell(rest)
}
