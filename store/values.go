package store

import (
	"fmt"
	"time"

	"github.com/google/uuid"
)

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

// uuidOr is the given uuid, or else a new one, in the order of time: an index on it grows at its end.
func uuidOr(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("new uuid: %w", err)
	}
	return id.String(), nil
}
