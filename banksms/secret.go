package banksms

import (
	"regexp"
	"strings"
)

// A credential may be named in the middle of any sentence, so words are enough: reading a deposit as a password only
// costs a person's look, storing a password cannot be taken back. All patterns are for normalised text.
var secretWords = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`یک ?بار ?مصرف`,
	`(?:کد|شناسه|عدد|شماره) ?(?:تایید|تاید|تاییدیه|امنیتی|امنیت|فعال ?سازی|ورود|پویا|محرمانه|احراز|اعتبار ?سنجی|اعتبارسنجی|یک ?بار)`,
	`(?:گذر ?واژه|گذرواژه|پسورد|پسوورد|کلمه ?عبور|پین ?کد|پین ?دوم)`,
	`(?:^|[^a-z])(?:otp|cvv ?2?|one[ -]?time|pass ?word|pass ?code|pin ?code|pin2?|ramz(?:e? ?\w+)?)(?:$|[^a-z])`,
	`(?:^|[^a-z])(?:code|pass|verification|security)\s*(?:is|no\.?|number)?\s*[:=#-]?\s*\d{3,}`,
	`(?:^|\P{L})کد(?: ?(?:شما|زیر|ارسالی))?(?: ?[:=-] ?|\s)\d{4,8}(?:$|\D)`,
	`سی ?وی ?وی`,
	`(?:^|\P{L})این ?(?:کد|رمز)(?:$|\P{L})`,
}, `|`))

// secretWord is "رمز" where a word begins: «قرمز» and «هرمزگان» hold the same letters.
var secretWord = regexp.MustCompile(`(?:^|\P{L})(?:و ?|کد ?)?رمز ?(\p{L}*)`)

// harmless continue "رمز" to words that are no password: cryptocurrency, encryption, barcode.
var harmless = []string{"ارز", "نگار", "ینه", "گشا"}

// isSecret says whether a normalised text holds a one-time password or another credential, in any spelling.
func isSecret(normal string) bool {
	if secretWords.MatchString(normal) {
		return true
	}
next:
	for _, m := range secretWord.FindAllStringSubmatch(normal, -1) {
		for _, tail := range harmless {
			if strings.HasPrefix(m[1], tail) {
				continue next
			}
		}
		return true
	}
	return false
}
