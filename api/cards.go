package api

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/store"
)

// The card-to-card dialect: its routes, its way in, and how its errors look.

func (a *API) cardRoutes() {
	group := a.app.Group("/api")
	group.Post("/create", a.authenticateCard, a.createTransfer)
	group.Post("/setCard", a.authenticateCard, a.setCard)
	// Not Get, which answers HEAD too: the first check verifies.
	group.Add(http.MethodGet, "/check", a.authenticateCard, a.checkTransfer)
	group.Add(http.MethodGet, "/carts", a.authenticateCard, a.listCarts)

	group.Post("/sms", a.authenticatePhone, a.receiveSMS)
	group.Add(http.MethodGet, "/sms/unread", a.authenticateCard, a.listUnread)
	group.Add(http.MethodGet, "/deposits", a.authenticateCard, a.listDeposits)
	group.Post("/deposits/:id/resolve", a.authenticateCard, a.resolveDeposit)

	a.app.Get("/ops/deposits", a.depositsPage)
}

// authenticateCard lets a merchant's API key in, within its rate.
func (a *API) authenticateCard(c *fiber.Ctx) error {
	p, err := a.cardKey(c)
	if err != nil {
		return err
	}
	if !p.Has(auth.ScopeMerchant) {
		return auth.ErrUnauthorized
	}
	c.Locals(principalKey, p)
	return c.Next()
}

// cardKey reads the API key, within its rate, or within the caller's when it is none.
func (a *API) cardKey(c *fiber.Ctx) (auth.Principal, error) {
	ctx, cancel := requestContext(c)
	defer cancel()
	p, err := a.Auth.Key(ctx, c.Get("token"))
	if errors.Is(err, auth.ErrUnauthorized) {
		return p, cmp.Or(a.limits.wrong.take(clientIP(c)), err)
	}
	if err != nil {
		return p, err
	}
	return p, a.limits.calls.take(p.KeyID)
}

// cardCode is a code of the contract's table, with its HTTP status and its text.
type cardCode struct {
	status int
	code   int
	msg    string
}

func (c cardCode) Error() string { return c.msg }

// The contract's table. Codes of ours follow it.
var (
	codeNotNumeric   = cardCode{http.StatusInternalServerError, 0, "مبلغ ارسال شده به صورت عددی نیست."}
	codeTooLittle    = cardCode{http.StatusInternalServerError, 1, "مبلغ کمتر از 1000 تومان (10000 ریال) می‌باشد."}
	codeNoInvoice    = cardCode{http.StatusInternalServerError, 2, "شماره فاکتور ارسال نشده است."}
	codeInvoiceUsed  = cardCode{http.StatusInternalServerError, 3, "شماره فاکتور قبلا استفاده شده و تکراری است."}
	codeNoPayID      = cardCode{http.StatusInternalServerError, 4, "شماره پرداخت pay_id ارسال نشده است."}
	codeUnknownPayID = cardCode{http.StatusInternalServerError, 5, "شماره پرداخت اشتباه ارسال شده یا وجود ندارد."}
	codeExpired      = cardCode{http.StatusInternalServerError, 6, "زمان تراکنش به پایان رسیده و منقضی شده است."}
	codeNotPaid      = cardCode{http.StatusOK, 7, "هنوز زمان پرداخت دارد ولی پرداخت نشده است."}
	codeFinalised    = cardCode{http.StatusInternalServerError, -1, "تراکنش نهایی و ثبت شده - امکان ثبت شماره کارت وجود ندارد."}
	codeCardSet      = cardCode{http.StatusInternalServerError, -2, "شماره کارت قبلا برای این تراکنش ثبت شده است."}
	codeBadCard      = cardCode{http.StatusInternalServerError, -3, "شماره کارت ارسال نشده یا استاندارد نیست."}
	codeMismatched   = cardCode{http.StatusOK, 199, "تراکنش موفق بوده ولی شماره کارت پرداخت کننده ثبت شده با شماره کارت واریزی یکسان نیست."}
	codeForbidden    = cardCode{http.StatusForbidden, 403, "دسترسی به endpoint مقدور نیست یا شناسه ارتباطی (Token) در header ارسال نشده است."}
	codeNoEndpoint   = cardCode{http.StatusNotFound, 404, "صفحه یا endpoint مورد نظر وجود ندارد."}
	codeWrongMethod  = cardCode{http.StatusMethodNotAllowed, 405, "روش ارتباطی (Method) صحیح نیست."}

	codeBadCallback  = cardCode{http.StatusUnprocessableEntity, 422, "callback نشانی معتبری نیست."}
	codeBadPhone     = cardCode{http.StatusUnprocessableEntity, 422, "phone شمارهٔ همراه معتبری نیست."}
	codeNoFreeAmount = cardCode{http.StatusConflict, 409, "مبلغ یکتای آزادی نزدیک به این قیمت نمانده است؛ کمی بعد دوباره تلاش کنید."}
	codeNoCards      = cardCode{http.StatusServiceUnavailable, 503, "کارت مقصدی برای این فروشنده ثبت نشده است."}
	codeNoDeposit    = cardCode{http.StatusNotFound, 404, "چنین واریزی وجود ندارد."}
)

// cardProblem writes an error as the card-to-card dialect does.
func cardProblem(c *fiber.Ctx, err error, p *problem) error {
	known := cardCode{p.status, p.status, p.message}
	switch {
	case errors.Is(err, auth.ErrUnauthorized):
		known = codeForbidden
	case p.status == http.StatusNotFound && errors.Is(err, store.ErrNotFound):
		known = codeUnknownPayID
	case p.status == http.StatusNotFound:
		known = codeNoEndpoint
	case p.status == http.StatusMethodNotAllowed:
		known = codeWrongMethod
	case p.field != "":
		known.msg = p.field + ": " + p.message
	}
	return cardAnswer(c, known)
}

func cardAnswer(c *fiber.Ctx, code cardCode) error {
	return c.Status(code.status).JSON(contracts.CardAnswer{Code: code.code, Msg: code.msg})
}

// isCardEndpoint says whether a path is one of the dialect's, whatever the method: these ask for the token first.
func isCardEndpoint(path string) bool {
	for _, own := range []string{"/api/create", "/api/setCard", "/api/check", "/api/carts", "/api/sms", "/api/deposits"} {
		if path == own || strings.HasPrefix(path, own+"/") {
			return true
		}
	}
	return false
}

// speaksCards says whether a path belongs to the card-to-card dialect: /api and no version after it.
func speaksCards(path string) bool {
	rest, ok := strings.CutPrefix(path, "/api/")
	return ok && !strings.HasPrefix(rest, "v1/") && !strings.HasPrefix(rest, "v2/")
}
