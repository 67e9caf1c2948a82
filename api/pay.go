package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// The payer's side: hosted pages, and the way to the bank and back.

// Gateways are the banks that payers can be sent to.
type Gateways = gateways.Registry

func (a *API) payRoutes() {
	a.app.Get("/pay/assets/:name", a.payAsset)
	a.app.Post("/pay/callback/:attempt/:key", a.bankCallback)
	a.app.Add(http.MethodGet, "/pay/callback/:attempt/:key", a.bankCallback) // not Get: that answers HEAD too
	a.payTransferRoutes()
	a.app.Get("/pay/:token/status", a.payStatus)
	a.app.Get("/pay/:token", a.payPage)
	a.app.Post("/pay/:token", a.payAtBank)
}

func (a *API) payAsset(c *fiber.Ctx) error {
	body, contentType, ok := pages.Asset(c.Params("name"))
	if !ok {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderContentType, contentType)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, pages.AssetCacheControl)
	return c.Send(body)
}

// missed counts links that lead nowhere, by address: guessing them is stopped, right ones go on.
func (a *API) missed(c *fiber.Ctx, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return cmp.Or(a.limits.miss.take(clientIP(c)), err)
	}
	return err
}

// paymentPage reads what a page needs.
func (a *API) paymentPage(ctx context.Context, c *fiber.Ctx) (store.PaymentPage, error) {
	page, err := a.Store.PaymentPage(ctx, c.Params("token"))
	return page, a.missed(c, err)
}

func (a *API) payPage(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	page, err := a.paymentPage(ctx, c)
	if err != nil {
		return err
	}
	if payable(page) {
		return a.render(c, http.StatusOK, a.checkout(page), a.origins(page))
	}
	return a.render(c, http.StatusOK, status(page), nil)
}

func payable(p store.PaymentPage) bool {
	return p.Payment.State == state.PaymentPending && !p.Attempt.Checking && p.Now.Before(p.Payment.CollectBy)
}

func (a *API) checkout(p store.PaymentPage) pages.Checkout {
	out := pages.Checkout{
		Payment:     shown(p),
		Gateways:    a.offered(p),
		Preferred:   p.Payment.PreferredMethod,
		OpenAttempt: p.Attempt.State == state.AttemptOpen,
	}
	if p.Payment.StateError != nil {
		out.StateError = *p.Payment.StateError
	}
	return out
}

// offered lists the merchant's gateways that can take this payment: known here, within the bank's
// amounts, and able to return money for as long as the merchant may still decline it.
func (a *API) offered(p store.PaymentPage) []string {
	var names []string
	for _, name := range p.Merchant.Gateways {
		g, err := a.Gateways.Get(name)
		if err != nil {
			continue
		}
		limits := g.Limits()
		switch {
		case p.Payment.Amount < limits.MinAmount, limits.MaxAmount > 0 && p.Payment.Amount > limits.MaxAmount:
		case !p.Payment.AutoCollect && limits.UndoWindow != 0 && limits.UndoWindow < p.Merchant.CollectWindow.Duration():
		default:
			names = append(names, name)
		}
	}
	return names
}

// origins are the addresses that the page's form may lead to.
func (a *API) origins(p store.PaymentPage) []string {
	var origins []string
	for _, name := range a.offered(p) {
		if g, err := a.Gateways.Get(name); err == nil {
			origins = append(origins, g.Origin())
		}
	}
	return origins
}

func shown(p store.PaymentPage) pages.Payment {
	return pages.Payment{
		Token:       p.Payment.Token,
		Merchant:    pages.Merchant{Name: p.Merchant.DisplayName, BusinessName: p.Merchant.BizName, Image: p.Merchant.ImageURL},
		Description: p.Payment.Description,
		Amount:      p.Payment.Amount,
		Tip:         p.Payment.Tip,
		Deadline:    p.Payment.CollectBy,
		Now:         p.Now,
	}
}

