package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/auth"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

const (
	purchases  = "/api/v2/purchase"
	oldKey     = "old:b2xkLWtleS1vbGQta2V5LW9sZC1rZXktb2xkLWtleSE="
	newKey     = "new:bmV3LWtleS1uZXcta2V5LW5ldy1rZXktbmV3LWtleSE="
	strangeKey = "new:c3RyYW5nZS1rZXktc3RyYW5nZS1rZXktc3RyYW5nZSE="

	notFoundOrYours = "آیتم مورد نظر یافت نشد و یا اجازه بازخوانی ندارد"
	notCompletable  = "پرداخت قابل تکمیل نیست"
	tryAgainLater   = "در حال حاضر امکان بازخوانی نیست؛ کمی بعد دوباره تلاش کنید"
)

// office is the API as branch 31 of the documented merchant uses it; tokens are signed with keys.
type office struct {
	*world
	auth  *auth.Authenticator
	token string
}

func newOffice(t *testing.T, change ...func(*api.Deps)) *office {
	t.Helper()
	o := &office{}
	o.world = newWorld(t, append(change, func(d *api.Deps) {
		o.auth = d.Auth
		o.auth.UseKeys(signingKeys(t, newKey+","+oldKey))
	})...)
	o.token = o.issue(31)
	return o
}

func signingKeys(t *testing.T, text string) *auth.SigningKeys {
	t.Helper()
	keys, err := auth.ParseSigningKeys(text)
	require.NoError(t, err)
	return keys
}

func (o *office) issue(branch int64) string {
	o.Helper()
	token, err := o.auth.IssueToken(branch, time.Hour)
	require.NoError(o, err)
	return token
}

func (o *office) admin(merchant string) string {
	o.Helper()
	token, err := o.auth.IssueAdminToken(merchant, time.Hour)
	require.NoError(o, err)
	return token
}

// in is the same office in a subtest.
func (o *office) in(t *testing.T) *office {
	out := *o
	out.world = o.world.in(t)
	return &out
}

// ask makes a call with the office's token, unless it has another.
func (o *office) ask(r request) answer {
	o.Helper()
	if r.key == "" {
		r.key = "Bearer " + o.token
	}
	return o.do(r)
}

// sold is a purchase as the API tells it.
type sold struct {
	ID          int64           `json:"id"`
	Branch      int64           `json:"branch"`
	Amount      int64           `json:"amount"`
	Description string          `json:"description"`
	Items       json.RawMessage `json:"items"`
	Status      int             `json:"status"`
	RetryCount  int             `json:"retry_count"`
	Reference   *string         `json:"reference"`
	Link        string          `json:"link"`
	CreatedAt   string          `json:"created_at"`
	CompletedAt *string         `json:"completed_at"`
	Timeline    []struct {
		Action    string `json:"action"`
		Outcome   string `json:"outcome"`
		Actor     string `json:"actor"`
		RequestID string `json:"request_id"`
		At        string `json:"at"`
	} `json:"timeline"`
}

// payload reads a good answer strictly.
func (o *office) payload(a answer, status int, into any) {
	o.Helper()
	require.Equal(o, status, a.StatusCode, a.body)
	require.Equal(o, "application/json", a.Header.Get("Content-Type"))
	var e struct {
		Payload json.RawMessage `json:"payload"`
		Meta    struct {
			Timestamp int64 `json:"timestamp"`
		} `json:"meta"`
	}
	strictly(o.T, a.body, &e)
	require.WithinDuration(o, time.Now(), time.Unix(e.Meta.Timestamp, 0), time.Minute)
	strictly(o.T, string(e.Payload), into)
}

func strictly(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(into), text)
}

// refuses holds a failure against the envelope and answers its message.
func (o *office) refuses(a answer, status int) string {
	o.Helper()
	require.Equal(o, status, a.StatusCode, a.body)
	require.Equal(o, "application/json", a.Header.Get("Content-Type"))
	var e struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
		Meta struct {
			Timestamp int64 `json:"timestamp"`
		} `json:"meta"`
	}
	strictly(o.T, a.body, &e)
	require.Equal(o, 1000, e.Error.Code)
	require.WithinDuration(o, time.Now(), time.Unix(e.Meta.Timestamp, 0), time.Minute)
	require.NotContains(o, strings.ToLower(a.body), "sql")
	require.Empty(o, a.Header.Get("X-Reference"))
	return e.Error.Message
}

func (o *office) sell(more ...string) sold {
	o.Helper()
	body := `{"amount":10000`
	for i := 0; i+1 < len(more); i += 2 {
		body += fmt.Sprintf(`,%q:%s`, more[i], more[i+1])
	}
	var u sold
	o.payload(o.ask(request{method: "POST", path: purchases, json: body + "}"}), http.StatusCreated, &u)
	return u
}

