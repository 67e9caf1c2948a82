package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.temporal.io/sdk/client"

	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/stack"
	"github.com/paysaga/paysaga/store"
)

const (
	// sessionLife is how long a payer may stay at the bank: an abandoned attempt ends after it.
	sessionLife = 10 * time.Second
	// codecKeys differ from the development ones, so that a process in production mode may join.
	codecKeys = "e2e:ZW5kLXRvLWVuZC10ZXN0cy1jb2RlYy1rZXktMDAwMDE="
	// topUpWait is how long a top-up's caller waits before it is told to follow up.
	topUpWait = 2 * time.Second
	// webhookSchedule is as long as the real one and quick: a receiver that fails sometimes is reached in the end.
	webhookSchedule = "100ms,200ms,400ms,800ms,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s"
	// soon is the patience with what needs no waiting: ample, for two busy cores.
	soon = 30 * time.Second
)

// house is one running system and the ways to look at it from outside.
type house struct {
	name, home string
	env        []string // more settings; the last one of a name holds
	*stack.Stack
	inst     stack.Instance
	db       *bun.DB // as the database's owner: for looking only
	store    *store.Store
	temporal client.Client
	progress lines
}

// start runs the system in its home: a second start finds the data of the first.
func (h *house) start(ctx context.Context) error {
	addrs := h.inst.Addrs
	if addrs == (stack.Addrs{}) {
		addrs = stack.FreeAddrs()
	}
	var err error
	h.Stack, err = stack.Start(ctx, stack.Config{
		Home: h.home, Paysaga: paysagaBin, Devstack: devstackBin, Addrs: addrs,
		Env: append([]string{
			"PAYSAGA_ENV=dev", "PAYSAGA_SANDBOX_SESSION_LIFE=" + sessionLife.String(), "PAYSAGA_CODEC_KEYS=" + codecKeys,
			"PAYSAGA_TOPUP_WAIT=" + topUpWait.String(),
			"PAYSAGA_WEBHOOK_SCHEDULE=" + webhookSchedule,
			"PAYSAGA_BANK_WIRES=false", // the generic bank tells at once what became of a visit
		}, h.env...),
		Fast: true, Restart: true, Out: &h.progress,
	})
	if err != nil {
		return err
	}
	h.inst = h.Instance()
	if h.db, err = store.Open(ctx, h.inst.DatabaseURL, store.Options{Pool: 5}); err != nil {
		return err
	}
	h.store = store.New(h.db, nil)
	codec, err := sagaclient.NewCodec(codecKeys)
	if err != nil {
		return err
	}
	h.temporal, err = sagaclient.New(sagaclient.Options{
		Address: h.inst.TemporalAddress, Namespace: h.inst.Namespace, Codec: codec, Logger: slog.New(slog.DiscardHandler),
	})
	return err
}

// stop ends every part as Ctrl-C would.
func (h *house) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h.temporal.Close()
	return errors.Join(h.db.Close(), h.Stop(ctx))
}

// finish audits the system, when its tests passed, and stops it. The home of a failed one stays.
func (h *house) finish(passed bool) error {
	var wrong error
	if passed {
		wrong = errors.Join(h.audit(), h.complaints())
	}
	if err := errors.Join(wrong, h.stop()); err != nil || !passed {
		h.showLogs()
		return err
	}
	return os.RemoveAll(h.home)
}

