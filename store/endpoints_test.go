package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

// try records the next attempt of a message, as a delivery would that was answered with a status.
func (w *world) try(id int64, status int) state.Webhook {
	w.Helper()
	p, err := w.Parcel(w.Context(), id)
	require.NoError(w, err)
	t := store.Try{MessageID: id, Try: p.Tries + 1, Status: status, Took: 20 * time.Millisecond, Answer: "…", Then: state.WebhookPending, After: 5 * time.Second}
	switch {
	case status >= 200 && status < 300:
		t.Then, t.After = state.WebhookDelivered, 0
	case status == 410:
		t.Then, t.After, t.Gone = state.WebhookFailed, 0, true
	}
	now, err := w.RecordTry(w.Context(), t)
	require.NoError(w, err)
	return now
}

// message makes a change and answers the message that an endpoint got of it.
func (w *world) message(m store.Merchant, endpoint int64) store.Message {
	w.Helper()
	w.create(m)
	return w.latest(m, endpoint)
}

func (w *world) now(id int64) state.Webhook {
	w.Helper()
	return value[state.Webhook](w, `SELECT state FROM webhook_messages WHERE id = ?`, id)
}

func TestEndpoints(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	e := w.endpoint(m, "payment.*", "payout.paid")
	require.Equal(t, store.Endpoint{
		ID: e.ID, URL: "https://shop.example/hook", Events: []string{"payment.*", "payout.paid"}, State: state.EndpointEnabled, CreatedAt: e.CreatedAt,
	}, e)
	second := w.endpoint(m)
	list, err := w.Endpoints(t.Context(), m.ID)
	require.NoError(t, err)
	require.Equal(t, []store.Endpoint{e, second}, list)
	require.Empty(t, second.Events)

	url, text := "https://shop.example/new", "the accountant's"
	changed, err := w.ChangeEndpoint(t.Context(), m.ID, e.ID, store.EndpointChange{URL: &url})
	require.NoError(t, err)
	require.Equal(t, []any{url, e.Events, ""}, []any{changed.URL, changed.Events, changed.Description}, "what is not named stays")
	changed, err = w.ChangeEndpoint(t.Context(), m.ID, e.ID, store.EndpointChange{Description: &text, Events: []string{}})
	require.NoError(t, err)
	require.Equal(t, []any{url, text, 0}, []any{changed.URL, changed.Description, len(changed.Events)})

	// To another merchant it looks as if it were not there; so does a deleted one to its own.
	require.NoError(t, w.DeleteEndpoint(t.Context(), m.ID, second.ID))
	facts := w.facts()
	for merchant, id := range map[int64]int64{other.ID: e.ID, m.ID: second.ID} {
		for name, call := range map[string]func() error{
			"read": func() error { _, err := w.Endpoint(t.Context(), merchant, id); return err },
			"change": func() error {
				_, err := w.ChangeEndpoint(t.Context(), merchant, id, store.EndpointChange{URL: &url})
				return err
			},
			"pause":  func() error { _, err := w.PauseEndpoint(t.Context(), merchant, id); return err },
			"resume": func() error { _, err := w.ResumeEndpoint(t.Context(), merchant, id); return err },
			"rotate": func() error {
				_, err := w.RotateEndpointSecret(t.Context(), merchant, id, hidden, time.Hour)
				return err
			},
			"delete": func() error { return w.DeleteEndpoint(t.Context(), merchant, id) },
		} {
			require.ErrorIs(t, call(), store.ErrNotFound, name)
		}
	}
	require.Equal(t, facts, w.facts())
	list, err = w.Endpoints(t.Context(), other.ID)
	require.NoError(t, err)
	require.Empty(t, list)
}

