package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/testbrowser"
	"github.com/paysaga/paysaga/workflows"
)

// Card to card, as merchant, payer, phone and operator meet it.

// transfer is what create answers.
type transfer struct {
	PayID  int64  `json:"pay_id"`
	Amount int64  `json:"amount"`
	Expire int64  `json:"expire"`
	Link   string `json:"link"`
	Cart   []struct {
		Number string `json:"number"`
	} `json:"cart"`
}

// cardAnswer is an answer of the dialect without content.
type cardAnswer struct {
	Status bool   `json:"status"`
	Code   int    `json:"code"`
	Msg    string `json:"msg"`
}

// cards sends a call of the card-to-card dialect.
func (m merchant) cards(ctx context.Context, method, path string, form url.Values) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, m.h.inst.APIURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return reply{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("token", m.key)
	return send(req)
}

var invoices atomic.Int64

// asks creates a transfer.
func (m merchant) asks(t *testing.T, price int64, more ...string) transfer {
	t.Helper()
	form := url.Values{"price": {fmt.Sprint(price)}, "fid": {fmt.Sprint(time.Now().UnixNano() + invoices.Add(1))}, "callback": {m.h.inst.APIURL + "/docs"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	r, err := m.cards(t.Context(), http.MethodPost, "/api/create", form)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	var out transfer
	require.NoError(t, json.Unmarshal(r.body, &out))
	require.Greater(t, out.Amount, price)
	return out
}

// checks answers the contract's code of a check.
func (m merchant) checks(t *testing.T, tr transfer) int {
	t.Helper()
	r, err := patiently(t.Context(), func() (reply, error) {
		return m.cards(t.Context(), http.MethodGet, fmt.Sprintf("/api/check?pay_id=%d", tr.PayID), nil)
	})
	require.NoError(t, err)
	var a cardAnswer
	require.NoError(t, json.Unmarshal(r.body, &a), "%s", r.body)
	return a.Code
}

// smsResult is what became of a forwarded SMS.
type smsResult struct {
	Result    string `json:"result"`
	PayID     int64  `json:"pay_id"`
	DepositID int64  `json:"deposit_id"`
}

// phone has the sandbox's phone get and forward an SMS.
func (h *house) phone(t *testing.T, wish map[string]any) []smsResult {
	t.Helper()
	r, err := sendJSON(t.Context(), http.MethodPost, h.inst.SandboxURL+"/phone", wish)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	var did struct {
		Sent []struct {
			Status int `json:"status"`
			Body   struct {
				Messages []smsResult `json:"messages"`
			} `json:"body"`
		} `json:"sent"`
	}
	require.NoError(t, json.Unmarshal(r.body, &did))
	var results []smsResult
	for _, s := range did.Sent {
		require.Equal(t, http.StatusOK, s.Status, "%s", r.body)
		results = append(results, s.Body.Messages...)
	}
	return results
}

// ended waits for a saga's result.
func ended[T any](t *testing.T, h *house, id string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var out T
	await(t, soon, id+" is there", func() (bool, string) {
		_, err := h.temporal.DescribeWorkflow(ctx, id, "")
		return err == nil, fmt.Sprint(err)
	})
	require.NoError(t, h.temporal.GetWorkflow(ctx, id, "").Get(ctx, &out))
	return out
}

func TestTransferIsPaidAndVerifiedOnce(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	tr := m.asks(t, 250_000)
	require.Equal(t, 7, m.checks(t, tr))
	results := h.phone(t, map[string]any{"bank": "saman", "amount": tr.Amount, "card": tr.Cart[0].Number, "times": 3})
	require.Equal(t, smsResult{"paid", tr.PayID, results[0].DepositID}, results[0])
	for _, again := range results[1:] {
		require.Equal(t, smsResult{"duplicate", tr.PayID, results[0].DepositID}, again)
	}
	require.Equal(t, 201, m.checks(t, tr))
	require.Equal(t, 200, m.checks(t, tr))
	require.EqualValues(t, "verified", ended[workflows.TransferResult](t, h, workflows.TransferID(tr.PayID)).State)

	second := h.phone(t, map[string]any{"bank": "saman", "amount": tr.Amount, "card": tr.Cart[0].Number})
	require.Equal(t, "queued", second[0].Result, "paid again")
	m.resolves(t, second[0].DepositID, "refund", 0)
}

// resolves is a person's word on a deposit.
func (m merchant) resolves(t *testing.T, deposit int64, action string, payID int64) {
	t.Helper()
	form := url.Values{"action": {action}, "by": {"Sara N."}, "reason": {"seen in the banking app"}}
	if payID > 0 {
		form.Set("pay_id", fmt.Sprint(payID))
	}
	path := fmt.Sprintf("/api/deposits/%d/resolve", deposit)
	r, err := m.cards(t.Context(), http.MethodPost, path, form)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	r, err = m.cards(t.Context(), http.MethodPost, path, form)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, r.status, "twice")
	got := ended[workflows.DepositResult](t, m.h, workflows.DepositID(deposit))
	require.Equal(t, payID, got.PayID)
}

func TestTransferExpires(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.hasty()
	tr := m.asks(t, 120_000)
	await(t, soon, "expired", func() (bool, string) { code := m.checks(t, tr); return code == 6, fmt.Sprint(code) })
	require.EqualValues(t, "expired", ended[workflows.TransferResult](t, h, workflows.TransferID(tr.PayID)).State)
	late := h.phone(t, map[string]any{"bank": "parsian", "amount": tr.Amount, "card": tr.Cart[0].Number})
	require.Equal(t, "queued", late[0].Result)
	m.resolves(t, late[0].DepositID, "assign", tr.PayID)
	require.Equal(t, 201, m.checks(t, tr), "a person found its owner")
}

func TestTransferFromAnotherCard(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.hasty()
	tr := m.asks(t, 130_000, "card", "6037991234567893")
	results := h.phone(t, map[string]any{"bank": "parsian", "amount": tr.Amount, "card": tr.Cart[0].Number, "payer_card": "6219860000000019"})
	require.Equal(t, "queued", results[0].Result)
	require.Equal(t, 199, m.checks(t, tr))
	require.EqualValues(t, "mismatched", ended[workflows.TransferResult](t, h, workflows.TransferID(tr.PayID)).State)
	m.resolves(t, results[0].DepositID, "assign", tr.PayID)
	require.Equal(t, 201, m.checks(t, tr))
}

func TestDepositNobodyOwns(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	results := h.phone(t, map[string]any{"bank": "mellat", "amount": 777_770})
	require.Equal(t, "queued", results[0].Result)
	described, err := h.temporal.DescribeWorkflow(t.Context(), workflows.DepositID(results[0].DepositID), "")
	if err == nil { // it may not have arrived yet; the list of those that need a person is asked below
		require.Equal(t, "RUNNING", strings.ToUpper(described.Status.String()))
	}
	m.resolves(t, results[0].DepositID, "ignore", 0)
}

// A payer in a browser: the page turns to paid by itself, and an operator's page lists a stray deposit.
func TestTransferPagesInABrowser(t *testing.T) {
	t.Parallel()
	h, m := shared, shared.taxi()
	tr := m.asks(t, 410_000)
	b := newBrowser(t)
	b.Do(testbrowser.Phone(), chromedp.Navigate(tr.Link))
	b.Sees("main#transfer[data-state=pending]")
	b.Picture("transfer-1-pay")
	require.Contains(t, b.Text("main"), "۶۲۱۹ ۸۶۰۰ ۰۰۰۰ ۰۰۱۹")
	h.phone(t, map[string]any{"bank": "saman", "amount": tr.Amount, "card": tr.Cart[0].Number})
	b.Sees("main#transfer[data-state=paid]") // by itself
	b.Picture("transfer-2-paid")
	require.Equal(t, 201, m.checks(t, tr))

	stray := h.phone(t, map[string]any{"bank": "saman", "amount": tr.Amount + 5, "card": tr.Cart[0].Number})
	row := fmt.Sprintf(`[data-deposit="%d"]`, stray[0].DepositID)
	b.Do(testbrowser.Desktop(), chromedp.Navigate(h.inst.APIURL+"/ops/deposits?lang=en"))
	b.Write("#key input", "test-operator")
	b.Click("#key button")
	b.Sees(row)
	b.Picture("ops-deposits")
	require.Contains(t, b.Text(row), "No transfer waits for this amount")
	b.Click(row + " [data-open]")
	b.Sees(row + " form.resolve")
	b.Picture("ops-resolve")
	require.Empty(t, b.Barriers())
	b.Click("#language")
	b.Sees("html[lang=fa] " + row)
	b.Picture("ops-deposits-fa")
	require.Contains(t, b.Text(row), "هیچ پرداختی منتظر این مبلغ نیست")
	require.Empty(t, b.Barriers())
	b.AsksOnly(h.inst.APIURL)
	m.resolves(t, stray[0].DepositID, "ignore", 0)
}
