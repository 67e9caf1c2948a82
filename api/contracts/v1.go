package contracts

// The dialect of /v1: payouts, wallets and webhooks. Amounts are decimal strings.

// V1OK is the answer to what worked.
type V1OK struct {
	State  int `json:"state"` // 0
	Result any `json:"result"`
}

// V1Failure is every error of the dialect: a message, or the broken rules by field.
type V1Failure struct {
	State   int                 `json:"state"` // 1
	Message string              `json:"message,omitempty"`
	Errors  map[string][]string `json:"errors,omitempty"`
}

// V1Service is a currency on a network.
type V1Service struct {
	Network     string         `json:"network"`
	Currency    string         `json:"currency"`
	IsAvailable bool           `json:"is_available"` // false: for test webhooks only
	Limit       V1ServiceLimit `json:"limit"`
	Commission  V1ServiceFee   `json:"commission"`
}

// V1ServiceLimit bounds one payment, deposit or payout.
type V1ServiceLimit struct {
	MinAmount string `json:"min_amount"`
	MaxAmount string `json:"max_amount"`
}

// V1ServiceFee is what one costs: a fee, and a part of its amount.
type V1ServiceFee struct {
	FeeAmount string `json:"fee_amount"`
	Percent   string `json:"percent"`
}
