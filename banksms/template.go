package banksms

import (
	"regexp"
	"slices"
	"strings"
)

// template is one layout of one bank: parts that together make up the whole text. Banks reorder lines and break them
// anywhere, so parts come in any order; each comes at most once and nothing may be left over.
type template struct {
	bank  Bank
	parts []part
	// shape tells the bank when neither the sender nor the text names it. Without it one of them must.
	shape *regexp.Regexp
}

type part struct {
	pattern  *regexp.Regexp // anchored at its start
	optional bool
	note     bool // free words follow, up to the next part
}

// pieces are what parts are made of. In a pattern a space stands for white space, ~ for white space that may be missing.
var pieces = map[string]string{
	"number": `\d+(?:[.,]\d+)*`,
	"unit":   `(?:ریال|تومان|تومن)`,
	// A minus between spaces is a dash, unless the line ends with it.
	"tail":    `(?: ?(?P<sign>\+)|(?P<sign>-)| ?(?P<sign>-)(?m:$))?`,
	"money":   `(?:(?P<sign>[+-]) ?)?(?P<amount>{number}){tail}(?:~(?P<unit>{unit}))?{tail}`,
	"signed":  `(?:(?P<sign>[+-]) ?(?P<amount>{number})(?:~(?P<unit>{unit}))?|(?P<amount>{number})(?:~(?P<unit>{unit}))? ?(?P<sign>[+-])(?:~(?P<unit>{unit}))?)`,
	"word":    `(?P<word>\p{L}[^\d\n:+*]*?)`,
	"dir":     `(?:(?P<in>واریزی?|دریافت)|(?P<out>برداشتی?|کسر))`,
	"label":   `(?:شماره )?(?:حساب|سپرده|کارت)(?: شماره)?(?: شما)?~:?~`,
	"digits":  `(?:(?:IR)?[\dXx*]+(?:[./-][\dXx*]+)*|\.{2,4}\d{4})`,
	"account": `(?P<account>{digits})`,
	"acct":    `(?:(?:به~:?~)?{label}{account}|به(?:~:~| ){account}|از~:?~{label}(?P<off>{digits}))`,
	"bal": `(?:مانده|موجودی)(?: حساب| سپرده| کارت| کل| فعلی| جدید| شما| نهایی| بستانکار| قابل برداشت)*~:?~(?P<balsign>[+-]?)(?P<balance>{number})` +
		`(?:(?P<balsign>[+-])| ?(?P<balsign>[+-])(?m:$))?(?:~(?P<balunit>{unit}))?`,
	"clock":   `(?P<time>\d{1,2}:\d{2}(?::\d{2})?)`,
	"date":    `(?P<date>\d{4}[/.-]\d{1,2}[/.-]\d{1,2}|\d{1,2}/\d{1,2}(?:/\d{1,4})?|\d{1,2} (?:{month})(?: ماه)? \d{4})`,
	"month":   strings.Join(months, "|"),
	"compact": `(?P<date>\d{8}|\d{6}|\d{4})`,
	"on":      `(?:(?:در )?(?:تاریخ(?: و (?:ساعت|زمان))?|زمان|مورخ)~:?~)?`,
	"at":      `(?:(?:در )?(?:ساعت|زمان)~:?~)?`,
	"when": `(?:{on}{date}(?:[\s_,;-]+{at}{clock})?|{on}{compact}~[_-]~{clock}|{compact} {clock}` +
		`|{at}{clock}[\s_,-]+{on}{date}|{at}{clock})`,
	// how the money came, in words that never say more
	"channel": `(?:(?:از طریق|توسط)~:?~)?{way}(?: {way})*`,
	"way":     `(?:انتقالی?|حواله|پایا|ساتنا|پل|شتابی?|کارت به کارت|کارتی?|وجه|بین بانکی|داخلی|اینترنت ?بانک|اینترنتی?|همراه ?بانک|موبایل ?بانک|خود ?پرداز|عابر ?بانک|پایانه فروش|شعبه|حقوق(?: ماهانه)?)`,
	"ref":     `(?:(?:شماره|کد|ش) ?)?(?:مستند|سند|پیگیری|رهگیری|مرجع|ارجاع|بازیابی)~:?~[A-Z]{0,4}\d+`,
}

// layout makes a template. A part that begins with "?" may be missing, one that ends in {note} goes on in free words.
func layout(bank Bank, shape string, parts ...string) template {
	t := template{bank: bank}
	if shape != "" {
		t.shape = regexp.MustCompile(shape)
	}
	for _, text := range append([]string{payerPart}, parts...) {
		var p part
		text, p.optional = strings.CutPrefix(text, "?")
		text, p.note = strings.CutSuffix(text, "{note}")
		end := `(?:(?:~[.,;|]| -)?(?:\s+|\z))`
		if p.note {
			end = ""
		}
		p.pattern = compiled(`\A(?:` + strings.ReplaceAll(text, "{head}", headOf(bank)) + `)` + end)
		t.parts = append(t.parts, p)
	}
	return t
}

