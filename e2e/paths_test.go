package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The ways of money, each to its end: the row, its timeline, the bank's book, the saga's result.

func TestPaidWithATipAndCollected(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 120_000, "description", "کرایهٔ تاکسی", "payload", "ride=7&x=1", "preferred_method", "zarinpal")
	fresh := m.read(t, token)
	require.Equal(t, "pending", fresh.Outcome.State)
	require.Nil(t, fresh.Paid)
	require.Equal(t, "zarinpal", fresh.Outcome.Method)

	did := m.pays(t, token, "pay", func(w *walk) { w.Tip, w.Mobile = 5_000, "09121234567" })
	require.Equal(t, "zarinpal", did.Bank, "the page offers the preferred bank first")
	require.Equal(t, "paid", did.State)
	paid := m.read(t, token)
	require.Equal(t, "paid", paid.Outcome.State)
	require.NotNil(t, paid.Paid)
	require.Equal(t, did.RRN, paid.Outcome.RRN)
	require.EqualValues(t, 120_000, paid.Amount)
	require.EqualValues(t, 5_000, paid.Outcome.Tip)
	require.EqualValues(t, 125_000, paid.Outcome.TotalAmount)
	require.Equal(t, "0912*****67", paid.Payer)
	require.Equal(t, "ride=7&x=1", paid.Payload)
	require.Equal(t, "کرایهٔ تاکسی", paid.Description)

	m.collect(t, token)
	m.collect(t, token) // again is OK again
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	m.collect(t, token)
	a := m.must(t, http.MethodPost, "/"+token+"/cancel", nil)
	require.Equal(t, http.StatusConflict, a.status)
	require.Equal(t, "state_collected", a.code())

	b, err := shared.visitAtBank(t.Context(), did.Bank, did.Invoice)
	require.NoError(t, err)
	require.EqualValues(t, 125_000, b.Charges[0].Amount, "the bank takes the tip too")
	require.Equal(t, "collected", open(t, http.MethodGet, m.link(token), nil).state())
}

func TestAutoCollected(t *testing.T) {
	t.Parallel()
	m := shared.calm(t)
	token := m.create(t, 50_000, "auto_collect", "true")
	require.Equal(t, "collected", m.pays(t, token, "pay").State)
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
	await(t, soon, "its deadline passes", func() (bool, string) { return time.Now().After(m.deadline(t, token)), "" })
	require.Equal(t, "collected", m.read(t, token).Outcome.State, "the deadline takes nothing back")
	m.collect(t, token)
}

func TestNotCollectedIsRefundedAtTheDeadline(t *testing.T) {
	t.Parallel()
	m := shared.calm(t)
	token := m.create(t, 70_000)
	m.pays(t, token, "pay", func(w *walk) { w.Tip = 1_000 })
	p := m.ends(t, token, ending{state: "refunded", reason: "not_collected",
		timeline: "created attempt_started callback paid refunding refunded", visits: []visit{returned}})
	require.EqualValues(t, 71_000, p.Outcome.TotalAmount)
	m.cannotCollect(t, token, "state_refunded")
	require.Equal(t, "refunded", open(t, http.MethodGet, m.link(token), nil).state())
}

func TestPaidAfterTheDeadlineIsRefunded(t *testing.T) {
	t.Parallel()
	m := shared.hasty()
	token := m.create(t, 80_000)
	m.pays(t, token, "pay_late")
	m.ends(t, token, ending{state: "refunded", reason: "late",
		timeline: "created attempt_started callback paid refunding refunded", visits: []visit{reversed}})
	m.cannotCollect(t, token, "state_refunded")
}

func TestCollectAsksTheBankWhenTheCallbackIsLost(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 90_000)
	m.pays(t, token, "lose_callback")
	require.Equal(t, "pending", m.read(t, token).Outcome.State, "nobody told us")
	m.collect(t, token)
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started paid collected settled", visits: []visit{settled}})
}

func TestLostCallbackIsFoundAndRefundedByItself(t *testing.T) {
	t.Parallel()
	m := shared.calm(t)
	token := m.create(t, 95_000)
	m.pays(t, token, "lose_callback")
	m.ends(t, token, ending{state: "refunded", reason: "not_collected",
		timeline: "created attempt_started paid refunding refunded", visits: []visit{returned}})
}

