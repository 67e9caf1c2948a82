package banksms

// Refah's «کارت625,893+» says the direction with the sign alone.
var refah = []template{
	statement(Refah, ""),
}
