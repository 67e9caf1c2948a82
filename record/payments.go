package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/paysaga/paysaga/workflows"
)

// paymentStory is one way in which a payment can go.
type paymentStory struct {
	outcome  string
	merchant merchant
	auto     bool // auto_collect
	alone    bool
	play     func(ctx context.Context, p payment) error
	end      string
}

func (s paymentStory) story() story {
	return story{name: "payment-" + s.outcome, alone: s.alone, end: s.end, play: func(ctx context.Context, w *world) (string, error) {
		var fields []string
		if s.auto {
			fields = []string{"auto_collect", "true"}
		}
		token, err := w.create(ctx, s.merchant, fields...)
		if err != nil {
			return "", err
		}
		return workflows.PaymentID(token), s.play(ctx, payment{w, s.merchant, token})
	}}
}

// payment is the payment of a story.
type payment struct {
	*world
	merchant merchant
	token    string
}

// payments are all stories of bank payments.
var payments = []paymentStory{
	{outcome: "collected", merchant: taxi, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("pay"), p.is("paid"), p.collects)
	}},
	{outcome: "auto-collected", merchant: taxi, auto: true, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("pay"))
	}},
	{outcome: "callback-twice", merchant: taxi, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("callback_twice"), p.is("paid"), p.collects)
	}},
	{outcome: "collected-by-inquiry", merchant: taxi, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("lose_callback"), p.collects)
	}},
	{outcome: "collected-by-checkpoint", merchant: hasty, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("lose_callback"), p.is("paid"), p.collects)
	}},
	{outcome: "verify-unknown", merchant: taxi, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("verify_timeout"), p.is("paid"), p.collects)
	}},
	{outcome: "paid-twice", merchant: taxi, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("lose_callback"), p.pays("pay"), p.is("paid"), p.collects)
	}},
	{outcome: "refunded", merchant: hasty, end: "refunded", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("pay"))
	}},
	{outcome: "refunded-late", merchant: hasty, end: "refunded", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("pay_late"))
	}},
	{outcome: "cancelled", merchant: taxi, end: "refunded", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("pay"), p.is("paid"), p.cancels)
	}},
	{outcome: "cancelled-unpaid", merchant: taxi, end: "failed", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.cancels)
	}},
	{outcome: "failed", merchant: hasty, end: "failed", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("decline"))
	}},
	{outcome: "abandoned", merchant: hasty, end: "failed", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.leaves)
	}},
	{outcome: "expired", merchant: hasty, end: "expired", play: func(context.Context, payment) error { return nil }},

	{outcome: "settle-retried", merchant: taxi, alone: true, end: "collected", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("pay"), p.is("paid"),
			p.bankFails(map[string]any{"settle": map[string]any{"timeout_after": 1}, "hold": "200ms"}),
			p.collects, p.triesDurably("SettleAtBank"), p.bankWorks)
	}},
	{outcome: "bank-silent", merchant: hasty, alone: true, end: "refunded", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.bankFails(map[string]any{"result": map[string]any{"timeout_before": 1}, "hold": "200ms"}),
			p.pays("lose_callback"), p.triesDurably("InquireAtBank"), p.bankWorks)
	}},
	{outcome: "refund-resolved", merchant: taxi, alone: true, end: "refunded", play: func(ctx context.Context, p payment) error {
		return inTurn(ctx, p.pays("pay"), p.is("paid"), p.bankFails(map[string]any{"reverse": map[string]any{"refuse": 1}}),
			p.cancels, p.needsAPerson, p.bankWorks, p.isResolvedAs("refunded"))
	}},
}

func (p payment) pays(how string) step {
	return func(ctx context.Context) error {
		_, err := p.payer(ctx, p.token, how)
		return err
	}
}

func (p payment) leaves(ctx context.Context) error   { return p.leave(ctx, p.token) }
func (p payment) collects(ctx context.Context) error { return p.collect(ctx, p.merchant, p.token) }
func (p payment) cancels(ctx context.Context) error  { return p.cancel(ctx, p.merchant, p.token) }

// is waits for a state.
func (p payment) is(want string) step {
	return func(ctx context.Context) error {
		return await(ctx, want, func() (bool, error) {
			got, err := p.state(ctx, p.merchant, p.token)
			return got == want, err
		})
	}
}

func (p payment) bankFails(how map[string]any) step {
	return func(ctx context.Context) error { return p.setRules(ctx, "bank", how) }
}

func (p payment) bankWorks(ctx context.Context) error {
	return p.setRules(ctx, "bank", map[string]any{})
}

func (p payment) triesDurably(activity string) step {
	return p.world.triesDurably(workflows.PaymentID(p.token), activity)
}

func (p payment) needsAPerson(ctx context.Context) error {
	return await(ctx, "a person to be called", func() (bool, error) {
		list, err := p.paysaga(ctx, "payment", "stuck")
		return strings.Contains(list, p.token), err
	})
}

func (p payment) isResolvedAs(as string) step {
	return func(ctx context.Context) error {
		attempt, err := p.latestAttempt(ctx)
		if err != nil {
			return err
		}
		_, err = p.paysaga(ctx, "payment", "resolve", p.token, "--attempt", strconv.FormatInt(attempt, 10), "--as", as,
			"--by", "recorder", "--reason", "to record it")
		return err
	}
}

// latestAttempt asks the sandbox's book.
func (p payment) latestAttempt(ctx context.Context) (int64, error) {
	var book struct {
		Charges []struct {
			Invoice int64 `json:"invoice"`
		} `json:"charges"`
	}
	if err := p.send(ctx, request{method: "GET", url: p.sandbox + "/book", out: &book}); err != nil {
		return 0, err
	}
	latest := int64(0)
	for _, c := range book.Charges {
		latest = max(latest, c.Invoice)
	}
	return latest, nil
}
