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
	claimOnly     bool // Result repeats what the browser says and asks nobody: the bank has no inquiry
	amountNever   bool // no answer names an amount: the bank takes what the session was opened for
	refundsOnce   bool // a refund asked for again is left to a person
	// undo says how money goes back from each state, "" = not at all. What is not named is as usual:
	// reversed, cancelled, refunded.
	undo map[sandbox.State]gateways.Undone
}

var contracts = []contract{
	{
		name: "asanpardakht", open: gateways.NewAsanpardakht, callback: "post",
		undo: map[sandbox.State]gateways.Undone{sandbox.Settled: ""}, // the API has no refund
	},
	{
		name: "zarinpal", open: gateways.NewZarinpal, callback: "get",
		noSettlement: true, amountUntold: true, tellsReturned: true,
		undo: map[sandbox.State]gateways.Undone{sandbox.Verified: gateways.Reversed}, // one call for both
	},
	{
		name: "zibal", open: oneHost(gateways.NewZibal), callback: "get",
		noSettlement: true, tellsReturned: true, tellsDeclined: true,
		undo: map[sandbox.State]gateways.Undone{sandbox.Paid: "", sandbox.Verified: ""}, // the API gives nothing back
	},
	{
		name: "saman", open: oneHost(gateways.NewSaman), callback: "post",
		noSettlement: true, amountUntold: true, tellsDeclined: true, needsCallback: true, claimOnly: true,
		undo: map[sandbox.State]gateways.Undone{sandbox.Verified: gateways.Reversed}, // one word for both
	},
	{
		name: "mellat", open: oneHost(gateways.NewMellat), callback: "post",
		tellsReturned: true, tellsDeclined: true, needsCallback: true, amountNever: true, refundsOnce: true,
		undo: map[sandbox.State]gateways.Undone{sandbox.Verified: gateways.Reversed}, // one word for both
	},
}

// oneHost is a bank whose API and page are on the same host.
func oneHost(open func(string, *http.Client) gateways.Bank) func(baseURL, payURL string, client *http.Client) gateways.Bank {
	return func(baseURL, _ string, client *http.Client) gateways.Bank { return open(baseURL, client) }
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

// account are the least credentials that a bank's wire accepts.
func (c contract) account() gateways.Credentials {
	out := gateways.Credentials(sandbox.Account(c.name))
	for _, f := range c.open("", "", nil).Fields() {
		if f.Optional {
			delete(out, f.Name)
		}
	}
	return out
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

// callsNobody says that a call of the adapter is none to the bank.
func (c contract) callsNobody(name string) bool {
	return name == "settle" && c.noSettlement || name == "result" && c.claimOnly
}