// Twenty, counting neither deleted ones nor callbacks; also when many are added at once.
func TestEndpointsAreBounded(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for range store.MaxEndpoints - 3 {
		w.endpoint(m)
	}
	w.exec(`INSERT INTO webhook_endpoints (merchant_id, url, callback, key_id, sealed) VALUES (?, 'https://a.example', true, 'k', '')`, m.ID)
	tx, err := w.owner.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.NewRaw(`SELECT FROM merchants WHERE id = ? FOR NO KEY UPDATE`, m.ID).Exec(t.Context())
	require.NoError(t, err)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := w.AddEndpoint(t.Context(), m.ID, store.Endpoint{URL: "https://a.example"}, hidden)
			errs <- err
		}()
	}
	w.blocked(cap(errs)) // behind one that is just being added
	require.NoError(t, tx.Commit())
	refused := 0
	for range cap(errs) {
		if err := <-errs; err != nil {
			require.ErrorIs(t, err, store.ErrTooMany)
			refused++
		}
	}
	require.Equal(t, cap(errs)-3, refused)
	list, err := w.Endpoints(t.Context(), m.ID)
	require.NoError(t, err)
	require.Len(t, list, store.MaxEndpoints)
	require.NoError(t, w.DeleteEndpoint(t.Context(), m.ID, list[0].ID))
	w.endpoint(m)
	w.endpoint(w.newMerchant()) // another's are not counted
}

func TestRotateSecret(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	id := w.message(m, e.ID).ID
	sealed := func(text string) vault.Text { return vault.Text{KeyID: "k-" + text, Sealed: []byte(text)} }
	secrets := func() (now vault.Text, before string) {
		p, err := w.Parcel(t.Context(), id)
		require.NoError(t, err)
		return p.Secret, string(p.OldSealed)
	}
	now, before := secrets()
	require.Equal(t, hidden, now)
	require.Empty(t, before)

	got, err := w.RotateEndpointSecret(t.Context(), m.ID, e.ID, sealed("two"), time.Hour)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), *got.OldUntil, time.Minute)
	now, before = secrets()
	require.Equal(t, sealed("two"), now)
	require.Equal(t, "sealed", before, "both sign for a while")
	_, err = w.RotateEndpointSecret(t.Context(), m.ID, e.ID, sealed("three"), time.Hour)
	require.NoError(t, err)
	now, before = secrets()
	require.Equal(t, sealed("three"), now)
	require.Equal(t, "two", before, "the one before")
	w.exec(`UPDATE webhook_endpoints SET old_until = now() WHERE id = ?`, e.ID)
	_, before = secrets()
	require.Empty(t, before, "and then no more")
}

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	var ids []int64
	for range 4 {
		ids = append(ids, w.message(m, e.ID).ID)
	}
	got, err := w.HoldMessage(t.Context(), ids[0])
	require.NoError(t, err)
	require.Equal(t, state.WebhookPending, got, "its endpoint takes it")

	for range 2 {
		paused, err := w.PauseEndpoint(t.Context(), m.ID, e.ID)
		require.NoError(t, err)
		require.Equal(t, state.EndpointPaused, paused.State)
	}
	require.Equal(t, state.WebhookDelivered, w.try(ids[3], 200), "an attempt under way still counts")
	for _, id := range append(slices.Clone(ids), ids[1]) {
		_, err := w.HoldMessage(t.Context(), id)
		require.NoError(t, err)
	}
	require.Equal(t, state.WebhookDelivered, w.now(ids[3]), "what is over stays over")
	ids = append(ids, w.message(m, e.ID).ID)
	require.Equal(t, state.WebhookPending, w.now(ids[4]), "its saga finds out")
	_, err = w.SendAgain(t.Context(), m.ID, ids[0])
	require.ErrorIs(t, err, store.ErrConflict, "nothing is sent there now")

	w.exec(`DELETE FROM outbox`)
	kicks := w.kicks.Load()
	for range 2 {
		resumed, err := w.ResumeEndpoint(t.Context(), m.ID, e.ID)
		require.NoError(t, err)
		require.Equal(t, state.EndpointEnabled, resumed.State)
	}
	require.Equal(t, kicks+1, w.kicks.Load(), "the second time there is nothing to send")
	require.Equal(t, "replaced replaced replaced delivered pending pending pending pending", value[string](w, `SELECT string_agg(state, ' ' ORDER BY id) FROM webhook_messages`))
	require.Equal(t, fmt.Sprint(ids[:3]), "["+value[string](w, `SELECT string_agg(replaces::text, ' ' ORDER BY id) FROM webhook_messages WHERE replaces IS NOT NULL`)+"]", "in their order")
	require.Equal(t, 3, value[int](w, `SELECT count(*) FROM outbox o JOIN webhook_messages n ON o.saga = 'webhook' AND o.message = 'start' AND o.ref = n.id::text
		JOIN webhook_messages m ON m.id = n.replaces
		WHERE (n.webhook_id, n.event, n.version, n.facts, n.subject_id) = (m.webhook_id, m.event, m.version, m.facts, m.subject_id)`), "the same again, each with a saga")
	w.requireTrue()
}

