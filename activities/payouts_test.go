package activities_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"golang.org/x/time/rate"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// payingBank answers as it is told and remembers what it was asked.
type payingBank struct {
	mu     sync.Mutex
	can    payouts.Capabilities
	report payouts.Report
	err    error
	sent   []payouts.Order
	asked  []string
}

func (b *payingBank) Name() string                       { return "sandbox" }
func (b *payingBank) Capabilities() payouts.Capabilities { return b.can }
func (b *payingBank) Send(_ context.Context, o payouts.Order) (payouts.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, o)
	return b.report, b.err
}

func (b *payingBank) Inquire(_ context.Context, reference string) (payouts.Report, error) {
	b.asked = append(b.asked, reference)
	return b.report, b.err
}

// cashier is a merchant with 10,000,000 rial who sends money at a bank.
type cashier struct {
	*testing.T
	db       *bun.DB
	store    *store.Store
	vault    *vault.Vault
	env      *testsuite.TestActivityEnvironment
	acts     *activities.Payouts
	bank     *payingBank
	merchant store.Merchant
	orders   int
}

const (
	payeeIBAN = "IR270170000000100324200001"
	payeeCard = "6219860000000019"
)

func newCashier(t *testing.T) *cashier {
	c := &cashier{T: t, db: server.Open(t), bank: &payingBank{can: payouts.Capabilities{Settles: 10 * time.Minute}}}
	c.store = store.New(c.db, func() {})
	var err error
	c.vault, err = vault.New("k:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
	require.NoError(t, err)
	c.acts = &activities.Payouts{Store: c.store, Vault: c.vault, Providers: payouts.Registry{"sandbox": c.bank}}
	var suite testsuite.WorkflowTestSuite
	c.env = suite.NewTestActivityEnvironment()
	c.env.RegisterActivity(c.acts)
	c.merchant, err = c.store.PutMerchant(t.Context(), store.Merchant{PublicID: "shop", CollectWindow: 1200, Gateways: []string{"zibal"}})
	require.NoError(t, err)
	require.NoError(t, c.store.CreditBalance(t.Context(), "shop", 10_000_000, "Sara", "test"))
	return c
}

func (c *cashier) order(rail payouts.Rail, number string) store.Payout {
	c.Helper()
	c.orders++
	p, err := c.store.OrderPayout(c.Context(), store.NewPayout{
		Merchant: c.merchant, OrderID: fmt.Sprint("o-", c.orders), Amount: 100_000, Fee: 500, Network: string(rail), Rail: string(rail), Provider: "sandbox",
		Number: c.vault.SealText(c.merchant.ID, vault.PayoutDestination, number), Destination: "masked", Holder: "سارا", Note: "rent",
	})
	require.NoError(c, err)
	return p
}

func (c *cashier) toIBAN() store.Payout { c.Helper(); return c.order("paya", payeeIBAN) }

func (c *cashier) payout(id string) store.Payout {
	c.Helper()
	p, err := c.store.Payout(c.Context(), id)
	require.NoError(c, err)
	return p
}

// says runs an activity within a workflow task and reads the bank's word.
func (c *cashier) says(activity func(context.Context, int64) (store.PayoutWord, error), p store.Payout) store.PayoutWord {
	c.Helper()
	value, err := c.env.ExecuteLocalActivity(activity, p.ID)
	require.NoError(c, err)
	var w store.PayoutWord
	require.NoError(c, value.Get(&w))
	text := string(must(json.Marshal(w)))
	for _, hidden := range []string{payeeIBAN, payeeCard, "سارا"} {
		require.NotContains(c, text, hidden, "nothing of the payee in a history")
	}
	return w
}

func (c *cashier) record(w store.PayoutWord) state.Payout {
	c.Helper()
	value, err := c.env.ExecuteActivity(c.acts.RecordPayout, w)
	require.NoError(c, err)
	var now state.Payout
	require.NoError(c, value.Get(&now))
	return now
}

// aged makes the submission of a payout older than it is.
func (c *cashier) aged(p store.Payout, by time.Duration) {
	c.Helper()
	_, err := c.db.NewRaw(`UPDATE payouts SET submitted_at = now() - ? * interval '1 second' WHERE id = ?`, by.Seconds(), p.ID).Exec(c.Context())
	require.NoError(c, err)
}

func (c *cashier) requireBalance(available, held money.Rial) {
	c.Helper()
	got, err := c.store.Balance(c.Context(), c.merchant.ID)
	require.NoError(c, err)
	require.Equal(c, store.Balance{Available: available, Held: held}, got)
}

var due = time.Date(2026, 9, 1, 13, 30, 0, 0, time.UTC)

// What a bank says to an order, and how it is sorted: refused is refused, what was not taken is tried again, and
// everything else may have been taken.
func TestSendPayout(t *testing.T) {
	c := newCashier(t)
	for name, tt := range map[string]struct {
		report payouts.Report
		err    error
		want   store.PayoutWord
	}{
		"settled":   {payouts.Report{State: payouts.Settled, ID: "b1", TrackingID: "t1"}, nil, store.PayoutWord{State: state.PayoutPaid, ProviderID: "b1", TrackingID: "t1"}},
		"accepted":  {payouts.Report{State: payouts.Accepted, ID: "b1", Due: due}, nil, store.PayoutWord{State: state.PayoutSent, ProviderID: "b1", Due: due}},
		"failed":    {payouts.Report{State: payouts.Failed, Code: "9", Why: "closed"}, nil, store.PayoutWord{State: state.PayoutRefused, Code: "9", Why: "closed"}},
		"returned":  {payouts.Report{State: payouts.Returned, Code: "9", Why: "closed"}, nil, store.PayoutWord{State: state.PayoutRefused, Code: "9", Why: "closed"}},
		"refused":   {payouts.Report{}, fmt.Errorf("call: %w", &gateways.Refused{Op: "send", Code: "7", Why: "no such account"}), store.PayoutWord{State: state.PayoutRefused, Code: "7", Why: "no such account"}},
		"unknown":   {payouts.Report{}, &gateways.Unknown{Op: "send", Err: errors.New("lost")}, store.PayoutWord{State: state.PayoutUnknown, Code: "no_answer"}},
		"any error": {payouts.Report{}, errors.New("broken"), store.PayoutWord{State: state.PayoutUnknown, Code: "no_answer"}},
		"nonsense":  {payouts.Report{State: "perhaps"}, nil, store.PayoutWord{State: state.PayoutUnknown, Code: "perhaps"}},
		"not found": {payouts.Report{State: payouts.NotFound}, nil, store.PayoutWord{State: state.PayoutUnknown, Code: "not_found"}}, // says nothing of an order just sent
	} {
		t.Run(name, func(t *testing.T) {
			c.bank.report, c.bank.err, c.bank.sent = tt.report, tt.err, nil
			p := c.toIBAN()
			tt.want.PayoutID, tt.want.Note = p.ID, "sandbox"
			require.Equal(t, tt.want, c.says(c.acts.SendPayout, p))
			require.Equal(t, []payouts.Order{{
				Reference: p.UUID, Amount: 100_000, Rail: "paya", To: payouts.ToIBAN(payeeIBAN), Holder: "سارا", Note: "rent",
			}}, c.bank.sent)
			require.NotNil(t, c.payout(p.UUID).SubmittedAt)
		})
	}
	c.bank.report, c.bank.err, c.bank.sent = payouts.Report{State: payouts.Settled}, nil, nil
	c.says(c.acts.SendPayout, c.order(payouts.Card, payeeCard))
	to, err := payouts.ToCard(payeeCard)
	require.NoError(t, err)
	require.Equal(t, to, c.bank.sent[0].To)
}

// What could not go out is tried again, and nothing decides it.
func TestSendPayoutNotYet(t *testing.T) {
	for name, tt := range map[string]struct {
		arrange func(c *cashier)
		sent    int
		marked  bool
	}{
		"not taken": {func(c *cashier) {
			c.bank.err = &gateways.Unavailable{Op: "send", Err: errors.New("no funds"), After: time.Minute}
		}, 1, true},
		"rate": {func(c *cashier) {
			limit := rate.NewLimiter(rate.Every(time.Hour), 1)
			limit.Allow()
			c.acts.Limits = map[string]*rate.Limiter{"sandbox": limit}
		}, 0, false},
		"bank taken out of the configuration": {func(c *cashier) { c.acts.Providers = payouts.Registry{} }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCashier(t)
			tt.arrange(c)
			p := c.toIBAN()
			_, err := c.env.ExecuteLocalActivity(c.acts.SendPayout, p.ID)
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.Equal(t, activities.ErrUnavailable, app.Type())
			require.False(t, app.NonRetryable(), "the saga goes on trying")
			require.Len(t, c.bank.sent, tt.sent)
			require.Equal(t, tt.marked, c.payout(p.UUID).SubmittedAt != nil, "what did not leave can be cancelled")
			require.Equal(t, state.PayoutReserved, c.payout(p.UUID).State)
		})
	}
}

