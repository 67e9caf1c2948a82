// Package wallets rents static accounts: numbers that belong to one customer of a merchant for good, so that
// whatever arrives there is theirs. Every provider is one file behind [Provider].
package wallets

import (
	"context"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/money"
)

// Provider gives out account numbers and tells what arrived on them.
//
// Every method is safe to repeat and returns nil or an error that wraps exactly one of [gateways.Refused],
// [gateways.Unavailable] and [gateways.Unknown]; see [gateways.Classify].
type Provider interface {
	// Name is the provider's name in our rows, "sandbox".
	Name() string
	// Open gives out the account of a reference of ours; the same reference has the same account for ever.
	Open(ctx context.Context, o Opening) (Account, error)
	// Deposits lists what arrived on an account after the deposit called `after` (empty: from the first), oldest
	// first, at most [Page] of them. A deposit that was listed once never changes and never vanishes.
	Deposits(ctx context.Context, iban, after string) ([]Deposit, error)
}

// Page is how many deposits one call lists at most.
const Page = 50

// Opening asks for an account.
type Opening struct {
	Reference string // the wallet's uuid
	Holder    string // shown to whoever pays in
}

// Account is a number to pay into.
type Account struct{ IBAN string }

// Deposit is money that arrived for good.
type Deposit struct {
	ID         string     // the provider's; names it for ever
	Amount     money.Rial // what arrived
	From       string     // masked account or card it came from; may be empty
	TrackingID string     // of the rail
	At         time.Time  // UTC, by the bank's clock
}

// Registry finds providers by name.
type Registry map[string]Provider

// Get returns the provider called name.
func (r Registry) Get(name string) (Provider, error) {
	p, ok := r[name]
	if !ok {
		return nil, fmt.Errorf("no such provider of wallets: %q", name)
	}
	return p, nil
}