func (o *office) again(id int64) sold {
	o.Helper()
	var u sold
	o.payload(o.ask(request{method: "GET", path: fmt.Sprint(purchases, "/", id)}), http.StatusOK, &u)
	return u
}

func (u sold) token() string { return u.Link[strings.LastIndex(u.Link, "/")+1:] }

// bringTo sells and carries the purchase to a state, as payers and sagas do.
func (o *office) bringTo(to state.Purchase) (sold, store.Attempt) {
	o.Helper()
	u := o.sell()
	var a store.Attempt
	switch to {
	case state.PurchaseAwaiting:
	case state.PurchaseEnded:
		o.shut(u.token())
		_, err := o.store.ClosePurchase(o.Context(), u.ID)
		require.NoError(o, err)
	default:
		a = o.open(u.token())
		switch to {
		case state.PurchaseIncomplete:
			require.NoError(o, o.store.NoteUnpaid(o.Context(), a.ID, "not_paid"))
		case state.PurchaseCompleted:
			o.pay(a)
		}
	}
	numbers := map[state.Purchase]int{state.PurchaseAwaiting: 0, state.PurchaseCompleting: 1, state.PurchaseIncomplete: 2, state.PurchaseCompleted: 3, state.PurchaseEnded: 4}
	require.Equal(o, numbers[to], o.again(u.ID).Status)
	return u, a
}

// systemLog is every line of the log table, "branch purchase actor action outcome" each.
func (o *office) systemLog() (lines []string) {
	o.Helper()
	require.NoError(o, o.db.NewRaw(`SELECT concat_ws(' ', branch_id, purchase_id, actor, action, outcome) FROM system_log ORDER BY id`).Scan(o.Context(), &lines))
	return lines
}

func TestAPurchasesLife(t *testing.T) {
	o := newOffice(t)
	u := o.sell("description", `"خرید"`, "items", `[{"n": 9007199254740993, "name": "items"}]`, "callback", `"https://shop.example/back?x=1"`, "branch", "31")
	require.Equal(t, []any{int64(31), int64(10_000), "خرید", 0, 0}, []any{u.Branch, u.Amount, u.Description, u.Status, u.RetryCount})
	require.Equal(t, `[{"n":9007199254740993,"name":"items"}]`, string(u.Items), "no number loses a digit")
	require.Nil(t, u.Reference)
	require.Nil(t, u.CompletedAt)
	require.Nil(t, u.Timeline)
	require.Regexp(t, `^`+regexp.QuoteMeta(o.base)+`/pay/[A-Za-z0-9]{22}$`, u.Link)
	require.Equal(t, state.PaymentPending, o.payment(u.token()).State)
	require.Equal(t, "start", o.heard("purchase", u.ID))

	a := o.open(u.token())
	o.sagas.inquire = o.unpaid(a)
	require.Equal(t, notCompletable, o.refuses(o.retry(u.ID), http.StatusConflict))
	o.sagas.inquire = o.paid(a)
	o.completed(o.retry(u.ID), "CHECK-9672")

	u = o.again(u.ID)
	require.Equal(t, []any{3, 2, "CHECK-9672"}, []any{u.Status, u.RetryCount, *u.Reference})
	require.NotNil(t, u.CompletedAt)
	var told []string
	for _, line := range u.Timeline {
		told = append(told, strings.TrimSpace(line.Actor+" "+line.Action+" "+line.Outcome))
		require.Equal(t, line.Actor != "bank", line.RequestID != "", "who asked is told with the request's id")
	}
	require.Equal(t, []string{"branch/31 create", "branch/31 retry", "branch/31 refusal not completable, pending", "branch/31 retry", "bank completion CHECK-9672"}, told)

	page := parse(t, o.page("GET", "/pay/"+u.token(), nil))
	found := false
	for n := range page.root.Descendants() {
		found = found || attr(n, "href") == fmt.Sprintf("https://shop.example/back?id=%d&x=1", u.ID)
	}
	require.True(t, found, "the payer goes back to the branch, with the purchase's number")
}

