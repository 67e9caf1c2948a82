package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
)

// conn runs statements in the pool or in a transaction. Statements are prepared once per connection,
// with their arguments sent apart: a saga's commands are few and long, and planning each call anew
// cost more than running it (docs/adr/0006).
type conn struct {
	db *bun.DB // scans rows into structs
	on interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

func (s *Store) pool() conn { return conn{db: s.db, on: s.db.DB} }

// inTx runs fn in a transaction; the error says what failed.
func (s *Store) inTx(ctx context.Context, what string, fn func(context.Context, conn) error) error {
	err := s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		return fn(ctx, conn{db: s.db, on: tx.Tx})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// one reads at most one row; no row is ErrNotFound.
func (c conn) one(ctx context.Context, what string, dest any, query string, args ...any) error {
	rows, err := c.query(ctx, query, args)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer rows.Close()
	found := rows.Next()
	if found {
		err = c.db.ScanRow(ctx, rows, dest)
	}
	if err = errors.Join(err, rows.Err(), rows.Close()); err != nil { // a command's own error may come after its row
		return fmt.Errorf("%s: %w", what, err)
	}
	if !found {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return nil
}

// all reads every row into a slice.
func (c conn) all(ctx context.Context, dest any, query string, args ...any) error {
	rows, err := c.query(ctx, query, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	return errors.Join(c.db.ScanRows(ctx, rows, dest), rows.Err())
}

// exec runs a statement that answers nothing.
func (c conn) exec(ctx context.Context, query string, args ...any) error {
	rows, err := c.query(ctx, query, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	rows.Next()
	return rows.Err()
}

func (c conn) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return c.on.QueryContext(ctx, numbered(query), append([]any{pgx.QueryExecModeCacheStatement}, args...)...)
}

func (s *Store) one(ctx context.Context, what string, dest any, query string, args ...any) error {
	return s.pool().one(ctx, what, dest, query, args...)
}

func (s *Store) all(ctx context.Context, dest any, query string, args ...any) error {
	return s.pool().all(ctx, dest, query, args...)
}

// numbered writes each ? as $1, $2, …: our statements hold no other question marks.
func numbered(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 32)
	for n := 1; ; n++ {
		before, after, more := strings.Cut(query, "?")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		fmt.Fprintf(&b, "$%d", n)
		query = after
	}
}
