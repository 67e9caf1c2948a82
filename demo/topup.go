package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/paysaga/paysaga/money"
)

func topUpSections() []section {
	return []section{
		{"Top-up: one key, one charge, although the operator's answer is lost", topUp},
	}
}

const topUpPrice = 50_000 // rial

// newTopUp is an order under a code that was never used.
func (w *walker) newTopUp() (order call, code string) {
	code = "demo-" + invoice()
	return call{
		method: http.MethodPost, url: w.cfg.APIURL + "/api/top-up", key: "Bearer " + taxi.key, idempotency: code,
		json: map[string]any{"product_id": 62, "mobile": "989021234567", "price": topUpPrice, "webservice_code": code},
	}, code
}

func topUp(ctx context.Context, w *walker) error {
	before, err := w.balance(ctx)
	if err != nil {
		return err
	}
	w.say("The operator will deliver, and then never answer.")
	if err := w.rules(ctx, map[string]any{"operator": map[string]any{"submit": map[string]any{"timeout_after": 1}}}); err != nil {
		return err
	}
	w.say("The merchant buys %s rial for a mobile number. Nobody knows whether it was delivered, so it is asked.", money.Rial(topUpPrice))
	order, code := w.newTopUp()
	for _, again := range []bool{false, true} {
		if again {
			w.say("The same request again: the same answer, no second charge.")
			if err := w.rules(ctx, map[string]any{"operator": map[string]any{}}); err != nil {
				return err
			}
		}
		if err := w.orderTopUp(ctx, order); err != nil {
			return err
		}
	}
	after, err := w.balance(ctx)
	if err != nil {
		return err
	}
	if before-after != topUpPrice {
		return fmt.Errorf("the balance fell by %s rial, not by %s", before-after, money.Rial(topUpPrice))
	}
	return w.followTopUp(ctx, code)
}

// followTopUp shows what became of it.
func (w *walker) followTopUp(ctx context.Context, code string) error {
	c := call{method: http.MethodGet, url: w.cfg.APIURL + "/api/top-up/" + code, key: "Bearer " + taxi.key}
	w.show(c)
	var top struct {
		ID        int64  `json:"id"`
		State     string `json:"state"`
		Reference string `json:"reference"`
	}
	status, err := w.send(ctx, c, &top)
	if err != nil {
		return err
	}
	w.answer(status, fmt.Sprintf("state %s, the operator's reference %s", top.State, top.Reference))
	if top.State != "delivered" {
		return fmt.Errorf("the top-up is %s", top.State)
	}
	w.done(fmt.Sprintf("topup/%d", top.ID), "delivered, once")
	return nil
}

// orderTopUp sends the order until it is decided.
func (w *walker) orderTopUp(ctx context.Context, c call) error {
	w.show(c)
	ctx, cancel := context.WithTimeout(ctx, 2*w.cfg.Patience)
	defer cancel()
	begin := time.Now()
	for {
		var answer struct {
			Message string `json:"message"`
		}
		status, err := w.send(ctx, c, &answer)
		if err != nil {
			return err
		}
		if status == http.StatusAccepted {
			pause(ctx, 200*time.Millisecond)
			continue
		}
		w.answer(status, fmt.Sprintf("message %q%s", answer.Message, waited(begin)))
		return nil
	}
}

func (w *walker) balance(ctx context.Context) (money.Rial, error) {
	c := call{method: http.MethodGet, url: w.cfg.APIURL + "/api/balance", key: "Bearer " + taxi.key}
	w.show(c)
	var answer struct {
		Balance money.Rial `json:"balance"`
	}
	status, err := w.send(ctx, c, &answer)
	if err != nil {
		return 0, err
	}
	w.answer(status, answer.Balance.String()+" rial")
	return answer.Balance, nil
}

// rules tells the sandbox how the world behaves.
func (w *walker) rules(ctx context.Context, rules map[string]any) error {
	c := call{method: http.MethodPut, url: w.cfg.SandboxURL + "/rules", json: rules}
	w.show(c)
	status, err := w.send(ctx, c, nil)
	if err == nil {
		w.answer(status, "OK")
	}
	return err
}
