package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// The contract's sample product.
const documentedProduct = `{
    "id": 62,
    "name": "شارژ مستقیم ایرانسل - مبلغ دلخواه",
    "name_en": null,
    "description": "شارژ مستقیم ایرانسل - مبلغ دلخواه",
    "description_full": null,
    "sku": null,
    "price": 5000,
    "second_price": 2000000,
    "showable_price": null,
    "type": "cell_direct_charge",
    "minimum_sale": null,
    "dimension": null,
    "score": 0,
    "status": 1,
    "options": null,
    "deliverable": 0,
    "third_party_id": null,
    "capacity": null,
    "period": null,
    "sim_card_type": "credit",
    "operator_id": 2,
    "profile_id": null,
    "order": 62,
    "created_at": null,
    "updated_at": null,
    "categories": []
}`

func TestProductAsDocumented(t *testing.T) {
	w := newWorld(t)
	require.JSONEq(t, documentedProduct, w.get("/api/product/62").body)
	var list []json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(w.get("/api/product").body), &list))
	require.Len(t, list, 8)
	for _, raw := range list {
		var p map[string]any
		require.NoError(t, json.Unmarshal(raw, &p))
		require.Len(t, p, 26, "every product has every member")
		if p["id"] == 62.0 {
			require.JSONEq(t, documentedProduct, string(raw))
		}
	}
	require.Equal(t, w.get("/api/product").body, w.get("/api/filter").body)

	// One that a catalogue brought and changed has times, in the zone of the contracts.
	found := []store.Product{{OperatorID: 1, Type: "cell_internet", SimCardType: "permanent", ProfileID: "NEW-1", Name: "new", Price: 10_000, Active: true}}
	_, err := w.store.RefreshProducts(t.Context(), "elsewhere", found)
	require.NoError(t, err)
	found[0].Active = false
	_, err = w.store.RefreshProducts(t.Context(), "elsewhere", found)
	require.NoError(t, err)
	a := w.get("/api/product/1000")
	require.Regexp(t, `"status":0,.*"profile_id":"NEW-1",.*"created_at":"[^"]+\.\d{6}\+03:30","updated_at":"[^"]+\.\d{6}\+03:30","categories":\[\]}$`, a.body)
}

func TestProductFilters(t *testing.T) {
	w := newWorld(t)
	w.exec(`UPDATE products SET active = false, name_en = 'Daily PACKAGE of 2 GB' WHERE id = 301`)
	q := func(text string) string { return "q=" + url.QueryEscape(text) }
	for query, want := range map[string][]int64{
		"":                                    {61, 62, 63, 101, 102, 201, 202, 301},
		"operator_id=2":                       {62, 201, 202},
		"operator_id=" + url.QueryEscape("۲"): {62, 201, 202},
		"operator_id=9":                       {},
		"type=cell_direct_charge":             {61, 62, 63},
		"type=cell_direct":                    {},
		"type=CELL_INTERNET":                  {},
		"sim_card_type=permanent":             {102},
		"sim_card_type=credit":                {61, 62, 63, 101, 201, 202, 301},
		q("رایتل"):                            {63, 301},
		q("daily package"):                    {301},
		q("%"):                                {},
		q("_"):                                {},
		q("'"):                                {},
		"after=102":                           {201, 202, 301},
		"after=301":                           {},
		"operator_id=1&type=cell_internet&sim_card_type=credit&" + q("روزانه"): {101},
		"operator_id=&type=&sim_card_type=&q=&after=":                          {61, 62, 63, 101, 102, 201, 202, 301},
		"nobody=asks": {61, 62, 63, 101, 102, 201, 202, 301},
	} {
		for _, path := range []string{"/api/filter", "/api/product"} {
			a := w.do(request{method: "GET", path: path + "?" + query, lenient: true})
			require.Equal(t, http.StatusOK, a.StatusCode, "%s: %s", query, a.body)
			var list []struct{ ID int64 }
			require.NoError(t, json.Unmarshal([]byte(a.body), &list))
			got := []int64{}
			for _, p := range list {
				got = append(got, p.ID)
			}
			require.Equal(t, want, got, query)
		}
	}
	for query, field := range map[string]string{
		"operator_id=x": "operator_id", "operator_id=-1": "operator_id", "operator_id=0": "operator_id", "operator_id=2147483648": "operator_id", "operator_id=2.5": "operator_id",
		"after=x": "after", "after=-1": "after", "after=9223372036854775808": "after", "sim_card_type=Credit": "sim_card_type", "sim_card_type=x%00": "sim_card_type",
		"q=" + strings.Repeat("x", 101): "q", "q=%00": "q", "q=%ff": "q", "type=%00": "type", "type=%ff": "type", "type=" + strings.Repeat("x", 101): "type",
	} {
		for _, path := range []string{"/api/filter", "/api/product"} {
			w.requireBadFields(w.get(path+"?"+query), field)
		}
	}
	w.requireBadFields(w.get("/api/filter?operator_id=x&sim_card_type=y"), "operator_id", "sim_card_type")
	require.NotContains(t, w.log.String(), `"level":"ERROR"`)
}

