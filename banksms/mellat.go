package banksms

import "slices"

// mellatShape is an account glued to its label, and then an amount without a sign.
const mellatShape = `^(?:ملت\n)?حساب ?\d{7,12}\s+\p{L}[^\d+-]*[\d,.]+ ?(?:ریال)?\s|^واریز[^\n:]*\nحساب\d{7,12}\n`

// Mellat glues labels and figures: «حساب1848394556» «واریز31,500,000». Its layout of 1399 is a voucher.
var mellat = slices.Concat(
	[]template{
		statement(Mellat, mellatShape),
		layout(Mellat, mellatShape, "?{head}", "{note}", "{acct}", "مبلغ~:?~{money}", "?{bal}", "?{when}"),
	},
	voucher(Mellat, ""),
)
