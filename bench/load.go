package main

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// How load is made: as much as goes, or at a steady rate.

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
