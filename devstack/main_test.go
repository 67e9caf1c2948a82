package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary is devstack itself when this is set: servers run as real processes that can be killed.
const runAsDevstack = "DEVSTACK_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsDevstack) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// process is a devstack child process.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr *syncBuffer
	done   chan struct{}
	code   int // valid when done is closed
}

// start runs devstack and decodes its ready line into ready.
func start(t *testing.T, ready any, args ...string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	return startCommand(t, cmd, ready)
}

func startCommand(t *testing.T, cmd *exec.Cmd, ready any) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, stderr: &syncBuffer{}, done: make(chan struct{})}
	cmd.Env = append(os.Environ(), runAsDevstack+"=1")
	cmd.Stderr = p.stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(p.stop)

	lines := make(chan []byte, 1)
	go func() {
		defer close(p.done)
		r := bufio.NewReader(stdout)
		line, _ := r.ReadBytes('\n')
		lines <- line
		rest, _ := io.ReadAll(r)
		if len(rest) > 0 {
			p.stderr.Write([]byte("MORE ON STDOUT: " + string(rest)))
		}
		_ = cmd.Wait()
		p.code = cmd.ProcessState.ExitCode()
	}()
	select {
	case line := <-lines:
		require.NoError(t, json.Unmarshal(line, ready), "ready line %q; stderr:\n%s", line, p.stderr)
	case <-time.After(time.Minute):
		require.FailNow(t, "not ready", "stderr:\n%s", p.stderr)
	}
	return p
}

// fails runs devstack, which must refuse to start, and returns what it says.
func fails(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), runAsDevstack+"=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	require.True(t, errors.As(err, &exit), "devstack %v should have failed: %v\n%s", args, err, stderr.String())
	require.Empty(t, stdout.String())
	return stderr.String()
}

// stop is the clean end, within a few seconds.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	p.wait()
}

// kill is the crash.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.wait()
}

func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.cmd.Process.Kill()
		p.t.Errorf("devstack did not stop; stderr:\n%s", p.stderr)
	}
}

// newHome is a folder every user may enter; t.TempDir is closed to the user PostgreSQL runs as under root.
func newHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "devstack-test-")
	require.NoError(t, err)
	t.Cleanup(func() {
		if log, err := os.ReadFile(filepath.Join(home, "log", "postgres.log")); t.Failed() && err == nil {
			t.Logf("postgres.log:\n%s", log)
		}
		require.NoError(t, os.RemoveAll(home))
	})
	require.NoError(t, os.Chmod(home, 0o755))
	return home
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
