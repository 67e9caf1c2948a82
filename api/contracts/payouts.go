package contracts

// V1Payout is a payout as its merchant reads it. Amounts are decimal strings in Currency.
type V1Payout struct {
	UUID          string  `json:"uuid"`
	OrderID       string  `json:"order_id"`
	Amount        string  `json:"amount"`
	Commission    string  `json:"commission"`
	MerchantAmt   string  `json:"merchant_amount"` // what leaves the balance
	Currency      string  `json:"currency"`
	Network       string  `json:"network"`
	Address       string  `json:"address"` // masked
	TxID          *string `json:"txid"`    // the rail's tracking id, once paid
	Status        string  `json:"status"`
	IsFinal       bool    `json:"is_final"`
	Why           *string `json:"why"`    // why it did not arrive
	DueAt         *string `json:"due_at"` // when the rail's cycle should be over
	Balance       *string `json:"balance,omitempty"`
	PayerCurrency string  `json:"payer_currency"`
	PayerAmount   string  `json:"payer_amount"`
	CreatedAt     string  `json:"created_at"`
	EndedAt       *string `json:"ended_at"`
}

// V1Wallet is a static wallet.
type V1Wallet struct {
	WalletUUID string            `json:"wallet_uuid"`
	UUID       string            `json:"uuid"` // the same
	OrderID    string            `json:"order_id"`
	Address    *string           `json:"address"` // null when the bank gives none
	Network    string            `json:"network"`
	Currency   string            `json:"currency"`
	Status     string            `json:"status"` // opening, active or blocked
	CreatedAt  string            `json:"created_at"`
	Deposits   []V1WalletDeposit `json:"deposits,omitempty"` // the latest, newest first; in info only
}

// V1WalletDeposit is money that arrived at a wallet.
type V1WalletDeposit struct {
	UUID   string `json:"uuid"`
	Amount string `json:"amount"`
	From   string `json:"from"` // masked
	TxID   string `json:"txid"`
	At     string `json:"at"`
}

// V1Page is a list, newest first; Cursor is the value of `cursor` for the page after, null on the last.
type V1Page struct {
	Items    any      `json:"items"`
	Paginate V1Cursor `json:"paginate"`
}

// V1Cursor says where the next page begins.
type V1Cursor struct {
	Count      int     `json:"count"`
	NextCursor *string `json:"nextCursor"`
}
