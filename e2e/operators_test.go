package e2e_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// What operators have: the Temporal UI, its codec endpoint, search attributes, metrics.

// rawPayload is a payload as Temporal's HTTP API and the codec endpoint speak of it.
type rawPayload struct {
	Metadata map[string]string `json:"metadata"`
	Data     string            `json:"data"`
}

func TestTemporalHoldsNothingReadableAndTheUICanDecodeIt(t *testing.T) {
	t.Parallel()
	events := shared.temporal.GetWorkflowHistory(t.Context(), "payment/AsF42Sg53", "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	require.True(t, events.HasNext())
	started, err := events.Next()
	require.NoError(t, err)
	input, err := protojson.Marshal(started.GetWorkflowExecutionStartedEventAttributes().Input.Payloads[0])
	require.NoError(t, err)
	var sealed rawPayload
	require.NoError(t, json.Unmarshal(input, &sealed))
	require.NotContains(t, unbase64(t, sealed.Data), "AsF42Sg53", "what the server keeps is encrypted")

	codec := "http://" + shared.inst.Addrs.Codec
	r, err := sendJSON(t.Context(), http.MethodPost, codec+"/decode", map[string]any{"payloads": []rawPayload{sealed}})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status, "%s", r.body)
	require.Equal(t, shared.inst.UIURL, r.header.Get("Access-Control-Allow-Origin"))
	var plain struct{ Payloads []rawPayload }
	require.NoError(t, json.Unmarshal(r.body, &plain))
	require.Equal(t, "json/plain", unbase64(t, plain.Payloads[0].Metadata["encoding"]))
	var in struct {
		Token  string `json:"token"`
		Amount int64  `json:"amount"`
	}
	require.NoError(t, json.Unmarshal([]byte(unbase64(t, plain.Payloads[0].Data)), &in))
	require.Equal(t, "AsF42Sg53", in.Token)
	require.EqualValues(t, 10_000, in.Amount)

	// The browser asks first.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, codec+"/decode", nil)
	require.NoError(t, err)
	req.Header.Set("Origin", shared.inst.UIURL)
	req.Header.Set("Access-Control-Request-Method", "POST")
	req.Header.Set("Access-Control-Request-Headers", "content-type,x-namespace")
	r, err = send(req)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.status)
	require.Equal(t, shared.inst.UIURL, r.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, r.header.Get("Access-Control-Allow-Methods"), "POST")
	for _, name := range []string{"content-type", "x-namespace"} {
		require.Contains(t, strings.ToLower(r.header.Get("Access-Control-Allow-Headers")), name)
	}
}

func unbase64(t *testing.T, text string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(text)
	require.NoError(t, err)
	return string(data)
}

func TestSagasAreFoundByWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	m := shared.with(t, "e2e-searched", time.Minute)
	token := m.create(t, 33_000)
	m.pays(t, token, "pay", at("zibal"))
	m.collect(t, token)
	p := m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})

	for _, query := range []string{
		`MerchantId="e2e-searched" AND SagaState="collected"`,
		`MerchantId="e2e-searched" AND SagaKind="payment" AND Provider="zibal" AND AmountRial=33000`,
		fmt.Sprintf(`Reference=%q`, p.Outcome.RRN),
		`MerchantId="e2e-searched" AND DeadlineAt > "2020-01-01T00:00:00Z"`,
	} {
		shared.finds(t, query, "payment/"+token)
	}
	shared.finds(t, `MerchantId="e2e-searched" AND SagaState="refunded"`)
	shared.finds(t, `NeedsAttention=true AND SagaKind="payment"`)
}

// finds waits until the search answers these ids and no others: the server writes its index a moment
// after the saga.
func (h *house) finds(t *testing.T, query string, want ...string) {
	t.Helper()
	await(t, soon, query, func() (bool, string) {
		got := h.search(t, query)
		return slices.Equal(got, want), fmt.Sprint(got)
	})
}

// search asks as the UI does, over its own HTTP API.
func (h *house) search(t *testing.T, query string) []string {
	t.Helper()
	r := get(t, h.inst.UIURL+"/api/v1/namespaces/paysaga/workflows?query="+url.QueryEscape(query))
	var found struct {
		Executions []struct {
			Execution struct {
				WorkflowID string `json:"workflowId"`
			} `json:"execution"`
		} `json:"executions"`
	}
	require.NoError(t, json.Unmarshal(r.body, &found), "%s", r.body)
	ids := []string{}
	for _, e := range found.Executions {
		ids = append(ids, e.Execution.WorkflowID)
	}
	return ids
}

func TestMetricsTellWhatOperatorsAreWokenFor(t *testing.T) {
	t.Parallel()
	for _, at := range []string{shared.inst.Addrs.API, shared.inst.Addrs.Worker} {
		text := string(get(t, "http://"+at+"/metrics").body)
		for _, name := range []string{"paysaga_outbox_rows", "paysaga_outbox_stuck", "paysaga_needs_attention", "temporal_request"} {
			require.Contains(t, text, "\n"+name, at)
		}
	}
}

func TestHappyPathStaysWithinItsBudget(t *testing.T) {
	t.Parallel()
	m := shared.taxi()
	token := m.create(t, 34_000)
	m.awaitSaga(t, token)
	d, err := shared.temporal.DescribeWorkflowExecution(t.Context(), "payment/"+token, "")
	require.NoError(t, err)
	require.EqualValues(t, 1, d.WorkflowExecutionInfo.HistoryLength, "nothing to do: it sleeps")
	m.pays(t, token, "pay")
	m.collect(t, token)
	m.ends(t, token, ending{state: "collected", timeline: "created attempt_started callback paid collected settled", visits: []visit{settled}})

	events, tasks := 0, 0
	history := shared.temporal.GetWorkflowHistory(t.Context(), "payment/"+token, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		require.NoError(t, err)
		events++
		if e.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			tasks++
		}
	}
	require.LessOrEqual(t, events, 17)
	require.LessOrEqual(t, tasks, 2)
}

// awaitSaga waits until Temporal has the saga.
func (m merchant) awaitSaga(t *testing.T, token string) {
	t.Helper()
	await(t, soon, "the saga of "+token+" is there", func() (bool, string) {
		_, err := m.h.temporal.DescribeWorkflowExecution(t.Context(), "payment/"+token, "")
		return err == nil, fmt.Sprint(err)
	})
}
