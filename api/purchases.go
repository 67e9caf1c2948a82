package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Contract: online purchases and their retry, /api/v2/purchase.

const (
	purchaseCode    = 1000
	notFoundOrYours = "آیتم مورد نظر یافت نشد و یا اجازه بازخوانی ندارد"
	notCompletable  = "پرداخت قابل تکمیل نیست"
	tryAgainLater   = "در حال حاضر امکان بازخوانی نیست؛ کمی بعد دوباره تلاش کنید"
	maxItems        = 8000 // bytes
)

func (a *API) purchaseRoutes() {
	group := a.app.Group("/api/v2/purchase", a.authenticateToken)
	group.Put("/retry/:id", a.retryPurchase)
	group.Post("", a.createPurchase)
	group.Get("", a.listPurchases)
	group.Get("/:id", a.getPurchase)
	a.app.Get("/.well-known/jwks.json", a.publicKeys)
}

// authenticateToken lets a token in. Without one, no row is read.
func (a *API) authenticateToken(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	p, err := a.Auth.Token(ctx, auth.Header(c.Get(fiber.HeaderAuthorization)))
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

func (a *API) publicKeys(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	return c.JSON(fiber.Map{"keys": a.Auth.PublicKeys()})
}

// retryPurchase has the bank asked about a purchase that is half done. Every failure looks the same, as the
// contract has it; the log and the log table know more.
func (a *API) retryPurchase(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	by := actor(c)
	id, branch, err := a.readRetry(ctx, c)
	if err != nil {
		return a.notRetried(ctx, c, principal(c).Branch, id, err)
	}
	u, err := a.Store.RetryPurchase(ctx, branch, id, by)
	switch {
	case errors.Is(err, store.ErrTooManyRetries):
		return purchaseProblem(c, http.StatusConflict, notCompletable)
	case err != nil:
		return a.notRetried(ctx, c, branch, id, err)
	}
	return a.completeNow(ctx, c, u, by)
}

// completeNow waits for the bank's word and answers from the row.
func (a *API) completeNow(ctx context.Context, c *fiber.Ctx, u store.Purchase, by store.Actor) error {
	waiting, cancel := context.WithTimeout(ctx, inquiryTime)
	defer cancel()
	if _, err := a.Sagas.InquirePayment(waiting, u.Token); err != nil {
		a.Log.Warn("bank not asked", "purchase", u.ID, "error", err, "request_id", by.RequestID)
	}
	u, err := a.Store.Purchase(ctx, u.BranchID, u.ID)
	if err != nil {
		return err
	}
	if u.State == state.PurchaseCompleted {
		c.Set("X-Reference", u.CheckNumber()) // browsers drop the body of a 205
		return c.Status(http.StatusResetContent).JSON(purchaseAnswer(contracts.PurchaseMessage{
			Message: "رفرنس " + u.CheckNumber() + " با موفقیت ایجاد شد",
		}))
	}
	if err := a.Store.LogPurchase(ctx, u.BranchID, u.ID, by, "refusal", "not completable, "+string(u.Payment)); err != nil {
		return err
	}
	return purchaseProblem(c, http.StatusConflict, notCompletable)
}

// notRetried gives numbers of nobody, of others and of purchases that are not half done the same answer, and
// what cannot be read, too. The log of the caller's branch keeps the refusal.
func (a *API) notRetried(ctx context.Context, c *fiber.Ctx, branch, id int64, err error) error {
	var known *problem
	if !errors.Is(err, store.ErrNotRetryable) && !errors.As(err, &known) {
		return err
	}
	if id > 0 {
		by := actor(c)
		if logged := a.Store.LogPurchase(ctx, branch, id, by, "refusal", "not found or not retryable"); logged != nil {
			a.Log.Warn("refusal not logged", "error", logged, "request_id", by.RequestID)
		}
	}
	return purchaseProblem(c, http.StatusConflict, notFoundOrYours)
}

// readRetry reads the row's number and the branch, from body or header. The token decides: a branch user's
// branch must be its own, an admin's must be one of the merchant's.
func (a *API) readRetry(ctx context.Context, c *fiber.Ctx) (id, branch int64, err error) {
	id, err = purchaseNumber(c)
	if err != nil {
		return 0, 0, store.ErrNotRetryable
	}
	f, err := readFields(c)
	if err != nil {
		return id, 0, err
	}
	header := fields{}
	if text := c.Get("branch"); text != "" {
		header["branch"] = value{kind: number, text: text}
	}
	for _, from := range []fields{f, header} {
		if _, given := from["branch"]; !given {
			continue
		}
		n, err := from.whole("branch")
		if err != nil || branch != 0 && n != branch {
			return id, 0, store.ErrNotRetryable
		}
		branch = n
	}
	return id, branch, a.mayServe(ctx, principal(c), branch)
}

// mayServe says whether a credential speaks for a branch.
func (a *API) mayServe(ctx context.Context, p auth.Principal, branch int64) error {
	switch {
	case branch == 0:
		return store.ErrNotRetryable
	case p.Branch != 0 && p.Branch != branch:
		return store.ErrNotRetryable
	case p.Branch != 0:
		return nil
	}
	owner, err := a.Store.BranchMerchant(ctx, branch)
	if errors.Is(err, store.ErrNotFound) || err == nil && owner.ID != p.Merchant.ID {
		return store.ErrNotRetryable
	}
	return err
}

// purchaseNumber reads the number of a path.
func purchaseNumber(c *fiber.Ctx) (int64, error) {
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil || id < 1 {
		return 0, errNoPurchase
	}
	return id, nil
}

var errNoPurchase = &problem{status: http.StatusNotFound, code: "not_found", message: "No such purchase"}

func actor(c *fiber.Ctx) store.Actor {
	return store.Actor{Name: principal(c).Subject, RequestID: requestID(c)}
}

func (a *API) createPurchase(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	in, err := a.readPurchase(ctx, c)
	if err != nil {
		return err
	}
	u, err := a.Store.CreatePurchase(ctx, in)
	if err != nil {
		return err
	}
	return c.Status(http.StatusCreated).JSON(purchaseAnswer(a.purchase(u)))
}

func (a *API) readPurchase(ctx context.Context, c *fiber.Ctx) (store.NewPurchase, error) {
	caller := principal(c)
	in := store.NewPurchase{Merchant: caller.Merchant, BranchID: caller.Branch, Actor: actor(c)}
	f, err := readFields(c, "items")
	if err != nil {
		return in, err
	}
	if in.Items, err = f.list("items", maxItems); err != nil {
		return in, err
	}
	if in.Amount, err = f.amount("amount"); err != nil {
		return in, err
	}
	if in.Description, err = f.text("description", maxDescription); err != nil {
		return in, err
	}
	if in.Callback, err = a.readCallback(f); err != nil {
		return in, invalid("callback", "address", "The callback is not an address that payers can be sent to")
	}
	if _, given := f["branch"]; given || in.BranchID == 0 {
		branch, err := f.whole("branch")
		if err != nil {
			return in, err
		}
		err = a.mayServe(ctx, caller, branch)
		if errors.Is(err, store.ErrNotRetryable) {
			return in, &problem{status: http.StatusForbidden, code: "branch", message: "The token does not speak for this branch"}
		}
		if err != nil {
			return in, err
		}
		in.BranchID = branch
	}
	switch {
	case in.Amount > money.Max:
		return in, invalid("amount", "too_large", "The amount is too large")
	case !caller.Merchant.Enabled():
		return in, &problem{status: http.StatusForbidden, code: "disabled", message: "The merchant is disabled"}
	}
	return in, nil
}

func (a *API) getPurchase(c *fiber.Ctx) error {
	id, err := purchaseNumber(c)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	branch, err := a.askedBranch(ctx, c)
	if err != nil {
		return err
	}
	u, err := a.Store.Purchase(ctx, branch, id)
	if errors.Is(err, store.ErrNotFound) {
		return errNoPurchase
	}
	if err != nil {
		return err
	}
	lines, err := a.Store.PurchaseLog(ctx, branch, id)
	if err != nil {
		return err
	}
	out := a.purchase(u)
	for _, l := range lines {
		out.Timeline = append(out.Timeline, contracts.PurchaseEvent{
			Action: l.Action, Outcome: l.Outcome, Actor: l.Actor, RequestID: l.RequestID, At: tehranTime(l.At),
		})
	}
	return c.JSON(purchaseAnswer(out))
}

// askedBranch is the token's branch; an admin names one of the merchant's.
func (a *API) askedBranch(ctx context.Context, c *fiber.Ctx) (int64, error) {
	p := principal(c)
	text := cmp.Or(c.Query("branch"), c.Get("branch"))
	if text == "" && p.Branch != 0 {
		return p.Branch, nil
	}
	branch, err := strconv.ParseInt(text, 10, 64)
	if err != nil || branch < 1 {
		return 0, invalid("branch", "required", "Say which branch")
	}
	err = a.mayServe(ctx, p, branch)
	if errors.Is(err, store.ErrNotRetryable) {
		return 0, errNoPurchase
	}
	return branch, err
}

func (a *API) listPurchases(c *fiber.Ctx) error {
	in := store.PurchaseList{Size: defaultSize}
	var err error
	if text := c.Query("status"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 4 {
			return invalid("status", "range", "The status is a number from 0 to 4")
		}
		in.Status = &n
	}
	if text := c.Query("size"); text != "" {
		if in.Size, err = strconv.Atoi(text); err != nil || in.Size < 1 || in.Size > maxSize {
			return invalid("size", "range", "The size is a number from 1 to 200")
		}
	}
	if text := c.Query("before"); text != "" {
		if in.Before, err = strconv.ParseInt(text, 10, 64); err != nil || in.Before < 1 {
			return invalid("before", "cursor", "Send the value of next")
		}
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	if in.BranchID, err = a.askedBranch(ctx, c); err != nil {
		return err
	}
	rows, err := a.Store.Purchases(ctx, in)
	if err != nil {
		return err
	}
	out := contracts.PurchaseList{Purchases: make([]contracts.Purchase, len(rows))}
	for i, u := range rows {
		out.Purchases[i] = a.purchase(u)
	}
	if len(rows) == in.Size {
		out.Next = strconv.FormatInt(rows[len(rows)-1].ID, 10)
	}
	return c.JSON(purchaseAnswer(out))
}

func (a *API) purchase(u store.Purchase) contracts.Purchase {
	out := contracts.Purchase{
		ID: u.ID, Branch: u.BranchID, Amount: int64(u.Amount), Description: u.Description, Items: u.Items, Status: u.Status,
		RetryCount: u.RetryCount, Link: a.PublicURL + pagePath(u.Token), CreatedAt: tehranTime(u.CreatedAt),
		CompletedAt: tehranTimeOrNull(u.CompletedAt),
	}
	if u.Reference != nil {
		reference := u.CheckNumber()
		out.Reference = &reference
	}
	return out
}

func purchaseAnswer(payload any) contracts.PurchaseAnswer {
	return contracts.PurchaseAnswer{Payload: payload, Meta: contracts.PurchaseMeta{Timestamp: time.Now().Unix()}}
}

func purchaseProblem(c *fiber.Ctx, status int, message string) error {
	return c.Status(status).JSON(contracts.PurchaseProblem{
		Error: contracts.PurchaseError{Code: purchaseCode, Message: message},
		Meta:  contracts.PurchaseMeta{Timestamp: time.Now().Unix()},
	})
}

// speaksPurchases says whether a path belongs to the purchase dialect.
func speaksPurchases(path string) bool { return strings.HasPrefix(path, "/api/v2/") }

// purchaseDialect writes an error as the purchase dialect does. A retry answers our own trouble with 409, too.
func purchaseDialect(c *fiber.Ctx, p *problem) error {
	if p.status >= http.StatusInternalServerError && strings.HasPrefix(c.Path(), "/api/v2/purchase/retry/") {
		return purchaseProblem(c, http.StatusConflict, tryAgainLater)
	}
	message := p.message
	if p.field != "" {
		message = p.field + ": " + message
	}
	return purchaseProblem(c, p.status, message)
}

// purchaseReturn is the branch's own page with the purchase's number.
func purchaseReturn(callback string, id int64) string {
	u, err := url.Parse(callback)
	if err != nil {
		return ""
	}
	query := u.Query()
	query.Set("id", strconv.FormatInt(id, 10))
	u.RawQuery = query.Encode()
	return u.String()
}
