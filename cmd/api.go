package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/migrations"
	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/vault"
	"github.com/paysaga/paysaga/workflows"
)

func apiCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "api",
		Short: "Serve the REST API and the payer's pages",
		Long: "Serves merchants, payers and banks' callbacks, and delivers the outbox to Temporal. Stateless: run as\n" +
			"many as you need. It accepts payments while Temporal is down. SIGTERM drains it.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runAPI(c.Context()) },
	}
}

func runAPI(ctx context.Context) error {
	p, err := openParts(ctx, "api")
	if err != nil {
		return err
	}
	defer p.close()
	callers, err := authenticator(p.cfg, p.store)
	if err != nil {
		return err
	}
	cards, err := vault.New(p.cfg.VaultKeys.Reveal())
	if err != nil {
		return err
	}
	registry, err := banks(p.cfg)
	if err != nil {
		return err
	}
	app := api.New(api.Deps{
		Store:    p.store,
		Auth:     callers,
		Sagas:    &sagas{client: p.temporal, ui: p.cfg.UIURL, namespace: p.cfg.TemporalNamespace},
		Gateways: registry,
		Vault:    cards,
		Log:      p.log,
		Metrics:  api.NewMetrics(prometheus.DefaultRegisterer),
		Ready:    p.ready,
		Version:  Version,

		Dev:            p.cfg.Dev(),
		PublicURL:      p.cfg.APIURL,
		TrustedProxies: p.cfg.TrustedProxies,
		RatePerSecond:  p.cfg.RatePerSecond,
		RateBurst:      p.cfg.RateBurst,
		ListPerMinute:  p.cfg.ListPerMinute,
		BankPause:      p.cfg.BankPause,
		Payouts:        payoutBank(p.cfg),
		WalletBank:     walletBank(p.cfg),
		TopUpWait:      p.cfg.TopUpWait,
		TopUpPatience:  p.cfg.TopUpPatience,
	})
	stopDelivery := p.deliver()
	failed := make(chan error, 1)
	go func() { failed <- app.Listen(p.cfg.APIAddr) }()
	p.log.Info("api started", "addr", p.cfg.APIAddr, "version", Version)

	select {
	case err := <-failed:
		stopDelivery()
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	// Readiness first, so that a load balancer looks away; then requests in flight, then what they
	// put into the outbox, then the database (deferred).
	p.log.Info("api draining")
	app.Drain()
	if !p.cfg.Dev() {
		time.Sleep(lookAway)
	}
	shutdown, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = app.Shutdown(shutdown)
	stopDelivery()
	p.log.Info("api stopped")
	return wrap("shut down", err)
}

// lookAway is how long load balancers get to see that this process is not ready.
const lookAway = 2 * time.Second

// ready says whether the process can serve: the database answers and has the schema of this binary.
// Temporal may be down: payments are accepted all the same.
func (p *parts) ready(ctx context.Context) error {
	at, err := migrations.Applied(ctx, p.db.DB)
	if err != nil {
		return err
	}
	want, err := migrations.Latest()
	if err != nil {
		return err
	}
	if at < want { // a newer schema is a deploy under way: migrations only add to what older binaries know
		return fmt.Errorf("schema is %d, this binary needs %d: run `paysaga migrate`", at, want)
	}
	return nil
}

// sagas asks Temporal what only a saga can answer.
type sagas struct {
	client    client.Client
	ui        string
	namespace string
}

// InquirePayment implements api.Sagas. A payment that was just created may still be on its way to
// Temporal, so a saga that is not there yet is waited for, as long as the caller does.
func (s *sagas) InquirePayment(ctx context.Context, token string) (state.Payment, error) {
	for {
		now, err := s.inquire(ctx, token)
		var missing *serviceerror.NotFound
		if !errors.As(err, &missing) {
			return now, wrap("inquire", err)
		}
		if s.ended(ctx, workflows.PaymentID(token)) {
			return "", nil // nothing is left to ask: the row says how it ended
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("inquire: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ended says whether a saga was there and is over.
func (s *sagas) ended(ctx context.Context, id string) bool {
	found, err := s.client.DescribeWorkflow(ctx, id, "")
	return err == nil && found.Status != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
}

func (s *sagas) inquire(ctx context.Context, token string) (now state.Payment, err error) {
	handle, err := s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID:   workflows.PaymentID(token),
		UpdateName:   workflows.InquireUpdate,
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err != nil {
		return "", err
	}
	err = handle.Get(ctx, &now)
	return now, err
}

// PaymentLink implements api.Sagas.
func (s *sagas) PaymentLink(token string) string {
	return sagaclient.Link(s.ui, s.namespace, workflows.PaymentID(token))
}

// TransferLink implements api.Sagas.
func (s *sagas) TransferLink(payID int64) string {
	return sagaclient.Link(s.ui, s.namespace, workflows.TransferID(payID))
}

// DepositLink implements api.Sagas.
func (s *sagas) DepositLink(id int64) string {
	return sagaclient.Link(s.ui, s.namespace, workflows.DepositID(id))
}

// AwaitTopUp implements api.Sagas. A top-up that was just ordered may still be on its way to Temporal; where
// many are, asking for each of them often would hold up their delivery.
func (s *sagas) AwaitTopUp(ctx context.Context, id int64) error {
	for pause := 20 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		err := s.client.GetWorkflow(ctx, workflows.TopUpID(id), "").Get(ctx, nil)
		var missing *serviceerror.NotFound
		if !errors.As(err, &missing) {
			return wrap("await top-up", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await top-up: %w", err)
		case <-time.After(pause):
		}
	}
}

// TopUpLink implements api.Sagas.
func (s *sagas) TopUpLink(id int64) string {
	return sagaclient.Link(s.ui, s.namespace, workflows.TopUpID(id))
}

// AwaitWallet implements api.Sagas. A wallet that was just made may still be on its way to Temporal.
func (s *sagas) AwaitWallet(ctx context.Context, uuid string) error {
	for {
		handle, err := s.client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: workflows.WalletID(uuid), UpdateName: workflows.OpenedUpdate, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		if err == nil {
			return wrap("await wallet", handle.Get(ctx, nil))
		}
		var missing *serviceerror.NotFound
		if !errors.As(err, &missing) || s.ended(ctx, workflows.WalletID(uuid)) {
			return wrap("await wallet", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("await wallet: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
