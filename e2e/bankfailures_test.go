package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The bank fails in every way it can, at every call, and all payments still end right.
func TestBankFailures(t *testing.T) {
	h := breakable(t)
	for _, failure := range []string{"timeout_before", "timeout_after", "unknown", "garbage", "slow"} {
		t.Run(failure, func(t *testing.T) {
			h.rules(t, map[string]any{failure: 0.3, "hold": "300ms", "delay": "1s"})
			taxi, hasty := h.taxi(), h.hasty()
			journeys := []*journey{
				{m: taxi, do: "pay", collect: true},
				{m: taxi, do: "lose_callback", collect: true},
				{m: taxi, do: "pay", auto: true},
				{m: taxi, do: "callback_twice", cancel: true},
				{m: hasty, do: "pay"},
				{m: hasty, do: "lose_callback"},
			}
			for i, j := range journeys {
				j.key = fmt.Sprintf("%s-%d", failure, i)
			}
			travelTogether(t, time.Minute, journeys)
			h.awaitEnds(t, time.Minute, journeys)
			h.rules(t, map[string]any{})
			require.NoError(t, h.audit())
			t.Log(h.arrived(t, journeys))
		})
	}
}
