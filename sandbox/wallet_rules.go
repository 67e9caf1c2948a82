package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
)

// WalletRules are the failures of the bank that keeps static accounts: those of every side, and two that befall its
// notifications of money that arrived.
type WalletRules struct {
	RuleSet
	LoseNotify  float64 // it never arrives
	NotifyTwice float64 // it arrives twice as often
}

// The calls of this bank, as rules name them.
const (
	opOpen     = "open"
	opDeposits = "deposits"
)

var walletOps = []string{opOpen, opDeposits}

func parseWalletRules(fields map[string]json.RawMessage) (WalletRules, error) {
	var r WalletRules
	common := map[string]json.RawMessage{}
	for name, raw := range fields {
		var err error
		switch name {
		case "lose_notify":
			r.LoseNotify, err = parseRate(raw)
		case "notify_twice":
			r.NotifyTwice, err = parseRate(raw)
		default:
			if !slices.Contains(rates, name) && !slices.Contains(walletOps, name) && name != "hold" && name != "delay" {
				err = fmt.Errorf("unknown; use %v, lose_notify, notify_twice, hold, delay%s", rates, orOps(walletOps))
			}
			common[name] = raw
		}
		if err != nil {
			return WalletRules{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	r.RuleSet, err = parseRuleSet(common, walletOps)
	return r, err
}

// IsZero says whether there are no rules.
func (r WalletRules) IsZero() bool { return len(r.fields()) == 0 }

// MarshalJSON writes the rules as parseWalletRules reads them.
func (r WalletRules) MarshalJSON() ([]byte, error) { return json.Marshal(r.fields()) }

func (r WalletRules) fields() map[string]any {
	out := r.RuleSet.fields()
	for name, rate := range map[string]float64{"lose_notify": r.LoseNotify, "notify_twice": r.NotifyTwice} {
		if rate > 0 {
			out[name] = rate
		}
	}
	return out
}

// play lets chance change how often a notification is sent, and names what it did.
func (r WalletRules) play(times int) (int, []string) {
	var played []string
	if hits(r.NotifyTwice) {
		times *= 2
		played = append(played, "notify_twice")
	}
	if hits(r.LoseNotify) {
		times = 0
		played = append(played, "lose_notify")
	}
	return times, played
}
