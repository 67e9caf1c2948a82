package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/pages"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// The payer's side: hosted pages, and the way to the bank and back.

func (a *API) payRoutes() {
	a.app.Get("/pay/assets/:name", a.payAsset)
	a.app.Get("/pay/image/:merchant", a.merchantImage)
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
		OpenAttempt: p.Attempt.Open,
		NoSession:   noSession(p),
	}
	out.Unavailable = a.unavailable(p, out.Gateways)
	if p.Payment.StateError != nil {
		out.StateError = *p.Payment.StateError
	}
	return out
}

func shown(p store.PaymentPage) pages.Payment {
	return pages.Payment{
		Token:       p.Payment.Token,
		Merchant:    face(p.Merchant),
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
	page := pages.Problem{Kind: pages.Internal, RequestID: requestID(c), RetryAfter: p.retry, Here: c.Path()}
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

// reader is who looks at the page, as the address or the browser says.
func reader(c *fiber.Ctx) pages.Reader {
	return pages.ReaderOf(c.Query("lang"), c.Get(fiber.HeaderAcceptLanguage))
}

func (a *API) render(c *fiber.Ctx, status int, page renderer, formAction []string) error {
	setHeaders(c, pages.Security(formAction))
	if _, ok := page.(pages.ToBank); ok {
		setHeaders(c, pages.SecurityToBank(formAction))
	}
	if view, ok := page.(pages.View); ok {
		who := reader(c)
		page = view.For(who)
		c.Set(fiber.HeaderContentLanguage, who.Lang.String())
		c.Vary(fiber.HeaderAcceptLanguage)
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Status(status)
	return page.Render(c.Response().BodyWriter())
}

func setHeaders(c *fiber.Ctx, headers map[string]string) {
	for name, value := range headers {
		c.Set(name, value)
	}
}
