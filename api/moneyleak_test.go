package api_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Where a payout goes, and with what anything is signed, stands whole in no log, metric, row or answer. A secret
// stands in the one answer that makes it. A wallet's own account is there to be told.
func TestMoneyOutDoesNotLeak(t *testing.T) {
	registry := prometheus.NewRegistry()
	w := newWorld(t, func(d *api.Deps) { d.Metrics = api.NewMetrics(registry) })
	taxi, err := w.store.Merchant(t.Context(), "faSDF42w3Fs")
	require.NoError(t, err)
	const payoutKey, paymentKey = "s3cret-of-payouts", "s3cret-of-payments"
	require.NoError(t, w.store.RotateSigningKey(t.Context(), w.vault, taxi.ID, store.PayoutKey, payoutKey, 0))
	require.NoError(t, w.store.RotateSigningKey(t.Context(), w.vault, taxi.ID, store.PaymentKey, paymentKey, 0))
	var answers strings.Builder
	note := func(a answer) answer { answers.WriteString(a.body + "\n"); return a }
	out := func(path string, in map[string]any) answer { return note(w.v1As(taxiUUID, payoutKey, path, in)) }
	in := func(path string, fields map[string]any) answer {
		return note(w.v1As(taxiUUID, paymentKey, path, fields))
	}
	persian := strings.NewReplacer("0", "۰", "1", "۱", "2", "۲", "3", "۳", "4", "۴", "6", "۶", "7", "۷", "9", "۹")
	const wrongIBAN, wrongCard, callback = "IR280170000000100324200001", "6037990000000015", "https://shop.example/cb?token=secret-of-theirs"

	// Every way in: orders, good and bad, in every spelling and in the wrong place, and notices.
	var made []contracts.V1Payout
	for _, address := range []string{payerCard, "6037-9900-0000-0014", persian.Replace(payerCard)} {
		made = append(made, w.payout(out("/v1/payout", w.payoutOrder("network", "card", "address", address, "url_callback", callback))))
	}
	for _, address := range []string{payoutIBAN, payoutIBAN[2:], persian.Replace(payoutIBAN), "IR27 0170 0000 0010 0324 2000 01"} {
		made = append(made, w.payout(out("/v1/payout", w.payoutOrder("address", address))))
	}
	for _, bad := range []map[string]any{
		w.payoutOrder("address", wrongIBAN), w.payoutOrder("network", "card", "address", wrongCard), w.payoutOrder("address", payerCard), w.payoutOrder("network", "card"),
		w.payoutOrder("network", payerCard), w.payoutOrder("currency", payoutIBAN), w.payoutOrder("amount", payerCard), w.payoutOrder("amount", payoutIBAN),
		w.payoutOrder("order_id", made[0].OrderID), w.payoutOrder("address", []string{payerCard, payoutIBAN}), w.payoutOrder("amount", "900000000"),
		w.payoutOrder("url_callback", "https://"+payerCard+"@shop.example/"), w.payoutOrder("order_id", "a "+payerCard),
	} {
		require.NotEqual(t, http.StatusOK, out("/v1/payout", bad).StatusCode)
	}
	require.Equal(t, http.StatusUnprocessableEntity, note(w.do(signedCall("/v1/payout", `{"address":"`+payoutIBAN+`"`, payoutKey))).StatusCode)
	require.Equal(t, http.StatusUnauthorized, note(w.do(signedCall("/v1/payout", `{"address":"`+payoutIBAN+`"}`, payoutKey+"x"))).StatusCode)
	for _, iban := range []string{payoutIBAN, wrongIBAN, payerCard} {
		note(w.do(notice(`{"iban":"` + iban + `"}`)))
	}
	w.gives(walletIBANs[0])
	require.Equal(t, walletIBANs[0], *w.wallet(w.v1As(taxiUUID, paymentKey, "/v1/wallet", w.newWallet("url_callback", callback))).Address)
	in("/v1/wallet", w.newWallet("network", payoutIBAN))

	// Endpoints, and every way out.
	var e contracts.WebhookEndpoint
	w.info(w.putJSON("POST", endpointsPath, map[string]any{"url": callback}), http.StatusCreated, &e)
	secrets := []string{e.Secret, w.endpointOf(w.putJSON("POST", endpointPath(e.ID, "rotate-secret"), nil)).Secret}
	for i, to := range []state.Payout{state.PayoutPaid, state.PayoutSent, state.PayoutRefused, state.PayoutUnsent} {
		w.bringPayout(made[i].UUID, to)
	}
	out("/v1/payout/cancel", map[string]any{"uuid": made[4].UUID})
	out("/v1/payout/cancel", map[string]any{"uuid": made[0].UUID})
	for _, p := range made {
		out("/v1/payout/info", map[string]any{"uuid": p.UUID})
	}
	out("/v1/payout/info", map[string]any{"order_id": payerCard + " "})
	out("/v1/payout/list", map[string]any{})
	in("/v1/wallet/info", map[string]any{"uuid": payoutIBAN})
	for _, r := range webhookCalls(e.ID, w.messages("")[0].ID) {
		if !strings.Contains(r.path, "rotate") && (r.method != "POST" || r.path != endpointsPath) {
			note(w.do(r))
		}
	}
	metrics, err := registry.Gather()
	require.NoError(t, err)
	rows := w.everything()
	require.Contains(t, rows, maskedPayout, "the masked account is kept")
	require.Contains(t, answers.String(), maskedPayout)
	require.Contains(t, answers.String(), "603799******0014")

	require.NoError(t, w.db.Close()) // what fails on our side is logged
	for _, r := range webhookCalls(e.ID, 1) {
		note(w.do(r))
	}
	out("/v1/payout", w.payoutOrder())
	out("/v1/payout", w.payoutOrder("network", "card", "address", payerCard))
	note(w.do(notice(`{"iban":"` + payoutIBAN + `"}`)))

	log := w.log.String()
	require.Contains(t, log, "database is closed")
	require.NotContains(t, log, "secret-of-theirs")
	require.NotContains(t, log, "shop.example")
	for where, text := range map[string]string{"log": log, "metrics": fmt.Sprint(metrics), "rows": rows, "answers": answers.String()} {
		require.NotEmpty(t, text)
		requireNoCard(t, text, where, payerCard, wrongCard)
		for _, hidden := range append([]string{payoutKey, paymentKey}, append(secretSpellings(secrets), ibanSpellings(payoutIBAN, wrongIBAN)...)...) {
			require.False(t, strings.Contains(text, hidden), "%s in %s", hidden, where)
		}
	}
}

// secretSpellings are an endpoint's secrets as text and as bytes.
func secretSpellings(secrets []string) (out []string) {
	for _, s := range secrets {
		encoded := strings.TrimPrefix(s, "whsec_")
		raw, _ := base64.StdEncoding.DecodeString(encoded)
		out = append(out, s, encoded, hex.EncodeToString(raw), hex.EncodeToString([]byte(s)))
	}
	return out
}

// ibanSpellings are all the ways in which an account's number could be written down; what is left of it when masked is none.
func ibanSpellings(list ...string) (out []string) {
	for _, iban := range list {
		account := iban[4:]
		out = append(out, account, hex.EncodeToString([]byte(account)), iban[4:22])
		for _, zero := range []rune{'۰', '٠'} {
			out = append(out, strings.Map(func(r rune) rune { return r - '0' + zero }, account))
		}
		var groups []string
		for rest := iban; rest != ""; rest = rest[min(4, len(rest)):] {
			groups = append(groups, rest[:min(4, len(rest))])
		}
		out = append(out, strings.Join(groups[1:], " "), strings.Join(groups[1:], "-"))
	}
	return out
}
