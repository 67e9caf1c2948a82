// Package api is the REST API and the payer's pages. A handler decodes, validates, calls one store
// command and answers; everything that takes time is a saga's.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"github.com/paysaga/paysaga/api/images"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/outbound"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Sagas answers questions that only a saga can.
type Sagas interface {
	// InquirePayment has the saga ask the bank now and answers the payment's state.
	InquirePayment(ctx context.Context, token string) (state.Payment, error)
	// PaymentLink, TransferLink and DepositLink are a saga's page in the Temporal UI.
	PaymentLink(token string) string
	TransferLink(payID int64) string
	DepositLink(id int64) string
	// AwaitTopUp waits until a top-up's saga has ended.
	AwaitTopUp(ctx context.Context, id int64) error
	TopUpLink(id int64) string
	// AwaitWallet waits until a wallet has its account, or will get none.
	AwaitWallet(ctx context.Context, uuid string) error
}

// Deps are what the API works with.
type Deps struct {
	Store    *store.Store
	Auth     *auth.Authenticator
	Sagas    Sagas
	Gateways Gateways
	Vault    *vault.Vault // opens card numbers for payers, seals what comes in
	Log      *slog.Logger
	Metrics  *Metrics
	Ready    func(ctx context.Context) error // nil when every dependency answers
	Version  string

	Dev            bool   // merchants' callbacks may be plain http
	PublicURL      string // where payers and banks find us
	TrustedProxies []string
	RatePerSecond  float64
	RateBurst      int
	ListPerMinute  int
	BankPause      time.Duration // how long a bank that gave no sessions is left alone; 0 = never
	Payouts        PayoutBank
	WalletBank     string        // gives the accounts of wallets; empty: none, and no wallet is opened
	TestWait       time.Duration // how long the receiver of a test webhook may take; 0 = 5 s
	TopUpWait      time.Duration // how long a caller waits for the reseller's word; 0 = 20 s
	TopUpPatience  time.Duration // how long it may stay unknown before a person is called; 0 = 15 min
}

const (
	bodyLimit      = 64 << 10
	requestTime    = 10 * time.Second
	readHeaderSize = 16 << 10
)

// API is the running application.
type API struct {
	Deps
	app      *fiber.App
	limits   *limits
	sessions *sessions
	signers  *auth.Signers
	outbound *outbound.Client // calls merchants
	images   *images.Images   // of merchants, for payers
	draining atomic.Bool
	drained  chan struct{} // closed when draining begins
}

// New builds the application with every route.
func New(deps Deps) *API {
	if deps.TopUpWait == 0 {
		deps.TopUpWait = defaultTopUpWait
	}
	if deps.TestWait == 0 {
		deps.TestWait = defaultTestWait
	}
	a := &API{Deps: deps, limits: newLimits(deps.RatePerSecond, deps.RateBurst, deps.ListPerMinute), drained: make(chan struct{})}
	a.sessions = a.newSessions()
	a.signers = auth.NewSigners(deps.Store, deps.Vault)
	a.outbound = outbound.ForMerchants(deps.Dev)
	a.images = images.New(a.outbound, deps.Log)
	a.app = fiber.New(fiber.Config{
		AppName:                 "paysaga",
		Immutable:               true, // strings outlive their request: they reach the database and Temporal
		BodyLimit:               bodyLimit,
		ReadBufferSize:          readHeaderSize,
		ReadTimeout:             10 * time.Second,
		WriteTimeout:            20 * time.Second,
		IdleTimeout:             60 * time.Second,
		DisableStartupMessage:   true,
		StrictRouting:           false,
		CaseSensitive:           true,
		EnableTrustedProxyCheck: true,
		TrustedProxies:          deps.TrustedProxies,
		ErrorHandler:            a.answerError,
	})
	a.app.Use(recover.New(recover.Config{EnableStackTrace: true, StackTraceHandler: a.logPanic}), a.observe)
	a.opsRoutes()
	a.payRoutes()
	a.paymentRoutes()
	a.topUpRoutes()
	a.cardRoutes()
	a.purchaseRoutes()
	a.webhookRoutes()
	a.v1Routes()
	a.payoutRoutes()
	a.walletRoutes()
	a.app.Use(func(c *fiber.Ctx) error { return a.noRoute(c) })
	return a
}

// clientIP is who is calling: behind a trusted proxy the last address of X-Forwarded-For, which is the
// one that proxy wrote. What stands before it is the caller's own claim.
func clientIP(c *fiber.Ctx) string {
	if c.IsProxyTrusted() {
		hops := strings.Split(c.Get(fiber.HeaderXForwardedFor), ",")
		if ip, err := netip.ParseAddr(strings.TrimSpace(hops[len(hops)-1])); err == nil {
			return ip.String()
		}
	}
	return c.Context().RemoteIP().String()
}

// App is the fiber application, for tests through the router.
func (a *API) App() *fiber.App { return a.app }

// Listen serves until Shutdown.
func (a *API) Listen(addr string) error { return a.app.Listen(addr) }

// Drain makes /readyz answer no, so that a load balancer stops sending, and lets nobody wait any longer for
// what others decide.
func (a *API) Drain() {
	if a.draining.CompareAndSwap(false, true) {
		close(a.drained)
	}
}

// Shutdown finishes requests in flight.
func (a *API) Shutdown(ctx context.Context) error { return a.app.ShutdownWithContext(ctx) }

// methodsOf maps a known path to its methods, so that a wrong method is 405 and not 404.
func (a *API) noRoute(c *fiber.Ctx) error {
	allowed := a.allowedMethods(c)
	if len(allowed) == 0 {
		return fiber.ErrNotFound
	}
	if isCardEndpoint(c.Path()) { // this contract looks at the token before the method
		if _, err := a.cardKey(c); err != nil {
			return err
		}
	}
	for _, m := range allowed {
		c.Append(fiber.HeaderAllow, m)
	}
	return fiber.ErrMethodNotAllowed
}

// context gives a request's work a deadline of its own: fiber's context never ends when a client leaves.
func requestContext(c *fiber.Ctx) (context.Context, context.CancelFunc) {
	return context.WithTimeout(c.UserContext(), requestTime)
}

var errDraining = errors.New("shutting down")
