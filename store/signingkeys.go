package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/vault"
)

// SigningKind says what a signing key is for.
type SigningKind string

// The kinds: each merchant has one live key of each.
const (
	PaymentKey SigningKind = "payment" // payments, static wallets, and everything that is no payout
	PayoutKey  SigningKind = "payout"
)

// purpose binds a sealed key to its kind.
func (k SigningKind) purpose() string { return string(k) + " signing key" }

// SigningKey signs requests of a merchant and webhooks to it.
type SigningKey struct {
	ID         int64       `bun:"id"`
	Kind       SigningKind `bun:"kind"`
	Hint       string      `bun:"hint"`
	CreatedAt  time.Time   `bun:"created_at"`
	ReplacedAt *time.Time  `bun:"replaced_at"` // since then it signs nothing any more
	EndsAt     *time.Time  `bun:"ends_at"`     // until then requests may still be signed with it
}

// NewSigningKey makes a random key of 260 bits.
func NewSigningKey() string { return rand.Text() + rand.Text() }

// RotateSigningKey makes key the merchant's live one of its kind. Requests may be signed with the one before for keepOld
// more, on the database clock.
func (s *Store) RotateSigningKey(ctx context.Context, v *vault.Vault, merchantID int64, kind SigningKind, key string, keepOld time.Duration) error {
	return s.inTx(ctx, "rotate signing key", func(ctx context.Context, tx conn) error {
		var id int64
		if err := tx.one(ctx, "merchant", &id, `SELECT id FROM merchants WHERE id = ? FOR NO KEY UPDATE`, merchantID); err != nil {
			return err // two rotations at once come one after the other
		}
		err := tx.exec(ctx, `
			UPDATE signing_keys SET replaced_at = now(), ends_at = now() + make_interval(secs => ?)
			WHERE merchant_id = ? AND kind = ? AND replaced_at IS NULL`, keepOld.Seconds(), merchantID, string(kind))
		if err != nil {
			return err
		}
		return addSigningKey(ctx, tx, v, merchantID, kind, key)
	})
}

// AddSigningKey gives the merchant its first key of a kind; one that is there stays.
func (s *Store) AddSigningKey(ctx context.Context, v *vault.Vault, merchantID int64, kind SigningKind, key string) error {
	if err := addSigningKey(ctx, s.pool(), v, merchantID, kind, key); err != nil {
		return fmt.Errorf("add signing key: %w", err)
	}
	return nil
}

func addSigningKey(ctx context.Context, db conn, v *vault.Vault, merchantID int64, kind SigningKind, key string) error {
	sealed := v.SealText(merchantID, kind.purpose(), key)
	return db.exec(ctx, `
		INSERT INTO signing_keys (merchant_id, kind, key_id, sealed, hint) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (merchant_id, kind) WHERE replaced_at IS NULL DO NOTHING`,
		merchantID, string(kind), sealed.KeyID, sealed.Sealed, key[max(0, len(key)-4):])
}

// EndReplacedKeys lets no request be signed any more with replaced keys of a kind.
func (s *Store) EndReplacedKeys(ctx context.Context, merchantID int64, kind SigningKind) error {
	err := s.pool().exec(ctx, `UPDATE signing_keys SET ends_at = least(ends_at, now()) WHERE merchant_id = ? AND kind = ? AND replaced_at IS NOT NULL`,
		merchantID, string(kind))
	if err != nil {
		return fmt.Errorf("end replaced signing keys: %w", err)
	}
	return nil
}

// SigningKeys lists a merchant's signing keys, newest first.
func (s *Store) SigningKeys(ctx context.Context, merchantID int64) ([]SigningKey, error) {
	var list []SigningKey
	err := s.all(ctx, &list, `SELECT id, kind, hint, created_at, replaced_at, ends_at FROM signing_keys WHERE merchant_id = ? ORDER BY id DESC`, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list signing keys: %w", err)
	}
	return list, nil
}

// SigningSecret is the key that signs webhooks to a merchant; ErrNotFound when it has none of this kind.
func (s *Store) SigningSecret(ctx context.Context, v *vault.Vault, merchantID int64, kind SigningKind) (string, error) {
	var sealed vault.Text
	err := s.one(ctx, string(kind)+" signing key", &sealed,
		`SELECT key_id, sealed FROM signing_keys WHERE merchant_id = ? AND kind = ? AND replaced_at IS NULL`, merchantID, string(kind))
	if err != nil {
		return "", err
	}
	return v.OpenText(merchantID, kind.purpose(), sealed)
}

// Signer is a merchant with the keys that its requests may be signed with now, opened.
type Signer struct {
	Merchant Merchant
	Keys     map[SigningKind][]string
}

// Signer finds a merchant by its uuid, which must be a well-formed one. A merchant without any key is ErrNotFound.
func (s *Store) Signer(ctx context.Context, v *vault.Vault, merchantUUID string) (Signer, error) {
	var rows []struct {
		Merchant
		Kind SigningKind `bun:"kind"`
		Text vault.Text  `bun:"embed:"`
	}
	err := s.all(ctx, &rows, `
		SELECT k.kind, k.key_id, k.sealed, `+merchantColumns+`
		FROM signing_keys k JOIN merchants m ON m.id = k.merchant_id
		WHERE m.uuid = ? AND (k.ends_at IS NULL OR k.ends_at > now())
		ORDER BY k.id DESC`, merchantUUID)
	if err != nil {
		return Signer{}, fmt.Errorf("signer: %w", err)
	}
	if len(rows) == 0 {
		return Signer{}, fmt.Errorf("signer: %w", ErrNotFound)
	}
	out := Signer{Merchant: rows[0].Merchant, Keys: map[SigningKind][]string{}}
	for _, row := range rows {
		key, err := v.OpenText(row.ID, row.Kind.purpose(), row.Text)
		if err != nil {
			return Signer{}, fmt.Errorf("signer: %w", err)
		}
		out.Keys[row.Kind] = append(out.Keys[row.Kind], key)
	}
	return out, nil
}
