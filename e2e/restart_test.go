package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/stack"
)

// SIGTERM to the API while it is busy: what is in flight is answered, what was acknowledged exists.
func TestAPIDrains(t *testing.T) {
	h := breakable(t)
	m := h.taxi()
	slow := m.create(t, 21_000)
	m.pays(t, slow, "lose_callback")
	h.rules(t, map[string]any{"result": map[string]any{"slow": 1}, "delay": "2s"})
	inFlight := make(chan answer, 1)
	go func() {
		a, err := m.call(t.Context(), http.MethodPost, "/"+slow+"/collect", nil) // waits for the bank
		if err != nil {
			t.Errorf("the collect in flight got no answer: %v", err)
		}
		inFlight <- a
	}()
	await(t, soon, "the collect waits for the bank", func() (bool, string) {
		events := h.events(t, slow)
		return events >= 7, fmt.Sprint(events, " events")
	})

	creating := h.keepCreating(t, h.inst.APIURL)
	await(t, soon, "creates are under way", func() (bool, string) { return creating.count() > 30, "" })
	pid, begin := h.PID(stack.API), time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, h.Restart(ctx, stack.API))
	require.NoError(t, h.WaitReady(ctx, stack.API))
	require.NotEqual(t, pid, h.PID(stack.API))
	require.Less(t, time.Since(begin), 20*time.Second, "it goes when asked")

	a := <-inFlight
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	h.rules(t, map[string]any{})
	m.ends(t, slow, ending{state: "collected", timeline: "created attempt_started paid collected settled", visits: []visit{settled}})
	before := creating.count()
	await(t, soon, "creates go on", func() (bool, string) { return creating.count() > before, "" })
	creating.allExist(t, m)
	require.NoError(t, h.audit())
}

// events is the length of a saga's history.
func (h *house) events(t *testing.T, token string) int64 {
	t.Helper()
	d, err := h.temporal.DescribeWorkflowExecution(t.Context(), "payment/"+token, "")
	require.NoError(t, err)
	return d.WorkflowExecutionInfo.HistoryLength
}

// An API in production mode gives its load balancer time: it says that it is not ready, serves on for
// a while, and then goes.
func TestAPIInProductionTurnsReadinessOffFirst(t *testing.T) {
	h := breakable(t)
	addr, err := stack.FreeAddr("127.0.0.1")
	require.NoError(t, err)
	api := h.terminal(context.WithoutCancel(t.Context()), "api")
	api.Env = append(api.Env, h.inst.Vars()...)
	api.Env = append(api.Env, "PAYSAGA_ENV=production", "PAYSAGA_API_ADDR="+addr, "PAYSAGA_API_URL=http://"+addr,
		"PAYSAGA_VAULT_KEYS="+codecKeys, "PAYSAGA_JWT_SECRET=a secret of the end-to-end tests, long enough")
	var log lines
	api.Stdout, api.Stderr = &log, &log
	require.NoError(t, api.Start())
	gone := make(chan error, 1)
	go func() { gone <- api.Wait() }()
	t.Cleanup(func() { _ = api.Process.Kill() })

	ready := func() int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/readyz", nil)
		require.NoError(t, err)
		r, err := send(req)
		if err != nil {
			return 0
		}
		return r.status
	}
	await(t, soon, "it is ready", func() (bool, string) { return ready() == http.StatusOK, log.String() })
	creating := h.keepCreating(t, "http://"+addr)
	await(t, soon, "creates are under way", func() (bool, string) { return creating.count() > 20, log.String() })

	require.NoError(t, api.Process.Signal(syscall.SIGTERM))
	await(t, time.Second, "it is not ready any more", func() (bool, string) { return ready() == http.StatusServiceUnavailable, log.String() })
	before := creating.count()
	await(t, time.Second, "and still takes payments", func() (bool, string) { return creating.count() > before+5, log.String() })
	select {
	case err := <-gone:
		require.NoError(t, err, "%s", log.String())
	case <-time.After(soon):
		t.Fatal("it does not go")
	}
	creating.allExist(t, h.taxi())
	require.NoError(t, h.audit())
}

