package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
)

// Catalogue brings a reseller's products up to date and tells what changed. A schedule starts it; one that
// finds the reseller silent ends with its error told, and the next one tries again.
func Catalogue(ctx workflow.Context, in CatalogueInput) (CatalogueReport, error) {
	s := newSaga()
	s.say(ctx, "reading the catalogue of %s", in.Provider)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue: GatewayQueue, StartToCloseTimeout: catalogueTime, ScheduleToCloseTimeout: cataloguePatience,
		Summary: "read and compare", RetryPolicy: &temporal.RetryPolicy{},
	})
	var report CatalogueReport
	err := workflow.ExecuteActivity(ctx, topups.RefreshCatalogue, in.Provider).Get(ctx, &report.Changes)
	if err != nil {
		report.Problem = reasonOf(err)
		s.say(ctx, "not read: %s", report.Problem)
		return report, nil
	}
	for _, c := range report.Changes {
		s.say(ctx, "%s: %d %s", c.What, c.ID, c.Name)
	}
	s.say(ctx, "**%d changes**", len(report.Changes))
	return report, nil
}

// CatalogueInput names the reseller.
type CatalogueInput struct {
	Provider string `json:"provider"`
}

// CatalogueReport is what a refresh found.
type CatalogueReport struct {
	Changes []activities.CatalogueChange `json:"changes"`
	Problem string                       `json:"problem,omitempty"` // why nothing was read
}
