package wallets

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
)

const (
	testRef  = "0197a3f2-6f3e-7c11-9a44-1f1f7d0f0b11"
	testIBAN = "IR270170000000100324200001"
)

// fakeBank answers as told.
type fakeBank struct {
	url string
	let chan struct{} // closed when the test ends, for handlers that hang

	mu     sync.Mutex
	asked  []string
	bodies []string
	answer http.HandlerFunc
}

func newFakeBank(t *testing.T) *fakeBank {
	f := &fakeBank{let: make(chan struct{})}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI())
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

func (f *fakeBank) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-f.let:
	}
}

func (f *fakeBank) seen() (asked, bodies []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...), append([]string(nil), f.bodies...)
}

func (f *fakeBank) provider(timeout time.Duration) Provider {
	return NewSandbox(SandboxConfig{BaseURL: f.url + "/", Timeout: timeout})
}

func opening() Opening { return Opening{Reference: testRef, Holder: "سارا نمونه"} }

func requireClass(t *testing.T, class gateways.Class, code string, err error) {
	t.Helper()
	if class == "" {
		require.NoError(t, err)
		return
	}
	require.Error(t, err)
	require.Equal(t, class, gateways.Classify(err), "%v", err)
	var refused *gateways.Refused
	var unavailable *gateways.Unavailable
	var unknown *gateways.Unknown
	require.True(t, errors.As(err, &refused) || errors.As(err, &unavailable) || errors.As(err, &unknown), "%v", err)
	if refused != nil {
		require.Equal(t, code, refused.Code)
		require.NotEmpty(t, refused.Why)
	}
	for _, secret := range []string{testIBAN, testIBAN[8:20]} {
		require.NotContains(t, err.Error(), secret)
	}
}

func TestSandboxOpen(t *testing.T) {
	const good = `"reference":"` + testRef + `"`
	for name, c := range map[string]struct {
		status int
		body   string
		want   string
		class  gateways.Class
		code   string
	}{
		"opened": {200, `{` + good + `,"iban":"` + testIBAN + `","holder":"x","at":"2026-09-01T13:30:02Z"}`, testIBAN, "", ""},

		"refused":      {422, `{"error":"refused"}`, "", gateways.ClassRefused, "refused"},
		"bad request":  {400, `{"error":"bad_request"}`, "", gateways.ClassRefused, "bad_request"},
		"too often":    {429, `{"error":"refused"}`, "", gateways.ClassUnavailable, ""},
		"undetermined": {500, `{"error":"undetermined"}`, "", gateways.ClassUnknown, ""},

		"another reference": {200, `{"reference":"x","iban":"` + testIBAN + `"}`, "", gateways.ClassUnknown, ""},
		"no reference":      {200, `{"iban":"` + testIBAN + `"}`, "", gateways.ClassUnknown, ""},
		"no iban":           {200, `{` + good + `}`, "", gateways.ClassUnknown, ""},
		"wrong check digit": {200, `{` + good + `,"iban":"IR280170000000100324200001"}`, "", gateways.ClassUnknown, ""},
		"another writing":   {200, `{` + good + `,"iban":"IR27 0170000000100324200001"}`, "", gateways.ClassUnknown, ""},
		"iban as a number":  {200, `{` + good + `,"iban":27}`, "", gateways.ClassUnknown, ""},
		"refused by 5xx":    {502, `{"error":"refused"}`, "", gateways.ClassUnknown, ""},
		"refused by 200":    {200, `{"error":"refused"}`, "", gateways.ClassUnknown, ""},
		"new error":         {422, `{"error":"moon_phase"}`, "", gateways.ClassUnknown, ""},
		"opened by 409":     {409, `{` + good + `,"iban":"` + testIBAN + `"}`, "", gateways.ClassUnknown, ""},
		"of another kind":   {200, `{` + good + `,"iban":"` + testIBAN + `","deposits":5}`, "", gateways.ClassUnknown, ""},
		"nothing":           {200, ``, "", gateways.ClassUnknown, ""},
		"a page":            {200, `<html>`, "", gateways.ClassUnknown, ""},
		"null":              {200, `null`, "", gateways.ClassUnknown, ""},
		"half":              {200, `{` + good + `,"iban":"` + testIBAN + `"`, "", gateways.ClassUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeBank(t)
			f.says(c.status, c.body)
			got, err := f.provider(5*time.Second).Open(t.Context(), opening())
			require.Equal(t, Account{IBAN: c.want}, got)
			requireClass(t, c.class, c.code, err)
			asked, bodies := f.seen()
			require.Equal(t, []string{"POST /wallet/accounts"}, asked)
			require.JSONEq(t, `{"reference":"`+testRef+`","holder":"سارا نمونه"}`, bodies[0])
		})
	}
}

