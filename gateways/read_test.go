package gateways

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lines is a bank that answers its calls with one line after the other, "200 body", and notes what was asked.
type lines struct {
	t       *testing.T
	answers []string
	paths   []string
	bodies  []string
}

func (l *lines) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		l.t.Errorf("read the call: %v", err)
	}
	l.paths, l.bodies = append(l.paths, r.URL.Path), append(l.bodies, string(body))
	if len(l.answers) == 0 {
		l.t.Errorf("unexpected call of %s", r.URL.Path)
		return
	}
	status, text, _ := strings.Cut(l.answers[0], " ")
	l.answers = l.answers[1:]
	w.WriteHeader(map[string]int{"200": 200, "302": 302, "429": 429, "500": 500, "502": 502}[status])
	_, _ = io.WriteString(w, text)
}

// opened opens an account at a bank that answers with the given lines.
func opened(t *testing.T, bank func(string, *http.Client) Bank, c Credentials, answers ...string) (*lines, Gateway) {
	t.Helper()
	l := &lines{t: t, answers: answers}
	srv := httptest.NewServer(l)
	t.Cleanup(srv.Close)
	g, err := bank(srv.URL+"/", NewHTTPClient(5*time.Second)).Open(c)
	require.NoError(t, err)
	return l, g
}

// asked are the last parts of the paths that were called.
func (l *lines) asked() string {
	out := make([]string, len(l.paths))
	for i, p := range l.paths {
		out[i] = p[strings.LastIndex(p, "/")+1:]
	}
	return strings.Join(out, " ")
}

func (l *lines) sent(n int) map[string]any {
	var out map[string]any
	require.NoError(l.t, json.Unmarshal([]byte(l.bodies[n]), &out))
	return out
}

// oddAnswers are what no bank's documentation has.
var oddAnswers = map[string]string{
	"a proxy's page": "502 <html>10.0.0.1</html>",
	"a page with ok": "200 <html>10.0.0.1</html>",
	"empty":          "200 ",
	"null":           "200 null",
	"a list":         "200 []",
	"another object": `200 {"error":"10.0.0.1"}`,
	"a redirect":     "302 ",
	"server error":   "500 oops",
}

// requireOddIsUnknown makes a call with every odd answer.
func requireOddIsUnknown(t *testing.T, bank func(string, *http.Client) Bank, c Credentials, call func(Gateway) error) {
	t.Helper()
	for name, answer := range oddAnswers {
		_, g := opened(t, bank, c, answer)
		err := call(g)
		requireClass(t, ClassUnknown, err)
		require.NotContains(t, err.Error(), "10.0.0.1", name)
	}
	_, g := opened(t, bank, c, "429 ")
	requireClass(t, ClassUnavailable, call(g))
}

func TestWord(t *testing.T) {
	for in, want := range map[string]word{`"a"`: "a", `" 7 "`: "7", `7`: "7", `null`: "", `""`: ""} {
		var got word
		require.NoError(t, json.Unmarshal([]byte(in), &got), in)
		require.Equal(t, want, got, in)
	}
	for _, in := range []string{`{}`, `[1]`, `true`} {
		var got word
		require.Error(t, json.Unmarshal([]byte(in), &got), in)
	}
	for in, want := range map[word]int64{"7": 7, "-7": 0, "7.5": 0, "": 0, "x": 0, "99999999999999999999": 0} {
		require.Equal(t, want, in.integer(), in)
	}
}

func TestSaid(t *testing.T) {
	v := Visit{Callback: map[string]string{"RefNum": " a ", "resnum": "7", "STATE": "x", "state": "y"}}
	require.Equal(t, "a", said(v, "RefNum"))
	require.Equal(t, "7", said(v, "ResNum"))
	require.Empty(t, said(v, "State"), "two that differ in nothing else")
	require.Equal(t, "y", said(v, "state"))
	require.Empty(t, said(v, "Token"))
	require.Empty(t, said(Visit{}, "Token"))
}
