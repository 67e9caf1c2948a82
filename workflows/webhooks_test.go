package workflows_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// webhookWorld is what surrounds the saga of one message to one endpoint.
type webhookWorld struct {
	*world
	rows *webhookRows
}

func newWebhookWorld(t tester) *webhookWorld {
	w := newWorld(t)
	rows := &webhookRows{world: w, state: state.WebhookPending, endpoint: state.EndpointEnabled, schedule: activities.DefaultSchedule}
	rows.receiver = func(int) (int, time.Duration) { return http.StatusOK, 0 }
	w.plays = cast{workflows.WebhookName, mortal(w, workflows.Webhook), webhookInput(), []any{rows}}
	return &webhookWorld{w, rows}
}

func webhookInput() workflows.WebhookInput {
	return workflows.WebhookInput{MessageID: 5, EndpointID: 3, Event: "payment.paid", Merchant: "shop"}
}

// answers are statuses in turn, the last one for ever.
func answers(statuses ...int) func(int) (int, time.Duration) {
	return func(try int) (int, time.Duration) { return statuses[min(try, len(statuses))-1], 0 }
}

// webhookRows play the part of store, receiver and activities with their rules in short; their own tests hold them
// to the same rules. Without jitter.
type webhookRows struct {
	*world
	state    state.Webhook
	endpoint state.Endpoint
	schedule []time.Duration
	receiver func(try int) (status int, wish time.Duration)
	tries    int // recorded
	next     time.Time
	posts    int  // that the receiver saw
	accepted int  // of those, answered 2xx
	gone     bool // one was answered 410
	busy     int  // so many more times the endpoint has enough to do
	slow     bool // not within a workflow task
	before   func()
}

// turn is how long one waits for a busy endpoint.
const turn = 300 * time.Millisecond

// move makes sure that the fake itself never leaves the table of allowed transitions.
func (r *webhookRows) move(to state.Webhook) {
	if !state.Webhooks.Allows(r.state, to) {
		panic(fmt.Sprintf("message: %s to %s is not allowed", r.state, to))
	}
	r.state = to
	r.note("%s", to)
}

// DeliverWebhook is the activity, under the name of the real one.
func (r *webhookRows) DeliverWebhook(ctx context.Context, _ int64) (d activities.Delivery, err error) {
	posted, status, wish := false, 0, time.Duration(0)
	err = r.store(ctx, "DeliverWebhook", 0, func() error {
		defer func() {
			if d.Note == "" {
				d.Note = "**" + string(d.State) + "**"
			}
		}()
		d = activities.Delivery{State: r.state}
		early := r.next.Sub(r.now())
		switch {
		case r.state != state.WebhookPending:
		case r.endpoint == state.EndpointDeleted:
			r.move(state.WebhookDropped)
			d.State = r.state
		case r.endpoint != state.EndpointEnabled:
			r.move(state.WebhookHeld)
			d.State = r.state
		case early > 0:
			d.After = early
		case r.slow && activity.GetInfo(ctx).IsLocalActivity:
			return temporal.NewApplicationError("slow", activities.ErrNeedsTime)
		case r.busy > 0:
			r.busy--
			r.note("busy")
			d.After = turn
		default:
			posted = true
			r.posts++
			status, wish = r.receiver(r.tries + 1)
			if status/100 == 2 {
				r.accepted++
			}
			r.note("attempt %d: %d", r.tries+1, status)
		}
		return nil
	})
	if err != nil || !posted {
		return d, err
	}
	return d, r.store(ctx, "RecordTry", 0, func() error {
		if r.before != nil {
			r.before()
		}
		d = r.record(status, wish)
		return nil
	})
}

func (r *webhookRows) record(status int, wish time.Duration) activities.Delivery {
	if r.state != state.WebhookPending { // decided meanwhile
		return activities.Delivery{State: r.state}
	}
	r.tries++
	switch {
	case status/100 == 2:
		r.move(state.WebhookDelivered)
	case status == http.StatusGone:
		r.endpoint, r.gone = state.EndpointDisabled, true
		r.move(state.WebhookFailed)
	case r.tries > len(r.schedule):
		r.move(state.WebhookFailed)
	default:
		after := max(r.schedule[r.tries-1], wish)
		r.next = r.now().Add(after)
		return activities.Delivery{State: r.state, After: after, Note: fmt.Sprintf("attempt %d: HTTP %d; again in %s", r.tries, status, after)}
	}
	return activities.Delivery{State: r.state, Note: fmt.Sprintf("attempt %d: HTTP %d: **%s**", r.tries, status, r.state)}
}

// Below: what the merchant does. Nobody tells the saga: it reads the row when it wakes.

func (w *webhookWorld) merchant(does string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.rows
	pending, held := r.state == state.WebhookPending, r.state == state.WebhookHeld
	switch {
	case r.endpoint == state.EndpointDeleted:
	case does == "pause" && r.endpoint == state.EndpointEnabled:
		r.endpoint = state.EndpointPaused
	case does == "resume":
		r.endpoint = state.EndpointEnabled
		if held { // its successor is another message
			r.move(state.WebhookReplaced)
		}
	case does == "send again" && r.endpoint == state.EndpointEnabled && state.Webhooks.Allows(r.state, state.WebhookReplaced):
		r.move(state.WebhookReplaced)
	case does == "delete":
		r.endpoint = state.EndpointDeleted
		if pending || held {
			r.move(state.WebhookDropped)
		}
	}
}

// runWebhook carries the saga to its end and checks what must always hold.
func (w *webhookWorld) runWebhook() workflows.WebhookResult {
	w.t.Helper()
	w.live()
	return w.endedWebhook()
}

// endedWebhook checks what holds for every ended saga of a message: it says what the row said, a message is delivered
// only if the receiver took it, and has failed only after every attempt that it was due. What was done by the merchant
// afterwards is no longer the saga's.
func (w *webhookWorld) endedWebhook() workflows.WebhookResult {
	w.t.Helper()
	var result workflows.WebhookResult
	w.completed(&result)
	story, r := w.story(), w.rows
	require.Contains(w.t, append(state.Webhooks.Into(r.state), r.state), result.State, "row and result\n%s", story)
	switch result.State {
	case state.WebhookPending:
		w.t.Errorf("left pending\n%s", story)
	case state.WebhookDelivered:
		require.Positive(w.t, r.accepted, story)
		require.Empty(w.t, w.shownState, "the happy end costs no event")
		return result
	case state.WebhookFailed:
		require.True(w.t, r.tries == len(r.schedule)+1 || r.gone, story)
	}
	require.Equal(w.t, string(result.State), w.shownState, "what operators see")
	return result
}
