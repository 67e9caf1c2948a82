package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways/operators"
	"github.com/paysaga/paysaga/money"
)

// operator is the adapter, pointed at the sandbox.
func (w *world) operator() operators.Operator {
	return operators.NewSandbox(operators.SandboxConfig{BaseURL: w.url, Timeout: 5 * time.Second})
}

// topup is the product of the documented example under a key.
func topup(key string) operators.Order {
	return operators.Order{Key: key, Carrier: operators.Irancell, Type: "cell_direct_charge", Sim: "credit", Mobile: "989021234567", Amount: 5_000}
}

func (w *world) delivery(key string) Delivery {
	w.t.Helper()
	got := w.getBook("?key=" + key).Deliveries
	require.Len(w.t, got, 1)
	return got[0]
}

func TestOperatorDelivers(t *testing.T) {
	w := newWorld(t)
	got := w.operator().Submit(t.Context(), topup("topup-1"))
	require.Equal(t, operators.Answer{Outcome: operators.Delivered, Reference: "800000000001", Code: "delivered", Why: "delivered"}, got)
	require.Equal(t, got, w.operator().Inquire(t.Context(), topup("topup-1")))
	require.Equal(t, Delivery{
		Key: "topup-1", Carrier: "irancell", Type: "cell_direct_charge", Sim: "credit", Mobile: "0902*****67", Amount: 5_000,
		State: "delivered", Reference: "800000000001", At: w.clock.Now().UTC().Round(0), Submits: 1,
	}, w.delivery("topup-1"))
	left, err := w.operator().Balance(t.Context())
	require.NoError(t, err)
	require.Equal(t, defaultPrepaid-5_000, left)
}

func TestOperatorDeliversAKeyOnce(t *testing.T) {
	w := newWorld(t)
	const twins = 20
	outcomes := make([]operators.Outcome, twins)
	var wg sync.WaitGroup
	for i := range twins {
		wg.Go(func() { outcomes[i] = w.operator().Submit(context.Background(), topup("topup-1")).Outcome })
	}
	wg.Wait()
	count := map[operators.Outcome]int{}
	for _, o := range outcomes {
		count[o]++
	}
	require.Equal(t, map[operators.Outcome]int{operators.Delivered: 1, operators.Unknown: twins - 1}, count)
	require.Equal(t, twins, w.delivery("topup-1").Submits)

	other := topup("topup-1")
	other.Amount, other.Mobile = 7_000, "989121234567"
	got := w.operator().Submit(t.Context(), other)
	require.Equal(t, operators.Unknown, got.Outcome)
	require.Equal(t, "duplicate_order", got.Code)
	require.EqualValues(t, 5_000, w.delivery("topup-1").Amount)
	left, err := w.operator().Balance(t.Context())
	require.NoError(t, err)
	require.Equal(t, defaultPrepaid-5_000, left)

	w.setRules(`{"operator":{"refuse":1}}`)
	require.Equal(t, "duplicate_order", w.operator().Submit(t.Context(), topup("topup-1")).Code, "a delivered order is never called refused")
}

func TestOperatorRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *operators.Order)
		rules  string
		code   string
		booked bool
	}{
		"rule":             {nil, `{"operator":{"refuse":1}}`, "refused", true},
		"exhausted":        {nil, `{"operator":{"exhausted":1}}`, "insufficient_balance", true},
		"too little":       {func(o *operators.Order) { o.Amount = 4_999 }, `{}`, "invalid_amount", true},
		"too much":         {func(o *operators.Order) { o.Amount = 2_000_001 }, `{}`, "invalid_amount", true},
		"carrier":          {func(o *operators.Order) { o.Carrier = operators.Aptel }, `{}`, "unknown_product", true},
		"type":             {func(o *operators.Order) { o.Type = "card_charge" }, `{}`, "unknown_product", true},
		"package":          {func(o *operators.Order) { o.Package = "none" }, `{}`, "unknown_product", true},
		"between":          {func(o *operators.Order) { o.Type, o.Amount = "cell_amazing_direct_charge", 60_000 }, `{}`, "invalid_amount", true},
		"inactive package": {func(o *operators.Order) { o.Type, o.Package, o.Amount = "cell_internet", "IR-NOWRUZ", 150_000 }, `{}`, "inactive_product", true},
		"bad key":          {func(o *operators.Order) { o.Key = "a b" }, `{}`, "bad_request", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.setRules(c.rules)
			o := topup("topup-1")
			if c.change != nil {
				c.change(&o)
			}
			got := w.operator().Submit(t.Context(), o)
			require.Equal(t, operators.Refused, got.Outcome)
			require.Equal(t, c.code, got.Code)
			w.setRules(`{}`)
			left, err := w.operator().Balance(t.Context())
			require.NoError(t, err)
			require.Equal(t, defaultPrepaid, left)
			if !c.booked {
				require.Empty(t, w.getBook("").Deliveries)
				return
			}
			require.Equal(t, "refused", w.delivery(o.Key).State)
			require.Equal(t, c.code, w.delivery(o.Key).Code)
			again := w.operator().Inquire(t.Context(), o)
			require.Equal(t, operators.Refused, again.Outcome)
			require.Equal(t, c.code, again.Code)
		})
	}
}

