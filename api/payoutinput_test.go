package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/state"
)

// Every field of an order, wrong in every way: told in the dialect's words, and nothing changes.
func TestPayoutBadInput(t *testing.T) {
	w := newWorld(t)
	raw := func(text string) json.RawMessage { return json.RawMessage(text) }
	card := func(pairs ...any) []any { return append([]any{"network", "card", "address", payerCard}, pairs...) }
	for name, tt := range map[string]struct {
		in   []any
		want string // "field rule rule; field rule"
	}{
		"nothing": {[]any{"amount", nil, "currency", nil, "network", nil, "order_id", nil, "address", nil},
			"amount required; currency required; network required; order_id required; address required"},
		"nulls": {[]any{"amount", raw("null"), "currency", raw("null"), "network", raw("null"), "order_id", raw("null"), "address", raw("null")},
			"amount required; currency required; network required; order_id required; address required"},
		"lists": {[]any{"amount", raw("[250000]"), "currency", raw(`["IRR"]`), "network", raw(`["iban"]`), "order_id", raw(`["a"]`), "address", raw(`["` + payoutIBAN + `"]`),
			"holder", raw(`["x"]`), "note", raw("[]"), "url_callback", raw(`["https://shop.example/"]`)},
			"amount amount; currency string; network string; order_id string; address string; holder string; note string; url_callback string"},
		"objects": {[]any{"amount", raw(`{"a":1}`), "currency", raw("{}"), "network", raw("{}"), "order_id", raw("{}"), "address", raw("{}"), "holder", raw("{}"), "note", raw("{}"), "url_callback", raw("{}")},
			"amount amount; currency string; network string; order_id string; address string; holder string; note string; url_callback string"},
		"numbers": {[]any{"currency", 1, "network", 2, "order_id", 3, "address", raw(payerCard), "holder", 4, "note", 5, "url_callback", 6},
			"currency string; network string; order_id string; address string; holder string; note string; url_callback string"},
		"booleans": {[]any{"amount", true, "currency", true, "network", false, "order_id", true, "address", true},
			"amount amount; currency string; network string; order_id string; address string"},

		"amount missing":             {[]any{"amount", nil}, "amount required"},
		"amount empty":               {[]any{"amount", ""}, "amount required"},
		"amount zero":                {[]any{"amount", "0"}, "amount amount"},
		"amount zero, number":        {[]any{"amount", 0}, "amount amount"},
		"amount zero, long":          {[]any{"amount", "0.00000000"}, "amount amount"},
		"amount negative":            {[]any{"amount", "-250000"}, "amount amount"},
		"amount negative, number":    {[]any{"amount", -250000}, "amount amount"},
		"amount a fraction":          {[]any{"amount", "250000.5"}, "amount amount"},
		"amount a fraction, number":  {[]any{"amount", raw("250000.5")}, "amount amount"},
		"amount a tiny fraction":     {[]any{"amount", "250000.00000000000000000001"}, "amount amount"},
		"amount 1e400":               {[]any{"amount", raw("1e400")}, "amount amount"},
		"amount 1e400, text":         {[]any{"amount", "1e400"}, "amount amount"},
		"amount 1e5":                 {[]any{"amount", raw("1e5")}, "amount amount"},
		"amount a word":              {[]any{"amount", "much"}, "amount amount"},
		"amount NaN":                 {[]any{"amount", "NaN"}, "amount amount"},
		"amount a part":              {[]any{"amount", "1000000/3"}, "amount amount"},
		"amount in hex":              {[]any{"amount", "0x3d090"}, "amount amount"},
		"amount with separators":     {[]any{"amount", "250,000"}, "amount amount"},
		"amount with a blank":        {[]any{"amount", " 250000"}, "amount amount"},
		"amount with a plus":         {[]any{"amount", "+250000"}, "amount amount"},
		"amount a point":             {[]any{"amount", "."}, "amount amount"},
		"amount two points":          {[]any{"amount", "250.000.0"}, "amount amount"},
		"amount of 41 digits":        {[]any{"amount", strings.Repeat("9", 41)}, "amount amount"},
		"amount of 400 digits":       {[]any{"amount", raw(strings.Repeat("9", 400))}, "amount amount"},
		"amount beyond int64":        {[]any{"amount", "18446744073709801616"}, "amount amount"},
		"amount below the rail":      {[]any{"amount", "9999"}, "amount amount"},
		"amount above the rail":      {[]any{"amount", "1000000000001"}, "amount amount"},
		"amount above PAYA":          {[]any{"network", "paya", "amount", "1000000001"}, "amount amount"},
		"amount below SATNA":         {[]any{"network", "satna", "amount", "499999999"}, "amount amount"},
		"amount below card to card":  {card("amount", "9999"), "amount amount"},
		"amount above card to card":  {card("amount", "100000001"), "amount amount"},
		"amount with two and a half": {card("amount", "2.5"), "amount amount"},

		"currency empty":    {[]any{"currency", ""}, "currency required"},
		"currency blank":    {[]any{"currency", "  "}, "currency required"},
		"currency too long": {[]any{"currency", strings.Repeat("I", 1001)}, "currency max"},
		"network empty":     {[]any{"network", ""}, "network required"},
		"network with NUL":  {[]any{"network", "iban\x00"}, "network string"},

		"order_id empty":        {[]any{"order_id", ""}, "order_id min"},
		"order_id of 101":       {[]any{"order_id", strings.Repeat("x", 101)}, "order_id max"},
		"order_id of 101, long": {[]any{"order_id", strings.Repeat("س", 101)}, "order_id max"},
		"order_id with a space": {[]any{"order_id", "a b"}, "order_id alpha_dash"},
		"order_id a space":      {[]any{"order_id", " "}, "order_id alpha_dash"},
		"order_id with a line":  {[]any{"order_id", "a\n"}, "order_id alpha_dash"},
		"order_id with a slash": {[]any{"order_id", "a/b"}, "order_id alpha_dash"},
		"order_id with a dot":   {[]any{"order_id", "a.b"}, "order_id alpha_dash"},
		"order_id with a quote": {[]any{"order_id", "a'--"}, "order_id alpha_dash"},

		"address empty":                {[]any{"address", ""}, "address required"},
		"address short":                {[]any{"address", "IR2701700000001"}, "address min"},
		"address of 65":                {[]any{"address", payoutIBAN + strings.Repeat(" ", 39)}, "address max"},
		"IBAN with wrong check digits": {[]any{"address", "IR280170000000100324200001"}, "address iban"},
		"IBAN with a slip":             {[]any{"address", "IR270170000000100324200010"}, "address iban"},
		"IBAN too short":               {[]any{"address", payoutIBAN[:25]}, "address iban"},
		"IBAN too long":                {[]any{"address", payoutIBAN + "0"}, "address iban"},
		"IBAN of another country":      {[]any{"address", "DE89370400440532013000"}, "address iban"},
		"a card for an account":        {[]any{"address", payerCard}, "address iban"},
		"a card for PAYA":              {[]any{"network", "paya", "address", payerCard}, "address iban"},
		"an account for a card":        {[]any{"network", "card"}, "address card"},
		"card with a slip":             {card("address", "6037990000000015"), "address card"},
		"card of 17":                   {card("address", payerCard+"0"), "address card"},
		"card with letters":            {card("address", "603799000000001x"), "address card"},

		"holder of 101":         {[]any{"holder", strings.Repeat("س", 101)}, "holder max"},
		"note of 101":           {[]any{"note", strings.Repeat("x", 101)}, "note max"},
		"url of 5":              {[]any{"url_callback", "a://b"}, "url_callback min url"},
		"url of 256":            {[]any{"url_callback", "https://shop.example/" + strings.Repeat("x", 235)}, "url_callback max url"},
		"url empty":             {[]any{"url_callback", ""}, "url_callback min url"},
		"url no URL":            {[]any{"url_callback", "not a URL at all"}, "url_callback url"},
		"url another scheme":    {[]any{"url_callback", "file:///etc/passwd"}, "url_callback url"},
		"url with credentials":  {[]any{"url_callback", "https://user:pass@shop.example/"}, "url_callback url"},
		"url private":           {[]any{"url_callback", "https://10.1.2.3/x"}, "url_callback url"},
		"url metadata":          {[]any{"url_callback", "http://169.254.169.254/latest"}, "url_callback url"},
		"url a spelled address": {[]any{"url_callback", "http://2130706433/"}, "url_callback url"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			before := w.tables()
			w.requireRules(w.v1("/v1/payout", w.payoutOrder(tt.in...)), rules(tt.want)...)
			require.Equal(t, before, w.tables())
		})
	}
	for _, pair := range [][2]string{{"IRT", "iban"}, {"irr", "iban"}, {"IRR", "IBAN"}, {"IRR", "shaparak"}, {"IRR", "eth"}, {"USDT", "tron"}, {"IRR ", "iban"}} {
		before := w.tables()
		w.requireRefused(w.v1("/v1/payout", w.payoutOrder("currency", pair[0], "network", pair[1])), http.StatusUnprocessableEntity, "Payout service not found")
		require.Equal(t, before, w.tables())
	}
	require.NotContains(t, w.log.String(), `"level":"ERROR"`, "what callers do wrong is not our error")

	// The longest that is accepted, and what nobody asks for.
	w.payout(w.v1("/v1/payout", w.payoutOrder("order_id", strings.Repeat("س", 100), "holder", strings.Repeat("س", 100), "note", strings.Repeat("x", 100),
		"url_callback", "https://shop.example/"+strings.Repeat("x", 234), "extra", map[string]any{"a": []int{1}})))
}