func status(p store.PaymentPage) pages.Status {
	out := pages.Status{
		Payment: shown(p), State: p.Payment.State, Method: p.Payment.Method, RRN: p.Payment.RRN,
		Card: p.Attempt.Card, Mobile: p.Payment.Payer, ReturnURL: returnURL(p),
	}
	switch {
	case p.Payment.State == state.PaymentPending && p.Attempt.Checking:
		out.State = pages.Checking
	case p.Payment.State == state.PaymentPending: // the door is shut; a late receipt goes back by itself
		out.State = state.PaymentExpired
	}
	if p.Payment.PaidAt != nil {
		out.PaidAt = *p.Payment.PaidAt
	}
	switch {
	case p.Payment.CollectedAt != nil:
		out.EndedAt = *p.Payment.CollectedAt
	case p.Payment.State == state.PaymentRefunded && p.Attempt.EndedAt != nil:
		out.EndedAt = *p.Attempt.EndedAt
	}
	if p.Payment.StateError != nil {
		out.StateError = *p.Payment.StateError
	}
	return out
}

// returnURL is the merchant's own page with the payment's token, by which the merchant collects.
func returnURL(p store.PaymentPage) string {
	if p.PurchaseCallback != "" {
		return purchaseReturn(p.PurchaseCallback, p.PurchaseID)
	}
	u, err := url.Parse(p.Merchant.ReturnURL)
	if err != nil || p.Merchant.ReturnURL == "" {
		return ""
	}
	query := u.Query()
	query.Set("token", p.Payment.Token)
	u.RawQuery = query.Encode()
	return u.String()
}

func (a *API) payStatus(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	now, err := a.Store.PaymentNow(ctx, c.Params("token"))
	if err := a.missed(c, err); err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(now)
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
		return c.Redirect(pagePath(page.Payment.Token), http.StatusSeeOther)
	}
	if err := a.limits.pay.take(page.Payment.Token); err != nil {
		return err
	}
	choice, form := a.readChoice(c, page)
	if choice == nil {
		return a.render(c, http.StatusBadRequest, form, a.origins(page))
	}
	redirect, err := a.openAttempt(ctx, choice, page)
	switch {
	case errors.Is(err, store.ErrTooLate):
		return c.Redirect(pagePath(page.Payment.Token), http.StatusSeeOther)
	case errors.Is(err, store.ErrTooManyAttempts):
		return &problem{status: http.StatusConflict, code: "too_many_attempts", message: "The payer started over too often"}
	case err != nil:
		return err
	}
	if redirect.Method == http.MethodGet {
		setHeaders(c, pages.Security([]string{choice.gateway.Origin()}))
		return c.Redirect(redirect.URL, http.StatusSeeOther)
	}
	chosen := shown(page)
	chosen.Tip = choice.tip // the row gets it when the bank has taken it
	return a.render(c, http.StatusOK, pages.ToBank{
		Payment: chosen, Method: choice.gateway.Name(), Action: redirect.URL, Fields: redirect.Fields,
	}, []string{choice.gateway.Origin()})
}

// payChoice is what the payer chose on the page.
type payChoice struct {
	gateway gateways.Gateway
	tip     money.Rial
	mobile  string
}

var mobilePattern = regexp.MustCompile(`^09\d{9}$`)

// readChoice reads the form. A choice that cannot be accepted comes back as the page that says why.
func (a *API) readChoice(c *fiber.Ctx, page store.PaymentPage) (*payChoice, pages.Checkout) {
	form := a.checkout(page)
	form.TipText, form.Mobile = strings.TrimSpace(c.FormValue("tip")), strings.TrimSpace(c.FormValue("mobile"))
	choice := &payChoice{mobile: money.LatinDigits(form.Mobile)}
	if choice.mobile != "" && !mobilePattern.MatchString(choice.mobile) {
		form.MobileError = pages.MobileWrong
	}
	chosen := c.FormValue("gateway")
	form.Preferred = chosen
	g, err := a.Gateways.Get(chosen)
	if err != nil || !slices.Contains(form.Gateways, chosen) {
		form.GatewayError = pages.GatewayUnknown
	}
	choice.gateway = g
	if form.TipText != "" {
		choice.tip, err = money.ParseAmount(form.TipText)
		if err != nil {
			form.TipError = pages.TipNotNumber
		}
	}
	total := page.Payment.Amount + choice.tip
	if total > money.Max || (g != nil && g.Limits().MaxAmount > 0 && total > g.Limits().MaxAmount) {
		form.TipError = pages.TipTooLarge
	}
	if form.MobileError != "" || form.GatewayError != "" || form.TipError != "" {
		return nil, form
	}
	return choice, form
}

