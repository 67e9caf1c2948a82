package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/store"
)

// What is measured of top-ups.

type topUpResults struct {
	ratio, ours, bare      []float64
	cpuPerSaga, cpuPerBare map[string]time.Duration
	events, tasks          float64
	replay                 latency
}

const (
	topUpPrice  = 50_000           // rial
	enoughMoney = money.Rial(1e12) // for every top-up of a run
)

// compareTopUps: whole top-ups beside bare sagas with one wake-up, interleaved; then what repeating one costs.
func (b *bench) compareTopUps(ctx context.Context, w *watcher, r *results) error {
	t := &r.topUps
	t.cpuPerSaga, t.cpuPerBare = map[string]time.Duration{}, map[string]time.Duration{}
	for range b.rounds {
		before := b.spent()
		bare, err := throughput(ctx, b.sagas, sagasAtOnce, func(ctx context.Context) error { return b.bare.once(ctx, b.temporal) })
		if err != nil {
			return fmt.Errorf("bare sagas: %w", err)
		}
		b.count(t.cpuPerBare, before)
		before = b.spent()
		ours, err := b.topUpRound(ctx, b.sagas)
		if err != nil {
			return err
		}
		b.count(t.cpuPerSaga, before)
		t.ours, t.bare, t.ratio = append(t.ours, ours), append(t.bare, bare), append(t.ratio, ours/bare)
		progress("top-ups %.0f/s, bare sagas %.0f/s", ours, bare)
	}
	ids, err := b.latest(ctx, w, `SELECT 'topup/' || id FROM topups WHERE state = 'delivered' ORDER BY id DESC LIMIT 100`)
	if err != nil {
		return err
	}
	if t.events, t.tasks, err = b.shape(ctx, ids); err != nil {
		return err
	}
	return b.replayedTopUps(ctx, w, r)
}

// topUpRound carries n top-ups to the end. The answer comes when the saga is over.
func (b *bench) topUpRound(ctx context.Context, n int) (float64, error) {
	rate, err := throughput(ctx, n, sagasAtOnce, func(ctx context.Context) error { return b.api.topUp(ctx, "bench-"+uuid.NewString()) })
	if err != nil {
		return 0, fmt.Errorf("top-ups: %w", err)
	}
	return rate, nil
}

// replayedTopUps: the same request again, answered from its row.
func (b *bench) replayedTopUps(ctx context.Context, w *watcher, r *results) error {
	codes, err := b.latest(ctx, w, `SELECT webservice_code FROM topups WHERE state = 'delivered' ORDER BY id DESC LIMIT 100`)
	if err != nil {
		return err
	}
	r.topUps.replay, err = openLoop(ctx, latencyRate, b.open, func(ctx context.Context, i int) error { return b.api.topUp(ctx, codes[i%len(codes)]) })
	if err == nil {
		progress("replayed top-up p50 %s, p99 %s", r.topUps.replay.p50, r.topUps.replay.p99)
	}
	return err
}

// topUp orders a charge, which must be delivered. The same code again is the same order.
func (m *merchant) topUp(ctx context.Context, code string) error {
	body := fmt.Sprintf(`{"product_id":62,"mobile":"989021234567","price":%d,"webservice_code":%q}`, topUpPrice, code)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/api/top-up", strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+merchantKey)
	req.Header.Set("Idempotency-Key", code)
	req.Header.Set("Content-Type", "application/json")
	data, err := send(m.http, req)
	if err != nil {
		return err
	}
	var answer struct{ Message string }
	if err := json.Unmarshal(data, &answer); err != nil {
		return err
	}
	if answer.Message != "successful" { // such as the 202 of one that is not decided
		return fmt.Errorf("top-up %s: %s", code, answer.Message)
	}
	return nil
}

// credit gives the merchant the balance to buy from.
func credit(ctx context.Context, w *watcher) error {
	return store.New(w.db, nil).CreditBalance(ctx, merchantID, enoughMoney, "bench", "measurements")
}
