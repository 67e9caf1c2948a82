package payouts

import (
	"context"
	"errors"
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

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

const ref = "0197a3f2-6f3e-7c11-9a44-1f1f7d0f0b11"

func order() Order {
	return Order{Reference: ref, Amount: 50_000, Rail: PAYA, To: iban(), Holder: "سارا نمونه", Note: "تسویه"}
}

// fakeBank books orders and answers as told.
type fakeBank struct {
	url string
	let chan struct{} // closed when the test ends, for handlers that hang

	mu     sync.Mutex
	booked int
	asked  []string
	bodies []string
	answer http.HandlerFunc
}

func newFakeBank(t *testing.T) *fakeBank {
	f := &fakeBank{let: make(chan struct{})}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.asked = append(f.asked, r.Method+" "+r.URL.EscapedPath())
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

func (f *fakeBank) with(answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fakeBank) says(status int, body string) {
	f.with(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

func (f *fakeBank) book() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.booked++
}

func (f *fakeBank) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.let:
	}
}

func (f *fakeBank) seen() (booked int, asked, bodies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.booked, append([]string(nil), f.asked...), append([]string(nil), f.bodies...)
}

func (f *fakeBank) provider(timeout time.Duration) Provider {
	return NewSandbox(SandboxConfig{BaseURL: f.url + "/", Timeout: timeout})
}

func TestSandboxSend(t *testing.T) {
	due := time.Date(2026, 9, 1, 10, 0, 2, 0, time.UTC)
	for name, c := range map[string]struct {
		status int
		body   string
		want   Receipt
		class  gateways.Class
		code   string
	}{
		"accepted":    {202, `{"reference":"` + ref + `","state":"accepted","id":"9001","due":"2026-09-01T13:30:02+03:30"}`, Receipt{State: Accepted, ID: "9001", Due: due, Why: "the bank has taken the order"}, "", ""},
		"settled":     {200, `{"reference":"` + ref + `","state":"settled","id":"9001","tracking_id":"1405"}`, Receipt{State: Settled, ID: "9001", TrackingID: "1405", Why: "the money has arrived"}, "", ""},
		"sent before": {200, `{"reference":"` + ref + `","state":"returned","id":"9001","code":"account_closed"}`, Receipt{State: Returned, ID: "9001", Code: "account_closed", Why: "the destination's bank sent it back: the account is closed"}, "", ""},

		"refused":      {422, `{"error":"refused"}`, Receipt{}, gateways.ClassRefused, "refused"},
		"bad request":  {400, `{"error":"bad_request"}`, Receipt{}, gateways.ClassRefused, "bad_request"},
		"iban":         {422, `{"error":"invalid_iban"}`, Receipt{}, gateways.ClassRefused, "invalid_iban"},
		"card":         {422, `{"error":"invalid_card"}`, Receipt{}, gateways.ClassRefused, "invalid_card"},
		"empty":        {402, `{"error":"insufficient_funds"}`, Receipt{}, gateways.ClassUnavailable, ""},
		"duplicate":    {409, `{"error":"duplicate_reference"}`, Receipt{}, gateways.ClassUnknown, ""},
		"undetermined": {500, `{"error":"undetermined"}`, Receipt{}, gateways.ClassUnknown, ""},

		"refused by 5xx":     {502, `{"error":"refused"}`, Receipt{}, gateways.ClassUnknown, ""},
		"refused by 200":     {200, `{"error":"refused"}`, Receipt{}, gateways.ClassUnknown, ""},
		"new error":          {422, `{"error":"moon_phase"}`, Receipt{}, gateways.ClassUnknown, ""},
		"another order":      {200, `{"reference":"x","state":"settled","id":"9001","tracking_id":"1"}`, Receipt{}, gateways.ClassUnknown, ""},
		"settled, no track":  {200, `{"reference":"` + ref + `","state":"settled","id":"9001"}`, Receipt{}, gateways.ClassUnknown, ""},
		"without its number": {200, `{"reference":"` + ref + `","state":"accepted"}`, Receipt{}, gateways.ClassUnknown, ""},
		"odd number":         {200, `{"reference":"` + ref + `","state":"accepted","id":"<b>"}`, Receipt{}, gateways.ClassUnknown, ""},
		"odd track":          {200, `{"reference":"` + ref + `","state":"settled","id":"1","tracking_id":"<b>"}`, Receipt{}, gateways.ClassUnknown, ""},
		"new state":          {200, `{"reference":"` + ref + `","state":"pondering","id":"9001"}`, Receipt{}, gateways.ClassUnknown, ""},
		"state not found":    {200, `{"reference":"` + ref + `","state":"not_found","id":"9001"}`, Receipt{}, gateways.ClassUnknown, ""},
		"settled by 409":     {409, `{"reference":"` + ref + `","state":"settled","id":"9001","tracking_id":"1"}`, Receipt{}, gateways.ClassUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeBank(t)
			f.says(c.status, c.body)
			got, err := f.provider(5*time.Second).Send(t.Context(), order())
			require.Equal(t, c.want, got)
			requireClass(t, c.class, c.code, err)
			_, asked, bodies := f.seen()
			require.Equal(t, []string{"POST /payout/v1/orders"}, asked)
			require.JSONEq(t, `{"reference":"`+ref+`","amount":50000,"rail":"paya","iban":"`+testIBAN+`","holder":"سارا نمونه","note":"تسویه"}`, bodies[0])
		})
	}
}

