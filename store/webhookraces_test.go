package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/state"
	"github.com/paysaga/paysaga/store"
)

// Of two messages on one row the one with the higher version is the later, also when many write it at once.
func TestVersionsGrowWithTheRow(t *testing.T) {
	b := newBank(t, 1_000_000)
	e := b.endpoint(b.m)
	p := b.ordered("o", 10_000)
	b.sent(p)
	b.say(p, state.PayoutSent)
	require.NoError(t, errors.Join(together(12, func(int) error {
		for range 12 { // no bank changes its mind like this
			_, err := b.db.NewRaw(`
				WITH p AS (
					UPDATE payouts SET state = CASE state WHEN 'sent' THEN 'unknown' ELSE 'sent' END WHERE id = ? RETURNING id, state
				)
				INSERT INTO payout_events (payout_id, kind) SELECT id, state FROM p`, p.ID).Exec(t.Context())
			if err != nil {
				return err
			}
		}
		return nil
	})...))
	b.say(p, state.PayoutPaid)

	// The timeline has the changes in their order: each writes its line while it holds the row.
	events, err := b.PayoutTimeline(t.Context(), p.ID)
	require.NoError(t, err)
	heard := b.hearsOf(e.ID)
	require.Len(t, heard, len(events), "each change once")
	require.Len(t, heard, 2+12*12+1)
	for i, event := range heard {
		require.Equal(t, "payout."+events[i].Kind, event, "version %d", i)
		if i > 0 {
			require.NotEqual(t, heard[i-1], event, "no change without a change")
		}
	}
	require.Equal(t, "payout.paid", heard[len(heard)-1])
	b.requireTrue()
}

// A message is held in the moment in which its endpoint is resumed. The hold that waits for the resume learns that the
// endpoint takes it again.
func TestAHoldWaitsForAResume(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	id := w.message(m, e.ID).ID
	_, err := w.PauseEndpoint(t.Context(), m.ID, e.ID)
	require.NoError(t, err)

	tx, err := w.owner.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	_, err = tx.NewRaw(`UPDATE webhook_endpoints SET state = 'enabled' WHERE id = ?`, e.ID).Exec(t.Context())
	require.NoError(t, err)
	got := make(chan state.Webhook, 1)
	go func() { now, _ := w.HoldMessage(t.Context(), id); got <- now }()
	w.blocked(1)
	require.NoError(t, tx.Commit())
	require.Equal(t, state.WebhookPending, <-got)
}

// The resume that waits for a hold sends what was held.
func TestAResumeWaitsForAHold(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	id := w.message(m, e.ID).ID
	_, err := w.PauseEndpoint(t.Context(), m.ID, e.ID)
	require.NoError(t, err)

	resume := w.pause("AFTER UPDATE ON webhook_messages", "ELSE 'held' END")
	errs := make(chan error, 2)
	go func() { _, err := w.HoldMessage(t.Context(), id); errs <- err }()
	w.blocked(1)
	go func() { _, err := w.ResumeEndpoint(t.Context(), m.ID, e.ID); errs <- err }()
	w.blocked(2)
	resume()
	require.NoError(t, <-errs)
	require.NoError(t, <-errs)
	require.Equal(t, "replaced pending", value[string](w, `SELECT string_agg(state, ' ' ORDER BY id) FROM webhook_messages`))
}

// Everything at once, over and over: what was to be told is delivered, waits for its saga, or is held by an endpoint
// that takes nothing. Nothing is held by one that does, and nothing is lost.
func TestManyHandsOnOneEndpoint(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	for round := range 12 {
		e := w.endpoint(m)
		told := 0
		const changes = 6
		var ids []int64
		for range changes {
			ids = append(ids, w.message(m, e.ID).ID)
		}
		told += changes
		var late atomic.Int64
		require.NoError(t, errors.Join(together(10, func(hand int) error {
			r := rand.New(rand.NewPCG(uint64(round), uint64(hand)))
			for range 12 {
				id := ids[r.IntN(len(ids))]
				var err error
				switch hand {
				case 0:
					_, err = w.PauseEndpoint(t.Context(), m.ID, e.ID)
				case 1, 2:
					_, err = w.ResumeEndpoint(t.Context(), m.ID, e.ID)
				case 3:
					_, err = w.SendAgain(t.Context(), m.ID, id)
				case 4:
					if r.IntN(4) == 0 {
						late.Add(1)
						_, err = w.CreatePayment(t.Context(), store.NewPayment{Merchant: m, Amount: 10_000})
					}
				case 5:
					if r.IntN(3) == 0 {
						_, err = w.RecordTry(t.Context(), store.Try{MessageID: id, Try: 1 + r.IntN(3), Status: 410, Then: state.WebhookFailed, Gone: true})
					}
				default: // sagas, of first messages and of their successors
					err = w.deliverOne(r, e.ID)
				}
				if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
					return fmt.Errorf("hand %d: %w", hand, err)
				}
			}
			return nil
		})...))
		told += int(late.Load())
		if round%3 != 2 {
			_, err := w.ResumeEndpoint(t.Context(), m.ID, e.ID)
			require.NoError(t, err)
		}
		at := value[string](w, `SELECT state FROM webhook_endpoints WHERE id = ?`, e.ID)
		held := value[int](w, `SELECT count(*) FROM webhook_messages WHERE endpoint_id = ? AND state = 'held'`, e.ID)
		if at == "enabled" {
			require.Zero(t, held, "round %d: held for an endpoint that takes messages", round)
		}
		require.Equal(t, told, value[int](w, `SELECT count(DISTINCT webhook_id) FROM webhook_messages WHERE endpoint_id = ?`, e.ID))
		require.Zero(t, value[int](w, `SELECT count(*) FROM webhook_messages m WHERE endpoint_id = ? AND state = 'pending'
			AND NOT EXISTS (SELECT FROM outbox o WHERE o.saga = 'webhook' AND o.ref = m.id::text)`, e.ID), "nobody would deliver it")
		require.NoError(t, w.DeleteEndpoint(t.Context(), m.ID, e.ID))
		require.Zero(t, value[int](w, `SELECT count(*) FROM webhook_messages WHERE endpoint_id = ? AND state IN ('pending', 'held')`, e.ID))
	}
	w.exec(`UPDATE webhook_messages SET ended_at = ended_at - interval '1 day' WHERE state = 'held'`)
	w.requireTrue()
}

