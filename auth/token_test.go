package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/store"
)

const (
	firstKey  = "first:Zmlyc3Qta2V5LWZpcnN0LWtleS1maXJzdC1rZXkhISE="
	secondKey = "second:c2Vjb25kLWtleS1zZWNvbmQta2V5LXNlY29uZC1rZXk="
)

func signingKeys(t *testing.T, text string) *SigningKeys {
	t.Helper()
	keys, err := ParseSigningKeys(text)
	require.NoError(t, err)
	return keys
}

func TestParseSigningKeys(t *testing.T) {
	keys := signingKeys(t, " "+secondKey+" , "+firstKey)
	require.Equal(t, "second", keys.newest)
	require.Equal(t, []string{"second", "first"}, keys.order)
	for name, text := range map[string]string{
		"nothing":       "",
		"no id":         ":Zmlyc3Qta2V5LWZpcnN0LWtleS1maXJzdC1rZXkhISE=",
		"no colon":      "Zmlyc3Qta2V5LWZpcnN0LWtleS1maXJzdC1rZXkhISE=",
		"not base64":    "a:!!!",
		"too short":     "a:c2hvcnQ=",
		"too long":      "a:" + base64.StdEncoding.EncodeToString(make([]byte, 64)),
		"a tail":        firstKey + ",",
		"the same id":   firstKey + "," + firstKey,
		"one is broken": firstKey + ",b:x",
	} {
		_, err := ParseSigningKeys(text)
		require.Error(t, err, name)
		if _, encoded, _ := strings.Cut(text, ":"); len(encoded) > 20 {
			require.NotContains(t, err.Error(), encoded[:20], "a secret is not told")
		}
	}
}

func TestSignedTokens(t *testing.T) {
	a, b, clock := begin()
	a.UseKeys(signingKeys(t, secondKey+","+firstKey))
	token, err := a.IssueToken(31, time.Hour)
	require.NoError(t, err)
	p, err := a.Token(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, Principal{Merchant: store.Merchant{ID: 3, PublicID: "shop"}, Branch: 31, Subject: "branch/31", Scopes: []string{ScopeMerchant}}, p)

	boss, err := a.IssueAdminToken("shop", time.Hour)
	require.NoError(t, err)
	p, err = a.Token(t.Context(), boss)
	require.NoError(t, err)
	require.Equal(t, Principal{Merchant: store.Merchant{ID: 3, PublicID: "shop"}, Subject: "merchant/shop", Scopes: []string{ScopeMerchant}}, p)
	require.False(t, p.Has(ScopeOperator))
	nobody, err := a.IssueAdminToken("nobody", time.Hour)
	require.NoError(t, err)
	asked := b.asked

	sign := func(change func(*claims)) string {
		c := claims{Branch: 31, RegisteredClaims: jwt.RegisteredClaims{Issuer: issuer, Audience: jwt.ClaimStrings{audience}, ExpiresAt: jwt.NewNumericDate(clock.Add(time.Hour))}}
		change(&c)
		token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
		token.Header["kid"] = "second"
		text, err := token.SignedString(a.signing.keys["second"])
		require.NoError(t, err)
		return text
	}
	_, err = a.Token(t.Context(), sign(func(*claims) {}))
	require.NoError(t, err, "the ones below differ in one thing only")
	asked++
	for name, c := range map[string]func(*claims){
		"branch and merchant":          func(c *claims) { c.Merchant = "shop" },
		"neither":                      func(c *claims) { c.Branch = 0 },
		"negative branch":              func(c *claims) { c.Branch = -31 },
		"negative branch and merchant": func(c *claims) { c.Branch, c.Merchant = -31, "shop" },
		"expired":                      func(c *claims) { c.ExpiresAt = jwt.NewNumericDate(clock.Add(-clockSkewOver)) },
		"never expires":                func(c *claims) { c.ExpiresAt = nil },
		"another audience":             func(c *claims) { c.Audience = jwt.ClaimStrings{"paysaga"} },
		"another issuer":               func(c *claims) { c.Issuer = "somebody" },
	} {
		_, err := a.Token(t.Context(), sign(c))
		require.ErrorIs(t, err, ErrUnauthorized, name)
	}
	require.Equal(t, asked, b.asked, "a bad token asks no table")
	_, err = a.Token(t.Context(), nobody)
	require.ErrorIs(t, err, ErrUnauthorized)
	b.err = errors.New("no database")
	_, err = a.Token(t.Context(), boss)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnauthorized, "a broken database is not a wrong token")
}

const clockSkewOver = clock + time.Second

// With keys the secret signs nothing any more, and without them no key does.
func TestOneAlgorithmAtATime(t *testing.T) {
	bySecret, _, _ := begin()
	byKeys, _, _ := begin()
	byKeys.UseKeys(signingKeys(t, firstKey))
	shared, err := bySecret.IssueToken(31, time.Hour)
	require.NoError(t, err)
	signed, err := byKeys.IssueToken(31, time.Hour)
	require.NoError(t, err)
	_, err = byKeys.Token(t.Context(), shared)
	require.ErrorIs(t, err, ErrUnauthorized)
	_, err = bySecret.Token(t.Context(), signed)
	require.ErrorIs(t, err, ErrUnauthorized)
	require.Empty(t, bySecret.PublicKeys())
	require.NotNil(t, bySecret.PublicKeys(), "an empty list, not null")
}

func TestRotation(t *testing.T) {
	a, _, _ := begin()
	a.UseKeys(signingKeys(t, firstKey))
	old, err := a.IssueToken(31, time.Hour)
	require.NoError(t, err)
	a.UseKeys(signingKeys(t, secondKey+","+firstKey))
	fresh, err := a.IssueToken(31, time.Hour)
	require.NoError(t, err)
	good := func(token string) bool { _, err := a.Token(t.Context(), token); return err == nil }
	require.True(t, good(old))
	require.True(t, good(fresh))

	// The set verifies what was signed.
	set := a.PublicKeys()
	require.Len(t, set, 2)
	for i, token := range []string{fresh, old} {
		x, err := base64.RawURLEncoding.DecodeString(set[i].X)
		require.NoError(t, err)
		require.Equal(t, PublicKey{Kty: "OKP", Crv: "Ed25519", Use: "sig", Alg: "EdDSA", Kid: []string{"second", "first"}[i], X: set[i].X}, set[i])
		body, signature, err := cutLast(token)
		require.NoError(t, err)
		require.True(t, ed25519.Verify(x, []byte(body), signature))
	}
	a.UseKeys(signingKeys(t, secondKey))
	require.False(t, good(old), "taken out")
	require.True(t, good(fresh))
	a.UseKeys(signingKeys(t, strings.Replace(firstKey, "first", "second", 1)))
	require.False(t, good(fresh), "another key under the same name")
}

func cutLast(token string) (body string, signature []byte, err error) {
	i := strings.LastIndex(token, ".")
	signature, err = base64.RawURLEncoding.DecodeString(token[i+1:])
	return token[:i], signature, err
}
