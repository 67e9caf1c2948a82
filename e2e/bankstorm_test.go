package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
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

// Payments through every real bank's adapter while each way in which a bank can fail does so at a fifth of all calls,
// one after the other and then all at once, and the worker is killed. PAYSAGA_BANK_STORM is how many payments at each
// bank (300 is the promise), PAYSAGA_BANK_KILLS how often the worker is killed -9 (5), PAYSAGA_BANK_STORM_SEED
// repeats a plan; how it meets the system's own timing differs from run to run.
func TestBankStorm(t *testing.T) {
	count, kills := envNumber(t, "PAYSAGA_BANK_STORM", 12), envNumber(t, "PAYSAGA_BANK_KILLS", 1)
	seed := envNumber(t, "PAYSAGA_BANK_STORM_SEED", int(time.Now().UnixNano()%1_000_000))
	t.Logf("PAYSAGA_BANK_STORM=%d PAYSAGA_BANK_KILLS=%d PAYSAGA_BANK_STORM_SEED=%d", count, kills, seed)
	h, err := startHouse("storm", "PAYSAGA_BANK_WIRES=true", "PAYSAGA_SANDBOX_SESSION_LIFE="+stormLife.String(), "PAYSAGA_BANK_PAUSE=1s")
	require.NoError(t, err)
	s := &bankStorm{h: h}
	passed := t.Run("storm", func(t *testing.T) { s.rages(t, count, kills, seed) })
	require.NoError(t, h.finish(passed))
}

const (
	stormLife   = 15 * time.Second // how long a session can be paid; the windows in which one can only wait keep pace
	stormWindow = 20 * time.Second // to collect
)

// bankFailures are the ways in which a bank can fail. Slow answers come on top of them.
var bankFailures = []string{
	"timeout_before", "timeout_after", "refuse", "unknown", "garbage", "empty", "error_inside", "huge", "redirect", "drip",
}

// bankStorm is a bad day of all banks.
type bankStorm struct {
	h     *house
	trips []*stormTrip
	done  atomic.Int64
}

func (s *bankStorm) rages(t *testing.T, count, kills, seed int) {
	chance := rand.New(rand.NewPCG(uint64(seed), 0))
	for _, bank := range wiredBanks {
		m := s.h.atWire(t, stormWindow, bank.name)
		for range count {
			s.trips = append(s.trips, planStormTrip(m, bank, chance))
		}
	}
	chance.Shuffle(len(s.trips), func(i, j int) { s.trips[i], s.trips[j] = s.trips[j], s.trips[i] })

	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute+time.Duration(len(s.trips))*2*time.Second)
	defer cancel()
	killed := make(chan int, 1)
	go func() { killed <- s.killTheWorker(ctx, kills) }()
	s.travel(ctx, t)
	require.Equal(t, kills, <-killed)
	s.h.comesBack(t, stack.Worker)
	s.h.rules(t, map[string]any{}) // the weather clears
	stormy := time.Since(begin)
	await(t, 8*stormLife+2*time.Minute, "everything comes to rest", func() (bool, string) {
		left := s.underWay(t)
		return len(left) == 0, strings.Join(left, "\n")
	})
	require.NoError(t, s.h.audit())
	t.Logf("%d payments and %d kills in %.0f s of storm; at rest after %.0f s", len(s.trips), kills, stormy.Seconds(), time.Since(begin).Seconds())
	s.endWell(t)
}

// travel sends the payers, and changes the weather when its share of them is through.
func (s *bankStorm) travel(ctx context.Context, t *testing.T) {
	next := make(chan *stormTrip)
	var payers sync.WaitGroup
	for range 32 {
		payers.Go(func() {
			for trip := range next {
				if err := trip.travel(ctx); err != nil {
					t.Errorf("payment %q at %s (%s): %v", trip.token, trip.bank.name, trip.do, err)
				}
				s.done.Add(1)
			}
		})
	}
	fronts := len(bankFailures) + 1
	for i, trip := range s.trips {
		if front := i * fronts / len(s.trips); i == 0 || front != (i-1)*fronts/len(s.trips) {
			s.h.rules(t, weather(front))
		}
		next <- trip
	}
	close(next)
	payers.Wait()
}

