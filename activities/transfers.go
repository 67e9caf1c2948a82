package activities

import (
	"context"

	"go.temporal.io/sdk/activity"

	"github.com/paysaga/paysaga/store"
)

// Transfers writes the facts of card-to-card payments and of deposits without an owner. Every activity
// is safe to run twice.
type Transfers struct {
	Store *store.Store
}

// TransferAttention says why a person must look at a transfer; empty when nobody must any more.
type TransferAttention struct {
	TransferID int64  `json:"transfer_id"`
	Reason     string `json:"reason"`
}

// DepositAttention says why a person must look at a deposit.
type DepositAttention struct {
	DepositID int64  `json:"deposit_id"`
	Reason    string `json:"reason"`
}

// TransferDeadline ends what the database clock says is over and answers where the transfer stands.
func (a *Transfers) TransferDeadline(ctx context.Context, id int64) (store.TransferDeadline, error) {
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.AtTransferDeadline(ctx, id)
}

// SetTransferAttention writes why a person must look.
func (a *Transfers) SetTransferAttention(ctx context.Context, in TransferAttention) error {
	if in.Reason != "" {
		activity.GetLogger(ctx).Warn("a transfer needs a person", "transfer", in.TransferID, "reason", in.Reason)
	}
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.SetTransferAttention(ctx, in.TransferID, in.Reason)
}

// SetDepositAttention writes why a person must look.
func (a *Transfers) SetDepositAttention(ctx context.Context, in DepositAttention) error {
	if in.Reason != "" {
		activity.GetLogger(ctx).Warn("a deposit needs a person", "deposit", in.DepositID, "reason", in.Reason)
	}
	ctx, cancel := storeDeadline(ctx)
	defer cancel()
	return a.Store.SetDepositAttention(ctx, in.DepositID, in.Reason)
}
