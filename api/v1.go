package api

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/store"
)

// The dialect of /v1: a POST of JSON, signed over its raw bytes, answered by {"state": 0 or 1, …}.

func (a *API) v1Routes() {
	a.app.Post("/v1/payment/services", a.signed(store.PaymentKey), a.listServices(payload.KindPayment))
	a.app.Post("/v1/wallet/services", a.signed(store.PaymentKey), a.listServices(payload.KindWallet))
	a.app.Post("/v1/payout/services", a.signed(store.PayoutKey), a.listServices(payload.KindPayout))
	a.app.Post("/v1/test-webhook/payment", a.signed(store.PaymentKey), a.testWebhook(payload.KindPayment))
	a.app.Post("/v1/test-webhook/wallet", a.signed(store.PaymentKey), a.testWebhook(payload.KindWallet))
	// The contract's text names the payment key for payouts too: nothing moves here, so either will do.
	a.app.Post("/v1/test-webhook/payout", a.signed(store.PayoutKey, store.PaymentKey), a.testWebhook(payload.KindPayout))
}

// signed lets in a merchant that signed the request with its key of one of the kinds, within its rate.
func (a *API) signed(kinds ...store.SigningKind) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := requestContext(c)
		defer cancel()
		merchant, once := oneHeader(c, "merchant")
		signature, alsoOnce := oneHeader(c, "sign")
		if !once || !alsoOnce {
			return cmp.Or(a.limits.wrong.take(clientIP(c)), error(auth.ErrUnauthorized))
		}
		p, err := a.signers.Check(ctx, merchant, signature, c.Request().Body(), kinds...) // not c.Body, which unpacks
		if errors.Is(err, auth.ErrUnauthorized) {
			return cmp.Or(a.limits.wrong.take(clientIP(c)), err)
		}
		if err != nil {
			return err
		}
		if err := a.limits.phones.take(p.Subject); err != nil {
			return err
		}
		c.Locals(principalKey, p)
		return c.Next()
	}
}

// oneHeader reads a header that must not come twice: two readers could see two values.
func oneHeader(c *fiber.Ctx, name string) (string, bool) {
	all := c.Request().Header.PeekAll(name)
	if len(all) != 1 {
		return "", false
	}
	return string(all[0]), true
}

// v1OK answers with a result; nil is an empty list, as the dialect has it.
func v1OK(c *fiber.Ctx, result any) error {
	if result == nil {
		result = []any{}
	}
	return c.JSON(contracts.V1OK{Result: result})
}

// v1Refusal is a request that can be read and cannot be done.
func v1Refusal(message string) *problem {
	return &problem{status: http.StatusUnprocessableEntity, code: "refused", message: message}
}

// v1Dialect writes an error as the dialect does: what is wrong with a body is 422, whatever it is.
func v1Dialect(c *fiber.Ctx, err error, p *problem) error {
	out := contracts.V1Failure{State: 1}
	status := p.status
	var fields fieldErrors
	switch {
	case errors.As(err, &fields):
		status, out.Errors = http.StatusUnprocessableEntity, fields
	case status == http.StatusBadRequest && p.field != "":
		status, out.Message = http.StatusUnprocessableEntity, p.field+": "+p.message
	case status == http.StatusBadRequest:
		status, out.Message = http.StatusUnprocessableEntity, p.message
	case status == http.StatusUnauthorized:
		out.Message = "Missing or wrong merchant or sign"
	default:
		out.Message = p.message
	}
	return c.Status(status).JSON(out)
}

// speaksV1 says whether a path belongs to the dialect.
func speaksV1(path string) bool { return path == "/v1" || strings.HasPrefix(path, "/v1/") }
