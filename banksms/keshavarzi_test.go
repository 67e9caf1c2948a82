package banksms

import "testing"

func TestKeshavarzi(t *testing.T) {
	check(t, []read{
		{"deposit", "KESHAVARZI", "واریز2,640,000\nمانده8,054,098\n050809-21:30\nکارت7719*\nbki. ir",
			Keshavarzi, Deposit, 2640000, "7719*", "", 8054098, "2026-10-31 21:30:00", ""},
		{"withdrawal", "KESHAVARZI", "برداشت640,000\nمانده7,414,098\n050809-22:30\nکارت7719*\nbki. ir",
			Keshavarzi, Withdraw, 640000, "7719*", "", 7414098, "2026-10-31 22:30:00", ReasonWithdrawal},
		{"no sender, one line", "", "خرید640,000 مانده7,414,098 050809-22:30 کارت7719* bki.ir",
			Keshavarzi, Withdraw, 640000, "7719*", "", 7414098, "2026-10-31 22:30:00", ReasonWithdrawal},
		{"account", "", "واریز2,640,000\nمانده8,054,098\n050809-21:30\nحساب771900112\nbki. ir",
			Keshavarzi, Deposit, 2640000, "771900112", "", 8054098, "2026-10-31 21:30:00", ""},
		{"with its name", "", "بانک کشاورزی\nواریز 2,640,000 ریال\nمانده 8,054,098 ریال\n05/08/09-21:30\nکارت 7719*",
			Keshavarzi, Deposit, 2640000, "7719*", "", 8054098, "2026-10-31 21:30:00", ""},
		{"subsidy", "", "واریز یارانه4,000,000\nمانده12,054,098\n050820-05:30\nکارت7719*\nbki. ir",
			Keshavarzi, Other, 4000000, "7719*", "", 12054098, "2026-11-11 05:30:00", ReasonNotCustomer},
	})
}
