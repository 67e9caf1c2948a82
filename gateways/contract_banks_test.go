package gateways_test

import (
	"net/http"
	"testing"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/sandbox"
)

// contract is one bank under the contract test, and where it differs from the others by its own documentation.
// Its account comes from its wire in the sandbox.
type contract struct {
	name     string
	open     func(baseURL, payURL string, client *http.Client) gateways.Bank
	callback string // how the browser comes back, "get" or "post"

	noSettlement  bool // Settle is no call at this bank
	amountUntold  bool // Result cannot tell the amount; Verify refuses another one
	tellsReturned bool // Result tells money that went back from money that never came
	tellsDeclined bool // Result tells a payer who turned away from one who is still there
	needsCallback bool // the payer's browser is the only one to name the transaction
	// undo says how money goes back from each state, "" = not at all. What is not named is as usual:
	// reversed, cancelled, refunded.
	undo map[sandbox.State]gateways.Undone
}

var contracts = []contract{
	{
		name: "asanpardakht", open: gateways.NewAsanpardakht, callback: "post",
		undo: map[sandbox.State]gateways.Undone{sandbox.Settled: ""},
	},
}

// each runs a scenario for every bank, each in a world of its own.
func each(t *testing.T, scenario func(w *world)) {
	for _, c := range contracts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			scenario(newWorld(t, c))
		})
	}
}

// undone says how money goes back from a state, "" = it cannot.
func (c contract) undone(from sandbox.State) gateways.Undone {
	if how, ok := c.undo[from]; ok {
		return how
	}
	return map[sandbox.State]gateways.Undone{
		sandbox.Paid: gateways.Reversed, sandbox.Verified: gateways.Cancelled, sandbox.Settled: gateways.Refunded,
	}[from]
}

// taken lists the states with money that a merchant can bring about here.
func (c contract) taken() []sandbox.State {
	if c.noSettlement {
		return []sandbox.State{sandbox.Paid, sandbox.Verified}
	}
	return []sandbox.State{sandbox.Paid, sandbox.Verified, sandbox.Settled}
}
