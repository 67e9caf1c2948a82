package banksms

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
)

// seeds hold one message of each kind of layout; all invented.
var seeds = []string{
	"بانك ملي ايران\nانتقال:2,350,000+\nحساب:03004\nمانده:8,412,907\n0811-14:02",
	"بانك ملي ايران\nاصـلاحيه:2,350,000+\nحساب:03004\nمانده:8,412,907\n0811-14:02",
	"حساب7340098821\nواریز4,120,000\nمانده9,870,455\n05/08/20-11:09",
	"بانک ملت\nخريد با کارت\nبرداشت از حساب 7340098821\nمبلغ : 660,000ريال\nموجودي : 5,090,455 ريال\nمستند : 40912\n99/05/11 10:22",
	"*بانک تجارت*\nحساب: 0199900112233\nواریز: 7,700,000 ریال\nاز طريق: شتاب\nمانده: 11,020,300 ریال\n1405/08/03\n10:01",
	"پايانه فروش: 230,000-\nحساب:44019\nمانده:15,961,304\n0811 - 17:40",
	"30105511223344\nمبلغ:+4,310,000\nمانده:19,763,250\n08/12\n12:04\nبابت :انتقال از کارت 6037991122334455 به کارت 6221061122334455 با شماره بازیابی 440912876611",
	"بانك سامان\nواريز مبلغ  3,300,000ريال\nبه  701-800-1234567-1\nمانده 15,814,704\n1405/8/5\n9:48",
	"بلو\nواریز پول\nمینا عزیز، 2,450,000 ریال به حساب شما نشست.\nموجودی: 3,068,654 ریال\n۲۱:۱۱\n۱۴۰۵.۰۸.۰۸",
	"210.800.9988776.1\n-5,600,000\n08/14_18:52\nمانده: 1,551,078",
	"10.4433221.1\n+6,250,000\n08/11_22:01\nمانده: 33,121,042",
	"بانک رفاه\nحساب310045528\nکارت1,811,385+\nمانده7,040,120\n08/19-22:07",
	"بانک سپه\nپرداخت گروهي\nحساب:38200114477\nمبلغ:4,000,000\nمانده:7,119,997\nزمان:1405/8/20\nواريز گروهي يارانه مرحله 189",
	"واریز2,640,000\nمانده8,054,098\n050809-21:30\nکارت7719*\nbki. ir",
	"انتقال اینترنت:+3,410,000\nحساب:140077665544\nمانده:20,101,005\n0809-19:27",
	"*بانک شهر*\nانتقال وجه کارتي\nواريز به:7008112233445\nمبلغ:8,450,000ريال\nموجودي:31,421,885ريال\n1405/08/14 00:23:38",
	"300411223344\n3,100,000+\n1405/8/5-12:06\nمانده:20,919,100",
	"پست بانک\nواريز به کارت: 7719\n+4,998,190\n1405/08/9\n9:47\nمانده: 44,108,899 ريال",
	"بانک خاورمیانه\nانتقال از همراه بانک از کارت 4410\n+1,200,000\nXXX/XXXXXXXXX\nمانده 8,536,365\n08/08\n15:57",
	"واریز: 126-800-7654321-1\n+9,100,000ريال\nمانده:71,325,358ريال\n8/8-10:04\nمرکزآواي نوين:02162740",
	"بانک آینده واریز ۷۲۰٬۰۰۰ تومان به حساب ۰۲۰۹۹۸۸۷۷۶ مانده ۲٬۲۰۰٬۰۰۰ تومان ۱۴۰۵/۰۸/۰۳",
	"بانک ملت\nرمز پویا: 112233",
	"مانده حساب شما مبلغ 8.120.000 ریال بوده، جهت واریز 6037991122334455",
	"واریز 99,999,999,999,999,999,999 ریال به حساب 1 مانده -5",
}

