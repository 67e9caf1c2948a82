package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/worker"
	"github.com/paysaga/paysaga/workflows"
)

// outcomes are the ways of each saga that every release must have recorded, and how each ends.
var outcomes = map[string]string{
	"payment-collected":               "collected",
	"payment-auto-collected":          "collected",
	"payment-collected-by-inquiry":    "collected",
	"payment-collected-by-checkpoint": "collected",
	"payment-callback-twice":          "collected",
	"payment-verify-unknown":          "collected",
	"payment-settle-retried":          "collected",
	"payment-paid-twice":              "collected",
	"payment-refunded":                "refunded",
	"payment-refunded-late":           "refunded",
	"payment-refund-resolved":         "refunded",
	"payment-bank-silent":             "refunded",
	"payment-cancelled":               "refunded",
	"payment-cancelled-unpaid":        "failed",
	"payment-failed":                  "failed",
	"payment-abandoned":               "failed",
	"payment-expired":                 "expired",

	"transfer-verified":      "verified",
	"transfer-verified-late": "verified",
	"transfer-mismatched":    "mismatched",
	"transfer-expired":       "expired",

	"deposit-assigned": "assigned",
	"deposit-refunded": "refunded",
	"deposit-ignored":  "ignored",
	"deposit-overdue":  "ignored",

	"topup-delivered":                   "delivered",
	"topup-refused":                     "reversed",
	"topup-delivered-after-lost-answer": "delivered",
	"topup-reversed-never-arrived":      "reversed",
	"topup-in-progress":                 "delivered",
	"topup-resolved":                    "delivered",

	"purchase-completed":                   "completed",
	"purchase-completed-payment":           "collected",
	"purchase-completed-by-put":            "completed",
	"purchase-completed-by-put-payment":    "collected",
	"purchase-completed-by-itself":         "completed",
	"purchase-completed-by-itself-payment": "collected",
	"purchase-expired":                     "ended",
	"purchase-expired-payment":             "expired",
	"purchase-failed":                      "ended",
	"purchase-refunded":                    "ended",
	"purchase-refunded-payment":            "refunded",

	"webhook-delivered":               "delivered",
	"webhook-delivered-after-retries": "delivered",
	"webhook-delivered-when-asked-to": "delivered", // Retry-After
	"webhook-failed":                  "failed",
	"webhook-gone":                    "failed",
	"webhook-held":                    "held",
	"webhook-replaced":                "replaced",
	"webhook-dropped":                 "dropped",

	"payout-paid":                   "paid",
	"payout-sent-then-paid":         "paid",
	"payout-paid-after-lost-answer": "paid",
	"payout-send-retried":           "paid",
	"payout-resolved":               "paid",
	"payout-refused":                "refused",
	"payout-returned":               "refused",
	"payout-never-arrived":          "unsent",
	"payout-cancelled":              "cancelled",

	"wallet-credited":               goesOn,
	"wallet-opened-after-retries":   goesOn,
	"wallet-credited-after-retries": goesOn,
	"wallet-blocked":                "blocked",

	"catalogue-refreshed": "", // its result tells what changed
}

// goesOn is said of sagas that have no end: theirs are recorded while they wait.
const goesOn = "goes on"

// waits says whether a saga was recorded while it waited for a timer. Only a wallet's may be.
func waits(h *historypb.History) bool {
	return sagaOf(h) == workflows.WalletName && h.Events[len(h.Events)-1].EventType == enums.EVENT_TYPE_TIMER_STARTED
}

func sagaOf(h *historypb.History) string {
	return h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetWorkflowType().GetName()
}

// anyKeys are payload keys of 32 zeros; histories are kept in the clear, so every key will do.
const anyKeys = "any:MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="

// histories reads what was recorded from a real server, as "release/name" without ".json".
func histories(t *testing.T) map[string]*historypb.History {
	t.Helper()
	files, err := filepath.Glob("testdata/histories/*/*.json")
	require.NoError(t, err)
	list := map[string]*historypb.History{}
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
		require.NoError(t, err, file)
		require.NoError(t, f.Close())
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		list[filepath.Base(filepath.Dir(file))+"/"+name] = h
	}
	return list
}

// outcome is what every saga's result tells.
type outcome struct {
	State string `json:"state"`
}

