package store

import (
	"context"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/vault"
)

// Device is a phone that forwards a merchant's bank SMS and signs what it sends.
type Device struct {
	ID        string     `bun:"id"`
	Merchant  Merchant   `bun:"embed:m_"`
	Label     string     `bun:"label"`
	Secret    vault.Text `bun:"embed:"`
	CreatedAt time.Time  `bun:"created_at"`
	RevokedAt *time.Time `bun:"revoked_at"`
}

// AddDevice gives a merchant a phone.
func (s *Store) AddDevice(ctx context.Context, merchantID int64, id, label string, secret vault.Text) error {
	return s.pool().exec(ctx, `INSERT INTO devices (id, merchant_id, label, key_id, sealed) VALUES (?, ?, ?, ?, ?)`,
		id, merchantID, label, secret.KeyID, secret.Sealed)
}

// Device finds a phone that is in use, with its merchant.
func (s *Store) Device(ctx context.Context, id string) (Device, error) {
	var d Device
	err := s.one(ctx, "device", &d, `
		SELECT d.id, d.label, d.key_id, d.sealed, d.created_at, d.revoked_at, `+merchantAs+`
		FROM devices d JOIN merchants m ON m.id = d.merchant_id WHERE d.id = ? AND d.revoked_at IS NULL`, id)
	return d, err
}

// Devices lists a merchant's phones, newest first.
func (s *Store) Devices(ctx context.Context, merchantID int64) ([]Device, error) {
	var list []Device
	err := s.all(ctx, &list, `SELECT id, label, created_at, revoked_at FROM devices WHERE merchant_id = ? ORDER BY created_at DESC`, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return list, nil
}

// RevokeDevice ends a phone's right to send.
func (s *Store) RevokeDevice(ctx context.Context, id string) error {
	var got string
	return s.one(ctx, "device "+id, &got, `UPDATE devices SET revoked_at = coalesce(revoked_at, now()) WHERE id = ? RETURNING id`, id)
}
