package docs

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// What the samples use: the merchant of the development fixtures.
const (
	devKey        = "test"
	devMerchant   = "860166ce-478c-4087-9813-55cfb6c34580"
	devPaymentKey = "test-payment-api-key"
	devPayoutKey  = "test-payout-api-key"
	sampleOnceKey = "order-17"
)

// credential is how a request says who sends it.
type credential string

const (
	noCredential credential = ""
	keyHeader    credential = "key"    // Authorization: Bearer <API key>
	tokenHeader  credential = "token"  // token: <API key>
	branchToken  credential = "branch" // Authorization: Bearer <JWT>
	paymentSign  credential = "payment"
	payoutSign   credential = "payout"
)

// credential takes the first way in that an operation has.
func (s *spec) credential(op *yaml.Node, path string) credential {
	for _, way := range s.items(s.get(op, "security")) {
		for name := range s.members(way) {
			switch {
			case name == "key" || name == "token" || name == "branch":
				return credential(name)
			case name == "sign" && strings.Contains(path, "payout"):
				return payoutSign
			case name == "sign":
				return paymentSign
			}
		}
	}
	return noCredential
}

// Signed says whether the request carries merchant and sign.
func (c credential) Signed() bool { return c == paymentSign || c == payoutSign }

// Code is a language of samples.
type Code struct{ Slug, Title string }

// Codes are all of them; the first is shown to who asks for none.
var Codes = []Code{{"curl", "curl"}, {"php", "PHP"}, {"javascript", "JavaScript"}, {"python", "Python"}, {"go", "Go"}}

// pair is a name and a value, of a header or of a form.
type pair struct{ Name, Value string }

// request is one call as every sample makes it.
type request struct {
	Method, URL string
	Headers     []pair // those that are always the same
	Auth        credential
	Key         string // that signs
	Body        *yaml.Node
	Form        bool
	Head        bool // the answer's headers matter
	Reference   bool // … its X-Reference, because some drop the body of a 205
}

// request is an operation with its example values, sent to the server at base.
func (o *operation) request(base string) request {
	r := request{Method: o.Method, Auth: o.Auth, Body: o.example, Form: o.form}
	path, query := o.Path, url.Values{}
	for _, p := range o.Params {
		value := p.example
		switch {
		case value == "" && p.In == "path" && p.Type == "integer":
			value = "1"
		case value == "" && p.In == "path":
			value = strings.ToUpper(p.Name)
		}
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case p.In == "query" && value != "" && (p.Required || p.Name == "lang"):
			query.Set(p.Name, value)
		case p.In == "query" && p.Required:
			query.Set(p.Name, "19")
		case p.In == "header" && p.Name == "Idempotency-Key":
			r.Headers = append(r.Headers, pair{p.Name, sampleOnceKey})
		}
	}
	r.URL = base + path
	if len(query) > 0 {
		r.URL += "?" + query.Encode()
	}
	switch o.Auth {
	case keyHeader:
		r.Headers = slices.Insert(r.Headers, 0, pair{"Authorization", "Bearer " + devKey})
	case tokenHeader:
		r.Headers = slices.Insert(r.Headers, 0, pair{"token", devKey})
	case paymentSign:
		r.Key = devPaymentKey
	case payoutSign:
		r.Key = devPayoutKey
	}
	if r.Auth.Signed() {
		r.Headers = append(r.Headers, pair{"merchant", devMerchant})
		if r.Body == nil {
			r.Body = &yaml.Node{Kind: yaml.MappingNode}
		}
	}
	if r.Body != nil && !r.Form {
		r.Headers = append(r.Headers, pair{"Content-Type", "application/json"})
	}
	if r.Form && r.Body != nil && len(r.Body.Content) == 0 {
		r.Body = nil
	}
	answers := func(status string) bool {
		return slices.ContainsFunc(o.Answers, func(a answer) bool { return a.Status == status })
	}
	r.Reference = answers("205")
	r.Head = r.Reference || answers("303")
	return r
}

// Pairs are the fields of a form.
func (r request) Pairs() []pair {
	var out []pair
	for i := 0; i+1 < len(r.Body.Content); i += 2 {
		out = append(out, pair{r.Body.Content[i].Value, r.Body.Content[i+1].Value})
	}
	return out
}

// Token says whether a token from the environment goes along.
func (r request) Token() bool { return r.Auth == branchToken }

// Empty says whether the body is JSON without members.
func (r request) Empty() bool { return len(r.Body.Content) == 0 }

//go:embed samples/*.tmpl
var sampleFiles embed.FS

var sampleTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"word": word, "quoted": quoted, "single": single, "raw": raw, "json": compact, "bare": bare,
	"php":    func(n *yaml.Node) string { return phpStyle.write(n, "") },
	"js":     func(n *yaml.Node) string { return jsStyle.write(n, "") },
	"python": func(n *yaml.Node) string { return pythonStyle.write(n, "") },
	"set":    func(values ...any) []any { return values },
}).ParseFS(sampleFiles, "samples/*.tmpl"))

// write is the request in a language.
func (r request) write(c Code) (string, error) {
	var out bytes.Buffer
	if err := sampleTemplates.ExecuteTemplate(&out, c.Slug+".tmpl", r); err != nil {
		return "", fmt.Errorf("sample in %s: %w", c.Title, err)
	}
	text := out.Bytes()
	if c.Slug == "go" {
		var err error
		if text, err = format.Source(text); err != nil {
			return "", fmt.Errorf("sample in Go: %w", err)
		}
	}
	return strings.TrimSpace(string(text)) + "\n", nil
}