// replay runs a history through workflows and answers the state that their result tells.
func replay(t *testing.T, h *historypb.History, register func(worker.WorkflowRegistry), opt sdkworker.WorkflowReplayerOptions) (string, error) {
	t.Helper()
	codec, err := sagaclient.NewCodec(anyKeys)
	require.NoError(t, err)
	opt.DataConverter, opt.FailureConverter = codec.Converters()
	replayer, err := sdkworker.NewWorkflowReplayerWithOptions(opt)
	require.NoError(t, err)
	register(replayer)
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	original := sdkworker.ReplayWorkflowHistoryOptions{OriginalExecution: workflow.Execution{ID: "saga/recorded"}}
	if err := replayer.ReplayWorkflowHistoryWithOptions(quiet, h, original); err != nil {
		return "", err
	}
	if waits(h) {
		return goesOn, nil
	}
	results, ok := replayer.(interface { // the SDK's replayer has it, its interface does not
		GetWorkflowResult(workflowID string, valuePtr any) error
	})
	require.True(t, ok)
	var result outcome
	err = results.GetWorkflowResult(original.OriginalExecution.ID, &result)
	return result.State, err
}

// Every saga that was ever recorded takes the same way through today's code.
func TestReplay(t *testing.T) {
	for name, h := range histories(t) {
		t.Run(name, func(t *testing.T) {
			end, err := replay(t, h, worker.RegisterWorkflows, sdkworker.WorkflowReplayerOptions{})
			require.NoError(t, err)
			require.Equal(t, ended(t, h), end)
		})
	}
}

// The machine that takes a saga over has another zone, another number of processors and other keys.
func TestReplayElsewhere(t *testing.T) {
	zone, err := time.LoadLocation("Asia/Tehran")
	require.NoError(t, err)
	home, processors := time.Local, runtime.GOMAXPROCS(1)
	t.Cleanup(func() {
		time.Local = home
		runtime.GOMAXPROCS(processors)
	})
	time.Local = zone
	for name, h := range histories(t) {
		end, err := replay(t, h, worker.RegisterWorkflows, sdkworker.WorkflowReplayerOptions{EnableLoggingInReplay: true})
		require.NoError(t, err, name)
		require.Equal(t, ended(t, h), end, name)
	}
}

// change is a saga that was changed without a version.
type change struct {
	of, what string
	register func(worker.WorkflowRegistry)
}

func changed[In, Out any](name, what string, saga func(workflow.Context, In) (Out, error)) change {
	return change{name, what, func(r worker.WorkflowRegistry) {
		r.RegisterWorkflowWithOptions(saga, workflow.RegisterOptions{Name: name})
	}}
}

// changesOf are changes that every saga must notice.
func changesOf[In, Out any](name string, saga func(workflow.Context, In) (Out, error)) []change {
	return []change{
		changed(name, "a timer more", func(ctx workflow.Context, in In) (Out, error) {
			workflow.NewTimer(ctx, time.Hour)
			return saga(ctx, in)
		}),
		changed(name, "a local activity more", func(ctx workflow.Context, in In) (Out, error) {
			local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{ScheduleToCloseTimeout: time.Second})
			if err := workflow.ExecuteLocalActivity(local, "PaymentVisits", 1).Get(ctx, nil); err != nil {
				var none Out
				return none, err
			}
			return saga(ctx, in)
		}),
		changed(name, "every step less", func(workflow.Context, In) (Out, error) {
			var none Out
			return none, nil
		}),
	}
}

const otherDeadline = "another deadline"

