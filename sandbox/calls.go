package sandbox

import (
	"sync"
	"time"
)

// Call is one request a bank or the operator answered, or did not. Kept in memory only, the last keptCalls
// of them.
type Call struct {
	At      time.Time `json:"at"`
	Bank    string    `json:"bank"` // or "operator", "payout", "wallet"
	Op      string    `json:"op"`
	Invoice int64     `json:"invoice"`        // at a bank
	Key     string    `json:"key,omitempty"`  // at the operator; of a payout its reference; of a wallet reference or IBAN
	Answer  int       `json:"answer"`         // HTTP status; 0 = no answer was sent
	Effect  bool      `json:"effect"`         // the book changed
	Rule    string    `json:"rule,omitempty"` // the failure that was played
}

const keptCalls = 100_000

type callLog struct {
	mu    sync.Mutex
	calls []Call
}

func (l *callLog) add(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) == 2*keptCalls {
		l.calls = append(l.calls[:0], l.calls[keptCalls:]...)
	}
	l.calls = append(l.calls, c)
}

func (l *callLog) list(match func(c *Call) bool) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Call{}
	for i := range l.calls {
		if match(&l.calls[i]) {
			out = append(out, l.calls[i])
		}
	}
	return out
}