// clients create payments without a pause until they are stopped.
type clients struct {
	mu           sync.Mutex
	acknowledged []string
	stop         func()
}

func (c *clients) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.acknowledged)
}

// keepCreating starts four clients of the API at the address.
func (h *house) keepCreating(t *testing.T, apiURL string) *clients {
	t.Helper()
	elsewhere := &house{inst: h.inst}
	elsewhere.inst.APIURL = apiURL
	m := elsewhere.taxi()
	ctx, cancel := context.WithCancel(t.Context())
	c := &clients{}
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for pause(ctx, 20*time.Millisecond) {
				a, err := m.call(context.WithoutCancel(ctx), http.MethodPost, "", m.form(1_000))
				if err != nil {
					continue // no answer, no promise
				}
				if a.status != http.StatusOK {
					t.Errorf("create: answer %d: %s", a.status, a.body)
				}
				c.mu.Lock()
				c.acknowledged = append(c.acknowledged, a.token())
				c.mu.Unlock()
			}
		})
	}
	c.stop = func() { cancel(); running.Wait() }
	t.Cleanup(c.stop)
	return c
}

// allExist stops the clients and checks that each acknowledged payment exists and has its saga.
func (c *clients) allExist(t *testing.T, m merchant) {
	t.Helper()
	c.stop()
	t.Log(len(c.acknowledged), "creates acknowledged")
	for _, token := range c.acknowledged {
		require.Equal(t, "pending", m.read(t, token).Outcome.State)
		m.awaitSaga(t, token)
	}
}

// The whole system stops and starts again in the same home: what it knew, it knows, and a payment that
// waited for its deadline over the restart gets its money back after it.
func TestRestartOfEverythingKeepsTheData(t *testing.T) {
	h := breakable(t)
	taxi, patient := h.taxi(), h.with(t, "e2e-patient", 10*time.Second)
	collected, pending := taxi.create(t, 31_000), taxi.create(t, 32_000)
	taxi.pays(t, collected, "pay")
	taxi.collect(t, collected)
	taxi.ends(t, collected, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	waiting := patient.create(t, 33_000)
	require.Equal(t, "paid", patient.pays(t, waiting, "pay").State)
	before, charges := taxi.read(t, collected), h.charges(t)

	begin := time.Now()
	require.NoError(t, h.stop())
	require.NotContains(t, h.progress.String(), "killed, it did not stop", "every part stops when asked")
	stopped := time.Since(begin)
	_, code := h.command("payment", "stuck")
	require.Equal(t, 1, code, "nothing runs")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	require.NoError(t, h.start(ctx))
	web.CloseIdleConnections()
	t.Logf("stopped in %.1f s, back after %.1f s", stopped.Seconds(), time.Since(begin).Seconds())

	require.Equal(t, before, taxi.read(t, collected))
	h.sagaEnds(t, collected, "collected")
	require.Equal(t, charges, h.charges(t), "the bank keeps its book too")
	require.Equal(t, "paid", taxi.pays(t, pending, "pay").State)
	taxi.collect(t, pending)
	taxi.ends(t, pending, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	patient.ends(t, waiting, ending{state: "refunded", reason: "not_collected",
		timeline: "created attempt_started callback paid refunding refunded",
		visits:   []visit{{"refunded", "cancelled", "cancel"}}}) // calls before the restart are forgotten
	require.NoError(t, h.audit())
}

// Development secrets are public, so nothing starts with them in production.
func TestProductionRefusesPublicSecrets(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"api", "worker", "up"} {
		c := exec.CommandContext(t.Context(), paysagaBin, command)
		c.Env = append(os.Environ(), "PAYSAGA_ENV=production", "PAYSAGA_HOME="+t.TempDir())
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		require.True(t, errors.As(err, &exit), "%v", err)
		require.Contains(t, string(out), "PAYSAGA_CODEC_KEYS must be set")
	}
}
