package sandbox

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
)

// pages are the sandbox's HTML pages. They need no JavaScript; the one script saves a click.
type pages struct{ templates *template.Template }

func parsePages() (*pages, error) {
	t, err := template.New("").Funcs(template.FuncMap{
		"fa":     persianDigits,
		"rial":   persianRial,
		"words":  money.Rial.TomanWords,
		"bank":   bankTitle,
		"state":  stateTitle,
		"tehran": tehranTime,
	}).ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	return &pages{t}, nil
}

// show answers with a page whose forms may go to the given origins and nowhere else.
func (s *Server) show(w http.ResponseWriter, status int, name string, data any, formTargets ...*url.URL) {
	var body bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&body, name, data); err != nil {
		s.log.Error("render page", "page", name, "error", err)
		http.Error(w, "page error", http.StatusInternalServerError)
		return
	}
	targets := "'self'"
	for _, u := range formTargets {
		targets += " " + u.Scheme + "://" + u.Host
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action "+targets)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "strict-origin")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w)
}

func assets() http.Handler {
	root, err := fs.Sub(files, "assets")
	if err != nil {
		return http.NotFoundHandler()
	}
	return http.StripPrefix("/assets/", http.FileServerFS(root))
}

var toPersian = strings.NewReplacer("0", "۰", "1", "۱", "2", "۲", "3", "۳", "4", "۴", "5", "۵", "6", "۶", "7", "۷", "8", "۸", "9", "۹", ",", "٬")

func persianDigits(v any) string { return toPersian.Replace(fmt.Sprint(v)) }

func persianRial(r money.Rial) string { return toPersian.Replace(r.String()) }

func bankTitle(name string) string {
	switch name {
	case "asanpardakht":
		return "آسان‌پرداخت"
	case "zarinpal":
		return "زرین‌پال"
	case "zibal":
		return "زیبال"
	case "saman":
		return "پرداخت الکترونیک سامان"
	case "mellat":
		return "به‌پرداخت ملت"
	case "sandbox":
		return "بانک آزمایشی"
	}
	return name
}

func stateTitle(s State) string {
	switch s {
	case Open:
		return "در انتظار پرداخت"
	case Paid:
		return "پرداخت‌شده"
	case Verified:
		return "تأییدشده"
	case Settled:
		return "تسویه‌شده"
	case Reversed:
		return "برگشت‌خورده"
	case Cancelled:
		return "لغوشده"
	case Refunded:
		return "بازپرداخت‌شده"
	case Declined:
		return "انصراف"
	case Expired:
		return "منقضی"
	}
	return string(s)
}

// tehran has had one offset all year since 2022; no zone data needed.
var tehran = time.FixedZone("Tehran", 3*3600+1800)

func tehranTime(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return persianDigits(t.In(tehran).Format("15:04:05"))
}
