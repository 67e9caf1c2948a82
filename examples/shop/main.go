// The smallest shop: it creates a payment, receives the webhook, verifies it, and collects.
//
//	go run ./examples/shop        (beside `make up`; then open http://127.0.0.1:8091)
//
// Everything it knows of paysaga is in client.go; a shop in another language needs the same four steps.
package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

//go:embed page.html
var pageText string

// order is what the shop remembers. A real shop has a database: what is delivered must not be forgotten.
type order struct {
	Token   string // of the payment
	Amount  int64  // rial
	State   string // as the latest webhook said
	Version int64  // of that webhook: an older one may arrive later
}

type shop struct {
	paysaga client
	page    *template.Template

	mu     sync.Mutex
	orders []*order
	seen   map[string]bool // webhook ids: the same message may come twice
}

const price = 250_000 // rial

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("the shop closes", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	addr := env("SHOP_ADDR", "127.0.0.1:8091")
	s := &shop{
		paysaga: client{api: env("PAYSAGA_URL", "http://127.0.0.1:8080"), key: env("PAYSAGA_KEY", "test"), merchant: env("PAYSAGA_MERCHANT", "faSDF42w3Fs")},
		page:    template.Must(template.New("page").Parse(pageText)),
		seen:    map[string]bool{},
	}
	if err := s.paysaga.register(ctx, env("SHOP_URL", "http://"+addr)+"/webhook"); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.show)
	mux.HandleFunc("POST /buy", s.buy)
	mux.HandleFunc("POST /webhook", s.webhook)
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	slog.Info("the shop is open", "url", "http://"+addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// buy creates a payment and sends the customer to pay it.
func (s *shop) buy(w http.ResponseWriter, r *http.Request) {
	token, err := s.paysaga.create(r.Context(), price, "یک فنجان قهوه")
	if err != nil {
		slog.Error("no payment", "error", err)
		http.Error(w, "The payment could not be started; nothing was taken.", http.StatusBadGateway)
		return
	}
	s.mu.Lock()
	s.orders = append(s.orders, &order{Token: token, Amount: price, State: "pending"})
	s.mu.Unlock()
	http.Redirect(w, r, s.paysaga.payLink(token), http.StatusSeeOther)
}

// webhook hears of every change. It verifies before it believes, answers fast, and does nothing twice.
func (s *shop) webhook(w http.ResponseWriter, r *http.Request) {
	event, err := s.paysaga.verify(r)
	if err != nil {
		slog.Warn("a webhook that is not ours", "error", err)
		http.Error(w, "not verified", http.StatusUnauthorized)
		return
	}
	fresh := s.take(r.Header.Get("Webhook-Id"), event)
	w.WriteHeader(http.StatusNoContent)
	if fresh && event.Event == "payment.paid" {
		go s.deliver(event.OrderID)
	}
}

// take remembers what a message says, unless a later one was here before, and says whether it is news.
func (s *shop) take(id string, e event) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[id] {
		return false
	}
	s.seen[id] = true
	for _, o := range s.orders {
		if o.Token == e.OrderID && e.Version > o.Version {
			o.State, o.Version = e.Event, e.Version
			return true
		}
	}
	return false
}

// deliver claims the money and hands over the goods. Until it is collected the payment can still go back, and without
// a collect it does so by itself: better no sale than a paid one without goods.
func (s *shop) deliver(token string) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := s.paysaga.collect(ctx, token); err != nil {
		slog.Error("not collected; the customer gets the money back", "payment", token, "error", err)
		return
	}
	slog.Info("collected: here is your coffee", "payment", token)
}

func (s *shop) show(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if err := s.page.Execute(w, map[string]any{"Price": fmt.Sprint(price), "Orders": s.orders}); err != nil {
		slog.Error("page", "error", err)
	}
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
