package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/paysaga/paysaga/stack"
	"github.com/paysaga/paysaga/workflows"
)

// Where the payouts of the stories go: invented numbers with right check digits.
const (
	toCard = otherCard
	toIBAN = "IR270170000000100324200001"
)

// The documented merchant signs its payouts, and asks for wallets, with these.
var (
	payoutSigner  = signer{"860166ce-478c-4087-9813-55cfb6c34580", "test-payout-api-key"}
	paymentSigner = signer{"860166ce-478c-4087-9813-55cfb6c34580", "test-payment-api-key"}
)

// payoutStory is one way in which a payout can go, by the rules of the simulated bank.
type payoutStory struct {
	outcome   string
	card      bool // settles at once; to an account it settles with the next cycle
	rules     map[string]any
	unstarted bool // no worker runs until it was played
	play      func(ctx context.Context, p payout) error
	end       string
}

// payouts are all stories of payouts.
var payouts = []payoutStory{
	{outcome: "paid", card: true, end: "paid"},
	{outcome: "sent-then-paid", end: "paid"},
	{outcome: "refused", card: true, rules: map[string]any{"send": map[string]any{"refuse": 1}}, end: "refused"},
	{outcome: "returned", rules: map[string]any{"return": 1, "cycle": "1s"}, end: "refused"},
	{outcome: "paid-after-lost-answer", card: true, rules: map[string]any{"send": map[string]any{"timeout_after": 1}, "hold": "200ms"}, end: "paid"},
	{outcome: "never-arrived", card: true, rules: map[string]any{"send": map[string]any{"timeout_before": 1}, "hold": "200ms"}, end: "unsent"},
	{outcome: "send-retried", card: true, rules: map[string]any{"exhausted": 1}, end: "paid", play: func(ctx context.Context, p payout) error {
		return inTurn(ctx, p.triesDurably("SendPayout"), p.bankWorks)
	}},
	{outcome: "resolved", card: true, rules: map[string]any{"send": map[string]any{"timeout_after": 1}, "inquire": map[string]any{"unknown": 1}, "hold": "200ms"},
		end: "paid", play: func(ctx context.Context, p payout) error {
			return inTurn(ctx, p.shows("says: unknown (unknown)"), p.isResolvedAs("paid"))
		}},
	{outcome: "cancelled", unstarted: true, end: "cancelled", play: func(ctx context.Context, p payout) error {
		return p.v1(ctx, "/v1/payout/cancel", payoutSigner, map[string]any{"uuid": p.uuid}, nil)
	}},
}

func (s payoutStory) story() story {
	alone := s.rules != nil || s.unstarted
	return story{name: "payout-" + s.outcome, alone: alone, end: s.end, play: func(ctx context.Context, w *world) (id string, err error) {
		if s.unstarted {
			if err := w.stack.Down(stack.Worker); err != nil {
				return "", err
			}
			defer func() {
				err = errors.Join(err, w.stack.Restart(ctx, stack.Worker), w.stack.WaitReady(ctx, stack.Worker))
			}()
		}
		if s.rules != nil {
			if err := w.setRules(ctx, "payout", s.rules); err != nil {
				return "", err
			}
			defer func() { err = errors.Join(err, w.setRules(ctx, "payout", map[string]any{})) }()
		}
		p, err := w.orderPayout(ctx, s.card)
		if err == nil && s.play != nil {
			err = s.play(ctx, p)
		}
		if err == nil && s.rules != nil {
			err = w.over(ctx, p.sagaID())
		}
		return p.sagaID(), err
	}}
}

// payout is the payout of a story.
type payout struct {
	*world
	uuid string
}

func (p payout) sagaID() string { return workflows.PayoutID(p.uuid) }

func (w *world) orderPayout(ctx context.Context, card bool) (payout, error) {
	wish := map[string]any{
		"amount": "500000", "currency": "IRR", "network": "iban", "address": toIBAN, "order_id": fmt.Sprint("record-", invoices.Add(1)),
	}
	if card {
		wish["network"], wish["address"] = "card", toCard
	}
	var made struct {
		UUID string `json:"uuid"`
	}
	err := w.v1(ctx, "/v1/payout", payoutSigner, wish, &made)
	return payout{w, made.UUID}, err
}

// v1 makes a signed call and reads the result in its envelope.
func (w *world) v1(ctx context.Context, path string, by signer, wish map[string]any, result any) error {
	out := struct {
		Result any `json:"result"`
	}{result}
	return w.send(ctx, request{method: http.MethodPost, url: w.api + path, signer: by, json: wish, out: &out})
}

func (p payout) shows(text string) step { return p.world.shows(p.sagaID(), text) }

func (p payout) bankWorks(ctx context.Context) error {
	return p.setRules(ctx, "payout", map[string]any{})
}

func (p payout) triesDurably(activity string) step { return p.world.triesDurably(p.sagaID(), activity) }

func (p payout) isResolvedAs(as string) step {
	return func(ctx context.Context) error {
		_, err := p.paysaga(ctx, "payout", "resolve", p.uuid, "--as", as, "--by", "recorder", "--reason", "to record it")
		return err
	}
}
