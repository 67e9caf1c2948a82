package stack

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lines is a writer that several goroutines may use.
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

func TestPartsStartAndStopInOrder(t *testing.T) {
	h := newHouse(t)
	s := h.start()
	started := h.events()
	require.Equal(t, []string{"start postgres", "start temporal", "start migrate"}, started[:3])
	require.ElementsMatch(t, []string{"start sandbox", "start worker", "start api"}, started[3:],
		"the program's own processes start together")
	for _, part := range []string{Postgres, Temporal, Migrate, Sandbox, Worker, API} {
		require.Contains(t, h.out.String(), part)
	}
	require.Contains(t, h.out.String(), "keeps its data in /elsewhere", "when it is not at home")

	require.NoError(t, s.Stop(t.Context()))
	require.Equal(t, []string{"stop api", "stop worker", "stop sandbox", "stop temporal", "stop postgres"}, h.events()[6:])
	require.Zero(t, s.PID(API))
	require.NotContains(t, h.out.String(), "killed")
}

func TestIsBelow(t *testing.T) {
	home := t.TempDir()
	require.True(t, isBelow(home, filepath.Join(home, "postgres")))
	require.False(t, isBelow(home, filepath.Join(home, "..", "elsewhere")))
	require.False(t, isBelow(filepath.Join(home, "a"), filepath.Join(home, "ab")))
}

func TestChildrenLearnTheAddresses(t *testing.T) {
	h := newHouse(t, "EXTRA=1", "TEMPORAL_NAMESPACE=mine")
	s := h.start()
	inst := s.Instance()
	require.Equal(t, "postgres://u:secret@"+inst.Addrs.Postgres+"/paysaga", inst.DatabaseURL)
	require.Equal(t, inst.Addrs.Temporal, inst.TemporalAddress)
	require.Equal(t, "http://"+inst.Addrs.UI, inst.UIURL)

	command := exec.Command("env")
	command.Env = s.Env()
	out, err := command.Output()
	require.NoError(t, err)
	env := "\n" + string(out)
	for _, want := range []string{
		"DATABASE_URL=" + inst.DatabaseURL, "TEMPORAL_ADDRESS=" + inst.TemporalAddress,
		"PAYSAGA_API_ADDR=" + inst.Addrs.API, "PAYSAGA_API_URL=" + inst.APIURL, "PAYSAGA_HOME=" + h.cfg.Home,
		"EXTRA=1", "TEMPORAL_NAMESPACE=mine",
	} {
		require.Contains(t, env, "\n"+want+"\n")
	}
}

func TestReplacedPartsAreNotStarted(t *testing.T) {
	h := newHouse(t)
	h.cfg.Devstack = filepath.Join(h.dir, "not-built")
	h.cfg.DatabaseURL = "postgres://elsewhere/db"
	h.cfg.TemporalAddress = "elsewhere:7233"
	s := h.start()
	require.Equal(t, "start migrate", h.events()[0])
	require.Equal(t, "elsewhere:7233", s.Instance().TemporalAddress)
	require.ErrorIs(t, s.Kill(Postgres), ErrNoPart)
}

func TestMissingDevstackSaysHowToBuildIt(t *testing.T) {
	h := newHouse(t)
	h.cfg.Devstack = filepath.Join(h.dir, "not-built")
	_, err := Start(t.Context(), h.cfg)
	require.ErrorContains(t, err, "make devstack")
}

func TestAPartThatFailsIsShownAndTheOthersStop(t *testing.T) {
	for _, part := range []string{Postgres, Migrate, Worker} {
		t.Run(part, func(t *testing.T) {
			h := newHouse(t, "FAKE_CRASH="+part)
			_, err := Start(t.Context(), h.cfg)
			var child *ChildError
			require.ErrorAs(t, err, &child)
			require.Equal(t, part, child.Name)
			require.ErrorContains(t, err, "exit status 3")
			require.ErrorContains(t, err, "the reason why", "its last words are shown")

			_, err = Find(h.cfg.Home)
			require.ErrorIs(t, err, ErrNotRunning)
			require.Equal(t, part != Postgres, slices.Contains(h.events(), "stop postgres"), "what ran is stopped")
			require.Equal(t, part == Worker, slices.Contains(h.events(), "start sandbox"), "nothing starts after a failure")
		})
	}
}

