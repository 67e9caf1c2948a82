package audit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// bank serves a book.
func bank(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/book" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestBooksAgree(t *testing.T) {
	b := newBooks(t)
	type line struct {
		id, amount int64
		state      string
	}
	// What the bank has when all is well.
	var well []line
	var rows []struct {
		ID    int64
		State state.Attempt
	}
	require.NoError(t, b.owner.NewRaw(`SELECT id, state FROM attempts ORDER BY id`).Scan(t.Context(), &rows))
	for _, r := range rows {
		well = append(well, line{r.ID, 10_500, map[state.Attempt]string{
			state.AttemptOpen: "open", state.AttemptPaid: "verified", state.AttemptSettled: "settled", state.AttemptRefunded: "cancelled", state.AttemptFailed: "declined",
		}[r.State]})
	}
	book := func(lines []line) string {
		out := []string{}
		for _, l := range lines {
			out = append(out, fmt.Sprintf(`{"bank":"zibal","invoice":%d,"amount":%d,"state":%q}`, l.id, l.amount, l.state))
		}
		return `{"charges":[{"bank":"elsewhere","invoice":1,"amount":3,"state":"settled"},` + strings.Join(out, ",") + `]}`
	}
	check := func(lines []line) []string {
		var out []string
		for _, breach := range b.audit(audit.Config{SandboxURL: bank(t, http.StatusOK, book(lines)), Gateways: []string{"zibal"}}) {
			require.Equal(t, "the bank's book and ours agree", breach.Invariant)
			out = append(out, breach.Subject)
		}
		return out
	}
	change := func(id int64, f func(*line)) []line {
		lines := slices.Clone(well)
		f(&lines[slices.IndexFunc(lines, func(l line) bool { return l.id == id })])
		return lines
	}
	without := func(id int64) []line {
		return slices.DeleteFunc(slices.Clone(well), func(l line) bool { return l.id == id })
	}
	require.Empty(t, check(well))

	settled, refunded, failed, paid := b.attempts[state.PaymentCollected], b.attempts[state.PaymentRefunded], b.attempts[state.PaymentFailed], b.attempts[state.PaymentPaid]
	for name, tt := range map[string]struct {
		lines []line
		says  string
	}{
		"settled here, verified there": {change(settled, func(l *line) { l.state = "verified" }), fmt.Sprintf("attempt %d is settled, at zibal verified", settled)},
		"refunded here, kept there":    {change(refunded, func(l *line) { l.state = "settled" }), fmt.Sprintf("attempt %d is refunded, at zibal settled", refunded)},
		"failed here, paid there":      {change(failed, func(l *line) { l.state = "paid" }), fmt.Sprintf("attempt %d is failed, at zibal paid", failed)},
		"paid here, returned there":    {change(paid, func(l *line) { l.state = "reversed" }), fmt.Sprintf("attempt %d is paid, at zibal reversed", paid)},
		"another amount":               {change(paid, func(l *line) { l.amount = 10_000 }), fmt.Sprintf("attempt %d: amount 10500, at zibal 10000", paid)},
		"a state nobody knows":         {change(settled, func(l *line) { l.state = "" }), fmt.Sprintf("attempt %d is settled, at zibal ", settled)},
		"part of a state's name":       {change(settled, func(l *line) { l.state = "settle" }), fmt.Sprintf("attempt %d is settled, at zibal settle", settled)},
		"paid here, unknown there":     {without(paid), fmt.Sprintf("attempt %d is paid and zibal does not know it", paid)},
		"open here, unknown there":     {without(b.visiting), fmt.Sprintf("attempt %d is open and zibal does not know it", b.visiting)},
		"money there, unknown here":    {append(slices.Clone(well), line{9999, 5, "verified"}), "zibal has 9999 as verified and we do not know it"},
	} {
		require.Equal(t, []string{tt.says}, check(tt.lines), name)
	}
	require.Empty(t, check(without(failed)), "a session that the bank never opened")
	require.Empty(t, check(append(slices.Clone(well), line{9999, 5, "expired"})), "a session that moved no money")
	pays := strings.ReplaceAll(book(change(settled, func(l *line) { l.state = "verified" })), `"verified"`, `"verified","no_settlement":true`)
	require.Empty(t, b.audit(audit.Config{SandboxURL: bank(t, http.StatusOK, pays), Gateways: []string{"zibal"}}), "a bank that pays out by itself")
	pays = strings.ReplaceAll(book(change(refunded, func(l *line) { l.state = "verified" })), `"verified"`, `"verified","no_settlement":true`)
	require.Len(t, b.audit(audit.Config{SandboxURL: bank(t, http.StatusOK, pays), Gateways: []string{"zibal"}}), 1, "and money that should have gone back")

	for name, url := range map[string]string{
		"no bank":       "http://127.0.0.1:1",
		"an error page": bank(t, http.StatusInternalServerError, `{"error":"broken"}`),
		"not a book":    bank(t, http.StatusOK, `<html>`),
	} {
		_, err := audit.Run(t.Context(), audit.Config{Store: b.store, SandboxURL: url, Gateways: []string{"zibal"}})
		require.ErrorContains(t, err, "bank's book", name)
	}
}

func TestDepositsAgree(t *testing.T) {
	b := newBooks(t)
	// Movements of which the bank told: two of ours and what is nobody's business.
	var ours []struct{ Amount, Balance int64 }
	require.NoError(t, b.owner.NewRaw(`SELECT amount, balance FROM deposits WHERE state IN ('matched', 'suspense') ORDER BY id LIMIT 2`).Scan(t.Context(), &ours))
	line := func(kind string, amount, balance int64, accepted int) string {
		return fmt.Sprintf(`{"id":7,"bank":"saman","kind":%q,"amount":%d,"balance":%d,"sent":2,"accepted":%d}`, kind, amount, balance, accepted)
	}
	well := []string{line("withdraw", 5, 6, 1), line("reversal", 5, 6, 1), line("deposit", 5, 6, 0)}
	for i, d := range ours {
		well = append(well, line("deposit", d.Amount, d.Balance, i+1))
	}
	check := func(lines ...string) []store.Breach {
		book := `{"charges":[],"deposits":[` + strings.Join(append(slices.Clone(well), lines...), ",") + `]}`
		return b.audit(audit.Config{SandboxURL: bank(t, http.StatusOK, book)})
	}
	breach := func(amount int64) store.Breach {
		return store.Breach{
			Invariant: "the bank's deposits and ours agree",
			Subject:   fmt.Sprintf("saman told of movement 7, a deposit of %d rial, and we do not have it", amount),
		}
	}
	require.Empty(t, check(), "what we have beside them may be anybody's message")
	require.Equal(t, []store.Breach{breach(5)}, check(line("deposit", 5, 6, 1)))
	require.Equal(t, []store.Breach{breach(strayRial)}, check(line("deposit", strayRial, ours[0].Balance, 1)), "another balance is another movement")
	require.Len(t, check(line("deposit", 5, 6, 1), line("deposit", 8, 9, 3)), 2)

	// One of them may be what nobody could read, and waits for a person.
	b.message(store.SMS{Kind: "other", Reason: "not_a_transaction"})
	require.Len(t, check(line("deposit", 5, 6, 1)), 1, "an advert is no deposit")
	b.message(store.SMS{Kind: "other", Reason: "sign_conflict"})
	require.Empty(t, check(line("deposit", 5, 6, 1)))
	require.Len(t, check(line("deposit", 5, 6, 1), line("deposit", 8, 9, 3)), 2)
}
