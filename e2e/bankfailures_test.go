package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
)

// Every third call to a bank fails, in every way that leaves open whether it took effect; some are
// slow besides. All payments still end right, and nobody is called.
func TestBankFailures(t *testing.T) {
	h := breakable(t)
	failures := map[string]any{"timeout_before": 0.08, "timeout_after": 0.08, "unknown": 0.08, "garbage": 0.08, "slow": 0.3}
	rules := map[string]any{"hold": "300ms", "delay": "700ms"}
	for name, rate := range failures {
		rules[name] = rate
	}
	h.rules(t, rules)

	var journeys []*journey
	for i := range 5 {
		key := func(n int) string { return fmt.Sprintf("failures-%d-%d", i, n) }
		taxi, hasty := h.taxi(), h.hasty()
		journeys = append(journeys,
			&journey{m: taxi, do: "pay", collect: true, key: key(1)},
			&journey{m: taxi, do: "lose_callback", collect: true, key: key(2)},
			&journey{m: taxi, do: "pay", auto: true, key: key(3)},
			&journey{m: taxi, do: "callback_twice", cancel: true, key: key(4)},
			&journey{m: hasty, do: "pay", key: key(5)},
			&journey{m: hasty, do: "lose_callback", key: key(6)},
		)
	}
	travelTogether(t, 90*time.Second, journeys)
	long, cancel := context.WithTimeout(t.Context(), 12*time.Second)
	defer cancel()
	for len(h.open(t, journeys)) > 0 && pause(long, 100*time.Millisecond) {
	}
	h.rules(t, map[string]any{}) // the bank recovers; what failed often waits for its next try
	h.awaitEnds(t, 90*time.Second, journeys)
	require.NoError(t, h.audit())
	t.Log("ends:", h.arrived(t, journeys))

	played := map[string]int{}
	for _, b := range h.wholeBook(t) {
		for _, c := range b.Calls {
			played[c.Rule]++
		}
	}
	t.Log("played:", played)
	for _, name := range []string{"timeout_before", "timeout_after", "unknown", "garbage"} {
		require.NotZero(t, played[name], name)
	}
	require.Empty(t, h.stuck(t), "nobody is needed")
}

// The bank refuses to verify money that it has taken: the money goes back, and the payer may try again.
func TestBankRefusesToVerify(t *testing.T) {
	refuse := map[string]any{"verify": map[string]any{"refuse": 1}}
	silent := map[string]any{"verify": map[string]any{"timeout_after": 1}, "hold": "200ms"}
	for _, c := range []struct {
		name  string
		first map[string]any // what the bank does to the first tries
		want  visit
	}{
		{"at once", refuse, visit{"failed", "reversed", "token reverse"}},
		{"after it did, without saying so", silent, visit{"failed", "cancelled", "token verify cancel"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := breakable(t)
			m := h.taxi()
			token := m.create(t, 78_000)
			h.rules(t, c.first)
			m.toBank(t, token, "zibal").press("pay").back()
			h.wasAsked(t, token, "verify", 1)
			h.rules(t, refuse)
			await(t, soon, "the money is back", func() (bool, string) {
				got := h.ending(t, token)
				return len(got.visits) == 1 && got.visits[0] == c.want, fmt.Sprintf("%+v", got)
			})
			require.Equal(t, "refused_by_bank", m.read(t, token).reason())
			require.Equal(t, "pending", m.read(t, token).Outcome.State)

			h.rules(t, map[string]any{})
			require.Equal(t, "paid", m.pays(t, token, "pay").State)
			m.collect(t, token)
			m.ends(t, token, ending{state: "collected", visits: []visit{c.want, settled},
				timeline: "created attempt_started callback attempt_failed attempt_started callback paid collected settled"})
			require.NoError(t, h.audit())
		})
	}
}

// A bank that refuses to tell what became of a visit decides nothing: it is asked again.
func TestBankRefusesToTell(t *testing.T) {
	h := breakable(t)
	m := h.taxi()
	token := m.create(t, 79_000)
	h.rules(t, map[string]any{"result": map[string]any{"refuse": 1}})
	m.toBank(t, token, "zibal").press("pay").back()
	h.wasAsked(t, token, "result", 3)
	require.Equal(t, "pending", m.read(t, token).Outcome.State)
	require.Equal(t, "open", h.attempts(t, token)[0].State)
	h.rules(t, map[string]any{})
	m.awaitState(t, token, "paid")
	m.collect(t, token)
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	require.NoError(t, h.audit())
}

// The bank says a final no to what must succeed. A person is called, does it at the bank, says so, and
// the saga ends.
func TestAPersonEndsWhatTheBankRefuses(t *testing.T) {
	for _, c := range []struct {
		name, op, as string
		claim        string // what the merchant does with the paid payment
		do           func(g gateways.Gateway, v gateways.Visit) error
		want         ending
	}{
		{"settlement", "settle", "settled", "/collect",
			func(g gateways.Gateway, v gateways.Visit) error { return g.Settle(t.Context(), v) },
			ending{state: "collected", visits: []visit{settled},
				timeline: "created attempt_started callback paid collected needs_attention settled resolved attention_over"}},
		{"refund", "cancel", "refunded", "/cancel",
			func(g gateways.Gateway, v gateways.Visit) error { _, err := g.Undo(t.Context(), v); return err },
			ending{state: "refunded", reason: "cancelled", visits: []visit{returned},
				timeline: "created attempt_started callback paid cancelled needs_attention refunded resolved attention_over"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := breakable(t)
			h.rules(t, map[string]any{c.op: map[string]any{"refuse": 1}})
			m := h.taxi()
			token := m.create(t, 77_000)
			require.Equal(t, "paid", m.pays(t, token, "pay").State)
			require.Equal(t, 200, m.must(t, "POST", "/"+token+c.claim, nil).status)
			await(t, soon, "a person is called", func() (bool, string) {
				list := h.stuck(t)
				return len(list) == 1 && strings.HasPrefix(list[0], token), fmt.Sprint(list)
			})
			h.finds(t, "NeedsAttention=true", "payment/"+token)
			require.Contains(t, string(get(t, h.inst.APIURL+"/metrics").body), "\npaysaga_needs_attention 1\n")

			h.rules(t, map[string]any{})
			a := h.attempts(t, token)[0]
			bank := gateways.NewSandbox(a.Gateway, h.inst.SandboxURL, gateways.NewHTTPClient(soon), gateways.Limits{})
			require.NoError(t, c.do(bank, gateways.Visit{Invoice: a.ID}))
			resolve := []string{"payment", "resolve", token, "--attempt", fmt.Sprint(a.ID), "--as", c.as, "--by", "Sara N.", "--reason", "seen at the bank"}
			h.mustRun(t, resolve...)
			m.ends(t, token, c.want)
			require.Empty(t, h.stuck(t))
			h.finds(t, "NeedsAttention=true")
			require.Contains(t, h.mustRun(t, "payment", "show", token), "Sara N.: seen at the bank")

			out, code := h.command(resolve...)
			require.Equal(t, 1, code, "resolving twice is refused: %s", out)
			require.NoError(t, h.audit())
		})
	}
}

// stuck lists what `paysaga payment stuck` says, without its headline.
func (h *house) stuck(t *testing.T) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(h.mustRun(t, "payment", "stuck")), "\n")[1:]
}
