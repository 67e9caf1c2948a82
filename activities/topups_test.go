package activities_test

import (
	"context"
	"crypto/sha256"
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
	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// reseller answers as it is told and remembers what it was asked.
type reseller struct {
	mu        sync.Mutex
	can       operators.Capabilities
	answer    operators.Answer
	submitted []operators.Order
	inquired  []operators.Order
	listed    []operators.Product
	err       error
}

func (r *reseller) Name() string                         { return "sandbox" }
func (r *reseller) Capabilities() operators.Capabilities { return r.can }
func (r *reseller) Submit(_ context.Context, o operators.Order) operators.Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.submitted = append(r.submitted, o)
	return r.answer
}
func (r *reseller) Inquire(_ context.Context, o operators.Order) operators.Answer {
	r.inquired = append(r.inquired, o)
	return r.answer
}
func (r *reseller) Catalogue(context.Context) ([]operators.Product, error) { return r.listed, r.err }
func (r *reseller) Balance(context.Context) (money.Rial, error)            { return 0, r.err }

// kiosk is a merchant with 100,000 rial who orders top-ups at a reseller.
type kiosk struct {
	*testing.T
	db       *bun.DB
	store    *store.Store
	env      *testsuite.TestActivityEnvironment
	acts     *activities.TopUps
	reseller *reseller
	merchant store.Merchant
	orders   int
}

func newKiosk(t *testing.T) *kiosk {
	k := &kiosk{T: t, db: server.Open(t), reseller: &reseller{can: operators.Capabilities{Inquiry: true, Settles: 10 * time.Minute}}}
	k.store = store.New(k.db, func() {})
	k.acts = &activities.TopUps{Store: k.store, Operators: operators.Registry{"sandbox": k.reseller}}
	var suite testsuite.WorkflowTestSuite
	k.env = suite.NewTestActivityEnvironment()
	k.env.RegisterActivity(k.acts)
	var err error
	k.merchant, err = k.store.PutMerchant(t.Context(), store.Merchant{PublicID: "shop", CollectWindow: 1200, Gateways: []string{"zibal"}})
	require.NoError(t, err)
	most := money.Rial(2_000_000)
	require.NoError(t, k.store.PutProduct(t.Context(), store.Product{
		ID: 62, Provider: "sandbox", OperatorID: 2, Type: "cell_internet", SimCardType: "credit", ProfileID: "IR-7D", Name: "package",
		Price: 5_000, SecondPrice: &most, Active: true,
	}))
	require.NoError(t, k.store.CreditBalance(t.Context(), "shop", 100_000, "Sara", "test"))
	return k
}

func (k *kiosk) order() int64 {
	k.Helper()
	k.orders++
	key := store.IdempotencyKey{MerchantID: k.merchant.ID, Route: "top-up", Key: fmt.Sprint("k", k.orders), Fingerprint: sha256.Sum256(nil)}
	in := store.NewTopUp{Merchant: k.merchant, ProductID: 62, Mobile: "989021234567", Price: 30_000, Code: fmt.Sprint("c", k.orders)}
	got, err := k.store.OrderTopUp(k.Context(), key, in, func(err error) store.Answer { k.Error(err); return store.Answer{} })
	require.NoError(k, err)
	return got.TopUp.ID
}

func (k *kiosk) topUp(id int64) store.TopUp {
	k.Helper()
	t, err := k.store.TopUp(k.Context(), id)
	require.NoError(k, err)
	return t
}

// durably runs an activity as the gateways queue does.
func durably[In, Out any](k *kiosk, activity func(context.Context, In) (Out, error), in In) (out Out) {
	k.Helper()
	value, err := k.env.ExecuteActivity(activity, in)
	require.NoError(k, err)
	require.NoError(k, value.Get(&out))
	return out
}

