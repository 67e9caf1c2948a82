package pages

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

const shopBack = "https://shop.example/back?pay_id=19&x=1"

func TestTransferPageTellsItsState(t *testing.T) {
	for name, v := range transferSamples() {
		t.Run(name, func(t *testing.T) {
			page := draw(t, v)
			elements, text := read(t, page)
			require.NotContains(t, text, "فقط در درگاه بانک", "what the bank payment's pages promise, and this one does not keep")
			require.Contains(t, text, "CVV2")
			one(t, elements, "href", assetURL("pay.css"))
			one(t, elements, "href", assetURL("transfer.css"))

			root := one(t, elements, "id", "transfer")
			require.Equal(t, "main", root.tag)
			require.Equal(t, string(v.(Transfer).State), root.attrs["data-state"])
			require.Equal(t, "/pay/transfer/k3Jx9QmT2xLw4VbN6cR1yK/status", root.attrs["data-status-url"])
			now, err := time.Parse(time.RFC3339, root.attrs["data-now"])
			require.NoError(t, err)
			require.Equal(t, v.(Transfer).Now, now)
			end, err := time.Parse(time.RFC3339, root.attrs["data-deadline"])
			require.NoError(t, err)
			require.Equal(t, v.(Transfer).Expires, end)
		})
	}
}

func TestTransferToPay(t *testing.T) {
	elements, text := read(t, draw(t, sampleTransfer(state.TransferPending)))
	for _, want := range []string{"۱٬۲۵۰٬۱۳۰", "۱۲۵٬۰۱۳ تومان", "صد و بیست و پنج هزار و سیزده تومان", "گرد نکنید",
		"۱٬۲۵۰٬۰۰۰ ریال است؛ ۱۳۰ ریال افزوده", "ساعت ۱۴:۱۴", "۴۸۲۱۳", "فروشگاه آفتاب", "یکی از این کارت‌ها",
		"۶۲۱۹ ۸۶۱۰ ۰۰۰۰ ۰۰۰۹", "۶۱۰۴ ۳۳۰۰ ۰۰۰۰ ۰۰۰۳", "بانک سامان", "بانک ملت", "شاهین محسنی", "به‌روز کردن وضعیت"} {
		require.Contains(t, text, want)
	}
	// What is copied is what a banking app takes: Latin digits, the amount in rial.
	for _, copied := range []string{"1250130", samanCard, mellatCard} {
		button := one(t, elements, "data-copy", copied)
		require.Equal(t, "button", button.attrs["type"])
		require.NotEmpty(t, button.attrs["data-copied"])
	}
	pans := withAttr(elements, "class", "pan")
	require.Len(t, pans, 2)
	for _, pan := range pans {
		require.Equal(t, "ltr", pan.attrs["dir"])
	}
	require.Empty(t, withAttr(elements, "id", "payer-card"))
	require.Empty(t, withAttr(elements, "id", "return"), "who has not paid stays")
	require.NotContains(t, text, "کسری")
}

func TestTransferAmountInToman(t *testing.T) {
	for amount, want := range map[money.Rial]string{1_250_130: "۱۲۵٬۰۱۳ تومان", 11_385: "۱٬۱۳۸ تومان و ۵ ریال"} {
		require.Equal(t, want, Transfer{Amount: amount}.Toman())
	}
	odd := transferSamples()["transfer-odd"].(Transfer)
	_, text := read(t, draw(t, odd))
	require.Contains(t, text, "کسری", "an app that takes toman only cannot pay this")
	require.Contains(t, text, "به این کارت بپردازید")

	odd.Price = odd.Amount
	_, text = read(t, draw(t, odd))
	require.NotContains(t, text, "افزوده")
	require.Zero(t, Transfer{Amount: 10_000, Price: 10_005}.Added())
}

