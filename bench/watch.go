package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/paysaga/paysaga/store"
)

// watcher tells drivers when what they wait for has happened, by one small query for all of them: polling by
// each driver would measure the polling. In life it is the payer's browser that comes back.
type watcher struct {
	db                    *bun.DB
	paid, told, completed *watch
}

// watch is one thing to wait for. Its query answers those of the keys to which it has happened.
type watch struct {
	query   string
	mu      sync.Mutex
	waiting map[string]chan struct{}
}

func newWatcher(ctx context.Context, url string) (*watcher, error) {
	db, err := store.Open(ctx, url, store.Options{Pool: 4})
	if err != nil {
		return nil, err
	}
	w := &watcher{
		db:   db,
		paid: &watch{query: `SELECT token FROM payments WHERE token = ANY(?) AND state = 'paid'`},
		told: &watch{query: `SELECT k FROM unnest(?::text[]) k WHERE NOT EXISTS (SELECT FROM outbox WHERE saga = 'transfer' AND ref = k)`},
		completed: &watch{query: `SELECT u.id::text FROM temporary_payment u
			WHERE u.id = ANY(?::bigint[]) AND u.state = 'completed' AND NOT EXISTS (SELECT FROM outbox WHERE saga = 'purchase' AND ref = u.id::text)`},
	}
	for _, each := range []*watch{w.paid, w.told, w.completed} {
		each.waiting = map[string]chan struct{}{}
		go each.run(ctx, db)
	}
	return w, nil
}

func (w *watch) run(ctx context.Context, db *bun.DB) {
	for pause(ctx, 20*time.Millisecond) == nil {
		w.mu.Lock()
		wanted := slices.Collect(maps.Keys(w.waiting))
		w.mu.Unlock()
		var done []string
		if len(wanted) == 0 || db.NewRaw(w.query, pgdialect.Array(wanted)).Scan(ctx, &done) != nil {
			continue // the drivers' own deadline ends a run without a database
		}
		w.mu.Lock()
		for _, key := range done {
			if c, ok := w.waiting[key]; ok {
				close(c)
				delete(w.waiting, key)
			}
		}
		w.mu.Unlock()
	}
}

func (w *watch) wait(ctx context.Context, key string) error {
	c := make(chan struct{})
	w.mu.Lock()
	w.waiting[key] = c
	w.mu.Unlock()
	select {
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s: %w", key, ctx.Err())
	case <-c:
		return nil
	}
}

// count runs a query that answers one number.
func (w *watcher) count(ctx context.Context, query string) (int64, error) {
	var n int64
	if err := w.db.NewRaw(query).Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	return n, nil
}

// until waits until the query answers zero.
func (w *watcher) until(ctx context.Context, query string) error {
	for {
		n, err := w.count(ctx, query)
		if err != nil || n == 0 {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("%d still open: %w", n, err)
		}
	}
}

const (
	unsettled   = `SELECT count(*) FROM attempts WHERE state NOT IN ('settled', 'failed', 'refunded')`
	undelivered = `SELECT count(*) FROM outbox`
)

// fillPayments stores n ended payments, by SQL: what is measured is reading and creating
// beside them, not how they came to be.
func (w *watcher) fillPayments(ctx context.Context, n int64) error {
	_, err := w.db.NewRaw(`
		WITH m AS (SELECT id FROM merchants WHERE public_id = 'faSDF42w3Fs'),
		p AS (
			INSERT INTO payments (token, merchant_id, amount, state, method, created_at, collect_by)
			SELECT 'bench' || md5(random()::text || i), m.id, 10000, 'expired', 'asanpardakht',
			       now() - make_interval(secs => i), now() - make_interval(secs => i - 1200)
			FROM m, generate_series(1, ?) i RETURNING id
		)
		INSERT INTO payment_events (payment_id, kind) SELECT id, k FROM p, unnest(ARRAY['created', 'expired']) k`, n).Exec(ctx)
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return w.settle(ctx, "payments, payment_events")
}

// settle ends the work that a fill leaves behind, so that it is not measured.
func (w *watcher) settle(ctx context.Context, tables string) error {
	if _, err := w.db.ExecContext(ctx, `VACUUM ANALYZE `+tables); err != nil {
		return fmt.Errorf("vacuum: %w", err)
	}
	_, _ = w.db.ExecContext(ctx, `CHECKPOINT`) // refused by a database of somebody else's, where it is done in time anyway
	return nil
}
