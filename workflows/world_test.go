package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

// tester is a *testing.T or a *rapid.T.
type tester interface {
	require.TestingT
	Helper()
}

// born is when every payment of these tests is created. It lies in the future, because the test
// environment measures some time-outs of local activities on the wall clock.
var born = time.Date(2040, 3, 20, 8, 0, 0, 0, time.UTC)

const window = 20 * time.Minute

// world is what surrounds one saga in virtual time: rows, a bank, and a journal of what happened.
type world struct {
	t     tester
	mu    sync.Mutex
	env   *testsuite.TestWorkflowEnvironment // nil while no worker lives;
	clock time.Time                          // then this is the time
	plays cast
	rows  *rows
	bank  *bank

	plans    map[string][]error // planned failures by call
	planned  []*planned         // what payers, merchants and people are going to do
	sent     []sent             // signals, as the saga's history keeps them
	late     []time.Duration    // by how much the next signals are delivered late, so that they overtake each other
	events   int64
	journal  []string
	problems []string

	flagged    bool     // search attribute NeedsAttention
	shownState string   // search attribute SagaState
	shown      []string // in turn
	watch      func(*testsuite.TestWorkflowEnvironment)

	life           int  // counts the workers
	steps, crashAt int  // a crash after so many steps; 0 = none
	crashed        bool // the worker is gone, nothing reaches the outside
	crashedOnce    bool
}

// cast is which saga a world plays, with what it touches.
type cast struct {
	name       string
	saga       any
	input      any
	activities []any
}

type sent struct {
	name    string
	payload any
}

type planned struct {
	after time.Duration
	do    func()
}

var errCrashed = error(temporal.NewNonRetryableApplicationError("the worker is gone", "crashed", nil))

func newWorld(t tester) *world {
	w := &world{t: t, plans: map[string][]error{}}
	w.bank = &bank{world: w, charges: map[int64]*charge{}}
	w.rows = &rows{world: w, state: state.PaymentPending, collectBy: born.Add(window)}
	w.plays = cast{
		workflows.PaymentName, mortal(w, workflows.Payment), w.input(),
		[]any{w.rows, &activities.Bank{Gateways: gateways.Registry{"sandbox": w.bank}}},
	}
	return w
}

func (w *world) input() workflows.PaymentInput {
	return workflows.PaymentInput{
		PaymentID: 1, Token: "AsF42Sg53", Merchant: "shop", Amount: 1_200_000, CreatedAt: born, CollectBy: born.Add(window),
	}
}

func (w *world) now() time.Time {
	if w.env == nil {
		return w.clock
	}
	return w.env.Now().UTC()
}

// note writes a line of the journal: minutes and seconds since the creation, and what.
func (w *world) note(format string, args ...any) {
	since := w.now().Sub(born).Truncate(time.Second)
	w.journal = append(w.journal, fmt.Sprintf("%02d:%02d ", int(since.Minutes()), int(since.Seconds())%60)+fmt.Sprintf(format, args...))
}

func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// fails plans failures of a call, each for one try: of "undo" for any attempt, of "undo 1" for the first.
func (w *world) fails(call string, errs ...error) { w.plans[call] = append(w.plans[call], errs...) }

func (w *world) fault(call string, attempt int64) error {
	for _, key := range []string{call, fmt.Sprint(call, " ", attempt)} {
		if plan := w.plans[key]; len(plan) > 0 {
			w.plans[key] = plan[1:]
			return plan[0]
		}
	}
	return nil
}

// step counts what reached the outside; at the planned one the worker dies before it hears the answer.
func (w *world) step() error {
	w.steps++
	if w.steps != w.crashAt {
		return nil
	}
	w.crashed, w.crashedOnce = true, true
	w.note("crash")
	return errCrashed
}

// lifeKey is where a worker's calls carry which worker they belong to.
type lifeKey struct{}

// gone says that the worker behind a call is dead; its last calls may still be on the way.
func (w *world) gone(ctx context.Context) bool { return w.crashed || ctx.Value(lifeKey{}) != w.life }

// at plans something for an instant after the payment's creation.
func (w *world) at(after time.Duration, do func()) {
	w.planned = append(w.planned, &planned{after, do})
}

// Below: what payers, merchants and people do.

// open sends the payer to the bank with a new attempt; nothing happens behind the closed door.
func (w *world) open(id int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.rows
	if r.state != state.PaymentPending || !r.dbNow().Before(r.collectBy) {
		return
	}
	v := activities.Visit{AttemptID: id, Gateway: "sandbox", Amount: 1_250_000, BankToken: bankToken(id), FinalAt: w.now().Add(sessionLife)}
	r.attempts = append(r.attempts, &row{Visit: v, state: state.AttemptOpen})
	w.bank.charges[id] = &charge{invoice: id, amount: v.Amount, tran: fmt.Sprint(7000 + id), state: chargeOpen, opened: w.now()}
}

