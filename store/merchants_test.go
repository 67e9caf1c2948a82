package store_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

func TestMerchants(t *testing.T) {
	w := newWorld(t)
	in := store.Merchant{PublicID: "bakery", DisplayName: "نانوایی", BizName: "شرکت", ImageURL: "/i.png", ReturnURL: "https://a.example",
		CollectWindow: 90.5, Gateways: []string{"zibal", "asan'pardakht"}}
	m, err := w.PutMerchant(t.Context(), in)
	require.NoError(t, err)
	in.ID, in.UUID, in.CreatedAt = m.ID, m.UUID, m.CreatedAt
	in.TransferWindow, in.SMSDelay, in.AmountStep, in.AmountDelta, in.DepositPatience = 900, 3600, 10, 5000, 86400 // defaults
	require.Equal(t, in, m)
	require.NoError(t, uuid.Validate(m.UUID))
	require.Equal(t, 90500*time.Millisecond, m.CollectWindow.Duration())

	again := in
	again.DisplayName, again.Gateways, again.UUID = "نانوایی نو", []string{"zibal"}, ""
	again.TransferWindow, again.SMSDelay, again.AmountStep, again.AmountDelta = 60, 120, 1, 99
	got, err := w.PutMerchant(t.Context(), again)
	require.NoError(t, err)
	again.UUID = in.UUID
	require.Equal(t, again, got, "the same merchant, changed")

	for range 2 {
		require.NoError(t, w.SetMerchantDisabled(t.Context(), "bakery", true))
		off, err := w.Merchant(t.Context(), "bakery")
		require.NoError(t, err)
		require.False(t, off.Enabled())
		if got.DisabledAt != nil {
			require.Equal(t, got.DisabledAt, off.DisabledAt, "disabled once")
		}
		got = off
	}
	require.NoError(t, w.SetMerchantDisabled(t.Context(), "bakery", false))
	got, err = w.Merchant(t.Context(), "bakery")
	require.NoError(t, err)
	require.True(t, got.Enabled())

	other := w.newMerchant()
	all, err := w.Merchants(t.Context())
	require.NoError(t, err)
	require.Equal(t, []store.Merchant{got, other}, all)

	for name, bad := range map[string]func(*store.Merchant){
		"no gateway":      func(m *store.Merchant) { m.Gateways = nil },
		"no window":       func(m *store.Merchant) { m.CollectWindow = 0 },
		"window too long": func(m *store.Merchant) { m.CollectWindow = 1201 },
		"id with a slash": func(m *store.Merchant) { m.PublicID = "a/bc" },
	} {
		in := store.Merchant{PublicID: "bad-one", CollectWindow: 60, Gateways: []string{"zibal"}}
		bad(&in)
		_, err := w.PutMerchant(t.Context(), in)
		require.Error(t, err, name)
	}
	_, err = w.Merchant(t.Context(), "nobody")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, w.SetMerchantDisabled(t.Context(), "nobody", true), store.ErrNotFound)
}

func TestKeys(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	find := func(key string) (store.KeyOwner, error) { return w.FindKey(t.Context(), sha256.Sum256([]byte(key))) }
	secret := store.NewKey()
	require.Regexp(t, `^pk_[A-Z2-7]{26}$`, secret)
	require.NotEqual(t, secret, store.NewKey())

	for range 2 {
		require.NoError(t, w.PutKey(t.Context(), m.PublicID, secret, "till 1", []string{"merchant", "operator"}))
	}
	owner, err := find(secret)
	require.NoError(t, err)
	require.Equal(t, store.KeyOwner{KeyID: owner.KeyID, Scopes: []string{"merchant", "operator"}, Merchant: m}, owner)
	require.NoError(t, w.PutKey(t.Context(), m.PublicID, "abc", "", []string{"merchant"}))
	list, err := w.Keys(t.Context(), m.PublicID)
	require.NoError(t, err)
	require.Len(t, list, 2, "the same key again is no new key")
	require.Equal(t, []any{owner.KeyID, "till 1", secret[len(secret)-4:], m.PublicID}, []any{list[1].ID, list[1].Label, list[1].Hint, list[1].Merchant}, "newest first")
	require.NotContains(t, value[string](w, `SELECT string_agg(k::text, '') FROM api_keys k`), secret, "the key itself is nowhere")

	require.ErrorIs(t, w.PutKey(t.Context(), other.PublicID, secret, "taken", []string{"merchant"}), store.ErrNotFound, "a key speaks for one merchant")
	owner, err = find(secret)
	require.NoError(t, err)
	require.Equal(t, m.ID, owner.Merchant.ID)
	list, err = w.Keys(t.Context(), m.PublicID)
	require.NoError(t, err)
	require.Equal(t, "till 1", list[1].Label)

	require.NoError(t, w.SetMerchantDisabled(t.Context(), m.PublicID, true))
	owner, err = find(secret)
	require.NoError(t, err, "a disabled merchant still collects and reads")
	require.False(t, owner.Merchant.Enabled())

	for range 2 {
		require.NoError(t, w.RevokeKey(t.Context(), owner.KeyID))
	}
	_, err = find(secret)
	require.ErrorIs(t, err, store.ErrNotFound, "revoked")
	w.exec(`UPDATE api_keys SET expires_at = now() + interval '1 hour' WHERE hint = 'abc'`)
	_, err = find("abc")
	require.NoError(t, err)
	w.exec(`UPDATE api_keys SET expires_at = now() WHERE hint = 'abc'`)
	_, err = find("abc")
	require.ErrorIs(t, err, store.ErrNotFound, "expired")
	require.ErrorIs(t, w.RevokeKey(t.Context(), 1<<40), store.ErrNotFound)
	require.ErrorIs(t, w.PutKey(t.Context(), "nobody", "x", "", []string{"merchant"}), store.ErrNotFound)
}

