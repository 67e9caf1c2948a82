package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/paysaga/paysaga/workflows"
)

// topUpStory is one way in which a top-up can go, by the rules of the simulated operator.
type topUpStory struct {
	outcome string
	rules   map[string]any
	play    func(ctx context.Context, t topUp) error
	end     string
}

// topUps are all stories of top-ups.
var topUps = []topUpStory{
	{outcome: "delivered", end: "delivered"},
	{outcome: "refused", rules: map[string]any{"submit": map[string]any{"refuse": 1}}, end: "reversed"},
	{outcome: "delivered-after-lost-answer", rules: map[string]any{"submit": map[string]any{"timeout_after": 1}, "hold": "200ms"}, end: "delivered"},
	{outcome: "reversed-never-arrived", rules: map[string]any{"submit": map[string]any{"timeout_before": 1}, "hold": "200ms"}, end: "reversed"},
	{outcome: "in-progress", rules: map[string]any{"in_progress": 1, "in_progress_for": "3s"}, end: "delivered"},
	{outcome: "resolved", rules: map[string]any{"submit": map[string]any{"timeout_after": 1}, "inquire": map[string]any{"unknown": 1}, "hold": "200ms"},
		end: "delivered", play: func(ctx context.Context, t topUp) error {
			return inTurn(ctx, t.shows(workflows.TopUpID(t.id), "says: unknown (500)"), t.isResolvedAs("delivered"))
		}},
}

func (s topUpStory) story() story {
	return story{name: "topup-" + s.outcome, alone: s.rules != nil, end: s.end, play: func(ctx context.Context, w *world) (string, error) {
		if s.rules == nil {
			t, err := w.orderTopUp(ctx, taxi)
			return workflows.TopUpID(t.id), err
		}
		if err := w.setRules(ctx, "operator", s.rules); err != nil {
			return "", err
		}
		t, err := w.orderTopUp(ctx, taxi)
		if err == nil && s.play != nil {
			err = s.play(ctx, t)
		}
		if err == nil {
			err = w.over(ctx, workflows.TopUpID(t.id))
		}
		return workflows.TopUpID(t.id), errors.Join(err, w.setRules(ctx, "operator", map[string]any{}))
	}}
}

// topUp is the top-up of a story.
type topUp struct {
	*world
	id int64
}

// orderTopUp orders one and looks for its number: a refusal is an answer like any other.
func (w *world) orderTopUp(ctx context.Context, m merchant) (topUp, error) {
	code := fmt.Sprint("record-", invoices.Add(1))
	order := map[string]any{"product_id": 62, "mobile": "989021234567", "price": 50_000, "webservice_code": code}
	ordered := w.send(ctx, request{method: http.MethodPost, url: w.api + "/api/top-up", key: m.key, once: code, json: order})
	var is struct {
		ID int64 `json:"id"`
	}
	if err := w.send(ctx, request{method: http.MethodGet, url: w.api + "/api/top-up/" + code, key: m.key, out: &is}); err != nil {
		return topUp{}, errors.Join(ordered, err)
	}
	return topUp{w, is.ID}, nil
}

func (t topUp) isResolvedAs(as string) step {
	return func(ctx context.Context) error {
		_, err := t.paysaga(ctx, "topup", "resolve", strconv.FormatInt(t.id, 10), "--as", as, "--by", "recorder", "--reason", "to record it")
		return err
	}
}

// catalogueRefreshed is a refresh that a person asked for. Its saga has the schedule's id and the time.
var catalogueRefreshed = story{name: "catalogue-refreshed", alone: true, play: func(ctx context.Context, w *world) (string, error) {
	if _, err := w.paysaga(ctx, "product", "refresh", "sandbox"); err != nil {
		return "", err
	}
	id := ""
	err := await(ctx, "the refresh", func() (bool, error) {
		schedule, err := w.temporal.ScheduleClient().GetHandle(ctx, workflows.CatalogueID("sandbox")).Describe(ctx)
		if err != nil || len(schedule.Info.RecentActions) == 0 {
			return false, err
		}
		id = schedule.Info.RecentActions[0].StartWorkflowResult.WorkflowID
		return true, nil
	})
	return id, err
}}
