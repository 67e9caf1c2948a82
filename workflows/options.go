package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Every deadline and retry of the sagas stands here, by intent.

// step is one activity call: first as a local activity, which costs one event; when that does not
// settle it, the same call with the same key as a regular activity with durable retries, which
// operators can see.
type step struct {
	name      string        // for people: summaries, details
	first     time.Duration // how long the local try may take, with its own short retries
	each      time.Duration // one regular try
	every     time.Duration // longest pause between regular tries
	queue     string
	attention string // raised when the call is still open after its patience; empty: nobody is called
}

// attendStep writes that a person is called. It calls nobody itself: that would never end while the
// database is away.
func attendStep() step {
	st := storeStep("call a person")
	st.attention = ""
	return st
}

func storeStep(name string) step {
	return step{
		name: name, first: 5 * time.Second, each: 10 * time.Second, every: 30 * time.Second,
		queue: SagaQueue, attention: "database_unreachable",
	}
}

// bankStep leaves a bank 3 s inside the workflow task, whose own limit is 10 s.
func bankStep(name, attention string) step {
	return step{
		name: name, first: 3 * time.Second, each: 20 * time.Second, every: time.Minute,
		queue: GatewayQueue, attention: attention,
	}
}

// Why a saga needs a person; docs/operations.md has an entry for each.
const (
	AttentionUnknown    = "outcome_unknown"
	AttentionSettlement = "settlement_not_confirmed"
	AttentionRefund     = "refund_not_confirmed"
	AttentionUnexpected = "unexpected_error"
	AttentionUnchecked  = "paid_not_checked"
	AttentionOverdue    = "deposit_overdue"
)

var (
	confirmStep = bankStep("ask the bank and verify", AttentionUnknown)
	inquireStep = bankStep("ask the bank", AttentionUnknown)
	settleStep  = bankStep("settle at the bank", AttentionSettlement)
	undoStep    = bankStep("return the money", AttentionRefund)

	// A receiver has a short time inside the workflow task, and outbound.Timeout where it was slow before.
	deliverStep = step{
		name: "deliver to the merchant", first: 4 * time.Second, each: 20 * time.Second, every: time.Minute,
		queue: WebhookQueue, attention: "",
	}

	sendStep          = bankStep("send at the bank", AttentionUnknown)
	inquirePayoutStep = bankStep("ask the bank", AttentionUnknown)
	openStep          = bankStep("open an account at the bank", AttentionUnknown)
	arrivalsStep      = bankStep("ask the bank what arrived", AttentionUnknown)

	submitStep       = bankStep("order at the reseller", AttentionUnknown)
	inquireTopUpStep = bankStep("ask the reseller", AttentionUnknown)
)

// defaultPatience is how long a call may stay open before a person is called.
const defaultPatience = 15 * time.Minute

// checkPatience is how long a merchant may leave a paid transfer unchecked before a person is called.
const checkPatience = 24 * time.Hour

// A catalogue is read in this time, or by the next schedule.
const (
	catalogueTime     = time.Minute
	cataloguePatience = 10 * time.Minute
)

// retryRefused is the pause before a bank that said a final no to settlement or refund is asked
// again: money is at stake, so the saga never gives up, and a person has been called.
const retryRefused = time.Hour

// retryStumbled is the pause after an error of ours that nobody foresaw: its repair takes people time.
const retryStumbled = time.Hour

// clockSkew is how long a saga waits when its timer fired before the database clock's deadline.
const clockSkew = time.Second

// Pauses between inquiries of an attempt that outlived its payment's door.
const (
	firstPoll = time.Minute
	lastPoll  = 5 * time.Minute
)

// checkpoints are the instants before the deadline at which the saga asks the bank itself, in case
// a callback was lost: half and nine tenths of the window.
func checkpoints(from, until time.Time) []time.Time {
	window := until.Sub(from)
	return []time.Time{from.Add(window / 2), from.Add(window / 10 * 9)}
}

// FirstWake is when a payment's saga first asks the bank by itself. Until then it sleeps: its first workflow task, which
// costs 9 ms of CPU, is that of the first signal. (docs/adr/0016)
func (in PaymentInput) FirstWake() time.Time { return checkpoints(in.CreatedAt, in.CollectBy)[0] }

// FirstWake is when the payer's time is over.
func (in TransferInput) FirstWake() time.Time { return in.ExpiresAt }

// FirstWake is the first retry.
func (in PurchaseInput) FirstWake() time.Time { return in.CreatedAt.Add(firstRetry) }

func (s step) local(ctx workflow.Context) workflow.Context {
	tries := int32(0) // the store: until `first` is over
	if s.queue != SagaQueue {
		tries = 1 // somebody outside: the durable call goes on with the same key
	}
	return workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: s.first,
		Summary:                s.name,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond, MaximumAttempts: tries},
	})
}

// durable bounds the whole call by `within`; 0 means that it never gives up.
func (s step) durable(ctx workflow.Context, within time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              s.queue,
		StartToCloseTimeout:    s.each,
		ScheduleToCloseTimeout: within,
		Summary:                s.name,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: s.every},
	})
}

// Pauses between a purchase's own retries: the first soon after a payer would be back.
const (
	firstRetry   = 2 * time.Minute
	longestRetry = 5 * time.Minute
)

const (
	// walletLook is how long a deposit that nobody told us of may go unseen.
	walletLook = time.Hour
	// looksPerRun keeps a wallet's history short, also when somebody knocks all the time: anybody may.
	looksPerRun = 200
)

// longestCycle is how far off a payout's cycle is believed to be: over a weekend and the new year's holidays. A bank that
// promises later than that, or anew each time, must not keep a person from being called.
const longestCycle = 7 * 24 * time.Hour

// inquiryPause grows from seconds to minutes: most lost answers are cleared up at once. What stays open for
// hours waits for a person, and is asked about every hour: a history must not grow without end.
func inquiryPause(asked int) time.Duration {
	pauses := []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}
	if asked >= 40 { // after about three hours
		return time.Hour
	}
	return pauses[min(asked, len(pauses)-1)]
}

// nextInquiry comes after a pause that grows, and does not sleep past the instant at which a person is called.
func nextInquiry(now, tooLong time.Time, asked int) time.Time {
	next := now.Add(inquiryPause(asked))
	if now.Before(tooLong) && next.After(tooLong) {
		return tooLong
	}
	return next
}
