package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
)

// outline tells a history in one line: what woke the saga, then what it did. Durable calls, which cost
// more than local ones, have a star.
func outline(h *historypb.History) string {
	var words []string
	for i, e := range h.Events {
		switch e.EventType {
		case enums.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED:
			if i == 1 && h.Events[0].GetWorkflowExecutionStartedEventAttributes().GetFirstWorkflowTaskBackoff().AsDuration() > 0 {
				words = append(words, "·", "timer:") // it slept until it had something to do by itself
			}
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
			words = append(words, "·", e.GetWorkflowExecutionSignaledEventAttributes().SignalName+":")
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
			words = append(words, "·", e.GetWorkflowExecutionUpdateAcceptedEventAttributes().GetAcceptedRequest().GetInput().GetName()+":")
		case enums.EVENT_TYPE_TIMER_FIRED:
			words = append(words, "·", "timer:")
		case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, enums.EVENT_TYPE_ACTIVITY_TASK_FAILED, enums.EVENT_TYPE_ACTIVITY_TASK_TIMED_OUT:
			words = append(words, "·", "answer:")
		case enums.EVENT_TYPE_MARKER_RECORDED:
			words = append(words, localActivity(e))
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			words = append(words, e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()+"*")
		}
	}
	return strings.Join(words, " ")
}

// localActivity names a local activity by its marker.
func localActivity(e *historypb.HistoryEvent) string {
	var about struct{ ActivityType string }
	data := e.GetMarkerRecordedEventAttributes().GetDetails()["data"].GetPayloads()
	if len(data) != 1 || json.Unmarshal(data[0].Data, &about) != nil {
		return e.GetMarkerRecordedEventAttributes().GetMarkerName()
	}
	return about.ActivityType
}

// writeReadme writes the table of contents of a folder, those histories too that were recorded before.
func writeReadme(folder string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Histories of release %s\n\n"+
		"Recorded from a real server by `make record` and decrypted; today's code must replay them (`make replay`).\n"+
		"Once released, never change one: sagas that began with it may still run. The Temporal UI opens them by\n"+
		"*Import Event History*.\n\n"+
		"The stories: what woke the saga, then its local calls; durable calls have a star.\n\n"+
		"| saga | events | workflow tasks | story |\n|---|---|---|---|\n", release)
	for _, s := range stories("") {
		h, err := read(path(folder, s))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %s |\n", s.name, len(h.Events), tasks(h), outline(h))
	}
	if err := os.WriteFile(filepath.Join(folder, "README.md"), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("table of contents: %w", err)
	}
	return nil
}

func read(path string) (*historypb.History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err // names the file
	}
	defer f.Close()
	h, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}
