package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/store"
)

// problem is an error that a caller may read. Each dialect writes it in its own envelope.
type problem struct {
	status  int
	code    string
	field   string
	message string
	retry   time.Duration // Retry-After; 0 = none
	cause   error         // for the log only
}

func (p *problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%s: %s", p.message, p.cause)
	}
	return p.message
}

func (p *problem) Unwrap() error { return p.cause }

// invalid is one bad field.
func invalid(field, code, message string) *problem {
	return &problem{status: http.StatusBadRequest, field: field, code: code, message: message}
}

// asProblem turns any error into one that a caller may read. What nobody foresaw is masked; its
// cause is logged with the request's id.
func asProblem(err error) *problem {
	var known *problem
	var framework *fiber.Error
	var fields fieldErrors
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, auth.ErrUnauthorized):
		return &problem{status: http.StatusUnauthorized, code: "unauthorized", message: "Missing or wrong Authorization"}
	case errors.As(err, &fields):
		return &problem{status: http.StatusUnprocessableEntity, code: "invalid", message: fields.Error()}
	case errors.Is(err, store.ErrNoProduct):
		return &problem{status: http.StatusNotFound, code: "not_found", message: "No such product"}
	case errors.Is(err, store.ErrNotFound):
		return &problem{status: http.StatusNotFound, code: "not_found", message: "No such payment"}
	case errors.Is(err, store.ErrKeyReused):
		return &problem{status: http.StatusUnprocessableEntity, code: "key_reused", field: "Idempotency-Key", message: "This Idempotency-Key was used with another request"}
	case errors.Is(err, store.ErrInFlight):
		return &problem{status: http.StatusConflict, code: "in_progress", field: "Idempotency-Key", message: "The same request is still being answered", retry: time.Second}
	case errors.As(err, &framework):
		return frameworkProblem(framework)
	}
	return &problem{status: http.StatusInternalServerError, code: "internal", message: "Internal error", cause: err}
}

func frameworkProblem(err *fiber.Error) *problem {
	switch err.Code {
	case http.StatusNotFound:
		return &problem{status: err.Code, code: "no_such_path", message: "No such path"}
	case http.StatusMethodNotAllowed:
		return &problem{status: err.Code, code: "wrong_method", message: "This path does not take this method"}
	case http.StatusRequestEntityTooLarge:
		return &problem{status: err.Code, code: "too_large", message: fmt.Sprintf("The body may have at most %d bytes", bodyLimit)}
	case http.StatusRequestHeaderFieldsTooLarge:
		return &problem{status: err.Code, code: "headers_too_large", message: "The headers are too large"}
	}
	if err.Code >= 400 && err.Code < 500 {
		return &problem{status: err.Code, code: "bad_request", message: "Bad request"}
	}
	return &problem{status: http.StatusInternalServerError, code: "internal", message: "Internal error", cause: err}
}

// answerError writes an error in the dialect of the path that was asked.
func (a *API) answerError(c *fiber.Ctx, err error) error {
	p := asProblem(err)
	var named cardCode
	if errors.As(err, &named) { // the contract answers a merchant's mistakes with 500
		return cardAnswer(c, named)
	}
	if requestID(c) == "" { // refused before any handler saw it: too large, malformed
		nameRequest(c)
	}
	if p.status >= http.StatusInternalServerError {
		a.Log.Error("request failed", "route", c.Route().Path, "status", p.status, "request_id", requestID(c), "error", err)
	}
	drain(c, p)
	if p.retry > 0 {
		c.Set(fiber.HeaderRetryAfter, fmt.Sprint(max(1, int(p.retry.Round(time.Second).Seconds()))))
	}
	if p.status == http.StatusUnauthorized && !isCardEndpoint(c.Path()) && !speaksV1(c.Path()) {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
	}
	if strings.HasPrefix(c.Path(), "/pay/") {
		return a.payProblem(c, p)
	}
	if speaksV1(c.Path()) {
		return v1Dialect(c, err, p)
	}
	if speaksPurchases(c.Path()) {
		return purchaseDialect(c, p)
	}
	if speaksTopUp(c.Path()) {
		return topUpDialect(c, err, p)
	}
	if speaksCards(c.Path()) {
		return cardProblem(c, err, p)
	}
	return taxiProblem(c, p)
}

// taxiProblem is the payments dialect; paths of no dialect use it too.
func taxiProblem(c *fiber.Ctx, p *problem) error {
	return c.Status(p.status).JSON(contracts.TaxiEnvelope{
		Message: http.StatusText(p.status),
		Info:    contracts.Empty{},
		Errors:  []contracts.TaxiError{{Field: p.field, Code: p.code, Message: p.message}},
	})
}
