package payload

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
)

// machine is a state machine without its type.
type machine map[string][]string // what may follow what

func of[S ~string](m state.Machine[S]) machine {
	out := machine{}
	for _, t := range m.Transitions {
		out[string(t.From)] = append(out[string(t.From)], string(t.To))
	}
	return out
}

var machines = map[string]machine{
	"payment": of(state.Payments), "transfer": of(state.Transfers), "deposit": of(state.Deposits), "topup": of(state.TopUps),
	"purchase": of(state.Purchases), "payout": of(state.Payouts), "wallet": {"credited": nil},
}

// from lists a state and everything that may come of it.
func (m machine) from(s string) []string {
	seen, open := map[string]bool{s: true}, []string{s}
	for len(open) > 0 {
		next := open[0]
		open = open[1:]
		for _, to := range m[next] {
			if !seen[to] {
				seen[to] = true
				open = append(open, to)
			}
		}
	}
	out := make([]string, 0, len(seen))
	for s := range seen {
		out = append(out, s)
	}
	return out
}

// Every event has a word, and no word is of an event that there is not. "Final" is said exactly when nothing that may
// still come has another word; so a receiver that gives goods for a final "paid" never sees the money go back.
func TestEveryEventHasItsWord(t *testing.T) {
	told := 0
	for kind, states := range state.Events() {
		for _, s := range states {
			told++
			event := kind + "." + s
			word, ok := OfEvent(event)
			require.True(t, ok, event)
			require.Contains(t, append(TestStatuses(word.Kind), Check), word.Status, event)
			settled := true
			for _, later := range machines[kind].from(s) {
				if next, ok := OfEvent(kind + "." + later); ok && next.Status != word.Status {
					settled = false
				}
			}
			require.Equal(t, settled, word.Final, event)
			if word.Status == Paid {
				require.True(t, word.Final, "%s: paid, and may go back", event)
			}
			if word.Final && kind != "deposit" { // an assigned one is checked here, and paid in its transfer's words
				require.True(t, word.Status.Final(), event)
			}
		}
	}
	require.Len(t, dictionary, told)
	for _, unknown := range []string{"", "payment", "payment.", "payment.nonsense", "deposit.matched", "webhook.delivered", "wallet.active", "PAYMENT.PAID"} {
		_, ok := OfEvent(unknown)
		require.False(t, ok, unknown)
	}
}

// What each kind of record is to a receiver: money in, money out, or money into a static target.
func TestKindsOfEvents(t *testing.T) {
	for event, kind := range map[string]Kind{
		"payment.paid": KindPayment, "transfer.paid": KindPayment, "purchase.completed": KindPayment,
		"topup.delivered": KindPayout, "payout.paid": KindPayout, "deposit.suspense": KindWallet, "wallet.credited": KindWallet,
	} {
		word, ok := OfEvent(event)
		require.True(t, ok)
		require.Equal(t, kind, word.Kind, event)
	}
}

// The money of a payment is the merchant's only when it is collected: before, it may go back by itself.
func TestPaidIsSaidOnlyOfMoneyThatStays(t *testing.T) {
	for event, want := range map[string]Word{
		"payment.paid":        {KindPayment, Check, false, true},
		"payment.collected":   {KindPayment, Paid, true, true},
		"payment.refunded":    {KindPayment, RefundPaid, true, true},
		"transfer.expired":    {KindPayment, Cancel, false, false},
		"transfer.mismatched": {KindPayment, Check, false, true},
		"purchase.incomplete": {KindPayment, Check, false, false},
		"payout.sent":         {KindPayout, Check, false, false},
		"payout.paid":         {KindPayout, Paid, true, false},
		"payout.unsent":       {KindPayout, SystemFail, true, false},
		"topup.unknown":       {KindPayout, Check, false, false},
	} {
		word, _ := OfEvent(event)
		require.Equal(t, want, word, event)
	}
}
