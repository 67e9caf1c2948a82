package workflows_test

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/state"
)

// row is an attempt as the database has it.
type row struct {
	activities.Visit
	state state.Attempt
	tran  string
}

// rows play the store's part with its rules in short. Every command is atomic and compares deadlines
// with the database clock, as the SQL does; store's own tests hold the SQL to the same rules.
type rows struct {
	*world
	state     state.Payment
	auto      bool // auto_collect
	cancelled bool
	collectBy time.Time
	serving   int64 // the attempt whose money pays
	attempts  []*row
	attention string
	behind    time.Duration // of the database clock
	purchase  *purchaseRows // whose money this is; nil = none
}

func (r *rows) dbNow() time.Time { return r.now().Add(-r.behind) }

func (r *rows) attempt(id int64) *row {
	i := slices.IndexFunc(r.attempts, func(a *row) bool { return a.AttemptID == id })
	if i < 0 {
		panic(fmt.Sprintf("no attempt %d", id))
	}
	return r.attempts[i]
}

// move makes sure that the fake itself never leaves the tables of allowed transitions.
func (r *rows) move(to state.Payment) {
	if !state.Payments.Allows(r.state, to) {
		panic(fmt.Sprintf("payment: %s to %s is not allowed", r.state, to))
	}
	r.state = to
}

func (a *row) move(to state.Attempt) {
	if !state.Attempts.Allows(a.state, to) {
		panic(fmt.Sprintf("attempt %d: %s to %s is not allowed", a.AttemptID, a.state, to))
	}
	a.state = to
}

func (r *rows) standing(a *row) activities.Standing {
	return activities.Standing{Payment: r.state, Attempt: a.state, Serves: r.serving == a.AttemptID}
}

func (r *rows) unfinished() []activities.Visit {
	open := []activities.Visit{}
	for _, a := range r.attempts {
		if !state.Attempts.Terminal(a.state) {
			open = append(open, a.Visit)
		}
	}
	return open
}

// Below: the activities, under the names of the real ones.

func (r *rows) PaymentPaid(ctx context.Context, in activities.Receipt) (at activities.Standing, err error) {
	return at, r.store(ctx, "PaymentPaid", in.AttemptID, func() error {
		a := r.attempt(in.AttemptID)
		if a.state != state.AttemptOpen {
			at = r.standing(a)
			return nil
		}
		if slices.ContainsFunc(r.attempts, func(other *row) bool { return other != a && other.tran == in.BankTran }) {
			return temporal.NewNonRetryableApplicationError("spent", activities.ErrReceiptSpent, nil)
		}
		a.tran = in.BankTran
		a.move(state.AttemptPaid)
		r.book(a)
		at = r.standing(a)
		return nil
	})
}

// book decides what money is for.
func (r *rows) book(a *row) {
	if r.state != state.PaymentPending {
		a.move(state.AttemptRefunding)
		r.note("surplus %d", a.AttemptID)
		return
	}
	r.serving = a.AttemptID
	r.move(state.PaymentPaid)
	switch {
	case !r.dbNow().Before(r.collectBy):
		r.move(state.PaymentRefunding)
		a.move(state.AttemptRefunding)
		r.note("late %d", a.AttemptID)
	case r.auto:
		r.move(state.PaymentCollected)
		r.note("paid and collected %d", a.AttemptID)
		r.purchase.complete()
	default:
		r.note("paid %d", a.AttemptID)
	}
}

func (r *rows) PaymentNotPaid(ctx context.Context, in activities.Unpaid) (at activities.Standing, err error) {
	return at, r.store(ctx, "PaymentNotPaid", in.AttemptID, func() error {
		a := r.attempt(in.AttemptID)
		if a.state == state.AttemptOpen {
			r.purchase.unpaid()
		}
		if a.state == state.AttemptOpen && in.Final {
			a.move(state.AttemptFailed)
			r.note("failed %d %s", in.AttemptID, in.Reason)
		}
		at = r.standing(a)
		return nil
	})
}

func (r *rows) PaymentVisits(ctx context.Context, _ int64) (open []activities.Visit, err error) {
	return open, r.store(ctx, "PaymentVisits", 0, func() error {
		open = r.unfinished()
		return nil
	})
}

func (r *rows) PaymentDeadline(ctx context.Context, _ int64) (found activities.Deadline, err error) {
	return found, r.store(ctx, "PaymentDeadline", 0, func() error {
		found = activities.Deadline{Payment: r.state, Due: !r.dbNow().Before(r.collectBy)}
		if !found.Due {
			r.note("not due")
			return nil
		}
		switch r.state {
		case state.PaymentPaid:
			r.move(state.PaymentRefunding)
			r.attempt(r.serving).move(state.AttemptRefunding)
			r.note("refunding %d", r.serving)
		case state.PaymentPending:
			r.endUnpaid()
		}
		found.Payment = r.state
		if r.state == state.PaymentPending {
			found.Open = r.unfinished()
		}
		return nil
	})
}

