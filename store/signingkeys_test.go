package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func testVault(t *testing.T) *vault.Vault {
	t.Helper()
	v, err := vault.New("dev:cGF5c2FnYS1kZXZlbG9wbWVudC12YXVsdC1rZXktMSE=")
	require.NoError(t, err)
	return v
}

func TestSigningKeys(t *testing.T) {
	w, v, ctx := newWorld(t), testVault(t), t.Context()
	m, other := w.newMerchant(), w.newMerchant()
	signer := func() map[store.SigningKind][]string {
		t.Helper()
		got, err := w.Signer(ctx, v, m.UUID)
		require.NoError(t, err)
		require.Equal(t, m, got.Merchant)
		return got.Keys
	}
	live := func(kind store.SigningKind) string {
		t.Helper()
		key, err := w.SigningSecret(ctx, v, m.ID, kind)
		require.NoError(t, err)
		return key
	}
	_, err := w.Signer(ctx, v, m.UUID)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = w.SigningSecret(ctx, v, m.ID, store.PaymentKey)
	require.ErrorIs(t, err, store.ErrNotFound)

	require.NoError(t, w.AddSigningKey(ctx, v, m.ID, store.PaymentKey, "first-key"))
	require.NoError(t, w.AddSigningKey(ctx, v, m.ID, store.PaymentKey, "not-this-one"))
	require.NoError(t, w.RotateSigningKey(ctx, v, m.ID, store.PayoutKey, "payout-key", time.Hour))
	require.NoError(t, w.AddSigningKey(ctx, v, other.ID, store.PaymentKey, "others-key"))
	require.Equal(t, map[store.SigningKind][]string{store.PaymentKey: {"first-key"}, store.PayoutKey: {"payout-key"}}, signer())

	require.NoError(t, w.RotateSigningKey(ctx, v, m.ID, store.PaymentKey, "second-key", time.Hour))
	require.Equal(t, []string{"second-key", "first-key"}, signer()[store.PaymentKey], "the old one still verifies")
	require.Equal(t, "second-key", live(store.PaymentKey), "and no longer signs")
	require.Equal(t, "payout-key", live(store.PayoutKey))

	require.NoError(t, w.EndReplacedKeys(ctx, m.ID, store.PayoutKey))
	require.Equal(t, []string{"second-key", "first-key"}, signer()[store.PaymentKey], "those of the other kind")
	require.Equal(t, []string{"payout-key"}, signer()[store.PayoutKey], "the live one does not end")
	require.NoError(t, w.EndReplacedKeys(ctx, m.ID, store.PaymentKey))
	require.Equal(t, []string{"second-key"}, signer()[store.PaymentKey])
	require.NoError(t, w.RotateSigningKey(ctx, v, m.ID, store.PaymentKey, "third-key", 0))
	require.Equal(t, []string{"third-key"}, signer()[store.PaymentKey], "ended at once")

	list, err := w.SigningKeys(ctx, m.ID)
	require.NoError(t, err)
	var hints []string
	for _, k := range list {
		hints = append(hints, string(k.Kind)+" "+k.Hint)
		require.Equal(t, k.ReplacedAt == nil, k.EndsAt == nil)
	}
	require.Equal(t, []string{"payment -key", "payment -key", "payout -key", "payment -key"}, hints, "newest first, the others' not")
	require.Nil(t, list[0].ReplacedAt)
	require.NotNil(t, list[1].ReplacedAt)

	require.ErrorIs(t, w.RotateSigningKey(ctx, v, 999_999, store.PaymentKey, "x-key", 0), store.ErrNotFound)
	require.Error(t, w.AddSigningKey(ctx, v, m.ID, "refund", "x-key"), "there are two kinds")
	_, err = w.Signer(ctx, v, "00000000-0000-4000-8000-000000000000")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// A key is not readable in the table, and one that was moved to another merchant or kind does not open.
func TestSigningKeysAreSealed(t *testing.T) {
	w, v, ctx := newWorld(t), testVault(t), t.Context()
	m, other := w.newMerchant(), w.newMerchant()
	key := store.NewSigningKey()
	require.Regexp(t, `^[A-Z2-7]{52}$`, key)
	require.NotEqual(t, key, store.NewSigningKey())
	require.NoError(t, w.AddSigningKey(ctx, v, m.ID, store.PaymentKey, key))
	require.NotContains(t, value[string](w, `SELECT string_agg(k::text || encode(sealed, 'escape'), '') FROM signing_keys k`), key[:48])

	w.exec(`UPDATE signing_keys SET merchant_id = ?`, other.ID)
	_, err := w.Signer(ctx, v, other.UUID)
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrNotFound)
	w.exec(`UPDATE signing_keys SET merchant_id = ?, kind = 'payout'`, m.ID)
	_, err = w.SigningSecret(ctx, v, m.ID, store.PayoutKey)
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrNotFound)
}

// Whoever comes at once, one key is live at the end.
func TestRotationsAtOnce(t *testing.T) {
	w, v, ctx := newWorld(t), testVault(t), t.Context()
	m := w.newMerchant()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := w.RotateSigningKey(ctx, v, m.ID, store.PaymentKey, store.NewSigningKey(), time.Hour); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, value[int64](w, `SELECT count(*) FROM signing_keys WHERE replaced_at IS NULL`))
	got, err := w.Signer(ctx, v, m.UUID)
	require.NoError(t, err)
	require.Len(t, got.Keys[store.PaymentKey], 8)
}

func TestPaymentRecord(t *testing.T) {
	w, ctx := newWorld(t), t.Context()
	m, other := w.newMerchant(), w.newMerchant()
	p, _ := w.bring(m, state.PaymentPending)
	stored := w.read(p.Token)
	require.NotEmpty(t, stored.UUID)
	w.exec(`UPDATE payments SET payload = 'سفارش ۱' WHERE id = ?`, p.ID)
	want := store.Record{UUID: stored.UUID, OrderID: p.Token, Amount: p.Amount, Data: "سفارش ۱"}

	byUUID, err := w.PaymentRecord(ctx, m.ID, stored.UUID, "whatever")
	require.NoError(t, err)
	require.Equal(t, want, byUUID)
	byToken, err := w.PaymentRecord(ctx, m.ID, "", p.Token)
	require.NoError(t, err)
	require.Equal(t, want, byToken)
	for name, find := range map[string]func() (store.Record, error){
		"another merchant's":             func() (store.Record, error) { return w.PaymentRecord(ctx, other.ID, stored.UUID, "") },
		"another merchant's, by token":   func() (store.Record, error) { return w.PaymentRecord(ctx, other.ID, "", p.Token) },
		"unknown uuid, though the token": func() (store.Record, error) { return w.PaymentRecord(ctx, m.ID, m.UUID, p.Token) },
		"unknown token":                  func() (store.Record, error) { return w.PaymentRecord(ctx, m.ID, "", "nothing") },
	} {
		_, err := find()
		require.ErrorIs(t, err, store.ErrNotFound, name)
	}
	q, _ := w.bring(m, state.PaymentPending)
	require.Greater(t, w.read(q.Token).UUID, stored.UUID, "the index grows at its end")
}
