package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// Replaying a running server meets sagas whose worker is thinking right now.
func TestOnlyAnsweredTasksAreReplayed(t *testing.T) {
	const (
		started   = enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED
		scheduled = enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
		begun     = enums.EVENT_TYPE_WORKFLOW_TASK_STARTED
		completed = enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
		timedOut  = enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT
		timer     = enums.EVENT_TYPE_TIMER_STARTED
		signal    = enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
	)
	type events = []enums.EventType
	first := events{started, scheduled, begun, completed, timer}
	for name, tt := range map[string]struct {
		history events
		kept    int
	}{
		"not picked up":         {events{started, scheduled}, 0},
		"first task begun":      {events{started, scheduled, signal, begun}, 0},
		"waiting":               {first, 5},
		"next task scheduled":   {append(first, signal, scheduled), 7},
		"next task begun":       {append(first, signal, scheduled, begun), 7},
		"news during the task":  {append(first, signal, scheduled, begun, signal), 7},
		"begun again after all": {append(first, scheduled, begun, timedOut, scheduled, begun), 6},
	} {
		t.Run(name, func(t *testing.T) {
			var list []*historypb.HistoryEvent
			for _, kind := range tt.history {
				list = append(list, &historypb.HistoryEvent{EventType: kind})
			}
			require.Len(t, answered(list), tt.kept)
		})
	}
}
