package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// What is measured of webhooks.

type webhookResults struct {
	ratio, ours, plain []float64
	cpu                map[string]time.Duration
	events, tasks      float64
}

const (
	pendingMessages = `SELECT count(*) FROM webhook_messages WHERE state = 'pending'`
	plainAtOnce     = 8 // as many as one process sends to one endpoint at once
)

// hushed leaves the development merchant without endpoints: what others measure is not told to anybody.
func (m *merchant) hushed(ctx context.Context) error {
	body, err := m.do(ctx, http.MethodGet, m.url+"/api/v1/webhook-endpoints", nil)
	if err != nil {
		return err
	}
	var list struct{ Info []struct{ ID int64 } }
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	for _, e := range list.Info {
		if _, err := m.do(ctx, http.MethodDelete, fmt.Sprintf("%s/api/v1/webhook-endpoints/%d", m.url, e.ID), nil); err != nil {
			return err
		}
	}
	return nil
}

// compareWebhooks: deliveries of messages that were held, beside a loop that posts as many bodies to the same receiver and
// remembers nothing; interleaved.
func (b *bench) compareWebhooks(ctx context.Context, w *watcher, r *results) error {
	h := &r.webhooks
	h.cpu = map[string]time.Duration{}
	inbox := b.instance.SandboxURL + "/inbox/bench"
	body, err := b.api.do(ctx, http.MethodPost, b.api.url+"/api/v1/webhook-endpoints", url.Values{"url": {inbox}})
	if err != nil {
		return err
	}
	var made struct{ Info struct{ ID int64 } }
	if err := json.Unmarshal(body, &made); err != nil {
		return err
	}
	endpoint := fmt.Sprintf("%s/api/v1/webhook-endpoints/%d", b.api.url, made.Info.ID)
	for range b.rounds {
		plain, err := throughput(ctx, b.sagas, plainAtOnce, func(ctx context.Context) error { return b.api.postPlain(ctx, inbox) })
		if err != nil {
			return fmt.Errorf("plain posts: %w", err)
		}
		if err := b.holdMessages(ctx, w, endpoint, b.sagas); err != nil {
			return err
		}
		before, began := b.spent(), time.Now()
		if _, err := b.api.do(ctx, http.MethodPost, endpoint+"/resume", nil); err != nil {
			return err
		}
		if err := w.until(ctx, pendingMessages); err != nil {
			return err
		}
		ours := float64(b.sagas) / time.Since(began).Seconds()
		b.count(h.cpu, before)
		h.ours, h.plain, h.ratio = append(h.ours, ours), append(h.plain, plain), append(h.ratio, ours/plain)
		progress("webhooks %.0f/s, plain posts %.0f/s", ours, plain)
	}
	ids, err := b.latest(ctx, w, `SELECT 'webhook/' || id FROM webhook_messages WHERE state = 'delivered' ORDER BY id DESC LIMIT 100`)
	if err != nil {
		return err
	}
	if h.events, h.tasks, err = b.shape(ctx, ids); err != nil {
		return err
	}
	_, err = b.api.do(ctx, http.MethodDelete, endpoint, nil)
	return err
}

// holdMessages makes n messages that wait for their endpoint.
func (b *bench) holdMessages(ctx context.Context, w *watcher, endpoint string, n int) error {
	if _, err := b.api.do(ctx, http.MethodPost, endpoint+"/pause", nil); err != nil {
		return err
	}
	if _, err := throughput(ctx, n, sagasAtOnce, func(ctx context.Context) error { _, err := b.api.create(ctx); return err }); err != nil {
		return fmt.Errorf("make messages: %w", err)
	}
	if err := w.until(ctx, undelivered); err != nil {
		return err
	}
	return w.until(ctx, pendingMessages)
}

var plainCount atomic.Int64

// postPlain is what a loop without any memory does: a body, a status.
func (m *merchant) postPlain(ctx context.Context, target string) error {
	body := fmt.Appendf(nil, `{"type":"payment","order_id":"plain-%d","status":"process","amount":"1200000.00000000"}`, plainCount.Add(1))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	_, err = send(m.http, req)
	return err
}
