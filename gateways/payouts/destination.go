package payouts

import (
	"errors"
	"log/slog"

	"github.com/paysaga/paysaga/money"
)

// Kind is what a destination is.
type Kind string

// The kinds.
const (
	KindIBAN Kind = "iban"
	KindCard Kind = "card"
)

// Destination is where money goes: an account or a card. It shows itself masked, also when something that holds it is
// printed: fmt does not follow pointers inside of values.
type Destination struct {
	kind   Kind
	number *string
}

// ErrNotCard means that a text is not a card number.
var ErrNotCard = errors.New("not a card number")

// ToIBAN is a bank account.
func ToIBAN(i money.IBAN) Destination {
	number := string(i)
	return Destination{KindIBAN, &number}
}

// ToCard is a card: 16 digits with a right check digit. The bank of its first six digits need not be known.
func ToCard(number string) (Destination, error) {
	if len(number) != 16 || !money.Luhn(number) {
		return Destination{}, ErrNotCard
	}
	return Destination{KindCard, &number}, nil
}

// Kind is what it is; empty for the zero Destination.
func (d Destination) Kind() Kind { return d.kind }

// Masked shows a little of the number: the bank and the last four digits.
func (d Destination) Masked() string {
	switch d.kind {
	case KindIBAN:
		return money.IBAN(*d.number).Masked()
	case KindCard:
		return (*d.number)[:6] + "******" + (*d.number)[12:]
	}
	return "[nowhere]"
}

func (d Destination) String() string               { return d.Masked() }
func (d Destination) GoString() string             { return d.Masked() }
func (d Destination) LogValue() slog.Value         { return slog.StringValue(d.Masked()) }
func (d Destination) MarshalText() ([]byte, error) { return []byte(d.Masked()), nil }

// reveal is for the one place that puts it into a request.
func (d Destination) reveal() string {
	if d.number == nil {
		return ""
	}
	return *d.number
}
