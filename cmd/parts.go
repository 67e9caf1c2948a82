package cmd

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
	"github.com/uptrace/bun"
	"go.temporal.io/sdk/client"

	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/dispatch"
	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/store"
)

// parts are what the API, the worker and most commands are made of.
type parts struct {
	cfg      config.Config
	log      *slog.Logger
	db       *bun.DB
	store    *store.Store
	temporal client.Client
	dispatch *dispatch.Dispatcher
	metrics  *metrics
}

// openParts connects to PostgreSQL and, lazily, to Temporal, with a dispatcher between them.
func openParts(ctx context.Context, process string) (*parts, error) {
	cfg, err := config.Load()
	if err != nil {
		return nil, err
	}
	tuneMemory()
	p := &parts{cfg: cfg, log: cfg.Logger(process)}
	if p.db, err = openDB(ctx, cfg); err != nil {
		return nil, err
	}
	if p.metrics, err = newMetrics(); err != nil {
		return nil, err
	}
	if p.temporal, err = openTemporal(cfg, p.log, p.metrics.temporal); err != nil {
		return nil, err
	}
	p.dispatch = dispatch.New(p.temporal, cfg.OutboxWorkers, p.log)
	p.dispatch.LinkTo(func(id string) string { return sagaclient.Link(cfg.UIURL, cfg.TemporalNamespace, id) })
	p.store = store.New(p.db, p.dispatch.Kick)
	p.dispatch.Use(p.store)
	p.metrics.watch(p.store)
	return p, nil
}

func openDB(ctx context.Context, cfg config.Config) (*bun.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return store.Open(ctx, cfg.DatabaseURL, store.Options{Pool: cfg.DatabasePool, Role: cfg.DatabaseRole})
}

// openStore is for commands that change rows: a running dispatcher is woken through the database.
func openStore(ctx context.Context) (config.Config, *store.Store, func(), error) {
	cfg, err := load()
	if err != nil {
		return cfg, nil, nil, err
	}
	db, err := openDB(ctx, cfg)
	if err != nil {
		return cfg, nil, nil, err
	}
	return cfg, store.New(db, nil), func() { _ = db.Close() }, nil
}

// withStore is a command that needs the store and nothing else for its time.
func withStore(run func(*cobra.Command, []string, config.Config, *store.Store) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		cfg, s, done, err := openStore(c.Context())
		if err != nil {
			return err
		}
		defer done()
		return run(c, args, cfg, s)
	}
}

func openTemporal(cfg config.Config, log *slog.Logger, metrics client.MetricsHandler) (client.Client, error) {
	codec, err := sagaclient.NewCodec(cfg.CodecKeys.Reveal())
	if err != nil {
		return nil, err
	}
	return sagaclient.New(sagaclient.Options{
		Address: cfg.TemporalAddress, Namespace: cfg.TemporalNamespace, Codec: codec, Metrics: metrics, Logger: log,
	})
}

// close ends what was opened, last first.
func (p *parts) close() {
	p.temporal.Close()
	if err := p.db.Close(); err != nil {
		p.log.Warn("database not closed cleanly", "error", err)
	}
}

// deliver runs the dispatcher and its listener until the returned function is called.
func (p *parts) deliver() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.dispatch.Run(ctx)
	}()
	go p.listen(ctx)
	return func() {
		cancel()
		<-done
	}
}

func (p *parts) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := store.Listen(ctx, p.cfg.DatabaseURL, p.dispatch.Kick)
		if ctx.Err() != nil {
			return
		}
		p.log.Warn("outbox listener broke; polling goes on", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// resellers lists the sellers of mobile top-ups of this installation.
func resellers(cfg config.Config) operators.Registry {
	registry := operators.Registry{}
	add := func(o operators.Operator) { registry[o.Name()] = o }
	if cfg.Dev() {
		add(operators.NewSandbox(operators.SandboxConfig{BaseURL: cfg.SandboxURL}))
	}
	if cfg.ToshaURL != "" {
		add(operators.NewTosha(operators.ToshaConfig{
			BaseURL: cfg.ToshaURL, User: cfg.ToshaUser, Password: operators.NewPassword(cfg.ToshaPassword.Reveal()),
		}))
	}
	if cfg.InaxURL != "" {
		refusals := make(map[int]string, len(cfg.InaxRefusals))
		for _, code := range cfg.InaxRefusals {
			refusals[code] = "the operator refused the order"
		}
		add(operators.NewInax(operators.InaxConfig{
			BaseURL: cfg.InaxURL, User: cfg.InaxUser, Password: operators.NewPassword(cfg.InaxPassword.Reveal()), Refusals: refusals,
		}))
	}
	return registry
}

// authenticator checks credentials as this installation is set up.
func authenticator(cfg config.Config, s *store.Store) (*auth.Authenticator, error) {
	a := auth.New(s, cfg.JWTSecret.Reveal())
	if cfg.JWTKeys == "" {
		return a, nil
	}
	keys, err := auth.ParseSigningKeys(cfg.JWTKeys.Reveal())
	if err != nil {
		return nil, fmt.Errorf("PAYSAGA_JWT_KEYS: %w", err)
	}
	a.UseKeys(keys)
	return a, nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
