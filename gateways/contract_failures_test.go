package gateways_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// What a bank can do to a call instead of answering it.
var failures = []string{
	"timeout_before", "timeout_after", "unknown", "garbage", "empty", "error_inside", "huge", "redirect", "drip", "refuse",
}

// play makes every call of the named kinds fail in one way. Unanswered calls break soon.
func (w *world) play(failure string, ops ...string) {
	rules := []string{`"hold": "15ms"`}
	for _, op := range ops {
		rules = append(rules, fmt.Sprintf(`%q: {%q: 1}`, op, failure))
	}
	w.rules("{" + strings.Join(rules, ", ") + "}")
}

// failed checks an error's family: only a rule's final no is one, and only a call that did nothing may say so.
func (w *world) failed(failure string, err error) {
	w.Helper()
	require.Error(w, err)
	if failure == "refuse" {
		require.Equal(w, refused, class(err), "%v", err)
	} else {
		require.Equal(w, unknown, class(err), "%v", err)
	}
	w.discreet(err)
}

// discreet says that an error tells nothing that payers must not see.
func (w *world) discreet(err error) {
	w.Helper()
	require.NotContains(w, err.Error(), "127.0.0.1", "our address")
	require.NotContains(w, err.Error(), "Bad Gateway", "the bank's body")
	for name, value := range sandbox.Account(w.name) {
		if len(value) > 6 {
			require.NotContains(w, err.Error(), value, name)
		}
	}
}

// eachFailure runs a scenario for every failure at every bank.
func eachFailure(t *testing.T, scenario func(w *world, failure string)) {
	for _, failure := range failures {
		t.Run(failure, func(t *testing.T) { each(t, func(w *world) { scenario(w, failure) }) })
	}
}

func TestContractSessionFails(t *testing.T) {
	eachFailure(t, func(w *world, failure string) {
		w.play(failure, "token")
		_, err := w.CreateSession(w.Context(), sessionOf(1))
		w.failed(failure, err)
		w.rules(`{}`)
		if failure == "timeout_after" {
			require.Len(w, w.book().Charges, 1, "opened, and nobody knows")
			_, err = w.CreateSession(w.Context(), sessionOf(1))
			require.Error(w, err, "the invoice is burnt")
		}
		v := w.visited(2, "pay")
		w.result(v)
		for _, c := range w.book().Charges {
			require.Equal(w, c.Invoice == 2, !c.PaidAt.IsZero(), "money was taken once")
		}
	})
}

func TestContractResultFails(t *testing.T) {
	eachFailure(t, func(w *world, failure string) {
		if w.claimOnly {
			return // there is nobody to fail
		}
		v := w.visited(1, "pay")
		w.play(failure, "result")
		got, err := w.Result(w.Context(), v)
		require.Error(w, err)
		w.discreet(err)
		require.Zero(w, got, "an answer that is none decides nothing")
		w.rules(`{}`)
		w.result(v)
		require.Equal(w, sandbox.Paid, w.charge(1).State)
	})
}

func TestContractVerifyFails(t *testing.T) {
	eachFailure(t, func(w *world, failure string) {
		v := w.bring(sandbox.Paid, 1)
		w.play(failure, "verify")
		_, err := w.Verify(w.Context(), v)
		w.failed(failure, err)
		w.rules(`{}`)
		receipt, err := w.Verify(w.Context(), v)
		require.NoError(w, err, "asking again settles it")
		require.Equal(w, sandbox.Verified, w.charge(1).State)
		require.Equal(w, w.charge(1).RRN, first(receipt.RRN, w.result(v).RRN))
		w.effects("verify", 1)
	})
}

// A Verify without an answer, and then the money must go back: whichever it was, it goes back once.
func TestContractVerifyFailsThenUndo(t *testing.T) {
	eachFailure(t, func(w *world, failure string) {
		v := w.bring(sandbox.Paid, 1)
		w.play(failure, "verify")
		_, err := w.Verify(w.Context(), v)
		w.failed(failure, err)
		w.rules(`{}`)
		state := w.charge(1).State
		how, err := w.Undo(w.Context(), v)
		if w.undone(state) == "" {
			require.Error(w, err)
			require.Empty(w, w.book().Refunds)
			return
		}
		require.NoError(w, err)
		require.Equal(w, w.undone(state), how)
		w.returnedOnce(1, "merchant")
	})
}

func TestContractSettleFails(t *testing.T) {
	eachFailure(t, func(w *world, failure string) {
		v := w.bring(sandbox.Verified, 1)
		w.play(failure, "settle")
		err := w.Settle(w.Context(), v)
		if w.noSettlement {
			require.NoError(w, err)
			return
		}
		w.failed(failure, err)
		w.rules(`{}`)
		require.NoError(w, w.Settle(w.Context(), v), "asking again settles it")
		require.Equal(w, sandbox.Settled, w.charge(1).State)
		w.effects("settle", 1)
	})
}

func TestContractUndoFails(t *testing.T) {
	for _, state := range []sandbox.State{sandbox.Paid, sandbox.Verified, sandbox.Settled} {
		t.Run(string(state), func(t *testing.T) {
			eachFailure(t, func(w *world, failure string) {
				if (state == sandbox.Settled && w.noSettlement) || w.undone(state) == "" {
					return
				}
				v := w.bring(state, 1)
				w.play(failure, "reverse", "cancel", "refund")
				how, err := w.Undo(w.Context(), v)
				if err == nil { // it read the state again
					require.Equal(w, w.undone(state), how)
					w.returnedOnce(1, "merchant")
				} else {
					w.failed(failure, err)
				}
				w.rules(`{}`)
				how, err = w.Undo(w.Context(), v)
				require.NoError(w, err, "asking again settles it")
				require.Equal(w, w.undone(state), how)
				w.returnedOnce(1, "merchant")
				w.effects("reverse", -1)
			})
		})
	}
}

// effects counts how often calls of a kind took effect; -1 asks about all returns together, of which there is one.
func (w *world) effects(op string, want int) {
	w.Helper()
	n := 0
	for _, c := range w.book().Calls {
		back := c.Op == "reverse" || c.Op == "cancel" || c.Op == "refund"
		if c.Effect && (c.Op == op || want < 0 && back) {
			n++
		}
	}
	if want < 0 {
		want = 1
	}
	require.Equal(w, want, n)
}

// A bank that drips for longer than anybody waits is left when the client's patience ends.
func TestContractSlowDripIsLeft(t *testing.T) {
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newHurriedWorld(t, c, 200*time.Millisecond)
			v := w.bring(sandbox.Paid, 1)
			w.rules(`{"hold": "10m", "drip": 1}`)
			_, err := w.Verify(w.Context(), v)
			require.Equal(t, unknown, class(err), "%v", err)
			w.discreet(err)
		})
	}
}

func TestContractNobodyListens(t *testing.T) {
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, err := c.open("http://127.0.0.1:1", "http://127.0.0.1:1", gateways.NewHTTPClient(time.Second)).Open(c.account())
			require.NoError(t, err)
			for name, err := range everyCall(t, g) {
				if c.callsNobody(name) {
					continue
				}
				require.Equal(t, unavailable, class(err), "%s: %v", name, err)
			}
		})
	}
}
