package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/workflows"
)

// catalogueEvery is how often a reseller's products are refreshed.
const catalogueEvery = 6 * time.Hour

// EnsureSchedules makes the schedule of each reseller's catalogue. Existing ones stay as an operator left
// them: paused, or at another pace.
func EnsureSchedules(ctx context.Context, c client.Client, resellers []string) error {
	for _, name := range resellers {
		id := workflows.CatalogueID(name)
		_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
			ID:      id,
			Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: catalogueEvery}}},
			Overlap: enums.SCHEDULE_OVERLAP_POLICY_SKIP,
			Action: &client.ScheduleWorkflowAction{
				ID: id, Workflow: workflows.CatalogueName, TaskQueue: workflows.SagaQueue,
				Args: []any{workflows.CatalogueInput{Provider: name}}, StaticSummary: "catalogue of " + name,
			},
		})
		if err != nil && !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
			return fmt.Errorf("schedule %s: %w", id, err)
		}
	}
	return nil
}

// RefreshNow starts a reseller's refresh outside its schedule's time.
func RefreshNow(ctx context.Context, c client.Client, reseller string) error {
	handle := c.ScheduleClient().GetHandle(ctx, workflows.CatalogueID(reseller))
	if err := handle.Trigger(ctx, client.ScheduleTriggerOptions{}); err != nil {
		return fmt.Errorf("refresh %s: %w", reseller, err)
	}
	return nil
}
