package operators

import (
	"strings"
	"unicode"

	"github.com/paysaga/paysaga/money"
)

// String is the carrier's short name, "irancell".
func (c Carrier) String() string {
	if name, ok := carrierNames[c]; ok {
		return name
	}
	return "unknown"
}

var carrierNames = map[Carrier]string{
	MCI: "mci", Irancell: "irancell", Rightel: "rightel", Aptel: "aptel", Shatel: "shatel",
}

// ParseCarrier reads what [Carrier.String] writes.
func ParseCarrier(name string) (Carrier, bool) {
	for c, n := range carrierNames {
		if n == name {
			return c, true
		}
	}
	return 0, false
}

// prefixes says which network issued the numbers of a prefix (after 98). Those of small and legacy
// networks are left out: 932, 931, 934 are practically closed, and 999 is shared by several networks that
// three digits do not tell apart.
var prefixes = map[string]Carrier{
	"910": MCI, "911": MCI, "912": MCI, "913": MCI, "914": MCI, "915": MCI, "916": MCI, "917": MCI, "918": MCI, "919": MCI,
	"990": MCI, "991": MCI, "992": MCI, "993": MCI, "994": MCI, "995": MCI, "996": MCI,
	"900": Irancell, "901": Irancell, "902": Irancell, "903": Irancell, "904": Irancell, "905": Irancell,
	"930": Irancell, "933": Irancell, "935": Irancell, "936": Irancell, "937": Irancell, "938": Irancell, "939": Irancell,
	"941": Irancell, // data SIMs
	"920": Rightel, "921": Rightel, "922": Rightel, "923": Rightel,
	"998": Shatel,
}

// CarrierOf guesses the network of a mobile number from its prefix; the number may have any form that
// [Mobile] reads. It is a hint and no more: since numbers can be ported (2016), the prefix says who issued
// a number, not who serves it. Never refuse an order because of it.
func CarrierOf(mobile string) (Carrier, bool) {
	number, ok := Mobile(mobile)
	if !ok {
		return 0, false
	}
	c, ok := prefixes[number[2:5]]
	return c, ok
}

// Mobile brings an Iranian mobile number to the form 989xxxxxxxxx. It reads 09…, 989…, +989…, 00989… and
// 9…, with Latin, Persian or Arabic digits and with spaces, dashes, dots and brackets in between.
func Mobile(text string) (string, bool) {
	if len(text) > 100 {
		return "", false
	}
	number, plus := strings.CutPrefix(strings.Map(keepNumber, money.LatinDigits(text)), "+")
	switch {
	case len(number) == 12 && strings.HasPrefix(number, "989"):
	case plus: // only the international form has one
		return "", false
	case len(number) == 14 && strings.HasPrefix(number, "00989"):
		number = number[2:]
	case len(number) == 11 && strings.HasPrefix(number, "09"):
		number = "98" + number[1:]
	case len(number) == 10 && strings.HasPrefix(number, "9"):
		number = "98" + number
	default:
		return "", false
	}
	return number, isMobile(number)
}

// keepNumber drops what people and keyboards put between digits.
func keepNumber(r rune) rune {
	if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("-–—‐‑._()/", r) {
		return -1
	}
	return r
}

// isMobile says whether number has the form 989xxxxxxxxx.
func isMobile(number string) bool {
	if len(number) != 12 || !strings.HasPrefix(number, "989") {
		return false
	}
	for _, c := range []byte(number) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// national is a mobile number as the resellers want it, 09xxxxxxxxx.
func national(mobile string) string { return "0" + strings.TrimPrefix(mobile, "98") }

// ported says whether a number is not known to be served by the network that issued it, so that a
// reseller that guesses by prefix must be told.
func (o Order) ported() bool {
	c, ok := CarrierOf(o.Mobile)
	return !ok || c != o.Carrier
}
