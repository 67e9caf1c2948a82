package sign

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file writes JSON byte for byte as PHP's json_encode(…, JSON_UNESCAPED_UNICODE) does.

func appendValue(dst []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case string:
		return appendText(dst, v), nil
	case *string:
		if v == nil {
			return append(dst, "null"...), nil
		}
		return appendText(dst, *v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case json.Number:
		return appendNumber(dst, v.String())
	case List:
		return appendList(dst, v)
	case Object:
		return appendObject(dst, v)
	default:
		return nil, fmt.Errorf("%w: a value of type %T cannot be signed", ErrMalformed, value)
	}
}

// appendObject writes an object, or a list where PHP sees one: it has a single kind of array, and one with
// the keys 0, 1, 2 … in this order, or without any key, is a list.
func appendObject(dst []byte, fields Object) ([]byte, error) {
	if list, ok := asList(fields); ok {
		return appendList(dst, list)
	}
	dst = append(dst, '{')
	for i, field := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendText(dst, field.Name), ':')
		var err error
		if dst, err = appendValue(dst, field.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func asList(fields Object) (List, bool) {
	list := make(List, len(fields))
	for i, field := range fields {
		if field.Name != strconv.Itoa(i) {
			return nil, false
		}
		list[i] = field.Value
	}
	return list, true
}

func appendList(dst []byte, list List) ([]byte, error) {
	dst = append(dst, '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendValue(dst, item); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendText escapes slashes, and the two line separators of unicode although the rest stays as it is.
func appendText(dst []byte, text string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == '\u2028' || r == '\u2029' {
				dst = fmt.Appendf(dst, `\u%04x`, r)
			} else {
				dst = append(dst, text[i:i+size]...)
			}
			i += size
			continue
		}
		dst = appendASCII(dst, c)
		i++
	}
	return append(dst, '"')
}

func appendASCII(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\', '/':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c < 0x20 {
		return fmt.Appendf(dst, `\u%04x`, c)
	}
	return append(dst, c)
}

// appendNumber writes a number that was read from JSON. PHP keeps whole numbers of 64 bits and makes a double of all others.
func appendNumber(dst []byte, lexeme string) ([]byte, error) {
	if !strings.ContainsAny(lexeme, ".eE") {
		if n, err := strconv.ParseInt(lexeme, 10, 64); err == nil {
			return strconv.AppendInt(dst, n, 10), nil
		}
	}
	f, err := strconv.ParseFloat(lexeme, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: a number is too large", ErrMalformed)
	}
	return appendFloat(dst, f), nil
}

// appendFloat writes the shortest digits that read back as f (serialize_precision -1), in PHP's layout: plain up
// to 17 digits before the point and three zeros behind it, else 1.0e+25.
func appendFloat(dst []byte, f float64) []byte {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	power, _ := strconv.Atoi(exponent)
	if power >= -4 && power <= 16 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64)
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	return fmt.Appendf(dst, "%se%+d", mantissa, power)
}
