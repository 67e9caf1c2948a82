package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/enums/v1"

	"github.com/paysaga/paysaga/stack"
)

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "  "+format+"\n", args...) }

// latest reads the ids of the latest sagas.
func (b *bench) latest(ctx context.Context, w *watcher, query string) ([]string, error) {
	var ids []string
	err := w.db.NewRaw(query).Scan(ctx, &ids)
	return ids, err
}

// shape reads the histories of sagas until their ends: events and workflow tasks of each, on average.
func (b *bench) shape(ctx context.Context, ids []string) (events, tasks float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, id := range ids {
		history := b.temporal.GetWorkflowHistory(ctx, id, "", true, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			e, err := history.Next()
			if err != nil {
				return 0, 0, fmt.Errorf("history of %s: %w", id, err)
			}
			events++
			if e.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
				tasks++
			}
		}
	}
	n := float64(max(len(ids), 1))
	return events / n, tasks / n, nil
}

func (b *bench) memory(parts ...string) map[string]int64 {
	used := map[string]int64{}
	for _, p := range parts {
		used[p] = resident(b.stack.PID(p))
	}
	return used
}

// report prints the table of what was measured.
func report(out io.Writer, r results) {
	fmt.Fprintf(out, "\n%s, %d cores, PostgreSQL with fsync, %s\n\n", runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	t := table{out}
	t.row("what", "measured", "target")
	t.row("---", "---", "---")
	t.ratio("creates/s through HTTP over bare `StartWorkflow`/s, 32 at once", r.createRatio, r.creates, r.bareStarts, "≥ 2")
	t.ratio("complete payments/s over a bare saga with three wake-ups", r.bareRatio, r.ours, r.bare, "≥ 0.8")
	t.ratio("complete payments/s over a naive saga with three regular activities", r.naiveRatio, r.ours, r.naive, "≥ 1.5")
	t.shape("events / workflow tasks of a collected payment", r.events, r.tasks, "≤ 20 / 3")
	t.ratio("complete transfers/s (create → SMS → check) over a bare saga with three wake-ups",
		r.transfers.ratio, r.transfers.ours, r.transfers.bare, "")
	t.shape("events / workflow tasks of a verified transfer", r.transfers.events, r.transfers.tasks, "≤ 22 / 4")
	t.ratio("complete top-ups/s (order → delivered → answered) over a bare saga with the same one wake-up",
		r.topUps.ratio, r.topUps.ours, r.topUps.bare, "")
	t.shape("events / workflow tasks of a delivered top-up", r.topUps.events, r.topUps.tasks, "≤ 8 / 1")
	t.ratio("complete purchases/s (create → paid at the bank → completed) over a bare saga with three wake-ups",
		r.purchases.ratio, r.purchases.ours, r.purchases.bare, "")
	t.shape("events / workflow tasks of a completed purchase's saga", r.purchases.events, r.purchases.tasks, "≤ 20 / 3")
	t.shape("… and of the payment that is its money", r.purchases.paymentEvents, r.purchases.paymentTasks, "≤ 20 / 3")
	t.ratio("webhooks delivered/s over plain HTTP POSTs/s to the same receiver, 8 at once", r.webhooks.ratio, r.webhooks.ours, r.webhooks.plain, "")
	t.shape("events / workflow tasks of a delivered webhook", r.webhooks.events, r.webhooks.tasks, "≤ 8 / 1")
	for _, path := range []string{"create", "read", "collect"} {
		t.latency(fmt.Sprintf("%s through HTTP at %d/s, p50 / p99", path, latencyRate), r.paths[path], "≤ 3 ms / 10 ms")
		t.latency("… one flush of 8 KB to the same disk meanwhile, p50 / p99", r.disk[path], "")
	}
	t.latency(fmt.Sprintf("`POST /api/sms` at %d/s, each paying a transfer, p50 / p99", smsRate), r.transfers.sms, "")
	t.latency(fmt.Sprintf("`POST /api/top-up` again at %d/s, the kept answer, p50 / p99", latencyRate), r.topUps.replay, "p99 ≤ 10 ms")
	t.latency(fmt.Sprintf("`PUT` retry of an unknown purchase at %d/s, p50 / p99", retryRate), r.purchases.retryUnknown, "p99 ≤ 10 ms")
	t.latency(fmt.Sprintf("`PUT` retry of a completed purchase at %d/s, p50 / p99", retryRate), r.purchases.retryCompleted, "p99 ≤ 10 ms")
	t.latency("bare `StartWorkflow`, one at a time, p50 / p99", r.single, "")
	t.growth("%s p99 with %d stored payments over %d", r.storedPayments, []string{"create", "read"}, "≤ 1.05")
	for _, path := range []string{"create", "check"} {
		for _, s := range r.transfers.stored {
			t.latency(fmt.Sprintf("%s of a transfer at %d/s with %d stored, p50 / p99", path, latencyRate, s.rows), s.paths[path], "p99 ≤ 10 ms")
		}
	}
	bareCost := r.cpuPerBare
	for _, cost := range []map[string]time.Duration{r.transfers.cpuPerBare, r.purchases.cpuPerBare} {
		if len(bareCost) == 0 {
			bareCost = cost
		}
	}
	t.cost("CPU of one payment, by process", r.cpuPerSaga)
	t.cost("CPU of one transfer, by process", r.transfers.cpuPerSaga)
	t.cost("CPU of one purchase, by process", r.purchases.cpuPerSaga)
	t.cost("CPU of one delivered webhook, by process", r.webhooks.cpu)
	t.cost("CPU of one bare saga, by process (its worker left out)", bareCost)
	t.cost("CPU of one top-up, by process", r.topUps.cpuPerSaga)
	t.cost("CPU of one bare saga with one wake-up, by process (its worker left out)", r.topUps.cpuPerBare)
	t.row("memory of api + worker, idle", fmt.Sprintf("%d MB (api %d, worker %d)", (r.idle[stack.API]+r.idle[stack.Worker])>>20, r.idle[stack.API]>>20, r.idle[stack.Worker]>>20), "≤ 120 MB")
	if text, err := json.Marshal(map[string]any{"create_ratio": r.createRatio, "bare_ratio": r.bareRatio, "naive_ratio": r.naiveRatio, "transfer_ratio": r.transfers.ratio,
		"topup_ratio": r.topUps.ratio, "purchase_ratio": r.purchases.ratio}); err == nil {
		progress("rounds %s", text)
	}
}

// table prints Markdown. Its rows of what was not measured are left out.
type table struct{ out io.Writer }

func (t table) row(cells ...string) { fmt.Fprintln(t.out, "| "+strings.Join(cells, " | ")+" |") }

// ratio shows the median and how far the rounds were apart.
func (t table) ratio(what string, rounds, ours, theirs []float64, target string) {
	if len(rounds) > 0 {
		t.row(what, fmt.Sprintf("**%.2f** (%.2f–%.2f) (%.0f/s over %.0f/s)",
			median(rounds), slices.Min(rounds), slices.Max(rounds), median(ours), median(theirs)), target)
	}
}

func (t table) shape(what string, events, tasks float64, target string) {
	if events > 0 {
		t.row(what, fmt.Sprintf("%.1f / %.1f", events, tasks), target)
	}
}

func (t table) latency(what string, l latency, target string) {
	if l.max > 0 {
		t.row(what, ms(l.p50)+" / "+ms(l.p99), target)
	}
}

// growth shows each path's p99 beside many rows over that beside few.
func (t table) growth(what string, sizes []stored, paths []string, target string) {
	if len(sizes) < 2 {
		return
	}
	few, many := sizes[0], sizes[len(sizes)-1]
	for _, path := range paths {
		t.row(fmt.Sprintf(what, path, many.rows, few.rows), fmt.Sprintf("%.2f (%s over %s)",
			float64(many.paths[path].p99)/float64(few.paths[path].p99), ms(many.paths[path].p99), ms(few.paths[path].p99)), target)
	}
}

func (t table) cost(what string, spent map[string]time.Duration) {
	if len(spent) > 0 {
		t.row(what, split(spent), "")
	}
}

func split(spent map[string]time.Duration) string {
	var parts []string
	for _, part := range []string{stack.API, stack.Worker, stack.Temporal, stack.Postgres, stack.Sandbox} {
		parts = append(parts, fmt.Sprintf("%s %s", part, ms(spent[part])))
	}
	return strings.Join(parts, ", ")
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(v))
	return sorted[len(sorted)/2]
}
