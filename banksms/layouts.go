package banksms

import "slices"

// templates of all banks. Where two could fit, the narrower one stands first.
var templates = slices.Concat(melli, mellat, tejarat, saderat, iranZamin, parsian, saman, blu, pasargad, resalat, refah, sepah,
	keshavarzi, maskan, shahr, gardeshgari, mehrIran, postBank, khavarmianeh, eghtesadNovin, ayandeh)

// shared are the layouts that core banking systems and apps have in common. They count for every bank that was seen to
// use one of them, when the sender or the text names it and no bank's own template fits.
var shared = func() (list []template) {
	for _, b := range [...]Bank{Melli, Mellat, Tejarat, Saderat, Parsian, Saman, Blu, Pasargad, Resalat, Refah, Sepah,
		Keshavarzi, Maskan, Shahr, Gardeshgari, MehrIran, PostBank, Khavarmianeh, EghtesadNovin, Ayandeh, Day, IranZamin,
		Sina, Karafarin, Sarmayeh, ToseeTaavon} {
		list = append(list, sentence(b), statement(b, "", "?{ref}", "?{channel}"), labelled(b))
		list = append(list, voucher(b, "")...)
	}
	for _, b := range [...]Bank{ExportDevelopment, IndustryMine, Ansar, MehrEghtesad, Kosar, Hekmat} {
		list = append(list, sentence(b))
	}
	for _, b := range [...]Bank{Melli, Pasargad, Saderat, Sepah, Refah, Karafarin, MehrIran, Khavarmianeh} {
		list = append(list, signedLines(b))
	}
	return list
}()

// statement is the layout of most old banks: a word and the amount, then labelled lines.
func statement(bank Bank, shape string, more ...string) template {
	return layout(bank, shape, append([]string{"?{head}", "{word}~:?~{money}", "?{acct}", "?{bal}", "?{when}"}, more...)...)
}

// voucher names the account with the direction and labels the amount; it is common to several core banking systems.
func voucher(bank Bank, shape string) []template {
	const amount = `مبلغ~:?~{money}`
	const what = `(?: (?:حقوق|وجه|پول|پایا|پل|ساتنا|حواله))?`
	const account = `(?:(?:(?P<in>واریز)` + what + ` به|(?P<out>برداشت)` + what + ` از)(?: {label}| ?:~| )|(?:(?P<in>واریز)|(?P<out>برداشت|خرید))` + what + ` {label}){account}`
	return []template{
		layout(bank, shape, "?{head}", account, amount, "?{bal}", "?{when}", "?{ref}", "?{note}"),
	}
}

// sentence is prose: direction, amount, account.
func sentence(bank Bank) template {
	return layout(bank, "", "?{head}", `(?:(?P<in>واریزی?)|(?P<out>برداشتی?|کسر))(?: به)?(?: مبلغ)?~:?~{money}`,
		`?(?:(?P<in>به)|(?P<out>از))(?: {label}|(?:~:~| )){account}`, "?{bal}", "?{when}", "?{ref}", "?{channel}")
}

// labelled says the direction in a line of its own.
func labelled(bank Bank) template {
	const place = `(?: (?:حساب|کارت|سپرده)(?: شما)?)?`
	return layout(bank, "", "?{head}",
		`(?:(?P<in>واریز(?: وجه| پول)?(?: به`+place+`)?)|(?P<out>(?:برداشت|خرید|کسر)(?: وجه| پول)?(?: از`+place+`)?))~:?`,
		"?{acct}", "مبلغ~:?~{money}", "?{bal}", "?{when}", "?{ref}", "?{channel}")
}

// signedLines says the direction with the sign alone.
func signedLines(bank Bank) template {
	return layout(bank, "", "?{head}", "?{channel}", "?{acct}", `(?:مبلغ~:?~)?{signed}`, "?{bal}", "?{when}", "?{ref}")
}
