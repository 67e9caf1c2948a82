package banksms

import (
	"regexp"
	"strings"
	"time"
)

// The fallback reads what it can from a text no template fits, so that a person sees figures. It never settles.

// compile makes a pattern from pieces, to be found anywhere in a text.
func compile(text string) *regexp.Regexp { return regexp.MustCompile(expand(text)) }

var (
	looseBalance = compile(`(?:^|\P{L}){bal}(?:[.,;)]?(?:\s|\z)|\p{L})`)
	// An account may stand between the label of the balance and its figure.
	accountBalance = compile(`(?:^|\P{L})(?:مانده|موجودی) {label}(?P<account>\d+(?:[.-]\d+){2,4}|\d{8,16}|\*+\d{4})(?:~:~|\s)` +
		`(?P<balance>{number})(?:~(?P<balunit>{unit}))?(?:[.;)]?(?:\s|\z))`)
	looseWhen = compile(`(?:^|[\s;,-]){when}(?:[.,;)]?(?:\s|\z))`)
	looseDate = compile(`(?:^|[\s:])(?:1[34]\d\d([/.-])\d{1,2}[/.-]\d{1,2}|\d{1,2}:\d{2}(?::\d{2})?)(?:[.,;)]|\s|\z)`)
	looseRef  = compile(`{ref}|(?:شناسه|کد|شماره)(?: (?:قبض|پرداخت|پذیرنده|ترمینال|پایانه|شعبه|ملی|سفارش|فاکتور|مشتری|چک|تراکنش|سریال|حواله|واریز|یکتا))+~:?~\d+` +
		`|(?:شعبه|پایانه|ترمینال|پذیرنده|چک)~:?~\d+`)
	// Numbers that are nobody's account and no money: telephones, addresses, what an amount equals in another unit.
	looseNoise = compile(`(?:https?:|www\.)\S*|(?:تلفن|تماس|پشتیبانی|اوای ?نوین|پاسخ ?گویی)[^\d\n]{0,20}[\d-]{4,}|(?:^|[^\d.,])0(?:9\d{9}|\d{2,3}-\d{4,8})\b|\(?~معادل {number}~{unit}~\)?|لغو ?\d+`)
	anyBalance = compile(`(?:^|\P{L})(?:مانده|موجودی)(?:\x20\p{L}+){0,4}\x20?:?~-?(?:\d{1,3}(?:[.,]\d{3})+(?:~{unit})?|\d+~{unit})`)

	transfer = regexp.MustCompile(`انتقال|پایا|ساتنا|\d ?[+-]|[+-] ?\d`)

	// A request, an advert, a notice: no money moved, whatever the figures say.
	noTransaction = regexp.MustCompile(`لطفا|خواهشمند|جهت (?:واریز|پرداخت|دریافت)|جشنواره|تخفیف|هدیه|سر ?رسید|معوق|بدهی|ضامن|ضمانت` +
		`|مسدود|درخواست|صیاد|دسته ?چک|چک (?:شماره|به|برگشتی)|وارد (?:شد|کن|نما)|ورود به|ثبت نام|افتتاح|یاد ?اوری|خواهد شد|خواهد گردید` +
		`|میباشد|می باشد|نمایید|فرمایید|کنید|بفرستید|نشده|سقف|https?:|www\.|شماره کارت فروشگاه|برنده|کافی ?ن|بازپرداخت|اعطا|در انتظار|در دست|دستور|مهلت`)
)

// loose is a text from which figures are taken out one after the other.
type loose struct {
	rest   string
	caught captures
	words  string // the text without its balances: «قابل برداشت» is no withdrawal
}

// readLoosely fills r from a text of unknown layout. left is what it could not explain.
func readLoosely(r Reading, body string, received time.Time) (_ Reading, left string) {
	r.Reason = ReasonNotMoney
	if notDone.MatchString(body) {
		return r, body
	}
	l := loose{rest: body, caught: captures{}}
	// What is certainly no amount goes first.
	balance := l.take(accountBalance) || l.take(looseBalance)
	l.remove(anyBalance)
	l.words = available.ReplaceAllString(l.rest, "\n")
	l.remove(looseNoise)
	l.take(looseWhen)
	l.remove(looseWhen, looseDate, looseRef)
	accounts := l.accounts()
	left = l.rest
	amount := l.amount(len(accounts) > 0 || len(l.caught["account"]) > 0)
	d := l.direction()
	account := l.chooseAccount(accounts, d)
	moved := creditWords.MatchString(body) || debitWords.MatchString(body) || len(l.caught["sign"]) > 0
	switch {
	case noTransaction.MatchString(body) && !(balance && amount && moved),
		!balance && !account && r.Bank == "",
		!amount && !moved && !(balance && account):
		return r, body
	case !amount:
		r.read(l.caught, d, body, received)
		r.Type, r.Reason = Other, ReasonNotMoney
		if moved || transfer.MatchString(l.rest) { // there was an amount, but no readable one
			r.Reason = ReasonLayout
		}
		return r, body
	case d == unknown && !balance: // a figure in a notice
		return r, body
	}
	r.read(l.caught, d, body, received)
	if r.Type == Deposit {
		r.Reason = ReasonLayout
	}
	return r, left
}

// take moves the first such figure to what was caught.
func (l *loose) take(pattern *regexp.Regexp) bool {
	at := pattern.FindStringSubmatchIndex(l.rest)
	if at == nil || !l.caught.add(pattern.SubexpNames(), submatches(l.rest, at)) {
		return false
	}
	l.cut(at[0], at[1])
	return true
}

// remove forgets all such figures.
func (l *loose) remove(patterns ...*regexp.Regexp) {
	for _, p := range patterns {
		l.rest = p.ReplaceAllString(l.rest, "\n")
	}
}

func (l *loose) cut(start, end int) { l.rest = l.rest[:start] + "\n" + l.rest[end:] }

func submatches(text string, at []int) []string {
	m := make([]string, len(at)/2)
	for i := range m {
		if at[2*i] >= 0 {
			m[i] = text[at[2*i]:at[2*i+1]]
		}
	}
	return m
}

var (
	available = regexp.MustCompile(`قابل برداشت`)
	// because is what a movement was for: the other side's words, heard only when nothing else says the direction.
	because = regexp.MustCompile(`(?:بابت|شرح|توضیح\p{L}*|علت|به منظور|از طریق)[^\n]*`)
)

// direction weighs the sign of the amount, then the words.
func (l *loose) direction() direction {
	c := captures{"sign": l.caught["sign"]}
	for _, words := range [...]string{because.ReplaceAllString(l.words, "\n"), l.words} {
		c["note"] = []string{words}
		if d := directionOf(c); d != unknown {
			return l.againstWords(d, words)
		}
	}
	return unknown
}

// againstWords finds a sign that the only word of direction contradicts.
func (l *loose) againstWords(d direction, words string) direction {
	if len(l.caught["sign"]) == 0 || reversed.MatchString(words) {
		return d
	}
	words = taken.ReplaceAllString(words, "کسر")
	in, out := creditWords.MatchString(words), debitWords.MatchString(words)
	if d == credit && out && !in || d == debit && in && !out {
		return conflict
	}
	return d
}

// startsWithUnit tells money from an account.
func startsWithUnit(text string) bool {
	text = strings.TrimLeft(text, " \n")
	return strings.HasPrefix(text, "ریال") || strings.HasPrefix(text, "توم")
}
