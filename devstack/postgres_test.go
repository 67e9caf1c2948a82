package main

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func startPostgres(t *testing.T, home, addr string) (*process, postgresReady) {
	t.Helper()
	var ready postgresReady
	p := start(t, &ready, "postgres", "--home", home, "--addr", addr, "--fast")
	require.Equal(t, "postgres", ready.Ready)
	return p, ready
}

func TestPostgresKeepsItsData(t *testing.T) {
	home := newHome(t)
	server, ready := startPostgres(t, home, "127.0.0.1:0")
	u, err := url.Parse(ready.DatabaseURL)
	require.NoError(t, err)
	require.Equal(t, "/paysaga", u.Path)
	require.Equal(t, filepath.Join(home, "postgres"), ready.DataDir)

	exec1(t, ready.DatabaseURL, "CREATE TABLE kept (n int)")
	exec1(t, ready.DatabaseURL, "INSERT INTO kept VALUES (1)")
	require.Equal(t, "on", query1[string](t, ready.DatabaseURL, "SHOW data_checksums"))
	require.Equal(t, "UTF8", query1[string](t, ready.DatabaseURL, "SHOW server_encoding"))
	require.Equal(t, "127.0.0.1", query1[string](t, ready.DatabaseURL, "SHOW listen_addresses"))

	said := fails(t, "postgres", "--home", home, "--addr", "127.0.0.1:0", "--fast")
	require.Contains(t, said, "is already running (devstack process "+strconv.Itoa(server.cmd.Process.Pid)+")")

	server.stop()
	require.Zero(t, server.code, server.stderr)
	require.NoFileExists(t, filepath.Join(ready.DataDir, "postmaster.pid"), "the server was not stopped cleanly")

	server, again := startPostgres(t, home, u.Host)
	require.Equal(t, ready, again, "same address, same place")
	require.Equal(t, 1, query1[int](t, again.DatabaseURL, "SELECT count(*) FROM kept"))

	// devstack is killed: PostgreSQL goes with it.
	exec1(t, ready.DatabaseURL, "INSERT INTO kept VALUES (2)")
	pid := postmasterPID(t, ready.DataDir)
	server.kill()
	if runtime.GOOS == "linux" {
		require.Eventually(t, func() bool { return commandLine(pid) == "" }, 10*time.Second, 10*time.Millisecond)
	}
	server, again = startPostgres(t, home, u.Host)
	require.Equal(t, 2, query1[int](t, again.DatabaseURL, "SELECT count(*) FROM kept"))

	// Everything is killed.
	exec1(t, ready.DatabaseURL, "INSERT INTO kept VALUES (3)")
	require.NoError(t, syscall.Kill(postmasterPID(t, ready.DataDir), syscall.SIGKILL))
	server.kill()
	server, again = startPostgres(t, home, u.Host)
	require.Equal(t, 3, query1[int](t, again.DatabaseURL, "SELECT count(*) FROM kept"))

	// After a reboot the number in postmaster.pid may belong to any program, this test for one.
	server.stop()
	pidFile := filepath.Join(ready.DataDir, "postmaster.pid")
	require.NoError(t, os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())+"\n"+ready.DataDir+"\n"), 0o644))
	_, again = startPostgres(t, home, u.Host)
	require.Equal(t, 3, query1[int](t, again.DatabaseURL, "SELECT count(*) FROM kept"))
}

func TestPostgresStopsTheServerLeftBehind(t *testing.T) {
	home := newHome(t)
	first, ready := startPostgres(t, home, "127.0.0.1:0")
	first.stop()
	where, err := findPlace(t.Context(), home)
	require.NoError(t, err)
	bin, err := findPostgres(t.Context(), 0)
	require.NoError(t, err)
	log, err := openLog(home, "postgres.log")
	require.NoError(t, err)
	defer log.Close()
	u, err := url.Parse(ready.DatabaseURL)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	orphan, err := startPostmaster(bin, where, log, settings("127.0.0.1", port, true)) // no devstack owns this one
	require.NoError(t, err)
	_, err = prepareDatabase(t.Context(), orphan, "127.0.0.1", port)
	require.NoError(t, err)

	second, _ := startPostgres(t, home, u.Host)
	require.Contains(t, second.stderr.String(), "left behind")
	<-orphan.done
	require.Equal(t, 1, query1[int](t, ready.DatabaseURL, "SELECT 1"))
}

func TestPostgresSaysThatItDied(t *testing.T) {
	server, ready := startPostgres(t, newHome(t), "127.0.0.1:0")
	require.NoError(t, syscall.Kill(postmasterPID(t, ready.DataDir), syscall.SIGKILL))
	<-server.done
	require.Equal(t, 1, server.code)
	require.Contains(t, server.stderr.String(), "PostgreSQL ended by itself")
}

