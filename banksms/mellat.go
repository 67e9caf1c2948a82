package banksms

import "slices"

// mellatShape is an account and then a word, each glued to its figure.
const mellatShape = `^(?:ملت\n)?حساب ?\d{7,12}\s+\p{L}[^\d:+-]*[\d,.]+\s|^واریز[^\n:]*\nحساب\d{7,12}\n`

// Mellat glues labels and figures: «حساب1848394556» «واریز31,500,000». Its layout of 1399 is a voucher.
var mellat = slices.Concat(
	[]template{
		statement(Mellat, mellatShape),
		layout(Mellat, mellatShape, "?{head}", "{note}", "{acct}", "مبلغ~:?~{money}", "?{bal}", "?{when}"),
	},
	voucher(Mellat, ""),
)
