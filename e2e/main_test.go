// Package e2e_test runs the whole system as users run it (the built binary, real PostgreSQL, real
// Temporal, the sandbox bank) and looks at it from outside: as a merchant, a payer, a bank, an
// operator, and somebody who pulls plugs. Every run ends with `paysaga audit`.
package e2e_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paysaga/paysaga/demo"
)

var (
	// paysagaBin and devstackBin are what is tested: PAYSAGA_BIN and PAYSAGA_DEVSTACK, else ../bin.
	paysagaBin, devstackBin string

	// shared serves every test that leaves the parts alone; those run in parallel, after the others.
	shared *house
	// broken serves the tests that kill parts and the ones that make the bank fail, one at a time.
	// It is started by the first that asks.
	broken *house
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	cleanEnvironment()
	if err := findBinaries(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	var err error
	if shared, err = startHouse("shared"); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	// Parallel tests mostly wait for deadlines, so several of them fit on each core.
	_ = flag.Set("test.parallel", "12")
	code := m.Run()
	for _, h := range []*house{shared, broken} {
		if h == nil {
			continue
		}
		if err := h.finish(code == 0); err != nil {
			fmt.Fprintf(os.Stderr, "e2e: %s: %v\n", h.name, err)
			code = 1
		}
	}
	return code
}

// cleanEnvironment keeps a developer's own settings out of the systems under test.
func cleanEnvironment() {
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "PAYSAGA_BIN", "PAYSAGA_DEVSTACK", "PAYSAGA_CHAOS", "PAYSAGA_CHAOS_SEED", "PAYSAGA_STORM", "PAYSAGA_STORM_SEED", "PAYSAGA_PURCHASES", "PAYSAGA_TOPUPS", "PAYSAGA_TWINS",
			"PAYSAGA_MESSAGES", "PAYSAGA_MESSAGE_KILLS", "PAYSAGA_BANK_STORM", "PAYSAGA_BANK_KILLS", "PAYSAGA_BANK_STORM_SEED":
		case "DATABASE_URL", "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE":
			_ = os.Unsetenv(name)
		default:
			if strings.HasPrefix(name, "PAYSAGA_") {
				_ = os.Unsetenv(name)
			}
		}
	}
}

func findBinaries() error {
	bin, err := filepath.Abs(filepath.Join("..", "bin"))
	if err != nil {
		return err
	}
	paysagaBin, devstackBin = os.Getenv("PAYSAGA_BIN"), os.Getenv("PAYSAGA_DEVSTACK")
	if devstackBin == "" {
		devstackBin = filepath.Join(bin, "devstack")
	}
	if _, err := os.Stat(devstackBin); err != nil {
		return fmt.Errorf("build it with `make devstack`: %w", err)
	}
	if paysagaBin != "" {
		_, err := os.Stat(paysagaBin)
		return err
	}
	paysagaBin = filepath.Join(bin, "paysaga")
	if _, err := os.Stat(paysagaBin); errors.Is(err, fs.ErrNotExist) {
		out, err := exec.Command("go", "build", "-o", paysagaBin, "..").CombinedOutput()
		if err != nil {
			return fmt.Errorf("build paysaga: %w\n%s", err, out)
		}
	}
	return nil
}

// heavy lets one test at a time start a browser or another whole system: the others have deadlines.
var heavy sync.Mutex

func oneAtATime(t *testing.T) {
	heavy.Lock()
	t.Cleanup(heavy.Unlock)
}

// breakable is the system whose parts a test may kill. Such a test must not run in parallel.
func breakable(t *testing.T) *house {
	t.Helper()
	if broken == nil {
		h, err := startHouse("broken")
		if err != nil {
			t.Fatal(err)
		}
		broken = h
	}
	broken.bankBehaves(t)
	return broken
}

// startHouse starts a system and brings the documented samples to where their examples want them.
func startHouse(name string, env ...string) (*house, error) {
	home, err := os.MkdirTemp("", "paysaga-e2e-"+name+"-") // not t.TempDir: the database runs as another user
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(home, 0o755); err != nil {
		return nil, err
	}
	h := &house{name: name, home: home, env: env}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := h.start(ctx); err != nil {
		return nil, err
	}
	token, code := h.command("token", "--branch", "31")
	if code != 0 {
		return nil, fmt.Errorf("token: %s", token)
	}
	return h, demo.EnsureSample(ctx, demo.Config{APIURL: h.inst.APIURL, SandboxURL: h.inst.SandboxURL, BranchToken: strings.TrimSpace(token)})
}
