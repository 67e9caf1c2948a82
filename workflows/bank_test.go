package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/money"
)

// charge is a line of the bank's own book.
type charge struct {
	invoice  int64
	amount   money.Rial
	tran     string
	state    chargeState
	opened   time.Time
	paidAt   time.Time
	returned gateways.Undone // how the money went back
}

type chargeState string

const (
	chargeOpen     chargeState = "open"
	chargeDeclined chargeState = "declined"
	chargePaid     chargeState = "paid" // unverified: goes back by itself
	chargeVerified chargeState = "verified"
	chargeSettled  chargeState = "settled"
	chargeReturned chargeState = "returned"
)

const (
	sessionLife = 15 * time.Minute
	autoReverse = 30 * time.Minute
)

// bank is a gateway with Verify, Settle and Undo apart, safe to repeat, failing as planned. The real
// activities.Bank stands on it.
type bank struct {
	*world
	charges map[int64]*charge
}

func (b *bank) Name() string   { return "sandbox" }
func (b *bank) Origin() string { return "https://bank.example" }
func (b *bank) Limits() gateways.Limits {
	return gateways.Limits{SessionLife: sessionLife, AutoReverse: autoReverse}
}
func (b *bank) Fields() []gateways.Field { return nil }

func (b *bank) Open(gateways.Credentials) (gateways.Gateway, error) { return b, nil }
func (b *bank) Check(context.Context) error                         { return nil }
func (b *bank) CreateSession(context.Context, gateways.Session) (gateways.Redirect, error) {
	return gateways.Redirect{}, errors.New("sagas open no sessions")
}

func (b *bank) Result(ctx context.Context, v gateways.Visit) (result gateways.Result, err error) {
	return result, b.call(ctx, "result", v.Invoice, func(c *charge) error {
		result = gateways.Result{
			Status: gateways.ResultPaid, Amount: c.amount, BankToken: bankToken(c.invoice), Invoice: c.invoice, BankTran: c.tran, RRN: "rrn-" + c.tran,
		}
		switch c.state {
		case chargeOpen: // this bank never says that a session is over
			result = gateways.Result{Status: gateways.ResultNotPaid}
		case chargeDeclined:
			result = gateways.Result{Status: gateways.ResultNotPaid, Final: true, Reason: "declined"}
		case chargeReturned:
			result = gateways.Result{Status: gateways.ResultReturned}
		}
		return nil
	})
}

func (b *bank) Verify(ctx context.Context, v gateways.Visit) (gateways.Receipt, error) {
	return gateways.Receipt{}, b.call(ctx, "verify", v.Invoice, func(c *charge) error {
		switch c.state {
		case chargePaid:
			c.state = chargeVerified
		case chargeVerified, chargeSettled:
		default:
			return &gateways.Refused{Op: "verify", Code: "475", Why: string(c.state)}
		}
		return nil
	})
}

func (b *bank) Settle(ctx context.Context, v gateways.Visit) error {
	return b.call(ctx, "settle", v.Invoice, func(c *charge) error {
		switch c.state {
		case chargeVerified:
			c.state = chargeSettled
		case chargeSettled:
		default:
			return &gateways.Refused{Op: "settle", Code: "472", Why: string(c.state)}
		}
		return nil
	})
}

func (b *bank) Undo(ctx context.Context, v gateways.Visit) (how gateways.Undone, err error) {
	return how, b.call(ctx, "undo", v.Invoice, func(c *charge) error {
		if booked := b.rows.attempt(v.Invoice).tran != ""; booked == v.Unbooked {
			b.problem("the bank was told that the money of invoice %d is booked: %t", v.Invoice, !v.Unbooked)
		}
		switch c.state {
		case chargeOpen:
			return busy(4 * time.Minute) // the payer may still pay
		case chargeDeclined:
			how = gateways.NotTaken
			return nil
		case chargePaid:
			c.returned = gateways.Reversed
		case chargeVerified:
			c.returned = gateways.Cancelled
		case chargeSettled:
			c.returned = gateways.Refunded
			b.problem("settled money of invoice %d was taken back", v.Invoice)
		}
		c.state, how = chargeReturned, c.returned
		return nil
	})
}

// call is one call over the wire. A planned failure comes instead of the effect, or after it.
func (b *bank) call(ctx context.Context, op string, invoice int64, effect func(*charge) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone(ctx) {
		return errCrashed
	}
	b.passTime()
	plan := b.fault(op, invoice)
	var after *afterEffect
	if plan != nil && !errors.As(plan, &after) {
		b.note("%s %d %s", op, invoice, gateways.Classify(plan))
		return plan
	}
	err := effect(b.charges[invoice])
	if after != nil {
		err = after.error
	}
	if err != nil {
		b.note("%s %d %s", op, invoice, gateways.Classify(err))
		return err
	}
	b.note("%s %d", op, invoice)
	return b.step()
}

// passTime lets unverified money go back.
func (b *bank) passTime() {
	for _, c := range b.charges {
		if c.state == chargePaid && !b.now().Before(c.paidAt.Add(autoReverse)) {
			c.state, c.returned = chargeReturned, gateways.Reversed
		}
	}
}

// pay is the payer at the bank's page; false when the session does not take money any more.
func (b *bank) pay(invoice int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.charges[invoice]
	if c.state != chargeOpen || !b.now().Before(c.opened.Add(sessionLife)) {
		return false
	}
	c.state, c.paidAt = chargePaid, b.now()
	return true
}

func (b *bank) decline(invoice int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.charges[invoice]; c.state == chargeOpen {
		c.state = chargeDeclined
	}
}

func bankToken(invoice int64) string { return fmt.Sprintf("session-%d", invoice) }

// How a bank call can fail.

// afterEffect is an error that comes after the call had its effect.
type afterEffect struct{ error }

func (e *afterEffect) Unwrap() error { return e.error }

var (
	unknown     = error(&gateways.Unknown{Op: "call", Err: errors.New("no answer")})
	unavailable = error(&gateways.Unavailable{Op: "call", Err: errors.New("not now")})
	refused     = error(&gateways.Refused{Op: "call", Code: "400", Why: "no"})
	// doneUnknown had its effect and gave no answer.
	doneUnknown = error(&afterEffect{unknown})
)

// busy wants to be asked again after a pause. It stretches the test environment's ten tries of a
// durable call over a long time.
func busy(pause time.Duration) error {
	return &gateways.Unavailable{Op: "call", After: pause, Err: errors.New("busy")}
}

func times(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
