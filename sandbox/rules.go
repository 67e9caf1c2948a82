package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// The failures a rule can play, each with a rate of 0–1. They are drawn independently, in this order;
// the first that hits is played. "slow" comes on top of whatever else happens.
const (
	failTimeoutBefore = "timeout_before" // nothing done, no answer
	failRefuse        = "refuse"         // nothing done, a final no
	failTimeoutAfter  = "timeout_after"  // done, no answer
	failUnknown       = "unknown"        // done or not, "undetermined"
	failGarbage       = "garbage"        // done or not, a proxy's page in place of the answer
	failEmpty         = "empty"          // done or not, an empty answer
	failInside        = "error_inside"   // done or not, 200 with an error inside
	failHuge          = "huge"           // done or not, 100 MB
	failRedirect      = "redirect"       // done or not, "look elsewhere"
	failDrip          = "drip"           // done or not, a byte now and then, never an end
	failSlow          = "slow"           // the answer takes its time
)

var (
	failures = []string{failTimeoutBefore, failRefuse, failTimeoutAfter, failUnknown, failGarbage,
		failEmpty, failInside, failHuge, failRedirect, failDrip}
	rates       = append(slices.Clone(failures), failSlow)
	bankOps     = []string{opToken, opResult, opVerify, opSettle, opReverse, opCancel, opRefund}
	defaultHold = 10 * time.Second
	defaultSlow = time.Second
)

// Rules are the failures of the world outside: {"bank": {…}, "operator": {…}, "sms": {…}, "payout": {…}, "wallet": {…}, "inbox": {…}}.
type Rules struct {
	Bank     RuleSet       `json:"bank"`
	Operator OperatorRules `json:"operator"`
	SMS      SMSRules      `json:"sms,omitzero"`
	Payout   PayoutRules   `json:"payout,omitzero"`
	Wallet   WalletRules   `json:"wallet,omitzero"`
	Inbox    InboxRules    `json:"inbox,omitzero"`
}

// RuleSet is one side's failures: rates by name, and rates of single operations that override them.
type RuleSet struct {
	Rates map[string]float64
	Ops   map[string]map[string]float64
	Hold  time.Duration // how long an unanswered call is held
	Delay time.Duration // how long a slow answer takes
}

// ParseRules reads and checks rules. What is not named is off.
func ParseRules(body []byte) (Rules, error) {
	var in map[string]map[string]json.RawMessage
	if err := decode(body, &in); err != nil {
		return Rules{}, err
	}
	var out Rules
	for side, fields := range in {
		var err error
		switch side {
		case "bank":
			out.Bank, err = parseRuleSet(fields, bankOps)
		case "operator":
			out.Operator, err = parseOperatorRules(fields)
		case "sms":
			out.SMS, err = parseSMSRules(fields)
		case "payout":
			out.Payout, err = parsePayoutRules(fields)
		case "wallet":
			out.Wallet, err = parseWalletRules(fields)
		case "inbox":
			out.Inbox, err = parseInboxRules(fields)
		default:
			err = fmt.Errorf("unknown; use bank, operator, sms, payout, wallet or inbox")
		}
		if err != nil {
			return Rules{}, fmt.Errorf("%s: %w", side, err)
		}
	}
	return out, nil
}

func parseRuleSet(fields map[string]json.RawMessage, ops []string) (RuleSet, error) {
	set := RuleSet{Rates: map[string]float64{}, Ops: map[string]map[string]float64{}}
	for name, raw := range fields {
		var err error
		switch {
		case slices.Contains(rates, name):
			set.Rates[name], err = parseRate(raw)
		case slices.Contains(ops, name):
			set.Ops[name], err = parseOp(raw)
		case name == "hold":
			set.Hold, err = parseDuration(raw)
		case name == "delay":
			set.Delay, err = parseDuration(raw)
		default:
			err = fmt.Errorf("unknown; use %v, hold, delay%s", rates, orOps(ops))
		}
		if err != nil {
			return RuleSet{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return set, nil
}

func orOps(ops []string) string {
	return fmt.Sprintf(" or one of the calls %v", ops)
}

func parseOp(raw json.RawMessage) (map[string]float64, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("must be an object of rates")
	}
	out := map[string]float64{}
	for name, raw := range fields {
		if !slices.Contains(rates, name) {
			return nil, fmt.Errorf("%s: unknown; use %v", name, rates)
		}
		rate, err := parseRate(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = rate
	}
	return out, nil
}

func parseRate(raw json.RawMessage) (float64, error) {
	var rate *float64
	if err := json.Unmarshal(raw, &rate); err != nil || rate == nil || *rate < 0 || *rate > 1 {
		return 0, fmt.Errorf("must be a number from 0 to 1, not %s", raw)
	}
	return *rate, nil
}

func parseDuration(raw json.RawMessage) (time.Duration, error) {
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return 0, fmt.Errorf(`must be a duration like "10s", not %s`, raw)
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > 10*time.Minute {
		return 0, fmt.Errorf(`must be a duration like "10s", at most 10m, not %q`, text)
	}
	return d, nil
}

// MarshalJSON writes the set as ParseRules reads it.
func (s RuleSet) MarshalJSON() ([]byte, error) { return json.Marshal(s.fields()) }

func (s RuleSet) fields() map[string]any {
	out := map[string]any{}
	for name, rate := range s.Rates {
		out[name] = rate
	}
	for name, op := range s.Ops {
		out[name] = op
	}
	if s.Hold > 0 {
		out["hold"] = s.Hold.String()
	}
	if s.Delay > 0 {
		out["delay"] = s.Delay.String()
	}
	return out
}

// rate is the probability of one failure of one operation.
func (s RuleSet) rate(op, failure string) float64 {
	if rate, ok := s.Ops[op][failure]; ok {
		return rate
	}
	return s.Rates[failure]
}

// draw decides which failure, if any, this call plays, and how slow it is.
func (s RuleSet) draw(op string) (failure string, slow time.Duration) {
	if hits(s.rate(op, failSlow)) {
		slow = orElse(s.Delay, defaultSlow)
	}
	for _, f := range failures {
		if hits(s.rate(op, f)) {
			return f, slow
		}
	}
	return "", slow
}

func hits(rate float64) bool { return rate > 0 && rand.Float64() < rate }

func orElse(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

// ruleBox holds the rules in force. They are not kept over a restart.
type ruleBox struct{ rules atomic.Pointer[Rules] }

func (b *ruleBox) get() Rules {
	if r := b.rules.Load(); r != nil {
		return *r
	}
	return Rules{}
}

func (s *Server) getRules(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.rules.get())
}

// putRules replaces all rules; {} turns everything off.
func (s *Server) putRules(w http.ResponseWriter, r *http.Request) {
	body, ok := readBody(w, r)
	if !ok {
		return
	}
	rules, err := ParseRules(body)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.rules.rules.Store(&rules)
	writeJSON(w, http.StatusOK, rules)
}

// decode reads one JSON value and nothing after it.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("bad JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("bad JSON: more than one value")
	}
	return nil
}
