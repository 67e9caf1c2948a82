package banksms

import (
	"regexp"
	"strings"

	"github.com/paysaga/paysaga/money"
)

var grouped = regexp.MustCompile(`^(?:\d+|\d{1,3}(?:,\d{3})+|\d{1,3}(?:\.\d{3})+)$`)

// figure reads a printed number: comma and full stop are thousands marks, a rial has no fractions. The unit belongs to
// this figure alone; without one it is rial.
func figure(number, unit string) (money.Rial, bool) {
	if !grouped.MatchString(number) {
		return 0, false
	}
	r, err := money.ParseAmount(strings.NewReplacer(",", "", ".", "").Replace(number))
	if err != nil {
		return 0, false
	}
	if strings.HasPrefix(unit, "توم") {
		if r > money.Max/10 {
			return 0, false
		}
		r *= 10
	}
	return r, true
}

func readable(number string) bool {
	_, ok := figure(number, "")
	return ok
}

// isAmount tells an amount from an account that lost its label: nobody prints that many digits without marks.
func isAmount(number string) bool {
	const most = 10
	if strings.ContainsAny(number, ",.") {
		return true
	}
	return len(number) <= most && (len(number) == 1 || number[0] != '0')
}
