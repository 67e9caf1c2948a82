package store

import (
	"context"

	"github.com/paysaga/paysaga/vault"
)

// AddDestinationCard stores a card that a merchant's payers send money to. Adding it again updates
// bank and holder.
func (s *Store) AddDestinationCard(ctx context.Context, publicID string, card vault.Sealed, bank, holder string) error {
	var id int64
	return s.one(ctx, "destination card of merchant "+publicID, &id, `
		WITH m AS (SELECT id FROM merchants WHERE public_id = ?),
		c AS (
			INSERT INTO card_vault (id, merchant_id, key_id, sealed, pan_hmac, bin, last4)
			SELECT ?, id, ?, ?, ?, ?, ? FROM m
			ON CONFLICT (merchant_id, pan_hmac) DO UPDATE SET bin = EXCLUDED.bin
			RETURNING id, merchant_id
		)
		INSERT INTO destination_cards (merchant_id, card_id, bank, holder)
		SELECT merchant_id, id, ?, ? FROM c
		ON CONFLICT (merchant_id, card_id) DO UPDATE SET bank = EXCLUDED.bank, holder = EXCLUDED.holder
		RETURNING id`,
		publicID, card.ID, card.KeyID, card.Sealed, card.Hash, card.Bin, card.Last4, bank, holder)
}
