package main

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"
)

const (
	mainDatabase       = "temporal"
	visibilityDatabase = "temporal_visibility"

	// Any number will do, as long as every devstack uses the same one.
	temporalLockKey = 7233_8233
)

// prepareStore creates Temporal's databases and brings their schemas up to date. Interrupted at any point, it
// goes on from there the next time.
func prepareStore(ctx context.Context, databaseURL string, logger log.Logger) (store, visibility *config.SQL, err error) {
	if err := waitForDatabase(ctx, databaseURL); err != nil {
		return nil, nil, err
	}
	if err := createDatabases(ctx, databaseURL, mainDatabase, visibilityDatabase); err != nil {
		return nil, nil, err
	}
	// Each of the four services opens pools of its own: 4 × (15 + 5) connections at most.
	if store, err = sqlConfig(databaseURL, mainDatabase, 15); err != nil {
		return nil, nil, err
	}
	if visibility, err = sqlConfig(databaseURL, visibilityDatabase, 5); err != nil {
		return nil, nil, err
	}
	if err := updateSchema(store, "postgresql/v12/temporal", logger); err != nil {
		return nil, nil, err
	}
	if err := updateSchema(visibility, "postgresql/v12/visibility", logger); err != nil {
		return nil, nil, err
	}
	return store, visibility, nil
}

// waitForDatabase bridges the moment in which a PostgreSQL that was started together with us is not up yet.
func waitForDatabase(ctx context.Context, databaseURL string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, databaseURL)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot reach PostgreSQL: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// sqlConfig is databaseURL in Temporal's words, with another database on the same server.
func sqlConfig(databaseURL, database string, maxConns int) (*config.SQL, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	attributes := map[string]string{"sslmode": "prefer"} // as everyone else reads a URL that does not say
	for key, values := range u.Query() {
		attributes[key] = values[0]
	}
	password, _ := u.User.Password()
	if password == "" {
		password = "none" // an empty one breaks the URL Temporal builds; a server that trusts us does not ask
	}
	return &config.SQL{
		PluginName:        postgresql.PluginNamePGX,
		ConnectProtocol:   "tcp",
		ConnectAddr:       u.Host,
		DatabaseName:      database,
		User:              url.QueryEscape(u.User.Username()), // Temporal escapes the password only
		Password:          password,
		ConnectAttributes: attributes,
		MaxConns:          maxConns,
		MaxIdleConns:      maxConns,
		MaxConnLifetime:   time.Hour,
	}, nil
}

func updateSchema(cfg *config.SQL, name string, logger log.Logger) error {
	conn, err := sqltool.NewConnection(cfg, logger)
	if err != nil {
		return fmt.Errorf("connect to database %s: %w", cfg.DatabaseName, err)
	}
	defer conn.Close()

	if _, err := conn.ReadSchemaVersion(); err != nil { // nothing there yet
		progress("temporal: creating the schema of database %s", cfg.DatabaseName)
		setup := &schema.SetupConfig{InitialVersion: "0.0"}
		if err := schema.NewSetupSchemaTask(conn, setup, logger).Run(); err != nil {
			return fmt.Errorf("set up the schema of database %s: %w", cfg.DatabaseName, err)
		}
	}
	update := &schema.UpdateConfig{DBName: cfg.DatabaseName, SchemaName: name}
	if err := schema.NewUpdateSchemaTask(conn, update, logger).Run(); err != nil {
		return fmt.Errorf("update the schema of database %s: %w", cfg.DatabaseName, err)
	}
	return nil
}

// lockStore makes sure that one Temporal server at a time works on the database: two would take the history
// shards from each other for ever. The lock lives as long as the connection. A server that was just killed may
// hold it for a moment longer. (When PostgreSQL itself is restarted under us the lock is lost; that is bearable.)
func lockStore(ctx context.Context, databaseURL string) (release func(), err error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	u.Path = "/" + mainDatabase
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("connect to database %s: %w", mainDatabase, err)
	}
	release = func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}
	for deadline := time.Now().Add(3 * time.Second); ; {
		var ours bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", temporalLockKey).Scan(&ours); err != nil {
			release()
			return nil, fmt.Errorf("lock database %s: %w", mainDatabase, err)
		}
		if ours {
			return release, nil
		}
		if time.Now().After(deadline) {
			release()
			return nil, fmt.Errorf("another devstack temporal is already running on database %s at %s", mainDatabase, u.Host)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