func TestListPurchases(t *testing.T) {
	o := newOffice(t)
	var ids []int64
	for _, s := range []state.Purchase{state.PurchaseAwaiting, state.PurchaseIncomplete, state.PurchaseCompleted, state.PurchaseEnded} {
		u, _ := o.bringTo(s)
		ids = append([]int64{u.ID}, ids...)
	}
	ids = append(ids, 74) // the documented one
	list := func(query string) (got []int64, next string) {
		t.Helper()
		var page struct {
			Purchases []sold `json:"purchases"`
			Next      string `json:"next"`
		}
		o.payload(o.ask(request{method: "GET", path: purchases + query}), http.StatusOK, &page)
		got = []int64{}
		for _, u := range page.Purchases {
			require.Nil(t, u.Timeline)
			got = append(got, u.ID)
		}
		return got, page.Next
	}
	all, next := list("")
	require.Equal(t, ids, all)
	require.Empty(t, next)
	var paged []int64
	for query := "?size=2"; query != ""; {
		got, next := list(query)
		paged = append(paged, got...)
		query = ""
		if next != "" {
			query = "?size=2&before=" + next
		}
	}
	require.Equal(t, ids, paged)
	two, _ := list("?status=2")
	require.Equal(t, []int64{ids[2], 74}, two)
	two, next = list("?status=2&size=1")
	require.Equal(t, []int64{ids[2]}, two)
	two, _ = list("?status=2&before=" + next)
	require.Equal(t, []int64{74}, two)
	none, _ := list("?status=1&branch=31")
	require.Empty(t, none)

	for query, says := range map[string]string{
		"?status=5": "status", "?status=-1": "status", "?status=done": "status", "?size=0": "size", "?size=201": "size", "?size=x": "size",
		"?before=0": "before", "?before=x": "before", "?before=99999999999999999999": "before", "?branch=x": "branch", "?branch=-31": "branch",
	} {
		require.Contains(t, o.refuses(o.ask(request{method: "GET", path: purchases + query}), http.StatusBadRequest), says+": ", query)
	}
}

// A branch sees its own, an admin those of every branch of the merchant and nobody else's.
func TestBranchesAreApart(t *testing.T) {
	o := newOffice(t)
	require.NoError(t, o.store.AddBranch(t.Context(), "faSDF42w3Fs", 32, "north"))
	require.NoError(t, o.store.AddBranch(t.Context(), "demo-fast", 77, "fast"))
	mine := o.sell()
	get := func(token, path string) answer {
		return o.ask(request{method: "GET", path: purchases + path, key: token})
	}
	own := fmt.Sprint("/", mine.ID)
	for name, token := range map[string]string{"another branch": o.issue(32), "another merchant's branch": o.issue(77)} {
		require.Equal(t, "No such purchase", o.refuses(get(token, own), http.StatusNotFound), name)
		require.Equal(t, "No such purchase", o.refuses(get(token, own+"?branch=31"), http.StatusNotFound), name)
		require.Equal(t, "No such purchase", o.refuses(get(token, "?branch=31"), http.StatusNotFound), name)
	}
	for _, path := range []string{"/0", "/-1", "/x", "/99999999999999999999", "/1099511627776"} {
		require.Equal(t, "No such purchase", o.refuses(get(o.token, path), http.StatusNotFound), path)
	}
	boss, stranger := o.admin("faSDF42w3Fs"), o.admin("demo-fast")
	require.Contains(t, o.refuses(get(boss, own), http.StatusBadRequest), "branch")
	require.Equal(t, http.StatusOK, get(boss, own+"?branch=31").StatusCode)
	require.Equal(t, http.StatusOK, get(boss, "?branch=32").StatusCode)
	require.Equal(t, "No such purchase", o.refuses(get(boss, own+"?branch=32"), http.StatusNotFound))
	require.Equal(t, "No such purchase", o.refuses(get(boss, "?branch=77"), http.StatusNotFound))
	require.Equal(t, "No such purchase", o.refuses(get(stranger, own+"?branch=31"), http.StatusNotFound))

	sell := func(token, body string) answer {
		return o.ask(request{method: "POST", path: purchases, json: body, key: token})
	}
	var u sold
	o.payload(sell(boss, `{"amount":5,"branch":32}`), http.StatusCreated, &u)
	require.EqualValues(t, 32, u.Branch)
	facts, lines := o.facts(), o.systemLog()
	require.Contains(t, o.refuses(sell(boss, `{"amount":5}`), http.StatusBadRequest), "branch")
	for _, wrong := range []answer{sell(boss, `{"amount":5,"branch":77}`), sell(boss, `{"amount":5,"branch":404}`), sell(o.token, `{"amount":5,"branch":32}`), sell(stranger, `{"amount":5,"branch":31}`)} {
		require.Equal(t, "The token does not speak for this branch", o.refuses(wrong, http.StatusForbidden))
	}
	require.Equal(t, facts, o.facts())
	require.Equal(t, lines, o.systemLog())
}