// rules writes "a min url; b max" as requireRules reads it.
func rules(text string) (out []string) {
	for part := range strings.SplitSeq(text, "; ") {
		field, names, _ := strings.Cut(part, " ")
		out = append(out, field, "validation."+strings.Join(strings.Fields(names), " validation."))
	}
	return out
}

// Outside development a callback is https on the public internet, nothing else.
func TestPayoutCallbacksOutsideDevelopment(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.Dev = false })
	for _, path := range []string{"/v1/payout", "/v1/wallet"} {
		for _, target := range []string{w.base, "http://shop.example/", "https://localhost/", "https://127.0.0.1/", "https://shop.example:8443/", "https://[::1]/"} {
			w.requireRules(w.v1(path, w.payoutOrder("url_callback", target)), "url_callback", "validation.url")
		}
	}
}

// Reading and cancelling: a name that is missing, wrong or unknown.
func TestPayoutNames(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/payout/info", "/v1/payout/cancel", "/v1/wallet/info"} {
		before := w.tables()
		for want, in := range map[string]map[string]any{
			"uuid required; order_id required": {},
			"uuid uuid":                        {"uuid": "e1830f1b"},
			"uuid string":                      {"uuid": 7},
			"order_id min":                     {"order_id": ""},
			"order_id max":                     {"order_id": strings.Repeat("x", 101)},
			"order_id alpha_dash":              {"order_id": "a b"},
			"order_id string":                  {"order_id": []string{"a"}},
			"uuid uuid; order_id string":       {"uuid": "", "order_id": 12},
			"uuid string; order_id max":        {"uuid": map[string]any{}, "order_id": strings.Repeat("x", 300)},
		} {
			w.requireRules(w.v1(path, in), rules(want)...)
		}
		missing := map[bool]string{true: "Not found payout", false: "Not found wallet"}[strings.Contains(path, "payout")]
		for _, in := range []map[string]any{{"uuid": uuid.NewString()}, {"order_id": "nobody-has_this"}, {"order_id": "سفارش-۱", "uuid": uuid.NewString()}} {
			w.requireRefused(w.v1(path, in), http.StatusUnprocessableEntity, missing)
		}
		require.Equal(t, before, w.tables())
	}
	for _, path := range []string{"/v1/payout/list", "/v1/wallet/list"} {
		for want, cursors := range map[string][]any{
			"cursor in": {"x", "0", "-1", "1.5", " 1", "9223372036854775808"}, "cursor string": {7, true, []int{1}}, "cursor max in": {strings.Repeat("1", 21)},
		} {
			for _, cursor := range cursors {
				w.requireRules(w.v1(path, map[string]any{"cursor": cursor}), rules(want)...)
			}
		}
	}
}

