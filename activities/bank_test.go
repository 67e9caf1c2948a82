package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/time/rate"

	"github.com/paysaga/paysaga/activities"
	"github.com/paysaga/paysaga/gateways"
)

// bank answers as it is told and notes what it was asked.
type bank struct {
	gateways.Gateway
	limits  gateways.Limits
	result  gateways.Result
	receipt gateways.Receipt
	how     gateways.Undone
	errs    map[string]error
	asked   []string
	visits  []gateways.Visit
}

func (b *bank) Limits() gateways.Limits { return b.limits }

func (b *bank) Fields() []gateways.Field { return nil }

func (b *bank) Open(gateways.Credentials) (gateways.Gateway, error) { return b, nil }

func (b *bank) ask(op string, v gateways.Visit) error {
	b.asked, b.visits = append(b.asked, op), append(b.visits, v)
	return b.errs[op]
}

func (b *bank) Result(_ context.Context, v gateways.Visit) (gateways.Result, error) {
	return b.result, b.ask("result", v)
}

func (b *bank) Verify(_ context.Context, v gateways.Visit) (gateways.Receipt, error) {
	return b.receipt, b.ask("verify", v)
}

func (b *bank) Settle(_ context.Context, v gateways.Visit) error { return b.ask("settle", v) }

func (b *bank) Undo(_ context.Context, v gateways.Visit) (gateways.Undone, error) {
	return b.how, b.ask("undo", v)
}

var (
	visit = activities.Visit{
		AttemptID: 7, Gateway: "zibal", Amount: 1_250_000, BankToken: "session", FinalAt: time.Now(), Callback: map[string]string{"RefId": "x"},
	}
	paid = gateways.Result{
		Status: gateways.ResultPaid, Amount: 1_250_000, BankToken: "session", Invoice: 7, BankTran: "99", RRN: "rrn", Card: "621986******0019",
	}
)

func calls(b *bank) *activities.Bank {
	return &activities.Bank{Gateways: gateways.Registry{"zibal": b}}
}

func TestConfirm(t *testing.T) {
	b := &bank{result: paid}
	found, err := calls(b).ConfirmAtBank(t.Context(), visit)
	require.NoError(t, err)
	require.Equal(t, activities.Finding{Verdict: activities.VerdictPaid, BankTran: "99", RRN: "rrn", Card: "621986******0019"}, found)
	require.Equal(t, []string{"result", "verify"}, b.asked)
	require.Equal(t, gateways.Visit{Invoice: 7, BankToken: "session", Amount: 1_250_000, Callback: map[string]string{"RefId": "x"}}, b.visits[0])
	require.Equal(t, "99", b.visits[1].BankTran, "verify names the transaction of the result")

	b.receipt = gateways.Receipt{RRN: "later", Card: "502229******7777"}
	found, err = calls(b).ConfirmAtBank(t.Context(), visit)
	require.NoError(t, err)
	require.Equal(t, []string{"later", "502229******7777"}, []string{found.RRN, found.Card}, "what the bank tells at verify wins")
	require.Equal(t, "later", found.Receipt(7).RRN)
}

func TestInquireChangesNothing(t *testing.T) {
	b := &bank{result: paid}
	found, err := calls(b).InquireAtBank(t.Context(), visit)
	require.NoError(t, err)
	require.Equal(t, activities.VerdictPaid, found.Verdict)
	require.Equal(t, []string{"result"}, b.asked)
}

// Money of another amount, session or invoice never pays this attempt and is never verified.
func TestMismatch(t *testing.T) {
	for name, change := range map[string]func(*gateways.Result){
		"less":           func(r *gateways.Result) { r.Amount-- },
		"more":           func(r *gateways.Result) { r.Amount++ },
		"session":        func(r *gateways.Result) { r.BankToken = "another" },
		"invoice":        func(r *gateways.Result) { r.Invoice = 8 },
		"no transaction": func(r *gateways.Result) { r.BankTran = "" },
	} {
		b := &bank{result: paid}
		change(&b.result)
		found, err := calls(b).ConfirmAtBank(t.Context(), visit)
		require.NoError(t, err, name)
		require.Equal(t, activities.VerdictMismatch, found.Verdict, name)
		require.Equal(t, activities.ReasonMismatch, found.Reason, name)
		require.Equal(t, b.result.BankTran, found.BankTran, "%s: so that it can be sent back", name)
		require.Equal(t, []string{"result"}, b.asked, name)
	}
}

// A bank that tells of payments for 45 minutes only is not believed afterwards: verified money would look unpaid.
func TestNotPaidAskedTooLate(t *testing.T) {
	limits := gateways.Limits{SessionLife: 30 * time.Minute, ResultWindow: 45 * time.Minute}
	for name, tt := range map[string]struct {
		limits   gateways.Limits
		opened   time.Duration // ago
		callback map[string]string
		unknown  bool
	}{
		"in time":               {limits, 44 * time.Minute, visit.Callback, false},
		"too late":              {limits, 46 * time.Minute, visit.Callback, true},
		"the payer never came":  {limits, 46 * time.Minute, nil, false},
		"a bank that remembers": {gateways.Limits{SessionLife: 30 * time.Minute}, 46 * time.Minute, visit.Callback, false},
	} {
		b := &bank{limits: tt.limits, result: gateways.Result{Status: gateways.ResultNotPaid}}
		v := visit
		v.FinalAt, v.Callback = time.Now().Add(tt.limits.SessionLife-tt.opened), tt.callback
		for _, ask := range []func(context.Context, activities.Visit) (activities.Finding, error){calls(b).ConfirmAtBank, calls(b).InquireAtBank} {
			_, err := ask(t.Context(), v)
			var failed *temporal.ApplicationError
			require.Equal(t, tt.unknown, errors.As(err, &failed) && failed.Type() == activities.ErrUnknown, name)
		}
	}
}

