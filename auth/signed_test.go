package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/store"
)

const shopUUID = "860166ce-478c-4087-9813-55cfb6c34580"

// beginSigners returns signers that know one merchant, whose keys the test may change, and a clock that stands still.
func beginSigners() (s *Signers, keys map[store.SigningKind][]string, asked *int, clock *time.Time) {
	keys = map[store.SigningKind][]string{store.PaymentKey: {"new", "old"}, store.PayoutKey: {"out"}}
	asked, now := new(int), time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	s = NewSigners(nil, nil)
	s.now = func() time.Time { return now }
	s.find = func(_ context.Context, id string) (store.Signer, error) {
		*asked++
		if id != shopUUID {
			return store.Signer{}, fmt.Errorf("signer: %w", store.ErrNotFound)
		}
		copied := map[store.SigningKind][]string{}
		for kind, list := range keys {
			copied[kind] = list
		}
		return store.Signer{Merchant: store.Merchant{ID: 3, PublicID: "shop"}, Keys: copied}, nil
	}
	return s, keys, asked, &now
}

func TestSigned(t *testing.T) {
	s, _, _, _ := beginSigners()
	body := []byte(`{"order_id":"سفارش/۱"}`)
	check := func(merchant, signature string, body []byte, kinds ...store.SigningKind) error {
		_, err := s.Check(t.Context(), merchant, signature, body, kinds...)
		return err
	}
	p, err := s.Check(t.Context(), shopUUID, sign.Sign(body, "new"), body, store.PaymentKey)
	require.NoError(t, err)
	require.Equal(t, Principal{Merchant: store.Merchant{ID: 3, PublicID: "shop"}, Subject: "merchant/shop", Scopes: []string{ScopeMerchant}}, p)

	require.NoError(t, check(shopUUID, sign.Sign(body, "old"), body, store.PaymentKey), "replaced, not ended")
	require.NoError(t, check(strings.ToUpper(shopUUID), sign.Sign(body, "new"), body, store.PaymentKey))
	require.NoError(t, check(shopUUID, sign.Sign(body, "out"), body, store.PayoutKey))
	require.NoError(t, check(shopUUID, sign.Sign(body, "out"), body, store.PaymentKey, store.PayoutKey))
	require.NoError(t, check(shopUUID, sign.Sign(nil, "new"), nil, store.PaymentKey), "no body is signed too")

	for name, err := range map[string]error{
		"the other kind's key":       check(shopUUID, sign.Sign(body, "out"), body, store.PaymentKey),
		"another body":               check(shopUUID, sign.Sign(body, "new"), append(body, ' '), store.PaymentKey),
		"another key":                check(shopUUID, sign.Sign(body, "else"), body, store.PaymentKey),
		"an empty key":               check(shopUUID, sign.Sign(body, ""), body, store.PaymentKey),
		"no kind":                    check(shopUUID, sign.Sign(body, "new"), body),
		"no signature":               check(shopUUID, "", body, store.PaymentKey),
		"in capitals":                check(shopUUID, strings.ToUpper(sign.Sign(body, "new")), body, store.PaymentKey),
		"cut":                        check(shopUUID, sign.Sign(body, "new")[:31], body, store.PaymentKey),
		"no merchant":                check("", sign.Sign(body, "new"), body, store.PaymentKey),
		"unknown merchant":           check("00000000-0000-4000-8000-000000000000", sign.Sign(body, "new"), body, store.PaymentKey),
		"the public id":              check("shop", sign.Sign(body, "new"), body, store.PaymentKey),
		"a uuid without dashes":      check(strings.ReplaceAll(shopUUID, "-", ""), sign.Sign(body, "new"), body, store.PaymentKey),
		"a uuid in braces":           check("{"+shopUUID+"}", sign.Sign(body, "new"), body, store.PaymentKey),
		"a uuid with something else": check(shopUUID+"'", sign.Sign(body, "new"), body, store.PaymentKey),
	} {
		require.ErrorIs(t, err, ErrUnauthorized, name)
		require.Equal(t, ErrUnauthorized.Error(), err.Error(), "never says which part was wrong")
	}
	s.find = func(context.Context, string) (store.Signer, error) { return store.Signer{}, errors.New("no database") }
	clear(s.known)
	err = check(shopUUID, sign.Sign(body, "new"), body, store.PaymentKey)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUnauthorized, "a broken database is not a wrong signature")
}

func TestARotationIsSeenWithinASecond(t *testing.T) {
	s, keys, asked, clock := beginSigners()
	use := func(key string) error {
		_, err := s.Check(t.Context(), shopUUID, sign.Sign(nil, key), nil, store.PaymentKey)
		return err
	}
	require.NoError(t, use("new"))
	require.NoError(t, use("new"))
	require.Equal(t, 1, *asked, "remembered")
	keys[store.PaymentKey] = []string{"newest"}
	*clock = clock.Add(time.Second - time.Nanosecond)
	require.NoError(t, use("new"))
	*clock = clock.Add(time.Nanosecond)
	require.ErrorIs(t, use("new"), ErrUnauthorized)
	require.NoError(t, use("newest"))
	require.Equal(t, 2, *asked)

	for i := range 10_050 {
		s.known[fmt.Sprint(i)] = knownSigner{}
	}
	*clock = clock.Add(time.Second)
	require.NoError(t, use("newest"))
	require.Len(t, s.known, 1, "the memory is bounded")
	for range 3 {
		_, err := s.Check(t.Context(), "00000000-0000-4000-8000-000000000000", "x", nil, store.PaymentKey)
		require.ErrorIs(t, err, ErrUnauthorized)
	}
	require.Len(t, s.known, 1, "unknown merchants are never remembered")
}
