package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/paysaga/paysaga/money"
)

const operatorKey = "test-operator"

func transferSections() []section {
	return []section{
		{"Card to card: paid by SMS, checked twice", verifiedTransfer},
		{"Card to card: paid from another card than the payer named", mismatchedTransfer},
		{"Card to card: nobody pays, expired", expiredTransfer},
		{"Card to card: a deposit of nobody, resolved by a person", strayDeposit},
	}
}

// transfer is what create answers.
type transfer struct {
	PayID  int64      `json:"pay_id"`
	Amount money.Rial `json:"amount"`
	Link   string     `json:"link"`
	Cart   []struct {
		Number string `json:"number"`
	} `json:"cart"`
}

func (t transfer) saga() string { return "transfer/" + strconv.FormatInt(t.PayID, 10) }

func verifiedTransfer(ctx context.Context, w *walker) error {
	w.say("The merchant asks for 250,000 rial. The payer must send exactly the amount that comes back.")
	t, err := w.createTransfer(ctx, taxi, 250_000, "")
	if err != nil {
		return err
	}
	w.say("Nobody has paid yet …")
	if err := w.check(ctx, taxi, t, 7); err != nil {
		return err
	}
	w.say("… the payer transfers it in any banking app; the bank's SMS reaches the merchant's phone, which forwards it …")
	if err := w.phone(ctx, phoneWish{Bank: "saman", Amount: t.Amount, Card: t.Cart[0].Number}, "paid"); err != nil {
		return err
	}
	w.say("… and the merchant delivers, once: only the first check answers 201.")
	for _, code := range []int{201, 200} {
		if err := w.check(ctx, taxi, t, code); err != nil {
			return err
		}
	}
	w.done(t.saga(), "verified")
	return nil
}

func mismatchedTransfer(ctx context.Context, w *walker) error {
	w.say("This merchant's bank prints the payer's card in its SMS, so the payer names it.")
	t, err := w.createTransfer(ctx, fast, 250_000, "6037991234567893")
	if err != nil {
		return err
	}
	w.say("The money comes from another card: it is held, and a person is called.")
	wish := phoneWish{Bank: "parsian", Amount: t.Amount, Card: t.Cart[0].Number, PayerCard: "6219860000000019"}
	if err := w.phone(ctx, wish, "queued"); err != nil {
		return err
	}
	if err := w.check(ctx, fast, t, 199); err != nil {
		return err
	}
	w.done(t.saga(), "mismatched")
	return nil
}

func expiredTransfer(ctx context.Context, w *walker) error {
	w.say("This merchant gives payers 5 seconds instead of 15 minutes.")
	t, err := w.createTransfer(ctx, fast, 120_000, "")
	if err != nil {
		return err
	}
	w.say("Nobody pays.")
	if err := w.check(ctx, fast, t, 6); err != nil {
		return err
	}
	w.done(t.saga(), "expired")
	return nil
}

const strayAmount = 333_330 // rial

func strayDeposit(ctx context.Context, w *walker) error {
	w.say("Money arrives that no transfer asked for.")
	deposit, err := w.stray(ctx, phoneWish{Bank: "mellat", Amount: strayAmount})
	if err != nil {
		return err
	}
	w.say("A person sees it at %s/ops/deposits, with the reason and what it may have been meant for …", w.cfg.APIURL)
	list := call{method: http.MethodGet, url: w.cfg.APIURL + "/api/deposits?state=suspense", token: operatorKey}
	w.show(list)
	var page struct {
		Deposits []struct {
			ID     int64  `json:"id"`
			Reason string `json:"reason"`
		} `json:"deposits"`
	}
	status, err := w.send(ctx, list, &page)
	if err != nil {
		return err
	}
	reason := ""
	for _, d := range page.Deposits {
		if d.ID == deposit {
			reason = d.Reason
		}
	}
	if reason == "" {
		return fmt.Errorf("deposit %d is not in the list", deposit)
	}
	w.answer(status, fmt.Sprintf("deposit %d: %s", deposit, reason))
	w.say("… and decides. Who and why stay in the saga.")
	c := call{
		method: http.MethodPost, url: fmt.Sprintf("%s/api/deposits/%d/resolve", w.cfg.APIURL, deposit), token: operatorKey,
		json: map[string]any{"action": "refund", "by": "Sara N.", "reason": "sent to us by mistake, returned in the banking app", "reference": "140509010042"},
	}
	w.show(c)
	if status, err = w.send(ctx, c, nil); err != nil {
		return err
	}
	w.answer(status, "OK")
	w.done(fmt.Sprintf("deposit/%d", deposit), "refunded")
	return nil
}

