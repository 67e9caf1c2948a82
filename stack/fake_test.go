package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary plays every child: started with FAKE_DIR set, it is the part that its first
// argument names. FAKE_DIR/events records what the parts do, in order.
func TestMain(m *testing.M) {
	if dir := os.Getenv("FAKE_DIR"); dir != "" {
		os.Exit(fake{dir: dir, name: os.Args[1]}.main())
	}
	os.Exit(m.Run())
}

type fake struct{ dir, name string }

// is reports whether the test asked for a behaviour of this part: FAKE_CRASH=worker.
func (f fake) is(behaviour string) bool { return os.Getenv("FAKE_"+behaviour) == f.name }

func (f fake) event(what string) {
	file, err := os.OpenFile(filepath.Join(f.dir, "events"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		fmt.Fprintln(file, what, f.name)
		file.Close()
	}
}

func (f fake) main() int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	f.event("start")
	switch {
	case f.name == "supervisor":
		return f.supervisor()
	case f.is("CRASH"):
		fmt.Fprintln(os.Stderr, "the reason why")
		return 3
	case f.name == Migrate:
		return 0
	}
	if err := f.serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for range stop {
		if !f.is("STUBBORN") {
			break
		}
	}
	f.event("stop")
	return 0
}

func (f fake) serve() error {
	var silent atomic.Bool
	silent.Store(f.is("SILENT"))
	addr := map[string]string{
		Postgres: f.flag("--addr"),
		Temporal: f.flag("--addr"),
		Sandbox:  os.Getenv("PAYSAGA_SANDBOX_ADDR"),
		Worker:   os.Getenv("PAYSAGA_WORKER_ADDR"),
		API:      os.Getenv("PAYSAGA_API_ADDR"),
	}[f.name]
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if silent.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	switch {
	case silent.Load():
	case f.name == Postgres:
		fmt.Println("a line that is no announcement")
		fmt.Println(`{"ready":"postgres","database_url":"postgres://u:secret@` + addr + `/paysaga","data_dir":"/elsewhere"}`)
	case f.name == Temporal:
		line, _ := json.Marshal(map[string]string{
			"ready": "temporal", "address": addr, "ui": f.flag("--ui-addr"), "namespace": f.flag("--namespace")})
		fmt.Println(string(line))
	}
	return nil
}

func (f fake) flag(name string) string {
	if i := slices.Index(os.Args, name); i > 0 && i+1 < len(os.Args) {
		return os.Args[i+1]
	}
	return ""
}

// supervisor runs a stack until somebody kills it.
func (f fake) supervisor() int {
	_, err := Start(context.Background(), Config{Home: filepath.Join(f.dir, "home"), Devstack: os.Args[0], Addrs: FreeAddrs()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f.event("healthy")
	select {}
}

// house is a stack of fakes under test.
type house struct {
	t   *testing.T
	dir string
	cfg Config
	out *lines
}

func newHouse(t *testing.T, env ...string) *house {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	h := &house{t: t, dir: t.TempDir(), out: &lines{}}
	h.cfg = Config{
		Home: filepath.Join(h.dir, "home"), Paysaga: self, Devstack: self, Addrs: FreeAddrs(), Out: h.out,
		Env: append(env, "FAKE_DIR="+h.dir, "GORACE=atexit_sleep_ms=0"), ReadyTimeout: 10 * time.Second, Grace: 5 * time.Second,
		Backoff: 10 * time.Millisecond,
	}
	return h
}

func (h *house) start() *Stack {
	h.t.Helper()
	s, err := Start(h.t.Context(), h.cfg)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

func (h *house) events() []string {
	data, err := os.ReadFile(filepath.Join(h.dir, "events"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func (h *house) eventually(condition func() bool, message string) {
	h.t.Helper()
	require.Eventually(h.t, condition, 10*time.Second, 10*time.Millisecond, message)
}
