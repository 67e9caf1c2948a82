package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

var topups *activities.TopUps

// topUpSaga carries one top-up to its end: delivered or reversed. The price is held meanwhile, for as long
// as it takes: what the reseller does not say for certain is never taken for a no.
type topUpSaga struct {
	saga
	in       TopUpInput
	resolved *TopUpResolved
	called   bool // a person
}

// TopUp orders once, and asks until the reseller, or a person, has decided.
func TopUp(ctx workflow.Context, in TopUpInput) (TopUpResult, error) {
	t := &topUpSaga{saga: newSaga(), in: in}
	t.attend = func(ctx workflow.Context, reason string) error {
		about := activities.TopUpAttention{TopUpID: in.TopUpID, Reason: reason}
		return t.call(ctx, attendStep(), callOptions{}, topups.SetTopUpAttention, about, nil)
	}
	onSignal(ctx, ResolvedSignal, func(ctx workflow.Context, in TopUpResolved) {
		if t.resolved == nil {
			t.resolved = &in
			t.say(ctx, "%s by %s: %s", in.State, in.By, in.Why)
		}
	})
	t.say(ctx, "top-up %d: %s rial held, ordering at %s", in.TopUpID, in.Amount, in.Provider)
	now, err := t.submit(ctx)
	for asked := 0; err == nil && now == state.TopUpUnknown; asked++ {
		now, err = t.inquire(ctx, asked)
	}
	if err != nil {
		return TopUpResult{}, err
	}
	return TopUpResult{State: now}, t.finish(ctx, now)
}

// submit orders. Whatever interrupts it, the order goes out at most once: the row remembers.
func (t *topUpSaga) submit(ctx workflow.Context) (state.TopUp, error) {
	var word activities.TopUpWord
	err := t.call(ctx, submitStep, callOptions{stop: t.decided}, topups.SubmitTopUp, t.in.TopUpID, &word)
	return t.take(ctx, word, err)
}

// inquire asks again after a pause that grows, and calls a person when it has taken too long.
func (t *topUpSaga) inquire(ctx workflow.Context, asked int) (state.TopUp, error) {
	wait := inquiryPause(asked)
	if _, err := awaitUntil(ctx, workflow.Now(ctx).Add(wait), "then ask the reseller again", t.decided); err != nil {
		return "", err
	}
	if t.decided() {
		return t.resolved.State, nil
	}
	if workflow.Now(ctx).Sub(t.in.CreatedAt) >= t.patience {
		if err := t.callPerson(ctx); err != nil {
			return "", err
		}
	}
	var word activities.TopUpWord
	err := t.call(ctx, inquireTopUpStep, callOptions{stop: t.decided}, topups.InquireTopUp, t.in.TopUpID, &word)
	return t.take(ctx, word, err)
}

// callPerson calls one, once.
func (t *topUpSaga) callPerson(ctx workflow.Context) error {
	if t.called || t.decided() {
		return nil
	}
	t.called = true
	return t.raise(ctx, AttentionUnknown)
}

// take records a word; the row says what then holds.
func (t *topUpSaga) take(ctx workflow.Context, word activities.TopUpWord, err error) (state.TopUp, error) {
	if t.decided() {
		return t.resolved.State, nil // by a person, whose row it already is
	}
	if err != nil {
		return "", err
	}
	if word.Code == activities.CannotBeAsked {
		return t.awaitPerson(ctx)
	}
	t.say(ctx, "the reseller says: %s%s", word.State, inBrackets(word.Code))
	var now state.TopUp
	if err := t.store(ctx, "record the reseller's word", topups.RecordTopUp, word, &now); err != nil {
		return "", err
	}
	return now, nil
}

// awaitPerson is for a reseller that cannot be asked.
func (t *topUpSaga) awaitPerson(ctx workflow.Context) (state.TopUp, error) {
	if err := t.callPerson(ctx); err != nil {
		return "", err
	}
	if err := workflow.Await(ctx, t.decided); err != nil {
		return "", err
	}
	return t.resolved.State, nil
}

func inBrackets(code string) string {
	if code == "" {
		return ""
	}
	return " (" + code + ")"
}

func (t *topUpSaga) decided() bool { return t.resolved != nil }

func (t *topUpSaga) finish(ctx workflow.Context, now state.TopUp) error {
	t.say(ctx, "**%s**", now)
	if t.called {
		if err := t.lower(ctx, AttentionUnknown); err != nil {
			return err
		}
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, SagaState.ValueSet(string(now))); err != nil {
		return fmt.Errorf("show the end: %w", err)
	}
	return nil
}

// inquiryPause grows from seconds to minutes: most lost answers are cleared up at once.
func inquiryPause(asked int) time.Duration {
	pauses := []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}
	return pauses[min(asked, len(pauses)-1)]
}