// Replay bites: a saga that was changed without a version fails on every history.
func TestChangedWorkflowFailsReplay(t *testing.T) {
	changes := slices.Concat(
		changesOf(workflows.PaymentName, workflows.Payment),
		changesOf(workflows.TransferName, workflows.Transfer),
		changesOf(workflows.DepositName, workflows.Deposit),
		changesOf(workflows.TopUpName, workflows.TopUp),
		changesOf(workflows.CatalogueName, workflows.Catalogue),
		changesOf(workflows.PurchaseName, workflows.Purchase),
		changesOf(workflows.WebhookName, workflows.Webhook),
		changesOf(workflows.PayoutName, workflows.Payout),
		changesOf(workflows.WalletName, workflows.Wallet),
		[]change{
			changed(workflows.PaymentName, otherDeadline, func(ctx workflow.Context, in workflows.PaymentInput) (workflows.PaymentResult, error) {
				in.CollectBy = in.CreatedAt // no timer at all
				return workflows.Payment(ctx, in)
			}),
			changed(workflows.PurchaseName, otherDeadline, func(ctx workflow.Context, in workflows.PurchaseInput) (workflows.PurchaseResult, error) {
				in.CollectBy = in.CreatedAt.Add(22*time.Minute - in.CollectBy.Sub(in.CreatedAt)) // a long window is short, a short one long
				return workflows.Purchase(ctx, in)
			}),
			changed(workflows.TransferName, otherDeadline, func(ctx workflow.Context, in workflows.TransferInput) (workflows.TransferResult, error) {
				in.ExpiresAt, in.ReservedUntil = in.CreatedAt, in.CreatedAt
				return workflows.Transfer(ctx, in)
			}),
			changed(workflows.WalletName, "asks for no account", func(ctx workflow.Context, in workflows.WalletInput) (workflows.WalletResult, error) {
				in.Open = true
				return workflows.Wallet(ctx, in)
			}),
			changed(workflows.DepositName, otherDeadline, func(ctx workflow.Context, in workflows.DepositInput) (workflows.DepositResult, error) {
				in.ResolveBy = in.CreatedAt
				return workflows.Deposit(ctx, in)
			}),
		},
	)
	for _, change := range changes {
		tried := 0
		for name, h := range histories(t) {
			if sagaOf(h) != change.of {
				continue
			}
			if change.what == otherDeadline && count(h, enums.EVENT_TYPE_TIMER_STARTED) == 0 {
				continue // told before it waited for anything: its deadline left no trace
			}
			_, err := replay(t, h, change.register, sdkworker.WorkflowReplayerOptions{})
			require.Error(t, err, "%s: %s went unnoticed", change.what, name)
			tried++
		}
		require.NotZero(t, tried, change.of)
	}
}

// A payment that forgets its purchase is noticed where no money came.
func TestForgottenPurchaseFailsReplay(t *testing.T) {
	forgetful := changed(workflows.PaymentName, "forgets its purchase", func(ctx workflow.Context, in workflows.PaymentInput) (workflows.PaymentResult, error) {
		in.PurchaseID = 0
		return workflows.Payment(ctx, in)
	})
	all := histories(t)
	for name, noticed := range map[string]bool{"purchase-expired-payment": true, "purchase-refunded-payment": true, "purchase-completed-payment": false} {
		_, err := replay(t, all["0.1.0/"+name], forgetful.register, sdkworker.WorkflowReplayerOptions{})
		require.Equal(t, noticed, err != nil, name)
	}
}

func TestEveryOutcomeIsRecorded(t *testing.T) {
	releases, err := filepath.Glob("testdata/histories/*")
	require.NoError(t, err)
	require.NotEmpty(t, releases)
	all := histories(t)
	for _, release := range releases {
		for outcome, want := range outcomes {
			name := filepath.Base(release) + "/" + outcome
			require.Contains(t, all, name, "make record")
			require.Equal(t, want, ended(t, all[name]), name)
		}
	}
}

// ended reads the result of a recorded saga. A saga that failed would be a bug.
func ended(t *testing.T, h *historypb.History) string {
	t.Helper()
	if waits(h) {
		return goesOn
	}
	last := h.Events[len(h.Events)-1]
	require.Equal(t, enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, last.EventType)
	var result outcome
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(last.GetWorkflowExecutionCompletedEventAttributes().Result, &result))
	return result.State
}

var trackingID = regexp.MustCompile(`\\"tracking_id\\":\\"\d+\\"`)

// Histories stand in a public repository.
func TestHistoriesAreClean(t *testing.T) {
	for name, h := range histories(t) {
		text := h.String()
		for _, bad := range []string{"identity:", "binary/encrypted", "Encoded failure", "/home/", "/root/", "/tmp/"} {
			require.NotContains(t, text, bad, name)
		}
		text = trackingID.ReplaceAllString(text, "") // of a bank's rail, as long as a card number
		require.NotRegexp(t, `\b\d{16}\b`, text, "%s: a card number", name)
		require.NotRegexp(t, `\bIR\d{24}\b`, text, "%s: an account", name)
		require.NotRegexp(t, `\b(98|0)9\d{9}\b`, text, "%s: a mobile number", name)
	}
}
