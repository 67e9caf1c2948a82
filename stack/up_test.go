package stack

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUpStaysUntilItIsToldToStop(t *testing.T) {
	h := newHouse(t, "PAYSAGA_ENV=production")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Up(ctx, UpConfig{Config: h.cfg, Demo: true}) }()
	h.eventually(func() bool { return strings.Contains(h.out.String(), "Running.") }, "it gets up")

	inst, err := Find(h.cfg.Home)
	require.NoError(t, err)
	out := h.out.String()
	for _, want := range []string{inst.APIURL + "/docs", inst.UIURL, inst.SandboxURL, "No walk-through"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "secret", "passwords are not shown")

	cancel()
	require.NoError(t, <-ended)
	require.Contains(t, h.events(), "stop postgres")
	require.Contains(t, h.out.String(), "Stopped.")
}

func TestUpEndsOnSignals(t *testing.T) {
	h := newHouse(t, "PAYSAGA_ENV=production", "FAKE_STUBBORN="+Sandbox)
	h.cfg.Grace *= 100
	ended := make(chan error, 1)
	go func() { ended <- Up(t.Context(), UpConfig{Config: h.cfg}) }()
	h.eventually(func() bool { return strings.Contains(h.out.String(), "Running.") }, "it gets up")

	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	h.eventually(func() bool { return strings.Contains(h.out.String(), "Stopping") }, "the first signal stops")
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	require.NoError(t, <-ended, "the second one does not wait for the stubborn part")
	require.Contains(t, h.out.String(), "sandbox   killed")
	_, err := Find(h.cfg.Home)
	require.ErrorIs(t, err, ErrNotRunning)
}

func TestUpShowsThatTheWalkThroughFailed(t *testing.T) {
	h := newHouse(t, "PAYSAGA_ENV=dev") // the fakes answer 200 with nothing in it
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Up(ctx, UpConfig{Config: h.cfg, Demo: true}) }()
	h.eventually(func() bool { return strings.Contains(h.out.String(), "Running.") }, "it gets up all the same")
	require.Contains(t, h.out.String(), "The walk-through FAILED")
	cancel()
	require.NoError(t, <-ended)
}