func TestOperatorSellsAllItLists(t *testing.T) {
	w := newWorld(t)
	list, err := w.operator().Catalogue(t.Context())
	require.NoError(t, err)
	require.Contains(t, list, operators.Product{
		Carrier: operators.Irancell, Type: "cell_direct_charge", Sim: "credit",
		Name: "شارژ مستقیم ایرانسل - مبلغ دلخواه", Price: 5_000, Most: 2_000_000, Active: true,
	})
	carriers := map[operators.Carrier]bool{}
	for i, p := range list {
		for j, amount := range []money.Rial{p.Price, max(p.Price, p.Most)} {
			o := operators.Order{
				Key: fmt.Sprintf("topup-%d-%d", i, j), Carrier: p.Carrier, Type: p.Type, Sim: p.Sim, Package: p.Package,
				Mobile: "989121234567", Amount: amount,
			}
			want := operators.Delivered
			if !p.Active {
				want = operators.Refused
			}
			require.Equal(t, want, w.operator().Submit(t.Context(), o).Outcome, p.Name)
		}
		carriers[p.Carrier] = true
	}
	require.Len(t, carriers, 3)
}

func TestOperatorBadRequests(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		body string
		code string
	}{
		"no JSON":       {`x`, "bad_request"},
		"no key":        {`{"mobile":"989021234567","amount":5000}`, "bad_request"},
		"long key":      {`{"key":"` + strings.Repeat("k", 65) + `"}`, "bad_request"},
		"half a rial":   {`{"key":"k","amount":1.5}`, "bad_request"},
		"mobile 09":     {`{"key":"k","mobile":"09021234567","amount":5000}`, "invalid_mobile"},
		"mobile absent": {`{"key":"k","amount":5000}`, "invalid_mobile"},
	} {
		t.Run(name, func(t *testing.T) {
			var got struct{ Error string }
			status := w.json(http.MethodPost, "/operator/v1/orders", c.body, &got)
			require.Equal(t, c.code, got.Error)
			require.GreaterOrEqual(t, status, 400)
		})
	}
	require.Equal(t, http.StatusRequestEntityTooLarge, w.json(http.MethodPost, "/operator/v1/orders", strings.Repeat(" ", maxBody+1), nil))
	require.Empty(t, w.getBook("").Deliveries)
}

func TestOperatorFailures(t *testing.T) {
	for failure, c := range map[string]struct{ delivered []bool }{
		failTimeoutBefore: {[]bool{false}},
		failTimeoutAfter:  {[]bool{true}},
		failUnknown:       {[]bool{true, false}},
		failGarbage:       {[]bool{true, false}},
		failEmpty:         {[]bool{true, false}},
		failInside:        {[]bool{true, false}},
		failHuge:          {[]bool{true, false}},
		failRedirect:      {[]bool{true, false}},
		failDrip:          {[]bool{true, false}},
	} {
		t.Run(failure, func(t *testing.T) {
			w := newWorld(t)
			w.setRules(`{"operator":{"` + failure + `":1,"hold":"10m"}}`)
			op := operators.NewSandbox(operators.SandboxConfig{BaseURL: w.url, Timeout: 100 * time.Millisecond})
			require.Equal(t, operators.Unknown, op.Submit(t.Context(), topup("topup-1")).Outcome)
			require.Equal(t, operators.Unknown, op.Inquire(t.Context(), topup("topup-1")).Outcome)

			w.setRules(`{}`)
			deliveries := w.getBook("").Deliveries
			require.Contains(t, c.delivered, len(deliveries) == 1)
			want := operators.NotFound
			if len(deliveries) == 1 {
				want = operators.Delivered
			}
			require.Equal(t, want, w.operator().Inquire(t.Context(), topup("topup-1")).Outcome)
			calls := w.getBook("?calls=1&bank=operator&key=topup-1").Calls
			require.Len(t, calls, 3)
			require.Equal(t, opSubmit, calls[0].Op)
			require.Equal(t, failure, calls[0].Rule)
			require.Equal(t, len(deliveries) == 1, calls[0].Effect)
		})
	}
}