func TestTransferAsksForThePayersCard(t *testing.T) {
	elements, text := read(t, draw(t, transferSamples()["transfer-ask"]))
	form := one(t, elements, "id", "payer-card")
	require.Equal(t, []string{"post", "/pay/transfer/k3Jx9QmT2xLw4VbN6cR1yK/card"}, []string{form.attrs["method"], form.attrs["action"]})
	require.Empty(t, one(t, elements, "name", "card").attrs["value"])
	require.Contains(t, text, "فقط کارتی را بنویسید که واقعاً با آن می‌پردازید")

	elements, text = read(t, draw(t, transferSamples()["transfer-card-wrong"]))
	field := one(t, elements, "name", "card")
	require.Equal(t, []string{"۶۲۱۹ ۸۶۱۰ ۱۲", "true"}, []string{field.attrs["value"], field.attrs["aria-invalid"]})
	require.Equal(t, 1, strings.Count(text, CardWrong.In(Persian)))

	elements, text = read(t, draw(t, transferSamples()["transfer-card-known"]))
	require.Empty(t, withAttr(elements, "name", "card"))
	require.Contains(t, text, "فقط از کارت ۶۲۱۹ ۸۶** **** ۰۰۱۱ بپردازید")
	require.NotContains(t, text, "۶۲۱۹ ۸۶۲۲", "the whole number is not shown back")

	late := transferSamples()["transfer-ask"].(Transfer)
	late.Now = late.Expires
	elements, _ = read(t, draw(t, late))
	require.Empty(t, withAttr(elements, "name", "card"))
}

func TestTransferOutcomes(t *testing.T) {
	samples := transferSamples()
	for name, want := range map[string][]string{
		"transfer-paid":       {"واریز شما رسید", "۱٬۲۵۰٬۱۳۰", "صد و بیست و پنج هزار", "۴۸۲۱۳", "۳۰ آبان ۱۴۰۴، ساعت ۱۴:۰۰", "چاپ رسید"},
		"transfer-verified":   {"واریز شما رسید", "پذیرنده آن را تأیید کرد", "۱٬۲۵۰٬۱۳۰", "۴۸۲۱۳"},
		"transfer-expired":    {"مهلت پرداخت تمام شد", "دوباره پرداخت نکنید", "گاهی دیر می‌رسد", "پیوند تازه", "۴۸۲۱۳"},
		"transfer-over":       {"مهلت پرداخت تمام شد", "دوباره پرداخت نکنید", "گاهی دیر می‌رسد", "پیوند تازه", "۴۸۲۱۳"},
		"transfer-mismatched": {"واریز از کارت دیگری بود", "دوباره پرداخت نکنید", "پول گم نشده", "خبر بدهید", "۴۸۲۱۳"},
	} {
		elements, text := read(t, draw(t, samples[name]))
		for _, w := range want {
			require.Contains(t, text, w, name)
		}
		require.NotContains(t, text, "۶۲۱۹ ۸۶۱۰", "%s: nothing more is to be paid to a card", name)
		require.Empty(t, withAttr(elements, "data-copy", samanCard), name)
		back := one(t, elements, "id", "return")
		require.Equal(t, []string{shopBack, "noreferrer"}, []string{back.attrs["href"], back.attrs["rel"]}, name)
		going := strings.Contains(name, "paid") || strings.Contains(name, "verified")
		require.Equal(t, going, strings.Contains(draw(t, samples[name]), "data-going"), name)
	}
	elements, _ := read(t, draw(t, samples["transfer-bare"]))
	require.Empty(t, withAttr(elements, "id", "return"))
	require.NotContains(t, draw(t, samples["transfer-bare"]), "data-going")
}

func TestTransferReturnsToTheWebOnly(t *testing.T) {
	v := sampleTransfer(state.TransferPaid)
	for _, hostile := range []string{"", "javascript:alert(1)", "data:text/html,x", "//evil.example", "/back", "intent://x"} {
		v.ReturnURL = hostile
		require.Empty(t, v.Return(), hostile)
	}
}

