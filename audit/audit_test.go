package audit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/paysaga/paysaga/audit"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// books is a database with one payment of each kind, all true.
type books struct {
	*testing.T
	store    *store.Store
	owner    *bun.DB
	payments map[state.Payment]store.Payment
	attempts map[state.Payment]int64 // the one that serves it
	visiting int64                   // an open attempt of the pending payment
	surplus  int64                   // a second paid attempt of the collected payment, sent back
	merchant store.Merchant
	other    store.Merchant
}

func newBooks(t *testing.T) *books {
	t.Helper()
	ctx, url := t.Context(), server.URL(t)
	b := &books{T: t, payments: map[state.Payment]store.Payment{}, attempts: map[state.Payment]int64{}}
	connect := func(role string) *bun.DB {
		db, err := store.Open(ctx, url, store.Options{Pool: 2, Role: role})
		require.NoError(t, err)
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	b.owner = connect("")
	db := connect("paysaga_app")
	b.store = store.New(db, func() {})
	s := b.store
	for i, m := range []*store.Merchant{&b.merchant, &b.other} {
		var err error
		*m, err = s.PutMerchant(ctx, store.Merchant{PublicID: fmt.Sprint("shop", i), CollectWindow: 1200, Gateways: []string{"zibal"}})
		require.NoError(t, err)
	}
	visit := func(token string) int64 {
		a, err := s.StartAttempt(ctx, store.NewAttempt{Token: token, Gateway: "zibal", Tip: 500})
		require.NoError(t, err)
		require.NoError(t, s.OpenAttempt(ctx, a.ID, "ref", time.Minute))
		return a.ID
	}
	pay := func(id int64) {
		_, err := s.AttemptPaid(ctx, store.Receipt{AttemptID: id, BankTran: fmt.Sprint(id), RRN: fmt.Sprint("rrn", id)})
		require.NoError(t, err)
	}
	for _, to := range []state.Payment{state.PaymentPending, state.PaymentPaid, state.PaymentCollected, state.PaymentRefunded, state.PaymentExpired, state.PaymentFailed} {
		token, err := s.CreatePayment(ctx, store.NewPayment{Merchant: b.merchant, Amount: 10_000})
		require.NoError(t, err)
		p, err := s.PaymentByToken(ctx, token)
		require.NoError(t, err)
		end := func() {
			_, err := db.NewRaw(`UPDATE payments SET collect_by = now() WHERE id = ?`, p.ID).Exec(ctx)
			require.NoError(t, err)
			_, err = s.AtDeadline(ctx, p.ID)
			require.NoError(t, err)
		}
		switch to {
		case state.PaymentPending:
			b.visiting = visit(token)
		case state.PaymentExpired:
			end()
		case state.PaymentFailed:
			b.attempts[to] = visit(token)
			require.NoError(t, s.FailAttempt(ctx, b.attempts[to], "declined"))
			end()
		default:
			b.attempts[to] = visit(token)
			second := visit(token)
			pay(b.attempts[to])
			switch to {
			case state.PaymentCollected:
				_, err = s.CollectPayment(ctx, b.merchant.ID, token)
				require.NoError(t, err)
				_, err = s.AttemptSettled(ctx, b.attempts[to])
				require.NoError(t, err)
				pay(second)
				_, err = s.AttemptRefunded(ctx, second, "reversed")
				require.NoError(t, err)
				b.surplus = second
			case state.PaymentRefunded:
				end()
				_, err = s.AttemptRefunded(ctx, b.attempts[to], "cancelled")
				require.NoError(t, err)
			}
			if to != state.PaymentCollected {
				require.NoError(t, s.FailAttempt(ctx, second, "session_over"))
			}
		}
		p, err = s.PaymentByToken(ctx, token)
		require.NoError(t, err)
		require.Equal(t, to, p.State)
		b.payments[to] = p
	}
	b.exec(`DELETE FROM outbox`)
	require.Empty(t, b.audit(audit.Config{}), "the books begin true")
	return b
}

// exec breaks the books as only the owner of the database can.
func (b *books) exec(query string, args ...any) {
	b.Helper()
	_, err := b.owner.NewRaw(query, args...).Exec(b.Context())
	require.NoError(b, err)
}

func (b *books) audit(c audit.Config) []store.Breach {
	b.Helper()
	c.Store, c.Grace = b.store, time.Minute
	r, err := audit.Run(b.Context(), c)
	require.NoError(b, err)
	require.GreaterOrEqual(b, r.Checks, store.Invariants())
	return r.Breaches
}

// Each invariant is broken by hand and seen, with its subject; what a break must also upset is named.
// So every invariant can fail.
func TestEveryInvariantCanFail(t *testing.T) {
	const (
		sums      = "a balance equals the sum of its transfers"
		held      = "money held for a merchant is the money of undecided attempts"
		booked    = "a paid attempt is booked once, with its amount"
		returned  = "a refunded attempt, and no other, gave its amount back"
		reached   = "a collected payment, and no other, reached the merchant with its amount"
		reason    = "every transfer has its fact"
		agree     = "a payment and the attempt that serves it agree"
		one       = "at most one attempt's money stays with a payment"
		undecided = "nothing is undecided past its deadline"
		ends      = "every attempt ends"
		outbox    = "the outbox is empty when all is quiet"
	)
	seen := map[string]bool{}
	payment := func(b *books, s state.Payment) string { return "payment " + b.payments[s].Token }
	attempt := func(b *books, s state.Payment) string { return fmt.Sprint("attempt ", b.attempts[s]) }
	for _, tt := range []struct {
		name     string
		do       func(*books)
		breaks   string
		subject  func(*books) string
		alsoFail []string
	}{
		{"a balance was raised", func(b *books) { b.exec(`UPDATE ledger_balances SET balance = balance + 1`) },
			sums, func(b *books) string { return fmt.Sprintf("merchant/%d/available", b.merchant.ID) }, nil},
		{"a balance out of nothing", func(b *books) { b.exec(`INSERT INTO ledger_balances VALUES ('merchant/77/available', 1)`) },
			sums, func(*books) string { return "merchant/77/available" }, nil},
		{"money held without an attempt", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('bank/zibal', 'merchant/' || ? || '/held', 7, 'gift')`, b.merchant.ID)
		}, held, func(b *books) string { return fmt.Sprintf("merchant/%d/held", b.merchant.ID) }, []string{reason}},
		{"money for the merchant without a payment", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('bank/zibal', 'merchant/' || ? || '/available', 7, 'gift')`, b.merchant.ID)
		}, reason, func(*books) string { return "transfer gift" }, nil},
		{"a paid attempt's booking is gone", func(b *books) {
			b.exec(`DELETE FROM ledger_transfers WHERE ref = ?`, fmt.Sprintf("attempt/%d/paid", b.attempts[state.PaymentPaid]))
		}, booked, func(b *books) string { return attempt(b, state.PaymentPaid) }, []string{held}},
		{"booked with another amount", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET amount = amount + 1 WHERE ref = ?`, fmt.Sprintf("attempt/%d/paid", b.attempts[state.PaymentPaid]))
		}, booked, func(b *books) string { return attempt(b, state.PaymentPaid) }, []string{held}},
		{"booked on another bank", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET debit_account = 'bank/asanpardakht' WHERE ref = ?`, fmt.Sprintf("attempt/%d/paid", b.attempts[state.PaymentPaid]))
		}, booked, func(b *books) string { return attempt(b, state.PaymentPaid) }, nil},
		{"a failed attempt was booked", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'failed' WHERE id = ?`, b.surplus)
		}, booked, func(b *books) string { return fmt.Sprint("attempt ", b.surplus) }, []string{returned}},
		{"a refund was never booked", func(b *books) {
			b.exec(`DELETE FROM ledger_transfers WHERE ref = ?`, fmt.Sprintf("attempt/%d/refunded", b.attempts[state.PaymentRefunded]))
		}, returned, func(b *books) string { return attempt(b, state.PaymentRefunded) }, []string{held}},
		{"the refund came from another merchant", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET debit_account = 'merchant/' || ? || '/held' WHERE ref = ?`, b.other.ID, fmt.Sprintf("attempt/%d/refunded", b.attempts[state.PaymentRefunded]))
		}, returned, func(b *books) string { return attempt(b, state.PaymentRefunded) }, []string{held}},
		{"a collected payment reached nobody", func(b *books) {
			b.exec(`DELETE FROM ledger_transfers WHERE ref = ?`, fmt.Sprintf("payment/%d/collected", b.payments[state.PaymentCollected].ID))
		}, reached, func(b *books) string { return payment(b, state.PaymentCollected) }, []string{held, sums}},
		{"a collected payment reached another merchant", func(b *books) {
			b.exec(`UPDATE ledger_transfers SET credit_account = 'merchant/' || ? || '/available' WHERE ref = ?`, b.other.ID, fmt.Sprintf("payment/%d/collected", b.payments[state.PaymentCollected].ID))
			b.exec(`UPDATE ledger_balances SET account = 'merchant/' || ? || '/available'`, b.other.ID)
		}, reached, func(b *books) string { return payment(b, state.PaymentCollected) }, nil},
		{"refunded and collected", func(b *books) {
			b.exec(`INSERT INTO ledger_transfers (debit_account, credit_account, amount, ref) VALUES ('bank/zibal', 'merchant/' || ? || '/available', 10500, ?)`,
				b.merchant.ID, fmt.Sprintf("payment/%d/collected", b.payments[state.PaymentRefunded].ID))
		}, reached, func(b *books) string { return payment(b, state.PaymentRefunded) }, nil},
		{"the tip was lost", func(b *books) { b.exec(`UPDATE payments SET tip = 0 WHERE id = ?`, b.payments[state.PaymentPaid].ID) },
			agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"another reference of the bank", func(b *books) { b.exec(`UPDATE payments SET rrn = 'x' WHERE id = ?`, b.payments[state.PaymentPaid].ID) },
			agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"another bank", func(b *books) {
			b.exec(`UPDATE payments SET method = 'x' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
		},
			agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"served by another payment's attempt", func(b *books) {
			b.exec(`UPDATE payments SET attempt_id = ?, rrn = ? WHERE id = ?`, b.surplus, fmt.Sprint("rrn", b.surplus), b.payments[state.PaymentRefunded].ID)
		}, agree, func(b *books) string { return payment(b, state.PaymentRefunded) }, nil},
		{"refunding here, paid there", func(b *books) {
			b.exec(`UPDATE payments SET state = 'refunding' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
		}, agree, func(b *books) string { return payment(b, state.PaymentPaid) }, nil},
		{"a second attempt's money stayed", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'settled' WHERE id = ?`, b.surplus)
		}, one, func(b *books) string { return payment(b, state.PaymentCollected) }, []string{returned}},
		{"a paid payment was forgotten", func(b *books) {
			b.exec(`UPDATE payments SET collect_by = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
		}, undecided, func(b *books) string { return payment(b, state.PaymentPaid) + " (paid)" }, nil},
		{"a pending payment was forgotten", func(b *books) {
			b.exec(`UPDATE payments SET collect_by = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentPending].ID)
			b.exec(`UPDATE attempts SET final_at = now() - interval '10 seconds' WHERE id = ?`, b.visiting)
		}, undecided, func(b *books) string { return payment(b, state.PaymentPending) + " (pending)" }, nil},
		{"an open visit was forgotten", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'open', final_at = now() - interval '61 seconds', created_at = now() - interval '1 hour' WHERE id = ?`, b.attempts[state.PaymentFailed])
			b.exec(`UPDATE payments SET collect_by = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentFailed].ID)
		}, ends, func(b *books) string { return attempt(b, state.PaymentFailed) + " (open)" }, nil},
		{"settlement was forgotten", func(b *books) {
			b.exec(`UPDATE attempts SET state = 'paid', paid_at = now() - interval '2 minutes' WHERE id = ?`, b.attempts[state.PaymentCollected])
			b.exec(`UPDATE payments SET collected_at = now() - interval '61 seconds' WHERE id = ?`, b.payments[state.PaymentCollected].ID)
		}, ends, func(b *books) string { return attempt(b, state.PaymentCollected) + " (paid)" }, nil},
		{"a message was never delivered", func(b *books) {
			b.exec(`INSERT INTO outbox (saga, ref, message, payload, created_at) VALUES ('payment', 'x', 'collected', '{}', now() - interval '61 seconds')`)
		}, outbox, func(*books) string { return "payment/x collected" }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBooks(t)
			tt.do(b)
			var broken []string
			found := false
			for _, breach := range b.audit(audit.Config{}) {
				broken = append(broken, breach.Invariant)
				found = found || breach == store.Breach{Invariant: tt.breaks, Subject: tt.subject(b)}
			}
			require.True(t, found, "%v", b.audit(audit.Config{}))
			slices.Sort(broken)
			expected := append([]string{tt.breaks}, tt.alsoFail...)
			slices.Sort(expected)
			require.Equal(t, expected, slices.Compact(broken))
			seen[tt.breaks] = true
		})
	}
	require.Len(t, seen, store.Invariants(), "an invariant that no break of this test has failed")
}

// What is on its way is no breach: within the grace, at a bank that may still say paid, or with a person.
func TestWorkInProgressIsNoBreach(t *testing.T) {
	b := newBooks(t)
	b.exec(`UPDATE payments SET collect_by = now() - interval '50 seconds' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
	b.exec(`UPDATE payments SET collect_by = now() - interval '1 hour' WHERE id = ?`, b.payments[state.PaymentPending].ID) // its visit is open still
	b.exec(`INSERT INTO outbox (saga, ref, message, payload) VALUES ('payment', 'x', 'collected', '{}')`)
	require.Empty(t, b.audit(audit.Config{}))
	b.exec(`UPDATE payments SET collect_by = now() - interval '1 hour' WHERE id = ?`, b.payments[state.PaymentPaid].ID)
	require.Len(t, b.audit(audit.Config{}), 1)
	require.NoError(t, b.store.SetAttention(t.Context(), b.payments[state.PaymentPaid].ID, "outcome_unknown"))
	require.Empty(t, b.audit(audit.Config{}), "a person was called")
}

// bank serves a book of charges.
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

	for name, url := range map[string]string{
		"no bank":       "http://127.0.0.1:1",
		"an error page": bank(t, http.StatusInternalServerError, `{"error":"broken"}`),
		"not a book":    bank(t, http.StatusOK, `<html>`),
	} {
		_, err := audit.Run(t.Context(), audit.Config{Store: b.store, SandboxURL: url, Gateways: []string{"zibal"}})
		require.ErrorContains(t, err, "bank's book", name)
	}
}

// temporal lists sagas, two a page.
type temporal struct {
	client.Client
	sagas []*workflowpb.WorkflowExecutionInfo
}

func (f *temporal) ListWorkflow(_ context.Context, in *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	if in.Namespace != "paysaga" || !strings.Contains(in.Query, "WorkflowType = 'payment.v1'") {
		return nil, fmt.Errorf("asked for %s", in)
	}
	from := len(in.NextPageToken)
	to := min(from+2, len(f.sagas))
	page := &workflowservice.ListWorkflowExecutionsResponse{Executions: f.sagas[from:to]}
	if to < len(f.sagas) {
		page.NextPageToken = make([]byte, to)
	}
	return page, nil
}

func saga(token string, status enums.WorkflowExecutionStatus, result string) *workflowpb.WorkflowExecutionInfo {
	e := &workflowpb.WorkflowExecutionInfo{Execution: &commonpb.WorkflowExecution{WorkflowId: "payment/" + token}, Status: status}
	if result != "" {
		payload, _ := converter.GetDefaultDataConverter().ToPayload(result)
		e.SearchAttributes = &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{"SagaState": payload}}
	}
	return e
}

