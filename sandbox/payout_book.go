package sandbox

import (
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Transfer is what became of one order to send money out; Amount is rial. Every well-formed order leaves one, also a
// refused one, and a reference has never more than one.
type Transfer struct {
	Reference  string     `json:"reference"`
	Rail       string     `json:"rail"` // card, paya, satna
	To         string     `json:"to"`   // masked, also in the book on disk
	Amount     money.Rial `json:"amount"`
	Holder     string     `json:"holder,omitempty"`
	Note       string     `json:"note,omitempty"`
	State      string     `json:"state"`          // accepted, settled, returned, failed
	Code       string     `json:"code,omitempty"` // why it was returned or failed
	ID         string     `json:"id"`
	TrackingID string     `json:"tracking_id,omitempty"` // of one that was settled
	At         time.Time  `json:"at"`
	Due        time.Time  `json:"due,omitzero"` // when the rail's cycle carries it out
	Orders     int        `json:"orders"`       // how often it was ordered, repetitions too

	Then string `json:"then,omitempty"` // what it becomes when due
}

// States of a transfer out.
const (
	transferAccepted = "accepted"
	transferSettled  = "settled"
	transferReturned = "returned"
	transferFailed   = "failed"
)

// at is the transfer as it is at a time: time alone carries out what was accepted.
func (t Transfer) at(now time.Time) Transfer {
	if t.State == transferAccepted && !now.Before(t.Due) {
		t.State = t.Then
	}
	switch t.State {
	case transferSettled:
		t.TrackingID = track(t.ID)
	case transferReturned:
		t.Code = codeAccountClosed
	}
	return t
}

// same says whether an order asks for what this transfer is.
func (t Transfer) same(o Transfer) bool {
	return t.Rail == o.Rail && t.To == o.To && t.Amount == o.Amount && t.Holder == o.Holder && t.Note == o.Note
}

// Numbers are high, so that nobody takes one for another.
const firstTransfer = 500_000_000_001

// track is the rail's number of a settled transfer.
func track(id string) string { return "9601" + id }

var errDuplicateRef = errors.New("this reference was used for another order")

// payoutBook is every transfer out. As in the bank's book, each line of the journal is a whole transfer as it became.
type payoutBook struct {
	mu        sync.Mutex
	journal   *journal
	transfers []*Transfer // in order of arrival
	byRef     map[string]*Transfer
}

func openPayoutBook(path string) (*payoutBook, error) {
	b := &payoutBook{byRef: map[string]*Transfer{}}
	j, err := openJournal(path, func(line []byte) error {
		var t Transfer
		if err := json.Unmarshal(line, &t); err != nil {
			return err
		}
		if t.Reference == "" {
			return errors.New("a transfer without a reference")
		}
		b.keep(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	b.journal = j
	return b, nil
}

func (b *payoutBook) close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.journal.close()
}

func (b *payoutBook) keep(t Transfer) {
	if old := b.byRef[t.Reference]; old != nil {
		*old = t
		return
	}
	b.transfers = append(b.transfers, &t)
	b.byRef[t.Reference] = &t
}

func (b *payoutBook) store(t Transfer) error {
	if err := b.journal.append(t); err != nil {
		return err
	}
	b.keep(t)
	return nil
}

// order books a transfer under a reference, or repeats what stands there. decide says what becomes of a new one.
func (b *payoutBook) order(t Transfer, now time.Time, decide func(t *Transfer)) (got Transfer, fresh bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old := b.byRef[t.Reference]; old != nil {
		again := *old
		again.Orders++
		if err := b.store(again); err != nil {
			return Transfer{}, false, err
		}
		if !again.same(t) {
			return Transfer{}, false, errDuplicateRef
		}
		return again.at(now), false, nil
	}
	t.At, t.Orders, t.ID = now, 1, strconv.Itoa(firstTransfer+len(b.transfers))
	decide(&t)
	if err := b.store(t); err != nil {
		return Transfer{}, false, err
	}
	return t.at(now), true, nil
}

// find returns the transfer of a reference.
func (b *payoutBook) find(reference string, now time.Time) (Transfer, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.byRef[reference]
	if t == nil {
		return Transfer{}, false
	}
	return t.at(now), true
}

// list copies the transfers that match, oldest first, as they are now.
func (b *payoutBook) list(now time.Time, match func(t *Transfer) bool) []Transfer {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []Transfer{}
	for _, stored := range b.transfers {
		if t := stored.at(now); match(&t) {
			t.Then = "" // the bank does not tell its plans
			out = append(out, t)
		}
	}
	return out
}
