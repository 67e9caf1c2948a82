package payouts

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
)

const (
	testIBAN = "IR270170000000100324200001"
	testCard = "6219860000000019"
)

func iban() Destination { return ToIBAN(money.IBAN(testIBAN)) }

func card(t *testing.T) Destination {
	d, err := ToCard(testCard)
	require.NoError(t, err)
	return d
}

func TestRailFor(t *testing.T) {
	can := Capabilities{Rails: []RailLimits{{Card, 100, 1_000, 0}, {PAYA, 200, 5_000, 0}, {SATNA, 4_000, 90_000, 0}}}
	for name, c := range map[string]struct {
		amount money.Rial
		to     Kind
		want   Rail
		no     *NoRail
	}{
		"smallest to a card":   {100, KindCard, Card, nil},
		"largest to a card":    {1_000, KindCard, Card, nil},
		"too small for a card": {99, KindCard, "", &NoRail{KindCard, 100, 1_000}},
		"too large for a card": {1_001, KindCard, "", &NoRail{KindCard, 100, 1_000}},
		"smallest by PAYA":     {200, KindIBAN, PAYA, nil},
		"PAYA where both do":   {5_000, KindIBAN, PAYA, nil},
		"SATNA above PAYA":     {5_001, KindIBAN, SATNA, nil},
		"largest by SATNA":     {90_000, KindIBAN, SATNA, nil},
		"too small":            {199, KindIBAN, "", &NoRail{KindIBAN, 200, 90_000}},
		"too large":            {90_001, KindIBAN, "", &NoRail{KindIBAN, 200, 90_000}},
		"nothing":              {0, KindIBAN, "", &NoRail{KindIBAN, 200, 90_000}},
		"less than nothing":    {-500, KindCard, "", &NoRail{KindCard, 100, 1_000}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := can.RailFor(c.amount, c.to)
			require.Equal(t, c.want, got.Rail)
			if c.no == nil {
				require.NoError(t, err)
				return
			}
			var no *NoRail
			require.ErrorAs(t, err, &no)
			require.Equal(t, c.no, no)
		})
	}
	_, err := Capabilities{Rails: []RailLimits{{PAYA, 1, 2, 0}}}.RailFor(1, KindCard)
	require.EqualError(t, err, "no rail to a destination of kind card")
	_, err = can.RailFor(1, KindCard)
	require.EqualError(t, err, "no rail for the amount: a destination of kind card takes 100 to 1,000 rial")
}

func TestToCard(t *testing.T) {
	d, err := ToCard(testCard)
	require.NoError(t, err)
	require.Equal(t, KindCard, d.Kind())
	require.Equal(t, testCard, d.reveal())
	for _, wrong := range []string{"", "6219860000000018", "621986000000001", "79927398713", "6219-8600-0000-0019", testIBAN} {
		_, err := ToCard(wrong)
		require.ErrorIs(t, err, ErrNotCard, wrong)
	}
}

func TestDestinationsShowThemselvesMasked(t *testing.T) {
	for masked, d := range map[string]Destination{"IR27017***************0001": iban(), "621986******0019": card(t), "[nowhere]": {}} {
		o := Order{Reference: "r", Amount: 5, To: d}
		held := struct{ inner Order }{o}
		var log strings.Builder
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "order", o, "to", d)
		raw, err := json.Marshal(o)
		require.NoError(t, err)
		require.Equal(t, masked, d.Masked())
		require.Contains(t, string(raw), masked)
		text := fmt.Sprintf("%v %+v %#v %s %v %+v %#v %v %+v", d, d, d, d, o, o, o, held, held) + log.String() + string(raw)
		for _, secret := range []string{testIBAN, testCard, testIBAN[8:20], testCard[6:12]} {
			require.NotContains(t, text, secret)
		}
	}
	require.Empty(t, Destination{}.reveal())
}

func TestFinal(t *testing.T) {
	for s, want := range map[State]bool{NotFound: false, Accepted: false, Settled: true, Returned: true, Failed: true, "": false} {
		require.Equal(t, want, s.Final(), s)
	}
}

func TestRegistry(t *testing.T) {
	p := NewSandbox(SandboxConfig{BaseURL: "http://x"})
	got, err := Registry{p.Name(): p}.Get("sandbox")
	require.NoError(t, err)
	require.Equal(t, p, got)
	_, err = Registry{}.Get("moon")
	require.EqualError(t, err, `no such payout provider: "moon"`)
}
