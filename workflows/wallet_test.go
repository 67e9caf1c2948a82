package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"pgregory.net/rapid"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/workflows"
)

func TestWalletOpens(t *testing.T) {
	w := newWalletWorld(t)
	w.lives(born)
	require.Equal(t, []string{"00:00 active"}, w.journal)
	require.Equal(t, "active", w.shownState)
	require.Equal(t, 200, w.rows.looks)
	require.Equal(t, born.Add(runLength), w.now(), "an hour between looks")
	require.Equal(t, "- `08:00:00` wallet "+payoutUUID+": asking sandbox for an account\n- `08:00:00` **active**", w.details())
}

func TestWalletRefused(t *testing.T) {
	w := newWalletWorld(t)
	w.rows.refuses = true
	w.live()
	w.blocked()
	require.Zero(t, w.rows.looks)
	require.Equal(t, born, w.now())
}

// A bank that is slow or away is asked until it answers, and a person is called meanwhile.
func TestWalletOpensLate(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		w := newWalletWorld(t)
		w.rows.refuses = refuses
		w.fails("open", times(9, pausing(7*minute))...)
		flagged := false
		w.at(16*minute, func() { flagged = w.flagged })
		w.execute(born)
		require.True(t, flagged)
		if refuses {
			w.blocked()
		} else {
			require.False(t, w.continued().Attention)
		}
		require.Equal(t, []string{"15:00 attention outcome_unknown", "56:00 attention "}, w.told("attention"))
	}
	w := newWalletWorld(t)
	w.rows.slow = true
	w.at(minute, func() { w.pay(1, true) })
	w.lives(born)
	w.requireBooked(0)
}

// A deposit that the bank tells of is booked at once, one that it does not within the hour.
func TestWalletBooksWhatArrives(t *testing.T) {
	for told, within := range map[bool]time.Duration{true: 0, false: hour} {
		w := newWalletWorld(t)
		w.at(20*minute, func() { w.pay(1, told) })
		w.at(90*minute, func() { w.pay(2, told) })
		w.at(30*hour+minute, func() { w.pay(1, told) })
		w.lives(born)
		w.requireBooked(within)
		require.Equal(t, 1, strings.Count(w.details(), "2 deposits credited"))
	}
}

// Whoever says that money came proves nothing, and may say it often.
func TestWalletIsToldOfNothing(t *testing.T) {
	w := newWalletWorld(t)
	for i := range 20 {
		w.at(minute, func() { w.signal(workflows.ArrivedSignal, struct{}{}) })
		w.at(time.Duration(i)*minute, w.repeat)
	}
	w.lives(born)
	require.Empty(t, w.rows.booked)
	require.Equal(t, 200, w.rows.looks)
}

// More than a page: the bank is asked again at once, until it has told everything.
func TestWalletBooksPageByPage(t *testing.T) {
	for deposits, looks := range map[int]int{page - 1: 1, page: 2, 3*page + 1: 4} {
		w := newWalletWorld(t)
		w.at(minute, func() { w.pay(deposits, true) })
		w.at(2*minute, func() { require.Equal(t, looks, w.rows.looks); require.Len(t, w.rows.booked, deposits) })
		w.lives(born)
		w.requireBooked(0)
	}
}

// Money that came before the account was known to us, or while the bank is being asked, is booked at once when told of.
func TestWalletIsToldInBetween(t *testing.T) {
	w := newWalletWorld(t)
	w.fails("open", times(5, pausing(7*minute))...)
	w.at(10*minute, func() { w.pay(1, true) })
	w.at(20*minute, func() { w.pay(1, true) })
	w.lives(born)
	require.Equal(t, []string{"28:00 booked 2"}, w.told("booked"), "as soon as it opened")

	w = newWalletWorld(t)
	w.fails("deposits", times(3, pausing(7*minute))...)
	w.at(minute, func() { w.pay(1, true) })
	w.at(5*minute, func() { w.pay(1, true) })
	w.lives(born)
	require.Equal(t, []string{"15:00 booked 2"}, w.told("booked"))
}

