package gateways

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// MaxAnswer is how much of a bank's answer is read, in bytes. No bank's answer comes near it.
const MaxAnswer = 64 << 10

// NewHTTPClient returns a client for calls to banks, to be shared by many goroutines. timeout bounds
// a whole call. It follows no redirect and uses no proxy (a bank is called at its own address or not
// at all), and keeps enough idle connections for a busy worker.
func NewHTTPClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: min(timeout, 5*time.Second), KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    5 * time.Second,
			MaxIdleConnsPerHost:    32,
			IdleConnTimeout:        60 * time.Second,
			MaxResponseHeaderBytes: 32 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ErrTooLarge means that an answer was longer than the reader allows.
var ErrTooLarge = errors.New("answer too large")

// ReadCapped reads r to its end, or fails with [ErrTooLarge] after limit bytes.
func ReadCapped(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
	}
	return body, nil
}