func TestOperatorRefusingAQuestionSaysNothingAboutTheOrder(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, operators.Delivered, w.operator().Submit(t.Context(), topup("topup-1")).Outcome)
	w.setRules(`{"operator":{"refuse":1}}`)
	require.Equal(t, operators.Unknown, w.operator().Inquire(t.Context(), topup("topup-1")).Outcome)
	_, err := w.operator().Balance(t.Context())
	require.ErrorContains(t, err, "403")
	_, err = w.operator().Catalogue(t.Context())
	require.ErrorContains(t, err, "403")
	w.setRules(`{"operator":{"refuse":1,"inquire":{"refuse":0}}}`)
	require.Equal(t, operators.Delivered, w.operator().Inquire(t.Context(), topup("topup-1")).Outcome)
}

func TestOperatorSlowAnswersStillCome(t *testing.T) {
	w := newWorld(t)
	w.setRules(`{"operator":{"slow":1,"delay":"1ms"}}`)
	require.Equal(t, operators.Delivered, w.operator().Submit(t.Context(), topup("topup-1")).Outcome)

	w.setRules(`{"operator":{"slow":1,"delay":"10m"}}`)
	op := operators.NewSandbox(operators.SandboxConfig{BaseURL: w.url, Timeout: 50 * time.Millisecond})
	require.Equal(t, operators.Unknown, op.Submit(t.Context(), topup("topup-2")).Outcome)
	w.setRules(`{}`)
	require.Empty(t, w.getBook("?key=topup-2").Deliveries, "who left was not served")
}

func TestOperatorInProgress(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		want  operators.Outcome
		left  money.Rial
	}{
		"delivered at last": {`{"operator":{"in_progress":1,"in_progress_for":"3m"}}`, operators.Delivered, defaultPrepaid - 5_000},
		"refused at last":   {`{"operator":{"in_progress":1,"in_progress_for":"3m","in_progress_fails":1}}`, operators.Refused, defaultPrepaid},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.setRules(c.rules)
			got := w.operator().Submit(t.Context(), topup("topup-1"))
			require.Equal(t, operators.InProgress, got.Outcome)
			require.NotEmpty(t, got.Reference)
			w.setRules(`{}`)
			w.clock.pass(3*time.Minute - time.Second)
			require.Equal(t, operators.InProgress, w.operator().Inquire(t.Context(), topup("topup-1")).Outcome)
			require.Equal(t, "in_progress", w.delivery("topup-1").State)
			require.Empty(t, w.delivery("topup-1").Then, "what it becomes is not told before")
			left, err := w.operator().Balance(t.Context())
			require.NoError(t, err)
			require.Equal(t, defaultPrepaid-5_000, left)

			w.clock.pass(time.Second)
			require.Equal(t, c.want, w.operator().Inquire(t.Context(), topup("topup-1")).Outcome)
			require.Equal(t, string(c.want), w.delivery("topup-1").State)
			for range 2 { // money comes back once
				left, err = w.operator().Balance(t.Context())
				require.NoError(t, err)
				require.Equal(t, c.left, left)
			}
			require.Equal(t, "duplicate_order", w.operator().Submit(t.Context(), topup("topup-1")).Code)
		})
	}
}

func TestOperatorMoneyRunsOut(t *testing.T) {
	w := newWorld(t)
	w.s.operator.book.balance = 12_000
	require.Equal(t, operators.Delivered, w.operator().Submit(t.Context(), topup("topup-1")).Outcome)
	require.Equal(t, operators.Delivered, w.operator().Submit(t.Context(), topup("topup-2")).Outcome)
	require.Equal(t, "insufficient_balance", w.operator().Submit(t.Context(), topup("topup-3")).Code)
	left, err := w.operator().Balance(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 2_000, left)
	w.setRules(`{"operator":{"exhausted":1}}`)
	left, err = w.operator().Balance(t.Context())
	require.NoError(t, err)
	require.Zero(t, left)
}