func (r *rows) endUnpaid() {
	switch {
	case len(r.unfinished()) > 0:
	case r.cancelled || len(r.attempts) > 0:
		r.move(state.PaymentFailed)
		r.note("failed")
	default:
		r.move(state.PaymentExpired)
		r.note("expired")
	}
}

func (r *rows) PaymentSettled(ctx context.Context, id int64) (activities.Aftermath, error) {
	return r.ended(ctx, "PaymentSettled", id, func(a *row) {
		if a.state == state.AttemptPaid && r.state == state.PaymentCollected && r.serving == id {
			a.move(state.AttemptSettled)
			r.note("settled %d", id)
		}
	})
}

func (r *rows) PaymentRefunded(ctx context.Context, in activities.Refund) (activities.Aftermath, error) {
	return r.ended(ctx, "PaymentRefunded", in.AttemptID, func(a *row) {
		if a.state == state.AttemptRefunding {
			r.refund(a, in.How)
		}
	})
}

func (r *rows) refund(a *row, how string) {
	a.move(state.AttemptRefunded)
	if r.serving == a.AttemptID {
		r.move(state.PaymentRefunded)
	}
	r.note("refunded %d %s", a.AttemptID, how)
}

func (r *rows) PaymentAftermath(ctx context.Context, id int64) (activities.Aftermath, error) {
	return r.ended(ctx, "PaymentAftermath", id, func(*row) {})
}

func (r *rows) ended(ctx context.Context, activity string, id int64, write func(*row)) (after activities.Aftermath, err error) {
	return after, r.store(ctx, activity, id, func() error {
		write(r.attempt(id))
		after = activities.Aftermath{Payment: r.state, Open: r.unfinished()}
		return nil
	})
}

func (r *rows) PaymentAttention(ctx context.Context, in activities.Attention) error {
	return r.store(ctx, "PaymentAttention", 0, func() error {
		if r.attention == in.Reason {
			return nil
		}
		r.attention = in.Reason
		if in.Reason == "" {
			r.note("attention over")
		} else {
			r.note("attention %s", in.Reason)
		}
		return nil
	})
}

// store runs one command. A planned failure comes after the write: the answer is lost, which is the
// worst that a database connection can do.
func (w *world) store(ctx context.Context, activity string, attempt int64, write func() error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone(ctx) {
		return errCrashed
	}
	err := write()
	if lost := w.fault(activity, attempt); lost != nil {
		err = lost
	}
	return cmp.Or(w.step(), err)
}

// Below: what merchants and people do, each one transaction that also writes the outbox.

func (r *rows) collect() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state != state.PaymentPaid || !r.dbNow().Before(r.collectBy) {
		return false
	}
	r.move(state.PaymentCollected)
	r.note("collected")
	return true
}

func (r *rows) cancel() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancelled || (r.state != state.PaymentPaid && r.state != state.PaymentPending) || !r.dbNow().Before(r.collectBy) {
		return false
	}
	r.cancelled, r.collectBy = true, r.dbNow()
	if r.state == state.PaymentPaid {
		r.move(state.PaymentRefunding)
		r.attempt(r.serving).move(state.AttemptRefunding)
	}
	r.note("cancelled")
	return true
}

// resolve is a person's word on an attempt.
func (r *rows) resolve(id int64, as state.Attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.attempt(id)
	r.note("resolved %d as %s", id, as)
	if as == state.AttemptRefunded {
		r.refund(a, "by_hand")
		return
	}
	a.move(as)
}

// The fakes have exactly the real activities, with the same signatures.
func TestFakeActivitiesAreTheRealOnes(t *testing.T) {
	for fake, real := range map[reflect.Type]reflect.Type{
		reflect.TypeFor[*rows]():         reflect.TypeFor[*activities.Payments](),
		reflect.TypeFor[*cardRows]():     reflect.TypeFor[*activities.Transfers](),
		reflect.TypeFor[*topUpRows]():    reflect.TypeFor[*activities.TopUps](),
		reflect.TypeFor[*purchaseRows](): reflect.TypeFor[*activities.Purchases](),
		reflect.TypeFor[*webhookRows]():  reflect.TypeFor[*activities.Webhooks](),
		reflect.TypeFor[*payoutRows]():   reflect.TypeFor[*activities.Payouts](),
		reflect.TypeFor[*walletRows]():   reflect.TypeFor[*activities.Wallets](),
	} {
		require.Equal(t, real.NumMethod(), fake.NumMethod())
		for i := range real.NumMethod() {
			want := real.Method(i)
			got, ok := fake.MethodByName(want.Name)
			require.True(t, ok, want.Name)
			require.Equal(t, signature(want.Type), signature(got.Type), want.Name)
		}
	}
}

// signature leaves the receiver out.
func signature(f reflect.Type) (types []reflect.Type) {
	for i := 1; i < f.NumIn(); i++ {
		types = append(types, f.In(i))
	}
	for i := range f.NumOut() {
		types = append(types, f.Out(i))
	}
	return types
}
