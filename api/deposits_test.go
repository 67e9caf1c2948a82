package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/state"
)

func (w *world) deposits(query string, token ...string) (out contracts.CardDeposits) {
	w.Helper()
	a := w.cards(request{method: "GET", path: "/api/deposits" + query, key: strings.Join(token, "")})
	require.Equal(w, http.StatusOK, a.StatusCode, a.body)
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	require.NoError(w, d.Decode(&out))
	require.Equal(w, []any{true, 200}, []any{out.Status, out.Code})
	return out
}

func (w *world) resolve(id int64, pairs ...string) answer {
	w.Helper()
	form := url.Values{"action": {"ignore"}, "by": {"Sara"}, "reason": {"own money"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "-" {
			form.Del(pairs[i])
		}
	}
	return w.cards(request{method: "POST", path: fmt.Sprintf("/api/deposits/%d/resolve", id), form: form})
}

// stray makes a deposit that nobody owns.
func (w *world) stray(amount int64, pairs ...string) int64 {
	w.Helper()
	got := w.sms(w.said(amount, pairs...))[0]
	require.Equal(w, "queued", got.Result)
	return got.DepositID
}

func TestDepositList(t *testing.T) {
	w := newWorld(t)
	a := w.cards(request{method: "GET", path: "/api/deposits"})
	golden(t, `{"status":true,"code":200,"deposits":[],"next":""}`, a.body)
	near := w.transfer("fid", "777")
	paid := w.transfer()
	w.deposit(paid)
	stray := w.stray(10_000)
	foreign := w.as("test-fast").stray(30_000, "card", parsianCard, "payer_card", payerCard)

	all := w.deposits("").Deposits
	require.Len(t, all, 2, "a merchant sees its own")
	d := all[0]
	require.Equal(t, stray, d.ID)
	require.Equal(t, []any{"faSDF42w3Fs", "saman", "بانک سامان", "826-810-3456701-1", int64(10_000), "suspense", "no_transfer", false}, []any{d.Merchant, d.Bank, d.BankName, d.Account, d.Amount, d.State, d.Reason, d.Overdue})
	require.NotNil(t, d.Balance)
	require.Nil(t, d.PayerCard)
	require.Nil(t, d.Transfer)
	require.Nil(t, d.Resolved)
	require.Empty(t, d.SagaLink, "that is for operators")
	resolveBy, err := time.Parse(time.RFC3339, d.ResolveBy)
	require.NoError(t, err)
	require.InDelta(t, 24*3600, time.Until(resolveBy).Seconds(), 60)
	require.NotEmpty(t, d.Suggestions)
	s := d.Suggestions[0]
	require.Equal(t, []any{near.PayID, int64(777), near.Amount, 10_000 - near.Amount, "pending", "price"}, []any{s.PayID, s.FID, s.Amount, s.Difference, s.State, s.Why})
	for _, s := range d.Suggestions {
		require.NotEqual(t, paid.PayID, s.PayID, "it has its money")
	}
	require.Equal(t, []any{"matched", "", paid.PayID}, []any{all[1].State, all[1].Reason, *all[1].Transfer})
	require.Empty(t, all[1].Suggestions)

	theirs := w.deposits("", "test-fast").Deposits
	require.Len(t, theirs, 1)
	require.Equal(t, []any{foreign, "demo-fast", "603799******0014"}, []any{theirs[0].ID, theirs[0].Merchant, *theirs[0].PayerCard})
	seen := w.deposits("", "test-operator").Deposits
	require.Len(t, seen, 3, "an operator sees all")
	for _, d := range seen {
		want := map[bool]string{true: fmt.Sprint("http://ui.example/deposit/", d.ID)}[d.State == "suspense"]
		require.Equal(t, want, d.SagaLink, "only what waited for a person has a saga")
	}

	w.exec(`UPDATE deposits SET resolve_by = now() WHERE id = ?`, stray)
	require.True(t, w.deposits("?state=suspense").Deposits[0].Overdue)
	for s, want := range map[string]int{"suspense": 1, "matched": 1, "assigned": 0, "refunded": 0, "ignored": 0} {
		require.Len(t, w.deposits("?state="+s).Deposits, want, s)
	}
}

func TestDepositPages(t *testing.T) {
	w := newWorld(t)
	var want, got []int64
	for i := range int64(5) {
		want = append([]int64{w.stray(40_000 + i)}, want...)
	}
	query, pages := "?size=2", 0
	for {
		page := w.deposits(query)
		for _, d := range page.Deposits {
			got = append(got, d.ID)
		}
		pages++
		if page.Next == "" {
			break
		}
		query = "?size=2&before=" + page.Next
		w.stray(60_000 + int64(pages)) // what comes meanwhile does not shift the pages
	}
	require.Equal(t, want, got)
	require.Equal(t, 3, pages)
	facts := w.facts()
	for _, query := range []string{"?state=lost", "?state=%ff", "?size=0", "?size=201", "?size=all", "?before=x", "?before=0", "?before=-1", "?before=99999999999999999999"} {
		w.requireSays(w.cards(request{method: "GET", path: "/api/deposits" + query}), 400, 400)
	}
	require.Equal(t, facts, w.facts())
}

func TestResolving(t *testing.T) {
	w := newWorld(t)
	a := w.transfer()
	id := w.stray(10_000)
	w.requireSays(w.resolve(id, "action", "assign", "pay_id", strconv.FormatInt(a.PayID, 10), "by", " Sara ", "reason", "rounded; receipt "+payerCard+" seen"), 200, 200)
	require.Equal(t, state.TransferPaid, w.stateOf(a.PayID))
	d := w.deposits("?state=assigned").Deposits[0]
	require.Equal(t, []any{a.PayID, "assign", "Sara", "rounded; receipt 603799******0014 seen", ""}, []any{*d.Transfer, d.Resolved.Action, d.Resolved.By, d.Resolved.Reason, d.Resolved.Reference})
	require.Equal(t, "start resolved", w.heard("deposit", id))
	require.Equal(t, "start paid", w.heard("transfer", a.PayID))
	w.requireSays(w.check(a.PayID), 200, 201)

	refunded := w.stray(20_000)
	asJSON := w.cards(request{method: "POST", path: fmt.Sprintf("/api/deposits/%d/resolve", refunded), json: `{"action":"refund","by":"سارا","reason":"پول برگشت","reference":"ref 17"}`})
	w.requireSays(asJSON, 200, 200)
	d = w.deposits("?state=refunded").Deposits[0]
	require.Equal(t, []any{refunded, "refund", "ref 17", (*int64)(nil)}, []any{d.ID, d.Resolved.Action, d.Resolved.Reference, d.Transfer})

	ignored := w.stray(30_000)
	w.requireSays(w.resolve(ignored, "pay_id", strconv.FormatInt(w.transfer().PayID, 10)), 200, 200)
	d = w.deposits("?state=ignored").Deposits[0]
	require.Equal(t, []any{"ignore", (*int64)(nil)}, []any{d.Resolved.Action, d.Transfer})

	facts := w.facts()
	for _, done := range []int64{id, refunded, ignored} {
		for _, action := range []string{"assign", "refund", "ignore"} {
			w.requireSays(w.resolve(done, "action", action, "pay_id", "1"), 409, 409)
		}
	}
	require.Equal(t, facts, w.facts())

	// Two people at once: one decides. A mismatched transfer can be given its money.
	both := w.stray(50_000)
	require.Equal(t, map[int]int{200: 1, 409: 9}, w.together(10, func(int) answer { return w.resolve(both) }))
	fast := w.as("test-fast")
	mismatched := fast.transfer("card", payerCard)
	held := fast.stray(mismatched.Amount, "card", parsianCard, "payer_card", otherCard)
	fast.requireSays(fast.check(mismatched.PayID), 200, 199)
	fast.requireSays(fast.resolve(held, "action", "assign", "pay_id", strconv.FormatInt(mismatched.PayID, 10)), 200, 200)
	fast.requireSays(fast.check(mismatched.PayID), 200, 201)
}

func TestResolvingIsRefused(t *testing.T) {
	w := newWorld(t)
	paid, verified, open := w.transfer(), w.transfer(), w.transfer()
	matched := w.deposit(paid).DepositID
	w.deposit(verified)
	w.check(verified.PayID)
	theirs := w.createdBy(w.cards(request{method: "POST", path: "/api/create", form: w.form(), key: "test-fast"}))
	id, foreign := w.stray(10_000), w.as("test-fast").stray(30_000, "card", parsianCard, "payer_card", payerCard)
	assign := func(to int64) []string { return []string{"action", "assign", "pay_id", strconv.FormatInt(to, 10)} }
	facts := w.facts()
	for name, tt := range map[string]struct {
		id     int64
		pairs  []string
		status int
	}{
		"no action":                 {id, []string{"action", "-"}, 400},
		"another action":            {id, []string{"action", "keep"}, 400},
		"a state for an action":     {id, []string{"action", "assigned"}, 400},
		"action too long":           {id, []string{"action", strings.Repeat("x", 21)}, 400},
		"by nobody":                 {id, []string{"by", "-"}, 400},
		"by a blank":                {id, []string{"by", "   "}, 400},
		"by too long":               {id, []string{"by", strings.Repeat("س", 101)}, 400},
		"no reason":                 {id, []string{"reason", "-"}, 400},
		"a blank reason":            {id, []string{"reason", "\n"}, 400},
		"reason too long":           {id, []string{"reason", strings.Repeat("x", 501)}, 400},
		"reference too long":        {id, []string{"action", "refund", "reference", strings.Repeat("x", 101)}, 400},
		"assign to nothing":         {id, []string{"action", "assign"}, 400},
		"assign to a word":          {id, []string{"action", "assign", "pay_id", "x"}, 400},
		"assign to zero":            {id, []string{"action", "assign", "pay_id", "0"}, 400},
		"assign to the unknown":     {id, assign(99_999_999), 409},
		"assign to the paid":        {id, assign(paid.PayID), 409},
		"assign to the verified":    {id, assign(verified.PayID), 409},
		"assign to another's":       {id, assign(theirs.PayID), 409},
		"another merchant's":        {foreign, assign(theirs.PayID), 404},
		"another merchant's, to me": {foreign, assign(open.PayID), 404},
		"one that never was":        {99_999_999, nil, 404},
		"number zero":               {0, nil, 404},
		"one that found its owner":  {matched, nil, 409},
		"a matched one reassigned":  {matched, assign(open.PayID), 409},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.requireSays(w.resolve(tt.id, tt.pairs...), tt.status, tt.status)
			require.Equal(t, facts, w.facts(), "nothing may change")
		})
	}
	path := fmt.Sprintf("/api/deposits/%d/resolve", id)
	for body, status := range map[string]int{`{"action":5,"by":"a","reason":"b"}`: 400, `{"action":"ignore","by":["a"],"reason":"b"}`: 400, `[]`: 400, `{"action":"ignore","by":"a\u0000","reason":"b"}`: 400} {
		w.requireSays(w.cards(request{method: "POST", path: path, json: body}), status, status)
	}
	w.requireSays(w.cards(request{method: "POST", path: path, contentType: "text/plain", body: "x"}), 415, 415)
	w.requireSays(w.cards(request{method: "POST", path: "/api/deposits/abc/resolve", form: url.Values{}}), 404, 404)
	// Not even an operator gives one merchant's money to another's transfer.
	operator := w.cards(request{method: "POST", path: fmt.Sprintf("/api/deposits/%d/resolve", foreign), key: "test-operator",
		form: url.Values{"action": {"assign"}, "pay_id": {strconv.FormatInt(open.PayID, 10)}, "by": {"Sara"}, "reason": {"slip"}}})
	w.requireSays(operator, 409, 409)
	require.Equal(t, facts, w.facts())
	w.requireSays(w.cards(request{method: "POST", path: fmt.Sprintf("/api/deposits/%d/resolve", foreign), key: "test-operator",
		form: url.Values{"action": {"assign"}, "pay_id": {strconv.FormatInt(theirs.PayID, 10)}, "by": {"Sara"}, "reason": {"seen"}}}), 200, 200)
}
