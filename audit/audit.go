// Package audit checks that the books are true: inside, against the bank's own book, and against the
// sagas' results.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Config says what is audited.
type Config struct {
	Store      *store.Store
	Grace      time.Duration // how old work in progress may be
	SandboxURL string        // the bank's own book; empty leaves it out
	Gateways   []string      // whose book it is
	Temporal   client.Client // nil leaves the sagas out
	Namespace  string
}

// Report is what was found.
type Report struct {
	Checks   int
	Breaches []store.Breach
}

// Run audits.
func Run(ctx context.Context, c Config) (Report, error) {
	breaches, err := c.Store.Audit(ctx, c.Grace.Seconds())
	if err != nil {
		return Report{}, err
	}
	report := Report{Checks: store.Invariants(), Breaches: breaches}
	if c.SandboxURL != "" {
		found, err := compareBooks(ctx, c)
		if err != nil {
			return Report{}, err
		}
		report.Checks++
		report.Breaches = append(report.Breaches, found...)
	}
	if c.Temporal != nil {
		found, err := compareSagas(ctx, c)
		if err != nil {
			return Report{}, err
		}
		report.Checks++
		report.Breaches = append(report.Breaches, found...)
	}
	return report, nil
}

// charge is a line of the bank's book.
type charge struct {
	Bank    string `json:"bank"`
	Invoice int64  `json:"invoice"`
	Amount  int64  `json:"amount"`
	State   string `json:"state"`
}

// agrees lists, for each state of an attempt, the states in which the bank may have its charge.
// Settlement and refund are final on our side only after the bank has confirmed them.
var agrees = map[state.Attempt]string{
	state.AttemptCreated:   "open declined expired",
	state.AttemptOpen:      "open paid verified declined expired reversed",
	state.AttemptPaid:      "paid verified settled",
	state.AttemptSettled:   "settled",
	state.AttemptRefunding: "paid verified reversed cancelled refunded",
	state.AttemptRefunded:  "reversed cancelled refunded",
	state.AttemptFailed:    "open declined expired reversed cancelled refunded",
}

// moneyless are the states of a charge that moved no money.
var moneyless = []string{"open", "declined", "expired"}

const booksAgree = "the bank's book and ours agree"

// compareBooks reads the bank's book twice: what it had before ours was read must be in ours, and what
// ours has must be in it afterwards.
func compareBooks(ctx context.Context, c Config) ([]store.Breach, error) {
	earlier, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	attempts, err := c.Store.AttemptsInBooks(ctx, c.Gateways)
	if err != nil {
		return nil, err
	}
	charges, err := readBook(ctx, c.SandboxURL)
	if err != nil {
		return nil, err
	}
	type key struct {
		bank    string
		invoice int64
	}
	book := make(map[key]charge, len(charges))
	for _, ch := range charges {
		book[key{ch.Bank, ch.Invoice}] = ch
	}
	var found []store.Breach
	breach := func(format string, args ...any) {
		found = append(found, store.Breach{Invariant: booksAgree, Subject: fmt.Sprintf(format, args...)})
	}
	ours := make(map[key]bool, len(attempts))
	for _, a := range attempts {
		ours[key{a.Gateway, a.ID}] = true
		ch, ok := book[key{a.Gateway, a.ID}]
		switch {
		case !ok && a.State != state.AttemptCreated && a.State != state.AttemptFailed:
			breach("attempt %d is %s and %s does not know it", a.ID, a.State, a.Gateway)
		case !ok:
		case ch.Amount != int64(a.Amount):
			breach("attempt %d: amount %d, at %s %d", a.ID, a.Amount, a.Gateway, ch.Amount)
		case !slices.Contains(strings.Fields(agrees[a.State]), ch.State):
			breach("attempt %d is %s, at %s %s", a.ID, a.State, a.Gateway, ch.State)
		}
	}
	for _, ch := range earlier {
		if slices.Contains(c.Gateways, ch.Bank) && !slices.Contains(moneyless, ch.State) && !ours[key{ch.Bank, ch.Invoice}] {
			breach("%s has %d as %s and we do not know it", ch.Bank, ch.Invoice, ch.State)
		}
	}
	return found, nil
}

func readBook(ctx context.Context, sandboxURL string) ([]charge, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, sandboxURL+"/book", nil)
	if err != nil {
		return nil, fmt.Errorf("bank's book: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("bank's book: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("bank's book: status %d", resp.StatusCode)
	}
	var book struct {
		Charges []charge `json:"charges"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&book); err != nil {
		return nil, fmt.Errorf("bank's book: %w", err)
	}
	return book.Charges, nil
}

const sagasAgree = "a payment's row and its saga's result agree"

// compareSagas reads every closed saga. One that failed, was terminated or timed out is a breach by
// itself: outcomes are results.
func compareSagas(ctx context.Context, c Config) ([]store.Breach, error) {
	var found []store.Breach
	results := map[string]string{}
	request := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.Namespace, PageSize: 1000,
		Query: `WorkflowType = 'payment.v1' AND ExecutionStatus != 'Running'`,
	}
	for {
		page, err := c.Temporal.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("list sagas: %w", err)
		}
		for _, e := range page.Executions {
			token := strings.TrimPrefix(e.Execution.WorkflowId, "payment/")
			if e.Status != enums.WORKFLOW_EXECUTION_STATUS_COMPLETED {
				found = append(found, store.Breach{Invariant: sagasAgree, Subject: fmt.Sprintf("saga of payment %s: %s", token, e.Status)})
				continue
			}
			var at string
			if err := converter.GetDefaultDataConverter().FromPayload(e.SearchAttributes.GetIndexedFields()["SagaState"], &at); err != nil {
				return nil, fmt.Errorf("state of saga %s: %w", token, err)
			}
			results[token] = at
		}
		if len(page.NextPageToken) == 0 {
			break
		}
		request.NextPageToken = page.NextPageToken
	}
	rows, err := c.Store.EndedPayments(ctx) // rows last: a saga ends after its row
	if err != nil {
		return nil, err
	}
	for token, result := range results {
		if result == "" || string(rows[token]) != result {
			found = append(found, store.Breach{Invariant: sagasAgree, Subject: fmt.Sprintf("payment %s is %q, its saga says %q", token, rows[token], result)})
		}
	}
	return found, nil
}
