package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/api/enums/v1"
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
