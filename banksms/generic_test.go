package banksms

import (
	"strings"
	"testing"
)

func TestNoTransaction(t *testing.T) {
	for name, text := range map[string]string{
		"donation advert":      "به یاری کودکان بیایید. شماره کارت: 6037991122334455 درگاه پرداخت: example.ir",
		"a shop asks":          "مبلغ فاکتور شما 8.120.000 ریال است لطفا به کارت 6037991122334455 واریز و اطلاع دهید. فروشگاه",
		"a shop tells a debt":  "مانده حساب شما مبلغ 8.120.000 ریال بوده، جهت واریز 6037991122334455",
		"draw":                 "بانک ملت\nمشتری گرامی با واریز حداقل 500,000 ریال به حساب قرض الحسنه در قرعه کشی شرکت کنید. 100 جایزه 50 میلیون تومانی",
		"cheque registered":    "بانک تجارت\nچک شماره 112233 به مبلغ 250,000,000 ریال در سامانه صیاد ثبت شد.",
		"cheque bounced":       "بانک صادرات\nچک برگشتی شماره 112233 مبلغ 250,000,000 ریال عهده حساب شما",
		"instalment due":       "بانک رفاه\nسررسید قسط تسهیلات شما 1405/09/05 به مبلغ 9,100,000 ریال می باشد.",
		"debt":                 "بانک مسکن\nمانده بدهی تسهیلات شما: 124,000,000 ریال",
		"guarantor":            "بانک ملی ایران\nضامن گرامی اقساط معوق آقای رضایی به مبلغ 12,300,000 ریال پرداخت نشده است",
		"login":                "بلو\nورود به بلو با دستگاه جدید\n۲۱:۱۱\n۱۴۰۵.۰۸.۰۸",
		"login to the bank":    "بانک سامان\nورود به اینترنت بانک در تاریخ 1405/08/08 ساعت 21:11",
		"failed purchase":      "بانک تجارت\nتراکنش خرید به مبلغ 1,200,000 ریال ناموفق بود. مانده: 3,000,000 ریال",
		"failed transfer":      "*بانک شهر*\nبرداشت از:7008112233445\nمبلغ:450,000ريال\nانجام نشد",
		"short of money":       "بانک سپه\nموجودی حساب شما برای برداشت قسط کافی نیست",
		"loan granted":         "بانک مهر ایران\nتسهیلات 500,000,000 ریالی شما تصویب شد. جهت دریافت به شعبه مراجعه فرمایید.",
		"limit":                "بانک ملی ایران\nسقف انتقال کارت به کارت روزانه 150,000,000 ریال شد.",
		"congratulation":       "بانک پاسارگاد\nمشتری گرامی زادروزتان خجسته باد",
		"nothing":              "",
		"blank":                " \n\t\u200c ",
		"a number":             "1,200,000",
		"number and currency":  "1,200,000 ریال",
		"a friend":             "سلام یک میلیون واریز کردم",
		"a friend with figure": "سلام 1,000,000 ریال واریز شد",
		"link":                 "حساب شما مسدود شد. برای رفع آن https://example.ir را باز کنید. موجودی: 1,000,000 ریال",
	} {
		for _, sender := range []string{"", "Bank Melli", "+989121234567"} {
			if sender == "Bank Melli" && strings.HasPrefix(name, "a friend") {
				continue // from a bank these would be deposits
			}
			t.Run(name+"/"+sender, func(t *testing.T) {
				r := Parse(sender, text, received)
				bank, _ := bankIn(r.Normal)
				if sender == "Bank Melli" {
					bank = Melli
				}
				check(t, []read{{"", sender, text, bank, Other, 0, "", "", none, "", ReasonNotMoney}})
			})
		}
	}
}

