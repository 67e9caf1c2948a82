package workflows_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"pgregory.net/rapid"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

func TestWebhookDeliveredAtOnce(t *testing.T) {
	w := newWebhookWorld(t)
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	require.Equal(t, []string{"00:00 attempt 1: 200", "00:00 delivered"}, w.journal)
	require.Equal(t, born, w.now(), "no timer")
	require.Equal(t, "- `08:00:00` attempt 1: HTTP 200: **delivered**", w.details())
}

// The whole schedule of Standard Webhooks, to the minute; the last attempt delivers.
func TestWebhookDeliveredByTheLastAttempt(t *testing.T) {
	w := newWebhookWorld(t)
	w.rows.receiver = answers(503, 503, 503, 503, 503, 503, 503, 503, 503, 200)
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	require.Equal(t, []string{
		"00:00 attempt 1: 503", "00:05 attempt 2: 503", "05:05 attempt 3: 503", "35:05 attempt 4: 503", "155:05 attempt 5: 503", "455:05 attempt 6: 503",
		"1055:05 attempt 7: 503", "1895:05 attempt 8: 503", "3095:05 attempt 9: 503", "4535:05 attempt 10: 200", "4535:05 delivered",
	}, w.journal)
}

func TestWebhookFails(t *testing.T) {
	w := newWebhookWorld(t)
	w.rows.receiver = answers(500)
	require.Equal(t, state.WebhookFailed, w.runWebhook().State)
	require.Equal(t, 10, w.rows.posts)
	require.Equal(t, born.Add(75*hour+35*minute+5*second), w.now(), "three days")
	require.Contains(t, w.details(), "**failed**")

	w = newWebhookWorld(t) // 410: nobody is there any more
	w.rows.receiver = answers(503, http.StatusGone)
	require.Equal(t, state.WebhookFailed, w.runWebhook().State)
	require.Equal(t, []string{"00:00 attempt 1: 503", "00:05 attempt 2: 410", "00:05 failed"}, w.journal)
}

// A receiver that says when it wants to be asked again is asked then, not before.
func TestWebhookRetryAfter(t *testing.T) {
	w := newWebhookWorld(t)
	w.rows.receiver = func(try int) (int, time.Duration) {
		if try == 1 {
			return http.StatusTooManyRequests, 2 * hour
		}
		return http.StatusOK, 0
	}
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	require.Equal(t, born.Add(2*hour), w.now())
}

// An endpoint that has enough to do: waiting for a turn is no attempt, and uses up nothing of the schedule.
func TestWebhookWaitsForItsTurn(t *testing.T) {
	w := newWebhookWorld(t)
	w.rows.busy = 40
	w.rows.receiver = answers(503, 200)
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	require.Len(t, w.told("busy"), 40)
	require.Equal(t, 2, w.rows.tries)
	require.Equal(t, born.Add(40*turn+5*second), w.now())
}

// A slow receiver is given the time of a regular activity, which holds up no workflow task.
func TestWebhookToASlowReceiver(t *testing.T) {
	w := newWebhookWorld(t)
	w.rows.slow = true
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	require.Equal(t, []string{"00:00 attempt 1: 200", "00:00 delivered"}, w.journal)
	require.Contains(t, w.details(), "deliver to the merchant: needs_time; going on")
}

// What the merchant does meanwhile is found in the row at the next attempt, which then is none.
func TestWebhookOfAMerchantWhoChanges(t *testing.T) {
	for does, end := range map[string]state.Webhook{"pause": state.WebhookHeld, "send again": state.WebhookReplaced, "delete": state.WebhookDropped} {
		t.Run(does, func(t *testing.T) {
			w := newWebhookWorld(t)
			w.rows.receiver = answers(503)
			w.at(minute, func() { w.merchant(does) })
			require.Equal(t, end, w.runWebhook().State)
			require.Equal(t, 2, w.rows.posts)
			require.Equal(t, born.Add(5*minute+5*second), w.now(), "when it would have been attempted")
			require.Contains(t, w.details(), "**"+string(end)+"**")
		})
	}
	t.Run("pause and resume before the next attempt", func(t *testing.T) {
		w := newWebhookWorld(t)
		w.rows.receiver = answers(503, 503, 200)
		w.at(minute, func() { w.merchant("pause") })
		w.at(2*minute, func() { w.merchant("resume") })
		require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	})
	t.Run("before the first attempt", func(t *testing.T) {
		for _, endpoint := range []state.Endpoint{state.EndpointPaused, state.EndpointDisabled, state.EndpointDeleted} {
			w := newWebhookWorld(t)
			w.rows.endpoint = endpoint
			end := state.WebhookHeld
			if endpoint == state.EndpointDeleted {
				end = state.WebhookDropped
			}
			require.Equal(t, end, w.runWebhook().State)
			require.Zero(t, w.rows.posts)
			require.Equal(t, 1, w.steps)
		}
	})
	t.Run("while the receiver answers", func(t *testing.T) {
		for status, end := range map[int]state.Webhook{200: state.WebhookReplaced, 500: state.WebhookReplaced} {
			w := newWebhookWorld(t)
			w.rows.receiver = answers(status)
			w.rows.before = func() { w.rows.before = nil; w.rows.move(state.WebhookReplaced) }
			require.Equal(t, end, w.runWebhook().State, "a decided message stays as it is")
		}
	})
}

