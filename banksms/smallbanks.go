package banksms

// Ayandeh («آینده») signs the amount in a line of its own and names above it what it was.
var ayandeh = []template{
	layout(Ayandeh, "", "?{head}", "?{acct}", "{signed}", "?{bal}", "?{when}", "?{note}"),
}

// Iran Zamin labels a signed amount without a colon, and prints the year.
var iranZamin = []template{
	layout(IranZamin, `^\d[\d.-]+\s+مبلغ ?[\d,]+ ?[+-]\s+1[34]\d\d/\d{1,2}/\d{1,2}-`, "?{head}",
		`(?:{label})?{account} مبلغ~:?~{signed}`, "?{bal}", "?{when}"),
}
