package state_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

var update = flag.Bool("update", false, "write docs/states.md")

const docsFile = "../docs/states.md"

// docs/states.md is drawn from the tables. `go test ./state -update` draws it again.
func TestDocsAreDrawnFromTheTables(t *testing.T) {
	var b strings.Builder
	b.WriteString("# States\n\nDrawn from the tables in `state/` by `go test ./state -update`; do not edit.\n")
	draw(&b, "Payment", "What a merchant sees of a bank payment.", state.Payments)
	draw(&b, "Attempt", "One visit of the payer to one bank. A payment may have several; at most one attempt's money serves it.", state.Attempts)
	draw(&b, "Transfer", "What a merchant sees of a card-to-card payment.", state.Transfers)
	draw(&b, "Deposit", "Money seen arriving on a merchant's card by SMS.", state.Deposits)
	draw(&b, "Top-up", "A mobile charge or internet package bought from a merchant's balance.", state.TopUps)
	draw(&b, "Purchase", "An online purchase of a branch: 0 awaiting, 1 completing, 2 incomplete, 3 completed, 4 ended.", state.Purchases)
	draw(&b, "Payout", "Money sent from a merchant's balance to a card or an account.", state.Payouts)
	draw(&b, "Wallet", "A static place to pay into, one for each order_id of a merchant.", state.Wallets)
	draw(&b, "Webhook", "One message about one change to one endpoint of a merchant.", state.Webhooks)
	draw(&b, "Endpoint", "A merchant's URL that is told of changes.", state.Endpoints)
	if *update {
		require.NoError(t, os.WriteFile(docsFile, []byte(b.String()), 0o644))
	}
	written, err := os.ReadFile(docsFile)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(written), "stale: run `go test ./state -update`")
}

func draw[S ~string](b *strings.Builder, title, about string, m state.Machine[S]) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n```mermaid\n%s```\n\n| from | to | when |\n|---|---|---|\n", title, about, m.Mermaid())
	for _, step := range m.Transitions {
		fmt.Fprintf(b, "| %s | %s | %s |\n", step.From, step.To, step.When)
	}
}
