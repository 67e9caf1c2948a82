package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"golang.org/x/time/rate"

	"github.com/paysaga/paysaga/accounts"
	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/outbound"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
	"github.com/paysaga/paysaga/worker"
	"github.com/paysaga/paysaga/workflows"
)

func workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "worker",
		Short: "Carry the sagas: deadlines, banks, refunds",
		Long: "Runs the Temporal workers and helps to deliver the outbox. Stateless: run as many as you need. It also\n" +
			"serves the endpoint by which the Temporal UI decrypts payloads (PAYSAGA_CODEC_ADDR); whoever reaches that\n" +
			"address can read them, so it must stay on loopback or behind your own door. SIGTERM drains it.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runWorker(c.Context()) },
	}
}

func runWorker(ctx context.Context) error {
	p, err := openParts(ctx, "worker")
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.awaitTemporal(ctx); err != nil {
		return err
	}
	vaults, err := vault.New(p.cfg.VaultKeys.Reveal())
	if err != nil {
		return err
	}
	calls, err := bankActivities(p.cfg, p.store, vaults)
	if err != nil {
		return err
	}
	workers := worker.New(p.temporal, worker.Options{
		Payments:   &activities.Payments{Store: p.store},
		Bank:       calls,
		Transfers:  &activities.Transfers{Store: p.store},
		Purchases:  &activities.Purchases{Store: p.store},
		TopUps:     topUpActivities(p.cfg, p.store),
		Webhooks:   webhookActivities(p.cfg, p.store, vaults),
		Payouts:    payoutActivities(p.cfg, p.store, vaults),
		Wallets:    &activities.Wallets{Store: p.store, Providers: walletProviders(p.cfg)},
		StoreCalls: p.cfg.DatabasePool,
	})
	if err := workers.Start(); err != nil {
		return err
	}
	if err := worker.EnsureSchedules(ctx, p.temporal, slices.Sorted(maps.Keys(resellers(p.cfg)))); err != nil {
		p.log.Warn("catalogues are not refreshed", "error", err) // money goes on without
	}
	stopDelivery := p.deliver()
	ops, failed := serve(p.cfg.WorkerAddr, p.workerOps())
	decoder, decoderFailed, err := serveCodec(p.cfg)
	if err != nil {
		return err
	}
	p.log.Info("worker started", "addr", p.cfg.WorkerAddr, "version", Version)
	select {
	case err = <-failed:
	case err = <-decoderFailed:
	case <-ctx.Done():
		err = nil
	}
	p.log.Info("worker draining")
	workers.Stop()
	stopDelivery()
	shutdown, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(wrap("serve", err), ops.Shutdown(shutdown), decoder.Shutdown(shutdown))
}

// bankActivities call every bank within its rate.
func bankActivities(cfg config.Config, s *store.Store, v *vault.Vault) (*activities.Bank, error) {
	registry, err := banks(cfg)
	if err != nil {
		return nil, err
	}
	limits := make(map[string]*rate.Limiter, len(registry))
	for name := range registry {
		limits[name] = rate.NewLimiter(rate.Limit(cfg.BankCallsPerSecond), max(1, int(cfg.BankCallsPerSecond)))
	}
	return &activities.Bank{Gateways: registry, Accounts: accounts.Book{Store: s, Vault: v}, Limits: limits}, nil
}

// topUpActivities call every reseller within the same rate as a bank.
func topUpActivities(cfg config.Config, s *store.Store) *activities.TopUps {
	registry := resellers(cfg)
	limits := make(map[string]*rate.Limiter, len(registry))
	for name := range registry {
		limits[name] = rate.NewLimiter(rate.Limit(cfg.BankCallsPerSecond), max(1, int(cfg.BankCallsPerSecond)))
	}
	return &activities.TopUps{Store: s, Operators: registry, Limits: limits}
}

// webhookActivities deliver to merchants, through the guard that keeps them from leading us into our own network.
func webhookActivities(cfg config.Config, s *store.Store, v *vault.Vault) *activities.Webhooks {
	schedule := cfg.WebhookSchedule
	if len(schedule) == 0 {
		schedule = activities.DefaultSchedule
	}
	return &activities.Webhooks{Store: s, Vault: v, Client: outbound.ForMerchants(cfg.Dev()), Schedule: schedule, Pace: activities.NewPace(cfg.WebhookParallel)}
}

// awaitTemporal waits until the server answers and knows our search attributes.
func (p *parts) awaitTemporal(ctx context.Context) error {
	for {
		try, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := sagaclient.RegisterSearchAttributes(try, p.temporal, p.cfg.TemporalNamespace, workflows.SearchAttributes())
		cancel()
		if err == nil {
			return nil
		}
		p.log.Warn("Temporal does not answer yet", "error", err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (p *parts) workerOps() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		err := p.ready(ctx)
		if err == nil {
			_, err = p.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		}
		if err != nil {
			p.log.Warn("not ready", "error", err)
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.Handle("GET /metrics", promhttp.Handler())
	return mux
}

// serveCodec lets the Temporal UI, and nothing else in a browser, decrypt payloads.
func serveCodec(cfg config.Config) (*http.Server, <-chan error, error) {
	codec, err := sagaclient.NewCodec(cfg.CodecKeys.Reveal())
	if err != nil {
		return nil, nil, err
	}
	decode := converter.NewPayloadCodecHTTPHandler(codec)
	server, failed := serve(cfg.CodecAddr, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", cfg.UIURL)
		w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Namespace")
		if r.Method == http.MethodOptions {
			return
		}
		decode.ServeHTTP(w, r)
	}))
	return server, failed, nil
}

func serve(addr string, handler http.Handler) (*http.Server, <-chan error) {
	server := &http.Server{
		Addr: addr, Handler: handler,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 60 * time.Second,
	}
	failed := make(chan error, 1)
	go func() {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			failed <- err
		}
	}()
	return server, failed
}
