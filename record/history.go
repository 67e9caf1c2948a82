package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/converter"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// playAll plays stories, those that leave the bank alone at the same time, and writes their histories.
func (w *world) playAll(ctx context.Context, stories []story, folder string, out io.Writer) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("folder of the histories: %w", err)
	}
	histories := make([]*historypb.History, len(stories))
	group, together := errgroup.WithContext(ctx)
	for i, s := range stories {
		if !s.alone {
			group.Go(func() (err error) {
				histories[i], err = w.play(together, s)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, s := range stories {
		var err error
		if s.alone {
			if histories[i], err = w.play(ctx, s); err != nil {
				return err
			}
		}
		if err := write(path(folder, s), histories[i]); err != nil {
			return err
		}
		fmt.Fprintf(out, "  %-32s %3d events %3d workflow tasks\n", s.name, len(histories[i].Events), tasks(histories[i]))
	}
	return nil
}

func path(folder string, s story) string { return filepath.Join(folder, s.name+".json") }

func tasks(h *historypb.History) int {
	n := 0
	for _, e := range h.Events {
		if e.EventType == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			n++
		}
	}
	return n
}

// play lets a story go its way and returns the history of its saga.
func (w *world) play(ctx context.Context, s story) (*historypb.History, error) {
	id, err := s.play(ctx, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if s.endless {
		h, err := w.restful(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		return h, nil
	}
	if err := w.over(ctx, id); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	var result struct {
		State string `json:"state"`
	}
	if err := w.temporal.GetWorkflow(ctx, id, "").Get(ctx, &result); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	if result.State != s.end {
		return nil, fmt.Errorf("%s: the saga ended %s, not %s", s.name, result.State, s.end)
	}
	h, err := w.history(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return h, nil
}

// restful reads the history of a saga once it waits for nothing but a timer.
func (w *world) restful(ctx context.Context, id string) (h *historypb.History, err error) {
	err = await(ctx, "rest of "+id, func() (bool, error) {
		if h, err = w.history(ctx, id); err != nil {
			return false, err
		}
		return h.Events[len(h.Events)-1].EventType == enums.EVENT_TYPE_TIMER_STARTED, nil
	})
	return h, err
}

// over waits until a saga has ended.
func (w *world) over(ctx context.Context, id string) error {
	return await(ctx, "the end of "+id, func() (bool, error) {
		is, err := w.saga(ctx, id)
		return is.GetWorkflowExecutionInfo().GetStatus() > enums.WORKFLOW_EXECUTION_STATUS_RUNNING, err
	})
}

// history reads a saga's history and makes it fit for a repository: decrypted, so that people can read
// and compare it and no key is tied to it, and without the names of the machine.
func (w *world) history(ctx context.Context, id string) (*historypb.History, error) {
	h := &historypb.History{}
	for events := w.temporal.GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		e, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		h.Events = append(h.Events, e)
	}
	err := proxy.VisitPayloads(ctx, h, proxy.VisitPayloadsOptions{
		SkipSearchAttributes: true, // never encrypted
		Visitor: func(_ *proxy.VisitPayloadsContext, sealed []*commonpb.Payload) ([]*commonpb.Payload, error) {
			return w.codec.Decode(sealed)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("decrypt the history: %w", err)
	}
	err = proxy.VisitFailures(ctx, h, proxy.VisitFailuresOptions{
		Visitor: func(_ *proxy.VisitFailuresContext, f *failurepb.Failure) error {
			for ; f != nil; f = f.Cause {
				converter.DecodeCommonFailureAttributes(converter.GetDefaultDataConverter(), f)
				f.EncodedAttributes = nil
			}
			return nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("decrypt the failures: %w", err)
	}
	return h, clean(h)
}

// clean takes out what names the machine.
func clean(m proto.Message) error {
	err := protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		last := p.Index(-1)
		field := last.Step.FieldDescriptor()
		if last.Step.Kind() != protopath.FieldAccessStep || field.Kind() != protoreflect.StringKind || field.IsList() {
			return nil
		}
		switch field.Name() {
		case "identity", "stack_trace":
			p.Index(-2).Value.Message().Clear(field)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("clean the history: %w", err)
	}
	return nil
}

// write stores a history as Temporal's own tools read it, indented the same way every time.
func write(path string, h *historypb.History) error {
	text, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(h)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", " "); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	b.WriteByte('\n')
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}
