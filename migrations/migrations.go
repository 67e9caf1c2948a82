// Package migrations brings the database to the schema this binary expects.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed *.sql
var files embed.FS

// ErrNewer means that the database was migrated by a newer binary; going back is refused.
var ErrNewer = errors.New("the database is newer than this binary")

// Up applies what is missing under an advisory lock, so several processes may call it at once,
// and returns the schema version reached.
func Up(ctx context.Context, db *sql.DB) (int64, error) {
	p, err := provider(db)
	if err != nil {
		return 0, err
	}
	if err := refuseNewer(ctx, p); err != nil {
		return 0, err
	}
	if _, err := p.Up(ctx); err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	return p.GetDBVersion(ctx)
}

// Applied is the schema version the database has. Unlike [Up] it needs no more than to read.
func Applied(ctx context.Context, db *sql.DB) (int64, error) {
	var at int64
	if err := db.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version WHERE is_applied").Scan(&at); err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	return at, nil
}

// Latest is the schema version this binary expects.
func Latest() (int64, error) {
	p, err := provider(nil)
	if err != nil {
		return 0, err
	}
	return latest(p), nil
}

func provider(db *sql.DB) (*goose.Provider, error) {
	if db == nil { // only the list of files is wanted
		db = &sql.DB{}
	}
	// Asked for every second, for five minutes: processes that start together follow each other soon.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, fmt.Errorf("migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

func latest(p *goose.Provider) int64 {
	sources := p.ListSources()
	return sources[len(sources)-1].Version
}

func refuseNewer(ctx context.Context, p *goose.Provider) error {
	at, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if want := latest(p); at > want {
		return fmt.Errorf("%w: schema %d, binary knows %d", ErrNewer, at, want)
	}
	return nil
}
