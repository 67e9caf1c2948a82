package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/store"
)

func attempt(n int) store.Try { return store.Try{Try: n} }

// paced is a pace whose clock stands still until it is told.
func paced(perEndpoint int) (*Pace, *time.Time) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	p := NewPace(perEndpoint)
	p.now = func() time.Time { return now }
	return p, &now
}

func TestPaceBoundsDeliveriesAtOnce(t *testing.T) {
	p, _ := paced(2)
	first, wait := p.Enter(1)
	require.NotNil(t, first)
	require.Zero(t, wait)
	second, _ := p.Enter(1)
	require.NotNil(t, second)
	third, wait := p.Enter(1)
	require.Nil(t, third)
	require.Equal(t, shortestTurn, wait)
	other, _ := p.Enter(2)
	require.NotNil(t, other, "another endpoint is another matter")
	first(time.Millisecond)
	again, _ := p.Enter(1)
	require.NotNil(t, again)
	none, _ := p.Enter(1)
	require.Nil(t, none)
}

// Those who wait are spread over the time that the ones before them will take; one who comes later finds the turns over.
func TestPaceSpreadsTurns(t *testing.T) {
	p, now := paced(2)
	for range 40 { // such deliveries take a second
		leave, _ := p.Enter(1)
		leave(time.Second)
	}
	for range 2 {
		_, wait := p.Enter(1)
		require.Zero(t, wait)
	}
	for i := range 10 {
		_, wait := p.Enter(1)
		require.InDelta(t, (shortestTurn + time.Duration(i)*time.Second/2).Seconds(), wait.Seconds(), 0.01)
	}
	*now = now.Add(time.Minute)
	_, wait := p.Enter(1)
	require.Equal(t, shortestTurn, wait)

	quick, _ := paced(8) // also quick ones do not come back all at once
	for range 8 {
		quick.Enter(1)
	}
	_, first := quick.Enter(1)
	_, second := quick.Enter(1)
	require.Positive(t, second-first)
}

// A receiver is slow after some slow deliveries, and no longer after some quick ones.
func TestPaceKnowsSlowReceivers(t *testing.T) {
	p, _ := paced(1)
	took := func(d time.Duration) {
		leave, _ := p.Enter(1)
		leave(d)
	}
	require.False(t, p.Slow(1), "nothing is known of it")
	took(2500 * time.Millisecond)
	require.False(t, p.Slow(1), "once is chance")
	took(2500 * time.Millisecond)
	require.True(t, p.Slow(1))
	require.False(t, p.Slow(2))
	for range 3 {
		took(5 * time.Millisecond)
	}
	require.False(t, p.Slow(1))
}

// A process does not remember every endpoint that ever was, but never one that is at work.
func TestPaceForgets(t *testing.T) {
	p, _ := paced(1)
	leave, _ := p.Enter(0)
	for id := int64(1); id < 3*manyLanes; id++ {
		done, _ := p.Enter(id)
		done(0)
	}
	require.LessOrEqual(t, len(p.endpoints), manyLanes)
	full, _ := p.Enter(0)
	require.Nil(t, full)
	leave(0)
	free, _ := p.Enter(0)
	require.NotNil(t, free)
}

func TestWishOfAReceiver(t *testing.T) {
	now := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "soon": 0, "0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-7": 0, "7.5": 0, "1e3": 0, "7s": 0,
		"86400": longestWish, "86401": longestWish, "999999999": longestWish, "9223372036854775807": longestWish,
		"-9223372036854775808": 0, "-9223372037": 0, "99999999999999999999": 0,
		"Tue, 01 Sep 2026 08:02:00 GMT":   2 * time.Minute,
		"Tue, 01 Sep 2026 07:00:00 GMT":   0,
		"Tuesday, 01-Sep-26 08:02:00 GMT": 2 * time.Minute,
		"Tue Sep  1 08:02:00 2026":        2 * time.Minute,
		"Fri, 01 Jan 2100 00:00:00 GMT":   longestWish,
		"2026-09-01T08:02:00Z":            0,
	} {
		require.Equal(t, want, wish(text, now), text)
	}
}

// The pauses of the schedule, or the receiver's longer one, each up to a tenth longer so that not all come back at once.
func TestPauseAfterAFailedAttempt(t *testing.T) {
	a := &Webhooks{Schedule: DefaultSchedule}
	require.Len(t, DefaultSchedule, 9)
	for n, pause := range DefaultSchedule {
		seen := map[time.Duration]bool{}
		for range 200 {
			got := a.failed(attempt(n+1), 0)
			require.EqualValues(t, "pending", got.Then)
			require.GreaterOrEqual(t, got.After, pause)
			require.LessOrEqual(t, got.After, pause+pause/10)
			seen[got.After] = true
		}
		require.Greater(t, len(seen), 100, "jitter")
		longer := a.failed(attempt(n+1), pause+time.Hour)
		require.GreaterOrEqual(t, longer.After, pause+time.Hour)
		require.Less(t, a.failed(attempt(n+1), time.Second).After, pause+pause/10+1, "a short wish changes nothing")
	}
	over := a.failed(attempt(len(DefaultSchedule)+1), time.Hour)
	require.EqualValues(t, "failed", over.Then)
	require.Zero(t, over.After)
}
