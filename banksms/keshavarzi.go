package banksms

// Keshavarzi prints the tail of the card after the balance and signs with its address.
var keshavarzi = []template{
	statement(Keshavarzi, `(?m)^کارت ?\d{4} ?\*`),
}
