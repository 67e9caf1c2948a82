package pages

import (
	"fmt"
	"io"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
)

// DestinationCard is a card that the payer may pay to.
type DestinationCard struct {
	Number      string // 16 digits, whole: it is shown to be paid to
	Holder      string
	Bank        string // the bank's name in Persian
	BankEnglish string
	BankSlug    string // saman, mellat, …
}

// Transfer is a card-to-card payment in any state.
type Transfer struct {
	Reader
	Merchant     Merchant
	Amount       money.Rial // what must be paid, exactly
	Price        money.Rial // what the invoice says
	Fid          int64      // the merchant's invoice number
	State        state.Transfer
	Expires, Now time.Time // by the server's clock
	PaidAt       time.Time // the bank's time of the deposit; zero = not shown
	Cards        []DestinationCard

	AskPayerCard  bool   // only where the bank's SMS shows the payer's card
	PayerCard     string // registered; a full number is masked here; empty = none
	CardError     Wrong  // why the card sent was not registered
	PayerCardText string // what the payer typed, when it could not be accepted

	ReturnURL string // the merchant's callback with pay_id; only http(s) is linked
	Token     string // the link's
}

var transferPage = parse("transfer.html")

// Render writes the page. It fails on a state it does not know.
func (v Transfer) Render(w io.Writer) error {
	if v.Screen() == "" {
		return fmt.Errorf("page transfer.html: unknown state %q", v.State)
	}
	return render(w, transferPage, v.Lang, v)
}

// Path is the transfer's page.
func (v Transfer) Path() string { return "/pay/transfer/" + v.Token }

// Screen is what the page shows: pay, late, paid or mismatched; empty for an unknown state.
func (v Transfer) Screen() string {
	switch v.State {
	case state.TransferPending:
		if v.Now.Before(v.Expires) {
			return "pay"
		}
		return "late"
	case state.TransferExpired:
		return "late"
	case state.TransferPaid, state.TransferVerified:
		return "paid"
	case state.TransferMismatched:
		return "mismatched"
	}
	return ""
}

// Title is the page's title.
func (v Transfer) Title() string {
	if v.Screen() == "pay" {
		return v.Lang.Of("کارت‌به‌کارت به ", "Card to card to ") + v.Merchant.Name
	}
	return v.Headline() + " – " + v.Merchant.Name
}

// Headline is the outcome in a few words.
func (v Transfer) Headline() string {
	switch v.Screen() {
	case "paid":
		return v.Lang.Of("واریز شما رسید", "Your money has arrived")
	case "mismatched":
		return v.Lang.Of("واریز از کارت دیگری بود", "It came from another card")
	}
	return v.Lang.Of("مهلت پرداخت تمام شد", "The time to pay is over")
}

// Mood is the colour and sign of an outcome: good, wait or bad.
func (v Transfer) Mood() string {
	switch v.Screen() {
	case "paid":
		return "good"
	case "mismatched":
		return "bad"
	}
	return "wait"
}

// Added is what was put on the price to tell this deposit from others; never negative.
func (v Transfer) Added() money.Rial { return max(0, v.Amount-v.Price) }

// Toman is the amount in toman, in digits: ۱٬۱۳۸ تومان و ۵ ریال or 1,138 toman and 5 rial.
func (v Transfer) Toman() string {
	text := rial(v.Lang, v.Amount/10) + v.Lang.Of(" تومان", " toman")
	if rest := v.Amount % 10; rest > 0 {
		text += v.Lang.Of(" و ", " and ") + rial(v.Lang, rest) + v.Lang.Of(" ریال", " rial")
	}
	return text
}

// WholeToman says whether the amount can be typed in an app that takes toman only.
func (v Transfer) WholeToman() bool { return v.Amount%10 == 0 }

// CardForm says whether the payer is asked which card they paid from.
func (v Transfer) CardForm() bool { return v.Screen() == "pay" && v.AskPayerCard && v.PayerCard == "" }

// Return is the merchant's page if it can be linked to.
func (v Transfer) Return() string {
	if v.Screen() != "pay" && isWeb(v.ReturnURL) {
		return v.ReturnURL
	}
	return ""
}

// Live is how often the page asks for the state, in milliseconds; 0 = never.
func (v Transfer) Live() int {
	switch v.Screen() {
	case "pay":
		return 3000
	case "late": // a late SMS may still settle it
		return 5000
	case "mismatched": // a person may still give it the money
		return 15000
	}
	return 0
}

// Refresh is after how many seconds the page reloads without JavaScript; 0 = never.
func (v Transfer) Refresh() int {
	switch {
	case v.CardError != "":
		return 0 // this page answered a POST to another address
	case v.CardForm():
		return max(5, int(v.Expires.Sub(v.Now)/time.Second)+1) // earlier would wipe what is being typed
	case v.Live() > 0:
		return max(15, v.Live()*2/1000)
	}
	return 0
}
