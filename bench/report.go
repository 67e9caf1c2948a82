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
	"github.com/paysaga/paysaga/workflows"
)

func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, "  "+format+"\n", args...) }

func (b *bench) collected(ctx context.Context, w *watcher, n int) ([]string, error) {
	var tokens []string
	err := w.db.NewRaw(`SELECT token FROM payments WHERE state = 'collected' ORDER BY id DESC LIMIT ?`, n).Scan(ctx, &tokens)
	return tokens, err
}

// shape reads the histories of the latest payments: events and workflow tasks of each, on average.
func (b *bench) shape(ctx context.Context, w *watcher) (events, tasks float64, err error) {
	tokens, err := b.collected(ctx, w, 100)
	if err != nil || len(tokens) == 0 {
		return 0, 0, err
	}
	for _, token := range tokens {
		history := b.temporal.GetWorkflowHistory(ctx, workflows.PaymentID(token), "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for history.HasNext() {
			e, err := history.Next()
			if err != nil {
				return 0, 0, fmt.Errorf("history: %w", err)
			}
			events++
			if e.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
				tasks++
			}
		}
	}
	return events / float64(len(tokens)), tasks / float64(len(tokens)), nil
}

func (b *bench) memory(parts ...string) map[string]int64 {
	used := map[string]int64{}
	for _, p := range parts {
		used[p] = resident(b.stack.PID(p))
	}
	return used
}

// report prints the table.
func report(out io.Writer, r results) {
	line := func(cells ...string) { fmt.Fprintln(out, "| "+strings.Join(cells, " | ")+" |") }
	fmt.Fprintf(out, "\n%s, %d cores, PostgreSQL with fsync, %s\n\n", runtime.Version(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
	line("what", "measured", "target")
	line("---", "---", "---")
	line("creates/s through HTTP over bare `StartWorkflow`/s, 32 at once", ratio(r.createRatio)+fmt.Sprintf(" (%.0f/s over %.0f/s)", median(r.creates), median(r.bareStarts)), "≥ 2")
	line("complete payments/s over a bare saga with the same three wake-ups", ratio(r.bareRatio)+fmt.Sprintf(" (%.0f/s over %.0f/s)", median(r.ours), median(r.bare)), "≥ 0.8")
	line("complete payments/s over a naive saga with three regular activities", ratio(r.naiveRatio)+fmt.Sprintf(" (%.0f/s over %.0f/s)", median(r.ours), median(r.naive)), "≥ 1.5")
	line("events / workflow tasks of a collected payment", fmt.Sprintf("%.1f / %.1f", r.events, r.tasks), "≤ 20 / 3")
	for _, path := range []string{"create", "read", "collect"} {
		l := r.paths[path]
		line(fmt.Sprintf("%s through HTTP at %d/s, p50 / p99", path, r.latencyRate), fmt.Sprintf("%s / %s", ms(l.p50), ms(l.p99)), "≤ 3 ms / 10 ms")
	}
	line("bare `StartWorkflow`, one at a time, p50 / p99", ms(r.single.p50)+" / "+ms(r.single.p99), "")
	for _, path := range []string{"create", "read"} {
		few, many := r.small[path], r.large[path]
		line(fmt.Sprintf("%s p99 with %d stored payments over %d", path, r.storedLarge, r.storedSmall),
			fmt.Sprintf("%.2f (%s over %s)", float64(many.p99)/float64(few.p99), ms(many.p99), ms(few.p99)), "≤ 1.05")
	}
	line("CPU of one payment, by process", split(r.cpuPerSaga), "")
	line("CPU of one bare saga, by process (its worker left out)", split(r.cpuPerBare), "")
	line("memory of api + worker, idle", fmt.Sprintf("%d MB (api %d, worker %d)", (r.idle[stack.API]+r.idle[stack.Worker])>>20, r.idle[stack.API]>>20, r.idle[stack.Worker]>>20), "≤ 120 MB")
	if text, err := json.Marshal(map[string]any{"create_ratio": r.createRatio, "bare_ratio": r.bareRatio, "naive_ratio": r.naiveRatio}); err == nil {
		progress("rounds %s", text)
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

// ratio shows the median and how far the rounds were apart.
func ratio(v []float64) string {
	if len(v) == 0 {
		return "–"
	}
	return fmt.Sprintf("**%.2f** (%.2f–%.2f)", median(v), slices.Min(v), slices.Max(v))
}
