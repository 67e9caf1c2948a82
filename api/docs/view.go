package docs

import (
	"embed"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"github.com/paysaga/paysaga/api/pages"
)

//go:embed templates/*.html
var templateFiles embed.FS

// layouts are the templates by language.
var layouts = map[string]*template.Template{
	"fa": parse(pages.Persian),
	"en": parse(pages.English),
}

func parse(l pages.Lang) *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"t":      l.Of,
		"blocks": blocks,
		"inline": inline,
		"asset":  assetURL,
		"font":   pages.FontURL,
	}).ParseFS(templateFiles, "templates/*.html"))
}

// view is a page about to be written.
type view struct {
	pages.Reader
	site *Site
	Name string
	Code Code

	Title  string
	Intro  string
	Calls  []callView
	Shared []answerView // the refusals that several calls of the page share
	Words  []wordsView  // what the values of states mean
	Parts  []part       // of a guide
}

// callView is one operation as the page shows it.
type callView struct {
	*operation
	Title, Text string
	Fields      []fieldView
	Sample      string
	Results     []answerView
	Refusals    []string // names of shared answers
}

type fieldView struct {
	field
	Text string
}

// wordsView is a member of an answer and what its values mean.
type wordsView struct {
	fieldView
	Of, ID string // the first call that answers it
}

type answerView struct {
	Statuses string
	answer
	Text string
}

// link is one entry of a menu.
type link struct {
	Title, URL string
	Here       bool
}

func (v *view) fill() error {
	switch v.Name {
	case startPage:
		v.Title = v.Lang.Of("از کلید تا پول دریافت‌شده", "From key to collected payment")
		var err error
		v.Parts, err = parts("start", v.Lang, tutorial(v.site.base), "")
		return err
	case receiverPage:
		v.Title = v.Lang.Of("گیرندهٔ وب‌هوک", "A receiver of webhooks")
		if v.Code.Slug == "curl" {
			v.Code = Codes[1]
		}
		source, err := receiver(v.Code)
		if err != nil {
			return err
		}
		v.Parts, err = parts("receiver", v.Lang, nil, source)
		return err
	}
	for _, t := range v.site.spec.tags {
		if t.Slug() != v.Name {
			continue
		}
		v.Title, v.Intro = v.site.tagWords(t, v.Lang)
		for _, o := range t.operations {
			if err := v.addCall(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// tagWords are a group's title and text.
func (s *Site) tagWords(t tag, l pages.Lang) (title, text string) {
	if w := s.fa.Tags[t.name]; l != pages.English && w.Title != "" {
		return w.Title, w.Text
	}
	return strings.ToUpper(t.name[:1]) + t.name[1:], t.description
}

func (v *view) addCall(o *operation) error {
	c := callView{operation: o, Title: o.Summary, Text: o.Description}
	if w := v.site.fa.Operations[o.ID]; v.Lang != pages.English && w.Title != "" {
		c.Title, c.Text = w.Title, w.Text
	}
	for _, f := range slices.Concat(o.Params, o.Body) {
		c.Fields = append(c.Fields, fieldView{f, v.site.fa.in(v.Lang, f.Description)})
	}
	var err error
	if c.Sample, err = o.request(v.site.base).write(v.Code); err != nil {
		return err
	}
	for _, a := range o.Answers {
		if a.Shared != "" && a.Status >= "400" {
			c.Refusals = append(c.Refusals, a.Status)
			v.share(a)
			continue
		}
		c.Results = append(c.Results, v.answer(a))
	}
	for _, w := range o.Words {
		if !slices.ContainsFunc(v.Words, func(known wordsView) bool { return known.Description == w.Description }) {
			v.Words = append(v.Words, wordsView{fieldView{w, v.site.fa.in(v.Lang, w.Description)}, c.Title, o.ID})
		}
	}
	v.Calls = append(v.Calls, c)
	return nil
}

func (v *view) answer(a answer) answerView {
	for i := range a.Examples {
		a.Examples = append([]example{}, a.Examples...)
		a.Examples[i].Summary = v.site.fa.in(v.Lang, a.Examples[i].Summary)
	}
	return answerView{Statuses: a.Status, answer: a, Text: v.site.fa.in(v.Lang, a.Description)}
}

// share notes a refusal once for the whole page.
func (v *view) share(a answer) {
	for _, known := range v.Shared {
		if known.answer.Shared == a.Shared {
			return
		}
	}
	v.Shared = append(v.Shared, v.answer(a))
}

// Menu leads to every page.
func (v view) Menu() []link {
	var out []link
	for _, name := range v.site.Names() {
		l := link{URL: v.to(name, v.Reader, v.Code), Here: name == v.Name}
		switch name {
		case startPage:
			l.Title = v.Lang.Of("شروع", "Start")
		case receiverPage:
			l.Title = v.Lang.Of("گیرندهٔ وب‌هوک", "Receiver of webhooks")
		default:
			for _, t := range v.site.spec.tags {
				if t.Slug() == name {
					l.Title, _ = v.site.tagWords(t, v.Lang)
				}
			}
		}
		out = append(out, l)
	}
	return out
}

// Languages are the page's samples in the others.
func (v view) Languages() []link {
	codes := Codes
	if v.Name == receiverPage {
		codes = Codes[1:]
	}
	var out []link
	for _, c := range codes {
		out = append(out, link{Title: c.Title, URL: v.to(v.Name, v.Reader, c), Here: c == v.Code})
	}
	return out
}

// Swap is the same page in the other language of people.
func (v view) Swap() string {
	return v.to(v.Name, pages.Reader{Lang: v.Other(), Chosen: true}, v.Code)
}

// To is another page for the same reader.
func (v view) To(name string) string { return v.to(name, v.Reader, v.Code) }

func (v view) to(name string, r pages.Reader, c Code) string {
	address := "/docs"
	if name != "" {
		address += "/" + name
	}
	query := url.Values{}
	if r.Chosen {
		query.Set("lang", r.Lang.String())
	}
	if c != Codes[0] {
		query.Set("code", c.Slug)
	}
	if len(query) == 0 {
		return address
	}
	return address + "?" + query.Encode()
}