// A run ends after two hundred looks; the next one goes on where it stood, and a signal is not lost with the run.
func TestWalletGoesOn(t *testing.T) {
	w := newWalletWorld(t)
	next := w.lives(born)
	w.at(runLength+90*minute, func() { w.pay(1, false) })
	w.at(runLength+150*minute, func() { w.pay(1, true) })
	next = w.livesOn(next)
	require.Equal(t, workflows.WalletInput{WalletID: 9, UUID: payoutUUID, Merchant: "shop", Holder: "Sara", Provider: "sandbox", Open: true}, next)
	require.Equal(t, []string{"00:00 active"}, w.told("active"), "no account is asked for again")
	w.requireBooked(30 * minute)
	require.Equal(t, born.Add(2*runLength-30*minute), w.now(), "200 looks more, of which one was early")

	w = newWalletWorld(t)
	w.at(runLength-second, func() { w.fails("deposits", times(2, pausing(7*minute))...) })
	w.at(runLength+minute, func() { w.pay(1, false) })
	w.at(runLength+2*minute, func() { w.signal(workflows.ArrivedSignal, struct{}{}) }) // during the last look
	w.at(runLength+5*minute, func() { w.pay(1, false) })
	next = w.lives(born)
	require.True(t, next.Knock)
	require.Equal(t, 202, w.rows.looks, "of which one failed twice")
	w.livesOn(next)
	w.requireBooked(6 * minute)
	require.Equal(t, 402, w.rows.looks)
	require.Equal(t, born.Add(2*runLength-hour+7*minute), w.now(), "the first look of the next run is at once")
}

// However often somebody knocks, a run has an end.
func TestWalletIsKnockedAtAllTheTime(t *testing.T) {
	w := newWalletWorld(t)
	w.fails("deposits", times(9, pausing(minute))...)
	for i := range 400 {
		w.at(time.Duration(i)*30*second, func() { w.signal(workflows.ArrivedSignal, struct{}{}) })
	}
	w.lives(born)
	require.Equal(t, 209, w.rows.looks, "nine of them unheard")
	require.Less(t, w.now(), born.Add(3*hour))
}

// The API waits for the account, and hears at once when there is one, or will be none.
func TestWalletOpened(t *testing.T) {
	w := newWalletWorld(t)
	w.fails("open", times(3, pausing(7*minute))...)
	var early, late *answer
	w.at(second, func() { early = w.opened() })
	w.at(14*minute-second, func() { require.False(t, early.done) })
	w.at(hour, func() { late = w.opened() })
	next := w.lives(born)
	require.Equal(t, answer{at: 14 * minute, done: true}, *early)
	require.Equal(t, answer{at: hour, done: true}, *late)

	w.at(runLength+hour, func() { late = w.opened() }) // of a later run
	w.livesOn(next)
	require.Equal(t, answer{at: runLength + hour, done: true}, *late)

	w = newWalletWorld(t)
	w.rows.refuses = true
	w.fails("open", times(3, pausing(7*minute))...)
	w.at(second, func() { early = w.opened() })
	w.live()
	w.blocked()
	require.Equal(t, answer{at: 14 * minute, done: true}, *early)
}

// An error that nobody foresaw calls a person and does not end the saga: money may still arrive. When it is over, so is
// the call; one that outlives its run is taken back by a later one.
func TestWalletUnexpectedError(t *testing.T) {
	w := newWalletWorld(t)
	w.fails("OpenAtBank", errBug, errBug) // written, and not heard
	w.at(10*hour-minute, func() { w.fails("BookArrivals", errBug); w.fails("deposits", errBug, errBug); w.pay(1, false) })
	flagged := []bool{}
	for _, at := range []time.Duration{minute, 90 * minute, 2*hour + minute, 10*hour + minute, 13*hour + minute} {
		w.at(at, func() { flagged = append(flagged, w.flagged) })
	}
	require.False(t, w.lives(born).Attention)
	require.Equal(t, []bool{true, true, false, true, false}, flagged)
	require.Equal(t, []string{
		"00:00 attention unexpected_error", "120:00 attention ", "600:00 attention unexpected_error", "780:00 attention ",
	}, w.told("attention"), "once, and taken back")
	w.requireBooked(3*hour + minute)
	require.Equal(t, 2, strings.Count(w.details(), "needs attention"), w.details())

	w = newWalletWorld(t)
	w.at(runLength-minute, func() { w.fails("deposits", errBug) })
	next := w.lives(born)
	require.True(t, next.Attention)
	require.False(t, w.livesOn(next).Attention)
	require.Equal(t, []string{"12000:00 attention unexpected_error", "12060:00 attention "}, w.told("attention"))
}

// The database is away: nothing is forgotten, and nothing is booked twice.
func TestWalletDatabaseAway(t *testing.T) {
	for _, call := range []string{"OpenAtBank", "BookArrivals"} {
		w := newWalletWorld(t)
		w.fails(call, times(9, pausing(25*minute))...)
		w.at(minute, func() { w.pay(2, true) })
		flagged := false
		w.at(2*hour, func() { flagged = w.flagged })
		w.lives(born)
		require.Equal(t, call == "OpenAtBank", flagged, "what was booked is not listed again")
		w.requireBooked(9 * 25 * minute)
	}
}

