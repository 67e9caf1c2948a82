package banksms

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every bank's deposit may end with the card the money came from. It never becomes our account, and it changes nothing else.
func TestPayersCardInEveryLayout(t *testing.T) {
	deposits := []string{
		"بانک ملت\nواریز به حساب 7340098821\nمبلغ : 660,000ريال\nموجودي : 5,750,455 ريال\n05/05/11 10:25",
		"بانک آينده\nانتقال به كارت\n+4,200,000\nمانده:31,755,006\nکارت7719\n050806-13:29",
		"بانک دی\nواریز ۱,۷۰۰,۰۰۰ ریال به کارت *۷۷۱۹",
		"بانک سینا\nواریز به 112-813-1122334-1\nمبلغ  700,000 ريال\nمانده 3,000,000 ريال",
		"*بانک گردشگری*\nکارت\nواریز به: 110.2936.2375319.1\nمبلغ: 2,490,000 ریال\n05/08/07_12:13\nموجودی: 23,632,500 ریال",
	}
	for _, text := range seeds {
		if r := Parse("", text, received); r.Settles && r.PayerCard == "" && r.Bank != Parsian {
			deposits = append(deposits, text)
		}
	}
	require.GreaterOrEqual(t, len(deposits), 18)
	for _, text := range deposits {
		plain := Parse("", text, received)
		for _, c := range []struct{ tail, card string }{
			{"از کارت 6037991122334455", "6037991122334455"},
			{"از کارت: 6037991122334455", "6037991122334455"},
			{"از كارت:6037-9911-2233-4455", "6037991122334455"},
			{"از کارت ۶۰۳۷ ۹۹۱۱ ۲۲۳۳ ۴۴۵۵", "6037991122334455"},
			{"از کارت شماره 6037991122334455", "6037991122334455"},
			{"از کارت 603799******4455", "603799******4455"},
			{"از کارت 6037-99**-****-4455", "6037-99**-****-4455"},
			{"از کارت 603799*4455", "603799*4455"},
			{"از کارت *4455", "*4455"},
			{"از کارت 4455", "4455"},
			{"انتقال از کارت 6037991122334455", "6037991122334455"},
			{"انتقال از کارت 603799******4455 به کارت 621986******7719", "603799******4455"},
			{"بابت: انتقال از کارت 6037991122334455", "6037991122334455"},
			{"بابت :انتقال از کارت 6037991122334455 به کارت 6219861122334455", "6037991122334455"},
			{"بابت: انتقال از کارت 6037991122334455 به کارت 6219861122334455 با شماره پیگیری 440912", "6037991122334455"},
			{"بابت: انتقال از کارت 6037991122334455 به کارت 6219861122334455 با شماره بازیابی 440912876611 با شماره پیگیری 700123", "6037991122334455"},
			{"کارت مبدا: 603799******4455", "603799******4455"},
		} {
			for _, glue := range []string{"\n", " ", "  \r\n"} {
				got := Parse("", text+glue+c.tail, received)
				require.True(t, got.Settles, "%q %q %+v", text, c.tail, got)
				require.Equal(t, c.card, got.PayerCard, "%q %q", text, c.tail)
				got.PayerCard, got.Normal = plain.PayerCard, plain.Normal
				require.Equal(t, plain, got, "%q %q", text, c.tail)
			}
		}
	}
}

// It may also stand between other lines.
func TestPayersCardInTheMiddle(t *testing.T) {
	for _, text := range seeds {
		plain := Parse("", text, received)
		if !plain.Settles || plain.PayerCard != "" {
			continue
		}
		lines := strings.Split(text, "\n")
		for i := 2; i < len(lines); i++ {
			whole := strings.Join(lines[:i], "\n") + "\nاز کارت 603799******4455\n" + strings.Join(lines[i:], "\n")
			got := Parse("", whole, received)
			require.Equal(t, Deposit, got.Type, whole)
			require.Equal(t, plain.Amount, got.Amount, whole)
			require.Equal(t, plain.Account, got.Account, whole)
			require.Equal(t, plain.Balance, got.Balance, whole)
			require.Equal(t, "603799******4455", got.PayerCard, whole)
		}
	}
}

// Of a debit the same line names our own card, which is no payer's.
func TestOwnCardOfADebit(t *testing.T) {
	check(t, []read{
		{"sentence", "", "بانک دی\nبرداشت ۵۱۰,۰۰۰ ریال\nاز کارت 603799******7719",
			Day, Withdraw, 510000, "603799******7719", "", none, "", ReasonWithdrawal},
		{"the account stands elsewhere", "", "بانك ملي ايران\nانتقال:2,350,000-\nحساب:03004\nمانده:6,062,907\n0811-14:05\nاز کارت 6037991122334455",
			Melli, Withdraw, 2350000, "03004", "", 6062907, "2026-11-02 14:05:00", ReasonWithdrawal},
		{"a credit from an account", "", "بانک ملی ایران\nواریز: 500,000 ریال\nاز حساب 0100998877\nمانده: 600,000 ریال",
			Melli, Deposit, 500000, "", "", 600000, "", ""},
		{"unknown layout in", "", "بانک ملل\nواریز 500,000 ریال از کارت 6037-9911-2233-4455 به حساب 0100998877\nمانده: 600,000 ریال",
			Melal, Deposit, 500000, "0100998877", "6037991122334455", 600000, "", ReasonLayout},
		{"unknown layout out", "", "بانک ملل\nبرداشت 500,000 ریال از کارت 606256******7719 به حساب 0100998877\nمانده: 600,000 ریال",
			Melal, Withdraw, 500000, "606256******7719", "", 600000, "", ReasonWithdrawal},
	})
}

func TestShowsPayerCardIsNarrow(t *testing.T) {
	for _, b := range Banks() {
		require.Equal(t, b == Parsian, b.ShowsPayerCard(), b)
	}
	require.Empty(t, Parse("", strings.Replace(seeds[0], "+", "-", 1)+"\nاز کارت 6037991122334455", received).PayerCard)
}
