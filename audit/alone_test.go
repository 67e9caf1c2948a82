package audit_test

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/paysaga/paysaga/store"
)

// alone puts everything on one connection of the owner's, on which a transaction may be left open: commands inside it
// begin none of their own.
func (b *books) alone() *books {
	b.Helper()
	cfg, err := pgx.ParseConfig(b.url)
	require.NoError(b, err)
	cfg.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	pool := sql.OpenDB(connector{stdlib.GetConnector(*cfg)})
	pool.SetMaxOpenConns(1)
	b.owner = bun.NewDB(pool, pgdialect.New(), bun.WithDiscardUnknownColumns())
	b.Cleanup(func() { _ = b.owner.Close() })
	b.store = store.New(b.owner, func() {})
	return b
}

type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	got, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return connection{got.(*stdlib.Conn)}, nil
}

type connection struct{ *stdlib.Conn }

func (connection) ResetSession(context.Context) error                           { return nil }
func (connection) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) { return inside{}, nil }

type inside struct{}

func (inside) Commit() error   { return nil }
func (inside) Rollback() error { return nil }