// The same order again is the same payout; an order_id that asks for something else is refused.
func TestPayoutTwice(t *testing.T) {
	w := newWorld(t)
	in := func(pairs ...any) map[string]any {
		return w.payoutOrder(append([]any{"order_id", "once", "holder", "سارا", "note", "n", "url_callback", "https://shop.example/callback"}, pairs...)...)
	}
	first := w.payout(w.v1("/v1/payout", in()))
	before := w.tables()
	for name, same := range map[string][]any{
		"as it was": {}, "a number": {"amount", 250000}, "with decimals": {"amount", "250000.00000000"}, "Persian": {"amount", "۲۵۰۰۰۰"},
		"IBAN without IR": {"address", payoutIBAN[2:]}, "IBAN in groups": {"address", "IR27 0170 0000 0010 0324 2000 01"}, "extra": {"more", 1},
	} {
		require.Equal(t, first, w.payout(w.v1("/v1/payout", in(same...))), name)
	}
	for name, other := range map[string][]any{
		"amount": {"amount", "250001"}, "network": {"network", "paya"}, "address": {"address", "IR930560000000001234567890"}, "card": {"network", "card", "address", payerCard},
		"holder": {"holder", "رضا"}, "no holder": {"holder", nil}, "note": {"note", "m"}, "callback": {"url_callback", "https://shop.example/other"}, "no callback": {"url_callback", nil},
	} {
		a := w.v1("/v1/payout", in(other...))
		w.requireRefused(a, http.StatusUnprocessableEntity, "The order_id was used with another request")
		require.NotEmpty(t, name)
	}
	require.Equal(t, before, w.tables())

	w.bringPayout(first.UUID, state.PayoutPaid)
	again := w.payout(w.v1("/v1/payout", in()))
	require.Equal(t, []any{first.UUID, "paid", true}, []any{again.UUID, again.Status, again.IsFinal}, "as it stands")
}

