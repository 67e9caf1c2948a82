package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"
)

const namespaceTimeout = time.Minute

// ensureNamespace registers the namespace, gives it at least the wanted retention and returns when workflows can
// be started in it.
func ensureNamespace(ctx context.Context, address, namespace string, retention time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, namespaceTimeout)
	defer cancel()
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(typedErrors))
	if err != nil {
		return fmt.Errorf("connect to Temporal: %w", err)
	}
	defer conn.Close()
	client := workflowservice.NewWorkflowServiceClient(conn)

	steps := []struct {
		name string
		do   func(context.Context) error
	}{
		{"register", func(ctx context.Context) error { return register(ctx, client, namespace, retention) }},
		{"set the retention of", func(ctx context.Context) error { return raiseRetention(ctx, client, namespace, retention) }},
		{"use", func(ctx context.Context) error { return probe(ctx, client, namespace) }},
	}
	for _, step := range steps {
		if err := untilDone(ctx, step.do); err != nil {
			return fmt.Errorf("%s namespace %s: %w", step.name, namespace, err)
		}
	}
	return nil
}

func register(ctx context.Context, client workflowservice.WorkflowServiceClient, namespace string, retention time.Duration) error {
	_, err := client.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	var missing *serviceerror.NamespaceNotFound
	if !errors.As(err, &missing) {
		return err
	}
	_, err = client.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        namespace,
		Description:                      "payment sagas",
		WorkflowExecutionRetentionPeriod: durationpb.New(retention),
	})
	var exists *serviceerror.NamespaceAlreadyExists
	if errors.As(err, &exists) {
		return nil
	}
	return err
}

// raiseRetention never shortens what somebody has set longer.
func raiseRetention(ctx context.Context, client workflowservice.WorkflowServiceClient, namespace string, retention time.Duration) error {
	found, err := client.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	if found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() >= retention {
		return nil
	}
	_, err = client.UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: namespace,
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: durationpb.New(retention)},
	})
	return err
}

// probe asks for a workflow that does not exist. "Not found" comes from the history service, so the frontend knows
// the namespace by then and the shards are loaded.
func probe(ctx context.Context, client workflowservice.WorkflowServiceClient, namespace string) error {
	_, err := client.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
		Namespace: namespace,
		Execution: &commonpb.WorkflowExecution{WorkflowId: "devstack/probe"},
	})
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return nil
	}
	return err
}

// untilDone repeats try while the server is still coming up.
func untilDone(ctx context.Context, try func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := try(attempt)
		cancel()
		var invalid *serviceerror.InvalidArgument
		if err == nil || errors.As(err, &invalid) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func typedErrors(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, req, reply, cc, opts...)
	if err == nil {
		return nil
	}
	return serviceerror.FromStatus(serviceerror.ToStatus(err))
}
