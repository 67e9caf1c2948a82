package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/api"
	"github.com/paysaga/paysaga/api/contracts"
	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

const messagesPath = "/api/v1/webhook-messages"

func (w *world) messagePage(query string) (page contracts.WebhookMessages) {
	w.Helper()
	w.ok(w.get(messagesPath+query), &page)
	return page
}

func (w *world) messages(query string) []contracts.WebhookMessage {
	w.Helper()
	return w.messagePage(query).Messages
}

func (w *world) message(id int64) (m contracts.WebhookMessage) {
	w.Helper()
	w.ok(w.get(fmt.Sprint(messagesPath, "/", id)), &m)
	return m
}

// try records an attempt, as the message's saga does.
func (w *world) try(id int64, t store.Try) {
	w.Helper()
	t.MessageID = id
	_, err := w.store.RecordTry(w.Context(), t)
	require.NoError(w, err)
}

// eventsTo are what an endpoint is told, oldest first.
func (w *world) eventsTo(endpoint int64) string {
	w.Helper()
	var names []string
	for _, m := range w.messages(fmt.Sprintf("?endpoint=%d&size=200", endpoint)) {
		names = append([]string{m.Event}, names...)
	}
	return strings.Join(names, " ")
}

// Each change is told to every endpoint that listens for it, and to the record's own callback.
func TestWhoIsTold(t *testing.T) {
	w := newWorld(t)
	all, payments, collected, out, several := w.endpoint(), w.endpoint("payment.*"), w.endpoint("payment.collected"), w.endpoint("payout.*"), w.endpoint("payout.paid", "payment.paid")
	token := w.bring(state.PaymentCollected)
	p := w.payout(w.v1("/v1/payout", w.payoutOrder("url_callback", "https://shop.example/callback")))
	w.bringPayout(p.UUID, state.PayoutPaid)

	const paymentEvents = "payment.pending payment.paid payment.collected"
	require.Equal(t, paymentEvents+" payout.reserved payout.paid", w.eventsTo(all.ID))
	require.Equal(t, paymentEvents, w.eventsTo(payments.ID))
	require.Equal(t, "payment.collected", w.eventsTo(collected.ID))
	require.Equal(t, "payout.reserved payout.paid", w.eventsTo(out.ID))
	require.Equal(t, "payment.paid payout.paid", w.eventsTo(several.ID))
	callback := one[int64](w, `SELECT callback_id FROM payouts WHERE uuid = ?`, p.UUID)
	require.Equal(t, "payout.reserved payout.paid", w.eventsTo(callback), "of its own record alone")

	paid := w.messages("?event=payment.paid")
	require.Len(t, paid, 3)
	ids := map[string]bool{}
	for _, m := range paid {
		require.Equal(t, []any{token, paid[0].Version}, []any{m.OrderID, m.Version}, "one change has one version")
		ids[m.WebhookID] = true
	}
	require.Len(t, ids, 3, "each endpoint's message has an id of its own")
	mine := w.messages(fmt.Sprintf("?endpoint=%d", payments.ID))
	require.Greater(t, mine[0].Version, mine[1].Version)
	require.Greater(t, mine[1].Version, mine[2].Version)
	require.Equal(t, "start", w.heardBy("webhook", fmt.Sprint(mine[0].ID)))
}

func TestMessageFiltersAndPages(t *testing.T) {
	w := newWorld(t)
	e, other := w.endpoint("payment.pending"), w.endpoint()
	for range 5 {
		w.create()
	}
	all := w.messages("")
	require.Len(t, all, 10)
	w.try(all[0].ID, store.Try{Try: 1, Status: 200, Then: state.WebhookDelivered})
	w.try(all[1].ID, store.Try{Try: 1, Status: 410, Then: state.WebhookFailed})
	for query, want := range map[string]int{
		"?state=delivered": 1, "?state=failed": 1, "?state=pending": 8, "?state=held": 0, fmt.Sprintf("?endpoint=%d", e.ID): 5, "?endpoint=999999": 0,
		"?event=payment.pending": 10, "?event=payment.paid": 0, fmt.Sprintf("?endpoint=%d&state=pending&event=payment.pending", other.ID): 4,
		fmt.Sprintf("?before=%d", all[3].ID): 6, "?size=200": 10, "?size=1": 1, "?before=1": 0,
	} {
		require.Len(t, w.messages(query), want, query)
	}
	var got []contracts.WebhookMessage
	query := "?size=4"
	for pages := 1; ; pages++ {
		page := w.messagePage(query)
		got = append(got, page.Messages...)
		if page.Next == 0 {
			require.Equal(t, 3, pages)
			break
		}
		query = fmt.Sprintf("?size=4&before=%d", page.Next)
		if pages == 1 {
			w.create() // what comes meanwhile moves nothing
		}
	}
	require.Len(t, got, 10)
	require.Zero(t, w.messagePage(fmt.Sprintf("?size=10&before=%d", all[0].ID+1)).Next, "a full page may be the last")
	for i, m := range got {
		require.Equal(t, all[i].ID, m.ID)
	}

	for query, want := range map[string][2]string{
		"?state=sent": {"state", "state"}, "?state=PENDING": {"state", "state"}, "?event=payment.*": {"event", "event"}, "?event=payment.gone": {"event", "event"}, "?event=x": {"event", "event"},
		"?endpoint=0": {"not_number", "endpoint"}, "?endpoint=-1": {"not_number", "endpoint"}, "?endpoint=x": {"not_number", "endpoint"}, "?before=1.5": {"not_number", "before"},
		"?before=9223372036854775808": {"not_number", "before"}, "?size=0": {"range", "size"}, "?size=201": {"range", "size"}, "?size=-1": {"range", "size"}, "?size=x": {"range", "size"},
		"?state=%27%20OR%201=1": {"state", "state"},
	} {
		w.requireFails(w.get(messagesPath+query), http.StatusBadRequest, want[0], want[1])
	}
}

