// Package activities is what sagas do to the world: store writes and calls to banks. Each struct
// holds the dependencies of one thing touched; its exported methods are activities.
package activities

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/store"
)

// Error types that workflows decide on. An activity error of any other type is tried again.
const (
	// ErrRefused is a bank's final no; its details are the bank's code and, where one is known, the transaction's number.
	ErrRefused = "refused"
	// ErrUnknown means that the call may have had its effect. Only asking again settles it.
	ErrUnknown = "unknown"
	// ErrUnavailable means that the call had no effect yet.
	ErrUnavailable = "unavailable"
	// ErrReceiptSpent means that the bank's transaction already paid another attempt.
	ErrReceiptSpent = "receipt_spent"
)

// bankError is the one place that sorts bank errors into what Temporal retries: refused is final,
// the rest goes on, with the bank's own delay when it names one.
func bankError(err error, bankTran ...string) error {
	if err == nil {
		return nil
	}
	switch gateways.Classify(err) {
	case gateways.ClassRefused:
		var refused *gateways.Refused
		errors.As(err, &refused)
		details := []any{refused.Code}
		for _, tran := range bankTran {
			details = append(details, tran)
		}
		return temporal.NewNonRetryableApplicationError(err.Error(), ErrRefused, nil, details...)
	case gateways.ClassUnavailable:
		var unavailable *gateways.Unavailable
		errors.As(err, &unavailable)
		return retryable(err, ErrUnavailable, unavailable.After)
	}
	return retryable(err, ErrUnknown, 0)
}

// retryable is benign to Temporal's error metrics: a slow bank is not our bug. needs_attention is
// what alerts.
func retryable(err error, kind string, after time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(err.Error(), kind, temporal.ApplicationErrorOptions{
		NextRetryDelay: after,
		Category:       temporal.ApplicationErrorCategoryBenign,
	})
}

// storeError makes final what repeating cannot change; everything else is tried again.
func storeError(err error) error {
	if errors.Is(err, store.ErrReceiptSpent) {
		return temporal.NewNonRetryableApplicationError(err.Error(), ErrReceiptSpent, nil)
	}
	return err
}
