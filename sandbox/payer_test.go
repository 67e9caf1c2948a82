package sandbox

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// walk asks for a payer.
func (w *world) walk(in any) (int, PayerReport) {
	w.t.Helper()
	var out PayerReport
	status := w.json(http.MethodPost, "/payer", in, &out)
	return status, out
}

func TestPayerWalks(t *testing.T) {
	for do, want := range map[string]struct {
		bank      State
		state     string
		callbacks int
	}{
		doPay:           {Paid, "paid", 1},
		doVerifyTimeout: {Paid, "paid", 1},
		doDecline:       {Declined, "paid", 1}, // the stand-in believes every callback
		doLoseCallback:  {Paid, "pending", 0},
		doCallbackTwice: {Paid, "paid", 2},
	} {
		t.Run(do, func(t *testing.T) {
			w := newWorld(t)
			w.api.polls = 2
			status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: do, Gateway: "test", Tip: 500, Mobile: "09120000000"})
			require.Equal(t, http.StatusOK, status, got.Error)
			require.Equal(t, want.state, got.State)
			require.Equal(t, "test", got.Bank)
			require.EqualValues(t, 1, got.Invoice)
			require.Equal(t, want.bank == Paid, got.Tran != "" && got.RRN != "")
			require.Equal(t, want.bank, w.state(1))
			require.Eventually(t, func() bool { return len(w.api.returned()) == want.callbacks }, 5*time.Second, time.Millisecond)

			require.Equal(t, "500", w.api.form.Get("tip"))
			require.Equal(t, "09120000000", w.api.form.Get("mobile"))
			require.Equal(t, "c", w.api.form.Get("csrf"), "hidden fields are carried")
			require.Equal(t, Step{"GET", got.Steps[0].Host, "/pay/tok", 200}, got.Steps[0])
			require.Equal(t, "/bank/test/press", got.Steps[3].Path)
			if want.callbacks > 0 {
				require.Equal(t, Step{"POST", got.Steps[0].Host, "/pay/callback/1/key", 303}, got.Steps[4])
				require.Len(t, got.Steps, 6, "polls are not steps: %v", got.Steps)
			}
		})
	}
}

func TestPayerTakesThePagesChoiceOfBank(t *testing.T) {
	w := newWorld(t)
	status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPay})
	require.Equal(t, http.StatusOK, status, got.Error)
	require.Equal(t, "zibal", got.Bank)
}

func TestLatePayerIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.s.book.now = time.Now // the payer waits in real time
	w.api.deadline = 200 * time.Millisecond
	begin := time.Now()
	status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPayLate, Gateway: "test"})
	require.Equal(t, http.StatusOK, status, got.Error)
	require.Equal(t, "paid", got.State)
	require.False(t, got.Scheduled)
	charge := w.getBook("?bank=test").Charges[0]
	require.WithinRange(t, charge.PaidAt, begin.Add(w.api.deadline), begin.Add(w.api.deadline+3*time.Second))
}

func TestLatePayerWithFarDeadlineIsScheduled(t *testing.T) {
	w := newWorld(t)
	w.api.deadline = 20 * time.Minute
	status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPayLate})
	require.Equal(t, http.StatusAccepted, status)
	require.True(t, got.Scheduled)
	require.WithinDuration(t, time.Now().Add(w.api.deadline), got.PaysAt, 10*time.Second)
	require.Empty(t, w.getBook("").Charges, "the bank is entered later, or its session would be over")
}

func TestScheduledPayerPays(t *testing.T) {
	w := newWorld(t)
	w.s.book.now = time.Now
	w.s.payer.lateWait = 0
	w.api.deadline = 200 * time.Millisecond
	status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPayLate, Gateway: "test"})
	require.Equal(t, http.StatusAccepted, status)
	require.True(t, got.Scheduled)
	require.Eventually(t, func() bool { return len(w.api.returned()) == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Equal(t, Paid, w.state(1))
}

func TestPayerRefusals(t *testing.T) {
	w := newWorld(t)
	link := w.api.url + "/pay/tok"
	for name, c := range map[string]struct {
		in     any
		status int
		says   string
	}{
		"broken JSON":     {`{"link":`, 400, "bad JSON"},
		"unknown field":   {`{"link":"` + link + `","do":"pay","tips":1}`, 400, "tips"},
		"wrong type":      {`{"link":"` + link + `","do":"pay","tip":"1"}`, 400, "tip"},
		"no link":         {PayerRequest{Do: doPay}, 400, "link: missing"},
		"relative link":   {PayerRequest{Do: doPay, Link: "/pay/tok"}, 400, "link: not an absolute address"},
		"foreign link":    {PayerRequest{Do: doPay, Link: "http://169.254.169.254/pay/tok"}, 400, "link: foreign host 169.254.169.254"},
		"link by a file":  {PayerRequest{Do: doPay, Link: "file:///etc/passwd"}, 400, "link: not an absolute address"},
		"foreign port":    {PayerRequest{Do: doPay, Link: w.url + "/pay/tok"}, 400, "link: foreign host"},
		"unknown do":      {PayerRequest{Do: "dance", Link: link}, 400, `do: unknown "dance"; use one of pay, decline`},
		"no do":           {PayerRequest{Link: link}, 400, `do: unknown ""`},
		"negative tip":    {PayerRequest{Do: doPay, Link: link, Tip: -1}, 400, "tip: must not be negative"},
		"unoffered bank":  {PayerRequest{Do: doPay, Link: link, Gateway: "mellat"}, 400, `"mellat" is not offered; the page offers test, zibal`},
		"no such payment": {PayerRequest{Do: doPay, Link: w.api.url + "/pay/other"}, 502, "GET /pay/other answered 404"},
		"link to no page": {PayerRequest{Do: doPay, Link: w.api.url + "/pay/empty"}, 502, "does not show a payment"},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := w.walk(c.in)
			require.Equal(t, c.status, status)
			require.Contains(t, got.Error, c.says)
		})
	}
	require.Empty(t, w.getBook("").Charges)
}

func TestPayerAtAClosedPayment(t *testing.T) {
	w := newWorld(t)
	w.api.state = "expired"
	status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPay})
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, "expired", got.State)
	require.Contains(t, got.Error, `its state is "expired"`)
}

func TestPayerIsNotLedAstray(t *testing.T) {
	w := newWorld(t)
	w.api.foreign = true
	status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPay, Gateway: "test"})
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, got.Error, "bank.example: leads to a foreign host")
	require.Len(t, got.Steps, 2)
}

func TestPayerReportsAFailingPage(t *testing.T) {
	w := newWorld(t)
	w.api.autoForm = false
	status, got := w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPay, Gateway: "test"})
	require.Equal(t, http.StatusBadGateway, status)
	require.Contains(t, got.Error, "POST /pay/tok answered 503: sorry, the bank is closed")

	w.api.refusal = `<html><title>پرداخت</title><body><nav>…</nav><p class="error" role="alert">انعام <b>عدد</b> نیست</p></body></html>`
	_, got = w.walk(PayerRequest{Link: w.api.url + "/pay/tok", Do: doPay, Gateway: "test"})
	require.Contains(t, got.Error, "POST /pay/tok answered 422: انعام عدد نیست", "the page's own words")
}
