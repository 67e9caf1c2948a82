package banksms

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// normalise brings a text to one spelling: Latin digits, one form of each letter, one comma, one dash, no invisible
// marks, single spaces, no empty lines. Letters lose what stands over them (آ is ا, ئ is ی), since people write them
// either way.
func normalise(text string) string {
	text = strings.ToValidUTF8(text, " ")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n").Replace(text)
	var out strings.Builder
	out.Grow(len(text))
	last := rune(0)
	for _, c := range norm.NFKD.String(text) {
		c = foldRune(c, last)
		if c < 0 {
			continue
		}
		out.WriteRune(c)
		last = c
	}
	lines := strings.Split(out.String(), "\n")
	kept := lines[:0]
	for _, line := range lines {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// foldRune gives the one form of c, or -1 when it says nothing. last is the rune before it.
func foldRune(c, last rune) rune {
	switch {
	case c == '\n':
		return c
	case c >= '۰' && c <= '۹':
		return c - '۰' + '0'
	case c >= '٠' && c <= '٩':
		return c - '٠' + '0'
	case c == 'ـ': // it stretches a word, but between digits somebody meant a dash
		if last >= '0' && last <= '9' {
			return ' '
		}
		return -1
	case unicode.IsSpace(c):
		return ' '
	case unicode.Is(unicode.Mn, c), unicode.Is(unicode.Cf, c), unicode.IsControl(c):
		return -1
	}
	if to, ok := folded[c]; ok {
		return to
	}
	return c
}

var folded = map[rune]rune{
	'ي': 'ی', 'ى': 'ی', 'ې': 'ی', 'ے': 'ی', 'ێ': 'ی',
	'ك': 'ک', 'ڪ': 'ک',
	'ة': 'ه', 'ہ': 'ه', 'ھ': 'ه', 'ە': 'ه',
	'ٱ': 'ا', 'ء': -1,
	'٬': ',', '،': ',', '٫': ',', '؛': ';', '：': ':', '٭': '*', '×': '*', '•': '*', '●': '*',
	'\u2010': '-', '\u2012': '-', '\u2013': '-', '\u2014': '-', '\u2015': '-', '\u2212': '-',
}

// lettersAndDigits drops everything else.
func lettersAndDigits(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return c
		}
		return -1
	}, text)
}