func (k *kiosk) submit(id int64) activities.TopUpWord {
	k.Helper()
	value, err := k.env.ExecuteLocalActivity(k.acts.SubmitTopUp, id)
	require.NoError(k, err)
	var w activities.TopUpWord
	require.NoError(k, value.Get(&w))
	require.NotContains(k, string(must(json.Marshal(w))), "9021234567", "no mobile in a history")
	return w
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// aged makes the submission of a top-up older than it is.
func (k *kiosk) aged(id int64, by time.Duration) {
	k.Helper()
	_, err := k.db.NewRaw(`UPDATE topups SET submitted_at = now() - ? * interval '1 second' WHERE id = ?`, by.Seconds(), id).Exec(k.Context())
	require.NoError(k, err)
}

func (k *kiosk) requireBalance(available, held money.Rial) {
	k.Helper()
	got, err := k.store.Balance(k.Context(), k.merchant.ID)
	require.NoError(k, err)
	require.Equal(k, store.Balance{Available: available, Held: held}, got)
}

func TestSubmitTopUp(t *testing.T) {
	k := newKiosk(t)
	for _, tt := range []struct {
		answer operators.Answer
		word   activities.TopUpWord
	}{
		{operators.Answer{Outcome: operators.Delivered, Reference: "r1", Code: "0"}, activities.TopUpWord{State: state.TopUpDelivered, Reference: "r1", Code: "0"}},
		{operators.Answer{Outcome: operators.Refused, Code: "no", Why: "no such number"}, activities.TopUpWord{State: state.TopUpReversed, Code: "no", Why: "no such number"}},
		{operators.Answer{Outcome: operators.InProgress, Reference: "r2"}, activities.TopUpWord{State: state.TopUpUnknown, Reference: "r2"}},
		{operators.Answer{Outcome: operators.Unknown, Code: "502", Why: "unclear"}, activities.TopUpWord{State: state.TopUpUnknown, Code: "502"}},
		{operators.Answer{Outcome: operators.NotFound}, activities.TopUpWord{State: state.TopUpUnknown}}, // says nothing of an order just sent
		{operators.Answer{Outcome: "paid"}, activities.TopUpWord{State: state.TopUpUnknown}},
		{operators.Answer{}, activities.TopUpWord{State: state.TopUpUnknown}},
	} {
		k.reseller.answer, k.reseller.submitted = tt.answer, nil
		require.NoError(t, k.store.CreditBalance(t.Context(), "shop", 30_000, "Sara", "test"))
		id := k.order()
		tt.word.TopUpID, tt.word.Note = id, "sandbox"
		require.Equal(t, tt.word, k.submit(id))
		require.Equal(t, []operators.Order{{
			Key: fmt.Sprint("topup-", id), Carrier: operators.Irancell, Type: "cell_internet", Sim: "credit", Package: "IR-7D", Mobile: "989021234567", Amount: 30_000,
		}}, k.reseller.submitted)
		require.NotNil(t, k.topUp(id).SubmittedAt)
	}
}

// Whoever comes second, from wherever, must ask: the order goes out once.
func TestSubmitTopUpOnce(t *testing.T) {
	k := newKiosk(t)
	k.reseller.answer = operators.Answer{Outcome: operators.Delivered}
	id := k.order()
	k.submit(id)
	before := activities.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Code: "submitted_before"}
	require.Equal(t, before, k.submit(id))
	require.Equal(t, before, durably(k, k.acts.SubmitTopUp, id))
	_, err := k.store.RecordTopUp(t.Context(), store.TopUpWord{TopUpID: id, State: state.TopUpUnknown})
	require.NoError(t, err)
	require.Equal(t, before, k.submit(id))
	require.Len(t, k.reseller.submitted, 1)

	forbidden := k.order() // a person was faster
	require.NoError(t, k.store.SetTopUpAttention(t.Context(), forbidden, "database_unreachable"))
	require.NoError(t, k.store.ResolveTopUp(t.Context(), store.TopUpResolution{TopUpID: forbidden, As: state.TopUpReversed, By: "Sara", Why: "wrong number"}))
	require.Equal(t, state.TopUpUnknown, k.submit(forbidden).State)
	require.Len(t, k.reseller.submitted, 1)
}

