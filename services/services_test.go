package services

import (
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/payload"
)

func amount(t *testing.T, text string) *big.Rat {
	t.Helper()
	n, ok := new(big.Rat).SetString(text)
	require.True(t, ok)
	return n
}

func TestTable(t *testing.T) {
	for _, service := range []payload.Kind{payload.KindPayment, payload.KindPayout, payload.KindWallet} {
		list, err := List(service)
		require.NoError(t, err)
		require.Greater(t, len(list), 20)
		for _, p := range list {
			require.Equal(t, service, p.Service)
			require.Equal(t, p.Currency == "IRR", p.Available, "only rial moves: %v", p)
			found, err := Find(service, p.Currency, p.Network)
			require.NoError(t, err)
			require.Equal(t, p, found)
			_, err = Find(service, strings.ToLower(p.Currency), p.Network)
			require.ErrorIs(t, err, ErrUnknown)
		}
		_, err = Find(service, "ETH", "eth")
		require.NoError(t, err, "the documented examples")
		for _, wrong := range [][2]string{{"ETH", "btc"}, {"IRR", "eth"}, {"USD", "eth"}, {"ETH", ""}, {"", ""}} {
			_, err = Find(service, wrong[0], wrong[1])
			require.ErrorIs(t, err, ErrUnknown)
		}
	}
	paya, err := Find(payload.KindPayout, "IRR", "paya")
	require.NoError(t, err)
	require.True(t, paya.Available)
	_, err = Find(payload.KindPayment, "IRR", "paya")
	require.ErrorIs(t, err, ErrUnknown)

	list, err := List(payload.KindPayment)
	require.NoError(t, err)
	list[0].Currency = "XXX"
	again, err := List(payload.KindPayment)
	require.NoError(t, err)
	require.Equal(t, "IRR", again[0].Currency, "nobody changes the table")
}

func TestLimitsAndFees(t *testing.T) {
	p := Pair{Min: amount(t, "0.5"), Max: amount(t, "100"), Fee: amount(t, "0.3"), Percent: amount(t, "2")}
	for text, ok := range map[string]bool{"0.49": false, "0.5": true, "100": true, "100.00000001": false} {
		require.Equal(t, ok, p.Takes(amount(t, text)), text)
	}
	require.Equal(t, "0.60000000", p.Commission(amount(t, "15")).FloatString(8))
}

func TestABadTableIsRefused(t *testing.T) {
	head := "service,currency,network,available,min,max,fee,percent\n"
	list, err := read([]byte(head + "payment,IRR,card,yes,1,2,0,0.5\n"))
	require.NoError(t, err)
	require.Len(t, list, 1)
	for text, want := range map[string]string{
		"": "first line", "a,b\n": "first line",
		head + "payment,IRR,card,yes,1,2,0\n":                                "wrong number of fields",
		head + "refund,IRR,card,yes,1,2,0,0\n":                               "the service",
		head + "payment,irr,card,yes,1,2,0,0\n":                              "capitals",
		head + "payment,IRR,CARD,yes,1,2,0,0\n":                              "capitals",
		head + "payment,,card,yes,1,2,0,0\n":                                 "capitals",
		head + "payment,IRR,card,maybe,1,2,0,0\n":                            "yes or no",
		head + "payment,IRR,card,yes,x,2,0,0\n":                              "min is no amount",
		head + "payment,IRR,card,yes,1,1/2,0,0\n":                            "max is no amount",
		head + "payment,IRR,card,yes,1,2,-1,0\n":                             "fee is no amount",
		head + "payment,IRR,card,yes,1,2,0,1e9\n":                            "percent is no amount",
		head + "payment,IRR,card,yes,3,2,0,0\n":                              "line 2 (payment IRR card): min is above max",
		head + "payment,IRR,card,yes,1,2,0,0\npayment,IRR,card,no,1,2,0,0\n": "line 3 (payment IRR card): it is there twice",
	} {
		_, err := read([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
