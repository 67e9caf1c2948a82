package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/paysaga/paysaga/workflows"
)

// What is measured of card-to-card transfers.

type transferResults struct {
	ratio, ours, bare      []float64
	cpuPerSaga, cpuPerBare map[string]time.Duration
	events, tasks          float64
	stored                 []stored
	sms                    latency
}

// compareTransfers: whole transfers beside bare sagas, interleaved.
func (b *bench) compareTransfers(ctx context.Context, w *watcher, r *results) error {
	t := &r.transfers
	t.cpuPerSaga, t.cpuPerBare = map[string]time.Duration{}, map[string]time.Duration{}
	for range b.rounds {
		bare, err := b.bareRound(ctx, t.cpuPerBare)
		if err != nil {
			return err
		}
		before := b.spent()
		ours, err := b.transferRound(ctx, w, b.sagas)
		if err != nil {
			return err
		}
		b.count(t.cpuPerSaga, before)
		t.ours, t.bare, t.ratio = append(t.ours, ours), append(t.bare, bare), append(t.ratio, ours/bare)
		progress("transfers %.0f/s, bare sagas %.0f/s", ours, bare)
	}
	ids, err := b.latest(ctx, w, `SELECT 'transfer/' || id FROM transfers WHERE state = 'verified' ORDER BY id DESC LIMIT 100`)
	if err == nil {
		t.events, t.tasks, err = b.shape(ctx, ids)
	}
	return err
}

// transferRound carries n transfers to the end: created, paid by an SMS, checked, and their sagas over. Only
// then is one done: rows alone would run ahead of the sagas.
func (b *bench) transferRound(ctx context.Context, w *watcher, n int) (float64, error) {
	rate, err := throughput(ctx, n, 3*sagasAtOnce, func(ctx context.Context) error { // two thirds of them are people who think
		t, err := b.shop.create(ctx)
		if err != nil {
			return err
		}
		if err := pause(ctx, thinkTime); err != nil { // the payer opens a banking app; meanwhile the saga falls asleep
			return err
		}
		if err := b.shop.deposit(ctx, t); err != nil {
			return err
		}
		if err := pause(ctx, thinkTime); err != nil { // the payer goes back to the shop
			return err
		}
		if err := b.shop.check(ctx, t, 201); err != nil {
			return err
		}
		if err := w.told.wait(ctx, strconv.FormatInt(t.PayID, 10)); err != nil {
			return err
		}
		return b.temporal.GetWorkflow(ctx, workflows.TransferID(t.PayID), "").Get(ctx, nil) // as a bare saga's driver does
	})
	if err != nil {
		return 0, fmt.Errorf("transfers: %w", err)
	}
	return rate, nil
}

// storedTransfers: create and check beside few and many stored transfers.
func (b *bench) storedTransfers(ctx context.Context, w *watcher, r *results) (err error) {
	fill := func(ctx context.Context, n int64) error { return w.fillTransfers(ctx, b.shop.id, n) }
	r.transfers.stored, err = besideRows(ctx, w, "transfers", fill, func(ctx context.Context) (map[string]latency, error) {
		create, err := openLoop(ctx, latencyRate, b.open, func(ctx context.Context, _ int) error { _, err := b.shop.create(ctx); return err })
		if err != nil {
			return nil, err
		}
		list, err := b.openTransfers(ctx, w, int(b.open.Seconds())*latencyRate/2, b.shop.deposit)
		if err != nil {
			return nil, err
		}
		check, err := openLoop(ctx, latencyRate, b.open, func(ctx context.Context, i int) error { // each twice: 201, 200
			return b.shop.check(ctx, list[i/2], 201, 200)
		})
		return map[string]latency{"create": create, "check": check}, errors.Join(err, w.until(ctx, undelivered))
	})
	return err
}

// smsPath: POST /api/sms, each message the deposit of an open transfer.
func (b *bench) smsPath(ctx context.Context, w *watcher, r *results) error {
	list, err := b.openTransfers(ctx, w, int(b.open.Seconds())*smsRate, nil)
	if err != nil {
		return err
	}
	r.transfers.sms, err = openLoop(ctx, smsRate, b.open, func(ctx context.Context, i int) error { return b.shop.deposit(ctx, list[i]) })
	if err == nil {
		progress("sms p50 %s, p99 %s", r.transfers.sms.p50, r.transfers.sms.p99)
	}
	return errors.Join(err, w.until(ctx, undelivered))
}

// openTransfers makes n transfers, does with each what it is told, and waits until their sagas know.
func (b *bench) openTransfers(ctx context.Context, w *watcher, n int, then func(context.Context, transfer) error) ([]transfer, error) {
	var mu sync.Mutex
	var list []transfer
	_, err := throughput(ctx, n, sagasAtOnce, func(ctx context.Context) error {
		t, err := b.shop.create(ctx)
		if err == nil && then != nil {
			err = then(ctx, t)
		}
		mu.Lock()
		defer mu.Unlock()
		list = append(list, t)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open transfers: %w", err)
	}
	return list, w.until(ctx, undelivered)
}

// fillTransfers stores n more transfers of the merchant, by SQL: one every 26 seconds back from now, seven in
// ten of them paid. Those still in time hold their amounts, and so does the latest paid one of each price:
// create lets it go when somebody asks for the price again.
func (w *watcher) fillTransfers(ctx context.Context, merchant string, n int64) error {
	_, err := w.db.NewRaw(`
		WITH m AS (
			SELECT m.*, d.id AS card, (SELECT count(*) FROM transfers WHERE merchant_id = m.id AND fid < 1000000000) AS have
			FROM merchants m JOIN destination_cards d ON d.merchant_id = m.id WHERE m.public_id = ?
		), sale AS (
			SELECT m.*, i, i % 10 < 7 AS paid, now() - make_interval(secs => 26 * i) AS at, 10000 * (1 + i % 1000) AS price
			FROM m, generate_series(have + 1, have + ?) i
		), t AS (
			INSERT INTO transfers (merchant_id, fid, link_token, price, amount, cards, state, reserved, deposit_id,
			                       created_at, expires_at, reserved_until, paid_at, verified_at)
			SELECT id, i, 'bench' || md5(random()::text || i), price, price + amount_delta - amount_step * (i / 1000), ARRAY[card],
			       CASE WHEN paid THEN 'verified' WHEN at + transfer_window > now() THEN 'pending' ELSE 'expired' END,
			       at + transfer_window + sms_delay > now() OR (paid AND i <= 1000), CASE WHEN paid THEN i END,
			       at, at + transfer_window, at + transfer_window + sms_delay, CASE WHEN paid THEN at END, CASE WHEN paid THEN at END
			FROM sale RETURNING id, state, created_at
		)
		INSERT INTO transfer_events (transfer_id, kind, at) SELECT id, k, created_at FROM t, unnest(ARRAY['created', state]) k`, merchant, n).Exec(ctx)
	if err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	return w.settle(ctx, "transfers, transfer_events")
}
