package contracts

import "encoding/json"

// The purchase dialect. Amounts are rial.

// PurchaseAnswer is every good answer.
type PurchaseAnswer struct {
	Payload any          `json:"payload"`
	Meta    PurchaseMeta `json:"meta"`
}

// PurchaseProblem is every bad one.
type PurchaseProblem struct {
	Error PurchaseError `json:"error"`
	Meta  PurchaseMeta  `json:"meta"`
}

// PurchaseError says what is wrong; its code is 1000.
type PurchaseError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// PurchaseMeta is the time of the answer.
type PurchaseMeta struct {
	Timestamp int64 `json:"timestamp"` // Unix seconds
}

// PurchaseMessage is the payload of a completed retry.
type PurchaseMessage struct {
	Message string `json:"message"`
}

// Purchase is a purchase as its branch reads it.
type Purchase struct {
	ID          int64           `json:"id"`
	Branch      int64           `json:"branch"`
	Amount      int64           `json:"amount"`
	Description string          `json:"description"`
	Items       json.RawMessage `json:"items"`
	Status      int             `json:"status"` // 0 awaiting payer, 1 completing, 2 incomplete, 3 completed, 4 refunded or expired
	RetryCount  int             `json:"retry_count"`
	Reference   *string         `json:"reference"`
	Link        string          `json:"link"` // the payer's page
	CreatedAt   string          `json:"created_at"`
	CompletedAt *string         `json:"completed_at"`
	Timeline    []PurchaseEvent `json:"timeline,omitempty"`
}

// PurchaseEvent is one line of a purchase's log.
type PurchaseEvent struct {
	Action    string `json:"action"`
	Outcome   string `json:"outcome"`
	Actor     string `json:"actor"`
	RequestID string `json:"request_id"`
	At        string `json:"at"`
}

// PurchaseList is a page of purchases, newest first.
type PurchaseList struct {
	Purchases []Purchase `json:"purchases"`
	Next      string     `json:"next"` // for ?before=; empty on the last page
}
