package banksms

// Mehr Iran prints twelve digits that begin with 300, and the sign behind the amount.
var mehrIran = []template{
	layout(MehrIran, `(?m)^300\d{9}(?:\s|$)`, "?{head}", `(?:{label})?(?P<account>\d{10,16})`, "{signed}", "?{bal}", "?{when}", "?{note}"),
}
