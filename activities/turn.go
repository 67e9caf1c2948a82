package activities

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// awaitTurn keeps within a provider's rate, for at most half of the time that is left: the rest is for the answer.
// Nothing was sent yet, so giving up is harmless.
func awaitTurn(ctx context.Context, limits map[string]*rate.Limiter, provider string) error {
	limit, ok := limits[provider]
	if !ok {
		return nil
	}
	if until, ok := ctx.Deadline(); ok {
		short, cancel := context.WithTimeout(ctx, time.Until(until)/2)
		defer cancel()
		ctx = short
	}
	if err := limit.Wait(ctx); err != nil {
		return retryable(fmt.Errorf("rate of %s: %w", provider, err), ErrUnavailable, time.Second)
	}
	return nil
}
