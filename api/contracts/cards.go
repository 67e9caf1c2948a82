package contracts

// The card-to-card dialect. Amounts are rial.

// CardAnswer is an answer without content, good or bad. Code is the contract's own.
type CardAnswer struct {
	Status bool   `json:"status"`
	Code   int    `json:"code"`
	Msg    string `json:"msg"`
}

// CardCreated is the answer to create.
type CardCreated struct {
	Status bool       `json:"status"`
	Code   int        `json:"code"`
	Expire int64      `json:"expire"` // Unix seconds
	PayID  int64      `json:"pay_id"`
	Amount int64      `json:"amount"` // what the payer must transfer, exactly
	Link   *string    `json:"link"`   // null without a callback
	Cart   []CardShow `json:"cart"`
}

// CardShow is a card to pay to.
type CardShow struct {
	Number string `json:"number"`
	Name   string `json:"name"`
	Bank   string `json:"bank"`
}

// CardSMS is the answer to forwarded messages, in their order.
type CardSMS struct {
	CardAnswer
	Messages []CardSMSResult `json:"messages"`
}

// CardSMSResult is what became of one message: paid, queued, stored, duplicate, secret or invalid.
type CardSMSResult struct {
	Result    string `json:"result"`
	PayID     int64  `json:"pay_id,omitempty"`
	DepositID int64  `json:"deposit_id,omitempty"`
	Msg       string `json:"msg,omitempty"` // what is wrong with an invalid one
}

// CardDeposits is a page of deposits.
type CardDeposits struct {
	Status   bool          `json:"status"`
	Code     int           `json:"code"`
	Deposits []CardDeposit `json:"deposits"`
	Next     string        `json:"next"` // for ?before=; empty on the last page
}

// CardDeposit is money seen arriving on a merchant's card. Times are RFC 3339 in Asia/Tehran.
type CardDeposit struct {
	ID          int64            `json:"id"`
	Merchant    string           `json:"merchant"`
	Bank        string           `json:"bank"`
	BankName    string           `json:"bank_name"`
	Account     string           `json:"account"`
	Amount      int64            `json:"amount"`
	Balance     *int64           `json:"balance"`
	PayerCard   *string          `json:"payer_card"` // masked
	At          string           `json:"at"`         // by the bank's clock
	ReceivedAt  string           `json:"received_at"`
	ResolveBy   string           `json:"resolve_by"`
	Overdue     bool             `json:"overdue"`
	State       string           `json:"state"`
	Reason      string           `json:"reason"`
	Transfer    *int64           `json:"transfer"` // pay_id of the transfer it pays
	SagaLink    string           `json:"saga_link"`
	Suggestions []CardSuggestion `json:"suggestions"`
	Resolved    *CardResolved    `json:"resolved"`
}

// CardSuggestion is a transfer that a deposit may have been meant for.
type CardSuggestion struct {
	PayID      int64  `json:"pay_id"`
	FID        int64  `json:"fid"`
	Amount     int64  `json:"amount"`
	Difference int64  `json:"difference"` // deposit minus transfer
	State      string `json:"state"`
	CreatedAt  string `json:"created_at"`
	Why        string `json:"why"`
}

// CardResolved is a person's word on a deposit.
type CardResolved struct {
	Action    string `json:"action"`
	By        string `json:"by"`
	Reason    string `json:"reason"`
	Reference string `json:"reference,omitempty"`
	At        string `json:"at"`
}

// CardUnread is a page of messages that the parser could not read.
type CardUnread struct {
	Status   bool                `json:"status"`
	Code     int                 `json:"code"`
	Messages []CardUnreadMessage `json:"messages"`
}

// CardUnreadMessage is one of them. Card numbers in its text are masked.
type CardUnreadMessage struct {
	ID         int64  `json:"id"`
	Merchant   string `json:"merchant"`
	Sender     string `json:"sender"`
	Bank       string `json:"bank"`
	Reason     string `json:"reason"`
	Text       string `json:"text"`
	ReceivedAt string `json:"received_at"`
}
