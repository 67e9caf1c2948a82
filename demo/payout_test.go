package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/sign"
)

// fakePayouts is the signed side of the fake API: one payout, one wallet, and the bank behind it.
type fakePayouts struct {
	reads     int
	arrived   bool
	refused   bool // the payout comes back
	forgotten bool // the deposit is never credited
	noAccount bool // the bank gives none
}

func (w *world) payoutRoutes(mux *http.ServeMux) {
	signed := func(path, key string, do func(f *fakePayouts) string) {
		mux.HandleFunc("POST "+path, func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if r.Header.Get("merchant") != "860166ce-478c-4087-9813-55cfb6c34580" || sign.Verify(body, r.Header.Get("sign"), key) != nil || !json.Valid(body) {
				rw.WriteHeader(http.StatusUnauthorized)
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			fmt.Fprintf(rw, `{"state":0,"result":%s}`, do(&w.payouts))
		})
	}
	signed("/v1/payout", "test-payout-api-key", func(*fakePayouts) string { return `{"uuid":"u-1","status":"process","is_final":false,"txid":null}` })
	signed("/v1/payout/info", "test-payout-api-key", func(f *fakePayouts) string {
		if f.reads++; f.reads < 3 {
			return `{"uuid":"u-1","status":"check","is_final":false,"txid":null}`
		}
		if f.refused {
			return `{"uuid":"u-1","status":"fail","is_final":true,"txid":null}`
		}
		return `{"uuid":"u-1","status":"paid","is_final":true,"txid":"t-1"}`
	})
	signed("/v1/wallet", "test-payment-api-key", func(f *fakePayouts) string {
		if f.noAccount {
			return `{"uuid":"w-1","address":null}`
		}
		return `{"uuid":"w-1","address":"IR05"}`
	})
	signed("/v1/wallet/info", "test-payment-api-key", func(f *fakePayouts) string {
		if f.reads++; f.reads < 3 || !f.arrived || f.forgotten {
			return `{"uuid":"w-1","address":"IR05","deposits":[{"txid":"t-0"}]}`
		}
		return `{"uuid":"w-1","address":"IR05","deposits":[{"txid":"t-7"},{"txid":"t-0"}]}`
	})
	mux.HandleFunc("POST /wallet/deposit", func(rw http.ResponseWriter, r *http.Request) {
		var in struct {
			IBAN   string
			Amount int64
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.payouts.arrived = in.IBAN == "IR05" && in.Amount > 0
		fmt.Fprint(rw, `{"tracking_id":"t-7"}`)
	})
}

func TestPayoutsAndWalletsAreWalkedThrough(t *testing.T) {
	w := newWorld(t)
	var out bytes.Buffer
	require.NoError(t, paidPayout(t.Context(), newWalker(w.config(&out).withDefaults())))
	require.Contains(t, out.String(), "-H 'merchant: 860166ce-478c-4087-9813-55cfb6c34580' -H 'sign: ")
	require.Contains(t, out.String(), "tracking id t-1")
	require.Contains(t, out.String(), "payout%2Fu-1")
	w.payouts.reads = 0
	require.NoError(t, creditedWallet(t.Context(), newWalker(w.config(&out).withDefaults())))
	require.Contains(t, out.String(), "deposit t-7 is credited")

	w = newWorld(t)
	w.payouts = fakePayouts{refused: true, forgotten: true}
	cfg := w.config(&out).withDefaults()
	cfg.Patience = 700 * time.Millisecond
	require.ErrorContains(t, paidPayout(t.Context(), newWalker(cfg)), `payout u-1 ended "fail", not paid`)
	require.ErrorContains(t, creditedWallet(t.Context(), newWalker(cfg)), "deposit t-7 is not credited after 700ms")
	w.payouts.noAccount = true
	require.ErrorContains(t, creditedWallet(t.Context(), newWalker(cfg)), "wallet w-1 has no account")
}
