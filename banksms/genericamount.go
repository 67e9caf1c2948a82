package banksms

import (
	"regexp"
	"strings"
)

var (
	looseFigure = compile(`(?P<sign>[+-] ?)?(?P<amount>{number})(?P<sign> ?\+|-| -(?m:$))?(?:~(?P<unit>{unit}))?(?P<sign> ?\+|-| -(?m:$))?`)

	// What stands before a figure says what it is.
	amountLabel = regexp.MustCompile(`مبلغ(?: \p{L}+){0,2}$`)
	movedLabel  = regexp.MustCompile(`(?:واریز\p{L}*|برداشت\p{L}*|خرید\p{L}*|انتقال\p{L}*|پایا|ساتنا|پل|کارمزد|دریافت|کسر|حقوق|حواله|قبض|پرداخت|سود|تراکنش|کارت)(?:[ \p{L}()]{0,60})$`)
	feeLabel    = regexp.MustCompile(`(?:کارمزد|هزینه|مالیات|عوارض|ابونمان)(?: \p{L}+){0,3}$`)
	otherLabel  = regexp.MustCompile(`(?:شماره|کد|شناسه|سقف|بدهی|مرحله|ماه|سال|نوبت|روز|امتیاز|جایزه|ساعت|تاریخ|اعتبار|حداقل|حداکثر)(?: \p{L}+)?$`)
	shortAmount = regexp.MustCompile(`(?:^|\s)م$`)
)

const (
	enough      = 3  // the least that makes a figure an amount
	mostFigures = 40 // looked at; no bank prints as many
)

// amount takes the figure that most looks like what was moved. Never a fee, unless there is nothing else.
func (l *loose) amount(hasAccount bool) bool {
	best, bestScore := []int(nil), enough-1
	for _, at := range looseFigure.FindAllStringSubmatchIndex(l.rest, mostFigures) {
		if score := l.score(at, hasAccount); score > bestScore {
			best, bestScore = at, score
		}
	}
	if best == nil {
		return false
	}
	m := submatches(l.rest, best)
	for i := range m {
		m[i] = strings.TrimSpace(m[i])
	}
	if !l.caught.add(looseFigure.SubexpNames(), m) {
		return false
	}
	l.cut(best[0], best[1])
	return true
}

func (l *loose) score(at []int, hasAccount bool) int {
	m := submatches(l.rest, at)
	number, unit, sign := "", "", ""
	for i, name := range looseFigure.SubexpNames() {
		switch name {
		case "amount":
			number = m[i]
		case "unit":
			unit += m[i]
		case "sign":
			sign += m[i]
		}
	}
	before, after := l.rest[:at[0]], l.rest[at[1]:]
	if strings.HasSuffix(strings.TrimRight(before, "-"), "/") || endsInFigure(before) || startsInFigure(after) {
		return 0
	}
	score, grouped := 0, strings.ContainsAny(number, ",.")
	label := labelBefore(before)
	switch {
	case feeLabel.MatchString(label):
		score = -8
	case otherLabel.MatchString(label) && unit == "":
		return 0
	case amountLabel.MatchString(label):
		score = 6
	case movedLabel.MatchString(label), shortAmount.MatchString(label):
		score = 4
	}
	if grouped {
		score += 3
	} else if len(number) > 8 && unit == "" { // likelier an account
		score -= 3
	}
	if unit != "" {
		score += 3
	}
	if sign != "" && (grouped || unit != "" || score > 0) {
		score += 8
	}
	if !grouped && unit == "" && (len(number) < 4 || len(number) > 12) && sign == "" {
		score -= 10
	}
	if feeLabel.MatchString(label) && score > -8 { // all there is, when nothing else moved
		return enough
	}
	return score
}

// labelBefore is the end of the line before a figure, or of the line above when the figure begins one.
func labelBefore(before string) string {
	const trimmed = " :()"
	line := strings.TrimRight(before[strings.LastIndexByte(before, '\n')+1:], trimmed)
	if line == "" {
		above := strings.TrimRight(before, "\n"+trimmed)
		line = above[strings.LastIndexByte(above, '\n')+1:]
	}
	if len(line) > 160 {
		line = line[len(line)-160:]
	}
	return line
}

func endsInFigure(text string) bool {
	if text == "" {
		return false
	}
	c := text[len(text)-1]
	return c >= '0' && c <= '9' || strings.IndexByte("*./,Xx_:", c) >= 0 && len(text) > 1 && isDigitOrMask(text[len(text)-2])
}

func startsInFigure(text string) bool {
	if text == "" {
		return false
	}
	return isDigitOrMask(text[0]) || text[0] == 'X' || len(text) > 1 && strings.IndexByte("/-:_", text[0]) >= 0 && isDigitOrMask(text[1])
}

func isDigitOrMask(c byte) bool { return c >= '0' && c <= '9' || c == '*' || c == 'X' || c == 'x' }
