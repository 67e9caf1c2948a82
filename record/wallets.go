package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/paysaga/paysaga/workflows"
)

// walletStory is one way in which a static wallet can go. Most live for ever.
type walletStory struct {
	outcome string
	rules   map[string]any
	play    func(ctx context.Context, s wallet) error
	end     string // empty: it goes on
}

// staticWallets are all stories of static wallets.
var staticWallets = []walletStory{
	{outcome: "credited", play: func(ctx context.Context, v wallet) error {
		return inTurn(ctx, v.isPaidInto, v.shows("1 deposits credited"))
	}},
	{outcome: "blocked", rules: map[string]any{"open": map[string]any{"refuse": 1}}, end: "blocked"},
	{outcome: "opened-after-retries", rules: map[string]any{"open": map[string]any{"timeout_before": 1}, "hold": "200ms"}, play: func(ctx context.Context, v wallet) error {
		return inTurn(ctx, v.triesDurably("OpenAtBank"), v.bankWorks, v.shows("**active**"), v.isPaidInto, v.shows("1 deposits credited"))
	}},
	{outcome: "credited-after-retries", rules: map[string]any{"deposits": map[string]any{"timeout_before": 1}, "hold": "200ms"}, play: func(ctx context.Context, v wallet) error {
		return inTurn(ctx, v.shows("**active**"), v.isPaidInto, v.triesDurably("BookArrivals"), v.bankWorks, v.shows("1 deposits credited"))
	}},
}

func (s walletStory) story() story {
	return story{name: "wallet-" + s.outcome, alone: s.rules != nil, end: s.end, endless: s.end == "", play: func(ctx context.Context, w *world) (id string, err error) {
		if s.rules != nil {
			if err := w.setRules(ctx, "wallet", s.rules); err != nil {
				return "", err
			}
			defer func() { err = errors.Join(err, w.setRules(ctx, "wallet", map[string]any{})) }()
		}
		v, opened := w.openWallet(ctx)
		if v.uuid == "" {
			return "", opened
		}
		if s.play != nil {
			err = s.play(ctx, v)
		}
		if err == nil && s.end != "" {
			err = w.over(ctx, v.sagaID())
		}
		return v.sagaID(), err
	}}
}

// wallet is the wallet of a story.
type wallet struct {
	*world
	uuid string
}

func (v wallet) sagaID() string { return workflows.WalletID(v.uuid) }

// openWallet asks for a wallet in the background: its answer waits for the account. The list names it before.
func (w *world) openWallet(ctx context.Context) (wallet, error) {
	order := fmt.Sprint("record-", invoices.Add(1))
	answered := make(chan error, 1)
	go func() {
		answered <- w.v1(ctx, "/v1/wallet", paymentSigner, map[string]any{"currency": "IRR", "network": "iban", "order_id": order}, nil)
	}()
	var is struct {
		UUID string `json:"uuid"`
	}
	err := await(ctx, "wallet "+order, func() (bool, error) {
		return w.v1(ctx, "/v1/wallet/info", paymentSigner, map[string]any{"order_id": order}, &is) == nil, nil
	})
	if err != nil {
		return wallet{}, errors.Join(err, <-answered)
	}
	return wallet{w, is.UUID}, nil
}

func (v wallet) shows(text string) step { return v.world.shows(v.sagaID(), text) }

func (v wallet) bankWorks(ctx context.Context) error {
	return v.setRules(ctx, "wallet", map[string]any{})
}

func (v wallet) triesDurably(activity string) step { return v.world.triesDurably(v.sagaID(), activity) }

// isPaidInto waits for the account and lets somebody pay into it; the bank tells us.
func (v wallet) isPaidInto(ctx context.Context) error {
	return inTurn(ctx, v.shows("**active**"), func(ctx context.Context) error {
		pays := map[string]any{"reference": v.uuid, "amount": 750_000}
		return v.send(ctx, request{method: http.MethodPost, url: v.sandbox + "/wallet/deposit", json: pays})
	})
}
