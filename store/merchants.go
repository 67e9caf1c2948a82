package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/money"
)

// Merchant is a business that takes money.
type Merchant struct {
	bun.BaseModel `bun:"table:merchants,alias:m"`

	ID            int64    `bun:"id,pk,scanonly"`
	PublicID      string   `bun:"public_id"`
	UUID          string   `bun:"uuid,nullzero"`
	DisplayName   string   `bun:"display_name"`
	BizName       string   `bun:"biz_name"`
	ImageURL      string   `bun:"image_url"`
	ReturnURL     string   `bun:"return_url"`
	CollectWindow Seconds  `bun:"collect_window"`
	Gateways      []string `bun:"gateways,array"`
	// Of card-to-card payments; zero keeps the default or what was set before.
	TransferWindow  Seconds    `bun:"transfer_window"`  // how long a payer has
	SMSDelay        Seconds    `bun:"sms_delay"`        // how late a bank's SMS may come
	AmountStep      money.Rial `bun:"amount_step"`      // between unique amounts
	AmountDelta     money.Rial `bun:"amount_delta"`     // most that is added to a price
	DepositPatience Seconds    `bun:"deposit_patience"` // how long a deposit may wait for a person
	DisabledAt      *time.Time `bun:"disabled_at,scanonly"`
	CreatedAt       time.Time  `bun:"created_at,scanonly"`
}

// Enabled says whether the merchant may take new money.
func (m Merchant) Enabled() bool { return m.DisabledAt == nil }

const merchantColumns = `m.id, m.public_id, m.uuid, m.display_name, m.biz_name, m.image_url, m.return_url,
	extract(epoch FROM m.collect_window)::float8 AS collect_window, m.gateways,
	extract(epoch FROM m.transfer_window)::float8 AS transfer_window, extract(epoch FROM m.sms_delay)::float8 AS sms_delay,
	m.amount_step, m.amount_delta, extract(epoch FROM m.deposit_patience)::float8 AS deposit_patience, m.disabled_at, m.created_at`

// PutMerchant creates a merchant or updates the one with the same public id.
func (s *Store) PutMerchant(ctx context.Context, m Merchant) (Merchant, error) {
	var out Merchant
	err := s.inTx(ctx, "put merchant", func(ctx context.Context, tx conn) error {
		err := tx.one(ctx, "merchant", &out, `
			INSERT INTO merchants AS m (public_id, uuid, display_name, biz_name, image_url, return_url, collect_window, gateways)
			VALUES (?, coalesce(nullif(?, '')::uuid, gen_random_uuid()), ?, ?, ?, ?, make_interval(secs => ?), ?)
			ON CONFLICT (public_id) DO UPDATE SET
				display_name = EXCLUDED.display_name, biz_name = EXCLUDED.biz_name, image_url = EXCLUDED.image_url,
				return_url = EXCLUDED.return_url, collect_window = EXCLUDED.collect_window, gateways = EXCLUDED.gateways
			RETURNING `+merchantColumns,
			m.PublicID, m.UUID, m.DisplayName, m.BizName, m.ImageURL, m.ReturnURL, float64(m.CollectWindow), m.Gateways)
		if err != nil {
			return err
		}
		return tx.one(ctx, "card-to-card settings", &out, `
			UPDATE merchants m SET
				transfer_window = CASE WHEN ?::float8 > 0 THEN make_interval(secs => ?) ELSE transfer_window END,
				sms_delay = CASE WHEN ?::float8 > 0 THEN make_interval(secs => ?) ELSE sms_delay END,
				amount_step = coalesce(nullif(?::bigint, 0), amount_step),
				amount_delta = coalesce(nullif(?::bigint, 0), amount_delta),
				deposit_patience = CASE WHEN ?::float8 > 0 THEN make_interval(secs => ?) ELSE deposit_patience END
			WHERE id = ? RETURNING `+merchantColumns,
			float64(m.TransferWindow), float64(m.TransferWindow), float64(m.SMSDelay), float64(m.SMSDelay),
			m.AmountStep, m.AmountDelta, float64(m.DepositPatience), float64(m.DepositPatience), out.ID)
	})
	return out, err
}

// Merchant reads one merchant by its public id.
func (s *Store) Merchant(ctx context.Context, publicID string) (Merchant, error) {
	var m Merchant
	err := s.one(ctx, "merchant "+publicID, &m, `SELECT `+merchantColumns+` FROM merchants m WHERE m.public_id = ?`, publicID)
	return m, err
}

