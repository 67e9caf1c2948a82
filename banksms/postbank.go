package banksms

// Post Bank prints the tail of the card before the amount.
var postBank = []template{
	layout(PostBank, "", "?{head}", `(?:(?P<in>واریز) به|(?P<out>برداشت) از) {label}{account}`, "{signed}", "?{bal}", "?{when}"),
}
