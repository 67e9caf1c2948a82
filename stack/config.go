package stack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config says what to run and where. The zero value runs everything at the default addresses in
// ".paysaga".
type Config struct {
	Home     string // default ".paysaga"; holds data, logs, the lock and instance.json
	Paysaga  string // the paysaga binary; default the running one
	Devstack string // the devstack binary; default "devstack" beside Paysaga

	Addrs           Addrs
	Namespace       string // of Temporal; default "paysaga"
	DatabaseURL     string // set: this PostgreSQL is used and none is started
	TemporalAddress string // set: this Temporal is used and none is started
	UIURL           string // the Web UI of TemporalAddress, if it has one

	Env     []string  // KEY=VALUE for every child; wins over everything else
	Fast    bool      // PostgreSQL without fsync: for tests whose data nobody needs
	Restart bool      // restart children that die
	Out     io.Writer // short progress lines for people; default nowhere

	ReadyTimeout time.Duration // for each part to get healthy; default 2 min
	Grace        time.Duration // between SIGTERM and SIGKILL for each part; default 30 s
	Backoff      time.Duration // before the first restart, doubled up to 5 s; default 200 ms
}

// Addrs are the listening addresses as host:port. Empty means the default port of
// [DefaultAddrs]; port 0 means a free one, chosen once, so that it survives restarts of the part.
type Addrs struct {
	API      string `json:"api"`
	Worker   string `json:"worker"`
	Codec    string `json:"codec"`
	Sandbox  string `json:"sandbox"`
	Temporal string `json:"temporal"`
	UI       string `json:"ui"`
	Postgres string `json:"postgres"`
}

// DefaultAddrs are the documented ports on loopback.
func DefaultAddrs() Addrs {
	return Addrs{
		API:      "127.0.0.1:8080",
		Worker:   "127.0.0.1:8081",
		Codec:    "127.0.0.1:8234",
		Sandbox:  "127.0.0.1:8090",
		Temporal: "127.0.0.1:7233",
		UI:       "127.0.0.1:8233",
		Postgres: "127.0.0.1:54329",
	}
}

// FreeAddrs asks for a free loopback port for every part: for tests that must not collide.
func FreeAddrs() Addrs {
	const free = "127.0.0.1:0"
	return Addrs{API: free, Worker: free, Codec: free, Sandbox: free, Temporal: free, UI: free, Postgres: free}
}

// addrVar is one address and the environment variable that moves it.
type addrVar struct {
	addr *string
	name string
}

func (a *Addrs) each() []addrVar {
	return []addrVar{
		{&a.API, "PAYSAGA_API_ADDR"},
		{&a.Worker, "PAYSAGA_WORKER_ADDR"},
		{&a.Codec, "PAYSAGA_CODEC_ADDR"},
		{&a.Sandbox, "PAYSAGA_SANDBOX_ADDR"},
		{&a.Temporal, "PAYSAGA_TEMPORAL_ADDR"},
		{&a.UI, "PAYSAGA_UI_ADDR"},
		{&a.Postgres, "PAYSAGA_POSTGRES_ADDR"},
	}
}

// withDefaults fills in what was left empty and chooses the free ports.
func (c Config) withDefaults() (Config, error) {
	if c.Home == "" {
		c.Home = ".paysaga"
	}
	home, err := filepath.Abs(c.Home)
	if err != nil {
		return c, fmt.Errorf("home directory: %w", err)
	}
	c.Home = home
	if c.Paysaga == "" {
		if c.Paysaga, err = os.Executable(); err != nil {
			return c, fmt.Errorf("path of the paysaga binary: %w", err)
		}
	}
	if c.Devstack == "" {
		c.Devstack = filepath.Join(filepath.Dir(c.Paysaga), "devstack")
	}
	if c.Namespace == "" {
		c.Namespace = "paysaga"
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	setDefault(&c.ReadyTimeout, 2*time.Minute)
	setDefault(&c.Grace, 30*time.Second)
	setDefault(&c.Backoff, 200*time.Millisecond)

	defaults := DefaultAddrs()
	for i, v := range c.Addrs.each() {
		if *v.addr == "" {
			*v.addr = *defaults.each()[i].addr
		}
	}
	if err := c.Addrs.chooseFreePorts(); err != nil {
		return c, err
	}
	return c, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// setting reads a variable as the children will see it.
func (c Config) setting(name, fallback string) string {
	for _, vars := range [][]string{c.Env, os.Environ()} {
		for _, v := range slices.Backward(vars) {
			if value, ok := strings.CutPrefix(v, name+"="); ok && value != "" {
				return value
			}
		}
	}
	return fallback
}

// checkDevstack explains how to get the binary that runs the private servers.
func (c Config) checkDevstack() error {
	if c.DatabaseURL != "" && c.TemporalAddress != "" {
		return nil
	}
	_, err := os.Stat(c.Devstack)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is missing: build it with `make devstack`, or set DATABASE_URL and TEMPORAL_ADDRESS", c.Devstack)
	}
	return err
}
