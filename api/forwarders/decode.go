package forwarders

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep a body may nest.
const maxDepth = 16

// object is a JSON object or a form. twice is a name that came more than once, in whatever case: two
// readers of the same body must never see two values.
type object struct {
	values map[string]any
	folded map[string]bool
	twice  string
}

type number = json.Number

func newObject() object { return object{values: map[string]any{}, folded: map[string]bool{}} }

func (o *object) add(name string, value any) {
	folded := strings.ToLower(strings.ToUpper(name)) // both, so that ſ is s
	if o.folded[folded] {
		o.twice = name
	}
	o.folded[folded] = true
	o.values[name] = value
}

// decode reads JSON by its looks, whatever the app calls it, and a form by its type.
func decode(contentType string, body []byte) (any, error) {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return nil, ErrEmpty
	case !utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0:
		return nil, fmt.Errorf("%w: not valid UTF-8", ErrUnreadable)
	case body[0] == '{' || body[0] == '[':
		return decodeJSON(body)
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, fmt.Errorf("%w: send application/json or application/x-www-form-urlencoded", ErrUnreadable)
	}
	return decodeForm(string(body))
}

func decodeForm(body string) (any, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, fmt.Errorf("%w: not a form", ErrUnreadable)
	}
	form := newObject()
	for name, all := range values {
		for _, value := range all {
			form.add(name, value)
		}
	}
	return form, nil
}

func decodeJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(escapeControls(body)))
	d.UseNumber()
	value, err := decodeValue(d, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: not JSON", ErrUnreadable)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the JSON", ErrUnreadable)
	}
	return value, nil
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		return decodeObject(d, depth)
	case json.Delim('['):
		return decodeList(d, depth)
	}
	return token, nil
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := newObject()
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, errors.New("a name is not a text")
		}
		value, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		o.add(name, value)
	}
	_, err := d.Token()
	return o, err
}

func decodeList(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		value, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	_, err := d.Token()
	return list, err
}

// escapeControls writes the line breaks inside JSON texts as JSON wants them. Apps that put an SMS into a
// template without escaping leave them bare, and a bank's SMS has several lines. No other reading exists:
// a strict reader refuses such a body.
func escapeControls(body []byte) []byte {
	inText, escaped := false, false
	out := make([]byte, 0, len(body)+64)
	for _, b := range body {
		switch {
		case inText && b < ' ':
			if escaped { // a backslash before a bare line break is a mistake; let the decoder say so
				out = append(out, b)
			} else {
				out = fmt.Appendf(out, `\u%04x`, b)
			}
			escaped = false
			continue
		case escaped:
			escaped = false
		case b == '\\':
			escaped = inText
		case b == '"':
			inText = !inText
		}
		out = append(out, b)
	}
	return out
}
