package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"
)

// The bank's side of the truth: its book, and the failures it can be told to play.

// charge is a line of the bank's book.
type charge struct {
	Bank    string `json:"bank"`
	Invoice int64  `json:"invoice"`
	Amount  int64  `json:"amount"`
	State   string `json:"state"`
	RRN     string `json:"rrn"`
}

// bankCall is one call that a bank got.
type bankCall struct {
	Op     string `json:"op"`
	Effect bool   `json:"effect"`
	Rule   string `json:"rule"`
}

type book struct {
	Charges []charge   `json:"charges"`
	Calls   []bankCall `json:"calls"`
}

// visitAtBank reads what a bank has on one attempt.
func (h *house) visitAtBank(ctx context.Context, bank string, invoice int64) (book, error) {
	url := fmt.Sprintf("%s/book?calls=1&bank=%s&invoice=%d", h.inst.SandboxURL, bank, invoice)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return book{}, err
	}
	r, err := send(req)
	if err != nil {
		return book{}, err
	}
	var b book
	return b, json.Unmarshal(r.body, &b)
}

// charges is how many sessions the banks have in their book.
func (h *house) charges(t *testing.T) int {
	t.Helper()
	var b book
	require.NoError(t, json.Unmarshal(get(t, h.inst.SandboxURL+"/book").body, &b))
	return len(b.Charges)
}

// effects are the calls that changed the bank's book, in order.
func (b book) effects() string {
	var ops []string
	for _, c := range b.Calls {
		if c.Effect {
			ops = append(ops, c.Op)
		}
	}
	return strings.Join(ops, " ")
}

// rules tells the banks how often to fail in which way, as PUT /rules takes it.
func (h *house) rules(t *testing.T, bank map[string]any) {
	t.Helper()
	r, err := sendJSON(t.Context(), http.MethodPut, h.inst.SandboxURL+"/rules", map[string]any{"bank": bank})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
}

// bankBehaves takes all failures back, now and after the test.
func (h *house) bankBehaves(t *testing.T) {
	t.Helper()
	h.rules(t, map[string]any{})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), soon)
		defer cancel()
		if _, err := sendJSON(ctx, http.MethodPut, h.inst.SandboxURL+"/rules", map[string]any{}); err != nil {
			t.Error("the bank's rules stay:", err)
		}
	})
}

// visit is one attempt as our rows and the bank's book have it.
type visit struct {
	state   string // our row
	charge  string // the bank's book
	effects string // the bank's calls that moved something, in order
}

// ending is everything that must be true of a payment in the end.
type ending struct {
	state, reason string
	timeline      string // kinds of events, in order; a repeated one counts once
	visits        []visit
}

// The ways in which a visit ends.
var (
	settled  = visit{"settled", "settled", "token verify settle"}
	returned = visit{"refunded", "cancelled", "token verify cancel"} // verified, then given back
	reversed = visit{"refunded", "reversed", "token reverse"}        // never verified, given back
	declined = visit{"failed", "declined", "token"}
	unused   = visit{"failed", "expired", "token"}
)

// ends waits for the payment's end and compares the row, the timeline, the bank's book and the saga.
func (m merchant) ends(t *testing.T, token string, want ending) payment {
	t.Helper()
	p := m.awaitState(t, token, want.state)
	require.Equal(t, want.reason, p.reason())

	var got ending
	await(t, soon, "payment "+token+" ends like this", func() (bool, string) {
		got = m.h.ending(t, token)
		return got.timeline == want.timeline && fmt.Sprint(got.visits) == fmt.Sprint(want.visits),
			fmt.Sprintf("\n got %+v\nwant %+v", got, want)
	})
	m.h.sagaEnds(t, token, want.state)
	return p
}

// ending reads a payment's rows and the bank's book.
func (h *house) ending(t *testing.T, token string) ending {
	t.Helper()
	row, err := h.store.PaymentByToken(t.Context(), token)
	require.NoError(t, err)
	events, err := h.store.Timeline(t.Context(), row.ID)
	require.NoError(t, err)
	var kinds []string
	for _, e := range events {
		if e.Kind == "not_paid_yet" { // how often a saga asks too early is a matter of timing
			continue
		}
		if len(kinds) == 0 || kinds[len(kinds)-1] != e.Kind {
			kinds = append(kinds, e.Kind)
		}
	}
	out := ending{state: string(row.State), timeline: strings.Join(kinds, " ")}
	for _, a := range h.attempts(t, token) {
		b, err := h.visitAtBank(t.Context(), a.Gateway, a.ID)
		require.NoError(t, err)
		v := visit{state: a.State, effects: b.effects()}
		if len(b.Charges) == 1 {
			v.charge = b.Charges[0].State
		}
		out.visits = append(out.visits, v)
	}
	return out
}

// attempt is our row of a visit.
type attempt struct {
	ID          int64  `bun:"id"`
	Gateway     string `bun:"gateway"`
	State       string `bun:"state"`
	CallbackKey string `bun:"callback_key"`
}

func (h *house) attempts(t *testing.T, token string) []attempt {
	t.Helper()
	var list []attempt
	err := h.db.NewRaw(`
		SELECT a.id, a.gateway, a.state, a.callback_key FROM attempts a JOIN payments p ON p.id = a.payment_id
		WHERE p.token = ? ORDER BY a.id`, token).Scan(t.Context(), &list)
	require.NoError(t, err)
	return list
}

// wasAsked waits until the bank of the payment's first attempt got the call.
func (h *house) wasAsked(t *testing.T, token, op string, times int) {
	t.Helper()
	a := h.attempts(t, token)[0]
	await(t, soon, "the bank is asked: "+op, func() (bool, string) {
		b, err := h.visitAtBank(t.Context(), a.Gateway, a.ID)
		require.NoError(t, err)
		got := slices.DeleteFunc(slices.Clone(b.Calls), func(c bankCall) bool { return c.Op != op })
		return len(got) >= times, fmt.Sprint(b.Calls)
	})
}

// sagaEnds waits until the payment's saga has completed with the state as its result.
func (h *house) sagaEnds(t *testing.T, token, state string) {
	t.Helper()
	await(t, soon, "the saga of "+token+" completes", func() (bool, string) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		d, err := h.temporal.DescribeWorkflow(ctx, "payment/"+token, "")
		if err != nil {
			return false, err.Error()
		}
		return d.Status == enums.WORKFLOW_EXECUTION_STATUS_COMPLETED, d.Status.String()
	})
	var result struct {
		State string `json:"state"`
	}
	require.NoError(t, h.temporal.GetWorkflow(t.Context(), "payment/"+token, "").Get(t.Context(), &result))
	require.Equal(t, state, result.State)
	d, err := h.temporal.DescribeWorkflowExecution(t.Context(), "payment/"+token, "")
	require.NoError(t, err)
	var shown string
	attribute := d.WorkflowExecutionInfo.SearchAttributes.GetIndexedFields()["SagaState"]
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(attribute, &shown))
	require.Equal(t, state, shown, "what operators see")
}