func TestAPartThatNeverGetsHealthy(t *testing.T) {
	for _, part := range []string{Temporal, API} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, "FAKE_SILENT="+part)
			h.cfg.ReadyTimeout = 3 * time.Second
			_, err := Start(t.Context(), h.cfg)
			var child *ChildError
			require.ErrorAs(t, err, &child)
			require.Equal(t, part, child.Name)
			require.ErrorContains(t, err, "in time")
		})
	}
}

func TestAnInterruptedStartStopsEverything(t *testing.T) {
	h := newHouse(t, "FAKE_SILENT="+API)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for !strings.Contains(h.out.String(), "worker") {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := Start(ctx, h.cfg)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, h.events(), "stop postgres")
}

func TestAKilledPartComesBack(t *testing.T) {
	h := newHouse(t)
	h.cfg.Restart = true
	s := h.start()
	for _, part := range []string{Temporal, Worker} {
		before := s.PID(part)
		require.NoError(t, s.Kill(part))
		require.NoError(t, s.WaitReady(t.Context(), part))
		require.NotEqual(t, before, s.PID(part))
		h.eventually(func() bool {
			found, err := Find(h.cfg.Home)
			return err == nil && found.PIDs[part] == s.PID(part)
		}, "instance.json follows")
		said := regexp.MustCompile(part + ` +is back`)
		h.eventually(func() bool { return said.MatchString(h.out.String()) }, "and it is said")
	}
	require.Contains(t, h.out.String(), "died (signal: killed)")
}

func TestAKilledPartStaysDownWithoutRestart(t *testing.T) {
	h := newHouse(t)
	s := h.start()
	require.NoError(t, s.Kill(Worker))
	require.Zero(t, s.PID(Worker))
	var child *ChildError
	require.ErrorAs(t, s.WaitReady(t.Context(), Worker), &child)

	require.NoError(t, s.Restart(t.Context(), Worker))
	require.NoError(t, s.WaitReady(t.Context(), Worker))
	require.NotZero(t, s.PID(Worker))
}

func TestAPartTakenDownStaysDown(t *testing.T) {
	h := newHouse(t)
	h.cfg.Restart = true
	s := h.start()
	require.NoError(t, s.Down(Temporal))
	require.Zero(t, s.PID(Temporal))
	require.NoError(t, s.Kill(Worker))
	require.NoError(t, s.WaitReady(t.Context(), Worker), "the others are looked after")
	require.Zero(t, s.PID(Temporal))
	require.NotContains(t, h.out.String(), "temporal  died")

	require.NoError(t, s.Restart(t.Context(), Temporal))
	require.NoError(t, s.WaitReady(t.Context(), Temporal))
	require.NoError(t, s.Kill(Temporal))
	require.NoError(t, s.WaitReady(t.Context(), Temporal), "and is restarted again from then on")
}

func TestRestartAsksThePartToEndFirst(t *testing.T) {
	h := newHouse(t)
	h.cfg.Restart = true
	s := h.start()
	before := s.PID(API)
	require.NoError(t, s.Restart(t.Context(), API))
	require.NoError(t, s.WaitReady(t.Context(), API))
	require.NotEqual(t, before, s.PID(API))
	require.Equal(t, []string{"stop api", "start api"}, h.events()[6:])
	require.NotContains(t, h.out.String(), "died", "a wanted end is no crash")
}

