package banksms

// Gardeshgari prints the channel in the second line of its voucher.
var gardeshgari = voucher(Gardeshgari, "")
