package banksms

import "regexp"

// direction is which way the money went.
type direction int

const (
	unknown direction = iota
	credit
	debit
	conflict // signs or words disagree
)

// word makes a pattern for whole words, also when they are glued to a direction («واریزسود»).
func word(words string) *regexp.Regexp {
	return regexp.MustCompile(`(?:^|\P{L}|واریز|برداشت|خرید|انتقال|وجه)(?:` + words + `)(?:\P{L}|$)`)
}

var (
	// Words that say the direction by themselves.
	creditWords = regexp.MustCompile(`(?:^|\P{L})(?:واریز\p{L}*|دریافت\p{L}*|بستانکار|نشست|افزایش)(?:\P{L}|$)`)
	debitWords  = regexp.MustCompile(`(?:^|\P{L})(?:برداشت\p{L}*|خرید\p{L}*|بدهکار|پرید|کسر|کاهش)(?:\P{L}|$)`)
	// Words that usually go one way; a sign overrules them.
	usuallyCredit = word(`حقوق|دستمزد|عیدی|پاداش`)
	usuallyDebit  = word(`کارمزد|قبض|قبوض|شارژ|قسط|اقساط|هزینه|عوارض|مالیات|ابونمان|از (?:حساب|سپرده|کارت)`)

	// taken is money the bank itself receives from the account.
	taken = regexp.MustCompile(`دریافت(?: \p{L}+){0,2} (?:قسط|اقساط|کارمزد|هزینه|حق|مالیات|ابونمان)`)
	// banksOwn are the bank's own businesses: they are no reason of a customer's deposit.
	banksOwn = word(`کارمزد|قسط|اقساط|هزینه|مالیات|ابونمان`)

	// Credits that no payer made.
	notCustomer = word(`سود(?: ?(?:سپرده|روز|کوتاه|بلند|علی|ماه|سهام|حساب)\p{L}*)?|اصلاح(?:ی|یه|یات)?|سند ?اصلاحی` +
		`|برگشت(?:ی|ه)?|بازگشت(?:ی)?|عودت|استرداد|مسترد|ابطال|یارانه(?: ?\p{L}+)?|معیشت\p{L}*|کالا ?برگ|سهام ?عدالت` +
		`|تسهیلات|وام|چک|چکی|(?:این|ان|از|رند)? ?باکس|قلک|جایزه|جوایز|قرعه ?کشی|کش ?بک`)
	// reversed are those of them that turn a debit word round: «برگشت خرید» is a credit.
	reversed = word(`اصلاح(?:ی|یه|یات)?|سند ?اصلاحی|برگشت(?:ی|ه)?|بازگشت(?:ی)?|عودت|استرداد|مسترد|ابطال`)

	// Nothing happened, or not yet.
	notDone = regexp.MustCompile(`نا ?موفق|(?:انجام|موفق|پذیرفته) ?(?:نشد|نگردید|نبود)|برگشت خورد|(?:^|\P{L})(?:لغو (?:شد|شده|گردید)|رد شد|خطا)(?:\P{L}|$)`)
)

// directionOf weighs what a template caught: signs, words of the layout, and the label of the amount.
func directionOf(c captures) direction {
	label := taken.ReplaceAllString(c.last("word"), "کسر")
	in, out := len(c["in"]) > 0, len(c["out"]) > 0
	if label != "" {
		in = in || creditWords.MatchString(label)
		out = out || debitWords.MatchString(label) && !reversed.MatchString(label)
	}
	for _, sign := range c["sign"] {
		in, out = in || sign == "+", out || sign == "-"
	}
	switch {
	case in && out, in && banksOwn.MatchString(label) && !reversed.MatchString(label):
		return conflict
	case in:
		return credit
	case out:
		return debit
	}
	words := label
	for _, note := range c["note"] {
		words += "\n" + taken.ReplaceAllString(note, "کسر")
	}
	in = creditWords.MatchString(words)
	out = debitWords.MatchString(words) && !reversed.MatchString(words)
	if !in && !out {
		in = usuallyCredit.MatchString(words)
		out = (usuallyDebit.MatchString(words) || len(c["off"])+len(c["from"]) > 0) && !reversed.MatchString(words)
	}
	switch {
	case in && !out:
		return credit
	case out && !in:
		return debit
	}
	return unknown
}