func TestOperatorBookSurvives(t *testing.T) {
	w := newWorld(t)
	w.operator().Submit(t.Context(), topup("topup-1"))
	w.operator().Submit(t.Context(), topup("topup-1"))
	w.setRules(`{"operator":{"in_progress":1,"in_progress_fails":1}}`)
	w.operator().Submit(t.Context(), topup("topup-2"))
	w.setRules(`{"operator":{"refuse":1}}`)
	w.operator().Submit(t.Context(), topup("topup-3"))
	before := w.getBook("").Deliveries

	path := bookBeside(w.cfg.Book, "operator")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "1234567", "the book on disk holds no whole number")
	require.NoError(t, os.WriteFile(path, append(raw, `{"key":"topup-4","am`...), 0o600)) // killed while writing

	book, err := openOperatorBook(path, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = book.close() })
	now := w.clock.Now()
	require.Equal(t, asJSON(t, before), asJSON(t, book.list(now, func(*Delivery) bool { return true })))
	require.Equal(t, defaultPrepaid-10_000, book.money(now))
	require.Equal(t, defaultPrepaid-5_000, book.money(now.Add(defaultInProgress)))
	_, err = book.submit(Delivery{Key: "topup-1"}, now, nil)
	require.ErrorIs(t, err, errDuplicateOrder)

	require.NoError(t, os.WriteFile(path, []byte("{}\n"), 0o600))
	_, err = openOperatorBook(path, 0)
	require.ErrorContains(t, err, "line 1: a delivery without a key")
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func TestOperatorCatalogueChanges(t *testing.T) {
	w := newWorld(t)
	const changed = `{"products":[{"carrier":"irancell","type":"cell_direct_charge","sim":"credit","package":"","name":"x","price":9000,"most":0,"active":true}]}`
	require.Equal(t, http.StatusOK, w.json(http.MethodPut, "/operator/catalogue", changed, nil))
	list, err := w.operator().Catalogue(t.Context())
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "invalid_amount", w.operator().Submit(t.Context(), topup("topup-1")).Code)

	for _, bad := range []string{`{"products":[{"carrier":"mci"}]}`, `{"list":[]}`, `x`, `{"products":[{"carrier":"mci","type":"t","sim":"credit","price":5,"most":4}]}`} {
		require.Equal(t, http.StatusBadRequest, w.json(http.MethodPut, "/operator/catalogue", bad, nil), bad)
	}
	require.Equal(t, http.StatusOK, w.json(http.MethodPut, "/operator/catalogue", `{}`, nil))
	list, err = w.operator().Catalogue(t.Context())
	require.NoError(t, err)
	require.Len(t, list, len(operatorCatalogue))
}

func TestOperatorPage(t *testing.T) {
	w := newWorld(t)
	status, body := w.status(http.MethodGet, "/operator", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, "هنوز سفارشی نرسیده است")
	_, start := w.status(http.MethodGet, "/", "")
	require.Contains(t, start, `href="/operator"`)

	w.operator().Submit(t.Context(), topup("topup-1"))
	w.setRules(`{"operator":{"exhausted":1}}`)
	w.operator().Submit(t.Context(), topup("topup-2"))
	status, body = w.status(http.MethodGet, "/operator?refresh=5", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `data-key="topup-1" data-state="delivered"`)
	require.Contains(t, body, `data-key="topup-2" data-state="refused"`)
	require.Contains(t, body, "اعتبار کافی نیست")
	require.Contains(t, body, "۰۹۰۲*****۶۷")
	require.Contains(t, body, `content="5"`)
	require.NotContains(t, body, "style=", "the policy forbids inline styles")
	require.Less(t, strings.Index(body, "topup-2"), strings.Index(body, "topup-1"), "newest first")
}

func TestBookFilterKeepsSidesApart(t *testing.T) {
	w := newWorld(t)
	w.paid(1)
	w.operator().Submit(t.Context(), topup("topup-1"))
	all := w.getBook("")
	require.Len(t, all.Charges, 1)
	require.Len(t, all.Deliveries, 1)
	require.Empty(t, w.getBook("?bank=test").Deliveries)
	require.Empty(t, w.getBook("?state=refused").Deliveries)
	require.Len(t, w.getBook("?state=delivered").Deliveries, 1)
	require.Empty(t, w.getBook("?key=topup-1").Charges)
	require.Empty(t, w.getBook("?key=topup-2").Deliveries)
}
