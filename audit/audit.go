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

const sagasAgree = "a row and its saga's result agree"

// compareSagas reads every closed saga. One that failed, was terminated or timed out is a breach by
// itself: outcomes are results.
func compareSagas(ctx context.Context, c Config) ([]store.Breach, error) {
	kinds := []struct {
		kind, workflow string
		rows           func(context.Context) (map[string]string, error)
	}{
		{"payment", "payment.v1", c.Store.EndedPayments},
		{"transfer", "transfer.v1", c.Store.EndedTransfers},
		{"deposit", "deposit.v1", c.Store.EndedDeposits},
	}
	var found []store.Breach
	for _, k := range kinds {
		results, broken, err := sagaResults(ctx, c, k.kind, k.workflow)
		if err != nil {
			return nil, err
		}
		found = append(found, broken...)
		rows, err := k.rows(ctx) // rows last: a saga ends after its row
		if err != nil {
			return nil, err
		}
		for id, result := range results {
			if !slices.Contains(strings.Fields(rows[id]), result) {
				found = append(found, store.Breach{Invariant: sagasAgree, Subject: fmt.Sprintf("%s %s is %q, its saga says %q", k.kind, id, rows[id], result)})
			}
		}
	}
	return found, nil
}

// sagaResults maps closed sagas of a kind to how they ended.
func sagaResults(ctx context.Context, c Config, kind, workflow string) (map[string]string, []store.Breach, error) {
	var found []store.Breach
	results := map[string]string{}
	request := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.Namespace, PageSize: 1000,
		Query: fmt.Sprintf(`WorkflowType = '%s' AND ExecutionStatus != 'Running'`, workflow),
	}
	for {
		page, err := c.Temporal.ListWorkflow(ctx, request)
		if err != nil {
			return nil, nil, fmt.Errorf("list sagas: %w", err)
		}
		for _, e := range page.Executions {
			id := strings.TrimPrefix(e.Execution.WorkflowId, kind+"/")
			if e.Status != enums.WORKFLOW_EXECUTION_STATUS_COMPLETED {
				found = append(found, store.Breach{Invariant: sagasAgree, Subject: fmt.Sprintf("saga of %s %s: %s", kind, id, e.Status)})
				continue
			}
			var at string
			if err := converter.GetDefaultDataConverter().FromPayload(e.SearchAttributes.GetIndexedFields()["SagaState"], &at); err != nil {
				return nil, nil, fmt.Errorf("state of saga %s: %w", id, err)
			}
			results[id] = at
		}
		if len(page.NextPageToken) == 0 {
			return results, found, nil
		}
		request.NextPageToken = page.NextPageToken
	}
}
