package e2e_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The audit that ends every test must find what is wrong: each lie is told to the database by its
// owner, found, and taken back.
func TestAuditFindsLies(t *testing.T) {
	h := breakable(t)
	m := h.taxi()
	paid, cancelled := m.create(t, 41_000), m.create(t, 42_000)
	m.pays(t, paid, "pay")
	m.collect(t, paid)
	m.ends(t, paid, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	require.Equal(t, http.StatusOK, m.must(t, http.MethodPost, "/"+cancelled+"/cancel", nil).status)
	m.ends(t, cancelled, ending{state: "failed", reason: "cancelled", timeline: "created cancelled failed"})
	require.NoError(t, h.audit())

	a := h.attempts(t, paid)[0]
	for _, lie := range []struct {
		invariant, tell, takeBack string
		about                     []any
	}{
		{"a balance equals the sum of its transfers",
			`UPDATE ledger_balances SET balance = balance + 1 WHERE account LIKE '%/available'`,
			`UPDATE ledger_balances SET balance = balance - 1 WHERE account LIKE '%/available'`, nil},
		{"the bank's book and ours agree",
			`UPDATE attempts SET amount = amount + 1 WHERE id = ?`,
			`UPDATE attempts SET amount = amount - 1 WHERE id = ?`, []any{a.ID}},
		{"a row and its saga's result agree",
			`UPDATE payments SET state = 'expired' WHERE token = ?`,
			`UPDATE payments SET state = 'failed' WHERE token = ?`, []any{cancelled}},
	} {
		t.Run(lie.invariant, func(t *testing.T) {
			_, err := h.db.NewRaw(lie.tell, lie.about...).Exec(t.Context())
			require.NoError(t, err)
			out, code := h.command("audit", "--grace", "0s")
			_, err = h.db.NewRaw(lie.takeBack, lie.about...).Exec(t.Context())
			require.NoError(t, err)
			require.Equal(t, 1, code, "%s", out)
			require.Contains(t, out, "BREACH  "+lie.invariant)
		})
	}
	out, code := h.command("audit", "--grace", "0s")
	require.Zero(t, code, "%s", out)
}
