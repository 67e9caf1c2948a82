package banksms

import "slices"

// Shahr's voucher comes by text message, its account statement («صورت حساب») from a messenger.
var shahr = slices.Concat(
	voucher(Shahr, ""),
	[]template{
		layout(Shahr, `^صورت ?حساب\s`, "?{head}", "صورت ?حساب", "?{when}", `مبلغ {dir}~:?~{money}`, "{acct}", "?{bal}", "?شرح~:?~{note}"),
	},
)
