package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/store"
)

func TestCreatePayment(t *testing.T) {
	s := store.New(server.Open(t), func() {})
	m, err := s.PutMerchant(t.Context(), store.Merchant{PublicID: "shop", CollectWindow: 1200, Gateways: []string{"sandbox"}})
	require.NoError(t, err)
	token, err := s.CreatePayment(t.Context(), store.NewPayment{Merchant: m, Amount: 10_000})
	require.NoError(t, err)
	p, err := s.Payment(t.Context(), m.ID, token)
	require.NoError(t, err)
	require.EqualValues(t, 10_000, p.Amount)
}
