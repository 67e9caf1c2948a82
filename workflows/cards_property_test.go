package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paysaga/paysaga/state"
)

// Whatever payers, merchants, people and dispatchers do, in whatever order and however often, a transfer's
// saga ends where its row is, and never while the deposit may still come: see cardWorld.endedTransfer.
func TestEveryTransferEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTransferWorld(t)
		tellTransfer(t, w)
		w.live()
		checkTransferEnd(t, w)
	})
}

// The same when the worker dies at any moment, up to three times, for any time.
func TestEveryTransferWithCrashesEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTransferWorld(t)
		tellTransfer(t, w)
		crash(t, w)
		checkTransferEnd(t, w)
	})
}

func TestEveryDepositEndsWell(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newDepositWorld(t)
		for i := range rapid.IntRange(0, 3).Draw(t, "words") {
			as := rapid.SampledFrom([]state.Deposit{state.DepositAssigned, state.DepositRefunded, state.DepositIgnored}).Draw(t, fmt.Sprint("word ", i))
			w.at(cardMoment(t, fmt.Sprint("word at ", i), patience), func() { w.decide(words[as]) })
		}
		tellTrouble(t, w, patience, "SetDepositAttention")
		w.at(4*24*hour, func() { w.decide(words[state.DepositIgnored]) })
		if rapid.Bool().Draw(t, "crashes") {
			crash(t, w)
		} else {
			w.live()
		}
		w.endedDeposit()
	})
}

func tellTransfer(t *rapid.T, w *cardWorld) {
	events := []struct {
		name string
		most int
		do   func()
	}{
		{"card", 2, w.setCard}, {"deposit", 2, w.pay}, {"deposit from another card", 1, w.payFromElsewhere},
		{"assign", 2, w.assign}, {"check", 3, w.check},
	}
	for _, e := range events {
		for i := range rapid.IntRange(0, e.most).Draw(t, e.name) {
			w.at(cardMoment(t, fmt.Sprint(e.name, " at ", i), payerTime, reservation), e.do)
		}
	}
	tellTrouble(t, w, payerTime, "TransferDeadline", "SetTransferAttention")
	w.at(4*24*hour, w.check) // a person calls the merchant, who asks at last
}

// tellTrouble is what may always go wrong.
func tellTrouble(t *rapid.T, w *cardWorld, deadline time.Duration, calls ...string) {
	w.cards.behind = time.Duration(rapid.SampledFrom([]int{0, 0, 1500}).Draw(t, "database clock behind")) * time.Millisecond
	for i := range rapid.IntRange(0, 3).Draw(t, "repeats") {
		w.at(cardMoment(t, fmt.Sprint("repeat ", i), deadline), w.repeat)
	}
	late := rapid.SampledFrom([]time.Duration{0, 0, 0, second, 30 * second, 5 * minute, 25 * minute, 3 * hour})
	w.late = rapid.SliceOfN(late, 0, 6).Draw(t, "signals late by")
	if rapid.IntRange(0, 4).Draw(t, "cancelled in the UI") == 0 {
		w.at(cardMoment(t, "in the UI", deadline), func() {
			if w.env != nil {
				w.env.CancelWorkflow()
			}
		})
	}
	tellFailures(t, w.world, calls, "", []error{errSomething}, 9)
}

// cardMoment is an instant of a story; the given ones come up more often than chance has it.
func cardMoment(t *rapid.T, what string, often ...time.Duration) time.Duration {
	near := []time.Duration{second, minute}
	for _, at := range often {
		near = append(near, at-second, at, at+second)
	}
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, 2*60*60).Draw(t, "second")) * second
		}),
		rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.IntRange(1, 60).Draw(t, "hour")) * hour
		}),
		rapid.SampledFrom(near),
	).Draw(t, what)
}

func crash(t *rapid.T, w *cardWorld) {
	crashes := rapid.SliceOfN(rapid.IntRange(1, 5), 1, 3).Draw(t, "crash after steps")
	pause := rapid.SampledFrom([]time.Duration{second, minute, 40 * minute, 5 * hour}).Draw(t, "pause")
	w.liveThroughCrashes(pause, crashes...)
}

// checkTransferEnd holds the outcome against what happened.
func checkTransferEnd(t *rapid.T, w *cardWorld) {
	end := w.endedTransfer().State
	switch {
	case end == state.TransferExpired && w.now().Before(born.Add(reservation)):
		t.Fatalf("ended while a late deposit may still come\n%s", w.story())
	case end == state.TransferVerified && w.cards.transfer != end:
		t.Fatalf("verified, but the row is %s\n%s", w.cards.transfer, w.story())
	}
}
