package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/paysaga/paysaga/money"
)

// kind of a value as it came; a form only has texts.
type kind int

const (
	text kind = iota
	number
	boolean
	null
	list // as JSON, only where a reader asks for one
)

type value struct {
	kind kind
	text string
}

// fields are a body's values by name. Names that nobody asks for are ignored.
type fields map[string]value

// readFields reads a form or a JSON object, in which only the named fields may be lists. A name that comes
// twice, in whatever case, is refused: two readers of the same body must never see two amounts.
func readFields(c *fiber.Ctx, lists ...string) (fields, error) {
	body := c.Body()
	contentType := c.Get(fiber.HeaderContentType)
	if contentType == "" && len(body) == 0 {
		return fields{}, nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		media = ""
	}
	if !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0 {
		return nil, &problem{status: http.StatusBadRequest, code: "encoding", message: "The body is not valid UTF-8"}
	}
	switch media {
	case fiber.MIMEApplicationForm:
		return readForm(string(body))
	case fiber.MIMEApplicationJSON:
		return readJSON(body, lists)
	case fiber.MIMEMultipartForm: // what PHP's curl makes of an array
		return readMultipart(c)
	}
	return nil, &problem{status: http.StatusUnsupportedMediaType, code: "content_type",
		message: "Send application/x-www-form-urlencoded or application/json"}
}

func readForm(body string) (fields, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, code: "form", message: "The form cannot be read"}
	}
	return formFields(values)
}

func readMultipart(c *fiber.Ctx) (fields, error) {
	form, err := c.MultipartForm()
	if err != nil || len(form.File) > 0 {
		return nil, &problem{status: http.StatusBadRequest, code: "form", message: "The form cannot be read, or has files"}
	}
	return formFields(form.Value)
}

func formFields(values url.Values) (fields, error) {
	out := fields{}
	for name, all := range values {
		if len(all) > 1 || !out.add(name, value{text, all[0]}) {
			return nil, invalid(name, "duplicate", "The field comes twice")
		}
		if !utf8.ValidString(all[0]) || strings.ContainsRune(all[0], 0) {
			return nil, invalid(name, "encoding", "The field is not valid UTF-8")
		}
	}
	return out, nil
}

func readJSON(body []byte, lists []string) (fields, error) {
	broken := &problem{status: http.StatusBadRequest, code: "json", message: "The body is not a JSON object"}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, broken
	}
	out := fields{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, broken
		}
		key, _ := name.(string)
		isList := slices.Contains(lists, key)
		v, ok, err := readValue(d, isList)
		if err != nil {
			return nil, broken
		}
		if !ok && isList {
			return nil, invalid(key, "type", "The field must be a list")
		}
		if !ok {
			return nil, invalid(key, "type", "The field must not be an object or a list")
		}
		if !out.add(key, v) {
			return nil, invalid(key, "duplicate", "The field comes twice")
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, broken
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, broken
	}
	return out, nil
}

// readValue reads the next value and says whether it is one that the field may have.
func readValue(d *json.Decoder, mayBeList bool) (value, bool, error) {
	if mayBeList {
		var raw json.RawMessage
		err := d.Decode(&raw)
		return value{list, string(raw)}, bytes.HasPrefix(raw, []byte("[")), err
	}
	token, err := d.Token()
	if err != nil {
		return value{}, false, err
	}
	v, ok := scalar(token)
	return v, ok, nil
}

func scalar(token json.Token) (value, bool) {
	switch t := token.(type) {
	case string:
		return value{text, t}, !strings.ContainsRune(t, 0)
	case json.Number:
		return value{number, t.String()}, true
	case bool:
		if t {
			return value{boolean, "true"}, true
		}
		return value{boolean, "false"}, true
	case nil:
		return value{kind: null}, true
	}
	return value{}, false
}

func (f fields) add(name string, v value) bool {
	for known := range f {
		if strings.EqualFold(known, name) {
			return false
		}
	}
	f[name] = v
	return true
}

// text reads a text of at most `most` characters; absent and null are empty.
func (f fields) text(name string, most int) (string, error) {
	v, ok := f[name]
	switch {
	case !ok || v.kind == null:
		return "", nil
	case v.kind != text:
		return "", invalid(name, "type", "The field must be a text")
	case utf8.RuneCountInString(v.text) > most:
		return "", invalid(name, "too_long", "The field is too long")
	}
	return v.text, nil
}

// list reads a JSON list of at most `most` bytes; absent is empty.
func (f fields) list(name string, most int) (json.RawMessage, error) {
	v, ok := f[name]
	switch {
	case !ok:
		return nil, nil
	case v.kind != list:
		return nil, invalid(name, "type", "The field must be a list")
	case len(v.text) > most:
		return nil, invalid(name, "too_long", "The field is too long")
	}
	return json.RawMessage(v.text), nil
}

// boolean reads true or false; absent, null and empty are false.
func (f fields) boolean(name string) (bool, error) {
	v, ok := f[name]
	if !ok || v.kind == null {
		return false, nil
	}
	switch strings.ToLower(v.text) {
	case "true", "1":
		return true, nil
	case "false", "0", "":
		return false, nil
	}
	return false, invalid(name, "boolean", "The field must be true or false")
}

// amount reads a positive whole number of rial, with Latin or Persian digits.
func (f fields) amount(name string) (money.Rial, error) {
	v, ok := f[name]
	if !ok || v.kind == null || v.text == "" {
		return 0, invalid(name, "required", "The field is required")
	}
	if v.kind == boolean {
		return 0, invalid(name, "not_number", "The field must be a whole number of rial")
	}
	amount, err := money.ParseAmount(v.text)
	switch {
	case errors.Is(err, money.ErrTooLarge):
		return 0, invalid(name, "too_large", "The amount is too large")
	case errors.Is(err, money.ErrFraction):
		return 0, invalid(name, "fraction", "The amount must be a whole number of rial")
	case errors.Is(err, money.ErrNegative) || (err == nil && amount == 0):
		return 0, invalid(name, "not_positive", "The amount must be greater than zero")
	case err != nil:
		return 0, invalid(name, "not_number", "The field must be a whole number of rial")
	}
	return amount, nil
}
