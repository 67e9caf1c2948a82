package banksms

import "slices"

const (
	parsianCard = `(?:622106|627884|639194)[\d*-]+`
	// Without a name: fourteen digits, or a card of Parsian on our side of the transfer.
	parsianShape = `(?m)^\d{14}\s+مبلغ` +
		`|مبلغ ?: ?(?:\+ ?[\d,.]+|[\d,.]+ ?\+)(?s:.*)به کارت ` + parsianCard +
		`|مبلغ ?: ?(?:- ?[\d,.]+|[\d,.]+ ?-)(?s:.*)از کارت ` + parsianCard
)

// Parsian prints the payer's card in some deposits, in the description. Its layout of 1399 is a voucher.
var parsian = slices.Concat(
	voucher(Parsian, ""),
	[]template{
		layout(Parsian, parsianShape, "?{head}", `(?:{label})?(?P<account>\d{10,16}) مبلغ~:?~{money}`, "?{bal}", "?{when}", `?(?:بابت~:?~)?{note}`),
		layout(Parsian, parsianShape, "?{head}", `مبلغ~:?~{money}`, `?(?:شماره )?(?:حساب|سپرده)~:?~{account}`, "?{bal}", "?{when}", `?(?:بابت~:?~)?{note}`),
	},
)
