// Package sandbox is the simulated world outside: banks with their pages, a payer, the phones of merchants
// with the text messages their banks send, an operator that delivers top-ups, a bank that pays money out, one that
// keeps static accounts, and inboxes that receive webhooks. They are real HTTP servers with a switch for every failure,
// and keep their own book on disk, so that what this system believes can be compared with what happened.
package sandbox

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/paysaga/paysaga/money"
)

//go:embed assets templates
var files embed.FS

// Config says where the sandbox is and how its banks behave.
type Config struct {
	Book        string               // path of the book, a file of JSON lines; made when missing. The phones' and the operator's are beside it
	PublicURL   string               // the sandbox's own address, as browsers see it
	APIURL      string               // the address of pay links and callbacks
	SessionLife time.Duration        // how long a payer may stay at the bank; default 15 min
	AutoReverse time.Duration        // after which unverified money goes back at banks without a wire; default 30 min
	Phones      []Phone              // lines of the merchants' phones
	Prepaid     money.Rial           // what the operator holds for us before the first order; default defaultPrepaid
	Inboxes     map[string]InboxKeys // what inboxes check webhooks with; those not named take the keys, not the secret, of "dev"
	Logger      *slog.Logger
	Now         func() time.Time // the bank's clock; default time.Now
}

// Server is the sandbox as a handler.
type Server struct {
	book     *book
	wires    map[string]wire
	calls    callLog
	rules    ruleBox
	pages    *pages
	payer    *payer
	phone    *phone
	operator *operator
	payouts  *payoutBook
	wallets  *walletBook
	mail     mailroom
	callback *http.Client
	public   *url.URL
	api      *url.URL
	log      *slog.Logger
	mux      *http.ServeMux

	closing context.Context
	release context.CancelFunc
	running sync.WaitGroup // callbacks, payers, phones and notifications under way
}

// New opens the book and returns the sandbox.
func New(c Config) (*Server, error) {
	public, err := origin(c.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("sandbox: public URL: %w", err)
	}
	api, err := origin(c.APIURL)
	if err != nil {
		return nil, fmt.Errorf("sandbox: API URL: %w", err)
	}
	pages, err := parsePages()
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	now := c.Now
	if now == nil {
		now = time.Now
	}
	all := wires()
	terms := termsOf(genericTerms(orElse(c.SessionLife, usualSession), orElse(c.AutoReverse, 30*time.Minute)), all)
	book, err := openBook(c.Book, terms, func() time.Time { return now().UTC().Round(0) })
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	phones, err := checkLines(c.Phones)
	if err != nil {
		return nil, fmt.Errorf("sandbox: %w", err)
	}
	log := c.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	phoneBook, err := openPhoneBook(bookBeside(c.Book, "phone"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), book.close())
	}
	operatorBook, err := openOperatorBook(bookBeside(c.Book, "operator"), c.Prepaid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), book.close(), phoneBook.close())
	}
	payoutBook, err := openPayoutBook(bookBeside(c.Book, "payout"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), book.close(), phoneBook.close(), operatorBook.close())
	}
	walletBook, err := openWalletBook(bookBeside(c.Book, "wallet"))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sandbox: %w", err), book.close(), phoneBook.close(), operatorBook.close(), payoutBook.close())
	}

	s := &Server{book: book, wires: all, pages: pages, public: public, api: api, log: log, mux: http.NewServeMux()}
	s.closing, s.release = context.WithCancel(context.Background())
	client := newBrowserClient()
	s.payer = &payer{client: client, api: api, bank: public, lateWait: defaultLateWait}
	s.callback = client
	s.phone = &phone{
		lines: phones, book: phoneBook, api: api, client: client, now: book.now, log: log, patience: defaultPatience,
		rules: func() SMSRules { return s.rules.get().SMS },
	}
	s.operator = &operator{book: operatorBook}
	s.payouts = payoutBook
	s.wallets = walletBook
	s.mail = mailroom{keys: c.Inboxes, inboxes: map[string]*inbox{}}
	s.routes()
	return s, nil
}

