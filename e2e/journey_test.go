package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
)

// journey is one payment from its creation on, with a merchant and a payer who try again when the
// system or the bank is in trouble, as real ones do.
type journey struct {
	m       merchant
	do      string // what the payer does at the bank; empty: never comes
	auto    bool   // auto_collect
	collect bool
	cancel  bool
	key     string           // Idempotency-Key of the create; empty: a create that got no answer is given up
	dawdle  [3]time.Duration // before it begins, before the payer comes, before the merchant's command

	token     string // acknowledged; empty when nothing was
	collected bool   // acknowledged
	cancelled bool   // acknowledged
	tries     int    // answers that were none
}

// travel ends when everything the journey wants is done or can no longer be had.
func (j *journey) travel(ctx context.Context) error {
	pause(ctx, j.dawdle[0])
	if err := j.createIt(ctx); err != nil || j.token == "" {
		return err
	}
	pause(ctx, j.dawdle[1])
	if j.do != "" {
		if err := j.pay(ctx); err != nil {
			return err
		}
	}
	pause(ctx, j.dawdle[2])
	var err error
	if j.cancel {
		j.cancelled, err = j.insist(ctx, "/cancel")
	}
	if err == nil && j.collect {
		j.collected, err = j.insist(ctx, "/collect")
	}
	return err
}

// createIt creates the payment. With a key it does so twice, as a merchant that lost the answer would.
func (j *journey) createIt(ctx context.Context) error {
	var err error
	if j.token, err = j.createOnce(ctx); err != nil || j.key == "" {
		return err
	}
	again, err := j.createOnce(ctx)
	if err == nil && again != j.token {
		return fmt.Errorf("create with the key %s made %s and %s", j.key, j.token, again)
	}
	return err
}

func (j *journey) createOnce(ctx context.Context) (token string, err error) {
	form := j.m.form(10_000, "auto_collect", fmt.Sprint(j.auto), "description", j.key)
	var header []string
	if j.key != "" {
		header = []string{"Idempotency-Key", j.key}
	}
	for {
		a, err := j.m.call(ctx, http.MethodPost, "", form, header...)
		switch {
		case err == nil && a.status == http.StatusOK:
			return a.token(), nil
		case err == nil && a.status < 500 && a.status != http.StatusConflict && a.status != http.StatusTooManyRequests:
			return "", fmt.Errorf("create: answer %d: %s", a.status, a.body)
		case j.key == "":
			return "", nil // nobody knows whether it exists; the audit looks after it
		}
		j.tries++
		if !pause(ctx, 100*time.Millisecond) {
			return "", fmt.Errorf("create: %w; last: %d %s %v", ctx.Err(), a.status, a.body, err)
		}
	}
}

// pay sends the payer until one walk is through or the payment takes no more money.
func (j *journey) pay(ctx context.Context) error {
	for {
		_, err := j.m.h.walk(ctx, walk{Link: j.m.link(j.token), Do: j.do})
		if err == nil || strings.Contains(err.Error(), "takes no money now") {
			return nil
		}
		j.tries++
		if !pause(ctx, 200*time.Millisecond) {
			return fmt.Errorf("pay: %w: %w", ctx.Err(), err)
		}
	}
}

// insist repeats a command until it is acknowledged or refused for good.
func (j *journey) insist(ctx context.Context, command string) (bool, error) {
	for {
		a, err := j.m.call(ctx, http.MethodPost, "/"+j.token+command, nil)
		switch {
		case err == nil && a.status == http.StatusOK:
			return true, nil
		case err == nil && a.status == http.StatusConflict && a.code() != "state_pending":
			return false, nil
		case err == nil && a.status == http.StatusConflict && j.do == "decline":
			return false, nil // nobody paid
		}
		j.tries++
		if !pause(ctx, 100*time.Millisecond) {
			return false, fmt.Errorf("%s: %w; last: %d %s %v", command, ctx.Err(), a.status, a.body, err)
		}
	}
}

// travelTogether lets all journeys run at once.
func travelTogether(t *testing.T, within time.Duration, journeys []*journey) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var group sync.WaitGroup
	for i, j := range journeys {
		group.Go(func() {
			if err := j.travel(ctx); err != nil {
				t.Errorf("journey %d (%s): %v", i, j.token, err)
			}
		})
	}
	group.Wait()
}

