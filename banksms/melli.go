package banksms

// Melli prints «انتقال:1,500,000+» under its name. The account is a hint of five digits, leading zeros matter.
var melli = []template{
	statement(Melli, ""),
	layout(Melli, "", "?{head}",
		`(?:مبلغ~:?~)?{money} (?:(?P<in>واریز) به|(?P<out>برداشت|کسر) از) (?:حساب|کارت)(?: شما)?(?:~:?~{account})?(?: انجام)? (?:شد|گردید)`,
		"?{bal}", "?{when}"),
}
