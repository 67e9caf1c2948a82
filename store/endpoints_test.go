package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
	"github.com/paysaga/paysaga/vault"
)

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
