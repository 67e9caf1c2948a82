package banksms

// Tejarat adds the channel: «از طریق: شتاب». A bare number at the end is its reference.
var tejarat = []template{
	statement(Tejarat, "", "?(?:از طریق|بابت|شرح)~:?~{note}", `?(?P<ref>\d{5,12})`),
}