// What cannot go out must leave the row unmarked: it is tried again.
func TestSubmitTopUpNotYet(t *testing.T) {
	for name, tt := range map[string]struct {
		arrange func(k *kiosk)
		kind    string
	}{
		"no inquiry, in a workflow task": {func(k *kiosk) { k.reseller.can.Inquiry = false }, activities.ErrNeedsTime},
		"rate": {func(k *kiosk) {
			limit := rate.NewLimiter(rate.Every(time.Hour), 1)
			limit.Allow()
			k.acts.Limits = map[string]*rate.Limiter{"sandbox": limit}
		}, activities.ErrUnavailable},
		"reseller taken out of the configuration": {func(k *kiosk) { k.acts.Operators = operators.Registry{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKiosk(t)
			tt.arrange(k)
			id := k.order()
			_, err := k.env.ExecuteLocalActivity(k.acts.SubmitTopUp, id)
			require.Error(t, err)
			var app *temporal.ApplicationError
			if tt.kind != "" {
				require.ErrorAs(t, err, &app)
				require.Equal(t, tt.kind, app.Type())
			}
			require.False(t, errors.As(err, &app) && app.NonRetryable(), "the saga goes on trying")
			require.Nil(t, k.topUp(id).SubmittedAt)
			require.Empty(t, k.reseller.submitted)
		})
	}
	k := newKiosk(t)
	k.reseller.can.Inquiry, k.reseller.answer = false, operators.Answer{Outcome: operators.Delivered}
	require.Equal(t, state.TopUpDelivered, durably(k, k.acts.SubmitTopUp, k.order()).State, "a regular activity has the time")
}

// An order that was marked and then held up must not leave any more: "no such order" is believed after a while.
func TestSubmitTopUpHeldUp(t *testing.T) {
	k := newKiosk(t)
	k.reseller.answer = operators.Answer{Outcome: operators.Delivered}
	id := k.order()
	tx, err := k.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.NewRaw(`SELECT 1 FROM topups WHERE id = ? FOR UPDATE`, id).Exec(t.Context())
	require.NoError(t, err)
	freed := make(chan error, 1)
	go func() {
		_, err := tx.NewRaw(`SELECT pg_sleep(2.1)`).Exec(t.Context())
		freed <- errors.Join(err, tx.Commit())
	}()
	got := durably(k, k.acts.SubmitTopUp, id)
	require.NoError(t, <-freed)
	require.Equal(t, []any{state.TopUpReversed, "not_sent"}, []any{got.State, got.Code})
	require.Empty(t, k.reseller.submitted)
	require.NotNil(t, k.topUp(id).SubmittedAt, "nor does anybody else send it")
}

func TestInquireTopUp(t *testing.T) {
	k := newKiosk(t)
	id := k.order()
	require.Equal(t, state.TopUpUnknown, k.submit(id).State)
	_, err := k.store.RecordTopUp(t.Context(), store.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Reference: "r9"})
	require.NoError(t, err)
	for _, tt := range []struct {
		outcome operators.Outcome
		ago     time.Duration
		settles time.Duration
		want    state.TopUp
		code    string
	}{
		{operators.Delivered, 0, time.Minute, state.TopUpDelivered, "c"},
		{operators.Refused, 0, time.Minute, state.TopUpReversed, "c"},
		{operators.InProgress, time.Hour, time.Minute, state.TopUpUnknown, "c"},
		{operators.Unknown, time.Hour, time.Minute, state.TopUpUnknown, "c"},
		{"", time.Hour, time.Minute, state.TopUpUnknown, "c"},
		{operators.NotFound, 50 * time.Second, time.Minute, state.TopUpUnknown, "c"}, // it may be on its way
		{operators.NotFound, time.Minute, time.Minute, state.TopUpReversed, "never_arrived"},
		{operators.NotFound, time.Hour, 0, state.TopUpUnknown, "c"}, // this reseller never says so for good
	} {
		k.reseller.answer = operators.Answer{Outcome: tt.outcome, Reference: "r1", Code: "c", Why: "why"}
		k.reseller.can.Settles = tt.settles
		k.aged(id, tt.ago)
		got := durably(k, k.acts.InquireTopUp, id)
		require.Equal(t, []any{id, tt.want, "r1", tt.code, "sandbox"}, []any{got.TopUpID, got.State, got.Reference, got.Code, got.Note}, tt)
		require.Equal(t, tt.want == state.TopUpReversed, got.Why != "", "a merchant is told why")
	}
	require.Equal(t, "r9", k.reseller.inquired[0].Reference, "the reseller's own number, once it told one")
	require.Len(t, k.reseller.submitted, 1, "asking is not ordering")
}

