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