func TestNotPaid(t *testing.T) {
	for name, tt := range map[string]struct {
		says gateways.Result
		want activities.Finding
	}{
		"not yet":  {gateways.Result{Status: gateways.ResultNotPaid}, activities.Finding{Reason: "not_paid"}},
		"declined": {gateways.Result{Status: gateways.ResultNotPaid, Final: true, Reason: "انصراف"}, activities.Finding{Final: true, Reason: "انصراف"}},
		"returned": {gateways.Result{Status: gateways.ResultReturned}, activities.Finding{Final: true, Reason: "returned_by_bank"}},
	} {
		b := &bank{result: tt.says}
		found, err := calls(b).ConfirmAtBank(t.Context(), visit)
		require.NoError(t, err, name)
		tt.want.Verdict = activities.VerdictNotPaid
		require.Equal(t, tt.want, found, name)
		require.Equal(t, []string{"result"}, b.asked, name)
	}
}

// The one sorting of errors: refused is final, everything else is tried again, at the bank's pace.
func TestErrors(t *testing.T) {
	unavailable := &gateways.Unavailable{Op: "x", After: 3 * time.Second, Err: errors.New("busy")}
	refused := &gateways.Refused{Op: "x", Code: "472", Why: "no"}
	unknown := &gateways.Unknown{Op: "x", Err: errors.New("timeout")}
	settle := func(a *activities.Bank) error {
		return a.SettleAtBank(context.Background(), activities.PaidVisit{Visit: visit})
	}
	undo := func(a *activities.Bank) error {
		_, err := a.UndoAtBank(context.Background(), activities.PaidVisit{Visit: visit})
		return err
	}
	confirm := func(a *activities.Bank) error { _, err := a.ConfirmAtBank(context.Background(), visit); return err }
	inquire := func(a *activities.Bank) error { _, err := a.InquireAtBank(context.Background(), visit); return err }
	for name, tt := range map[string]struct {
		op    string
		err   error
		call  func(*activities.Bank) error
		kind  string
		final bool
		after time.Duration
	}{
		"settle refused":           {"settle", refused, settle, activities.ErrRefused, true, 0},
		"settle unknown":           {"settle", unknown, settle, activities.ErrUnknown, false, 0},
		"settle unavailable":       {"settle", unavailable, settle, activities.ErrUnavailable, false, 3 * time.Second},
		"undo refused":             {"undo", refused, undo, activities.ErrRefused, true, 0},
		"undo without a class":     {"undo", errors.New("?"), undo, activities.ErrUnknown, false, 0},
		"verify refused":           {"verify", refused, confirm, activities.ErrRefused, true, 0},
		"verify unknown":           {"verify", unknown, confirm, activities.ErrUnknown, false, 0},
		"result unavailable":       {"result", unavailable, inquire, activities.ErrUnavailable, false, 3 * time.Second},
		"result refused, inquire":  {"result", refused, inquire, activities.ErrUnavailable, false, 0}, // money may be there
		"result refused, confirm":  {"result", refused, confirm, activities.ErrUnavailable, false, 0},
		"result without a meaning": {"", nil, inquire, activities.ErrUnknown, false, 0},
	} {
		b := &bank{result: paid, errs: map[string]error{tt.op: tt.err}}
		if tt.op == "" {
			b.result.Status = "?"
		}
		var app *temporal.ApplicationError
		require.ErrorAs(t, tt.call(calls(b)), &app, name)
		require.Equal(t, tt.kind, app.Type(), name)
		require.Equal(t, tt.final, app.NonRetryable(), name)
		require.Equal(t, tt.after, app.NextRetryDelay(), name)
		if !tt.final {
			require.Equal(t, temporal.ApplicationErrorCategoryBenign, app.Category(), "%s: no alarm in Temporal's error metrics", name)
		}
	}
}

func TestSettleAndUndoNameTheTransaction(t *testing.T) {
	b := &bank{how: gateways.Cancelled}
	in := activities.PaidVisit{Visit: visit, BankTran: "99"}
	require.NoError(t, calls(b).SettleAtBank(t.Context(), in))
	how, err := calls(b).UndoAtBank(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, "cancelled", how)
	for _, v := range b.visits {
		require.Equal(t, gateways.Visit{Invoice: 7, BankToken: "session", BankTran: "99", Amount: 1_250_000, Callback: visit.Callback}, v)
	}
}

// A gateway that left the configuration still has the money: its saga waits.
func TestGatewayTakenAway(t *testing.T) {
	elsewhere := visit
	elsewhere.Gateway = "gone"
	_, err := calls(&bank{}).ConfirmAtBank(t.Context(), elsewhere)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrUnavailable, app.Type())
}

func TestRateLimit(t *testing.T) {
	b := &bank{result: paid}
	a := calls(b)
	a.Limits = map[string]*rate.Limiter{"zibal": rate.NewLimiter(rate.Every(time.Hour), 1)}
	_, err := a.InquireAtBank(t.Context(), visit)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = a.InquireAtBank(ctx, visit)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, activities.ErrUnavailable, app.Type(), "the bank was not called, so nothing happened")
	require.Len(t, b.asked, 1)
}
