package gateways_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// The contract test: what every bank's adapter must do, shown against the bank's own wire over real HTTP. After
// each scenario the bank's book must agree with what the adapter said.

func TestContractPaidVerifiedSettled(t *testing.T) {
	each(t, func(w *world) {
		v, to := w.session(1)
		before, err := w.Result(w.Context(), v)
		require.Contains(w, []gateways.Class{yes, unavailable}, class(err))
		if err == nil {
			require.Equal(w, gateways.ResultNotPaid, before.Status)
			require.False(w, before.Final, "the payer is still at the bank")
		}

		v.Callback = w.press(to, "pay")
		paid := w.result(v)
		v.BankTran = paid.BankTran
		require.Equal(w, sandbox.Paid, w.charge(1).State, "asking changes nothing")

		receipt, err := w.Verify(w.Context(), v)
		require.NoError(w, err)
		require.Equal(w, sandbox.Verified, w.charge(1).State)
		require.Equal(w, w.charge(1).RRN, first(receipt.RRN, paid.RRN))
		require.Regexp(w, `^(\d{6}\*{6}\d{4})?$`, first(receipt.Card, paid.Card), "never the whole card")
		require.Equal(w, paid.BankTran, w.result(v).BankTran, "it is the same transaction for ever")

		again, err := w.Verify(w.Context(), v)
		require.NoError(w, err, "already verified")
		require.Equal(w, receipt.RRN, first(again.RRN, receipt.RRN))
		require.NoError(w, w.Settle(w.Context(), v))
		require.NoError(w, w.Settle(w.Context(), v), "already settled")
		_, err = w.Verify(w.Context(), v)
		require.NoError(w, err, "verified long ago")
		w.result(v)

		want := sandbox.Settled
		if w.noSettlement {
			want = sandbox.Verified
		}
		require.Equal(w, want, w.charge(1).State)
		require.Equal(w, amount, w.charge(1).Amount)
		require.Empty(w, w.book().Refunds)
		require.Len(w, w.book().Charges, 1)
	})
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

func TestContractNoMoneyIsNeverPaid(t *testing.T) {
	for _, state := range []sandbox.State{sandbox.Open, sandbox.Declined, sandbox.Expired} {
		t.Run(string(state), func(t *testing.T) {
			each(t, func(w *world) {
				v := w.bring(state, 1)
				got, err := w.Result(w.Context(), v)
				require.Contains(w, []gateways.Class{yes, unavailable}, class(err))
				if err == nil {
					require.Equal(w, gateways.ResultNotPaid, got.Status)
				}
				if state == sandbox.Open {
					require.False(w, got.Final)
				}
				if state == sandbox.Declined {
					require.Equal(w, w.tellsDeclined, got.Final)
				}

				_, err = w.Verify(w.Context(), v)
				require.Contains(w, []gateways.Class{refused, unavailable}, class(err), "%v", err)
				how, err := w.Undo(w.Context(), v)
				if err == nil {
					require.Equal(w, gateways.NotTaken, how)
					require.NotEqual(w, sandbox.Open, state, "the payer may yet pay")
				} else {
					require.NotEqual(w, unknown, class(err))
				}
				require.Equal(w, state, w.charge(1).State)
				require.Empty(w, w.book().Refunds)
			})
		})
	}
}

// A payer who paid after all, behind every "not yet", is found.
func TestContractPaidAfterNotYet(t *testing.T) {
	each(t, func(w *world) {
		v, to := w.session(1)
		_, err := w.Verify(w.Context(), v)
		require.Error(w, err)
		v.Callback = w.press(to, "pay")
		v.BankTran = w.result(v).BankTran
		_, err = w.Verify(w.Context(), v)
		require.NoError(w, err)
	})
}

func TestContractLostCallback(t *testing.T) {
	each(t, func(w *world) {
		v := w.visited(1, "lose_callback")
		require.Empty(w, v.Callback)
		if w.needsCallback {
			got, err := w.Result(w.Context(), v)
			if err == nil {
				require.Equal(w, gateways.ResultNotPaid, got.Status)
				require.False(w, got.Final, "it was paid, only nobody can tell")
			}
			_, err = w.Verify(w.Context(), v)
			require.Error(w, err)
			return
		}
		v.BankTran = w.result(v).BankTran
		_, err := w.Verify(w.Context(), v)
		require.NoError(w, err)
		require.Equal(w, sandbox.Verified, w.charge(1).State)
	})
}

func TestContractWrongAmount(t *testing.T) {
	each(t, func(w *world) {
		if w.amountNever {
			return // and none that the payer could change
		}
		v := w.visited(1, "pay")
		other := v
		other.Amount += 10
		got, err := w.Result(w.Context(), other)
		require.NoError(w, err)
		if !w.amountUntold {
			require.Equal(w, amount, got.Amount, "the bank's own, not what we hope for")
			return // the caller compares and never verifies
		}
		other.BankTran = w.result(v).BankTran
		_, err = w.Verify(w.Context(), other)
		require.Equal(w, refused, class(err), "%v", err)
		if w.claimOnly { // the bank tells the amount only when it has verified
			require.Equal(w, gateways.ResultNotPaid, got.Status, "the browser names another amount")
			_, err = w.Undo(w.Context(), other)
			require.Equal(w, refused, class(err), "what is not ours is not reversed: %v", err)
			require.Empty(w, w.book().Refunds)
			return
		}
		require.Equal(w, sandbox.Paid, w.charge(1).State)
	})
}

func TestContractAnInvoiceIsUsedOnce(t *testing.T) {
	each(t, func(w *world) {
		w.session(1)
		_, err := w.CreateSession(w.Context(), sessionOf(1))
		require.Error(w, err)
		w.session(2)
		require.Len(w, w.book().Charges, 2)
	})
}

func TestContractUndoInEveryState(t *testing.T) {
	for _, state := range []sandbox.State{sandbox.Paid, sandbox.Verified, sandbox.Settled} {
		t.Run(string(state), func(t *testing.T) {
			each(t, func(w *world) {
				if state == sandbox.Settled && w.noSettlement {
					return
				}
				v := w.bring(state, 1)
				want := w.undone(state)
				for again := range 2 {
					how, err := w.Undo(w.Context(), v)
					if again > 0 && want == gateways.Refunded && w.refundsOnce {
						require.Equal(w, refused, class(err), "%v", err)
						break
					}
					if want == "" {
						require.Contains(w, []gateways.Class{refused, unavailable}, class(err), "%v", err)
						require.Empty(w, w.book().Refunds)
						continue
					}
					require.NoError(w, err, "again is the same")
					require.Equal(w, want, how)
					w.returnedOnce(1, "merchant")
				}
				if want == "" {
					return
				}
				_, err := w.Verify(w.Context(), v)
				require.Error(w, err, "returned money cannot be verified")
				if !w.noSettlement {
					require.Error(w, w.Settle(w.Context(), v))
				}
				got, err := w.Result(w.Context(), v)
				require.Contains(w, []gateways.Class{yes, unavailable, refused}, class(err))
				require.True(w, w.claimOnly || got.Status != gateways.ResultPaid)
				if w.tellsReturned {
					require.Equal(w, gateways.ResultReturned, got.Status)
				}
				w.returnedOnce(1, "merchant")
			})
		})
	}
}

// returnedOnce says that the book holds one return, of the whole amount, of this invoice.
func (w *world) returnedOnce(invoice int64, by string) {
	w.Helper()
	refunds := w.book().Refunds
	require.Len(w, refunds, 1)
	require.Equal(w, invoice, refunds[0].Invoice)
	require.Equal(w, amount, refunds[0].Amount)
	require.Equal(w, by, refunds[0].By)
}

// Undo before anybody asked for the result, as after a crash.
func TestContractUndoWithoutTransaction(t *testing.T) {
	for _, state := range []sandbox.State{sandbox.Paid, sandbox.Verified} {
		t.Run(string(state), func(t *testing.T) {
			each(t, func(w *world) {
				v := w.bring(state, 1)
				v.BankTran = ""
				how, err := w.Undo(w.Context(), v)
				spent := w.claimOnly && state == sandbox.Verified // by whom, nobody tells
				if want := w.undone(state); want != "" && !spent {
					require.NoError(w, err)
					require.Equal(w, want, how)
					w.returnedOnce(1, "merchant")
					return
				}
				require.Error(w, err)
				require.Empty(w, w.book().Refunds)
			})
		})
	}
}

func TestContractMoneyLeftUnverifiedGoesBackAtTheBank(t *testing.T) {
	each(t, func(w *world) {
		limit := w.Limits().AutoReverse
		if limit <= 0 {
			return // the adapter counts on nothing
		}
		v, early := w.bring(sandbox.Paid, 1), w.bring(sandbox.Paid, 2)
		w.clock.pass(limit - time.Second)
		_, err := w.Verify(w.Context(), early)
		require.NoError(w, err, "the bank's window is as long as the adapter says")

		for w.charge(1).State == sandbox.Paid { // the bank's own may be longer
			w.clock.pass(5 * time.Minute)
		}
		w.returnedOnce(1, "bank")
		_, err = w.Verify(w.Context(), v)
		require.Error(w, err)
		got, err := w.Result(w.Context(), v)
		if err == nil {
			require.True(w, w.claimOnly || got.Status != gateways.ResultPaid)
		}
		how, err := w.Undo(w.Context(), v)
		require.NoError(w, err)
		require.Contains(w, []gateways.Undone{gateways.Reversed, gateways.NotTaken}, how)
		w.returnedOnce(1, "bank")
	})
}

func TestContractUndoWithinItsWindow(t *testing.T) {
	each(t, func(w *world) {
		window := w.Limits().UndoWindow
		if window <= 0 {
			return
		}
		v, late := w.bring(sandbox.Verified, 1), w.bring(sandbox.Verified, 2)
		w.clock.pass(window - time.Second)
		how, err := w.Undo(w.Context(), v)
		require.NoError(w, err)
		require.Equal(w, w.undone(sandbox.Verified), how)

		w.clock.pass(100 * 24 * time.Hour)
		_, err = w.Undo(w.Context(), late)
		require.Contains(w, []gateways.Class{refused, unavailable}, class(err), "%v", err)
		w.returnedOnce(1, "merchant")
	})
}

func TestContractNobodyPaysAfterTheSessionsLife(t *testing.T) {
	each(t, func(w *world) {
		v, _ := w.session(1)
		w.clock.pass(w.Limits().SessionLife)
		require.Equal(w, sandbox.Expired, w.charge(1).State)
		got, err := w.Result(w.Context(), v)
		if err == nil {
			require.Equal(w, gateways.ResultNotPaid, got.Status)
		}
	})
}
