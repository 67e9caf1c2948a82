package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
	"github.com/paysaga/paysaga/gateways/payouts"
	"github.com/paysaga/paysaga/money"
)

const (
	payoutIBAN = "IR270170000000100324200001"
	payoutCard = "6219860000000019"
)

// payout is the adapter, pointed at the sandbox.
func (w *world) payout() payouts.Provider {
	return payouts.NewSandbox(payouts.SandboxConfig{BaseURL: w.url, Timeout: 5 * time.Second})
}

func toIBAN(reference string) payouts.Order {
	return payouts.Order{
		Reference: reference, Amount: 50_000, Rail: payouts.PAYA, To: payouts.ToIBAN(money.IBAN(payoutIBAN)), Holder: "سارا نمونه", Note: "تسویه",
	}
}

func toCard(t *testing.T, reference string) payouts.Order {
	to, err := payouts.ToCard(payoutCard)
	require.NoError(t, err)
	return payouts.Order{Reference: reference, Amount: 50_000, Rail: payouts.Card, To: to}
}

func (w *world) transfer(reference string) Transfer {
	w.t.Helper()
	got := w.getBook("?key=" + reference).Transfers
	require.Len(w.t, got, 1)
	return got[0]
}

func TestPayoutSettlesWithTheNextCycle(t *testing.T) {
	w := newWorld(t)
	p := w.payout()
	got, err := p.Send(t.Context(), toIBAN("p-1"))
	require.NoError(t, err)
	require.Equal(t, payouts.Accepted, got.State)
	require.Equal(t, w.clock.Now().Add(2*time.Second).UTC().Round(0), got.Due)
	rail, err := p.Capabilities().RailFor(50_000, payouts.KindIBAN)
	require.NoError(t, err)
	require.Equal(t, 2*time.Second, rail.Cycle, "the adapter knows the sandbox's cycle")

	w.clock.pass(2*time.Second - time.Nanosecond)
	report, err := p.Inquire(t.Context(), "p-1")
	require.NoError(t, err)
	require.Equal(t, payouts.Accepted, report.State)
	w.clock.pass(time.Nanosecond)
	report, err = p.Inquire(t.Context(), "p-1")
	require.NoError(t, err)
	require.Equal(t, payouts.Settled, report.State)
	require.Equal(t, "500000000001", report.ID)
	require.Equal(t, "9601500000000001", report.TrackingID)

	at := got.Due.Add(-2 * time.Second)
	require.Equal(t, Transfer{
		Reference: "p-1", Rail: "paya", To: "IR27017***************0001", Amount: 50_000, Holder: "سارا نمونه", Note: "تسویه",
		State: "settled", ID: "500000000001", TrackingID: "9601500000000001", At: at, Due: got.Due, Orders: 1,
	}, w.transfer("p-1"))
}

func TestPayoutToACardSettlesAtOnce(t *testing.T) {
	w := newWorld(t)
	got, err := w.payout().Send(t.Context(), toCard(t, "p-1"))
	require.NoError(t, err)
	require.Equal(t, payouts.Settled, got.State)
	require.NotEmpty(t, got.TrackingID)
	require.Equal(t, "621986******0019", w.transfer("p-1").To)
}

func TestPayoutComesBack(t *testing.T) {
	w := newWorld(t)
	w.setRules(`{"payout":{"return":1,"cycle":"1m"}}`)
	for _, o := range []payouts.Order{toIBAN("p-1"), toCard(t, "p-2")} {
		got, err := w.payout().Send(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, payouts.Accepted, got.State)
		require.Empty(t, w.transfer(o.Reference).Then, "the bank does not tell its plans")
	}
	w.setRules(`{}`) // what was accepted keeps its fate
	w.clock.pass(time.Minute)
	for _, ref := range []string{"p-1", "p-2"} {
		report, err := w.payout().Inquire(t.Context(), ref)
		require.NoError(t, err)
		require.Equal(t, payouts.Returned, report.State)
		require.Equal(t, "account_closed", report.Code)
		require.Empty(t, report.TrackingID)
		require.Equal(t, "returned", w.transfer(ref).State)
	}
}

