package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

// visit is one attempt of the payer at one bank, watched until it is final. Each runs beside the
// others, so that a bank that does not answer never holds up another bank's money.
type visit struct {
	activities.Visit
	payment  *paymentSaga
	asks     int  // how often somebody wanted the bank asked
	answers  int  // how many of these the bank's word has covered
	paid     bool // the money is booked; what follows is settling or returning it
	over     bool
	resolved bool // a person ended it
	polls    int
}

// watch asks the bank whenever there is reason to, until the attempt is final.
func (v *visit) watch(ctx workflow.Context) {
	for !v.over {
		if err := v.awaitReason(ctx); err != nil {
			return // the workflow is being evicted
		}
		if v.resolved {
			break
		}
		asked := v.asks
		if err := v.ask(ctx); err != nil && !errors.Is(err, errStopped) {
			v.stuck(ctx, err)
		}
		v.answers = asked
	}
	if v.over {
		return
	}
	if err := v.catchUp(ctx); err != nil {
		workflow.GetLogger(ctx).Error("resolution not read", "attempt", v.AttemptID, "error", err)
		v.over = true
	}
}

// stuck holds an attempt after an error that nobody foresaw. It must not end the saga: the money of
// this attempt is somewhere, so a person is called and only a person ends it.
func (v *visit) stuck(ctx workflow.Context, err error) {
	p := v.payment
	p.say(ctx, "attempt %d: %s", v.AttemptID, reasonOf(err))
	workflow.GetLogger(ctx).Error("attempt stuck", "attempt", v.AttemptID, "error", err)
	if p.raise(ctx, AttentionUnexpected) == nil && workflow.Await(ctx, func() bool { return v.resolved }) == nil {
		_ = p.lower(ctx, AttentionUnexpected) // the row was written by the person who resolved it
	}
}

// catchUp learns from the rows how an attempt ended without this saga: by a person, or before a crash.
func (v *visit) catchUp(ctx workflow.Context) error {
	var after activities.Aftermath
	if err := v.payment.store(ctx, "read what became of it", payments.PaymentAftermath, v.AttemptID, &after); err != nil {
		return err
	}
	v.endedWith(ctx, after)
	return nil
}

// endedWith ends the watch over this attempt and goes on with what is left of its payment.
func (v *visit) endedWith(ctx workflow.Context, after activities.Aftermath) {
	v.over = true
	v.payment.learn(after.Payment)
	v.payment.follow(ctx, after.Open)
}

// answered says whether the bank's word covers the n-th wish to ask, or the money is booked.
func (v *visit) answered(n int) bool { return v.over || v.paid || v.answers >= n }

// awaitReason waits for a wish to ask the bank. Once the payment no longer waits for this attempt,
// it asks by itself, at growing pauses, until the bank can no longer say "paid".
func (v *visit) awaitReason(ctx workflow.Context) error {
	wanted := func() bool { return v.asks > v.answers || v.resolved }
	unawaited := func() bool { return v.payment.shut || v.payment.state != state.PaymentPending }
	if err := workflow.Await(ctx, func() bool { return wanted() || unawaited() }); err != nil || wanted() {
		return err
	}
	if v.polls > 0 {
		_, err := awaitUntil(ctx, v.nextPoll(workflow.Now(ctx)), "then ask the bank again", wanted)
		if err != nil {
			return err
		}
	}
	v.polls++
	return nil
}

// nextPoll is a growing pause from now, but not past the instant at which "not paid" becomes final.
func (v *visit) nextPoll(now time.Time) time.Time {
	next := now.Add(min(firstPoll*time.Duration(v.polls), lastPoll))
	if now.Before(v.FinalAt) && next.After(v.FinalAt) {
		return v.FinalAt
	}
	return next
}

// ask learns the bank's word, writes it down, and goes on from where the row then stands.
func (v *visit) ask(ctx workflow.Context) error {
	found, err := v.finding(ctx)
	switch {
	case refused(err):
		return v.sendBack(ctx, activities.Finding{Reason: activities.ReasonRefused, BankTran: refusedTran(err)})
	case errors.Is(err, errTooLate):
		return nil // the deadline came first; ask again behind the shut door
	case err != nil:
		return err
	}
	switch found.Verdict {
	case activities.VerdictPaid:
		return v.receive(ctx, found)
	case activities.VerdictMismatch:
		return v.sendBack(ctx, found)
	}
	reason, final := found.Reason, found.Final
	if !final && !workflow.Now(ctx).Before(v.FinalAt) {
		reason, final = activities.ReasonSessionOver, true
	}
	return v.notPaid(ctx, reason, final)
}

// finding asks the bank, and while the door is open has paid money verified in the same go. Behind the
// shut door money is left unverified: then the bank returns it even without us. Only the database says
// that the door is shut; our own clock may be ahead of its, and money that it takes as paid must be verified.
func (v *visit) finding(ctx workflow.Context) (activities.Finding, error) {
	var found activities.Finding
	p := v.payment
	stop := func() bool { return v.resolved }
	if p.state == state.PaymentPending && !p.shut {
		left := max(p.in.CollectBy.Sub(workflow.Now(ctx)), clockSkew)
		err := p.call(ctx, confirmStep, callOptions{within: left, stop: stop}, bank.ConfirmAtBank, v.Visit, &found)
		return found, err
	}
	err := p.call(ctx, inquireStep, callOptions{stop: stop}, bank.InquireAtBank, v.Visit, &found)
	return found, err
}

