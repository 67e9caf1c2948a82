package workflows

import (
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
	told     string // the reseller's latest word, so that it stands once in the details
}

// TopUp orders once, and asks until the reseller, or a person, has decided.
func TopUp(ctx workflow.Context, in TopUpInput) (TopUpResult, error) {
	// Cancelling a saga in the UI must not make anybody forget the held money.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()

	t := &topUpSaga{saga: newSaga(), in: in}
	if in.PatienceSeconds > 0 {
		t.patience = time.Duration(in.PatienceSeconds) * time.Second
	}
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
	for asked := 0; err != nil || now == state.TopUpUnknown; asked++ {
		if err != nil {
			t.stumble(ctx, err)
		}
		now, err = t.inquire(ctx, asked)
	}
	return TopUpResult{State: now}, t.decidedAs(ctx, string(now))
}

// stumble calls a person after an error that nobody foresaw. It must not end the saga, which holds money:
// the next inquiry finds out how the row stands.
func (t *topUpSaga) stumble(ctx workflow.Context, err error) {
	t.say(ctx, "%s", reasonOf(err))
	workflow.GetLogger(ctx).Error("top-up stumbled", "topup", t.in.TopUpID, "error", err)
	if err := t.callPerson(ctx, AttentionUnexpected); err != nil {
		workflow.GetLogger(ctx).Error("nobody could be called", "topup", t.in.TopUpID, "error", err)
	}
}

// submit orders. Whatever interrupts it, the order goes out at most once: the row remembers.
func (t *topUpSaga) submit(ctx workflow.Context) (state.TopUp, error) {
	var word activities.TopUpWord
	err := t.call(ctx, submitStep, callOptions{stop: t.decided}, topups.SubmitTopUp, t.in.TopUpID, &word)
	return t.take(ctx, word, err)
}

// inquire asks again after a pause that grows, and calls a person when it has taken too long.
func (t *topUpSaga) inquire(ctx workflow.Context, asked int) (state.TopUp, error) {
	if _, err := awaitUntil(ctx, nextInquiry(workflow.Now(ctx), t.tooLong(), asked), "then ask the reseller again", t.decided); err != nil {
		return "", err
	}
	if !t.decided() && !workflow.Now(ctx).Before(t.tooLong()) {
		if err := t.callPerson(ctx, AttentionUnknown); err != nil {
			return "", err
		}
	}
	if t.decided() {
		return t.resolved.State, nil
	}
	var word activities.TopUpWord
	err := t.call(ctx, inquireTopUpStep, callOptions{stop: t.decided}, topups.InquireTopUp, t.in.TopUpID, &word)
	return t.take(ctx, word, err)
}

// tooLong is when a person is called.
func (t *topUpSaga) tooLong() time.Time { return t.in.CreatedAt.Add(t.patience) }

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
	if says := string(word.State) + inBrackets(word.Code); says != t.told {
		t.told = says
		t.say(ctx, "the reseller says: %s", says)
	}
	var now state.TopUp
	if err := t.store(ctx, "record the reseller's word", topups.RecordTopUp, word, &now); err != nil {
		return "", err
	}
	return now, nil
}

// awaitPerson is for a reseller that cannot be asked.
func (t *topUpSaga) awaitPerson(ctx workflow.Context) (state.TopUp, error) {
	if err := t.callPerson(ctx, AttentionUnknown); err != nil {
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
