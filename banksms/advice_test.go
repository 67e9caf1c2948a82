package banksms

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var advice = []string{
	"رمز خود را در اختیار دیگران قرار ندهید",
	"رمز خود را در اختیار دیگران قرار ندهید.",
	"لطفا رمز خود را به کسی ندهید!",
	"بانک هرگز رمز شما را نمی‌خواهد",
	"بانک هرگز رمز دوم، CVV2 و تاریخ انقضای کارت را از شما نمی‌خواهد.",
	"هشدار: رمز دوم و CVV2 کارت خود را نزد هیچ کس فاش نکنید",
	"مشتری گرامی از افشای رمز پویا و کد تایید به افراد ناشناس خودداری فرمایید.",
	"در حفظ و نگهداری رمز عبور خود کوشا باشید",
	"رمز کارت خود را محرمانه نگه دارید",
	"کلمه عبور خود را در اختیار هیچ فردی قرار ندهید",
}

// Advice about passwords at the end of a genuine message changes nothing.
func TestAdviceIsNoSecret(t *testing.T) {
	for _, text := range seeds {
		plain := Parse("", text, received)
		if plain.Secret || plain.Reason == ReasonLayout || plain.Reason == ReasonNotMoney {
			continue
		}
		for _, line := range advice {
			for _, whole := range []string{text + "\n" + line, line + "\n" + text, text + "\n" + line + "\nبا تشکر از انتخاب شما"} {
				got := Parse("", whole, received)
				require.False(t, got.Secret, whole)
				require.Equal(t, plain.Amount, got.Amount, whole)
				require.Equal(t, plain.Account, got.Account, whole)
				require.Equal(t, plain.Balance, got.Balance, whole)
			}
			got := Parse("", text+"\n"+line, received)
			require.Equal(t, normalise(text+"\n"+line), got.Normal)
			got.Normal = plain.Normal
			require.Equal(t, plain, got, line)
		}
	}
	check(t, []read{
		{"in one line", "", "بانک ملی ایران انتقال:610,000+ حساب:03004 مانده:13,772,907 0813-08:00 رمز خود را در اختیار دیگران قرار ندهید",
			Melli, Deposit, 610000, "03004", "", 13772907, "2026-11-04 08:00:00", ""},
		{"after a unit, in one line", "", "بانک آینده واریز 610,000 تومان به حساب 0209988776 مانده 900,000 تومان رمز خود را در اختیار دیگران قرار ندهید",
			Ayandeh, Deposit, 6100000, "0209988776", "", 9000000, "", ""},
		{"unknown layout", "", "بانک ملل\nمبلغ 610,000 ریال به حساب 0100998877 واریز شد. رمز خود را در اختیار دیگران قرار ندهید.",
			Melal, Deposit, 610000, "0100998877", "", none, "", ReasonLayout},
	})
}

// What delivers a code is secret, whatever it advises.
func TestAdviceDoesNotHideACode(t *testing.T) {
	codes := []string{
		"رمز: 54321\n%s", "رمز پویا 54321 %s", "%s\n54321", "54321\n%s", "بانک ملت\nخرید\nمبلغ: 871,050 ریال\n112233\n%s",
		"انتقال به کارت 603799*1177 مبلغ 2,000,000 54321 %s", "کد تایید: 54321\n%s", "Code=112233\n%s",
		"بانک ملت\nواریز به حساب 7340098821\nمبلغ : 660,000ريال\nموجودي : 5,750,455 ريال\nشناسه شما 887766\n%s",
		"بانك ملي ايران\nانتقال:2,350,000+\nحساب:03004\nمانده:8,412,907\n0811-14:02\n54321\n%s",
	}
	for _, code := range codes {
		for _, line := range advice {
			text := strings.Replace(code, "%s", line, 1)
			require.True(t, Parse("", text, received).Secret, text)
		}
	}
	for _, text := range []string{
		"این رمز را در اختیار دیگران قرار ندهید\n54321",
		"54321 این کد را در اختیار دیگران قرار ندهید",
		"کد 54321 را به کسی ندهید",
		"رمز 54321 را در اختیار دیگران قرار ندهید",
		"رمز فوق محرمانه است و در اختیار دیگران قرار ندهید",
	} {
		require.True(t, Parse("", text, received).Secret, text)
	}
}
