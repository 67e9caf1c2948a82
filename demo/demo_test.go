package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is a fake of the API and the sandbox in one server. Its payments end on their own after a
// few reads, as real ones do after their deadline.
type world struct {
	*httptest.Server
	mu       sync.Mutex
	payments map[string]*fakePayment

	transfers fakeTransfers
	topUps    fakeTopUps
	purchases fakePurchases
	payouts   fakePayouts
	webhooks  fakeWebhooks

	refundFails  bool // an uncollected payment stays paid
	wrongTotal   bool // the bank forgets the tip
	loseDeclined bool // a declined payment expires instead of failing
	stuck        bool // the sandbox's payer finds no way
	limited      int  // this many reads answer 429 first
}

type fakePayment struct {
	amount, tip   int64
	state, mobile string
	merchant      string
	readsLeft     int // until the deadline
}

func newWorld(t *testing.T) *world {
	w := &world{payments: map[string]*fakePayment{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/payments", w.create)
	mux.HandleFunc("GET /api/v1/payments/{token}", w.read)
	mux.HandleFunc("POST /api/v1/payments/{token}/collect", w.collect)
	mux.HandleFunc("POST /payer", w.payer)
	w.transferRoutes(mux)
	w.topUpRoutes(mux)
	w.purchaseRoutes(mux)
	w.triggerRoutes(mux)
	w.payoutRoutes(mux)
	w.webhookRoutes(mux)
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

var keys = map[string]string{"test": "faSDF42w3Fs", "test-fast": "demo-fast"}

func answer(rw http.ResponseWriter, status int, info any) {
	rw.WriteHeader(status)
	message := "OK"
	if status != http.StatusOK {
		message = "not OK"
	}
	_ = json.NewEncoder(rw).Encode(map[string]any{"message": message, "info": info, "errors": []any{}})
}

func (w *world) create(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	merchant := r.FormValue("merchant")
	if keys[r.Header.Get("Authorization")] != merchant {
		answer(rw, http.StatusUnauthorized, nil)
		return
	}
	p := &fakePayment{state: "pending", merchant: merchant, readsLeft: 3}
	if _, err := fmt.Sscan(r.FormValue("amount"), &p.amount); err != nil || r.FormValue("description") == "" {
		answer(rw, http.StatusBadRequest, nil)
		return
	}
	token := fmt.Sprintf("token-%d", len(w.payments)+1)
	w.payments[token] = p
	answer(rw, http.StatusOK, map[string]any{"token": token})
}

func (w *world) read(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.limited > 0 {
		w.limited--
		answer(rw, http.StatusTooManyRequests, nil)
		return
	}
	p := w.payments[r.PathValue("token")]
	if p == nil || keys[r.Header.Get("Authorization")] != p.merchant {
		answer(rw, http.StatusNotFound, nil)
		return
	}
	if p.readsLeft--; p.readsLeft == 0 && p.merchant == "demo-fast" {
		switch {
		case p.state == "paid" && !w.refundFails:
			p.state = "refunded"
		case p.state == "pending" && w.loseDeclined:
			p.state = "expired"
		case p.state == "pending":
			p.state = "failed"
		}
	}
	outcome := map[string]any{"state": p.state, "state_error": nil, "total_amount": p.amount + p.tip, "tip": p.tip, "method": "asanpardakht", "rrn": "77"}
	if w.wrongTotal {
		outcome["total_amount"] = p.amount
	}
	info := map[string]any{"token": r.PathValue("token"), "amount": p.amount, "paid": nil, "outcome": outcome}
	if p.state != "pending" && p.state != "failed" {
		info["paid"] = "2026-01-01T00:00:00.000000+03:30"
	}
	answer(rw, http.StatusOK, info)
}

func (w *world) collect(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.payments[r.PathValue("token")]
	if p == nil || p.state != "paid" {
		answer(rw, http.StatusConflict, nil)
		return
	}
	p.state = "collected"
	answer(rw, http.StatusOK, map[string]any{})
}

func (w *world) payer(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var wish struct {
		Link, Do, Mobile string
		Tip              int64
	}
	if err := json.NewDecoder(r.Body).Decode(&wish); err != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	token, found := strings.CutPrefix(wish.Link, w.URL+"/pay/")
	p := w.payments[token]
	if !found || p == nil || p.state != "pending" {
		rw.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(rw, `{"error":"nothing to pay at %s"}`, wish.Link)
		return
	}
	if wish.Do == "pay" {
		p.state, p.tip, p.mobile = "paid", wish.Tip, wish.Mobile
	}
	if w.stuck {
		fmt.Fprint(rw, `{"do":"pay","error":"the bank's page has no button"}`)
		return
	}
	fmt.Fprintf(rw, `{"do":%q,"steps":[],"bank":"asanpardakht","invoice":%d,"state":%q}`, wish.Do, len(w.payments), p.state)
}

func (w *world) config(out *bytes.Buffer) Config {
	return Config{
		APIURL: w.URL, SandboxURL: w.URL + "/", UIURL: "http://ui.test", Namespace: "paysaga", BranchToken: "branch-token",
		Out: out, Patience: 2 * time.Second,
	}
}

func TestRunShowsEveryOutcome(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	require.NoError(t, Run(t.Context(), w.config(&out)))

	text := out.String()
	for _, want := range []string{
		"$ curl " + w.URL + "/api/v1/payments -H 'Authorization: test' -d merchant=faSDF42w3Fs -d amount=1200000 -d 'description=Taxi fare, Valiasr to Tajrish'",
		"$ curl " + w.URL + `/payer -H 'Content-Type: application/json' -d '{"link":"` + w.URL + `/pay/token-1","do":"pay","tip":50000}'`,
		"$ curl -X POST " + w.URL + "/api/v1/payments/token-1/collect -H 'Authorization: test'",
		"200  went to asanpardakht (invoice 1), came back to a page in state paid",
		"1,250,000 rial (tip 50,000)",
		"Outcome  collected", "Outcome  refunded", "Outcome  failed",
		"Saga     http://ui.test/namespaces/paysaga/workflows/payment%2Ftoken-1",
		"All 12 outcomes are as promised",
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, "collected", w.payments["token-1"].state)
	require.Equal(t, "demo-fast", w.payments["token-2"].merchant)
}

func TestRunSaysWhatIsNotAsPromised(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(*world)
		says   []string
		shows  string
	}{
		{"no refund", func(w *world) { w.refundFails = true }, []string{`payment token-2 is still "paid" after 2s, not "refunded"`}, ""},
		{"tip lost", func(w *world) { w.wrongTotal = true }, []string{"the bank took 1,200,000 rial, not 1,250,000"}, "state paid, 1,200,000 rial"},
		{"other end", func(w *world) { w.loseDeclined = true }, []string{`payment token-3 ended "expired", not "failed"`}, "200  state expired"},
		{"stuck", func(w *world) { w.stuck = true }, []string{"the payer got stuck: the bank's page has no button"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.breaks(w)
			var out bytes.Buffer
			err := Run(t.Context(), w.config(&out))
			for _, say := range c.says {
				require.ErrorContains(t, err, say)
				require.Contains(t, out.String(), "NOT as promised")
				require.Contains(t, out.String(), c.shows)
			}
			require.Contains(t, out.String(), "12 of 12", "the other sections run all the same")
			require.NotContains(t, out.String(), "outcomes are as promised")
		})
	}
}

func TestRunWithoutAnAPI(t *testing.T) {
	w := newWorld(t)
	cfg := w.config(&bytes.Buffer{})
	w.Close()
	require.ErrorContains(t, Run(t.Context(), cfg), "connection refused")
}

func TestRunEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	w.refundFails = true
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	cfg := w.config(&bytes.Buffer{})
	cfg.Patience = time.Hour
	require.ErrorIs(t, Run(ctx, cfg), context.DeadlineExceeded)
}

func TestARateLimitIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.payments["t"] = &fakePayment{state: "collected", merchant: taxi.id}
	w.limited = 1
	var out bytes.Buffer
	cfg := w.config(&out)
	_, err := newWalker(cfg.withDefaults()).await(t.Context(), taxi, "t", "collected")
	require.NoError(t, err)
}

