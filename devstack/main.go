// Command devstack runs the two servers paysaga needs on a developer's machine and in tests: a private
// PostgreSQL and a Temporal server (with its Web UI) that keeps its state in a PostgreSQL.
//
// It is a module of its own because the Temporal server and the Temporal SDK of the application want
// different versions of shared libraries. Nothing here is meant for production.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	uiversion "github.com/temporalio/ui-server/v2/server/version"
	"go.temporal.io/server/common/headers"
)

const usage = `devstack runs the servers paysaga needs on one machine, for development and tests.

  devstack postgres   a private PostgreSQL made from the machine's own binaries
  devstack temporal   a Temporal server with its Web UI, keeping its state in PostgreSQL
  devstack version

Each server stays in the foreground until Ctrl-C or SIGTERM, prints one JSON line on standard output
when it is ready and everything else on standard error. "devstack COMMAND -h" lists the flags.
`

func main() {
	// Libraries print here and there; standard output belongs to the ready line alone.
	stdout := os.Stdout
	os.Stdout = os.Stderr

	// The second signal ends the process at once: stop is called as soon as the first one came.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)

	err := run(ctx, os.Args[1:], stdout)
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "devstack:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return flag.ErrHelp
	}
	ready := func(v any) error { return json.NewEncoder(stdout).Encode(v) }

	switch args[0] {
	case "postgres":
		return postgresCommand(ctx, args[1:], ready)
	case "temporal":
		return temporalCommand(ctx, args[1:], ready)
	case "version":
		_, err := fmt.Fprintf(stdout, "devstack temporal-server %s ui-server %s %s\n",
			headers.ServerVersion, uiversion.UIVersion, runtime.Version())
		return err
	case "help", "-h", "--help":
		_, err := fmt.Fprint(stdout, usage)
		return err
	default:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("unknown command %q", args[0])
	}
}

func postgresCommand(ctx context.Context, args []string, ready func(any) error) error {
	var o PostgresOptions
	flags := flag.NewFlagSet("devstack postgres", flag.ContinueOnError)
	flags.StringVar(&o.Home, "home", ".paysaga", "folder that keeps the data (in DIR/postgres) and the log (DIR/log)")
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:54329", "loopback address to listen on; port 0 chooses a free one")
	flags.BoolVar(&o.Fast, "fast", false, "no fsync: faster, and lost when the machine crashes; for throw-away clusters")
	if err := parse(flags, args); err != nil {
		return err
	}
	return RunPostgres(ctx, o, ready)
}

func temporalCommand(ctx context.Context, args []string, ready func(any) error) error {
	var o TemporalOptions
	flags := flag.NewFlagSet("devstack temporal", flag.ContinueOnError)
	flags.StringVar(&o.Home, "home", ".paysaga", "folder for the log (DIR/log)")
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:7233", "loopback address of the Temporal frontend; port 0 chooses a free one")
	flags.StringVar(&o.UIAddr, "ui-addr", "127.0.0.1:8233", "loopback address of the Web UI; port 0 chooses a free one")
	flags.StringVar(&o.DatabaseURL, "database-url", os.Getenv("DATABASE_URL"),
		"any database on the server that shall hold the databases temporal and temporal_visibility (default $DATABASE_URL)")
	flags.StringVar(&o.Namespace, "namespace", "paysaga", "namespace to register")
	flags.StringVar(&o.CodecEndpoint, "codec-endpoint", "", "URL of the codec server the Web UI decodes payloads with")
	flags.DurationVar(&o.Retention, "retention", minRetention, "how long closed workflows are kept, at least 720h")
	if err := parse(flags, args); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // about 7 % less CPU
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(768 << 20) // bytes; soft: from here on the collector works harder instead
	}
	return RunTemporal(ctx, o, ready)
}

func parse(flags *flag.FlagSet, args []string) error {
	flags.SetOutput(os.Stderr)
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // the flag package has said what is wrong
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%s: unexpected argument %q", flags.Name(), flags.Arg(0))
	}
	return nil
}

// progress tells the person in front of the terminal what is going on.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func since(start time.Time) string {
	return time.Since(start).Round(10 * time.Millisecond).String()
}