// listed is an answer with deposits.
func listed(deposits ...string) string {
	return `{"iban":"` + testIBAN + `","deposits":[` + strings.Join(deposits, ",") + `]}`
}

func line(id string) string {
	return `{"id":"` + id + `","amount":5000,"from":"","tracking_id":"9602","at":"2026-09-01T13:30:02+03:30"}`
}

func TestSandboxDeposits(t *testing.T) {
	at := time.Date(2026, 9, 1, 10, 0, 2, 0, time.UTC)
	full := make([]string, Page+1)
	for i := range full {
		full[i] = line(fmt.Sprint("e", i))
	}
	for name, c := range map[string]struct {
		status int
		body   string
		want   []Deposit
		class  gateways.Class
		code   string
	}{
		"none": {200, listed(), []Deposit{}, "", ""},
		"some": {200, listed(
			`{"id":"d2","amount":5000,"from":"589210******7895","tracking_id":"96","at":"2026-09-01T13:30:02+03:30"}`,
			`{"id":"d3","amount":9007199254740992,"from":"IR82017***************2345","tracking_id":"","at":"2026-09-01T10:00:02Z"}`,
		), []Deposit{{"d2", 5_000, "589210******7895", "96", at}, {"d3", 1 << 53, "IR82017***************2345", "", at}}, "", ""},
		"a whole card is not shown": {200, listed(`{"id":"d2","amount":5,"from":"5892101234567895","at":"2026-09-01T10:00:02Z"}`), []Deposit{{"d2", 5, "", "", at}}, "", ""},

		"unknown account": {404, `{"error":"no_such_account"}`, nil, gateways.ClassRefused, "no_such_account"},
		"foreign after":   {422, `{"error":"no_such_deposit"}`, nil, gateways.ClassRefused, "no_such_deposit"},
		"bad request":     {400, `{"error":"bad_request"}`, nil, gateways.ClassRefused, "bad_request"},
		"forbidden":       {403, `{"error":"forbidden"}`, nil, gateways.ClassRefused, "forbidden"},
		"too often":       {429, ``, nil, gateways.ClassUnavailable, ""},

		"a proxy's 404":      {404, `<html>not found</html>`, nil, gateways.ClassUnknown, ""},
		"undetermined":       {500, `{"error":"undetermined"}`, nil, gateways.ClassUnknown, ""},
		"listed by 500":      {500, listed(line("d2")), nil, gateways.ClassUnknown, ""},
		"another account":    {200, `{"iban":"IR280170000000100324200001","deposits":[]}`, nil, gateways.ClassUnknown, ""},
		"no list":            {200, `{"iban":"` + testIBAN + `"}`, nil, gateways.ClassUnknown, ""},
		"null list":          {200, `{"iban":"` + testIBAN + `","deposits":null}`, nil, gateways.ClassUnknown, ""},
		"too many":           {200, listed(full...), nil, gateways.ClassUnknown, ""},
		"the last one again": {200, listed(line("d1")), nil, gateways.ClassUnknown, ""},
		"one twice":          {200, listed(line("d2"), line("d2")), nil, gateways.ClassUnknown, ""},
		"one without an id":  {200, listed(line("d2"), line("")), nil, gateways.ClassUnknown, ""},
		"odd id":             {200, listed(line("d/2")), nil, gateways.ClassUnknown, ""},
		"odd tracking":       {200, listed(`{"id":"d2","amount":5,"tracking_id":"<b>","at":"2026-09-01T10:00:02Z"}`), nil, gateways.ClassUnknown, ""},
		"amount zero":        {200, listed(`{"id":"d2","amount":0,"at":"2026-09-01T10:00:02Z"}`), nil, gateways.ClassUnknown, ""},
		"amount negative":    {200, listed(`{"id":"d2","amount":-5,"at":"2026-09-01T10:00:02Z"}`), nil, gateways.ClassUnknown, ""},
		"amount above max":   {200, listed(`{"id":"d2","amount":9007199254740993,"at":"2026-09-01T10:00:02Z"}`), nil, gateways.ClassUnknown, ""},
		"amount huge":        {200, listed(`{"id":"d2","amount":99999999999999999999,"at":"2026-09-01T10:00:02Z"}`), nil, gateways.ClassUnknown, ""},
		"amount a fraction":  {200, listed(`{"id":"d2","amount":1.5,"at":"2026-09-01T10:00:02Z"}`), nil, gateways.ClassUnknown, ""},
		"no time":            {200, listed(`{"id":"d2","amount":5}`), nil, gateways.ClassUnknown, ""},
		"broken time":        {200, listed(`{"id":"d2","amount":5,"at":"yesterday"}`), nil, gateways.ClassUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFakeBank(t)
			f.says(c.status, c.body)
			got, err := f.provider(5*time.Second).Deposits(t.Context(), testIBAN, "d1")
			require.Equal(t, c.want, got)
			requireClass(t, c.class, c.code, err)
			asked, _ := f.seen()
			require.Equal(t, []string{"GET /wallet/accounts/" + testIBAN + "/deposits?after=d1&limit=50"}, asked)
		})
	}
}

