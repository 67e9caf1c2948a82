package activities

import (
	"fmt"

	"github.com/google/uuid"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/store"
)

// told is how a change is said in the words of the webhook contract.
type told struct {
	status payload.Status
	final  bool // nothing more can come of it, and whoever gives goods for a payment may do so when it is paid
}

// dictionary maps every event. A payment that is paid but not collected may still go back, so it is not "paid"
// to a receiver that gives goods for that word.
var dictionary = map[string]told{
	"payment.pending":   {payload.Process, false},
	"payment.paid":      {payload.Check, false},
	"payment.collected": {payload.Paid, true},
	"payment.refunding": {payload.RefundProcess, false},
	"payment.refunded":  {payload.RefundPaid, true},
	"payment.expired":   {payload.Cancel, true},
	"payment.failed":    {payload.Fail, true},

	"transfer.pending":    {payload.Process, false},
	"transfer.paid":       {payload.Paid, true},
	"transfer.verified":   {payload.Paid, true},
	"transfer.mismatched": {payload.Check, false},  // a person decides
	"transfer.expired":    {payload.Cancel, false}, // its deposit may still come

	"deposit.suspense": {payload.Check, false},
	"deposit.assigned": {payload.Paid, true},
	"deposit.refunded": {payload.RefundPaid, true},
	"deposit.ignored":  {payload.Fail, true},

	"topup.reserved":  {payload.Process, false},
	"topup.unknown":   {payload.Check, false},
	"topup.delivered": {payload.Paid, true},
	"topup.reversed":  {payload.Fail, true},

	"purchase.awaiting":   {payload.Process, false},
	"purchase.completing": {payload.Check, false},
	"purchase.incomplete": {payload.Check, false},
	"purchase.completed":  {payload.Paid, true},
	"purchase.ended":      {payload.Cancel, true},

	"payout.reserved":  {payload.Process, false},
	"payout.unknown":   {payload.Check, false},
	"payout.sent":      {payload.Check, false},
	"payout.paid":      {payload.Paid, true},
	"payout.refused":   {payload.Fail, true},
	"payout.cancelled": {payload.Cancel, true},
	"payout.unsent":    {payload.SystemFail, true},

	"wallet.credited": {payload.Paid, true},
}

// kinds maps what changed to the contract's three types: money in, money out, money into a static target.
var kinds = map[string]payload.Kind{
	"payment": payload.KindPayment, "transfer": payload.KindPayment, "purchase": payload.KindPayment,
	"topup": payload.KindPayout, "payout": payload.KindPayout,
	"wallet": payload.KindWallet, "deposit": payload.KindWallet,
}

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
	kind, known := kinds[m.Kind]
	word, spoken := dictionary[m.Event]
	if !known || !spoken {
		return "", nil, fmt.Errorf("nobody knows how to tell %q", m.Event)
	}
	f := m.Facts
	id := f.UUID
	if id == "" {
		id = uuid.NewSHA1(subjects, fmt.Appendf(nil, "%s/%d", m.Kind, m.SubjectID)).String()
	}
	currency, network := or(f.Currency, "IRR"), or(f.Network, networks[m.Kind])
	if kind == payload.KindPayout {
		out := payload.Payout{
			UUID: id, OrderID: f.OrderID, Amount: rial(f.Amount), MerchantAmount: rial(f.Amount + f.Fee), Commission: rial(f.Fee),
			IsFinal: word.final, Status: word.status, TxID: optional(f.TxID), Currency: currency, Network: network,
			PayerCurrency: currency, PayerAmount: rial(f.Amount), Version: m.Version,
		}
		return kind, append(out.Fields(), sign.F("event", m.Event)), nil
	}
	var paid *string
	if word.status != payload.Process && word.status != payload.Cancel && word.status != payload.Fail {
		text := rial(f.Paid)
		paid = &text
	}
	in := payload.Payment{
		Type: kind, UUID: id, OrderID: f.OrderID, Amount: rial(f.Amount), PaymentAmount: paid, MerchantAmount: rial(f.Paid - f.Fee),
		Commission: rial(f.Fee), IsFinal: word.final, Status: word.status, From: optional(f.From), WalletAddressUUID: optional(f.Wallet),
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
