package gateways

import (
	"context"
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
)

// Sessions opens sessions and remembers, in this process, how each bank did lately. A bank that failed several
// times in a row is left alone for a while; then one payer tries it. A refusal is no failure: the bank is there, and
// what it refuses is one merchant's or one payment's.
//
// Only the opening of sessions is guarded. Calls about money under way are never left out.
type Sessions struct {
	banks map[string]*gobreaker.CircuitBreaker[Redirect]
}

const (
	failuresInARow = 5           // end the patience with a bank
	failuresCount  = time.Minute // so long
)

// NewSessions watches the banks of a registry, leaving one that is down alone for pause; 0 = never. changed hears of
// a bank that is left alone (down) or well again.
func NewSessions(banks Registry, pause time.Duration, changed func(bank string, down bool)) *Sessions {
	s := &Sessions{banks: make(map[string]*gobreaker.CircuitBreaker[Redirect], len(banks))}
	if pause <= 0 {
		return s
	}
	for name := range banks {
		s.banks[name] = gobreaker.NewCircuitBreaker[Redirect](gobreaker.Settings{
			Name: name, MaxRequests: 1, Interval: failuresCount, Timeout: pause,
			ReadyToTrip:  func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresInARow },
			IsSuccessful: func(err error) bool { return err == nil || Classify(err) == ClassRefused },
			OnStateChange: func(name string, _, to gobreaker.State) {
				if to != gobreaker.StateHalfOpen { // the one payer who tries it decides
					changed(name, to == gobreaker.StateOpen)
				}
			},
		})
	}
	return s
}

// Down says that a bank is left alone now.
func (s *Sessions) Down(bank string) bool {
	b, ok := s.banks[bank]
	return ok && b.State() == gobreaker.StateOpen
}

// Open opens a session, unless its bank is left alone: that is [Unavailable] and nobody was called.
func (s *Sessions) Open(ctx context.Context, g Gateway, in Session) (Redirect, error) {
	b, ok := s.banks[g.Name()]
	if !ok {
		return g.CreateSession(ctx, in)
	}
	redirect, err := b.Execute(func() (Redirect, error) { return g.CreateSession(ctx, in) })
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return Redirect{}, &Unavailable{Op: "open session", Err: err}
	}
	return redirect, err
}