// Sent again before the bank's word was recorded, it is the same order; afterwards it is not sent.
func TestSendPayoutAgain(t *testing.T) {
	c := newCashier(t)
	c.bank.report = payouts.Report{State: payouts.Accepted, ID: "b1"}
	p := c.toIBAN()
	first := c.says(c.acts.SendPayout, p)
	require.Equal(t, first, c.says(c.acts.SendPayout, p))
	require.Equal(t, c.bank.sent[0], c.bank.sent[1])
	require.Equal(t, state.PayoutSent, c.record(first))
	require.Equal(t, store.PayoutWord{PayoutID: p.ID, State: state.PayoutSent, Code: "sent_before"}, c.says(c.acts.SendPayout, p))
	require.Len(t, c.bank.sent, 2)

	taken := c.toIBAN()
	_, err := c.store.CancelPayout(t.Context(), c.merchant.ID, "", taken.UUID)
	require.NoError(t, err)
	require.Equal(t, state.PayoutCancelled, c.says(c.acts.SendPayout, taken).State)
	require.Len(t, c.bank.sent, 2)
}

// An order that was held up between its mark and the wire must not leave: "no such order" is believed after a while.
func TestSendPayoutHeldUp(t *testing.T) {
	c := newCashier(t)
	c.bank.report = payouts.Report{State: payouts.Settled}
	p := c.toIBAN()
	tx, err := c.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.NewRaw(`SELECT 1 FROM payouts WHERE id = ? FOR UPDATE`, p.ID).Exec(t.Context())
	require.NoError(t, err)
	freed := make(chan error, 1)
	go func() {
		_, err := tx.NewRaw(`SELECT pg_sleep(2.1)`).Exec(t.Context())
		freed <- errors.Join(err, tx.Commit())
	}()
	_, err = c.env.ExecuteActivity(c.acts.SendPayout, p.ID)
	require.NoError(t, <-freed)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrUnavailable, app.Type())
	require.Empty(t, c.bank.sent)
	require.Equal(t, state.PayoutPaid, c.says(c.acts.SendPayout, p).State, "the next try marks it anew")
}

