package demo

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

func payoutSections() []section {
	return []section{
		{"Payout: held, sent with the next cycle, paid", paidPayout},
		{"Wallet: an account number for good, and money that arrives on it", creditedWallet},
		{"Webhook: the merchant was told, with two signatures", told},
	}
}

// told follows the newest message of the walk-through from our side to the receiver's.
func told(ctx context.Context, w *walker) error {
	w.say("All of this was told to the merchant's endpoint, which is the sandbox's inbox. What was sent last?")
	c := call{method: http.MethodGet, url: w.cfg.APIURL + "/api/v1/webhook-messages?size=1", key: taxi.key}
	w.show(c)
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Patience)
	defer cancel()
	begin := time.Now()
	for {
		var list struct {
			Info struct {
				Messages []message `json:"messages"`
			} `json:"info"`
		}
		status, err := w.send(ctx, c, &list)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("the newest message is not delivered after %s", w.cfg.Patience)
		case err != nil:
			return err
		case len(list.Info.Messages) == 0:
			return fmt.Errorf("nothing was told")
		}
		if m := list.Info.Messages[0]; m.State == "delivered" {
			w.answer(status, fmt.Sprintf("%s, %s at attempt %d%s", m.Event, m.State, m.Tries, waited(begin)))
			return w.received(ctx, m)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// message is what the walk-through reads of a webhook message.
type message struct {
	ID        int64  `json:"id"`
	WebhookID string `json:"webhook_id"`
	Event     string `json:"event"`
	State     string `json:"state"`
	Tries     int    `json:"tries"`
}

// received looks at the message in the inbox, which checked both signatures.
func (w *walker) received(ctx context.Context, m message) error {
	w.say("The receiver checked the contract's sign in the body and the Standard Webhooks headers.")
	c := call{method: http.MethodGet, url: w.cfg.SandboxURL + "/inbox/dev"}
	w.show(c)
	type verdict struct {
		OK  bool   `json:"ok"`
		Why string `json:"why"`
	}
	var inbox struct {
		Messages []struct {
			ID       string  `json:"id"`
			Sign     verdict `json:"sign"`
			Standard verdict `json:"standard"`
		} `json:"messages"`
	}
	status, err := w.send(ctx, c, &inbox)
	if err != nil {
		return err
	}
	for _, got := range inbox.Messages {
		if got.ID != m.WebhookID {
			continue
		}
		if !got.Sign.OK || !got.Standard.OK {
			return fmt.Errorf("message %s is not signed right: %s %s", m.WebhookID, got.Sign.Why, got.Standard.Why)
		}
		w.answer(status, m.WebhookID+": both right")
		w.done(fmt.Sprintf("webhook/%d", m.ID), "delivered, both signatures right")
		return nil
	}
	return fmt.Errorf("message %s is not in the inbox", m.WebhookID)
}
