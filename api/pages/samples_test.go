package pages

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

type view interface{ Render(io.Writer) error }

func draw(t *testing.T, v view) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, v.Render(&out))
	return out.String()
}

// drawIn draws the page for a reader of a language; a page for operators has only one.
func drawIn(t *testing.T, v view, l Lang) string {
	t.Helper()
	if page, ok := v.(View); ok {
		v = page.For(Reader{Lang: l})
	}
	return draw(t, v)
}

func samplePayment() Payment {
	now := time.Date(2025, 11, 21, 10, 31, 5, 0, time.UTC)
	return Payment{
		Token:       "Zq8mT2xLw4VbN6cR1yKd9f",
		Merchant:    Merchant{Name: "تاکسی‌رانی آفتاب", BusinessName: "سفر درون‌شهری"},
		Description: "کرایهٔ سفر از میدان ونک تا تجریش\nراننده: رضا احمدی",
		Amount:      1_200_000,
		Now:         now,
		Deadline:    now.Add(18*time.Minute + 42*time.Second),
	}
}

func sampleCheckout() Checkout {
	return Checkout{
		Payment:   samplePayment(),
		Gateways:  []string{"asanpardakht", "zarinpal", "zibal", "sandbox"},
		Preferred: "zarinpal",
	}
}

func sampleStatus(s state.Payment) Status {
	v := Status{Payment: samplePayment(), State: s, ReturnURL: "https://shop.example/back?order=7&ok=1"}
	if v.Taken() {
		v.Tip, v.Method, v.RRN, v.Card, v.Mobile = 50_000, "asanpardakht", "730125984461", "603799******7893", "0938*****25"
		v.PaidAt = v.Now.Add(-time.Minute)
		v.EndedAt = v.Now.Add(-20 * time.Second)
	}
	if v.Mood() == "back" {
		v.StateError = "not_collected"
	}
	return v
}

// samples are all pages in all their shapes.
func samples() map[string]view {
	views := map[string]view{}
	views["checkout"] = sampleCheckout()

	wrong := sampleCheckout()
	wrong.StateError = "موجودی کارت کافی نیست"
	wrong.TipText, wrong.TipError = "پنج هزار", TipNotNumber
	wrong.Mobile, wrong.MobileError = "0912", MobileWrong
	wrong.GatewayError = GatewayUnknown
	views["checkout-errors"] = wrong

	open := sampleCheckout()
	open.OpenAttempt, open.StateError = true, "هنوز پرداخت نشده است"
	views["checkout-open"] = open

	down := sampleCheckout()
	down.NoSession, down.Unavailable = "zarinpal", []string{"zarinpal", "zibal"}
	views["checkout-down"] = down

	none := sampleCheckout()
	none.Gateways = nil
	views["checkout-no-banks"] = none

	small := sampleCheckout()
	small.Merchant, small.Description, small.Amount = Merchant{Name: "Demo 2", Image: "/pay/image/face?v=2"}, "", 10_005
	small.Gateways, small.StateError = []string{"sandbox"}, "declined by payer"
	small.Deadline = small.Now.Add(47 * time.Second)
	views["checkout-small"] = small

	long := sampleCheckout()
	long.Merchant.Name, long.Merchant.BusinessName = "شرکت توسعهٔ حمل‌ونقل هوشمند و خدمات گردشگری ستارگان درخشان کویر مرکزی", ""
	long.Description, long.Amount = string(bytes.Repeat([]byte("longword"), 30)), 9_007_199_254_740_992
	long.Deadline = long.Now.Add(14*time.Hour + 5*time.Second)
	views["checkout-long"] = long

	for _, s := range []state.Payment{Checking, state.PaymentPaid, state.PaymentCollected, state.PaymentRefunding,
		state.PaymentRefunded, state.PaymentExpired, state.PaymentFailed} {
		views["status-"+string(s)] = sampleStatus(s)
	}
	cancelled := sampleStatus(state.PaymentRefunding)
	cancelled.StateError = "late"
	views["status-late"] = cancelled
	bank := sampleStatus(state.PaymentFailed)
	bank.StateError = "declined by payer"
	views["status-declined"] = bank

	bare := sampleStatus(state.PaymentCollected)
	bare.ReturnURL, bare.Tip, bare.Card, bare.Mobile, bare.Description, bare.EndedAt = "", 0, "", "", "", time.Time{}
	views["status-bare"] = bare

	views["to-bank"] = ToBank{Payment: samplePayment(), Method: "asanpardakht", Action: "https://bank.example/pay",
		Fields: map[string]string{"RefId": "a&b=\"c\"", "mobileap": "09120000000"}}
	for _, kind := range []ProblemKind{NotFound, Expired, TooMany, BankUnavailable, Internal} {
		p := Problem{Kind: kind, Here: samplePayment().Path(), RequestID: "0199b1f2-6a77-7d35-9a14-5f0c8e1f2a3b", RetryAfter: 19500 * time.Millisecond}
		if kind == Expired || kind == BankUnavailable {
			p.Back = samplePayment().Path()
		}
		views["problem-"+string(kind)] = p
	}
	return views
}
