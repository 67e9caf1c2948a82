package pages

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// Checking is the state a page shows while a pending payment waits for the bank's answer.
const Checking state.Payment = "checking"

// Merchant is who takes the money, as payers know them.
type Merchant struct {
	Name         string
	BusinessName string // shown under the name; optional
	Image        string // /pay/image/…; anything else shows a monogram
}

// Payment is what every page of a payment shows.
type Payment struct {
	Reader
	Token       string
	Merchant    Merchant
	Description string
	Amount, Tip money.Rial
	Deadline    time.Time
	Now         time.Time // the database's clock, which the deadline is measured by
}

// Total is what the bank takes.
func (p Payment) Total() money.Rial { return p.Amount + p.Tip }

// Path is the payment's page.
func (p Payment) Path() string { return "/pay/" + p.Token }

// Checkout is a payment that can be paid now.
type Checkout struct {
	Payment
	Gateways  []string // method names, in the merchant's order
	Preferred string   // method name; empty or unknown chooses the first
	// Unavailable are those of the gateways that gave no session lately. They are marked and can be chosen all the
	// same; another is preselected, unless a visit is open: then its payer may have paid already.
	Unavailable []string
	NoSession   string // method name of the bank that just gave this payer no session; shown instead of StateError
	// OpenAttempt says that a visit to a bank has begun and has no answer yet. The page warns against
	// paying twice and watches for the answer.
	OpenAttempt bool
	StateError  string // why the last attempt failed, in the bank's words; not shown beside an open one

	// What the payer sent, when it could not be accepted, and why.
	TipText, Mobile                     string
	TipError, MobileError, GatewayError Wrong
}

// Title is the page's title.
func (v Checkout) Title() string { return v.Lang.Of("پرداخت به ", "Pay ") + v.Merchant.Name }

// State is what data-state says.
func (v Checkout) State() state.Payment { return state.PaymentPending }

// Chosen is the method preselected.
func (v Checkout) Chosen() string {
	first := v.Preferred
	if !slices.Contains(v.Gateways, first) && len(v.Gateways) > 0 {
		first = v.Gateways[0]
	}
	if v.OpenAttempt || !v.Down(first) {
		return first
	}
	for _, name := range v.Gateways {
		if !v.Down(name) {
			return name
		}
	}
	return first
}

// Down says that a gateway gave no session lately.
func (v Checkout) Down(method string) bool { return slices.Contains(v.Unavailable, method) }

// TipValue is the text of the tip field.
func (v Checkout) TipValue() string {
	if v.TipText == "" && v.Tip > 0 {
		return strconv.FormatInt(int64(v.Tip), 10)
	}
	return v.TipText
}

// TipChoices are round tips near 5, 10 and 20 percent of the amount.
func (v Checkout) TipChoices() []money.Rial { return tipChoices(v.Amount) }

// Live is how often the page asks for the state, in milliseconds; 0 = never.
func (v Checkout) Live() int {
	if v.OpenAttempt {
		return 5000
	}
	return 0
}

// Refresh is after how many seconds the page reloads without JavaScript; 0 = never.
func (v Checkout) Refresh() int {
	if v.OpenAttempt {
		return 0 // would wipe what is being typed
	}
	return max(5, int(v.Deadline.Sub(v.Now)/time.Second)+1)
}

// Status is a payment in any other state. Refunds return the total.
type Status struct {
	Payment
	State     state.Payment // or [Checking]
	Method    string        // method name of the visit that paid
	RRN       string        // the bank's reference
	Card      string        // masked; a full number is masked here
	Mobile    string        // masked; a full number is masked here
	PaidAt    time.Time     // zero = not shown
	EndedAt   time.Time     // of collect or refund; zero = not shown
	ReturnURL string        // the merchant's page; only http(s) is linked
	// StateError is why the payment came to this state: a code of the payment's row or the bank's words.
	StateError string
}

// Title is the page's title.
func (v Status) Title() string { return v.Headline() + " – " + v.Merchant.Name }

// Headline is the state in a few words.
func (v Status) Headline() string {
	switch v.State {
	case Checking, state.PaymentPending:
		return v.Lang.Of("در انتظار پاسخ بانک", "Waiting for the bank")
	case state.PaymentPaid:
		return v.Lang.Of("پرداخت شد؛ در انتظار تأیید پذیرنده", "Paid; the merchant has to confirm it")
	case state.PaymentCollected:
		return v.Lang.Of("پرداخت موفق بود", "Payment successful")
	case state.PaymentRefunding:
		return v.Lang.Of("پول در حال بازگشت است", "Your money is on its way back")
	case state.PaymentRefunded:
		return v.Lang.Of("پول برگشت داده شد", "Your money was sent back")
	case state.PaymentExpired:
		return v.Lang.Of("مهلت پرداخت تمام شد", "The time to pay is over")
	}
	return v.Lang.Of("پرداخت انجام نشد", "The payment was not made")
}

