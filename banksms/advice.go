package banksms

import (
	"regexp"
	"slices"
	"strings"
)

// Banks end genuine messages with advice about passwords. It is taken out before anything else is judged; a text that
// delivers a password is secret all the same, since its password word stands outside the advice.
var (
	// adviceSpan is a run of words around a password word, with no figure and no colon in it.
	adviceSpan = regexp.MustCompile(`(?i)(?:(?:هشدار|توجه|تذکر|نکته)(?: امنیتی| مهم)? ?[:!] ?)?[^\d\n:.!;]*(?:رمز|پسورد|کلمه ?عبور|گذر ?واژه|کد ?(?:تایید|امنیتی|فعال ?سازی)|cvv ?2?)(?:cvv ?2|[^\d\n:.!;])*`)
	// adviceWord is what only advice says of a password.
	adviceWord = regexp.MustCompile(`در اختیار|افشا|فاش|بازگو|محرمانه (?:نگه|بماند|است)|نزد خود|حفاظت|محافظت|حفظ|هرگز|هیچ ?(?:گاه|وقت|کس|کدام|فرد|عنوان)` +
		`|(?:نمی ?(?:خواهد|کند|پرسد|نماید)|ندهید|نگذارید|نگویید|نفرستید|نکنید|ننمایید|نفرمایید|خودداری)`)
	// deliversWord points at a password in the same text.
	deliversWord = regexp.MustCompile(`(?:^|\P{L})(?:این (?:رمز|کد|پیام|پیامک|شماره|عدد)|فوق|زیر|بالا|مذکور|ارسالی)(?:\P{L}|$)`)
	// beforeAdvice ends what goes before advice in one line.
	beforeAdvice = regexp.MustCompile(`^.*(?:ریال|تومان|تومن|(?:^|\P{L})(?:شد|گردید|نشست|پرید)(?:\P{L}|$))`)
	passwordWord = regexp.MustCompile(`(?i)رمز|پسورد|عبور|واژه|کد ?(?:تایید|امنیتی|فعال)|cvv`)
	bareCode     = regexp.MustCompile(`(?:^|[^\d.,/:*-])\d{4,8}(?:$|[^\d.,/:*-])`)
)

// withoutAdvice takes advice about passwords out of a normalised text.
func withoutAdvice(normal string) string {
	if !adviceWord.MatchString(normal) {
		return normal
	}
	text := adviceSpan.ReplaceAllStringFunc(normal, func(span string) string {
		start := 0
		if at := passwordWord.FindStringIndex(span); at != nil {
			start = len(beforeAdvice.FindString(span[:at[0]]))
		}
		if advice := span[start:]; adviceWord.MatchString(advice) && !deliversWord.MatchString(advice) {
			return span[:start] + "\n"
		}
		return span
	})
	lines := strings.Split(text, "\n")
	kept := lines[:0]
	for _, line := range lines {
		if line = strings.Trim(line, " .!;,"); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// unexplained are the figures of a template that could be a code: in free words, without a label, or in place of an
// amount without marks.
func (c captures) unexplained() string {
	left := append(slices.Clone(c["note"]), c["ref"]...)
	if len(c["unit"]) == 0 {
		left = append(left, c["amount"]...)
	}
	return strings.Join(left, "\n")
}