func TestCallbackTwiceIsPaidOnce(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 60_000)
	require.Equal(t, "paid", m.pays(t, token, "callback_twice").State)
	m.collect(t, token)
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
}

// The bank accepts the money and never answers; asking again finds that it has.
func TestVerifyThatNeverAnswers(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 65_000)
	m.pays(t, token, "verify_timeout")
	m.awaitState(t, token, "paid")
	m.collect(t, token)
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
}

func TestDeclinedThenPaidAtAnotherBank(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 55_000)
	require.Equal(t, "pending", m.pays(t, token, "decline", at("asanpardakht")).State)
	p := m.read(t, token)
	require.Equal(t, "pending", p.Outcome.State, "the payer may try again")
	require.Equal(t, "پرداخت‌کننده انصراف داد", p.reason(), "and the merchant sees why not")
	m.cannotCollect(t, token, "state_pending")

	require.Equal(t, "paid", m.pays(t, token, "pay", at("zibal")).State)
	m.collect(t, token)
	last := m.ends(t, token, ending{state: "collected",
		timeline: "created attempt_started callback attempt_failed attempt_started callback paid collected settled",
		visits:   []visit{declined, settled}})
	require.Equal(t, "zibal", last.Outcome.Method)
}

// The payer has two banks open in two tabs, pays at both, and comes back from one. The other's money
// is found and given back without a callback.
func TestTwoAttemptsBothPaid(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 45_000)
	first, second := m.toBank(t, token, "asanpardakht"), m.toBank(t, token, "zarinpal")
	first, second = first.press("pay"), second.press("pay")
	first.back()
	m.awaitState(t, token, "paid")
	m.collect(t, token)
	p := m.ends(t, token, ending{state: "collected", visits: []visit{settled, reversed},
		timeline: "created attempt_started callback paid collected settled paid refunding refunded"})
	require.Equal(t, "asanpardakht", p.Outcome.Method)
	require.Equal(t, "collected", second.back().state(), "coming back late changes nothing")
}

// The same, and both come back at once: either may be first.
func TestTwoAttemptsPaidAtTheSameTime(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 46_000)
	tabs := []*page{m.toBank(t, token, "asanpardakht").press("pay"), m.toBank(t, token, "zarinpal").press("pay")}
	var backs sync.WaitGroup
	for _, tab := range tabs {
		backs.Go(func() { tab.back() })
	}
	backs.Wait()
	m.awaitState(t, token, "paid")
	m.collect(t, token)
	await(t, soon, "one is settled, one is returned", func() (bool, string) {
		got := shared.ending(t, token).visits
		kept := slices.IndexFunc(got, func(v visit) bool { return v == settled })
		return kept >= 0 && (got[1-kept] == returned || got[1-kept] == reversed), fmt.Sprintf("%+v", got)
	})
	shared.sagaEnds(t, token, "collected")
}

func TestNobodyPays(t *testing.T) {
	t.Parallel()
	m := shared.hasty()
	token := m.create(t, 30_000)
	m.ends(t, token, ending{state: "expired", reason: "expired", timeline: "created expired"})
	m.cannotCollect(t, token, "state_expired")
	require.Equal(t, "expired", open(t, http.MethodGet, m.link(token), nil).state())
}

func TestDeclinedAndNeverPaid(t *testing.T) {
	t.Parallel()
	m := shared.calm(t)
	token := m.create(t, 35_000)
	m.pays(t, token, "decline")
	reason := m.read(t, token).reason()
	require.NotEmpty(t, reason)
	m.ends(t, token, ending{state: "failed", reason: reason,
		timeline: "created attempt_started callback attempt_failed failed", visits: []visit{declined}})
	m.cannotCollect(t, token, "state_failed")
}

// The payer goes to the bank and is never seen again.
func TestAbandonedAtTheBank(t *testing.T) {
	t.Parallel()
	m := shared.hasty()
	token := m.create(t, 36_000)
	m.toBank(t, token, "sandbox")
	m.ends(t, token, ending{state: "failed", reason: "مهلت پرداخت در درگاه تمام شد",
		timeline: "created attempt_started attempt_failed failed", visits: []visit{unused}})
}

