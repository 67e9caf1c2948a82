package api_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/payload"
	"github.com/paysaga/paysaga/state"
)

// docs/api.md says of every event in which words a merchant is told of it, and of no other.
func TestEventsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	var documented, told []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		kind, of, ok := strings.Cut(strings.Trim(cells[0], " `"), ".")
		if ok && len(cells) == 5 && slices.Contains([]string{"payment", "transfer", "deposit", "topup", "purchase", "payout", "wallet"}, kind) {
			documented = append(documented, fmt.Sprintf("%s.%s %s %s %s", kind, of, strings.Trim(cells[1], " `"), strings.Trim(cells[2], " `"), strings.TrimSpace(cells[3])))
		}
	}
	for kind, states := range state.Events() {
		for _, of := range states {
			word, ok := payload.OfEvent(kind + "." + of)
			require.True(t, ok, "%s.%s", kind, of)
			final := map[bool]string{true: "yes", false: "no"}[word.Final]
			told = append(told, fmt.Sprintf("%s.%s %s %s %s", kind, of, word.Kind, word.Status, final))
		}
	}
	require.ElementsMatch(t, told, documented)
}
