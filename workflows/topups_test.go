package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// settles is after how long "no such order" is final at the reseller of these tests.
const settles = 5 * time.Second

// topUpWorld is what surrounds the saga of one top-up.
type topUpWorld struct {
	*world
	rows     *topUpRows
	reseller *reseller
}

func newTopUpWorld(t tester) *topUpWorld {
	w := newWorld(t)
	r := &reseller{world: w, inquiry: true, settles: settles, will: order{as: operators.Delivered}}
	rows := &topUpRows{world: w, reseller: r, state: state.TopUpReserved}
	w.plays = cast{workflows.TopUpName, mortal(w, workflows.TopUp), topUpInput(), []any{rows}}
	return &topUpWorld{w, rows, r}
}

func topUpInput() workflows.TopUpInput {
	return workflows.TopUpInput{TopUpID: 17, Merchant: "shop", Amount: 50_000, Provider: "sandbox", CreatedAt: born}
}

// order is what a reseller is going to do with the one order it gets.
type order struct {
	as      operators.Outcome // delivered or refused
	never   bool              // it never arrives
	arrives time.Duration     // so long after it was sent
	decides time.Duration     // so long after it arrived; in progress until then
	lost    bool              // nobody hears the answer
	slow    bool              // nobody hears it within a workflow task
}

// reseller has a book of its own, in which an order is delivered or not, whatever anybody heard of it.
type reseller struct {
	*world
	inquiry bool
	settles time.Duration
	will    order
	orders  int // that were sent
	sent    time.Time
	asked   int
}

var errSlow = errors.New("no answer within the workflow task")

func (o *reseller) submit(ctx context.Context) (operators.Outcome, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone(ctx) {
		return "", errCrashed
	}
	o.orders++
	o.sent = o.now()
	outcome := o.outcome()
	if outcome == operators.NotFound || o.will.lost {
		outcome = operators.Unknown
	}
	o.note("order: %s", outcome)
	if err := o.step(); err != nil {
		return "", err
	}
	if o.will.slow && activity.GetInfo(ctx).IsLocalActivity {
		return "", errSlow
	}
	return outcome, nil
}

// inquire tells how the order stands; a planned failure is an answer that was lost.
func (o *reseller) inquire(ctx context.Context) (operators.Outcome, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone(ctx) {
		return "", errCrashed
	}
	o.asked++
	outcome := o.outcome()
	if o.fault("inquire", 0) != nil {
		outcome = operators.Unknown
	}
	o.note("asked: %s", outcome)
	return outcome, o.step()
}

// outcome is where the order stands now.
func (o *reseller) outcome() operators.Outcome {
	arrived := o.sent.Add(o.will.arrives)
	switch now := o.now(); {
	case o.orders == 0 || o.will.never || now.Before(arrived):
		return operators.NotFound
	case now.Before(arrived.Add(o.will.decides)):
		return operators.InProgress
	}
	return o.will.as
}

// delivers says what the reseller's book will tell in the end.
func (o *reseller) delivers() bool {
	return o.orders > 0 && !o.will.never && o.will.as == operators.Delivered
}

// topUpRows play the part of store and activities with their rules in short; their own tests hold them to
// the same rules.
type topUpRows struct {
	*world
	reseller  *reseller
	state     state.TopUp
	submitted *time.Time
	attention string
	byHand    bool   // a person decided
	before    func() // what happens just before a record
}

// move makes sure that the fake itself never leaves the table of allowed transitions.
func (r *topUpRows) move(to state.TopUp) {
	if !state.TopUps.Allows(r.state, to) {
		panic(fmt.Sprintf("top-up: %s to %s is not allowed", r.state, to))
	}
	r.state = to
	if r.ended() {
		r.attention = ""
	}
	r.note("%s", to)
}

func (r *topUpRows) ended() bool { return state.TopUps.Terminal(r.state) }

// Below: the activities, under the names of the real ones.

