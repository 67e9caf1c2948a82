package pages

import (
	"html/template"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/paysaga/paysaga/money"
)

var helpers = template.FuncMap{
	"asset":    assetURL,
	"bank":     bankName,
	"card":     maskCard,
	"clock":    clock,
	"date":     dateAndClock,
	"digits":   money.PersianDigits,
	"fa":       func(n int) string { return money.PersianDigits(strconv.Itoa(n)) },
	"groups":   groups,
	"image":    safeImage,
	"initial":  initial,
	"mobile":   maskMobile,
	"plain":    func(r money.Rial) string { return strconv.FormatInt(int64(r), 10) },
	"rial":     rial,
	"toman":    money.Rial.TomanWords,
	"utc":      utc,
	"why":      why,
	"deadline": deadline,
}

// rial shows an amount in Persian digits and separators: ۱٬۲۰۰٬۰۰۰.
func rial(r money.Rial) string {
	return money.PersianDigits(strings.ReplaceAll(r.String(), ",", "٬"))
}

var bankNames = map[string]string{
	"asanpardakht": "آسان‌پرداخت",
	"zarinpal":     "زرین‌پال",
	"zibal":        "زیبال",
	"sandbox":      "بانک آزمایشی",
}

// bankName is a method's name for payers; an unknown method shows as it is called.
func bankName(method string) string {
	if name, ok := bankNames[method]; ok {
		return name
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

// dataImage are images without a door to script or network. SVG is one in an <img>.
var dataImage = regexp.MustCompile(`^data:image/(png|jpeg|gif|webp|avif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}$`)

var localPath = regexp.MustCompile(`^/[A-Za-z0-9_~.%-][A-Za-z0-9_~.%/?=&-]*$`)

// safeImage is the image's address if the page may show it, else empty.
func safeImage(address string) template.URL {
	if dataImage.MatchString(address) || localPath.MatchString(address) {
		return template.URL(address)
	}
	return ""
}

// maskCard shows the first six and last four digits at most: ۶۰۳۷ ۹۹** **** ۷۸۹۳.
func maskCard(card string) string {
	signs := []rune(money.LatinDigits(strings.NewReplacer(" ", "", "-", "").Replace(card)))
	for i := 6; len(signs) >= 12 && i < len(signs)-4; i++ {
		signs[i] = '*'
	}
	return groups(string(signs))
}

// groups shows a card number in fours: ۶۰۳۷ ۹۹۱۲ ۳۴۵۶ ۷۸۹۳.
func groups(card string) string {
	var out strings.Builder
	for i, c := range []rune(card) {
		if i > 0 && i%4 == 0 {
			out.WriteByte(' ')
		}
		out.WriteRune(c)
	}
	return money.PersianDigits(out.String())
}

// maskMobile shows the first four and last two digits at most: ۰۹۳۸*****۲۵.
func maskMobile(mobile string) string {
	mobile = money.LatinDigits(mobile)
	if len(mobile) == len("09xxxxxxxxx") {
		mobile = mobile[:4] + "*****" + mobile[9:]
	}
	return money.PersianDigits(mobile)
}

// reasons are the codes that a payment's row gives as its state_error, besides the bank's own words.
var reasons = map[string]string{
	"cancelled":     "پذیرنده این پرداخت را لغو کرد.",
	"not_collected": "پذیرنده تا پایان مهلت پرداخت را تأیید نکرد.",
	"late":          "پول پس از پایان مهلت پرداخت رسید.",
	"expired":       "پرداخت تا پایان مهلت انجام نشد.",
}

// why is a state_error as a sentence for payers; empty when it is none of ours and not Persian.
func why(stateError string) string {
	if text, ok := reasons[stateError]; ok {
		return text
	}
	if !strings.ContainsFunc(stateError, func(c rune) bool { return unicode.Is(unicode.Arabic, c) }) {
		return ""
	}
	return strings.TrimRight(stateError, ". ") + "."
}

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
