package e2e_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples of the payments contract, word for word, with the documented answers. Two things are
// replaced: the host, and the key behind $AUTHORIZATION_CODE.
var documented = []struct{ name, curl, answer string }{
	{"create", `
curl "https://resid.ir/api/v1/payments"
-H "Authorization: $AUTHORIZATION_CODE"
-d merchant="faSDF42w3Fs"
-d amount=10000`, `
{"message": "OK", "info": {"token": "AsF42Sg53"}, "errors": []}`},

	{"collect", `
curl "https://resid.ir/api/v1/payments/AsF42Sg53/collect"
-H "Authorization: $AUTHORIZATION_CODE"`, `
{"message": "OK", "info": {}, "errors": []}`},

	{"read one", `
curl "https://resid.ir/api/v1/payments/AsF42Sg53"
-H "Authorization: $AUTHORIZATION_CODE"`, `
{"message": "OK", "info": ` + documentedPayment + `, "errors": []}`},

	{"list", `
curl "https://resid.ir/api/v1/payments?after=2017-05-09T00:28:51.309004Z&size=1"
-H "Authorization: $AUTHORIZATION_CODE"`, `
{"message": "OK", "info": [` + documentedPayment + `], "errors": []}`},
}

const documentedPayment = `{
    "merchant": {"display_name": "", "display_image": "", "display_biz_name": ""},
    "description": "",
    "payer": "0938*****25",
    "created": "2017-05-14T14:01:50.632640+04:30",
    "amount": 10000,
    "paid": null,
    "token": "AsF42Sg53",
    "outcome": {
      "rrn": "bank_reference_code", "total_amount": 10000, "tip": 0,
      "state": "pending", "state_error": null, "method": "asanpardakht"
    },
    "payload": ""
}`

func TestContractExamplesWorkAsWritten(t *testing.T) {
	t.Parallel()
	for _, example := range documented {
		t.Run(example.name, func(t *testing.T) {
			req := asCurl(t, example.curl, shared.inst.APIURL, "test")
			r, err := send(req)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, r.status, "%s", r.body)
			require.True(t, strings.HasPrefix(r.header.Get("Content-Type"), "application/json"))

			var got, want any
			require.NoError(t, json.Unmarshal(r.body, &got))
			require.NoError(t, json.Unmarshal([]byte(example.answer), &want))
			require.Equal(t, shape(want), shape(got))
		})
	}
}

// The documented sample was paid by the documented payer; by now it is collected.
func TestContractSampleHoldsTheDocumentedValues(t *testing.T) {
	t.Parallel()
	p := shared.taxi().read(t, "AsF42Sg53")
	require.Equal(t, "0938*****25", p.Payer)
	require.EqualValues(t, 10000, p.Amount)
	require.EqualValues(t, 10000, p.Outcome.TotalAmount)
	require.Zero(t, p.Outcome.Tip)
	require.Equal(t, "asanpardakht", p.Outcome.Method)
	require.Nil(t, p.Outcome.StateError)
	require.Equal(t, "collected", p.Outcome.State)
	require.Empty(t, p.Description)
	require.Empty(t, p.Payload)
	tehran := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+03:30$`)
	require.Regexp(t, tehran, p.Created)
	require.NotNil(t, p.Paid)
	require.Regexp(t, tehran, *p.Paid)
}

// The list's example asks for the oldest payment after 2017, which is the sample.
func TestContractListStartsWithTheOldest(t *testing.T) {
	t.Parallel()
	a := shared.taxi().must(t, http.MethodGet, "?after=2017-05-09T00:28:51.309004Z&size=1", nil)
	var list []payment
	require.NoError(t, json.Unmarshal(a.Info, &list))
	require.Len(t, list, 1)
	require.Equal(t, "AsF42Sg53", list[0].Token)
}

// asCurl makes the request that curl would send for a documented command line.
func asCurl(t *testing.T, command, host, key string) *http.Request {
	t.Helper()
	command = strings.ReplaceAll(command, "https://resid.ir", host)
	command = strings.ReplaceAll(command, "$AUTHORIZATION_CODE", key)
	words := shellWords(command)
	require.Equal(t, "curl", words[0])
	method, address, body := http.MethodGet, "", []string{}
	header := http.Header{"User-Agent": {"curl/7.88.1"}, "Accept": {"*/*"}}
	for rest := words[1:]; len(rest) > 0; rest = rest[1:] {
		switch rest[0] {
		case "-H":
			name, value, _ := strings.Cut(rest[1], ": ")
			header.Set(name, value)
			rest = rest[1:]
		case "-d":
			method, body = http.MethodPost, append(body, rest[1])
			header.Set("Content-Type", "application/x-www-form-urlencoded")
			rest = rest[1:]
		default:
			address = rest[0]
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(strings.Join(body, "&")))
	require.NoError(t, err)
	req.Header = header
	return req
}

// shellWords splits a command line at blanks outside double quotes, which are dropped.
func shellWords(command string) []string {
	quoted := false
	words := strings.FieldsFunc(command, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\n')
	})
	for i, w := range words {
		words[i] = strings.ReplaceAll(w, `"`, "")
	}
	return words
}

// shape keeps the names and the types of a JSON value. What the document shows as null may hold a
// value later.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, field := range v {
			if slices.Contains([]string{"paid", "state_error"}, name) {
				field = nil
			}
			out[name] = shape(field)
		}
		return out
	case []any:
		out := []any{}
		for _, item := range v {
			out = append(out, shape(item))
		}
		return out
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "boolean"
	}
	return nil
}