func TestAStubbornPartIsKilled(t *testing.T) {
	h := newHouse(t, "FAKE_STUBBORN="+Sandbox)
	h.cfg.Grace = 300 * time.Millisecond
	s := h.start()
	pid := s.PID(Sandbox)
	require.NotZero(t, pid)
	require.NoError(t, s.Stop(t.Context()))
	require.Contains(t, h.out.String(), "killed")
	require.NoError(t, isFree(s.Instance().Addrs.Sandbox))
}

func TestStopInAHurry(t *testing.T) {
	h := newHouse(t, "FAKE_STUBBORN="+API)
	h.cfg.Grace = time.Hour
	s := h.start()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, s.Stop(ctx), "a stubborn part would take an hour")
	require.NoError(t, isFree(s.Instance().Addrs.API))
}

func TestOneSupervisorPerDirectory(t *testing.T) {
	h := newHouse(t)
	s := h.start()
	second := h.cfg
	second.Addrs = FreeAddrs()
	_, err := Start(t.Context(), second)
	var running *AlreadyRunning
	require.ErrorAs(t, err, &running)
	require.Equal(t, os.Getpid(), running.PID)
	require.Equal(t, s.Instance().APIURL, running.API)

	require.NoError(t, s.Stop(t.Context()))
	again, err := Start(t.Context(), second)
	require.NoError(t, err, "a stopped instance gives the directory back")
	require.NoError(t, again.Stop(t.Context()))
}

func TestATakenPortIsSaidInPlainWords(t *testing.T) {
	h := newHouse(t)
	s := h.start()
	other := newHouse(t)
	other.cfg.Addrs.API = s.Instance().Addrs.API
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	_, err := Start(ctx, other.cfg)
	require.ErrorContains(t, err, "set PAYSAGA_API_ADDR")
}

func TestFind(t *testing.T) {
	h := newHouse(t, "PAYSAGA_ENV=dev")
	_, err := Find(h.cfg.Home)
	require.ErrorIs(t, err, ErrNotRunning)

	s := h.start()
	found, err := Find(h.cfg.Home)
	require.NoError(t, err)
	require.Equal(t, s.Instance(), *found)
	require.Equal(t, "dev", found.Environment)
	require.Equal(t, s.PID(API), found.PIDs[API])
	info, err := os.Stat(instancePath(h.cfg.Home))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "it holds a password")

	require.NoError(t, s.Stop(t.Context()))
	require.NoFileExists(t, instancePath(h.cfg.Home))
	_, err = Find(h.cfg.Home)
	require.ErrorIs(t, err, ErrNotRunning)

	require.NoError(t, found.write())
	_, err = Find(h.cfg.Home)
	require.ErrorIs(t, err, ErrNotRunning, "what a killed supervisor left is not a running instance")
}

func TestAKilledSupervisorLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	supervisor := exec.Command(self, "supervisor")
	supervisor.Env = append(os.Environ(), "FAKE_DIR="+dir)
	require.NoError(t, supervisor.Start())
	h := &house{t: t, dir: dir}
	defer supervisor.Process.Kill()
	h.eventually(func() bool {
		_, err := Find(filepath.Join(dir, "home"))
		return err == nil
	}, "the supervisor's system gets healthy")
	inst, err := Find(filepath.Join(dir, "home"))
	require.NoError(t, err)
	for _, addr := range h.listeners(inst) {
		require.Error(t, isFree(addr))
	}

	require.NoError(t, supervisor.Process.Kill())
	var exit *exec.ExitError
	require.True(t, errors.As(supervisor.Wait(), &exit))
	for _, addr := range h.listeners(inst) {
		h.eventually(func() bool { return isFree(addr) == nil }, addr+" is still served")
	}
	_, err = Find(filepath.Join(dir, "home"))
	require.ErrorIs(t, err, ErrNotRunning)
}

func (h *house) listeners(inst *Instance) []string {
	at := inst.Addrs
	return []string{at.Postgres, at.Temporal, at.Sandbox, at.Worker, at.API}
}