func requireClass(t *testing.T, class gateways.Class, code string, err error) {
	t.Helper()
	if class == "" {
		require.NoError(t, err)
		return
	}
	require.Error(t, err)
	require.Equal(t, class, gateways.Classify(err), "%v", err)
	var refused *gateways.Refused
	if errors.As(err, &refused) {
		require.Equal(t, code, refused.Code)
		require.NotEmpty(t, refused.Why)
	}
	for _, secret := range []string{testIBAN, testCard, testIBAN[8:20]} {
		require.NotContains(t, err.Error(), secret)
	}
}

func TestSandboxSendsToACard(t *testing.T) {
	f := newFakeBank(t)
	f.says(200, `{"reference":"`+ref+`","state":"settled","id":"1","tracking_id":"7"}`)
	o := Order{Reference: ref, Amount: 50_000, Rail: Card, To: card(t)}
	_, err := f.provider(5*time.Second).Send(t.Context(), o)
	require.NoError(t, err)
	_, _, bodies := f.seen()
	require.JSONEq(t, `{"reference":"`+ref+`","amount":50000,"rail":"card","card":"`+testCard+`"}`, bodies[0])
}

func TestSandboxTooLittleIsTriedAgainLater(t *testing.T) {
	f := newFakeBank(t)
	f.says(402, `{"error":"insufficient_funds"}`)
	_, err := f.provider(5*time.Second).Send(t.Context(), order())
	var later *gateways.Unavailable
	require.ErrorAs(t, err, &later)
	require.Equal(t, time.Minute, later.After)
}

