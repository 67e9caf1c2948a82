package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Contract: mobile top-up, /api/top-up.

const (
	topUpRoute = "top-up"
	keyHeader  = "Idempotency-Key"
	maxKey     = 255
	maxCode    = 100
)

// topUp orders a charge or package, once for its key, and waits for the reseller's word.
func (a *API) topUp(c *fiber.Ctx) error {
	rawKey, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	merchant := principal(c).Merchant
	in, fake, err := a.readTopUp(c, merchant)
	if err != nil {
		return err
	}
	key, err := topUpKey(rawKey, in, fake)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), requestTime+a.TopUpWait)
	defer cancel()
	if fake != nil {
		return a.fakeTopUp(ctx, c, key, *fake)
	}
	ordered, err := a.Store.OrderTopUp(ctx, key, in, refusedTopUp)
	if err != nil {
		return topUpProblem(err)
	}
	if ordered.Answer != nil {
		return sendAnswer(c, *ordered.Answer)
	}
	return a.awaitTopUp(ctx, c, key, ordered.TopUp)
}

// awaitTopUp waits for the saga, then answers from the row. What takes too long is followed up.
func (a *API) awaitTopUp(ctx context.Context, c *fiber.Ctx, key store.IdempotencyKey, t store.TopUp) error {
	if !t.Ended() {
		began := time.Now()
		waiting, cancel := context.WithTimeout(ctx, a.TopUpWait)
		defer cancel()
		go func() {
			select {
			case <-a.drained:
				cancel()
			case <-waiting.Done():
			}
		}()
		waited := a.Sagas.AwaitTopUp(waiting, t.ID)
		var err error
		if t, err = a.Store.TopUp(ctx, t.ID); err != nil {
			return err
		}
		if !t.Ended() {
			if waited != nil && waiting.Err() == nil && time.Since(began) < a.TopUpWait*9/10 { // Temporal's own deadline may be a little faster
				a.Log.Warn("saga not waited for", "topup", t.ID, "error", waited, "request_id", requestID(c))
			}
			return topUpPending(c, t)
		}
	}
	answer, err := a.Store.AnswerTopUp(ctx, key, endedTopUp(t))
	if err != nil {
		return err
	}
	return sendAnswer(c, answer)
}

func topUpPending(c *fiber.Ctx, t store.TopUp) error {
	path := "/api/top-up/" + url.PathEscape(t.Code)
	c.Set(fiber.HeaderLocation, path)
	return c.Status(http.StatusAccepted).JSON(contracts.TopUpPending{
		Status: true, Message: "The operator has not decided yet; ask again with the same key, or follow up", FollowUp: path,
	})
}

// idempotencyKey reads the key; without one nothing is bought. Quotes of the header's draft standard are
// not part of it.
func idempotencyKey(c *fiber.Ctx) (string, error) {
	key := strings.TrimSpace(c.Get(keyHeader))
	if len(key) > 1 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	switch {
	case len(c.Request().Header.PeekAll(keyHeader)) > 1:
		return "", &problem{status: http.StatusBadRequest, code: "two_keys", message: "The header Idempotency-Key came twice"}
	case strings.TrimSpace(key) == "":
		return "", &problem{status: http.StatusBadRequest, code: "no_key", message: "The header Idempotency-Key is required"}
	case len(key) > maxKey:
		return "", &problem{status: http.StatusBadRequest, code: "key_too_long", message: "The Idempotency-Key may have at most 255 characters"}
	case !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return "", &problem{status: http.StatusBadRequest, code: "key_encoding", message: "The Idempotency-Key is not valid UTF-8"}
	}
	return key, nil
}

// readTopUp checks every field, so that all that is wrong can be mended at once.
func (a *API) readTopUp(c *fiber.Ctx, merchant store.Merchant) (store.NewTopUp, *bool, error) {
	in := store.NewTopUp{Merchant: merchant, Patience: a.TopUpPatience}
	f, err := readFields(c)
	if err != nil {
		return in, nil, err
	}
	bad := fieldErrors{}
	if in.ProductID, err = f.whole("product_id"); err != nil {
		bad.add("product_id", "The product id must be a number.")
	}
	if in.Price, err = f.amount("price"); err != nil {
		bad.add("price", "The price must be a whole number of rial.")
	}
	mobile, _ := f.any("mobile", 40)
	local, ok := readMobile(mobile)
	if !ok || local == "" {
		bad.add("mobile", "The mobile must be an Iranian mobile number, 98902XXXXXXX.")
	} else {
		in.Mobile = "98" + local[1:]
	}
	if in.Code, err = f.any("webservice_code", maxCode); err != nil || !printable(in.Code) {
		bad.add("webservice_code", "The webservice code is required and has at most 100 characters.")
	}
	fake, err := f.optionalBoolean("fake_response")
	switch {
	case err != nil:
		bad.add("fake_response", "The fake response must be true or false.")
	case fake != nil && !a.Dev:
		bad.add("fake_response", "The fake response is for the test environment only.")
	}
	if len(bad) > 0 {
		return in, nil, bad
	}
	return in, fake, nil
}

