package pages

import (
	"io"
	"net/url"

	"golang.org/x/text/language"
)

// Lang is the language of a page. The zero value is Persian.
type Lang string

// The languages that payers can choose from.
const (
	Persian Lang = "fa"
	English Lang = "en"
)

// Langs are all of them; the first is everybody's who asks for none of them.
var Langs = []Lang{Persian, English}

// Of chooses between the same words in both languages.
func (l Lang) Of(persian, english string) string {
	if l == English {
		return english
	}
	return persian
}

// String is the language's tag.
func (l Lang) String() string { return l.Of("fa", "en") }

// Reader is who reads a page. Nothing about it is stored: the address or the browser says it each time.
type Reader struct {
	Lang   Lang
	Chosen bool // by ?lang= in the address; the page's own links and forms keep it
}

// View is a page about to be shown to somebody.
type View interface {
	Render(w io.Writer) error
	// For is the same page in the reader's language.
	For(r Reader) View
}

// For is the same page in the reader's language.
func (v Checkout) For(r Reader) View { v.Reader = r; return v }

// For is the same page in the reader's language.
func (v Status) For(r Reader) View { v.Reader = r; return v }

// For is the same page in the reader's language.
func (v ToBank) For(r Reader) View { v.Reader = r; return v }

// For is the same page in the reader's language.
func (v Problem) For(r Reader) View { v.Reader = r; return v }

// For is the same page in the reader's language.
func (v Transfer) For(r Reader) View { v.Reader = r; return v }

var matcher = language.NewMatcher([]language.Tag{language.Persian, language.English})

// ReaderOf reads the query's lang and, when that is none of ours, the header Accept-Language.
func ReaderOf(query, acceptLanguage string) Reader {
	for _, l := range Langs {
		if query == string(l) {
			return Reader{Lang: l, Chosen: true}
		}
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(wanted) == 0 {
		return Reader{Lang: Persian}
	}
	_, best, sure := matcher.Match(wanted...)
	if sure == language.No {
		best = 0
	}
	return Reader{Lang: Langs[best]}
}

// Link is the address of one of our own pages that keeps the language which the reader chose.
func (r Reader) Link(path string) string {
	if !r.Chosen {
		return path
	}
	return inLang(path, r.Lang)
}

// Other is the language to change to.
func (r Reader) Other() Lang {
	if r.Lang == English {
		return Persian
	}
	return English
}

func inLang(path string, l Lang) string { return path + "?lang=" + url.QueryEscape(l.String()) }
