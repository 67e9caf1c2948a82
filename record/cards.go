package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/paysaga/paysaga/workflows"
)

// Invented cards of payers, with a right check digit.
const (
	payerCard = "6037990000000006"
	otherCard = "5892100000000008"
)

// transferStory is one way in which a card-to-card payment can go; the merchant's payers have five seconds,
// and the bank's SMS three more.
type transferStory struct {
	outcome string
	play    func(ctx context.Context, t transfer) error
	end     string
}

// transfers are all stories of card-to-card payments.
var transfers = []transferStory{
	{outcome: "verified", end: "verified", play: func(ctx context.Context, t transfer) error {
		return inTurn(ctx, t.namesCard, t.hears("card_set"), t.pays(payerCard), t.shows("paid by"), t.checks)
	}},
	{outcome: "verified-late", end: "verified", play: func(ctx context.Context, t transfer) error {
		return inTurn(ctx, t.expires, t.shows("expired"), t.pays(""), t.shows("paid by"), t.checks)
	}},
	{outcome: "mismatched", end: "mismatched", play: func(ctx context.Context, t transfer) error {
		return inTurn(ctx, t.namesCard, t.hears("card_set"), t.pays(otherCard))
	}},
	{outcome: "expired", end: "expired", play: func(context.Context, transfer) error { return nil }},
}

func (s transferStory) story() story {
	return story{name: "transfer-" + s.outcome, end: s.end, play: func(ctx context.Context, w *world) (string, error) {
		t, err := w.createTransfer(ctx, hasty)
		if err != nil {
			return "", err
		}
		id := workflows.TransferID(t.payID)
		return id, inTurn(ctx, w.sleeps(id), func(ctx context.Context) error { return s.play(ctx, t) })
	}}
}

// transfer is the card-to-card payment of a story.
type transfer struct {
	*world
	merchant merchant
	payID    int64
	amount   int64
}

var invoices atomic.Int64

func (w *world) createTransfer(ctx context.Context, m merchant) (transfer, error) {
	var made struct {
		PayID  int64 `json:"pay_id"`
		Amount int64 `json:"amount"`
	}
	form := url.Values{"price": {"1200000"}, "fid": {strconv.FormatInt(invoices.Add(1), 10)}}
	err := w.send(ctx, request{method: http.MethodPost, url: w.api + "/api/create", key: m.key, form: form, out: &made})
	return transfer{w, m, made.PayID, made.Amount}, err
}

func (t transfer) namesCard(ctx context.Context) error {
	form := url.Values{"pay_id": {strconv.FormatInt(t.payID, 10)}, "card": {payerCard}}
	return t.send(ctx, request{method: http.MethodPost, url: t.api + "/api/setCard", key: t.merchant.key, form: form})
}

// pays moves exactly the amount, from a card that the bank's SMS names if it is given.
func (t transfer) pays(from string) step {
	return func(ctx context.Context) error {
		_, err := t.deposit(ctx, map[string]any{"bank": "parsian", "amount": t.amount, "payer_card": from})
		return err
	}
}

func (t transfer) checks(ctx context.Context) error {
	check := t.api + "/api/check?pay_id=" + strconv.FormatInt(t.payID, 10)
	return t.send(ctx, request{method: http.MethodGet, url: check, key: t.merchant.key})
}

// expires waits until the payer's time is over, at which the saga wakes by itself.
func (t transfer) expires(ctx context.Context) error {
	return await(ctx, "the end of the payer's time", func() (bool, error) {
		h, err := t.history(ctx, workflows.TransferID(t.payID))
		return err == nil && tasks(h) > 0, err
	})
}

func (t transfer) hears(signal string) step {
	return t.world.hears(workflows.TransferID(t.payID), signal)
}

func (t transfer) shows(text string) step { return t.world.shows(workflows.TransferID(t.payID), text) }

// shows waits until the saga's details say something: then it has taken the news.
func (w *world) shows(sagaID, text string) step {
	return func(ctx context.Context) error {
		return await(ctx, strconv.Quote(text)+" in the details of "+sagaID, func() (bool, error) {
			details, err := w.details(ctx, sagaID)
			return strings.Contains(details, text), err
		})
	}
}

// depositStory is one way in which money without an owner can go.
type depositStory struct {
	outcome string
	overdue bool // its merchant gives people one second
	word    url.Values
	end     string
}

// deposits are all stories of deposits without an owner.
var deposits = []depositStory{
	{outcome: "assigned", end: "assigned", word: url.Values{"action": {"assign"}, "reason": {"the payer sent a receipt"}}},
	{outcome: "refunded", end: "refunded", word: url.Values{"action": {"refund"}, "reason": {"nobody asked for it"}, "reference": {"732150889041"}}},
	{outcome: "ignored", end: "ignored", word: url.Values{"action": {"ignore"}, "reason": {"interest of the bank"}}},
	{outcome: "overdue", overdue: true, end: "ignored", word: url.Values{"action": {"ignore"}, "reason": {"seen too late"}}},
}

func (s depositStory) story() story {
	return story{name: "deposit-" + s.outcome, end: s.end, play: func(ctx context.Context, w *world) (string, error) {
		m, waits := taxi, "a person decides"
		if s.overdue {
			var err error
			if m, err = w.impatient(ctx); err != nil {
				return "", err
			}
			waits = "deposit_overdue"
		}
		word := url.Values{"by": {"recorder"}}
		for field, value := range s.word {
			word[field] = value
		}
		if s.end == "assigned" {
			t, err := w.createTransfer(ctx, m)
			if err != nil {
				return "", err
			}
			word.Set("pay_id", strconv.FormatInt(t.payID, 10))
		}
		id, err := w.deposit(ctx, map[string]any{"bank": "saman", "amount": 777_000 + invoices.Add(1), "token": m.key})
		if err != nil {
			return "", err
		}
		sagaID := workflows.DepositID(id)
		return sagaID, inTurn(ctx, w.shows(sagaID, waits), func(ctx context.Context) error {
			resolve := fmt.Sprintf("%s/api/deposits/%d/resolve", w.api, id)
			return w.send(ctx, request{method: http.MethodPost, url: resolve, key: m.key, form: word})
		})
	}}
}

// impatient makes a merchant whose deposits may wait for a second.
func (w *world) impatient(ctx context.Context) (merchant, error) {
	const id = "impatient"
	if _, err := w.paysaga(ctx, "merchant", "put", id, "--gateways", "sandbox", "--deposit-patience", "1s"); err != nil {
		return merchant{}, err
	}
	key, err := w.paysaga(ctx, "key", "create", id)
	return merchant{id, strings.TrimSpace(key)}, err
}

// deposit lets the sandbox's phone get the bank's SMS and forward it; it answers the deposit's number.
func (w *world) deposit(ctx context.Context, moves map[string]any) (int64, error) {
	var report struct {
		Sent []struct {
			Status int `json:"status"`
			Body   struct {
				Messages []struct {
					Result  string `json:"result"`
					Deposit int64  `json:"deposit_id"`
				} `json:"messages"`
			} `json:"body"`
		} `json:"sent"`
	}
	if err := w.send(ctx, request{method: http.MethodPost, url: w.sandbox + "/phone", json: moves, out: &report}); err != nil {
		return 0, err
	}
	for _, sent := range report.Sent {
		for _, m := range sent.Body.Messages {
			if m.Deposit != 0 {
				return m.Deposit, nil
			}
		}
	}
	return 0, fmt.Errorf("the phone's message became no deposit: %+v", report.Sent)
}
