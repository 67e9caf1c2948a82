package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// desk is a terminal at a database of its own, with Zibal at an address that answers as told.
type desk struct {
	*testing.T
	store *store.Store
	bank  *httptest.Server
	says  string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{T: t, says: `{"result":203}`}
	d.bank = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, d.says) }))
	t.Cleanup(d.bank.Close)
	url := server.URL(t)
	for name, value := range map[string]string{
		"PAYSAGA_ENV": "dev", "DATABASE_URL": url, "PAYSAGA_BANK_URLS": "zibal=" + d.bank.URL, "PAYSAGA_VAULT_KEYS": "",
	} {
		t.Setenv(name, value)
	}
	db, err := store.Open(t.Context(), url, store.Options{Pool: 2, Role: "paysaga_app"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	d.store = store.New(db, func() {})
	d.ok("", "merchant", "put", "bakery", "--gateways", "zibal,sandbox")
	return d
}

// run is what a command prints, to both outputs, and its error.
func (d *desk) run(in string, args ...string) (string, error) {
	d.Helper()
	var out bytes.Buffer
	root := &cobra.Command{Use: "paysaga", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(gatewayCommand(), merchantCommand())
	root.SetArgs(args)
	root.SetIn(strings.NewReader(in))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(d.Context())
	return out.String(), err
}

func (d *desk) ok(in string, args ...string) string {
	d.Helper()
	out, err := d.run(in, args...)
	require.NoError(d, err, out)
	return out
}

func (d *desk) accounts() []store.GatewayAccount {
	d.Helper()
	m, err := d.store.Merchant(d.Context(), "bakery")
	require.NoError(d, err)
	list, err := d.store.GatewayAccounts(d.Context(), m.ID)
	require.NoError(d, err)
	return list
}

func TestGatewayAccountsByCommand(t *testing.T) {
	d := newDesk(t)
	require.Regexp(t, `(?m)^zibal +`+d.bank.URL+` +merchant$`, d.ok("", "gateway", "banks"))
	require.Regexp(t, `(?m)^sandbox .* none$`, d.ok("", "gateway", "banks"))
	_, err := d.run("", "gateway", "test", "bakery", "zibal")
	require.ErrorContains(t, err, "bakery has no account at zibal")

	file := filepath.Join(t.TempDir(), "zibal.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"merchant": "hidden-word"}`), 0o600))
	out := d.ok("", "gateway", "put", "bakery", "zibal", "--from", file)
	require.Regexp(t, `^account \d+ of bakery at zibal; `, out)
	require.NotContains(t, out, "warning")
	list := d.accounts()
	require.Len(t, list, 1)
	require.NotContains(t, string(list[0].Credentials.Sealed), "hidden-word")

	_, err = d.run(`{"merchant":"x"}`, "gateway", "put", "bakery", "asanpardakht", "--from", "-", "--same-terminal")
	require.Error(t, err)
	require.NoError(t, os.Chmod(file, 0o644))
	require.Contains(t, d.ok("", "gateway", "put", "bakery", "zibal", "--from", file, "--same-terminal"), "chmod 600")
	d.ok("\xef\xbb\xbf"+`{"merchant": 12345678901234567890}`+"\n", "gateway", "put", "bakery", "zibal", "--from", "-")
	list = d.accounts()
	require.Len(t, list, 3)
	require.True(t, list[0].RetiredAt == nil && list[1].RetiredAt != nil && list[2].RetiredAt != nil)
	v, err := vault.New("dev:cGF5c2FnYS1kZXZlbG9wbWVudC12YXVsdC1rZXktMSE=")
	require.NoError(t, err)
	text, err := v.OpenText(list[0].MerchantID, "gateway account zibal", list[0].Credentials)
	require.NoError(t, err)
	require.JSONEq(t, `{"merchant": "12345678901234567890"}`, text, "digits stay as they were written")

	out = d.ok("", "gateway", "list", "bakery")
	require.Regexp(t, `(?m)^\d+ +zibal +\S+ \S+ +live$`, out)
	require.Regexp(t, `(?m)^\d+ +zibal +\S+ \S+ +retired \S+ \S+$`, out)
	require.NotContains(t, out, "hidden-word")

	// Payers are offered a bank only when it is among the merchant's.
	d.ok("", "merchant", "put", "bakery", "--gateways", "sandbox")
	require.Contains(t, d.ok(`{"merchant":"x"}`, "gateway", "put", "bakery", "zibal", "--from", "-"), "not offered zibal yet")
	d.ok("", "gateway", "retire", "bakery", "zibal")
	require.NotContains(t, d.ok("", "gateway", "list", "bakery"), "live")
	_, err = d.run("", "gateway", "retire", "bakery", "zibal")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestGatewayTest(t *testing.T) {
	d := newDesk(t)
	d.ok(`{"merchant":"hidden-word"}`, "gateway", "put", "bakery", "zibal", "--from", "-")
	for answer, says := range map[string]string{
		`{"result":203}`: "ok: the account opens, zibal answers and takes the credentials; no money moved",
		`{"result":102}`: "REFUSED: the account opens and zibal answers, but it does not take the credentials",
		`<html>`:         "UNCLEAR: the account opens, but the answer of zibal decides nothing",
	} {
		d.says = answer
		out, err := d.run("", "gateway", "test", "bakery", "zibal")
		require.True(t, strings.HasPrefix(out, says), out)
		require.NotContains(t, out, "hidden-word")
		if !strings.HasPrefix(says, "ok") {
			var code exitCode
			require.ErrorAs(t, err, &code)
			continue
		}
		require.NoError(t, err)
	}
	d.bank.Close()
	out, err := d.run("", "gateway", "test", "bakery", "zibal")
	require.Error(t, err)
	require.Contains(t, out, "NOT ASKED")
	require.NotContains(t, out, "hidden-word")

	t.Setenv("PAYSAGA_VAULT_KEYS", "other:b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xkLW9sZC0=")
	_, err = d.run("", "gateway", "test", "bakery", "zibal")
	require.ErrorContains(t, err, "the account does not open")
}

// Nothing of this is stored, and nothing secret comes back.
func TestGatewayPutRefuses(t *testing.T) {
	d := newDesk(t)
	put := []string{"gateway", "put", "bakery", "zibal"}
	from := append(put, "--from", "-")
	for name, tt := range map[string]struct {
		in   string
		args []string
		says string
	}{
		"a secret as argument":       {"", append(put, "hidden-word"), "credentials are never arguments"},
		"a secret as flag":           {"", append(put, "--merchant=hidden-word"), "unknown flag: --merchant"},
		"unknown bank":               {`{"merchant":"hidden-word"}`, []string{"gateway", "put", "bakery", "paypal", "--from", "-"}, `no bank is called "paypal"; there are asanpardakht, `},
		"unknown merchant":           {`{"merchant":"hidden-word"}`, []string{"gateway", "put", "nobody", "zibal", "--from", "-"}, "not found"},
		"a password of no terminal":  {`{"merchant":"hidden-word"}`, append(from, "--same-terminal"), "leave --same-terminal out"},
		"a bank that asks for none":  {`{}`, []string{"gateway", "put", "bakery", "sandbox", "--from", "-"}, "asks for no credentials"},
		"missing field":              {`{}`, from, "merchant is missing"},
		"empty field":                {`{"merchant":" "}`, from, "merchant is missing"},
		"unknown field":              {`{"merchant":"hidden-word","password":"hidden-word"}`, from, "password is unknown"},
		"field twice":                {`{"merchant":"hidden-word","merchant":"x"}`, from, `"merchant" stands there twice`},
		"not a text":                 {`{"merchant":["hidden-word"]}`, from, `the value of "merchant" is not a text`},
		"null":                       {`{"merchant":null}`, from, "is not a text"},
		"broken in the middle":       {`{"merchant":"hidden-word`, from, "not a JSON object of texts"},
		"broken at the end":          {`{"merchant":"hidden-word"`, from, "not a JSON object of texts"},
		"more behind it":             {`{"merchant":"x"} hidden-word`, from, "not a JSON object of texts"},
		"a list":                     {`["hidden-word"]`, from, "not a JSON object of texts"},
		"a text":                     {`hidden-word`, from, "not a JSON object of texts"},
		"nothing":                    {``, from, "not a JSON object of texts"},
		"endless":                    {`{"merchant":"` + strings.Repeat("hidden-word", 2000) + `"}`, from, "more than 16384 bytes"},
		"no such file":               {"", append(put, "--from", filepath.Join(t.TempDir(), "none.json")), "no such file"},
		"nobody at the terminal":     {"hidden-word\n", put, "nobody to ask"},
		"too few names":              {"", []string{"gateway", "put", "bakery"}, "accepts 2 arg(s)"},
		"secret as argument of test": {"", []string{"gateway", "test", "bakery", "zibal", "hidden-word"}, "credentials are never arguments"},
	} {
		out, err := d.run(tt.in, tt.args...)
		require.ErrorContains(t, err, tt.says, name)
		require.NotContains(t, out+err.Error(), "hidden-word", name)
		require.Empty(t, d.accounts(), name)
	}
}

func TestMerchantPutKnowsBanks(t *testing.T) {
	d := newDesk(t)
	for gateways, says := range map[string]string{
		"zibal,paypal": `no bank is called "paypal"`, "Zibal": `no bank is called "Zibal"`, " , ": "names no bank", "zibal,zibal": "names zibal twice",
	} {
		_, err := d.run("", "merchant", "put", "other", "--gateways", gateways)
		require.ErrorContains(t, err, says)
		_, err = d.store.Merchant(t.Context(), "other")
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}

func TestBankURLs(t *testing.T) {
	d := newDesk(t)
	for urls, says := range map[string]string{
		"paypal=http://127.0.0.1:9": `no bank is called "paypal"`, "zibal=nowhere": "the address of zibal", "zibal=ftp://x": "the address of zibal",
	} {
		t.Setenv("PAYSAGA_BANK_URLS", urls)
		_, err := d.run("", "gateway", "banks")
		require.ErrorContains(t, err, says)
	}
}

// In development an adapter talks to the sandbox's bank of its name, unless the generic bank is wanted.
func TestBanksOfDevelopment(t *testing.T) {
	for name, value := range map[string]string{"PAYSAGA_ENV": "dev", "PAYSAGA_BANK_URLS": "", "PAYSAGA_SANDBOX_URL": "http://127.0.0.1:9", "PAYSAGA_VAULT_KEYS": ""} {
		t.Setenv(name, value)
	}
	for wires, fields := range map[string]string{"true": "merchant", "false": "none"} {
		t.Setenv("PAYSAGA_BANK_WIRES", wires)
		cfg, err := config.Load()
		require.NoError(t, err)
		registry, err := banks(cfg)
		require.NoError(t, err)
		require.Len(t, registry, len(realBanks)+1)
		require.Equal(t, fields, fieldNames(registry["zibal"].Fields()))
		require.Equal(t, "none", fieldNames(registry["sandbox"].Fields()))
		for _, name := range registry.Names() {
			require.Equal(t, name, registry[name].Name())
			require.Equal(t, "http://127.0.0.1:9", registry[name].Origin(), "nobody is sent to a real bank")
			if wires == "true" && name != "sandbox" {
				_, err := registry[name].Open(gateways.Credentials(sandbox.Account(name)))
				require.NoError(t, err, "the development account of %s", name)
			}
		}
	}
}

// An adapter's sessions end as soon as those of the sandbox's bank, and real banks' windows are never touched.
func TestSessionsOfDevelopment(t *testing.T) {
	for name, value := range map[string]string{
		"PAYSAGA_ENV": "dev", "PAYSAGA_BANK_URLS": "zibal=http://127.0.0.1:9", "PAYSAGA_VAULT_KEYS": "", "PAYSAGA_BANK_WIRES": "true",
	} {
		t.Setenv(name, value)
	}
	for life, pace := range map[string]float64{"15m": 1, "15s": 1. / 60, "30m": 2} {
		t.Setenv("PAYSAGA_SANDBOX_SESSION_LIFE", life)
		cfg, err := config.Load()
		require.NoError(t, err)
		registry, err := banks(cfg)
		require.NoError(t, err)
		for name, open := range realBanks {
			want := open("", nil).Limits()
			if name != "zibal" { // which is sent elsewhere
				want.SessionLife = time.Duration(float64(want.SessionLife) * pace)
			}
			require.Equal(t, want, registry[name].Limits(), "%s at %s", name, life)
		}
	}
}

// In production the adapters talk to the banks' own hosts, and there is no simulated bank.
func TestBanksOfProduction(t *testing.T) {
	for name, value := range map[string]string{
		"PAYSAGA_ENV": "production", "DATABASE_URL": "postgres://localhost/x", "PAYSAGA_BANK_URLS": "",
		"PAYSAGA_CODEC_KEYS": "a:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "PAYSAGA_VAULT_KEYS": "a:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU=",
		"PAYSAGA_JWT_SECRET": "a secret of one's own, long enough", "PAYSAGA_JWT_KEYS": "",
	} {
		t.Setenv(name, value)
	}
	out, err := (&desk{T: t}).run("", "gateway", "banks")
	require.NoError(t, err)
	require.Regexp(t, `(?m)^zibal +https://gateway\.zibal\.ir +merchant$`, out)
	require.NotContains(t, out, "sandbox")
	require.Equal(t, len(realBanks)+1, strings.Count(out, "\n"))
	require.Equal(t, len(realBanks), strings.Count(out, "https://"))
	require.NotContains(t, out, "none", "a real bank asks for credentials")
}

// screen is a terminal's other side: what is typed, and what it shows.
type screen struct {
	io.Reader
	bytes.Buffer
}

func (s *screen) Read(p []byte) (int, error) { return s.Reader.Read(p) }

func TestCredentialsAreAskedFor(t *testing.T) {
	fields := []gateways.Field{{Name: "terminal_id", Label: "شماره پایانه"}, {Name: "password", Label: "رمز", Secret: true}}
	s := &screen{Reader: strings.NewReader("1234\rhidden-word\r")}
	c, err := askCredentials(term.NewTerminal(s, ""), fields)
	require.NoError(t, err)
	require.Equal(t, gateways.Credentials{"terminal_id": "1234", "password": "hidden-word"}, c)
	require.Contains(t, s.String(), "شماره پایانه (terminal_id): ")
	require.Contains(t, s.String(), "رمز (password): ")
	require.Contains(t, s.String(), "1234")
	require.NotContains(t, s.String(), "hidden", "what is secret is not echoed")

	fields[1].Optional = true
	s = &screen{Reader: strings.NewReader("1234\r\r")}
	c, err = askCredentials(term.NewTerminal(s, ""), fields)
	require.NoError(t, err)
	require.Equal(t, gateways.Credentials{"terminal_id": "1234"}, c)
	require.Contains(t, s.String(), "may stay empty")

	for _, typed := range []string{"1234\r", "\x03", "1234\rhidden\x03"} {
		_, err = askCredentials(term.NewTerminal(&screen{Reader: strings.NewReader(typed)}, ""), fields)
		require.ErrorContains(t, err, "broken off")
	}
}

func TestWhatATestSays(t *testing.T) {
	for start, err := range map[string]error{
		"ok": nil, "REFUSED": &gateways.Refused{Op: "x", Code: "115", Why: "the caller's address is not registered"},
		"NOT ASKED": &gateways.Unavailable{Op: "x", Err: errors.New("no route")}, "UNCLEAR": errors.New("?"),
	} {
		var out bytes.Buffer
		require.Equal(t, err == nil, sayChecked(&out, "zibal", err))
		require.True(t, strings.HasPrefix(out.String(), start), out.String())
	}
}