// audit waits until nothing is left to do and then lets `paysaga audit` look, without any grace.
func (h *house) audit() error {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for {
		var left []string
		err := h.db.NewRaw(`
			SELECT 'outbox ' || ref || ' ' || message FROM outbox
			UNION ALL SELECT 'payment ' || token || ' ' || state FROM payments
			WHERE needs_attention IS NULL AND collect_by < now() AND state IN ('pending', 'paid', 'refunding')
			UNION ALL SELECT 'purchase ' || u.id || ' ' || u.state FROM temporary_payment u JOIN payments p ON p.id = u.payment_id
			WHERE u.state NOT IN ('completed', 'ended') AND p.state IN ('refunded', 'expired', 'failed')
			UNION ALL SELECT 'transfer ' || id || ' ' || state FROM transfers WHERE state = 'pending' AND expires_at < now()
			UNION ALL SELECT 'top-up ' || id || ' ' || state FROM topups WHERE ended_at IS NULL AND needs_attention IS NULL
			UNION ALL SELECT 'payout ' || uuid || ' ' || state FROM payouts WHERE ended_at IS NULL AND needs_attention IS NULL
			UNION ALL SELECT 'wallet ' || uuid || ' ' || state FROM wallets WHERE state = 'opening' AND needs_attention IS NULL
			UNION ALL SELECT 'payout ' || uuid || ' ' || state FROM payouts WHERE ended_at IS NULL AND needs_attention IS NULL
			UNION ALL SELECT 'wallet ' || uuid || ' ' || state FROM wallets WHERE state = 'opening' AND needs_attention IS NULL
			UNION ALL SELECT 'message ' || id || ' ' || event FROM webhook_messages WHERE state = 'pending'
			UNION ALL SELECT 'attempt ' || a.id || ' ' || a.state FROM attempts a JOIN payments p ON p.id = a.payment_id
			WHERE p.needs_attention IS NULL AND p.state <> 'paid' AND (a.state IN ('paid', 'refunding')
			   OR (a.state = 'open' AND (p.collect_by < now() OR p.state <> 'pending')))`).Scan(ctx, &left)
		if err == nil && len(left) == 0 {
			break
		}
		if !pause(ctx, 100*time.Millisecond) {
			return fmt.Errorf("does not get quiet: %v %w", left, err)
		}
	}
	out, code := h.command("audit", "--grace", "0s")
	if code != 0 {
		return fmt.Errorf("audit: exit code %d\n%s", code, out)
	}
	fmt.Fprintf(os.Stderr, "e2e: %s: %s", h.name, out)
	return nil
}

// complaints are the errors in the logs of a system that nobody broke: there must be none.
func (h *house) complaints() error {
	if h != shared {
		return nil
	}
	for _, part := range []string{stack.API, stack.Worker, stack.Sandbox} {
		data, err := os.ReadFile(filepath.Join(h.home, "log", part+".log"))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, `"level":"ERROR"`) || strings.HasPrefix(line, "panic:") {
				return fmt.Errorf("%s logged an error: %s", part, line)
			}
		}
	}
	return nil
}

func (h *house) showLogs() {
	fmt.Fprintf(os.Stderr, "e2e: %s: the logs are in %s/log\n", h.name, h.home)
	if os.Getenv("CI") == "" {
		return
	}
	for _, part := range []string{stack.API, stack.Worker, stack.Sandbox} {
		data, _ := os.ReadFile(filepath.Join(h.home, "log", part+".log"))
		fmt.Fprintf(os.Stderr, "--- %s\n%s\n", part, data[max(0, len(data)-20_000):])
	}
}

// terminal is a paysaga command beside the system, as a person types it: it finds the system by its
// home.
func (h *house) terminal(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, paysagaBin, args...)
	c.Env = append(os.Environ(), "PAYSAGA_HOME="+h.home, "PAYSAGA_CODEC_KEYS="+codecKeys)
	return c
}

// command runs one and waits for its end.
func (h *house) command(args ...string) (output string, code int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return runCommand(h.terminal(ctx, args...))
}

func runCommand(c *exec.Cmd) (output string, code int) {
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(out), exit.ExitCode()
	case err != nil:
		return err.Error(), -1
	}
	return string(out), 0
}

// mustRun runs a command that must succeed.
func (h *house) mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, code := h.command(args...)
	require.Zero(t, code, "paysaga %s\n%s", strings.Join(args, " "), out)
	return out
}

// web keeps enough idle connections for many clients at once, follows no redirect, and gives up
// after the longest answer that the API may take.
var web = &http.Client{
	Timeout:       30 * time.Second,
	Transport:     &http.Transport{MaxIdleConnsPerHost: 64},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// reply is an answer read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func send(req *http.Request) (reply, error) {
	resp, err := web.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, body}, err
}

// get reads a page or a piece of JSON that must be there.
func get(t *testing.T, url string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r, err := send(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "GET %s: %s", url, r.body)
	return r
}

// sendJSON sends a value and reads the answer, whatever its status.
func sendJSON(ctx context.Context, method, url string, in any) (reply, error) {
	data, err := json.Marshal(in)
	if err != nil {
		return reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(data))
	if err != nil {
		return reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	return send(req)
}

// await waits for a condition; the condition says what it saw last.
func await(t *testing.T, within time.Duration, what string, condition func() (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		ok, last := condition()
		if ok {
			return
		}
		if !pause(ctx, 25*time.Millisecond) {
			t.Fatalf("%s: not within %s; last: %s", what, within, last)
		}
	}
}

// pause lets d pass and says whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lines collects what several goroutines write.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
