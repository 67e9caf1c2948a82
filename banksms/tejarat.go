package banksms

// Tejarat adds the channel: «از طریق: شتاب».
var tejarat = []template{
	statement(Tejarat, "", "?(?:از طریق|بابت|شرح)~:?~{note}"),
}
