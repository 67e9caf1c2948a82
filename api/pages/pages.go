// Package pages renders what a payer sees: the checkout, the way to the bank, the outcome, and
// the problems in between, in Persian or English. It knows neither HTTP routes nor the database: a
// handler fills a view and renders it. Every page works without JavaScript, asks nothing of other hosts
// and holds no inline script or style, so that it lives under the policy of [Security].
package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
)

//go:embed templates/*.html
var files embed.FS

var (
	checkoutPage = parse("checkout.html")
	statusPage   = parse("status.html")
	toBankPage   = parse("to_bank.html")
	problemPage  = parse("problem.html")
)

// page is a template in every language.
type page map[Lang]*template.Template

func parse(name string) page {
	p := page{}
	for _, l := range Langs {
		p[l] = template.Must(template.New(name).Funcs(helpers(l)).ParseFS(files, "templates/layout.html", "templates/"+name))
	}
	return p
}

// Render writes the page.
func (v Checkout) Render(w io.Writer) error { return render(w, checkoutPage, v.Lang, v) }

// Render writes the page.
func (v Status) Render(w io.Writer) error { return render(w, statusPage, v.Lang, v) }

// Render writes the page. It fails when the bank's address is not an absolute http(s) one.
func (v ToBank) Render(w io.Writer) error {
	if !isWeb(v.Action) {
		return fmt.Errorf("page to_bank.html: bank address is not an absolute web address")
	}
	return render(w, toBankPage, v.Lang, v)
}

// Render writes the page.
func (v Problem) Render(w io.Writer) error { return render(w, problemPage, v.Lang, v) }

// render executes into memory first: a payer never sees half a page.
func render(w io.Writer, p page, l Lang, view any) error {
	var out bytes.Buffer
	t := p[Lang(l.String())]
	if err := t.ExecuteTemplate(&out, "page", view); err != nil {
		return fmt.Errorf("page %s: %w", t.Name(), err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("write page %s: %w", t.Name(), err)
	}
	return nil
}
