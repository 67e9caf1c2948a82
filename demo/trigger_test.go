package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// triggerRoutes are what only [Trigger] calls.
func (w *world) triggerRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /api/v1/payments/{token}/cancel", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		p := w.payments[r.PathValue("token")]
		if p == nil || p.state != "paid" || keys[r.Header.Get("Authorization")] != p.merchant {
			answer(rw, http.StatusConflict, nil)
			return
		}
		p.state = "refunded"
		answer(rw, http.StatusOK, map[string]any{})
	})
	mux.HandleFunc("POST /api/v2/purchase", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if r.Header.Get("Authorization") != "Bearer branch-token" {
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.payments["purchase"] = &fakePayment{state: "pending", merchant: taxi.id}
		rw.WriteHeader(http.StatusCreated)
		fmt.Fprintf(rw, `{"payload":{"id":75,"link":"%s/pay/purchase"}}`, w.URL)
	})
}

func TestEveryEventCanBeTriggered(t *testing.T) {
	want := map[string]string{ // where it can be looked at afterwards
		"payment.paid": "payment%2Ftoken-1", "payment.collected": "payment%2Ftoken-1", "payment.refunded": "payment%2Ftoken-1", "payment.failed": "payment%2Ftoken-1",
		"transfer.paid": "transfer%2F1", "transfer.verified": "transfer%2F1", "transfer.mismatched": "transfer%2F1", "transfer.expired": "transfer%2F1",
		"deposit.suspense": "deposit%2F1", "deposit.refunded": "deposit%2F1", "topup.delivered": "topup%2F9", "purchase.completed": "purchase%2F75",
		"payout.paid": "payout%2Fu-1", "wallet.credited": "wallet%2Fw-1",
	}
	require.Len(t, Events(), len(want))
	for _, e := range Events() {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var out bytes.Buffer
			require.NoError(t, Trigger(t.Context(), w.config(&out), e.Name))
			require.Contains(t, out.String(), "/workflows/"+want[e.Name])
			require.Contains(t, out.String(), "$ curl ")
			_, state, _ := strings.Cut(e.Name, ".")
			for _, p := range w.payments {
				require.Equal(t, e.Merchant, p.merchant)
				if strings.HasPrefix(e.Name, "payment.") {
					require.Equal(t, state, p.state)
				}
			}
			for _, tr := range w.transfers.list {
				require.Equal(t, e.Merchant == fast.id, tr.fast)
				if state != "expired" {
					require.Equal(t, state, tr.state)
				}
			}
			if state == "suspense" {
				require.Equal(t, map[int64]string{1: "suspense"}, w.transfers.deposits)
			}
		})
	}
}

func TestTriggerSaysWhatWentWrong(t *testing.T) {
	w := newWorld(t)
	err := Trigger(t.Context(), w.config(&bytes.Buffer{}), "payment.invented")
	require.ErrorIs(t, err, ErrNoEvent)
	require.ErrorContains(t, err, `"payment.invented"; there are payment.paid, payment.collected`)

	cfg := w.config(&bytes.Buffer{})
	cfg.BranchToken = ""
	require.ErrorIs(t, Trigger(t.Context(), cfg, "purchase.completed"), errNoToken)
	w.purchases.ends = true
	require.ErrorContains(t, Trigger(t.Context(), w.config(&bytes.Buffer{}), "purchase.completed"), "purchase 75 ended without a reference")
	w.stuck = true
	require.ErrorContains(t, Trigger(t.Context(), w.config(&bytes.Buffer{}), "payment.refunded"), "the payer got stuck")
	w.transfers.matchAny = true
	require.ErrorContains(t, Trigger(t.Context(), w.config(&bytes.Buffer{}), "deposit.suspense"), "the SMS was paid, not queued")
}
