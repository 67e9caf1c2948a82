package banksms

// Eghtesad Novin ends with the number of its call centre.
var eghtesadNovin = []template{
	layout(EghtesadNovin, `مرکز ?اوای ?نوین|^(?:واریز|برداشت)[^\n\d:]*: ?\d+(?:-\d+){3}\s+[+-]`, "?{head}", `{word}(?: به| از)?~:?~(?:{label})?(?P<account>\d+(?:-\d+)+)`, "{signed}", "?{bal}", "?{when}",
		`?مرکز ?اوای ?نوین~:?~[\d-]+`, "?{channel}"),
}
