package gateways

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Bank is one bank as this installation reaches it. What it does for a merchant it does through that
// merchant's own account there: see [Bank.Open].
type Bank interface {
	// Name is the method name merchants and payers see, "asanpardakht".
	Name() string
	// Origin is where payers are sent: the form target a page must allow.
	Origin() string
	// Limits are the bank's windows. The saga's deadlines lie inside them.
	Limits() Limits
	// Fields are what a merchant's credentials consist of; none means that this bank asks for none.
	Fields() []Field
	// Open returns the bank as one merchant's account sees it. It makes no call; an error says which
	// field is missing or malformed, never its value.
	Open(c Credentials) (Gateway, error)
}

// Field is one part of a merchant's credentials at a bank.
type Field struct {
	Name     string // "terminal_id": its key in [Credentials] and in a credentials file
	Label    string // what the bank calls it
	Secret   bool   // never echoed when typed, never shown afterwards
	Optional bool   // the account works without it
}

// Credentials are a merchant's account at one bank, by [Field.Name]. They never print.
type Credentials map[string]string

func (c Credentials) String() string       { return fmt.Sprintf("credentials(%d fields)", len(c)) }
func (c Credentials) GoString() string     { return c.String() }
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// CheckFields says which fields are missing, empty or unknown.
func (c Credentials) CheckFields(fields []Field) error {
	var wrong []string
	for _, f := range fields {
		if !f.Optional && strings.TrimSpace(c[f.Name]) == "" {
			wrong = append(wrong, f.Name+" is missing")
		}
	}
	for name := range c {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			wrong = append(wrong, name+" is unknown")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.Sort(wrong)
	return fmt.Errorf("credentials: %s", strings.Join(wrong, ", "))
}

// Registry finds banks by method name.
type Registry map[string]Bank

// ErrNoGateway means that no bank of this installation has the asked name.
var ErrNoGateway = errors.New("no such gateway")

// Get returns the bank called name.
func (r Registry) Get(name string) (Bank, error) {
	b, ok := r[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrNoGateway, name)
	}
	return b, nil
}

// Names are the method names, sorted.
func (r Registry) Names() []string { return slices.Sorted(maps.Keys(r)) }
