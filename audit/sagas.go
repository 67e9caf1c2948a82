package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/paysaga/paysaga/store"
)

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
		{"topup", "topup.v1", c.Store.EndedTopUps},
		{"purchase", "purchase.v1", c.Store.EndedPurchases},
		{"webhook", "webhook.v1", c.Store.EndedMessages},
		{"payout", "payout.v1", c.Store.EndedPayouts},
		{"wallet", "wallet.v1", c.Store.EndedWallets},
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
			if e.Status == enums.WORKFLOW_EXECUTION_STATUS_CONTINUED_AS_NEW { // it lives on
				continue
			}
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

const sagasRun = "what is not finished is carried by a saga"

// compareRunning looks for rows that wait for a saga when none runs: nobody would ever see to them. The list of sagas
// may be a little old, so whoever is missing in it is asked for by name.
func compareRunning(ctx context.Context, c Config) ([]store.Breach, error) {
	rows, err := c.Store.Unfinished(ctx, c.Grace.Seconds())
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	running, err := runningSagas(ctx, c)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, id := range rows {
		if running[id] {
			continue
		}
		if runs, err := sagaRuns(ctx, c, id); err != nil {
			return nil, err
		} else if !runs {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if rows, err = c.Store.Unfinished(ctx, c.Grace.Seconds()); err != nil { // some may have ended meanwhile
		return nil, err
	}
	var found []store.Breach
	for _, id := range missing {
		if slices.Contains(rows, id) {
			found = append(found, store.Breach{Invariant: sagasRun, Subject: id})
		}
	}
	return found, nil
}

func runningSagas(ctx context.Context, c Config) (map[string]bool, error) {
	running := map[string]bool{}
	request := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: c.Namespace, PageSize: 1000,
		Query: `WorkflowType IN ('webhook.v1', 'payout.v1', 'wallet.v1') AND ExecutionStatus = 'Running'`,
	}
	for {
		page, err := c.Temporal.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("list running sagas: %w", err)
		}
		for _, e := range page.Executions {
			running[e.Execution.WorkflowId] = true
		}
		if len(page.NextPageToken) == 0 {
			return running, nil
		}
		request.NextPageToken = page.NextPageToken
	}
}

func sagaRuns(ctx context.Context, c Config, id string) (bool, error) {
	is, err := c.Temporal.DescribeWorkflowExecution(ctx, id, "")
	var nobody *serviceerror.NotFound
	switch {
	case errors.As(err, &nobody):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("describe saga %s: %w", id, err)
	}
	return is.WorkflowExecutionInfo.Status == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}
