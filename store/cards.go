package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/paysaga/paysaga/vault"
)

// keepCard stores a sealed card once for its merchant and answers the id of its row.
func keepCard(ctx context.Context, db conn, merchantID int64, card vault.Sealed) (uuid.UUID, error) {
	var row struct {
		ID uuid.UUID `bun:"id"`
	}
	err := db.one(ctx, "keep card", &row, `
		INSERT INTO card_vault (id, merchant_id, key_id, sealed, pan_hmac, bin, last4) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (merchant_id, pan_hmac) DO UPDATE SET bin = EXCLUDED.bin
		RETURNING id`, card.ID, merchantID, card.KeyID, card.Sealed, card.Hash, card.Bin, card.Last4)
	return row.ID, err
}

// DestinationCard is a card that a merchant's payers send money to.
type DestinationCard struct {
	ID       int64        `bun:"id"`
	Bank     string       `bun:"bank"`
	Holder   string       `bun:"holder"`
	Accounts []string     `bun:"accounts,array"` // as the bank's SMS prints them
	Card     vault.Sealed `bun:"-"`
}

// AddDestinationCard stores a card that a merchant's payers send money to. Adding it again updates bank,
// holder and accounts, and takes it into use again.
func (s *Store) AddDestinationCard(ctx context.Context, merchantID int64, card DestinationCard) error {
	return s.inTx(ctx, "add destination card", func(ctx context.Context, tx conn) error {
		kept, err := keepCard(ctx, tx, merchantID, card.Card)
		if err != nil {
			return err
		}
		var id int64
		return tx.one(ctx, "destination card", &id, `
			INSERT INTO destination_cards (merchant_id, card_id, bank, holder, accounts) VALUES (?, ?, ?, ?, coalesce(?::text[], '{}'))
			ON CONFLICT (merchant_id, card_id) DO UPDATE SET
				bank = EXCLUDED.bank, holder = EXCLUDED.holder, accounts = EXCLUDED.accounts, disabled_at = NULL
			RETURNING id`, merchantID, kept, card.Bank, card.Holder, card.Accounts)
	})
}

// DisableDestinationCard takes a card out of use: payers are no longer shown it. What arrives on it is
// still seen.
func (s *Store) DisableDestinationCard(ctx context.Context, merchantID, id int64) error {
	var got int64
	return s.one(ctx, fmt.Sprintf("destination card %d", id), &got, `
		UPDATE destination_cards SET disabled_at = coalesce(disabled_at, now()) WHERE id = ? AND merchant_id = ? RETURNING id`,
		id, merchantID)
}

const destinationColumns = `d.id, d.bank, d.holder, d.accounts, v.id AS vault_id, v.key_id, v.sealed, v.pan_hmac, v.bin, v.last4`

// DestinationCards lists the cards that a merchant's payers are shown, oldest first.
func (s *Store) DestinationCards(ctx context.Context, merchantID int64) ([]DestinationCard, error) {
	return destinationCards(ctx, s.pool(), `
		SELECT `+destinationColumns+` FROM destination_cards d JOIN card_vault v ON v.id = d.card_id
		WHERE d.merchant_id = ? AND d.disabled_at IS NULL ORDER BY d.id`, merchantID)
}

func destinationCards(ctx context.Context, db conn, query string, args ...any) ([]DestinationCard, error) {
	var rows []struct {
		DestinationCard `bun:"embed:"`
		VaultID         uuid.UUID `bun:"vault_id"`
		KeyID           string    `bun:"key_id"`
		Sealed          []byte    `bun:"sealed"`
		Hash            []byte    `bun:"pan_hmac"`
		Bin             string    `bun:"bin"`
		Last4           string    `bun:"last4"`
	}
	if err := db.all(ctx, &rows, query, args...); err != nil {
		return nil, fmt.Errorf("destination cards: %w", err)
	}
	cards := make([]DestinationCard, len(rows))
	for i, r := range rows {
		cards[i] = r.DestinationCard
		cards[i].Card = vault.Sealed{ID: r.VaultID, KeyID: r.KeyID, Sealed: r.Sealed, Hash: r.Hash, Bin: r.Bin, Last4: r.Last4}
	}
	return cards, nil
}