// openAttempt takes an invoice number, asks the bank for a session, and records it. When the bank
// gives none the attempt has failed, whatever the reason: the payer never saw its address.
func (a *API) openAttempt(ctx context.Context, choice *payChoice, page store.PaymentPage) (gateways.Redirect, error) {
	attempt, err := a.Store.StartAttempt(ctx, store.NewAttempt{
		Token: page.Payment.Token, Gateway: choice.gateway.Name(), Tip: choice.tip, Payer: maskMobile(choice.mobile),
	})
	if err != nil {
		return gateways.Redirect{}, err
	}
	redirect, err := choice.gateway.CreateSession(ctx, gateways.Session{
		Invoice:     attempt.ID,
		Amount:      attempt.Amount,
		CallbackURL: a.PublicURL + "/pay/callback/" + strconv.FormatInt(attempt.ID, 10) + "/" + attempt.CallbackKey,
		Description: page.Payment.Description,
		Mobile:      choice.mobile,
	})
	if err != nil {
		if failed := a.Store.FailAttempt(context.WithoutCancel(ctx), attempt.ID, "no_session"); failed != nil {
			a.Log.Warn("attempt not closed", "attempt", attempt.ID, "error", failed)
		}
		return gateways.Redirect{}, &problem{status: http.StatusBadGateway, code: "bank_unavailable", message: "The bank gave no session", cause: err}
	}
	return redirect, a.Store.OpenAttempt(ctx, attempt.ID, redirect.BankToken, choice.gateway.Limits().SessionLife)
}

// maskMobile keeps four digits and two: 0938*****25. The whole number is not stored.
func maskMobile(mobile string) string {
	if mobile == "" {
		return ""
	}
	return mobile[:4] + "*****" + mobile[len(mobile)-2:]
}

// bankCallback takes the payer's browser back from the bank. It may be forged, repeated or missing:
// it only makes the saga ask the bank.
func (a *API) bankCallback(c *fiber.Ctx) error {
	id, err := strconv.ParseInt(c.Params("attempt"), 10, 64)
	if err != nil || id <= 0 {
		return store.ErrNotFound
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	token, err := a.Store.RecordCallback(ctx, id, c.Params("key"), callbackFields(c))
	if err := a.missed(c, err); err != nil {
		return err
	}
	return c.Redirect(pagePath(token), http.StatusSeeOther)
}

const (
	mostCallbackFields = 24
	longestField       = 300
)

// callbackFields keeps what a browser brought back, within bounds. Card fields are left where they are.
func callbackFields(c *fiber.Ctx) map[string]string {
	out := map[string]string{}
	keep := func(key, value []byte) {
		name := string(key)
		lower := strings.ToLower(name)
		if len(out) >= mostCallbackFields || len(name) > 40 || len(value) > longestField ||
			strings.Contains(lower, "card") || strings.Contains(lower, "pan") {
			return
		}
		out[name] = strings.ToValidUTF8(strings.ReplaceAll(string(value), "\x00", ""), "")
	}
	for key, value := range c.Request().URI().QueryArgs().All() {
		keep(key, value)
	}
	for key, value := range c.Request().PostArgs().All() {
		keep(key, value)
	}
	return out
}

func pagePath(token string) string { return "/pay/" + token }

// payProblem answers a payer with a page, and a polling script with its status.
func (a *API) payProblem(c *fiber.Ctx, p *problem) error {
	page := pages.Problem{Kind: pages.Internal, RequestID: requestID(c), RetryAfter: p.retry}
	switch p.status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		page.Kind = pages.NotFound
	case http.StatusTooManyRequests:
		page.Kind, page.Back = pages.TooMany, c.Path()
	case http.StatusBadGateway:
		page.Kind, page.Back = pages.BankUnavailable, c.Path()
	case http.StatusConflict:
		page.Kind, page.Back = pages.Expired, c.Path()
	}
	return a.render(c, p.status, page, nil)
}

type renderer interface{ Render(w io.Writer) error }

func (a *API) render(c *fiber.Ctx, status int, page renderer, formAction []string) error {
	setHeaders(c, pages.Security(formAction))
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Status(status)
	return page.Render(c.Response().BodyWriter())
}

func setHeaders(c *fiber.Ctx, headers map[string]string) {
	for name, value := range headers {
		c.Set(name, value)
	}
}
