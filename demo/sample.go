package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

const (
	// sampleToken is the payment of the documented examples.
	sampleToken  = "AsF42Sg53"
	sampleMobile = "09381234525" // shown as 0938*****25
)

// EnsureSample brings the documented sample payment to its end, and the sample purchase half way, so that
// the documented calls answer as written. A system without that payment is left alone. It prints nothing.
func EnsureSample(ctx context.Context, cfg Config) error {
	cfg.Out = io.Discard
	cfg = cfg.withDefaults()
	w := newWalker(cfg)
	if err := ensurePurchase(ctx, w); err != nil {
		return fmt.Errorf("sample purchase: %w", err)
	}

	var read struct {
		Info payment `json:"info"`
	}
	status, err := w.send(ctx, w.readCall(taxi, sampleToken), &read)
	switch {
	case status == http.StatusNotFound || status == http.StatusUnauthorized:
		return nil
	case err != nil:
		return fmt.Errorf("sample payment: %w", err)
	}
	state := read.Info.Outcome.State
	if state == "pending" {
		wish := payerWish{Link: w.payLink(sampleToken), Do: "pay", Mobile: sampleMobile}
		if err := w.pay(ctx, wish); err != nil {
			return fmt.Errorf("pay the sample payment: %w", err)
		}
		if _, err := w.await(ctx, taxi, sampleToken, "paid"); err != nil {
			return fmt.Errorf("sample payment: %w", err)
		}
		state = "paid"
	}
	if state == "paid" {
		if err := w.collect(ctx, taxi, sampleToken); err != nil {
			return fmt.Errorf("collect the sample payment: %w", err)
		}
	}
	return nil
}
