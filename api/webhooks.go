package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/outbound"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// What merchants are told: their endpoints, the messages to them, and each attempt.

const (
	maxEvents      = 40
	maxEventsBytes = 4000
	defaultBoth    = 24 * time.Hour // how long two secrets sign after a rotation
	longestBoth    = 7 * 24 * time.Hour
)

func (a *API) webhookRoutes() {
	endpoints := a.app.Group("/api/v1/webhook-endpoints", a.authenticate)
	endpoints.Post("", a.addEndpoint)
	endpoints.Get("", a.listEndpoints)
	endpoints.Get("/:id", a.getEndpoint)
	endpoints.Put("/:id", a.changeEndpoint)
	endpoints.Delete("/:id", a.deleteEndpoint)
	endpoints.Post("/:id/pause", a.pauseEndpoint)
	endpoints.Post("/:id/resume", a.resumeEndpoint)
	endpoints.Post("/:id/rotate-secret", a.rotateEndpointSecret)

	messages := a.app.Group("/api/v1/webhook-messages", a.authenticate)
	messages.Get("", a.listMessages)
	messages.Get("/:id", a.getMessage)
	messages.Get("/:id/attempts", a.listAttempts)
	messages.Post("/:id/resend", a.resendMessage)
}

func (a *API) addEndpoint(c *fiber.Ctx) error {
	change, err := a.readEndpoint(c)
	if err != nil {
		return err
	}
	if change.URL == nil {
		return invalid("url", "required", "The field is required")
	}
	merchant := principal(c).Merchant
	ctx, cancel := requestContext(c)
	defer cancel()
	for _, kind := range []store.SigningKind{store.PaymentKey, store.PayoutKey} { // bodies are signed with them
		if err := a.Store.AddSigningKey(ctx, a.Vault, merchant.ID, kind, store.NewSigningKey()); err != nil {
			return err
		}
	}
	secret := sign.NewSecret()
	in := store.Endpoint{URL: *change.URL, Events: change.Events}
	if change.Description != nil {
		in.Description = *change.Description
	}
	e, err := a.Store.AddEndpoint(ctx, merchant.ID, in, a.Vault.SealText(merchant.ID, vault.EndpointSecret, secret))
	if errors.Is(err, store.ErrTooMany) {
		return &problem{status: http.StatusConflict, code: "too_many", message: "You have as many endpoints as you may have; delete one"}
	}
	if err != nil {
		return err
	}
	out := endpointInfo(e)
	out.Secret = secret
	return taxiAnswer(c, http.StatusCreated, out)
}

// readEndpoint reads what a merchant sets; absent fields are nil.
func (a *API) readEndpoint(c *fiber.Ctx) (store.EndpointChange, error) {
	var out store.EndpointChange
	f, err := readFields(c, "events")
	if err != nil {
		return out, err
	}
	if _, ok := f["url"]; ok {
		text, err := f.text("url", outbound.MaxURL)
		if err != nil {
			return out, err
		}
		if text, err = checkMerchantURL(text, a.Dev); err != nil {
			return out, err
		}
		out.URL = &text
	}
	if _, ok := f["description"]; ok {
		text, err := f.text("description", maxReason)
		if err != nil {
			return out, err
		}
		out.Description = &text
	}
	if raw, err := f.list("events", maxEventsBytes); err != nil {
		return out, err
	} else if raw != nil {
		if out.Events, err = readEvents(raw); err != nil {
			return out, err
		}
	}
	return out, nil
}

// checkMerchantURL refuses what could lead us into our own network. The address behind a name is checked again on
// every call.
func checkMerchantURL(text string, dev bool) (string, error) {
	checked, err := outbound.CheckURL(strings.TrimSpace(text), dev)
	switch {
	case errors.Is(err, outbound.ErrLength):
		return "", invalid("url", "length", "The URL is too short or too long")
	case errors.Is(err, outbound.ErrForbidden):
		return "", invalid("url", "forbidden", "The URL must lead to the public internet")
	case err != nil:
		return "", invalid("url", "url", "The field must be an https URL without a user name")
	}
	return checked, nil
}

