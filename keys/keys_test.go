package keys_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/keys"
)

// key is a made-up key of 32 equal bytes.
func key(id string, b byte) string {
	return id + ":" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func ring(t *testing.T, purpose string, list ...string) *keys.Ring {
	t.Helper()
	r, err := keys.Parse(strings.Join(list, ","), purpose)
	require.NoError(t, err)
	return r
}

func TestSealAndOpen(t *testing.T) {
	r := ring(t, "codec", key("a", 1))
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long "), 1000)} {
		id, sealed := r.Seal(plain, []byte("here"))
		require.Equal(t, "a", id)
		require.False(t, len(plain) > 1 && bytes.Contains(sealed, plain))
		opened, err := r.Open(id, sealed, []byte("here"))
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, opened))
	}
	_, first := r.Seal([]byte("same"), nil)
	_, second := r.Seal([]byte("same"), nil)
	require.NotEqual(t, first, second, "nobody sees that two texts are equal")
}

func TestWhatDoesNotOpen(t *testing.T) {
	r := ring(t, "codec", key("a", 1))
	id, sealed := r.Seal([]byte("secret"), []byte("here"))

	_, err := r.Open(id, sealed, []byte("elsewhere"))
	require.ErrorContains(t, err, "altered or belongs elsewhere")
	for i := range sealed {
		altered := slices.Clone(sealed)
		altered[i] ^= 1
		_, err := r.Open(id, altered, []byte("here"))
		require.Error(t, err, "byte %d", i)
	}
	for _, short := range [][]byte{nil, sealed[:5], sealed[:12], sealed[:len(sealed)-1]} {
		_, err := r.Open(id, short, []byte("here"))
		require.Error(t, err)
	}
	_, err = r.Open("b", sealed, []byte("here"))
	require.ErrorIs(t, err, keys.ErrUnknownKey)
	_, err = ring(t, "vault", key("a", 1)).Open(id, sealed, []byte("here"))
	require.Error(t, err, "the same secret for another purpose is another key")
	_, err = ring(t, "codec", key("a", 2)).Open(id, sealed, []byte("here"))
	require.Error(t, err, "another key of the same name")
}

func TestRotation(t *testing.T) {
	before := ring(t, "codec", key("old", 1))
	after := ring(t, "codec", key("new", 2), key("old", 1))
	without := ring(t, "codec", key("new", 2))

	id, sealed := before.Seal([]byte("secret"), nil)
	opened, err := after.Open(id, sealed, nil)
	require.NoError(t, err, "what the old key sealed stays readable")
	require.Equal(t, "secret", string(opened))
	_, err = without.Open(id, sealed, nil)
	require.ErrorIs(t, err, keys.ErrUnknownKey, "until the old key is taken away")

	id, sealed = after.Seal([]byte("secret"), nil)
	require.Equal(t, "new", id, "the first key seals")
	_, err = before.Open(id, sealed, nil)
	require.ErrorIs(t, err, keys.ErrUnknownKey)

	require.Equal(t, before.Hash([]byte("card")), after.Hash([]byte("card")), "hashes survive a rotation, or nothing would be found again")
	require.NotEqual(t, before.Hash([]byte("card")), before.Hash([]byte("other")))
	require.NotEqual(t, before.Hash([]byte("card")), ring(t, "vault", key("old", 1)).Hash([]byte("card")))
	require.Len(t, before.Hash(nil), 32)
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "want id:base64",
		"a":                              "want id:base64",
		":AAAA":                          "want id:base64",
		"a:AAAA":                         `key "a": want 32 bytes`,
		"a:not base64 at all!":           `key "a": want 32 bytes`,
		key("a", 1) + ",":                "want id:base64",
		key("a", 1) + "," + key("a", 2):  `key "a" appears twice`,
		key("a", 1) + "AAAA":             `key "a": want 32 bytes`,
		key("a", 1) + "," + "b:c2hvcnQ=": `key "b": want 32 bytes`,
	} {
		_, err := keys.Parse(text, "codec")
		require.ErrorContains(t, err, "codec key", text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "AQEB", "an error never shows a secret")
	}
	_, err := keys.Parse(" "+key("a", 1)+" , "+key("b", 2)+" ", "codec")
	require.NoError(t, err)
}
