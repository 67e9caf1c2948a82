// Package audit checks that the books are true: inside, against the bank's own book, and against the
// sagas' results.
package audit

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/paysaga/paysaga/store"
)

// Config says what is audited.
type Config struct {
	Store       *store.Store
	Grace       time.Duration // how old work in progress may be
	SandboxURL  string        // the bank's own book; empty leaves it out
	Gateways    []string      // whose book it is
	Resellers   []string      // of top-ups, whose deliveries are in the same book
	PayoutBanks []string      // whose orders are in it
	WalletBanks []string      // whose accounts and deposits are in it
	Temporal    client.Client // nil leaves the sagas out
	Namespace   string
}

// Report is what was found.
type Report struct {
	Checks   int
	Breaches []store.Breach
}

// Run audits.
func Run(ctx context.Context, c Config) (Report, error) {
	breaches, err := c.Store.Audit(ctx, c.Grace.Seconds())
	if err != nil {
		return Report{}, err
	}
	report := Report{Checks: store.Invariants(), Breaches: breaches}
	var compare []func(context.Context, Config) ([]store.Breach, error)
	if c.SandboxURL != "" {
		compare = append(compare, compareBooks, compareDeposits, compareDeliveries, comparePayouts, compareWallets)
	}
	if c.Temporal != nil {
		compare = append(compare, compareSagas, compareRunning)
	}
	for _, check := range compare {
		found, err := check(ctx, c)
		if err != nil {
			return Report{}, err
		}
		report.Checks++
		report.Breaches = append(report.Breaches, found...)
	}
	return report, nil
}
