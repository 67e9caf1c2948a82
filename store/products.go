package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Product is a charge or package that can be bought.
type Product struct {
	ID              int64       `bun:"id" json:"id"`
	Provider        string      `bun:"provider" json:"provider"`
	OperatorID      int         `bun:"operator_id" json:"operator_id"`
	Type            string      `bun:"type" json:"type"`
	SimCardType     string      `bun:"sim_card_type" json:"sim_card_type"`
	ProfileID       string      `bun:"profile_id" json:"profile_id,omitempty"`
	Name            string      `bun:"name" json:"name"`
	NameEn          *string     `bun:"name_en" json:"name_en,omitempty"`
	Description     *string     `bun:"description" json:"description,omitempty"`
	DescriptionFull *string     `bun:"description_full" json:"description_full,omitempty"`
	Price           money.Rial  `bun:"price" json:"price"`
	SecondPrice     *money.Rial `bun:"second_price" json:"second_price,omitempty"`
	Capacity        *string     `bun:"capacity" json:"capacity,omitempty"`
	Period          *string     `bun:"period" json:"period,omitempty"`
	Sort            int         `bun:"sort" json:"order"`
	Active          bool        `bun:"active" json:"active"`
	CreatedAt       *time.Time  `bun:"created_at" json:"-"`
	UpdatedAt       *time.Time  `bun:"updated_at" json:"-"`
}

const productColumns = `p.id, p.provider, p.operator_id, p.type, p.sim_card_type, p.profile_id, p.name, p.name_en, p.description,
	p.description_full, p.price, p.second_price, p.capacity, p.period, p.sort, p.active, p.created_at, p.updated_at`

// ProductFilter asks for products; zero fields ask for all.
type ProductFilter struct {
	OperatorID  int
	Type        string
	SimCardType string
	Text        string // part of a name
	After       int64  // id, for the next page
	Size        int
}

// Products lists products by id.
func (s *Store) Products(ctx context.Context, f ProductFilter) ([]Product, error) {
	list := []Product{}
	err := s.all(ctx, &list, `
		SELECT `+productColumns+` FROM products p
		WHERE (?::integer = 0 OR p.operator_id = ?) AND (?::text = '' OR p.type = ?) AND (?::text = '' OR p.sim_card_type = ?)
		  AND (?::text = '' OR strpos(lower(p.name || ' ' || coalesce(p.name_en, '')), lower(?)) > 0) AND p.id > ?
		ORDER BY p.id LIMIT ?`,
		f.OperatorID, f.OperatorID, f.Type, f.Type, f.SimCardType, f.SimCardType, f.Text, f.Text, f.After, f.Size)
	if err != nil {
		return nil, fmt.Errorf("list products: %w", err)
	}
	return list, nil
}

// Product reads one product.
func (s *Store) Product(ctx context.Context, id int64) (Product, error) {
	var p Product
	err := s.one(ctx, "product", &p, `SELECT `+productColumns+` FROM products p WHERE p.id = ?`, id)
	if errors.Is(err, ErrNotFound) {
		err = ErrNoProduct
	}
	return p, err
}

// PutProduct creates a product or updates the one with the same id.
func (s *Store) PutProduct(ctx context.Context, p Product) error {
	var id int64
	return s.one(ctx, "put product", &id, `
		INSERT INTO products (id, provider, operator_id, type, sim_card_type, profile_id, name, name_en, description, description_full,
		                      price, second_price, capacity, period, sort, active)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET
			provider = EXCLUDED.provider, operator_id = EXCLUDED.operator_id, type = EXCLUDED.type, sim_card_type = EXCLUDED.sim_card_type,
			profile_id = EXCLUDED.profile_id, name = EXCLUDED.name, name_en = EXCLUDED.name_en, description = EXCLUDED.description,
			description_full = EXCLUDED.description_full, price = EXCLUDED.price, second_price = EXCLUDED.second_price,
			capacity = EXCLUDED.capacity, period = EXCLUDED.period, sort = EXCLUDED.sort, active = EXCLUDED.active
		RETURNING id`,
		p.ID, p.Provider, p.OperatorID, p.Type, p.SimCardType, p.ProfileID, p.Name, p.NameEn, p.Description, p.DescriptionFull,
		p.Price, p.SecondPrice, p.Capacity, p.Period, p.Sort, p.Active)
}

