package api_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	samanCard   = "6219860000000019" // destination cards of the fixtures
	mellatCard  = "6104330000000011"
	parsianCard = "6221060000000012"
	payerCard   = "6037990000000014"
	otherCard   = "5892101234567895"
)

// as is the same world for another holder of a key. The fast merchant takes its time here.
func (w *world) as(token string) *world {
	out := *w
	out.token = token
	w.exec(`UPDATE merchants SET transfer_window = '15 minutes', sms_delay = '1 hour'`)
	return &out
}

// cards makes a call in the card-to-card dialect; the request's key is its token.
func (w *world) cards(r request) answer {
	w.Helper()
	r.header = maps.Clone(r.header)
	if r.header == nil {
		r.header = map[string]string{}
	}
	if r.key != noKey {
		r.header["token"] = cmp.Or(r.key, w.token, "test")
	}
	r.key = noKey
	return w.do(r)
}

// requireSays holds an answer against the dialect: exactly status, code and msg.
func (w *world) requireSays(a answer, status, code int) string {
	w.Helper()
	require.Equal(w, "application/json", a.Header.Get("Content-Type"), a.body)
	var e map[string]any
	require.NoError(w, json.Unmarshal([]byte(a.body), &e), a.body)
	require.Len(w, e, 3, a.body)
	require.Equal(w, []any{status, code == 200 || code == 201, float64(code)}, []any{a.StatusCode, e["status"], e["code"]}, a.body)
	require.NotEmpty(w, e["msg"])
	require.Empty(w, a.Header.Get("WWW-Authenticate"), "that is the other contract's")
	return e["msg"].(string)
}

type created struct {
	Status bool
	Code   int
	Expire int64
	PayID  int64 `json:"pay_id"`
	Amount int64
	Link   *string
	Cart   []struct{ Number, Name, Bank string }
}

func (w *world) createdBy(a answer) (out created) {
	w.Helper()
	require.Equal(w, http.StatusOK, a.StatusCode, a.body)
	d := json.NewDecoder(strings.NewReader(a.body))
	d.DisallowUnknownFields()
	require.NoError(w, d.Decode(&out), a.body)
	require.Equal(w, []any{true, 200}, []any{out.Status, out.Code})
	return out
}

