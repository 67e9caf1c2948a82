package gateways

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// What several adapters need to read answers and what browsers bring back.

// read takes a bank's JSON into v. Anything that is not the bank's own answer decides nothing.
func (a answer) read(op string, v any) error {
	switch {
	case a.status == http.StatusTooManyRequests:
		return &Unavailable{Op: op, Err: errors.New("too many calls")}
	case a.status != http.StatusOK:
		return &Unknown{Op: op, Err: fmt.Errorf("unclear answer: HTTP %d", a.status)}
	case json.Unmarshal(a.body, v) != nil: // its error may quote the answer
		return &Unknown{Op: op, Err: errors.New("the answer is not the bank's")}
	}
	return nil
}

// word is a short JSON text or number, or null.
type word string

func (w *word) UnmarshalJSON(b []byte) error {
	var text *string
	var number json.Number
	switch {
	case json.Unmarshal(b, &text) == nil:
		if text != nil {
			*w = word(strings.TrimSpace(*text))
		}
		return nil
	case json.Unmarshal(b, &number) == nil:
		*w = word(number)
		return nil
	}
	return errors.New("neither text nor number")
}

// integer is the word as a positive whole number, or 0.
func (w word) integer() int64 {
	n, err := strconv.ParseInt(string(w), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// said is one field of what the payer's browser brought back. Banks differ from their own guides in the case
// of names, so that is overlooked; two fields that differ in nothing else say nothing.
func said(v Visit, name string) string {
	if value, ok := v.Callback[name]; ok {
		return strings.TrimSpace(value)
	}
	found, times := "", 0
	for key, value := range v.Callback {
		if strings.EqualFold(key, name) {
			found, times = strings.TrimSpace(value), times+1
		}
	}
	if times != 1 {
		return ""
	}
	return found
}
