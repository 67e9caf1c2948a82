package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakePurchases is the purchase side of the fake API: one purchase, half done.
type fakePurchases struct {
	completed, refused, unnumbered bool
	ends                           bool // a new one ends without money
}

func (w *world) purchaseRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /api/v2/purchase/{id}", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		status, reference := 2, ""
		if w.purchases.completed || r.PathValue("id") == "75" && w.payments["purchase"].state == "paid" {
			status, reference = 3, "CHECK-9672"
		}
		if w.purchases.unnumbered {
			reference = ""
		}
		if w.purchases.ends {
			status = 4
		}
		if r.Header.Get("Authorization") != "Bearer branch-token" {
			rw.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprintf(rw, `{"payload":{"id":75,"status":%d,"reference":%q,"link":"x","created_at":"2020-01-01T00:00:00Z"}}`, status, reference)
	})
	mux.HandleFunc("PUT /api/v2/purchase/retry/{id}", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.purchases.refused || r.PathValue("id") != "74" {
			rw.WriteHeader(http.StatusConflict)
			return
		}
		w.purchases.completed = true
		rw.WriteHeader(http.StatusResetContent)
	})
}

func TestPurchaseIsWalkedThrough(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	walk := newWalker(w.config(&out).withDefaults())
	require.NoError(t, retriedPurchase(t.Context(), walk))
	require.Contains(t, out.String(), "Outcome  CHECK-9672")
	require.NoError(t, retriedPurchase(t.Context(), walk), "an earlier walk-through is no failure")
	require.Contains(t, out.String(), "an earlier walk-through was here")

	for says, breaks := range map[string]func(*fakePurchases){
		"the retry answered 409":    func(f *fakePurchases) { f.refused = true },
		`status 3 and reference ""`: func(f *fakePurchases) { f.unnumbered = true },
	} {
		w := newWorld(t)
		breaks(&w.purchases)
		require.ErrorContains(t, retriedPurchase(t.Context(), newWalker(w.config(&bytes.Buffer{}).withDefaults())), says)
	}
}
