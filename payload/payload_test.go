package payload_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/sign"
)

func p(text string) *string { return &text }

func body(t *testing.T, fields sign.Object) string {
	t.Helper()
	out, err := sign.Body("test-payment-api-key", fields...)
	require.NoError(t, err)
	require.NoError(t, sign.VerifyWebhook(out, "test-payment-api-key"))
	text, _, _ := strings.Cut(string(out), `,"sign":`)
	require.True(t, json.Valid(out))
	return text + "}"
}

// The order is the documented one, and nothing is left out but what may be absent.
func TestPayment(t *testing.T) {
	full := payload.Payment{
		Type: payload.KindWallet, UUID: "62f88b36-a9d5-4fa6-aa26-e040c3dbf26d", OrderID: "97a75bf8", Amount: "3.00000000", PaymentAmount: p("3.00000000"),
		PaymentAmountUSD: "0.23", MerchantAmount: "2.94000000", Commission: "0.06000000", IsFinal: true, Status: payload.Paid, From: p("621986******0019"),
		WalletAddressUUID: p("e1830f1b-50fc-432e-80ec-15b58ccac867"), Network: "tron", Currency: "TRX", PayerCurrency: "USDT", PayerAmount: p("0.23000000"),
		PayerAmountExchangeRate: p("1.00016519"), TransferID: p("17"), AdditionalData: p("سفارش ۱/۲"),
		Convert: &payload.Convert{ToCurrency: "USDT", Rate: "0.07700000", Amount: "0.22638000"}, TxID: p("6f0d/9"), Version: 4,
	}
	require.Equal(t, `{"type":"wallet","uuid":"62f88b36-a9d5-4fa6-aa26-e040c3dbf26d","order_id":"97a75bf8","amount":"3.00000000","payment_amount":"3.00000000",`+
		`"payment_amount_usd":"0.23","merchant_amount":"2.94000000","commission":"0.06000000","is_final":true,"status":"paid","from":"621986******0019",`+
		`"wallet_address_uuid":"e1830f1b-50fc-432e-80ec-15b58ccac867","network":"tron","currency":"TRX","payer_currency":"USDT","payer_amount":"0.23000000",`+
		`"payer_amount_exchange_rate":"1.00016519","transfer_id":"17","additional_data":"سفارش ۱\/۲",`+
		`"convert":{"to_currency":"USDT","commission":null,"rate":"0.07700000","amount":"0.22638000"},"txid":"6f0d\/9","version":4}`, body(t, full.Fields()))

	require.Equal(t, `{"type":"payment","uuid":"u","order_id":"o","amount":"10000.00000000","payment_amount":null,"payment_amount_usd":"0.00",`+
		`"merchant_amount":"10000.00000000","commission":"0.00000000","is_final":false,"status":"process","from":null,"wallet_address_uuid":null,`+
		`"network":"card","currency":"IRR","payer_currency":"IRR","payer_amount":null,"payer_amount_exchange_rate":null,"transfer_id":null,"additional_data":null}`,
		body(t, payload.Payment{Type: payload.KindPayment, UUID: "u", OrderID: "o", Amount: payload.Rial(10_000), MerchantAmount: payload.Rial(10_000),
			Commission: payload.Rial(0), Status: payload.Process, Network: "card", Currency: "IRR", PayerCurrency: "IRR"}.Fields()))
}

func TestPayout(t *testing.T) {
	payout := payload.Payout{UUID: "2b852d86-3cf1-43fb-b1bb-36f0b7d12151", OrderID: "129359", Amount: "207.00000000", MerchantAmount: "207.30000000",
		Commission: "0.30000000", IsFinal: true, Status: payload.Paid, TxID: p("0xcf8"), Currency: "USDT", Network: "bsc", PayerCurrency: "USDT", PayerAmount: "207.00000000"}
	require.Equal(t, `{"type":"payout","uuid":"2b852d86-3cf1-43fb-b1bb-36f0b7d12151","order_id":"129359","amount":"207.00000000","merchant_amount":"207.30000000",`+
		`"commission":"0.30000000","is_final":true,"status":"paid","txid":"0xcf8","currency":"USDT","network":"bsc","payer_currency":"USDT","payer_amount":"207.00000000"}`,
		body(t, payout.Fields()))
	payout.TxID, payout.Version = nil, 2
	text := body(t, payout.Fields())
	require.NotContains(t, text, "txid", "absent, not null")
	require.True(t, strings.HasSuffix(text, `"payer_amount":"207.00000000","version":2}`))
}

func TestStatuses(t *testing.T) {
	join := func(kind payload.Kind) (out string) {
		for _, s := range payload.TestStatuses(kind) {
			out += " " + string(s)
		}
		return out
	}
	all := " process check paid paid_over fail wrong_amount cancel system_fail refund_process refund_fail refund_paid"
	require.Equal(t, all, join(payload.KindPayment))
	require.Equal(t, all, join(payload.KindWallet))
	require.Equal(t, " process check paid fail cancel system_fail", join(payload.KindPayout))
	payload.TestStatuses(payload.KindPayout)[0] = "changed"
	require.Equal(t, payload.Process, payload.TestStatuses(payload.KindPayout)[0])

	for status, final := range map[payload.Status]bool{"process": false, "check": false, "confirm_check": false, "wrong_amount_waiting": false, "locked": false,
		"paid": true, "paid_over": true, "wrong_amount": true, "fail": true, "cancel": true, "system_fail": true, "refund_process": false, "refund_fail": true, "refund_paid": true} {
		require.Equal(t, final, status.Final(), status)
	}
}

func TestRial(t *testing.T) {
	require.Equal(t, "0.00000000", payload.Rial(0))
	require.Equal(t, "1200000.00000000", payload.Rial(1_200_000))
	require.Equal(t, "9223372036854775807.00000000", payload.Rial(money.Rial(1<<63-1)))
}