// The attempt was recorded, and its worker died before the saga heard of it: the schedule is kept, and nothing is posted twice.
func TestWebhookLostAnswersOfTheDatabase(t *testing.T) {
	for _, lost := range []int{1, 9} {
		w := newWebhookWorld(t)
		w.rows.receiver = answers(503, 200)
		w.fails("RecordTry", times(lost, errSomething)...)
		require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
		require.Equal(t, 2, w.rows.posts)
		require.False(t, w.now().Before(born.Add(5*second)))

		w = newWebhookWorld(t) // the database is away before anything was posted
		w.fails("DeliverWebhook", times(lost, pausing(7*minute))...)
		require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	}
}

// An error that nobody foresaw must not lose a message.
func TestWebhookUnexpectedError(t *testing.T) {
	w := newWebhookWorld(t)
	final := temporal.NewNonRetryableApplicationError("a bug", "bug", nil)
	w.fails("DeliverWebhook", final, final)
	w.rows.busy = 2 // the failed calls have posted nothing
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	require.Equal(t, born.Add(2*hour), w.now(), "an hour after each")
	require.Equal(t, 2, strings.Count(w.details(), "bug; later again"))
}

// Cancelling the saga in the Temporal UI must not lose a message that a merchant waits for.
func TestCancelWebhookInTheUIChangesNothing(t *testing.T) {
	w := newWebhookWorld(t)
	w.rows.receiver = answers(503, 503, 200)
	w.at(minute, func() { w.env.CancelWorkflow() })
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
	require.Equal(t, born.Add(5*minute+5*second), w.now())

	w = newWebhookWorld(t)
	w.fails("DeliverWebhook", times(5, pausing(7*minute))...)
	w.at(10*minute, func() { w.env.CancelWorkflow() })
	require.Equal(t, state.WebhookDelivered, w.runWebhook().State)
}

// A worker dies after any of its steps. A message may then be posted twice, never be lost.
func TestWebhookCrashes(t *testing.T) {
	for name, receiver := range map[string]func(int) (int, time.Duration){"delivered": answers(503, 200), "failed": answers(500), "gone": answers(503, 410)} {
		for _, pause := range []time.Duration{0, second, hour} {
			for step := 1; ; step++ {
				w := newWebhookWorld(t)
				w.rows.receiver, w.rows.schedule = receiver, activities.DefaultSchedule[:3]
				w.liveThroughCrashes(pause, step, 2, 1)
				require.Equal(t, map[string]state.Webhook{"delivered": state.WebhookDelivered, "failed": state.WebhookFailed, "gone": state.WebhookFailed}[name], w.endedWebhook().State)
				if !w.crashedOnce {
					require.Greater(t, step, 3, name)
					break
				}
			}
		}
	}
}

// Whatever receiver, merchant and machine do, a message ends as its row says: see endedWebhook.
func TestEveryWebhookEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWebhookWorld(t)
		status := rapid.SampledFrom([]int{200, 204, 0, 301, 400, 404, 410, 429, 500, 503, 503, 503})
		said := rapid.SliceOfN(status, 1, 12).Draw(t, "answers")
		wishes := rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, 0, minute, 3 * hour}), 12, 12).Draw(t, "wishes")
		w.rows.receiver = func(try int) (int, time.Duration) { return said[min(try, len(said))-1], wishes[min(try, 12)-1] }
		w.rows.busy = rapid.IntRange(0, 3).Draw(t, "busy")
		w.rows.slow = rapid.Bool().Draw(t, "slow")
		for i := range rapid.IntRange(0, 3).Draw(t, "the merchant acts") {
			does := rapid.SampledFrom([]string{"pause", "resume", "send again", "delete"}).Draw(t, fmt.Sprint("act ", i))
			w.at(cardMoment(t, fmt.Sprint("act at ", i), 5*second, 5*minute+5*second), func() { w.merchant(does) })
		}
		if rapid.IntRange(0, 3).Draw(t, "cancelled in the UI") == 0 {
			w.at(cardMoment(t, "in the UI", 5*minute), func() {
				if w.env != nil {
					w.env.CancelWorkflow()
				}
			})
		}
		broken := []error{errSomething, pausing(7 * minute), temporal.NewNonRetryableApplicationError("a bug", "bug", nil)}
		tellFailures(t, w.world, []string{"DeliverWebhook", "RecordTry"}, "", broken, 4)
		if rapid.Bool().Draw(t, "crashes") {
			crashes := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 3).Draw(t, "crash after steps")
			w.liveThroughCrashes(rapid.SampledFrom([]time.Duration{0, second, hour}).Draw(t, "pause"), crashes...)
		} else {
			w.live()
		}
		w.endedWebhook()
	})
}

func TestWebhookStartsVisible(t *testing.T) {
	in := webhookInput()
	options := in.Options()
	require.Equal(t, "webhook/5", options.ID)
	require.Equal(t, "webhooks", options.TaskQueue, "slow receivers hold up nothing else")
	require.Zero(t, options.WorkflowExecutionTimeout+options.WorkflowRunTimeout, "a saga is never cut off")
	require.Equal(t, "payment.paid · shop · webhook to endpoint 3", in.Summary())
	require.Equal(t, temporal.NewSearchAttributes(
		workflows.MerchantID.ValueSet("shop"), workflows.SagaKind.ValueSet("webhook"), workflows.SagaState.ValueSet("pending"),
		workflows.Reference.ValueSet("payment.paid"),
	), options.TypedSearchAttributes)
}