func TestSagasAgree(t *testing.T) {
	const completed = enums.WORKFLOW_EXECUTION_STATUS_COMPLETED
	b := newBooks(t)
	var well []*workflowpb.WorkflowExecutionInfo
	for _, s := range []state.Payment{state.PaymentCollected, state.PaymentRefunded, state.PaymentExpired, state.PaymentFailed} {
		well = append(well, saga(b.payments[s].Token, completed, string(s)))
	}
	check := func(more ...*workflowpb.WorkflowExecutionInfo) []string {
		var out []string
		for _, breach := range b.audit(audit.Config{Temporal: &temporal{sagas: append(slices.Clone(well), more...)}, Namespace: "paysaga"}) {
			out = append(out, breach.Subject)
		}
		return out
	}
	require.Empty(t, check())
	paid := b.payments[state.PaymentPaid].Token
	for name, tt := range map[string]struct {
		saga *workflowpb.WorkflowExecutionInfo
		says string
	}{
		"failed":               {saga(paid, enums.WORKFLOW_EXECUTION_STATUS_FAILED, ""), "saga of payment " + paid + ": Failed"},
		"terminated":           {saga(paid, enums.WORKFLOW_EXECUTION_STATUS_TERMINATED, ""), "saga of payment " + paid + ": Terminated"},
		"ended before its row": {saga(paid, completed, "collected"), `payment ` + paid + ` is "", its saga says "collected"`},
		"without a payment":    {saga("nobody", completed, "expired"), `payment nobody is "", its saga says "expired"`},
		"says something else":  {saga(b.payments[state.PaymentCollected].Token, completed, "refunded"), `payment ` + b.payments[state.PaymentCollected].Token + ` is "collected", its saga says "refunded"`},
		"says nothing":         {saga(paid, completed, ""), `payment ` + paid + ` is "", its saga says ""`},
	} {
		require.Equal(t, []string{tt.says}, check(tt.saga), name)
	}
}
