package workflows_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/workflows"
)

// refresh runs the workflow against a reseller that answers as given.
func refresh(t *testing.T, answer func(try int) ([]activities.CatalogueChange, error)) (workflows.CatalogueReport, *world) {
	w := newWorld(t)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	w.env = suite.NewTestWorkflowEnvironment()
	w.env.SetStartTime(born)
	w.env.RegisterWorkflowWithOptions(workflows.Catalogue, workflow.RegisterOptions{Name: workflows.CatalogueName})
	var acts *activities.TopUps
	w.env.RegisterActivity(acts)
	tries := 0
	w.env.OnActivity(acts.RefreshCatalogue, mock.Anything, "sandbox").Return(func(context.Context, string) ([]activities.CatalogueChange, error) {
		tries++
		return answer(tries)
	})
	w.env.ExecuteWorkflow(workflows.CatalogueName, workflows.CatalogueInput{Provider: "sandbox"})
	var report workflows.CatalogueReport
	w.completed(&report)
	return report, w
}

func TestCatalogueReportsChanges(t *testing.T) {
	changes := []activities.CatalogueChange{{ID: 1000, Name: "بسته", What: "added"}, {ID: 62, Name: "charge", What: "switched_off"}}
	report, w := refresh(t, func(int) ([]activities.CatalogueChange, error) { return changes, nil })
	require.Equal(t, workflows.CatalogueReport{Changes: changes}, report)
	require.Equal(t, "- `08:00:00` reading the catalogue of sandbox\n- `08:00:00` added: 1000 بسته\n- `08:00:00` switched_off: 62 charge\n- `08:00:00` **2 changes**", w.details())
}

func TestCatalogueTriesAgain(t *testing.T) {
	report, w := refresh(t, func(try int) ([]activities.CatalogueChange, error) {
		if try < 4 {
			return nil, errors.New("no answer")
		}
		return []activities.CatalogueChange{}, nil
	})
	require.Equal(t, workflows.CatalogueReport{Changes: []activities.CatalogueChange{}}, report)
	require.Less(t, w.now().Sub(born), minute)
}

// A reseller that stays silent is left to the next schedule; the refresh itself must end.
func TestCatalogueUnread(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		problem string
		takes   time.Duration
	}{
		"silent":       {pausing(3 * minute), "unavailable", 10 * minute},
		"no catalogue": {temporal.NewNonRetryableApplicationError("lists no products", "no_catalogue", nil), "no_catalogue", 0},
	} {
		t.Run(name, func(t *testing.T) {
			report, w := refresh(t, func(int) ([]activities.CatalogueChange, error) { return nil, tt.err })
			require.Equal(t, workflows.CatalogueReport{Problem: tt.problem}, report)
			require.Contains(t, w.details(), "not read: "+tt.problem)
			require.LessOrEqual(t, w.now().Sub(born), tt.takes)
		})
	}
}