func TestCreatePurchaseBadInput(t *testing.T) {
	o := newOffice(t)
	facts, lines := o.facts(), o.systemLog()
	with := func(members string) request {
		return request{method: "POST", path: purchases, json: `{"amount":10000,` + members + `}`}
	}
	only := func(contentType, body string) request {
		return request{method: "POST", path: purchases, contentType: contentType, body: body}
	}
	const jsonType = "application/json"
	for name, tt := range map[string]struct {
		r      request
		status int
		says   string
	}{
		"no amount":                  {only(jsonType, `{}`), 400, "amount: "},
		"amount zero":                {only(jsonType, `{"amount":0}`), 400, "amount: "},
		"amount negative":            {only(jsonType, `{"amount":-5}`), 400, "amount: "},
		"amount fraction":            {only(jsonType, `{"amount":1.5}`), 400, "amount: "},
		"amount huge":                {only(jsonType, `{"amount":9007199254740993}`), 400, "amount: "},
		"amount a list":              {only(jsonType, `{"amount":[1]}`), 400, "amount: "},
		"amount twice":               {with(`"amount":1`), 400, "amount: "},
		"amount twice beside items":  {with(`"items":[],"amount":1`), 400, "amount: "},
		"amount twice, another case": {with(`"items":[],"Amount":1`), 400, "mount: "},
		"items twice":                {with(`"items":[],"items":[1]`), 400, "items: "},
		"items twice, written other": {with(`"items":[],"\u0069tems":[1]`), 400, "items: "},
		"items an object":            {with(`"items":{"a":1}`), 400, "items: "},
		"items a text":               {with(`"items":"[]"`), 400, "items: "},
		"items null":                 {with(`"items":null`), 400, "items: "},
		"items too long":             {with(`"items":["` + strings.Repeat("x", 8000) + `"]`), 400, "items: "},
		"items in another case":      {with(`"Items":[]`), 400, "Items: "},
		"items broken":               {with(`"items":[1,]`), 400, "JSON"},
		"items in a form":            {only("application/x-www-form-urlencoded", "amount=1&items=[]"), 400, "items: "},
		"items not UTF-8":            {with("\"items\":[\"\xff\"]"), 400, "UTF-8"},
		"description not a text":     {with(`"description":5`), 400, "description: "},
		"description too long":       {with(`"description":"` + strings.Repeat("x", 1001) + `"`), 400, "description: "},
		"callback a script":          {with(`"callback":"javascript:alert(1)"`), 400, "callback: "},
		"callback without a host":    {with(`"callback":"https:///back"`), 400, "callback: "},
		"callback with a password":   {with(`"callback":"https://u:p@shop.example"`), 400, "callback: "},
		"callback not a text":        {with(`"callback":5`), 400, "callback: "},
		"branch a word":              {with(`"branch":"center"`), 400, "branch: "},
		"branch zero":                {with(`"branch":0`), 400, "branch: "},
		"branch null":                {with(`"branch":null`), 400, "branch: "},
		"another branch":             {with(`"branch":32`), 403, "branch"},
		"broken JSON":                {only(jsonType, `{"amount":1`), 400, "JSON"},
		"a list":                     {only(jsonType, `[1]`), 400, "JSON"},
		"text":                       {only("text/plain", `amount=1`), 415, "application/json"},
		"no content type":            {only("", `{"amount":1}`), 415, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			o := o.in(t)
			require.Contains(t, o.refuses(o.ask(tt.r), tt.status), tt.says)
			require.Equal(t, facts, o.facts())
			require.Equal(t, lines, o.systemLog())
		})
	}
	require.NoError(t, o.store.SetMerchantDisabled(t.Context(), "faSDF42w3Fs", true))
	require.Equal(t, "The merchant is disabled", o.refuses(o.ask(only(jsonType, `{"amount":1}`)), http.StatusForbidden))
	require.False(t, strings.Contains(o.log.String(), `"level":"ERROR"`), "what callers do wrong is not our error")
}

// What JSON allows, the table takes, and gives back as it came.
func TestItemsOfEveryKind(t *testing.T) {
	o := newOffice(t)
	for _, items := range []string{
		`[]`, `[null,true,"a",1.50,{"a":{"a":[]}}]`, `["\u0000","\ud800","\\u0000"]`, `[1e300,1e-400000,-0]`, `[{"a":1,"a":2}]`,
		strings.Repeat("[", 4000) + strings.Repeat("]", 4000),
	} {
		u := o.sell("items", items)
		require.Equal(t, items, string(u.Items))
		require.Equal(t, items, string(o.again(u.ID).Items))
	}
}

// In production a payer is sent back over https only.
func TestPurchaseCallbacksInProduction(t *testing.T) {
	o := newOffice(t, func(d *api.Deps) { d.Dev = false })
	r := request{method: "POST", path: purchases, json: `{"amount":1,"callback":"http://shop.example/"}`}
	require.Contains(t, o.refuses(o.ask(r), http.StatusBadRequest), "callback: ")
	o.sell("callback", `"https://shop.example/"`)
}

// The money of a purchase is a payment, but not one that the merchant made.
func TestPurchasesAreNotListedAsPayments(t *testing.T) {
	o := newOffice(t)
	before := o.get(payments).body
	o.bringTo(state.PurchaseCompleted)
	require.JSONEq(t, before, o.get(payments).body)
}