// weather is one failure at a fifth of all calls among a few of every other, and at last all of them at a fifth.
func weather(front int) map[string]any {
	rules := map[string]any{"slow": 0.2, "delay": "300ms", "hold": "300ms"}
	for i, failure := range bankFailures {
		rules[failure] = 0.02
		if i == front || front == len(bankFailures) {
			rules[failure] = 0.2
		}
	}
	return rules
}

// killTheWorker kills it so often, evenly over the storm, as soon as it works again.
func (s *bankStorm) killTheWorker(ctx context.Context, kills int) (done int) {
	for done < kills && ctx.Err() == nil {
		if int(s.done.Load()) < len(s.trips)*(done+1)/(kills+1) {
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

// underWay is what is neither at its end nor with a person.
func (s *bankStorm) underWay(t *testing.T) (left []string) {
	t.Helper()
	require.NoError(t, s.h.db.NewRaw(`
		SELECT p.token || ' ' || p.state || ' ' || coalesce(a.gateway || ' ' || a.id || ' ' || a.state, '') FROM payments p
		LEFT JOIN attempts a ON a.payment_id = p.id AND a.state IN ('created', 'open', 'paid', 'refunding')
		JOIN merchants m ON m.id = p.merchant_id
		WHERE m.public_id LIKE 'wire-%' AND p.needs_attention IS NULL AND (p.state IN ('pending', 'paid', 'refunding') OR a.id IS NOT NULL)`).
		Scan(t.Context(), &left))
	return left
}

// endWell checks every payment against its bank's book and what its merchant was told, and prints how they ended.
func (s *bankStorm) endWell(t *testing.T) {
	invoices := s.h.wholeBook(t)
	ends, people, played := map[string]map[string]int{}, map[string]int{}, map[string]int{}
	for _, b := range invoices {
		for _, c := range b.Calls {
			played[c.Rule]++
		}
	}
	for _, trip := range s.trips {
		if trip.token == "" {
			continue
		}
		p, err := s.h.store.PaymentByToken(t.Context(), trip.token)
		require.NoError(t, err)
		end := string(p.State)
		if p.NeedsAttention != nil {
			end = "with a person"
			people[fmt.Sprintf("%s: %s, %s", trip.bank.name, *p.NeedsAttention, p.State)]++
			require.Contains(t, []string{"refund_not_confirmed", "settlement_not_confirmed"}, *p.NeedsAttention, "payment %s", trip.token)
		}
		if ends[trip.bank.name] == nil {
			ends[trip.bank.name] = map[string]int{}
		}
		ends[trip.bank.name][end]++
		s.requireOneFate(t, trip, string(p.State), p.NeedsAttention != nil, invoices)
	}
	for _, bank := range wiredBanks {
		t.Logf("%-12s %v", bank.name, ends[bank.name])
		if len(s.trips) >= 200 { // a few may all have been unlucky
			require.NotZero(t, ends[bank.name]["collected"], bank.name)
		}
	}
	t.Log("with a person: ", people)
	t.Log("failures played: ", played)
}

// requireOneFate: money is kept once or given back, and nothing that was acknowledged is untrue.
func (s *bankStorm) requireOneFate(t *testing.T, trip *stormTrip, state string, person bool, invoices map[invoice]book) {
	t.Helper()
	kept, held := 0, 0
	var story []string
	for _, a := range s.h.attempts(t, trip.token) {
		b := invoices[invoice{a.Gateway, a.ID}]
		story = append(story, fmt.Sprintf("%d %s: %s", a.ID, a.State, b.effects()))
		back := b.count("reverse") + b.count("cancel") + b.count("refund")
		require.LessOrEqual(t, b.count("verify"), 1, story)
		require.LessOrEqual(t, b.count("settle")+back, 1, "payment %s went both ways: %v", trip.token, story)
		if len(b.Charges) == 0 {
			continue
		}
		switch b.Charges[0].State {
		case "settled", "verified":
			held++
			if a.State == "settled" {
				kept++
			}
		case "paid":
			held++
		}
		if a.State == "settled" {
			require.Zero(t, back, "payment %s: %v", trip.token, story)
		}
	}
	switch {
	case trip.collected:
		require.Equal(t, "collected", state, "payment %s was acknowledged as collected", trip.token)
	case trip.cancelled:
		require.NotEqual(t, "collected", state, "payment %s was acknowledged as cancelled", trip.token)
	}
	if person {
		return
	}
	want := 0
	if state == "collected" {
		want = 1
	}
	require.Equal(t, []int{want, want}, []int{kept, held}, "payment %s is %s, and the bank: %v", trip.token, state, story)
}

// stormTrip is one payment at one bank, by a payer and a merchant who try again while it makes sense.
type stormTrip struct {
	m                     merchant
	bank                  wired
	do                    string // what the payer does
	again                 bool   // and then pays
	auto, collect, cancel bool

	token                string
	collected, cancelled bool // acknowledged
}

// planStormTrip draws a trip: mostly ordinary ones. At a bank that gives nothing back every payment collects itself.
func planStormTrip(m merchant, bank wired, chance *rand.Rand) *stormTrip {
	trips := []struct {
		share int
		stormTrip
	}{
		{40, stormTrip{do: "pay", collect: true}},
		{12, stormTrip{do: "pay", auto: true}},
		{8, stormTrip{do: "lose_callback", collect: true}},
		{8, stormTrip{do: "callback_twice", collect: true}},
		{8, stormTrip{do: "verify_timeout", collect: true}},
		{8, stormTrip{do: "pay", cancel: true}},
		{8, stormTrip{do: "pay"}}, // nobody collects
		{5, stormTrip{do: "decline", again: true, collect: true}},
		{3, stormTrip{do: "decline"}},
	}
	drawn := chance.IntN(100)
	i := slices.IndexFunc(trips, func(k struct {
		share int
		stormTrip
	}) bool {
		drawn -= k.share
		return drawn < 0
	})
	trip := trips[i].stormTrip
	trip.m, trip.bank = m, bank
	if bank.back == (visit{}) {
		trip.auto, trip.collect, trip.cancel = true, false, false
	}
	return &trip
}

// travel ends when the payer came through or gave up, and the merchant has its answer or no more time.
func (b *stormTrip) travel(ctx context.Context) error {
	a, err := b.m.call(ctx, http.MethodPost, "", b.m.form(50_000, "auto_collect", fmt.Sprint(b.auto)))
	if err != nil || a.status != http.StatusOK {
		return fmt.Errorf("create: %d %s %w", a.status, a.body, err)
	}
	b.token = a.token()
	until, cancel := context.WithTimeout(ctx, stormWindow)
	defer cancel()
	came := b.pay(until, b.do)
	if came && b.again {
		came = b.pay(until, "pay")
	}
	switch {
	case came && b.collect:
		b.collected, err = b.insist(until, "/collect")
	case came && b.cancel:
		b.cancelled, err = b.insist(until, "/cancel")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// pay says whether the payer came through. A payer whom the bank gives no session tries again: a page takes five
// tries a minute.
func (b *stormTrip) pay(ctx context.Context, do string) bool {
	for range 5 {
		_, err := b.m.h.walk(ctx, walk{Link: b.m.link(b.token), Do: do})
		if err == nil {
			return true
		}
		if ctx.Err() != nil || strings.Contains(err.Error(), "takes no money now") {
			return false
		}
	}
	return false
}

// insist repeats a command until it is acknowledged, refused for good or too late.
func (b *stormTrip) insist(ctx context.Context, command string) (bool, error) {
	for {
		a, err := b.m.call(ctx, http.MethodPost, "/"+b.token+command, nil)
		switch {
		case ctx.Err() != nil:
			return false, nil
		case err == nil && a.status == http.StatusOK:
			return true, nil
		case err == nil && a.status == http.StatusConflict && a.code() != "state_pending":
			return false, nil
		case err == nil && a.status != http.StatusConflict && a.status != http.StatusTooManyRequests && a.status < 500:
			return false, fmt.Errorf("%s: %d %s", command, a.status, a.body)
		}
		if !pause(ctx, 200*time.Millisecond) {
			return false, nil
		}
	}
}
