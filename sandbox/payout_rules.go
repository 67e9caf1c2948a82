package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// PayoutRules are the failures of the bank that pays out: those of every side, and three settings of its own.
type PayoutRules struct {
	RuleSet
	Return    float64       // accepted, then sent back by the destination's bank
	Exhausted float64       // our account is said to hold too little; nothing is taken, the order may come again
	Cycle     time.Duration // how long an order to an IBAN, or one that comes back, waits; default defaultCycle
}

const defaultCycle = 2 * time.Second

// The calls of the bank that pays out, as rules name them.
const opSend = "send" // and opInquire, as at the operator

var payoutOps = []string{opSend, opInquire}

func parsePayoutRules(fields map[string]json.RawMessage) (PayoutRules, error) {
	var r PayoutRules
	common := map[string]json.RawMessage{}
	for name, raw := range fields {
		var err error
		switch name {
		case "return":
			r.Return, err = parseRate(raw)
		case "exhausted":
			r.Exhausted, err = parseRate(raw)
		case "cycle":
			r.Cycle, err = parseDuration(raw)
		default:
			if !slices.Contains(rates, name) && !slices.Contains(payoutOps, name) && name != "hold" && name != "delay" {
				err = fmt.Errorf("unknown; use %v, return, exhausted, cycle, hold, delay%s", rates, orOps(payoutOps))
			}
			common[name] = raw
		}
		if err != nil {
			return PayoutRules{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	r.RuleSet, err = parseRuleSet(common, payoutOps)
	return r, err
}

// IsZero says whether there are no rules.
func (r PayoutRules) IsZero() bool { return len(r.fields()) == 0 }

// MarshalJSON writes the rules as parsePayoutRules reads them.
func (r PayoutRules) MarshalJSON() ([]byte, error) { return json.Marshal(r.fields()) }

func (r PayoutRules) fields() map[string]any {
	out := r.RuleSet.fields()
	for name, rate := range map[string]float64{"return": r.Return, "exhausted": r.Exhausted} {
		if rate > 0 {
			out[name] = rate
		}
	}
	if r.Cycle > 0 {
		out["cycle"] = r.Cycle.String()
	}
	return out
}
