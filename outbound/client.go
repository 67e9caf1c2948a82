// Package outbound calls URLs that merchants chose. Whoever chooses a URL must not reach what only this machine can
// reach, so the client looks at the very address it is about to connect to, whatever name, spelling or DNS answer led
// there. It follows no redirects, uses no proxy, keeps no cookies, and gives every call little time and little memory.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

const (
	// Timeout bounds a whole call: DNS, connecting, TLS, sending and reading the answer.
	Timeout = 10 * time.Second
	// MaxAnswer is how many bytes of an answer's body are read.
	MaxAnswer = 64 << 10
	// UserAgent is sent with every call.
	UserAgent = "paysaga/1 (webhooks)"
	// ImageUserAgent is sent with [Client.Get] instead.
	ImageUserAgent = "paysaga/1 (images)"

	maxAnswerHeader = 16 << 10
	connsPerHost    = 16
)

// Config loosens the client for development. Its zero value is the one for production.
type Config struct {
	Dev   bool           // http and any port
	Allow []netip.Prefix // addresses to reach besides the public ones, for example Loopback()
}

// Client calls merchants' URLs. It is safe for concurrent use; connections are kept and shared.
type Client struct {
	config    Config
	transport *http.Transport // not an http.Client: that would follow redirects, or fail on broken ones
	timeout   time.Duration
}

// Answer is what the other side said, whatever its status: a redirect or an error page is an answer too.
type Answer struct {
	Status    int
	Header    http.Header
	Body      []byte // at most MaxAnswer, or as much as was asked for
	Truncated bool   // the body was longer, or broke off
	Took      time.Duration
}

// ForMerchants reaches what merchants may name: the public internet, in development also this machine and any port.
func ForMerchants(dev bool) *Client {
	if !dev {
		return New(Config{})
	}
	return New(Config{Dev: true, Allow: Loopback()})
}

// New makes a client.
func New(config Config) *Client {
	return newClient(config, &net.Dialer{}, nil)
}

// newClient takes what tests replace: the dialer's resolver and the TLS roots.
func newClient(config Config, dialer *net.Dialer, tlsConfig *tls.Config) *Client {
	if tlsConfig == nil {
		tlsConfig = &tls.Config{}
	}
	tlsConfig.MinVersion = tls.VersionTLS12
	dialer.ControlContext = config.guard
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	transport := &http.Transport{
		Proxy:                  nil, // a proxy would dial for us, past the guard
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig,
		Protocols:              protocols,
		DisableCompression:     true, // MaxAnswer counts bytes on the wire
		MaxResponseHeaderBytes: maxAnswerHeader,
		MaxConnsPerHost:        connsPerHost,
		MaxIdleConnsPerHost:    connsPerHost,
		MaxIdleConns:           256,
		IdleConnTimeout:        30 * time.Second,
	}
	return &Client{config: config, transport: transport, timeout: Timeout}
}

// guard sees every address right before the connection is made, after all resolving.
func (c Config) guard(_ context.Context, network, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: %s %s", ErrForbidden, network, address)
	}
	if err := checkPort(target.Port(), c.Dev); err != nil {
		return err
	}
	return checkAddr(target.Addr(), c.Allow)
}

// Post sends body to a URL that [CheckURL] accepted. An error means there is no status: it wraps [ErrNotURL] or
// [ErrForbidden] when the target must not be called, context.DeadlineExceeded after [Timeout]. It never names the URL, whose
// query may hold a secret, but it may name an address: it is for the log, not for the merchant.
func (c *Client) Post(ctx context.Context, target string, header http.Header, body []byte) (Answer, error) {
	u, err := checkTarget(target, c.config.Dev, c.config.Allow)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: no request can be made of it", ErrNotURL)
	}
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	request.Header.Set("User-Agent", UserAgent)
	return c.call(request)
}

// Get reads a URL under the same guard, at most the given number of bytes of its answer. Errors are those of [Client.Post].
func (c *Client) Get(ctx context.Context, target string, most int) (Answer, error) {
	u, err := checkTarget(target, c.config.Dev, c.config.Allow)
	if err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: no request can be made of it", ErrNotURL)
	}
	request.Header.Set("User-Agent", ImageUserAgent)
	return c.exchange(request, most)
}

func (c *Client) call(request *http.Request) (Answer, error) { return c.exchange(request, MaxAnswer) }

func (c *Client) exchange(request *http.Request, most int) (Answer, error) {
	start := time.Now()
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return Answer{}, fmt.Errorf("calling a merchant: %w", err)
	}
	defer response.Body.Close()
	// The status says it all; a body that breaks off is only shorter.
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(most)+1))
	truncated := err != nil || len(body) > most
	return Answer{
		Status:    response.StatusCode,
		Header:    response.Header,
		Body:      body[:min(len(body), most)],
		Truncated: truncated,
		Took:      time.Since(start),
	}, nil
}
