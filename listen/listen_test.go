package listen

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeInbox streams what it is told to.
type fakeInbox struct {
	url    string
	events chan string // one server-sent event; "" ends the stream
	asked  chan *http.Request
}

func newFakeInbox(t *testing.T) *fakeInbox {
	f := &fakeInbox{events: make(chan string, 10), asked: make(chan *http.Request, 10)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked <- r
		if r.URL.Path == "/inbox/full/stream" {
			w.WriteHeader(http.StatusInsufficientStorage)
			fmt.Fprint(w, `{"error":"no room"}`)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			_ = http.NewResponseController(w).Flush()
			select {
			case e := <-f.events:
				if e == "" {
					return
				}
				fmt.Fprint(w, e)
			case <-r.Context().Done():
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	f.url = srv.URL
	return f
}

func event(n int64, m message) string {
	m.N = n
	data, _ := json.Marshal(m)
	return fmt.Sprintf("id: %d\nevent: webhook\ndata: %s\n\n", n, data)
}

// received is a request to the developer's receiver.
type received struct {
	path   string
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter)) (url string, got chan received) {
	got = make(chan received, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case got <- received{r.Method + " " + r.URL.String(), r.Header, body}:
		default: // far more than any test sends
		}
		answer(w)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

// screen is what was printed so far, and tells when a text is there.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	news chan struct{}
}

func newScreen() *screen { return &screen{news: make(chan struct{}, 1000)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news <- struct{}{}
	return s.text.Write(p)
}

func (s *screen) shows(t *testing.T, want string) {
	t.Helper()
	deadline := time.After(5 * time.Second)
	for {
		s.mu.Lock()
		text := s.text.String()
		s.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		select {
		case <-s.news:
		case <-deadline:
			require.Contains(t, text, want)
		}
	}
}

// run listens until the test ends.
func run(t *testing.T, c Config) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done, "Ctrl-C is no error")
	})
}

func sample() message {
	return message{
		At: time.Date(2026, 11, 22, 9, 30, 0, 0, time.Local), ID: "msg_1", Attempt: 1, Event: "payment.collected", Type: "payment", Status: "paid", OrderID: "AsF42Sg53",
		Sign: verdict{OK: true}, Standard: verdict{OK: true},
		Headers: http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {"1"}, "Webhook-Signature": {"v1,a v1,b"}, "Content-Type": {"application/json"}, "User-Agent": {"paysaga"}},
		Raw:     []byte("{\"a\":1 ,\"b\":\"\\/\u2028\"}\n\xff"),
	}
}

func TestWhatComesIsPrintedAndForwardedAsItIs(t *testing.T) {
	f, out := newFakeInbox(t), newScreen()
	url, got := newReceiver(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
	run(t, Config{SandboxURL: f.url + "/", Inbox: "dev", ForwardTo: url + "/hook?a=1", Out: out})
	require.Equal(t, "/inbox/dev/stream", (<-f.asked).URL.Path)
	out.shows(t, "Following "+f.url+"/inbox/dev. ")
	m := sample()
	f.events <- ": a comment\n\n" + event(7, m)
	r := <-got
	require.Equal(t, "POST /hook?a=1", r.path)
	require.Equal(t, m.Raw, r.body)
	for name, values := range m.Headers {
		require.Equal(t, values, r.header[name], name)
	}
	out.shows(t, "09:30:00  payment.collected     order AsF42Sg53  paid  sign ok, standard ok  →  202 in ")
}

func TestWithoutATargetItOnlyPrints(t *testing.T) {
	f, out := newFakeInbox(t), newScreen()
	run(t, Config{SandboxURL: f.url, Inbox: "dev", Out: out})
	m := sample()
	m.Attempt, m.Standard = 3, verdict{Why: "timestamp is outside the tolerance"}
	f.events <- event(1, m)
	out.shows(t, "paid  attempt 3  sign ok, standard WRONG (timestamp is outside the tolerance)\n")
	m = message{At: m.At, Sign: verdict{Why: "x"}, Standard: verdict{Why: "y", Missing: true}}
	f.events <- event(2, m)
	out.shows(t, "09:30:00  (no event)            sign WRONG (x), standard none\n")
}

func TestTheReceiversTroublesAreSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for says, answer := range map[string]func(w http.ResponseWriter){
		"→  500 in ":                 func(w http.ResponseWriter) { w.WriteHeader(500) },
		"→  307 in ":                 func(w http.ResponseWriter) { w.Header().Set("Location", "/again"); w.WriteHeader(307) },
		"→  nothing listens there: ": nil,
		"→  no answer in 100ms":      func(http.ResponseWriter) {},
		"→  EOF":                     func(w http.ResponseWriter) { hangUp(w) },
	} {
		t.Run(says, func(t *testing.T) {
			f, out := newFakeInbox(t), newScreen()
			target, got := "http://"+l.Addr().String(), make(chan received)
			if answer != nil {
				done := make(chan struct{})
				target, got = newReceiver(t, func(w http.ResponseWriter) {
					if strings.Contains(says, "no answer") {
						<-done
						return
					}
					answer(w)
				})
				t.Cleanup(func() { close(done) }) // before the server closes
			}
			run(t, Config{SandboxURL: f.url, Inbox: "dev", ForwardTo: target, Out: out, Patience: 100 * time.Millisecond})
			f.events <- event(1, sample())
			out.shows(t, says)
			f.events <- event(2, sample())
			require.Eventually(t, func() bool {
				out.mu.Lock()
				defer out.mu.Unlock()
				return strings.Count(out.text.String(), says) == 2
			}, 5*time.Second, 5*time.Millisecond, "it goes on")
			require.LessOrEqual(t, len(got), 2, "a redirect is not followed")
		})
	}
}

