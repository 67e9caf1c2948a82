package stack

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

const sigKill = syscall.SIGKILL

// ErrNoPart means that this stack runs no part of the asked name: it does not exist, or the
// configuration replaced it.
var ErrNoPart = errors.New("no such part")

func (s *Stack) child(name string) (*child, error) {
	for _, c := range s.children {
		if c.part.name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrNoPart, name)
}

// PID is the process id of a part, 0 when it is not running.
func (s *Stack) PID(name string) int {
	c, err := s.child(name)
	if err != nil {
		return 0
	}
	if p := c.current(); p != nil && p.alive() {
		return p.pid
	}
	return 0
}

// Kill ends a part with SIGKILL, as a crash would, and returns when it is gone. With
// [Config.Restart] the supervisor brings it back.
func (s *Stack) Kill(name string) error {
	c, err := s.child(name)
	if err != nil {
		return err
	}
	if p := c.current(); p != nil {
		p.kill()
	}
	return nil
}

// Down ends a part with SIGKILL and leaves it down until [Stack.Restart].
func (s *Stack) Down(name string) error {
	c, err := s.child(name)
	if err != nil {
		return err
	}
	c.setKeep(false)
	return s.Kill(name)
}

// Restart stops a part that runs and starts it again. It returns before the part is ready; see
// [Stack.WaitReady].
func (s *Stack) Restart(ctx context.Context, name string) error {
	c, err := s.child(name)
	if err != nil {
		return err
	}
	c.stop(ctx, s.cfg.Grace)
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.life.Err() != nil {
		return errors.New("the system is stopping")
	}
	if err := c.spawn(ctx); err != nil {
		return err
	}
	c.keep = s.cfg.Restart
	return nil
}

// WaitReady waits until a part is healthy, through restarts if there are any.
func (s *Stack) WaitReady(ctx context.Context, name string) error {
	c, err := s.child(name)
	if err != nil {
		return err
	}
	for {
		p := c.current()
		_, err := c.ready(ctx, p)
		if err == nil || ctx.Err() != nil || p.alive() || !s.cfg.Restart {
			return err
		}
		if !pause(ctx, 20*time.Millisecond) {
			return err
		}
	}
}

// Stop ends the parts in the opposite order of their start and gives the home directory back.
// When ctx ends, what is left is killed at once. Only the first call does anything.
func (s *Stack) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() { s.stopErr = s.stop(ctx) })
	return s.stopErr
}

func (s *Stack) stop(ctx context.Context) error {
	s.end()
	for _, c := range s.children {
		c.setKeep(false) // a part that goes down with a later one needs no restart
	}
	s.mu.Lock()
	s.published = false
	s.mu.Unlock()
	err := removeInstance(s.cfg.Home)

	for i := len(s.children) - 1; i >= 0; i-- {
		c := s.children[i]
		if c.current() == nil {
			continue
		}
		begin := time.Now()
		if c.stop(ctx, s.cfg.Grace) {
			s.progress.part(c.part.name, "stopped (%s)", seconds(time.Since(begin)))
		} else {
			s.progress.part(c.part.name, "killed, it did not stop within %s", seconds(time.Since(begin)))
		}
	}
	s.watchers.Wait()
	s.launcher.close()
	return errors.Join(err, s.lock.Close())
}
