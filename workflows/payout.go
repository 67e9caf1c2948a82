package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

var payouts *activities.Payouts

// payoutSaga carries one payout to its end: paid, or its money back on the balance. It is held meanwhile, for as long
// as it takes: what the bank does not say for certain is never taken for a no.
type payoutSaga struct {
	saga
	in       PayoutInput
	resolved *PayoutResolved
	due      time.Time // when the rail's cycle should be over
	told     string    // the bank's latest word, so that it stands once in the details
}

// Payout sends once, and asks until the bank, or a person, has decided.
func Payout(ctx workflow.Context, in PayoutInput) (PayoutResult, error) {
	// Cancelling a saga in the UI must not make anybody forget the held money.
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()

	p := &payoutSaga{saga: newSaga(), in: in}
	p.attend = func(ctx workflow.Context, reason string) error {
		about := activities.PayoutAttention{PayoutID: in.PayoutID, Reason: reason}
		return p.call(ctx, attendStep(), callOptions{}, payouts.SetPayoutAttention, about, nil)
	}
	onSignal(ctx, ResolvedSignal, func(ctx workflow.Context, in PayoutResolved) {
		if p.resolved == nil {
			p.resolved = &in
			p.say(ctx, "%s by %s: %s", in.State, in.By, in.Why)
		}
	})
	p.say(ctx, "payout %s: %s rial held, sending by %s through %s", in.UUID, in.Amount, in.Rail, in.Provider)
	now, err := p.ask(ctx, sendStep, payouts.SendPayout)
	for asked := 0; err != nil || !state.Payouts.Terminal(now); asked++ {
		if err != nil {
			p.stumble(ctx, err)
		}
		now, err = p.inquire(ctx, now, asked)
	}
	return PayoutResult{State: now}, p.decidedAs(ctx, string(now))
}

// stumble calls a person after an error that nobody foresaw. It must not end the saga, which holds money: the next
// inquiry finds out how the row stands.
func (p *payoutSaga) stumble(ctx workflow.Context, err error) {
	p.say(ctx, "%s", reasonOf(err))
	workflow.GetLogger(ctx).Error("payout stumbled", "payout", p.in.PayoutID, "error", err)
	if err := p.callPerson(ctx, AttentionUnexpected); err != nil {
		workflow.GetLogger(ctx).Error("nobody could be called", "payout", p.in.PayoutID, "error", err)
	}
}

// inquire asks again: when the rail's cycle should be over, or after a pause that grows. It calls a person when it has
// taken too long.
func (p *payoutSaga) inquire(ctx workflow.Context, now state.Payout, asked int) (state.Payout, error) {
	if _, err := awaitUntil(ctx, p.nextInquiry(workflow.Now(ctx), now, asked), "then ask the bank again", p.decided); err != nil {
		return "", err
	}
	if !p.decided() && !workflow.Now(ctx).Before(p.tooLong()) {
		if err := p.callPerson(ctx, AttentionUnknown); err != nil {
			return "", err
		}
	}
	if p.decided() {
		return p.resolved.State, nil
	}
	return p.ask(ctx, inquirePayoutStep, payouts.InquirePayout)
}

// ask calls the bank and records its word; the row says what then holds.
func (p *payoutSaga) ask(ctx workflow.Context, st step, activity any) (state.Payout, error) {
	var word activities.PayoutWord
	err := p.call(ctx, st, callOptions{stop: p.decided}, activity, p.in.PayoutID, &word)
	if p.decided() {
		return p.resolved.State, nil // by a person, whose row it already is
	}
	if err != nil {
		return "", err
	}
	if says := string(word.State) + inBrackets(word.Code); says != p.told {
		p.told = says
		p.say(ctx, "the bank says: %s", says)
	}
	if !word.Due.IsZero() {
		p.due = word.Due
		if latest := p.in.CreatedAt.Add(longestCycle); p.due.After(latest) {
			p.due = latest
		}
	}
	var now state.Payout
	if err := p.store(ctx, "record the bank's word", payouts.RecordPayout, word, &now); err != nil {
		return "", err
	}
	return now, nil
}

// tooLong is when a person is called: the patience after the order, or after its cycle.
func (p *payoutSaga) tooLong() time.Time {
	from := p.in.CreatedAt
	if p.due.After(from) {
		from = p.due
	}
	return from.Add(p.patience)
}

func (p *payoutSaga) nextInquiry(now time.Time, at state.Payout, asked int) time.Time {
	if at == state.PayoutSent && p.due.After(now) {
		return p.due.Add(clockSkew)
	}
	return nextInquiry(now, p.tooLong(), asked)
}

func (p *payoutSaga) decided() bool { return p.resolved != nil }
