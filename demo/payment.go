package demo

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

// merchant is a development merchant.
type merchant struct{ id, key string }

var (
	taxi = merchant{id: "faSDF42w3Fs", key: "test"}
	fast = merchant{id: "demo-fast", key: "test-fast"} // has five seconds to collect
)

// payment is what the walk-through reads of a payment.
type payment struct {
	Token   string  `json:"token"`
	Payer   string  `json:"payer"`
	Paid    *string `json:"paid"`
	Outcome struct {
		State       string     `json:"state"`
		StateError  any        `json:"state_error"`
		TotalAmount money.Rial `json:"total_amount"`
		Tip         money.Rial `json:"tip"`
		Method      string     `json:"method"`
		RRN         string     `json:"rrn"`
	} `json:"outcome"`
}

func (p payment) short() string {
	o := p.Outcome
	text := "state " + o.State
	if p.Paid != nil {
		text += ", " + o.TotalAmount.String() + " rial"
		if o.Tip > 0 {
			text += " (tip " + o.Tip.String() + ")"
		}
		text += ", " + o.Method + ", rrn " + o.RRN
	}
	if o.StateError != nil {
		text += fmt.Sprintf(", %v", o.StateError)
	}
	return text
}

func paymentSections() []section {
	return []section{
		{"Bank payment: paid with a tip and collected", collectedPayment},
		{"Bank payment: paid, not collected, refunded by itself", refundedPayment},
		{"Bank payment: declined at the bank, failed", failedPayment},
	}
}

func collectedPayment(ctx context.Context, w *walker) error {
	const amount, tip = 1_200_000, 50_000
	w.say("The merchant asks for %s rial.", money.Rial(amount))
	token, err := w.create(ctx, taxi, amount, "Taxi fare, Valiasr to Tajrish")
	if err != nil {
		return err
	}
	w.say("The payer opens the link, adds a tip of %s rial and pays at the bank.", money.Rial(tip))
	if err := w.pay(ctx, payerWish{Link: w.payLink(token), Do: "pay", Tip: tip}); err != nil {
		return err
	}
	w.say("The merchant sees the money …")
	paid, err := w.await(ctx, taxi, token, "paid")
	if err != nil {
		return err
	}
	if paid.Outcome.TotalAmount != amount+tip {
		return fmt.Errorf("the bank took %s rial, not %s", paid.Outcome.TotalAmount, money.Rial(amount+tip))
	}
	w.say("… and claims it.")
	if err := w.collect(ctx, taxi, token); err != nil {
		return err
	}
	return w.finish(ctx, taxi, token, "collected")
}

func refundedPayment(ctx context.Context, w *walker) error {
	w.say("This merchant has 5 seconds to collect instead of 20 minutes.")
	token, err := w.create(ctx, fast, 350_000, "A ride nobody drove")
	if err != nil {
		return err
	}
	w.say("The payer pays, the merchant does not collect …")
	if err := w.pay(ctx, payerWish{Link: w.payLink(token), Do: "pay"}); err != nil {
		return err
	}
	w.say("… so the money goes back by itself.")
	return w.finish(ctx, fast, token, "refunded")
}

func failedPayment(ctx context.Context, w *walker) error {
	w.say("The same merchant asks again.")
	token, err := w.create(ctx, fast, 480_000, "A ride the bank says no to")
	if err != nil {
		return err
	}
	w.say("The payer cancels at the bank. The payment stays payable until its deadline …")
	// At the generic bank, which tells a payer who turned away from one who is still there. Real ones seldom do.
	if err := w.pay(ctx, payerWish{Link: w.payLink(token), Do: "decline", Gateway: "sandbox"}); err != nil {
		return err
	}
	w.say("… and fails then, with the bank's reason.")
	return w.finish(ctx, fast, token, "failed")
}

