package auth

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/paysaga/paysaga/store"
)

// Tokens of branch users and merchant admins.

const (
	issuer   = "paysaga"
	audience = "paysaga-purchase"
	clock    = 30 * time.Second // how far a caller's clock may be from ours
)

// claims of a token: a branch user has a branch, a merchant's admin the merchant.
type claims struct {
	Branch   int64  `json:"branch,omitempty"`
	Merchant string `json:"merchant,omitempty"`
	jwt.RegisteredClaims
}

// SigningKeys sign tokens with EdDSA. The first key signs, every key verifies, so that keys can be rotated.
type SigningKeys struct {
	newest string
	keys   map[string]ed25519.PrivateKey
	order  []string
}

// ParseSigningKeys reads "id:base64,…" with seeds of 32 bytes, the newest first.
func ParseSigningKeys(text string) (*SigningKeys, error) {
	s := &SigningKeys{keys: map[string]ed25519.PrivateKey{}}
	for _, item := range strings.Split(text, ",") {
		id, encoded, ok := strings.Cut(strings.TrimSpace(item), ":")
		seed, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || id == "" || err != nil || len(seed) != ed25519.SeedSize {
			return nil, errors.New("signing keys: want id:base64 of 32 bytes, separated by commas")
		}
		if _, twice := s.keys[id]; twice {
			return nil, fmt.Errorf("signing key %q appears twice", id)
		}
		if s.newest == "" {
			s.newest = id
		}
		s.keys[id] = ed25519.NewKeyFromSeed(seed)
		s.order = append(s.order, id)
	}
	return s, nil
}

// PublicKey is one key of a JSON Web Key Set.
type PublicKey struct {
	Kty string `json:"kty"`
	Crv string `json:"crv"`
	Use string `json:"use"`
	Alg string `json:"alg"`
	Kid string `json:"kid"`
	X   string `json:"x"`
}

// PublicKeys are what others verify tokens with; none while a shared secret signs.
func (a *Authenticator) PublicKeys() []PublicKey {
	list := []PublicKey{}
	if a.signing == nil {
		return list
	}
	for _, id := range a.signing.order {
		public, _ := a.signing.keys[id].Public().(ed25519.PublicKey)
		list = append(list, PublicKey{Kty: "OKP", Crv: "Ed25519", Use: "sig", Alg: "EdDSA", Kid: id, X: base64.RawURLEncoding.EncodeToString(public)})
	}
	return list
}

// UseKeys signs and verifies with EdDSA from now on; tokens of the secret are no longer good.
func (a *Authenticator) UseKeys(keys *SigningKeys) { a.signing = keys }

// IssueToken makes a token that speaks for one branch until it expires.
func (a *Authenticator) IssueToken(branch int64, life time.Duration) (string, error) {
	return a.issue(claims{Branch: branch}, fmt.Sprintf("branch/%d", branch), life)
}

// IssueAdminToken makes a token that speaks for every branch of a merchant.
func (a *Authenticator) IssueAdminToken(merchant string, life time.Duration) (string, error) {
	return a.issue(claims{Merchant: merchant}, "merchant/"+merchant, life)
}

func (a *Authenticator) issue(c claims, subject string, life time.Duration) (string, error) {
	now := a.now()
	c.RegisteredClaims = jwt.RegisteredClaims{
		Issuer: issuer, Subject: subject, Audience: jwt.ClaimStrings{audience},
		IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(life)),
	}
	token, key := jwt.NewWithClaims(jwt.SigningMethodHS256, c), any(a.secret)
	if a.signing != nil {
		token = jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
		token.Header["kid"] = a.signing.newest
		key = a.signing.keys[a.signing.newest]
	}
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return signed, nil
}

// Token authenticates a token. Branch and merchant come from the claims and from nowhere else.
func (a *Authenticator) Token(ctx context.Context, text string) (Principal, error) {
	var c claims
	_, err := jwt.ParseWithClaims(text, &c, a.verifyingKey,
		jwt.WithValidMethods([]string{a.method()}), jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(clock), jwt.WithTimeFunc(a.now))
	if err != nil || c.Branch < 0 || (c.Branch > 0) == (c.Merchant != "") {
		return Principal{}, ErrUnauthorized
	}
	merchant, err := a.speaksFor(ctx, c)
	if errors.Is(err, store.ErrNotFound) {
		return Principal{}, ErrUnauthorized
	}
	if err != nil {
		return Principal{}, fmt.Errorf("authenticate: %w", err)
	}
	return Principal{Merchant: merchant, Branch: c.Branch, Subject: c.Subject, Scopes: []string{ScopeMerchant}}, nil
}

func (a *Authenticator) speaksFor(ctx context.Context, c claims) (store.Merchant, error) {
	if c.Branch > 0 {
		return a.keys.BranchMerchant(ctx, c.Branch)
	}
	return a.keys.Merchant(ctx, c.Merchant)
}

func (a *Authenticator) method() string {
	if a.signing != nil {
		return jwt.SigningMethodEdDSA.Alg()
	}
	return jwt.SigningMethodHS256.Alg()
}

func (a *Authenticator) verifyingKey(t *jwt.Token) (any, error) {
	if a.signing == nil {
		return a.secret, nil
	}
	id, _ := t.Header["kid"].(string)
	key, ok := a.signing.keys[id]
	if !ok {
		return nil, ErrUnauthorized
	}
	return key.Public(), nil
}
