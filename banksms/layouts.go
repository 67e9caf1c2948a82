package banksms

import "slices"

// templates of all banks. Where two could fit, the narrower one stands first.
var templates = slices.Concat(melli, mellat, tejarat, saderat, parsian, saman, blu, pasargad, resalat, refah, sepah,
	keshavarzi, maskan, shahr, gardeshgari, mehrIran, postBank, khavarmianeh, eghtesadNovin, smallBanks)

// statement is the layout of most old banks: a word and the amount, then labelled lines.
func statement(bank Bank, shape string, more ...string) template {
	return layout(bank, shape, append([]string{"?{head}", "{word}~:?~{money}", "?{acct}", "?{bal}", "?{when}"}, more...)...)
}

// voucher names the account with the direction and labels the amount; it is common to several core banking systems.
func voucher(bank Bank, shape string) []template {
	const amount = `مبلغ~:?~{money}`
	const account = `(?:(?P<in>واریز) به|(?P<out>برداشت) از)(?: {label}| ?:~| ){account}`
	return []template{
		layout(bank, shape, "?{head}", account, amount, "?{bal}", "?{when}", "?{ref}", "?{note}"),
	}
}

// sentence is prose in one line: direction, amount, account.
func sentence(bank Bank) template {
	return layout(bank, "", "?{head}",
		`(?:(?P<in>واریزی?)|(?P<out>برداشتی?))(?: مبلغ)?~:?~{money} (?:(?P<in>به)|(?P<out>از)) {label}{account}`, "?{bal}", "?{when}")
}