// More products than one page holds are all there, once.
func TestProductPages(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO products (id, provider, operator_id, type, sim_card_type, profile_id, name, price)
		SELECT 5000 + n, 'many', 1, 'cell_internet', 'credit', n, n, 1000 FROM generate_series(1, 600) n`)
	seen, after := map[int64]bool{}, int64(0)
	for _, size := range []int{500, 108, 0} {
		var list []struct{ ID int64 }
		require.NoError(t, json.Unmarshal([]byte(w.get(fmt.Sprint("/api/product?after=", after)).body), &list))
		require.Len(t, list, size)
		for _, p := range list {
			require.False(t, seen[p.ID])
			seen[p.ID], after = true, p.ID
		}
	}
	require.Len(t, seen, 608)
}

type statement struct {
	Lines []struct {
		Amount  int64
		Ref, At string
	}
	Next string
}

func (w *world) statement(query string) (out statement) {
	w.Helper()
	a := w.get("/api/balance/statement" + query)
	require.Equal(w, http.StatusOK, a.StatusCode, a.body)
	require.NoError(w, json.Unmarshal([]byte(a.body), &out))
	return out
}

func TestBalanceAndStatement(t *testing.T) {
	w := newWorld(t)
	balance := func(key string) string { return w.do(request{method: "GET", path: "/api/balance", key: key}).body }
	require.Equal(t, `{"balance":100000000,"held":0,"statement":"/api/balance/statement"}`, balance("test"))
	require.Equal(t, `{"balance":0,"held":0,"statement":"/api/balance/statement"}`, balance("test-fast"), "a merchant that never had money")
	w.decides(state.TopUpUnknown, "")
	require.Equal(t, http.StatusAccepted, w.buy("held", w.order("price", "7000")).StatusCode)
	require.Equal(t, `{"balance":99993000,"held":7000,"statement":"/api/balance/statement"}`, balance("test"))
	w.decides(state.TopUpDelivered, "")
	w.buy("spent", w.order("price", "8000"))
	w.decides(state.TopUpReversed, "")
	w.buy("back", w.order("price", "9000"))
	require.Equal(t, `{"balance":99985000,"held":7000,"statement":"/api/balance/statement"}`, balance("test"))

	got := w.statement("")
	var lines []string
	for _, l := range got.Lines {
		lines = append(lines, fmt.Sprint(l.Ref, " ", l.Amount))
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+03:30$`, l.At)
	}
	require.Equal(t, []string{"topup/3/reversed 9000", "topup/3/held -9000", "topup/2/held -8000", "topup/1/held -7000", "payout/1/held -10000", "credit/2 10000", "credit/1 100000000"}, lines)
	require.Empty(t, got.Next)
	other := w.do(request{method: "GET", path: "/api/balance/statement", key: "test-fast"})
	require.Equal(t, `{"lines":[],"next":""}`, other.body, "nothing of others")

	// A page is full, and the next one has the rest.
	for i := range 43 {
		require.NoError(t, w.store.CreditBalance(t.Context(), "faSDF42w3Fs", 1_000, "Sara", fmt.Sprint(i)))
	}
	require.Empty(t, w.statement("").Next, "fifty are one page")
	require.Len(t, w.statement("").Lines, 50)
	require.NoError(t, w.store.CreditBalance(t.Context(), "faSDF42w3Fs", 2_000, "Sara", "one more"))
	first := w.statement("")
	require.Len(t, first.Lines, 50)
	require.EqualValues(t, 2_000, first.Lines[0].Amount)
	rest := w.statement("?before=" + first.Next)
	require.Len(t, rest.Lines, 1)
	require.Equal(t, "credit/1", rest.Lines[0].Ref)
	require.Empty(t, rest.Next)
	sum := rest.Lines[0].Amount
	for _, l := range first.Lines {
		sum += l.Amount
	}
	require.EqualValues(t, w.balance().Available, sum, "the statement tells the whole balance")
	for _, before := range []string{"x", "0", "-1", "9223372036854775808", "%00", "1.5"} {
		w.requireBadFields(w.get("/api/balance/statement?before="+before), "before")
	}
}
