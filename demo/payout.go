package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/paysaga/paysaga/money"
)

// The documented merchant's number and keys in the signed dialect.
const taxiUUID = "860166ce-478c-4087-9813-55cfb6c34580"

var (
	payoutSigner  = signer{taxiUUID, "test-payout-api-key"}
	paymentSigner = signer{taxiUUID, "test-payment-api-key"}
)

const (
	payoutAmount  = 500_000 // rial
	walletAmount  = 750_000 // rial
	payoutAccount = "IR270170000000100324200001"
)

// payout is what the walk-through reads of a payout.
type payout struct {
	UUID    string `json:"uuid"`
	OrderID string `json:"order_id"`
	Status  string `json:"status"`
	IsFinal bool   `json:"is_final"`
	TxID    string `json:"txid"`
}

func (p payout) short() string {
	text := "payout " + p.UUID + ", status " + p.Status
	if p.TxID != "" {
		text += ", tracking id " + p.TxID
	}
	return text
}

func paidPayout(ctx context.Context, w *walker) error {
	w.say("The merchant sends %s rial to an account. The amount is held at once …", money.Rial(payoutAmount))
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/v1/payout", signer: payoutSigner, json: map[string]any{
		"amount": fmt.Sprint(payoutAmount), "currency": "IRR", "network": "iban", "order_id": "demo-" + invoice(), "address": payoutAccount,
	}}
	w.show(c)
	var made struct {
		Result payout `json:"result"`
	}
	status, err := w.send(ctx, c, &made)
	if err != nil {
		return err
	}
	w.answer(status, made.Result.short())
	w.say("… and leaves with the rail's next cycle.")
	p, err := w.awaitPayout(ctx, made.Result.UUID)
	if err != nil {
		return err
	}
	w.done("payout/"+p.UUID, p.Status)
	return nil
}

// awaitPayout asks until a payout is decided, and wants it paid.
func (w *walker) awaitPayout(ctx context.Context, uuid string) (payout, error) {
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/v1/payout/info", signer: payoutSigner, json: map[string]any{"uuid": uuid}}
	w.show(c)
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Patience)
	defer cancel()
	begin := time.Now()
	for {
		var read struct {
			Result payout `json:"result"`
		}
		status, err := w.send(ctx, c, &read)
		p := read.Result
		switch {
		case ctx.Err() != nil:
			return p, fmt.Errorf("payout %s is not decided after %s", uuid, w.cfg.Patience)
		case err != nil:
			return p, err
		case p.IsFinal && p.Status != "paid":
			return p, fmt.Errorf("payout %s ended %q, not paid", uuid, p.Status)
		case p.IsFinal:
			w.answer(status, p.short()+waited(begin))
			return p, nil
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// wallet is what the walk-through reads of a wallet.
type wallet struct {
	UUID     string `json:"uuid"`
	Address  string `json:"address"`
	Deposits []struct {
		TxID string `json:"txid"`
	} `json:"deposits"`
}

func creditedWallet(ctx context.Context, w *walker) error {
	w.say("The merchant gives a customer an account number for good; asked again, it is the same one.")
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/v1/wallet", signer: paymentSigner, json: map[string]any{
		"currency": "IRR", "network": "iban", "order_id": "demo-wallet",
	}}
	w.show(c)
	var opened struct {
		Result wallet `json:"result"`
	}
	status, err := w.send(ctx, c, &opened)
	switch {
	case err != nil:
		return err
	case opened.Result.Address == "":
		return fmt.Errorf("wallet %s has no account", opened.Result.UUID)
	}
	w.answer(status, "account "+opened.Result.Address)

	w.say("The customer sends %s rial there …", money.Rial(walletAmount))
	c = call{method: http.MethodPost, url: w.cfg.SandboxURL + "/wallet/deposit", json: map[string]any{"iban": opened.Result.Address, "amount": walletAmount}}
	w.show(c)
	var sent struct {
		TrackingID string `json:"tracking_id"`
	}
	if status, err = w.send(ctx, c, &sent); err != nil {
		return err
	}
	w.answer(status, "tracking id "+sent.TrackingID)
	w.say("… and it is the merchant's.")
	if err := w.awaitDeposit(ctx, opened.Result.UUID, sent.TrackingID); err != nil {
		return err
	}
	w.done("wallet/"+opened.Result.UUID, "credited")
	return nil
}

// awaitDeposit asks until a deposit was credited.
func (w *walker) awaitDeposit(ctx context.Context, uuid, trackingID string) error {
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/v1/wallet/info", signer: paymentSigner, json: map[string]any{"uuid": uuid}}
	w.show(c)
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Patience)
	defer cancel()
	begin := time.Now()
	for {
		var read struct {
			Result wallet `json:"result"`
		}
		status, err := w.send(ctx, c, &read)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("deposit %s is not credited after %s", trackingID, w.cfg.Patience)
		case err != nil:
			return err
		}
		for _, d := range read.Result.Deposits {
			if d.TxID == trackingID {
				w.answer(status, "deposit "+trackingID+" is credited"+waited(begin))
				return nil
			}
		}
		pause(ctx, 200*time.Millisecond)
	}
}
