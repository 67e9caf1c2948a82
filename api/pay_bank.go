package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/accounts"
	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/store"
)

// The way to the bank: which banks a payer is offered, and the session at the one chosen.

// Gateways are the banks that payers can be sent to.
type Gateways = gateways.Registry

// sessions are opened through one memory of how the banks did lately.
type sessions = gateways.Sessions

func (a *API) newSessions() *sessions {
	return gateways.NewSessions(a.Gateways, a.BankPause, func(bank string, down bool) {
		if down {
			a.Log.Error("bank gives no sessions; payers are shown the others first", "gateway", bank, "for", a.BankPause.String())
			return
		}
		a.Log.Info("bank gives sessions again", "gateway", bank)
	})
}

// offered lists the merchant's gateways that can take this payment: known here, with an account of the merchant
// where the bank asks for one, within the bank's amounts and windows.
func (a *API) offered(p store.PaymentPage) []string {
	var names []string
	for _, name := range p.Merchant.Gateways {
		bank, err := a.Gateways.Get(name)
		if err != nil || len(bank.Fields()) > 0 && !slices.Contains(p.Accounts, name) {
			continue
		}
		if takes(bank.Limits(), p) {
			names = append(names, name)
		}
	}
	return names
}

// takes says whether a bank can take a payment. Its windows count from the payer's payment, which is never before
// the payment was created, and the saga is done asking when the collect window is over. So a window that is no
// shorter than the collect window holds.
func takes(bank gateways.Limits, p store.PaymentPage) bool {
	collect := p.Merchant.CollectWindow.Duration()
	switch {
	case p.Payment.Amount < bank.MinAmount, bank.MaxAmount > 0 && p.Payment.Amount > bank.MaxAmount:
		return false
	case bank.AutoReverse > 0 && bank.AutoReverse < collect: // money whose callback got lost would be gone before it is asked for
		return false
	case p.Payment.AutoCollect: // nothing is ever given back
		return true
	}
	return bank.UndoWindow == 0 || bank.UndoWindow >= collect
}

// unavailable lists the offered gateways that are not worth a try: those that are down, and the one that just gave
// this payer no session.
func (a *API) unavailable(p store.PaymentPage, offered []string) []string {
	var names []string
	for _, name := range offered {
		if a.sessions.Down(name) || name == noSession(p) {
			names = append(names, name)
		}
	}
	return names
}

// noSession is the gateway at which the payer's latest attempt got no session; empty when it got one.
func noSession(p store.PaymentPage) string {
	if p.Attempt.Error == store.NoSession || p.Attempt.Error == store.SessionRefused {
		return p.Attempt.Gateway
	}
	return ""
}

// origins are the addresses that the page's form may lead to.
func (a *API) origins(p store.PaymentPage) []string {
	var origins []string
	for _, name := range a.offered(p) {
		if bank, err := a.Gateways.Get(name); err == nil {
			origins = append(origins, bank.Origin())
		}
	}
	return origins
}

// payAtBank opens an attempt and sends the payer to the bank.
func (a *API) payAtBank(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	page, err := a.paymentPage(ctx, c)
	if err != nil {
		return err
	}
	if !payable(page) {
		return c.Redirect(reader(c).Link(pagePath(page.Payment.Token)), http.StatusSeeOther)
	}
	if err := a.limits.pay.take(page.Payment.Token); err != nil {
		return err
	}
	choice, form := a.readChoice(c, page)
	if choice == nil {
		return a.render(c, http.StatusBadRequest, form, a.origins(page))
	}
	if a.sessions.Down(choice.bank.Name()) {
		return a.chooseAgain(ctx, c, choice, form)
	}
	redirect, err := a.openAttempt(ctx, choice, page)
	var none *noSessionError
	switch {
	case errors.Is(err, store.ErrTooLate):
		return c.Redirect(reader(c).Link(pagePath(page.Payment.Token)), http.StatusSeeOther)
	case errors.Is(err, store.ErrTooManyAttempts):
		return &problem{status: http.StatusConflict, code: "too_many_attempts", message: "The payer started over too often"}
	case errors.As(err, &none):
		a.Log.Warn("the bank gave no session", "gateway", choice.bank.Name(), "attempt", none.attempt, "reason", none.reason,
			"request_id", requestID(c), "error", none.cause)
		return a.chooseAgain(ctx, c, choice, form)
	case err != nil:
		return err
	}
	chosen := shown(page)
	chosen.Tip = choice.tip // the row gets it when the bank has taken it
	if err := a.render(c, http.StatusOK, pages.ToBank{
		Payment: chosen, Method: choice.bank.Name(), Action: redirect.URL, ByLink: redirect.Method == http.MethodGet, Fields: redirect.Fields,
	}, nil); err != nil {
		return err
	}
	if redirect.Method == http.MethodGet {
		c.Set("Refresh", "1;url="+redirect.URL) // for browsers without scripts
	}
	setHeaders(c, pages.SecurityToBank([]string{choice.bank.Origin()}))
	return nil
}

