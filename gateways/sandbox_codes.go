package gateways

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// verdict is what a status means at one endpoint.
type verdict int

const (
	unclear   verdict = iota // undocumented or undetermined: the call may have had its effect
	done                     // it happened, now or before
	refused                  // final no
	notNow                   // nothing happened; the same call may work later
	failed                   // Verify, Settlement, Reverse: the transaction itself never succeeded
	verified                 // Reverse: only Cancel is left
	settled                  // Reverse, Cancel: only Refund is left
	reversed                 // Cancel, Refund: the money already went back unverified
	cancelled                // Refund: the money already went back unsettled
	unsettled                // Refund: too early
)

// meaning is a verdict and its words for logs and operators.
type meaning struct {
	verdict verdict
	why     string
}

// codes says what each endpoint's statuses mean. One number means different things at different
// endpoints, so there is no shared table.
var codes = map[string]map[int]meaning{
	"Token": {
		200: {done, "session opened"},
		400: {refused, "bad request"},
		401: {refused, "unauthorised"},
		471: {refused, "identity not trusted"},
		472: {refused, "no record"},
		473: {refused, "wrong user or password"},
		474: {refused, "caller's address not registered"},
		475: {refused, "invoice is not a number"},
		476: {refused, "amount is not a number"},
		477: {refused, "wrong length of the date"},
		478: {refused, "wrong format of the date"},
		479: {refused, "unknown service type"},
		485: {refused, "local date too far from the bank's"},
		486: {refused, "amount out of range"},
		487: {notNow, "service unavailable"},
		488: {refused, "bad callback address"},
		489: {refused, "invoice already used"},
		490: {refused, "merchant disabled"},
		492: {refused, "cannot be processed"},
	},
	"TranResult": {
		200: {done, "paid"},
		400: {refused, "bad request"},
		401: {notNow, "unauthorised"},
		471: {notNow, "identity not trusted"},
		473: {notNow, "wrong user or password"},
		474: {notNow, "caller's address not registered"},
		484: {notNow, "internal error"},
		487: {notNow, "service unavailable"},
	},
	"Verify": {
		200: {done, "verified"},
		400: {refused, "bad request"},
		401: {notNow, "unauthorised"},
		471: {failed, "the transaction failed"},
		472: {done, "already verified"},
		473: {done, "settlement already requested"},
		474: {refused, "reversal already requested"},
		475: {done, "already in settlement"},
		476: {refused, "already in reversal"},
		477: {notNow, "identity not trusted"},
		478: {refused, "verification was cancelled"},
		571: {notNow, "not yet processed"},
	},
	"Settlement": {
		200: {done, "settlement requested"},
		400: {refused, "bad request"},
		401: {notNow, "unauthorised"},
		471: {failed, "the transaction failed"},
		472: {refused, "not verified"},
		473: {refused, "reversal already requested"},
		474: {done, "settlement already requested"},
		475: {refused, "already in reversal"},
		476: {done, "already in settlement"},
		477: {notNow, "identity not trusted"},
		478: {refused, "verification was cancelled"},
		571: {notNow, "not yet processed"},
	},
	"Reverse": {
		200: {done, "reversed"},
		400: {refused, "bad request"},
		401: {notNow, "unauthorised"},
		471: {failed, "the transaction failed"},
		472: {verified, "already verified"},
		473: {done, "reversal already requested"},
		474: {settled, "settlement already requested"},
		475: {done, "already in reversal"},
		476: {settled, "already in settlement"},
		477: {notNow, "identity not trusted"},
		571: {notNow, "not yet processed"},
	},
	"Cancel": {
		200: {done, "cancelled"},
		400: {refused, "bad request"},
		401: {notNow, "unauthorised"},
		804: {notNow, "not verified"},
		805: {settled, "settlement already requested"},
		806: {reversed, "reversal already requested"},
		807: {settled, "already in settlement"},
		808: {reversed, "already in reversal"},
		810: {notNow, "identity not trusted"},
		812: {refused, "no such transaction"},
		813: {done, "already cancelled"},
		814: {settled, "past the time of cancelling"},
	},
	"Refund": {
		200: {done, "refunded"},
		400: {refused, "bad request"},
		401: {notNow, "unauthorised"},
		471: {failed, "the transaction failed"},
		472: {unsettled, "not settled yet"},
		473: {done, "already refunded"},
		474: {reversed, "already in reversal"},
		475: {cancelled, "already cancelled"},
		477: {notNow, "identity not trusted"},
		571: {notNow, "not yet processed"},
	},
}

// errPending is the cause when the bank has nothing final to say yet.
var errPending = errors.New("the payer has not paid yet")

// asError turns a status that is not done into this package's error.
func (m meaning) asError(op string, status int) error {
	switch m.verdict {
	case refused, failed, verified, settled, reversed, cancelled:
		return &Refused{Op: op, Code: strconv.Itoa(status), Why: m.why}
	case notNow:
		return &Unavailable{Op: op, Err: fmt.Errorf("%s (code %d)", m.why, status)}
	case unsettled:
		return &Unavailable{Op: op, After: time.Minute, Err: fmt.Errorf("%s (code %d)", m.why, status)}
	}
	return &Unknown{Op: op, Err: fmt.Errorf("unclear answer: status %d", status)}
}
