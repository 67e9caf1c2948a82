package operators

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	secretWord = "pa55-not-to-be-seen"
	testMobile = "989121234567"
)

var order = Order{Key: "topup-17", Carrier: MCI, Type: "cell_direct_charge", Sim: "credit", Mobile: testMobile, Amount: 50_000}

// reseller is a fake that books orders and answers as told.
type reseller struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	booked int
	asked  []string // what each request was, as the adapter's test names it
	bodies []string
	answer http.HandlerFunc
	let    chan struct{} // closed when the test ends, for handlers that hang
}

func newReseller(t *testing.T, name func(r *http.Request, body string) string) *reseller {
	f := &reseller{t: t, let: make(chan struct{})}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.asked = append(f.asked, name(r, string(body)))
		f.bodies = append(f.bodies, string(body))
		answer := f.answer
		f.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(f.let) }) // runs first: a server waits for its handlers
	f.url = srv.URL
	return f
}

// says lets the fake answer every request with status and body.
func (f *reseller) says(status int, body string) {
	f.with(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (f *reseller) with(answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *reseller) book() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.booked++
}

func (f *reseller) seen() (booked int, asked, bodies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.booked, append([]string(nil), f.asked...), append([]string(nil), f.bodies...)
}

// adapter is one reseller under test.
type adapter struct {
	make func(url string, timeout time.Duration) Operator
	name func(r *http.Request, body string) string
	ok   string // a good answer to a submission
}

var adapters = map[string]adapter{
	"sandbox": {
		make: func(url string, timeout time.Duration) Operator {
			return NewSandbox(SandboxConfig{BaseURL: url, Timeout: timeout})
		},
		name: sandboxCall, ok: `{"key":"topup-17","state":"delivered","reference":"800000000001"}`,
	},
	"tosha": {
		make: func(url string, timeout time.Duration) Operator {
			return NewTosha(ToshaConfig{BaseURL: url, User: "u", Password: NewPassword(secretWord), Timeout: timeout})
		},
		name: toshaCall, ok: soap("Recharge", `{"ResultCode":0,"TransactionID":55}`),
	},
	"inax": {
		make: func(url string, timeout time.Duration) Operator {
			return NewInax(InaxConfig{BaseURL: url, User: "u", Password: NewPassword(secretWord), Timeout: timeout})
		},
		name: inaxCall, ok: `{"code":1,"trans_id":9,"ref_code":"77","msg":"ok"}`,
	},
}

// hang keeps the client waiting until it gives up.
func (f *reseller) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.let:
	}
}

func TestSubmitWhenTheWireFails(t *testing.T) {
	type failure struct {
		play   func(f *reseller, ok string) http.HandlerFunc
		booked int
	}
	silences := map[string]failure{
		"timeout before effect": {play: func(f *reseller, _ string) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { f.hang(r) }
		}},
		"timeout after effect": {booked: 1, play: func(f *reseller, _ string) http.HandlerFunc {
			return func(_ http.ResponseWriter, r *http.Request) { f.book(); f.hang(r) }
		}},
		"broken connection": {booked: 1, play: func(f *reseller, _ string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				f.book()
				if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
					conn.Close()
				}
			}
		}},
		"broken body": {booked: 1, play: func(f *reseller, ok string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				f.book()
				w.Header().Set("Content-Length", "9999")
				_, _ = io.WriteString(w, ok)
			}
		}},
		"huge body": {booked: 1, play: func(f *reseller, ok string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				f.book()
				_, _ = io.WriteString(w, ok+strings.Repeat(" ", 1<<20))
			}
		}},
		"redirect": {play: func(f *reseller, _ string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "elsewhere") {
					f.book()
				}
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			}
		}},
		"garbage": {booked: 1, play: func(f *reseller, _ string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				f.book()
				_, _ = io.WriteString(w, "<html>"+testMobile+"</html>")
			}
		}},
		"nothing": {booked: 1, play: func(f *reseller, _ string) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) { f.book() }
		}},
		"half an answer": {booked: 1, play: func(f *reseller, ok string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { f.book(); _, _ = io.WriteString(w, ok[:len(ok)/2]) }
		}},
	}
	for _, status := range []int{500, 502, 503, 504, 404, 401, 429} {
		silences[fmt.Sprint("status ", status)] = failure{booked: 1, play: func(f *reseller, ok string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) {
				f.book()
				w.WriteHeader(status)
				_, _ = io.WriteString(w, ok)
			}
		}}
	}
	for name, a := range adapters {
		for what, failure := range silences {
			t.Run(name+" "+what, func(t *testing.T) {
				timeout := 5 * time.Second
				if strings.HasPrefix(what, "timeout") {
					timeout = 50 * time.Millisecond
				}
				f := newReseller(t, a.name)
				f.with(failure.play(f, a.ok))
				got := a.make(f.url, timeout).Submit(t.Context(), order)
				require.Equal(t, Unknown, got.Outcome, "%+v", got)
				booked, asked, _ := f.seen()
				require.Equal(t, failure.booked, booked)
				require.Len(t, asked, 1, "an order is sent once")
				requireNoSecrets(t, f.url, got)
			})
		}
	}
}

