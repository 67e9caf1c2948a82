package pages

import (
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/paysaga/paysaga/money"
)

// helpers are what templates call. Whatever differs between languages is bound to one: t chooses between
// the same words in both, persian says which it is, for sentences with markup inside.
func helpers(l Lang) template.FuncMap {
	return template.FuncMap{
		"asset":    assetURL,
		"bank":     func(method string) string { return bankName(l, method) },
		"card":     func(card string) string { return digits(l, maskCard(card)) },
		"date":     func(t time.Time) string { return dateAndClock(l, t) },
		"deadline": func(at, now time.Time) string { return deadline(l, at, now) },
		"digits":   func(v any) string { return digits(l, fmt.Sprint(v)) },
		"groups":   func(card string) string { return digits(l, groups(card)) },
		"image":    safeImage,
		"inLang":   inLang,
		"initial":  initial,
		"lang":     l.String,
		"mobile":   func(mobile string) string { return digits(l, maskMobile(mobile)) },
		"persian":  func() bool { return l != English },
		"plain":    func(r money.Rial) string { return strconv.FormatInt(int64(r), 10) },
		"rial":     func(r money.Rial) string { return rial(l, r) },
		"t":        l.Of,
		"toman":    func(r money.Rial) string { return tomanWords(l, r) },
		"utc":      utc,
		"why":      func(stateError string) string { return why(l, stateError) },
		"wrong":    func(w Wrong) string { return w.In(l) },
	}
}

// digits shows a text's digits as the language writes them.
func digits(l Lang, text string) string {
	if l == English {
		return money.LatinDigits(text)
	}
	return money.PersianDigits(text)
}

// rial shows an amount in the language's digits and separators: ۱٬۲۰۰٬۰۰۰ or 1,200,000.
func rial(l Lang, r money.Rial) string {
	if l == English {
		return r.String()
	}
	return money.PersianDigits(strings.ReplaceAll(r.String(), ",", "٬"))
}

// tomanWords spells an amount.
func tomanWords(l Lang, r money.Rial) string {
	if l == English {
		return r.TomanWordsEnglish()
	}
	return r.TomanWords()
}

// words are the same in both languages.
type words struct{ persian, english string }

var bankNames = map[string]words{
	"asanpardakht": {"آسان‌پرداخت", "AsanPardakht"},
	"zarinpal":     {"زرین‌پال", "ZarinPal"},
	"zibal":        {"زیبال", "Zibal"},
	"saman":        {"پرداخت الکترونیک سامان", "Saman Electronic Payment"},
	"mellat":       {"به‌پرداخت ملت", "Behpardakht Mellat"},
	"sandbox":      {"بانک آزمایشی", "Sandbox bank"},
}

// bankName is a method's name for payers; an unknown method shows as it is called.
func bankName(l Lang, method string) string {
	if name, ok := bankNames[method]; ok {
		return l.Of(name.persian, name.english)
	}
	return method
}

// initial is the monogram of a merchant without an image.
func initial(name string) string {
	for _, c := range name {
		if unicode.IsLetter(c) || unicode.IsDigit(c) {
			return string(unicode.ToUpper(c))
		}
	}
	return "پ"
}

var ownImage = regexp.MustCompile(`^/pay/image/[A-Za-z0-9_~.%-]+(\?v=[0-9a-f]+)?$`)

// safeImage is the image's address if it is one of ours, else empty.
func safeImage(address string) template.URL {
	if ownImage.MatchString(address) {
		return template.URL(address)
	}
	return ""
}

// maskCard shows the first six and last four digits at most: 6037 99** **** 7893.
func maskCard(card string) string {
	signs := []rune(money.LatinDigits(strings.NewReplacer(" ", "", "-", "").Replace(card)))
	for i := 6; len(signs) >= 12 && i < len(signs)-4; i++ {
		signs[i] = '*'
	}
	return groups(string(signs))
}

// groups shows a card number in fours: 6037 9912 3456 7893.
func groups(card string) string {
	var out strings.Builder
	for i, c := range []rune(card) {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(c)
	}
	return out.String()
}

// maskMobile shows the first four and last two digits at most: 0938*****25.
func maskMobile(mobile string) string {
	mobile = money.LatinDigits(mobile)
	if len(mobile) == len("09xxxxxxxxx") {
		mobile = mobile[:4] + "*****" + mobile[9:]
	}
	return mobile
}