// "Not found" counts from when the order left last, not first: it may have waited for hours before.
func TestSendPayoutMarksEveryTry(t *testing.T) {
	c := newCashier(t)
	c.bank.err = &gateways.Unavailable{Op: "send", Err: errors.New("no funds")}
	p := c.toIBAN()
	_, err := c.env.ExecuteLocalActivity(c.acts.SendPayout, p.ID)
	require.Error(t, err)
	c.aged(p, time.Hour)
	c.bank.err = &gateways.Unknown{Op: "send", Err: errors.New("lost")}
	require.Equal(t, state.PayoutUnknown, c.record(c.says(c.acts.SendPayout, p)))
	c.bank.report, c.bank.err = payouts.Report{State: payouts.NotFound}, nil
	require.Equal(t, state.PayoutUnknown, c.record(c.says(c.acts.InquirePayout, p)), "it may be on its way")
	c.requireBalance(10_000_000-100_500, 100_500)
}

func TestInquirePayout(t *testing.T) {
	c := newCashier(t)
	c.bank.err = errors.New("lost")
	p := c.toIBAN()
	c.record(c.says(c.acts.SendPayout, p))
	for _, tt := range []struct {
		says    payouts.State
		err     error
		ago     time.Duration
		settles time.Duration
		want    state.Payout
		code    string
	}{
		{payouts.Settled, nil, 0, time.Minute, state.PayoutPaid, ""},
		{payouts.Accepted, nil, time.Hour, time.Minute, state.PayoutSent, ""},
		{payouts.Returned, nil, 0, time.Minute, state.PayoutRefused, ""},
		{payouts.Failed, nil, 0, time.Minute, state.PayoutRefused, ""},
		{payouts.NotFound, nil, 50 * time.Second, time.Minute, state.PayoutUnknown, "not_found"}, // it may be on its way
		{payouts.NotFound, nil, time.Minute, time.Minute, state.PayoutUnsent, "never_arrived"},
		{payouts.NotFound, nil, time.Hour, 0, state.PayoutUnknown, "not_found"}, // this bank never says so for good
		{"perhaps", nil, time.Hour, time.Minute, state.PayoutUnknown, "perhaps"},
		{"", nil, time.Hour, time.Minute, state.PayoutUnknown, ""},
		// Whatever is wrong with the question says nothing about the order.
		{"", &gateways.Refused{Op: "inquire", Code: "no_such_order"}, time.Hour, time.Minute, state.PayoutUnknown, "refused"},
		{"", &gateways.Unavailable{Op: "inquire", Err: errors.New("away")}, time.Hour, time.Minute, state.PayoutUnknown, "unavailable"},
		{"", errors.New("lost"), time.Hour, time.Minute, state.PayoutUnknown, "unknown"},
	} {
		c.bank.report, c.bank.err, c.bank.can.Settles = payouts.Report{State: tt.says, Why: "why"}, tt.err, tt.settles
		c.aged(p, tt.ago)
		got := c.says(c.acts.InquirePayout, p)
		require.Equal(t, []any{p.ID, tt.want, tt.code, "sandbox"}, []any{got.PayoutID, got.State, got.Code, got.Note}, tt)
		require.Equal(t, tt.want == state.PayoutRefused || tt.want == state.PayoutUnsent, got.Why != "", "a merchant is told why")
	}
	require.Equal(t, p.UUID, c.bank.asked[0])
	require.Len(t, c.bank.sent, 1, "asking is not ordering")
}

