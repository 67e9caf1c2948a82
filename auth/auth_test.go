package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/store"
)

// book stands for the tables of keys and branches.
type book struct {
	keys     map[string]store.KeyOwner
	branches map[int64]store.Merchant
	asked    int
	err      error
}

func (b *book) FindKey(_ context.Context, digest [sha256.Size]byte) (store.KeyOwner, error) {
	b.asked++
	for key, owner := range b.keys {
		if sha256.Sum256([]byte(key)) == digest {
			return owner, b.err
		}
	}
	if b.err != nil {
		return store.KeyOwner{}, b.err
	}
	return store.KeyOwner{}, fmt.Errorf("key: %w", store.ErrNotFound)
}

func (b *book) BranchMerchant(_ context.Context, branch int64) (store.Merchant, error) {
	b.asked++
	if m, ok := b.branches[branch]; ok || b.err != nil {
		return m, b.err
	}
	return store.Merchant{}, fmt.Errorf("branch: %w", store.ErrNotFound)
}

func (b *book) Merchant(_ context.Context, publicID string) (store.Merchant, error) {
	b.asked++
	for _, m := range b.branches {
		if m.PublicID == publicID || b.err != nil {
			return m, b.err
		}
	}
	return store.Merchant{}, fmt.Errorf("merchant: %w", store.ErrNotFound)
}

const secret = "a secret of this test, long enough"

// begin returns an authenticator that knows one key and one branch, and a clock that stands still.
func begin() (*Authenticator, *book, *time.Time) {
	b := &book{
		keys:     map[string]store.KeyOwner{"good": {KeyID: 7, Scopes: []string{ScopeMerchant, ScopeOperator}, Merchant: store.Merchant{ID: 3, PublicID: "shop"}}},
		branches: map[int64]store.Merchant{31: {ID: 3, PublicID: "shop"}},
	}
	clock := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	a := New(b, secret)
	a.now = func() time.Time { return clock }
	return a, b, &clock
}

func TestHeader(t *testing.T) {
	for in, want := range map[string]string{
		"test": "test", "Bearer test": "test", "bearer test": "test", "BEARER  test ": "test", " test": "test",
		"": "", "Bearer": "Bearer", "Bearer ": "", "Basic dGVzdA==": "Basic dGVzdA==", "Bearer a b": "a b",
	} {
		require.Equal(t, want, Header(in), "%q", in)
	}
}

func TestKey(t *testing.T) {
	a, b, _ := begin()
	p, err := a.Key(t.Context(), "good")
	require.NoError(t, err)
	require.Equal(t, Principal{KeyID: 7, Merchant: store.Merchant{ID: 3, PublicID: "shop"}, Scopes: []string{ScopeMerchant, ScopeOperator}}, p)

	for _, wrong := range []string{"", "Good", "goo", "good\x00", strings.Repeat("x", 201)} {
		_, err := a.Key(t.Context(), wrong)
		require.ErrorIs(t, err, ErrUnauthorized, "%q", wrong)
		require.Equal(t, ErrUnauthorized.Error(), err.Error(), "never says which part was wrong")
	}
	b.err = errors.New("no database")
	_, err = a.Key(t.Context(), "other")
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnauthorized, "a broken database is not a wrong key")
}

func TestARevokedKeyIsDeadWithinASecond(t *testing.T) {
	a, b, clock := begin()
	use := func() error { _, err := a.Key(t.Context(), "good"); return err }
	require.NoError(t, use())
	require.NoError(t, use())
	require.Equal(t, 1, b.asked, "remembered")

	delete(b.keys, "good")
	*clock = clock.Add(time.Second - time.Nanosecond)
	require.NoError(t, use())
	*clock = clock.Add(time.Nanosecond)
	require.ErrorIs(t, use(), ErrUnauthorized)
	require.ErrorIs(t, use(), ErrUnauthorized, "wrong keys are never remembered")
	require.Equal(t, 3, b.asked)
}

// Many keys do not grow the memory without end, and the answers stay right.
func TestMemoryIsBounded(t *testing.T) {
	a, b, _ := begin()
	for i := range 10_050 {
		a.known[sha256.Sum256([]byte(fmt.Sprint("other", i)))] = remembered{}
	}
	p, err := a.Key(t.Context(), "good")
	require.NoError(t, err)
	require.EqualValues(t, 7, p.KeyID)
	require.Len(t, a.known, 1)
	require.Equal(t, 1, b.asked)
}

func TestToken(t *testing.T) {
	a, b, clock := begin()
	issue := func(branch int64) string {
		token, err := a.IssueToken(branch, time.Hour)
		require.NoError(t, err)
		return token
	}
	token := issue(31)
	p, err := a.Token(t.Context(), token)
	require.NoError(t, err)
	require.Equal(t, Principal{Merchant: store.Merchant{ID: 3, PublicID: "shop"}, Branch: 31, Subject: "branch/31", Scopes: []string{ScopeMerchant}}, p)

	sign := func(method jwt.SigningMethod, key any, change func(jwt.MapClaims)) string {
		claims := jwt.MapClaims{"branch": 31, "iss": "paysaga", "aud": "paysaga-purchase", "exp": clock.Add(time.Hour).Unix()}
		change(claims)
		text, err := jwt.NewWithClaims(method, claims).SignedString(key)
		require.NoError(t, err)
		return text
	}
	same := func(jwt.MapClaims) {}
	_, err = a.Token(t.Context(), sign(jwt.SigningMethodHS256, []byte(secret), same))
	require.NoError(t, err, "the forger below differs in one thing only")
	head, rest, _ := strings.Cut(token, ".")
	for name, forged := range map[string]string{
		"no algorithm":      sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, same),
		"other algorithm":   sign(jwt.SigningMethodHS512, []byte(secret), same),
		"other secret":      sign(jwt.SigningMethodHS256, []byte(secret+"x"), same),
		"expired":           sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["exp"] = clock.Add(-31 * time.Second).Unix() }),
		"never expires":     sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { delete(c, "exp") }),
		"other audience":    sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["aud"] = "paysaga" }),
		"no audience":       sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { delete(c, "aud") }),
		"other issuer":      sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["iss"] = "someone" }),
		"not yet":           sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["nbf"] = clock.Add(time.Minute).Unix() }),
		"no branch":         sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { delete(c, "branch") }),
		"negative branch":   sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["branch"] = -31 }),
		"branch as text":    sign(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) { c["branch"] = "31" }),
		"unknown branch":    issue(32),
		"swapped payload":   head + "." + strings.Split(issue(32), ".")[1] + "." + strings.Split(rest, ".")[1],
		"without signature": token[:strings.LastIndex(token, ".")+1],
		"an API key":        "good",
		"nothing":           "",
	} {
		_, err := a.Token(t.Context(), forged)
		require.ErrorIs(t, err, ErrUnauthorized, name)
	}
	*clock = clock.Add(time.Hour + 31*time.Second)
	_, err = a.Token(t.Context(), token)
	require.ErrorIs(t, err, ErrUnauthorized, "expired")

	*clock = clock.Add(-time.Hour)
	b.err = errors.New("no database")
	_, err = a.Token(t.Context(), token)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnauthorized)
}
