// Package operators talks to resellers of mobile charge and internet packages. Every reseller is one file
// behind [Operator]; its codes, units and numbering stay in its file.
package operators

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Operator is one reseller.
//
// Submit is called at most once for a key, by anyone, ever. What it cannot say for certain it answers as
// [Unknown]; then only Inquire settles it. Submit and Inquire return no error: whatever goes wrong between us
// and the reseller is one of the outcomes.
type Operator interface {
	// Name is the provider's name in our rows, "sandbox".
	Name() string
	// Capabilities are what this reseller can do.
	Capabilities() Capabilities
	// Submit orders one top-up.
	Submit(ctx context.Context, o Order) Answer
	// Inquire asks what became of an order. Only for resellers that can.
	Inquire(ctx context.Context, o Order) Answer
	// Catalogue lists what can be bought now; ErrNoCatalogue where the reseller has no such call.
	Catalogue(ctx context.Context) ([]Product, error)
	// Balance is our prepaid money at the reseller, in rial.
	Balance(ctx context.Context) (money.Rial, error)
}

// ErrNoCatalogue means that a reseller cannot list its products.
var ErrNoCatalogue = errors.New("this reseller lists no products")

// Capabilities of a reseller.
type Capabilities struct {
	Inquiry bool // it can be asked about an order by our key; without, an unknown outcome needs a person
	// Settles is how long after a submission "no such order" may still change: then the order never arrived.
	Settles time.Duration
}

// Carrier is a mobile network. The numbers are those of the top-up contract; every adapter maps its own.
type Carrier int

// The carriers of the contract.
const (
	MCI      Carrier = 1
	Irancell Carrier = 2
	Rightel  Carrier = 3
	Aptel    Carrier = 4
	Shatel   Carrier = 5
)

// Order is one top-up as a reseller needs it.
type Order struct {
	Key     string // ours, stable for the order's whole life, never used for another: "topup-17"
	Carrier Carrier
	Type    string     // the contract's product type, "cell_direct_charge"
	Sim     string     // credit or permanent
	Package string     // the carrier's package code; empty for a plain charge
	Mobile  string     // 989xxxxxxxxx
	Amount  money.Rial // what the payer's number gets, or the package's price
	// Reference is the reseller's own number of the order, once it has told it.
	Reference string
}

// Outcome is what a reseller says of an order.
type Outcome string

// The outcomes.
const (
	Delivered  Outcome = "delivered"
	Refused    Outcome = "refused"     // final: nothing was or will be delivered
	InProgress Outcome = "in_progress" // accepted, not decided
	NotFound   Outcome = "not_found"   // Inquire only: the reseller has no such order, now
	Unknown    Outcome = "unknown"     // no answer, or one that means nothing
)

// Answer is a reseller's word on an order.
type Answer struct {
	Outcome   Outcome
	Reference string // the reseller's number of the order; empty when it told none
	Code      string // its code, for logs and operators
	Why       string // safe to log and to show a merchant; never a raw body
}

// Product is one line of a reseller's catalogue.
type Product struct {
	Carrier Carrier
	Type    string
	Sim     string
	Package string // the carrier's package code; empty for a charge of any amount
	Name    string
	Price   money.Rial
	Most    money.Rial // upper end of a range; 0: exactly Price
	Active  bool
}

// Registry finds resellers by name.
type Registry map[string]Operator

// Get returns the reseller called name.
func (r Registry) Get(name string) (Operator, error) {
	o, ok := r[name]
	if !ok {
		return nil, fmt.Errorf("no such reseller: %q", name)
	}
	return o, nil
}