// A bank that had the order, and then knows of none or says what nobody understands: the money stays held, however
// often it says so.
func TestInquirePayoutThatTheBankHad(t *testing.T) {
	c := newCashier(t)
	c.bank.report = payouts.Report{State: payouts.Accepted} // it told neither a number nor when
	p := c.toIBAN()
	require.Equal(t, state.PayoutSent, c.record(c.says(c.acts.SendPayout, p)))
	c.aged(p, day)
	for _, says := range []payouts.State{payouts.NotFound, "perhaps", payouts.NotFound, payouts.NotFound} {
		c.bank.report = payouts.Report{State: says}
		w := c.says(c.acts.InquirePayout, p)
		require.Equal(t, []any{state.PayoutSent, string(says)}, []any{w.State, w.Code})
		require.Equal(t, state.PayoutSent, c.record(w))
		require.Equal(t, state.PayoutSent, c.record(store.PayoutWord{PayoutID: p.ID, State: state.PayoutUnknown}), "nor does anybody else forget it")
	}
	c.requireBalance(10_000_000-100_500, 100_500)
	c.bank.report = payouts.Report{State: payouts.Returned}
	require.Equal(t, state.PayoutRefused, c.record(c.says(c.acts.InquirePayout, p)))
	c.requireBalance(10_000_000, 0)
}

// Without a submission nothing is on its way, and nothing proves that nothing will be; of a decided one nobody is asked.
func TestInquirePayoutWithoutAsking(t *testing.T) {
	c := newCashier(t)
	c.bank.can.Settles, c.bank.report = time.Nanosecond, payouts.Report{State: payouts.NotFound}
	require.Equal(t, state.PayoutUnknown, c.says(c.acts.InquirePayout, c.toIBAN()).State)
	c.bank.asked = nil
	for _, end := range []state.Payout{state.PayoutPaid, state.PayoutRefused, state.PayoutUnsent} {
		p := c.toIBAN()
		c.record(store.PayoutWord{PayoutID: p.ID, State: state.PayoutUnknown})
		require.NoError(t, c.store.ResolvePayout(t.Context(), store.PayoutResolution{UUID: p.UUID, As: end, By: "Sara", Why: "seen"}))
		require.Equal(t, store.PayoutWord{PayoutID: p.ID, State: end, Code: "decided_before"}, c.says(c.acts.InquirePayout, p))
	}
	require.Empty(t, c.bank.asked)
}

func TestRecordPayout(t *testing.T) {
	for end, left := range map[state.Payout]money.Rial{state.PayoutPaid: 9_899_500, state.PayoutRefused: 10_000_000, state.PayoutUnsent: 10_000_000} {
		c := newCashier(t)
		p := c.toIBAN()
		for range 2 {
			require.Equal(t, state.PayoutUnknown, c.record(store.PayoutWord{PayoutID: p.ID, State: state.PayoutUnknown}))
		}
		c.requireBalance(9_899_500, 100_500)
		for _, said := range []state.Payout{end, end, state.PayoutUnknown, state.PayoutSent, state.PayoutPaid, state.PayoutRefused, state.PayoutUnsent, state.PayoutCancelled} {
			require.Equal(t, end, c.record(store.PayoutWord{PayoutID: p.ID, State: said}), "the first end stays")
		}
		c.requireBalance(left, 0)
	}
}

func TestPayoutAttention(t *testing.T) {
	c := newCashier(t)
	p := c.toIBAN()
	set := func(reason string) {
		_, err := c.env.ExecuteActivity(c.acts.SetPayoutAttention, activities.PayoutAttention{PayoutID: p.ID, Reason: reason})
		require.NoError(t, err)
	}
	for _, reason := range []string{"outcome_unknown", "", "outcome_unknown"} {
		for range 2 {
			set(reason)
		}
		require.Equal(t, reason != "", c.payout(p.UUID).NeedsAttention != nil)
	}
	c.record(store.PayoutWord{PayoutID: p.ID, State: state.PayoutPaid})
	require.Nil(t, c.payout(p.UUID).NeedsAttention, "the end is the end of the call, too")
	set("outcome_unknown")
	require.Nil(t, c.payout(p.UUID).NeedsAttention, "a late call is nobody's")
}