func (w *world) has(id int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bank.charges[id] != nil
}

// callback brings the payer's browser back. A decided attempt wakes nobody.
func (w *world) callback(id int64) {
	w.mu.Lock()
	a := w.rows.attempt(id)
	woken := a.state == state.AttemptOpen
	w.mu.Unlock()
	if woken {
		w.signal(workflows.CallbackSignal, workflows.Callback{EventID: w.event(), Visit: a.Visit})
	}
}

// payAndReturn is the happy payer.
func (w *world) payAndReturn(id int64) {
	w.open(id)
	w.bank.pay(id)
	w.callback(id)
}

func (w *world) collect() {
	if w.rows.collect() {
		w.signal(workflows.CollectedSignal, workflows.Fact{EventID: w.event()})
	}
}

func (w *world) cancel() {
	if w.rows.cancel() {
		w.signal(workflows.CancelledSignal, workflows.Fact{EventID: w.event()})
	}
}

func (w *world) resolve(id int64, as state.Attempt) {
	w.rows.resolve(id, as)
	w.signal(workflows.ResolvedSignal, workflows.Resolved{EventID: w.event(), AttemptID: id})
}

func (w *world) event() int64 {
	w.events++
	return w.events
}

func (w *world) signal(name string, payload any) {
	w.sent = append(w.sent, sent{name, payload})
	if w.env == nil {
		return
	}
	env, late := w.env, time.Duration(0)
	if len(w.late) > 0 {
		late, w.late = w.late[0], w.late[1:]
	}
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(name, payload) }, late)
}

// repeat delivers the latest signal again, as a dispatcher does that crashed in between.
func (w *world) repeat() {
	if n := len(w.sent); n > 0 && w.env != nil {
		w.env.SignalWorkflow(w.sent[n-1].name, w.sent[n-1].payload)
	}
}

// answer is what an update answered.
type answer struct {
	state state.Payment
	at    time.Duration // since creation
	err   error
	done  bool
}

// inquire asks the saga to ask the bank.
func (w *world) inquire() *answer {
	got := &answer{}
	if w.env == nil {
		return got // nobody is there to ask
	}
	w.env.UpdateWorkflow(workflows.InquireUpdate, "", &testsuite.TestUpdateCallback{
		OnAccept: func() {},
		OnReject: func(err error) { got.err = err },
		OnComplete: func(result any, err error) {
			got.done, got.err, got.at = true, err, w.now().Sub(born)
			got.state, _ = result.(state.Payment)
		},
	})
	return got
}

// Below: how a payment ends.

// run carries a payment's saga to its end and checks what must always hold.
func (w *world) run() workflows.PaymentResult {
	w.t.Helper()
	w.live()
	return w.finished()
}

func (w *world) runThroughCrashes(pause time.Duration, crashes ...int) workflows.PaymentResult {
	w.t.Helper()
	w.liveThroughCrashes(pause, crashes...)
	return w.finished()
}

// finished checks what holds for every ended saga of a payment: rows are terminal and agree with the saga's
// result and with the bank's book, no money went both ways, and nobody is called any more.
func (w *world) finished() workflows.PaymentResult {
	w.t.Helper()
	var result workflows.PaymentResult
	w.completed(&result)
	w.paymentEnded(result)
	return result
}

func (w *world) paymentEnded(result workflows.PaymentResult) {
	w.t.Helper()
	story := w.story()
	require.True(w.t, state.Payments.Terminal(w.rows.state), "the payment is left %s\n%s", w.rows.state, story)
	require.Equal(w.t, w.rows.state, result.State, "row and result\n%s", story)
	require.Contains(w.t, w.shown, string(result.State), "what operators see")
	if !w.crashedOnce { // else the call may be left behind, and the ended row shows that nobody is needed
		require.Empty(w.t, w.rows.attention, story)
	}
	require.Empty(w.t, w.problems, story)
	for _, a := range w.rows.attempts {
		require.Contains(w.t, agrees[a.state], w.bank.charges[a.AttemptID].state, "attempt %d is %s\n%s", a.AttemptID, a.state, story)
	}
}

// agrees lists the ends of an attempt, and where its money may be then. A failed attempt's money was
// never there or went back, or goes back by itself because nobody verified it.
var agrees = map[state.Attempt][]chargeState{
	state.AttemptSettled:  {chargeSettled},
	state.AttemptRefunded: {chargeReturned},
	state.AttemptFailed:   {chargeOpen, chargeDeclined, chargePaid, chargeReturned},
}

func (w *world) story() string { return strings.Join(w.journal, "\n") }

// told lists the journal's lines that hold one of the words.
func (w *world) told(words ...string) []string {
	var lines []string
	for _, line := range w.journal {
		if slices.ContainsFunc(words, func(word string) bool { return strings.Contains(line, word) }) {
			lines = append(lines, line)
		}
	}
	return lines
}

var _ gateways.Gateway = (*bank)(nil)