// Mood is the page's colour and sign: wait, good, back or bad.
func (v Status) Mood() string {
	switch v.State {
	case Checking, state.PaymentPending:
		return "wait"
	case state.PaymentPaid, state.PaymentCollected:
		return "good"
	case state.PaymentRefunding, state.PaymentRefunded:
		return "back"
	}
	return "bad"
}

// Taken says whether the bank has taken the payer's money, now or before.
func (v Status) Taken() bool { return v.Mood() == "good" || v.Mood() == "back" }

// Return is the merchant's page if it can be linked to.
func (v Status) Return() string {
	if v.State != Checking && isWeb(v.ReturnURL) {
		return v.ReturnURL
	}
	return ""
}

// Live is how often the page asks for the state, in milliseconds; 0 = never.
func (v Status) Live() int {
	switch v.State {
	case Checking, state.PaymentPending:
		return 1500
	case state.PaymentPaid:
		return 2000
	case state.PaymentRefunding:
		return 5000
	}
	return 0
}

// Refresh is after how many seconds the page reloads without JavaScript; 0 = never.
func (v Status) Refresh() int { return v.Live() * 2 / 1000 }

// ToBank sends the browser to a bank: by a form, or by a link. A redirect in answer to the payer's own form would not do:
// browsers hold it, and wherever the bank leads on to, against the policy of that form.
type ToBank struct {
	Payment
	Method string            // method name
	Action string            // the bank's absolute address
	ByLink bool              // the bank wants a GET
	Fields map[string]string // hidden fields of the form
}

// Title is the page's title.
func (v ToBank) Title() string { return v.Lang.Of("انتقال به بانک", "To the bank") }

// State is what data-state says.
func (v ToBank) State() state.Payment { return state.PaymentPending }

// Live is how often the page asks for the state: never.
func (v ToBank) Live() int { return 0 }

// Refresh is after how many seconds the page reloads: never.
func (v ToBank) Refresh() int { return 0 }

// ProblemKind is what went wrong.
type ProblemKind string

const (
	NotFound        ProblemKind = "not_found"
	Expired         ProblemKind = "expired" // the page is too old for what was sent from it
	TooMany         ProblemKind = "too_many"
	BankUnavailable ProblemKind = "bank_unavailable" // no bank session could be opened; no money was taken
	Internal        ProblemKind = "internal"
)

// Problem is a page that says what went wrong and what to do.
type Problem struct {
	Reader
	Kind      ProblemKind
	RequestID string
	// Back is where the payer can go on: the payment's page, /pay/…; empty = nowhere.
	Back       string
	Here       string        // the page's own address, /pay/…, for changing the language; empty = unknown
	RetryAfter time.Duration // of TooMany; 0 = unknown
}

// HTTPStatus is the status the page is sent with.
func (v Problem) HTTPStatus() int {
	switch v.Kind {
	case NotFound:
		return http.StatusNotFound
	case Expired:
		return http.StatusConflict
	case TooMany:
		return http.StatusTooManyRequests
	case BankUnavailable:
		return http.StatusBadGateway
	}
	return http.StatusInternalServerError
}

// Title is the page's title.
func (v Problem) Title() string {
	switch v.Kind {
	case NotFound:
		return v.Lang.Of("این پرداخت پیدا نشد", "This payment was not found")
	case Expired:
		return v.Lang.Of("این صفحه دیگر معتبر نیست", "This page is out of date")
	case TooMany:
		return v.Lang.Of("درخواست‌ها بیش از اندازه بود", "Too many requests")
	case BankUnavailable:
		return v.Lang.Of("درگاه بانک باز نشد", "The bank's page did not open")
	}
	return v.Lang.Of("مشکلی پیش آمد", "Something went wrong")
}

// BackPath is Back if it is a path on this host.
func (v Problem) BackPath() string { return payPath(v.Back) }

// Path is Here if it is a path on this host.
func (v Problem) Path() string { return payPath(v.Here) }

func payPath(path string) string {
	if strings.HasPrefix(path, "/pay/") {
		return path
	}
	return ""
}

// Wait is RetryAfter in whole seconds, rounded up.
func (v Problem) Wait() int { return int((v.RetryAfter + time.Second - 1) / time.Second) }

// Refresh is after how many seconds the page reloads: never.
func (v Problem) Refresh() int { return 0 }
