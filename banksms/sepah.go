package banksms

// Sepah's group payments (subsidies, wages) say what they are in lines of their own.
var sepah = []template{
	statement(Sepah, ""),
	layout(Sepah, "", "{head}", "{note}", "{acct}", "مبلغ~:?~{money}", "?{bal}", "?{when}", "?{note}"),
}
