package operators

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paysaga/paysaga/gateways"
)

// Password is a reseller's password. It never shows itself in a log or an error, also not when
// something that holds it is printed: fmt does not follow pointers inside of values.
type Password struct{ text *string }

// NewPassword hides text.
func NewPassword(text string) Password { return Password{&text} }

func (Password) String() string               { return "[secret]" }
func (Password) GoString() string             { return "[secret]" }
func (Password) LogValue() slog.Value         { return slog.StringValue("[secret]") }
func (Password) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// reveal is for the one place that puts it into a request.
func (p Password) reveal() string {
	if p.text == nil {
		return ""
	}
	return *p.text
}

// defaultTimeout bounds a call to a real reseller, which itself asks a carrier before it answers.
const defaultTimeout = 20 * time.Second

// wire makes the calls to one reseller.
type wire struct {
	client  *http.Client
	timeout time.Duration
}

// newWire uses a copy of client that follows no redirect: an order must not be sent to a second address.
func newWire(client *http.Client, timeout, otherwise time.Duration) wire {
	if timeout <= 0 {
		timeout = otherwise
	}
	if client == nil {
		client = gateways.NewHTTPClient(timeout)
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return wire{&own, timeout}
}

// reply is a reseller's whole answer.
type reply struct {
	status int
	body   []byte
}

// silence is a call without a whole answer. Its text is fixed words, because transport errors hold
// addresses.
type silence struct {
	sent bool // the reseller may have got the request
	why  string
}

func (s *silence) Error() string { return s.why }

// unsent is a request that could not be put together.
func unsent() *silence { return &silence{why: "the request could not be made"} }

// maxCatalogue is how much of a catalogue is read, in bytes: hundreds of packages with Persian names. Every
// other answer is bounded by [gateways.MaxAnswer].
const maxCatalogue = 2 << 20

// send makes one call, in the wire's own time when the context allows more, and reads at most limit bytes.
func (w wire) send(ctx context.Context, req *http.Request, limit int64) (reply, *silence) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	var connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))

	res, err := w.client.Do(req)
	if err != nil {
		return reply{}, &silence{connected.Load(), words(err, connected.Load())}
	}
	defer res.Body.Close()
	body, err := gateways.ReadCapped(res.Body, limit)
	if err != nil {
		return reply{}, &silence{true, words(err, true)}
	}
	return reply{res.StatusCode, body}, nil
}

func words(err error, connected bool) string {
	switch {
	case errors.Is(err, gateways.ErrTooLarge):
		return "the answer is too large"
	case !connected:
		return "the reseller could not be reached"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	}
	return "the connection broke before the answer"
}

// ofSubmit is what a silence means for an order. One that never left us is not an open question: it is
// submitted once, so nothing will be delivered.
func (s *silence) ofSubmit() Answer {
	if s.sent {
		return Answer{Outcome: Unknown, Why: s.why}
	}
	return Answer{Outcome: Refused, Code: codeUnsent, Why: s.why}
}

// ofInquiry is what a silence means for a question: nothing.
func (s *silence) ofInquiry() Answer { return Answer{Outcome: Unknown, Why: s.why} }

// Codes of our own, for orders that were never sent.
const (
	codeUnsent      = "unsent"
	codeInvalid     = "invalid"
	codeUnsupported = "unsupported"
)

// check refuses what no reseller can take; nothing was sent.
func (o Order) check() (Answer, bool) {
	why := ""
	switch {
	case o.Key == "" || len(o.Key) > 64:
		why = "the order's key is empty or too long"
	case !isMobile(o.Mobile):
		why = "the mobile number is impossible"
	case o.Amount <= 0:
		why = "the amount is not above zero"
	default:
		return Answer{}, true
	}
	return Answer{Outcome: Refused, Code: codeInvalid, Why: why}, false
}

func unsupported(why string) Answer {
	return Answer{Outcome: Refused, Code: codeUnsupported, Why: why}
}

// unclear is an answer that says nothing about the order.
func unclear(r reply) Answer {
	return Answer{Outcome: Unknown, Code: strconv.Itoa(r.status), Why: "the answer is unclear"}
}

// meaning is what a reseller's code says at one of its calls.
type meaning struct {
	outcome Outcome
	why     string
}

// loose is a whole JSON number that may come as a string.
type loose int64

func (n *loose) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.TrimSpace(strings.Trim(string(b), `"`)), 10, 64)
	if err != nil {
		return errors.New("not a whole number")
	}
	*n = loose(v)
	return nil
}

// label is a short JSON string or number that is only passed on; null is empty.
type label string

func (l *label) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*l = ""
		return nil
	}
	if b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return fmt.Errorf("not a text: %w", err)
		}
		*l = label(text)
	} else {
		*l = label(b)
	}
	if !plain(string(*l)) {
		return errors.New("not a reference")
	}
	return nil
}

// plain says whether a text is short and harmless enough to be kept as a reference and written to logs.
func plain(text string) bool {
	if len(text) > 64 {
		return false
	}
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-_.:/", c) {
			return false
		}
	}
	return true
}