func TestSandboxDepositsFromTheFirst(t *testing.T) {
	f := newFakeBank(t)
	full := make([]string, Page)
	for i := range full {
		full[i] = line(fmt.Sprint("d", i))
	}
	f.says(200, listed(full...))
	got, err := f.provider(5*time.Second).Deposits(t.Context(), testIBAN, "")
	require.NoError(t, err)
	require.Len(t, got, Page)
	asked, _ := f.seen()
	require.Equal(t, []string{"GET /wallet/accounts/" + testIBAN + "/deposits?limit=50"}, asked)
}

func TestWhenTheWireFails(t *testing.T) {
	open := `{"reference":"` + testRef + `","iban":"` + testIBAN + `"}`
	for what, c := range map[string]struct {
		play       func(f *fakeBank, w http.ResponseWriter, r *http.Request)
		open, list gateways.Class
	}{
		"timeout": {func(f *fakeBank, _ http.ResponseWriter, r *http.Request) { f.hang(r) }, gateways.ClassUnknown, gateways.ClassUnavailable},
		"broken connection": {func(_ *fakeBank, w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}, gateways.ClassUnknown, gateways.ClassUnavailable},
		"broken body": {func(_ *fakeBank, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9999")
			_, _ = io.WriteString(w, open)
		}, gateways.ClassUnknown, gateways.ClassUnavailable},
		"huge body": {func(_ *fakeBank, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, open+strings.Repeat(" ", 1<<20))
		}, gateways.ClassUnknown, gateways.ClassUnknown},
		"redirect": {func(_ *fakeBank, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, gateways.ClassUnknown, gateways.ClassUnknown},
	} {
		t.Run(what, func(t *testing.T) {
			timeout := 5 * time.Second
			if what == "timeout" {
				timeout = 50 * time.Millisecond
			}
			f := newFakeBank(t)
			f.with(func(w http.ResponseWriter, r *http.Request) { c.play(f, w, r) })
			_, err := f.provider(timeout).Open(t.Context(), opening())
			requireClass(t, c.open, "", err)
			asked, _ := f.seen()
			require.Equal(t, []string{"POST /wallet/accounts"}, asked)
			_, err = f.provider(timeout).Deposits(t.Context(), testIBAN, "")
			requireClass(t, c.list, "", err)
		})
	}
}

