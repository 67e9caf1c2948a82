package gateways_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// AsanPardakht tells results for 45 minutes. Afterwards "no transaction" means nothing, so money of which only the bank
// knows the number is never said to have been returned.
func TestContractAsanpardakhtForgets(t *testing.T) {
	w := newWorld(t, contractOf("asanpardakht"))
	v, lost := w.bring(sandbox.Verified, 1), w.bring(sandbox.Verified, 2)
	w.clock.pass(time.Hour)
	got, err := w.Result(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, gateways.Result{Status: gateways.ResultNotPaid}, got)

	how, err := w.Undo(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, gateways.Cancelled, how)

	lost.BankTran = ""
	_, err = w.Undo(t.Context(), lost)
	require.Equal(t, unavailable, class(err), "%v", err)
	require.Equal(t, sandbox.Verified, w.charge(2).State)
	w.returnedOnce(1, "merchant")
}
