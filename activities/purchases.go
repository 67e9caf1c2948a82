package activities

import (
	"context"
	"fmt"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Purchases writes the facts of online purchases. Every activity is safe to run twice.
type Purchases struct {
	Store *store.Store
}

// RetryPurchase has the payment's saga ask the bank again and answers where the purchase stands.
func (a *Purchases) RetryPurchase(ctx context.Context, id int64) (state.Purchase, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.RetryByItself(ctx, id)
}

// ClosePurchase ends a purchase whose payment ended without money. A purchase that stays open is an error,
// tried again until a person looks: nobody else would ever end it.
func (a *Purchases) ClosePurchase(ctx context.Context, id int64) (state.Purchase, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	now, err := a.Store.ClosePurchase(ctx, id)
	if err == nil && !state.Purchases.Terminal(now) {
		err = fmt.Errorf("purchase %d is still %s", id, now)
	}
	return now, err
}
