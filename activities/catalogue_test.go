package activities_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/store"
)

func TestRefreshCatalogue(t *testing.T) {
	k := newKiosk(t)
	k.reseller.listed = []operators.Product{
		{Carrier: operators.Irancell, Type: "cell_internet", Sim: "credit", Package: "IR-7D", Name: "package", Price: 5_000, Most: 2_000_000, Active: true},
		{Carrier: operators.MCI, Type: "cell_direct_charge", Sim: "permanent", Name: "شارژ", Price: 10_000, Most: 500_000, Active: true},
		{Carrier: operators.Rightel, Type: "cell_internet", Sim: "credit", Package: "R1", Name: "exactly", Price: 89_000, Active: false},
		{Carrier: operators.Rightel, Type: "cell_internet", Sim: "credit", Package: "R2", Name: "exactly, said twice", Price: 89_000, Most: 89_000, Active: true},
	}
	changes := durably(k, k.acts.RefreshCatalogue, "sandbox")
	what := map[string]string{}
	var ids []int64
	for _, c := range changes {
		what[c.Name] = c.What
		ids = append(ids, c.ID)
	}
	require.Equal(t, map[string]string{"شارژ": "added", "exactly": "added", "exactly, said twice": "added"}, what)
	require.Empty(t, durably(k, k.acts.RefreshCatalogue, "sandbox"), "again")

	most := money.Rial(500_000)
	for i, want := range []store.Product{
		{OperatorID: 1, Type: "cell_direct_charge", SimCardType: "permanent", Name: "شارژ", Price: 10_000, SecondPrice: &most, Active: true},
		{OperatorID: 3, Type: "cell_internet", SimCardType: "credit", ProfileID: "R1", Name: "exactly", Price: 89_000},
		{OperatorID: 3, Type: "cell_internet", SimCardType: "credit", ProfileID: "R2", Name: "exactly, said twice", Price: 89_000, Active: true},
	} {
		got, err := k.store.Product(t.Context(), ids[i])
		require.NoError(t, err)
		want.ID, want.Provider, want.Sort, want.CreatedAt, want.UpdatedAt = ids[i], "sandbox", int(ids[i]), got.CreatedAt, got.UpdatedAt
		require.Equal(t, want, got)
	}

	k.reseller.listed = k.reseller.listed[1:]
	require.Equal(t, []store.CatalogueChange{{ID: 62, Name: "package", What: "switched_off"}}, durably(k, k.acts.RefreshCatalogue, "sandbox"))
}

func TestRefreshCatalogueUnread(t *testing.T) {
	k := newKiosk(t)
	for _, tt := range []struct {
		err   error
		name  string
		final bool
	}{
		{operators.ErrNoCatalogue, "sandbox", true},
		{errors.New("no answer"), "sandbox", false},
		{nil, "taken out", false},
	} {
		k.reseller.err = tt.err
		_, err := k.env.ExecuteActivity(k.acts.RefreshCatalogue, tt.name)
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, tt.final, app.NonRetryable())
	}
	k.reseller.err = nil // it answers, with nothing
	require.Empty(t, durably(k, k.acts.RefreshCatalogue, "sandbox"))
	p, err := k.store.Product(t.Context(), 62)
	require.NoError(t, err)
	require.True(t, p.Active, "a fault switches nothing off")
}
