package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/store"
)

func idempotent(m store.Merchant, key string) store.IdempotencyKey {
	return store.IdempotencyKey{MerchantID: m.ID, Route: "create payment", Key: key, Fingerprint: [32]byte{1}}
}

// once creates a payment under a key; the answer holds bytes that no encoder would repeat by itself.
func (w *world) once(key store.IdempotencyKey, in store.NewPayment) (store.Answer, error) {
	return w.CreatePaymentOnce(w.Context(), key, in, func(token string) store.Answer {
		return store.Answer{Status: 200, Body: fmt.Appendf(nil, "{ \"token\" :\x00\xff %q}\n", token)}
	})
}

func TestIdempotency(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	in := store.NewPayment{Merchant: m, Amount: 10_000}
	key := idempotent(m, "order-17")

	first, err := w.once(key, in)
	require.NoError(t, err)
	require.False(t, first.Replayed)
	require.EqualValues(t, 1, w.kicks.Load())

	facts := w.facts()
	again, err := w.once(key, in)
	require.NoError(t, err)
	require.Equal(t, store.Answer{Status: first.Status, Body: first.Body, Replayed: true}, again, "byte for byte")
	changed := key
	changed.Fingerprint[31] ^= 1
	_, err = w.once(changed, in)
	require.ErrorIs(t, err, store.ErrKeyReused)
	require.Equal(t, facts, w.facts())
	require.EqualValues(t, 1, w.kicks.Load())

	elsewhere := key
	elsewhere.Route = "another route"
	theirs := idempotent(other, key.Key)
	for name, k := range map[string]store.IdempotencyKey{"another key": idempotent(m, "order-18"), "another route": elsewhere, "another merchant": theirs} {
		got, err := w.once(k, store.NewPayment{Merchant: store.Merchant{ID: k.MerchantID, Gateways: m.Gateways, CollectWindow: 60, PublicID: m.PublicID}, Amount: 1})
		require.NoError(t, err, name)
		require.False(t, got.Replayed, name)
		require.NotEqual(t, first.Body, got.Body, name)
	}

	// A command that failed did not happen, so its key is free.
	facts = w.facts()
	_, err = w.once(idempotent(m, "order-19"), store.NewPayment{Merchant: m, Amount: -1})
	require.Error(t, err)
	require.Equal(t, facts, w.facts())
	got, err := w.once(idempotent(m, "order-19"), in)
	require.NoError(t, err)
	require.False(t, got.Replayed)
}

func TestFiftyTwinsAreOne(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	var mu sync.Mutex
	answers, fresh := map[string]int{}, 0
	errs := together(50, func(int) error {
		a, err := w.once(idempotent(m, "twin"), store.NewPayment{Merchant: m, Amount: 10_000})
		mu.Lock()
		defer mu.Unlock()
		answers[string(a.Body)]++
		if !a.Replayed {
			fresh++
		}
		return err
	})
	require.NoError(t, errors.Join(errs...))
	require.Len(t, answers, 1, "one answer")
	require.Equal(t, 1, fresh)
	require.Equal(t, 1, value[int](w, `SELECT count(*) FROM payments`))
	require.Equal(t, 1, value[int](w, `SELECT count(*) FROM outbox`))
}

// A twin waits for its answer, but not for ever.
func TestATwinThatTakesTooLong(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	w.db.SetMaxOpenConns(1)
	w.exec(`SET lock_timeout = '50ms'`)
	tx, err := w.owner.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	_, err = tx.NewRaw(`INSERT INTO idempotency_keys (merchant_id, route, key, fingerprint, status, body) VALUES (?, 'create payment', 'twin', ?, 0, '')`,
		m.ID, make([]byte, 32)).Exec(t.Context())
	require.NoError(t, err)
	_, err = w.once(idempotent(m, "twin"), store.NewPayment{Merchant: m, Amount: 10_000})
	require.ErrorIs(t, err, store.ErrInFlight)
	require.Zero(t, value[int](w, `SELECT count(*) FROM payments`))
}
