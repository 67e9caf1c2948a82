package pages

import (
	"time"

	"github.com/paysaga/paysaga/state"
)

// Test numbers: their last digit checks, nobody holds them.
const (
	samanCard  = "6219861000000009"
	mellatCard = "6104330000000003"
	payerCard  = "6219862222220011"
)

func sampleTransfer(s state.Transfer) Transfer {
	now := time.Date(2025, 11, 21, 10, 31, 5, 0, time.UTC)
	v := Transfer{
		Merchant: Merchant{Name: "فروشگاه آفتاب", BusinessName: "کتاب و نوشت‌افزار"},
		Amount:   1_250_130, Price: 1_250_000, Fid: 48213, State: s,
		Now: now, Expires: now.Add(13*time.Minute + 42*time.Second),
		Cards: []DestinationCard{
			{Number: samanCard, Holder: "شاهین محسنی", Bank: "بانک سامان", BankEnglish: "Bank Saman", BankSlug: "saman"},
			{Number: mellatCard, Holder: "شاهین محسنی", Bank: "بانک ملت", BankEnglish: "Bank Mellat", BankSlug: "mellat"},
		},
		ReturnURL: "https://shop.example/back?pay_id=19&x=1",
		Token:     "k3Jx9QmT2xLw4VbN6cR1yK",
	}
	switch s {
	case state.TransferPaid, state.TransferVerified, state.TransferMismatched:
		v.PaidAt = now.Add(-time.Minute)
	case state.TransferExpired:
		v.Expires = now.Add(-time.Minute)
	}
	return v
}

// transferSamples are the card-to-card page in all its shapes.
func transferSamples() map[string]view {
	views := map[string]view{}
	for _, s := range []state.Transfer{state.TransferPending, state.TransferPaid, state.TransferVerified, state.TransferExpired, state.TransferMismatched} {
		views["transfer-"+string(s)] = sampleTransfer(s)
	}

	over := sampleTransfer(state.TransferPending)
	over.Now = over.Expires
	views["transfer-over"] = over

	ask := sampleTransfer(state.TransferPending)
	ask.AskPayerCard = true
	views["transfer-ask"] = ask

	wrong := ask
	wrong.PayerCardText, wrong.CardError = "۶۲۱۹ ۸۶۱۰ ۱۲", CardWrong
	views["transfer-card-wrong"] = wrong

	known := ask
	known.PayerCard = payerCard
	views["transfer-card-known"] = known

	odd := sampleTransfer(state.TransferPending)
	odd.Amount, odd.Price, odd.Cards = 11_385, 11_300, odd.Cards[:1]
	odd.Merchant = Merchant{Name: "Demo 2", Image: "/pay/image/face?v=2"}
	odd.Expires = odd.Now.Add(47 * time.Second)
	views["transfer-odd"] = odd

	long := ask
	long.Merchant = Merchant{Name: "شرکت توسعهٔ حمل‌ونقل هوشمند و خدمات گردشگری ستارگان درخشان کویر مرکزی"}
	long.Amount, long.Price, long.Fid = 9_007_199_254_740_992, 9_007_199_254_740_000, 9_007_199_254_740_991
	long.Cards = append(long.Cards[:1:1], DestinationCard{Number: mellatCard, Bank: "مؤسسهٔ اعتباری غیربانکی توسعه",
		Holder: "سیده فاطمه‌زهرا حسینی‌نژاد طباطبایی اردستانی و شرکا"})
	long.Expires = long.Now.Add(14 * time.Hour)
	views["transfer-long"] = long

	none := sampleTransfer(state.TransferPending)
	none.Cards = nil
	views["transfer-no-cards"] = none

	bare := sampleTransfer(state.TransferPaid)
	bare.ReturnURL, bare.PaidAt = "", time.Time{}
	views["transfer-bare"] = bare
	return views
}
