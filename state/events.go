package state

import "slices"

// Events lists what merchants can be told: each saga's name with the states that it may enter, as in
// "payment.collected".
func Events() map[string][]string {
	return map[string][]string{
		"payment":  names(Payments),
		"transfer": names(Transfers),
		"deposit":  names(Deposits, DepositMatched), // which its transfer tells
		"topup":    names(TopUps),
		"purchase": names(Purchases),
		"payout":   names(Payouts),
		"wallet":   {"credited"},
	}
}

// names are the states of a machine, without those that nobody is told of.
func names[S ~string](m Machine[S], untold ...S) []string {
	out := []string{}
	for _, s := range m.States() {
		if !slices.Contains(untold, s) {
			out = append(out, string(s))
		}
	}
	return out
}
