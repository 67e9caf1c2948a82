package api_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/state"
)

// forge signs claims with a key of a list as auth.ParseSigningKeys reads it. It begins from a good token's.
func forge(t *testing.T, key string, change func(head map[string]any, claims jwt.MapClaims)) string {
	t.Helper()
	_, encoded, _ := strings.Cut(key, ":")
	seed, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	claims := jwt.MapClaims{
		"branch": 31, "iss": "paysaga", "aud": []string{"paysaga-purchase"}, "sub": "branch/31",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["kid"] = "new"
	change(token.Header, claims)
	text, err := token.SignedString(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	return text
}

// Without a token of ours nothing is read and nothing changed, whatever is asked.
func TestPurchasesNeedAToken(t *testing.T) {
	same := func(map[string]any, jwt.MapClaims) {}
	claim := func(name string, value any) func(map[string]any, jwt.MapClaims) {
		return func(_ map[string]any, c jwt.MapClaims) {
			if c[name] = value; value == nil {
				delete(c, name)
			}
		}
	}
	head := func(name string, value any) func(map[string]any, jwt.MapClaims) {
		return func(h map[string]any, _ jwt.MapClaims) {
			if h[name] = value; value == nil {
				delete(h, name)
			}
		}
	}
	o := newOffice(t)
	u, _ := o.bringTo(state.PurchaseIncomplete)
	require.Equal(t, http.StatusOK, o.ask(request{method: "GET", path: purchases, key: forge(t, newKey, same)}).StatusCode, "the forger differs in one thing only")

	shared, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"branch": 31, "iss": "paysaga", "aud": "paysaga-purchase", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString([]byte("a secret of this test, long enough"))
	require.NoError(t, err)
	public, err := base64.RawURLEncoding.DecodeString(o.auth.PublicKeys()[0].X)
	require.NoError(t, err)
	confused := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"branch": 31, "iss": "paysaga", "aud": "paysaga-purchase", "exp": time.Now().Add(time.Hour).Unix(),
	})
	confused.Header["kid"] = "new"
	byPublicKey, err := confused.SignedString(public)
	require.NoError(t, err)
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{
		"branch": 31, "iss": "paysaga", "aud": "paysaga-purchase", "exp": time.Now().Add(time.Hour).Unix(),
	}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)

	facts, lines := o.facts(), o.systemLog()
	tokens := map[string]string{
		"none at all":               noKey,
		"an API key":                "test",
		"a word":                    "Bearer x.y.z",
		"expired":                   forge(t, newKey, claim("exp", time.Now().Add(-time.Minute).Unix())),
		"never expires":             forge(t, newKey, claim("exp", nil)),
		"not yet":                   forge(t, newKey, claim("nbf", time.Now().Add(time.Minute).Unix())),
		"another audience":          forge(t, newKey, claim("aud", "paysaga-admin")),
		"no audience":               forge(t, newKey, claim("aud", nil)),
		"another issuer":            forge(t, newKey, claim("iss", "somebody")),
		"no issuer":                 forge(t, newKey, claim("iss", nil)),
		"branch 0":                  forge(t, newKey, claim("branch", 0)),
		"branch negative":           forge(t, newKey, claim("branch", -31)),
		"branch a text":             forge(t, newKey, claim("branch", "31")),
		"no branch":                 forge(t, newKey, claim("branch", nil)),
		"branch and merchant":       forge(t, newKey, claim("merchant", "faSDF42w3Fs")),
		"a foreign key":             forge(t, strangeKey, same),
		"a key nobody knows":        forge(t, newKey, head("kid", "newer")),
		"the other key's name":      forge(t, newKey, head("kid", "old")),
		"no name of a key":          forge(t, newKey, head("kid", nil)),
		"a key's name not a text":   forge(t, newKey, head("kid", []string{"new"})),
		"no algorithm":              unsigned,
		"the shared secret":         shared,
		"the public key as secret":  byPublicKey,
		"another branch's contents": o.token[:strings.Index(o.token, ".")] + forge(t, newKey, claim("branch", 32))[strings.Index(o.token, "."):],
	}
	for name, token := range tokens {
		a := o.retry(u.ID, func(r *request) { r.key = token })
		require.Equal(t, "Missing or wrong Authorization", o.refuses(a, http.StatusUnauthorized), name)
		require.Equal(t, "Bearer", a.Header.Get("WWW-Authenticate"))
	}
	require.Equal(t, facts, o.facts())
	require.Equal(t, lines, o.systemLog())
	require.Zero(t, o.sagas.asked)

	// Nothing is even read: without a database the answer is the same, for every operation.
	o = newOffice(t)
	require.NoError(t, o.db.Close())
	for _, r := range []request{
		{method: "PUT", path: retryPath(74), json: `{"branch":31}`}, {method: "POST", path: purchases, json: `{"amount":1}`},
		{method: "GET", path: purchases}, {method: "GET", path: purchases + "/74"}, {method: "GET", path: purchases + "/nothing/here"},
	} {
		for _, token := range []string{noKey, tokens["expired"], tokens["a foreign key"]} {
			r.key = token
			o.refuses(o.ask(r), http.StatusUnauthorized)
		}
	}
	// Guessing is stopped by address; a right token still works.
	o = newOffice(t)
	codes := map[int]int{}
	for range 40 {
		codes[o.ask(request{method: "GET", path: purchases, key: "guess"}).StatusCode]++
	}
	require.Len(t, codes, 2)
	require.GreaterOrEqual(t, codes[http.StatusTooManyRequests], 8)
	require.Equal(t, http.StatusOK, o.ask(request{method: "GET", path: purchases}).StatusCode)
}

