package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Deposit is one movement on an account whose bank tells the phone about it; Amount and Balance are
// rial. A withdrawal or a reversal is one too: see Kind.
type Deposit struct {
	ID       int64      `json:"id"`
	Bank     string     `json:"bank"`
	Card     string     `json:"card"`    // masked
	Account  string     `json:"account"` // as the bank prints it; empty for banks that print none
	Amount   money.Rial `json:"amount"`
	Balance  money.Rial `json:"balance"` // after it
	Kind     string     `json:"kind"`    // deposit, withdraw, reversal
	At       time.Time  `json:"at"`      // as the bank printed it, UTC
	Sent     int        `json:"sent"`    // text messages the phone forwarded
	Accepted int        `json:"accepted"`
}

var errNoFunds = errors.New("the account does not hold so much")

// phoneBook is every movement and, with it, every balance. As in the bank's book, each line of the
// journal is a whole movement as it became.
type phoneBook struct {
	mu       sync.Mutex
	journal  *journal
	deposits []Deposit // in order of id, which counts from 1
	balances map[string]money.Rial
}

// bookBeside is the path of another book beside the bank's: book.jsonl, book-phone.jsonl.
func bookBeside(book, name string) string {
	ext := filepath.Ext(book)
	return strings.TrimSuffix(book, ext) + "-" + name + ext
}

func openPhoneBook(path string) (*phoneBook, error) {
	b := &phoneBook{balances: map[string]money.Rial{}}
	j, err := openJournal(path, func(line []byte) error {
		var d Deposit
		if err := json.Unmarshal(line, &d); err != nil {
			return err
		}
		if d.ID < 1 || d.ID > int64(len(b.deposits))+1 {
			return fmt.Errorf("movement %d after %d", d.ID, len(b.deposits))
		}
		b.keep(d)
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.journal = j
	return b, nil
}

func (b *phoneBook) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

// keep takes a movement, new or changed, into memory.
func (b *phoneBook) keep(d Deposit) {
	if d.ID <= int64(len(b.deposits)) {
		b.deposits[d.ID-1] = d
		return
	}
	b.deposits = append(b.deposits, d)
	b.balances[d.balanceKey()] = d.Balance
}

// balanceKey names the account of a movement among all banks.
func (d Deposit) balanceKey() string {
	if d.Account == "" {
		return d.Bank + "/" + d.Card
	}
	return d.Bank + "/" + d.Account
}

// move does a movement: it gets its number and its balance, and is durable.
func (b *phoneBook) move(d Deposit) (Deposit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	balance, known := b.balances[d.balanceKey()]
	if !known {
		balance = openingBalance(d.balanceKey())
	}
	switch {
	case d.Kind != kindWithdraw:
		balance += d.Amount
	case balance < d.Amount:
		return Deposit{}, fmt.Errorf("%w: %s rial", errNoFunds, balance)
	default:
		balance -= d.Amount
	}
	d.ID, d.Balance = int64(len(b.deposits))+1, balance
	if err := b.journal.append(d); err != nil {
		return Deposit{}, err
	}
	b.keep(d)
	return d, nil
}

// sent counts a text message that the phone forwarded.
func (b *phoneBook) sent(id int64, accepted bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.deposits[id-1]
	d.Sent++
	if accepted {
		d.Accepted++
	}
	if err := b.journal.append(d); err != nil {
		return err
	}
	b.keep(d)
	return nil
}

// list copies the movements that match, oldest first.
func (b *phoneBook) list(match func(d *Deposit) bool) []Deposit {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Deposit{}
	for i := range b.deposits {
		if match(&b.deposits[i]) {
			out = append(out, b.deposits[i])
		}
	}
	return out
}
