package sandbox

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/money"
)

// at is 5 Mehr 1405, 09:07:03 in Tehran: one digit wherever a bank may print one.
var at = toJalali(time.Date(2026, 9, 27, 5, 37, 3, 0, time.UTC))

func TestEveryBanksMessages(t *testing.T) {
	const account = "A-1"
	untested := map[string]bool{}
	for _, b := range smsBanks {
		untested[b.slug] = true
	}
	for slug, want := range map[string]struct{ deposit, withdraw, reversal string }{
		"saman": {
			"بانك سامان\nواريز مبلغ  11,380ريال\nبه  A-1\nمانده 2,500,000\n1405/7/5\n09:07",
			"بانك سامان\nبرداشت مبلغ 11,380 انتقال وجه\nاز A-1\nمانده 2,500,000\n1405/7/5\n09:07:03",
			"بانك سامان\nواريز مبلغ  11,380ريال اصلاحيه\nبه  A-1\nمانده 2,500,000\n1405/7/5\n09:07",
		},
		"mellat": {
			"حسابA-1\nواریز11,380\nمانده2,500,000\n05/07/05-09:07",
			"حسابA-1\nبرداشت11,380\nمانده2,500,000\n05/07/05-09:07",
			"واریز اصلاحیه\nحسابA-1\nمبلغ11,380\nمانده2,500,000\n05/07/05-09:07",
		},
		"melli": {
			"بانك ملي ايران\nانتقال:11,380+\nحساب:A-1\nمانده:2,500,000\n0705-09:07",
			"بانك ملي ايران\nبرداشت:11,380-\nحساب:A-1\nمانده:2,500,000\n0705-09:07",
			"بانك ملي ايران\nاصـلاحيه:11,380+\nحساب:A-1\nمانده:2,500,000\n0705-09:07",
		},
		"tejarat": {
			"*بانک تجارت*  \nحساب: A-1  \nواریز: 11,380 ریال  \nاز طريق: شتاب  \nمانده: 2,500,000 ریال  \n1405/07/05  \n09:07",
			"*بانک تجارت*  \nحساب: A-1  \nبرداشت: 11,380 ریال  \nاز طريق: پایانه فروش  \nمانده: 2,500,000 ریال  \n1405/07/05  \n09:07",
			"*بانک تجارت*  \nحساب: A-1  \nواریز: 11,380 ریال  \nاز طريق: اصلاحیه سند  \nمانده: 2,500,000 ریال  \n1405/07/05  \n09:07",
		},
		"saderat": {
			"انتقال: 11,380+\nحساب:A-1\nمانده:2,500,000\n0705 - 09:07",
			"پايانه فروش: 11,380-\nحساب:A-1\nمانده:2,500,000\n0705 - 09:07",
			"اصلاحيه: 11,380+\nحساب:A-1\nمانده:2,500,000\n0705 - 09:07",
		},
		"parsian": {
			"A-1\nمبلغ:11,380+\nمانده:2,500,000\n07/05\n09:07",
			"A-1\nمبلغ:11,380-\nمانده:2,500,000\n07/05\n09:07",
			"A-1\nمبلغ:11,380+\nمانده:2,500,000\n07/05\n09:07\nبابت :اصلاحیه",
		},
		"blu": {
			"بلو\nواریز پول\nسارا عزیز، 11,380 ریال به حساب شما نشست.\nموجودی: 2,500,000 ریال\n۹:۰۷\n۱۴۰۵.۰۷.۰۵",
			"بلو\nبرداشت پول\nسارا عزیز، 11,380 ریال از حساب شما پرید.\nموجودی: 2,500,000 ریال\n۹:۰۷\n۱۴۰۵.۰۷.۰۵",
			"بلو\nاصلاحیه\nسارا عزیز، 11,380 ریال بابت اصلاحیه به حساب شما نشست.\nموجودی: 2,500,000 ریال\n۹:۰۷\n۱۴۰۵.۰۷.۰۵",
		},
		"pasargad": {
			"A-1\n+11,380\n07/05_09:07\nمانده: 2,500,000",
			"A-1\n-11,380\n07/05_09:07\nمانده: 2,500,000",
			"A-1\n+11,380\n07/05_09:07\nمانده: 2,500,000\nاصلاحیه",
		},
		"resalat": {
			"A-1 \n+11,380 \n07/05_09:07 \nمانده: 2,500,000",
			"A-1 \n-11,380 \n07/05_09:07 \nمانده: 2,500,000",
			"A-1 \n+11,380 \n07/05_09:07 \nمانده: 2,500,000 \nاصلاحیه",
		},
		"refah": {
			"بانک رفاه\nحسابA-1\nکارت11,380+\nمانده2,500,000\n07/05-09:07",
			"بانک رفاه\nحسابA-1\nخرید11,380-\nمانده2,500,000\n07/05-09:07",
			"بانک رفاه\nحسابA-1\nاصلاحیه11,380+\nمانده2,500,000\n07/05-09:07",
		},
		"sepah": {
			"بانک سپه\nواريز:11,380ريال\nحساب:A-1\nمانده:2,500,000\n7/5-09:07",
			"بانک سپه\nبرداشت:11,380\nحساب :\u202aA-1\u202c\nمانده:2,500,000",
			"بانک سپه\nاصلاحيه:11,380ريال\nحساب:A-1\nمانده:2,500,000\n7/5-09:07",
		},
		"keshavarzi": {
			"واریز11,380\nمانده2,500,000\n050705-09:07\nکارتA-1*\nbki. ir",
			"برداشت11,380\nمانده2,500,000\n050705-09:07\nکارتA-1*\nbki. ir",
			"اصلاحیه11,380\nمانده2,500,000\n050705-09:07\nکارتA-1*\nbki. ir",
		},
		"maskan": {
			"انتقال اینترنت:+11,380\nحساب:A-1\nمانده:2,500,000\n0705-09:07",
			"انتقال: -11,380 \nحساب:A-1\nمانده:2,500,000\n0705-09:07",
			"اصلاحیه:+11,380\nحساب:A-1\nمانده:2,500,000\n0705-09:07",
		},
		"shahr": {
			"*بانک شهر*\nانتقال وجه کارتي\nواريز به:A-1\nمبلغ:11,380ريال\nموجودي:2,500,000ريال\n1405/07/05 09:07:03",
			"*بانک شهر*\nانتقال وجه کارتی\nبرداشت از:A-1\nمبلغ:11,380ريال\nموجودي:2,500,000ريال\n1405/07/05 09:07:03",
			"*بانک شهر*\nاصلاحيه\nواريز به:A-1\nمبلغ:11,380ريال\nموجودي:2,500,000ريال\n1405/07/05 09:07:03",
		},
		"gardeshgari": {
			"*بانک گردشگری*\nکارت\nواریز به: A-1\nمبلغ: 11,380 ریال\n05/07/05_09:07\nموجودی: 2,500,000 ریال",
			"*بانک گردشگری*\nکارت\nبرداشت از: A-1\nمبلغ: 11,380 ریال\n05/07/05_09:07\nموجودی: 2,500,000 ریال",
			"*بانک گردشگری*\nسند برگشت عملیات\nواریز به: A-1\nمبلغ: 11,380 ریال\n05/07/05_09:07\nموجودی: 2,500,000 ریال",
		},
		"mehr-iran": {
			"A-1\n11,380+\n1405/7/5-9:07\nمانده:2,500,000",
			"A-1\n11,380-\n1405/7/5-9:07\nمانده:2,500,000",
			"A-1\n11,380+\n1405/7/5-9:07\nمانده:2,500,000\nاصلاحیه",
		},
		"post-bank": {
			"پست بانک\nواريز به کارت: A-1\n+11,380\n1405/07/5\n9:07\nمانده: 2,500,000 ريال",
			"پست بانک\nبرداشت از کارت: A-1\n-11,380\n1405/07/5\n9:07\nمانده: 2,500,000 ريال",
			"پست بانک\nاصلاحيه کارت: A-1\n+11,380\n1405/07/5\n9:07\nمانده: 2,500,000 ريال",
		},
		"khavarmianeh": {
			"بانک خاورمیانه\nA-1\n+11,380\n07/05\n09:07\nمانده 2,500,000",
			"بانک خاورمیانه\nبرداشت وجه از خودپرداز\n-11,380\nA-1\nمانده 2,500,000\n07/05\n09:07",
			"بانک خاورمیانه\nاصلاحیه تراکنش\n+11,380\nA-1\nمانده 2,500,000\n07/05\n09:07",
		},
		"eghtesad-novin": {
			"واریز: A-1\n+11,380ريال\nمانده:2,500,000ريال\n7/5-09:07\nمرکزآواي نوين:02162740",
			"برداشت: A-1\n-11,380ريال\nمانده:2,500,000ريال\n7/5-09:07\nمرکزآواي نوين:02162740",
			"اصلاحیه: A-1\n+11,380ريال\nمانده:2,500,000ريال\n7/5-09:07\nمرکزآواي نوين:02162740",
		},
		"ayandeh": {
			"بانک آینده واریز ۱٬۱۳۸ تومان به حساب A-۱ مانده ۲۵۰٬۰۰۰ تومان ۱۴۰۵/۰۷/۰۵",
			"بانک آینده برداشت ۱٬۱۳۸ تومان از حساب A-۱ مانده ۲۵۰٬۰۰۰ تومان ۱۴۰۵/۰۷/۰۵",
			"بانک آینده اصلاحیه واریز ۱٬۱۳۸ تومان به حساب A-۱ مانده ۲۵۰٬۰۰۰ تومان ۱۴۰۵/۰۷/۰۵",
		},
	} {
		t.Run(slug, func(t *testing.T) {
			bank, ok := findSMSBank(strings.ToUpper(slug))
			require.True(t, ok)
			require.NotEmpty(t, bank.title)
			require.NotEmpty(t, bank.sender)
			for kind, text := range map[string]string{kindDeposit: want.deposit, kindWithdraw: want.withdraw, kindReversal: want.reversal} {
				require.Equal(t, text, bank.text(sms{kind: kind, amount: 11_380, balance: 2_500_000, account: account, card: samanCard, at: at, id: 7}), kind)
			}
		})
		delete(untested, slug)
	}
	require.Empty(t, untested)
}

