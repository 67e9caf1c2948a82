// Command bench measures paysaga on this machine: through HTTP, beside the bare Temporal server that
// it runs on. It starts a stack of its own and prints a Markdown table.
//
//	go run ./bench            # the whole table
//	go run ./bench -quick     # shorter rounds, for trying things out
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	quick := flag.Bool("quick", false, "shorter rounds")
	only := flag.String("only", "", "one part: starts, sagas, paths, rows, transfer-rows, transfers, sms, topups, purchases or webhooks")
	flag.Parse()
	if err := run(ctx, *quick, *only, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is a running stack and how hard to drive it.
type bench struct {
	stack    *stack.Stack
	instance stack.Instance
	temporal client.Client
	api      *merchant
	shop     *shop
	branch   *branch
	bare     *bareSagas
	rounds   int
	creates  int           // per round
	sagas    int           // per round
	open     time.Duration // of an open-loop latency run: long enough that one pause of the machine does not decide a p99
}

func run(ctx context.Context, quick bool, only string, out io.Writer) error {
	b, stop, err := start(ctx, quick)
	if err != nil {
		return err
	}
	defer stop()
	rows, err := b.measure(ctx, only)
	if err != nil {
		return err
	}
	report(out, rows)
	return nil
}

func start(ctx context.Context, quick bool) (*bench, func(), error) {
	bin := os.Getenv("PAYSAGA_BIN")
	if bin == "" {
		bin = "bin/paysaga"
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, nil, err
	}
	home, err := os.MkdirTemp("", "paysaga-bench-")
	if err != nil {
		return nil, nil, err
	}
	if err := os.Chmod(home, 0o755); err != nil { // PostgreSQL may run under another user
		return nil, nil, err
	}
	devstack := os.Getenv("PAYSAGA_DEVSTACK")
	if devstack == "" {
		devstack = filepath.Join(filepath.Dir(bin), "devstack")
	}
	env := []string{"PAYSAGA_ENV=dev", "PAYSAGA_BANK_WIRES=false", "PAYSAGA_RATE_PER_SECOND=1000000", "PAYSAGA_RATE_BURST=1000000", "PAYSAGA_BANK_CALLS_PER_SECOND=1000000", "PAYSAGA_LOG_LEVEL=WARN"}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		if err := os.Setenv(name, value); err != nil {
			return nil, nil, err
		}
	}
	s, err := stack.Start(ctx, stack.Config{
		Home: home, Paysaga: bin, Devstack: devstack, Addrs: stack.FreeAddrs(), Env: env, Out: os.Stderr,
		DatabaseURL: os.Getenv("DATABASE_URL"), TemporalAddress: os.Getenv("TEMPORAL_ADDRESS"),
	})
	if err != nil {
		return nil, nil, err
	}
	stop := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = s.Stop(ctx)
		_ = os.RemoveAll(home)
	}
	b := &bench{stack: s, instance: s.Instance(), rounds: 5, creates: 2000, sagas: 600, open: 20 * time.Second}
	if quick {
		b.rounds, b.creates, b.sagas = 3, 800, 400
	}
	if b.temporal, err = dial(b.instance); err != nil {
		stop()
		return nil, nil, err
	}
	b.api = newMerchant(b.instance.APIURL, 2*sagasAtOnce)
	b.bare = &bareSagas{woke: map[string]chan struct{}{}}
	return b, stop, nil
}

// dial uses the application's own codec, so that bare sagas pay for encryption too.
func dial(i stack.Instance) (client.Client, error) {
	cfg, err := config.Load()
	if err != nil {
		return nil, err
	}
	codec, err := sagaclient.NewCodec(cfg.CodecKeys.Reveal())
	if err != nil {
		return nil, err
	}
	return sagaclient.New(sagaclient.Options{
		Address: i.TemporalAddress, Namespace: i.Namespace, Codec: codec, Logger: slog.New(slog.DiscardHandler),
	})
}
