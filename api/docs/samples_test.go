package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
)

// need skips a test on a machine without a program that it lets samples run with, but never where it must run.
func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" && program != "php" && program != "node" {
		t.Fatalf("%s is missing", program)
	}
	t.Skipf("%s is missing", program)
}

// samples are all of a language, by operation.
func (s *Site) samples(t testing.TB, c Code) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, group := range s.spec.tags {
		for _, o := range group.operations {
			text, err := o.request(DevURL).write(c)
			require.NoError(t, err)
			out[o.ID] = text
		}
	}
	return out
}

// checkers read a JSON object of sources from standard input and name those that are not well-formed.
var checkers = map[string][]string{
	"python": {"python3", "-c", `
import ast, json, sys
for name, text in json.load(sys.stdin).items():
    try:
        ast.parse(text)
    except SyntaxError as e:
        print(name, e)`},
	"php": {"php", "-r", `
foreach (json_decode(file_get_contents('php://stdin'), true) as $name => $text) {
    try { token_get_all($text, TOKEN_PARSE); } catch (ParseError $e) { echo "$name $e\n"; }
}`},
	"javascript": {"node", "--no-warnings", "--experimental-vm-modules", "-e", `
const vm = require("node:vm");
for (const [name, text] of Object.entries(JSON.parse(require("node:fs").readFileSync(0)))) {
  try { new vm.SourceTextModule(text); } catch (e) { console.log(name, e.message); }
}`},
	"curl": {"python3", "-c", `
import json, subprocess, sys
for name, text in json.load(sys.stdin).items():
    r = subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True)
    if r.returncode:
        print(name, r.stderr)`},
}

// wrong names the sources that are not well-formed.
func wrong(t testing.TB, c Code, sources map[string]string) string {
	t.Helper()
	how := checkers[c.Slug]
	need(t, how[0])
	in, err := json.Marshal(sources)
	require.NoError(t, err)
	run := exec.CommandContext(t.Context(), how[0], how[1:]...)
	run.Stdin = strings.NewReader(string(in))
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// Every sample and every receiver is well-formed by its language's own reader.
func TestSyntax(t *testing.T) {
	s := site(t)
	for _, c := range Codes {
		if c.Slug == "go" {
			continue
		}
		t.Run(c.Title, func(t *testing.T) {
			sources := s.samples(t, c)
			if c.Slug != "curl" {
				var err error
				sources["receiver"], err = receiver(c)
				require.NoError(t, err)
			}
			require.Empty(t, wrong(t, c, sources))
			broken := map[string]string{"broken": "<?php if ( $("}
			require.NotEmpty(t, wrong(t, c, broken), "the checker finds nothing")
		})
	}
}

// Samples of Go are held to its types.
func TestGoSamplesCompile(t *testing.T) {
	files := token.NewFileSet()
	check := types.Config{Importer: importer.ForCompiler(files, "source", nil)}
	sources := site(t).samples(t, codeOf("go"))
	var err error
	sources["receiver"], err = receiver(codeOf("go"))
	require.NoError(t, err)
	for name, text := range sources {
		file, err := parser.ParseFile(files, name+".go", text, parser.AllErrors)
		require.NoError(t, err)
		_, err = check.Check("main", files, []*ast.File{file}, nil)
		require.NoError(t, err)
	}
	file, err := parser.ParseFile(files, "broken.go", "package main\nfunc main() { nobody() }", 0)
	require.NoError(t, err)
	_, err = check.Check("main", files, []*ast.File{file}, nil)
	require.Error(t, err, "the checker finds nothing")
}

// heard is a request as it arrived.
type heard struct {
	*http.Request
	body []byte
}

// ear is a server that notes the one request that each sample makes.
type ear struct {
	*httptest.Server
	heard chan heard
}

func newEar(t testing.TB) *ear {
	e := &ear{heard: make(chan heard, 10)}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.heard <- heard{r, body}
		_, _ = io.WriteString(w, "heard")
	}))
	t.Cleanup(e.Close)
	return e
}

// run lets a sample run in a folder in which `bin/paysaga token` answers a token.
func (e *ear) run(t testing.TB, c Code, text string) heard {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	write("bin/paysaga", "#!/bin/sh\necho jwt-of-$3\n", 0o755)
	shim, err := filepath.Abs("testdata/curl.php")
	require.NoError(t, err)
	words := map[string][]string{
		"curl":       {"bash", "-euo", "pipefail", write("sample.sh", text, 0o644)},
		"php":        {"php", "-d", "auto_prepend_file=" + shim, write("sample.php", text, 0o644)},
		"javascript": {"node", write("sample.mjs", text, 0o644)},
		"python":     {"python3", write("sample.py", text, 0o644)},
		"go":         {"go", "run", write("sample.go", text, 0o644)},
	}[c.Slug]
	need(t, words[0])
	run := exec.CommandContext(ctx, words[0], words[1:]...)
	run.Dir = folder
	run.Env = append(os.Environ(), "TOKEN=jwt-of-31", "no_proxy=127.0.0.1")
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s\n%s", text, out)
	require.Contains(t, string(out), "heard", "a sample shows the answer")
	require.Len(t, e.heard, 1, "a sample is one request")
	return <-e.heard
}

// shape is what samples differ by, besides names and values.
func (r request) shape() string {
	body := "none"
	if r.Body != nil {
		body = fmt.Sprint(r.Form, r.Empty())
	}
	return fmt.Sprint(r.Method, r.Auth.Signed(), r.Token(), r.Head, body)
}

// One sample of each shape runs in every language, and each sends exactly what the route wants.
func TestSamplesSendWhatTheySay(t *testing.T) {
	s := site(t)
	for _, c := range Codes {
		t.Run(c.Title, func(t *testing.T) {
			e, seen := newEar(t), map[string]bool{}
			for _, group := range s.spec.tags {
				for _, o := range group.operations {
					r := o.request(e.URL)
					if seen[r.shape()] {
						continue
					}
					seen[r.shape()] = true
					if c.Slug == "go" && !r.Auth.Signed() && !r.Token() && !r.Form {
						continue // each is compiled and linked; the types of all are checked above
					}
					text, err := r.write(c)
					require.NoError(t, err)
					r.requireHeard(t, o.ID+" in "+c.Title, e.run(t, c, text))
				}
			}
			require.Greater(t, len(seen), 8)
		})
	}
}

func (r request) requireHeard(t *testing.T, name string, h heard) {
	t.Helper()
	address, err := url.Parse(r.URL)
	require.NoError(t, err)
	require.Equal(t, r.Method, h.Method, name)
	require.Equal(t, address.RequestURI(), h.RequestURI, name)
	for _, want := range r.Headers {
		require.Equal(t, []string{want.Value}, h.Header.Values(want.Name), name)
	}
	if r.Token() {
		require.Equal(t, "Bearer jwt-of-31", h.Header.Get("Authorization"), name)
	}
	if r.Auth.Signed() {
		require.NoError(t, sign.Verify(h.body, h.Header.Get("sign"), r.Key), name)
	}
	switch {
	case r.Body == nil:
		require.Empty(t, h.body, name)
	case r.Form:
		got, err := url.ParseQuery(string(h.body))
		require.NoError(t, err)
		require.Regexp(t, "^application/x-www-form-urlencoded(;|$)", h.Header.Get("Content-Type"), name)
		for _, want := range r.Pairs() {
			require.Equal(t, []string{want.Value}, got[want.Name], name)
		}
	default:
		require.JSONEq(t, compact(r.Body), string(h.body), name)
	}
}
