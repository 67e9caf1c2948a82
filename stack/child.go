package stack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	maxBackoff = 5 * time.Second
	calm       = 10 * time.Second // a run this long clears the back-off
)

// child is a part and its current process.
type child struct {
	part  part
	stack *Stack

	mu      sync.Mutex // held while a process is replaced
	proc    *process   // nil before the first start
	keep    bool       // restart it when it dies
	backoff time.Duration
}

func (c *child) current() *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proc
}

// start runs the part once its ports are free, without waiting for its health.
func (c *child) start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spawn(ctx)
}

// spawn is start with mu held.
func (c *child) spawn(ctx context.Context) error {
	for _, port := range c.part.ports {
		if err := waitFree(ctx, port, portPatience); err != nil {
			return fmt.Errorf("%s: %w", c.part.name, err)
		}
	}
	s := c.stack
	inst := s.snapshot()
	p, err := s.launcher.run(run{
		name: c.part.name, path: c.part.path, args: c.part.args(inst), env: s.Env(),
		logFile: s.cfg.logFile(c.part.name), announce: c.part.health == "", yields: c.part.yields, orphan: c.part.orphan,
	})
	if err != nil {
		return err
	}
	c.proc = p
	s.setPID(c.part.name, p.pid)
	s.watchers.Go(func() { c.watch(p) })
	return nil
}

// ready waits until the process is healthy.
func (c *child) ready(ctx context.Context, p *process) (announcement, error) {
	if c.part.health != "" {
		return announcement{}, waitHealthy(ctx, p, c.part.health)
	}
	if !p.alive() { // whatever it announced before
		return announcement{}, p.died()
	}
	select {
	case a := <-p.announced:
		p.announced <- a // for the next who asks
		return a, nil
	case <-p.done:
		return announcement{}, p.died()
	case <-ctx.Done():
		return announcement{}, p.failure(errors.New("not ready in time"))
	}
}

// watch waits for the end of p and, when nobody wanted it, starts the part again.
func (c *child) watch(p *process) {
	<-p.done
	s := c.stack
	delay, wanted := c.nextTry(p)
	if !wanted {
		return
	}
	s.progress.part(c.part.name, "died (%v), starting it again; its log is %s", p.err, p.logFile)
	for wanted && pause(s.life, delay) {
		next, err := c.replace(p)
		if err == nil {
			c.sayBack(next)
			return
		}
		if s.life.Err() != nil {
			return
		}
		s.progress.part(c.part.name, "%v", err)
		delay, wanted = c.nextTry(p)
	}
}

// nextTry says how long to wait before p is replaced, and whether it should be at all.
func (c *child) nextTry(p *process) (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.keep || c.proc != p {
		return 0, false
	}
	if c.backoff == 0 || time.Since(p.began) > calm {
		c.backoff = c.stack.cfg.Backoff
	} else {
		c.backoff = min(2*c.backoff, maxBackoff)
	}
	return c.backoff, true
}

// replace starts the successor of p, unless somebody else did or the part shall stay down. It
// returns the current process.
func (c *child) replace(p *process) (*process, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.keep || c.proc != p {
		return c.proc, nil
	}
	if err := c.spawn(c.stack.life); err != nil {
		return nil, err
	}
	return c.proc, nil
}

func (c *child) sayBack(p *process) {
	if !p.alive() {
		return
	}
	s := c.stack
	ctx, cancel := context.WithTimeout(s.life, s.cfg.ReadyTimeout)
	defer cancel()
	if _, err := c.ready(ctx, p); err == nil {
		s.progress.part(c.part.name, "is back (%s)", seconds(time.Since(p.began)))
	}
}

// setKeep says whether the part is restarted when it dies.
func (c *child) setKeep(keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = keep
}

// stop ends the part for good and reports whether it went by itself.
func (c *child) stop(ctx context.Context, grace time.Duration) bool {
	c.setKeep(false)
	p := c.current()
	if p == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	return p.terminate(ctx.Done())
}