func TestPayoutHappensOncePerReference(t *testing.T) {
	w := newWorld(t)
	const twins = 20
	var wg sync.WaitGroup
	ids := make([]string, twins)
	for i := range twins {
		wg.Go(func() {
			got, err := w.payout().Send(context.Background(), toIBAN("p-1"))
			if err == nil {
				ids[i] = got.ID
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(t, "500000000001", id)
	}
	require.Equal(t, twins, w.transfer("p-1").Orders)

	for name, change := range map[string]func(o *payouts.Order){
		"amount":  func(o *payouts.Order) { o.Amount++ },
		"account": func(o *payouts.Order) { o.To = payouts.ToIBAN("IR930560000000001234567890") },
		"note":    func(o *payouts.Order) { o.Note = "" },
		"card":    func(o *payouts.Order) { *o = toCard(t, "p-1") },
	} {
		other := toIBAN("p-1")
		change(&other)
		_, err := w.payout().Send(t.Context(), other)
		require.Equal(t, gateways.ClassUnknown, gateways.Classify(err), name)
	}
	require.EqualValues(t, 50_000, w.transfer("p-1").Amount)
	require.Len(t, w.getBook("").Transfers, 1)
}

func TestPayoutRefusals(t *testing.T) {
	w := newWorld(t)
	w.setRules(`{"payout":{"refuse":1}}`)
	refused := func() {
		_, err := w.payout().Send(t.Context(), toIBAN("p-1"))
		var no *gateways.Refused
		require.ErrorAs(t, err, &no)
		require.Equal(t, "refused", no.Code)
	}
	refused()
	_, err := w.payout().Inquire(t.Context(), "p-1")
	require.Equal(t, gateways.ClassRefused, gateways.Classify(err), "the question is refused too")
	w.setRules(`{}`)
	refused() // a refused reference stays refused
	report, err := w.payout().Inquire(t.Context(), "p-1")
	require.NoError(t, err)
	require.Equal(t, payouts.Report{State: payouts.Failed, ID: "500000000001", Code: "refused", Why: "the bank refused the order"}, report)
	require.Equal(t, "failed", w.transfer("p-1").State)

	w.setRules(`{"payout":{"exhausted":1}}`)
	_, err = w.payout().Send(t.Context(), toIBAN("p-2"))
	var later *gateways.Unavailable
	require.ErrorAs(t, err, &later)
	require.Empty(t, w.getBook("?key=p-2").Transfers, "nothing was taken")
	w.setRules(`{}`)
	_, err = w.payout().Send(t.Context(), toIBAN("p-2"))
	require.NoError(t, err, "so it may come again")
}

func TestPayoutFailures(t *testing.T) {
	for failure, booked := range map[string][]bool{
		failTimeoutBefore: {false}, failTimeoutAfter: {true}, failUnknown: {true, false}, failGarbage: {true, false},
	} {
		t.Run(failure, func(t *testing.T) {
			w := newWorld(t)
			w.setRules(`{"payout":{"` + failure + `":1,"hold":"10m"}}`)
			p := payouts.NewSandbox(payouts.SandboxConfig{BaseURL: w.url, Timeout: 100 * time.Millisecond})
			_, err := p.Send(t.Context(), toIBAN("p-1"))
			require.Equal(t, gateways.ClassUnknown, gateways.Classify(err))
			_, err = p.Inquire(t.Context(), "p-1")
			require.Error(t, err)
			require.NotEqual(t, gateways.ClassRefused, gateways.Classify(err))

			w.setRules(`{}`)
			got := w.getBook("").Transfers
			require.Contains(t, booked, len(got) == 1)
			report, err := w.payout().Inquire(t.Context(), "p-1")
			require.NoError(t, err)
			require.Equal(t, len(got) == 0, report.State == payouts.NotFound)
			calls := w.getBook("?calls=1&bank=payout&key=p-1").Calls
			require.Len(t, calls, 3)
			require.Equal(t, opSend, calls[0].Op)
			require.Equal(t, failure, calls[0].Rule)
			require.Equal(t, len(got) == 1, calls[0].Effect)
		})
	}
}

func TestPayoutBadRequests(t *testing.T) {
	w := newWorld(t)
	order := func(more string) string {
		return `{"reference":"p-1","amount":50000,"rail":"paya","iban":"` + payoutIBAN + `"` + more + `}`
	}
	for name, c := range map[string]struct{ body, code string }{
		"no JSON":          {`x`, "bad_request"},
		"no reference":     {`{"amount":50000,"rail":"paya","iban":"` + payoutIBAN + `"}`, "bad_request"},
		"odd reference":    {order(`,"reference":"a b"`), "bad_request"},
		"two destinations": {order(`,"card":"` + payoutCard + `"`), "bad_request"},
		"none":             {order(`,"iban":""`), "bad_request"},
		"half a rial":      {order(`,"amount":50000.5`), "bad_request"},
		"long note":        {order(`,"note":"` + strings.Repeat("ن", 101) + `"`), "bad_request"},
		"long holder":      {order(`,"holder":"` + strings.Repeat("ن", 101) + `"`), "bad_request"},
		"rail":             {order(`,"rail":"pol"`), "invalid_rail"},
		"card by PAYA":     {order(`,"iban":"","card":"` + payoutCard + `"`), "invalid_rail"},
		"IBAN by card":     {order(`,"rail":"card"`), "invalid_rail"},
		"too little":       {order(`,"amount":9999`), "invalid_amount"},
		"too much":         {order(`,"amount":1000000001`), "invalid_amount"},
		"SATNA's least":    {order(`,"rail":"satna","amount":499999999`), "invalid_amount"},
		"check digits":     {order(`,"iban":"IR280170000000100324200001"`), "invalid_iban"},
		"with blanks":      {order(`,"iban":"IR27 0170 0000 0010 0324 2000 01"`), "invalid_iban"},
		"card's digit":     {order(`,"rail":"card","iban":"","card":"6219860000000018"`), "invalid_card"},
	} {
		t.Run(name, func(t *testing.T) {
			var got struct{ Error string }
			status := w.json(http.MethodPost, "/payout/v1/orders", c.body, &got)
			require.Equal(t, c.code, got.Error)
			require.Contains(t, []int{400, 422}, status)
		})
	}
	require.Empty(t, w.getBook("").Transfers)
	var got struct{ Error string }
	require.Equal(t, http.StatusNotFound, w.json(http.MethodGet, "/payout/v1/orders/p-1", nil, &got))
	require.Equal(t, "no_such_order", got.Error)
	require.Equal(t, http.StatusRequestEntityTooLarge, w.json(http.MethodPost, "/payout/v1/orders", strings.Repeat(" ", maxBody+1), nil))
}

// The two sides agree on what a rail takes, up to the last rial.
func TestPayoutLimitsAreTheAdapters(t *testing.T) {
	w := newWorld(t)
	card := toCard(t, "x").To
	for i, r := range w.payout().Capabilities().Rails {
		for j, amount := range []money.Rial{r.Min, r.Max} {
			o := payouts.Order{Reference: fmt.Sprintf("p-%d-%d", i, j), Amount: amount, Rail: r.Rail, To: card}
			if r.Rail != payouts.Card {
				o.To = payouts.ToIBAN(payoutIBAN)
			}
			_, err := w.payout().Send(t.Context(), o)
			require.NoError(t, err)
		}
		require.Equal(t, r.Min, transferRails[string(r.Rail)].min)
		require.Equal(t, r.Max, transferRails[string(r.Rail)].max)
	}
	require.Len(t, transferRails, len(w.payout().Capabilities().Rails))
}

func TestPayoutBookSurvives(t *testing.T) {
	w := newWorld(t)
	_, err := w.payout().Send(t.Context(), toIBAN("p-1"))
	require.NoError(t, err)
	_, err = w.payout().Send(t.Context(), toIBAN("p-1"))
	require.NoError(t, err)
	before := w.getBook("").Transfers
	raw, err := os.ReadFile(bookBeside(w.cfg.Book, "payout"))
	require.NoError(t, err)
	require.NotContains(t, string(raw), payoutIBAN)

	w.s.Release()
	require.NoError(t, w.s.Close())
	again, err := New(w.cfg)
	require.NoError(t, err)
	defer again.Close()
	require.Equal(t, before, again.payouts.list(w.clock.Now().UTC().Round(0), func(*Transfer) bool { return true }))
	_, fresh, err := again.payouts.order(Transfer{Reference: "p-1"}, w.clock.Now(), func(*Transfer) {})
	require.False(t, fresh)
	require.True(t, errors.Is(err, errDuplicateRef))
}

func TestPayoutRules(t *testing.T) {
	w := newWorld(t)
	const rules = `{"bank":{},"operator":{},"payout":{"return":0.5,"exhausted":1,"cycle":"1m0s","hold":"2s","send":{"timeout_after":0.25}}}`
	var got any
	require.Equal(t, http.StatusOK, w.json(http.MethodPut, "/rules", rules, &got))
	var back string
	require.Equal(t, http.StatusOK, w.json(http.MethodGet, "/rules", nil, &got))
	back = fmt.Sprint(got)
	require.Contains(t, back, "exhausted:1")
	require.Contains(t, back, "cycle:1m0s")
	for wrong, why := range map[string]string{
		`{"payout":{"return":2}}`:                 "payout: return: must be a number",
		`{"payout":{"cycle":2}}`:                  "payout: cycle: must be a duration",
		`{"payout":{"submit":{}}}`:                "payout: submit: unknown",
		`{"payout":{"in_progress":1}}`:            "payout: in_progress: unknown",
		`{"bank":{"return":1}}`:                   "bank: return: unknown",
		`{"payout":{"send":{"return":1}}}`:        "payout: send: return: unknown",
		`{"payout":{"exhausted":"all the time"}}`: "payout: exhausted: must be a number",
	} {
		_, err := ParseRules([]byte(wrong))
		require.ErrorContains(t, err, why)
	}
}

func TestPayoutPage(t *testing.T) {
	w := newWorld(t)
	status, page := w.page("/payout")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, page, "هنوز دستوری نرسیده است")
	_, err := w.payout().Send(t.Context(), toIBAN("p-1"))
	require.NoError(t, err)
	w.setRules(`{"payout":{"refuse":1}}`)
	_, err = w.payout().Send(t.Context(), toIBAN("p-<b>"))
	require.Error(t, err)
	_, err = w.payout().Send(t.Context(), toCard(t, "p-2"))
	require.Error(t, err)
	_, page = w.page("/payout?refresh=5")
	for _, want := range []string{
		`data-reference="p-1" data-state="accepted"`, "در انتظار چرخه", "پایا", "۵۰٬۰۰۰", "IR27017***************0001",
		`data-reference="p-2" data-state="failed"`, "بانک نپذیرفت", `<meta http-equiv="refresh" content="5">`,
	} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, payoutIBAN)
	w.clock.pass(2 * time.Second)
	_, page = w.page("/payout")
	require.Contains(t, page, "9601500000000001")
}
