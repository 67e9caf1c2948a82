package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/stack"
)

// comesBack starts a part that was taken down, or waits for one that was killed.
func (h *house) comesBack(t *testing.T, part string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute) // cleanups call it, too
	defer cancel()
	if h.PID(part) == 0 {
		require.NoError(t, h.Restart(ctx, part))
	}
	require.NoError(t, h.WaitReady(ctx, part))
	web.CloseIdleConnections() // to the process that is gone
}

// Temporal holds the time and nothing else: without it payments are taken and paid, and what is due
// waits. When it is back, everything that was acknowledged goes on.
func TestTemporalIsDown(t *testing.T) {
	h := breakable(t)
	taxi, hasty := h.taxi(), h.hasty()
	known := taxi.create(t, 5_000)
	taxi.awaitSaga(t, known)
	due := hasty.create(t, 6_000)
	require.Equal(t, "paid", hasty.pays(t, due, "pay").State)

	require.NoError(t, h.Down(stack.Temporal))
	t.Cleanup(func() { h.comesBack(t, stack.Temporal) })

	var tokens []string
	var took []time.Duration
	for range 20 {
		begin := time.Now()
		tokens = append(tokens, taxi.create(t, 7_000))
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	t.Log("create without Temporal: median", took[len(took)/2], "longest", took[len(took)-1])
	require.Less(t, took[len(took)/2], 20*time.Millisecond)
	require.Less(t, took[len(took)-1], time.Second)

	// Killed right after it acknowledged a payment that Temporal has not heard of.
	last := taxi.create(t, 8_000)
	require.NoError(t, h.Kill(stack.API))
	h.comesBack(t, stack.API)
	require.Equal(t, "pending", taxi.read(t, last).Outcome.State)
	tokens = append(tokens, last)

	// Payers pay as ever; only the bank's word has to wait.
	require.Equal(t, "checking", taxi.toBank(t, known, "zibal").press("pay").back().state())
	require.Equal(t, "checking", taxi.toBank(t, last, "zibal").press("pay").back().state())
	begin := time.Now()
	a := taxi.must(t, http.MethodPost, "/"+known+"/collect", nil)
	require.Equal(t, http.StatusServiceUnavailable, a.status, "%s", a.body)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.NotEmpty(t, a.code())
	require.Less(t, time.Since(begin), 10*time.Second)

	require.Equal(t, http.StatusOK, get(t, h.inst.APIURL+"/readyz").status, "the API serves on")
	require.Equal(t, http.StatusServiceUnavailable, h.statusOf(t, "http://"+h.inst.Addrs.Worker+"/readyz"))
	require.Regexp(t, `(?m)^paysaga_outbox_rows [1-9]`, string(get(t, h.inst.APIURL+"/metrics").body))
	await(t, soon, "the refund is due", func() (bool, string) { return time.Now().After(hasty.deadline(t, due)), "" })
	require.Equal(t, "paid", hasty.read(t, due).Outcome.State, "nobody could give it back")
	hasty.cannotCollect(t, due, "state_paid")

	h.comesBack(t, stack.Temporal)
	hasty.ends(t, due, ending{state: "refunded", reason: "not_collected",
		timeline: "created attempt_started callback paid refunding refunded", visits: []visit{returned}})
	for _, token := range tokens {
		taxi.awaitSaga(t, token)
	}
	for _, token := range []string{known, last} {
		taxi.collect(t, token) // the bank's word is here by now, or is asked for
		taxi.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	}
	require.NoError(t, h.audit())
}

func (h *house) statusOf(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r, err := send(req)
	require.NoError(t, err)
	return r.status
}

// kill -9 of the worker while it waits for the bank: to verify, to settle, and to give money back.
func TestWorkerIsKilledWhileItTalksToTheBank(t *testing.T) {
	h := breakable(t)
	m := h.taxi()
	toVerify, toSettle, toReturn := m.create(t, 11_000), m.create(t, 12_000), m.create(t, 13_000)
	for _, token := range []string{toSettle, toReturn} {
		require.Equal(t, "paid", m.pays(t, token, "pay").State)
	}
	slow := map[string]any{"slow": 1}
	h.rules(t, map[string]any{"verify": slow, "settle": slow, "cancel": slow, "reverse": slow, "delay": "2s"})
	m.collect(t, toSettle)
	require.Equal(t, http.StatusOK, m.must(t, http.MethodPost, "/"+toReturn+"/cancel", nil).status)
	require.Equal(t, "checking", m.toBank(t, toVerify, "zibal").press("pay").back().state())
	h.wasAsked(t, toVerify, "result", 1) // verify comes next
	require.NoError(t, h.Kill(stack.Worker))
	h.rules(t, map[string]any{})
	before := h.wholeBook(t)
	for _, token := range []string{toVerify, toSettle, toReturn} {
		a := h.attempts(t, token)[0]
		state := before[invoice{a.Gateway, a.ID}].Charges[0].State
		require.Contains(t, []string{"paid", "verified"}, state, "the worker died before its call took effect")
	}
	h.comesBack(t, stack.Worker)

	m.awaitState(t, toVerify, "paid")
	m.collect(t, toVerify)
	for _, token := range []string{toVerify, toSettle} {
		m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	}
	m.ends(t, toReturn, ending{state: "refunded", reason: "cancelled",
		timeline: "created attempt_started callback paid cancelled refunded", visits: []visit{returned}})
	require.NoError(t, h.audit())
}

// kill -9 of the API while it creates payments. Whatever was acknowledged exists, and whatever exists,
// acknowledged or not, has its saga.
func TestAPIIsKilledWhileItCreates(t *testing.T) {
	h := breakable(t)
	m := h.taxi()
	const mark = "killed while creating"
	var mu sync.Mutex
	acknowledged, unanswered := []string{}, 0
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for ctx.Err() == nil {
				a, err := m.call(context.WithoutCancel(ctx), http.MethodPost, "", m.form(1_000, "description", mark))
				mu.Lock()
				if err == nil && a.status == http.StatusOK {
					acknowledged = append(acknowledged, a.token())
				} else {
					unanswered++
				}
				mu.Unlock()
				pause(ctx, 25*time.Millisecond) // within the rate of one key
			}
		})
	}
	for round := range 3 {
		await(t, soon, "creates are under way", func() (bool, string) {
			mu.Lock()
			defer mu.Unlock()
			return len(acknowledged) >= 20*(round+1), fmt.Sprint(len(acknowledged), " acknowledged, ", unanswered, " not")
		})
		require.NoError(t, h.Kill(stack.API))
		h.comesBack(t, stack.API)
	}
	stop()
	clients.Wait()

	var exist []string
	require.NoError(t, h.db.NewRaw(`SELECT token FROM payments WHERE description = ?`, mark).Scan(t.Context(), &exist))
	t.Log(len(acknowledged), "acknowledged,", len(exist), "exist,", unanswered, "without an answer")
	require.NotZero(t, unanswered, "the kills hit nobody")
	require.Subset(t, exist, acknowledged)
	for _, token := range exist {
		m.awaitSaga(t, token)
	}
	require.NoError(t, h.audit())
}
