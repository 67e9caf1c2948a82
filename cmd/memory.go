package cmd

import (
	"os"
	"runtime/debug"
)

// Our processes live on small heaps with much short-lived garbage: collecting at every doubling cost
// a tenth of their CPU. The limit keeps a burst from growing the heap without end.
const (
	collectAtPercent = 400
	softMemoryLimit  = 512 << 20 // bytes
)

// tuneMemory sets what GOGC and GOMEMLIMIT did not.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAtPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemoryLimit)
	}
}