// form is a create of 10,000 rial but for what is named; a "-" leaves a field out.
func (w *world) form(pairs ...string) url.Values {
	values := url.Values{"price": {"10000"}, "fid": {strconv.FormatInt(w.count.Add(1), 10)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "-" {
			values.Del(pairs[i])
		}
	}
	return values
}

func (w *world) transfer(pairs ...string) created {
	w.Helper()
	return w.createdBy(w.cards(request{method: "POST", path: "/api/create", form: w.form(pairs...)}))
}

func (w *world) check(payID int64, token ...string) answer {
	w.Helper()
	return w.cards(request{method: "GET", path: "/api/check?pay_id=" + strconv.FormatInt(payID, 10), key: strings.Join(token, "")})
}

func (w *world) setCard(payID int64, card string) answer {
	w.Helper()
	return w.cards(request{method: "POST", path: "/api/setCard", form: url.Values{"pay_id": {strconv.FormatInt(payID, 10)}, "card": {card}}})
}

// over ends a transfer's time as its saga does; with a grace its amount stays reserved.
func (w *world) over(payID int64, grace time.Duration) {
	w.Helper()
	w.exec(`UPDATE transfers SET created_at = now() - interval '1 hour', expires_at = now(), reserved_until = now() + make_interval(secs => ?) WHERE id = ?`, grace.Seconds(), payID)
	_, err := w.store.AtTransferDeadline(w.Context(), payID)
	require.NoError(w, err)
}

func TestCreateAnswersAsDocumented(t *testing.T) {
	w := newWorld(t)
	a := w.cards(request{method: "POST", path: "/api/create", form: w.form()})
	require.Regexp(t, `^\{"status":true,"code":200,"expire":\d{10},"pay_id":\d+,"amount":\d+,"link":null,"cart":\[`+
		`\{"number":"6219860000000019","name":"سارا نمونه","bank":"بانک سامان"\},\{"number":"6104330000000011","name":"رضا نمونه","bank":"بانک ملت"\}\]\}$`, a.body)
	got := w.createdBy(a)
	require.InDelta(t, time.Now().Add(15*time.Minute).Unix(), got.Expire, 5, "Unix seconds")
	require.Greater(t, got.Amount, int64(10_000))
	require.LessOrEqual(t, got.Amount, int64(15_000))
	require.Zero(t, got.Amount%10, "any banking app can pay it")

	linked := w.transfer("callback", "https://shop.example/back?order=7")
	require.NotNil(t, linked.Link)
	require.Regexp(t, `^`+w.base+`/pay/transfer/[A-Za-z0-9]{22}$`, *linked.Link)
	require.NotNil(t, w.transfer("callbackUrl", "https://shop.example").Link, "the alias")
	require.Nil(t, w.transfer("callback", "").Link)

	// Numbers as they come: JSON or form, Latin, Persian or Arabic digits.
	for _, r := range []request{
		{form: w.form("price", "۱۰۰۰۰", "fid", "۹۰۰۱")}, {form: w.form("price", "١٠٠٠٠", "fid", " 9002 ")},
		{json: `{"price":10000,"fid":9003,"phone":9380000025,"card":null,"callback":null}`}, {json: `{"price":"10000","fid":"9004","card":6037990000000014}`},
		{form: w.form("phone", "+98 938 000 0025", "card", "۶۰۳۷-۹۹۰۰-۰۰۰۰-۰۰۱۴")}, {json: `{"price":10000,"fid":9005,"cart":"unknown fields are nobody's"}`},
	} {
		r.method, r.path = "POST", "/api/create"
		require.Greater(t, w.createdBy(w.cards(r)).Amount, int64(10_000))
	}
	require.NotContains(t, w.facts(), "9380000025", "only the masked mobile is kept")
	require.Contains(t, w.facts(), "0938*****25")
	require.Equal(t, w.base, (*linked.Link)[:len(w.base)])

	carts := w.cards(request{method: "GET", path: "/api/carts"})
	golden(t, `[{"number":"6219860000000019","name":"سارا نمونه","bank":"بانک سامان"},{"number":"6104330000000011","name":"رضا نمونه","bank":"بانک ملت"}]`, carts.body)
}

// Every row of the contract's table that refuses, and what we answer beyond it. Nothing changes.
func TestCardCodes(t *testing.T) {
	w := newWorld(t)
	used := w.form()
	require.Equal(t, http.StatusOK, w.cards(request{method: "POST", path: "/api/create", form: used}).StatusCode)
	pending, carded, expired, paid, foreign := w.transfer(), w.transfer("card", payerCard), w.transfer(), w.transfer(), w.createdBy(w.cards(request{method: "POST", path: "/api/create", form: w.form(), key: "test-fast"}))
	w.over(expired.PayID, time.Hour)
	w.deposit(paid)
	create := func(pairs ...string) request {
		return request{method: "POST", path: "/api/create", form: w.form(pairs...)}
	}
	raw := func(path, contentType, body string) request {
		return request{method: "POST", path: path, contentType: contentType, body: body}
	}
	asJSON := func(members string) request {
		return request{method: "POST", path: "/api/create", json: `{` + members + `}`}
	}
	setCard := func(payID, card string) request {
		return request{method: "POST", path: "/api/setCard", form: url.Values{"pay_id": {payID}, "card": {card}}}
	}
	check := func(query string) request { return request{method: "GET", path: "/api/check" + query} }
	keyed := func(r request, key string) request { r.key = key; return r }
	id := func(c created) string { return strconv.FormatInt(c.PayID, 10) }
	fid := used.Get("fid")

	for name, tt := range map[string]struct {
		r            request
		status, code int
	}{
		"price missing":              {create("price", "-"), 500, 0},
		"price empty":                {create("price", ""), 500, 0},
		"price a word":               {create("price", "abc"), 500, 0},
		"price a fraction":           {create("price", "10000.5"), 500, 0},
		"price a JSON fraction":      {asJSON(`"price":10000.0,"fid":1`), 500, 0},
		"price with separators":      {create("price", "10,000"), 500, 0},
		"price in exponent":          {asJSON(`"price":1e5,"fid":1`), 500, 0},
		"price null":                 {asJSON(`"price":null,"fid":1`), 500, 0},
		"price boolean":              {asJSON(`"price":true,"fid":1`), 500, 0},
		"price huge":                 {create("price", "9007199254740993"), 500, 0},
		"price leaves no room":       {create("price", "9007199254740992"), 500, 0},
		"price beyond all":           {create("price", strings.Repeat("9", 400)), 500, 0},
		"price 9999":                 {create("price", "9999"), 500, 1},
		"price 9999, persian":        {create("price", "۹۹۹۹"), 500, 1},
		"price zero":                 {create("price", "0"), 500, 1},
		"price negative":             {create("price", "-10000"), 500, 1},
		"price negative, JSON":       {asJSON(`"price":-10000,"fid":1`), 500, 1},
		"fid missing":                {create("fid", "-"), 500, 2},
		"fid empty":                  {create("fid", ""), 500, 2},
		"fid a word":                 {create("fid", "order-7"), 500, 2},
		"fid null":                   {asJSON(`"price":10000,"fid":null`), 500, 2},
		"fid zero":                   {create("fid", "0"), 500, 2},
		"fid negative":               {create("fid", "-5"), 500, 2},
		"fid a fraction":             {asJSON(`"price":10000,"fid":1.5`), 500, 2},
		"fid beyond 2^63":            {create("fid", "9223372036854775808"), 500, 2},
		"fid used":                   {create("fid", fid), 500, 3},
		"fid used, persian":          {create("fid", strings.NewReplacer("1", "۱", "2", "۲").Replace(fid)), 500, 3},
		"card of 15 digits":          {create("card", payerCard[:15]), 500, -3},
		"card of 17 digits":          {create("card", payerCard+"4"), 500, -3},
		"card with a wrong digit":    {create("card", "6037990000000015"), 500, -3},
		"card a word":                {create("card", "my card is blue!"), 500, -3},
		"card very long":             {create("card", strings.Repeat("6", 4000)), 500, -3},
		"card boolean":               {asJSON(`"price":10000,"fid":1,"card":false`), 500, -3},
		"callback of a script":       {create("callback", "javascript:alert(1)"), 422, 422},
		"callback of another scheme": {create("callback", "ftp://shop.example/"), 422, 422},
		"callback without a host":    {create("callback", "https:///back"), 422, 422},
		"callback with only a port":  {create("callback", "https://:443/back"), 422, 422},
		"callback relative":          {create("callback", "/back"), 422, 422},
		"callback with a password":   {create("callback", "https://a:b@shop.example/"), 422, 422},
		"callback with a line":       {create("callback", "https://shop.example/\r\nX: y"), 422, 422},
		"callback too long":          {create("callback", "https://shop.example/"+strings.Repeat("x", 1000)), 422, 422},
		"callback a number":          {asJSON(`"price":10000,"fid":1,"callback":5`), 422, 422},
		"alias of a script":          {create("callbackUrl", "javascript:alert(1)"), 422, 422},
		"phone a word":               {create("phone", "call me"), 422, 422},
		"phone abroad":               {create("phone", "+441234567890"), 422, 422},
		"phone too long":             {create("phone", strings.Repeat("9", 21)), 422, 422},
		"a list for a price":         {asJSON(`"price":[10000],"fid":1`), 400, 400},
		"price twice":                {raw("/api/create", "application/x-www-form-urlencoded", "price=10000&price=20000&fid=1"), 400, 400},
		"price in two cases":         {asJSON(`"price":10000,"Price":20000,"fid":1`), 400, 400},
		"broken JSON":                {raw("/api/create", "application/json", `{"price":`), 400, 400},
		"not UTF-8":                  {raw("/api/create", "application/json", "{\"price\":\"\xff\"}"), 400, 400},
		"text":                       {raw("/api/create", "text/plain", "price=10000"), 415, 415},
		"no body":                    {request{method: "POST", path: "/api/create"}, 500, 0},

		"order: price first":        {create("price", "abc", "fid", "-", "card", "1"), 500, 0},
		"order: then the minimum":   {create("price", "9999", "fid", "-", "card", "1"), 500, 1},
		"order: then the invoice":   {create("fid", "-", "card", "1"), 500, 2},
		"order: then the card":      {create("fid", fid, "card", "1"), 500, -3},
		"order: token before all":   {keyed(create("price", "abc"), noKey), 403, 403},
		"order: token, then method": {keyed(request{method: "GET", path: "/api/create"}, noKey), 403, 403},
		"order: method, then price": {request{method: "GET", path: "/api/create?price=abc"}, 405, 405},

		"setCard without pay_id":      {request{method: "POST", path: "/api/setCard", form: url.Values{"card": {payerCard}}}, 500, 4},
		"setCard with an empty one":   {setCard("", payerCard), 500, 4},
		"setCard with a word":         {setCard("abc", payerCard), 500, 5},
		"setCard of nothing":          {setCard("99999999", payerCard), 500, 5},
		"setCard of another merchant": {setCard(id(foreign), payerCard), 500, 5},
		"setCard without a card":      {setCard(id(pending), ""), 500, -3},
		"setCard of 15 digits":        {setCard(id(pending), payerCard[:15]), 500, -3},
		"setCard with a wrong digit":  {setCard(id(pending), "6037990000000015"), 500, -3},
		"setCard twice":               {setCard(id(carded), payerCard), 500, -2},
		"setCard twice, another":      {setCard(id(carded), otherCard), 500, -2},
		"setCard after payment":       {setCard(id(paid), payerCard), 500, -1},
		"setCard after expiry":        {setCard(id(expired), payerCard), 500, 6},
		"setCard with broken JSON":    {raw("/api/setCard", "application/json", `[]`), 400, 400},
		"setCard as text":             {raw("/api/setCard", "text/plain", `pay_id=1`), 415, 415},

		"check without pay_id":      {check(""), 500, 4},
		"check with an empty one":   {check("?pay_id="), 500, 4},
		"check with a word":         {check("?pay_id=abc"), 500, 5},
		"check with not UTF-8":      {check("?pay_id=%ff%00"), 500, 5},
		"check of nothing":          {check("?pay_id=99999999"), 500, 5},
		"check of minus one":        {check("?pay_id=-1"), 500, 5},
		"check beyond 2^63":         {check("?pay_id=9223372036854775808"), 500, 5},
		"check of another merchant": {check("?pay_id=" + id(foreign)), 500, 5},
		"check after expiry":        {check("?pay_id=" + id(expired)), 500, 6},
		"check before the deposit":  {check("?pay_id=" + id(pending)), 200, 7},
		"check in persian":          {check("?pay_id=" + url.QueryEscape(strings.NewReplacer("1", "۱", "2", "۲", "3", "۳").Replace(id(pending)))), 200, 7},

		"no token":                    {keyed(check("?pay_id="+id(paid)), noKey), 403, 403},
		"wrong token":                 {keyed(check("?pay_id="+id(paid)), "Test"), 403, 403},
		"token not UTF-8":             {keyed(check("?pay_id="+id(paid)), "\xff\xfe"), 403, 403},
		"token in another header":     {request{method: "GET", path: "/api/carts", key: noKey, header: map[string]string{"Authorization": "test"}}, 403, 403},
		"token in the query":          {keyed(check("?token=test&pay_id="+id(paid)), noKey), 403, 403},
		"check by POST":               {request{method: "POST", path: "/api/check?pay_id=" + id(paid)}, 405, 405},
		"carts by DELETE":             {request{method: "DELETE", path: "/api/carts"}, 405, 405},
		"sms by GET":                  {request{method: "GET", path: "/api/sms"}, 405, 405},
		"resolve by GET":              {request{method: "GET", path: "/api/deposits/1/resolve"}, 405, 405},
		"unknown endpoint":            {request{method: "GET", path: "/api/xyz"}, 404, 404},
		"unknown, without a token":    {keyed(request{method: "POST", path: "/api/xyz"}, noKey), 404, 404},
		"endpoint in another case":    {request{method: "POST", path: "/api/setcard"}, 404, 404},
		"below an endpoint":           {request{method: "GET", path: "/api/check/19"}, 404, 404},
		"of the other contract's way": {request{method: "GET", path: "/api/deposits/1"}, 404, 404},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			facts := w.facts()
			a := w.cards(tt.r)
			w.requireSays(a, tt.status, tt.code)
			require.Equal(t, facts, w.facts(), "nothing may change")
			require.Equal(t, tt.status == 405, a.Header.Get("Allow") != "")
		})
	}
	require.NotContains(t, w.log.String(), `"level":"ERROR"`, "what callers do wrong is not our error")
}

// A trailing slash is the same endpoint. HEAD asks nothing and never verifies.
func TestCardPaths(t *testing.T) {
	w := newWorld(t)
	paid := w.transfer()
	w.deposit(paid)
	for _, token := range []string{"test", noKey} {
		a := w.cards(request{method: "HEAD", path: "/api/check?pay_id=" + strconv.FormatInt(paid.PayID, 10), key: token})
		require.Equal(t, map[string]int{"test": 405, noKey: 403}[token], a.StatusCode)
	}
	w.createdBy(w.cards(request{method: "POST", path: "/api/create/", form: w.form()}))
	w.requireSays(w.cards(request{method: "GET", path: "/api/check/?pay_id=" + strconv.FormatInt(paid.PayID, 10)}), 200, 201)
	require.Equal(t, http.StatusOK, w.cards(request{method: "GET", path: "/api/carts/"}).StatusCode)
	require.Equal(t, "POST", w.cards(request{method: "GET", path: "/api/create"}).Header.Get("Allow"))
}
