package cmd

import (
	"os"
	"runtime/debug"
)

// collectAtPercent: our processes live on small heaps with much short-lived garbage, and collecting at
// every doubling cost a tenth of their CPU.
const collectAtPercent = 400

// tuneMemory sets what GOGC did not.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAtPercent)
	}
}
