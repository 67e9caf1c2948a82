// Package stack runs the whole system as child processes: a private PostgreSQL, a Temporal server
// with its Web UI, the sandbox, the worker and the API. `paysaga up`, the end-to-end tests, the
// benchmark and the recording of histories stand on it.
package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// portPatience is how long a part waits for its port: a killed predecessor may still be leaving.
const portPatience = 5 * time.Second

// Stack is a running system. Its methods may be called from several goroutines.
type Stack struct {
	cfg      Config
	lock     *os.File
	launcher *launcher
	progress *progress
	children []*child // in the order of their start
	watchers sync.WaitGroup
	life     context.Context // ends with Stop
	end      context.CancelFunc
	stopOnce sync.Once
	stopErr  error

	mu        sync.Mutex
	instance  Instance
	published bool // instance.json exists
}

// Start runs every part and returns when all are healthy. When one fails, or ctx ends first, the
// others are stopped again. It is an error of type [*AlreadyRunning] when home is in use.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	return start(ctx, context.WithoutCancel(ctx), cfg)
}

// start is [Start]; when hurry ends, parts that stop after a failure are killed at once.
func start(ctx, hurry context.Context, cfg Config) (*Stack, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := cfg.checkDevstack(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Home, 0o755); err != nil {
		return nil, fmt.Errorf("home directory: %w", err)
	}
	lock, err := takeLock(cfg.Home, urlOf(cfg.Addrs.API))
	if err != nil {
		return nil, err
	}
	s := newStack(cfg, lock)
	if err := s.startAll(ctx); err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			err = fmt.Errorf("the start was interrupted: %w", ctx.Err())
		}
		return nil, errors.Join(err, s.Stop(hurry))
	}
	return s, nil
}

func newStack(cfg Config, lock *os.File) *Stack {
	s := &Stack{cfg: cfg, lock: lock, launcher: newLauncher(), progress: &progress{out: cfg.Out}}
	s.life, s.end = context.WithCancel(context.Background())
	s.instance = Instance{
		PID:             os.Getpid(),
		PIDs:            map[string]int{},
		Started:         time.Now().UTC(),
		Home:            cfg.Home,
		Environment:     cfg.setting("PAYSAGA_ENV", ""),
		Addrs:           cfg.Addrs,
		APIURL:          urlOf(cfg.Addrs.API),
		PublicURL:       cfg.setting("PAYSAGA_API_URL", urlOf(cfg.Addrs.API)),
		SandboxURL:      cfg.setting("PAYSAGA_SANDBOX_URL", urlOf(cfg.Addrs.Sandbox)),
		UIURL:           cfg.UIURL,
		DatabaseURL:     cfg.DatabaseURL,
		TemporalAddress: cfg.TemporalAddress,
		Namespace:       cfg.Namespace,
	}
	for _, p := range servers(cfg) {
		s.children = append(s.children, &child{part: p, stack: s})
	}
	return s
}

// startAll starts what the program needs one by one, then migrates, then the program's own
// processes together.
func (s *Stack) startAll(ctx context.Context) error {
	if err := removeInstance(s.cfg.Home); err != nil { // of a supervisor that was killed
		return fmt.Errorf("instance.json: %w", err)
	}
	var own []*child
	for _, c := range s.children {
		if c.part.base {
			if err := s.bringUp(ctx, c); err != nil {
				return err
			}
		} else {
			own = append(own, c)
		}
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	for _, c := range own {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	for _, c := range own {
		if err := s.awaitFirst(ctx, c); err != nil {
			return err
		}
	}
	for _, c := range s.children {
		if p := c.current(); !p.alive() {
			return p.died()
		}
		c.setKeep(s.cfg.Restart)
	}
	return s.publish()
}

func (s *Stack) bringUp(ctx context.Context, c *child) error {
	if err := c.start(ctx); err != nil {
		return err
	}
	return s.awaitFirst(ctx, c)
}

// awaitFirst waits for a part's first health and remembers what it announced.
func (s *Stack) awaitFirst(ctx context.Context, c *child) error {
	p := c.current()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadyTimeout)
	defer cancel()
	stop := s.progress.patience(c.part.name, p.logFile)
	a, err := c.ready(ctx, p)
	stop()
	if err != nil {
		return err
	}
	s.learn(a)
	s.progress.part(c.part.name, "%-22s ready (%s)", c.part.where, seconds(time.Since(p.began)))
	if a.DataDir != "" && !isBelow(s.cfg.Home, a.DataDir) {
		s.progress.part("", "keeps its data in %s", a.DataDir)
	}
	return nil
}

// isBelow reports whether path lies in folder.
func isBelow(folder, path string) bool {
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	rel, err := filepath.Rel(folder, path)
	return err == nil && filepath.IsLocal(rel)
}

// learn takes over what a devstack part said about itself.
func (s *Stack) learn(a announcement) {
	if a.UI != "" && !strings.Contains(a.UI, "://") {
		a.UI = urlOf(a.UI)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range []struct {
		to   *string
		said string
	}{
		{&s.instance.DatabaseURL, a.DatabaseURL},
		{&s.instance.TemporalAddress, a.Address},
		{&s.instance.UIURL, a.UI},
		{&s.instance.Namespace, a.Namespace},
	} {
		if v.said != "" {
			*v.to = v.said
		}
	}
}

// migrate brings the database up to date; it runs once and must succeed.
func (s *Stack) migrate(ctx context.Context) error {
	p, err := s.launcher.run(run{
		name: Migrate, path: s.cfg.Paysaga, args: []string{Migrate}, env: s.Env(),
		logFile: s.cfg.logFile(Migrate), orphan: sigKill,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ReadyTimeout)
	defer cancel()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.kill()
		return p.failure(fmt.Errorf("not done in time: %w", ctx.Err()))
	}
	if p.err != nil {
		return p.failure(fmt.Errorf("failed: %w", p.err))
	}
	s.progress.part(Migrate, "%-22s done  (%s)", "", seconds(time.Since(p.began)))
	return nil
}

// Instance describes the running system.
func (s *Stack) Instance() Instance { return *s.snapshot() }

func (s *Stack) snapshot() *Instance {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := s.instance
	copied.PIDs = maps.Clone(s.instance.PIDs)
	return &copied
}

// Env is the environment with which a paysaga command talks to this system.
func (s *Stack) Env() []string {
	return slices.Concat(os.Environ(), s.snapshot().Vars(), s.cfg.Env)
}

func (s *Stack) setPID(name string, pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instance.PIDs[name] = pid
	if s.published {
		if err := s.instance.write(); err != nil {
			s.progress.say("  %v", err)
		}
	}
}

func (s *Stack) publish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.published = true
	return s.instance.write()
}