func requireNoSecrets(t *testing.T, url string, got Answer) {
	t.Helper()
	require.NotEmpty(t, got.Why)
	text := fmt.Sprintf("%+v", got)
	for _, secret := range []string{secretWord, testMobile, "9121234567", strings.TrimPrefix(url, "http://"), "127.0.0.1"} {
		require.NotContains(t, text, secret)
	}
}

func TestTheContextsDeadlineCountsToo(t *testing.T) {
	for name, a := range adapters {
		t.Run(name, func(t *testing.T) {
			f := newReseller(t, a.name)
			f.with(func(_ http.ResponseWriter, r *http.Request) { f.hang(r) })
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			got := a.make(f.url, time.Minute).Submit(ctx, order)
			require.Equal(t, Answer{Outcome: Unknown, Why: "no answer in time"}, got)
		})
	}
}

func TestAnOrderThatNeverLeftIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for name, a := range adapters {
		t.Run(name, func(t *testing.T) {
			for _, url := range []string{"http://" + l.Addr().String(), "::not an address"} {
				got := a.make(url, time.Second).Submit(t.Context(), order)
				require.Equal(t, Refused, got.Outcome)
				require.Equal(t, codeUnsent, got.Code)
				requireNoSecrets(t, url, got)

				got = a.make(url, time.Second).Inquire(t.Context(), order)
				require.Equal(t, Unknown, got.Outcome, "a question that was not asked says nothing")
				_, err := a.make(url, time.Second).Balance(t.Context())
				require.Error(t, err)
				require.NotContains(t, err.Error(), "127.0.0.1")
				_, err = a.make(url, time.Second).Catalogue(t.Context())
				require.Error(t, err)
			}
		})
	}
}

func TestImpossibleOrdersAreNotSent(t *testing.T) {
	wrong := map[string]func(o *Order){
		"no key":          func(o *Order) { o.Key = "" },
		"long key":        func(o *Order) { o.Key = strings.Repeat("k", 65) },
		"mobile 09":       func(o *Order) { o.Mobile = "09121234567" },
		"mobile letters":  func(o *Order) { o.Mobile = "98912123456x" },
		"mobile short":    func(o *Order) { o.Mobile = "98912123456" },
		"nothing to pay":  func(o *Order) { o.Amount = 0 },
		"negative amount": func(o *Order) { o.Amount = -10 },
	}
	for name, a := range adapters {
		for what, spoil := range wrong {
			t.Run(name+" "+what, func(t *testing.T) {
				f := newReseller(t, a.name)
				o := order
				spoil(&o)
				got := a.make(f.url, time.Second).Submit(t.Context(), o)
				require.Equal(t, Refused, got.Outcome)
				require.Equal(t, codeInvalid, got.Code)
				_, asked, _ := f.seen()
				require.Empty(t, asked)
			})
		}
	}
}

func TestPasswordsDoNotPrint(t *testing.T) {
	c := ToshaConfig{User: "u", Password: NewPassword(secretWord)}
	held := struct{ inner ToshaConfig }{c}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "password", c.Password, "operator", NewTosha(c))
	for _, text := range []string{
		fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Password), fmt.Sprintf("%v %+v %#v", held, held, held),
		fmt.Sprintf("%+v %#v", NewTosha(c), NewTosha(c)), fmt.Sprintf("%+v", NewInax(InaxConfig{Password: c.Password})), log.String(),
	} {
		require.NotContains(t, text, secretWord)
	}
	require.Equal(t, secretWord, c.Password.reveal())
	require.Empty(t, Password{}.reveal())
}

func TestTheAdaptersTimeoutCountsWithAnyClient(t *testing.T) {
	f := newReseller(t, sandboxCall)
	f.with(func(_ http.ResponseWriter, r *http.Request) { f.hang(r) })
	client := &http.Client{Timeout: time.Minute}
	start := time.Now()
	got := NewSandbox(SandboxConfig{BaseURL: f.url, Client: client, Timeout: 50 * time.Millisecond}).Submit(t.Context(), order)
	require.Equal(t, Answer{Outcome: Unknown, Why: "no answer in time"}, got)
	require.Less(t, time.Since(start), 5*time.Second)
	require.Nil(t, client.CheckRedirect, "the caller's client stays as it was")
}
