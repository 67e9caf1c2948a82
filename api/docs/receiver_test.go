package docs

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
)

// start lets a receiver listen and answers its address.
func startReceiver(t *testing.T, c Code, secret string) string {
	t.Helper()
	text, err := receiver(c)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), map[string]string{"php": "receiver.php", "javascript": "receiver.mjs", "python": "receiver.py", "go": "receiver.go"}[c.Slug])
	require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := free.Addr().String()
	require.NoError(t, free.Close())
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)

	words := map[string][]string{"php": {"php", "-S", addr, file}, "javascript": {"node", file}, "python": {"python3", file}, "go": {file + ".bin"}}[c.Slug]
	if c.Slug == "go" {
		out, err := exec.CommandContext(t.Context(), "go", "build", "-o", words[0], file).CombinedOutput()
		require.NoError(t, err, "%s", out)
	} else {
		need(t, words[0])
	}
	var said bytes.Buffer
	run := exec.CommandContext(t.Context(), words[0], words[1:]...)
	run.Env = append(os.Environ(), "SECRET="+secret, "PORT="+port)
	run.Stdout, run.Stderr = &said, &said
	require.NoError(t, run.Start())
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	require.Eventually(t, func() bool {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "%s does not listen", c.Title)
	return "http://" + addr + "/"
}

// The documented receivers accept what paysaga signs, and nothing else.
func TestReceivers(t *testing.T) {
	secret, other := sign.NewSecret(), sign.NewSecret()
	body := []byte(`{"event":"payment.collected","order_id":"AsF42Sg53","version":4,"note":"سلام","sign":"…"}`)
	now := time.Now()
	headers := func(at time.Time, secrets ...string) http.Header {
		h, err := sign.StandardHeaders("msg_1", at, body, secrets...)
		require.NoError(t, err)
		return h
	}
	without := func(name string) http.Header {
		h := headers(now, secret)
		h.Del(name)
		return h
	}
	renamed := headers(now, secret)
	renamed.Set("Webhook-Id", "msg_2")
	for _, c := range Codes[1:] {
		t.Run(c.Title, func(t *testing.T) {
			address := startReceiver(t, c, secret)
			for name, tt := range map[string]struct {
				header http.Header
				body   []byte
				want   int
			}{
				"genuine":             {headers(now, secret), body, 204},
				"during a rotation":   {headers(now, other, secret), body, 204},
				"four minutes old":    {headers(now.Add(-4*time.Minute), secret), body, 204},
				"another secret":      {headers(now, other), body, 401},
				"another body":        {headers(now, secret), bytes.Replace(body, []byte("4"), []byte("5"), 1), 401},
				"another id":          {renamed, body, 401},
				"six minutes old":     {headers(now.Add(-6*time.Minute), secret), body, 401},
				"from the future":     {headers(now.Add(6*time.Minute), secret), body, 401},
				"without a signature": {without("Webhook-Signature"), body, 401},
				"without a time":      {without("Webhook-Timestamp"), body, 401},
				"without an id":       {without("Webhook-Id"), body, 401},
				"without anything":    {http.Header{}, nil, 401},
			} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, bytes.NewReader(tt.body))
				require.NoError(t, err)
				req.Header = tt.header.Clone()
				res, err := http.DefaultClient.Do(req)
				require.NoError(t, err, name)
				_ = res.Body.Close()
				require.Equal(t, tt.want, res.StatusCode, fmt.Sprintf("%s in %s", name, c.Title))
			}
		})
	}
}