func TestEnsureSample(t *testing.T) {
	t.Run("pending is paid and collected", func(t *testing.T) {
		w := newWorld(t)
		w.payments["AsF42Sg53"] = &fakePayment{state: "pending", amount: 10000, merchant: taxi.id}
		var out bytes.Buffer
		require.NoError(t, EnsureSample(t.Context(), w.config(&out)))
		p := w.payments["AsF42Sg53"]
		require.Equal(t, fakePayment{state: "collected", amount: 10000, mobile: "09381234525", merchant: taxi.id, readsLeft: p.readsLeft}, *p)
		require.Empty(t, out.String())
	})
	t.Run("paid is collected", func(t *testing.T) {
		w := newWorld(t)
		w.payments["AsF42Sg53"] = &fakePayment{state: "paid", merchant: taxi.id}
		require.NoError(t, EnsureSample(t.Context(), w.config(nil)))
		require.Equal(t, "collected", w.payments["AsF42Sg53"].state)
	})
	t.Run("what ended is left alone", func(t *testing.T) {
		w := newWorld(t)
		w.payments["AsF42Sg53"] = &fakePayment{state: "refunded", merchant: taxi.id}
		require.NoError(t, EnsureSample(t.Context(), w.config(nil)))
		require.Equal(t, "refunded", w.payments["AsF42Sg53"].state)
	})
	t.Run("no sample", func(t *testing.T) {
		require.NoError(t, EnsureSample(t.Context(), newWorld(t).config(nil)))
	})
	t.Run("no API", func(t *testing.T) {
		w := newWorld(t)
		w.Close()
		require.ErrorContains(t, EnsureSample(t.Context(), w.config(nil)), "sample purchase")
	})
}

// A printed line must do in a shell what the program did.
func TestCurlLinesAreCopyable(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell")
	}
	c := call{method: http.MethodPost, url: "http://h/p?a=1&b=2", key: "it's",
		form: []field{{"plain", "x y"}, {"sign", "a&b"}, {"name", "تاکسی"}}}
	out, err := exec.Command("sh", "-c", "curl() { printf '%s|' \"$@\"; }; "+c.curl()).Output()
	require.NoError(t, err)
	require.Equal(t, "http://h/p?a=1&b=2|-H|Authorization: it's|-d|plain=x y|--data-urlencode|sign=a&b|--data-urlencode|name=تاکسی|", string(out))
}