func (r *topUpRows) SubmitTopUp(ctx context.Context, id int64) (activities.TopUpWord, error) {
	if activity.GetInfo(ctx).IsLocalActivity && !r.reseller.inquiry {
		return activities.TopUpWord{}, temporal.NewApplicationError("cannot be asked", activities.ErrNeedsTime)
	}
	first := false
	err := r.store(ctx, "SubmitTopUp", 0, func() error {
		if first = r.submitted == nil && r.state == state.TopUpReserved; first {
			now := r.now()
			r.submitted = &now
		}
		return nil
	})
	if err != nil {
		return activities.TopUpWord{}, err
	}
	if !first {
		return activities.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Code: "submitted_before"}, nil
	}
	outcome, err := r.reseller.submit(ctx)
	return r.word(id, outcome, 0), err
}

func (r *topUpRows) InquireTopUp(ctx context.Context, id int64) (activities.TopUpWord, error) {
	var now state.TopUp
	var since time.Duration
	err := r.store(ctx, "InquireTopUp", 0, func() error {
		now = r.state
		if r.submitted != nil {
			since = r.now().Sub(*r.submitted)
		}
		return nil
	})
	switch {
	case err != nil:
		return activities.TopUpWord{}, err
	case state.TopUps.Terminal(now):
		return activities.TopUpWord{TopUpID: id, State: now, Code: "decided_before"}, nil
	case !r.reseller.inquiry:
		return activities.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Code: activities.CannotBeAsked}, nil
	}
	outcome, err := r.reseller.inquire(ctx)
	return r.word(id, outcome, since), err
}

func (r *topUpRows) word(id int64, outcome operators.Outcome, since time.Duration) activities.TopUpWord {
	w := activities.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Code: string(outcome)}
	switch {
	case outcome == operators.Delivered:
		w.State = state.TopUpDelivered
	case outcome == operators.Refused, outcome == operators.NotFound && r.reseller.settles > 0 && since >= r.reseller.settles:
		w.State = state.TopUpReversed
	}
	return w
}

func (r *topUpRows) RecordTopUp(ctx context.Context, w activities.TopUpWord) (now state.TopUp, err error) {
	return now, r.store(ctx, "RecordTopUp", 0, func() error {
		if r.before != nil {
			r.before()
		}
		if state.TopUps.Allows(r.state, w.State) {
			r.move(w.State)
		}
		now = r.state
		return nil
	})
}

func (r *topUpRows) SetTopUpAttention(ctx context.Context, in activities.TopUpAttention) error {
	return r.store(ctx, "SetTopUpAttention", 0, func() error {
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

func (r *topUpRows) RefreshCatalogue(context.Context, string) ([]activities.CatalogueChange, error) {
	panic("a top-up refreshes no catalogue")
}

// resolve is a person's word: one transaction that also writes the outbox. A decided top-up stays.
func (w *topUpWorld) resolve(as state.TopUp) bool {
	w.mu.Lock()
	r := w.rows
	allowed := state.TopUps.Allows(r.state, as)
	if allowed {
		r.note("resolved")
		r.byHand = true
		r.move(as)
	}
	w.mu.Unlock()
	if allowed {
		w.signal(workflows.ResolvedSignal, workflows.TopUpResolved{State: as, By: "Sara", Why: "seen at the reseller"})
	}
	return allowed
}

// runTopUp carries the saga to its end and checks what must always hold.
func (w *topUpWorld) runTopUp() workflows.TopUpResult {
	w.t.Helper()
	w.live()
	return w.endedTopUp()
}

// endedTopUp checks what holds for every ended saga of a top-up: the row is decided and the saga says the
// same; the order went out at most once; the held money is spent only if the reseller delivered and goes back
// only if it never will, unless a person said so; and nobody is called any more.
func (w *topUpWorld) endedTopUp() workflows.TopUpResult {
	w.t.Helper()
	var result workflows.TopUpResult
	w.completed(&result)
	story := w.story()
	require.True(w.t, w.rows.ended(), story)
	require.Equal(w.t, w.rows.state, result.State, "row and result\n%s", story)
	require.LessOrEqual(w.t, w.reseller.orders, 1, "ordered again\n%s", story)
	if !w.rows.byHand {
		require.Equal(w.t, w.reseller.delivers(), result.State == state.TopUpDelivered, "held money against the reseller's book\n%s", story)
	}
	require.Equal(w.t, string(result.State), w.shownState, "what operators see")
	require.Empty(w.t, w.rows.attention, story)
	return result
}
