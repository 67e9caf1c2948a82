package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/paysaga/paysaga/outbound"
)

// v1Form reads a body's fields and gathers every rule that they break, under the dialect's names. Fields that nobody
// asks for are ignored; null is the same as absent.
type v1Form struct {
	fields
	bad fieldErrors
}

// The dialect's names of rules.
const (
	ruleRequired  = "validation.required"
	ruleString    = "validation.string"
	ruleMin       = "validation.min"
	ruleMax       = "validation.max"
	ruleURL       = "validation.url"
	ruleIn        = "validation.in"
	ruleUUID      = "validation.uuid"
	ruleAlphaDash = "validation.alpha_dash"
)

// readV1 reads the body. No body, {} and [], which is what PHP makes of nothing, have no fields.
func readV1(c *fiber.Ctx) (*v1Form, error) {
	f := &v1Form{fields: fields{}, bad: fieldErrors{}}
	body := c.Request().Body()
	contentType := c.Get(fiber.HeaderContentType)
	media, _, err := mime.ParseMediaType(contentType)
	switch {
	case c.Get(fiber.HeaderContentEncoding) != "":
		return nil, &problem{status: http.StatusUnsupportedMediaType, code: "content_encoding", message: "The body must not be compressed"}
	case len(body) == 0 && contentType == "":
		return f, nil
	case err != nil || media != fiber.MIMEApplicationJSON:
		return nil, &problem{status: http.StatusUnsupportedMediaType, code: "content_type", message: "Send application/json"}
	case !utf8.Valid(body):
		return nil, v1Refusal("The body is not valid UTF-8")
	case len(body) == 0 || emptyList(body):
		return f, nil
	}
	return f, f.readJSON(body)
}

func emptyList(body []byte) bool {
	inside, opened := bytes.CutPrefix(bytes.TrimSpace(body), []byte("["))
	return opened && string(bytes.TrimSpace(inside)) == "]"
}

var errNotObject = v1Refusal("The body is not a JSON object")

func (f *v1Form) readJSON(body []byte) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return errNotObject
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return errNotObject
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return errNotObject
		}
		key, _ := name.(string)
		if !f.add(key, v1Value(raw)) {
			return v1Refusal("The field " + shorten(key) + " comes twice")
		}
	}
	if _, err := d.Token(); err != nil {
		return errNotObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errNotObject
	}
	return nil
}

// v1Value is a value as it came; objects and lists stay JSON.
func v1Value(raw json.RawMessage) value {
	if raw[0] == '{' || raw[0] == '[' {
		return value{list, string(raw)}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	token, _ := d.Token() // it has been read once
	v, ok := scalar(token)
	if !ok { // a text that holds NUL
		return value{kind: list}
	}
	return v
}

// shorten keeps an answer from repeating a whole body.
func shorten(name string) string {
	if len(name) > 60 {
		return strings.ToValidUTF8(name[:60], "") + "…"
	}
	return name
}

// err is what is wrong with the fields that were read, or nil.
func (f *v1Form) err() error {
	if len(f.bad) > 0 {
		return f.bad
	}
	return nil
}

func (f *v1Form) has(name string) bool {
	v, ok := f.fields[name]
	return ok && v.kind != null
}

// text reads a text of least to most characters, if it is there.
func (f *v1Form) text(name string, least, most int) string {
	if !f.has(name) {
		return ""
	}
	v := f.fields[name]
	if v.kind != text {
		f.bad.add(name, ruleString)
		return ""
	}
	switch n := utf8.RuneCountInString(v.text); {
	case n < least:
		f.bad.add(name, ruleMin)
	case n > most:
		f.bad.add(name, ruleMax)
	}
	return v.text
}

// required reads a text that must be there and not be empty.
func (f *v1Form) required(name string, least, most int) string {
	if v := f.fields[name]; !f.has(name) || v.kind == text && strings.TrimSpace(v.text) == "" {
		f.bad.add(name, ruleRequired)
		return ""
	}
	return f.text(name, least, most)
}

// url checks a text that [v1Form.required] or [v1Form.text] read: whether we would deliver to it. The answer does not tell
// what it is that we would not call.
func (f *v1Form) url(name, text string, dev bool) string {
	if !f.has(name) || slices.Contains(f.bad[name], ruleRequired) || slices.Contains(f.bad[name], ruleString) {
		return ""
	}
	checked, err := outbound.CheckURL(text, dev)
	if err != nil {
		f.bad.add(name, ruleURL)
		return ""
	}
	return checked
}

// oneOf reads a text that is one of a list; it is fallback when it is not there.
func (f *v1Form) oneOf(name, fallback string, allowed []string) string {
	if !f.has(name) {
		return fallback
	}
	v := f.fields[name]
	if v.kind != text {
		f.bad.add(name, ruleString)
	} else if !slices.Contains(allowed, v.text) {
		f.bad.add(name, ruleIn)
	}
	return v.text
}

// uuid reads a uuid in its usual form, if it is there, in small letters.
func (f *v1Form) uuid(name string) string {
	if !f.has(name) {
		return ""
	}
	v := f.fields[name]
	if v.kind != text {
		f.bad.add(name, ruleString)
		return ""
	}
	id, err := uuid.Parse(v.text)
	if err != nil || len(v.text) != len(id.String()) {
		f.bad.add(name, ruleUUID)
		return ""
	}
	return id.String()
}

// alphaDash reads letters, digits, - and _, if they are there.
func (f *v1Form) alphaDash(name string, least, most int) string {
	out := f.text(name, least, most)
	if strings.ContainsFunc(out, func(r rune) bool {
		return !unicode.In(r, unicode.L, unicode.M, unicode.N) && r != '-' && r != '_'
	}) {
		f.bad.add(name, ruleAlphaDash)
	}
	return out
}