func TestPayoutTwins(t *testing.T) {
	w := newWorld(t)
	have := w.money()
	body, err := json.Marshal(w.payoutOrder("order_id", "twins", "url_callback", "https://shop.example/callback"))
	require.NoError(t, err)
	for _, a := range w.atOnce(24, func(int) request { return signedCall("/v1/payout", string(body), "test-payout-api-key") }) {
		require.Equal(t, "twins", w.payout(a).OrderID)
	}
	require.Equal(t, 1, one[int](w, `SELECT count(*) FROM payouts WHERE order_id = 'twins'`))
	require.Equal(t, 1, one[int](w, `SELECT count(*) FROM outbox WHERE saga = 'payout' AND ref = (SELECT uuid::text FROM payouts WHERE order_id = 'twins')`))
	require.Equal(t, have.Available-250_000, w.money().Available)

	amounts := map[string]int{}
	for _, a := range w.atOnce(16, func(i int) request {
		body, _ := json.Marshal(w.payoutOrder("order_id", "rivals", "amount", 10_000+i%2))
		return signedCall("/v1/payout", string(body), "test-payout-api-key")
	}) {
		amounts[fmt.Sprint(a.StatusCode)]++
	}
	require.Equal(t, map[string]int{"200": 8, "422": 8}, amounts, "one of two requests has the order_id")
}

// What another merchant has looks like what does not exist, and its order_ids are its own.
func TestPayoutsOfOthers(t *testing.T) {
	w := newWorld(t)
	fast, payoutKey, _ := w.otherMerchant()
	require.NoError(t, w.store.CreditBalance(t.Context(), fast.PublicID, 1_000_000, "test", "money of its own"))
	mine := w.payout(w.v1("/v1/payout", w.payoutOrder("order_id", "same")))
	theirs := w.payout(w.v1As(fast.UUID, payoutKey, "/v1/payout", w.payoutOrder("order_id", "same", "amount", "300000")))
	require.NotEqual(t, mine.UUID, theirs.UUID)
	require.Equal(t, "700000.00000000", *theirs.Balance)
	for _, path := range []string{"/v1/payout/info", "/v1/payout/cancel"} {
		w.requireRefused(w.v1(path, map[string]any{"uuid": theirs.UUID}), http.StatusUnprocessableEntity, "Not found payout")
		w.requireRefused(w.v1As(fast.UUID, payoutKey, path, map[string]any{"uuid": mine.UUID}), http.StatusUnprocessableEntity, "Not found payout")
	}
	a := w.v1As(fast.UUID, payoutKey, "/v1/payout/list", map[string]any{})
	require.Contains(t, a.body, theirs.UUID)
	require.NotContains(t, a.body, mine.UUID)
	for _, wrong := range []answer{
		w.v1As(taxiUUID, payoutKey, "/v1/payout", w.payoutOrder()), w.v1As(fast.UUID, "test-payout-api-key", "/v1/payout", w.payoutOrder()),
		w.v1As(taxiUUID, "test-payment-api-key", "/v1/payout", w.payoutOrder()), w.v1As(taxiUUID, "test-payout-api-key", "/v1/wallet", w.payoutOrder()),
	} {
		w.requireRefused(wrong, http.StatusUnauthorized, "Missing or wrong merchant or sign")
	}
}

func TestPayoutPages(t *testing.T) {
	w := newWorld(t)
	for range 100 {
		w.payout(w.v1("/v1/payout", w.payoutOrder("amount", 10_000)))
	}
	first := w.payoutList("")
	require.Len(t, first.Items, 50)
	require.Equal(t, 50, first.Paginate.Count)
	w.payout(w.v1("/v1/payout", w.payoutOrder("amount", 10_000, "order_id", "newer")))
	second := w.payoutList(*first.Paginate.NextCursor)
	third := w.payoutList(*second.Paginate.NextCursor)
	require.Len(t, third.Items, 1, "the sample payout")
	require.Equal(t, 1, third.Paginate.Count)
	require.Nil(t, third.Paginate.NextCursor)
	seen := map[string]bool{}
	for _, p := range append(append(first.Items, second.Items...), third.Items...) {
		require.False(t, seen[p.UUID])
		seen[p.UUID] = true
		require.NotEqual(t, "newer", p.OrderID)
	}
	require.Len(t, seen, 101)
	require.Equal(t, "newer", w.payoutList("").Items[0].OrderID)
	exact := w.payoutList(fmt.Sprint(one[int64](w, `SELECT id FROM payouts ORDER BY id OFFSET 50 LIMIT 1`)))
	require.Len(t, exact.Items, 50)
	require.Nil(t, exact.Paginate.NextCursor, "a full page may be the last")
}
