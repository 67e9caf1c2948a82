package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/store"
)

// The saga's deadline lies inside the windows of every bank that is offered. The banks are the real ones: when what
// they promise changes, this says which payments they can no longer take.
func TestTheDeadlineLiesInsideTheBanksWindows(t *testing.T) {
	const never, always = -1, 20 * time.Minute // a collect window has at most 20 minutes
	for _, tt := range []struct {
		bank          gateways.Bank
		collects, own time.Duration // the longest collect window, of payments that the merchant collects or that collect themselves
	}{
		{gateways.NewAsanpardakht("", "", nil), always, always},
		{gateways.NewZarinpal("", "", nil), always, always},
		{gateways.NewZibal("", nil), never, always}, // cannot give back
		{gateways.NewSaman("", nil), always, always},
		{gateways.NewMellat("", nil), always, always},
	} {
		limits := tt.bank.Limits()
		longest := func(auto bool) time.Duration {
			for window := always; window > 0; window -= time.Second {
				page := store.PaymentPage{}
				page.Payment.Amount, page.Payment.AutoCollect = limits.MinAmount, auto
				page.Merchant.CollectWindow = store.Seconds(window.Seconds())
				if takes(limits, page) {
					// Unverified money is still there when the saga asks for the last time, and verified money that nobody
					// collected can still go back.
					require.True(t, limits.AutoReverse == 0 || limits.AutoReverse >= window, tt.bank.Name())
					require.True(t, auto || limits.UndoWindow == 0 || limits.UndoWindow >= window, tt.bank.Name())
					return window
				}
			}
			return never
		}
		require.Equal(t, []time.Duration{tt.collects, tt.own}, []time.Duration{longest(false), longest(true)}, tt.bank.Name())
	}
}
