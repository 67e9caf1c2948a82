package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Refund is money a bank gave back.
type Refund struct {
	Bank    string     `json:"bank"`
	Invoice int64      `json:"invoice"`
	Tran    int64      `json:"tran,string"`
	Amount  money.Rial `json:"amount"`
	How     State      `json:"how"` // reversed, cancelled, refunded
	By      string     `json:"by"`  // merchant, or bank when nobody verified in time
	At      time.Time  `json:"at"`
}

// Book is everything the world outside did.
type Book struct {
	Charges    []Charge   `json:"charges"`
	Refunds    []Refund   `json:"refunds"`
	Deposits   []Deposit  `json:"deposits"`
	Deliveries []Delivery `json:"deliveries"`
	Transfers  []Transfer `json:"transfers"`
	Wallets    Wallets    `json:"wallets"`
	Calls      []Call     `json:"calls,omitempty"`
}

// getBook answers with the book, whole or filtered by ?bank=, ?invoice=, ?state=, ?key=; ?calls=1 adds the log
// of calls. Deposits have a bank, but neither invoice nor state nor key; deliveries and
// transfers out have only state and key; wallets have only a key.
func (s *Server) getBook(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	bank, state, key := query.Get("bank"), State(query.Get("state")), query.Get("key")
	var invoice int64
	if text := query.Get("invoice"); text != "" {
		var err error
		if invoice, err = strconv.ParseInt(text, 10, 64); err != nil || invoice <= 0 {
			writeError(w, http.StatusBadRequest, "invoice: must be a positive number")
			return
		}
	}

	book := Book{Refunds: []Refund{}}
	book.Charges = s.book.list(func(c *Charge) bool {
		return (bank == "" || c.Bank == bank) && (invoice == 0 || c.Invoice == invoice) && (state == "" || c.State == state) && key == ""
	})
	for _, c := range book.Charges {
		if !c.ReturnedAt.IsZero() {
			book.Refunds = append(book.Refunds, Refund{c.Bank, c.Invoice, c.Tran, c.Amount, c.State, c.ReturnedBy, c.ReturnedAt})
		}
	}
	book.Deposits = s.phone.book.list(func(d *Deposit) bool {
		return (bank == "" || d.Bank == bank) && invoice == 0 && state == "" && key == ""
	})
	book.Deliveries = s.operator.book.list(s.book.now(), func(d *Delivery) bool {
		return bank == "" && invoice == 0 && (state == "" || d.State == string(state)) && (key == "" || d.Key == key)
	})
	book.Transfers = s.payouts.list(s.book.now(), func(t *Transfer) bool {
		return bank == "" && invoice == 0 && (state == "" || t.State == string(state)) && (key == "" || t.Reference == key)
	})
	book.Wallets = noWallets()
	if bank == "" && invoice == 0 && state == "" {
		book.Wallets = s.wallets.list(key)
	}
	if query.Get("calls") == "1" {
		book.Calls = s.calls.list(func(c *Call) bool {
			return (bank == "" || c.Bank == bank) && (invoice == 0 || c.Invoice == invoice) && (key == "" || c.Key == key)
		})
	}
	writeJSON(w, http.StatusOK, book)
}

// shownCharges is how many charges the page lists; the JSON has them all.
const shownCharges = 100

// bookPage shows the book to people, newest first. ?refresh=5 reloads it every 5 seconds.
func (s *Server) bookPage(w http.ResponseWriter, r *http.Request) {
	charges := s.book.list(func(*Charge) bool { return true })
	data := struct {
		Charges            []Charge
		Total              int
		Taken, Kept, Given money.Rial
		Refresh            int
		Now                time.Time
	}{Total: len(charges), Now: s.book.now()}
	for _, c := range charges {
		if c.PaidAt.IsZero() {
			continue
		}
		data.Taken += c.Amount
		if c.ReturnedAt.IsZero() {
			data.Kept += c.Amount
		} else {
			data.Given += c.Amount
		}
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("refresh")); err == nil {
		data.Refresh = min(max(n, 0), 3600)
	}
	slices.Reverse(charges)
	data.Charges = charges[:min(len(charges), shownCharges)]
	s.show(w, http.StatusOK, "book.html", data)
}
