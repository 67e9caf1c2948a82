package stack

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"syscall"
	"time"
)

// The parts, in the order in which they start; they stop in the opposite one.
const (
	Postgres = "postgres"
	Temporal = "temporal"
	Migrate  = "migrate" // runs once and ends
	Sandbox  = "sandbox"
	Worker   = "worker"
	API      = "api"
)

// part describes one child of the supervisor.
type part struct {
	name   string
	path   string
	args   func(*Instance) []string
	where  string    // shown to people
	base   bool      // starts before the migrations, which need it
	ports  []addrVar // must be free before it starts
	health string    // URL that answers 200 when it is ready; empty: it announces itself
	orphan syscall.Signal
	yields bool // runs at lower priority
}

// servers are the parts that keep running, less those that the configuration replaces.
func servers(c Config) []part {
	at := c.Addrs
	var list []part
	if c.DatabaseURL == "" {
		list = append(list, part{
			name: Postgres, path: c.Devstack, where: at.Postgres, base: true,
			// It looks after its port itself: a server left behind by a crash is stopped first.
			args: func(*Instance) []string {
				args := []string{"postgres", "--home", c.Home, "--addr", at.Postgres}
				if c.Fast {
					args = append(args, "--fast")
				}
				return args
			},
			orphan: syscall.SIGTERM, // it has a database to close
		})
	}
	if c.TemporalAddress == "" {
		list = append(list, part{
			name: Temporal, path: c.Devstack, where: at.Temporal, base: true,
			ports: []addrVar{{&at.Temporal, "PAYSAGA_TEMPORAL_ADDR"}, {&at.UI, "PAYSAGA_UI_ADDR"}},
			args: func(i *Instance) []string {
				return []string{"temporal", "--home", c.Home, "--addr", at.Temporal, "--ui-addr", at.UI,
					"--database-url", i.DatabaseURL, "--namespace", c.Namespace,
					"--codec-endpoint", urlOf(at.Codec)}
			},
			orphan: syscall.SIGKILL,
			yields: true,
		})
	}
	own := func(name, addr, variable, health string, more ...addrVar) part {
		return part{
			name: name, path: c.Paysaga, where: addr, health: urlOf(addr) + health,
			ports:  append([]addrVar{{&addr, variable}}, more...),
			args:   func(*Instance) []string { return []string{name} },
			orphan: syscall.SIGKILL,
			yields: name != API,
		}
	}
	return append(list,
		own(Sandbox, at.Sandbox, "PAYSAGA_SANDBOX_ADDR", "/healthz"),
		own(Worker, at.Worker, "PAYSAGA_WORKER_ADDR", "/readyz", addrVar{&at.Codec, "PAYSAGA_CODEC_ADDR"}),
		own(API, at.API, "PAYSAGA_API_ADDR", "/readyz"),
	)
}

func (c Config) logFile(name string) string { return filepath.Join(c.Home, "log", name+".log") }

// waitHealthy polls the part's health page until it answers 200, the process ends or ctx does.
func waitHealthy(ctx context.Context, p *process, url string) error {
	client := http.Client{Timeout: 2 * time.Second}
	last := fmt.Errorf("no answer yet")
	for {
		last = probe(ctx, &client, url, last)
		if last == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.died()
		case <-ctx.Done():
			return p.failure(fmt.Errorf("not healthy in time: %s: %w", url, last))
		case <-time.After(30 * time.Millisecond):
		}
	}
}

// probe asks once. When ctx is over, the answer before says more than "deadline exceeded".
func probe(ctx context.Context, client *http.Client, url string, before error) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if ctx.Err() != nil {
		return before
	}
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", resp.Status)
	}
	return nil
}
