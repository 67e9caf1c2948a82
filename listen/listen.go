// Package listen follows an inbox of the sandbox and hands what arrives there to a developer's own receiver, byte by
// byte and with its signatures.
package listen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Config says what is followed and where it goes.
type Config struct {
	SandboxURL string
	Inbox      string
	ForwardTo  string // the receiver's address; empty only prints
	Out        io.Writer
	Pause      time.Duration // before the next try after the inbox was lost; default 1 s
	Patience   time.Duration // for the receiver's answer; default 15 s
}

// message is what arrived, as the inbox tells it.
type message struct {
	N        int64       `json:"n"`
	At       time.Time   `json:"at"`
	ID       string      `json:"id"`
	Attempt  int         `json:"attempt"`
	Event    string      `json:"event"`
	Type     string      `json:"type"`
	Status   string      `json:"status"`
	OrderID  string      `json:"order_id"`
	Sign     verdict     `json:"sign"`
	Standard verdict     `json:"standard"`
	Headers  http.Header `json:"headers"`
	Raw      []byte      `json:"raw"`
}

type verdict struct {
	OK      bool   `json:"ok"`
	Missing bool   `json:"missing"`
	Why     string `json:"why"`
}

func (v verdict) String() string {
	switch {
	case v.OK:
		return "ok"
	case v.Missing:
		return "none"
	}
	return "WRONG (" + v.Why + ")"
}

// Run follows the inbox until ctx ends, which is no error. An inbox that cannot be reached at the start is one; one
// that is lost later is looked for again, and nothing of what came meanwhile is missed.
func Run(ctx context.Context, c Config) error {
	if c.ForwardTo != "" {
		if err := CheckTarget(c.ForwardTo); err != nil {
			return err
		}
	}
	f := newFollower(c)
	for {
		err := f.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case !f.met:
			return err
		}
		if !f.lost {
			fmt.Fprintf(c.Out, "the inbox is lost (%v); looking for it\n", err)
			f.lost = true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(f.cfg.Pause):
		}
	}
}

// CheckTarget says whether an address can be forwarded to.
func CheckTarget(target string) error {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no address: give one like http://localhost:3000/webhooks", target)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return fmt.Errorf("%q does not begin with http:// or https:// and a host: give an address like http://localhost:3000/webhooks", target)
	}
	return nil
}

// follower is one follower's way through the inbox.
type follower struct {
	cfg     Config
	stream  *http.Client
	forward *http.Client
	last    string // number of the last message that was handed on
	met     bool   // the inbox was reached once
	lost    bool   // and is not there now
}

func newFollower(c Config) *follower {
	if c.Pause <= 0 {
		c.Pause = time.Second
	}
	if c.Patience <= 0 {
		c.Patience = 15 * time.Second
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	return &follower{
		cfg:    c,
		stream: &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: 10 * time.Second}},
		forward: &http.Client{
			Timeout: c.Patience,
			// A redirect is an answer, and a wrong one: senders of webhooks do not follow it.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// follow reads the inbox's stream to its end.
func (f *follower) follow(ctx context.Context) error {
	address := strings.TrimRight(f.cfg.SandboxURL, "/") + "/inbox/" + url.PathEscape(f.cfg.Inbox) + "/stream"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	if f.last != "" {
		req.Header.Set("Last-Event-ID", f.last)
	}
	res, err := f.stream.Do(req)
	if err != nil {
		return fmt.Errorf("the sandbox does not answer at %s: is the system up, in development? (%w)", f.cfg.SandboxURL, inner(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 300))
		return fmt.Errorf("the inbox %q answered %d: %s", f.cfg.Inbox, res.StatusCode, strings.TrimSpace(string(body)))
	}
	switch {
	case !f.met:
		fmt.Fprintf(f.cfg.Out, "Following %s. Ctrl-C ends it.\n", strings.TrimSuffix(address, "/stream"))
	case f.lost:
		fmt.Fprintln(f.cfg.Out, "the inbox is back")
	}
	f.met, f.lost = true, false
	return events(res.Body, func(id string, m message) {
		f.hand(ctx, m)
		if ctx.Err() == nil {
			f.last = id
		}
	})
}

// hand prints a message and forwards it.
func (f *follower) hand(ctx context.Context, m message) {
	line := m.line()
	if f.cfg.ForwardTo != "" {
		line += "  →  " + f.post(ctx, m)
	}
	if ctx.Err() == nil {
		fmt.Fprintln(f.cfg.Out, line)
	}
}

// post forwards a message as it came and says what the receiver answered.
func (f *follower) post(ctx context.Context, m message) string {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.cfg.ForwardTo, bytes.NewReader(m.Raw))
	if err != nil {
		return err.Error()
	}
	for name, values := range m.Headers {
		req.Header[name] = values
	}
	begin := time.Now()
	res, err := f.forward.Do(req)
	if err != nil {
		return trouble(err, f.cfg.Patience)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	return fmt.Sprintf("%d in %d ms", res.StatusCode, time.Since(begin).Milliseconds())
}

// line is what is printed of a message: time, event, order, status, verdict.
func (m message) line() string {
	what := m.Event
	if what == "" {
		what = m.Type
	}
	if what == "" {
		what = "(no event)"
	}
	parts := []string{m.At.Local().Format("15:04:05"), pad(what, 20)}
	if m.OrderID != "" {
		parts = append(parts, "order "+m.OrderID)
	}
	if m.Status != "" {
		parts = append(parts, m.Status)
	}
	if m.Attempt > 1 {
		parts = append(parts, fmt.Sprintf("attempt %d", m.Attempt))
	}
	return strings.Join(append(parts, fmt.Sprintf("sign %s, standard %s", m.Sign, m.Standard)), "  ")
}

func pad(text string, to int) string {
	if n := to - len([]rune(text)); n > 0 {
		return text + strings.Repeat(" ", n)
	}
	return text
}

// trouble is why a receiver could not be reached, in few words.
func trouble(err error, patience time.Duration) string {
	var refused *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("no answer in %s", patience)
	case errors.As(err, &refused) && refused.Op == "dial":
		return "nothing listens there: " + inner(refused.Err).Error()
	}
	return inner(err).Error()
}

// inner drops the address that http errors repeat.
func inner(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