func TestCancelledBeforeAnybodyPaid(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 25_000)
	for range 2 { // cancelling again is OK again
		require.Equal(t, http.StatusOK, m.must(t, http.MethodPost, "/"+token+"/cancel", nil).status)
	}
	m.ends(t, token, ending{state: "failed", reason: "cancelled", timeline: "created cancelled failed"})
	m.cannotCollect(t, token, "state_failed")
	require.Equal(t, "failed", open(t, http.MethodGet, m.link(token), nil).state())
}

func TestCancelledAfterItWasPaid(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 26_000)
	m.pays(t, token, "pay")
	require.Equal(t, http.StatusOK, m.must(t, http.MethodPost, "/"+token+"/cancel", nil).status)
	m.ends(t, token, ending{state: "refunded", reason: "cancelled",
		timeline: "created attempt_started callback paid cancelled refunded", visits: []visit{returned}})
	m.cannotCollect(t, token, "state_refunded")
}

func TestForgedCallbacksChangeNothing(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 27_000)
	atBank := m.toBank(t, token, "asanpardakht")
	a := shared.attempts(t, token)[0]
	callback := func(id int64, key string) reply {
		url := fmt.Sprintf("%s/pay/callback/%d/%s", shared.inst.APIURL, id, key)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"?PayGateTranID=100000000001&RRN=1&Amount=27000", nil)
		require.NoError(t, err)
		r, err := send(req)
		require.NoError(t, err)
		return r
	}
	require.Equal(t, http.StatusNotFound, callback(a.ID, "wrong").status)
	require.Equal(t, http.StatusNotFound, callback(999_999_999, a.CallbackKey).status)
	before := shared.ending(t, token)
	require.Equal(t, "created attempt_started", before.timeline, "a wrong key is not even noted")

	// The right key, but nobody paid: the bank is asked, and believed.
	require.Equal(t, http.StatusSeeOther, callback(a.ID, a.CallbackKey).status)
	shared.wasAsked(t, token, "result", 1)
	require.Equal(t, "pending", m.read(t, token).Outcome.State)
	m.cannotCollect(t, token, "state_pending")

	atBank.press("pay").back()
	m.awaitState(t, token, "paid")
	for range 3 {
		require.Equal(t, http.StatusSeeOther, callback(a.ID, a.CallbackKey).status)
	}
	m.collect(t, token)
	require.Equal(t, http.StatusSeeOther, callback(a.ID, a.CallbackKey).status)
	m.ends(t, token, ending{state: "collected",
		timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
}

func TestDisabledMerchantTakesNothingNewAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	m := shared.with(t, "e2e-disabled", time.Minute)
	token := m.create(t, 28_000)
	m.pays(t, token, "pay")

	shared.mustRun(t, "merchant", "disable", m.id)
	await(t, soon, "it can create nothing", func() (bool, string) {
		a := m.must(t, http.MethodPost, "", m.form(1_000))
		return a.status == http.StatusForbidden && a.code() == "disabled", string(a.body)
	})
	m.collect(t, token)
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})

	shared.mustRun(t, "merchant", "enable", m.id)
	await(t, soon, "it can create again", func() (bool, string) {
		a := m.must(t, http.MethodPost, "", m.form(1_000))
		return a.status == http.StatusOK, string(a.body)
	})
}

// The merchant claims the money at the instant of the deadline: one of the two wins, and the other
// knows it.
func TestCollectAndDeadlineAreDecidedOnce(t *testing.T) {
	t.Parallel()
	m := shared.calm(t)
	for i := range 6 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			token := m.create(t, 29_000)
			require.Equal(t, "paid", m.pays(t, token, "pay").State)
			at := m.deadline(t, token).Add(time.Duration(i-3) * 5 * time.Millisecond)
			await(t, soon, "the deadline", func() (bool, string) { return time.Until(at) < 30*time.Millisecond, "" })
			pause(t.Context(), time.Until(at))
			a := m.must(t, http.MethodPost, "/"+token+"/collect", nil)
			if a.status == http.StatusOK {
				m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})
				return
			}
			require.Equal(t, http.StatusConflict, a.status, "%s", a.body)
			m.ends(t, token, ending{state: "refunded", reason: "not_collected",
				timeline: "created attempt_started callback paid refunding refunded", visits: []visit{returned}})
		})
	}
}
