package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sandbox"
	"github.com/paysaga/paysaga/stack"
)

// Payments through every real bank's adapter and the sandbox's bank that speaks like it, with every failure at a
// fifth of all calls and the worker killed in between. PAYSAGA_BANKS is how many payments at each bank (300 is the
// promise, with five kills), PAYSAGA_BANKS_SEED repeats a plan.
func TestRealBanks(t *testing.T) {
	count := envNumber(t, "PAYSAGA_BANKS", 4)
	seed := envNumber(t, "PAYSAGA_BANKS_SEED", int(time.Now().UnixNano()%1_000_000))
	t.Logf("PAYSAGA_BANKS=%d PAYSAGA_BANKS_SEED=%d", count, seed)
	chance := rand.New(rand.NewPCG(uint64(seed), 0))
	oneAtATime(t)
	h, err := startHouse("banks", "PAYSAGA_BANK_WIRES=true", "PAYSAGA_BANK_PAUSE=0")
	require.NoError(t, err)
	t.Cleanup(func() { // not finish: visits that nobody paid are open for as long as their bank's sessions live
		if err := h.stop(); err != nil || t.Failed() {
			t.Error(err)
			h.showLogs()
			return
		}
		_ = os.RemoveAll(h.home)
	})

	const window = 20 * time.Second
	var trips []*bankTrip
	for _, bank := range sandbox.Wires() {
		m := h.atBank(t, bank, window)
		for range count {
			trips = append(trips, planBankTrip(m, bank, chance))
		}
	}
	chance.Shuffle(len(trips), func(i, j int) { trips[i], trips[j] = trips[j], trips[i] })

	h.rules(t, map[string]any{
		"refuse": .2, "timeout_before": .2, "timeout_after": .2, "unknown": .2, "garbage": .2, "slow": .2, "hold": "300ms", "delay": "100ms",
	})
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute+time.Duration(len(trips))*2*time.Second)
	defer cancel()
	kills := min(5, 1+count/60)
	var travellers sync.WaitGroup
	next := make(chan *bankTrip)
	for range 10 {
		travellers.Go(func() {
			for trip := range next {
				if err := trip.travel(ctx); err != nil {
					t.Errorf("payment %q at %s: %v", trip.token, trip.bank, err)
				}
			}
		})
	}
	for i, trip := range trips {
		if i%(len(trips)/(kills+1)) == 0 && i > 0 && kills > 0 {
			kills--
			require.NoError(t, h.Kill(stack.Worker))
		}
		next <- trip
	}
	close(next)
	travellers.Wait()
	h.comesBack(t, stack.Worker)

	// The banks recover; what waits for a person or for the end of a session that nobody paid may wait.
	h.rules(t, map[string]any{})
	await(t, 3*time.Minute, "all money is where it belongs", func() (bool, string) {
		var left []string
		require.NoError(t, h.db.NewRaw(`
			SELECT p.token || ' ' || p.state || ' ' || a.gateway || ' ' || a.id || ' ' || a.state FROM payments p JOIN attempts a ON a.payment_id = p.id
			WHERE p.needs_attention IS NULL AND (
				(a.state = 'paid' AND p.state <> 'paid') OR a.state = 'refunding' OR p.state IN ('paid', 'refunding')
				OR (a.state = 'open' AND a.final_at < now()))
			UNION ALL SELECT 'outbox ' || ref FROM outbox`).Scan(t.Context(), &left))
		return len(left) == 0, strings.Join(left, "\n")
	})
	out, code := h.command("audit", "--grace", "30s")
	require.Zero(t, code, out)

	ends := map[string]map[string]int{}
	for _, trip := range trips {
		if trip.token == "" {
			continue
		}
		p, err := trip.m.find(t.Context(), trip.token)
		require.NoError(t, err)
		if ends[trip.bank] == nil {
			ends[trip.bank] = map[string]int{}
		}
		ends[trip.bank][p.Outcome.State]++
		if trip.collected {
			require.Equal(t, "collected", p.Outcome.State, "payment %s was acknowledged as collected", trip.token)
		}
	}
	for _, bank := range sandbox.Wires() {
		t.Logf("%-13s %v", bank, ends[bank])
		require.NotZero(t, ends[bank]["collected"], bank)
	}
	var people int
	require.NoError(t, h.db.NewRaw(`SELECT count(*) FROM payments WHERE needs_attention IS NOT NULL`).Scan(t.Context(), &people))
	t.Logf("%d payments in %.1f s, %d of them with people", len(trips), time.Since(begin).Seconds(), people)
}

// atBank is a merchant with an account at one bank and no other.
func (h *house) atBank(t *testing.T, bank string, window time.Duration) merchant {
	t.Helper()
	id := "at-" + bank
	h.mustRun(t, "merchant", "put", id, "--gateways", bank, "--collect-within", window.String())
	credentials, err := json.Marshal(sandbox.Account(bank))
	require.NoError(t, err)
	c := h.terminal(t.Context(), "gateway", "put", id, bank, "--from", "-")
	c.Stdin = strings.NewReader(string(credentials))
	out, code := runCommand(c)
	require.Zero(t, code, out)
	require.Contains(t, h.mustRun(t, "gateway", "test", id, bank), "ok: ")
	return merchant{h, id, strings.TrimSpace(h.mustRun(t, "key", "create", id))}
}

// bankTrip is one payment at one bank.
type bankTrip struct {
	m             merchant
	bank, do      string
	auto, collect bool

	token     string
	collected bool // acknowledged
}

func planBankTrip(m merchant, bank string, chance *rand.Rand) *bankTrip {
	trip := &bankTrip{m: m, bank: bank, do: "pay", collect: chance.IntN(4) > 0}
	switch chance.IntN(6) {
	case 0:
		trip.do = "callback_twice"
	case 1:
		trip.do = "lose_callback"
	}
	if bank == "zibal" { // it cannot give back, so it takes nothing that may have to go back
		trip.auto, trip.collect = true, false
	}
	return trip
}

// travel ends when the payer came through, or gave up, and the merchant did what it wanted.
func (b *bankTrip) travel(ctx context.Context) error {
	a, err := b.m.call(ctx, http.MethodPost, "", b.m.form(50_000, "auto_collect", fmt.Sprint(b.auto)))
	if err != nil || a.status != http.StatusOK {
		return fmt.Errorf("create: %d %s %w", a.status, a.body, err)
	}
	b.token = a.token()
	paid := false
	for range 4 { // a page takes five tries a minute
		_, err := b.m.h.walk(ctx, walk{Link: b.m.link(b.token), Do: b.do})
		if paid = err == nil; paid || strings.Contains(err.Error(), "takes no money now") {
			break
		}
	}
	for paid && b.collect {
		a, err := b.m.call(ctx, http.MethodPost, "/"+b.token+"/collect", nil)
		switch {
		case err == nil && a.status == http.StatusOK:
			b.collected = true
			return nil
		case err == nil && a.status == http.StatusConflict && a.code() != "state_pending":
			return nil // too late
		case err == nil && a.status != http.StatusServiceUnavailable && a.status != http.StatusConflict:
			return fmt.Errorf("collect: %d %s", a.status, a.body)
		}
		if p, err := b.m.find(ctx, b.token); err == nil && p.Outcome.State == "pending" && !b.due(p) {
			return nil // nobody heard of the money before the deadline
		}
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("collect: %w", ctx.Err())
		}
	}
	return nil
}

// due says that a payment can still be collected.
func (b *bankTrip) due(p payment) bool {
	created, err := time.Parse(time.RFC3339Nano, p.Created)
	return err == nil && time.Since(created) < 21*time.Second
}
