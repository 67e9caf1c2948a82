package banksms

// Keshavarzi prints the tail of the card, or the bare account, after the balance and signs with its address.
var keshavarzi = []template{
	statement(Keshavarzi, `(?m)^کارت ?\d{4} ?\*`),
	layout(Keshavarzi, "", "?{head}", "{word}~:?~{money}", `(?P<account>\d{6,13})`, "?{bal}", "?{when}"),
}
