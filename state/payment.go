package state

// Payment is the state of a bank payment as its merchant sees it.
type Payment string

const (
	PaymentPending   Payment = "pending"
	PaymentPaid      Payment = "paid"
	PaymentCollected Payment = "collected"
	PaymentRefunding Payment = "refunding"
	PaymentRefunded  Payment = "refunded"
	PaymentExpired   Payment = "expired"
	PaymentFailed    Payment = "failed"
)

// Payments is the machine of bank payments.
var Payments = Machine[Payment]{
	Name:    "payment",
	Initial: PaymentPending,
	Transitions: []Transition[Payment]{
		{PaymentPending, PaymentPaid, "the bank verified the money"},
		{PaymentPaid, PaymentCollected, "collected in time"},
		{PaymentPaid, PaymentRefunding, "deadline or cancel"},
		{PaymentRefunding, PaymentRefunded, "the bank confirmed the return"},
		{PaymentPending, PaymentExpired, "deadline, nobody tried to pay"},
		{PaymentPending, PaymentFailed, "deadline or cancel, every attempt failed"},
	},
}

// Attempt is the state of one visit of the payer to one bank.
type Attempt string

const (
	AttemptCreated   Attempt = "created"
	AttemptOpen      Attempt = "open"
	AttemptPaid      Attempt = "paid"
	AttemptSettled   Attempt = "settled"
	AttemptRefunding Attempt = "refunding"
	AttemptRefunded  Attempt = "refunded"
	AttemptFailed    Attempt = "failed"
)

// Attempts is the machine of visits to a bank. Money moves per attempt: when a payer pays two
// attempts of one payment, the first serves the payment and the other goes back.
var Attempts = Machine[Attempt]{
	Name:    "attempt",
	Initial: AttemptCreated,
	Transitions: []Transition[Attempt]{
		{AttemptCreated, AttemptOpen, "the bank gave a session"},
		{AttemptCreated, AttemptFailed, "the bank gave no session"},
		{AttemptOpen, AttemptPaid, "the bank verified the money"},
		{AttemptOpen, AttemptFailed, "declined, or never paid in the bank's time"},
		{AttemptPaid, AttemptSettled, "settled after collect"},
		{AttemptPaid, AttemptRefunding, "deadline, cancel, or paid twice"},
		{AttemptRefunding, AttemptRefunded, "the bank confirmed the return"},
	},
}
