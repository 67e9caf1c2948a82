package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// counter is a merchant with a branch that sells.
type counter struct {
	*world
	m      store.Merchant
	branch int64
}

var sara = store.Actor{Name: "branch/31", RequestID: "r-1"}

func newCounter(t *testing.T) *counter {
	t.Helper()
	w := newWorld(t)
	c := &counter{world: w, m: w.newMerchant(), branch: 31}
	require.NoError(t, w.AddBranch(t.Context(), c.m.PublicID, c.branch, "center"))
	return c
}

func (c *counter) sell(change ...func(*store.NewPurchase)) store.Purchase {
	c.Helper()
	in := store.NewPurchase{Merchant: c.m, BranchID: c.branch, Amount: 10_000, Actor: sara}
	for _, f := range change {
		f(&in)
	}
	u, err := c.CreatePurchase(c.Context(), in)
	require.NoError(c, err)
	return u
}

// visit brings the payer of a purchase to the bank.
func (c *counter) visit(u store.Purchase) store.Attempt {
	c.Helper()
	return c.open(c.read(u.Token))
}

func (c *counter) again(u store.Purchase) store.Purchase {
	c.Helper()
	u, err := c.Purchase(c.Context(), u.BranchID, u.ID)
	require.NoError(c, err)
	return u
}

// hears are the messages of a purchase's saga in the outbox, in order.
func (c *counter) hears(u store.Purchase) string {
	c.Helper()
	return value[string](c.world, `SELECT coalesce(string_agg(message, ' ' ORDER BY id), '') FROM outbox WHERE saga = 'purchase' AND ref = ?`, fmt.Sprint(u.ID))
}

// log are a purchase's lines, "actor action outcome" each.
func (c *counter) log(u store.Purchase) []string {
	c.Helper()
	lines, err := c.PurchaseLog(c.Context(), u.BranchID, u.ID)
	require.NoError(c, err)
	out := make([]string, len(lines))
	for i, l := range lines {
		require.WithinDuration(c, time.Now(), l.At, time.Minute)
		out[i] = strings.TrimSpace(strings.Join([]string{l.Actor, l.Action, l.Outcome}, " "))
	}
	return out
}

// bringTo sells and carries the purchase to a state by commands. The attempt is the latest, if any.
func (c *counter) bringTo(to state.Purchase) (store.Purchase, store.Attempt) {
	c.Helper()
	u := c.sell()
	var a store.Attempt
	switch to {
	case state.PurchaseAwaiting:
	case state.PurchaseEnded:
		c.shut(c.read(u.Token))
		now, err := c.ClosePurchase(c.Context(), u.ID)
		require.NoError(c, err)
		require.Equal(c, to, now)
	default:
		a = c.visit(u)
		switch to {
		case state.PurchaseIncomplete:
			require.NoError(c, c.NoteUnpaid(c.Context(), a.ID, "not_paid"))
		case state.PurchaseCompleted:
			c.pay(a)
		}
	}
	u = c.again(u)
	require.Equal(c, to, u.State)
	return u, a
}

func TestCreatePurchase(t *testing.T) {
	c := newCounter(t)
	u := c.sell(func(in *store.NewPurchase) {
		in.Description, in.Callback = "خرید", "https://shop.example/back"
		in.Items = json.RawMessage(`[{"n": 9007199254740993, "name": "a\u0000b"}]`)
	})
	require.Equal(t, state.PurchaseAwaiting, u.State)
	require.Zero(t, u.Status)
	require.Zero(t, u.RetryCount)
	require.Nil(t, u.Reference)
	require.Empty(t, u.CheckNumber())
	require.Nil(t, u.CompletedAt)
	require.Equal(t, []any{c.branch, rial(10_000), "خرید", "https://shop.example/back"}, []any{u.BranchID, u.Amount, u.Description, u.Callback})
	require.Equal(t, `[{"n": 9007199254740993, "name": "a\u0000b"}]`, string(u.Items), "as they came")
	require.Equal(t, u, c.again(u))

	p := c.read(u.Token)
	require.Equal(t, []any{u.PaymentID, state.PaymentPending, true, c.m.ID}, []any{p.ID, p.State, p.AutoCollect, p.MerchantID})
	require.Equal(t, []string{"start"}, c.messages(p), "both sagas are started, none twice")
	require.Equal(t, "start", c.hears(u))
	require.Equal(t, []string{"branch/31 create"}, c.log(u))
	require.Equal(t, "r-1", value[string](c.world, `SELECT request_id FROM system_log`))
	require.EqualValues(t, 1, c.kicks.Load())
	var payment struct {
		PurchaseID int64     `json:"purchase_id"`
		CollectBy  time.Time `json:"collect_by"`
	}
	require.NoError(t, json.Unmarshal([]byte(value[string](c.world, `SELECT payload FROM outbox WHERE saga = 'payment'`)), &payment))
	require.Equal(t, u.ID, payment.PurchaseID, "so that the payment's saga ends it")
	require.True(t, payment.CollectBy.Equal(u.CollectBy))

	require.Equal(t, `[]`, string(c.sell().Items))
	chosen := c.sell(func(in *store.NewPurchase) { in.ID, in.State = 74, state.PurchaseIncomplete })
	require.EqualValues(t, 74, chosen.ID)
	require.Equal(t, 2, chosen.Status)
	require.Greater(t, c.sell().ID, int64(999), "no number that somebody chose comes again")
	c.requireTrue()
}

