package banksms

import (
	"regexp"
	"time"
)

// The fallback reads what it can from a text no template fits, so that a person sees figures. It never settles.

// compile makes a pattern from pieces, to be found anywhere in a text.
func compile(text string) *regexp.Regexp { return regexp.MustCompile(expand("", text)) }

var (
	looseBalance = compile(`(?:^|\P{L}){bal}(?:[.,;]?(?:\s|\z)|\p{L})`)
	looseAccount = compile(`(?:(?P<in>واریز) به|(?P<out>برداشت) از|به|از)?~:?~{label}{account}` +
		`|(?:به|از|(?P<in>واریز)|(?P<out>برداشت))~:?~(?P<account>\d+(?:-\d+){2,4}|\d+(?:\.\d+){3}|[\dX]{3}/[\dX]{8,9})(?:\s|\z)` +
		`|(?:(?P<in>واریز) به|(?P<out>برداشت) از|به|از)~:?~(?P<account>\d{8,16})(?:\s|\z)`)
	labelled    = compile(`مبلغ~(?:واریزی?|برداشتی?|تراکنش|انتقال)?~:?~{money}`)
	afterWord   = compile(`(?:واریزی?|برداشتی?|خرید|انتقالی?|پایا|ساتنا|پل|کارمزد|دریافت|کسر|حقوق)(?: [\p{L}]+){0,3}?~:?~{money}`)
	withSign    = compile(`(?:^|[\s:\p{L}]){signed}(?:\s|\z)`)
	withUnit    = compile(`(?P<amount>{number})~(?P<unit>{unit})`)
	looseWhen   = compile(`(?:^|\s){when}`)
	looseRef    = compile(`{ref}`)
	bareAccount = compile(`(?m)^(?P<account>\d{10,16}|\d+(?:\.\d+){2,4}|\d+(?:-\d+){2,4}|[\dX]{3}/[\dX]{8,9})$`)

	transfer = regexp.MustCompile(`انتقال|پایا|ساتنا|\d ?[+-]|[+-] ?\d`)

	// A request, an advert, a notice: no money moved, whatever the figures say.
	noTransaction = regexp.MustCompile(`لطفا|خواهشمند|جهت (?:واریز|پرداخت|دریافت)|جشنواره|تخفیف|هدیه|سر ?رسید|معوق|بدهی|ضامن|ضمانت` +
		`|مسدود|درخواست|صیاد|دسته ?چک|چک (?:شماره|به|برگشتی)|وارد (?:شد|کن|نما)|ورود به|ثبت نام|افتتاح|یاد ?اوری|خواهد شد|خواهد گردید` +
		`|میباشد|می باشد|نمایید|فرمایید|کنید|بفرستید|نشده|سقف|https?:|www\.|شماره کارت فروشگاه|برنده|کافی ?ن|بازپرداخت|اعطا`)
)

// readLoosely fills r from a text of unknown layout.
func readLoosely(r Reading, received time.Time) Reading {
	r.Reason = ReasonNotMoney
	if notDone.MatchString(r.Normal) {
		return r
	}
	l := loose{rest: r.Normal, caught: captures{}}
	// What is certainly no amount goes first.
	balance := l.take(looseBalance)
	l.take(looseWhen)
	for l.take(looseRef) {
	}
	account := l.take(looseAccount) || l.take(bareAccount)
	amount := l.take(withSign) || l.take(labelled) || l.take(afterWord) || l.take(withUnit)
	moved := creditWords.MatchString(r.Normal) || debitWords.MatchString(r.Normal)
	switch {
	case noTransaction.MatchString(r.Normal) && !(balance && amount && moved),
		!balance && !account && r.Bank == "",
		!amount && !moved && !(balance && account):
		return r
	case !amount:
		r.read(l.caught, received)
		r.Type, r.Reason = Other, ReasonNotMoney
		if moved || transfer.MatchString(l.rest) { // there was an amount, but no readable one
			r.Reason = ReasonLayout
		}
		return r
	}
	l.caught["note"] = []string{r.Normal}
	if directionOf(l.caught) == unknown && !balance { // a figure in a notice
		return r
	}
	r.read(l.caught, received)
	if r.Type == Deposit {
		r.Reason = ReasonLayout
	}
	return r
}

// loose takes figures out of a text, each one once.
type loose struct {
	rest   string
	caught captures
}

func (l *loose) take(pattern *regexp.Regexp) bool {
	at := pattern.FindStringSubmatchIndex(l.rest)
	if at == nil || !l.caught.add(pattern.SubexpNames(), submatches(l.rest, at)) {
		return false
	}
	l.rest = l.rest[:at[0]] + "\n" + l.rest[at[1]:]
	return true
}

func submatches(text string, at []int) []string {
	m := make([]string, len(at)/2)
	for i := range m {
		if at[2*i] >= 0 {
			m[i] = text[at[2*i]:at[2*i+1]]
		}
	}
	return m
}
