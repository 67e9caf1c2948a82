package contracts

// The top-up dialect. Amounts are rial; times are RFC 3339 with microseconds in Asia/Tehran.

// TopUpDone is the answer to a delivered top-up.
type TopUpDone struct {
	Message string `json:"message"`
}

// TopUpError is every error of the dialect; Errors names bad fields.
type TopUpError struct {
	Status  bool                `json:"status"`
	Message string              `json:"message"`
	Errors  map[string][]string `json:"errors,omitempty"`
}

// TopUpPending is the answer to a top-up that is not decided yet.
type TopUpPending struct {
	Status   bool   `json:"status"`
	Message  string `json:"message"`
	FollowUp string `json:"follow_up"` // path to ask
}

// TopUpStatus is a top-up as its merchant reads it.
type TopUpStatus struct {
	ID             int64   `json:"id"`
	WebserviceCode string  `json:"webservice_code"`
	ProductID      int64   `json:"product_id"`
	Mobile         string  `json:"mobile"` // masked
	Price          int64   `json:"price"`
	State          string  `json:"state"` // reserved, unknown, delivered or reversed
	Message        string  `json:"message"`
	Reference      string  `json:"reference"` // the operator's
	CreatedAt      string  `json:"created_at"`
	EndedAt        *string `json:"ended_at"`
}

// TopUpBalance is a merchant's balance.
type TopUpBalance struct {
	Balance   int64  `json:"balance"` // may be spent
	Held      int64  `json:"held"`    // of top-ups under way
	Statement string `json:"statement"`
}

// TopUpStatement is a page of a merchant's movements, newest first.
type TopUpStatement struct {
	Lines []TopUpStatementLine `json:"lines"`
	Next  string               `json:"next"` // for ?before=; empty on the last page
}

// TopUpStatementLine is one movement; negative left the balance.
type TopUpStatementLine struct {
	Amount int64  `json:"amount"`
	Ref    string `json:"ref"`
	At     string `json:"at"`
}

// Product is a product in the contract's shape: fields that mean nothing here are null.
type Product struct {
	ID              int64    `json:"id"`
	Name            string   `json:"name"`
	NameEn          *string  `json:"name_en"`
	Description     *string  `json:"description"`
	DescriptionFull *string  `json:"description_full"`
	SKU             *string  `json:"sku"`
	Price           int64    `json:"price"`
	SecondPrice     *int64   `json:"second_price"`
	ShowablePrice   *int64   `json:"showable_price"`
	Type            string   `json:"type"`
	MinimumSale     *int64   `json:"minimum_sale"`
	Dimension       *string  `json:"dimension"`
	Score           int      `json:"score"`
	Status          int      `json:"status"`
	Options         *string  `json:"options"`
	Deliverable     int      `json:"deliverable"`
	ThirdPartyID    *int64   `json:"third_party_id"`
	Capacity        *string  `json:"capacity"`
	Period          *string  `json:"period"`
	SimCardType     string   `json:"sim_card_type"`
	OperatorID      int      `json:"operator_id"`
	ProfileID       *string  `json:"profile_id"`
	Order           int      `json:"order"`
	CreatedAt       *string  `json:"created_at"`
	UpdatedAt       *string  `json:"updated_at"`
	Categories      []string `json:"categories"`
}
