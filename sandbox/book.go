package sandbox

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// book is everything the banks have done. Each line of its journal is a whole charge as it became;
// the last line of a charge is its present.
type book struct {
	now   func() time.Time
	terms func(c *Charge) terms

	mu        sync.Mutex
	journal   *journal
	charges   []*Charge // in order of creation
	byInvoice map[invoiceKey]*Charge
	byTran    map[int64]*Charge
	byRef     map[string]*Charge
	lastTran  int64
}

type invoiceKey struct {
	bank    string
	invoice int64
}

// Numbers of transactions and references start high, so that nobody takes them for invoices.
const (
	firstTran = 100_000_000_000
	firstRRN  = 700_000_000_000
)

var (
	errDuplicate = errors.New("invoice already used")
	errNotFound  = errors.New("no such session")
)

func openBook(path string, terms func(c *Charge) terms, now func() time.Time) (*book, error) {
	b := &book{
		now:       now,
		terms:     terms,
		byInvoice: map[invoiceKey]*Charge{},
		byTran:    map[int64]*Charge{},
		byRef:     map[string]*Charge{},
		lastTran:  firstTran,
	}
	j, err := openJournal(path, func(line []byte) error {
		var c Charge
		if err := json.Unmarshal(line, &c); err != nil {
			return err
		}
		b.keep(c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.journal = j
	return b, nil
}

func (b *book) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

// keep takes a charge, new or changed, into memory.
func (b *book) keep(c Charge) {
	if old := b.byTran[c.Tran]; old != nil {
		*old = c
		return
	}
	b.charges = append(b.charges, &c)
	b.byTran[c.Tran] = &c
	b.byRef[c.RefID] = &c
	b.byInvoice[invoiceKey{c.Bank, c.Invoice}] = &c
	b.lastTran = max(b.lastTran, c.Tran)
}

// store makes a change durable first and visible after.
func (b *book) store(c Charge) error {
	if err := b.journal.append(c); err != nil {
		return err
	}
	b.keep(c)
	return nil
}

// open starts a session for an invoice that this bank has never seen. Its token is c.RefID, or one made up here.
func (b *book) open(c Charge) (Charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byInvoice[invoiceKey{c.Bank, c.Invoice}] != nil {
		return Charge{}, errDuplicate
	}
	now := b.now()
	c.State, c.NoSettlement = Open, b.terms(&c).noSettlement
	c.RefID = cmp.Or(c.RefID, rand.Text())
	c.Tran = b.lastTran + 1
	c.RRN = fmt.Sprint(firstRRN + c.Tran - firstTran)
	c.Card = fmt.Sprintf("603799******%04d", c.Tran%10_000)
	c.CreatedAt, c.ExpiresAt = now, now.Add(b.terms(&c).session)
	return c, b.store(c)
}

// invoice finds a charge by the merchant's number.
func (b *book) invoice(bank string, invoice int64) (Charge, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.byInvoice[invoiceKey{bank, invoice}]
	if c == nil {
		return Charge{}, false
	}
	return c.at(b.now(), b.terms(c)), true
}

// ref finds a charge by its session's token.
func (b *book) ref(bank, ref string) (Charge, error) {
	return b.change(bank, ref, func(*Charge) bool { return false })
}

// change lets the payer act on an open session: f changes the charge and says whether it did.
func (b *book) change(bank, ref string, f func(c *Charge) bool) (Charge, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.byRef[ref]
	if c == nil || c.Bank != bank {
		return Charge{}, errNotFound
	}
	next := c.at(b.now(), b.terms(c))
	if !f(&next) {
		return next, nil
	}
	return next, b.store(next)
}

// pay takes the payer's money when the session is still open.
func (b *book) pay(bank, ref string, hangVerify bool) (Charge, error) {
	return b.change(bank, ref, func(c *Charge) bool {
		if c.State != Open {
			return false
		}
		c.HangVerify = hangVerify
		c.pay(b.now(), b.terms(c))
		return true
	})
}

// payLater lets the payer pay after a while, if the session lives that long.
func (b *book) payLater(bank, ref string, after time.Duration) (Charge, error) {
	return b.change(bank, ref, func(c *Charge) bool {
		at := b.now().Add(after)
		if c.State != Open || !at.Before(c.ExpiresAt) {
			return false
		}
		c.PayAt = at
		return true
	})
}

// decline ends an open session without money.
func (b *book) decline(bank, ref string) (Charge, error) {
	return b.change(bank, ref, func(c *Charge) bool {
		if c.State != Open {
			return false
		}
		c.State = Declined
		return true
	})
}

// outcome is what an operation came to.
type outcome struct {
	code   int
	effect bool   // it changed the charge now
	hang   bool   // the payer asked for this answer never to come
	charge Charge // as it is now; zero when there is none
}

// act does one operation of the merchant on a transaction.
func (b *book) act(bank, op string, tran int64) (outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.byTran[tran]
	if c == nil || c.Bank != bank {
		return outcome{code: missing(op)}, nil
	}
	next := c.at(b.now(), b.terms(c))
	hang := op == opVerify && next.HangVerify
	code := next.act(op, b.now(), b.terms(c))
	if code != 200 {
		return outcome{code: code, charge: next}, nil
	}
	if err := b.store(next); err != nil {
		return outcome{}, err
	}
	return outcome{code: code, effect: true, hang: hang, charge: next}, nil
}

// tran finds a charge by its transaction.
func (b *book) tran(bank string, tran int64) (Charge, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.byTran[tran]
	if c == nil || c.Bank != bank {
		return Charge{}, false
	}
	return c.at(b.now(), b.terms(c)), true
}

// invoiceOf names the invoice of a transaction, 0 when there is none.
func (b *book) invoiceOf(bank string, tran int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.byTran[tran]; c != nil && c.Bank == bank {
		return c.Invoice
	}
	return 0
}

// list copies the charges that match, oldest first, as the outside may see them.
func (b *book) list(match func(c *Charge) bool) []Charge {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	out := []Charge{}
	for _, stored := range b.charges {
		if c := stored.at(now, b.terms(stored)); match(&c) {
			out = append(out, c.public())
		}
	}
	return out
}
