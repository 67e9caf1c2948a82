package sandbox

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The bank's pages: what the payer sees between leaving the merchant and coming back. Every way a
// payer can behave is a button.

// The buttons, which are also what POST /payer can be told to do.
const (
	doPay           = "pay"
	doDecline       = "decline"
	doLoseCallback  = "lose_callback"
	doPayLate       = "pay_late"
	doVerifyTimeout = "verify_timeout"
	doCallbackTwice = "callback_twice"
)

var buttons = []string{doPay, doDecline, doLoseCallback, doPayLate, doVerifyTimeout, doCallbackTwice}

// bankPage shows an open session with its buttons, or what became of it.
func (s *Server) bankPage(w http.ResponseWriter, r *http.Request) {
	if charge, ok := s.session(w, r); ok {
		s.showSession(w, charge)
	}
}

func (s *Server) showSession(w http.ResponseWriter, c Charge) {
	if c.State != Open {
		s.showReturn(w, c)
		return
	}
	s.show(w, http.StatusOK, "bank.html", c, s.api)
}

// press does what the payer chose.
func (s *Server) press(w http.ResponseWriter, r *http.Request) {
	before, ok := s.session(w, r)
	if !ok {
		return
	}
	bank, ref, do := before.Bank, before.RefID, r.PostForm.Get("do")

	var charge Charge
	var err error
	switch do {
	case doPay, doLoseCallback, doCallbackTwice:
		charge, err = s.book.pay(bank, ref, false)
	case doVerifyTimeout:
		charge, err = s.book.pay(bank, ref, true)
	case doDecline:
		charge, err = s.book.decline(bank, ref)
	case doPayLate:
		seconds, bad := strconv.Atoi(westernDigits(r.PostForm.Get("seconds")))
		if bad != nil || seconds < 1 || seconds > 24*3600 {
			s.fail(w, http.StatusBadRequest, "تعداد ثانیه باید عددی از ۱ تا ۸۶۴۰۰ باشد.")
			return
		}
		charge, err = s.book.payLater(bank, ref, time.Duration(seconds)*time.Second)
		if err == nil && charge.State == Open && charge.PayAt.IsZero() {
			s.fail(w, http.StatusConflict, "مهلت این درگاه پیش از آن تمام می‌شود.")
			return
		}
	default:
		s.fail(w, http.StatusBadRequest, "این دکمه شناخته نشد.")
		return
	}
	if err != nil {
		s.log.Error("press", "do", do, "error", err)
		s.fail(w, http.StatusInternalServerError, "دفتر بانک نوشته نشد.")
		return
	}

	switch {
	case do == doLoseCallback && charge.justPaid():
		s.show(w, http.StatusOK, "closed.html", charge)
	case do == doCallbackTwice && charge.justPaid():
		s.running.Go(func() { s.sendCallback(charge) })
		s.showReturn(w, charge)
	default:
		s.showReturn(w, charge)
	}
}

// returnPage is where a late payer's page goes when the time has come.
func (s *Server) returnPage(w http.ResponseWriter, r *http.Request) {
	if charge, ok := s.session(w, r); ok {
		s.showReturn(w, charge)
	}
}

// showReturn sends the payer back to the merchant, or lets a late one wait.
func (s *Server) showReturn(w http.ResponseWriter, c Charge) {
	if c.State == Open && !c.PayAt.IsZero() {
		left := c.PayAt.Sub(s.book.now()).Seconds()
		s.show(w, http.StatusOK, "waiting.html", struct {
			Charge
			Seconds int
			Return  string
		}{c, max(1, int(math.Ceil(left))), "/bank/" + c.Bank + "/return?RefId=" + url.QueryEscape(c.RefID)})
		return
	}
	targets := []*url.URL{s.api}
	if callback, err := origin(c.Callback); err == nil && *callback != *s.api {
		targets = append(targets, callback)
	}
	method, action, fields := s.wayBack(c)
	s.show(w, http.StatusOK, "return.html", struct {
		Charge
		Method, Action string
		Fields         []field
	}{c, method, action, fields}, targets...)
}

// wayBack is the form that brings the payer back. A GET form replaces its action's query, so that
// becomes fields.
func (s *Server) wayBack(c Charge) (method, action string, fields []field) {
	back := way{"post", callbackFields(c)}
	if c.Wire {
		back = s.wires[c.Bank].back(c)
	}
	u, err := url.Parse(c.Callback)
	if back.method != "get" || err != nil {
		return back.method, c.Callback, back.fields
	}
	for name, values := range u.Query() {
		for _, v := range values {
			fields = append(fields, field{name, v})
		}
	}
	u.RawQuery = ""
	return back.method, u.String(), append(fields, back.fields...)
}

type field struct{ Name, Value string }

// callbackFields are what the browser carries back. A payer who did not pay carries nothing useful.
func callbackFields(c Charge) []field {
	if c.PaidAt.IsZero() {
		return []field{{"ReturningParams", ""}}
	}
	return []field{
		{"PayGateTranID", strconv.FormatInt(c.Tran, 10)},
		{"RRN", c.RRN},
		{"RefId", c.RefID},
		{"SalesOrderID", strconv.FormatInt(c.Invoice, 10)},
		{"Amount", strconv.FormatInt(int64(c.Amount), 10)},
		{"ReturningParams", ""},
	}
}

// sendCallback posts the callback from the bank itself, besides the payer's browser. It goes to this
// system only: the address came from outside.
func (s *Server) sendCallback(c Charge) {
	call := Call{At: s.book.now(), Bank: c.Bank, Op: "callback", Invoice: c.Invoice}
	defer func() { s.calls.add(call) }()
	if target, err := origin(c.Callback); err != nil || *target != *s.api {
		s.log.Warn("callback not sent: foreign address", "bank", c.Bank, "invoice", c.Invoice)
		return
	}
	method, action, fields := s.wayBack(c)
	form := url.Values{}
	for _, f := range fields {
		form.Set(f.Name, f.Value)
	}
	ctx, cancel := context.WithTimeout(s.closing, 10*time.Second)
	defer cancel()
	var body io.Reader = strings.NewReader(form.Encode())
	if method == "get" {
		action, body = action+"?"+form.Encode(), nil
	}
	req, err := http.NewRequestWithContext(ctx, strings.ToUpper(method), action, body)
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.callback.Do(req)
	if err != nil {
		s.log.Warn("callback failed", "bank", c.Bank, "invoice", c.Invoice, "error", err)
		return
	}
	defer res.Body.Close()
	call.Answer = res.StatusCode
}

// session finds the session of a page's request, or answers why not.
func (s *Server) session(w http.ResponseWriter, r *http.Request) (Charge, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		s.fail(w, http.StatusBadRequest, "فرم خوانده نشد.")
		return Charge{}, false
	}
	charge, err := s.book.ref(r.PathValue("bank"), r.Form.Get("RefId"))
	if err != nil {
		s.fail(w, http.StatusNotFound, "این نشست پرداخت پیدا نشد.")
		return Charge{}, false
	}
	if mobile := r.PostForm.Get("mobileap"); mobile != "" {
		charge.Mobile = fmt.Sprintf("%.11s", mobile)
	}
	return charge, true
}

func (s *Server) fail(w http.ResponseWriter, status int, why string) {
	s.show(w, status, "error.html", why)
}

var toWestern = strings.NewReplacer("۰", "0", "۱", "1", "۲", "2", "۳", "3", "۴", "4", "۵", "5", "۶", "6", "۷", "7", "۸", "8", "۹", "9")

func westernDigits(s string) string { return toWestern.Replace(strings.TrimSpace(s)) }
