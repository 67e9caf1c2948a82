package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeTopUps is the top-up side of the fake API.
type fakeTopUps struct {
	seen    map[string]int // orders by key
	spent   int64
	twice   bool // the second order is charged, too
	refused bool
}

func (w *world) topUpRoutes(mux *http.ServeMux) {
	w.topUps.seen = map[string]int{}
	mux.HandleFunc("PUT /rules", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, `{}`) })
	mux.HandleFunc("GET /api/balance", func(rw http.ResponseWriter, _ *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		fmt.Fprintf(rw, `{"balance":%d}`, 1_000_000-w.topUps.spent)
	})
	mux.HandleFunc("POST /api/top-up", func(rw http.ResponseWriter, r *http.Request) {
		var order struct{ Price int64 }
		_ = json.NewDecoder(r.Body).Decode(&order)
		w.mu.Lock()
		defer w.mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		w.topUps.seen[key]++
		switch n := w.topUps.seen[key]; {
		case key == "" || w.topUps.refused:
			rw.WriteHeader(http.StatusBadRequest)
		case n == 1:
			rw.WriteHeader(http.StatusAccepted)
		case n == 2 || w.topUps.twice:
			w.topUps.spent += order.Price
		}
		fmt.Fprint(rw, `{"message":"successful"}`)
	})
	mux.HandleFunc("GET /api/top-up/{code}", func(rw http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(rw, `{"id":9,"state":"delivered","reference":"r1"}`)
	})
}

func TestTopUpIsWalkedThrough(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	cfg := w.config(&out).withDefaults()
	require.NoError(t, topUp(t.Context(), newWalker(cfg)))
	require.Contains(t, out.String(), "-H 'Idempotency-Key: demo-")
	require.Contains(t, out.String(), "curl -X PUT "+w.URL+"/rules")
	require.Contains(t, out.String(), "topup%2F9")

	for says, breaks := range map[string]func(*fakeTopUps){
		"the balance fell by 100,000 rial, not by 50,000": func(f *fakeTopUps) { f.twice = true },
		"answered 400": func(f *fakeTopUps) { f.refused = true },
	} {
		w := newWorld(t)
		breaks(&w.topUps)
		require.ErrorContains(t, topUp(t.Context(), newWalker(w.config(&bytes.Buffer{}).withDefaults())), says)
	}
}
