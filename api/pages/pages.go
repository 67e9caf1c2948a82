// Package pages renders what a payer sees: the checkout, the way to the bank, the outcome, and
// the problems in between. It knows neither HTTP routes nor the database: a handler fills a view
// and renders it. Every page works without JavaScript, asks nothing of other hosts and holds no
// inline script or style, so that it lives under the policy of [Security].
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

func parse(name string) *template.Template {
	return template.Must(template.New(name).Funcs(helpers).ParseFS(files, "templates/layout.html", "templates/"+name))
}

// Render writes the page.
func (v Checkout) Render(w io.Writer) error { return render(w, checkoutPage, v) }

// Render writes the page.
func (v Status) Render(w io.Writer) error { return render(w, statusPage, v) }

// Render writes the page. It fails when the bank's address is not an absolute http(s) one.
func (v ToBank) Render(w io.Writer) error {
	if !isWeb(v.Action) {
		return fmt.Errorf("page to_bank.html: bank address is not an absolute web address")
	}
	return render(w, toBankPage, v)
}

// Render writes the page.
func (v Problem) Render(w io.Writer) error { return render(w, problemPage, v) }

// render executes into memory first: a payer never sees half a page.
func render(w io.Writer, page *template.Template, view any) error {
	var out bytes.Buffer
	if err := page.ExecuteTemplate(&out, "page", view); err != nil {
		return fmt.Errorf("page %s: %w", page.Name(), err)
	}
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("write page %s: %w", page.Name(), err)
	}
	return nil
}