func TestUnknownLayoutsAreReadForPeople(t *testing.T) {
	check(t, []read{
		{"voucher of a bank without templates", "", "بانک صنعت و معدن\nواریز به حساب: 0100998877\nمبلغ: 5,000,000 ریال\nمانده: 7,000,000 ریال\n1405/08/01-10:10",
			IndustryMine, Deposit, 5000000, "0100998877", "", 7000000, "2026-10-23 10:10:00", ReasonLayout},
		{"credited", "", "حساب شما به شماره 0100998877 مبلغ 5,000,000 ریال بستانکار شد. موجودی: 7,000,000 ریال",
			"", Deposit, 5000000, "0100998877", "", 7000000, "", ReasonLayout},
		{"debited", "Bank Mellat", "مشتری گرامی، مبلغ 300,000 ریال بابت کارمزد از حساب شما کسر شد. مانده: 1,000,000 ریال",
			Mellat, Withdraw, 300000, "", "", 1000000, "", ReasonWithdrawal},
		{"purchase", "", "بانک دی\nخرید اینترنتی 350,000 ریال از کارت ****7719\nموجودی: 12,000,000 ریال",
			Day, Withdraw, 350000, "****7719", "", 12000000, "", ReasonWithdrawal},
		{"toman", "", "بانک کارآفرین\nمبلغ 350,000 تومان به حساب 0200112233 واریز شد\nموجودی: 12,000,000 تومان",
			Karafarin, Deposit, 3500000, "0200112233", "", 120000000, "", ReasonLayout},
		{"each figure has its own unit", "", "بانک کارآفرین\nمبلغ 350,000 تومان به حساب 0200112233 واریز شد\nموجودی: 12,000,000 ریال",
			Karafarin, Deposit, 3500000, "0200112233", "", 12000000, "", ReasonLayout},
		{"signed lines", "", "بانک سینا\nحساب: 112-233-445566-1\n+4,400,000\nمانده: 5,000,000\n08/08-10:10",
			Sina, Deposit, 4400000, "112-233-445566-1", "", 5000000, "2026-10-30 10:10:00", ReasonLayout},
		{"signed lines out", "", "بانک سینا\nحساب: 112-233-445566-1\n-4,400,000\nمانده: 5,000,000\n08/08-10:10",
			Sina, Withdraw, 4400000, "112-233-445566-1", "", 5000000, "2026-10-30 10:10:00", ReasonWithdrawal},
		{"interest", "", "بانک سینا\nواریز سود به حساب 112233445566\nمبلغ: 40,000 ریال\nمانده: 5,000,000 ریال",
			Sina, Other, 40000, "112233445566", "", 5000000, "", ReasonNotCustomer},
		{"a line more than the template knows", "Bank Melli", "بانک ملی ایران\nانتقال:1,500,000+\nحساب:03004\nمانده:8,412,907\n0811-14:02\nشعبه 1234: تهران 5",
			Melli, Deposit, 1500000, "03004", "", 8412907, "2026-11-02 14:02:00", ReasonLayout},
		{"transfer from the account", "", "بانک ایران زمین\nانتقال وجه 650,000 ریال از حساب *2219",
			IranZamin, Withdraw, 650000, "*2219", "", none, "", ReasonWithdrawal},
		{"transfer to some account", "", "بانک ایران زمین\nانتقال وجه 650,000 ریال به حساب 0100998877\nمانده: 1,000,000 ریال",
			IranZamin, Other, 650000, "0100998877", "", 1000000, "", ReasonDirection},
		{"an account after the balance's label", "", "بانک سامان\nمانده حساب 701-800-1234567-1\n36,634,778 ریال\n1405/8/1",
			Saman, Other, 0, "701-800-1234567-1", "", 36634778, "2026-10-23 00:00:00", ReasonNotMoney},
		{"amount with full stops after a preposition", "", "بانک دی\nبرداشت از حساب *7719\nبه مبلغ 12.500.000 ریال\nمانده: 1.000.000 ریال",
			Day, Withdraw, 12500000, "*7719", "", 1000000, "", ReasonWithdrawal},
		{"two amounts", "Bank Melli", "بانک ملی ایران\nانتقال:1,500,000+\nانتقال:9,900,000+\nحساب:03004\nمانده:8,412,907\n0811-14:02",
			Melli, Deposit, 1500000, "03004", "", 8412907, "2026-11-02 14:02:00", ReasonLayout},
		{"odd groups of digits", "Bank Melli", "بانک ملی ایران\nانتقال:1,50,000+\nحساب:03004\nمانده:8,412,907\n0811-14:02",
			Melli, Other, 0, "03004", "", 8412907, "2026-11-02 14:02:00", ReasonLayout},
	})
}
