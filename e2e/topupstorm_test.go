package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/stack"
)

// Many charges, each ordered by many twins under one key, at an operator that loses a quarter of its answers
// after delivering: each is delivered once, charged once, and all its twins hear the same.
// PAYSAGA_TOPUPS is how many charges (1000 is the promise), PAYSAGA_TWINS how many twins each has (50).
func TestTopUpStorm(t *testing.T) {
	s := newTopUpStorm(t, "e2e-storm", envNumber(t, "PAYSAGA_TOPUPS", 60), envNumber(t, "PAYSAGA_TWINS", 10))
	s.rages(t, 0)
	require.Zero(t, s.reordered.Load(), "an operator that delivers is never taken for one that did not")
}

// topUpStorm is a merchant's busy day.
type topUpStorm struct {
	h            *house
	keys         []merchant // the same merchant under several keys of the API, each with its own rate
	id           string
	count, twins int
	done         atomic.Int64
	reordered    atomic.Int64 // because an order never arrived
	mu           sync.Mutex
	replays      []time.Duration
}

const (
	stormPrice = 10_000
	stormLanes = 8 // charges at once
)

func newTopUpStorm(t *testing.T, id string, count, twins int) *topUpStorm {
	t.Helper()
	h := breakable(t)
	m := h.buyer(t, id, int64(count)*stormPrice+5_000) // enough for each once, and not for one more
	s := &topUpStorm{h: h, keys: []merchant{m}, id: id, count: count, twins: twins}
	for len(s.keys) < min(stormLanes, 1+count*twins/1_000) {
		s.keys = append(s.keys, merchant{h, id, strings.TrimSpace(h.mustRun(t, "key", "create", id))})
	}
	return s
}

func (s *topUpStorm) rages(t *testing.T, kills int) {
	h := s.h
	hold := "50ms"
	if kills > 0 {
		hold = "1s" // so that the kills meet orders whose answers are on their way
	}
	h.operator(t, map[string]any{"submit": map[string]any{"timeout_after": 0.25}, "hold": hold})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(s.count)*time.Second)
	defer cancel()
	begin := time.Now()
	killed := make(chan int, 1)
	go func() { killed <- s.killTheWorker(ctx, kills) }()
	next := make(chan int)
	var lanes sync.WaitGroup
	for lane := range stormLanes {
		m := s.keys[lane%len(s.keys)]
		lanes.Go(func() {
			for i := range next {
				if err := s.fulfil(ctx, m, i); err != nil {
					t.Errorf("charge %d: %v", i, err)
				}
				s.done.Add(1)
			}
		})
	}
	for i := range s.count {
		next <- i
	}
	close(next)
	lanes.Wait()
	took := time.Since(begin)
	require.Equal(t, kills, <-killed)
	h.comesBack(t, stack.Worker)

	slices.Sort(s.replays)
	p99 := s.replays[len(s.replays)*99/100]
	t.Logf("%d charges with %d twins each in %.1f s; %d kills, %d orders never arrived and were ordered again; %d replays: median %s, p99 %s",
		s.count, s.twins, took.Seconds(), kills, s.reordered.Load(), len(s.replays), s.replays[len(s.replays)/2], p99)
	s.requireTrueBooks(t)
	require.NoError(t, h.audit())
}

// killTheWorker kills it so often, evenly over the storm, as soon as it works again.
func (s *topUpStorm) killTheWorker(ctx context.Context, kills int) (done int) {
	for done < kills && ctx.Err() == nil {
		if int(s.done.Load()) < s.count*(done+1)/(kills+1) {
			pause(ctx, 10*time.Millisecond)
			continue
		}
		if s.h.Kill(stack.Worker) == nil {
			done++
		}
		_ = s.h.WaitReady(ctx, stack.Worker)
	}
	return done
}

// fulfil has one charge delivered, as a merchant's program would: every twin repeats its call until it is
// decided, and after a refusal there is a new order under a new key.
func (s *topUpStorm) fulfil(ctx context.Context, m merchant, i int) error {
	for try := 0; ; try++ {
		key := fmt.Sprintf("%s-%d-%d", s.id, i, try)
		order := topUpOrder{Price: stormPrice}
		answers := make([]string, s.twins)
		failed := make([]error, s.twins)
		var twins sync.WaitGroup
		for n := range s.twins {
			twins.Go(func() {
				var r reply
				r, failed[n] = m.buys(ctx, key, order)
				answers[n] = fmt.Sprint(r.status, " ", string(r.body))
			})
		}
		twins.Wait()
		for n := range answers {
			if failed[n] != nil {
				return failed[n]
			}
			if answers[n] != answers[0] {
				return fmt.Errorf("key %s was answered %q and %q", key, answers[0], answers[n])
			}
		}
		if err := s.replay(ctx, m, key, answers[0]); err != nil {
			return err
		}
		switch answers[0] {
		case "200 " + delivered:
			return nil
		case `400 {"status":false,"message":"The order never reached the operator"}`:
			s.reordered.Add(1)
		default:
			return fmt.Errorf("key %s was answered %s", key, answers[0])
		}
	}
}

// replay asks once more.
func (s *topUpStorm) replay(ctx context.Context, m merchant, key, first string) error {
	for {
		begin := time.Now()
		r, err := m.topUp(ctx, key, topUpOrder{Price: stormPrice})
		if err == nil && r.status == http.StatusTooManyRequests {
			pause(ctx, 50*time.Millisecond)
			continue
		}
		if err != nil {
			return err
		}
		if again := fmt.Sprint(r.status, " ", string(r.body)); again != first || r.header.Get("Idempotent-Replayed") != "true" {
			return fmt.Errorf("key %s was answered %s, and then %s", key, first, again)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.replays = append(s.replays, time.Since(begin))
		return nil
	}
}

// requireTrueBooks: delivered outside is spent inside, to the rial.
func (s *topUpStorm) requireTrueBooks(t *testing.T) {
	t.Helper()
	var rows []struct {
		ID     int64
		State  string
		Amount int64
	}
	require.NoError(t, s.h.db.NewRaw(`SELECT t.id, t.state, t.amount FROM topups t JOIN merchants m ON m.id = t.merchant_id WHERE m.public_id = ?`, s.id).Scan(t.Context(), &rows))
	require.Len(t, rows, s.count+int(s.reordered.Load()), "one order for each key")
	book, outside, spent := s.h.deliveries(t), 0, 0
	for _, r := range rows {
		d, known := book[fmt.Sprint("topup-", r.ID)]
		if known && d.State == "delivered" {
			outside++
			require.Equal(t, []any{r.Amount, 1}, []any{d.Amount, d.Submits})
		}
		if r.State == "delivered" {
			spent++
		}
		require.Equal(t, r.State == "delivered", known && d.State == "delivered", "top-up %d", r.ID)
	}
	require.Equal(t, []int{s.count, s.count}, []int{outside, spent})
	require.Equal(t, [2]int64{5_000, 0}, s.keys[0].balance(t))
}
