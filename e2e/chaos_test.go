package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/stack"
)

// Payments by merchants and payers who try again, while worker, API and Temporal are killed at random.
// PAYSAGA_CHAOS is how many payments (200 is the promise), PAYSAGA_CHAOS_SEED repeats a plan; how it
// meets the system's own timing differs from run to run.
func TestChaos(t *testing.T) {
	count := envNumber(t, "PAYSAGA_CHAOS", 40)
	seed := envNumber(t, "PAYSAGA_CHAOS_SEED", int(time.Now().UnixNano()%1_000_000))
	t.Logf("PAYSAGA_CHAOS=%d PAYSAGA_CHAOS_SEED=%d", count, seed)
	chance := rand.New(rand.NewPCG(uint64(seed), 0))
	h := breakable(t)
	journeys := h.plan(count, seed, chance)

	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(count)*2*time.Second)
	defer cancel()
	underWay, arrived := context.WithCancel(ctx)
	kills := make(chan map[string]int, 1)
	go func() { kills <- h.killAtRandom(underWay, chance) }()
	h.travelInCrowds(ctx, t, journeys, 8)
	arrived()
	killed := <-kills
	t.Logf("kills: %v in %.1f s", killed, time.Since(begin).Seconds())
	require.NotEmpty(t, killed)
	for _, part := range []string{stack.Temporal, stack.Worker, stack.API} {
		h.comesBack(t, part)
	}

	h.awaitEnds(t, 2*time.Minute, mustEnd(journeys))
	require.NoError(t, h.audit())
	ends := h.arrived(t, journeys)
	acknowledged, again := 0, 0
	for _, j := range journeys {
		again += j.tries
		if j.token != "" {
			acknowledged++
		}
	}
	t.Logf("%d payments acknowledged, they ended %v; %d calls had to be repeated; %.1f s in all", acknowledged, ends, again, time.Since(begin).Seconds())
	require.Greater(t, acknowledged, count/2)
	require.Greater(t, ends["collected"], count/4)
}

func envNumber(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// plan draws the journeys: mostly ordinary ones.
func (h *house) plan(count, seed int, chance *rand.Rand) []*journey {
	taxi, hasty := h.taxi(), h.hasty()
	kinds := []struct {
		share int
		journey
	}{
		{30, journey{m: taxi, do: "pay", collect: true}},
		{10, journey{m: taxi, do: "pay", auto: true}},
		{10, journey{m: taxi, do: "lose_callback", collect: true}},
		{5, journey{m: taxi, do: "callback_twice", collect: true}},
		{5, journey{m: taxi, do: "verify_timeout", collect: true}},
		{10, journey{m: taxi, do: "pay", cancel: true}},
		{3, journey{m: taxi}},
		{10, journey{m: hasty, do: "pay"}},
		{5, journey{m: hasty, do: "pay", collect: true}},
		{4, journey{m: hasty, do: "lose_callback"}},
		{4, journey{m: hasty, do: "decline"}},
		{4, journey{m: hasty}},
	}
	journeys := make([]*journey, count)
	for i := range journeys {
		drawn := chance.IntN(100)
		for _, k := range kinds {
			if drawn -= k.share; drawn < 0 {
				j := k.journey
				journeys[i] = &j
				break
			}
		}
		for n := range journeys[i].dawdle { // so that the kills meet every step
			journeys[i].dawdle[n] = time.Duration(chance.IntN(1000)) * time.Millisecond
		}
		if chance.IntN(3) > 0 {
			journeys[i].key = fmt.Sprintf("chaos-%d-%d", seed, i)
		}
	}
	return journeys
}

// travelInCrowds lets so many journeys run at once.
func (h *house) travelInCrowds(ctx context.Context, t *testing.T, journeys []*journey, crowd int) {
	next := make(chan *journey)
	var travellers sync.WaitGroup
	for range crowd {
		travellers.Go(func() {
			for j := range next {
				if err := j.travel(ctx); err != nil {
					t.Errorf("payment %q (%s): %v", j.token, j.do, err)
				}
			}
		})
	}
	for _, j := range journeys {
		next <- j
	}
	close(next)
	travellers.Wait()
}

// killAtRandom kills parts until ctx ends, each next one at a random time after the last is back.
func (h *house) killAtRandom(ctx context.Context, chance *rand.Rand) map[string]int {
	kills := map[string]int{}
	parts := []string{stack.Worker, stack.API, stack.Temporal}
	for pause(ctx, time.Duration(100+chance.IntN(900))*time.Millisecond) {
		part := parts[chance.IntN(len(parts))]
		if h.Kill(part) == nil {
			kills[part]++
		}
		if chance.IntN(3) > 0 { // else the next may die while this one is still down
			_ = h.WaitReady(ctx, part)
		}
	}
	return kills
}

// mustEnd leaves out payments that rightly wait: nobody has come to pay, and there is time left.
func mustEnd(journeys []*journey) []*journey {
	var list []*journey
	for _, j := range journeys {
		if j.token != "" && (j.do != "" || j.m.id == "demo-fast") {
			list = append(list, j)
		}
	}
	return list
}