func TestPayersCardInMessages(t *testing.T) {
	for _, bank := range smsBanks {
		m := sms{kind: kindDeposit, amount: 11_380, balance: 2_500_000, account: "A-1", card: samanCard, at: at, id: 7}
		plain := bank.text(m)
		require.NotContains(t, plain, "از کارت ")
		m.payer = payerCard
		text := bank.text(m)
		switch bank.slug {
		case "parsian":
			require.Equal(t, "A-1\nمبلغ:+11,380\nمانده:2,500,000\n07/05\n09:07\nبابت :انتقال از کارت "+payerCard+" به کارت "+samanCard+
				" با شماره بازیابی 700000000007 با شماره پیگیری 100007", text)
		case "khavarmianeh":
			require.Equal(t, "بانک خاورمیانه\nانتقال از اینترنت بانک از کارت 7895\n+11,380\nA-1\nمانده 2,500,000\n07/05\n09:07", text)
		default:
			require.Equal(t, plain+"\nاز کارت "+payerCard, text, bank.slug)
		}
	}
}

func TestAccountsOfCards(t *testing.T) {
	for _, bank := range smsBanks {
		account := bank.accountOf(samanCard)
		require.Equal(t, account, bank.accountOf(samanCard))
		require.NotContains(t, account, "#")
		switch bank.account {
		case accountTail:
			require.Equal(t, "0019", account)
		case accountNone:
			require.Empty(t, account)
		default:
			require.Len(t, account, len(bank.account))
			require.NotEqual(t, account, bank.accountOf(mellatCard), bank.slug)
		}
	}
}

