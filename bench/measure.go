package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/paysaga/paysaga/stack"
	"github.com/paysaga/paysaga/workflows"
)

// results is everything that was measured.
type results struct {
	createRatio, bareStarts, creates []float64
	bareRatio, naiveRatio            []float64
	ours, bare, naive                []float64
	single                           latency            // bare StartWorkflow, one at a time
	paths, disk                      map[string]latency // by path: its answers, and what a flush of the disk took meanwhile
	storedPayments                   []stored
	cpuPerSaga, cpuPerBare           map[string]time.Duration
	events, tasks                    float64
	transfers                        transferResults
	topUps                           topUpResults
	webhooks                         webhookResults
	purchases                        purchaseResults
	idle                             map[string]int64
}

const (
	latencyRate = 100 // requests/s of the open-loop runs
	smsRate     = 50  // the same for POST /api/sms
	retryRate   = 50  // and for PUT /api/v2/purchase/retry/{id}
	storedSmall = 1_000
	storedLarge = 100_000
	sagasAtOnce = 64
	thinkTime   = 500 * time.Millisecond
	quiet       = 5 * time.Second
)

// measure runs every part, or only the named one.
func (b *bench) measure(ctx context.Context, only string) (results, error) {
	ctx, cancel := context.WithTimeout(ctx, 45*time.Minute)
	defer cancel()
	var r results
	w, err := newWatcher(ctx, b.instance.DatabaseURL)
	if err != nil {
		return r, err
	}
	if err := w.runIn(ctx); err != nil {
		return r, err
	}
	bareWorker, err := b.bare.start(b.temporal)
	if err != nil {
		return r, err
	}
	defer bareWorker.Stop()

	if b.shop, err = openShop(ctx, w.db, b.instance.APIURL); err != nil {
		return r, err
	}
	if b.branch, err = openBranch(b.instance.APIURL); err != nil {
		return r, err
	}
	if err := credit(ctx, w); err != nil {
		return r, err
	}
	if err := b.api.hushed(ctx); err != nil {
		return r, err
	}
	r.idle = b.memory(stack.API, stack.Worker)
	if err := b.warmUp(ctx, w); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}
	parts := []struct {
		name string
		run  func(context.Context, *watcher, *results) error
	}{
		{"starts", b.compareStarts}, {"sagas", b.compareSagas}, {"paths", b.rowPaths}, {"rows", b.storedRows},
		{"transfer-rows", b.storedTransfers}, {"transfers", b.compareTransfers}, {"sms", b.smsPath},
		{"topups", b.compareTopUps}, {"purchases", b.comparePurchases}, {"webhooks", b.compareWebhooks},
	}
	for _, part := range parts {
		if only != "" && only != part.name {
			continue
		}
		if err := part.run(ctx, w, &r); err != nil {
			return r, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return r, nil
}

func (b *bench) warmUp(ctx context.Context, w *watcher) error {
	if _, err := b.sagaRound(ctx, w, b.sagas/2); err != nil {
		return err
	}
	if _, err := b.transferRound(ctx, w, b.sagas/2); err != nil {
		return err
	}
	if _, err := b.topUpRound(ctx, b.sagas/2); err != nil {
		return err
	}
	if _, err := b.purchaseRound(ctx, w, b.sagas/2); err != nil {
		return err
	}
	_, err := throughput(ctx, b.sagas/2, sagasAtOnce, func(ctx context.Context) error { return b.bare.run(ctx, b.temporal, "bench.bare") })
	return err
}

// compareStarts: acknowledged creates/s beside bare StartWorkflow/s, interleaved. Each round ends
// with the outbox empty, so that no round pays for another's.
func (b *bench) compareStarts(ctx context.Context, w *watcher, r *results) error {
	const atOnce = 32
	for range b.rounds {
		bare, err := throughput(ctx, b.creates, atOnce, func(ctx context.Context) error { return bareStart(ctx, b.temporal) })
		if err != nil {
			return fmt.Errorf("bare starts: %w", err)
		}
		creates, err := throughput(ctx, b.creates, atOnce, func(ctx context.Context) error {
			_, err := b.api.create(ctx)
			return err
		})
		if err != nil {
			return fmt.Errorf("creates: %w", err)
		}
		if err := w.until(ctx, undelivered); err != nil {
			return err
		}
		r.bareStarts, r.creates = append(r.bareStarts, bare), append(r.creates, creates)
		r.createRatio = append(r.createRatio, creates/bare)
		progress("creates %.0f/s, bare starts %.0f/s", creates, bare)
	}
	var err error
	r.single, err = openLoop(ctx, 20, b.open/3, func(ctx context.Context, _ int) error { return bareStart(ctx, b.temporal) })
	return err
}

// compareSagas: whole payments beside bare and naive sagas, interleaved.
func (b *bench) compareSagas(ctx context.Context, w *watcher, r *results) error {
	r.cpuPerSaga, r.cpuPerBare = map[string]time.Duration{}, map[string]time.Duration{}
	for range b.rounds {
		bare, err := b.bareRound(ctx, r.cpuPerBare)
		if err != nil {
			return err
		}
		naive, err := throughput(ctx, b.sagas, sagasAtOnce, func(ctx context.Context) error { return b.bare.run(ctx, b.temporal, "bench.naive") })
		if err != nil {
			return fmt.Errorf("naive sagas: %w", err)
		}
		before := b.spent()
		ours, err := b.sagaRound(ctx, w, b.sagas)
		if err != nil {
			return fmt.Errorf("payments: %w", err)
		}
		b.count(r.cpuPerSaga, before)
		r.ours, r.bare, r.naive = append(r.ours, ours), append(r.bare, bare), append(r.naive, naive)
		r.bareRatio, r.naiveRatio = append(r.bareRatio, ours/bare), append(r.naiveRatio, ours/naive)
		progress("payments %.0f/s, bare sagas %.0f/s, naive sagas %.0f/s", ours, bare, naive)
	}
	ids, err := b.latest(ctx, w, `SELECT '`+workflows.PaymentID("")+`' || token FROM payments WHERE state = 'collected' ORDER BY id DESC LIMIT 100`)
	if err == nil {
		r.events, r.tasks, err = b.shape(ctx, ids)
	}
	return err
}

// bareRound runs bare sagas and adds what each cost.
func (b *bench) bareRound(ctx context.Context, cost map[string]time.Duration) (float64, error) {
	before := b.spent()
	rate, err := throughput(ctx, b.sagas, sagasAtOnce, func(ctx context.Context) error { return b.bare.run(ctx, b.temporal, "bench.bare") })
	if err != nil {
		return 0, fmt.Errorf("bare sagas: %w", err)
	}
	b.count(cost, before)
	return rate, nil
}

// spent reads the CPU time of each part so far; count adds what each saga of a round has cost since then,
// averaged over all rounds.
func (b *bench) spent() map[string]time.Duration {
	now := map[string]time.Duration{}
	for _, part := range []string{stack.API, stack.Worker, stack.Sandbox, stack.Temporal, stack.Postgres} {
		now[part] = cpu(b.stack.PID(part))
	}
	return now
}

func (b *bench) count(cost, before map[string]time.Duration) {
	for part, now := range b.spent() {
		cost[part] += (now - before[part]) / time.Duration(b.rounds*b.sagas)
	}
}

// sagaRound carries n payments to the end: created, paid, collected and settled at the bank. Its rate
// is that of collects; what they leave to settle is done before the round ends.
func (b *bench) sagaRound(ctx context.Context, w *watcher, n int) (float64, error) {
	rate, err := throughput(ctx, n, 2*sagasAtOnce, func(ctx context.Context) error { // half of them are payers who think
		token, err := b.api.create(ctx)
		if err != nil {
			return err
		}
		if err := pause(ctx, thinkTime); err != nil { // the payer reads; meanwhile the saga falls asleep
			return err
		}
		if err := b.api.pay(ctx, token); err != nil {
			return err
		}
		if err := w.paid.wait(ctx, token); err != nil {
			return err
		}
		return b.api.collect(ctx, token)
	})
	return rate, errors.Join(err, w.until(ctx, unsettled))
}

// rowPaths: latency of what answers from rows, at a steady rate.
func (b *bench) rowPaths(ctx context.Context, w *watcher, r *results) error {
	r.paths, r.disk = map[string]latency{}, map[string]latency{}
	tokens, err := b.paidPayments(ctx, w, int(b.open.Seconds())*latencyRate/2)
	if err != nil {
		return err
	}
	at := func(i int) string { return tokens[i%len(tokens)] }
	runs := []struct {
		name string
		call func(context.Context, int) error
	}{
		{"create", func(ctx context.Context, _ int) error { _, err := b.api.create(ctx); return err }},
		{"read", func(ctx context.Context, i int) error { _, err := b.api.read(ctx, at(i)); return err }},
		{"collect", func(ctx context.Context, i int) error { return b.api.collect(ctx, at(i)) }},
	}
	for _, run := range runs {
		var l latency
		disk, err := b.besideDisk(ctx, func() (err error) {
			l, err = openLoop(ctx, latencyRate, b.open, run.call)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", run.name, err)
		}
		r.paths[run.name], r.disk[run.name] = l, disk
		progress("%s p50 %s, p99 %s; a flush of the disk p99 %s, at most %s", run.name, l.p50, l.p99, disk.p99, disk.max)
	}
	return w.until(ctx, undelivered)
}

// paidPayments makes n payments that wait for collect.
func (b *bench) paidPayments(ctx context.Context, w *watcher, n int) ([]string, error) {
	var mu sync.Mutex
	var tokens []string
	_, err := throughput(ctx, n, sagasAtOnce, func(ctx context.Context) error {
		token, err := b.api.create(ctx)
		if err != nil {
			return err
		}
		if err := b.api.pay(ctx, token); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		tokens = append(tokens, token)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("paid payments: %w", err)
	}
	return tokens, w.until(ctx, `SELECT count(*) FROM attempts WHERE state IN ('created', 'open')`)
}

// storedRows: create and read beside few and many stored payments.
func (b *bench) storedRows(ctx context.Context, w *watcher, r *results) (err error) {
	r.storedPayments, err = besideRows(ctx, w, "payments", w.fillPayments, func(ctx context.Context) (map[string]latency, error) {
		token, err := b.api.create(ctx)
		if err != nil {
			return nil, err
		}
		create, err := openLoop(ctx, latencyRate, b.open, func(ctx context.Context, _ int) error { _, err := b.api.create(ctx); return err })
		if err != nil {
			return nil, err
		}
		if err := w.until(ctx, undelivered); err != nil {
			return nil, err
		}
		read, err := openLoop(ctx, latencyRate, b.open, func(ctx context.Context, _ int) error { _, err := b.api.read(ctx, token); return err })
		return map[string]latency{"create": create, "read": read}, err
	})
	return err
}

// stored is what was measured beside so many rows.
type stored struct {
	rows  int64
	paths map[string]latency
}

// besideRows measures beside few and many rows. Rows cannot be taken away again, so few come first.
func besideRows(ctx context.Context, w *watcher, table string, fill func(context.Context, int64) error,
	measure func(context.Context) (map[string]latency, error)) ([]stored, error) {
	var out []stored
	for _, rows := range []int64{storedSmall, storedLarge} {
		have, err := w.count(ctx, `SELECT count(*) FROM `+table)
		if err != nil {
			return nil, err
		}
		if have < rows {
			if err := fill(ctx, rows-have); err != nil {
				return nil, err
			}
			have = rows
		}
		paths, err := measure(ctx)
		if err != nil {
			return nil, fmt.Errorf("%d stored %s: %w", have, table, err)
		}
		for name, l := range paths {
			progress("%d stored %s: %s p50 %s, p99 %s", have, table, name, l.p50, l.p99)
		}
		out = append(out, stored{have, paths})
	}
	return out, nil
}
