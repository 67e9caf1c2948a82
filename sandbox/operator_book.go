package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Delivery is what became of one order at the operator; Amount is rial. Every well-formed order leaves
// one, also a refused one, and a key has never more than one.
type Delivery struct {
	Key       string     `json:"key"`
	Carrier   string     `json:"carrier"`
	Type      string     `json:"type"`
	Sim       string     `json:"sim"`
	Package   string     `json:"package,omitempty"`
	Mobile    string     `json:"mobile"` // masked, also in the book on disk
	Amount    money.Rial `json:"amount"`
	State     string     `json:"state"`          // delivered, refused, in_progress
	Code      string     `json:"code,omitempty"` // why it was refused
	Reference string     `json:"reference"`
	At        time.Time  `json:"at"`
	Submits   int        `json:"submits"` // how often the order came, duplicates too

	DecidesAt time.Time `json:"decides_at,omitzero"` // of one that was accepted to be decided later
	Then      string    `json:"then,omitempty"`      // what it becomes
}

// States of a delivery.
const (
	orderDelivered  = "delivered"
	orderRefused    = "refused"
	orderInProgress = "in_progress"
)

// at is the delivery as it is at a time: time alone decides what is in progress.
func (d Delivery) at(now time.Time) Delivery {
	if d.State != orderInProgress || now.Before(d.DecidesAt) {
		return d
	}
	d.State = d.Then
	if d.State == orderRefused {
		d.Code = codeRefused
	}
	return d
}

// defaultPrepaid is enough for every trial and benchmark.
const defaultPrepaid = money.Rial(1_000_000_000_000)

var errDuplicateOrder = errors.New("this key was used before")

// operatorBook is every delivery and, with them, what is left of the prepaid money. As in the bank's
// book, each line of the journal is a whole delivery as it became.
type operatorBook struct {
	mu         sync.Mutex
	journal    *journal
	deliveries []*Delivery // in order of arrival
	byKey      map[string]*Delivery
	balance    money.Rial
	failing    []*Delivery // in progress, to be refused: their money comes back
}

func openOperatorBook(path string, prepaid money.Rial) (*operatorBook, error) {
	if prepaid <= 0 {
		prepaid = defaultPrepaid
	}
	b := &operatorBook{byKey: map[string]*Delivery{}, balance: prepaid}
	j, err := openJournal(path, func(line []byte) error {
		var d Delivery
		if err := json.Unmarshal(line, &d); err != nil {
			return err
		}
		if d.Key == "" {
			return errors.New("a delivery without a key")
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

func (b *operatorBook) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

// keep takes a delivery, new or submitted again, into memory.
func (b *operatorBook) keep(d Delivery) {
	if old := b.byKey[d.Key]; old != nil {
		*old = d
		return
	}
	b.deliveries = append(b.deliveries, &d)
	b.byKey[d.Key] = &d
	if d.State == orderRefused {
		return
	}
	b.balance -= d.Amount
	if d.Then == orderRefused {
		b.failing = append(b.failing, &d)
	}
}

func (b *operatorBook) store(d Delivery) error {
	if err := b.journal.append(d); err != nil {
		return err
	}
	b.keep(d)
	return nil
}

// submit books an order under a key that was never used. decide says what becomes of it, knowing
// what is left of the prepaid money.
func (b *operatorBook) submit(d Delivery, now time.Time, decide func(d *Delivery, left money.Rial)) (Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old := b.byKey[d.Key]; old != nil {
		again := *old
		again.Submits++
		if err := b.store(again); err != nil {
			return Delivery{}, err
		}
		return again.at(now), errDuplicateOrder
	}
	d.At, d.Submits = now, 1
	decide(&d, b.left(now))
	d.Reference = strconv.Itoa(firstReference + len(b.deliveries))
	if err := b.store(d); err != nil {
		return Delivery{}, err
	}
	return d, nil
}

// firstReference is high, so that nobody takes a reference for a key.
const firstReference = 800_000_000_001

// left is the balance with the money of what failed meanwhile back in it. The lock is held.
func (b *operatorBook) left(now time.Time) money.Rial {
	still := b.failing[:0]
	for _, d := range b.failing {
		if d.at(now).State == orderRefused {
			b.balance += d.Amount
		} else {
			still = append(still, d)
		}
	}
	b.failing = still
	return b.balance
}

// money is what is left of the prepaid money.
func (b *operatorBook) money(now time.Time) money.Rial {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left(now)
}

// find returns the delivery of a key.
func (b *operatorBook) find(key string, now time.Time) (Delivery, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.byKey[key]
	if d == nil {
		return Delivery{}, false
	}
	return d.at(now), true
}

// list copies the deliveries that match, oldest first, as they are now.
func (b *operatorBook) list(now time.Time, match func(d *Delivery) bool) []Delivery {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Delivery{}
	for _, stored := range b.deliveries {
		if d := stored.at(now); match(&d) {
			d.Then = "" // the operator does not tell its plans
			out = append(out, d)
		}
	}
	return out
}

// maskMobile keeps the first four and the last two digits of 989xxxxxxxxx: "0912*****67".
func maskMobile(mobile string) string {
	return fmt.Sprintf("0%s*****%s", mobile[2:5], mobile[10:])
}
