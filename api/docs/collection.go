package docs

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// The collection is Postman's format v2.1, which Bruno, Insomnia and others read too.

const collectionSchema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"

type collection struct {
	Info     collectionInfo `json:"info"`
	Items    []folder       `json:"item"`
	Variable []variable     `json:"variable"`
}

type collectionInfo struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Schema      string `json:"schema"`
}

type folder struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Items       []call `json:"item"`
}

type call struct {
	Name    string      `json:"name"`
	Events  []event     `json:"event,omitempty"`
	Request callRequest `json:"request"`
}

type callRequest struct {
	Method      string     `json:"method"`
	Header      []variable `json:"header"`
	Body        *callBody  `json:"body,omitempty"`
	URL         callURL    `json:"url"`
	Description string     `json:"description,omitempty"`
}

type callURL struct {
	Raw      string     `json:"raw"`
	Host     []string   `json:"host"`
	Path     []string   `json:"path"`
	Query    []variable `json:"query,omitempty"`
	Variable []variable `json:"variable,omitempty"`
}

type callBody struct {
	Mode    string         `json:"mode"`
	Raw     string         `json:"raw,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	Form    []variable     `json:"urlencoded,omitempty"`
}

type variable struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Disabled    bool   `json:"disabled,omitempty"`
	Description string `json:"description,omitempty"`
}

type event struct {
	Listen string      `json:"listen"`
	Script eventScript `json:"script"`
}

type eventScript struct {
	Type string   `json:"type"`
	Exec []string `json:"exec"`
}

// Collection is openapi.yaml as a collection of requests, with the development merchant's keys as variables.
func Collection(openAPI []byte) ([]byte, error) {
	s, err := readSpec(openAPI)
	if err != nil {
		return nil, err
	}
	c := collection{
		Info: collectionInfo{
			Name: "paysaga", Schema: collectionSchema,
			Description: "Every route of paysaga. Set the variables to your host and keys; as they are, they fit `make up`. " +
				"`branch_token` is what `bin/paysaga token --branch 31` prints. Creating a payment sets `payment`, which the calls after it use.",
		},
		Variable: []variable{
			{Key: "host", Value: DevURL}, {Key: "key", Value: devKey}, {Key: "branch_token"}, {Key: "merchant_uuid", Value: devMerchant},
			{Key: "payment_key", Value: devPaymentKey}, {Key: "payout_key", Value: devPayoutKey}, {Key: "payment"}, {Key: "sign"},
		},
	}
	for _, t := range s.tags {
		f := folder{Name: t.name, Description: t.description}
		for _, o := range t.operations {
			f.Items = append(f.Items, o.call())
		}
		c.Items = append(c.Items, f)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func (o *operation) call() call {
	r := o.request("")
	c := call{Name: o.Summary, Request: callRequest{Method: o.Method, Header: []variable{}, URL: o.callURL(), Description: o.Description}}
	for _, h := range r.Headers {
		value := strings.NewReplacer("Bearer "+devKey, "Bearer {{key}}", devMerchant, "{{merchant_uuid}}").Replace(h.Value)
		if h.Name == "token" {
			value = "{{key}}"
		}
		c.Request.Header = append(c.Request.Header, variable{Key: h.Name, Value: value})
	}
	if r.Token() {
		c.Request.Header = append(c.Request.Header, variable{Key: "Authorization", Value: "Bearer {{branch_token}}"})
	}
	if r.Auth.Signed() {
		c.Request.Header = append(c.Request.Header, variable{Key: "sign", Value: "{{sign}}"})
		c.Events = append(c.Events, signScript(r.Auth))
	}
	if o.ID == "createPayment" {
		c.Events = append(c.Events, event{"test", eventScript{"text/javascript", []string{`pm.collectionVariables.set("payment", pm.response.json().info.token);`}}})
	}
	c.Request.Body = r.callBody()
	return c
}

// signScript signs the body as it stands in the request. It holds no variables, so that what is signed is what is sent.
// Postman hands the script an object with the raw text. Bruno, which rewrites pm.request.body while it imports, hands it
// what it has read of the JSON: that is written again, without blanks, as our bodies are.
func signScript(c credential) event {
	return event{"prerequest", eventScript{"text/javascript", []string{
		`const CryptoJS = require("crypto-js");`,
		`const body = pm.request.body;`,
		`const text = typeof body === "string" ? body : body.raw ?? JSON.stringify(body);`,
		`const encoded = CryptoJS.enc.Base64.stringify(CryptoJS.enc.Utf8.parse(text));`,
		`pm.collectionVariables.set("sign", CryptoJS.MD5(encoded + pm.collectionVariables.get("` + string(c) + `_key")).toString());`,
	}}}
}

func (r request) callBody() *callBody {
	switch {
	case r.Body == nil:
		return nil
	case r.Form:
		b := &callBody{Mode: "urlencoded"}
		for _, p := range r.Pairs() {
			b.Form = append(b.Form, variable{Key: p.Name, Value: p.Value})
		}
		return b
	}
	return &callBody{Mode: "raw", Raw: compact(r.Body), Options: map[string]any{"raw": map[string]string{"language": "json"}}}
}

func (o *operation) callURL() callURL {
	u := callURL{Host: []string{"{{host}}"}}
	for step := range strings.SplitSeq(strings.Trim(o.Path, "/"), "/") {
		if name, isParam := strings.CutPrefix(step, "{"); isParam {
			step = ":" + strings.TrimSuffix(name, "}")
		}
		u.Path = append(u.Path, step)
	}
	for _, p := range o.Params {
		v := variable{Key: p.Name, Value: p.example, Description: p.Description}
		switch {
		case p.In == "path" && p.Name == "token" && !slices.Contains(u.Path, "transfer"):
			v.Value = "{{payment}}"
			u.Variable = append(u.Variable, v)
		case p.In == "path":
			u.Variable = append(u.Variable, v)
		case p.In == "query":
			v.Disabled = !p.Required
			u.Query = append(u.Query, v)
		}
	}
	u.Raw = u.Host[0] + "/" + strings.Join(u.Path, "/")
	for i, q := range slices.DeleteFunc(slices.Clone(u.Query), func(v variable) bool { return v.Disabled }) {
		u.Raw += map[bool]string{true: "?", false: "&"}[i == 0] + q.Key + "=" + q.Value
	}
	return u
}
