package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/stack"
)

// The commands, as a person in a terminal uses them beside the running system.

func TestHelpIsReadable(t *testing.T) {
	t.Parallel()
	all := shared.mustRun(t, "--help")
	commands := []string{"up", "api", "worker", "sandbox", "migrate", "demo", "audit", "replay", "merchant", "gateway", "key", "token", "payment", "topup", "payout", "wallet", "listen", "trigger", "version"}
	for _, name := range commands {
		require.Regexp(t, `(?m)^  `+name+` +\S+`, all, "the list says what each is for")
	}
	// One process each is slow on a busy machine: only the commands with sub-commands or many flags.
	for _, command := range []string{"up", "audit", "replay", "token", "merchant put", "merchant card", "gateway put", "key create", "payment stuck", "payment show", "payment resolve", "payout resolve", "wallet show", "listen", "trigger"} {
		out := shared.mustRun(t, append(strings.Fields(command), "--help")...)
		require.Contains(t, out, "Usage:")
		require.Contains(t, out, "paysaga "+command)
		require.NotContains(t, out, "panic")
	}
	resolve := shared.mustRun(t, "payment", "resolve", "--help")
	for _, flag := range []string{"--attempt", "--as", "--by", "--reason", "Examples:"} {
		require.Contains(t, resolve, flag)
	}
}

func TestUnknownCommandSaysSo(t *testing.T) {
	t.Parallel()
	out, code := shared.command("collect")
	require.Equal(t, 1, code)
	require.Contains(t, out, `unknown command "collect"`)
}

func TestVersion(t *testing.T) {
	t.Parallel()
	version := strings.TrimSpace(shared.mustRun(t, "version"))
	require.NotEmpty(t, version)
	require.JSONEq(t, fmt.Sprintf(`{"version":%q}`, version), string(get(t, shared.inst.APIURL+"/version").body))
}

func TestMerchantAndKeysByCommand(t *testing.T) {
	t.Parallel()
	m := shared.with(t, "e2e-bakery", 10*time.Minute)
	require.Regexp(t, `(?m)^e2e-bakery +e2e-bakery +10m0s +asanpardakht,zarinpal,zibal,sandbox +enabled$`, shared.mustRun(t, "merchant", "list"))
	token := m.create(t, 12_000)

	list := shared.mustRun(t, "key", "list", m.id)
	require.NotContains(t, list, m.key, "a key is shown once")
	row := regexp.MustCompile(`(?m)^(\d+) +` + m.key[len(m.key)-4:] + ` .* live$`).FindStringSubmatch(list)
	require.NotNil(t, row, "%s", list)

	require.Equal(t, http.StatusOK, m.must(t, http.MethodGet, "/"+token, nil).status, "the key is remembered now")
	shared.mustRun(t, "key", "revoke", row[1])
	await(t, 1500*time.Millisecond, "a revoked key is refused within a second", func() (bool, string) {
		a := m.must(t, http.MethodGet, "/"+token, nil)
		return a.status == http.StatusUnauthorized, fmt.Sprint(a.status)
	})
	require.Contains(t, shared.mustRun(t, "key", "list", m.id), "revoked")

	out, code := shared.command("key", "create", "nobody")
	require.Equal(t, 1, code)
	require.Contains(t, out, "nobody")
}

func TestBadMerchantIsRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	out, code := shared.command("merchant", "put", "e2e-slow", "--gateways", "zibal", "--collect-within", "21m")
	require.Equal(t, 1, code, "%s", out)
	require.Contains(t, out, "at most 20m")
	out, code = shared.command("merchant", "put", "سنگک", "--gateways", "zibal")
	require.Equal(t, 1, code, "%s", out)
	require.Contains(t, out, "letters, digits")
	require.NotContains(t, shared.mustRun(t, "merchant", "list"), "e2e-slow")
}

