package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/demo"
	"github.com/paysaga/paysaga/fixtures"
	"github.com/paysaga/paysaga/migrations"
	"github.com/paysaga/paysaga/sandbox"
	"github.com/paysaga/paysaga/stack"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func upCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Run everything on this machine and walk through a few payments",
		Long: "Starts PostgreSQL, Temporal with its Web UI, the sandbox, a worker and the API, walks through a few\n" +
			"payments, and stays until Ctrl-C. Data lives in .paysaga/ (PAYSAGA_HOME) and survives a restart.\n\n" +
			"DATABASE_URL and TEMPORAL_ADDRESS use yours instead. DEMO=0 skips the walk-through. Ports:\n" +
			"PAYSAGA_API_ADDR, _SANDBOX_ADDR, _UI_ADDR, _TEMPORAL_ADDR, _POSTGRES_ADDR, _WORKER_ADDR, _CODEC_ADDR.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runUp(c.Context()) },
	}
}

func runUp(ctx context.Context) error {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	token, err := devToken(cfg)
	if err != nil {
		return err
	}
	return stack.Up(ctx, stack.UpConfig{
		Demo: os.Getenv("DEMO") != "0", BranchToken: token,
		Config: stack.Config{
			Home: cfg.Home, Devstack: os.Getenv("PAYSAGA_DEVSTACK"), Namespace: cfg.TemporalNamespace,
			DatabaseURL: cfg.DatabaseURL, TemporalAddress: cfg.TemporalAddress,
			Addrs: stack.Addrs{
				API: cfg.APIAddr, Worker: cfg.WorkerAddr, Codec: cfg.CodecAddr, Sandbox: cfg.SandboxAddr,
				Temporal: os.Getenv("PAYSAGA_TEMPORAL_ADDR"), UI: os.Getenv("PAYSAGA_UI_ADDR"), Postgres: os.Getenv("PAYSAGA_POSTGRES_ADDR"),
			},
			Restart: true,
			Out:     os.Stdout,
		},
	})
}

// devToken speaks for the development branch for a month; empty in production.
func devToken(cfg config.Config) (string, error) {
	if !cfg.Dev() {
		return "", nil
	}
	a, err := authenticator(cfg, nil)
	if err != nil {
		return "", err
	}
	return a.IssueToken(fixtures.Branch, 30*24*time.Hour)
}

func migrateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database to this binary's schema",
		Long: "Applies what is missing, under a lock, so several processes may call it. With PAYSAGA_ENV=dev it also\n" +
			"loads the documented development merchants and keys.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return migrate(c.Context()) },
	}
}

func migrate(ctx context.Context) error {
	cfg, err := load()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, cfg.DatabaseURL, store.Options{Pool: 4}) // as the owner, not as the application's role
	if err != nil {
		return err
	}
	defer db.Close()
	version, err := migrations.Up(ctx, db.DB)
	if err != nil {
		return err
	}
	s := store.New(db, nil)
	if err := s.StartAttemptsAt(ctx, cfg.AttemptStart); err != nil {
		return err
	}
	fmt.Printf("schema %d\n", version)
	if !cfg.Dev() {
		return nil
	}
	v, err := vault.New(cfg.VaultKeys.Reveal())
	if err != nil {
		return err
	}
	if err := fixtures.Load(ctx, s, v, cfg.Dev()); err != nil {
		return err
	}
	for _, bank := range sandbox.Wires() {
		if err := fixtures.LoadAccount(ctx, s, v, bank, sandbox.Account(bank)); err != nil {
			return err
		}
	}
	return wrap("inbox", fixtures.LoadInbox(ctx, s, v, cfg.SandboxURL+"/inbox/dev"))
}

func sandboxCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "sandbox",
		Short: "Run the simulated outside world: banks with a book of their own, the merchants' phones and inboxes",
		Long: "Serves banks that take sessions, payers and settlements over HTTP and pay money out, phones that forward banks' text\n" +
			"messages, and inboxes that receive webhooks; keeps its own book on disk, and fails on request. Development only.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runSandbox(c.Context()) },
	}
}

func runSandbox(ctx context.Context) error {
	cfg, err := config.Load()
	if err != nil {
		return err
	}
	if !cfg.Dev() {
		return errors.New("the sandbox runs only with PAYSAGA_ENV=dev")
	}
	var phones []sandbox.Phone
	for _, p := range fixtures.Phones() {
		phones = append(phones, sandbox.Phone(p))
	}
	world, err := sandbox.New(sandbox.Config{
		Book: filepath.Join(cfg.Home, "sandbox", "book.jsonl"), PublicURL: cfg.SandboxURL, APIURL: cfg.APIURL,
		SessionLife: cfg.SandboxSessionLife, Phones: phones, Logger: cfg.Logger("sandbox"),
		Inboxes: map[string]sandbox.InboxKeys{fixtures.DevInbox: {
			PaymentKey: fixtures.PaymentSigningKey, PayoutKey: fixtures.PayoutSigningKey, Secret: fixtures.DevWebhookSecret,
		}},
	})
	if err != nil {
		return err
	}
	server, failed := serve(cfg.SandboxAddr, world)
	server.RegisterOnShutdown(world.Release) // held calls must not hold up the end
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = nil
	}
	shutdown, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(wrap("serve", err), server.Shutdown(shutdown), world.Close())
}

func demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Walk through the sagas of a running instance over its public API",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := load()
			if err != nil {
				return err
			}
			token, err := devToken(cfg)
			if err != nil {
				return err
			}
			return demo.Run(c.Context(), demo.Config{
				APIURL: cfg.APIURL, SandboxURL: cfg.SandboxURL, UIURL: cfg.UIURL, Namespace: cfg.TemporalNamespace, BranchToken: token, Out: c.OutOrStdout(),
			})
		},
	}
}

// nameList turns "a, b" into its parts.
func nameList(text string) []string {
	var names []string
	for _, n := range strings.Split(text, ",") {
		if n = strings.TrimSpace(n); n != "" {
			names = append(names, n)
		}
	}
	return names
}