// Without a submission nothing is on its way, and nothing proves that nothing will be.
func TestInquireTopUpNeverSubmitted(t *testing.T) {
	k := newKiosk(t)
	k.reseller.can.Settles, k.reseller.answer = time.Nanosecond, operators.Answer{Outcome: operators.NotFound}
	require.Equal(t, state.TopUpUnknown, durably(k, k.acts.InquireTopUp, k.order()).State)
}

func TestInquireTopUpWithoutAsking(t *testing.T) {
	k := newKiosk(t)
	id := k.order()
	k.submit(id)
	k.reseller.can.Inquiry = false
	require.Equal(t, activities.TopUpWord{TopUpID: id, State: state.TopUpUnknown, Code: activities.CannotBeAsked}, durably(k, k.acts.InquireTopUp, id))
	for _, end := range []state.TopUp{state.TopUpDelivered, state.TopUpReversed} {
		id := k.order()
		_, err := k.store.RecordTopUp(t.Context(), store.TopUpWord{TopUpID: id, State: state.TopUpUnknown})
		require.NoError(t, err)
		require.NoError(t, k.store.ResolveTopUp(t.Context(), store.TopUpResolution{TopUpID: id, As: end, By: "Sara", Why: "seen"}))
		require.Equal(t, activities.TopUpWord{TopUpID: id, State: end, Code: "decided_before"}, durably(k, k.acts.InquireTopUp, id))
	}
	require.Empty(t, k.reseller.inquired)
}

// Half of a call's time may go to waiting for its turn: the rest is for the answer.
func TestTurnAtTheReseller(t *testing.T) {
	k := newKiosk(t)
	id := k.order()
	k.submit(id)
	ask := func(turn, left time.Duration) error {
		limit := rate.NewLimiter(rate.Every(turn), 1)
		limit.Allow()
		k.acts.Limits = map[string]*rate.Limiter{"sandbox": limit}
		ctx, cancel := context.WithTimeout(t.Context(), left)
		defer cancel()
		_, err := k.acts.InquireTopUp(ctx, id)
		return err
	}
	require.NoError(t, ask(10*time.Millisecond, 10*time.Second))
	require.Error(t, ask(40*time.Second, time.Minute))
	require.Len(t, k.reseller.inquired, 1)
}

func TestRecordTopUp(t *testing.T) {
	for end, left := range map[state.TopUp]money.Rial{state.TopUpDelivered: 70_000, state.TopUpReversed: 100_000} {
		k := newKiosk(t)
		id := k.order()
		k.submit(id)
		k.requireBalance(70_000, 30_000)
		for range 2 {
			require.Equal(t, state.TopUpUnknown, durably(k, k.acts.RecordTopUp, store.TopUpWord{TopUpID: id, State: state.TopUpUnknown}))
		}
		k.requireBalance(70_000, 30_000)
		for _, said := range []state.TopUp{end, end, state.TopUpUnknown, state.TopUpDelivered, state.TopUpReversed} {
			require.Equal(t, end, durably(k, k.acts.RecordTopUp, store.TopUpWord{TopUpID: id, State: said}), "the first end stays")
		}
		k.requireBalance(left, 0)
	}
}

func TestTopUpAttention(t *testing.T) {
	k := newKiosk(t)
	id := k.order()
	k.submit(id)
	durably(k, k.acts.RecordTopUp, store.TopUpWord{TopUpID: id, State: state.TopUpUnknown})
	for _, reason := range []string{"outcome_unknown", "", "outcome_unknown"} {
		for range 2 {
			_, err := k.env.ExecuteActivity(k.acts.SetTopUpAttention, activities.TopUpAttention{TopUpID: id, Reason: reason})
			require.NoError(t, err)
		}
		now := k.topUp(id).NeedsAttention
		require.Equal(t, reason != "", now != nil)
	}
	durably(k, k.acts.RecordTopUp, store.TopUpWord{TopUpID: id, State: state.TopUpDelivered})
	require.Nil(t, k.topUp(id).NeedsAttention, "the end is the end of the call, too")
	_, err := k.env.ExecuteActivity(k.acts.SetTopUpAttention, activities.TopUpAttention{TopUpID: id, Reason: "outcome_unknown"})
	require.NoError(t, err)
	require.Nil(t, k.topUp(id).NeedsAttention, "a late call is nobody's")
}