// create asks for a payment and returns its token.
func (w *walker) create(ctx context.Context, m merchant, amount money.Rial, description string) (string, error) {
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/api/v1/payments", key: m.key, form: []field{
		{"merchant", m.id},
		{"amount", strconv.FormatInt(int64(amount), 10)},
		{"description", description},
	}}
	w.show(c)
	var created struct {
		Info struct {
			Token string `json:"token"`
		} `json:"info"`
	}
	status, err := w.send(ctx, c, &created)
	if err != nil {
		return "", err
	}
	if created.Info.Token == "" {
		return "", fmt.Errorf("%s answered no token", c.url)
	}
	w.answer(status, "token "+created.Info.Token)
	return created.Info.Token, nil
}

// payerWish tells the sandbox what its payer does. Amounts are rial.
type payerWish struct {
	Link   string     `json:"link"`
	Do     string     `json:"do"`
	Tip    money.Rial `json:"tip"`
	Mobile string     `json:"mobile,omitempty"`
	// Gateway is where the payer goes; empty is where the page suggests.
	Gateway string `json:"gateway,omitempty"`
}

// pay sends the sandbox's payer to the pay link.
func (w *walker) pay(ctx context.Context, wish payerWish) error {
	c := call{method: http.MethodPost, url: w.cfg.SandboxURL + "/payer", json: wish}
	w.show(c)
	var did struct {
		Bank    string `json:"bank"`
		Invoice int64  `json:"invoice"`
		State   string `json:"state"`
		Error   string `json:"error"`
	}
	status, err := w.send(ctx, c, &did)
	if err != nil {
		return err
	}
	if did.Error != "" {
		return fmt.Errorf("the payer got stuck: %s", did.Error)
	}
	w.answer(status, fmt.Sprintf("went to %s (invoice %d), came back to a page in state %s", did.Bank, did.Invoice, did.State))
	return nil
}

func (w *walker) payLink(token string) string { return w.cfg.APIURL + "/pay/" + token }

func (w *walker) readCall(m merchant, token string) call {
	return call{method: http.MethodGet, url: w.cfg.APIURL + "/api/v1/payments/" + token, key: m.key}
}

func (w *walker) collect(ctx context.Context, m merchant, token string) error {
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/api/v1/payments/" + token + "/collect", key: m.key}
	w.show(c)
	status, err := w.send(ctx, c, nil)
	if err != nil {
		return err
	}
	w.answer(status, "OK")
	return nil
}

// await reads the payment until it is in the wanted state and shows the last answer.
func (w *walker) await(ctx context.Context, m merchant, token, want string) (payment, error) {
	c := w.readCall(m, token)
	w.show(c)
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Patience)
	defer cancel()
	begin := time.Now()
	var last payment
	for {
		var read struct {
			Info payment `json:"info"`
		}
		status, err := w.send(ctx, c, &read)
		switch {
		case ctx.Err() != nil:
			return last, fmt.Errorf("payment %s is still %q after %s, not %q", token, last.Outcome.State, w.cfg.Patience, want)
		case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
			pause(ctx, time.Second)
			continue
		case err != nil:
			return last, err
		}
		last = read.Info
		if last.Outcome.State == want || isFinal(last.Outcome.State) {
			w.answer(status, last.short()+waited(begin))
		}
		if last.Outcome.State == want {
			return last, nil
		}
		if isFinal(last.Outcome.State) {
			return last, fmt.Errorf("payment %s ended %q, not %q", token, last.Outcome.State, want)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

// waited mentions a wait that a person notices.
func waited(since time.Time) string {
	d := time.Since(since)
	if d < time.Second {
		return ""
	}
	return fmt.Sprintf(" (after %.1f s)", d.Seconds())
}

// finish waits for the promised end of a payment and shows it.
func (w *walker) finish(ctx context.Context, m merchant, token, want string) error {
	p, err := w.await(ctx, m, token, want)
	if err != nil {
		return err
	}
	w.done("payment/"+token, p.Outcome.State)
	return nil
}

func isFinal(state string) bool {
	switch state {
	case "collected", "refunded", "expired", "failed":
		return true
	}
	return false
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