func TestBranchToken(t *testing.T) {
	t.Parallel()
	out := shared.mustRun(t, "token", "--branch", "31")
	require.Regexp(t, `^[\w-]+\.[\w-]+\.[\w-]+\n$`, out, "the token and nothing else, for $(paysaga token …)")
	b := branch{shared.taxi(), 31, strings.TrimSpace(out)}
	p := b.sells(t, 1_000)

	admin := branch{b.m, 31, strings.TrimSpace(shared.mustRun(t, "token", "--merchant", "faSDF42w3Fs"))}
	r, err := admin.call(t.Context(), http.MethodGet, fmt.Sprintf("/%d?branch=31", p.ID), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	short := branch{b.m, 31, strings.TrimSpace(shared.mustRun(t, "token", "--branch", "31", "--for", "-1h"))}
	r, err = short.call(t.Context(), http.MethodGet, "", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, r.status)

	for name, args := range map[string][]string{
		"a branch that does not exist": {"--branch", "404"}, "a merchant that does not exist": {"--merchant", "nobody"},
		"neither": {}, "both": {"--branch", "31", "--merchant", "faSDF42w3Fs"},
	} {
		out, code := shared.command(append([]string{"token"}, args...)...)
		require.Equal(t, 1, code, name)
		require.NotRegexp(t, `[\w-]{20,}\.[\w-]{20,}\.`, out, name)
	}
	require.Contains(t, string(get(t, shared.inst.APIURL+"/.well-known/jwks.json").body), `"alg":"EdDSA"`)
}

func TestShowAPayment(t *testing.T) {
	t.Parallel()
	var out string
	await(t, 20*time.Second, "the settlement, which follows the collect", func() (bool, string) {
		out = shared.mustRun(t, "payment", "show", "AsF42Sg53")
		return strings.Contains(out, "settled"), out
	})
	require.Contains(t, out, "10,000 rial, collected")
	require.Contains(t, out, shared.inst.UIURL+"/namespaces/paysaga/workflows/payment%2FAsF42Sg53")
	for _, kind := range []string{"created", "attempt_started", "callback", "paid", "collected", "settled"} {
		require.Regexp(t, `(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d* +`+kind+`\b`, out)
	}
	_, code := shared.command("payment", "show", "nosuchtoken")
	require.Equal(t, 1, code)
}

func TestNobodyIsStuck(t *testing.T) {
	t.Parallel()
	require.Empty(t, shared.stuck(t))
}

func TestReplayOfTheRunningServer(t *testing.T) {
	t.Parallel()
	out := shared.mustRun(t, "replay", "--since", "1h")
	require.Regexp(t, `(?m)^[1-9]\d* sagas replayed, 0 broken$`, out)
}

func TestSecondUpInTheSameHomeSaysSo(t *testing.T) {
	t.Parallel()
	again := shared.terminal(t.Context(), "up")
	again.Env = append(again.Env, "PAYSAGA_ENV=dev", "PAYSAGA_DEVSTACK="+devstackBin)
	out, code := runCommand(again)
	require.Equal(t, 1, code)
	require.Contains(t, out, "already running in "+shared.home)
	require.Contains(t, out, shared.inst.APIURL)
	require.Equal(t, http.StatusOK, get(t, shared.inst.APIURL+"/readyz").status)
}

// `paysaga up` on an empty home, as `make up` calls it, until Ctrl-C. Its walk-through is the first thing a
// newcomer sees.
func TestUp(t *testing.T) {
	t.Parallel()
	oneAtATime(t)
	home, err := os.MkdirTemp("", "paysaga-e2e-up-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(home, 0o755))
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	up := exec.Command(paysagaBin, "up")
	up.Env = append(os.Environ(), "PAYSAGA_ENV=dev", "PAYSAGA_HOME="+home, "PAYSAGA_DEVSTACK="+devstackBin)
	for _, part := range []string{"API", "WORKER", "CODEC", "SANDBOX", "TEMPORAL", "UI", "POSTGRES"} {
		up.Env = append(up.Env, "PAYSAGA_"+part+"_ADDR=127.0.0.1:0")
	}
	var said lines
	up.Stdout, up.Stderr = &said, &said
	require.NoError(t, up.Start())
	gone := make(chan error, 1)
	go func() { gone <- up.Wait() }()
	t.Cleanup(func() { _ = up.Process.Kill() })
	await(t, 3*time.Minute, "it runs", func() (bool, string) { return strings.Contains(said.String(), "Running."), said.String() })

	inst, err := stack.Find(home)
	require.NoError(t, err)
	for _, url := range []string{inst.APIURL + "/docs", inst.UIURL, inst.SandboxURL} {
		require.Contains(t, said.String(), url)
		get(t, url)
	}
	require.Contains(t, said.String(), "All 12 outcomes are as promised")
	for _, outcome := range []string{"collected", "refunded", "failed"} {
		require.Regexp(t, `(?m)^  Outcome  `+outcome+`\n  Saga     `+regexp.QuoteMeta(inst.UIURL)+`/namespaces/paysaga/workflows/payment%2F\w+$`, said.String())
	}
	require.Contains(t, said.String(), "رفرنس CHECK-9672 با موفقیت ایجاد شد", "as documented")
	fresh := &house{home: home, inst: *inst}
	require.Equal(t, "collected", fresh.taxi().read(t, "AsF42Sg53").Outcome.State, "the documented examples work at once")

	require.NoError(t, up.Process.Signal(os.Interrupt))
	select {
	case err := <-gone:
		require.NoError(t, err, said.String())
	case <-time.After(soon):
		t.Fatal("it does not stop: ", said.String())
	}
	require.Contains(t, said.String(), "Stopped.")
	require.NotContains(t, said.String(), "killed")
	_, err = stack.Find(home)
	require.ErrorIs(t, err, stack.ErrNotRunning)
}

func TestCommandsSayThatNothingRuns(t *testing.T) {
	t.Parallel()
	elsewhere := &house{home: t.TempDir()}
	out, code := elsewhere.command("merchant", "list")
	require.Equal(t, 1, code)
	require.Contains(t, out, "not running")
	require.Contains(t, out, "make up")
}

// operatorLink: only a key with the operator's scope is shown where the saga can be looked at.
func TestOperatorsAreShownTheSaga(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	require.Empty(t, m.must(t, http.MethodGet, "/AsF42Sg53", nil).header.Get("X-Saga-Link"))
	m.key = "test-operator"
	link := m.must(t, http.MethodGet, "/AsF42Sg53", nil).header.Get("X-Saga-Link")
	require.Equal(t, shared.inst.UIURL+"/namespaces/paysaga/workflows/payment%2FAsF42Sg53", link)
	get(t, link)
}

func TestOpenAPIAndDocs(t *testing.T) {
	t.Parallel()
	var spec struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	require.NoError(t, json.Unmarshal(get(t, shared.inst.APIURL+"/openapi.json").body, &spec))
	require.Contains(t, spec.Paths, "/api/v1/payments")
	require.NotContains(t, string(get(t, shared.inst.APIURL+"/docs").body), "https://", "the docs work offline")
}