// chooseAgain shows the page once more, with what the payer typed and the next bank preselected. Which bank is
// tried next stays the payer's choice: one of an earlier visit may have taken the money by now.
func (a *API) chooseAgain(ctx context.Context, c *fiber.Ctx, choice *payChoice, typed pages.Checkout) error {
	page, err := a.paymentPage(ctx, c)
	if err != nil {
		return err
	}
	if !payable(page) {
		return c.Redirect(reader(c).Link(pagePath(page.Payment.Token)), http.StatusSeeOther)
	}
	form := a.checkout(page)
	form.Preferred, form.TipText, form.Mobile, form.NoSession = choice.bank.Name(), typed.TipText, typed.Mobile, choice.bank.Name()
	if !slices.Contains(form.Unavailable, form.NoSession) {
		form.Unavailable = append(form.Unavailable, form.NoSession)
	}
	// Not a 502 or 503: proxies like to put a page of their own in the place of those.
	return a.render(c, http.StatusConflict, form, a.origins(page))
}

// payChoice is what the payer chose on the page.
type payChoice struct {
	bank   gateways.Bank
	tip    money.Rial
	mobile string
}

var mobilePattern = regexp.MustCompile(`^09\d{9}$`)

// readChoice reads the form. A choice that cannot be accepted comes back as the page that says why.
func (a *API) readChoice(c *fiber.Ctx, page store.PaymentPage) (*payChoice, pages.Checkout) {
	form := a.checkout(page)
	form.NoSession = ""
	form.TipText, form.Mobile = strings.TrimSpace(c.FormValue("tip")), strings.TrimSpace(c.FormValue("mobile"))
	choice := &payChoice{mobile: money.LatinDigits(form.Mobile)}
	if choice.mobile != "" && !mobilePattern.MatchString(choice.mobile) {
		form.MobileError = pages.MobileWrong
	}
	chosen := c.FormValue("gateway")
	form.Preferred = chosen
	bank, err := a.Gateways.Get(chosen)
	if err != nil || !slices.Contains(form.Gateways, chosen) {
		form.GatewayError = pages.GatewayUnknown
	}
	choice.bank = bank
	if form.TipText != "" {
		choice.tip, err = money.ParseAmount(form.TipText)
		if err != nil {
			form.TipError = pages.TipNotNumber
		}
	}
	total := page.Payment.Amount + choice.tip
	if total > money.Max || (bank != nil && bank.Limits().MaxAmount > 0 && total > bank.Limits().MaxAmount) {
		form.TipError = pages.TipTooLarge
	}
	if form.MobileError != "" || form.GatewayError != "" || form.TipError != "" {
		return nil, form
	}
	return choice, form
}

// noSessionError means that a bank gave no session. The attempt has failed: its payer never saw the bank.
type noSessionError struct {
	attempt int64
	reason  string
	cause   error // never a bank's raw answer, never a credential
}

func (e *noSessionError) Error() string { return e.reason + ": " + e.cause.Error() }
func (e *noSessionError) Unwrap() error { return e.cause }

// openAttempt takes an invoice number, asks the bank for a session with the merchant's account, and records it.
// When the bank gives none the attempt has failed, whatever the reason: the payer never saw its address.
func (a *API) openAttempt(ctx context.Context, choice *payChoice, page store.PaymentPage) (gateways.Redirect, error) {
	attempt, err := a.Store.StartAttempt(ctx, store.NewAttempt{
		Token: page.Payment.Token, Gateway: choice.bank.Name(), Tip: choice.tip, Payer: maskMobile(choice.mobile),
	})
	if err != nil {
		return gateways.Redirect{}, err
	}
	redirect, err := a.openSession(ctx, choice, page, attempt)
	if err != nil {
		none := &noSessionError{attempt: attempt.ID, reason: store.NoSession, cause: err}
		if gateways.Classify(err) == gateways.ClassRefused {
			none.reason = store.SessionRefused
		}
		if failed := a.Store.FailAttempt(context.WithoutCancel(ctx), attempt.ID, none.reason); failed != nil {
			a.Log.Warn("attempt not closed", "attempt", attempt.ID, "error", failed)
		}
		return gateways.Redirect{}, none
	}
	return redirect, a.Store.OpenAttempt(ctx, attempt.ID, redirect.BankToken, choice.bank.Limits().SessionLife)
}

func (a *API) openSession(ctx context.Context, choice *payChoice, page store.PaymentPage, attempt store.Attempt) (gateways.Redirect, error) {
	gateway, err := accounts.Book{Store: a.Store, Vault: a.Vault}.Open(choice.bank, attempt.Account)
	if err != nil { // retired since the page was shown, or its key is missing
		return gateways.Redirect{}, &gateways.Unavailable{Op: "open account", Err: err}
	}
	return a.sessions.Open(ctx, gateway, gateways.Session{
		Invoice:     attempt.ID,
		Amount:      attempt.Amount,
		CallbackURL: a.PublicURL + "/pay/callback/" + strconv.FormatInt(attempt.ID, 10) + "/" + attempt.CallbackKey,
		Description: page.Payment.Description,
		Mobile:      choice.mobile,
	})
}

// maskMobile keeps four digits and two: 0938*****25. The whole number is not stored.
func maskMobile(mobile string) string {
	if mobile == "" {
		return ""
	}
	return mobile[:4] + "*****" + mobile[len(mobile)-2:]
}
