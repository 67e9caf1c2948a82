package workflows_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
)

// A workflow task costs about 9 ms of CPU in all, an event far less. What a saga costs is limited.
func TestBudget(t *testing.T) {
	for name, h := range histories(t) {
		tasks := count(h, enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED)
		switch strings.SplitN(name, "/", 2)[1] {
		case "payment-collected", "payment-cancelled":
			require.LessOrEqual(t, len(h.Events), 17, name)
			require.LessOrEqual(t, tasks, 2, name)
		case "payment-auto-collected", "purchase-completed-payment":
			require.LessOrEqual(t, len(h.Events), 13, name)
			require.LessOrEqual(t, tasks, 1, name)
		case "payment-cancelled-unpaid", "transfer-mismatched", "purchase-completed", "purchase-completed-by-put", "purchase-expired", "purchase-failed", "purchase-refunded":
			require.LessOrEqual(t, len(h.Events), 10, name)
			require.LessOrEqual(t, tasks, 1, name)
		case "transfer-verified":
			require.LessOrEqual(t, len(h.Events), 16, name)
			require.LessOrEqual(t, tasks, 2, name)
		case "transfer-verified-late", "transfer-expired", "purchase-completed-by-itself":
			require.LessOrEqual(t, len(h.Events), 19, name)
			require.LessOrEqual(t, tasks, 3, name)
		case "deposit-assigned", "deposit-refunded", "deposit-ignored":
			require.LessOrEqual(t, len(h.Events), 16, name)
			require.LessOrEqual(t, tasks, 2, name)
		case "topup-delivered", "topup-refused":
			require.LessOrEqual(t, len(h.Events), 8, name)
			require.LessOrEqual(t, tasks, 1, name)
		case "topup-delivered-after-lost-answer":
			require.LessOrEqual(t, len(h.Events), 15, name)
			require.LessOrEqual(t, tasks, 2, name)
		case "webhook-delivered", "webhook-gone":
			require.LessOrEqual(t, len(h.Events), 8, name)
			require.LessOrEqual(t, tasks, 1, name)
		case "webhook-delivered-when-asked-to", "webhook-held", "webhook-replaced", "webhook-dropped": // one pause
			require.LessOrEqual(t, len(h.Events), 14, name)
			require.LessOrEqual(t, tasks, 2, name)
		case "webhook-delivered-after-retries", "webhook-failed": // two
			require.LessOrEqual(t, len(h.Events), 20, name)
			require.LessOrEqual(t, tasks, 3, name)
		case "payout-paid", "payout-refused", "payout-cancelled":
			require.LessOrEqual(t, len(h.Events), 8, name)
			require.LessOrEqual(t, tasks, 1, name)
		case "payout-sent-then-paid", "payout-returned", "payout-paid-after-lost-answer":
			require.LessOrEqual(t, len(h.Events), 15, name)
			require.LessOrEqual(t, tasks, 2, name)
		case "wallet-blocked":
			require.LessOrEqual(t, len(h.Events), 8, name)
			require.LessOrEqual(t, tasks, 1, name)
		case "wallet-credited": // opened, asked for, notified; goes on
			require.LessOrEqual(t, len(h.Events), 22, name)
			require.LessOrEqual(t, tasks, 4, name)
		case "deposit-overdue":
			require.LessOrEqual(t, len(h.Events), 20, name)
			require.LessOrEqual(t, tasks, 3, name)
		default:
			require.LessOrEqual(t, len(h.Events), 70, name)
			require.LessOrEqual(t, tasks, 10, name)
		}
		open, want := count(h, enums.EVENT_TYPE_TIMER_STARTED)-count(h, enums.EVENT_TYPE_TIMER_FIRED)-count(h, enums.EVENT_TYPE_TIMER_CANCELED), 0
		if waits(h) {
			want = 1 // the one that it waits for
		}
		require.Equal(t, want, open, "%s: a timer was left running", name)
	}
}

func count(h *historypb.History, kind enums.EventType) int {
	n := 0
	for _, e := range h.Events {
		if e.EventType == kind {
			n++
		}
	}
	return n
}
