package audit_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// says audits against a book and returns the subjects of what one invariant finds.
func (b *books) says(invariant string, book map[string]any) []string {
	b.Helper()
	text, err := json.Marshal(book)
	require.NoError(b, err)
	says := []string{}
	url := bank(b.T, http.StatusOK, string(text))
	for _, breach := range b.audit(audit.Config{SandboxURL: url, PayoutBanks: []string{"sandbox"}, WalletBanks: []string{"sandbox"}}) {
		if breach.Invariant == invariant {
			says = append(says, breach.Subject)
		}
	}
	slices.Sort(says)
	return says
}

func TestPayoutsAgree(t *testing.T) {
	b := newBooks(t)
	type line struct {
		Reference string `json:"reference"`
		Rail      string `json:"rail"`
		To        string `json:"to"`
		Amount    int64  `json:"amount"`
		State     string `json:"state"`
	}
	// What the bank has when all is well: what never left and what never arrived, it does not know.
	well := map[string]line{}
	at := func(p store.Payout, as string) { well[p.UUID] = line{p.UUID, "paya", masked, 50_000, as} }
	for s, as := range map[state.Payout]string{
		state.PayoutUnknown: "accepted", state.PayoutSent: "accepted", state.PayoutPaid: "settled", state.PayoutRefused: "returned",
	} {
		at(b.payouts[s], as)
	}
	at(b.byHand, "settled")
	check := func(lines map[string]line) []string {
		return b.says("the bank's orders and our payouts agree", map[string]any{"transfers": slices.Collect(maps.Values(lines))})
	}
	with := func(p store.Payout, f func(*line)) map[string]line {
		lines := maps.Clone(well)
		l, ok := lines[p.UUID]
		if !ok {
			l = line{p.UUID, "paya", masked, 50_000, "settled"}
		}
		f(&l)
		lines[p.UUID] = l
		return lines
	}
	as := func(p store.Payout, state string) map[string]line {
		return with(p, func(l *line) { l.State = state })
	}
	without := func(p store.Payout) map[string]line {
		lines := maps.Clone(well)
		delete(lines, p.UUID)
		return lines
	}
	reserved, unknown, sent, paid := b.payouts[state.PayoutReserved], b.payouts[state.PayoutUnknown], b.payouts[state.PayoutSent], b.payouts[state.PayoutPaid]
	refused, cancelled, unsent := b.payouts[state.PayoutRefused], b.payouts[state.PayoutCancelled], b.payouts[state.PayoutUnsent]
	require.Empty(t, check(well))
	for name, lines := range map[string]map[string]line{
		"not heard of yet: settled":   as(unknown, "settled"),
		"not heard of yet: returned":  as(unknown, "returned"),
		"not heard of yet: failed":    as(unknown, "failed"),
		"never arrived, perhaps":      without(unknown),
		"settled, and we do not know": as(sent, "settled"),
		"refused at once":             as(refused, "failed"),
		"refused without a line":      without(refused),
		"failed without money":        as(unsent, "failed"),
		"a person said paid":          as(b.byHand, "accepted"),
		"and was not contradicted":    without(b.byHand),
	} {
		require.Empty(t, check(lines), name)
	}
	stranger := store.Payout{UUID: "stranger"}
	require.Empty(t, check(as(stranger, "failed")), "no money moved")

	for name, tt := range map[string]struct {
		lines map[string]line
		says  string
	}{
		"paid, and on its way there":       {as(paid, "accepted"), "payout " + paid.UUID + " is paid, at the bank accepted"},
		"paid, and returned":               {as(paid, "returned"), "payout " + paid.UUID + " is paid, at the bank returned"},
		"paid, and unknown there":          {without(paid), "payout " + paid.UUID + " is paid and the bank does not know it"},
		"sent, and unknown there":          {without(sent), "payout " + sent.UUID + " is sent and the bank does not know it"},
		"sent, and failed there":           {as(sent, "failed"), "payout " + sent.UUID + " is sent, at the bank failed"},
		"given back, and paid there":       {as(refused, "settled"), "payout " + refused.UUID + " is refused, at the bank settled"},
		"given back, and on its way there": {as(refused, "accepted"), "payout " + refused.UUID + " is refused, at the bank accepted"},
		"unsent, and paid there":           {as(unsent, "settled"), "payout " + unsent.UUID + " is unsent, at the bank settled"},
		"unsent, and returned there":       {as(unsent, "returned"), "payout " + unsent.UUID + " is unsent, at the bank returned"},
		"a person said paid, it came back": {as(b.byHand, "returned"), "payout " + b.byHand.UUID + " is paid, at the bank returned"},
		"there before it left":             {as(reserved, "failed"), "payout " + reserved.UUID + " never left, and the bank has it as failed"},
		"another amount":                   {with(paid, func(l *line) { l.Amount = 50_100 }), "payout " + paid.UUID + ": 50,000 rial by paya to " + masked + ", at the bank 50,100 by paya to " + masked},
		"another rail":                     {with(paid, func(l *line) { l.Rail = "satna" }), "payout " + paid.UUID + ": 50,000 rial by paya to " + masked + ", at the bank 50,000 by satna to " + masked},
		"another account":                  {with(paid, func(l *line) { l.To = "IR0*" }), "payout " + paid.UUID + ": 50,000 rial by paya to " + masked + ", at the bank 50,000 by paya to IR0*"},
		"nobody ordered it":                {as(stranger, "settled"), "the bank has stranger as settled and we do not know it"},
	} {
		require.Equal(t, []string{tt.says}, check(tt.lines), name)
	}
	require.Len(t, check(as(cancelled, "settled")), 2, "cancelled, and paid there: it never left, and money moved")

	// A person's word against the bank's silence, and not against its word.
	b.exec(`UPDATE payouts SET code = 'by_hand' WHERE id = ?`, refused.ID)
	require.Empty(t, check(as(refused, "accepted")))
	require.Len(t, check(as(refused, "settled")), 1)
}