func readEvents(raw json.RawMessage) ([]string, error) {
	var events []string
	if json.Unmarshal(raw, &events) != nil {
		return nil, invalid("events", "type", "The field must be a list of texts")
	}
	if len(events) > maxEvents {
		return nil, invalid("events", "too_long", "The list is too long")
	}
	for _, e := range events {
		if !knownEvent(e) {
			return nil, invalid("events", "event", "No event is called "+strconv.Quote(e))
		}
	}
	if events == nil {
		events = []string{}
	}
	return events, nil
}

// knownEvent knows 'payment.collected' and 'payment.*'.
func knownEvent(name string) bool {
	kind, of, _ := strings.Cut(name, ".")
	states, ok := state.Events()[kind]
	return ok && (of == "*" || slices.Contains(states, of))
}

func (a *API) listEndpoints(c *fiber.Ctx) error {
	ctx, cancel := requestContext(c)
	defer cancel()
	list, err := a.Store.Endpoints(ctx, principal(c).Merchant.ID)
	if err != nil {
		return err
	}
	out := make([]contracts.WebhookEndpoint, len(list))
	for i, e := range list {
		out[i] = endpointInfo(e)
	}
	return taxiAnswer(c, http.StatusOK, out)
}

func (a *API) getEndpoint(c *fiber.Ctx) error {
	return a.onEndpoint(c, a.Store.Endpoint)
}

func (a *API) pauseEndpoint(c *fiber.Ctx) error {
	return a.onEndpoint(c, a.Store.PauseEndpoint)
}

func (a *API) resumeEndpoint(c *fiber.Ctx) error {
	return a.onEndpoint(c, a.Store.ResumeEndpoint)
}

func (a *API) changeEndpoint(c *fiber.Ctx) error {
	change, err := a.readEndpoint(c)
	if err != nil {
		return err
	}
	return a.onEndpoint(c, func(ctx context.Context, merchant, id int64) (store.Endpoint, error) {
		return a.Store.ChangeEndpoint(ctx, merchant, id, change)
	})
}

// onEndpoint runs one command on the endpoint of the path and answers how it then stands.
func (a *API) onEndpoint(c *fiber.Ctx, command func(ctx context.Context, merchantID, id int64) (store.Endpoint, error)) error {
	id, err := rowID(c)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	e, err := command(ctx, principal(c).Merchant.ID, id)
	if err != nil {
		return webhookProblem(err)
	}
	return taxiAnswer(c, http.StatusOK, endpointInfo(e))
}

func (a *API) deleteEndpoint(c *fiber.Ctx) error {
	id, err := rowID(c)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	if err := a.Store.DeleteEndpoint(ctx, principal(c).Merchant.ID, id); err != nil {
		return webhookProblem(err)
	}
	return taxiAnswer(c, http.StatusOK, contracts.Empty{})
}

// rotateEndpointSecret makes a new secret; for a while both sign, so that a receiver can change without a gap.
func (a *API) rotateEndpointSecret(c *fiber.Ctx) error {
	id, err := rowID(c)
	if err != nil {
		return err
	}
	f, err := readFields(c)
	if err != nil {
		return err
	}
	both := defaultBoth
	if _, ok := f["keep_old_seconds"]; ok {
		seconds, err := f.whole("keep_old_seconds")
		if err != nil || seconds > int64(longestBoth.Seconds()) {
			return invalid("keep_old_seconds", "range", "The field must be seconds, from 1 to 604800")
		}
		both = time.Duration(seconds) * time.Second
	}
	merchant := principal(c).Merchant
	ctx, cancel := requestContext(c)
	defer cancel()
	secret := sign.NewSecret()
	e, err := a.Store.RotateEndpointSecret(ctx, merchant.ID, id, a.Vault.SealText(merchant.ID, vault.EndpointSecret, secret), both)
	if err != nil {
		return webhookProblem(err)
	}
	out := endpointInfo(e)
	out.Secret = secret
	return taxiAnswer(c, http.StatusOK, out)
}

func (a *API) listMessages(c *fiber.Ctx) error {
	f, err := readMessageList(c)
	if err != nil {
		return err
	}
	f.MerchantID = principal(c).Merchant.ID
	ctx, cancel := requestContext(c)
	defer cancel()
	size := f.Size
	f.Size++ // one more tells whether there is a next page
	list, err := a.Store.Messages(ctx, f)
	if err != nil {
		return err
	}
	var out contracts.WebhookMessages
	if len(list) > size {
		list = list[:size]
		out.Next = list[size-1].ID
	}
	out.Messages = make([]contracts.WebhookMessage, len(list))
	for i, m := range list {
		out.Messages[i] = messageInfo(m)
	}
	return taxiAnswer(c, http.StatusOK, out)
}

