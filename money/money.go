// Package money holds the one unit this system counts in.
package money

import "strconv"

// Rial is an amount in Iranian rial. Money is never a float and never another unit;
// toman exists only where a payer reads it.
type Rial int64

// Max is the largest amount accepted from outside: 2^53, the last integer that every
// JSON client reads without rounding.
const Max Rial = 1 << 53

// String shows the amount with thousands separators: "1,200,000".
func (r Rial) String() string {
	digits := strconv.FormatInt(int64(r), 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	head := len(digits) % 3
	out := digits[:head]
	for i := head; i < len(digits); i += 3 {
		if out != "" {
			out += ","
		}
		out += digits[i : i+3]
	}
	return sign + out
}
