package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
)

func startTemporal(t *testing.T, home, databaseURL, addr, uiAddr string) (*process, temporalReady) {
	t.Helper()
	var ready temporalReady
	p := start(t, &ready, "temporal", "--home", home, "--addr", addr, "--ui-addr", uiAddr,
		"--database-url", databaseURL, "--codec-endpoint", "http://127.0.0.1:8234")
	require.Equal(t, "temporal", ready.Ready)
	require.Equal(t, "paysaga", ready.Namespace)
	return p, ready
}

func TestTemporalKeepsItsState(t *testing.T) {
	home := newHome(t)
	_, postgres := startPostgres(t, home, "127.0.0.1:0")
	server, ready := startTemporal(t, home, postgres.DatabaseURL, "127.0.0.1:0", "127.0.0.1:0")
	client := connect(t, ready.Address)

	require.GreaterOrEqual(t, retention(t, client), 30*24*time.Hour)
	runID, err := startWorkflow(t, client, "payment/kept")
	require.NoError(t, err)

	t.Run("workflow IDs", func(t *testing.T) {
		_, err := startWorkflow(t, client, strings.Repeat("x", maxIDLength))
		require.NoError(t, err)
		_, err = startWorkflow(t, client, strings.Repeat("x", maxIDLength+1))
		var invalid *serviceerror.InvalidArgument
		require.ErrorAs(t, err, &invalid)
	})
	t.Run("UI", func(t *testing.T) {
		settings := get(t, ready.UI+"/api/v1/settings")
		require.Contains(t, settings, `"Codec":{"Endpoint":"http://127.0.0.1:8234"`)
		require.Contains(t, settings, `"DefaultNamespace":"paysaga"`)
		require.Contains(t, get(t, ready.UI+"/api/v1/namespaces/paysaga"), `"name": "paysaga"`)
	})
	t.Run("one server per database", func(t *testing.T) {
		said := fails(t, "temporal", "--home", home, "--database-url", postgres.DatabaseURL,
			"--addr", "127.0.0.1:0", "--ui-addr", "127.0.0.1:0")
		require.Contains(t, said, "another devstack temporal is already running")
	})
	t.Run("one server per address", func(t *testing.T) {
		said := fails(t, "temporal", "--home", home, "--database-url", postgres.DatabaseURL,
			"--addr", ready.Address, "--ui-addr", "127.0.0.1:0")
		require.Contains(t, said, "is in use by another program")
	})

	// Somebody shortened the retention, then the server crashed.
	_, err = client.UpdateNamespace(t.Context(), &workflowservice.UpdateNamespaceRequest{
		Namespace: "paysaga",
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(24 * time.Hour)},
	})
	require.NoError(t, err)
	server.kill()
	server, again := startTemporal(t, home, postgres.DatabaseURL, ready.Address, strings.TrimPrefix(ready.UI, "http://"))
	require.Equal(t, ready, again)

	require.GreaterOrEqual(t, retention(t, client), 30*24*time.Hour)
	found, err := client.DescribeWorkflowExecution(t.Context(), &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: "paysaga", Execution: &commonpb.WorkflowExecution{WorkflowId: "payment/kept"},
	}, grpc.WaitForReady(true))
	require.NoError(t, err)
	require.Equal(t, runID, found.GetWorkflowExecutionInfo().GetExecution().GetRunId())
	require.Equal(t, enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, found.GetWorkflowExecutionInfo().GetStatus())

	begin := time.Now()
	server.stop()
	require.Zero(t, server.code, server.stderr)
	require.Less(t, time.Since(begin), 5*time.Second)
}

func TestTemporalRefusesBadFlags(t *testing.T) {
	const databaseURL = "postgres://paysaga@127.0.0.1:1/paysaga"
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"no database", "database URL: want postgres://", []string{"--database-url", ""}},
		{"another kind of database", "database URL: want postgres://", []string{"--database-url", "mysql://x"}},
		{"short retention", "retention 24h0m0s is too short", []string{"--database-url", databaseURL, "--retention", "24h"}},
		{"no namespace", "the namespace needs a name", []string{"--database-url", databaseURL, "--namespace", ""}},
		{"open to the network", "only a loopback address", []string{"--database-url", databaseURL, "--addr", "0.0.0.0:0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.Contains(t, fails(t, append([]string{"temporal", "--home", t.TempDir()}, tt.args...)...), tt.want)
		})
	}
}

func connect(t *testing.T, address string) workflowservice.WorkflowServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(typedErrors))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return workflowservice.NewWorkflowServiceClient(conn)
}

func startWorkflow(t *testing.T, client workflowservice.WorkflowServiceClient, id string) (runID string, err error) {
	t.Helper()
	started, err := client.StartWorkflowExecution(t.Context(), &workflowservice.StartWorkflowExecutionRequest{
		Namespace:    "paysaga",
		WorkflowId:   id,
		RequestId:    id[:1],
		WorkflowType: &commonpb.WorkflowType{Name: "payment.v1"},
		TaskQueue:    &taskqueuepb.TaskQueue{Name: "sagas"},
	})
	return started.GetRunId(), err
}

func retention(t *testing.T, client workflowservice.WorkflowServiceClient) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	found, err := client.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: "paysaga"}, grpc.WaitForReady(true))
	require.NoError(t, err)
	return found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, string(body))
	return string(body)
}
