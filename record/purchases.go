package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/paysaga/paysaga/workflows"
)

// purchaseStory is one way in which a purchase can go. It may be told twice: by the purchase's saga, and by
// that of the payment that is its money.
type purchaseStory struct {
	outcome    string
	hasty      bool // its branch has five seconds to complete
	play       func(ctx context.Context, p purchase) error
	end        string
	paymentEnd string // empty: the payment's history is not kept
}

// purchases are all stories of purchases.
var purchases = []purchaseStory{
	{outcome: "completed", end: "completed", paymentEnd: "collected", play: func(ctx context.Context, p purchase) error {
		return inTurn(ctx, p.pays("pay"))
	}},
	{outcome: "completed-by-put", end: "completed", paymentEnd: "collected", play: func(ctx context.Context, p purchase) error {
		return inTurn(ctx, p.pays("decline"), p.hasStatus(2), p.pays("lose_callback"), p.isRetried)
	}},
	{outcome: "completed-by-itself", end: "completed", paymentEnd: "collected", play: func(ctx context.Context, p purchase) error {
		return inTurn(ctx, p.pays("lose_callback")) // the saga looks after two minutes
	}},
	{outcome: "expired", hasty: true, end: "ended", paymentEnd: "expired", play: func(context.Context, purchase) error { return nil }},
	{outcome: "failed", hasty: true, end: "ended", play: func(ctx context.Context, p purchase) error {
		return inTurn(ctx, p.pays("decline"))
	}},
	{outcome: "refunded", hasty: true, end: "ended", paymentEnd: "refunded", play: func(ctx context.Context, p purchase) error {
		return inTurn(ctx, p.pays("pay_late"))
	}},
}

func (s purchaseStory) stories() []story {
	told := []story{s.story("purchase-"+s.outcome, s.end, purchase.sagaID)}
	if s.paymentEnd != "" {
		told = append(told, s.story("purchase-"+s.outcome+"-payment", s.paymentEnd, purchase.paymentSagaID))
	}
	return told
}

func (s purchaseStory) story(name, end string, sagaID func(purchase) string) story {
	return story{name: name, end: end, play: func(ctx context.Context, w *world) (string, error) {
		p, err := w.createPurchase(ctx, s.hasty)
		if err != nil {
			return "", err
		}
		return sagaID(p), inTurn(ctx, w.sleeps(p.sagaID()), func(ctx context.Context) error { return s.play(ctx, p) })
	}}
}

// purchase is the purchase of a story.
type purchase struct {
	payment
	id, branch int64
	key        string // a token that speaks for the branch
}

func (p purchase) sagaID() string        { return workflows.PurchaseID(p.id) }
func (p purchase) paymentSagaID() string { return workflows.PaymentID(p.token) }

const branchOfTaxi = 31

var branches atomic.Int64

func (w *world) createPurchase(ctx context.Context, hasty bool) (purchase, error) {
	branch := int64(branchOfTaxi)
	if hasty {
		var err error
		if branch, err = w.hastyBranch(ctx); err != nil {
			return purchase{}, err
		}
	}
	token, err := w.paysaga(ctx, "token", "--branch", strconv.FormatInt(branch, 10))
	if err != nil {
		return purchase{}, err
	}
	p := purchase{branch: branch, key: "Bearer " + strings.TrimSpace(token)}
	var made struct {
		Payload struct {
			ID   int64  `json:"id"`
			Link string `json:"link"`
		} `json:"payload"`
	}
	wish := map[string]any{"amount": 1_450_000, "description": "recorded"}
	err = w.send(ctx, request{method: http.MethodPost, url: w.api + "/api/v2/purchase", key: p.key, json: wish, out: &made})
	p.id, p.payment = made.Payload.ID, payment{world: w, token: made.Payload.Link[strings.LastIndex(made.Payload.Link, "/")+1:]}
	return p, err
}

// hastyBranch makes a merchant with little time, and its branch.
func (w *world) hastyBranch(ctx context.Context) (int64, error) {
	branch := branches.Add(1)
	merchant := fmt.Sprint("kiosk-", branch)
	if _, err := w.paysaga(ctx, "merchant", "put", merchant, "--gateways", "sandbox", "--collect-within", "5s"); err != nil {
		return 0, err
	}
	_, err := w.paysaga(ctx, "merchant", "branch", merchant, "--id", strconv.FormatInt(branch, 10), "--name", merchant)
	return branch, err
}

// hasStatus waits for a status, as the contract numbers it.
func (p purchase) hasStatus(want int) step {
	return func(ctx context.Context) error {
		return await(ctx, fmt.Sprint("status ", want), func() (bool, error) {
			var read struct {
				Payload struct {
					Status int `json:"status"`
				} `json:"payload"`
			}
			err := p.send(ctx, request{method: http.MethodGet, url: fmt.Sprintf("%s/api/v2/purchase/%d", p.api, p.id), key: p.key, out: &read})
			return read.Payload.Status == want, err
		})
	}
}

func (p purchase) isRetried(ctx context.Context) error {
	retry := fmt.Sprintf("%s/api/v2/purchase/retry/%d", p.api, p.id)
	return p.send(ctx, request{method: http.MethodPut, url: retry, key: p.key, json: map[string]any{"branch": p.branch}})
}
