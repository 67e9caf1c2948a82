package state

// Events lists what merchants can be told: each saga's name with the states that it may enter, as in
// "payment.collected".
func Events() map[string][]string {
	return map[string][]string{
		"payment":  names(Payments),
		"transfer": names(Transfers),
		"deposit":  names(Deposits),
		"topup":    names(TopUps),
		"purchase": names(Purchases),
		"payout":   names(Payouts),
		"wallet":   {"credited"},
	}
}

func names[S ~string](m Machine[S]) []string {
	states := m.States()
	out := make([]string, len(states))
	for i, s := range states {
		out[i] = string(s)
	}
	return out
}
