package e2e_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/paysaga/paysaga/api/docs"
)

// commands are those that the first page of the documentation has its readers copy, in their order.
func commands(t *testing.T, address string) []string {
	t.Helper()
	p := open(t, http.MethodGet, address, nil)
	var out []string
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode || n.Data != "pre" || attr(n, "class") != "run" {
			continue
		}
		var text strings.Builder
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				text.WriteString(d.Data)
			}
		}
		out = append(out, text.String())
	}
	return out
}

// A newcomer copies the commands of /docs, from key to collected payment, and nothing else.
func TestNewcomerFollowsTheDocs(t *testing.T) {
	t.Parallel()
	h := shared
	steps := commands(t, h.inst.APIURL+"/docs?lang=en")
	require.Len(t, steps, 8)
	require.Equal(t, steps, commands(t, h.inst.APIURL+"/docs?lang=fa"))
	begin, own, create, pay, read, collect, again, hear := steps[0], steps[1], steps[2], steps[3], steps[4], steps[5], steps[6], steps[7]
	for name, chosen := range map[string][]string{
		"with the development key": {begin, create, pay, read, collect, again, hear},
		"with a key of one's own":  {begin, own, create, pay, read, collect, again, hear},
	} {
		t.Run(name, func(t *testing.T) {
			said := h.shell(t, strings.ReplaceAll(strings.Join(chosen, "\necho\n"), docs.DevSandbox, h.inst.SandboxURL))
			for _, want := range []string{`"message":"OK","info":{"token":"`, h.inst.APIURL + "/pay/", `"state":"paid"`, `"state":"collected"`, `"secret":"whsec_`} {
				_, after, found := strings.Cut(said, want)
				require.True(t, found, "%q did not come, or not in its turn:\n%s", want, said)
				said = after
			}
		})
	}
}

// shell lets commands run as in a checkout, beside the running system.
func (h *house) shell(t *testing.T, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "bin"), 0o755))
	require.NoError(t, os.Symlink(paysagaBin, filepath.Join(folder, "bin", "paysaga")))
	c := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	c.Dir = folder
	c.Env = append(os.Environ(), "PAYSAGA_HOME="+h.home, "PAYSAGA_CODEC_KEYS="+codecKeys, "no_proxy=127.0.0.1")
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s\n%s", text, out)
	return string(out)
}
