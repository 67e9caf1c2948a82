package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
)

var states = []State{Open, Declined, Expired, Paid, Verified, Settled, Reversed, Cancelled, Refunded}

// bring makes a charge of bank "test" in the given state.
func (w *world) bring(state State, invoice int64) gateways.Visit {
	w.t.Helper()
	switch state {
	case Reversed:
		return w.undone(Paid, invoice, gateways.Reversed)
	case Cancelled:
		return w.undone(Verified, invoice, gateways.Cancelled)
	case Refunded:
		return w.undone(Settled, invoice, gateways.Refunded)
	case Open, Declined, Expired:
		v := w.open(invoice)
		if state == Declined {
			w.press(v, doDecline)
		}
		if state == Expired {
			w.clock.pass(15 * time.Minute)
		}
		return v
	}
	v := w.paid(invoice)
	if state == Verified || state == Settled {
		_, err := w.bank("test").Verify(w.t.Context(), v)
		require.NoError(w.t, err)
	}
	if state == Settled {
		require.NoError(w.t, w.bank("test").Settle(w.t.Context(), v))
	}
	return v
}

func (w *world) undone(from State, invoice int64, want gateways.Undone) gateways.Visit {
	v := w.bring(from, invoice)
	got, err := w.bank("test").Undo(w.t.Context(), v)
	require.NoError(w.t, err)
	require.Equal(w.t, want, got)
	return v
}

func TestEveryStateThroughTheAdapter(t *testing.T) {
	for _, state := range states {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t)
			v := w.bring(state, 7)
			require.Equal(t, state, w.state(7))

			got, err := w.bank("test").Result(t.Context(), v)
			require.NoError(t, err)
			want := map[State]gateways.ResultStatus{
				Open: gateways.ResultNotPaid, Declined: gateways.ResultNotPaid, Expired: gateways.ResultNotPaid,
				Paid: gateways.ResultPaid, Verified: gateways.ResultPaid, Settled: gateways.ResultPaid,
				Reversed: gateways.ResultReturned, Cancelled: gateways.ResultReturned, Refunded: gateways.ResultReturned,
			}[state]
			require.Equal(t, want, got.Status)
			require.Equal(t, v.Amount, got.Amount)
			require.Equal(t, v.Invoice, got.Invoice)
			require.Equal(t, v.BankToken, got.BankToken)
			if got.Status == gateways.ResultNotPaid {
				require.Equal(t, state != Open, got.Final)
				require.NotEmpty(t, got.Reason)
				require.Empty(t, got.BankTran, "an unpaid session has no transaction")
			} else {
				require.NotEmpty(t, got.BankTran)
				require.NotEmpty(t, got.RRN)
				require.Regexp(t, `^\d{6}\*{6}\d{4}$`, got.Card)
			}
		})
	}
}

func TestUndoTwiceIsUndoneOnce(t *testing.T) {
	for state, want := range map[State]gateways.Undone{Paid: gateways.Reversed, Verified: gateways.Cancelled, Settled: gateways.Refunded} {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t)
			v := w.undone(state, 7, want)
			again, err := w.bank("test").Undo(t.Context(), v)
			require.NoError(t, err)
			require.Equal(t, want, again)
			refunds := w.getBook("").Refunds
			require.Len(t, refunds, 1)
			require.Equal(t, string(want), string(refunds[0].How))
			require.Equal(t, "merchant", refunds[0].By)
			require.EqualValues(t, 10_000, refunds[0].Amount)
		})
	}
}

func TestMoneyGoesBackByItselfAtThirtyMinutes(t *testing.T) {
	w := newWorld(t)
	v := w.paid(1)
	w.clock.pass(30*time.Minute - time.Nanosecond)
	require.Equal(t, Paid, w.state(1))
	w.clock.pass(time.Nanosecond)
	require.Equal(t, Reversed, w.state(1))
	require.Equal(t, "bank", w.getBook("").Refunds[0].By)

	_, err := w.bank("test").Verify(t.Context(), v)
	require.Equal(t, gateways.ClassRefused, gateways.Classify(err))
	got, err := w.bank("test").Undo(t.Context(), v)
	require.NoError(t, err)
	require.Equal(t, gateways.Reversed, got)
}

func TestVerifiedMoneyCancelsForThreeHoursAndSettlesAfterTwelve(t *testing.T) {
	w := newWorld(t)
	early, late := w.bring(Verified, 1), w.bring(Verified, 2)
	w.clock.pass(cancelWindow)
	got, err := w.bank("test").Undo(t.Context(), early)
	require.NoError(t, err)
	require.Equal(t, gateways.Cancelled, got)

	w.clock.pass(time.Second)
	_, err = w.bank("test").Undo(t.Context(), late)
	require.Equal(t, gateways.ClassUnavailable, gateways.Classify(err), "too late to cancel, too early to refund: %v", err)

	w.clock.pass(settleAfter - cancelWindow)
	require.Equal(t, Settled, w.state(2))
	got, err = w.bank("test").Undo(t.Context(), late)
	require.NoError(t, err)
	require.Equal(t, gateways.Refunded, got)
}