// Merchants lists all merchants, oldest first.
func (s *Store) Merchants(ctx context.Context) ([]Merchant, error) {
	var list []Merchant
	if err := s.all(ctx, &list, `SELECT `+merchantColumns+` FROM merchants m ORDER BY m.id`); err != nil {
		return nil, fmt.Errorf("list merchants: %w", err)
	}
	return list, nil
}

// SetMerchantDisabled stops a merchant from taking new money, or lets it again. Money already on
// its way goes on: sagas do not ask.
func (s *Store) SetMerchantDisabled(ctx context.Context, publicID string, disabled bool) error {
	var id int64
	return s.one(ctx, "merchant "+publicID, &id, `
		UPDATE merchants SET disabled_at = CASE WHEN ? THEN coalesce(disabled_at, now()) END
		WHERE public_id = ? RETURNING id`, disabled, publicID)
}

// AddBranch gives a merchant a branch; the id stands in tokens issued for it.
func (s *Store) AddBranch(ctx context.Context, publicID string, id int64, name string) error {
	var got int64
	return s.one(ctx, "branch of merchant "+publicID, &got, `
		INSERT INTO branches AS b (id, merchant_id, name)
		SELECT ?, m.id, ? FROM merchants m WHERE m.public_id = ?
		ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name WHERE b.merchant_id = EXCLUDED.merchant_id
		RETURNING id`, id, name, publicID)
}

// BranchMerchant finds the merchant of a branch.
func (s *Store) BranchMerchant(ctx context.Context, branch int64) (Merchant, error) {
	var m Merchant
	err := s.one(ctx, fmt.Sprintf("branch %d", branch), &m, `
		SELECT `+merchantColumns+` FROM branches b JOIN merchants m ON m.id = b.merchant_id WHERE b.id = ?`, branch)
	return m, err
}

// APIKey is what can be told of a key after it was made: never the key itself.
type APIKey struct {
	ID        int64      `bun:"id"`
	Merchant  string     `bun:"merchant"`
	Label     string     `bun:"label"`
	Hint      string     `bun:"hint"`
	Scopes    []string   `bun:"scopes,array"`
	CreatedAt time.Time  `bun:"created_at"`
	ExpiresAt *time.Time `bun:"expires_at"`
	RevokedAt *time.Time `bun:"revoked_at"`
}

// NewKey makes a random key of 130 bits. It is shown once; the database keeps its SHA-256, which
// is enough for a secret that cannot be guessed.
func NewKey() string { return "pk_" + rand.Text() }

// PutKey lets key speak for the merchant. Storing the same key again changes nothing; another
// merchant's key is ErrNotFound.
func (s *Store) PutKey(ctx context.Context, publicID, key, label string, scopes []string) error {
	digest := sha256.Sum256([]byte(key))
	var id int64
	return s.one(ctx, "key of merchant "+publicID, &id, `
		INSERT INTO api_keys AS k (merchant_id, label, secret_sha256, hint, scopes)
		SELECT m.id, ?, ?, ?, ? FROM merchants m WHERE m.public_id = ?
		ON CONFLICT (secret_sha256) DO UPDATE SET label = EXCLUDED.label WHERE k.merchant_id = EXCLUDED.merchant_id
		RETURNING id`, label, digest[:], key[max(0, len(key)-4):], scopes, publicID)
}

// Keys lists a merchant's keys, newest first.
func (s *Store) Keys(ctx context.Context, publicID string) ([]APIKey, error) {
	var keys []APIKey
	err := s.all(ctx, &keys, `
		SELECT k.id, m.public_id AS merchant, k.label, k.hint, k.scopes, k.created_at, k.expires_at, k.revoked_at
		FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
		WHERE m.public_id = ? ORDER BY k.id DESC`, publicID)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// RevokeKey ends a key; processes forget a cached key within a second.
func (s *Store) RevokeKey(ctx context.Context, id int64) error {
	var got int64
	return s.one(ctx, fmt.Sprintf("key %d", id), &got,
		`UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = ? RETURNING id`, id)
}

// KeyOwner is who a key speaks for.
type KeyOwner struct {
	KeyID    int64
	Scopes   []string
	Merchant Merchant
}

// FindKey finds who holds the key with this SHA-256; revoked and expired keys are not found.
func (s *Store) FindKey(ctx context.Context, digest [sha256.Size]byte) (KeyOwner, error) {
	var row struct {
		Merchant
		KeyID  int64    `bun:"key_id"`
		Scopes []string `bun:"scopes,array"`
	}
	err := s.one(ctx, "key", &row, `
		SELECT k.id AS key_id, k.scopes, `+merchantColumns+`
		FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
		WHERE k.secret_sha256 = ? AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`, digest[:])
	return KeyOwner{KeyID: row.KeyID, Scopes: row.Scopes, Merchant: row.Merchant}, err
}
