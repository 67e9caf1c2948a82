package banksms

// Saderat prints a word, the amount and the sign, often without its name: then the account's five digits and the
// sign behind the amount tell it from Maskan.
var saderat = []template{
	statement(Saderat, `^[^\d\n:+-]+: ?[\d,.]+ ?[+-]\s+حساب ?: ?[\dX*]{4,8}\s`),
}
