package store

import "time"

// Seconds is an interval as PostgreSQL's extract(epoch …) gives it.
type Seconds float64

// Duration converts to Go's type.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// texts turns states into plain strings for = ANY(…).
func texts[S ~string](states []S) []string {
	out := make([]string, len(states))
	for i, s := range states {
		out[i] = string(s)
	}
	return out
}
