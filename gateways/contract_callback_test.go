package gateways_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// A payer's browser brings back what it likes. None of it may make money out of nothing.

// forgeries are what can be done to the fields of a callback; other is the callback of somebody else's payment.
var forgeries = map[string]func(own, other map[string]string) map[string]string{
	"missing": func(_, _ map[string]string) map[string]string { return nil },
	"empty":   func(own, _ map[string]string) map[string]string { return with(own, func(string) string { return "" }) },
	"foreign": func(_, other map[string]string) map[string]string { return other },
	"oversized": func(own, _ map[string]string) map[string]string {
		return with(own, func(v string) string { return v + strings.Repeat("9", 64<<10) })
	},
	"hostile": func(own, _ map[string]string) map[string]string {
		return with(own, func(string) string { return "<x/>]]>&\"'\x00\n../1 OR 1=1" })
	},
	"negative": func(own, _ map[string]string) map[string]string {
		return with(own, func(string) string { return "-1" })
	},
	"repeated in capitals": func(own, other map[string]string) map[string]string {
		out := maps.Clone(own)
		for name, value := range other {
			out[strings.ToUpper(name)] = value
		}
		return out
	},
}

func with(fields map[string]string, change func(string) string) map[string]string {
	out := map[string]string{}
	for name, value := range fields {
		out[name] = change(value)
	}
	return out
}

// Somebody who has not paid brings forged fields, among them those of a payment that somebody else made.
func TestContractForgedCallbackOfAnUnpaidVisit(t *testing.T) {
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				other := w.visited(1, "pay")
				v, _ := w.session(2)
				v.Callback = forge(other.Callback, other.Callback)

				got, err := w.Result(w.Context(), v)
				if err == nil && got.Status == gateways.ResultPaid {
					ours := got.Amount == v.Amount && got.BankToken == v.BankToken && got.Invoice == v.Invoice
					require.False(w, ours, "another's money is not ours")
				}
				_, err = w.Verify(w.Context(), v)
				require.Error(w, err)
				require.Equal(w, sandbox.Paid, w.charge(1).State, "nobody verified the other's money")
				_, err = w.Undo(w.Context(), v)
				if err == nil {
					require.False(w, got.Status == gateways.ResultPaid)
				}
				require.Empty(w, w.book().Refunds, "nobody sent the other's money back")
				require.Equal(w, sandbox.Open, w.charge(2).State)
			})
		})
	}
}

// Somebody who has paid brings nonsense: the money is found, or at least never called anything but unpaid for now.
func TestContractForgedCallbackOfAPaidVisit(t *testing.T) {
	for name, forge := range forgeries {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				other, v := w.visited(1, "pay"), w.visited(2, "pay")
				own := v.Callback
				v.Callback = forge(own, other.Callback)
				got, err := w.Result(w.Context(), v)
				switch {
				case err != nil:
					require.True(w, w.needsCallback, "the bank can be asked without: %v", err)
				case got.Status == gateways.ResultPaid && got.Invoice == 2:
					v.BankTran = got.BankTran
					_, err = w.Verify(w.Context(), v)
					require.NoError(w, err)
					require.Equal(w, sandbox.Verified, w.charge(2).State)
				default:
					require.True(w, w.needsCallback)
					require.False(w, got.Final)
				}
				require.Equal(w, sandbox.Paid, w.charge(1).State, "the other's money is left alone")

				v.Callback = own // the true callback, however late
				require.Equal(w, int64(2), w.result(v).Invoice)
			})
		})
	}
}

// A declined visit whose fields say that it was paid.
func TestContractDeclinedThatSaysPaid(t *testing.T) {
	each(t, func(w *world) {
		paid, v := w.visited(1, "pay"), w.visited(2, "decline")
		for name, value := range paid.Callback {
			if _, ok := v.Callback[name]; !ok || value == "OK" || len(value) < 4 {
				v.Callback[name] = value
			}
		}
		got, err := w.Result(w.Context(), v)
		if err == nil {
			require.False(w, got.Status == gateways.ResultPaid && got.Invoice == v.Invoice)
		}
		_, err = w.Verify(w.Context(), v)
		require.Error(w, err)
		require.Equal(w, sandbox.Paid, w.charge(1).State)
		require.Equal(w, sandbox.Declined, w.charge(2).State)
	})
}
