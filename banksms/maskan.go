package banksms

// Maskan prints the sign before the amount and twelve digits of the account, often without its name.
var maskan = []template{
	statement(Maskan, `^[^\d\n:+-]+: ?[+-] ?[\d,.]+\s+حساب ?: ?\d{11,13}\s`),
}
