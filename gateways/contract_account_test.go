package gateways_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// everyCall makes all calls of a gateway about a visit that looks well, and collects their errors.
func everyCall(t *testing.T, g gateways.Gateway) map[string]error {
	t.Helper()
	return callsAbout(t, g, gateways.Visit{Invoice: 1, BankToken: "A" + strings.Repeat("1", 35), BankTran: "100000000001", Amount: amount})
}

func callsAbout(t *testing.T, g gateways.Gateway, v gateways.Visit) map[string]error {
	out := map[string]error{}
	_, out["session"] = g.CreateSession(t.Context(), sessionOf(99))
	_, out["result"] = g.Result(t.Context(), v)
	_, out["verify"] = g.Verify(t.Context(), v)
	out["settle"] = g.Settle(t.Context(), v)
	_, out["undo"] = g.Undo(t.Context(), v)
	out["check"] = g.Check(t.Context())
	return out
}

func TestContractCheckAcceptsTheAccount(t *testing.T) {
	each(t, func(w *world) {
		require.NoError(w, w.Check(w.Context()))
		require.Empty(w, w.book().Charges, "it moves nothing")
		w.bring(sandbox.Paid, 1)
		require.NoError(w, w.Check(w.Context()))
	})
}

// wrong changes one character, so that what must be a number or a UUID still is one.
func wrong(value string) string {
	last := value[len(value)-1]
	if last == '1' {
		return value[:len(value)-1] + "2"
	}
	return value[:len(value)-1] + "1"
}

func TestContractWrongCredentials(t *testing.T) {
	each(t, func(w *world) {
		v := w.bring(sandbox.Verified, 1)
		for _, f := range w.bank(patience).Fields() {
			if f.Optional {
				continue
			}
			account := w.account()
			account[f.Name] = wrong(account[f.Name])
			g, err := w.bank(patience).Open(account)
			require.NoError(w, err)
			for name, err := range callsAbout(w.T, g, v) {
				if w.callsNobody(name) {
					continue
				}
				require.Error(w, err, "%s with another %s", name, f.Name)
				require.NotEqual(w, unknown, class(err), "%s with another %s: %v", name, f.Name, err)
				w.discreet(err)
				require.NotContains(w, err.Error(), account[f.Name])
				if name == "check" || name == "session" {
					require.Equal(w, refused, class(err), "%s with another %s: %v", name, f.Name, err)
				}
			}
		}
		require.Equal(w, sandbox.Verified, w.charge(1).State)
		require.Len(w, w.book().Charges, 1)
	})
}

func TestContractOpenNamesWhatIsMissing(t *testing.T) {
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			bank := c.open("", "", gateways.NewHTTPClient(patience))
			require.Equal(t, c.name, bank.Name())
			require.Regexp(t, `^https://[a-z0-9.]+$`, bank.Origin())
			whole := c.account()
			_, err := bank.Open(whole)
			require.NoError(t, err)

			for _, f := range bank.Fields() {
				if f.Optional {
					continue
				}
				part := maps.Clone(whole)
				delete(part, f.Name)
				_, err := bank.Open(part)
				require.ErrorContains(t, err, f.Name)
				for _, value := range whole {
					require.NotContains(t, err.Error(), value)
				}
			}
			extra := maps.Clone(whole)
			extra["shoe_size"] = "secret-43"
			_, err = bank.Open(extra)
			require.ErrorContains(t, err, "shoe_size")
			require.NotContains(t, err.Error(), "secret-43")
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", whole, whole, whole), slices.Collect(maps.Values(whole))[0])
		})
	}
}

func TestContractLimitsAreSane(t *testing.T) {
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			l := c.open("", "", gateways.NewHTTPClient(patience)).Limits()
			require.Positive(t, l.SessionLife, "or an unpaid attempt is never over")
			require.Positive(t, l.MinAmount)
			require.GreaterOrEqual(t, l.AutoReverse, 0*l.AutoReverse)
			if l.MaxAmount != 0 {
				require.Greater(t, l.MaxAmount, l.MinAmount)
			}
			if c.undone(sandbox.Verified) == "" {
				require.Negative(t, l.UndoWindow, "verified money stays, so nobody may count on its return")
			}
		})
	}
}

func TestContractWithLimits(t *testing.T) {
	limits := gateways.Limits{SessionLife: 1, MinAmount: 2}
	bank := gateways.WithLimits(gateways.NewAsanpardakht("", "", nil), limits)
	require.Equal(t, limits, bank.Limits())
	require.Equal(t, "asanpardakht", bank.Name())
	g, err := bank.Open(contracts[0].account())
	require.NoError(t, err)
	require.Equal(t, limits, g.Limits())
	_, err = bank.Open(nil)
	require.Error(t, err)
}