func TestSandboxInquire(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   Report
		class  gateways.Class
		code   string
	}{
		"accepted":         {200, `{"reference":"` + ref + `","state":"accepted","id":"9001"}`, Report{State: Accepted, ID: "9001", Why: "the bank has taken the order"}, "", ""},
		"settled":          {200, `{"reference":"` + ref + `","state":"settled","id":"9001","tracking_id":"1405"}`, Report{State: Settled, ID: "9001", TrackingID: "1405", Why: "the money has arrived"}, "", ""},
		"returned":         {200, `{"reference":"` + ref + `","state":"returned","id":"9001","code":"account_closed"}`, Report{State: Returned, ID: "9001", Code: "account_closed", Why: "the destination's bank sent it back: the account is closed"}, "", ""},
		"failed":           {200, `{"reference":"` + ref + `","state":"failed","id":"9001","code":"refused"}`, Report{State: Failed, ID: "9001", Code: "refused", Why: "the bank refused the order"}, "", ""},
		"returned somehow": {200, `{"reference":"` + ref + `","state":"returned","id":"9001","code":"<b>"}`, Report{State: Returned, ID: "9001", Code: "returned", Why: "the money was not taken at the other end"}, "", ""},
		"none":             {404, `{"error":"no_such_order"}`, Report{State: NotFound, Code: "no_such_order", Why: "the bank has no such order"}, "", ""},
		"forbidden":        {403, `{"error":"forbidden"}`, Report{}, gateways.ClassRefused, "forbidden"},
		"a proxy's 404":    {404, `<html>not found</html>`, Report{}, gateways.ClassUnknown, ""},
		"another's 404":    {404, `{"error":"no_such_page"}`, Report{}, gateways.ClassUnknown, ""},
		"refused":          {422, `{"error":"refused"}`, Report{}, gateways.ClassUnknown, ""},
		"another order":    {200, `{"reference":"x","state":"failed","id":"9001"}`, Report{}, gateways.ClassUnknown, ""},
		"undetermined":     {500, `{"error":"undetermined"}`, Report{}, gateways.ClassUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeBank(t)
			f.says(c.status, c.body)
			got, err := f.provider(5*time.Second).Inquire(t.Context(), ref)
			require.Equal(t, c.want, got)
			requireClass(t, c.class, c.code, err)
			_, asked, _ := f.seen()
			require.Equal(t, []string{"GET /payout/v1/orders/" + ref}, asked)
		})
	}
}

func TestSendWhenTheWireFails(t *testing.T) {
	const ok = `{"reference":"` + ref + `","state":"settled","id":"9001","tracking_id":"1405"}`
	silences := map[string]func(f *fakeBank, w http.ResponseWriter, r *http.Request){
		"timeout before effect": func(f *fakeBank, _ http.ResponseWriter, r *http.Request) { f.hang(r) },
		"timeout after effect":  func(f *fakeBank, _ http.ResponseWriter, r *http.Request) { f.book(); f.hang(r) },
		"broken connection": func(f *fakeBank, w http.ResponseWriter, _ *http.Request) {
			f.book()
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		},
		"broken body": func(f *fakeBank, w http.ResponseWriter, _ *http.Request) {
			f.book()
			w.Header().Set("Content-Length", "9999")
			_, _ = io.WriteString(w, ok)
		},
		"huge body": func(f *fakeBank, w http.ResponseWriter, _ *http.Request) {
			f.book()
			_, _ = io.WriteString(w, ok+strings.Repeat(" ", 1<<20))
		},
		"redirect": func(f *fakeBank, w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "elsewhere") {
				f.book()
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		},
		"garbage": func(f *fakeBank, w http.ResponseWriter, _ *http.Request) {
			f.book()
			_, _ = io.WriteString(w, "<html>"+testIBAN+"</html>")
		},
		"nothing":        func(f *fakeBank, _ http.ResponseWriter, _ *http.Request) { f.book() },
		"half an answer": func(f *fakeBank, w http.ResponseWriter, _ *http.Request) { f.book(); _, _ = io.WriteString(w, ok[:40]) },
	}
	for _, status := range []int{500, 502, 503, 504, 404, 401, 429} {
		silences[fmt.Sprint("status ", status)] = func(f *fakeBank, w http.ResponseWriter, _ *http.Request) {
			f.book()
			w.WriteHeader(status)
			_, _ = io.WriteString(w, ok)
		}
	}
	for what, play := range silences {
		t.Run(what, func(t *testing.T) {
			timeout := 5 * time.Second
			if strings.HasPrefix(what, "timeout") {
				timeout = 50 * time.Millisecond
			}
			f := newFakeBank(t)
			f.with(func(w http.ResponseWriter, r *http.Request) { play(f, w, r) })
			_, err := f.provider(timeout).Send(t.Context(), order())
			requireClass(t, gateways.ClassUnknown, "", err)
			booked, asked, _ := f.seen()
			require.LessOrEqual(t, booked, 1)
			require.Len(t, asked, 1, "an order is sent once")

			_, err = f.provider(timeout).Inquire(t.Context(), ref)
			require.Error(t, err)
			require.NotEqual(t, gateways.ClassRefused, gateways.Classify(err), "a question without an answer says nothing")
		})
	}
}

