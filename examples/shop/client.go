package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/paysaga/paysaga/sign"
)

// client is all that a shop needs of paysaga: say where webhooks go, create, verify, collect.
type client struct {
	api, key, merchant string
	secret             string // of our endpoint; signs every webhook
}

const endpointName = "the example shop"

// register tells paysaga where our webhooks go. The secret is shown once, so an earlier endpoint of ours is replaced. It
// waits for an API that is still starting.
func (c *client) register(ctx context.Context, url string) error {
	var list []struct {
		ID          int64  `json:"id"`
		Description string `json:"description"`
	}
	for {
		err := c.call(ctx, http.MethodGet, "/api/v1/webhook-endpoints", nil, &list)
		if err == nil {
			break
		}
		slog.Info("waiting for paysaga", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
	for _, e := range list {
		if e.Description == endpointName {
			if err := c.call(ctx, http.MethodDelete, fmt.Sprintf("/api/v1/webhook-endpoints/%d", e.ID), nil, nil); err != nil {
				return err
			}
		}
	}
	var made struct {
		Secret string `json:"secret"`
	}
	in := map[string]any{"url": url, "description": endpointName, "events": []string{"payment.*"}}
	err := c.call(ctx, http.MethodPost, "/api/v1/webhook-endpoints", in, &made)
	c.secret = made.Secret
	return err
}

// create starts a payment and answers its token.
func (c *client) create(ctx context.Context, amount int64, what string) (string, error) {
	var made struct {
		Token string `json:"token"`
	}
	err := c.call(ctx, http.MethodPost, "/api/v1/payments", map[string]any{"merchant": c.merchant, "amount": amount, "description": what}, &made)
	return made.Token, err
}

func (c *client) payLink(token string) string { return c.api + "/pay/" + token }

// collect claims the money of a paid payment. Doing it again is fine.
func (c *client) collect(ctx context.Context, token string) error {
	return c.call(ctx, http.MethodPost, "/api/v1/payments/"+token+"/collect", nil, nil)
}

// event is the part of a webhook that the shop reads.
type event struct {
	Event   string `json:"event"`    // "payment.paid"
	OrderID string `json:"order_id"` // the payment's token
	Version int64  `json:"version"`  // grows with each change
}

// verify checks the signature over the raw bytes before anything is read from them.
func (c *client) verify(r *http.Request) (event, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		return event{}, err
	}
	if err := sign.VerifyStandard(r.Header, body, time.Now(), c.secret); err != nil {
		return event{}, err
	}
	var e event
	return e, json.Unmarshal(body, &e)
}

// call sends JSON and reads the info of the answer.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.api+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	} else {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer := struct {
		Info   any               `json:"info"`
		Errors []json.RawMessage `json:"errors"`
	}{Info: out}
	if err := json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&answer); err != nil {
		return fmt.Errorf("%s %s: %s: %w", method, path, res.Status, err)
	}
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s", method, path, res.Status, answer.Errors)
	}
	return nil
}
