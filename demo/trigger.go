package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/paysaga/paysaga/money"
)

// Event is something that [Trigger] can make happen.
type Event struct {
	Name     string // as webhooks name it
	Merchant string // to whom it happens: whose webhooks tell of it
	About    string
	run      func(context.Context, *walker) error
}

// Events lists what [Trigger] can make happen. A merchant with short deadlines has the events that need one.
func Events() []Event {
	return []Event{
		{"payment.paid", taxi.id, "a payer pays at the bank; nobody collects", paidEvent},
		{"payment.collected", taxi.id, "paid with a tip and collected", collectedPayment},
		{"payment.refunded", taxi.id, "paid, and declined by the merchant", refundedEvent},
		{"payment.failed", fast.id, "declined at the bank, until the deadline", failedPayment},
		{"transfer.paid", taxi.id, "card to card: the bank's SMS finds its transfer", paidTransferEvent},
		{"transfer.verified", taxi.id, "… and the merchant checks it", verifiedTransfer},
		{"transfer.mismatched", fast.id, "card to card: paid from another card than the payer named", mismatchedTransfer},
		{"transfer.expired", fast.id, "card to card: nobody pays", expiredTransfer},
		{"deposit.suspense", taxi.id, "money arrives that no transfer asked for", suspenseEvent},
		{"deposit.refunded", taxi.id, "… and a person resolves it", strayDeposit},
		{"topup.delivered", taxi.id, "a mobile charge is bought from the balance", topUpEvent},
		{"payout.paid", taxi.id, "money is sent from the balance to an account", paidPayout},
		{"wallet.credited", taxi.id, "a customer pays into a static account", creditedWallet},
		{"purchase.completed", taxi.id, "a branch sells something online", purchaseEvent},
	}
}

// ErrNoEvent means that nothing of this name can be triggered.
var ErrNoEvent = errors.New("no such event")

// Trigger makes one event happen over the public API and the sandbox, and returns when it has.
func Trigger(ctx context.Context, cfg Config, name string) error {
	var names []string
	for _, e := range Events() {
		if e.Name == name {
			return e.run(ctx, newWalker(cfg.withDefaults()))
		}
		names = append(names, e.Name)
	}
	return fmt.Errorf("%w: %q; there are %s", ErrNoEvent, name, strings.Join(names, ", "))
}

func paidEvent(ctx context.Context, w *walker) error {
	token, err := w.paid(ctx)
	if err == nil {
		w.done("payment/"+token, "paid")
	}
	return err
}

func refundedEvent(ctx context.Context, w *walker) error {
	token, err := w.paid(ctx)
	if err != nil {
		return err
	}
	w.say("The merchant declines.")
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/api/v1/payments/" + token + "/cancel", key: taxi.key}
	w.show(c)
	status, err := w.send(ctx, c, nil)
	if err != nil {
		return err
	}
	w.answer(status, "OK")
	return w.finish(ctx, taxi, token, "refunded")
}

// paid makes a payment and has it paid.
func (w *walker) paid(ctx context.Context) (token string, err error) {
	w.say("The merchant asks for money, the payer pays.")
	if token, err = w.create(ctx, taxi, 1_200_000, "Taxi fare, Valiasr to Tajrish"); err != nil {
		return "", err
	}
	if err := w.pay(ctx, payerWish{Link: w.payLink(token), Do: "pay"}); err != nil {
		return "", err
	}
	_, err = w.await(ctx, taxi, token, "paid")
	return token, err
}

func paidTransferEvent(ctx context.Context, w *walker) error {
	w.say("The payer transfers the amount; the bank's SMS reaches the merchant's phone, which forwards it.")
	t, err := w.createTransfer(ctx, taxi, 250_000, "")
	if err != nil {
		return err
	}
	if err := w.phone(ctx, phoneWish{Bank: "saman", Amount: t.Amount, Card: t.Cart[0].Number}, "paid"); err != nil {
		return err
	}
	w.done(t.saga(), "paid")
	return nil
}

func suspenseEvent(ctx context.Context, w *walker) error {
	w.say("Money arrives that no transfer asked for.")
	deposit, err := w.stray(ctx, phoneWish{Bank: "mellat", Amount: strayAmount})
	if err != nil {
		return err
	}
	w.done(fmt.Sprintf("deposit/%d", deposit), "suspense: it waits for a person")
	return nil
}

func topUpEvent(ctx context.Context, w *walker) error {
	w.say("The merchant buys %s rial for a mobile number.", money.Rial(topUpPrice))
	order, code := w.newTopUp()
	if err := w.orderTopUp(ctx, order); err != nil {
		return err
	}
	return w.followTopUp(ctx, code)
}

func purchaseEvent(ctx context.Context, w *walker) error {
	if w.cfg.BranchToken == "" {
		return errNoToken
	}
	w.say("The branch sells something, the payer pays, the purchase completes itself.")
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/api/v2/purchase", key: "Bearer " + w.cfg.BranchToken,
		json: map[string]any{"amount": 850_000, "description": "Two tickets"}}
	w.show(c)
	var made struct {
		Payload purchase `json:"payload"`
	}
	status, err := w.send(ctx, c, &made)
	if err != nil {
		return err
	}
	p := made.Payload
	w.answer(status, fmt.Sprintf("purchase %d, page %s", p.ID, p.Link))
	if err := w.pay(ctx, payerWish{Link: p.Link, Do: "pay"}); err != nil {
		return err
	}
	if p, err = w.awaitPurchase(ctx, p.ID); err != nil {
		return err
	}
	w.done(fmt.Sprintf("purchase/%d", p.ID), p.Reference)
	return nil
}
