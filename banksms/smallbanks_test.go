package banksms

import "testing"

func TestSmallBanks(t *testing.T) {
	check(t, []read{
		{"Ayandeh deposit in toman", "", "بانک آینده واریز ۷۲۰٬۰۰۰ تومان به حساب ۰۲۰۹۹۸۸۷۷۶ مانده ۲٬۲۰۰٬۰۰۰ تومان ۱۴۰۵/۰۸/۰۳",
			Ayandeh, Deposit, 7200000, "0209988776", "", 22000000, "2026-10-25 00:00:00", ""},
		{"Ayandeh withdrawal in rial, balance in toman", "AyandehBank", "بانک آینده برداشت ۷۲۰٬۰۰۰ ریال از حساب ۰۲۰۹۹۸۸۷۷۶ مانده ۲٬۲۰۰٬۰۰۰ تومان ۱۴۰۵/۰۸/۰۳",
			Ayandeh, Withdraw, 720000, "0209988776", "", 22000000, "2026-10-25 00:00:00", ReasonWithdrawal},
		{"Day deposit", "", "بانک دی\nواریز ۱,۷۰۰,۰۰۰ ریال به کارت *۷۷۱۹",
			Day, Deposit, 1700000, "*7719", "", none, "", ""},
		{"Day withdrawal", "", "بانک دی\nبرداشت ۱,۷۰۰,۰۰۰ ریال از کارت *۷۷۱۹",
			Day, Withdraw, 1700000, "*7719", "", none, "", ReasonWithdrawal},
		{"Iran Zamin deposit", "", "بانک ایران زمین\nواریز ۶۹۰,۰۰۰ ریال به حساب *۲۲۱۹\nمانده: ۱,۰۰۰,۰۰۰ ریال",
			IranZamin, Deposit, 690000, "*2219", "", 1000000, "", ""},
		{"Iran Zamin withdrawal", "", "بانک ایران زمین\nبرداشت ۶۹۰,۰۰۰ ریال از حساب *۲۲۱۹",
			IranZamin, Withdraw, 690000, "*2219", "", none, "", ReasonWithdrawal},
		{"Sina deposit", "", "بانک سینا\nواریز مبلغ ۵۱۰,۰۰۰ ریال به حساب شماره ۱۱۲۲۳۳۴۴۵۵\nمانده ۹۰۰,۰۰۰ ریال\n۱۴۰۵/۰۸/۰۳ ۱۰:۳۰",
			Sina, Deposit, 510000, "1122334455", "", 900000, "2026-10-25 10:30:00", ""},
		{"Sina withdrawal", "", "بانک سینا\nبرداشت ۵۱۰,۰۰۰ ریال از کارت *۷۷۱۹",
			Sina, Withdraw, 510000, "*7719", "", none, "", ReasonWithdrawal},
		{"Karafarin deposit", "", "بانک کارآفرین\nواریز 810,000 ریال به حساب 0200112233\nموجودی 900,000 ریال",
			Karafarin, Deposit, 810000, "0200112233", "", 900000, "", ""},
		{"Karafarin withdrawal", "", "بانک کارآفرین\nبرداشت 810,000 ریال از حساب 0200112233\nموجودی 90,000 ریال",
			Karafarin, Withdraw, 810000, "0200112233", "", 90000, "", ReasonWithdrawal},
	})
}
