// Package auth turns a credential into a principal. Dialects carry credentials in different ways;
// what comes out is always the same.
package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/paysaga/paysaga/store"
)

// Scopes say what a credential may do.
const (
	ScopeMerchant = "merchant" // everything a merchant does by REST
	ScopeOperator = "operator" // resolving what needs a person
	ScopeSMS      = "sms"      // forwarding bank SMS and nothing else: for a phone, which may be lost
)

// ErrUnauthorized means that no valid credential came. It never says which part was wrong.
var ErrUnauthorized = errors.New("unauthorized")

// Principal is who is calling.
type Principal struct {
	KeyID    int64
	Merchant store.Merchant
	Branch   int64  // of a branch user's token; 0 for API keys and merchant admins
	Subject  string // of a token, for logs: who it was issued to
	Scopes   []string
}

// Has says whether the credential may do what a scope names.
func (p Principal) Has(scope string) bool { return slices.Contains(p.Scopes, scope) }

// Keys finds the owner of an API key or a branch.
type Keys interface {
	FindKey(ctx context.Context, digest [sha256.Size]byte) (store.KeyOwner, error)
	BranchMerchant(ctx context.Context, branch int64) (store.Merchant, error)
	Merchant(ctx context.Context, publicID string) (store.Merchant, error)
}

// memory is how long a found key is remembered, so that a revoked one is dead within a second.
const memory = time.Second

// Authenticator checks credentials.
type Authenticator struct {
	keys    Keys
	secret  []byte
	signing *SigningKeys // nil: tokens are signed with the secret
	now     func() time.Time

	mu    sync.Mutex
	known map[[sha256.Size]byte]remembered
}

type remembered struct {
	principal Principal
	until     time.Time
}

// New returns an authenticator; secret signs tokens, unless it is told to use keys.
func New(keys Keys, secret string) *Authenticator {
	return &Authenticator{keys: keys, secret: []byte(secret), now: time.Now, known: map[[sha256.Size]byte]remembered{}}
}

// Header reads a credential from an Authorization header, with or without "Bearer".
func Header(value string) string {
	if kind, rest, ok := strings.Cut(value, " "); ok && strings.EqualFold(kind, "bearer") {
		value = rest
	}
	return strings.TrimSpace(value)
}

// Key authenticates an API key. The key is looked up by its SHA-256, so no comparison can leak it.
func (a *Authenticator) Key(ctx context.Context, key string) (Principal, error) {
	if key == "" || len(key) > 200 {
		return Principal{}, ErrUnauthorized
	}
	digest := sha256.Sum256([]byte(key))
	if p, ok := a.remember(digest); ok {
		return p, nil
	}
	owner, err := a.keys.FindKey(ctx, digest)
	if errors.Is(err, store.ErrNotFound) {
		return Principal{}, ErrUnauthorized
	}
	if err != nil {
		return Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	p := Principal{KeyID: owner.KeyID, Merchant: owner.Merchant, Scopes: owner.Scopes}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) > 10_000 { // unknown keys are never remembered, so this is a very large merchant base
		clear(a.known)
	}
	a.known[digest] = remembered{principal: p, until: a.now().Add(memory)}
	return p, nil
}

func (a *Authenticator) remember(digest [sha256.Size]byte) (Principal, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.known[digest]
	return r.principal, ok && a.now().Before(r.until)
}
