// Package store is PostgreSQL: commands that change facts, reads that answer, and the outbox that
// tells sagas. Every SQL statement of the system stands here or in migrations.
//
// A command changes a row only through a transition of package state, moves the ledger, appends to
// the timeline and writes what the saga must be told, all in one transaction. Commands are safe to
// run twice: finding one's own earlier write is success.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

var (
	// ErrNotFound also covers rows of another merchant: both must look alike from outside.
	ErrNotFound = errors.New("not found")
	// ErrConflict means that the row's state does not allow the command.
	ErrConflict = errors.New("not possible in this state")
)

// Options of a connection pool.
type Options struct {
	Pool int    // connections
	Role string // SET ROLE on connect; empty keeps the login role
}

// Open connects to PostgreSQL. What bun's query builder makes is sent in simple protocol: it writes
// arguments into the text, so preparing each of them would be wasted work.
func Open(ctx context.Context, url string, opt Options) (*bun.DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	cfg.RuntimeParams["application_name"] = "paysaga"
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["plan_cache_mode"] = "force_generic_plan" // our arguments never call for another plan
	cfg.RuntimeParams["statement_timeout"] = "10s"
	cfg.RuntimeParams["lock_timeout"] = "5s"
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "30s"
	if opt.Role != "" {
		cfg.RuntimeParams["role"] = opt.Role
	}
	pool := stdlib.OpenDB(*cfg)
	pool.SetMaxOpenConns(opt.Pool)
	pool.SetMaxIdleConns(opt.Pool)
	pool.SetConnMaxLifetime(30 * time.Minute)
	db := bun.NewDB(pool, pgdialect.New(), bun.WithDiscardUnknownColumns()) // a newer schema may have more
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("connect to PostgreSQL: %w", err), db.Close())
	}
	return db, nil
}

// Store runs commands and reads.
type Store struct {
	db   *bun.DB
	kick func()
}

// New returns a store. After each commit that wrote to the outbox it calls kick; without a
// dispatcher in this process pass nil, and others are woken through the database.
func New(db *bun.DB, kick func()) *Store {
	s := &Store{db: db, kick: kick}
	if kick == nil {
		s.kick = s.notify
	}
	return s
}

// OutboxChannel is the LISTEN/NOTIFY channel that says "the outbox has work".
const OutboxChannel = "paysaga_outbox"

// notify is best effort: dispatchers also poll.
func (s *Store) notify() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.pool().exec(ctx, "SELECT pg_notify(?, '')", OutboxChannel)
}

// Ping answers whether the database does.
func (s *Store) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

// violates says whether err broke the named constraint.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}
