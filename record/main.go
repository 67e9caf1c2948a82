// Command record runs the whole system and writes down the history of every way in which a saga can
// end, for the replay tests: workflows/testdata/histories/<release>/<saga>-<outcome>.json.
//
// Record anew when a saga was changed on purpose and is not released yet. A release's histories stay
// as they are for ever: sagas that began with it may still run.
//
//	make record
//	go run ./record -only transfer-
package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/stack"
)

// release is the version that is being built; its sagas are recorded.
const release = "0.1.0"

// patience bounds the whole recording.
const patience = 5 * time.Minute

func main() {
	out := flag.String("out", filepath.Join("workflows", "testdata", "histories", release), "where the histories go")
	only := flag.String("only", "", "record only the histories whose names begin so, such as transfer-; the others stay as they are")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := record(ctx, *out, stories(*only), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func record(ctx context.Context, folder string, stories []story, out io.Writer) (err error) {
	if len(stories) == 0 {
		return errors.New("no history's name begins so")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	home, err := os.MkdirTemp("", "paysaga-record-")
	if err != nil {
		return fmt.Errorf("home of the recording: %w", err)
	}
	if err := os.Chmod(home, 0o755); err != nil { // PostgreSQL may run under another user
		return fmt.Errorf("home of the recording: %w", err)
	}
	keys := newKeys()
	s, err := stack.Start(ctx, stack.Config{
		Home: home, Paysaga: binary("PAYSAGA_BIN", "paysaga"), Devstack: binary("PAYSAGA_DEVSTACK", "devstack"),
		Addrs: stack.FreeAddrs(), Fast: true, Out: out,
		Env: []string{"PAYSAGA_ENV=dev", "PAYSAGA_BANK_WIRES=false", "PAYSAGA_CODEC_KEYS=" + keys, "PAYSAGA_SANDBOX_SESSION_LIFE=10s", "PAYSAGA_TOPUP_WAIT=500ms",
			"PAYSAGA_WEBHOOK_SCHEDULE=1s,1s"},
	})
	if err != nil {
		return fmt.Errorf("start the system (logs in %s): %w", filepath.Join(home, "log"), err)
	}
	defer func() {
		stopped := s.Stop(context.WithoutCancel(ctx))
		if err = errors.Join(err, stopped); err == nil {
			err = os.RemoveAll(home)
		}
	}()
	w, err := newWorld(s, keys)
	if err != nil {
		return err
	}
	defer w.temporal.Close()
	if err := w.playAll(ctx, stories, folder, out); err != nil {
		return fmt.Errorf("%w (logs in %s)", err, filepath.Join(home, "log"))
	}
	return writeReadme(folder)
}

func newWorld(s *stack.Stack, keys string) (*world, error) {
	codec, err := sagaclient.NewCodec(keys)
	if err != nil {
		return nil, err
	}
	at := s.Instance()
	temporal, err := sagaclient.New(sagaclient.Options{
		Address: at.TemporalAddress, Namespace: at.Namespace, Codec: codec, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	return &world{api: at.APIURL, sandbox: at.SandboxURL, env: s.Env(), temporal: temporal, codec: codec, stack: s}, nil
}

// binary is what the Makefile built, or what its variable names.
func binary(variable, name string) string {
	if path := os.Getenv(variable); path != "" {
		return path
	}
	return filepath.Join("bin", name)
}

// newKeys makes payload keys for this recording alone.
func newKeys() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails; the process ends if the system has no randomness
	return "record:" + base64.StdEncoding.EncodeToString(secret)
}