func TestOpeningBalancesAreWholeTomans(t *testing.T) {
	for _, bank := range smsBanks {
		balance := openingBalance(bank.slug)
		require.Zero(t, balance%10)
		require.GreaterOrEqual(t, balance, money.Rial(20_000_000))
	}
}

func TestBankOfACard(t *testing.T) {
	for card, want := range map[string]string{
		samanCard: "saman", mellatCard: "mellat", "6219861800000000": "blu", "6037990000000000": "melli", "5859470000000000": "khavarmianeh",
	} {
		bank, ok := smsBankOfCard(card)
		require.True(t, ok)
		require.Equal(t, want, bank.slug)
	}
	_, ok := smsBankOfCard("1234560000000000")
	require.False(t, ok)
}

func TestReadCard(t *testing.T) {
	for text, says := range map[string]string{
		samanCard: "", "۶۲۱۹-۸۶۰۰ ۰۰۰۰_۰۰۱۹": "", "\u200e6219.8600.0000.0019": "",
		"6219860000000018": "check digit", "621986000000001": "16 digits", "62198600000000190": "16 digits", "6219 8600 0000 001x": "16 digits", "": "16 digits",
	} {
		card, err := readCard(text)
		if says != "" {
			require.ErrorContains(t, err, says, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, samanCard, card)
	}
}

func TestJalali(t *testing.T) {
	for utc, want := range map[string]string{
		"2021-03-20T20:29:59Z": "1399/12/30 23:59:59", // 1399 is a leap year
		"2021-03-20T20:30:00Z": "1400/01/01 00:00:00",
		"2025-03-20T12:00:00Z": "1403/12/30 15:30:00",
		"2025-03-21T12:00:00Z": "1404/01/01 15:30:00",
		"2026-09-22T12:00:00Z": "1405/06/31 15:30:00",
		"2026-09-23T12:00:00Z": "1405/07/01 15:30:00",
		"2017-05-14T09:31:00Z": "1396/02/24 13:01:00",
		"2030-03-20T12:00:00Z": "1408/12/30 15:30:00",
		"2050-03-21T12:00:00Z": "1429/01/01 15:30:00",
	} {
		moment, err := time.Parse(time.RFC3339, utc)
		require.NoError(t, err)
		j := toJalali(moment)
		require.Equal(t, want, j.date("/")+" "+j.seconds(), utc)
	}
}