func TestAQuestionThatNeverLeftMayBeAskedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for _, url := range []string{"http://" + l.Addr().String(), "::not an address"} {
		p := NewSandbox(SandboxConfig{BaseURL: url, Timeout: time.Second})
		_, err := p.Open(t.Context(), opening())
		requireClass(t, gateways.ClassUnavailable, "", err)
		_, err = p.Deposits(t.Context(), testIBAN, "")
		requireClass(t, gateways.ClassUnavailable, "", err)
	}
}

func TestImpossibleQuestionsAreNotAsked(t *testing.T) {
	f := newFakeBank(t)
	f.says(200, `{}`)
	p := f.provider(time.Second)
	for what, o := range map[string]Opening{
		"no reference":   {Holder: "h"},
		"long reference": {Reference: strings.Repeat("r", 65)},
		"path in it":     {Reference: "../deposit"},
		"long holder":    {Reference: testRef, Holder: strings.Repeat("ن", MaxHolder+1)},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := p.Open(t.Context(), o)
			requireClass(t, gateways.ClassRefused, codeInvalid, err)
		})
	}
	for what, c := range map[string]struct{ iban, after string }{
		"no iban":        {"", ""},
		"wrong iban":     {"IR280170000000100324200001", ""},
		"without IR":     {testIBAN[2:], ""},
		"path in it":     {"../" + testIBAN, ""},
		"path in after":  {testIBAN, "../1"},
		"query in after": {testIBAN, "1&limit=9"},
		"long after":     {testIBAN, strings.Repeat("1", 65)},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := p.Deposits(t.Context(), c.iban, c.after)
			requireClass(t, gateways.ClassRefused, codeInvalid, err)
		})
	}
	asked, _ := f.seen()
	require.Empty(t, asked)
}

func TestTheTimeoutAndTheContextBothCount(t *testing.T) {
	f := newFakeBank(t)
	f.with(func(_ http.ResponseWriter, r *http.Request) { f.hang(r) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := f.provider(time.Minute).Open(ctx, opening())
	requireClass(t, gateways.ClassUnknown, "", err)

	client, start := &http.Client{Timeout: time.Minute}, time.Now()
	_, err = NewSandbox(SandboxConfig{BaseURL: f.url, Client: client, Timeout: 50 * time.Millisecond}).Open(t.Context(), opening())
	requireClass(t, gateways.ClassUnknown, "", err)
	require.Less(t, time.Since(start), 30*time.Second)
	require.Nil(t, client.CheckRedirect, "the caller's client stays as it was")
	require.Equal(t, 2500*time.Millisecond, NewSandbox(SandboxConfig{}).(*sandbox).timeout)
}

func TestSender(t *testing.T) {
	for from, want := range map[string]string{
		"":                           "",
		"589210******7895":           "589210******7895",
		"5892-10** ****-7895":        "5892-10** ****-7895",
		"IR82017***************2345": "IR82017***************2345",
		"5892101234567895":           "",
		"5892101234567895*":          "",
		"IR820170000000100324200001": "",
		"Sara":                       "",
		"<b>*</b>":                   "",
		"*\n*":                       "",
		strings.Repeat("*", 33):      "",
	} {
		require.Equal(t, want, sender(from), from)
	}
}

func TestRegistry(t *testing.T) {
	p := NewSandbox(SandboxConfig{BaseURL: "http://x"})
	require.Equal(t, "sandbox", p.Name())
	got, err := Registry{p.Name(): p}.Get("sandbox")
	require.NoError(t, err)
	require.Equal(t, p, got)
	_, err = Registry{}.Get("moon")
	require.EqualError(t, err, `no such provider of wallets: "moon"`)
}
