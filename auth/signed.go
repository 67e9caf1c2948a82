package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// Requests that are signed: a merchant's uuid, and a signature over the body with one of its signing keys. The signature
// has no time in it, so whoever has seen a request can repeat it; what must not happen twice is the handler's to prevent.

// Signers checks signatures of requests.
type Signers struct {
	find func(ctx context.Context, merchantUUID string) (store.Signer, error)
	now  func() time.Time

	mu    sync.Mutex
	known map[string]knownSigner
}

type knownSigner struct {
	store.Signer
	until time.Time
}

// NewSigners checks with the keys of s, which v opens. They are remembered for a second.
func NewSigners(s *store.Store, v *vault.Vault) *Signers {
	find := func(ctx context.Context, merchantUUID string) (store.Signer, error) {
		return s.Signer(ctx, v, merchantUUID)
	}
	return &Signers{find: find, now: time.Now, known: map[string]knownSigner{}}
}

// Check authenticates a request by its headers `merchant` and `sign` over the raw bytes of its body. A key of any of the
// kinds will do.
func (s *Signers) Check(ctx context.Context, merchantUUID, signature string, body []byte, kinds ...store.SigningKind) (Principal, error) {
	id, err := uuid.Parse(merchantUUID)
	if err != nil || len(merchantUUID) != len(id.String()) || signature == "" {
		return Principal{}, ErrUnauthorized
	}
	signer, err := s.signer(ctx, id.String())
	if errors.Is(err, store.ErrNotFound) {
		return Principal{}, ErrUnauthorized
	}
	if err != nil {
		return Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	var keys []string
	for _, kind := range kinds {
		keys = slices.Concat(keys, signer.Keys[kind])
	}
	if sign.Verify(body, signature, keys...) != nil { // also when there is no key
		return Principal{}, ErrUnauthorized
	}
	return Principal{Merchant: signer.Merchant, Subject: "merchant/" + signer.Merchant.PublicID, Scopes: []string{ScopeMerchant}}, nil
}

func (s *Signers) signer(ctx context.Context, id string) (store.Signer, error) {
	s.mu.Lock()
	known, ok := s.known[id]
	s.mu.Unlock()
	if ok && s.now().Before(known.until) {
		return known.Signer, nil
	}
	found, err := s.find(ctx, id)
	if err != nil {
		return store.Signer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) > 10_000 { // unknown merchants are never remembered
		clear(s.known)
	}
	s.known[id] = knownSigner{found, s.now().Add(memory)}
	return found, nil
}
