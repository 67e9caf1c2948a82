package banksms

import (
	"regexp"
	"strings"
)

// heads are how banks name themselves in their messages, in normalised letters. Old telephones turn پ into ی and
// گ into ک; the space after «بانک» is sometimes missing. A short name is an ordinary word too, so it counts only on a
// line of its own.
var heads = []struct {
	bank        Bank
	name, short string // regexps
}{
	{Melli, `بانک ?ملی(?: ?ایران)?`, `ملی`},
	{Mellat, `بانک ?ملت`, `ملت`},
	{Tejarat, `بانک ?تجارت`, `تجارت`},
	{Saderat, `بانک ?صادرات(?: ?ایران)?`, `صادرات`},
	{Parsian, `[پی]ارسیان ?بانک ?ایرانیان|بانک ?[پی]ارسیان`, `[پی]ارسیان`},
	{Blu, `بلو ?بانک|بانک ?بلو`, `بلو`},
	{Saman, `بانک ?سامان`, `سامان`},
	{Pasargad, `بانک ?[پی]اسار[گک]اد`, `[پی]اسار[گک]اد`},
	{Resalat, `بانک ?(?:قرض ?الحسنه ?)?رسالت|قرض ?الحسنه ?رسالت`, `رسالت`},
	{Refah, `بانک ?رفاه(?: ?کار[گک]ران)?`, `رفاه`},
	{Sepah, `بانک ?س[پی]ه`, `س[پی]ه`},
	{Keshavarzi, `بانک ?کشاورزی|(?i:bki\.? ?ir)`, `کشاورزی`},
	{Maskan, `بانک ?مسکن`, `مسکن`},
	{Shahr, `بانک ?شهر`, `شهر`},
	{Gardeshgari, `بانک ?[گک]ردش ?[گک]ری`, `[گک]ردش ?[گک]ری`},
	{MehrIran, `(?:بانک ?)?قرض ?الحسنه ?مهر ?ایران|بانک ?مهر ?ایران`, `مهر ?ایران`},
	{PostBank, `[پی]ست ?بانک(?: ?ایران)?`, `[پی]ست ?بانک`},
	{Khavarmianeh, `بانک ?خاور ?میانه|بانکینو`, `خاور ?میانه`},
	{EghtesadNovin, `(?:بانک ?)?اقتصاد ?نوین|مرکز ?اوای ?نوین`, `اقتصاد ?نوین`},
	{Ayandeh, `بانک ?اینده`, `اینده`},
	{IranZamin, `بانک ?ایران ?زمین`, `ایران ?زمین`},
	{Sina, `بانک ?سینا`, `سینا`},
	{Karafarin, `بانک ?کارافرین`, `کارافرین`},
	{Day, `بانک ?دی`, `دی`},
	{ToseeTaavon, `بانک ?توسعه ?تعاون`, `توسعه ?تعاون`},
	{ExportDevelopment, `بانک ?توسعه ?صادرات(?: ?ایران)?`, `توسعه ?صادرات`},
	{IndustryMine, `بانک ?صنعت ?و ?معدن`, `صنعت ?و ?معدن`},
	{Sarmayeh, `بانک ?سرمایه`, `سرمایه`},
	{Ansar, `بانک ?انصار`, `انصار`},
	{Ghavamin, `بانک ?قوامین`, `قوامین`},
	{Hekmat, `بانک ?حکمت(?: ?ایرانیان)?`, `حکمت ?ایرانیان`},
	{Kosar, `(?:موسسه|بانک)(?: ?اعتباری)? ?کوثر`, `کوثر`},
	{Melal, `(?:موسسه|بانک)(?: ?اعتباری)? ?ملل`, `ملل`},
	{Noor, `(?:موسسه|بانک)(?: ?اعتباری)? ?نور`, `موسسه نور`},
	{MehrEghtesad, `بانک ?مهر ?اقتصاد`, `مهر ?اقتصاد`},
	{IranVenezuela, `بانک ?(?:مشترک ?)?ایران ?و? ?ونزویلا`, `ایران ?و? ?ونزویلا`},
}

// anyHead finds any of them; its groups are the heads in order, first all names, then twice all short names: on a line of
// their own, and before a colon at the beginning.
var anyHead = func() *regexp.Regexp {
	var names, short []string
	for _, h := range heads {
		names = append(names, `(`+h.name+`)`)
		short = append(short, `(`+h.short+`)`)
	}
	return regexp.MustCompile(`(?m)(?:^|\P{L})(?:` + strings.Join(names, `|`) + `)(?:\P{L}|$)|^\*? ?(?:` + strings.Join(short, `|`) + `) ?\*?:?$|\A(?:` + strings.Join(short, `|`) + `) ?:`)
}()

// bankIn is the bank that a normalised text names first.
func bankIn(normal string) (Bank, bool) {
	b, _, ok := findHead(normal)
	return b, ok
}

// bankAtop is the bank whose name begins a normalised text.
func bankAtop(normal string) (Bank, bool) {
	b, at, ok := findHead(normal)
	return b, ok && at <= len("* ")
}

func findHead(normal string) (b Bank, at int, ok bool) {
	m := anyHead.FindStringSubmatchIndex(normal)
	for group := 1; 2*group < len(m); group++ {
		if m[2*group] >= 0 {
			return heads[(group-1)%len(heads)].bank, m[2*group], true
		}
	}
	return "", 0, false
}

// headOf is the part of a template that names the bank.
func headOf(b Bank) string {
	for _, h := range heads {
		if h.bank == b {
			return `\*?~(?:` + h.name + `|` + h.short + `)~\*?~:?`
		}
	}
	return `\*?~بانک~\*?`
}