// More than one transaction takes is sent, too, all of it.
func TestMuchIsHeld(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	w.message(m, e.ID)
	w.exec(`INSERT INTO webhook_messages (webhook_id, endpoint_id, merchant_id, kind, subject_id, event, version, facts, state, ended_at)
		SELECT 'msg_' || i, endpoint_id, merchant_id, kind, subject_id, event, version, facts, 'held', now() FROM webhook_messages, generate_series(1, 1200) i`)
	w.exec(`UPDATE webhook_endpoints SET state = 'paused'`)
	_, err := w.ResumeEndpoint(t.Context(), m.ID, e.ID)
	require.NoError(t, err)
	require.Zero(t, value[int](w, `SELECT count(*) FROM webhook_messages WHERE state = 'held'`))
	require.Equal(t, 1201, value[int](w, `SELECT count(*) FROM webhook_messages WHERE state = 'pending'`))
	require.Equal(t, 1201, value[int](w, `SELECT count(DISTINCT webhook_id) FROM webhook_messages WHERE state = 'pending'`))
	w.requireTrue()
}

// 410: the receiver wants nothing any more, until the merchant says otherwise.
func TestGone(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	first, second := w.message(m, e.ID).ID, w.message(m, e.ID).ID
	require.Equal(t, state.WebhookFailed, w.try(first, 410))
	got, err := w.Endpoint(t.Context(), m.ID, e.ID)
	require.NoError(t, err)
	require.Equal(t, []any{state.EndpointDisabled, "gone"}, []any{got.State, got.DisabledReason})
	_, err = w.PauseEndpoint(t.Context(), m.ID, e.ID)
	require.ErrorIs(t, err, store.ErrConflict)
	now, err := w.HoldMessage(t.Context(), second)
	require.NoError(t, err)
	require.Equal(t, state.WebhookHeld, now)
	require.Equal(t, "payment.pending", w.message(m, e.ID).Event, "changes are still kept for it")

	got, err = w.ResumeEndpoint(t.Context(), m.ID, e.ID)
	require.NoError(t, err)
	require.Equal(t, []any{state.EndpointEnabled, ""}, []any{got.State, got.DisabledReason})
	require.Equal(t, "failed replaced pending pending", value[string](w, `SELECT string_agg(state, ' ' ORDER BY id) FROM webhook_messages`), "a failed one is not sent again by itself")

	// Also an answer that comes while it is paused; never one that comes after its end.
	_, err = w.PauseEndpoint(t.Context(), m.ID, e.ID)
	require.NoError(t, err)
	last := w.latest(m, e.ID).ID
	w.try(last, 410)
	require.Equal(t, "disabled", value[string](w, `SELECT state FROM webhook_endpoints`))
	require.NoError(t, w.DeleteEndpoint(t.Context(), m.ID, e.ID))
	_, err = w.RecordTry(t.Context(), store.Try{MessageID: last, Try: 2, Status: 410, Then: state.WebhookFailed, Gone: true})
	require.NoError(t, err)
	require.Equal(t, "deleted", value[string](w, `SELECT state FROM webhook_endpoints`))
	w.requireTrue()
}

