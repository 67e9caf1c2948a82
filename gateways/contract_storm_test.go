package gateways_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

const (
	stormVisits = 24
	stormTries  = 400 // of one call; each fails at most nine times in ten
)

// Every call fails every third time or more often, in every way, and callers do as the saga does: they ask again until
// they know. In the end the bank's book and the callers must agree about every rial.
func TestContractStorm(t *testing.T) {
	rates := []string{`"hold": "2ms"`}
	for _, failure := range failures {
		rates = append(rates, fmt.Sprintf(`%q: 0.05`, failure))
	}
	each(t, func(w *world) {
		w.rules("{" + strings.Join(rates, ", ") + "}")
		var wg sync.WaitGroup
		ends := make([]string, stormVisits)
		for i := range ends {
			wg.Go(func() { ends[i] = w.weather(int64(i)*stormTries+1, i) })
		}
		wg.Wait()

		w.rules(`{}`)
		agrees := map[string][]sandbox.State{
			"kept":     {sandbox.Settled},
			"returned": {sandbox.Reversed, sandbox.Cancelled, sandbox.Refunded},
			"unpaid":   {sandbox.Open, sandbox.Declined},
			"stuck":    {sandbox.Paid, sandbox.Verified, sandbox.Settled}, // a person is called
		}
		if w.noSettlement {
			agrees["kept"] = []sandbox.State{sandbox.Verified}
		}
		counted := map[string]int{}
		for i, end := range ends {
			what, invoice, _ := strings.Cut(end, " ")
			counted[what]++
			for _, c := range w.book().Charges {
				if fmt.Sprint(c.Invoice) == invoice {
					require.Contains(w, agrees[what], c.State, "visit %d: %s", i, end)
				}
			}
		}
		require.Positive(w, counted["kept"])
		require.Positive(w, counted["unpaid"])
		if w.undone(sandbox.Verified) != "" {
			require.Positive(w, counted["returned"])
			require.Zero(w, counted["stuck"])
		}
		require.Equal(w, counted["kept"]+counted["returned"]+counted["stuck"], w.moneyTaken(), "each payer paid once")
	})
}

func (w *world) moneyTaken() int {
	n := 0
	for _, c := range w.book().Charges {
		if !c.PaidAt.IsZero() {
			n++
		}
	}
	return n
}

// weather takes one payer through, and says how it ended and under which invoice.
func (w *world) weather(invoice int64, i int) string {
	v, to, ok := w.insistOnSession(invoice)
	if !ok {
		w.Errorf("no session")
		return ""
	}
	end := func(what string) string { return fmt.Sprint(what, " ", v.Invoice) }
	if i%4 == 3 {
		v.Callback = w.press(to, "decline")
		r, err := w.Result(w.Context(), v)
		if err == nil && r.Status != gateways.ResultNotPaid {
			w.Errorf("declined, and the bank says %s", r.Status)
		}
		return end("unpaid")
	}
	v.Callback = w.press(to, "pay")
	r, err := until(func() (gateways.Result, error) { return w.Result(w.Context(), v) }, false)
	if err != nil || r.Status != gateways.ResultPaid {
		w.Errorf("paid, and the bank says %s: %v", r.Status, err)
		return ""
	}
	v.BankTran = r.BankTran
	_, err = until(func() (gateways.Receipt, error) { return w.Verify(w.Context(), v) }, true)
	if err == nil && i%2 == 0 {
		if _, err := until(func() (any, error) { return nil, w.Settle(w.Context(), v) }, false); err != nil {
			w.Errorf("not settled: %v", err)
		}
		return end("kept")
	}
	if err == nil && w.undone(sandbox.Verified) == "" {
		return end("stuck")
	}
	// Refused, or nobody wants it: it goes back.
	if _, err := until(func() (gateways.Undone, error) { return w.Undo(w.Context(), v) }, false); err != nil {
		return end("stuck")
	}
	return end("returned")
}

// insistOnSession takes a new invoice after each failure.
func (w *world) insistOnSession(invoice int64) (gateways.Visit, gateways.Redirect, bool) {
	for n := range int64(stormTries) {
		to, err := w.CreateSession(w.Context(), sessionOf(invoice+n))
		if err == nil {
			return gateways.Visit{Invoice: invoice + n, BankToken: to.BankToken, Amount: amount}, to, true
		}
	}
	return gateways.Visit{}, gateways.Redirect{}, false
}

// until repeats a call until it succeeds, or is refused and that is final.
func until[T any](call func() (T, error), refusalIsFinal bool) (got T, err error) {
	for range stormTries {
		got, err = call()
		if err == nil || refusalIsFinal && class(err) == refused {
			return got, err
		}
	}
	return got, err
}