// invoice makes numbers that no earlier walk-through has used.
func invoice() string { return strconv.FormatInt(time.Now().UnixNano(), 10) }

func (w *walker) createTransfer(ctx context.Context, m merchant, price money.Rial, card string) (transfer, error) {
	c := call{method: http.MethodPost, url: w.cfg.APIURL + "/api/create", token: m.key, form: []field{
		{"price", strconv.FormatInt(int64(price), 10)}, {"fid", invoice()}, {"callback", w.cfg.APIURL + "/docs"},
	}}
	if card != "" {
		c.form = append(c.form, field{"card", card})
	}
	w.show(c)
	var t transfer
	status, err := w.send(ctx, c, &t)
	switch {
	case err != nil:
		return t, err
	case t.Amount <= price || len(t.Cart) == 0:
		return t, fmt.Errorf("%s answered amount %s and %d cards", c.url, t.Amount, len(t.Cart))
	}
	w.answer(status, fmt.Sprintf("pay_id %d, amount %s rial, page %s", t.PayID, t.Amount, t.Link))
	return t, nil
}

// phoneWish tells the sandbox's phone which SMS its bank sends. Amounts are rial.
type phoneWish struct {
	Bank      string     `json:"bank"`
	Amount    money.Rial `json:"amount"`
	Card      string     `json:"card,omitempty"`
	PayerCard string     `json:"payer_card,omitempty"`
}

// phone has the bank's SMS forwarded and wants to hear the given result.
func (w *walker) phone(ctx context.Context, wish phoneWish, want string) error {
	result, err := w.forward(ctx, wish)
	if err == nil && result.Result != want {
		err = fmt.Errorf("the SMS was %s, not %s", result.Result, want)
	}
	return err
}

// stray is phone for a deposit of nobody; it answers its number.
func (w *walker) stray(ctx context.Context, wish phoneWish) (int64, error) {
	result, err := w.forward(ctx, wish)
	if err == nil && result.Result != "queued" {
		err = fmt.Errorf("the SMS was %s, not queued", result.Result)
	}
	return result.DepositID, err
}

// smsResult is what the API made of an SMS.
type smsResult struct {
	Result    string `json:"result"`
	DepositID int64  `json:"deposit_id"`
}

func (w *walker) forward(ctx context.Context, wish phoneWish) (smsResult, error) {
	c := call{method: http.MethodPost, url: w.cfg.SandboxURL + "/phone", json: wish}
	w.show(c)
	var did struct {
		Sent []struct {
			Status int `json:"status"`
			Body   struct {
				Messages []smsResult `json:"messages"`
			} `json:"body"`
			Error string `json:"error"`
		} `json:"sent"`
	}
	status, err := w.send(ctx, c, &did)
	if err != nil {
		return smsResult{}, err
	}
	if len(did.Sent) != 1 || len(did.Sent[0].Body.Messages) != 1 {
		return smsResult{}, fmt.Errorf("the phone's SMS was not taken: %+v", did.Sent)
	}
	result := did.Sent[0].Body.Messages[0]
	w.answer(status, fmt.Sprintf("SMS forwarded, %s, deposit %d", result.Result, result.DepositID))
	return result, nil
}

// check asks until the contract's code comes. Some codes come with HTTP 500: the contract says so.
func (w *walker) check(ctx context.Context, m merchant, t transfer, want int) error {
	c := call{method: http.MethodGet, url: fmt.Sprintf("%s/api/check?pay_id=%d", w.cfg.APIURL, t.PayID), token: m.key}
	w.show(c)
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Patience)
	defer cancel()
	begin := time.Now()
	for {
		status, code, err := w.checkOnce(ctx, c)
		switch {
		case err != nil:
			return err
		case code == want:
			w.answer(status, fmt.Sprintf("code %d%s", code, waited(begin)))
			return nil
		case code != 7: // 7: there is still time
			return fmt.Errorf("check of %d answered code %d, not %d", t.PayID, code, want)
		}
		pause(ctx, 200*time.Millisecond)
	}
}

func (w *walker) checkOnce(ctx context.Context, c call) (status, code int, err error) {
	req, err := c.request(ctx)
	if err != nil {
		return 0, 0, err
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	var answer struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return resp.StatusCode, 0, fmt.Errorf("%s answered %d and no JSON: %w", c.url, resp.StatusCode, err)
	}
	return resp.StatusCode, answer.Code, nil
}
