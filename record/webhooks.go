package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/paysaga/paysaga/workflows"
)

// webhookStory is one way in which a message to a merchant can go. The merchant's receiver is an inbox of the sandbox,
// whose address says how it answers; after two failed attempts, a second each apart, a message has failed.
type webhookStory struct {
	outcome string
	inbox   string // its name and how it answers
	play    func(ctx context.Context, m message) error
	end     string
}

// webhooks are all stories of messages.
var webhooks = []webhookStory{
	{outcome: "delivered", inbox: "prompt", end: "delivered"},
	{outcome: "delivered-after-retries", inbox: "weary?answer=503&times=2", end: "delivered"},
	{outcome: "delivered-when-asked-to", inbox: "strict?answer=429&times=1&retry_after=3", end: "delivered"},
	{outcome: "failed", inbox: "broken?answer=500", end: "failed"},
	{outcome: "gone", inbox: "gone", end: "failed"},
	{outcome: "held", inbox: "later?answer=503&retry_after=3", end: "held", play: func(ctx context.Context, m message) error {
		return inTurn(ctx, m.shows("attempt 1"), m.onEndpoint(http.MethodPost, "/pause"))
	}},
	{outcome: "replaced", inbox: "again?answer=503&times=1&retry_after=3", end: "replaced", play: func(ctx context.Context, m message) error {
		return inTurn(ctx, m.shows("attempt 1"), m.isSentAgain)
	}},
	{outcome: "dropped", inbox: "nobody?answer=503&retry_after=3", end: "dropped", play: func(ctx context.Context, m message) error {
		return inTurn(ctx, m.shows("attempt 1"), m.onEndpoint(http.MethodDelete, ""))
	}},
}

func (s webhookStory) story() story {
	return story{name: "webhook-" + s.outcome, end: s.end, play: func(ctx context.Context, w *world) (string, error) {
		m, err := w.tellOf(ctx, s.outcome, s.inbox)
		if err != nil {
			return "", err
		}
		if s.play == nil {
			return m.sagaID(), nil
		}
		return m.sagaID(), s.play(ctx, m)
	}}
}

// message is the message of a story.
type message struct {
	*world
	merchant merchant
	endpoint int64
	id       int64
}

func (m message) sagaID() string { return workflows.WebhookID(m.id) }

// tellOf makes a merchant with an endpoint and lets a payment be created, of which it is told.
func (w *world) tellOf(ctx context.Context, outcome, inbox string) (message, error) {
	listener := "listener-" + outcome
	if _, err := w.paysaga(ctx, "merchant", "put", listener, "--gateways", "sandbox"); err != nil {
		return message{}, err
	}
	key, err := w.paysaga(ctx, "key", "create", listener)
	if err != nil {
		return message{}, err
	}
	m := message{world: w, merchant: merchant{listener, strings.TrimSpace(key)}}
	var made struct {
		Info struct {
			ID int64 `json:"id"`
		} `json:"info"`
	}
	wish := map[string]any{"url": w.sandbox + "/inbox/" + inbox, "events": []string{"payment.pending"}}
	if err := w.send(ctx, request{method: http.MethodPost, url: w.api + "/api/v1/webhook-endpoints", key: m.merchant.key, json: wish, out: &made}); err != nil {
		return message{}, err
	}
	m.endpoint = made.Info.ID
	if _, err := w.create(ctx, m.merchant); err != nil {
		return message{}, err
	}
	var list struct {
		Info struct {
			Messages []struct {
				ID int64 `json:"id"`
			} `json:"messages"`
		} `json:"info"`
	}
	messages := w.api + "/api/v1/webhook-messages?" + url.Values{"event": {"payment.pending"}}.Encode()
	if err := w.send(ctx, request{method: http.MethodGet, url: messages, key: m.merchant.key, out: &list}); err != nil {
		return message{}, err
	}
	if len(list.Info.Messages) != 1 {
		return message{}, fmt.Errorf("%d messages, not one", len(list.Info.Messages))
	}
	m.id = list.Info.Messages[0].ID
	return m, nil
}

func (m message) shows(text string) step { return m.world.shows(m.sagaID(), text) }

func (m message) onEndpoint(method, what string) step {
	return func(ctx context.Context) error {
		at := fmt.Sprintf("%s/api/v1/webhook-endpoints/%d%s", m.api, m.endpoint, what)
		return m.send(ctx, request{method: method, url: at, key: m.merchant.key})
	}
}

func (m message) isSentAgain(ctx context.Context) error {
	at := fmt.Sprintf("%s/api/v1/webhook-messages/%d/resend", m.api, m.id)
	return m.send(ctx, request{method: http.MethodPost, url: at, key: m.merchant.key})
}