// status makes a raw call and returns its status and body.
func (w *world) status(method, path, body string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	require.NoError(w.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, string(text)
}

func TestStatusesByState(t *testing.T) {
	want := map[string]map[State]int{
		"Verify":     {Open: 471, Declined: 471, Paid: 200, Verified: 472, Settled: 475, Reversed: 476, Cancelled: 478, Refunded: 478},
		"Settlement": {Open: 471, Declined: 471, Paid: 472, Verified: 200, Settled: 476, Reversed: 475, Cancelled: 478, Refunded: 478},
		"Reverse":    {Open: 471, Declined: 471, Paid: 200, Verified: 472, Settled: 476, Reversed: 475, Cancelled: 472, Refunded: 476},
		"Cancel":     {Open: 812, Declined: 812, Paid: 804, Verified: 200, Settled: 807, Reversed: 808, Cancelled: 813, Refunded: 807},
		"Refund":     {Open: 471, Declined: 471, Paid: 472, Verified: 472, Settled: 200, Reversed: 474, Cancelled: 475, Refunded: 473},
	}
	w := newWorld(t)
	invoice := int64(0)
	for op, states := range want {
		for state, code := range states {
			t.Run(fmt.Sprint(op, " ", state), func(t *testing.T) {
				invoice++
				w.bring(state, invoice)
				tran := firstTran + invoice // the bank counts its sessions
				status, body := w.status("POST", "/bank/test/v1/"+op, fmt.Sprintf(`{"merchantConfigurationId":1,"payGateTranId":%d}`, tran))
				require.Equal(t, code, status)
				require.Empty(t, body)
				foreign, _ := w.status("POST", "/bank/other/v1/"+op, fmt.Sprintf(`{"merchantConfigurationId":1,"payGateTranId":%d}`, tran))
				require.Contains(t, []int{471, 812}, foreign, "another bank does not know it")
			})
		}
	}
}

func TestTokenRefusesBadInput(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now().UTC()
	good := map[string]string{
		"localInvoiceId": `5`, "amountInRials": `10000`, "localDate": `"` + now.Format("20060102 150405") + `"`, "callbackURL": `"http://x.example/1"`,
	}
	for name, c := range map[string]struct {
		field, value string
		code         int
	}{
		"good":                  {"", "", 200},
		"invoice zero":          {"localInvoiceId", `0`, 475},
		"invoice text":          {"localInvoiceId", `"abc"`, 400},
		"invoice fraction":      {"localInvoiceId", `1.5`, 475},
		"amount zero":           {"amountInRials", `0`, 476},
		"amount negative":       {"amountInRials", `-5`, 476},
		"amount above 2^53":     {"amountInRials", `9007199254740993`, 476},
		"date text":             {"localDate", `"yesterday"`, 478},
		"date of last week":     {"localDate", `"` + now.AddDate(0, 0, -7).Format("20060102 150405") + `"`, 485},
		"callback without http": {"callbackURL", `"javascript:alert(1)"`, 488},
		"callback missing":      {"callbackURL", `""`, 488},
	} {
		t.Run(name, func(t *testing.T) {
			fields := []string{}
			for f, v := range good {
				if f == c.field {
					v = c.value
				} else if c.field != "" && f == "localInvoiceId" {
					v = `99`
				}
				fields = append(fields, fmt.Sprintf("%q:%s", f, v))
			}
			status, _ := w.status("POST", "/bank/test/v1/Token", "{"+strings.Join(fields, ",")+"}")
			require.Equal(t, c.code, status)
		})
	}
	_, err := w.bank("test").CreateSession(t.Context(), gateways.Session{Invoice: 5, Amount: 1, CallbackURL: "http://x.example/"})
	require.ErrorContains(t, err, "489")
	_, err = w.bank("other").CreateSession(t.Context(), gateways.Session{Invoice: 5, Amount: 1, CallbackURL: "http://x.example/"})
	require.NoError(t, err, "each bank has its own invoices")
	require.Len(t, w.getBook("").Charges, 2, "a refused session leaves no trace")

	for path, code := range map[string]int{
		"/bank/test/v1/Verify":  400,
		"/bank/UPPER/v1/Verify": 404,
		"/bank/test/v1/Token":   400,
		"/bank/test/v1/None":    404,
	} {
		status, _ := w.status("POST", path, `{broken`)
		require.Equal(t, code, status, path)
	}
	status, _ := w.status("POST", "/bank/test/v1/Token", strings.Repeat("x", maxBody+1))
	require.Equal(t, 413, status)
	status, _ = w.status("GET", "/bank/test/v1/TranResult?localInvoiceId=x", "")
	require.Equal(t, 400, status)
}

func TestUnknownInvoiceIsFinallyNotPaid(t *testing.T) {
	w := newWorld(t)
	got, err := w.bank("test").Result(t.Context(), gateways.Visit{Invoice: 404})
	require.NoError(t, err)
	require.Equal(t, gateways.ResultNotPaid, got.Status)
	require.True(t, got.Final)
}

func TestCallLogShowsEffects(t *testing.T) {
	w := newWorld(t)
	v := w.bring(Settled, 3)
	require.NoError(t, w.bank("test").Settle(t.Context(), v))
	var settlements, effects int
	for _, c := range w.getBook("?calls=1&bank=test&invoice=3").Calls {
		if c.Op == opSettle {
			settlements++
			if c.Effect {
				effects++
			}
		}
	}
	require.Equal(t, 2, settlements)
	require.Equal(t, 1, effects)
	require.Empty(t, w.getBook("?calls=1&invoice=4").Calls)
	require.Nil(t, w.getBook("").Calls)
}
