package activities_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// order is the documented order of a body's members; what is there only at times has a question mark.
var order = map[payload.Kind]string{
	payload.KindPayment: "type uuid order_id amount payment_amount payment_amount_usd merchant_amount commission is_final status from " +
		"wallet_address_uuid network currency payer_currency payer_amount payer_amount_exchange_rate transfer_id additional_data txid? version event sign",
	payload.KindPayout: "type uuid order_id amount merchant_amount commission is_final status txid? currency network payer_currency payer_amount version event sign",
}

// members are the names of a body's members, as they stand.
func members(t *testing.T, body []byte) (names []string) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(body)))
	_, err := d.Token()
	require.NoError(t, err)
	for d.More() {
		name, err := d.Token()
		require.NoError(t, err)
		var value json.RawMessage
		require.NoError(t, d.Decode(&value))
		names = append(names, name.(string))
	}
	return names
}

// Every event that there is has a body in the contract's words and order, signed by the right key and no other.
func TestBodyOfEveryEvent(t *testing.T) {
	m := newMailer(t)
	for kind, states := range state.Events() {
		for _, as := range states {
			for _, full := range []bool{true, false} {
				event := kind + "." + as
				facts := store.Facts{OrderID: "سفارش/۱", Amount: 10_000, Paid: 10_500, Fee: 300}
				if full {
					facts.UUID, facts.TxID, facts.From, facts.Wallet, facts.Data = "62f88b36-a9d5-4fa6-aa26-e040c3dbf26d", "7/1", "621986******0019", "w", "کالا \"۱\""
					facts.Currency, facts.Network = "IRR", "elsewhere"
				}
				id := m.tell(event, facts)
				require.Equal(t, state.WebhookDelivered, m.deliver(id).State, event)
				m.requireBody(id, event, facts)
			}
		}
	}
}

func (m *mailer) requireBody(id int64, event string, facts store.Facts) {
	m.Helper()
	got := m.receiver.got[len(m.receiver.got)-1]
	word, ok := payload.OfEvent(event)
	require.True(m, ok)
	key, other, shape := paymentKey, payoutKey, payload.KindPayment
	if word.Kind == payload.KindPayout {
		key, other, shape = payoutKey, paymentKey, payload.KindPayout
	}
	require.NoError(m, sign.VerifyWebhook(got.body, key), event)
	require.Error(m, sign.VerifyWebhook(got.body, other), event)
	require.NoError(m, sign.VerifyStandard(got.header, got.body, time.Now(), m.secret))

	want := order[shape]
	if facts.TxID == "" {
		want = strings.ReplaceAll(want, "txid? ", "")
	}
	require.Equal(m, strings.Fields(strings.ReplaceAll(want, "?", "")), members(m.T, got.body), event)
	var body map[string]any
	require.NoError(m, json.Unmarshal(got.body, &body))
	require.Equal(m, []any{string(word.Kind), string(word.Status), word.Final, event, "سفارش/۱", "10000.00000000", "300.00000000", "IRR"},
		[]any{body["type"], body["status"], body["is_final"], body["event"], body["order_id"], body["amount"], body["commission"], body["currency"]})
	require.EqualValues(m, m.message(id).Version, body["version"])
	require.Len(m, body["uuid"], 36, event)
	if facts.UUID != "" {
		require.Equal(m, facts.UUID, body["uuid"])
	}
	require.NotEmpty(m, body["network"], event)
	if shape == payload.KindPayout {
		require.Equal(m, "10300.00000000", body["merchant_amount"], "what leaves the balance")
		return
	}
	gets, paid := "0.00000000", any(nil)
	if word.Moved {
		paid = "10500.00000000"
		if word.Status != payload.RefundPaid {
			gets = "10200.00000000"
		}
	}
	require.Equal(m, []any{gets, paid, paid}, []any{body["merchant_amount"], body["payment_amount"], body["payer_amount"]}, event)
	for name, text := range map[string]string{"from": facts.From, "wallet_address_uuid": facts.Wallet, "additional_data": facts.Data} {
		if text == "" {
			require.Nil(m, body[name], "%s: null, not absent", name)
		} else {
			require.Equal(m, text, body[name])
		}
	}
}

// A record without a uuid of its own always has the same one, and no other record has it.
func TestUUIDOfARecord(t *testing.T) {
	m := newMailer(t)
	uuids := map[any][]string{}
	for _, event := range []string{"transfer.pending", "transfer.paid", "purchase.awaiting", "topup.reserved", "deposit.suspense"} {
		m.deliver(m.tell(event, store.Facts{OrderID: "o"}))
		var body map[string]any
		require.NoError(t, json.Unmarshal(m.receiver.got[len(m.receiver.got)-1].body, &body))
		uuids[body["uuid"]] = append(uuids[body["uuid"]], event)
	}
	require.Len(t, uuids, 4, fmt.Sprint(uuids))
}

// After a rotation both secrets sign for as long as the merchant said, then the new one alone.
func TestBothSecretsSignAfterARotation(t *testing.T) {
	m := newMailer(t)
	fresh := sign.NewSecret()
	_, err := m.store.RotateEndpointSecret(t.Context(), m.merchant.ID, m.endpoint.ID, m.seal(fresh), time.Hour)
	require.NoError(t, err)
	m.deliver(m.told())
	got := m.receiver.got[0]
	require.NoError(t, sign.VerifyStandard(got.header, got.body, time.Now(), m.secret))
	require.NoError(t, sign.VerifyStandard(got.header, got.body, time.Now(), fresh))
	require.Error(t, sign.VerifyStandard(got.header, got.body, time.Now(), sign.NewSecret()))

	_, err = m.db.NewRaw(`UPDATE webhook_endpoints SET old_until = now()`).Exec(t.Context())
	require.NoError(t, err)
	m.deliver(m.told())
	got = m.receiver.got[1]
	require.NoError(t, sign.VerifyStandard(got.header, got.body, time.Now(), fresh))
	require.Error(t, sign.VerifyStandard(got.header, got.body, time.Now(), m.secret), "the old one is over")
}

// A new signing key signs at once, also what was told before.
func TestNewSigningKeySignsAtOnce(t *testing.T) {
	m := newMailer(t)
	id := m.told()
	require.NoError(t, m.store.RotateSigningKey(t.Context(), m.vault, m.merchant.ID, store.PaymentKey, "another-key-of-the-shop", time.Hour))
	m.deliver(id)
	require.NoError(t, sign.VerifyWebhook(m.receiver.got[0].body, "another-key-of-the-shop"))
	require.Error(t, sign.VerifyWebhook(m.receiver.got[0].body, paymentKey))
}
