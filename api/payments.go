package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	_ "time/tzdata" // the contract's times are Asia/Tehran's, whatever the machine knows

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Contract: taxi-fare payments, /api/v1/payments.

const (
	maxDescription = 1000 // characters
	maxPayload     = 4000
	maxReason      = 500
	defaultSize    = 50
	maxSize        = 200
	// inquiryTime is how long a collect waits for the bank's word on a payment that is still pending.
	inquiryTime = 8 * time.Second
)

func (a *API) paymentRoutes() {
	group := a.app.Group("/api/v1/payments", a.authenticate)
	group.Post("", a.createPayment)
	group.Get("", a.listPayments)
	group.Get("/:token", a.getPayment)
	group.Post("/:token/collect", a.collectPayment)
	// The documented curl has no -d, so it sends GET. Not group.Get: that answers HEAD too.
	group.Add(http.MethodGet, "/:token/collect", a.collectPayment)
	group.Post("/:token/cancel", a.cancelPayment)
}

const principalKey = "principal"

// authenticate lets a known API key in, within its rate.
func (a *API) authenticate(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	p, err := a.Auth.Key(ctx, auth.Header(c.Get(fiber.HeaderAuthorization)))
	if errors.Is(err, auth.ErrUnauthorized) {
		return cmp.Or(a.limits.wrong.take(clientIP(c)), err)
	}
	if err != nil {
		return err
	}
	if err := a.limits.calls.take(p.KeyID); err != nil {
		return err
	}
	if !p.Has(auth.ScopeMerchant) {
		return auth.ErrUnauthorized
	}
	c.Locals(principalKey, p)
	return c.Next()
}

func principal(c *fiber.Ctx) auth.Principal {
	p, _ := c.Locals(principalKey).(auth.Principal)
	return p
}

func (a *API) createPayment(c *fiber.Ctx) error {
	caller := principal(c)
	in, err := a.readCreate(c, caller.Merchant)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	key := c.Get("Idempotency-Key")
	if key == "" {
		token, err := a.Store.CreatePayment(ctx, in)
		if err != nil {
			return err
		}
		return taxiOK(c, contracts.TaxiCreated{Token: token})
	}
	return a.createPaymentOnce(ctx, c, key, in)
}

