package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/paysaga/paysaga/gateways"
)

func TestParseRules(t *testing.T) {
	for name, c := range map[string]struct{ in, err string }{
		"empty":                       {`{}`, ""},
		"all":                         {`{"bank":{"refuse":0,"timeout_before":0.1,"timeout_after":0.2,"unknown":0.3,"garbage":0.4,"slow":1},"operator":{"refuse":1}}`, ""},
		"of one call":                 {`{"bank":{"verify":{"timeout_after":0.3}}}`, ""},
		"odd answers":                 {`{"bank":{"empty":0.1,"error_inside":0.1,"huge":0.1,"redirect":0.1,"verify":{"drip":1}},"operator":{"drip":1}}`, ""},
		"with times":                  {`{"bank":{"hold":"2s","delay":"20ms"}}`, ""},
		"above one":                   {`{"bank":{"refuse":1.1}}`, "bank: refuse: must be a number from 0 to 1, not 1.1"},
		"below zero":                  {`{"bank":{"slow":-0.1}}`, "bank: slow: must be a number from 0 to 1, not -0.1"},
		"text":                        {`{"operator":{"slow":"often"}}`, `operator: slow: must be a number from 0 to 1, not "often"`},
		"null":                        {`{"bank":{"slow":null}}`, `bank: slow: must be a number from 0 to 1, not null`},
		"unknown rate":                {`{"bank":{"explode":1}}`, "bank: explode: unknown"},
		"unknown side":                {`{"weather":{}}`, "weather: unknown; use bank, operator, sms, payout, wallet or inbox"},
		"bad rate of a call":          {`{"bank":{"verify":{"refuse":2}}}`, "bank: verify: refuse: must be a number"},
		"unknown of a call":           {`{"bank":{"verify":{"hold":1}}}`, "bank: verify: hold: unknown"},
		"call as a number":            {`{"bank":{"verify":1}}`, "bank: verify: must be an object of rates"},
		"bank's call at the operator": {`{"operator":{"verify":{}}}`, "operator: verify: unknown"},
		"operator's own":              {`{"operator":{"in_progress":0.5,"in_progress_for":"2m","in_progress_fails":0.1,"exhausted":1,"submit":{"timeout_after":0.25},"hold":"2s"}}`, ""},
		"in progress too often":       {`{"operator":{"in_progress":2}}`, "operator: in_progress: must be a number"},
		"in progress for a number":    {`{"operator":{"in_progress_for":2}}`, "operator: in_progress_for: must be a duration"},
		"operator's own at a bank":    {`{"bank":{"exhausted":1}}`, "bank: exhausted: unknown"},
		"hold as a number":            {`{"bank":{"hold":3}}`, "bank: hold: must be a duration"},
		"hold too long":               {`{"bank":{"hold":"11m"}}`, "bank: hold: must be a duration"},
		"hold of nothing":             {`{"bank":{"hold":"0s"}}`, "bank: hold: must be a duration"},
		"broken":                      {`{"bank":`, "bad JSON"},
		"list":                        {`[]`, "bad JSON"},
		"two values":                  {`{} {}`, "bad JSON: more than one value"},
		"nothing":                     {``, "bad JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseRules([]byte(c.in))
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.err)
		})
	}
}

func TestRulesOverHTTP(t *testing.T) {
	w := newWorld(t)
	const rules = `{"bank":{"hold":"2s","refuse":0.5,"verify":{"timeout_after":0.3}},"operator":{"slow":1}}`
	var got json.RawMessage
	require.Equal(t, http.StatusOK, w.json(http.MethodPut, "/rules", rules, &got))
	require.JSONEq(t, rules, string(got))

	const operator = `{"bank":{},"operator":{"in_progress":0.5,"in_progress_for":"2m0s","in_progress_fails":0.1,"exhausted":1,"submit":{"timeout_after":0.25}}}`
	require.Equal(t, http.StatusOK, w.json(http.MethodPut, "/rules", operator, &got))
	require.JSONEq(t, operator, string(got))
	w.setRules(rules)

	var failed struct{ Error string }
	require.Equal(t, http.StatusBadRequest, w.json(http.MethodPut, "/rules", `{"bank":{"refuse":7}}`, &failed))
	require.Contains(t, failed.Error, "from 0 to 1")
	w.json(http.MethodGet, "/rules", nil, &got)
	require.JSONEq(t, rules, string(got), "bad rules change nothing")

	w.setRules(`{}`)
	w.json(http.MethodGet, "/rules", nil, &got)
	require.JSONEq(t, `{"bank":{},"operator":{}}`, string(got))
}

func TestRuleOfOneCallOverridesTheGeneral(t *testing.T) {
	rules, err := ParseRules([]byte(`{"bank":{"refuse":1,"unknown":0.5,"verify":{"refuse":0}}}`))
	require.NoError(t, err)
	require.Equal(t, 1.0, rules.Bank.rate(opSettle, failRefuse))
	require.Equal(t, 0.0, rules.Bank.rate(opVerify, failRefuse))
	require.Equal(t, 0.5, rules.Bank.rate(opVerify, failUnknown))
}

// calls of the adapter, each on a charge in the state that the call moves.
var ruledCalls = map[string]struct {
	from, to State
	call     func(context.Context, gateways.Gateway, gateways.Visit) error
}{
	opVerify: {Paid, Verified, func(ctx context.Context, b gateways.Gateway, v gateways.Visit) error {
		_, err := b.Verify(ctx, v)
		return err
	}},
	opSettle: {Verified, Settled, func(ctx context.Context, b gateways.Gateway, v gateways.Visit) error { return b.Settle(ctx, v) }},
	opReverse: {Paid, Reversed, func(ctx context.Context, b gateways.Gateway, v gateways.Visit) error {
		_, err := b.Undo(ctx, v)
		return err
	}},
	opCancel: {Verified, Cancelled, func(ctx context.Context, b gateways.Gateway, v gateways.Visit) error {
		_, err := b.Undo(ctx, v)
		return err
	}},
	opRefund: {Settled, Refunded, func(ctx context.Context, b gateways.Gateway, v gateways.Visit) error {
		_, err := b.Undo(ctx, v)
		return err
	}},
}