func readMessageList(c *fiber.Ctx) (store.MessageList, error) {
	f := store.MessageList{State: state.Webhook(c.Query("state")), Event: c.Query("event"), Size: defaultSize}
	if f.State != "" && !slices.Contains(state.Webhooks.States(), f.State) {
		return f, invalid("state", "state", "No message is in such a state")
	}
	if f.Event != "" && (!knownEvent(f.Event) || strings.HasSuffix(f.Event, "*")) {
		return f, invalid("event", "event", "No such event")
	}
	for name, into := range map[string]*int64{"endpoint": &f.EndpointID, "before": &f.Before} {
		if text := c.Query(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil || n <= 0 {
				return f, invalid(name, "not_number", "The field must be a positive number")
			}
			*into = n
		}
	}
	if text := c.Query("size"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxSize {
			return f, invalid("size", "range", "The field must be a number from 1 to 200")
		}
		f.Size = n
	}
	return f, nil
}

func (a *API) getMessage(c *fiber.Ctx) error {
	return a.onMessage(c, http.StatusOK, a.Store.Message)
}

func (a *API) resendMessage(c *fiber.Ctx) error {
	return a.onMessage(c, http.StatusCreated, a.Store.SendAgain)
}

func (a *API) onMessage(c *fiber.Ctx, status int, command func(ctx context.Context, merchantID, id int64) (store.Message, error)) error {
	id, err := rowID(c)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	m, err := command(ctx, principal(c).Merchant.ID, id)
	if err != nil {
		return webhookProblem(err)
	}
	return taxiAnswer(c, status, messageInfo(m))
}

func (a *API) listAttempts(c *fiber.Ctx) error {
	id, err := rowID(c)
	if err != nil {
		return err
	}
	ctx, cancel := requestContext(c)
	defer cancel()
	list, err := a.Store.Attempts(ctx, principal(c).Merchant.ID, id)
	if err != nil {
		return webhookProblem(err)
	}
	out := make([]contracts.WebhookAttempt, len(list))
	for i, t := range list {
		out[i] = contracts.WebhookAttempt{Try: t.Try, At: tehranTime(t.At), Status: t.Status, DurationMS: t.TookMS, Error: t.Error, Answer: t.Answer}
	}
	return taxiAnswer(c, http.StatusOK, out)
}

// rowID reads the number in the path; what is no number names nothing.
func rowID(c *fiber.Ctx) (int64, error) {
	id, err := strconv.ParseInt(c.Params("id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, webhookProblem(store.ErrNotFound)
	}
	return id, nil
}

func webhookProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return &problem{status: http.StatusNotFound, code: "not_found", message: "No such endpoint or message"}
	case errors.Is(err, store.ErrConflict):
		return &problem{status: http.StatusConflict, code: "conflict", message: "Its state does not allow that", cause: err}
	}
	return err
}

func endpointInfo(e store.Endpoint) contracts.WebhookEndpoint {
	return contracts.WebhookEndpoint{
		ID: e.ID, URL: e.URL, Description: e.Description, Events: e.Events, State: string(e.State), DisabledReason: e.DisabledReason,
		Created: tehranTime(e.CreatedAt), OldSecretUntil: tehranTimeOrNull(e.OldUntil),
	}
}

func messageInfo(m store.Message) contracts.WebhookMessage {
	return contracts.WebhookMessage{
		ID: m.ID, WebhookID: m.WebhookID, EndpointID: m.EndpointID, Event: m.Event, OrderID: m.Facts.OrderID, Version: m.Version,
		State: string(m.State), Tries: m.Tries, Replaces: m.Replaces, Created: tehranTime(m.CreatedAt),
		NextTry: tehranTimeOrNull(m.NextTryAt), Ended: tehranTimeOrNull(m.EndedAt),
	}
}

// taxiAnswer answers info in the payments dialect, which webhooks share.
func taxiAnswer(c *fiber.Ctx, status int, info any) error {
	return c.Status(status).JSON(taxiEnvelope(info))
}