func hangUp(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		conn.Close()
	}
}

func TestALostInboxIsLookedForAgain(t *testing.T) {
	f, out := newFakeInbox(t), newScreen()
	run(t, Config{SandboxURL: f.url, Inbox: "dev", Out: out, Pause: time.Millisecond})
	require.Empty(t, (<-f.asked).Header.Get("Last-Event-ID"))
	f.events <- event(41, sample())
	f.events <- "" // ends
	require.Equal(t, "41", (<-f.asked).Header.Get("Last-Event-ID"), "nothing is missed")
	out.shows(t, "the inbox is lost (it ended the stream); looking for it\n")
	out.shows(t, "the inbox is back\n")
	f.events <- "id: 42\ndata: no JSON\n\n"
	require.Equal(t, "41", (<-f.asked).Header.Get("Last-Event-ID"))
	out.shows(t, "the inbox is lost (it sent no message")
}

func TestRunFailsAtOnceWhereItCannotWork(t *testing.T) {
	f := newFakeInbox(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for says, c := range map[string]Config{
		`the inbox "full" answered 507: {"error":"no room"}`:                                {SandboxURL: f.url, Inbox: "full"},
		"the sandbox does not answer at http://" + l.Addr().String() + ": is the system up": {SandboxURL: "http://" + l.Addr().String(), Inbox: "dev"},
		`"localhost:3000" does not begin with http:// or https:// and a host`:               {SandboxURL: f.url, Inbox: "dev", ForwardTo: "localhost:3000"},
		`"ftp://h/x" does not begin with http`:                                              {ForwardTo: "ftp://h/x"},
		`"http:///x" does not begin`:                                                        {ForwardTo: "http:///x"},
		`"/webhooks" does not begin`:                                                        {ForwardTo: "/webhooks"},
		`"http://[::1" is no address`:                                                       {ForwardTo: "http://[::1"},
	} {
		require.ErrorContains(t, Run(t.Context(), c), says)
	}
	require.NoError(t, CheckTarget("https://dev.example/hook"))
	require.NoError(t, CheckTarget("http://localhost:3000"))
}

func TestOneMessageMayBeLarge(t *testing.T) {
	f, out := newFakeInbox(t), newScreen()
	url, got := newReceiver(t, func(http.ResponseWriter) {})
	run(t, Config{SandboxURL: f.url, Inbox: "dev", ForwardTo: url, Out: out})
	m := sample()
	m.Raw = bytes.Repeat([]byte{'<'}, 64<<10)
	data, err := json.Marshal(map[string]any{"raw": m.Raw, "body": string(m.Raw)}) // as the inbox sends it
	require.NoError(t, err)
	f.events <- "id: 1\ndata: " + string(data) + "\n\n"
	require.Equal(t, m.Raw, (<-got).body)
}