func TestFailuresPlayedOnCalls(t *testing.T) {
	for failure, want := range map[string]struct {
		class   gateways.Class
		effects []bool // what may have happened
	}{
		failRefuse:        {gateways.ClassRefused, []bool{false}},
		failTimeoutBefore: {gateways.ClassUnknown, []bool{false}},
		failTimeoutAfter:  {gateways.ClassUnknown, []bool{true}},
		failUnknown:       {gateways.ClassUnknown, []bool{false, true}},
		failGarbage:       {gateways.ClassUnknown, []bool{false, true}},
		failEmpty:         {gateways.ClassUnknown, []bool{false, true}},
		failInside:        {gateways.ClassUnknown, []bool{false, true}},
		failHuge:          {gateways.ClassUnknown, []bool{false, true}},
		failRedirect:      {gateways.ClassUnknown, []bool{false, true}},
		failDrip:          {gateways.ClassUnknown, []bool{false, true}},
	} {
		for op, c := range ruledCalls {
			t.Run(failure+" "+op, func(t *testing.T) {
				w := newWorld(t)
				v := w.bring(c.from, 1)
				w.setRules(`{"bank":{"hold":"20ms","` + op + `":{"` + failure + `":1}}}`)
				err := c.call(t.Context(), w.bank("test"), v)
				require.Error(t, err)
				require.Equal(t, want.class, gateways.Classify(err))

				calls := w.getBook("?calls=1").Calls
				last := calls[len(calls)-1]
				require.Equal(t, op, last.Op)
				require.Equal(t, failure, last.Rule)
				require.Contains(t, want.effects, last.Effect)
				after := c.from
				if last.Effect {
					after = c.to
				}
				require.Equal(t, after, w.state(1), "the book and the log agree")

				w.setRules(`{}`)
				require.NoError(t, c.call(t.Context(), w.bank("test"), v), "asking again settles it")
				require.Equal(t, c.to, w.state(1))
			})
		}
	}
}

func TestFailuresOfTokenAndResult(t *testing.T) {
	for failure, want := range map[string]struct{ token, result gateways.Class }{
		failRefuse:        {gateways.ClassRefused, gateways.ClassRefused},
		failTimeoutBefore: {gateways.ClassUnknown, gateways.ClassUnavailable},
		failTimeoutAfter:  {gateways.ClassUnknown, gateways.ClassUnavailable},
		failUnknown:       {gateways.ClassUnknown, gateways.ClassUnavailable},
		failGarbage:       {gateways.ClassUnknown, gateways.ClassUnknown},
		failEmpty:         {gateways.ClassUnknown, gateways.ClassUnknown},
		failInside:        {gateways.ClassUnknown, gateways.ClassUnknown},
		failHuge:          {gateways.ClassUnknown, gateways.ClassUnknown},
		failRedirect:      {gateways.ClassUnknown, gateways.ClassUnknown},
		failDrip:          {gateways.ClassUnknown, gateways.ClassUnavailable},
	} {
		t.Run(failure, func(t *testing.T) {
			w := newWorld(t)
			v := w.open(1)
			w.setRules(`{"bank":{"hold":"20ms","` + failure + `":1}}`)
			_, err := w.bank("test").Result(t.Context(), v)
			require.Error(t, err)
			require.Equal(t, want.result, gateways.Classify(err), "%v", err)
			_, err = w.bank("test").CreateSession(t.Context(), gateways.Session{Invoice: 2, Amount: 5, CallbackURL: "http://x.example/"})
			require.Error(t, err)
			require.Equal(t, want.token, gateways.Classify(err), "%v", err)

			opened := len(w.getBook("?invoice=2").Charges)
			calls := w.getBook("?calls=1&invoice=2").Calls
			require.Equal(t, opened == 1, calls[len(calls)-1].Effect)
			if failure == failTimeoutAfter {
				require.Equal(t, 1, opened, "the invoice is burnt")
			}
		})
	}
}

func TestSlowIsOnlySlow(t *testing.T) {
	w := newWorld(t)
	v := w.paid(1)
	w.setRules(`{"bank":{"slow":1,"delay":"30ms"}}`)
	begin := time.Now()
	_, err := w.bank("test").Verify(t.Context(), v)
	require.NoError(t, err)
	require.GreaterOrEqual(t, time.Since(begin), 30*time.Millisecond)
}

func TestHeldCallEndsWhenTheClientLeaves(t *testing.T) {
	w := newWorld(t)
	v := w.paid(1)
	w.setRules(`{"bank":{"hold":"10m","timeout_after":1}}`)
	ended := make(chan struct{})
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		defer close(ended)
		w.s.ServeHTTP(rw, r)
	}))
	defer front.Close()
	bank := gateways.NewSandbox("test", front.URL, gateways.NewHTTPClient(time.Minute), gateways.Limits{})

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := bank.Verify(ctx, v)
		done <- err
	}()
	require.Eventually(t, func() bool { return w.state(1) == Verified }, 5*time.Second, time.Millisecond)
	cancel()
	require.Equal(t, gateways.ClassUnknown, gateways.Classify(<-done))
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		w.s.Release()
		t.Fatal("the call is still held")
	}
}
