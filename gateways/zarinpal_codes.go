package gateways

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// zarinpalCodes says what ZarinPal's codes mean for each call. What concerns the account is a final no to a new
// session, but to money under way only "not now": an account can be mended.
var zarinpalCodes = map[string]map[int]meaning{
	"request": with(zarinpalAccount(refused), map[int]meaning{
		100: {done, "session opened"},
		-9:  {refused, "bad request"},
		-12: {notNow, "too many attempts"},
		-30: {refused, "wages not allowed"},
		-31: {refused, "no default account for wages"},
		-32: {refused, "wages above the amount"},
		-33: {refused, "wages in percent are wrong"},
		-34: {refused, "wages above the amount"},
		-35: {refused, "too many receivers of wages"},
		-38: {refused, "account of wages not known"},
		-39: {refused, "error in wages"},
		-40: {refused, "bad extra parameters"},
		-41: {refused, "amount above the largest"},
		-42: {refused, "bad life of the session"},
	}),
	"verify": with(zarinpalAccount(notNow), map[int]meaning{
		100: {done, "verified"},
		101: {done, "already verified"},
		-9:  {refused, "bad request"},
		-12: {notNow, "too many attempts"},
		-50: {refused, "the amount is not the session's"},
		-51: {failed, "the payment failed"},
		-53: {refused, "the session is not this merchant's"},
		-54: {refused, "no such session"},
		-55: {refused, "no such payment"},
	}),
	"inquiry": with(zarinpalAccount(notNow), map[int]meaning{
		100: {done, "found"},
		-9:  {refused, "bad request"},
		-12: {notNow, "too many attempts"},
		-53: {refused, "the session is not this merchant's"},
		-54: {refused, "no such session"},
		-55: {refused, "no such payment"},
	}),
	"reverse": with(zarinpalAccount(notNow), map[int]meaning{
		100: {done, "reversed"},
		-9:  {refused, "bad request"},
		-12: {notNow, "too many attempts"},
		-53: {refused, "the session is not this merchant's"},
		-54: {refused, "no such session"},
		-55: {refused, "no such payment"},
		-60: {settled, "the bank refuses to reverse"}, // a refund may be left
		-61: {failed, "not successful, or already reversed"},
		-62: {notNow, "our address is not set in ZarinPal's panel"},
		-63: {settled, "more than 30 minutes after payment"},
	}),
	"unVerified": with(zarinpalAccount(refused), map[int]meaning{
		100: {done, "listed"},
		-9:  {refused, "bad request"},
		-12: {notNow, "too many attempts"},
	}),
}

func zarinpalAccount(v verdict) map[int]meaning {
	return map[int]meaning{
		-10: {v, "the terminal or our address is not known"},
		-11: {v, "the terminal is not active"},
		-15: {v, "the terminal is suspended"},
		-16: {v, "the merchant's level does not allow it"},
		-17: {v, "the merchant's level does not allow it"},
		-18: {v, "the address of the site is not the registered one"},
		-19: {v, "the terminal takes no payments"},
	}
}

// zarinpalData is what any call's data may hold. Some codes come as text.
type zarinpalData struct {
	Code      word   `json:"code"`
	Authority string `json:"authority"`
	Status    string `json:"status"`
	RefID     word   `json:"ref_id"`
	CardPan   string `json:"card_pan"`
}

// zarinpalRead reads an answer. "data" and "errors" flip between object and list, and errors come with many HTTP
// statuses; a code is what counts. An answer without one decides nothing.
func zarinpalRead(op string, got answer) (zarinpalData, error) {
	var envelope struct{ Data, Errors json.RawMessage }
	var data, failed zarinpalData
	unclear := got.status != http.StatusOK && (got.status < 400 || got.status >= 500)
	switch {
	case got.status == http.StatusTooManyRequests:
		return data, &Unavailable{Op: op, After: time.Minute, Err: errors.New("too many calls")}
	case unclear, json.Unmarshal(got.body, &envelope) != nil:
		return data, &Unknown{Op: op, Err: fmt.Errorf("unclear answer: HTTP %d", got.status)}
	}
	// A list or nothing leaves the code empty.
	_, _ = json.Unmarshal(envelope.Errors, &failed), json.Unmarshal(envelope.Data, &data)
	code, err := zarinpalCode(failed.Code, data.Code)
	if err != nil {
		return data, &Unknown{Op: op, Err: err}
	}
	m := zarinpalCodes[op][code]
	if m.verdict == done && got.status == http.StatusOK {
		return data, nil
	}
	if m.verdict == notNow && code == -12 {
		return data, &Unavailable{Op: op, After: time.Minute, Err: errors.New(m.why)}
	}
	return data, m.asError(op, code)
}

// zarinpalCode is the one code of an answer.
func zarinpalCode(failed, data word) (int, error) {
	text := failed
	if text == "" {
		text = data
	}
	var code int
	if _, err := fmt.Sscanf(string(text), "%d", &code); err != nil {
		return 0, errors.New("the answer holds no code")
	}
	return code, nil
}