func TestDeleteEndpoint(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	var ids []int64
	for range 5 {
		ids = append(ids, w.message(m, e.ID).ID)
	}
	w.try(ids[0], 200)
	w.try(ids[1], 410)
	_, err := w.HoldMessage(t.Context(), ids[2])
	require.NoError(t, err)
	require.NoError(t, w.DeleteEndpoint(t.Context(), m.ID, e.ID))
	states := func() string {
		return value[string](w, `SELECT string_agg(state, ' ' ORDER BY id) FROM webhook_messages`)
	}
	require.Equal(t, "delivered failed dropped dropped dropped", states())
	require.Equal(t, state.WebhookDropped, w.try(ids[3], 200), "an attempt under way changes nothing more")
	require.Equal(t, state.WebhookDropped, w.now(ids[3]))
	_, err = w.SendAgain(t.Context(), m.ID, ids[0])
	require.ErrorIs(t, err, store.ErrConflict)
	_, err = w.ResumeEndpoint(t.Context(), m.ID, e.ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	w.create(m)
	require.Equal(t, "delivered failed dropped dropped dropped", states(), "and nothing comes any more")

	// A message that was written while its endpoint was being deleted is dropped by its saga.
	w.exec(`UPDATE webhook_messages SET state = 'pending', ended_at = NULL WHERE id = ?`, ids[4])
	now, err := w.HoldMessage(t.Context(), ids[4])
	require.NoError(t, err)
	require.Equal(t, state.WebhookDropped, now)
	list, err := w.Messages(t.Context(), store.MessageList{MerchantID: m.ID, EndpointID: e.ID, Size: 10})
	require.NoError(t, err)
	require.Len(t, list, 5, "what was told is still there to be read")
	w.requireTrue()
}

func TestAttempts(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	id := w.message(m, e.ID).ID
	require.Equal(t, state.WebhookPending, w.try(id, 500))
	got, err := w.Message(t.Context(), m.ID, id)
	require.NoError(t, err)
	require.Equal(t, 1, got.Tries)
	require.WithinDuration(t, time.Now().Add(5*time.Second), *got.NextTryAt, 4*time.Second)
	again := store.Try{MessageID: id, Try: 1, Status: 500, Then: state.WebhookPending, After: 5 * time.Second}
	now, err := w.RecordTry(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, state.WebhookPending, now)
	require.Equal(t, state.WebhookDelivered, w.try(id, 204))
	got, err = w.Message(t.Context(), m.ID, id)
	require.NoError(t, err)
	require.Equal(t, 2, got.Tries)
	require.Nil(t, got.NextTryAt)
	require.NotNil(t, got.EndedAt)
	require.Equal(t, state.WebhookDelivered, w.try(id, 500), "delivered is delivered")

	list, err := w.Attempts(t.Context(), m.ID, id)
	require.NoError(t, err)
	statuses := []int{}
	for i, a := range list {
		require.Equal(t, i+1, a.Try)
		statuses = append(statuses, a.Status)
	}
	require.Equal(t, []int{500, 204, 500}, statuses, "the same attempt recorded twice is one; a late one is kept")
	require.Equal(t, []any{20, "…"}, []any{list[1].TookMS, list[1].Answer})
	_, err = w.Attempts(t.Context(), w.newMerchant().ID, id)
	require.ErrorIs(t, err, store.ErrNotFound)

	// Two made the same attempt, and only one of them got through: what decided is in the list.
	id = w.message(m, e.ID).ID
	w.try(id, 503)
	now, err = w.RecordTry(t.Context(), store.Try{MessageID: id, Try: 1, Status: 200, Then: state.WebhookDelivered})
	require.NoError(t, err)
	require.Equal(t, state.WebhookDelivered, now)
	require.Equal(t, "1:503 2:200", value[string](w, `SELECT string_agg(try || ':' || status, ' ' ORDER BY try) FROM webhook_attempts WHERE message_id = ?`, id))
	require.Equal(t, 2, value[int](w, `SELECT tries FROM webhook_messages WHERE id = ?`, id))
	w.requireTrue()
}

// A person sends a message again, whatever became of it; the receiver knows it by its webhook-id.
func TestSendAgain(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	e := w.endpoint(m)
	for _, tt := range []struct{ was, is state.Webhook }{
		{state.WebhookPending, state.WebhookReplaced}, {state.WebhookFailed, state.WebhookReplaced}, {state.WebhookDelivered, state.WebhookDelivered},
		{state.WebhookHeld, state.WebhookReplaced}, {state.WebhookDropped, state.WebhookDropped},
	} {
		msg := w.message(m, e.ID)
		w.exec(`UPDATE webhook_messages SET state = ?, ended_at = CASE WHEN ? <> 'pending' THEN now() END WHERE id = ?`, tt.was, tt.was, msg.ID)
		if tt.was == state.WebhookDelivered {
			w.exec(`INSERT INTO webhook_attempts (message_id, try, status) VALUES (?, 1, 200)`, msg.ID)
		}
		w.exec(`DELETE FROM outbox`)
		_, err := w.SendAgain(t.Context(), other.ID, msg.ID)
		require.ErrorIs(t, err, store.ErrNotFound)
		again, err := w.SendAgain(t.Context(), m.ID, msg.ID)
		require.NoError(t, err)
		require.Equal(t, tt.is, w.now(msg.ID), tt.was)
		require.Equal(t, msg.ID, *again.Replaces)
		msg.ID, msg.Replaces, msg.CreatedAt, msg.State = again.ID, again.Replaces, again.CreatedAt, state.WebhookPending
		require.Equal(t, msg, again, "the same, from its first attempt")
		require.Equal(t, fmt.Sprint(again.ID), value[string](w, `SELECT string_agg(ref || CASE message WHEN 'start' THEN '' END, ' ') FROM outbox WHERE saga = 'webhook'`))
		_, err = w.SendAgain(t.Context(), m.ID, *again.Replaces)
		if tt.is == state.WebhookReplaced {
			require.ErrorIs(t, err, store.ErrConflict, "its successor is the one to send")
		} else {
			require.NoError(t, err)
		}
	}
	_, err := w.Message(t.Context(), other.ID, 1)
	require.ErrorIs(t, err, store.ErrNotFound)
	w.requireTrue()
}

func TestMessagesAreListed(t *testing.T) {
	w := newWorld(t)
	m, other := w.newMerchant(), w.newMerchant()
	a, b := w.endpoint(m), w.endpoint(m, "payment.paid")
	w.endpoint(other)
	for range 2 {
		w.bring(m, state.PaymentPaid)
	}
	w.bring(other, state.PaymentPaid)
	failed := w.latest(m, a.ID).ID
	w.try(failed, 410)
	list := func(f store.MessageList) string {
		f.MerchantID = m.ID
		if f.Size == 0 {
			f.Size = 100
		}
		got, err := w.Messages(t.Context(), f)
		require.NoError(t, err)
		out := []string{}
		last := int64(1 << 60)
		for _, msg := range got {
			require.Less(t, msg.ID, last, "newest first")
			last = msg.ID
			out = append(out, fmt.Sprintf("%d:%s", msg.EndpointID, strings.TrimPrefix(msg.Event, "payment.")))
		}
		return strings.Join(out, " ")
	}
	x, y := a.ID, b.ID
	sorted := func(text string) string { // the two messages of one change are written in any order
		f := strings.Fields(text)
		slices.Sort(f)
		return strings.Join(f, " ")
	}
	require.Equal(t, fmt.Sprintf("%d:paid %d:paid %d:pending %d:pending %d:paid %d:paid", x, x, x, x, y, y), sorted(list(store.MessageList{})))
	require.Equal(t, fmt.Sprintf("%d:paid %d:pending %d:paid %d:pending", x, x, x, x), list(store.MessageList{EndpointID: x}))
	require.Equal(t, fmt.Sprintf("%d:paid", x), list(store.MessageList{State: state.WebhookFailed}))
	require.Equal(t, fmt.Sprintf("%d:pending %d:pending", x, x), list(store.MessageList{Event: "payment.pending"}))
	require.Equal(t, fmt.Sprintf("%d:paid", x), list(store.MessageList{EndpointID: x, Event: "payment.paid", State: state.WebhookPending}))
	require.Equal(t, fmt.Sprintf("%d:paid", x), list(store.MessageList{EndpointID: x, Size: 1}))
	require.Equal(t, fmt.Sprintf("%d:pending", x), list(store.MessageList{EndpointID: x, Before: failed, Size: 1}))
	require.Empty(t, list(store.MessageList{EndpointID: x, State: state.WebhookHeld}))
}