func TestAttempts(t *testing.T) {
	w := newWorld(t)
	w.endpoint()
	w.create()
	id := w.messages("")[0].ID
	path := fmt.Sprintf("%s/%d/attempts", messagesPath, id)
	require.JSONEq(t, `{"message":"OK","info":[],"errors":[]}`, w.get(path).body)
	w.try(id, store.Try{Try: 1, Took: 2500 * time.Millisecond, Error: "no answer in time", Then: state.WebhookPending, After: time.Hour})
	m := w.message(id)
	require.Equal(t, []any{"pending", 1}, []any{m.State, m.Tries})
	next, err := time.Parse(time.RFC3339, *m.NextTry)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), next, time.Minute)
	require.Nil(t, m.Ended)
	w.try(id, store.Try{Try: 2, Status: 200, Took: 41 * time.Millisecond, Answer: "تشکر <b>", Then: state.WebhookDelivered})

	var list []contracts.WebhookAttempt
	w.ok(w.get(path), &list)
	require.Equal(t, []contracts.WebhookAttempt{
		{Try: 1, At: list[0].At, DurationMS: 2500, Error: "no answer in time"}, {Try: 2, At: list[1].At, Status: 200, DurationMS: 41, Answer: "تشکر <b>"},
	}, list)
	m = w.message(id)
	require.Equal(t, []any{"delivered", 2, true, false}, []any{m.State, m.Tries, m.Ended != nil, m.NextTry != nil})
}

// A message goes once more as a new one, with the same id for its receiver.
func TestResend(t *testing.T) {
	w := newWorld(t)
	e := w.endpoint()
	for range 3 {
		w.create()
	}
	list := w.messages("")
	failed, delivered, pending := list[0], list[1], list[2]
	w.try(failed.ID, store.Try{Try: 10, Status: 500, Then: state.WebhookFailed})
	w.try(delivered.ID, store.Try{Try: 1, Status: 200, Then: state.WebhookDelivered})
	resend := func(id int64) answer { return w.do(messageCalls(id)[2]) }
	for _, old := range []contracts.WebhookMessage{failed, delivered, pending} {
		var again contracts.WebhookMessage
		w.info(resend(old.ID), http.StatusCreated, &again)
		require.Greater(t, again.ID, old.ID)
		require.Equal(t, contracts.WebhookMessage{ID: again.ID, WebhookID: old.WebhookID, EndpointID: e.ID, Event: old.Event, OrderID: old.OrderID, Version: old.Version,
			State: "pending", Replaces: &old.ID, Created: again.Created}, again)
		require.Equal(t, again, w.message(again.ID))
		require.Equal(t, "start", w.heardBy("webhook", fmt.Sprint(again.ID)))
	}
	require.Equal(t, []string{"replaced", "delivered", "replaced"}, []string{w.message(failed.ID).State, w.message(delivered.ID).State, w.message(pending.ID).State})
	before := w.tables()
	w.requireFails(resend(failed.ID), http.StatusConflict, "conflict", "")
	require.Equal(t, before, w.tables(), "the newer one is the one to send again")

	codes := map[int]int{}
	again := w.messages("")[0].ID
	for _, a := range w.atOnce(8, func(int) request { return messageCalls(again)[2] }) {
		codes[a.StatusCode]++
	}
	require.Equal(t, map[int]int{http.StatusCreated: 1, http.StatusConflict: 7}, codes)

	w.endpointOf(w.putJSON("POST", endpointPath(e.ID, "pause"), nil))
	w.requireFails(resend(delivered.ID), http.StatusConflict, "conflict", "")
	w.endpointOf(w.putJSON("POST", endpointPath(e.ID, "resume"), nil))
	w.info(resend(delivered.ID), http.StatusCreated, &contracts.WebhookMessage{})
}

func TestWebhookTrouble(t *testing.T) {
	w := newWorld(t, func(d *api.Deps) { d.RatePerSecond, d.RateBurst = 0.001, 1 })
	for _, r := range webhookCalls(1, 1) {
		w := newLimits(w)
		require.NotEqual(t, http.StatusTooManyRequests, w.do(r).StatusCode)
		a := w.do(r)
		w.requireFails(a, http.StatusTooManyRequests, "too_many_requests", "")
		require.NotEmpty(t, a.Header.Get("Retry-After"))
	}
	for _, r := range webhookCalls(1, 1) {
		r.method = "PATCH"
		w := newLimits(w)
		a := w.do(r)
		w.requireFails(a, http.StatusMethodNotAllowed, "wrong_method", "")
		require.NotEmpty(t, a.Header.Get("Allow"))
	}
	require.NoError(t, w.db.Close())
	for _, r := range webhookCalls(1, 1) {
		w := newLimits(w)
		w.requireFails(w.do(r), http.StatusInternalServerError, "internal", "")
	}
	require.Contains(t, w.log.String(), "database is closed")
}