// A purchase that cannot be recorded leaves nothing: no payment, no saga.
func TestCreatePurchaseIsWholeOrNothing(t *testing.T) {
	c := newCounter(t)
	before := c.facts()
	for name, change := range map[string]func(*store.NewPurchase){
		"no such branch":  func(in *store.NewPurchase) { in.BranchID = 404 },
		"items not JSON":  func(in *store.NewPurchase) { in.Items = json.RawMessage(`[`) },
		"no such state":   func(in *store.NewPurchase) { in.State = "lost" },
		"born with an id": func(in *store.NewPurchase) { in.State = state.PurchaseCompleted },
	} {
		in := store.NewPurchase{Merchant: c.m, BranchID: c.branch, Amount: 10_000, Actor: sara}
		change(&in)
		_, err := c.CreatePurchase(t.Context(), in)
		require.Error(t, err, name)
		require.Equal(t, before, c.facts(), name)
	}
	require.Zero(t, c.kicks.Load())
}

// The reference comes with the money, in one transaction, whatever state the retries left the row in.
func TestPaidPurchaseIsCompleted(t *testing.T) {
	c := newCounter(t)
	next := int64(9672)
	for _, before := range []state.Purchase{state.PurchaseCompleting, state.PurchaseIncomplete, state.PurchaseAwaiting} {
		u, a := c.bringTo(state.PurchaseCompleting)
		if before == state.PurchaseIncomplete {
			require.NoError(t, c.NoteUnpaid(t.Context(), a.ID, "not_paid"))
		}
		c.exec(`UPDATE temporary_payment SET state = ? WHERE id = ?`, before, u.ID)
		kicks := c.kicks.Load()
		require.Equal(t, store.Standing{Payment: state.PaymentCollected, Attempt: state.AttemptPaid, Serves: true}, c.pay(a))
		require.Greater(t, c.kicks.Load(), kicks, "its saga hears it at once")
		facts := c.facts()
		c.pay(a)
		require.Equal(t, facts, c.facts(), "booked again, nothing happens")

		u = c.again(u)
		require.Equal(t, []any{state.PurchaseCompleted, 3, next, fmt.Sprint("CHECK-", next)}, []any{u.State, u.Status, *u.Reference, u.CheckNumber()})
		require.NotNil(t, u.CompletedAt)
		require.Equal(t, "start completed", c.hears(u))
		require.JSONEq(t, fmt.Sprintf(`{"reference": "CHECK-%d"}`, next), value[string](c.world, `SELECT payload FROM outbox WHERE message = 'completed' AND ref = ?`, fmt.Sprint(u.ID)))
		require.Equal(t, []string{"branch/31 create", fmt.Sprint("bank completion CHECK-", next)}, c.log(u))
		next++
	}
	c.requireBooks(c.m, 0, rial(3*10_500))
	c.requireTrue()
}

// Many purchases paid at once: as many references, each its own, one after the other from 9672.
func TestReferencesAreUniqueAndRise(t *testing.T) {
	c := newCounter(t)
	const n = 24
	var attempts []store.Attempt
	for range n {
		_, a := c.bringTo(state.PurchaseCompleting)
		attempts = append(attempts, a)
	}
	require.NoError(t, errors.Join(together(n, func(i int) error { _, err := c.AttemptPaid(t.Context(), receipt(attempts[i])); return err })...))
	var got []int64
	require.NoError(t, c.owner.NewRaw(`SELECT reference FROM temporary_payment ORDER BY reference`).Scan(t.Context(), &got))
	require.Len(t, got, n)
	for i, r := range got {
		require.EqualValues(t, 9672+i, r)
	}
	_, err := c.db.ExecContext(t.Context(), `UPDATE temporary_payment SET reference = 9672`)
	require.Equal(t, "23505", sqlState(err), "the table refuses a reference twice")
}

