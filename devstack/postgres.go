package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	postgresUser     = "paysaga"
	postgresDatabase = "paysaga"

	// A server that crashed replays its log before it answers.
	postgresStartTimeout = 5 * time.Minute
	postgresStopTimeout  = 30 * time.Second

	cannotConnectNow = "57P03" // "the database system is starting up"
)

// PostgresOptions are the flags of "devstack postgres".
type PostgresOptions struct {
	Home string
	Addr string
	Fast bool
}

type postgresReady struct {
	Ready       string `json:"ready"`
	DatabaseURL string `json:"database_url"`
	DataDir     string `json:"data_dir"`
}

// RunPostgres runs a private PostgreSQL until ctx ends.
func RunPostgres(ctx context.Context, o PostgresOptions, ready func(any) error) error {
	start := time.Now()
	home, err := filepath.Abs(o.Home)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return fmt.Errorf("home folder: %w", err)
	}
	if home, err = filepath.EvalSymlinks(home); err != nil { // one name for one folder
		return fmt.Errorf("home folder: %w", err)
	}
	lock, holder, err := lockFile(filepath.Join(home, "postgres.lock"))
	if errors.Is(err, errLocked) {
		return fmt.Errorf("the PostgreSQL of %s is already running (devstack %s)", home, holder)
	}
	if err != nil {
		return err
	}
	defer lock.Close()

	where, err := findPlace(ctx, home)
	if err != nil {
		return err
	}
	version, err := dataVersion(where.dataDir)
	if err != nil {
		return fmt.Errorf("read the version of %s: %w", where.dataDir, err)
	}
	bin, err := findPostgres(ctx, version)
	if err != nil {
		return err
	}
	if err := stopOrphan(ctx, where.dataDir); err != nil {
		return err
	}
	host, port, err := resolveAddr("PostgreSQL", o.Addr)
	if err != nil {
		return err
	}
	if version == 0 {
		progress("postgres: creating a PostgreSQL %d cluster in %s", bin.major, where.dataDir)
		if err := initCluster(ctx, bin, where, o.Fast); err != nil {
			return err
		}
	}

	log, err := openLog(home, "postgres.log")
	if err != nil {
		return err
	}
	defer log.Close()
	server, err := startPostmaster(bin, where, log, settings(host, port, o.Fast))
	if err != nil {
		return err
	}
	databaseURL, err := prepareDatabase(ctx, server, host, port)
	if err != nil {
		stopPostmaster(server)
		if ctx.Err() != nil {
			return nil // told to stop before it was ready
		}
		return fmt.Errorf("%w\n%s\nsee %s", err, lastLines(log.Name(), 3), log.Name())
	}
	progress("postgres: ready on %s after %s, data in %s", net.JoinHostPort(host, strconv.Itoa(port)), since(start), where.dataDir)
	if err := ready(postgresReady{Ready: "postgres", DatabaseURL: databaseURL, DataDir: where.dataDir}); err != nil {
		stopPostmaster(server)
		return err
	}

	select {
	case <-server.done:
		return fmt.Errorf("PostgreSQL ended by itself (%v)\n%s\nsee %s", server.err, lastLines(log.Name(), 3), log.Name())
	case <-ctx.Done():
		stopPostmaster(server)
		progress("postgres: stopped")
		return nil
	}
}

// initCluster makes the cluster beside its final place and moves it there when it is complete, so that a
// start interrupted half-way is simply repeated.
func initCluster(ctx context.Context, bin binaries, where place, fast bool) error {
	staging := where.dataDir + ".new"
	if err := os.RemoveAll(staging); err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	if err := os.Mkdir(staging, 0o700); err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	if a := where.owner; a != nil {
		if err := os.Chown(staging, a.uid, a.gid); err != nil {
			return fmt.Errorf("create the cluster: %w", err)
		}
	}
	args := []string{"-D", staging, "--username=" + postgresUser, "--auth=trust", // pg_hba then holds loopback and socket only
		"--encoding=UTF8", "--locale=C", "--data-checksums"}
	if fast {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, bin.path("initdb"), args...)
	runAs(cmd, where.owner)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return errors.New("stopped while the cluster was being created; the next start begins again")
	}
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, bytes.TrimSpace(out))
	}
	if err := os.Rename(staging, where.dataDir); err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	return nil
}