// printable refuses codes that could not stand in a path.
func printable(code string) bool {
	return code != "" && code != "." && code != ".." && strings.TrimSpace(code) == code && !strings.ContainsFunc(code, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' })
}

// optionalBoolean reads true or false; nil when it did not come.
func (f fields) optionalBoolean(name string) (*bool, error) {
	if v, ok := f[name]; !ok || v.kind == null {
		return nil, nil
	}
	b, err := f.boolean(name)
	return &b, err
}

// topUpKey names the request: the same key with anything else in the body is another request.
func topUpKey(key string, in store.NewTopUp, fake *bool) (store.IdempotencyKey, error) {
	request, err := json.Marshal([]any{in.ProductID, in.Mobile, in.Price, in.Code, fake})
	if err != nil {
		return store.IdempotencyKey{}, fmt.Errorf("fingerprint: %w", err)
	}
	return store.IdempotencyKey{MerchantID: in.Merchant.ID, Route: topUpRoute, Key: key, Fingerprint: sha256.Sum256(request)}, nil
}

// fakeTopUp answers as the caller wishes, without operator and without money; development only.
func (a *API) fakeTopUp(ctx context.Context, c *fiber.Ctx, key store.IdempotencyKey, success bool) error {
	answer, err := a.Store.AnswerOnce(ctx, key, func() store.Answer {
		if success {
			return topUpAnswer(http.StatusOK, contracts.TopUpDone{Message: "successful"})
		}
		return topUpAnswer(http.StatusBadRequest, contracts.TopUpError{Message: "unsuccessful"})
	})
	if err != nil {
		return err
	}
	return sendAnswer(c, answer)
}

// endedTopUp is the answer to a decided top-up.
func endedTopUp(t store.TopUp) store.Answer {
	if t.State == state.TopUpDelivered {
		return topUpAnswer(http.StatusOK, contracts.TopUpDone{Message: "successful"})
	}
	return topUpAnswer(http.StatusBadRequest, contracts.TopUpError{Message: cmp.Or(t.Why, notDelivered)})
}

// notDelivered is what a merchant reads where no reseller says why.
const notDelivered = "The top-up was not delivered"

// refusedTopUp is the answer to an order that never went out.
func refusedTopUp(err error) store.Answer {
	status, message := http.StatusForbidden, ""
	switch {
	case errors.Is(err, store.ErrBalance):
		status, message = http.StatusPaymentRequired, "Not enough money / e1"
	case errors.Is(err, store.ErrCarrierInactive):
		message = "No Operator or status is inactive"
	default:
		message = "Product is inactive"
	}
	return topUpAnswer(status, contracts.TopUpError{Message: message})
}

func topUpAnswer(status int, body any) store.Answer {
	data, _ := json.Marshal(body) // structs of texts
	return store.Answer{Status: status, Body: data}
}

func sendAnswer(c *fiber.Ctx, answer store.Answer) error {
	if answer.Replayed {
		c.Set("Idempotent-Replayed", "true")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(answer.Status).Send(answer.Body)
}

// topUpProblem names the field that an order failed by.
func topUpProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNoProduct):
		return fieldErrors{"product_id": {"The selected product id is invalid."}}
	case errors.Is(err, store.ErrPrice):
		return fieldErrors{"price": {"The product is not sold at this price."}}
	case errors.Is(err, store.ErrCodeUsed):
		return fieldErrors{"webservice_code": {"The webservice code has already been taken."}}
	case errors.Is(err, store.ErrMerchantDisabled):
		return &problem{status: http.StatusForbidden, code: "disabled", message: "The merchant is disabled"}
	}
	return err
}

// followTopUp answers what became of a top-up.
func (a *API) followTopUp(c *fiber.Ctx) error {
	code, err := url.PathUnescape(c.Params("code"))
	if err != nil || !utf8.ValidString(code) || !printable(code) {
		return store.ErrNotFound
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	t, err := a.Store.TopUpByCode(ctx, principal(c).Merchant.ID, code)
	if err != nil {
		return err
	}
	a.linkTopUp(c, t.ID)
	out := contracts.TopUpStatus{
		ID: t.ID, WebserviceCode: t.Code, ProductID: t.ProductID, Mobile: maskMobile("0" + t.Mobile[2:]), Price: int64(t.Amount),
		State: string(t.State), Reference: t.Reference, CreatedAt: tehranTime(t.CreatedAt),
	}
	switch {
	case t.State == state.TopUpDelivered:
		out.Message = "successful"
	case t.State == state.TopUpReversed:
		out.Message = cmp.Or(t.Why, notDelivered)
	default:
		out.Message = "The operator has not decided yet"
	}
	out.EndedAt = tehranTimeOrNull(t.EndedAt)
	return c.JSON(out)
}

// fieldErrors are what is wrong with a request, by field.
type fieldErrors map[string][]string

func (e fieldErrors) add(field, message string) { e[field] = append(e[field], message) }

func (e fieldErrors) Error() string { return "The given data was invalid." }

// topUpDialect writes an error as the top-up dialect does.
func topUpDialect(c *fiber.Ctx, err error, p *problem) error {
	var fields fieldErrors
	if errors.As(err, &fields) {
		return c.Status(http.StatusUnprocessableEntity).JSON(contracts.TopUpError{Message: fields.Error(), Errors: fields})
	}
	message := p.message
	switch p.status {
	case http.StatusUnauthorized:
		message = "Unauthenticated."
	case http.StatusNotFound:
		message = "Not found."
	}
	if p.field != "" && p.field != keyHeader {
		return c.Status(http.StatusUnprocessableEntity).JSON(contracts.TopUpError{Message: message, Errors: map[string][]string{p.field: {message}}})
	}
	return c.Status(p.status).JSON(contracts.TopUpError{Message: message})
}

// speaksTopUp says whether a path belongs to the top-up dialect.
func speaksTopUp(path string) bool {
	for _, own := range []string{"/api/top-up", "/api/product", "/api/filter", "/api/balance"} {
		if path == own || strings.HasPrefix(path, own+"/") {
			return true
		}
	}
	return false
}

// defaultTopUpWait is how long a caller waits for the reseller's word.
const defaultTopUpWait = 20 * time.Second
