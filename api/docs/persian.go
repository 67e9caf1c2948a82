package docs

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/paysaga/paysaga/api/pages"
)

//go:embed fa.yaml
var persianFile []byte

// persian is what openapi.yaml says, in Persian. Groups and operations have texts of their own under their names;
// fields and answers, of which many are the same, are found by the English words: change those, and a test asks for
// the Persian.
type persian struct {
	Tags       map[string]words  `yaml:"tags"`
	Operations map[string]words  `yaml:"operations"`
	Texts      map[string]string `yaml:"texts"`
}

type words struct {
	Title string `yaml:"title"`
	Text  string `yaml:"text"`
}

func readPersian(data []byte) (persian, error) {
	var p persian
	if err := yaml.Unmarshal(data, &p); err != nil {
		return p, fmt.Errorf("fa.yaml: %w", err)
	}
	return p, nil
}

// oneLine is how a text is looked up: where its lines break does not matter.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// in is a text in the reader's language; English where there is no Persian.
func (p persian) in(l pages.Lang, english string) string {
	if l == pages.English {
		return english
	}
	if text := p.Texts[oneLine(english)]; text != "" {
		return text
	}
	return english
}

// missing lists what has no Persian, and what stands there for nothing.
func (p persian) missing(s *spec) (without, unused []string) {
	seen := map[string]bool{}
	want := func(found bool, name string) {
		if !found {
			without = append(without, name)
		}
	}
	text := func(english string) {
		if english != "" && !seen[oneLine(english)] {
			seen[oneLine(english)] = true
			want(p.Texts[oneLine(english)] != "", oneLine(english))
		}
	}
	for _, t := range s.tags {
		seen["tag "+t.name] = true
		want(p.Tags[t.name].Title != "" && p.Tags[t.name].Text != "", "tag "+t.name)
		for _, o := range t.operations {
			seen["operation "+o.ID] = true
			w := p.Operations[o.ID]
			want(w.Title != "" && (w.Text != "" || o.Description == ""), "operation "+o.ID)
			for _, f := range slices.Concat(o.Params, o.Body, o.Words) {
				text(f.Description)
			}
			for _, a := range o.Answers {
				text(a.Description)
				for _, e := range a.Examples {
					text(e.Summary)
				}
			}
		}
	}
	for name := range p.Tags {
		if !seen["tag "+name] {
			unused = append(unused, "tag "+name)
		}
	}
	for id := range p.Operations {
		if !seen["operation "+id] {
			unused = append(unused, "operation "+id)
		}
	}
	for english := range p.Texts {
		if !seen[english] {
			unused = append(unused, english)
		}
	}
	return without, unused
}