func TestAnOrderThatNeverLeftMayBeSentAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, url := range []string{"http://" + l.Addr().String(), "::not an address"} {
		p := NewSandbox(SandboxConfig{BaseURL: url, Timeout: time.Second})
		_, err := p.Send(t.Context(), order())
		requireClass(t, gateways.ClassUnavailable, "", err)
		_, err = p.Inquire(t.Context(), ref)
		requireClass(t, gateways.ClassUnavailable, "", err)
	}
}

func TestImpossibleOrdersAreNotSent(t *testing.T) {
	for what, spoil := range map[string]func(o *Order){
		"no reference":      func(o *Order) { o.Reference = "" },
		"long reference":    func(o *Order) { o.Reference = strings.Repeat("r", 65) },
		"path in it":        func(o *Order) { o.Reference = "../balance" },
		"no destination":    func(o *Order) { o.To = Destination{} },
		"no rail":           func(o *Order) { o.Rail = "" },
		"new rail":          func(o *Order) { o.Rail = "pol" },
		"card rail to IBAN": func(o *Order) { o.Rail = Card },
		"PAYA to a card":    func(o *Order) { o.To = card(t) },
		"nothing":           func(o *Order) { o.Amount = 0 },
		"too little":        func(o *Order) { o.Amount = 9_999 },
		"too much":          func(o *Order) { o.Amount = 1_000_000_001 },
		"long note":         func(o *Order) { o.Note = strings.Repeat("ن", MaxNote+1) },
	} {
		t.Run(what, func(t *testing.T) {
			f := newFakeBank(t)
			o := order()
			spoil(&o)
			_, err := f.provider(time.Second).Send(t.Context(), o)
			requireClass(t, gateways.ClassRefused, codeInvalid, err)
			_, asked, _ := f.seen()
			require.Empty(t, asked)
		})
	}
	_, err := NewSandbox(SandboxConfig{BaseURL: "http://127.0.0.1:1"}).Inquire(t.Context(), "..")
	requireClass(t, gateways.ClassRefused, codeInvalid, err)
}

func TestTheTimeoutAndTheContextBothCount(t *testing.T) {
	f := newFakeBank(t)
	f.with(func(_ http.ResponseWriter, r *http.Request) { f.hang(r) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.provider(time.Minute).Send(ctx, order())
	requireClass(t, gateways.ClassUnknown, "", err)

	client := &http.Client{Timeout: time.Minute}
	_, err = NewSandbox(SandboxConfig{BaseURL: f.url, Client: client, Timeout: 50 * time.Millisecond}).Send(t.Context(), order())
	requireClass(t, gateways.ClassUnknown, "", err)
	require.Nil(t, client.CheckRedirect, "the caller's client stays as it was")
}

func TestSandboxCapabilities(t *testing.T) {
	p := NewSandbox(SandboxConfig{BaseURL: "http://x"})
	require.Equal(t, "sandbox", p.Name())
	can := p.Capabilities()
	require.Equal(t, 6*time.Second, can.Settles)
	require.Greater(t, can.Settles, 2*p.(*sandbox).timeout, "an order may be under way for a whole call")
	for amount, want := range map[money.Rial]Rail{10_000: PAYA, 1_000_000_000: PAYA, 1_000_000_001: SATNA} {
		r, err := can.RailFor(amount, KindIBAN)
		require.NoError(t, err)
		require.Equal(t, want, r.Rail)
		require.Equal(t, 2*time.Second, r.Cycle)
	}
	r, err := can.RailFor(100_000_000, KindCard)
	require.NoError(t, err)
	require.Zero(t, r.Cycle)
}