func TestTransferWatchesUntilNothingCanChange(t *testing.T) {
	samples := transferSamples()
	for name, want := range map[string][2]int{
		"transfer-pending": {3000, 15}, "transfer-over": {5000, 15}, "transfer-expired": {5000, 15}, "transfer-mismatched": {15000, 30},
		"transfer-paid": {}, "transfer-verified": {},
		"transfer-ask":        {3000, 823}, // a reload would take away what is being typed
		"transfer-card-wrong": {3000, 0},   // a reload would ask the form's address
	} {
		v := samples[name].(Transfer)
		require.Equal(t, want, [2]int{v.Live(), v.Refresh()}, name)
	}
	require.Contains(t, draw(t, samples["transfer-pending"]), `<noscript><meta http-equiv="refresh" content="15"></noscript>`)
	require.NotContains(t, draw(t, samples["transfer-paid"]), "http-equiv")
}

func TestTransferOfAnUnknownStateIsNoPage(t *testing.T) {
	require.ErrorContains(t, sampleTransfer("lost").Render(io.Discard), "lost")
}

func TestTransferHostileTextStaysText(t *testing.T) {
	const hostile = `"'></title></main></textarea><script>alert(1)</script><img src=x onerror=alert(1)><style>*{}</style>{{.}}`
	for _, s := range []state.Transfer{state.TransferPending, state.TransferExpired, state.TransferPaid, state.TransferMismatched} {
		for _, registered := range []string{"", hostile} {
			v := sampleTransfer(s)
			v.Merchant = Merchant{Name: hostile, BusinessName: hostile, Image: "https://evil.example/x.png"}
			v.Cards = []DestinationCard{{Number: hostile, Holder: hostile, Bank: hostile, BankSlug: hostile}}
			v.AskPayerCard, v.PayerCard, v.PayerCardText, v.CardError = true, registered, hostile, CardWrong
			v.ReturnURL, v.Token = "https://shop.example/\"><script>alert(1)</script>", hostile
			page := draw(t, v)
			elements, text := read(t, page)
			require.Contains(t, text, "<script>alert(1)</script>", s)
			require.Empty(t, withAttr(elements, "src", "x"), s)
			require.NotContains(t, page, "<script>alert", s)
			for _, link := range withAttr(elements, "id", "return") {
				require.NotContains(t, link.attrs["href"], "<", s)
				require.True(t, strings.HasPrefix(link.attrs["href"], "https://shop.example/"), s)
			}
		}
		v := sampleTransfer(s)
		v.Merchant.Name, v.Token, v.ReturnURL = hostile, hostile, "javascript:alert(1)"
		elements, _ := read(t, draw(t, v))
		requireStrictWith(t, "transfer.js", elements)
	}
}

func TestDepositsPageHoldsNoDataAndIsStrict(t *testing.T) {
	elements, text := read(t, draw(t, Deposits{}))
	require.Equal(t, map[string]string{"lang": "fa", "dir": "rtl"}, elements[0].attrs)
	require.Contains(t, text, "واریزهای بی‌صاحب")

	page := drawIn(t, Deposits{}, English)
	elements, text = read(t, page)
	requireStrictWith(t, "deposits.js", elements, "/ops/deposits?lang=fa")
	requireWhole(t, page)
	require.Equal(t, map[string]string{"lang": "en", "dir": "ltr"}, elements[0].attrs)
	for _, id := range []string{"deposits", "key", "list", "state", "reload", "forget", "more", "confirm", "deposit", "suggestion", "message"} {
		one(t, elements, "id", id)
	}
	require.Len(t, withAttr(elements, "name", "action"), 3)
	require.Contains(t, text, "needs JavaScript")
	one(t, elements, "href", assetURL("deposits.css"))
}

// Operators read every reason and every suggestion in words.
func TestDepositsPageKnowsTheCodes(t *testing.T) {
	script, _, _ := Asset("deposits.js")
	for _, code := range []string{"no_transfer", "already_paid", "late", "too_early", "several", "other_card", "unknown_account", "payer_mismatch",
		"unknown_layout", "unknown_sender", "sender_of_other_bank", "phone_number_sender",
		"same_amount", "price", "times_ten", "tenth", "near"} {
		require.Regexp(t, `(?m)^    `+code+`: t\('.+', '.+'\),$`, string(script))
	}
}
