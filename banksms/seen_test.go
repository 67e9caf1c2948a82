package banksms

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLayoutsSeenElsewhere(t *testing.T) { check(t, seenElsewhere()) }

// A message that lost a line or a word, or was cut off, never settles with another amount or another account.
func TestTornLayouts(t *testing.T) {
	torn := 0
	for _, c := range seenElsewhere() {
		if c.kind == Other { // the word that says why may be the one that is lost
			continue
		}
		pieces := map[string][]string{"\n": strings.Split(c.text, "\n"), " ": strings.Fields(c.text)}
		for glue, list := range pieces {
			for i := range list {
				cut := append(append([]string{}, list[:i]...), list[i+1:]...)
				for _, text := range []string{strings.Join(cut, glue), strings.Join(list[:i], glue), strings.Join(list[i:], glue)} {
					got := Parse("", text, received)
					if !got.Settles {
						continue
					}
					torn++
					require.Equal(t, c.kind, got.Type, text)
					require.Equal(t, c.amount, got.Amount, text)
					require.Contains(t, []string{"", c.account}, got.Account, text)
				}
			}
		}
	}
	require.Greater(t, torn, 100, "many lines may be missing")
}

// A text that begins with a bank's name settles nothing when another bank sends it.
func TestSenderOfAnotherBank(t *testing.T) {
	for _, c := range seenElsewhere() {
		for _, b := range Banks() {
			if named, ok := bankAtop(normalise(c.text)); ok && named != b {
				require.False(t, Parse("Bank "+string(b), c.text, received).Settles, "%s: %s", b, c.text)
			}
		}
	}
}

// How a text is written changes nothing.
func TestLayoutsInAnotherDress(t *testing.T) {
	for _, c := range seenElsewhere() {
		plain := Parse("", c.text, received)
		for _, text := range []string{
			strings.Join(strings.Fields(c.text), " "),
			strings.ReplaceAll(c.text, "\n", "\r\n"),
			"\u200f" + strings.ReplaceAll(c.text, "\n", "\u200e \n\n\u200f") + "\u202c",
			strings.NewReplacer("ی", "ي", "ک", "ك").Replace(c.text),
			digitsFrom(c.text, '٠'),
			digitsFrom(c.text, '۰'),
		} {
			got := Parse("", text, received)
			if got.Bank != plain.Bank { // a short name in the middle of a line is an ordinary word
				require.Empty(t, got.Bank, text)
				require.False(t, got.Settles, text)
				continue
			}
			got.Normal, plain.Normal = "", ""
			require.Equal(t, plain, got, text)
		}
	}
}

