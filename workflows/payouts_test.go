package workflows_test

import (
	"context"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// payoutWorld is what surrounds the saga of one payout.
type payoutWorld struct {
	*world
	rows *payoutRows
	bank *payingBank
}

func newPayoutWorld(t tester) *payoutWorld {
	w := newWorld(t)
	b := &payingBank{world: w, settles: settles, will: transfer{as: payouts.Settled}}
	rows := &payoutRows{world: w, bank: b, state: state.PayoutReserved}
	w.plays = cast{workflows.PayoutName, mortal(w, workflows.Payout), payoutInput(), []any{rows}}
	return &payoutWorld{w, rows, b}
}

const payoutUUID = "0197a3f2-6f3e-7c11-9a44-1f1f7d0f0b11"

func payoutInput() workflows.PayoutInput {
	return workflows.PayoutInput{PayoutID: 9, UUID: payoutUUID, Merchant: "shop", Amount: 500_000, Provider: "sandbox", Rail: "paya", CreatedAt: born}
}

// transfer is what a bank is going to do with the one order that it gets, however often it is sent.
type transfer struct {
	as      payouts.State // settled, returned or failed
	refused bool          // at once, for certain
	never   bool          // it never arrives
	arrives time.Duration // so long after it was sent last; nothing is known of it before
	cycle   time.Duration // so long it is accepted before it is decided
	late    time.Duration // the bank takes so much longer than it said
	moves   bool          // each time it is asked it says that its cycle is yet to come, until it is late
	lost    bool          // nobody hears the answer to the order
	slow    bool          // nobody hears it within a workflow task
	forgets bool          // once we know that it has it, it says that there is no such order
}

// payingBank has a book of its own, in which an order moved money or did not, whatever anybody heard of it.
type payingBank struct {
	*world
	settles time.Duration
	away    int // so many more orders are not taken
	will    transfer
	sends   int
	sent    time.Time // first; of one that arrives late, last
	asked   int
}

func (b *payingBank) send(ctx context.Context) (r payouts.Report, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone(ctx) {
		return r, errCrashed
	}
	if b.away > 0 {
		b.away--
		b.note("order: not taken")
		return r, temporal.NewApplicationError("away", activities.ErrUnavailable)
	}
	if b.sends == 0 || b.now().Before(b.sent.Add(b.will.arrives)) {
		b.sent = b.now()
	}
	b.sends++
	r = b.report()
	if b.will.lost || r.State == payouts.NotFound {
		r = payouts.Report{}
	}
	b.note("order: %s", r.State)
	if err := b.step(); err != nil {
		return r, err
	}
	if b.will.slow && activity.GetInfo(ctx).IsLocalActivity {
		return r, errSlow
	}
	return r, nil
}

// inquire tells how the order stands; a planned failure is an answer that was lost.
func (b *payingBank) inquire(ctx context.Context) (r payouts.Report, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone(ctx) {
		return r, errCrashed
	}
	b.asked++
	r = b.report()
	if b.fault("inquire", 0) != nil {
		r = payouts.Report{}
	}
	b.note("asked: %s", r.State)
	return r, b.step()
}

// report is where the order stands now.
func (b *payingBank) report() payouts.Report {
	arrived := b.sent.Add(b.will.arrives)
	due := arrived.Add(b.will.cycle)
	end := due.Add(b.will.late)
	if b.will.moves {
		due = b.now().Add(b.will.cycle)
	}
	switch now := b.now(); {
	case b.sends == 0 || b.will.never || now.Before(arrived):
		return payouts.Report{State: payouts.NotFound}
	case b.will.refused:
		return payouts.Report{State: payouts.Failed, Code: "closed"}
	case now.Before(end):
		return payouts.Report{State: payouts.Accepted, Due: due}
	}
	return payouts.Report{State: b.will.as}
}

// pays says whether the bank's book will have moved the money in the end.
func (b *payingBank) pays() bool {
	return b.sends > 0 && !b.will.never && !b.will.refused && b.will.as == payouts.Settled
}

// payoutRows play the part of store and activities with their rules in short; their own tests hold them to the
// same rules.
type payoutRows struct {
	*world
	bank      *payingBank
	state     state.Payout
	submitted *time.Time
	attention string
	byHand    bool   // a person decided
	before    func() // what happens just before a record
}

// move makes sure that the fake itself never leaves the table of allowed transitions.
func (r *payoutRows) move(to state.Payout) {
	if !state.Payouts.Allows(r.state, to) {
		panic(fmt.Sprintf("payout: %s to %s is not allowed", r.state, to))
	}
	r.state = to
	if r.ended() {
		r.attention = ""
	}
	r.note("%s", to)
}

func (r *payoutRows) ended() bool { return state.Payouts.Terminal(r.state) }

// Below: the activities, under the names of the real ones.

func (r *payoutRows) SendPayout(ctx context.Context, id int64) (activities.PayoutWord, error) {
	var now state.Payout
	err := r.store(ctx, "SendPayout", 0, func() error {
		if now = r.state; now == state.PayoutReserved {
			at := r.now()
			r.submitted = &at
		}
		return nil
	})
	switch {
	case err != nil:
		return activities.PayoutWord{}, err
	case now != state.PayoutReserved:
		return activities.PayoutWord{PayoutID: id, State: now, Code: "sent_before"}, nil
	}
	report, err := r.bank.send(ctx)
	switch {
	case err != nil:
		return activities.PayoutWord{}, err
	case report.State == payouts.Failed:
		return activities.PayoutWord{PayoutID: id, State: state.PayoutRefused, Code: report.Code}, nil
	case report.State == "":
		return activities.PayoutWord{PayoutID: id, State: state.PayoutUnknown, Code: "no_answer"}, nil
	}
	return r.word(id, now, report, 0), nil
}

func (r *payoutRows) InquirePayout(ctx context.Context, id int64) (activities.PayoutWord, error) {
	var now state.Payout
	var since time.Duration
	err := r.store(ctx, "InquirePayout", 0, func() error {
		now = r.state
		if r.submitted != nil {
			since = r.now().Sub(*r.submitted)
		}
		return nil
	})
	switch {
	case err != nil:
		return activities.PayoutWord{}, err
	case state.Payouts.Terminal(now):
		return activities.PayoutWord{PayoutID: id, State: now, Code: "decided_before"}, nil
	}
	report, err := r.bank.inquire(ctx)
	switch {
	case err != nil:
		return activities.PayoutWord{}, err
	case report.State == "": // whatever is wrong with the question says nothing about the order
		return activities.PayoutWord{PayoutID: id, State: now, Code: "unknown"}, nil
	}
	if now == state.PayoutSent && r.bank.will.forgets && report.State == payouts.Accepted {
		report = payouts.Report{State: payouts.NotFound}
	}
	return r.word(id, now, report, since), nil
}

func (r *payoutRows) word(id int64, now state.Payout, report payouts.Report, since time.Duration) activities.PayoutWord {
	w := activities.PayoutWord{PayoutID: id, State: state.PayoutUnknown, Code: string(report.State), Due: report.Due}
	switch {
	case report.State == payouts.Settled:
		w.State = state.PayoutPaid
	case report.State == payouts.Returned, report.State == payouts.Failed:
		w.State = state.PayoutRefused
	case report.State == payouts.Accepted, now == state.PayoutSent:
		w.State = state.PayoutSent
	case report.State == payouts.NotFound && since > 0 && r.bank.settles > 0 && since >= r.bank.settles:
		w.State = state.PayoutUnsent
	}
	return w
}

func (r *payoutRows) RecordPayout(ctx context.Context, w activities.PayoutWord) (now state.Payout, err error) {
	return now, r.store(ctx, "RecordPayout", 0, func() error {
		if r.before != nil {
			r.before()
		}
		if state.Payouts.Allows(r.state, w.State) {
			r.move(w.State)
		}
		now = r.state
		return nil
	})
}

func (r *payoutRows) SetPayoutAttention(ctx context.Context, in activities.PayoutAttention) error {
	return r.store(ctx, "SetPayoutAttention", 0, func() error {
		switch {
		case r.ended() || r.attention == in.Reason:
			return nil
		case in.Reason == "":
			r.note("attention over")
		default:
			r.note("attention %s", in.Reason)
		}
		r.attention = in.Reason
		return nil
	})
}

// resolve is a person's word: one transaction that also writes the outbox. A decided payout stays, and so does one
// that the bank may just be deciding.
func (w *payoutWorld) resolve(as state.Payout) bool {
	w.mu.Lock()
	r := w.rows
	allowed := (r.state == state.PayoutUnknown || r.attention != "") && as != state.PayoutCancelled && state.Payouts.Allows(r.state, as)
	w.mu.Unlock()
	return allowed && w.decide(as, "Sara", "seen at the bank")
}

// cancel takes the payout back for its merchant, while it cannot have left.
func (w *payoutWorld) cancel() bool {
	w.mu.Lock()
	allowed := w.rows.state == state.PayoutReserved && w.rows.submitted == nil
	w.mu.Unlock()
	return allowed && w.decide(state.PayoutCancelled, "merchant", "cancelled")
}

func (w *payoutWorld) decide(as state.Payout, by, why string) bool {
	w.mu.Lock()
	w.rows.note("decided by %s", by)
	w.rows.byHand = true
	w.rows.move(as)
	w.mu.Unlock()
	w.signal(workflows.ResolvedSignal, workflows.PayoutResolved{State: as, By: by, Why: why})
	return true
}

// runPayout carries the saga to its end and checks what must always hold.
func (w *payoutWorld) runPayout() workflows.PayoutResult {
	w.t.Helper()
	w.live()
	return w.endedPayout()
}

// endedPayout checks what holds for every ended saga of a payout: the row is decided and the saga says the same; the
// held money is spent only if the bank moved it and goes back only if it never will, unless a person said so; what was
// cancelled never left; and nobody is called any more.
func (w *payoutWorld) endedPayout() workflows.PayoutResult {
	w.t.Helper()
	var result workflows.PayoutResult
	w.completed(&result)
	story := w.story()
	require.True(w.t, w.rows.ended(), story)
	require.Equal(w.t, w.rows.state, result.State, "row and result\n%s", story)
	switch {
	case result.State == state.PayoutCancelled:
		require.Zero(w.t, w.bank.sends, "cancelled, and sent\n%s", story)
	case !w.rows.byHand:
		require.Equal(w.t, w.bank.pays(), result.State == state.PayoutPaid, "held money against the bank's book\n%s", story)
	}
	require.Equal(w.t, string(result.State), w.shownState, "what operators see")
	require.Empty(w.t, w.rows.attention, story)
	return result
}
