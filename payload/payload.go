// Package payload is the shape of webhook bodies: which members there are, in which order, and which of them
// may be null or absent. sign.Body makes the bytes:
//
//	body, err := sign.Body(key, payload.Payment{Type: payload.KindPayment, …}.Fields()...)
//
// Amounts are decimal strings; [Rial] writes one.
package payload

import (
	"strconv"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/sign"
)

// Payment is a body of type payment or wallet. Pointers that are nil are written as null, unless said otherwise.
type Payment struct {
	Type                    Kind // KindPayment or KindWallet
	UUID                    string
	OrderID                 string
	Amount                  string  // in Currency: what the merchant asked for
	PaymentAmount           *string // in PayerCurrency: what was paid
	PaymentAmountUSD        string  // empty: "0.00"
	MerchantAmount          string  // what the merchant gets
	Commission              string
	IsFinal                 bool
	Status                  Status
	From                    *string // who paid, masked where it is a card
	WalletAddressUUID       *string // of the static wallet
	Network                 string
	Currency                string
	PayerCurrency           string
	PayerAmount             *string
	PayerAmountExchangeRate *string
	TransferID              *string
	AdditionalData          *string  // the merchant's own text
	Convert                 *Convert // absent when nil
	TxID                    *string  // absent when nil
	Version                 int64    // grows with each change of the record; absent when 0
}

// Convert is an exchange of what was paid.
type Convert struct {
	ToCurrency string
	Commission *string
	Rate       string
	Amount     string
}

// Fields are the members in their order, for sign.Body.
func (p Payment) Fields() sign.Object {
	usd := p.PaymentAmountUSD
	if usd == "" {
		usd = "0.00"
	}
	fields := sign.Object{
		sign.F("type", string(p.Type)),
		sign.F("uuid", p.UUID),
		sign.F("order_id", p.OrderID),
		sign.F("amount", p.Amount),
		sign.F("payment_amount", p.PaymentAmount),
		sign.F("payment_amount_usd", usd),
		sign.F("merchant_amount", p.MerchantAmount),
		sign.F("commission", p.Commission),
		sign.F("is_final", p.IsFinal),
		sign.F("status", string(p.Status)),
		sign.F("from", p.From),
		sign.F("wallet_address_uuid", p.WalletAddressUUID),
		sign.F("network", p.Network),
		sign.F("currency", p.Currency),
		sign.F("payer_currency", p.PayerCurrency),
		sign.F("payer_amount", p.PayerAmount),
		sign.F("payer_amount_exchange_rate", p.PayerAmountExchangeRate),
		sign.F("transfer_id", p.TransferID),
		sign.F("additional_data", p.AdditionalData),
	}
	if c := p.Convert; c != nil {
		fields = append(fields, sign.F("convert", sign.Object{
			sign.F("to_currency", c.ToCurrency), sign.F("commission", c.Commission), sign.F("rate", c.Rate), sign.F("amount", c.Amount),
		}))
	}
	return ending(fields, p.TxID, p.Version)
}

// Payout is a body of type payout. Pointers that are nil are absent.
type Payout struct {
	UUID           string
	OrderID        string
	Amount         string
	MerchantAmount string // what leaves the merchant's balance, commission included
	Commission     string
	IsFinal        bool
	Status         Status
	TxID           *string
	Currency       string
	Network        string
	PayerCurrency  string
	PayerAmount    string
	Version        int64 // grows with each change of the payout; absent when 0
}

// Fields are the members in their order, for sign.Body.
func (p Payout) Fields() sign.Object {
	fields := sign.Object{
		sign.F("type", string(KindPayout)),
		sign.F("uuid", p.UUID),
		sign.F("order_id", p.OrderID),
		sign.F("amount", p.Amount),
		sign.F("merchant_amount", p.MerchantAmount),
		sign.F("commission", p.Commission),
		sign.F("is_final", p.IsFinal),
		sign.F("status", string(p.Status)),
	}
	fields = ending(fields, p.TxID, 0)
	fields = append(fields,
		sign.F("currency", p.Currency),
		sign.F("network", p.Network),
		sign.F("payer_currency", p.PayerCurrency),
		sign.F("payer_amount", p.PayerAmount),
	)
	return ending(fields, nil, p.Version)
}

// ending adds what is there only at times.
func ending(fields sign.Object, txID *string, version int64) sign.Object {
	if txID != nil {
		fields = append(fields, sign.F("txid", *txID))
	}
	if version != 0 {
		fields = append(fields, sign.F("version", version))
	}
	return fields
}

// Rial writes an amount of rial with the eight decimals that amounts have in bodies.
func Rial(r money.Rial) string { return strconv.FormatInt(int64(r), 10) + ".00000000" }