// seenElsewhere are layouts that public code reads, in messages of our own.
func seenElsewhere() []read {
	return []read{
		{"Ayandeh in", "", "بانک آينده\nانتقال به كارت\n+4,200,000\nمانده:31,755,006\nکارت7719\n050806-13:29",
			Ayandeh, Deposit, 4200000, "7719", "", 31755006, "2026-10-28 13:29:00", ""},
		{"Ayandeh paya", "", "بانک آينده\nواريز-حواله پايا\n14,200,000+\nمانده:31,755,006\nحساب0209988776\n050806-13:29",
			Ayandeh, Deposit, 14200000, "0209988776", "", 31755006, "2026-10-28 13:29:00", ""},
		{"Ayandeh out", "", "بانک آينده\nخريد از پايانه فروش\n-420,000\nمانده:31,335,006\nکارت7719\n0806-13:29",
			Ayandeh, Withdraw, 420000, "7719", "", 31335006, "2026-10-28 13:29:00", ReasonWithdrawal},
		{"Iran Zamin in", "", "11784012233445\nمبلغ 2,640,000+\n1405/8/6-09:15\nمانده 7,040,120",
			IranZamin, Deposit, 2640000, "11784012233445", "", 7040120, "2026-10-28 09:15:00", ""},
		{"Iran Zamin out, dashed", "", "117-840-1223344-1\nمبلغ 2,640,000-\n1405/8/6-09:15\nمانده 4,400,120",
			IranZamin, Withdraw, 2640000, "117-840-1223344-1", "", 4400120, "2026-10-28 09:15:00", ReasonWithdrawal},
		{"Sarmayeh out", "", "بانک سرمايه\nانتقال وجه\nبرداشت از:1010-803-123456-1\nمبلغ:5,500,000\nتاريخ:1405/8/6\nزمان:09:15\nمانده:1,040,120",
			Sarmayeh, Withdraw, 5500000, "1010-803-123456-1", "", 1040120, "2026-10-28 09:15:00", ReasonWithdrawal},
		{"Sarmayeh in", "", "بانک سرمايه\nانتقال وجه\nواريز به:1010-803-123456-1\nمبلغ:5,500,000\nتاريخ:1405/8/6\nزمان:09:15:07\nمانده:6,540,120",
			Sarmayeh, Deposit, 5500000, "1010-803-123456-1", "", 6540120, "2026-10-28 09:15:07", ""},
		{"Sina with the month's name", "", "بانک سینا\nبرداشت از 112-813-1122334-1\nمبلغ  700,000 ريال\nمانده 2,300,000 ريال\nزمان : 6 آبان ماه 1405 ; 09:15:07",
			Sina, Withdraw, 700000, "112-813-1122334-1", "", 2300000, "2026-10-28 09:15:07", ReasonWithdrawal},
		{"Sina in", "", "بانک سینا\nواریز به 112-813-1122334-1\nمبلغ  700,000 ريال\nمانده 3,000,000 ريال\nزمان : 6 آبان ماه 1405 ; 09:15:07",
			Sina, Deposit, 700000, "112-813-1122334-1", "", 3000000, "2026-10-28 09:15:07", ""},
		{"Karafarin in", "", "بانک کارآفرین\nواریز به: 0200112233445 مبلغ: 8,100,000 ریال\nموجودي: 9,000,000 ریال\n05/08/06_09:15",
			Karafarin, Deposit, 8100000, "0200112233445", "", 9000000, "2026-10-28 09:15:00", ""},
		{"Karafarin out, sign only", "", "بانک کارآفرین\nکارت:7719\nمبلغ:-75,000\nمانده:925,000",
			Karafarin, Withdraw, 75000, "7719", "", 925000, "", ReasonWithdrawal},
		{"Tosee Taavon out", "", "بانك توسعه تعاون\nکارت\nبرداشت از: 3110.711.1234567.1\nمبلغ: 120,000 ريال\n05/08/06_09:15\nموجودي: 880,000 ريال",
			ToseeTaavon, Withdraw, 120000, "3110.711.1234567.1", "", 880000, "2026-10-28 09:15:00", ReasonWithdrawal},
		{"Tosee Taavon in", "", "بانك توسعه تعاون\nکارت\nواريز به: 3110.711.1234567.1\nمبلغ: 120,000 ريال\n05/08/06_09:15\nموجودي: 1,000,000 ريال",
			ToseeTaavon, Deposit, 120000, "3110.711.1234567.1", "", 1000000, "2026-10-28 09:15:00", ""},
		{"Sepah voucher", "", "*بانك سپه*\nکارت\nبرداشت از: 1234567890123\nمبلغ: 300,000 ريال\n05/08/06_19:30\nموجودي: 2,000,000 ريال",
			Sepah, Withdraw, 300000, "1234567890123", "", 2000000, "2026-10-28 19:30:00", ReasonWithdrawal},
		{"Sepah interest", "", "بانک سپه\nواريز سود به: 12345678901234\nمبلغ: 71,250ريال\nزمان: 1405/8/6-20:16\nمانده: 9,800,543ريال",
			Sepah, Other, 71250, "12345678901234", "", 9800543, "2026-10-28 20:16:00", ReasonNotCustomer},
		{"Sepah instalment", "", "بانک سپه\nبرداشت:6,180,724\nحساب :1234567890123\nمانده:66,875\n8/6-20:58\nدريافت اتوماتيک  قسط مور",
			Sepah, Withdraw, 6180724, "1234567890123", "", 66875, "2026-10-28 20:58:00", ReasonWithdrawal},
		{"Keshavarzi bare account", "KESHAVARZI", "واریز پل5,500,000\nمانده8,354,098\n050806-13:04\n47045211\nbki. ir",
			Keshavarzi, Deposit, 5500000, "47045211", "", 8354098, "2026-10-28 13:04:00", ""},
		{"Keshavarzi purchase", "", "خرید500,000\nمانده2,542,509\n050806-12:29\nکارت7719*\nbki. ir",
			Keshavarzi, Withdraw, 500000, "7719*", "", 2542509, "2026-10-28 12:29:00", ReasonWithdrawal},
		{"Keshavarzi, one line", "", "واریز 5,000,000 مانده 13,422,960 050806-12:44 کارت *7719 bki. ir",
			Keshavarzi, Deposit, 5000000, "*7719", "", 13422960, "2026-10-28 12:44:00", ""},
		{"Refah wages, one-digit year", "", "بانك رفاه\nحساب 310045528\nواریز274,551,902+\nحقوق ماهانه\nمانده274,964,007\n5/08/06-13:00",
			Refah, Deposit, 274551902, "310045528", "", 274964007, "2026-10-28 13:00:00", ""},
		{"Refah paya out", "", "بانک رفاه\nحساب310045528\nپایا70,000,000-\nمانده450,105\n08/06-11:32",
			Refah, Withdraw, 70000000, "310045528", "", 450105, "2026-10-28 11:32:00", ReasonWithdrawal},
		{"Tejarat with a reference at the end", "", "*بانک تجارت*\nحساب: 0199900112233\nواریز: 7,700,000 ریال\nاز طريق: شتاب\nمانده: 11,020,300 ریال\n1405/08/06\n10:01 884512",
			Tejarat, Deposit, 7700000, "0199900112233", "", 11020300, "2026-10-28 10:01:00", ""},
		{"Tejarat, masked account", "", "*بانک تجارت* حساب: ******** برداشت: 720,000 ریال از طريق: شتاب مانده: 31,401,793 ریال 1405/08/06 23:05",
			Tejarat, Withdraw, 720000, "********", "", 31401793, "2026-10-28 23:05:00", ReasonWithdrawal},
		{"Tejarat, kind in brackets", "", "بانك تجارت\nحساب:0199900\nبرداشت(خريد):250,000\nمانده:1,000,000\n1405/08/06-09:10",
			Tejarat, Withdraw, 250000, "0199900", "", 1000000, "2026-10-28 09:10:00", ReasonWithdrawal},
		{"Pasargad, name and sign", "", "بانک پاسارگاد\nانتقال\nمبلغ:1,000,000-\nحساب:201.8000.1122334.1\nمانده:5,000,000\n08/06 10:00",
			Pasargad, Withdraw, 1000000, "201.8000.1122334.1", "", 5000000, "2026-10-28 10:00:00", ReasonWithdrawal},
		{"Saman to a deposit", "", "بانک سامان\nواریز به سپرده 849-800-1234567-1\nمبلغ: 1,250,030 ریال\nمانده: 9,000,000 ریال\n1405/08/06\n21:05",
			Saman, Deposit, 1250030, "849-800-1234567-1", "", 9000000, "2026-10-28 21:05:00", ""},
		{"Saman from an account", "", "بانک سامان\nبرداشت از حساب 849-800-1234567-1\nمبلغ: 150,000 ریال\nمانده: 3,000,000\n1405/08/06 - 18:20",
			Saman, Withdraw, 150000, "849-800-1234567-1", "", 3000000, "2026-10-28 18:20:00", ReasonWithdrawal},
		{"Saman card", "", "بانک سامان\nواریز کارت 7719\nمبلغ: 25,000,000 ریال\nمانده: 37,300,000 ریال",
			Saman, Deposit, 25000000, "7719", "", 37300000, "", ""},
		{"Saderat paya, one line", "", "پايا: 1,479,680+ حساب: 27007 مانده: 32,203,090 0806 - 13:04",
			Saderat, Deposit, 1479680, "27007", "", 32203090, "2026-10-28 13:04:00", ""},
		{"Saderat with its name", "", "بانک صادرات\nانتقال:1,479,680+\nحساب:27007\nمانده:32,203,090\n0806-13:04",
			Saderat, Deposit, 1479680, "27007", "", 32203090, "2026-10-28 13:04:00", ""},
		{"Eghtesad Novin with its short name", "", "اقتصاد نوین\nواریز: 126-800-7654321-1\n+9,100,000ريال\nمانده:71,325,358ريال\n08/06-10:04",
			EghtesadNovin, Deposit, 9100000, "126-800-7654321-1", "", 71325358, "2026-10-28 10:04:00", ""},
		{"Khavarmianeh, pol out", "", "بانک خاورمیانه\n838/000112233\n-208,000,000\n08/06\n15:58\nمانده 536,365\nبرداشت حواله پل",
			Khavarmianeh, Withdraw, 208000000, "838/000112233", "", 536365, "2026-10-28 15:58:00", ReasonWithdrawal},
		{"Gardeshgari from a shop", "", "*بانك گردشگری*\nسي و سه پل\nواريز به: 2311.7007.1234567.1\nمبلغ: 381,182,210 ريال\n05/08/06_14:42\nموجودي: 387,697,849 ريال",
			Gardeshgari, Deposit, 381182210, "2311.7007.1234567.1", "", 387697849, "2026-10-28 14:42:00", ""},
		{"Gardeshgari, no kind", "", "*بانك گردشگری*\nواريز به: 132.8501.3202.1\nمبلغ: 64,298,056 ريال\n05/08/06_14:46\nموجودي: 164,419,396 ريال",
			Gardeshgari, Deposit, 64298056, "132.8501.3202.1", "", 164419396, "2026-10-28 14:46:00", ""},
		{"Blu out by pol", "", "بلو\nانتقال پل\n مینا عزیز، 500,000,000 ریال از حساب شما پرید.\n موجودی: 7,033,963 ریال\n۱۰:۰۴\n۱۴۰۵.۰۸.۰۶",
			Blu, Withdraw, 500000000, "", "", 7033963, "2026-10-28 10:04:00", ReasonWithdrawal},
		{"Blu bill", "", "بلو\nپرداخت قبض\nمینا عزیز، 578,000 ریال بابت پرداخت قبض تلفن همراه از حساب شما پرید.\nموجودی: 4,902,335 ریال\n۵:۰۹\n۱۴۰۵.۰۸.۰۶",
			Blu, Withdraw, 578000, "", "", 4902335, "2026-10-28 05:09:00", ReasonWithdrawal},
		{"Blu instalment", "", "بلو\nمینا عزیز 23,158,626 ریال بابت بازپرداخت بدهی وام به‌جا، از حساب شما پرید.\nموجودی: 4,878,709 ریال\n۵:۴۲\n۱۴۰۵.۰۸.۰۶",
			Blu, Withdraw, 23158626, "", "", 4878709, "2026-10-28 05:42:00", ReasonWithdrawal},
		{"Blu out of a box", "", "بلو\nاز باکس\nمینا عزیز، 500,000 ریال از باکس سفر به حساب شما نشست.\nموجودی: 7,033,963 ریال\n۱۰:۰۴\n۱۴۰۵.۰۸.۰۶",
			Blu, Other, 500000, "", "", 7033963, "2026-10-28 10:04:00", ReasonNotCustomer},
		{"Blu interest", "", "بلو\nسود شما\nمینا عزیز، 50,000 ریال سود به حساب شما نشست.\nموجودی: 7,033,963 ریال\n۱۰:۰۴\n۱۴۰۵.۰۸.۰۶",
			Blu, Other, 50000, "", "", 7033963, "2026-10-28 10:04:00", ReasonNotCustomer},
		{"Blu gives back", "", "بلو\nبرگشت پول\nمینا عزیز، 50,000 ریال به حساب شما نشست.\nموجودی: 7,033,963 ریال\n۱۰:۰۴\n۱۴۰۵.۰۸.۰۶",
			Blu, Other, 50000, "", "", 7033963, "2026-10-28 10:04:00", ReasonNotCustomer},
		{"Post Bank, line by line", "", "پست بانک\nبرداشت\nمبلغ:200,000\nمانده:800,000\n1405/08/06\n12:30",
			PostBank, Withdraw, 200000, "", "", 800000, "2026-10-28 12:30:00", ReasonWithdrawal},
		{"Melli, line by line", "", "بانک ملی ایران\nبرداشت\nمبلغ:250,000\nمانده:1,000,000\nحساب:0101XXXX\n1405/08/06",
			Melli, Withdraw, 250000, "0101XXXX", "", 1000000, "2026-10-28 00:00:00", ReasonWithdrawal},
		{"Ayandeh, line by line", "", "بانک آینده\nواریز به حساب\nحساب:0209988776\nمبلغ:1,000,000\nمانده:3,000,000",
			Ayandeh, Deposit, 1000000, "0209988776", "", 3000000, "", ""},
		{"Melli to a masked card", "", "بانک ملی ایران\nواریز: ۳,۰۰۰,۰۰۰ ریال\nبه: ۶۰۳۷۹۹***۷۷۱۹\nمانده: ۸,۲۰۰,۰۰۰ ریال\nانتقال پایا",
			Melli, Deposit, 3000000, "603799***7719", "", 8200000, "", ""},
		{"Melli from a masked card", "", "بانک ملی ایران\nبرداشت: ۱,۵۰۰,۰۰۰ ریال\nاز: ۶۰۳۷۹۹***۷۷۱۹\nمانده: ۵,۲۰۰,۰۰۰ ریال\n۱۴۰۵/۰۸/۰۶ ۱۶:۴۰",
			Melli, Withdraw, 1500000, "603799***7719", "", 5200000, "2026-10-28 16:40:00", ReasonWithdrawal},
		{"Melli sentence in lines", "", "بانک ملی\nواریز مبلغ ۱,۲۵۰,۰۰۰ ریال\nبه حساب *۷۷۱۹\nمانده ۵,۰۰۰,۰۰۰",
			Melli, Deposit, 1250000, "*7719", "", 5000000, "", ""},
		{"Mellat sentence out", "", "بانک ملت\nبرداشت مبلغ ۴۵۰,۰۰۰ ریال\nاز کارت ۷۷۱۹\nکدپیگیری ۹۸۷۶۵۴۳",
			Mellat, Withdraw, 450000, "7719", "", none, "", ReasonWithdrawal},
		{"Mellat, spaced", "", "بانک ملت\nکارت: ****۷۷۱۹\nبرداشت: ۱٬۲۰۰٬۰۰۰ ریال\nموجودی: ۹۸۰٬۰۰۰\n۱۴۰۵/۰۸/۰۶ ۰۹:۰۵",
			Mellat, Withdraw, 1200000, "****7719", "", 980000, "2026-10-28 09:05:00", ReasonWithdrawal},
		{"Mellat, labels and tracking", "", "بانک ملت\nواریز به مبلغ: 12,500,000 ریال\nحساب: 7340098821\nمانده: 84,300,000 ریال\nتاریخ: 1405/08/06 ساعت 09:14\nپیگیری: 88213045",
			Mellat, Deposit, 12500000, "7340098821", "", 84300000, "2026-10-28 09:14:00", ""},
		{"Melli in one sentence", "", "بانک ملی ایران: برداشت مبلغ 2,000,000 ریال از حساب 9988776655 - مانده: 81,850,000 ریال - 1405/08/06 11:30 - پیگیری 10029384",
			Melli, Withdraw, 2000000, "9988776655", "", 81850000, "2026-10-28 11:30:00", ReasonWithdrawal},
		{"Parsian in one sentence", "", "پارسیان: واریزی 35,000,000 ریال به کارت 6221-****-****-7719، مانده 116,850,000 ریال، تاریخ 1405/08/06 ساعت 08:00، پیگیری 77341022",
			Parsian, Deposit, 35000000, "6221-****-****-7719", "", 116850000, "2026-10-28 08:00:00", ""},
		{"Pasargad named last", "", "واریز ۲,۵۰۰,۰۰۰ ریال به کارت ****۷۷۱۹\nمانده ۵,۰۰۰,۰۰۰ ریال\nبانک پاسارگاد",
			Pasargad, Deposit, 2500000, "****7719", "", 5000000, "", ""},
		{"Melli, sign in a line", "", "بانک ملی\nحساب 0123456789\n+1,000,000\nمانده: 3,500,000\n1405/08/06 10:15",
			Melli, Deposit, 1000000, "0123456789", "", 3500000, "2026-10-28 10:15:00", ""},
		{"Mehr Iran, labelled", "", "مهر ایران\nحساب:300411223344\nمبلغ:+20,000\nمانده:120,000",
			MehrIran, Deposit, 20000, "300411223344", "", 120000, "", ""},
		{"Tosee Saderat sentence", "", "بانک توسعه صادرات\nبرداشت ۱۲,۰۰۰,۰۰۰ ریال از کارت *۷۷۱۹",
			ExportDevelopment, Withdraw, 12000000, "*7719", "", none, "", ReasonWithdrawal},
		{"Sanat o Madan sentence", "", "بانک صنعت و معدن\nواریز ۱۵,۰۰۰,۰۰۰ ریال به حساب *۷۷۱۹",
			IndustryMine, Deposit, 15000000, "*7719", "", none, "", ""},
		{"Hekmat sentence", "", "بانک حکمت\nبرداشت ۶۰۰,۰۰۰ ریال از کارت *۷۷۸۸",
			Hekmat, Withdraw, 600000, "*7788", "", none, "", ReasonWithdrawal},
		{"Bankino sentence", "", "بانکینو\nبرداشت ۹۵۰,۰۰۰ ریال از کارت *۷۷۱۹",
			Khavarmianeh, Withdraw, 950000, "*7719", "", none, "", ReasonWithdrawal},
		{"Blu sentence", "", "بلو\nواریز ۳۰۰,۰۰۰ ریال به کارت *۷۷۱۹",
			Blu, Deposit, 300000, "*7719", "", none, "", ""},
		{"wallet of Parsian", "", "برداشت مبلغ 98,306,141 ریال از موجودی اوانو کارت\nمانده کارت: 0 ریال\nزمان: 1405/08/06-08:46:38\newano\nPowered by Vee",
			"", Withdraw, 98306141, "", "", 0, "2026-10-28 08:46:38", ReasonWithdrawal},
	}
}
