package stack

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/paysaga/paysaga/demo"
)

// UpConfig is what `paysaga up` does.
type UpConfig struct {
	Config
	Demo bool // walk through the sagas once everything is healthy
	// BranchToken speaks for the development branch; empty outside development.
	BranchToken string
}

// Up starts the system, shows where everything is, walks through the sagas and stays until Ctrl-C,
// SIGTERM or the end of ctx; then it stops cleanly. A second Ctrl-C does not wait for the parts.
func Up(ctx context.Context, cfg UpConfig) error {
	if cfg.Out == nil {
		cfg.Out = os.Stdout
	}
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	hurry, atOnce := context.WithCancel(context.WithoutCancel(ctx))
	defer atOnce()
	defer onSignals(leave, atOnce)()

	begin := time.Now()
	fmt.Fprintln(cfg.Out, "Starting paysaga …")
	s, err := start(ctx, hurry, cfg.Config)
	if err != nil {
		return err
	}
	fmt.Fprintf(cfg.Out, "Healthy after %s.\n\n", seconds(time.Since(begin)))
	inst := s.Instance()
	writeAddresses(cfg.Out, inst, cfg.BranchToken)
	walk(ctx, cfg, inst)
	if ctx.Err() == nil {
		fmt.Fprintln(cfg.Out, "\nRunning. Ctrl-C stops everything; the data stays in "+inst.Home+".")
	}
	<-ctx.Done()
	fmt.Fprintln(cfg.Out, "\nStopping (Ctrl-C again: at once) …")
	if err := s.Stop(hurry); err != nil {
		return err
	}
	fmt.Fprintln(cfg.Out, "Stopped.")
	return nil
}

// walk runs the walk-through. Its failure is shown and leaves the system up to be looked at.
func walk(ctx context.Context, cfg UpConfig, inst Instance) {
	if inst.Environment != "dev" {
		fmt.Fprintln(cfg.Out, "No walk-through: its merchants exist only with PAYSAGA_ENV=dev.")
		return
	}
	about := demo.Config{
		APIURL: inst.APIURL, SandboxURL: inst.SandboxURL, UIURL: inst.UIURL,
		Namespace: inst.Namespace, Out: cfg.Out, BranchToken: cfg.BranchToken,
	}
	err := demo.EnsureSample(ctx, about)
	if err == nil && cfg.Demo {
		err = demo.Run(ctx, about)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(cfg.Out, "\nThe walk-through FAILED: %v\nThe logs are in %s/log.\n", err, inst.Home)
	}
}

func writeAddresses(out io.Writer, inst Instance, branchToken string) {
	line := func(what, where string) {
		if where != "" {
			fmt.Fprintf(out, "  %-14s %s\n", what, where)
		}
	}
	line("API", inst.APIURL)
	line("API docs", inst.APIURL+"/docs")
	line("Temporal UI", inst.UIURL)
	line("Sandbox", inst.SandboxURL)
	line("Metrics", inst.APIURL+"/metrics and "+urlOf(inst.Addrs.Worker)+"/metrics")
	line("Temporal", inst.TemporalAddress+" (namespace "+inst.Namespace+")")
	line("Postgres", withoutPassword(inst.DatabaseURL))
	line("Logs", inst.Home+"/log")
	if inst.Environment == "dev" {
		line("Merchant", "faSDF42w3Fs, key \"test\"")
		fmt.Fprintf(out, "  %-14s demo-fast, key \"test-fast\" (5 s to collect)\n", "")
		line("Webhooks", inst.SandboxURL+"/inbox/dev, or `paysaga listen --forward-to URL`")
		line("Operator", "key \"test-operator\", "+inst.APIURL+"/ops/deposits")
	}
	line("Branch token", branchToken)
	fmt.Fprintln(out)
}

func withoutPassword(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Host == "" {
		return "as DATABASE_URL says"
	}
	return u.Redacted()
}

// onSignals calls leave at the first signal to end and atOnce at the second. The returned function
// ends that.
func onSignals(leave, atOnce func()) (stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // not under nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		for range signals {
			leave()
			leave = atOnce
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}