// CatalogueChange is what a refresh did to one product.
type CatalogueChange struct {
	ID   int64  `bun:"id" json:"id"`
	Name string `bun:"name" json:"name"`
	What string `bun:"what" json:"what"` // added, changed, switched_on or switched_off
}

// RefreshProducts brings a provider's products to what its catalogue lists and tells what changed. Products
// that it no longer lists are switched off, never deleted; an empty catalogue changes nothing: it is more
// likely a fault than the end of all goods. A catalogue of packages says nothing of plain charges.
func (s *Store) RefreshProducts(ctx context.Context, provider string, listed []Product) ([]CatalogueChange, error) {
	changes := []CatalogueChange{}
	if len(listed) == 0 {
		return changes, nil
	}
	err := s.inTx(ctx, "refresh products", func(ctx context.Context, tx conn) error {
		seen := make([]int64, 0, len(listed))
		for _, p := range listed {
			change, err := refreshProduct(ctx, tx, provider, p)
			if err != nil {
				return err
			}
			seen = append(seen, change.ID)
			if change.What != "" {
				changes = append(changes, change)
			}
		}
		plain := slices.ContainsFunc(listed, func(p Product) bool { return p.ProfileID == "" })
		var off []CatalogueChange
		err := tx.all(ctx, &off, `
			UPDATE products SET active = false, updated_at = now() WHERE provider = ? AND active AND (profile_id <> '' OR ?) AND NOT id = ANY(?)
			RETURNING id, name, 'switched_off' AS what`, provider, plain, seen)
		changes = append(changes, off...)
		return err
	})
	return changes, err
}

func refreshProduct(ctx context.Context, tx conn, provider string, p Product) (CatalogueChange, error) {
	var change CatalogueChange
	err := tx.one(ctx, "refresh product", &change, `
		WITH old AS (
			SELECT * FROM products WHERE provider = ? AND operator_id = ? AND type = ? AND sim_card_type = ? AND profile_id = ? AND price = ?
			FOR UPDATE
		), new AS (
			INSERT INTO products (id, provider, operator_id, type, sim_card_type, profile_id, name, price, second_price, sort, active, created_at)
			SELECT n.id, ?, ?, ?, ?, ?, ?, ?, ?, n.id, ?, now() FROM (SELECT nextval('products_id_seq') AS id WHERE NOT EXISTS (SELECT FROM old)) n
			RETURNING id, name
		), changed AS (
			UPDATE products p SET name = ?, second_price = ?, active = ?, updated_at = now() FROM old
			WHERE p.id = old.id AND (old.name, old.second_price, old.active) IS DISTINCT FROM (?::text, ?::bigint, ?::boolean)
			RETURNING p.id, p.name,
				CASE WHEN old.active = p.active THEN 'changed' WHEN p.active THEN 'switched_on' ELSE 'switched_off' END AS what
		)
		SELECT id, name, 'added' AS what FROM new
		UNION ALL SELECT id, name, what FROM changed
		UNION ALL SELECT id, name, '' FROM old
		LIMIT 1`,
		provider, p.OperatorID, p.Type, p.SimCardType, p.ProfileID, p.Price,
		provider, p.OperatorID, p.Type, p.SimCardType, p.ProfileID, p.Name, p.Price, p.SecondPrice, p.Active,
		p.Name, p.SecondPrice, p.Active, p.Name, p.SecondPrice, p.Active)
	return change, err
}

// SetCarrierActive lets a carrier's products be sold, or stops them.
func (s *Store) SetCarrierActive(ctx context.Context, id int, active bool) error {
	var got int
	return s.one(ctx, fmt.Sprintf("carrier %d", id), &got, `UPDATE carriers SET active = ? WHERE id = ? RETURNING id`, active, id)
}
