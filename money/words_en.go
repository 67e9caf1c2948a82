package money

// TomanWordsEnglish spells the amount in toman in English: "one million two hundred thousand toman".
// A rial that does not fill a toman is named too: "one thousand toman and five rial".
func (r Rial) TomanWordsEnglish() string {
	sign, n := "", uint64(r)
	if r < 0 {
		sign, n = "minus ", -n
	}
	toman, rest := n/10, n%10
	switch {
	case rest == 0:
		return sign + spellEnglish(toman) + " toman"
	case toman == 0:
		return sign + spellEnglish(rest) + " rial"
	}
	return sign + spellEnglish(toman) + " toman and " + spellEnglish(rest) + " rial"
}

var (
	english19 = [...]string{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
		"twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"}
	englishTens   = [...]string{2: "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}
	englishScales = [...]struct {
		of   uint64
		name string
	}{{1e18, "quintillion"}, {1e15, "quadrillion"}, {1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}, {1e3, "thousand"}, {100, "hundred"}}
)

func spellEnglish(n uint64) string {
	for _, scale := range englishScales {
		if n >= scale.of {
			words := spellEnglish(n/scale.of) + " " + scale.name
			if rest := n % scale.of; rest > 0 {
				words += " " + spellEnglish(rest)
			}
			return words
		}
	}
	if n < 20 {
		return english19[n]
	}
	if n%10 == 0 {
		return englishTens[n/10]
	}
	return englishTens[n/10] + "-" + english19[n%10]
}
