package vault

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	oldKeys = "old:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	newKeys = "new:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
)

const card = PAN("6219860000000019")

func TestParsePAN(t *testing.T) {
	for _, same := range []string{"6219860000000019", "6219-8600-0000-0019", "6219 8600 0000 0019", "۶۲۱۹۸۶۰۰۰۰۰۰۰۰۱۹", "٦٢١٩٨٦٠٠٠٠٠٠٠٠١٩"} {
		got, err := ParsePAN(same)
		require.NoError(t, err, same)
		require.Equal(t, string(card), string(got), same)
	}
	for _, every := range []string{"1020304050607084", "9080706050403027"} { // each digit where it is doubled
		_, err := ParsePAN(every)
		require.NoError(t, err, every)
	}
	for name, wrong := range map[string]string{
		"check digit": "6219860000000018", "two digits swapped": "6291860000000019", "short": "621986000000019", "long": "62198600000000190",
		"letters": "62198600000000l9", "empty": "", "sign": "+621986000000001", "other separator": "6219.8600.0000.0019",
	} {
		_, err := ParsePAN(wrong)
		require.ErrorIs(t, err, ErrNotCard, name)
		if wrong != "" {
			require.NotContains(t, err.Error(), wrong, "an error is logged")
		}
	}
	// Luhn's digit: of ten last digits exactly one is right.
	right := 0
	for last := range 10 {
		if _, err := ParsePAN(fmt.Sprintf("621986000000001%d", last)); err == nil {
			right++
		}
	}
	require.Equal(t, 1, right)
}

func TestPANNeverPrints(t *testing.T) {
	const shown = "621986******0019"
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("card "+card.String(), "card", card, "any", struct{ C PAN }{card}, "list", []PAN{card})
	slog.New(slog.NewTextHandler(&log, nil)).Info("card", "card", card, "any", struct{ C PAN }{card})
	asJSON, err := json.Marshal(map[string]any{"list": []any{card, struct{ C PAN }{card}}})
	require.NoError(t, err)
	outs := []string{log.String(), string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		outs = append(outs, fmt.Sprintf(verb, card), fmt.Sprintf(verb, []PAN{card}), fmt.Sprintf(verb, struct{ C PAN }{card}), fmt.Sprint(fmt.Errorf("bad "+verb, card)))
	}
	for _, out := range outs {
		require.Contains(t, out, shown)
		require.NotContains(t, out, string(card))
		require.NotContains(t, out, "00000000", "no digit between the first six and the last four")
	}
	require.Equal(t, "[card]", PAN("123").String())
}

func TestSealAndOpen(t *testing.T) {
	v, err := New(oldKeys)
	require.NoError(t, err)
	sealed, err := v.Seal(1, card)
	require.NoError(t, err)
	require.Equal(t, []string{"old", "621986", "0019"}, []string{sealed.KeyID, sealed.Bin, sealed.Last4})
	require.NotContains(t, string(sealed.Sealed), string(card))
	got, err := v.Open(1, sealed)
	require.NoError(t, err)
	require.Equal(t, string(card), string(got))

	again, err := v.Seal(1, card)
	require.NoError(t, err)
	require.NotEqual(t, sealed.Sealed, again.Sealed, "a nonce of its own")
	require.Equal(t, sealed.Hash, again.Hash, "found again without opening")
	require.Len(t, sealed.Hash, 32)

	for name, open := range map[string]func() (PAN, error){
		"another merchant": func() (PAN, error) { return v.Open(2, sealed) },
		"another row":      func() (PAN, error) { s := sealed; s.ID = again.ID; return v.Open(1, s) },
		"altered":          func() (PAN, error) { s := sealed; s.Sealed = flip(s.Sealed); return v.Open(1, s) },
		"cut":              func() (PAN, error) { s := sealed; s.Sealed = s.Sealed[:5]; return v.Open(1, s) },
		"unknown key":      func() (PAN, error) { s := sealed; s.KeyID = "lost"; return v.Open(1, s) },
	} {
		got, err := open()
		require.Error(t, err, name)
		require.Empty(t, got, name)
		require.NotContains(t, err.Error(), string(card), name)
	}
}

func flip(b []byte) []byte {
	out := bytes.Clone(b)
	out[len(out)-1] ^= 1
	return out
}

func TestRotation(t *testing.T) {
	before, err := New(oldKeys)
	require.NoError(t, err)
	sealed, err := before.Seal(1, card)
	require.NoError(t, err)

	after, err := New(newKeys + "," + oldKeys)
	require.NoError(t, err)
	got, err := after.Open(1, sealed)
	require.NoError(t, err, "what the old key sealed stays readable")
	require.Equal(t, string(card), string(got))
	require.Equal(t, before.Hash(card), after.Hash(card), "and is found")
	fresh, err := after.Seal(1, card)
	require.NoError(t, err)
	require.Equal(t, "new", fresh.KeyID)

	stranger, err := New(newKeys)
	require.NoError(t, err)
	_, err = stranger.Open(1, sealed)
	require.Error(t, err)
	require.NotEqual(t, before.Hash(card), stranger.Hash(card), "the hash is keyed")
}

func TestBadKeysAreRefusedWithoutShowingThem(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no id": ":MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "no colon": "MDEyMzQ1Njc4OTAx", "short": "a:MDEyMzQ1", "not base64": "a:§§", "twice": oldKeys + "," + oldKeys,
	} {
		_, err := New(text)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "MDEyMzQ1", name)
		require.True(t, strings.HasPrefix(err.Error(), "vault key"), "says which setting: %s", err)
	}
}