func (s *Server) routes() {
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	s.mux.HandleFunc("GET /{$}", s.bookPage)
	s.mux.HandleFunc("GET /book", s.getBook)
	s.mux.HandleFunc("GET /rules", s.getRules)
	s.mux.HandleFunc("PUT /rules", s.putRules)
	s.mux.HandleFunc("POST /payer", s.postPayer)
	s.mux.HandleFunc("POST /phone", s.postPhone)
	s.mux.HandleFunc("GET /phone", s.phonePage)
	s.mux.HandleFunc("POST /phone/send", s.phoneForm)
	s.mux.HandleFunc("GET /operator", s.operatorPage)
	s.mux.HandleFunc("PUT /operator/catalogue", s.putCatalogue)
	s.mux.HandleFunc("GET /payout", s.payoutPage)
	s.mux.HandleFunc("GET /wallet", s.walletPage)
	s.mux.HandleFunc("POST /wallet/pay", s.walletForm)
	s.mux.HandleFunc("POST /wallet/deposit", s.postWalletDeposit)
	s.mux.HandleFunc("POST /inbox/{name}", s.postInbox)
	s.mux.HandleFunc("GET /inbox/{name}", s.getInbox)
	s.mux.HandleFunc("DELETE /inbox/{name}", s.deleteInbox)
	s.mux.HandleFunc("PUT /inbox/{name}/secret", s.putInboxSecret)
	s.mux.HandleFunc("GET /inbox/{name}/stream", s.streamInbox)
	s.mux.Handle("GET /assets/", assets())

	s.mux.HandleFunc("POST /operator/v1/orders", s.submitOrder)
	s.mux.HandleFunc("GET /operator/v1/orders/{key}", s.inquireOrder)
	s.mux.HandleFunc("GET /operator/v1/catalogue", s.getCatalogue)
	s.mux.HandleFunc("GET /operator/v1/balance", s.getBalance)

	s.mux.HandleFunc("POST /payout/v1/orders", s.sendTransfer)
	s.mux.HandleFunc("GET /payout/v1/orders/{reference}", s.inquireTransfer)

	s.mux.HandleFunc("POST /wallet/accounts", s.openAccount)
	s.mux.HandleFunc("GET /wallet/accounts/{iban}/deposits", s.listDeposits)

	s.mux.HandleFunc("POST /bank/{bank}/v1/Token", s.token)
	s.mux.HandleFunc("GET /bank/{bank}/v1/TranResult", s.tranResult)
	s.mux.HandleFunc("POST /bank/{bank}/v1/Verify", s.transaction(opVerify))
	s.mux.HandleFunc("POST /bank/{bank}/v1/Settlement", s.transaction(opSettle))
	s.mux.HandleFunc("POST /bank/{bank}/v1/Reverse", s.transaction(opReverse))
	s.mux.HandleFunc("POST /bank/{bank}/v1/Cancel", s.transaction(opCancel))
	s.mux.HandleFunc("POST /bank/{bank}/v1/Refund", s.transaction(opRefund))

	s.mux.HandleFunc("POST /bank/{bank}/pay", s.bankPage)
	s.mux.HandleFunc("POST /bank/{bank}/press", s.press)
	s.mux.HandleFunc("GET /bank/{bank}/return", s.returnPage)
	for _, w := range s.wires {
		w.routes(&teller{wire: w, s: s})
	}
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Release lets go of held calls and sends payers under way home. For http.Server.RegisterOnShutdown.
func (s *Server) Release() { s.release() }

// Close releases, waits for what is under way and closes the books. Stop serving first.
func (s *Server) Close() error {
	s.release()
	s.running.Wait()
	return errors.Join(s.book.close(), s.phone.book.close(), s.operator.book.close(), s.payouts.close(), s.wallets.close())
}

// origin reads an absolute http(s) address and keeps its scheme and host.
func origin(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not an absolute http(s) address", raw)
	}
	return &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}, nil
}

const maxBody = 64 << 10

// readBody reads a request's whole body, or answers 413 or 400.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		writeError(w, http.StatusRequestEntityTooLarge, "body unreadable or larger than 64 KiB")
		return nil, false
	}
	return body, true
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client left; nobody to tell
}

func writeError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}
