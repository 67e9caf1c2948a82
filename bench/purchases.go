package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/workflows"
)

// What is measured of online purchases.

type purchaseResults struct {
	ratio, ours, bare            []float64
	cpuPerSaga, cpuPerBare       map[string]time.Duration
	events, tasks                float64
	paymentEvents, paymentTasks  float64 // of the payment that is its money
	retryUnknown, retryCompleted latency
}

// comparePurchases: whole purchases beside bare sagas, interleaved; then a retry's own work.
func (b *bench) comparePurchases(ctx context.Context, w *watcher, r *results) error {
	p := &r.purchases
	p.cpuPerSaga, p.cpuPerBare = map[string]time.Duration{}, map[string]time.Duration{}
	for range b.rounds {
		bare, err := b.bareRound(ctx, p.cpuPerBare)
		if err != nil {
			return err
		}
		before := b.spent()
		ours, err := b.purchaseRound(ctx, w, b.sagas)
		if err != nil {
			return err
		}
		b.count(p.cpuPerSaga, before)
		p.ours, p.bare, p.ratio = append(p.ours, ours), append(p.bare, bare), append(p.ratio, ours/bare)
		progress("purchases %.0f/s, bare sagas %.0f/s", ours, bare)
	}
	if err := b.purchaseShapes(ctx, w, p); err != nil {
		return err
	}
	return b.retries(ctx, w, p)
}

// purchaseRound carries n purchases to the end: created, paid at the bank, completed, and both their sagas over.
func (b *bench) purchaseRound(ctx context.Context, w *watcher, n int) (float64, error) {
	rate, err := throughput(ctx, n, 2*sagasAtOnce, func(ctx context.Context) error { // half of them are payers who think
		p, err := b.branch.create(ctx)
		if err != nil {
			return err
		}
		if err := pause(ctx, thinkTime); err != nil { // the payer reads; meanwhile the sagas fall asleep
			return err
		}
		if err := b.api.pay(ctx, path.Base(p.Link)); err != nil {
			return err
		}
		if err := w.completed.wait(ctx, strconv.FormatInt(p.ID, 10)); err != nil {
			return err
		}
		return b.temporal.GetWorkflow(ctx, workflows.PurchaseID(p.ID), "").Get(ctx, nil)
	})
	if err != nil {
		err = fmt.Errorf("purchases: %w", err)
	}
	return rate, errors.Join(err, w.until(ctx, unsettled))
}

// purchaseShapes reads the two sagas of a completed purchase.
func (b *bench) purchaseShapes(ctx context.Context, w *watcher, p *purchaseResults) error {
	ids, err := b.latest(ctx, w, `SELECT 'purchase/' || id FROM temporary_payment WHERE state = 'completed' ORDER BY id DESC LIMIT 100`)
	if err != nil {
		return err
	}
	if p.events, p.tasks, err = b.shape(ctx, ids); err != nil {
		return err
	}
	ids, err = b.latest(ctx, w, `
		SELECT '`+workflows.PaymentID("")+`' || p.token FROM temporary_payment u JOIN payments p ON p.id = u.payment_id
		WHERE u.state = 'completed' ORDER BY u.id DESC LIMIT 100`)
	if err == nil {
		p.paymentEvents, p.paymentTasks, err = b.shape(ctx, ids)
	}
	return err
}

// retries: PUTs that find nothing to ask the bank about, so that only their own work is measured.
func (b *bench) retries(ctx context.Context, w *watcher, p *purchaseResults) error {
	completed, err := b.latest(ctx, w, `SELECT id::text FROM temporary_payment WHERE state = 'completed' ORDER BY id DESC LIMIT 100`)
	if err != nil {
		return err
	}
	p.retryUnknown, err = openLoop(ctx, retryRate, b.open, func(ctx context.Context, i int) error {
		return b.branch.refusedRetry(ctx, strconv.Itoa(1_000_000_000+i))
	})
	if err != nil {
		return err
	}
	p.retryCompleted, err = openLoop(ctx, retryRate, b.open, func(ctx context.Context, i int) error {
		return b.branch.refusedRetry(ctx, completed[i%len(completed)])
	})
	progress("retry of nothing p50 %s, p99 %s; of a completed purchase p50 %s, p99 %s",
		p.retryUnknown.p50, p.retryUnknown.p99, p.retryCompleted.p50, p.retryCompleted.p99)
	return err
}

// branch drives purchases over HTTP, with a token of its own.
type branch struct {
	url, token string
	http       *http.Client
}

// openBranch makes a token for the fixtures' branch, with the key that the API has, too.
func openBranch(apiURL string) (*branch, error) {
	cfg, err := config.Load()
	if err != nil {
		return nil, err
	}
	keys, err := auth.ParseSigningKeys(cfg.JWTKeys.Reveal())
	if err != nil {
		return nil, err
	}
	a := auth.New(nil, "")
	a.UseKeys(keys)
	token, err := a.IssueToken(fixtures.Branch, time.Hour)
	return &branch{url: apiURL, token: token, http: newClient(2 * sagasAtOnce)}, err
}

// purchase is what create answers.
type purchase struct {
	ID   int64  `json:"id"`
	Link string `json:"link"`
}

func (b *branch) create(ctx context.Context) (purchase, error) {
	req, err := b.request(ctx, http.MethodPost, "/api/v2/purchase", `{"amount":1450000,"items":[{"name":"bench","count":1}]}`)
	if err != nil {
		return purchase{}, err
	}
	data, err := send(b.http, req)
	if err != nil {
		return purchase{}, err
	}
	var answer struct{ Payload purchase }
	return answer.Payload, json.Unmarshal(data, &answer)
}

// refusedRetry wants a retry refused.
func (b *branch) refusedRetry(ctx context.Context, id string) error {
	req, err := b.request(ctx, http.MethodPut, "/api/v2/purchase/retry/"+id, fmt.Sprintf(`{"branch":%d}`, fixtures.Branch))
	if err != nil {
		return err
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusConflict {
		err = fmt.Errorf("retry of purchase %s: %s: %.300s", id, resp.Status, body)
	}
	return err
}

func (b *branch) request(ctx context.Context, method, path, body string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+b.token)
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}
