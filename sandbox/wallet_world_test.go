package sandbox

import (
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways/wallets"
)

// bell is the API's end of notifications: it keeps what arrives and answers as told.
type bell struct {
	mu     sync.Mutex
	rung   []string // bodies
	auth   []string
	status int
	answer string
	hold   chan struct{} // when set, rings are answered only after it is closed
}

func (b *bell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/wallet/notify" {
		http.Error(w, "not a notification", http.StatusTeapot)
		return
	}
	b.mu.Lock()
	b.rung = append(b.rung, string(body))
	b.auth = append(b.auth, r.Header.Get("Authorization")+r.Header.Get("sign")+r.Header.Get("token"))
	hold := b.hold
	b.mu.Unlock()
	if hold != nil {
		<-hold
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	w.WriteHeader(b.status)
	_, _ = io.WriteString(w, b.answer)
}

func (b *bell) rings() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.rung...)
}

func (b *bell) answers(status int, answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.answer = status, answer
}

// newWalletWorld starts a sandbox whose API only hears notifications.
func newWalletWorld(t *testing.T) (*world, *bell) {
	t.Helper()
	b := &bell{status: http.StatusAccepted, answer: `{"state":0}`}
	api := httptest.NewServer(b)
	t.Cleanup(api.Close)
	w := &world{t: t, clock: &clock{now: time.Date(2026, 9, 24, 14, 35, 9, 0, time.UTC)}}
	front := httptest.NewServer(nil)
	w.url = front.URL
	w.cfg = Config{Book: filepath.Join(t.TempDir(), "book.jsonl"), PublicURL: w.url, APIURL: api.URL, Now: w.clock.Now}
	s, err := New(w.cfg)
	require.NoError(t, err)
	w.s, front.Config.Handler = s, s
	t.Cleanup(func() {
		w.s.Release()
		front.Close()
		_ = w.s.Close()
	})
	return w, b
}

// renter is the adapter, pointed at the sandbox.
func (w *world) renter() wallets.Provider {
	return wallets.NewSandbox(wallets.SandboxConfig{BaseURL: w.url, Timeout: 5 * time.Second})
}

// rent opens the account of a reference.
func (w *world) rent(reference string) string {
	w.t.Helper()
	got, err := w.renter().Open(w.t.Context(), wallets.Opening{Reference: reference, Holder: "سارا نمونه"})
	require.NoError(w.t, err)
	return got.IBAN
}

// paidIn pays into an account, which must succeed.
func (w *world) paidIn(in any) WalletReport {
	w.t.Helper()
	var out struct {
		WalletReport
		Failed string `json:"error"`
	}
	require.Equal(w.t, http.StatusOK, w.json(http.MethodPost, "/wallet/deposit", in, &out), out.Failed)
	return out.WalletReport
}
