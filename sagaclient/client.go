// Package sagaclient connects to Temporal: with the payload codec, metrics, and the search
// attributes registered.
package sagaclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
)

// Options of a connection.
type Options struct {
	Address   string
	Namespace string
	Codec     *Codec
	Metrics   client.MetricsHandler // may be nil
	Logger    *slog.Logger
}

// New makes a client without waiting for the server: the API must start and accept while Temporal
// is down.
func New(opt Options) (client.Client, error) {
	if opt.Address == "" {
		return nil, errors.New("TEMPORAL_ADDRESS is not set")
	}
	data, failure := opt.Codec.Converters()
	c, err := client.NewLazyClient(client.Options{
		HostPort:         opt.Address,
		Namespace:        opt.Namespace,
		DataConverter:    data,
		FailureConverter: failure,
		MetricsHandler:   opt.Metrics,
		// Payloads are encrypted: compressing them costs CPU on both sides and saves nothing.
		ConnectionOptions: client.ConnectionOptions{GrpcCompression: &client.GrpcCompressionNone{}},
		Logger:            log.NewStructuredLogger(opt.Logger),
	})
	if err != nil {
		return nil, fmt.Errorf("temporal client: %w", err)
	}
	return c, nil
}

// RegisterSearchAttributes makes the server know the attributes and waits until it lists them: right
// after the call they are not usable yet.
func RegisterSearchAttributes(ctx context.Context, c client.Client, namespace string, keys []temporal.SearchAttributeKey) error {
	want := make(map[string]enums.IndexedValueType, len(keys))
	for _, k := range keys {
		want[k.GetName()] = k.GetValueType()
	}
	for {
		missing, err := missingAttributes(ctx, c, namespace, want)
		if err != nil {
			return err
		}
		if len(missing) == 0 {
			return nil
		}
		_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: namespace, SearchAttributes: missing,
		})
		var exists *serviceerror.AlreadyExists
		if err != nil && !errors.As(err, &exists) {
			return fmt.Errorf("register search attributes: %w", err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("register search attributes: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func missingAttributes(ctx context.Context, c client.Client, namespace string, want map[string]enums.IndexedValueType) (map[string]enums.IndexedValueType, error) {
	listed, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, fmt.Errorf("list search attributes: %w", err)
	}
	missing := map[string]enums.IndexedValueType{}
	for name, kind := range want {
		got, ok := listed.CustomAttributes[name]
		switch {
		case !ok:
			missing[name] = kind
		case got != kind:
			return nil, fmt.Errorf("search attribute %s has type %s, want %s", name, got, kind)
		}
	}
	return missing, nil
}

// Link is the address of a saga in the Temporal UI.
func Link(uiURL, namespace, workflowID string) string {
	return uiURL + "/namespaces/" + url.PathEscape(namespace) + "/workflows/" + url.PathEscape(workflowID)
}