// receive books the money.
func (v *visit) receive(ctx workflow.Context, found activities.Finding) error {
	p := v.payment
	var at activities.Standing
	err := p.store(ctx, "book the money", payments.PaymentPaid, found.Receipt(v.AttemptID), &at)
	if isType(err, activities.ErrReceiptSpent) {
		return v.notPaid(ctx, activities.ReasonSpent, true)
	}
	if err != nil {
		return err
	}
	p.say(ctx, "paid at %s, attempt %d, reference %s: %s", v.Gateway, v.AttemptID, found.RRN, at.Payment)
	return v.goOn(ctx, at, found)
}

// notPaid takes the bank's word that there is no money, for now or for good.
func (v *visit) notPaid(ctx workflow.Context, reason string, final bool) error {
	at, err := v.noteUnpaid(ctx, reason, final)
	if err != nil {
		return err
	}
	return v.goOn(ctx, at, activities.Finding{})
}

func (v *visit) noteUnpaid(ctx workflow.Context, reason string, final bool) (activities.Standing, error) {
	var at activities.Standing
	in := activities.Unpaid{AttemptID: v.AttemptID, Reason: reason, Final: final}
	err := v.payment.store(ctx, "note that nothing was paid", payments.PaymentNotPaid, in, &at)
	if err == nil {
		v.payment.say(ctx, "not paid (%s), attempt %d", reason, v.AttemptID)
	}
	return at, err
}

// goOn carries the attempt on from where its row stands. After a crash that is not always where this
// saga left it: an earlier run may have booked, settled or returned the money and not lived to tell.
func (v *visit) goOn(ctx workflow.Context, at activities.Standing, found activities.Finding) error {
	p := v.payment
	if at.Serves {
		p.gateway, p.rrn = v.Gateway, found.RRN
		p.learn(at.Payment)
	}
	paid := activities.PaidVisit{Visit: v.Visit, BankTran: found.BankTran}
	switch at.Attempt {
	case state.AttemptOpen:
		return nil
	case state.AttemptFailed:
		v.over = true
		return nil
	case state.AttemptPaid:
		v.paid = true
		if err := workflow.Await(ctx, p.decided); err != nil {
			return err
		}
		if p.state == state.PaymentCollected {
			return v.settle(ctx, paid)
		}
		return v.giveBack(ctx, paid)
	case state.AttemptRefunding:
		v.paid = true
		return v.giveBack(ctx, paid)
	}
	return v.catchUp(ctx)
}

// settle asks the bank for the payout until it has confirmed it.
func (v *visit) settle(ctx workflow.Context, paid activities.PaidVisit) error {
	p := v.payment
	err := v.insist(ctx, settleStep, bank.SettleAtBank, paid, nil)
	if err != nil {
		return err
	}
	var after activities.Aftermath
	if err := p.store(ctx, "note the settlement", payments.PaymentSettled, v.AttemptID, &after); err != nil {
		return err
	}
	p.say(ctx, "settled, attempt %d", v.AttemptID)
	v.endedWith(ctx, after)
	return nil
}

// giveBack sends the money back until the bank has confirmed it.
func (v *visit) giveBack(ctx workflow.Context, paid activities.PaidVisit) error {
	p := v.payment
	var how string
	if err := v.insist(ctx, undoStep, bank.UndoAtBank, paid, &how); err != nil {
		return err
	}
	var after activities.Aftermath
	in := activities.Refund{AttemptID: v.AttemptID, How: how}
	if err := p.store(ctx, "note the refund", payments.PaymentRefunded, in, &after); err != nil {
		return err
	}
	p.say(ctx, "money returned (%s), attempt %d", how, v.AttemptID)
	v.endedWith(ctx, after)
	return nil
}

// sendBack returns money that we may not keep: it does not match our row, or the bank will not confirm it
// and may yet hold it as verified after an earlier call without an answer. Nothing is booked.
func (v *visit) sendBack(ctx workflow.Context, found activities.Finding) error {
	at, err := v.noteUnpaid(ctx, found.Reason, false)
	if err != nil {
		return err
	}
	if at.Attempt != state.AttemptOpen {
		return v.goOn(ctx, at, found) // it was ours before a crash
	}
	var how string
	paid := activities.PaidVisit{Visit: v.Visit, BankTran: found.BankTran, Unbooked: true}
	if err := v.insist(ctx, undoStep, bank.UndoAtBank, paid, &how); err != nil {
		return err
	}
	return v.notPaid(ctx, found.Reason, true)
}

// insist repeats a step that must succeed. When the bank says a final no, a person is called and the
// bank is asked again from time to time; only success or the person ends it.
func (v *visit) insist(ctx workflow.Context, st step, activity any, in, out any) error {
	p := v.payment
	resolved := func() bool { return v.resolved }
	err := p.call(ctx, st, callOptions{stop: resolved}, activity, in, out)
	if !refused(err) {
		return err
	}
	p.say(ctx, "%s: the bank refused, attempt %d", st.name, v.AttemptID)
	if err := p.raise(ctx, st.attention); err != nil {
		return err
	}
	for refused(err) {
		stopped, broken := awaitUntil(ctx, workflow.Now(ctx).Add(retryRefused), "then ask the bank again", resolved)
		switch {
		case broken != nil:
			return broken
		case stopped:
			err = errStopped
		default:
			err = p.call(ctx, st, callOptions{stop: resolved}, activity, in, out)
		}
	}
	return errors.Join(err, p.lower(ctx, st.attention))
}
