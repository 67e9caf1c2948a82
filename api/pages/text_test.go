package pages

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
)

func TestRial(t *testing.T) {
	require.Equal(t, "۰", rial(Persian, 0))
	require.Equal(t, "۱٬۲۰۰٬۰۰۰", rial(Persian, 1_200_000))
	require.Equal(t, "1,200,000", rial(English, 1_200_000))
}

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{
		"6037991234567893":    "6037 99** **** 7893",
		"6037-9912-3456-7893": "6037 99** **** 7893",
		"۶۰۳۷۹۹۱۲۳۴۵۶۷۸۹۳":    "6037 99** **** 7893",
		"603799******7893":    "6037 99** **** 7893",
		"7893":                "7893",
		"":                    "",
	} {
		require.Equal(t, want, maskCard(in), in)
	}
	require.Equal(t, "0938*****25", maskMobile("09381234525"))
	require.Equal(t, "0938*****25", maskMobile("0938*****25"))
	require.Equal(t, "", maskMobile(""))
}

func TestSafeImage(t *testing.T) {
	for _, good := range []string{"/pay/image/faSDF42w3Fs", "/pay/image/demo-fast?v=0a1b2c"} {
		require.Equal(t, good, string(safeImage(good)))
	}
	for _, bad := range []string{"", "https://evil.example/a.png", "//evil.example/a.png", `/\evil.example`, "/\t/evil.example", "javascript:alert(1)",
		"data:image/png;base64,iVBORw0KGgo=", "data:image/svg+xml,<svg onload=x>", "a.png", "/pay/image/../x", "/pay/image/a/b", "/pay/x/status"} {
		require.Empty(t, safeImage(bad), bad)
	}
}

func TestInitial(t *testing.T) {
	for in, want := range map[string]string{"تاکسی": "ت", "demo": "D", "«آفتاب»": "آ", "۲۴ ساعته": "۲", "": "پ", "🚕": "پ", "🚕 ونک": "و"} {
		require.Equal(t, want, initial(in), in)
	}
}

func TestTipChoices(t *testing.T) {
	for amount, want := range map[money.Rial][]money.Rial{
		0:          nil,
		5_000:      {1_000},
		10_000:     {1_000, 2_000},
		120_000:    {5_000, 10_000, 20_000},
		1_200_000:  {50_000, 100_000, 200_000},
		10_000_000: {500_000, 1_000_000, 2_000_000},
	} {
		require.Equal(t, want, tipChoices(amount), int64(amount))
	}
}

func TestWhy(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "declined by payer": "", "cancelled": "پذیرنده این پرداخت را لغو کرد.",
		"موجودی کارت کافی نیست": "موجودی کارت کافی نیست.", "مبلغ برگشت.": "مبلغ برگشت.",
	} {
		require.Equal(t, want, why(Persian, in), in)
	}
	require.Equal(t, "The merchant cancelled this payment.", why(English, "cancelled"))
	for _, theirs := range []string{"declined by payer", "موجودی کارت کافی نیست"} {
		require.Empty(t, why(English, theirs), "the bank's own words are shown as such")
	}
}

func TestBankName(t *testing.T) {
	require.Equal(t, "زرین‌پال", bankName(Persian, "zarinpal"))
	require.Equal(t, "newbank", bankName(Persian, "newbank"))
}
