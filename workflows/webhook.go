package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

var webhooks *activities.Webhooks

// webhookSaga carries one message to one endpoint.
type webhookSaga struct {
	saga
	in WebhookInput
}

// Webhook delivers a message, on a schedule that outlives a receiver's bad day. How long to wait is said by the
// attempt, which knows the receiver's wish; the row knows how many there were.
func Webhook(ctx workflow.Context, in WebhookInput) (WebhookResult, error) {
	// Cancelling a saga in the UI must not lose a message that a merchant waits for.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()

	w := &webhookSaga{saga: newSaga(), in: in}
	for {
		var d activities.Delivery
		if err := w.call(ctx, deliverStep, callOptions{}, webhooks.DeliverWebhook, in.MessageID, &d); err != nil {
			d = w.stumble(ctx, err)
		}
		w.say(ctx, "%s", d.Note)
		if d.State != state.WebhookPending {
			return WebhookResult{State: d.State}, w.finish(ctx, d.State)
		}
		if err := w.pause(ctx, d.After); err != nil {
			return WebhookResult{}, err
		}
	}
}

// stumble comes after an error that nobody foresaw. It must not end the saga: the merchant waits for the message.
func (w *webhookSaga) stumble(ctx workflow.Context, err error) activities.Delivery {
	workflow.GetLogger(ctx).Error("webhook stumbled", "message", w.in.MessageID, "error", err)
	return activities.Delivery{State: state.WebhookPending, After: retryStumbled, Note: reasonOf(err) + "; later again"}
}

func (w *webhookSaga) pause(ctx workflow.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	return workflow.NewTimerWithOptions(ctx, d, workflow.TimerOptions{Summary: "then deliver again"}).Get(ctx, nil)
}

// finish costs no event on the way that most messages take: they were started as pending and end as completed.
func (w *webhookSaga) finish(ctx workflow.Context, end state.Webhook) error {
	if end == state.WebhookDelivered {
		return nil
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, SagaState.ValueSet(string(end))); err != nil {
		return fmt.Errorf("show the end: %w", err)
	}
	return nil
}
