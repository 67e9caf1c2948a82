package worker_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/worker"
	"github.com/paysaga/paysaga/workflows"
)

// server is a client of one whose schedules are in memory.
type server struct {
	client.Client
	schedules
}

func (s *server) ScheduleClient() client.ScheduleClient { return &s.schedules }

type schedules struct {
	client.ScheduleClient
	made      map[string]client.ScheduleOptions
	triggered []string
	broken    error
}

func (s *schedules) Create(_ context.Context, o client.ScheduleOptions) (client.ScheduleHandle, error) {
	if s.broken != nil {
		return nil, s.broken
	}
	if _, ok := s.made[o.ID]; ok {
		return nil, temporal.ErrScheduleAlreadyRunning
	}
	s.made[o.ID] = o
	return nil, nil
}

func (s *schedules) GetHandle(_ context.Context, id string) client.ScheduleHandle {
	return &schedule{schedules: s, id: id}
}

type schedule struct {
	client.ScheduleHandle
	*schedules
	id string
}

func (s *schedule) Trigger(context.Context, client.ScheduleTriggerOptions) error {
	s.triggered = append(s.triggered, s.id)
	return s.broken
}

func TestEnsureSchedules(t *testing.T) {
	s := &server{schedules: schedules{made: map[string]client.ScheduleOptions{"catalogue/inax": {Paused: true}}}}
	for range 2 { // every worker does it
		require.NoError(t, worker.EnsureSchedules(t.Context(), s, []string{"inax", "sandbox"}))
	}
	require.Len(t, s.made, 2)
	require.True(t, s.made["catalogue/inax"].Paused, "as an operator left it")
	made := s.made["catalogue/sandbox"]
	require.Equal(t, []client.ScheduleIntervalSpec{{Every: 6 * time.Hour}}, made.Spec.Intervals)
	require.Equal(t, enums.SCHEDULE_OVERLAP_POLICY_SKIP, made.Overlap, "never two at once")
	require.Equal(t, &client.ScheduleWorkflowAction{
		ID: "catalogue/sandbox", Workflow: "catalogue.v1", TaskQueue: "sagas",
		Args: []any{workflows.CatalogueInput{Provider: "sandbox"}}, StaticSummary: "catalogue of sandbox",
	}, made.Action)

	s.broken = errors.New("no connection")
	require.ErrorContains(t, worker.EnsureSchedules(t.Context(), s, []string{"tosha"}), "schedule catalogue/tosha: no connection")
}

func TestRefreshNow(t *testing.T) {
	s := &server{}
	require.NoError(t, worker.RefreshNow(t.Context(), s, "sandbox"))
	require.Equal(t, []string{"catalogue/sandbox"}, s.triggered)
	s.broken = errors.New("no such schedule")
	require.ErrorContains(t, worker.RefreshNow(t.Context(), s, "nobody"), "refresh nobody: no such schedule")
}