func TestPostgresAsPlainUser(t *testing.T) {
	requireRoot(t) // otherwise every other test is this one
	home := newHome(t)
	owner, err := serverAccount()
	require.NoError(t, err)
	require.NoError(t, os.Chown(home, owner.uid, owner.gid))
	program := filepath.Join(home, "devstack") // the test binary itself is in a closed folder
	content, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(program, content, 0o755))

	cmd := exec.Command(program, "postgres", "--home", home, "--addr", "127.0.0.1:0", "--fast")
	runAs(cmd, owner)
	var ready postgresReady
	startCommand(t, cmd, &ready)
	require.Equal(t, 1, query1[int](t, ready.DatabaseURL, "SELECT 1"))
	info, err := os.Stat(ready.DataDir)
	require.NoError(t, err)
	require.Equal(t, uint32(owner.uid), info.Sys().(*syscall.Stat_t).Uid)
}

func TestPostgresElsewhereWhenHomeIsClosed(t *testing.T) {
	requireRoot(t)
	relocationRoot = newHome(t)
	home := filepath.Join(t.TempDir(), "home") // below a folder only root may enter
	dataDirs := make([]string, 0, 3)
	startOnce := func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		err := RunPostgres(ctx, PostgresOptions{Home: home, Addr: "127.0.0.1:0", Fast: true}, func(v any) error {
			ready := v.(postgresReady)
			exec1(t, ready.DatabaseURL, "CREATE TABLE IF NOT EXISTS starts (n int)")
			exec1(t, ready.DatabaseURL, "INSERT INTO starts VALUES (1)")
			dataDirs = append(dataDirs, ready.DataDir)
			require.Equal(t, len(dataDirs), query1[int](t, ready.DatabaseURL, "SELECT count(*) FROM starts"))
			cancel()
			return nil
		})
		require.NoError(t, err)
	}
	startOnce()
	startOnce()
	require.True(t, strings.HasPrefix(dataDirs[0], relocationRoot), dataDirs[0])
	require.Equal(t, dataDirs[0], dataDirs[1])

	// A home that was deleted starts empty; the old data is kept aside once.
	require.NoError(t, os.RemoveAll(home))
	dataDirs = dataDirs[:0]
	startOnce()
	require.DirExists(t, filepath.Dir(dataDirs[0])+".old")
}

func TestFindPostgres(t *testing.T) {
	found, err := findPostgres(t.Context(), 0)
	require.NoError(t, err)
	require.GreaterOrEqual(t, found.major, oldestPostgres)

	same, err := findPostgres(t.Context(), found.major)
	require.NoError(t, err)
	require.Equal(t, found.major, same.major)

	_, err = findPostgres(t.Context(), 99)
	require.ErrorContains(t, err, "the data was made by PostgreSQL 99")
}

func TestResolveAddr(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()

	for _, tt := range []struct{ addr, wantErr string }{
		{"127.0.0.1:0", ""},
		{"localhost:0", ""},
		{"0.0.0.0:0", "only a loopback address"},
		{"example.org:5432", "only a loopback address"},
		{":5432", "only a loopback address"},
		{"127.0.0.1", "missing port"},
		{"127.0.0.1:x", "is not a port"},
		{taken.Addr().String(), "is in use by another program"},
	} {
		t.Run(tt.addr, func(t *testing.T) {
			host, port, err := resolveAddr("test", tt.addr)
			if tt.wantErr != "" {
				require.ErrorContains(t, err, tt.wantErr)
				return
			}
			require.NoError(t, err)
			l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
			require.NoError(t, err, "the port can be bound")
			require.NoError(t, l.Close())
		})
	}
}

func TestUnknownCommand(t *testing.T) {
	require.Contains(t, fails(t, "mysql"), `unknown command "mysql"`)
	require.Contains(t, fails(t, "postgres", "--home"), "flag needs an argument")
	require.Contains(t, fails(t, "postgres", "stray"), `unexpected argument "stray"`)
}

func postmasterPID(t *testing.T, dataDir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}

func exec1(t *testing.T, databaseURL, statement string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), statement)
	require.NoError(t, errors.Join(err, conn.Close(t.Context())))
}

func query1[T any](t *testing.T, databaseURL, query string) (answer T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	err = conn.QueryRow(t.Context(), query).Scan(&answer)
	require.NoError(t, errors.Join(err, conn.Close(t.Context())))
	return answer
}