func TestWalletsAgree(t *testing.T) {
	b := newBooks(t)
	active, opening := b.wallets[state.WalletActive], b.wallets[state.WalletOpening]
	type account struct {
		Reference string `json:"reference"`
		IBAN      string `json:"iban"`
	}
	type deposit struct {
		ID     string    `json:"id"`
		IBAN   string    `json:"iban"`
		Amount int64     `json:"amount"`
		At     time.Time `json:"at"`
	}
	accounts := []account{{active.UUID, *active.Address}, {opening.UUID, iban(99)}} // its answer is on the way
	on := func(id, iban string, amount int64, ago time.Duration) deposit {
		return deposit{id, iban, amount, time.Now().Add(-ago)}
	}
	well := []deposit{on("601", *active.Address, 7_000, 0), on("602", *active.Address, 8_000, 0)}
	check := func(accounts []account, deposits ...deposit) []string {
		return b.says("the bank's deposits and our wallets agree", map[string]any{"wallets": map[string]any{"accounts": accounts, "deposits": deposits}})
	}
	require.Empty(t, check(accounts, well...))
	require.Empty(t, check(accounts, append(slices.Clone(well), on("603", *active.Address, 5, time.Hour))...), "not seen yet")

	name := "wallet " + active.UUID
	for what, tt := range map[string]struct {
		accounts []account
		deposits []deposit
		says     string
	}{
		"shows another account":  {[]account{{active.UUID, iban(98)}}, well, name + " shows " + *active.Address + `, at the bank it has "IR000000000000000000000098"`},
		"shows an invented one":  {nil, well, name + " shows " + *active.Address + `, at the bank it has ""`},
		"credited and not there": {accounts, well[:1], "deposit 602 is credited and the bank does not know it"},
		"another amount": {accounts, []deposit{well[0], on("602", *active.Address, 8_001, 0)},
			"deposit 602: 8,000 rial on " + *active.Address + ", at the bank 8,001 on " + *active.Address},
		"another account": {accounts, []deposit{well[0], on("602", iban(99), 8_000, 0)},
			"deposit 602: 8,000 rial on " + *active.Address + ", at the bank 8,000 on " + iban(99)},
		"passed over": {accounts, []deposit{on("600", *active.Address, 5, 0), well[0], well[1]},
			"deposit 600 of 5 rial came to " + name + " and is not credited"},
		"never seen": {accounts, append(slices.Clone(well), on("603", *active.Address, 5, time.Hour+61*time.Second)),
			"deposit 603 of 5 rial came to " + name + " and is not credited"},
		"for nobody": {accounts, append(slices.Clone(well), on("603", iban(97), 5, 0)),
			"deposit 603 of 5 rial came to " + iban(97) + ", which is no wallet's"},
	} {
		require.Equal(t, []string{tt.says}, check(tt.accounts, tt.deposits...), what)
	}
}
