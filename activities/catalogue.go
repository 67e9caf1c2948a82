package activities

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/store"
)

// RefreshCatalogue reads a reseller's catalogue and brings our products to it.
func (a *TopUps) RefreshCatalogue(ctx context.Context, provider string) ([]store.CatalogueChange, error) {
	reseller, err := a.Operators.Get(provider)
	if err != nil {
		return nil, err
	}
	if err := awaitTurn(ctx, a.Limits, provider); err != nil {
		return nil, err
	}
	listed, err := reseller.Catalogue(ctx)
	if errors.Is(err, operators.ErrNoCatalogue) {
		return nil, temporal.NewNonRetryableApplicationError(err.Error(), "no_catalogue", nil)
	}
	if err != nil {
		return nil, fmt.Errorf("catalogue of %s: %w", provider, err)
	}
	products := make([]store.Product, len(listed))
	for i, p := range listed {
		products[i] = store.Product{
			OperatorID: int(p.Carrier), Type: p.Type, SimCardType: p.Sim, ProfileID: p.Package, Name: p.Name, Price: p.Price, Active: p.Active,
		}
		if p.Most > p.Price {
			products[i].SecondPrice = new(money.Rial)
			*products[i].SecondPrice = p.Most
		}
	}
	return a.Store.RefreshProducts(ctx, provider, products)
}
