package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// book is what the world outside did.
type book struct {
	Charges    []charge   `json:"charges"`
	Deposits   []movement `json:"deposits"`
	Deliveries []delivery `json:"deliveries"`
	Transfers  []order    `json:"transfers"`
	Wallets    walletBook `json:"wallets"`
}

// charge is a line of the bank's book.
type charge struct {
	Bank    string `json:"bank"`
	Invoice int64  `json:"invoice"`
	Amount  int64  `json:"amount"`
	State   string `json:"state"`
	// NoSettlement: the bank pays verified money out by itself.
	NoSettlement bool `json:"no_settlement"`
}

// asFarAs is a charge's state; verified money is as good as settled where settling is no call.
func (c charge) asFarAs(ours state.Attempt) string {
	if c.NoSettlement && c.State == "verified" && ours == state.AttemptSettled {
		return "settled"
	}
	return c.State
}

// agrees lists, for each state of an attempt, the states in which the bank may have its charge.
// Settlement and refund are final on our side only after the bank has confirmed them.
var agrees = map[state.Attempt]string{
	state.AttemptCreated:   "open declined expired",
	state.AttemptOpen:      "open paid verified declined expired reversed cancelled", // also on its way back, after a verification that was refused
	state.AttemptPaid:      "paid verified settled",
	state.AttemptSettled:   "settled",
	state.AttemptRefunding: "paid verified reversed cancelled refunded",
	state.AttemptRefunded:  "reversed cancelled refunded",
	state.AttemptFailed:    "open declined expired reversed cancelled refunded",
}

// moneyless are the states of a charge that moved no money.
var moneyless = []string{"open", "declined", "expired"}

const booksAgree = "the bank's book and ours agree"

// compareBooks reads the bank's book twice: what it had before ours was read must be in ours, and what
// ours has must be in it afterwards.
func compareBooks(ctx context.Context, c Config) ([]store.Breach, error) {
	earlier, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	attempts, err := c.Store.AttemptsInBooks(ctx, c.Gateways)
	if err != nil {
		return nil, err
	}
	later, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	type key struct {
		bank    string
		invoice int64
	}
	known := make(map[key]charge, len(later.Charges))
	for _, ch := range later.Charges {
		known[key{ch.Bank, ch.Invoice}] = ch
	}
	var found []store.Breach
	breach := func(format string, args ...any) {
		found = append(found, store.Breach{Invariant: booksAgree, Subject: fmt.Sprintf(format, args...)})
	}
	ours := make(map[key]bool, len(attempts))
	for _, a := range attempts {
		ours[key{a.Gateway, a.ID}] = true
		ch, ok := known[key{a.Gateway, a.ID}]
		switch {
		case !ok && a.State != state.AttemptCreated && a.State != state.AttemptFailed:
			breach("attempt %d is %s and %s does not know it", a.ID, a.State, a.Gateway)
		case !ok:
		case ch.Amount != int64(a.Amount):
			breach("attempt %d: amount %d, at %s %d", a.ID, a.Amount, a.Gateway, ch.Amount)
		case !slices.Contains(strings.Fields(agrees[a.State]), ch.asFarAs(a.State)):
			breach("attempt %d is %s, at %s %s", a.ID, a.State, a.Gateway, ch.State)
		}
	}
	for _, ch := range earlier.Charges {
		if slices.Contains(c.Gateways, ch.Bank) && !slices.Contains(moneyless, ch.State) && !ours[key{ch.Bank, ch.Invoice}] {
			breach("%s has %d as %s and we do not know it", ch.Bank, ch.Invoice, ch.State)
		}
	}
	return found, nil
}

// movement is money that moved on an account whose bank tells a phone about it; in rial.
type movement struct {
	ID       int64      `json:"id"`
	Bank     string     `json:"bank"`
	Kind     string     `json:"kind"`
	Amount   money.Rial `json:"amount"`
	Balance  money.Rial `json:"balance"`  // after it
	Accepted int        `json:"accepted"` // messages about it that we took
}

const depositsAgree = "the bank's deposits and ours agree"

// compareDeposits looks for deposits that a phone told us of and that we do not have. Each message that
// nobody could read may tell of one; it waits for a person. Amount and balance find a deposit, not the bank:
// a message from a wrong sender is kept under the sender's. There is no other direction: whoever holds a key
// may post messages of which no bank knows.
func compareDeposits(ctx context.Context, c Config) ([]store.Breach, error) {
	b, err := readBook(ctx, c.SandboxURL) // first: what was taken by then is in ours
	if err != nil {
		return nil, err
	}
	deposits, unread, err := c.Store.DepositsInBooks(ctx)
	if err != nil {
		return nil, err
	}
	ours := make(map[store.DepositInBooks]bool, len(deposits))
	for _, d := range deposits {
		ours[d] = true
	}
	var found []store.Breach
	for _, m := range b.Deposits {
		if m.Kind != "deposit" || m.Accepted == 0 || ours[store.DepositInBooks{Amount: m.Amount, Balance: m.Balance}] {
			continue
		}
		subject := fmt.Sprintf("%s told of movement %d, a deposit of %s rial, and we do not have it", m.Bank, m.ID, m.Amount)
		found = append(found, store.Breach{Invariant: depositsAgree, Subject: subject})
	}
	if len(found) <= unread {
		return nil, nil
	}
	return found, nil
}

func readBook(ctx context.Context, sandboxURL string) (book, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, sandboxURL+"/book", nil)
	if err != nil {
		return book{}, fmt.Errorf("bank's book: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return book{}, fmt.Errorf("bank's book: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return book{}, fmt.Errorf("bank's book: status %d", resp.StatusCode)
	}
	var b book
	if err := json.NewDecoder(resp.Body).Decode(&b); err != nil {
		return book{}, fmt.Errorf("bank's book: %w", err)
	}
	return b, nil
}
