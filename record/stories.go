package main

import (
	"context"
	"fmt"
	"strings"
)

// story is one way in which a saga can go.
type story struct {
	name  string // of the file: the saga and how it goes
	alone bool   // it changes the rules of the world outside, which are for everybody
	end   string // the state in the saga's result
	// endless is a saga that goes on; its history is taken when it waits for time to pass.
	endless bool
	play    func(ctx context.Context, w *world) (sagaID string, err error)
}

// stories are all stories whose names begin so. workflows/replay_test.go names those that must exist.
func stories(begin string) []story {
	var all, chosen []story
	for _, p := range payments {
		all = append(all, p.story())
	}
	for _, t := range transfers {
		all = append(all, t.story())
	}
	for _, d := range deposits {
		all = append(all, d.story())
	}
	for _, t := range topUps {
		all = append(all, t.story())
	}
	all = append(all, catalogueRefreshed)
	for _, p := range purchases {
		all = append(all, p.stories()...)
	}
	for _, s := range webhooks {
		all = append(all, s.story())
	}
	for _, p := range payouts {
		all = append(all, p.story())
	}
	for _, v := range staticWallets {
		all = append(all, v.story())
	}
	for _, s := range all {
		if strings.HasPrefix(s.name, begin) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

type step func(ctx context.Context) error

func inTurn(ctx context.Context, steps ...step) error {
	for i, s := range steps {
		if err := s(ctx); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
	}
	return nil
}
