package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// OperatorRules are the failures of the operator: those of every side, and three of its own. An order
// that is refused or exhausted is in the book as refused.
type OperatorRules struct {
	RuleSet
	Exhausted       float64       // our balance at the operator is said to be too small
	InProgress      float64       // accepted, but decided only later
	InProgressFails float64       // … and then refused
	InProgressFor   time.Duration // … after so long; default defaultInProgress
}

const defaultInProgress = 2 * time.Minute

// The operator's calls, as rules name them.
const (
	opSubmit    = "submit"
	opInquire   = "inquire"
	opCatalogue = "catalogue"
	opBalance   = "balance"
)

var operatorOps = []string{opSubmit, opInquire, opCatalogue, opBalance}

func parseOperatorRules(fields map[string]json.RawMessage) (OperatorRules, error) {
	var r OperatorRules
	common := map[string]json.RawMessage{}
	for name, raw := range fields {
		var err error
		switch name {
		case "exhausted":
			r.Exhausted, err = parseRate(raw)
		case "in_progress":
			r.InProgress, err = parseRate(raw)
		case "in_progress_fails":
			r.InProgressFails, err = parseRate(raw)
		case "in_progress_for":
			r.InProgressFor, err = parseDuration(raw)
		default:
			if !slices.Contains(rates, name) && !slices.Contains(operatorOps, name) && name != "hold" && name != "delay" {
				err = fmt.Errorf("unknown; use %v, exhausted, in_progress, in_progress_fails, in_progress_for, hold, delay%s", rates, orOps(operatorOps))
			}
			common[name] = raw
		}
		if err != nil {
			return OperatorRules{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	r.RuleSet, err = parseRuleSet(common, operatorOps)
	return r, err
}

// MarshalJSON writes the rules as parseOperatorRules reads them.
func (r OperatorRules) MarshalJSON() ([]byte, error) {
	out := r.RuleSet.fields()
	for name, rate := range map[string]float64{"exhausted": r.Exhausted, "in_progress": r.InProgress, "in_progress_fails": r.InProgressFails} {
		if rate > 0 {
			out[name] = rate
		}
	}
	if r.InProgressFor > 0 {
		out["in_progress_for"] = r.InProgressFor.String()
	}
	return json.Marshal(out)
}