// deliverOne does to one pending message of an endpoint what its saga would.
func (w *world) deliverOne(r *rand.Rand, endpoint int64) error {
	var ids []int64
	err := w.owner.NewRaw(`SELECT id FROM webhook_messages WHERE endpoint_id = ? AND state = 'pending' ORDER BY id`, endpoint).Scan(w.Context(), &ids)
	if err != nil || len(ids) == 0 {
		return err
	}
	p, err := w.Parcel(w.Context(), ids[r.IntN(len(ids))])
	if err != nil || p.State != state.WebhookPending {
		return err
	}
	if p.Endpoint != state.EndpointEnabled {
		_, err = w.HoldMessage(w.Context(), p.ID)
		return err
	}
	t := store.Try{MessageID: p.ID, Try: p.Tries + 1, Status: 500, Then: state.WebhookPending, After: time.Second}
	if r.IntN(4) == 0 {
		t.Status, t.Then = 200, state.WebhookDelivered
	}
	_, err = w.RecordTry(w.Context(), t)
	return err
}

// Many send one message again: it has one successor, and the others hear that.
func TestSentAgainOnce(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	for range 10 {
		id := w.message(m, e.ID).ID
		var mu sync.Mutex
		sent := 0
		for _, err := range together(8, func(int) error {
			_, err := w.SendAgain(t.Context(), m.ID, id)
			if err == nil {
				mu.Lock()
				sent++
				mu.Unlock()
			}
			return err
		}) {
			if err != nil {
				require.ErrorIs(t, err, store.ErrConflict)
			}
		}
		require.Equal(t, 1, sent)
	}
	w.requireTrue()
}

// A message is sent again while its attempt is under way: the attempt's word comes too late, and its saga ends.
func TestSentAgainUnderWay(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	id := w.message(m, e.ID).ID
	again, err := w.SendAgain(t.Context(), m.ID, id)
	require.NoError(t, err)
	require.Equal(t, state.WebhookReplaced, w.try(id, 200))
	require.Equal(t, state.WebhookPending, w.now(again.ID), "the receiver hears it twice, under one webhook-id")
	w.requireTrue()
}

// An attempt, or a hold, that waits for somebody who decides the message hears what was decided: its saga has nothing
// more to wait for.
func TestWhatWasDecidedMeanwhileIsHeard(t *testing.T) {
	w := newWorld(t)
	m := w.newMerchant()
	e := w.endpoint(m)
	for name, call := range map[string]func(id int64) (state.Webhook, error){
		"attempt": func(id int64) (state.Webhook, error) {
			return w.RecordTry(t.Context(), store.Try{MessageID: id, Try: 1, Status: 500, Then: state.WebhookPending, After: 24 * time.Hour})
		},
		"hold": func(id int64) (state.Webhook, error) { return w.HoldMessage(t.Context(), id) },
	} {
		id := w.message(m, e.ID).ID
		tx, err := w.owner.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback() })
		_, err = tx.NewRaw(`UPDATE webhook_messages SET state = 'dropped', ended_at = now() WHERE id = ?`, id).Exec(t.Context())
		require.NoError(t, err)
		w.exec(`UPDATE webhook_endpoints SET state = 'paused'`)
		got := make(chan state.Webhook, 1)
		go func() { now, _ := call(id); got <- now }()
		w.blocked(1)
		require.NoError(t, tx.Commit())
		require.Equal(t, state.WebhookDropped, <-got, name)
		w.exec(`UPDATE webhook_endpoints SET state = 'enabled'`)
	}
}
