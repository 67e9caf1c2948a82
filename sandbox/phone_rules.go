package sandbox

import (
	"encoding/json"
	"fmt"
	"time"
)

// SMSRules are what befalls text messages between the bank and the phone, each with a rate of 0–1.
// They are drawn independently.
type SMSRules struct {
	Lose  float64       // never arrives
	Twice float64       // the carrier delivers it a second time
	Late  float64       // arrives Delay later
	Delay time.Duration // how late; default defaultSMSDelay
}

const defaultSMSDelay = 5 * time.Second

func parseSMSRules(fields map[string]json.RawMessage) (SMSRules, error) {
	var r SMSRules
	for name, raw := range fields {
		var err error
		switch name {
		case "lose":
			r.Lose, err = parseRate(raw)
		case "twice":
			r.Twice, err = parseRate(raw)
		case "late":
			r.Late, err = parseRate(raw)
		case "delay":
			r.Delay, err = parseDuration(raw)
		default:
			err = fmt.Errorf("unknown; use lose, twice, late, delay")
		}
		if err != nil {
			return SMSRules{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return r, nil
}

// MarshalJSON writes the rules as parseSMSRules reads them.
func (r SMSRules) MarshalJSON() ([]byte, error) {
	out := map[string]any{"lose": r.Lose, "twice": r.Twice, "late": r.Late}
	if r.Delay > 0 {
		out["delay"] = r.Delay.String()
	}
	return json.Marshal(out)
}

// play lets chance change what was planned, and names what it did.
func (r SMSRules) play(p *errand) []string {
	var played []string
	if hits(r.Lose) {
		p.lost = true
		played = append(played, "lose")
	}
	if hits(r.Twice) {
		p.times *= 2
		played = append(played, "twice")
	}
	if hits(r.Late) {
		p.delay += orElse(r.Delay, defaultSMSDelay)
		played = append(played, "late")
	}
	return played
}
