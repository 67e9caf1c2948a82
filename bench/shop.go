package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/config"
	"github.com/paysaga/paysaga/money"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// shop drives card-to-card transfers over HTTP: a merchant of its own, its payers, and its phone.
type shop struct {
	id, url, key string
	http         *http.Client
	first        int64 // invoice numbers begin here
	invoices     atomic.Int64
	balance      atomic.Int64 // of the shop's account; no two deposits leave the same
}

const (
	shopCard    = vault.PAN("6219860000000019") // invented, with a right check digit
	shopAccount = "826-810-3456701-1"
)

// openShop makes the merchant, by the store: what is measured is not how it came to be.
func openShop(ctx context.Context, db *bun.DB, apiURL string) (*shop, error) {
	cfg, err := config.Load()
	if err != nil {
		return nil, err
	}
	v, err := vault.New(cfg.VaultKeys.Reveal())
	if err != nil {
		return nil, err
	}
	now := time.Now()
	s := &shop{
		id: "bench-" + strconv.FormatInt(now.Unix(), 36), url: apiURL, key: store.NewKey(),
		http: newClient(3 * sagasAtOnce), first: now.UnixMicro(),
	}
	s.balance.Store(50_000_000)
	rows := store.New(db, nil)
	m, err := rows.PutMerchant(ctx, store.Merchant{PublicID: s.id, DisplayName: "bench", CollectWindow: 20 * 60, Gateways: []string{"sandbox"}})
	if err != nil {
		return nil, err
	}
	if err := rows.PutKey(ctx, s.id, s.key, "bench", []string{auth.ScopeMerchant}); err != nil {
		return nil, err
	}
	card, err := v.Seal(m.ID, shopCard)
	if err != nil {
		return nil, err
	}
	return s, rows.AddDestinationCard(ctx, m.ID, store.DestinationCard{Bank: "saman", Holder: "bench", Accounts: []string{shopAccount}, Card: card})
}

// transfer is what create answers.
type transfer struct {
	PayID  int64      `json:"pay_id"`
	Amount money.Rial `json:"amount"`
}

func (s *shop) create(ctx context.Context) (transfer, error) {
	n := s.invoices.Add(1)
	form := url.Values{"price": {strconv.FormatInt(priceOf(n), 10)}, "fid": {strconv.FormatInt(s.first+n, 10)}}
	var t transfer
	err := s.call(ctx, http.MethodPost, "/api/create", "application/x-www-form-urlencoded", form.Encode(), &t)
	return t, err
}

// priceOf spreads invoices as a shop does: half of them are for one of twenty articles, the others for one
// of a thousand sums. In rial.
func priceOf(n int64) int64 {
	if n%2 == 0 {
		return 500_000 * (1 + n/2%20)
	}
	return 10_000 * (1 + n*7919%1000)
}

// samanDeposit is the bank's layout: amount, account, balance, time. Its date, which the bank prints too, is
// left out: it wants another calendar, and the parser does without.
const samanDeposit = "بانك سامان\nواريز مبلغ  %sريال\nبه  %s\nمانده %s\n%s"

var tehran = time.FixedZone("Asia/Tehran", 12600)

// deposit forwards the bank's SMS about a transfer's money, which must pay it.
func (s *shop) deposit(ctx context.Context, t transfer) error {
	now := time.Now()
	body, err := json.Marshal(map[string]string{
		"sender":      "+989999920000",
		"text":        fmt.Sprintf(samanDeposit, t.Amount, shopAccount, money.Rial(s.balance.Add(int64(t.Amount))), now.In(tehran).Format("15:04")),
		"received_at": now.UTC().Format(time.RFC3339),
		"message_id":  strconv.FormatInt(t.PayID, 10),
	})
	if err != nil {
		return err
	}
	var answer struct {
		Messages []struct {
			Result string `json:"result"`
			PayID  int64  `json:"pay_id"`
		} `json:"messages"`
	}
	if err := s.call(ctx, http.MethodPost, "/api/sms", "application/json", string(body), &answer); err != nil {
		return err
	}
	if len(answer.Messages) != 1 || answer.Messages[0].Result != "paid" || answer.Messages[0].PayID != t.PayID {
		return fmt.Errorf("the SMS did not pay transfer %d: %+v", t.PayID, answer.Messages)
	}
	return nil
}

// check wants one of the codes: 201 for the first of a paid transfer, 200 for the next.
func (s *shop) check(ctx context.Context, t transfer, codes ...int) error {
	var answer struct {
		Code int `json:"code"`
	}
	if err := s.call(ctx, http.MethodGet, fmt.Sprintf("/api/check?pay_id=%d", t.PayID), "", "", &answer); err != nil {
		return err
	}
	if !slices.Contains(codes, answer.Code) {
		return fmt.Errorf("check of transfer %d answered %d", t.PayID, answer.Code)
	}
	return nil
}

func (s *shop) call(ctx context.Context, method, path, contentType, body string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("token", s.key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	data, err := send(s.http, req)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, answer)
}
