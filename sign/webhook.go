package sign

import (
	"fmt"
	"unicode/utf8"
)

// Field is one member of a webhook body. Its value is a string, *string, bool, int, int64, nil, [Object] or [List].
type Field struct {
	Name  string
	Value any
}

// F makes a [Field].
func F(name string, value any) Field { return Field{Name: name, Value: value} }

// Object is a JSON object whose members keep their order.
type Object []Field

// List is a JSON array.
type List []any

const (
	signName = "sign"
	// maxInt is the largest whole number that every JSON reader keeps exactly.
	maxInt = 1 << 53
	// maxDepth is how many objects and lists PHP reads inside each other by default.
	maxDepth = 511
)

var errTooDeep = fmt.Errorf("%w: nested too deeply", ErrMalformed)

// Body is a webhook body of the fields in their order, with their signature under key as last member "sign".
//
// The bytes are those PHP writes with JSON_UNESCAPED_UNICODE, so a receiver may decode and re-encode them,
// or cut the member "sign" out of them: both give the signed text. What receivers would read differently is
// refused: fractions, whole numbers beyond ±2^53, names that look like numbers, names given twice, text that is not
// UTF-8. An empty [Object] is written as [], which is what PHP makes of it.
func Body(key string, fields ...Field) ([]byte, error) {
	if key == "" {
		return nil, ErrNoKey
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("%w: a webhook without fields", ErrMalformed)
	}
	for _, field := range fields {
		if field.Name == signName {
			return nil, fmt.Errorf("%w: the field %q is added by Body", ErrMalformed, signName)
		}
	}
	if err := checkValue(Object(fields), 1); err != nil {
		return nil, err
	}
	signed, err := appendObject(nil, fields)
	if err != nil {
		return nil, err
	}
	body := append(signed[:len(signed)-1:len(signed)-1], `,"sign":"`...)
	body = append(body, Sign(signed, key)...)
	return append(body, `"}`...), nil
}

// VerifyWebhook says whether a webhook body carries its own signature under one of the keys, in its member
// "sign". The body is read and written again as PHP would, so unescaped and escaped unicode, slashes and
// blanks make no difference; values and the order of members do. A body that names a member twice is
// refused, because readers do not agree on which one counts.
//
// For payouts give the payout key and the payment key. The error is [ErrNoKey], [ErrNoSign], [ErrMalformed] or
// [ErrMismatch].
func VerifyWebhook(body []byte, keys ...string) error {
	if err := needKeys(keys); err != nil {
		return err
	}
	fields, err := readObject(body)
	if err != nil {
		return err
	}
	fields, sign := takeSign(fields)
	signed, err := appendObject(nil, fields)
	if err != nil {
		return err
	}
	return Verify(signed, sign, keys...)
}

// takeSign splits the top-level member "sign" from the others: empty when there is none, or none that is text.
func takeSign(fields Object) (rest Object, sign string) {
	for _, field := range fields {
		if field.Name == signName {
			sign, _ = field.Value.(string)
			continue
		}
		rest = append(rest, field)
	}
	return rest, sign
}

// checkValue refuses what some receiver would read as something else.
func checkValue(value any, depth int) error {
	switch v := value.(type) {
	case nil, bool:
		return nil
	case string:
		return checkText(v)
	case *string:
		if v == nil {
			return nil
		}
		return checkText(*v)
	case int:
		return checkInt(int64(v))
	case int64:
		return checkInt(v)
	case List:
		if depth > maxDepth {
			return errTooDeep
		}
		for i, item := range v {
			if err := checkValue(item, depth+1); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	case Object:
		if depth > maxDepth {
			return errTooDeep
		}
		return checkObject(v, depth)
	default:
		return fmt.Errorf("%w: a value of type %T cannot be signed", ErrMalformed, value)
	}
}

func checkObject(fields Object, depth int) error {
	seen := make(map[string]bool, len(fields))
	for _, field := range fields {
		if err := checkText(field.Name); err != nil {
			return fmt.Errorf("field name %q: %w", field.Name, err)
		}
		if looksLikeInt(field.Name) {
			return fmt.Errorf("%w: field name %q is a number", ErrMalformed, field.Name)
		}
		if seen[field.Name] {
			return fmt.Errorf("%w: field %q is given twice", ErrMalformed, field.Name)
		}
		seen[field.Name] = true
		if err := checkValue(field.Value, depth+1); err != nil {
			return fmt.Errorf("field %q: %w", field.Name, err)
		}
	}
	return nil
}

func checkText(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%w: text is not UTF-8", ErrMalformed)
	}
	return nil
}

func checkInt(n int64) error {
	if n > maxInt || n < -maxInt {
		return fmt.Errorf("%w: %d is beyond what every receiver reads exactly", ErrMalformed, n)
	}
	return nil
}

// looksLikeInt reports a name that PHP turns into a number and JavaScript moves to the front.
func looksLikeInt(name string) bool {
	digits := name
	if len(digits) > 1 && digits[0] == '-' {
		digits = digits[1:]
	}
	if digits == "" || (digits[0] == '0' && name != "0") {
		return false
	}
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