// reasons are the codes that a payment's row gives as its state_error, besides the bank's own words.
var reasons = map[string]words{
	"cancelled":        {"پذیرنده این پرداخت را لغو کرد.", "The merchant cancelled this payment."},
	"not_collected":    {"پذیرنده تا پایان مهلت پرداخت را تأیید نکرد.", "The merchant did not confirm the payment in time."},
	"late":             {"پول پس از پایان مهلت پرداخت رسید.", "The money arrived after the time to pay was over."},
	"expired":          {"پرداخت تا پایان مهلت انجام نشد.", "Nothing was paid before the time was over."},
	"not_paid":         {"بانک پرداختی از شما ثبت نکرده است.", "The bank has no payment from you on record."},
	"declined":         {"پرداخت در بانک انجام نشد.", "The payment was not made at the bank."},
	"returned_by_bank": {"بانک پول را خودش برگرداند.", "The bank returned the money by itself."},
	"mismatch":         {"پاسخ بانک با این پرداخت یکی نبود.", "The bank's answer did not match this payment."},
	"refused_by_bank":  {"بانک پرداخت را تأیید نکرد.", "The bank did not confirm the payment."},
	"receipt_spent":    {"رسید بانک پیش‌تر برای پرداخت دیگری به کار رفته بود.", "The bank's receipt had been used for another payment."},
	"session_over":     {"مهلت پرداخت در بانک تمام شد.", "The time to pay at the bank was over."},
	"no_session":       {"بانک صفحهٔ پرداخت را باز نکرد.", "The bank did not open its payment page."},
	"session_refused":  {"بانک صفحهٔ پرداخت را باز نکرد.", "The bank did not open its payment page."},
}

// why is a state_error as a sentence for payers; empty when it is none of ours and not in their language.
func why(l Lang, stateError string) string {
	if text, ok := reasons[stateError]; ok {
		return l.Of(text.persian, text.english)
	}
	if l == English || !isPersian(stateError) {
		return ""
	}
	return strings.TrimRight(stateError, ". ") + "."
}

func isPersian(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return unicode.Is(unicode.Arabic, c) })
}

// Wrong is what is wrong with a field that the payer filled.
type Wrong string

// What is wrong with a field of the checkout or of the transfer's card form.
const (
	TipNotNumber   Wrong = "tip_not_number"
	TipTooLarge    Wrong = "tip_too_large"
	MobileWrong    Wrong = "mobile"
	GatewayUnknown Wrong = "gateway_unknown"
	CardWrong      Wrong = "card"
)

var wrongs = map[Wrong]words{
	TipNotNumber:   {"انعام را به ریال و فقط با رقم بنویسید.", "Write the tip in rial, in digits only."},
	TipTooLarge:    {"جمع مبلغ و انعام از سقف پرداخت این درگاه بیشتر است.", "Amount and tip together are more than this gateway can take."},
	MobileWrong:    {"شمارهٔ موبایل یازده رقم است و با ۰۹ آغاز می‌شود.", "A mobile number has eleven digits and begins with 09."},
	GatewayUnknown: {"یکی از درگاه‌های زیر را انتخاب کنید.", "Choose one of the gateways below."},
	CardWrong:      {"شمارهٔ کارت شانزده رقم است؛ رقم‌ها را با کارت مقایسه کنید.", "A card number has sixteen digits; compare them with your card."},
}

// In says it to the payer.
func (w Wrong) In(l Lang) string { return l.Of(wrongs[w].persian, wrongs[w].english) }

// utc is how scripts read a time: RFC 3339, to the millisecond, so that a countdown does not end early.
func utc(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// tipChoices are round tips (1, 2 or 5 and zeros) near 5, 10 and 20 percent of amount, in rial.
func tipChoices(amount money.Rial) []money.Rial {
	var choices []money.Rial
	for _, part := range []money.Rial{20, 10, 5} {
		if tip := roundTip(amount / part); tip >= 1000 && (len(choices) == 0 || tip > choices[len(choices)-1]) {
			choices = append(choices, tip)
		}
	}
	return choices
}

func roundTip(near money.Rial) money.Rial {
	var round money.Rial
	for unit := money.Rial(1); unit <= near; unit *= 10 {
		for _, tip := range []money.Rial{unit, 2 * unit, 5 * unit} {
			if tip <= near {
				round = tip
			}
		}
	}
	return round
}
