package api_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/api"
)

// The documentation speaks its reader's language, lives under its policy and gets everything from here.
func TestDocs(t *testing.T) {
	w := newWorld(t)
	open := func(path, language string) answer {
		return w.do(request{method: "GET", path: path, key: noKey, header: map[string]string{"Accept-Language": language}})
	}
	for _, tt := range []struct{ path, accept, lang, holds string }{
		{"/docs", "", "fa", "شروع"},
		{"/docs", "en-GB,en;q=0.9", "en", "From key to collected payment"},
		{"/docs?lang=fa", "en", "fa", "از کلید"},
		{"/docs/payments?lang=en", "fa", "en", "/api/v1/payments"},
		{"/docs/payments?lang=en&code=php", "", "en", "curl_setopt_array"},
		{"/docs/card-to-card?code=go", "", "fa", "http.NewRequest"},
		{"/docs/receiver?lang=en&code=python", "", "en", "hmac.compare_digest"},
	} {
		a := open(tt.path, tt.accept)
		require.Equal(t, http.StatusOK, a.StatusCode, tt.path)
		require.Contains(t, a.body, `<html lang="`+tt.lang+`"`, tt.path)
		require.Contains(t, a.body, tt.holds, tt.path)
		require.Contains(t, a.Header.Get("Vary"), "Accept-Language")
		policy := a.Header.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'; script-src 'self'; style-src 'self';")
		require.NotContains(t, policy, "unsafe")
		for _, asset := range regexp.MustCompile(`/(?:docs|pay)/assets/[^"]+`).FindAllString(a.body, -1) {
			require.Equal(t, http.StatusOK, w.page("GET", asset, nil).StatusCode, asset)
		}
	}
	try := open("/docs/try", "")
	require.Equal(t, http.StatusOK, try.StatusCode)
	require.Contains(t, try.body, "/docs/assets/scalar.js")
	require.Equal(t, "gzip", w.page("GET", "/docs/assets/scalar.js", nil).Header.Get("Content-Encoding"))
	for _, path := range []string{"/docs/nothing", "/docs/assets/nothing.js", "/docs/..%2f..%2fetc", "/docs/" + strings.Repeat("x", 5000)} {
		require.Equal(t, http.StatusNotFound, open(path, "").StatusCode, path)
	}
}

// Every documented curl line is one that the API understands, as it stands: allowed in, read, and answered as
// openapi.yaml says. Of what it names as an example there may be none.
func TestDocumentedCurlIsUnderstood(t *testing.T) {
	for _, program := range []string{"curl", "bash", "md5sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing", program)
		}
	}
	o := newOffice(t, func(d *api.Deps) { d.TopUpWait = 10 * time.Millisecond }) // no saga decides here
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "bin"), 0o755))
	tool := "#!/bin/sh\n[ \"$*\" = 'token --branch 31' ] && echo " + o.token + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "bin", "paysaga"), []byte(tool), 0o755))
	understood := map[string]int{}
	for _, group := range []string{"payments", "card-to-card", "top-up", "purchase", "webhooks", "signed", "payouts-and-wallets", "payer", "operations"} {
		page, err := html.Parse(strings.NewReader(o.page("GET", "/docs/"+group+"?lang=en", nil).body))
		require.NoError(t, err)
		for n := range page.Descendants() {
			if n.Type != html.ElementNode || n.Data != "section" || slices.Contains([]string{"words", "refusals"}, attr(n, "id")) {
				continue
			}
			id, line := attr(n, "id"), sample(n)
			run := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", strings.Replace(line, "\ncurl ", "\ncurl -s -o /dev/null -w '%{http_code}' ", 1))
			run.Dir, run.Env = folder, append(os.Environ(), "no_proxy=127.0.0.1")
			out, err := run.CombinedOutput()
			require.NoError(t, err, "%s\n%s", line, out)
			status, err := strconv.Atoi(string(out))
			require.NoError(t, err, "%s: %s\n%s", id, line, out)
			understood[id] = status
		}
	}
	for id, status := range understood {
		require.NotContains(t, []int{400, 401, 403, 405, 413, 415, 422}, status, "%s was refused", id)
	}
	require.Greater(t, len(understood), 60)
	require.Equal(t, 200, understood["createPayment"])
	require.Equal(t, 201, understood["createPurchase"])
}

// sample is the code of a route's section.
func sample(section *html.Node) string {
	var out strings.Builder
	out.WriteString("\n")
	for n := range section.Descendants() {
		if n.Type == html.ElementNode && n.Data == "pre" {
			for d := range n.Descendants() {
				if d.Type == html.TextNode {
					out.WriteString(d.Data)
				}
			}
			break
		}
	}
	return out.String()
}
