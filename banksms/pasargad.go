package banksms

import "slices"

// Pasargad and Resalat print the same lines: a dotted account and a signed amount. Resalat's accounts are 10.x.1 and
// have three parts, Pasargad's have four.
var (
	pasargad = slices.Concat([]template{dotted(Pasargad, `(?m)^(?:\d+\.){3}\d+(?:\s|$)`)}, voucher(Pasargad, ""))
	resalat  = []template{dotted(Resalat, `(?m)^10\.\d+\.\d+(?:\s|$)`)}
)

func dotted(bank Bank, shape string) template {
	return layout(bank, shape, "?{head}", `(?:{label})?(?P<account>\d+(?:\.\d+)+)`, "{signed}", "?{bal}", "?{when}", "?{note}")
}