// Cancelling the saga in the Temporal UI must not make anybody overlook money.
func TestCancelWalletInTheUIChangesNothing(t *testing.T) {
	for name, at := range map[string]time.Duration{"while it opens": minute, "while it waits": 3 * hour, "while the bank is asked": 5*hour + minute} {
		t.Run(name, func(t *testing.T) {
			w := newWalletWorld(t)
			w.fails("open", times(3, pausing(7*minute))...)
			w.at(5*hour-second, func() { w.fails("deposits", times(3, pausing(7*minute))...) })
			w.at(at, func() { w.env.CancelWorkflow() })
			w.at(9*hour+minute, func() { w.pay(1, false) })
			w.lives(born)
			w.requireBooked(hour)
			require.Equal(t, "active", w.shownState)
		})
	}
}

// A worker dies after any of its steps.
func TestWalletCrashes(t *testing.T) {
	for _, refuses := range []bool{false, true} {
		for _, pause := range []time.Duration{0, second, hour} {
			for step := 1; ; step++ {
				w := newWalletWorld(t)
				w.rows.refuses = refuses
				w.at(minute, func() { w.pay(page+1, true) })
				w.liveThroughCrashes(pause, step, 2, 1)
				if refuses {
					w.blocked()
				} else {
					w.continued()
					w.requireBooked(3*hour + minute)
				}
				if !w.crashedOnce || step > 12 {
					require.Greater(t, step, 2)
					break
				}
			}
		}
	}
}

// Whatever the bank does and whatever is lost on the way, what arrived is booked once, within an hour of the last
// trouble: see walletWorld.continued.
func TestEveryWalletBooksEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWalletWorld(t)
		w.rows.refuses = rapid.IntRange(0, 6).Draw(t, "refused") == 0
		w.rows.slow = rapid.Bool().Draw(t, "slow")
		for i := range rapid.IntRange(0, 5).Draw(t, "payments") {
			deposits := rapid.IntRange(1, 2*page).Draw(t, fmt.Sprint("deposits ", i))
			told := rapid.Bool().Draw(t, fmt.Sprint("told ", i))
			w.at(cardMoment(t, fmt.Sprint("at ", i), hour), func() { w.pay(deposits, told) })
		}
		w.late = rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, 0, second, 30 * second, hour}), 0, 3).Draw(t, "signals late by")
		if rapid.IntRange(0, 4).Draw(t, "cancelled in the UI") == 0 {
			w.at(cardMoment(t, "in the UI", hour), func() {
				if w.env != nil {
					w.env.CancelWorkflow()
				}
			})
		}
		broken := []error{errSomething, pausing(7 * minute), errBug}
		tellFailures(t, w.world, []string{"OpenAtBank", "BookArrivals", "SetWalletAttention"}, "", broken, 4)
		tellFailures(t, w.world, []string{"open", "deposits"}, "", broken, 4)
		if rapid.Bool().Draw(t, "crashes") {
			crashes := rapid.SliceOfN(rapid.IntRange(1, 12), 1, 3).Draw(t, "crash after steps")
			w.liveThroughCrashes(rapid.SampledFrom([]time.Duration{0, second, hour}).Draw(t, "pause"), crashes...)
		} else {
			w.execute(born)
		}
		if w.rows.refuses {
			w.blocked()
			return
		}
		require.False(t, w.continued().Attention, "nobody is called any more\n%s", w.story())
		require.Len(t, w.rows.booked, len(w.rows.arrived), w.story())
	})
}

func TestWalletStartsVisible(t *testing.T) {
	in := walletInput()
	options := in.Options()
	require.Equal(t, "wallet/"+payoutUUID, options.ID)
	require.Equal(t, "sagas", options.TaskQueue)
	require.Zero(t, options.WorkflowExecutionTimeout+options.WorkflowRunTimeout, "a saga is never cut off")
	require.Equal(t, "shop · static wallet", in.Summary())
	require.Equal(t, temporal.NewSearchAttributes(
		workflows.MerchantID.ValueSet("shop"), workflows.SagaKind.ValueSet("wallet"), workflows.SagaState.ValueSet(string(state.WalletOpening)),
		workflows.Provider.ValueSet("sandbox"),
	), options.TypedSearchAttributes)
}
