package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// failReset breaks the connection at once, as a crashed receiver does.
const failReset = "reset"

// inboxFailures are drawn in this order; the first that hits is played. "slow" comes on top of it.
var inboxFailures = []string{failTimeoutBefore, failReset, failRefuse, failGarbage, failTimeoutAfter}

// InboxRules are the failures of all inboxes, as rates of 0–1. What is refused is answered 503; garbage is not HTTP.
// Only timeout_after has the message accepted.
type InboxRules struct {
	Rates map[string]float64
	Hold  time.Duration // how long an unanswered call is held
	Delay time.Duration // how long a slow answer takes
}

func parseInboxRules(fields map[string]json.RawMessage) (InboxRules, error) {
	known := append(slices.Clone(inboxFailures), failSlow)
	r := InboxRules{Rates: map[string]float64{}}
	for name, raw := range fields {
		var err error
		switch {
		case slices.Contains(known, name):
			r.Rates[name], err = parseRate(raw)
		case name == "hold":
			r.Hold, err = parseDuration(raw)
		case name == "delay":
			r.Delay, err = parseDuration(raw)
		default:
			err = fmt.Errorf("unknown; use %v, hold, delay", known)
		}
		if err != nil {
			return InboxRules{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}

// IsZero says whether there are no rules.
func (r InboxRules) IsZero() bool { return len(r.set().fields()) == 0 }

// MarshalJSON writes the rules as parseInboxRules reads them.
func (r InboxRules) MarshalJSON() ([]byte, error) { return json.Marshal(r.set().fields()) }

func (r InboxRules) set() RuleSet { return RuleSet{Rates: r.Rates, Hold: r.Hold, Delay: r.Delay} }

// draw decides which failure, if any, this arrival plays, and how slow it is.
func (r InboxRules) draw() (failure string, slow time.Duration) {
	if hits(r.Rates[failSlow]) {
		slow = orElse(r.Delay, defaultSlow)
	}
	for _, f := range inboxFailures {
		if hits(r.Rates[f]) {
			return f, slow
		}
	}
	return "", slow
}
