package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	samanCard  = "6219860000000019"
	mellatCard = "6104330000000011"
	payerCard  = "5892101234567895"
)

// smsBox is the API's end of the phone: it keeps what arrives and answers as told.
type smsBox struct {
	url string

	mu      sync.Mutex
	arrived []arrivedSMS
	status  int
	answer  string
}

type arrivedSMS struct {
	header http.Header
	fields map[string]any
	body   forwardedSMS
}

func (b *smsBox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var got arrivedSMS
	var raw json.RawMessage
	if r.Method != http.MethodPost || r.URL.Path != "/api/sms" || json.NewDecoder(r.Body).Decode(&raw) != nil ||
		json.Unmarshal(raw, &got.fields) != nil || json.Unmarshal(raw, &got.body) != nil {
		http.Error(w, "not a text message", http.StatusTeapot)
		return
	}
	got.header = r.Header
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrived = append(b.arrived, got)
	w.WriteHeader(b.status)
	_, _ = w.Write([]byte(b.answer))
}

func (b *smsBox) messages() []arrivedSMS {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]arrivedSMS(nil), b.arrived...)
}

func (b *smsBox) answers(status int, answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status, b.answer = status, answer
}

// newPhoneWorld starts a sandbox with two phone lines. Its clock stands at 2 Mehr 1405, 18:05:09 in Tehran.
func newPhoneWorld(t *testing.T) (*world, *smsBox) {
	t.Helper()
	box := &smsBox{status: http.StatusOK, answer: `{"status":true,"code":200,"messages":[{"result":"paid","pay_id":19}]}`}
	api := httptest.NewServer(box)
	t.Cleanup(api.Close)
	box.url = api.URL

	w := &world{t: t, clock: &clock{now: time.Date(2026, 9, 24, 14, 35, 9, 0, time.UTC)}}
	front := httptest.NewServer(nil)
	w.url = front.URL
	w.cfg = Config{
		Book: filepath.Join(t.TempDir(), "book.jsonl"), PublicURL: w.url, APIURL: box.url, Now: w.clock.Now,
		Phones: []Phone{{samanCard, "saman", "849-700-1112223-1", "key-one"}, {mellatCard, "mellat", "4433221100", "key-two"}},
	}
	s, err := New(w.cfg)
	require.NoError(t, err)
	w.s, front.Config.Handler = s, s
	t.Cleanup(func() {
		w.s.Release()
		front.Close()
		_ = w.s.Close()
	})
	return w, box
}

// phoned asks for a movement that must succeed at once.
func (w *world) phoned(in any) PhoneReport {
	w.t.Helper()
	var out struct {
		PhoneReport
		Error string
	}
	require.Equal(w.t, http.StatusOK, w.json(http.MethodPost, "/phone", in, &out), out.Error)
	return out.PhoneReport
}
