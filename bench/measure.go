package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paysaga/paysaga/stack"
)

// results is everything that was measured.
type results struct {
	createRatio, bareStarts, creates      []float64
	bareRatio, naiveRatio                 []float64
	ours, bare, naive                     []float64
	single                                latency // bare StartWorkflow, one at a time
	paths                                 map[string]latency
	small, large                          map[string]latency
	cpuPerSaga, cpuPerBare                map[string]time.Duration
	events, tasks                         float64
	idle                                  map[string]int64
	storedSmall, storedLarge, latencyRate int64
}

const (
	latencyRate = 100 // requests/s of the open-loop runs
	storedSmall = 1_000
	storedLarge = 100_000
	sagasAtOnce = 64
	thinkTime   = 500 * time.Millisecond
	quiet       = 5 * time.Second
)

// measure runs every part, or only the named one.
func (b *bench) measure(ctx context.Context, only string) (results, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	r := results{storedSmall: storedSmall, storedLarge: storedLarge, latencyRate: latencyRate}
	w, err := newWatcher(ctx, b.instance.DatabaseURL)
	if err != nil {
		return r, err
	}
	bareWorker, err := b.bare.start(b.temporal)
	if err != nil {
		return r, err
	}
	defer bareWorker.Stop()

	r.idle = b.memory(stack.API, stack.Worker)
	if err := b.warmUp(ctx, w); err != nil {
		return r, fmt.Errorf("warm up: %w", err)
	}
	parts := []struct {
		name string
		run  func(context.Context, *watcher, *results) error
	}{{"starts", b.compareStarts}, {"sagas", b.compareSagas}, {"paths", b.rowPaths}, {"rows", b.storedRows}}
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
	parts := []string{stack.API, stack.Worker, stack.Sandbox, stack.Temporal, stack.Postgres}
	spent, spentBare := map[string]time.Duration{}, map[string]time.Duration{}
	count := 0
	for range b.rounds {
		start := b.spending(parts)
		bare, err := throughput(ctx, b.sagas, sagasAtOnce, func(ctx context.Context) error { return b.bare.run(ctx, b.temporal, "bench.bare") })
		if err != nil {
			return fmt.Errorf("bare sagas: %w", err)
		}
		b.spent(spentBare, start)
		naive, err := throughput(ctx, b.sagas, sagasAtOnce, func(ctx context.Context) error { return b.bare.run(ctx, b.temporal, "bench.naive") })
		if err != nil {
			return fmt.Errorf("naive sagas: %w", err)
		}
		start = b.spending(parts)
		ours, err := b.sagaRound(ctx, w, b.sagas)
		if err != nil {
			return fmt.Errorf("payments: %w", err)
		}
		b.spent(spent, start)
		count += b.sagas
		r.ours, r.bare, r.naive = append(r.ours, ours), append(r.bare, bare), append(r.naive, naive)
		r.bareRatio, r.naiveRatio = append(r.bareRatio, ours/bare), append(r.naiveRatio, ours/naive)
		progress("payments %.0f/s, bare sagas %.0f/s, naive sagas %.0f/s", ours, bare, naive)
	}
	r.cpuPerSaga, r.cpuPerBare = map[string]time.Duration{}, map[string]time.Duration{}
	for _, part := range parts {
		r.cpuPerSaga[part], r.cpuPerBare[part] = spent[part]/time.Duration(count), spentBare[part]/time.Duration(count)
	}
	var err error
	r.events, r.tasks, err = b.shape(ctx, w)
	return err
}

// spending reads the CPU time of each part so far; spent adds what came since.
func (b *bench) spending(parts []string) map[string]time.Duration {
	now := map[string]time.Duration{}
	for _, part := range parts {
		now[part] = cpu(b.stack.PID(part))
	}
	return now
}

func (b *bench) spent(total, since map[string]time.Duration) {
	for part, before := range since {
		total[part] += cpu(b.stack.PID(part)) - before
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
		if err := w.paid(ctx, token); err != nil {
			return err
		}
		return b.api.collect(ctx, token)
	})
	return rate, errors.Join(err, w.until(ctx, unsettled))
}

// rowPaths: latency of what answers from rows, at a steady rate.
func (b *bench) rowPaths(ctx context.Context, w *watcher, r *results) error {
	r.paths = map[string]latency{}
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
		l, err := openLoop(ctx, latencyRate, b.open, run.call)
		if err != nil {
			return fmt.Errorf("%s: %w", run.name, err)
		}
		r.paths[run.name] = l
		progress("%s p50 %s, p99 %s", run.name, l.p50, l.p99)
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

// storedRows: create and read beside few and many stored payments. Rounds alternate nothing here:
// rows cannot be taken away again, so the small run comes first.
func (b *bench) storedRows(ctx context.Context, w *watcher, r *results) error {
	run := func() (map[string]latency, error) {
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
	}
	for _, size := range []struct {
		rows int64
		into *map[string]latency
	}{{storedSmall, &r.small}, {storedLarge, &r.large}} {
		have, err := w.count(ctx, `SELECT count(*) FROM payments`)
		if err != nil {
			return err
		}
		if have < size.rows {
			if err := w.fill(ctx, size.rows-have); err != nil {
				return err
			}
		}
		if *size.into, err = run(); err != nil {
			return fmt.Errorf("%d stored payments: %w", size.rows, err)
		}
		progress("stored %d: create p99 %s, read p99 %s", size.rows, (*size.into)["create"].p99, (*size.into)["read"].p99)
	}
	return nil
}

// throughput runs n calls, atOnce of them at a time, and answers calls per second over the middle half
// of them: at the start nothing is under way yet, at the end there is nothing left to overlap with.
func throughput(ctx context.Context, n, atOnce int, call func(context.Context) error) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	ended := make(chan time.Time, n)
	for range n {
		group.Go(func() error {
			err := call(ctx)
			ended <- time.Now()
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	at := make([]time.Time, n)
	for i := range at {
		at[i] = <-ended
	}
	slices.SortFunc(at, time.Time.Compare)
	from, until := n/4, n*3/4
	return float64(until-from) / at[until].Sub(at[from]).Seconds(), nil
}

type latency struct{ p50, p99, max time.Duration }

// openLoop calls at a steady rate whether or not earlier calls have answered, and measures from the
// instant at which each was due, so that a stall is seen by all who waited.
func openLoop(ctx context.Context, perSecond int, length time.Duration, call func(context.Context, int) error) (latency, error) {
	if err := pause(ctx, quiet); err != nil { // what came before is over
		return latency{}, err
	}
	n := int(length.Seconds()) * perSecond
	took := make([]time.Duration, n)
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for i := range n {
		due := began.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		if err := pause(ctx, time.Until(due)); err != nil {
			break
		}
		group.Go(func() error {
			err := call(ctx, i)
			took[i] = time.Since(due)
			return err
		})
	}
	err := group.Wait()
	slices.Sort(took)
	return latency{p50: took[n/2], p99: took[n*99/100], max: took[n-1]}, err
}