func FuzzParse(f *testing.F) {
	for i, text := range seeds {
		f.Add([]string{"", "Bank Melli", "+989121234567"}[i%3], text)
	}
	for _, c := range seenElsewhere() {
		f.Add(c.sender, c.text)
		f.Add("", c.text+"\nاز کارت 6037991122334455\n"+advice[0])
	}
	f.Fuzz(func(t *testing.T, sender, text string) {
		r := Parse(sender, text, received)
		require.Contains(t, []Type{Deposit, Withdraw, Other}, r.Type)
		require.GreaterOrEqual(t, r.Amount, money.Rial(0))
		require.LessOrEqual(t, r.Amount, money.Max)
		require.Equal(t, r.Settles, r.Reason == "")
		if r.Settles {
			require.Equal(t, Deposit, r.Type)
			require.Positive(t, r.Amount)
			require.NotEmpty(t, r.Bank)
			require.False(t, r.Secret)
			require.False(t, notCustomer.MatchString(r.Normal) && !strings.Contains(r.Normal, "عزیز"), r.Normal)
		}
		if r.Secret {
			require.Equal(t, Reading{Bank: r.Bank, Type: Other, Secret: true, Reason: ReasonSecret}, r)
		}
		if r.HasDate || r.HasTime {
			require.False(t, r.At.IsZero())
		}
		if !utf8.ValidString(text) {
			return
		}
		require.Equal(t, normalise(text), normalise(normalise(text)))
		// Invisible marks and another alphabet of digits change nothing.
		for _, wear := range []func(string) string{
			func(s string) string { return strings.Join(strings.Split(s, ""), "\u200c") },
			func(s string) string { return "\u202a" + strings.Join(strings.Split(s, ""), "\u200f") + "\u202c" },
			money.PersianDigits,
			func(s string) string { return digitsFrom(s, '٠') },
		} {
			require.Equal(t, r, Parse(sender, wear(text), received))
		}
	})
}

// Every prefix of a message, and every message that lost a line, is read without surprise: what settles has its amount.
func TestTornMessages(t *testing.T) {
	for _, text := range seeds {
		whole := Parse("", text, received)
		lines := strings.Split(text, "\n")
		for i := range lines {
			torn := strings.Join(append(append([]string{}, lines[:i]...), lines[i+1:]...), "\n")
			if r := Parse("", torn, received); r.Settles {
				require.Equal(t, whole.Amount, r.Amount, torn)
				require.Equal(t, whole.Type, r.Type, torn)
			}
		}
	}
}

// A signed layout says the direction with the sign alone.
func TestSignDecides(t *testing.T) {
	flips := 0
	for _, text := range seeds {
		in := Parse("", text, received)
		if in.Type != Deposit || !strings.Contains(text, "+") || creditWords.MatchString(in.Normal) {
			continue
		}
		flips++
		out := Parse("", strings.ReplaceAll(text, "+", "-"), received)
		require.Equal(t, Withdraw, out.Type, text)
		require.Equal(t, ReasonWithdrawal, out.Reason)
		require.Equal(t, in.Amount, out.Amount)
		require.Equal(t, in.Balance, out.Balance)
		in, back := out, Parse("", text, received)
		require.Equal(t, Withdraw, in.Type)
		require.Equal(t, Deposit, back.Type)
	}
	require.GreaterOrEqual(t, flips, 6)
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		for _, text := range seeds {
			Parse("", text, received)
		}
	}
}

// Whoever may send messages must not be able to keep a processor busy with one.
func TestNoTextIsSlow(t *testing.T) {
	for _, unit := range []string{"ب ", "ب\n", "واریز ", "مبلغ:1 ", "1 ", "۱", "حساب:1 ", "رمزارز ", "عزیز ", "+1 ", "نشست ", "a1 ", "1-", "1.", "1,234 ", "از کارت 1234 ", "رمز ندهید ", "\u0640", "ﷺ"} {
		for _, head := range []string{"", "بانک سپه\n", "بانک تجارت\n", "بلو\n", "30105511223344\nمبلغ:+4,310,000\n"} {
			text := head + strings.Repeat(unit, longest/len(unit))
			fastest := time.Hour
			for try := 0; try < 3 && fastest >= time.Second; try++ { // the processor may be busy with others
				start := time.Now()
				Parse("", text, received)
				fastest = min(fastest, time.Since(start))
			}
			require.Less(t, fastest, time.Second, "%s %q", head, unit)
		}
	}
}