// Branches and merchants that a token names must be there.
func TestTokensOfWhatIsNotThere(t *testing.T) {
	o := newOffice(t)
	for _, token := range []string{o.issue(404), o.admin("nobody")} {
		o.refuses(o.retry(74, func(r *request) { r.key = token }), http.StatusUnauthorized)
	}
}

// An admin speaks for every branch of the merchant.
func TestAnAdminRetries(t *testing.T) {
	o := newOffice(t)
	u, a := o.bringTo(state.PurchaseIncomplete)
	o.sagas.inquire = o.paid(a)
	boss := o.admin("faSDF42w3Fs")
	o.completed(o.retry(u.ID, func(r *request) { r.key = boss }), "CHECK-9672")
	require.Contains(t, o.systemLog()[len(o.systemLog())-2], "merchant/faSDF42w3Fs retry", "the log knows who")
}

// Whoever reads the key set can verify a token, with no code of ours.
func TestPublicKeys(t *testing.T) {
	o := newOffice(t)
	a := o.page("GET", "/.well-known/jwks.json", nil)
	require.Equal(t, http.StatusOK, a.StatusCode)
	require.Equal(t, "application/json", a.Header.Get("Content-Type"))
	require.Contains(t, a.Header.Get("Cache-Control"), "max-age")
	var set struct {
		Keys []struct{ Kty, Crv, Use, Alg, Kid, X string }
	}
	strictly(t, a.body, &set)
	require.Len(t, set.Keys, 2)
	require.Equal(t, []string{"new", "old"}, []string{set.Keys[0].Kid, set.Keys[1].Kid})
	for _, key := range []string{newKey, oldKey} {
		require.NotContains(t, a.body, key[4:40], "nothing of a private key")
	}

	parts := strings.Split(o.token, ".")
	var head struct{ Alg, Kid, Typ string }
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &head))
	require.Equal(t, []string{"EdDSA", "new"}, []string{head.Alg, head.Kid})
	x, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	require.NoError(t, err)
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	require.True(t, ed25519.Verify(x, []byte(parts[0]+"."+parts[1]), signature))

	o.auth.UseKeys(nil)
	require.JSONEq(t, `{"keys":[]}`, o.page("GET", "/.well-known/jwks.json", nil).body, "a shared secret is shown to nobody")
}

// A new key signs, the old one's tokens are good until it is taken out.
func TestKeyRotation(t *testing.T) {
	list := request{method: "GET", path: purchases}
	var tokens [2]string
	status := func(t *testing.T, keys string) (got [2]int) {
		t.Helper()
		var known *auth.Authenticator
		w := newWorld(t, func(d *api.Deps) { known = d.Auth })
		known.UseKeys(signingKeys(t, keys))
		for i, token := range tokens {
			r := list
			r.key = token
			got[i] = w.do(r).StatusCode
		}
		return got
	}
	for i, keys := range []string{oldKey, newKey + "," + oldKey} {
		a := auth.New(nil, "")
		a.UseKeys(signingKeys(t, keys))
		var err error
		tokens[i], err = a.IssueToken(31, time.Hour)
		require.NoError(t, err)
	}
	require.Equal(t, [2]int{200, 401}, status(t, oldKey), "before the new key is everywhere")
	require.Equal(t, [2]int{200, 200}, status(t, newKey+","+oldKey))
	require.Equal(t, [2]int{401, 200}, status(t, newKey))
	require.Equal(t, [2]int{401, 401}, status(t, strangeKey), "its name alone does not make it ours")
}
