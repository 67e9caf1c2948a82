package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/paysaga/paysaga/sign"
)

// field is one form field; a slice of them keeps the order in which people read them.
type field struct{ name, value string }

// call is one request as it is sent and as it is shown.
type call struct {
	method string // GET or POST
	url    string
	key    string // Authorization header, when not empty
	token  string // token header, when not empty

	idempotency string // Idempotency-Key header, when not empty
	signer      signer // headers merchant and sign, when not empty

	form []field // a form body …
	json any     // … or a JSON body
}

// signer signs the calls of one merchant with one of its keys.
type signer struct{ merchant, key string }

// headers are what the call is authorised with.
func (c call) headers() []field {
	all := []field{{"Authorization", c.key}, {"token", c.token}, {"Idempotency-Key", c.idempotency}}
	if c.signer != (signer{}) {
		all = append(all, field{"merchant", c.signer.merchant}, field{"sign", sign.Sign(mustJSON(c.json), c.signer.key)})
	}
	return slices.DeleteFunc(all, func(f field) bool { return f.value == "" })
}

// curl is the line that does the same by hand.
func (c call) curl() string {
	words := []string{"curl"}
	if c.method == http.MethodPut {
		words = append(words, "-X", "PUT")
	}
	if c.method == http.MethodPost && c.form == nil && c.json == nil {
		words = append(words, "-X", "POST")
	}
	words = append(words, shellWord(c.url))
	for _, h := range c.headers() {
		words = append(words, "-H", shellWord(h.name+": "+h.value))
	}
	for _, f := range c.form {
		flag := "-d"
		if strings.ContainsAny(f.value, "&+%=@") || !isASCII(f.value) {
			flag = "--data-urlencode"
		}
		words = append(words, flag, shellWord(f.name+"="+f.value))
	}
	if c.json != nil {
		words = append(words, "-H", "'Content-Type: application/json'", "-d", shellWord(string(mustJSON(c.json))))
	}
	return strings.Join(words, " ")
}

func (c call) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	contentType := ""
	switch {
	case c.json != nil:
		body, contentType = bytes.NewReader(mustJSON(c.json)), "application/json"
	case c.form != nil:
		values := url.Values{}
		for _, f := range c.form {
			values.Add(f.name, f.value)
		}
		body, contentType = strings.NewReader(values.Encode()), "application/x-www-form-urlencoded"
	}
	req, err := http.NewRequestWithContext(ctx, c.method, c.url, body)
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for _, h := range c.headers() {
		req.Header.Set(h.name, h.value)
	}
	return req, nil
}

// show prints the call as a line to copy.
func (w *walker) show(c call) { fmt.Fprintf(w.cfg.Out, "  $ %s\n", c.curl()) }

// answer prints what came back, in short.
func (w *walker) answer(status int, short string) {
	fmt.Fprintf(w.cfg.Out, "    %d  %s\n", status, short)
}

// send does the call quietly and decodes a 2xx answer into out, unless out is nil.
func (w *walker) send(ctx context.Context, c call, out any) (status int, err error) {
	req, err := c.request(ctx)
	if err != nil {
		return 0, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err // names the method and the URL itself
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return resp.StatusCode, fmt.Errorf("%s %s: read the answer: %w", c.method, c.url, err)
	}
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, fmt.Errorf("%s %s answered %d: %s", c.method, c.url, resp.StatusCode, shorten(string(body)))
	}
	if out == nil {
		return resp.StatusCode, nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return resp.StatusCode, fmt.Errorf("%s %s answered no JSON: %s", c.method, c.url, shorten(string(body)))
	}
	return resp.StatusCode, nil
}

// shellWord quotes a word where a shell needs it.
func shellWord(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,@%+", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
}

func shorten(s string) string {
	const most = 200
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}

// mustJSON encodes the package's own literals, which always encode.
func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		return []byte("{}")
	}
	return data
}
