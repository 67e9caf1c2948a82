// Package contracts holds the wire shapes of the REST dialects: what goes in and out, and how errors
// look. No logic.
package contracts

// TaxiEnvelope is every answer of the payments dialect.
type TaxiEnvelope struct {
	Message string      `json:"message"`
	Info    any         `json:"info"`
	Errors  []TaxiError `json:"errors"`
}

// TaxiError says what is wrong, and with which field when it is one field's fault.
type TaxiError struct {
	Field   string `json:"field,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Empty is an info without content.
type Empty struct{}

// TaxiCreated is the info of a created payment.
type TaxiCreated struct {
	Token string `json:"token"`
}

// TaxiPayment is a payment as the merchant reads it. Amounts are rial; times are RFC 3339 with
// microseconds in Asia/Tehran.
type TaxiPayment struct {
	Merchant    TaxiMerchant `json:"merchant"`
	Description string       `json:"description"`
	Payer       string       `json:"payer"`
	Created     string       `json:"created"`
	Amount      int64        `json:"amount"`
	Paid        *string      `json:"paid"`
	Token       string       `json:"token"`
	Outcome     TaxiOutcome  `json:"outcome"`
	Payload     string       `json:"payload"`
}

// TaxiMerchant is how a merchant is shown.
type TaxiMerchant struct {
	DisplayName    string `json:"display_name"`
	DisplayImage   string `json:"display_image"`
	DisplayBizName string `json:"display_biz_name"`
}

// TaxiOutcome is what became of a payment.
type TaxiOutcome struct {
	RRN         string  `json:"rrn"`
	TotalAmount int64   `json:"total_amount"`
	Tip         int64   `json:"tip"`
	State       string  `json:"state"`
	StateError  *string `json:"state_error"`
	Method      string  `json:"method"`
}