// awaitEnds waits until every payment and every attempt of the journeys is at its end. Payments that
// wait for a person are left out.
func (h *house) awaitEnds(t *testing.T, within time.Duration, journeys []*journey) {
	t.Helper()
	await(t, within, "all payments end", func() (bool, string) {
		left := h.open(t, journeys)
		return len(left) == 0, fmt.Sprint(left)
	})
}

// open lists what of the journeys is not at its end.
func (h *house) open(t *testing.T, journeys []*journey) []string {
	t.Helper()
	tokens := []string{""}
	for _, j := range journeys {
		tokens = append(tokens, j.token)
	}
	var left []string
	require.NoError(t, h.db.NewRaw(`
		SELECT p.token || ' ' || p.state || ' ' || coalesce(a.id || ' ' || a.state, '')
		FROM payments p LEFT JOIN attempts a ON a.payment_id = p.id AND a.state IN ('created', 'open', 'paid', 'refunding')
		WHERE p.token IN (?) AND p.needs_attention IS NULL AND (p.state IN ('pending', 'paid', 'refunding') OR a.id IS NOT NULL)`,
		bun.List(tokens)).Scan(t.Context(), &left))
	return left
}

// arrived checks that every journey ended as it was acknowledged, and that the bank moved each money
// once. It answers how many ended in which state.
func (h *house) arrived(t *testing.T, journeys []*journey) map[string]int {
	t.Helper()
	invoices := h.wholeBook(t)
	ends := map[string]int{}
	for _, j := range journeys {
		if j.token == "" {
			continue
		}
		p, err := j.m.find(t.Context(), j.token)
		require.NoError(t, err, "an acknowledged payment exists")
		if j.key != "" {
			require.Equal(t, 1, h.described(t, j.key), "a create that was repeated with its key happened once")
		}
		ends[p.Outcome.State]++
		switch {
		case j.collected:
			require.Equal(t, "collected", p.Outcome.State, "payment %s was acknowledged as collected", j.token)
		case j.cancelled:
			require.Contains(t, []string{"refunded", "failed", "expired"}, p.Outcome.State, "payment %s was cancelled", j.token)
		case j.auto:
			require.NotEqual(t, "paid", p.Outcome.State, j.token)
		}
		kept := 0
		for _, a := range h.attempts(t, j.token) {
			b := invoices[invoice{a.Gateway, a.ID}]
			kept += b.count("settle")
			back := b.count("reverse") + b.count("cancel") + b.count("refund")
			require.LessOrEqual(t, b.count("verify"), 1)
			require.LessOrEqual(t, b.count("settle")+back, 1, "attempt %d went both ways: %s", a.ID, b.effects())
			if a.State == "refunded" {
				require.Equal(t, 1, back, "attempt %d gave its money back once: %s", a.ID, b.effects())
			}
		}
		want := 0
		if p.Outcome.State == "collected" {
			want = 1
		}
		require.Equal(t, want, kept, "settlements of payment %s, which is %s", j.token, p.Outcome.State)
	}
	return ends
}

// described counts the payments with a description.
func (h *house) described(t *testing.T, as string) int {
	t.Helper()
	var n int
	require.NoError(t, h.db.NewRaw(`SELECT count(*) FROM payments WHERE description = ?`, as).Scan(t.Context(), &n))
	return n
}

type invoice struct {
	bank string
	id   int64
}

// count is how often an operation took effect.
func (b book) count(op string) int {
	return len(slices.DeleteFunc(slices.Clone(b.Calls), func(c bankCall) bool { return c.Op != op || !c.Effect }))
}

// wholeBook reads the bank's book once, by invoice.
func (h *house) wholeBook(t *testing.T) map[invoice]book {
	t.Helper()
	var all struct {
		Charges []charge `json:"charges"`
		Calls   []struct {
			Bank    string `json:"bank"`
			Invoice int64  `json:"invoice"`
			bankCall
		} `json:"calls"`
	}
	require.NoError(t, json.Unmarshal(get(t, h.inst.SandboxURL+"/book?calls=1").body, &all))
	out := map[invoice]book{}
	for _, c := range all.Charges {
		out[invoice{c.Bank, c.Invoice}] = book{Charges: []charge{c}}
	}
	for _, c := range all.Calls {
		b := out[invoice{c.Bank, c.Invoice}]
		b.Calls = append(b.Calls, c.bankCall)
		out[invoice{c.Bank, c.Invoice}] = b
	}
	return out
}
