package e2e_test

import (
	"testing"

	"github.com/paysaga/paysaga/testbrowser"
)

// newBrowser starts a headless Chromium, one at a time: the other tests have deadlines.
func newBrowser(t *testing.T) *testbrowser.Browser {
	t.Helper()
	oneAtATime(t)
	return testbrowser.New(t)
}
