package gateways_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// What ZarinPal no longer reverses goes back by its other API, if the account has what that takes.
func TestContractZarinpalRefundsWhatIsTooLateToReverse(t *testing.T) {
	c := contractOf("zarinpal")
	for _, failure := range append([]string{""}, failures...) {
		t.Run("after "+failure, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, c)
			v, small := w.bring(sandbox.Verified, 1), w.bring(sandbox.Verified, 2)
			w.clock.pass(31 * time.Minute)
			_, err := w.Undo(w.Context(), v)
			require.Equal(t, refused, class(err), "%v", err)

			g, err := w.bank(patience).Open(sandbox.Account(c.name))
			require.NoError(t, err)
			if failure != "" {
				w.play(failure, "refund")
				_, err = g.Undo(w.Context(), v)
				require.Error(t, err)
				w.discreet(err)
				w.rules(`{}`)
			}
			for range 2 {
				how, err := g.Undo(w.Context(), v)
				require.NoError(t, err)
				require.Equal(t, gateways.Refunded, how)
				w.returnedOnce(1, "merchant")
			}
			require.Equal(t, sandbox.Refunded, w.charge(1).State)

			small.Amount = 19_999
			_, err = g.Undo(w.Context(), small)
			require.Equal(t, refused, class(err), "%v", err)
		})
	}
}

func contractOf(name string) contract {
	for _, c := range contracts {
		if c.name == name {
			return c
		}
	}
	panic("no contract of " + name)
}