// patterns are those compiled so far. Layouts have most of their parts in common: each of its own would be
// 20 MB in every process and a tenth of a second of its start. Nothing is added after the package's start.
var patterns = map[string]*regexp.Regexp{}

func compiled(text string) *regexp.Regexp {
	p, ok := patterns[text]
	if !ok {
		p = compile(text)
		patterns[text] = p
	}
	return p
}

func expand(text string) string {
	for strings.Contains(text, "{") {
		before := text
		for name, piece := range pieces {
			text = strings.ReplaceAll(text, "{"+name+"}", piece)
		}
		if text == before { // what is left are quantifiers
			break
		}
	}
	return strings.NewReplacer(" ?", `\x20?`, " ", `\s+`, "~", `\s*`).Replace(text)
}

// captures holds what the named groups of a template caught.
type captures map[string][]string

func (c captures) last(name string) string {
	if list := c[name]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

// words are the label of the amount and all free words.
func (c captures) words() string {
	return strings.Join(slices.Concat(c["word"], c["note"], c["greeting"]), "\n")
}

// match fits the template to the whole text.
func (t template) match(normal string) (captures, bool) {
	caught := captures{}
	ok := t.fit(normal, make([]bool, len(t.parts)), caught)
	return caught, ok
}

// fit matches the parts not yet used against the rest of the text.
func (t template) fit(rest string, used []bool, caught captures) bool {
	if rest == "" {
		for i, p := range t.parts {
			if !used[i] && !p.optional {
				return false
			}
		}
		return true
	}
	return t.fitPart(rest, used, caught, false) || t.fitPart(rest, used, caught, true)
}

// fitPart tries the parts one after the other: what has a shape of its own comes before free words.
func (t template) fitPart(rest string, used []bool, caught captures, notes bool) bool {
	for i, p := range t.parts {
		if used[i] || p.note != notes {
			continue
		}
		m := p.pattern.FindStringSubmatch(rest)
		if m == nil || !caught.add(p.pattern.SubexpNames(), m) {
			continue
		}
		used[i] = true
		if after := rest[len(m[0]):]; p.note && t.fitNote(after, used, caught) || !p.note && t.fit(after, used, caught) {
			return true
		}
		used[i] = false
		caught.drop(p.pattern.SubexpNames(), m)
	}
	return false
}

const maxNoteWords = 24

// fitNote takes as few words as possible for a note, so that the other parts make up what follows.
func (t template) fitNote(rest string, used []bool, caught captures) bool {
	end := 0
	for range maxNoteWords {
		word := noteWord.FindString(rest[end:])
		if word == "" || notNote.MatchString(strings.TrimSpace(word)) {
			return false
		}
		end += len(word)
		note := strings.TrimSpace(rest[:end])
		if !startsWithLetter.MatchString(note) {
			return false
		}
		caught["note"] = append(caught["note"], note)
		if t.fit(rest[end:], used, caught) {
			return true
		}
		caught["note"] = caught["note"][:len(caught["note"])-1]
	}
	return false
}

var (
	noteWord         = regexp.MustCompile(`\A\S+\s*`)
	startsWithLetter = regexp.MustCompile(`\A[*<(«"]*\p{L}`)
	// notNote are figures and labels that must never vanish in free words.
	notNote       = regexp.MustCompile(`مانده|موجودی|مبلغ|^[+-]?\d{1,3}(?:[.,]\d{3})+|^[+-]\d|\d[+-]$|ریال|تومان|تومن`)
	endsInAccount = regexp.MustCompile(`(?:حساب|سپرده|کارت)$`)
	// notReason are words that label another figure than the amount.
	notReason = regexp.MustCompile(`^(?:مانده|موجودی|حساب|سپرده|شماره|مستند|سند|پیگیری|رهگیری|کد|تاریخ|زمان|ساعت|بدهی)(?:\P{L}|$)|مانده|موجودی|بدهی|(?:^|\P{L})(?:به|از)$`)
)

// add keeps what was caught, unless a figure is unreadable or a label promises another figure.
func (c captures) add(names, m []string) bool {
	amount, marked, ofAccount := "", false, false
	for i, name := range names {
		if name == "" || m[i] == "" {
			continue
		}
		switch name {
		case "balance":
			if !readable(m[i]) {
				return false
			}
		case "account":
			if !strings.ContainsAny(m[i], "0123456789X*") {
				return false
			}
		case "word":
			if notReason.MatchString(m[i]) {
				return false
			}
			ofAccount = endsInAccount.MatchString(m[i])
		case "amount":
			if amount = m[i]; !readable(amount) || !isAmount(amount) {
				return false
			}
		case "sign", "unit":
			marked = true
		}
	}
	if ofAccount && !marked && !strings.ContainsAny(amount, ",.") { // «واریز به کارت 7719»: the amount is missing
		return false
	}
	for i, name := range names {
		if name != "" && m[i] != "" {
			c[name] = append(c[name], m[i])
		}
	}
	return true
}

// drop forgets what add kept last.
func (c captures) drop(names, m []string) {
	for i, name := range names {
		if name != "" && m[i] != "" {
			c[name] = c[name][:len(c[name])-1]
		}
	}
}
