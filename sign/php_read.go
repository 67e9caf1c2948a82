package sign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// This file reads JSON as strictly as PHP's json_decode: encoding/json alone would silently replace broken
// UTF-8 and halves of surrogate pairs.

// readObject reads a body whose top level is an object. Numbers stay [json.Number]; objects keep their order.
func readObject(body []byte) (Object, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: the body is not UTF-8", ErrMalformed)
	}
	if !json.Valid(body) {
		return nil, fmt.Errorf("%w: the body is not JSON", ErrMalformed)
	}
	if !pairedSurrogates(body) {
		return nil, fmt.Errorf("%w: half of a surrogate pair", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	value, err := readValue(dec, 0)
	if err != nil {
		return nil, err
	}
	fields, ok := value.(Object)
	if !ok {
		return nil, fmt.Errorf("%w: the body is not a JSON object", ErrMalformed)
	}
	return fields, nil
}

func readValue(dec *json.Decoder, depth int) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return token, nil
	}
	if depth == maxDepth {
		return nil, errTooDeep
	}
	var value any
	if delim == '{' {
		value, err = readFields(dec, depth+1)
	} else {
		value, err = readItems(dec, depth+1)
	}
	if err != nil {
		return nil, err
	}
	_, err = dec.Token() // the closing bracket; the body is known to be well formed
	return value, err
}

func readFields(dec *json.Decoder, depth int) (Object, error) {
	fields := Object{}
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, fmt.Errorf("%w: the member %q is there twice", ErrMalformed, name)
		}
		seen[name] = true
		value, err := readValue(dec, depth)
		if err != nil {
			return nil, err
		}
		fields = append(fields, Field{Name: name, Value: value})
	}
	return fields, nil
}

func readItems(dec *json.Decoder, depth int) (List, error) {
	list := List{}
	for dec.More() {
		value, err := readValue(dec, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// pairedSurrogates looks at the \uXXXX escapes of well-formed JSON; a backslash stands only inside strings there.
func pairedSurrogates(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // the escaped character
		if body[i] != 'u' {
			continue
		}
		first := hexRune(body[i+1 : i+5])
		i += 4
		if !utf16.IsSurrogate(first) {
			continue
		}
		rest := body[i+1:]
		if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' ||
			utf16.DecodeRune(first, hexRune(rest[2:6])) == utf8.RuneError {
			return false
		}
		i += 6
	}
	return true
}

func hexRune(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}
