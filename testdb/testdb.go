// Package testdb gives tests a real PostgreSQL: DATABASE_URL's server if set, else a private one
// from devstack. Every test gets a database of its own, copied from a migrated template.
package testdb

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of database/sql
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/migrations"
	"github.com/paysaga/paysaga/store"
)

// Server is a PostgreSQL with a migrated template database.
type Server struct {
	url      *url.URL
	template string
	stop     func() error
}

// Run starts a server for a test package, hands it to use, runs the tests and stops it. Call it from
// TestMain and give its answer to os.Exit.
func Run(m *testing.M, use func(*Server)) int {
	s, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testdb:", err)
		return 1
	}
	use(s)
	code := m.Run()
	if err := s.close(); err != nil {
		fmt.Fprintln(os.Stderr, "testdb:", err)
		return 1
	}
	return code
}

// URL makes a fresh database and returns its address. The owner's role is used; see Open.
func (s *Server) URL(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), time.Now().UnixNano())
	require.NoError(t, s.exec("CREATE DATABASE "+name+" TEMPLATE "+s.template))
	t.Cleanup(func() {
		if err := s.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return s.named(name)
}

// Open makes a fresh database and connects to it as the application does.
func (s *Server) Open(t testing.TB) *bun.DB {
	t.Helper()
	db, err := store.Open(t.Context(), s.URL(t), store.Options{Pool: 20, Role: "paysaga_app"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func start() (*Server, error) {
	s := &Server{template: fmt.Sprintf("template_%d", os.Getpid()), stop: func() error { return nil }}
	address := os.Getenv("DATABASE_URL")
	if address == "" {
		var err error
		if address, s.stop, err = devstack(); err != nil {
			return nil, err
		}
	}
	var err error
	if s.url, err = url.Parse(address); err != nil {
		return nil, errors.Join(fmt.Errorf("DATABASE_URL: %w", err), s.stop())
	}
	if err := s.makeTemplate(); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *Server) makeTemplate() error {
	if err := s.exec("CREATE DATABASE " + s.template); err != nil {
		return err
	}
	db, err := sql.Open("pgx", s.named(s.template))
	if err != nil {
		return err
	}
	defer db.Close() // a template must have no connections
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = migrations.Up(ctx, db)
	return err
}

func (s *Server) close() error {
	return errors.Join(s.exec("DROP DATABASE IF EXISTS "+s.template+" WITH (FORCE)"), s.stop())
}

func (s *Server) named(database string) string {
	u := *s.url
	u.Path = "/" + database
	return u.String()
}

func (s *Server) exec(statement string) error {
	db, err := sql.Open("pgx", s.url.String())
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// devstack starts a throw-away PostgreSQL.
func devstack() (address string, stop func() error, err error) {
	binary, err := Devstack()
	if err != nil {
		return "", nil, err
	}
	home, err := os.MkdirTemp("", "paysaga-test-")
	if err != nil {
		return "", nil, err
	}
	if err := os.Chmod(home, 0o755); err != nil { // the server may run under another user
		return "", nil, err
	}
	cmd := exec.Command(binary, "postgres", "--home", home, "--addr", "127.0.0.1:0", "--fast")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		return errors.Join(cmd.Wait(), os.RemoveAll(home))
	}
	var ready struct {
		URL string `json:"database_url"`
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("devstack postgres did not start: %w", err), stop())
	}
	return ready.URL, stop, nil
}

// ErrNoDevstack means that devstack has not been built.
var ErrNoDevstack = errors.New("bin/devstack is missing: run `make devstack`, or set DATABASE_URL")

// Devstack finds the devstack binary: PAYSAGA_DEVSTACK, else bin/devstack above the test's folder.
func Devstack() (string, error) {
	if path := os.Getenv("PAYSAGA_DEVSTACK"); path != "" {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir != filepath.Dir(dir) {
		path := filepath.Join(dir, "bin", "devstack")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		dir = filepath.Dir(dir)
	}
	return "", ErrNoDevstack
}