// createPaymentOnce is an extension: a create that carries a key happens once.
func (a *API) createPaymentOnce(ctx context.Context, c *fiber.Ctx, key string, in store.NewPayment) error {
	if len(key) > 255 {
		return invalid("Idempotency-Key", "too_long", "The key may have at most 255 characters")
	}
	if !utf8.ValidString(key) {
		return invalid("Idempotency-Key", "encoding", "The key is not valid UTF-8")
	}
	request, err := json.Marshal([]any{in.Amount, in.Description, in.Payload, in.AutoCollect, in.PreferredMethod})
	if err != nil {
		return fmt.Errorf("fingerprint: %w", err)
	}
	answer, err := a.Store.CreatePaymentOnce(ctx, store.IdempotencyKey{
		MerchantID: in.Merchant.ID, Route: "create payment", Key: key, Fingerprint: sha256.Sum256(request),
	}, in, func(token string) store.Answer {
		body, _ := json.Marshal(taxiEnvelope(contracts.TaxiCreated{Token: token})) // a struct of strings
		return store.Answer{Status: http.StatusOK, Body: body}
	})
	if err != nil {
		return err
	}
	if answer.Replayed {
		c.Set("Idempotent-Replayed", "true")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(answer.Status).Send(answer.Body)
}

func (a *API) readCreate(c *fiber.Ctx, merchant store.Merchant) (store.NewPayment, error) {
	f, err := readFields(c)
	if err != nil {
		return store.NewPayment{}, err
	}
	amount, amountErr := f.amount("amount")
	named, merchantErr := f.text("merchant", 40)
	description, descriptionErr := f.text("description", maxDescription)
	payload, payloadErr := f.text("payload", maxPayload)
	auto, autoErr := f.boolean("auto_collect")
	method, methodErr := f.text("preferred_method", 40)
	if err := firstError(amountErr, merchantErr, descriptionErr, payloadErr, autoErr, methodErr); err != nil {
		return store.NewPayment{}, err
	}
	switch {
	case named == "":
		return store.NewPayment{}, invalid("merchant", "required", "The field is required")
	case named != merchant.PublicID: // unknown and somebody else's look alike
		return store.NewPayment{}, invalid("merchant", "unknown", "No such merchant")
	case !merchant.Enabled():
		return store.NewPayment{}, &problem{status: http.StatusForbidden, code: "disabled", field: "merchant", message: "The merchant is disabled"}
	case method != "" && !slices.Contains(merchant.Gateways, method):
		return store.NewPayment{}, invalid("preferred_method", "unknown", "The merchant has no such gateway")
	}
	return store.NewPayment{
		Merchant: merchant, Amount: amount, Description: description, Payload: payload,
		AutoCollect: auto, PreferredMethod: method,
	}, nil
}

func firstError(errs ...error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}

func (a *API) getPayment(c *fiber.Ctx) error {
	caller := principal(c)
	ctx, cancel := requestContext(c)
	defer cancel()
	p, err := a.Store.Payment(ctx, caller.Merchant.ID, c.Params("token"))
	if err != nil {
		return err
	}
	a.linkForOperators(c, p.Token)
	return taxiOK(c, taxiPayment(caller.Merchant, p))
}

// linkForOperators shows a saga's page in the Temporal UI to those who may look at it.
func (a *API) linkForOperators(c *fiber.Ctx, token string) {
	if principal(c).Has(auth.ScopeOperator) {
		c.Set("X-Saga-Link", a.Sagas.PaymentLink(token))
	}
}

func (a *API) listPayments(c *fiber.Ctx) error {
	caller := principal(c)
	if err := a.limits.lists.take(caller.KeyID); err != nil {
		return err
	}
	in, err := readList(c, caller.Merchant.ID)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	rows, err := a.Store.Payments(ctx, in)
	if err != nil {
		return err
	}
	list := make([]contracts.TaxiPayment, len(rows))
	for i, p := range rows {
		list[i] = taxiPayment(caller.Merchant, p)
	}
	return taxiOK(c, list)
}

func readList(c *fiber.Ctx, merchantID int64) (store.PaymentList, error) {
	in := store.PaymentList{MerchantID: merchantID, Size: defaultSize}
	if size := c.Query("size"); size != "" {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 || n > maxSize {
			return in, invalid("size", "range", fmt.Sprintf("The size is a number from 1 to %d", maxSize))
		}
		in.Size = n
	}
	before, after := c.Query("before"), c.Query("after")
	if before != "" && after != "" {
		return in, invalid("after", "both", "Send before or after, not both")
	}
	var err error
	if in.Before, err = readUTC("before", before); err != nil {
		return in, err
	}
	in.After, err = readUTC("after", after)
	return in, err
}

// readUTC reads an ISO-8601 time in UTC. A plus sign in a query arrives as a space, so "+00:00" does
// too.
func readUTC(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if len(text) == len("2017-05-09T00:28:51 00:00") || len(text) > 6 && text[len(text)-6] == ' ' {
		text = text[:len(text)-6] + "+" + text[len(text)-5:]
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 1 { // PostgreSQL has no year 0
		return time.Time{}, invalid(field, "time", "The time must look like 2017-05-09T00:28:51.309004Z")
	}
	if _, offset := at.Zone(); offset != 0 {
		return time.Time{}, invalid(field, "not_utc", "The time must be in UTC")
	}
	if at.IsZero() { // some clients' smallest time; for us it would mean "not given"
		at = at.Add(time.Microsecond)
	}
	return at, nil
}

// collectPayment claims a paid payment. While the payment is still pending, the browser may be ahead
// of the bank: then the saga asks the bank first.
func (a *API) collectPayment(c *fiber.Ctx) error {
	caller, token := principal(c), c.Params("token")
	ctx, cancel := requestContext(c)
	defer cancel()
	p, err := a.Store.CollectPayment(ctx, caller.Merchant.ID, token)
	if errors.Is(err, store.ErrConflict) && p.State == state.PaymentPending {
		p, err = a.inquireAndCollect(ctx, p)
	}
	switch {
	case errors.Is(err, store.ErrConflict):
		return notCollectable(p)
	case err != nil:
		return err
	}
	a.linkForOperators(c, token)
	return taxiOK(c, contracts.Empty{})
}

func (a *API) inquireAndCollect(ctx context.Context, p store.Payment) (store.Payment, error) {
	open, err := a.Store.OpenVisits(ctx, p.ID)
	if err != nil {
		return p, err
	}
	if len(open) == 0 || !time.Now().Before(p.CollectBy) {
		return p, store.ErrConflict
	}
	waiting, cancel := context.WithTimeout(ctx, inquiryTime)
	defer cancel()
	if _, err := a.Sagas.InquirePayment(waiting, p.Token); err != nil {
		return p, &problem{status: http.StatusServiceUnavailable, code: "bank_not_reached", retry: 3 * time.Second, cause: err,
			message: "The payment is not confirmed yet and the bank cannot be asked now; try again"}
	}
	return a.Store.CollectPayment(ctx, p.MerchantID, p.Token)
}

func notCollectable(p store.Payment) *problem {
	why := map[state.Payment]string{
		state.PaymentPending:   "The payment is not paid",
		state.PaymentPaid:      "The time to collect is over; the money goes back to the payer",
		state.PaymentRefunding: "The money is on its way back to the payer",
		state.PaymentRefunded:  "The money went back to the payer",
		state.PaymentExpired:   "The payment has expired",
		state.PaymentFailed:    "The payment has failed",
	}[p.State]
	return &problem{status: http.StatusConflict, code: "state_" + string(p.State), message: why}
}

// cancelPayment is an extension: the merchant declines, and money that was paid goes back at once.
func (a *API) cancelPayment(c *fiber.Ctx) error {
	f, err := readFields(c)
	if err != nil {
		return err
	}
	reason, err := f.text("reason", maxReason)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	caller, token := principal(c), c.Params("token")
	_, err = a.Store.CancelPayment(ctx, caller.Merchant.ID, token, reason)
	if errors.Is(err, store.ErrConflict) {
		return &problem{status: http.StatusConflict, code: "state_collected", message: "The payment is collected and cannot be cancelled"}
	}
	if err != nil {
		return err
	}
	a.linkForOperators(c, token)
	return taxiOK(c, contracts.Empty{})
}

func taxiEnvelope(info any) contracts.TaxiEnvelope {
	return contracts.TaxiEnvelope{Message: "OK", Info: info, Errors: []contracts.TaxiError{}}
}

func taxiOK(c *fiber.Ctx, info any) error { return c.JSON(taxiEnvelope(info)) }

func taxiPayment(m store.Merchant, p store.Payment) contracts.TaxiPayment {
	out := contracts.TaxiPayment{
		Merchant:    contracts.TaxiMerchant{DisplayName: m.DisplayName, DisplayImage: m.ImageURL, DisplayBizName: m.BizName},
		Description: p.Description,
		Payer:       p.Payer,
		Created:     tehranTime(p.CreatedAt),
		Amount:      int64(p.Amount),
		Token:       p.Token,
		Outcome: contracts.TaxiOutcome{
			RRN: p.RRN, TotalAmount: int64(p.Total()), Tip: int64(p.Tip),
			State: string(p.State), StateError: p.StateError, Method: p.Method,
		},
		Payload: p.Payload,
	}
	out.Paid = tehranTimeOrNull(p.PaidAt)
	return out
}

// tehran is the contract's zone; its data is embedded, so loading cannot fail.
var tehran = sync.OnceValue(func() *time.Location {
	zone, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		return time.UTC
	}
	return zone
})

// tehranTime writes a time as the contract shows it: microseconds and Tehran's offset.
func tehranTime(t time.Time) string {
	return t.In(tehran()).Format("2006-01-02T15:04:05.000000-07:00")
}

func tehranTimeOrNull(t *time.Time) *string {
	if t == nil {
		return nil
	}
	text := tehranTime(*t)
	return &text
}
