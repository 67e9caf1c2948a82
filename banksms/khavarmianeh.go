package banksms

// Khavarmianeh (also Bankino) describes the transaction in words, in which it may print the tail of a card.
var khavarmianeh = []template{
	layout(Khavarmianeh, `(?m)^[\dX*]{3}/[\dX*]{8,9}(?:\s|$)`, "?{head}", "{signed}", `?(?:{label})?(?P<account>[\dX*]{3,4}/[\dX*]{6,10}|\d{8,13})`, "?{bal}", "?{when}", "?{note}"),
}
