package banksms

import (
	"regexp"
	"strings"
)

const (
	wholeCard  = `\d{4}(?:[\x20-]?\d{4}){3}`
	maskedCard = `\d{4}[\x20-]?\d{0,4}[*Xx][*Xx\x20-]*\d{4}`
	anyCard    = wholeCard + `|` + maskedCard + `|[*Xx]*\d{4}\*?`

	payerLabel = `(?:شماره )?کارت ?(?:مبدا|واریز ?کننده|فرستنده|انتقال ?دهنده|پرداخت ?کننده)`

	fromCardWords = `از(?: شماره)? کارت(?: شماره)?~:?~`
	toCardWords   = `به(?: شماره)? کارت(?: شماره)?~:?~`

	// payerPart may stand in every template: the card the money came from. Of a debit that is our own card; then the
	// plain form names the account, and a description («انتقال از کارت … به کارت …») does not.
	payerPart = `?(?:(?:(?:بابت|شرح)~:?~(?:انتقال(?: وجه)? )?|انتقال(?: وجه)?(?: کارت به کارت)? )` + fromCardWords + `(?P<payer>` + anyCard + `)(?:~,)?` +
		`(?: ` + toCardWords + `(?:` + anyCard + `))?` +
		`|` + fromCardWords + `(?P<from>` + anyCard + `)(?:~,)?(?: ` + toCardWords + `(?P<to>` + anyCard + `))?` +
		`|از~:?~(?P<from>` + wholeCard + `|` + maskedCard + `)` +
		`|` + payerLabel + `~:?~(?P<payer>` + anyCard + `))` +
		`(?:(?:~,)? (?:(?:با|به|و) )?{ref})*`
)

var (
	fromCard  = regexp.MustCompile(`(?:از(?: شماره)? ?کارت(?: شماره)?|` + payerLabel + `)\s?:?\s?(` + anyCard + `)(?:[^\d*Xx]|$)`)
	fromBare  = regexp.MustCompile(`(?:^|\P{L})از\s?:?\s?(` + wholeCard + `|` + maskedCard + `)(?:[^\d*Xx]|$)`)
	cardMarks = strings.NewReplacer(" ", "", "-", "")
)

// payerCard finds the card that a credit came from in free words.
func payerCard(words string) string {
	for _, pattern := range [...]*regexp.Regexp{fromCard, fromBare} {
		if m := pattern.FindStringSubmatch(words); m != nil {
			return cardAsPrinted(m[1])
		}
	}
	return ""
}

// cardAsPrinted joins the groups of a whole card number; a masked one stays as it is.
func cardAsPrinted(card string) string {
	if whole := cardMarks.Replace(card); strings.Trim(whole, "0123456789") == "" {
		return whole
	}
	return card
}
