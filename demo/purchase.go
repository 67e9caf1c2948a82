package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// samplePurchase is the purchase of the documented example, of branch 31.
	samplePurchase = 74
	sampleBranch   = 31
)

func purchaseSections() []section {
	return []section{
		{"Purchase: paid, the return was cut, completed by a retry", retriedPurchase},
	}
}

// purchase is what the walk-through reads of a purchase.
type purchase struct {
	ID        int64     `json:"id"`
	Status    int       `json:"status"`
	Reference string    `json:"reference"`
	Link      string    `json:"link"`
	CreatedAt time.Time `json:"created_at"`
}

var errNoToken = errors.New("there is no token of branch 31")

func retriedPurchase(ctx context.Context, w *walker) error {
	if w.cfg.BranchToken == "" {
		return errNoToken
	}
	w.say("Purchase %d hangs: its payer has paid, but never came back from the bank.", samplePurchase)
	p, err := w.readPurchase(ctx, samplePurchase)
	if err != nil {
		return err
	}
	if p.Status == 3 || p.Status == 4 {
		w.done(fmt.Sprintf("purchase/%d", samplePurchase), fmt.Sprintf("status %d %s: an earlier walk-through was here", p.Status, p.Reference))
		return nil
	}
	w.say("Somebody of the branch retries it: the bank is asked, the money is verified, the reference is made.")
	c := call{
		method: http.MethodPut, url: fmt.Sprintf("%s/api/v2/purchase/retry/%d", w.cfg.APIURL, samplePurchase),
		key: "Bearer " + w.cfg.BranchToken, json: map[string]any{"branch": sampleBranch},
	}
	w.show(c)
	status, body, err := w.raw(ctx, c)
	if err != nil {
		return err
	}
	w.answer(status, shorten(body))
	if status != http.StatusResetContent {
		return fmt.Errorf("the retry answered %d: %s", status, shorten(body))
	}
	if p, err = w.readPurchase(ctx, samplePurchase); err != nil {
		return err
	}
	if p.Status != 3 || p.Reference == "" {
		return fmt.Errorf("the purchase has status %d and reference %q", p.Status, p.Reference)
	}
	w.done(fmt.Sprintf("purchase/%d", samplePurchase), p.Reference)
	return nil
}

func (w *walker) purchaseCall(id int64) call {
	return call{method: http.MethodGet, url: fmt.Sprintf("%s/api/v2/purchase/%d", w.cfg.APIURL, id), key: "Bearer " + w.cfg.BranchToken}
}

func (w *walker) readPurchase(ctx context.Context, id int64) (purchase, error) {
	c := w.purchaseCall(id)
	w.show(c)
	var read struct {
		Payload purchase `json:"payload"`
	}
	status, err := w.send(ctx, c, &read)
	if err != nil {
		return purchase{}, err
	}
	w.answer(status, fmt.Sprintf("status %d %s", read.Payload.Status, read.Payload.Reference))
	return read.Payload, nil
}

// awaitPurchase reads a purchase until it is completed and shows the last answer.
func (w *walker) awaitPurchase(ctx context.Context, id int64) (purchase, error) {
	c := w.purchaseCall(id)
	w.show(c)
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Patience)
	defer cancel()
	begin := time.Now()
	for {
		var read struct {
			Payload purchase `json:"payload"`
		}
		status, err := w.send(ctx, c, &read)
		p := read.Payload
		switch {
		case ctx.Err() != nil:
			return p, fmt.Errorf("purchase %d is not completed after %s", id, w.cfg.Patience)
		case err != nil:
			return p, err
		case p.Status == 3:
			w.answer(status, fmt.Sprintf("status %d %s%s", p.Status, p.Reference, waited(begin)))
			return p, nil
		case p.Status == 4:
			return p, fmt.Errorf("purchase %d ended without a reference", id)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// raw sends a call and answers what came back, whatever it is.
func (w *walker) raw(ctx context.Context, c call) (int, string, error) {
	req, err := c.request(ctx)
	if err != nil {
		return 0, "", err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, string(body), err
}

// fresh is how old the sample purchase may be to be paid: once, when the system was just made.
const fresh = time.Minute

// ensurePurchase has the sample purchase paid at the bank, without a way back.
func ensurePurchase(ctx context.Context, w *walker) error {
	if w.cfg.BranchToken == "" {
		return nil
	}
	status, body, err := w.raw(ctx, w.purchaseCall(samplePurchase))
	if err != nil || status != http.StatusOK {
		return err // a system without it is left alone
	}
	var read struct {
		Payload purchase `json:"payload"`
	}
	if err := json.Unmarshal([]byte(body), &read); err != nil {
		return fmt.Errorf("read it: %w", err)
	}
	if read.Payload.Status != 2 || time.Since(read.Payload.CreatedAt) > fresh {
		return nil
	}
	if err := w.pay(ctx, payerWish{Link: read.Payload.Link, Do: "lose_callback"}); err != nil {
		return fmt.Errorf("pay it: %w", err)
	}
	return nil
}
