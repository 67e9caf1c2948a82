package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/sdk/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/paysaga/paysaga/sagaclient"
	"github.com/paysaga/paysaga/sign"
	"github.com/paysaga/paysaga/stack"
)

// merchant is a development merchant.
type merchant struct{ id, key string }

var (
	taxi  = merchant{"faSDF42w3Fs", "test"}
	hasty = merchant{"demo-fast", "test-fast"} // has five seconds to collect
)

// world is the running system as merchants, payers and people see it.
type world struct {
	api, sandbox string
	env          []string // for the command line
	temporal     client.Client
	codec        *sagaclient.Codec
	stack        *stack.Stack
}

// create asks for a payment and answers its token.
func (w *world) create(ctx context.Context, m merchant, fields ...string) (string, error) {
	form := url.Values{"merchant": {m.id}, "amount": {"1200000"}, "description": {"recorded"}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	var made struct {
		Info struct {
			Token string `json:"token"`
		} `json:"info"`
	}
	return made.Info.Token, w.send(ctx, request{method: http.MethodPost, url: w.api + "/api/v1/payments", key: m.key, form: form, out: &made})
}

func (w *world) state(ctx context.Context, m merchant, token string) (string, error) {
	var read struct {
		Info struct {
			Outcome struct {
				State string `json:"state"`
			} `json:"outcome"`
		} `json:"info"`
	}
	err := w.send(ctx, request{method: http.MethodGet, url: w.api + "/api/v1/payments/" + token, key: m.key, out: &read})
	return read.Info.Outcome.State, err
}

func (w *world) collect(ctx context.Context, m merchant, token string) error {
	return w.send(ctx, request{method: http.MethodPost, url: w.api + "/api/v1/payments/" + token + "/collect", key: m.key})
}

func (w *world) cancel(ctx context.Context, m merchant, token string) error {
	return w.send(ctx, request{method: http.MethodPost, url: w.api + "/api/v1/payments/" + token + "/cancel", key: m.key})
}

// payer walks the sandbox's payer through the payment and answers the attempt's number.
func (w *world) payer(ctx context.Context, token, does string) (int64, error) {
	var did struct {
		Invoice int64 `json:"invoice"`
	}
	wish := map[string]any{"link": w.api + "/pay/" + token, "do": does}
	return did.Invoice, w.send(ctx, request{method: http.MethodPost, url: w.sandbox + "/payer", json: wish, out: &did})
}

// leave opens an attempt and walks away from the bank's page.
func (w *world) leave(ctx context.Context, token string) error {
	form := url.Values{"gateway": {"sandbox"}}
	return w.send(ctx, request{method: http.MethodPost, url: w.api + "/pay/" + token, form: form})
}

// setRules make one side of the world outside fail, such as "bank"; none ends that.
func (w *world) setRules(ctx context.Context, side string, rules map[string]any) error {
	return w.send(ctx, request{method: http.MethodPut, url: w.sandbox + "/rules", json: map[string]any{side: rules}})
}

// paysaga runs a command as a person would.
func (w *world) paysaga(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, binary("PAYSAGA_BIN", "paysaga"), args...)
	cmd.Env = w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("paysaga %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// saga describes a saga; nothing while the dispatcher has not started it.
func (w *world) saga(ctx context.Context, id string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	is, err := w.temporal.DescribeWorkflowExecution(ctx, id, "")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return nil, nil
	}
	return is, err
}

// sleeps waits until a saga is there; nobody has told it anything yet.
func (w *world) sleeps(sagaID string) step {
	return func(ctx context.Context) error {
		return await(ctx, "saga "+sagaID, func() (bool, error) {
			is, err := w.saga(ctx, sagaID)
			return is != nil, err
		})
	}
}

// hears waits until a saga has been sent a signal, whether or not it wakes by it.
func (w *world) hears(sagaID, signal string) step {
	return func(ctx context.Context) error {
		return await(ctx, signal+" in the history of "+sagaID, func() (bool, error) {
			h, err := w.history(ctx, sagaID)
			return err == nil && slices.ContainsFunc(h.Events, func(e *historypb.HistoryEvent) bool {
				return e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == signal
			}), err
		})
	}
}

// details are what operators read of a saga; nothing while it has not started. It must be awake.
func (w *world) details(ctx context.Context, id string) (string, error) {
	value, err := w.temporal.QueryWorkflow(ctx, id, "", "__temporal_workflow_metadata")
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("details of %s: %w", id, err)
	}
	var shown sdk.WorkflowMetadata
	err = value.Get(&shown)
	return shown.CurrentDetails, err
}

// triesDurably waits until a saga has gone over to durable tries of a call.
func (w *world) triesDurably(sagaID, activity string) step {
	return func(ctx context.Context) error {
		return await(ctx, "durable tries of "+activity, func() (bool, error) {
			is, err := w.saga(ctx, sagaID)
			for _, a := range is.GetPendingActivities() {
				if a.GetActivityType().GetName() == activity {
					return true, nil
				}
			}
			return false, err
		})
	}
}

// await asks until the answer is yes.
func await(ctx context.Context, what string, yes func() (bool, error)) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := yes()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// signer signs the calls of one merchant with one of its keys.
type signer struct{ merchant, key string }

type request struct {
	method, url, key string
	signer           signer // of a signed call
	once             string // Idempotency-Key
	form             url.Values
	json             any
	out              any
}

func (w *world) send(ctx context.Context, r request) error {
	var body io.Reader
	kind, signature := "", ""
	switch {
	case r.json != nil:
		data, err := json.Marshal(r.json)
		if err != nil {
			return fmt.Errorf("%s %s: %w", r.method, r.url, err)
		}
		body, kind, signature = bytes.NewReader(data), "application/json", sign.Sign(data, r.signer.key)
	case r.form != nil:
		body, kind = strings.NewReader(r.form.Encode()), "application/x-www-form-urlencoded"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Authorization", r.key)
	req.Header.Set("token", r.key) // the card-to-card dialect's
	if r.signer != (signer{}) {
		req.Header.Set("merchant", r.signer.merchant)
		req.Header.Set("sign", signature)
	}
	if r.once != "" {
		req.Header.Set("Idempotency-Key", r.once)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err // names the method and the URL itself
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.url, err)
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s answered %d: %.300s", r.method, r.url, resp.StatusCode, answer)
	}
	if r.out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, r.out); err != nil {
		return fmt.Errorf("%s %s: %w", r.method, r.url, err)
	}
	return nil
}