// Money that comes too late goes back and makes no reference; the purchase ends when it is back.
func TestLateMoneyEndsAPurchase(t *testing.T) {
	c := newCounter(t)
	for name, before := range map[string]func(store.Payment){
		"late":      func(p store.Payment) { c.deadline(p, 0) },
		"door shut": func(p store.Payment) { c.shut(p) },
		"cancelled": func(p store.Payment) {
			_, err := c.CancelPayment(t.Context(), c.m.ID, p.Token, "")
			require.NoError(t, err)
		},
	} {
		u, a := c.bringTo(state.PurchaseIncomplete)
		before(c.read(u.Token))
		require.Equal(t, state.PaymentRefunding, c.pay(a).Payment, name)
		require.Equal(t, state.PurchaseIncomplete, c.again(u).State, name)

		now, err := c.ClosePurchase(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, state.PurchaseIncomplete, now, "%s: its payment has not ended", name)
		_, err = c.AttemptRefunded(t.Context(), a.ID, "reversed")
		require.NoError(t, err)
		for range 2 {
			now, err = c.ClosePurchase(t.Context(), u.ID)
			require.NoError(t, err)
			require.Equal(t, state.PurchaseEnded, now, name)
		}
		u = c.again(u)
		require.Equal(t, 4, u.Status)
		require.Nil(t, u.Reference)
		require.Equal(t, "start ended", c.hears(u), "%s: told once", name)
		require.Equal(t, []string{"branch/31 create", "saga end refunded"}, c.log(u), name)
	}
	c.requireBooks(c.m, 0, 0)
	c.requireTrue()
}

func TestClosePurchase(t *testing.T) {
	c := newCounter(t)
	for _, s := range []state.Purchase{state.PurchaseAwaiting, state.PurchaseCompleting, state.PurchaseIncomplete, state.PurchaseCompleted, state.PurchaseEnded} {
		u, _ := c.bringTo(s)
		before := c.facts()
		now, err := c.ClosePurchase(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, s, now, "whose payment has not ended, or has its money")
		require.Equal(t, before, c.facts(), s)
	}
	for why, a := range map[state.Payment]bool{state.PaymentExpired: false, state.PaymentFailed: true} {
		u := c.sell()
		if a {
			require.NoError(t, c.FailAttempt(t.Context(), c.visit(u).ID, "declined"))
		}
		c.shut(c.read(u.Token))
		kicks := c.kicks.Load()
		now, err := c.ClosePurchase(t.Context(), u.ID)
		require.NoError(t, err)
		require.Equal(t, state.PurchaseEnded, now)
		require.Equal(t, kicks+1, c.kicks.Load())
		require.JSONEq(t, fmt.Sprintf(`{"why": %q}`, why), value[string](c.world, `SELECT payload FROM outbox WHERE message = 'ended' AND ref = ?`, fmt.Sprint(u.ID)))
	}
	_, err := c.ClosePurchase(t.Context(), 1<<40)
	require.ErrorIs(t, err, store.ErrNotFound)
	c.requireTrue()
}

// A second visit's money goes back and touches the completed purchase no more.
func TestSurplusMoneyOfAPurchase(t *testing.T) {
	c := newCounter(t)
	u := c.sell()
	a, b := c.visit(u), c.visit(u)
	c.pay(a)
	want := c.again(u)
	require.Equal(t, state.AttemptRefunding, c.pay(b).Attempt)
	_, err := c.AttemptRefunded(t.Context(), b.ID, "reversed")
	require.NoError(t, err)
	now, err := c.ClosePurchase(t.Context(), u.ID)
	require.NoError(t, err)
	require.Equal(t, state.PurchaseCompleted, now)
	require.Equal(t, want, c.again(u))
	c.requireBooks(c.m, 0, 10_500)
	c.requireTrue()
}

// A payer at the bank makes the purchase one that may be half done; the bank's no, one that is.
func TestPurchaseFollowsItsVisits(t *testing.T) {
	c := newCounter(t)
	u := c.sell()
	c.start(c.read(u.Token))
	require.Equal(t, state.PurchaseAwaiting, c.again(u).State, "no session yet")
	a := c.visit(u)
	require.Equal(t, state.PurchaseCompleting, c.again(u).State)
	require.NoError(t, c.NoteUnpaid(t.Context(), a.ID, "not_paid"))
	require.Equal(t, state.PurchaseIncomplete, c.again(u).State)
	require.NoError(t, c.FailAttempt(t.Context(), a.ID, "declined"))
	b := c.visit(u)
	require.Equal(t, state.PurchaseCompleting, c.again(u).State, "another visit")
	c.pay(b)
	require.NoError(t, c.NoteUnpaid(t.Context(), b.ID, "not_paid"))
	require.Equal(t, state.PurchaseCompleted, c.again(u).State, "what is completed stays")
	require.ErrorIs(t, c.OpenAttempt(t.Context(), a.ID, "ref", time.Minute), store.ErrTooLate)

	other := c.sell()
	require.Equal(t, state.PurchaseAwaiting, c.again(other).State, "and its neighbour is not touched")
}