// settings are given on the command line, never kept in the data folder: each start has this version's.
// They suit two cores, a few GB of memory, and many short transactions.
func settings(host string, port int, fast bool) []string {
	s := []string{
		"listen_addresses=" + host,
		"port=" + strconv.Itoa(port),
		"unix_socket_directories=", // TCP only: socket paths have a length limit
		"max_connections=200",
		"shared_buffers=256MB",
		"effective_cache_size=1GB",
		"work_mem=8MB",
		"maintenance_work_mem=64MB",
		"wal_buffers=16MB",
		"min_wal_size=1GB", // segments of the log are used again; making a new one holds up every commit
		"max_wal_size=2GB",
		"random_page_cost=1.1",
		"jit=off", // costs more than it gives on short queries
		"autovacuum_naptime=20s",
		"timezone=UTC",
		"log_timezone=UTC",
		"logging_collector=off",
		"log_checkpoints=off",
		"log_line_prefix=%m [%p] %d ",
		"fsync=on",
		"synchronous_commit=on",
	}
	if fast {
		// Commits still reach the kernel before they are acknowledged: killing processes loses nothing.
		s = append(s, "fsync=off", "full_page_writes=off", "shared_buffers=128MB")
	}
	return s
}

func startPostmaster(bin binaries, where place, log *os.File, settings []string) (*child, error) {
	args := []string{"-D", where.dataDir}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	cmd := exec.Command(bin.path("postgres"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	runAs(cmd, where.owner)
	server, err := startChild(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", bin.path("postgres"), err)
	}
	return server, nil
}

// prepareDatabase waits until the server answers, creates the database when it is missing and returns its URL.
func prepareDatabase(ctx context.Context, server *child, host string, port int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, postgresStartTimeout)
	defer cancel()
	u := url.URL{
		Scheme: "postgres", User: url.User(postgresUser), Host: net.JoinHostPort(host, strconv.Itoa(port)),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, 300*time.Millisecond) {
		err := createDatabases(ctx, u.String(), postgresDatabase)
		if err == nil {
			break
		}
		var refusal *pgconn.PgError
		if errors.As(err, &refusal) && refusal.Code != cannotConnectNow {
			return "", err
		}
		select {
		case <-server.done:
			return "", fmt.Errorf("PostgreSQL did not start (%v)", server.err)
		case <-ctx.Done():
			return "", fmt.Errorf("PostgreSQL did not become ready: %w", err)
		case <-time.After(delay):
		}
	}
	u.Path = "/" + postgresDatabase
	return u.String(), nil
}

// createDatabases creates those of the named databases that are missing on the server of databaseURL.
func createDatabases(ctx context.Context, databaseURL string, names ...string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, name := range names {
		var exists bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
		if err != nil {
			return err
		}
		if exists {
			continue
		}
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
			return fmt.Errorf("create database %s: %w", name, err)
		}
	}
	return nil
}

func stopPostmaster(server *child) {
	for _, how := range []syscall.Signal{
		syscall.SIGINT,  // fast: clients are cut off, a checkpoint is written
		syscall.SIGQUIT, // immediate: the next start replays the log
		syscall.SIGKILL,
	} {
		_ = server.cmd.Process.Signal(how)
		if server.endsWithin(postgresStopTimeout) {
			return
		}
	}
}

// stopOrphan ends the server an earlier devstack left behind on this data when it was killed. We hold the lock on
// the home folder, so no living devstack owns it. PostgreSQL itself gets over a postmaster.pid whose process is
// gone, but takes a zombie, or another program that has the same number by now, for itself: then the file is removed.
func stopOrphan(ctx context.Context, dataDir string) error {
	pidFile := filepath.Join(dataDir, "postmaster.pid")
	text, err := os.ReadFile(pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", pidFile, err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return fmt.Errorf("read %s: %w", pidFile, err)
	}

	ours := func() bool { return strings.Contains(commandLine(pid), "-D "+dataDir+" ") }
	if ours() {
		progress("postgres: stopping process %d, left behind on %s", pid, dataDir)
	}
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT} {
		if !ours() {
			break
		}
		_ = syscall.Kill(pid, how)
		if err := waitUntil(ctx, postgresStopTimeout, func() bool { return !ours() }); err != nil {
			return err
		}
	}
	if ours() {
		return fmt.Errorf("PostgreSQL process %d of %s does not stop", pid, dataDir)
	}
	// Dead, but perhaps not yet taken note of by its new parent; meanwhile its children end, too.
	gone := func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
	isZombie := func() bool { return commandLine(pid) == "" && !gone() }
	if isZombie() {
		if err := waitUntil(ctx, 5*time.Second, gone); err != nil {
			return err
		}
	}
	if gone() {
		return nil
	}
	if err := os.Remove(pidFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the stale %s: %w", pidFile, err)
	}
	return nil
}

// waitUntil waits for done at most as long as given; not getting there is no error, a cancelled ctx is.
func waitUntil(ctx context.Context, atMost time.Duration, done func() bool) error {
	for deadline := time.Now().Add(atMost); !done() && time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}