func TestBranches(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	for _, name := range []string{"مرکزی", "شمال"} {
		require.NoError(t, w.AddBranch(t.Context(), m.PublicID, 31, name))
	}
	got, err := w.BranchMerchant(t.Context(), 31)
	require.NoError(t, err)
	require.Equal(t, m, got)
	require.ErrorIs(t, w.AddBranch(t.Context(), other.PublicID, 31, "stolen"), store.ErrNotFound, "its number stands in issued tokens")
	require.Equal(t, "شمال", value[string](w, `SELECT name FROM branches WHERE id = 31`))
	require.ErrorIs(t, w.AddBranch(t.Context(), "nobody", 32, ""), store.ErrNotFound)
	require.Error(t, w.AddBranch(t.Context(), m.PublicID, 0, ""))
	_, err = w.BranchMerchant(t.Context(), 32)
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestDestinationCards(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	v, err := vault.New("k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	require.NoError(t, err)
	add := func(m store.Merchant, holder string) error {
		sealed, err := v.Seal(m.ID, "6219860000000019")
		require.NoError(t, err)
		return w.AddDestinationCard(t.Context(), m.ID, store.DestinationCard{Bank: "saman", Holder: holder, Card: sealed})
	}
	require.NoError(t, add(m, "sara"))
	require.NoError(t, add(m, "sara n."))
	require.NoError(t, add(other, "reza"), "another merchant may have the same card")
	require.Equal(t, 2, value[int](w, `SELECT count(*) FROM card_vault`))
	require.Equal(t, []string{"sara n.", "reza"}, []string{
		value[string](w, `SELECT holder FROM destination_cards WHERE merchant_id = ?`, m.ID),
		value[string](w, `SELECT holder FROM destination_cards WHERE merchant_id = ?`, other.ID),
	})
	row := struct {
		ID     uuid.UUID
		KeyID  string
		Sealed []byte
	}{}
	require.NoError(t, w.db.NewRaw(`SELECT id, key_id, sealed FROM card_vault WHERE merchant_id = ?`, m.ID).Scan(t.Context(), &row))
	pan, err := v.Open(m.ID, vault.Sealed{ID: row.ID, KeyID: row.KeyID, Sealed: row.Sealed})
	require.NoError(t, err, "what lies in the row can be opened")
	require.EqualValues(t, "6219860000000019", string(pan))

	cards, err := w.DestinationCards(t.Context(), m.ID)
	require.NoError(t, err)
	require.Len(t, cards, 1)
	pan, err = v.Open(m.ID, cards[0].Card)
	require.NoError(t, err)
	require.EqualValues(t, "6219860000000019", string(pan))
	require.ErrorIs(t, w.DisableDestinationCard(t.Context(), other.ID, cards[0].ID), store.ErrNotFound, "another merchant's card")
	require.NoError(t, w.DisableDestinationCard(t.Context(), m.ID, cards[0].ID))
	cards, err = w.DestinationCards(t.Context(), m.ID)
	require.NoError(t, err)
	require.Empty(t, cards)
}