// Payments of no purchase go their way without one.
func TestPaymentsWithoutAPurchase(t *testing.T) {
	c := newCounter(t)
	neighbour, _ := c.bringTo(state.PurchaseIncomplete)
	want := c.again(neighbour)
	kicks := c.kicks.Load()
	p := c.create(c.m, autoCollect)
	a := c.open(p)
	require.NoError(t, c.NoteUnpaid(t.Context(), a.ID, "not_paid"))
	c.pay(a)
	require.Equal(t, state.PaymentCollected, c.read(p.Token).State)
	require.Equal(t, kicks+1, c.kicks.Load(), "only its creation woke the dispatcher")
	require.Equal(t, want, c.again(neighbour))
	require.Zero(t, value[int](c.world, `SELECT count(*) FROM temporary_payment WHERE reference IS NOT NULL`))
	require.EqualValues(t, 9672, value[int64](c.world, `SELECT nextval('purchase_reference')`), "no number was used up")
}

func TestPurchases(t *testing.T) {
	c := newCounter(t)
	require.NoError(t, c.AddBranch(t.Context(), c.m.PublicID, 32, "north"))
	c.sell(func(in *store.NewPurchase) { in.BranchID = 32 })
	var all []store.Purchase
	for _, s := range []state.Purchase{state.PurchaseAwaiting, state.PurchaseCompleting, state.PurchaseIncomplete, state.PurchaseCompleted, state.PurchaseEnded, state.PurchaseIncomplete} {
		u, _ := c.bringTo(s)
		all = append([]store.Purchase{u}, all...)
	}
	list := func(in store.PurchaseList) []store.Purchase {
		t.Helper()
		in.BranchID = c.branch
		got, err := c.Purchases(t.Context(), in)
		require.NoError(t, err)
		return got
	}
	require.Equal(t, all, list(store.PurchaseList{Size: 50}))
	require.Equal(t, all[:2], list(store.PurchaseList{Size: 2}))
	require.Equal(t, all[2:4], list(store.PurchaseList{Size: 2, Before: all[1].ID}))
	require.Empty(t, list(store.PurchaseList{Size: 2, Before: all[5].ID}))
	status := 2
	require.Equal(t, []store.Purchase{all[0], all[3]}, list(store.PurchaseList{Size: 50, Status: &status}))
	require.Equal(t, []store.Purchase{all[3]}, list(store.PurchaseList{Size: 50, Status: &status, Before: all[0].ID}))
	status = 0
	require.Equal(t, []store.Purchase{all[5]}, list(store.PurchaseList{Size: 50, Status: &status}))

	_, err := c.Purchase(t.Context(), 32, all[0].ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	lines, err := c.PurchaseLog(t.Context(), 32, all[0].ID)
	require.NoError(t, err)
	require.Empty(t, lines, "another branch's log")
}

// What was done to purchases can be added to and not rewritten; and no row can be deleted.
func TestTheSystemLogIsAppendOnly(t *testing.T) {
	c := newCounter(t)
	u, _ := c.bringTo(state.PurchaseCompleted)
	require.NoError(t, c.LogPurchase(t.Context(), c.branch, u.ID, sara, "refusal", "not retryable"))
	require.NoError(t, c.LogPurchase(t.Context(), c.branch, 1<<40, sara, "refusal", "a number of nothing"))
	require.Error(t, c.LogPurchase(t.Context(), c.branch, u.ID, sara, "invention", ""))
	require.Equal(t, []string{"branch/31 create", "bank completion CHECK-9672", "branch/31 refusal not retryable"}, c.log(u))
	facts := c.facts()
	for _, statement := range []string{
		`UPDATE system_log SET outcome = 'x'`, `DELETE FROM system_log`, `TRUNCATE system_log`, `DROP TABLE system_log`,
		`DELETE FROM temporary_payment`, `TRUNCATE temporary_payment`, `SELECT setval('purchase_reference', 1)`,
	} {
		_, err := c.db.ExecContext(t.Context(), statement)
		require.Equal(t, "42501", sqlState(err), "%s: %v", statement, err)
	}
	for _, statement := range []string{
		`UPDATE temporary_payment SET reference = NULL`, `UPDATE temporary_payment SET state = 'ended'`, `UPDATE temporary_payment SET state = 'lost'`,
	} {
		_, err := c.db.ExecContext(t.Context(), statement)
		require.Equal(t, "23514", sqlState(err), "%s: %v", statement, err)
	}
	_, err := c.db.ExecContext(t.Context(), `UPDATE temporary_payment SET status = 2`)
	require.Equal(t, "428C9", sqlState(err), "the contract's number follows from the state")
	require.Equal(t, facts, c.facts())
}
