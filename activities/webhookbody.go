package activities

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/store"
)

// signedBy says which of a merchant's keys signs a kind of body.
func signedBy(kind payload.Kind) store.SigningKind {
	if kind == payload.KindPayout {
		return store.PayoutKey
	}
	return store.PaymentKey
}

// subjects is the namespace of the uuids of records that have none of their own.
var subjects = uuid.MustParse("5c1f6f6e-2f0c-5d8b-9a51-0b9f4b7f5f0a")

// bodyFields make a message's body. The same message has the same body on every attempt.
func bodyFields(m store.Message) (payload.Kind, sign.Object, error) {
	word, known := payload.OfEvent(m.Event)
	if !known {
		return "", nil, fmt.Errorf("nobody knows how to tell %q", m.Event)
	}
	kind := word.Kind
	f := m.Facts
	id := f.UUID
	if id == "" {
		id = uuid.NewSHA1(subjects, fmt.Appendf(nil, "%s/%d", m.Kind, m.SubjectID)).String()
	}
	currency, network := or(f.Currency, "IRR"), or(f.Network, networks[m.Kind])
	if kind == payload.KindPayout {
		out := payload.Payout{
			UUID: id, OrderID: f.OrderID, Amount: rial(f.Amount), MerchantAmount: rial(f.Amount + f.Fee), Commission: rial(f.Fee),
			IsFinal: word.Final, Status: word.Status, TxID: optional(f.TxID), Currency: currency, Network: network,
			PayerCurrency: currency, PayerAmount: rial(f.Amount), Version: m.Version,
		}
		return kind, append(out.Fields(), sign.F("event", m.Event)), nil
	}
	var paid *string
	gets := int64(0) // by the merchant
	if word.Moved {
		text := rial(f.Paid)
		paid = &text
		if word.Status != payload.RefundPaid {
			gets = f.Paid - f.Fee
		}
	}
	in := payload.Payment{
		Type: kind, UUID: id, OrderID: f.OrderID, Amount: rial(f.Amount), PaymentAmount: paid, MerchantAmount: rial(gets),
		Commission: rial(f.Fee), IsFinal: word.Final, Status: word.Status, From: optional(f.From), WalletAddressUUID: optional(f.Wallet),
		Network: network, Currency: currency, PayerCurrency: currency, PayerAmount: paid, AdditionalData: optional(f.Data),
		TxID: optional(f.TxID), Version: m.Version,
	}
	return kind, append(in.Fields(), sign.F("event", m.Event)), nil
}

// networks are the ways on which rial move.
var networks = map[string]string{
	"payment": "shaparak", "purchase": "shaparak", "transfer": "card", "deposit": "card", "topup": "topup", "payout": "paya", "wallet": "iban",
}

func rial(r int64) string { return payload.Rial(money.Rial(r)) }

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
