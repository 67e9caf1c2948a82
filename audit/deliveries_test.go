package audit_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
)

func TestDeliveriesAgree(t *testing.T) {
	b := newBooks(t)
	type line struct {
		key, mobile, state string
		amount, submits    int64
	}
	reserved, unknown, delivered, reversed := b.topups[state.TopUpReserved], b.topups[state.TopUpUnknown], b.topups[state.TopUpDelivered], b.topups[state.TopUpReversed]
	// What the reseller has when all is well: the reserved one never reached it.
	well := map[int64]line{}
	for id, as := range map[int64]string{unknown: "in_progress", delivered: "delivered", reversed: "refused"} {
		well[id] = line{fmt.Sprint("topup-", id), "0902*****67", as, 5_000, 1}
	}
	check := func(lines map[int64]line) []string {
		out := []string{}
		for _, l := range lines {
			out = append(out, fmt.Sprintf(`{"key":%q,"mobile":%q,"state":%q,"amount":%d,"submits":%d}`, l.key, l.mobile, l.state, l.amount, l.submits))
		}
		book := `{"charges":[],"deliveries":[` + strings.Join(out, ",") + `]}`
		var says []string
		for _, breach := range b.audit(audit.Config{SandboxURL: bank(t, http.StatusOK, book), Resellers: []string{"sandbox"}}) {
			require.Equal(t, "the reseller's deliveries and our top-ups agree", breach.Invariant)
			says = append(says, breach.Subject)
		}
		slices.Sort(says)
		return says
	}
	change := func(id int64, f func(*line)) map[int64]line {
		lines := maps.Clone(well)
		l := lines[id]
		f(&l)
		lines[id] = l
		return lines
	}
	without := func(id int64) map[int64]line {
		lines := maps.Clone(well)
		delete(lines, id)
		return lines
	}
	as := func(id int64, state string) map[int64]line {
		return change(id, func(l *line) { l.state = state })
	}
	require.Empty(t, check(well))
	for _, state := range []string{"delivered", "refused"} {
		require.Empty(t, check(as(unknown, state)), "not heard of yet")
	}
	require.Empty(t, check(without(unknown)))
	require.Empty(t, check(without(reversed)), "it never arrived")

	for name, tt := range map[string]struct {
		lines map[int64]line
		says  string
	}{
		"spent, and refused there":      {as(delivered, "refused"), fmt.Sprintf("top-up %d is delivered, at the reseller refused", delivered)},
		"spent, and undecided there":    {as(delivered, "in_progress"), fmt.Sprintf("top-up %d is delivered, at the reseller in_progress", delivered)},
		"spent, and unknown there":      {without(delivered), fmt.Sprintf("top-up %d is delivered and the reseller does not know it", delivered)},
		"given back, and delivered":     {as(reversed, "delivered"), fmt.Sprintf("top-up %d is reversed, at the reseller delivered", reversed)},
		"given back, undecided there":   {as(reversed, "in_progress"), fmt.Sprintf("top-up %d is reversed, at the reseller in_progress", reversed)},
		"ordered twice":                 {change(delivered, func(l *line) { l.submits = 2 }), fmt.Sprintf("top-up %d was ordered 2 times", delivered)},
		"another amount":                {change(delivered, func(l *line) { l.amount = 6_000 }), fmt.Sprintf("top-up %d: 5,000 rial for 0902*****67, at the reseller 6,000 for 0902*****67", delivered)},
		"another number":                {change(delivered, func(l *line) { l.mobile = "0902*****68" }), fmt.Sprintf("top-up %d: 5,000 rial for 0902*****67, at the reseller 5,000 for 0902*****68", delivered)},
		"there before it was sent":      {change(0, func(l *line) { *l = line{fmt.Sprint("topup-", reserved), "0902*****67", "delivered", 5_000, 1} }), fmt.Sprintf("top-up %d never went out, and the reseller has it as delivered", reserved)},
		"delivered, and nobody ordered": {change(0, func(l *line) { *l = line{"topup-9999", "0902*****67", "delivered", 5_000, 1} }), "the reseller has topup-9999 as delivered and we do not know it"},
	} {
		require.Equal(t, []string{tt.says}, check(tt.lines), name)
	}

	// What a person decided while the reseller had not is theirs to answer for; against the reseller's own word it is not.
	b.exec(`UPDATE topups SET code = 'by_hand' WHERE id IN (?, ?)`, delivered, reversed)
	lines := as(delivered, "in_progress")
	lines[reversed] = line{fmt.Sprint("topup-", reversed), "0902*****67", "in_progress", 5_000, 1}
	require.Empty(t, check(lines))
	require.Empty(t, check(without(delivered)))
	require.Len(t, check(as(delivered, "refused")), 1)
	require.Len(t, check(as(reversed, "delivered")), 1)
}
