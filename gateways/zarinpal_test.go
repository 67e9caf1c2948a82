package gateways

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ZarinPal's peculiarities. What all banks have in common is in the contract test.

var zarinpalTestAccount = Credentials{"merchant_id": "11111111-2222-3333-4444-555555555555"}

const zarinpalTestAuthority = "A0000000000000000000000000000abcDEF1"

// scriptedZarinpal answers each operation with the next of its lines, "status body", and notes what it was asked.
func scriptedZarinpal(t *testing.T, account Credentials, answers map[string][]string) (Gateway, *[]string, *[]map[string]any) {
	t.Helper()
	var asked []string
	var bodies []map[string]any
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Errorf("body is not JSON: %v", err)
		}
		op := strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/pg/v4/payment/"), ".json")
		if op == "/api/v4/graphql/" {
			op = "sessions"
			if strings.Contains(fmt.Sprint(body["query"]), "AddRefund(") {
				op = "AddRefund"
			}
			if got := r.Header.Get("Authorization"); got != "Bearer token-of-ours" {
				t.Errorf("authorization %q", got)
			}
		} else if body["merchant_id"] != account["merchant_id"] {
			t.Errorf("%s: merchant %v", op, body["merchant_id"])
		}
		asked, bodies = append(asked, op), append(bodies, body)
		if len(answers[op]) == 0 {
			t.Errorf("unexpected call of %s", op)
			return
		}
		var status int
		text, rest, _ := strings.Cut(answers[op][0], " ")
		answers[op] = answers[op][1:]
		_, _ = fmt.Sscan(text, &status)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, rest)
	}))
	t.Cleanup(srv.Close)
	g, err := NewZarinpal(srv.URL, "", NewHTTPClient(5*time.Second)).Open(account)
	require.NoError(t, err)
	return g, &asked, &bodies
}

func zarinpalVisit() Visit {
	return Visit{Invoice: 12, BankToken: zarinpalTestAuthority, BankTran: zarinpalTestAuthority, Amount: 30_000}
}

func TestZarinpalSession(t *testing.T) {
	g, _, bodies := scriptedZarinpal(t, zarinpalTestAccount, map[string][]string{
		"request": {`200 {"data":{"code":100,"message":"Success","authority":"` + zarinpalTestAuthority + `","fee_type":"Merchant","fee":100},"errors":[]}`},
	})
	got, err := g.CreateSession(t.Context(), Session{Invoice: 12, Amount: 30_000, CallbackURL: "https://shop.example/cb/12", Mobile: "09120000000"})
	require.NoError(t, err)
	require.Equal(t, Redirect{BankToken: zarinpalTestAuthority, Method: http.MethodGet, URL: "https://payment.zarinpal.com/pg/StartPay/" + zarinpalTestAuthority}, got)
	require.Equal(t, map[string]any{
		"merchant_id": zarinpalTestAccount["merchant_id"], "amount": 30_000.0, "currency": "IRR", "description": "12",
		"callback_url": "https://shop.example/cb/12",
		"metadata":     map[string]any{"order_id": "12", "mobile": "09120000000", "auto_verify": false},
	}, (*bodies)[0])
}

func TestZarinpalSessionAnswers(t *testing.T) {
	authority := func(a string) string { return `200 {"data":{"code":100,"authority":"` + a + `"},"errors":[]}` }
	for name, c := range map[string]struct {
		answer string
		class  Class
	}{
		"sandbox's authority":     {authority("S" + zarinpalTestAuthority[1:]), ""},
		"code as text":            {`200 {"data":{"code":"100","authority":"` + zarinpalTestAuthority + `"},"errors":{}}`, ""},
		"another letter":          {authority("B" + zarinpalTestAuthority[1:]), ClassUnknown},
		"too short":               {authority("A123"), ClassUnknown},
		"a path":                  {authority("A/../../" + zarinpalTestAuthority[:28]), ClassUnknown},
		"list and object":         {`422 {"data":[],"errors":{"code":-9,"message":"no","validations":[{"amount":"bad"}]}}`, ClassRefused},
		"object and object":       {`200 {"data":{},"errors":{"code":-11,"message":"no"}}`, ClassRefused},
		"null and object":         {`200 {"data":null,"errors":{"code":-10,"message":"198.51.100.7"}}`, ClassRefused},
		"too many":                {`200 {"data":[],"errors":{"code":-12}}`, ClassUnavailable},
		"too many, by status":     {`429 `, ClassUnavailable},
		"an unknown code":         {`200 {"data":[],"errors":{"code":-77}}`, ClassUnknown},
		"both, and they disagree": {`200 {"data":{"code":100,"authority":"` + zarinpalTestAuthority + `"},"errors":{"code":-52}}`, ClassUnknown},
		"two lists":               {`200 {"data":[],"errors":[]}`, ClassUnknown},
		"success with 404":        {"404 " + strings.TrimPrefix(authority(zarinpalTestAuthority), "200 "), ClassUnknown},
		"error with 503":          {`503 {"data":[],"errors":{"code":-9}}`, ClassUnknown},
		"text":                    {`200 "ok"`, ClassUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			g, _, _ := scriptedZarinpal(t, zarinpalTestAccount, map[string][]string{"request": {c.answer}})
			_, err := g.CreateSession(t.Context(), Session{Invoice: 1, Amount: 30_000, CallbackURL: "https://shop.example/", Description: "d"})
			requireClass(t, c.class, err)
			if err != nil {
				require.NotContains(t, err.Error(), "198.51.100.7")
			}
		})
	}
}

func TestZarinpalResult(t *testing.T) {
	for status, c := range map[string]struct {
		want  ResultStatus
		class Class
	}{
		"PAID": {ResultPaid, ""}, "VERIFIED": {ResultPaid, ""}, "REVERSED": {ResultReturned, ""},
		"IN_BANK": {ResultNotPaid, ""}, "FAILED": {ResultNotPaid, ""}, "": {"", ClassUnknown}, "paid": {"", ClassUnknown},
	} {
		g, _, _ := scriptedZarinpal(t, zarinpalTestAccount, map[string][]string{"inquiry": {zarinpalState(status)}})
		got, err := g.Result(t.Context(), zarinpalVisit())
		requireClass(t, c.class, err)
		require.Equal(t, c.want, got.Status, status)
		require.Equal(t, c.want == ResultReturned, got.Final)
	}
}

func zarinpalState(status string) string {
	return `200 {"data":{"code":100,"message":"Success","status":"` + status + `"},"errors":[]}`
}

func TestZarinpalVerify(t *testing.T) {
	const verified = `{"message":"Verified","card_hash":"1EBE","card_pan":"502229******5995","ref_id":201,"fee_type":"Merchant","fee":0,"code":`
	for name, c := range map[string]struct {
		answer string
		want   Receipt
		class  Class
	}{
		"first":           {`200 {"data":` + verified + `100},"errors":[]}`, Receipt{RRN: "201", Card: "502229******5995"}, ""},
		"again":           {`200 {"data":` + verified + `101},"errors":[]}`, Receipt{RRN: "201", Card: "502229******5995"}, ""},
		"other amount":    {`200 {"data":[],"errors":{"code":-50}}`, Receipt{}, ClassRefused},
		"failed":          {`200 {"data":[],"errors":{"code":-51}}`, Receipt{}, ClassRefused},
		"unexpected":      {`200 {"data":[],"errors":{"code":-52}}`, Receipt{}, ClassUnknown},
		"foreign":         {`200 {"data":[],"errors":{"code":-53}}`, Receipt{}, ClassRefused},
		"our address":     {`401 {"data":[],"errors":{"code":-10}}`, Receipt{}, ClassUnavailable},
		"suspended":       {`200 {"data":[],"errors":{"code":-15}}`, Receipt{}, ClassUnavailable},
		"whole card":      {`200 {"data":{"code":100,"card_pan":"5022291234565995","ref_id":"0"}}`, Receipt{Card: "502229******5995"}, ""},
		"reference reads": {`200 {"data":{"code":101,"ref_id":"00201"}}`, Receipt{RRN: "00201"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, _, bodies := scriptedZarinpal(t, zarinpalTestAccount, map[string][]string{"verify": {c.answer}})
			got, err := g.Verify(t.Context(), zarinpalVisit())
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
			require.Equal(t, 30_000.0, (*bodies)[0]["amount"])
		})
	}
}

func TestZarinpalUndo(t *testing.T) {
	const (
		done     = `200 {"data":{"code":100,"message":"Reversed"},"errors":[]}`
		verified = `200 {"data":{"code":101,"ref_id":201},"errors":[]}`
		none     = `200 {"data":{"refunded":[],"verified":[]}}`
		found    = `200 {"data":{"refunded":[],"verified":[{"id":"7","amount":30000}]}}`
	)
	no := func(code int) string { return fmt.Sprintf(`200 {"data":[],"errors":{"code":%d}}`, code) }
	for name, c := range map[string]struct {
		answers map[string][]string
		token   bool
		unseen  bool
		want    Undone
		class   Class
		asked   string
	}{
		"unverified":           {answers: map[string][]string{"inquiry": {zarinpalState("PAID")}, "reverse": {done}}, want: Reversed, asked: "inquiry reverse"},
		"verified":             {answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {done}}, want: Reversed, asked: "inquiry reverse"},
		"before":               {answers: map[string][]string{"inquiry": {zarinpalState("REVERSED")}}, want: Reversed, asked: "inquiry"},
		"meanwhile":            {answers: map[string][]string{"inquiry": {zarinpalState("PAID"), zarinpalState("REVERSED")}, "reverse": {no(-61)}}, want: Reversed, asked: "inquiry reverse inquiry"},
		"neither nor":          {answers: map[string][]string{"inquiry": {zarinpalState("PAID"), zarinpalState("PAID")}, "reverse": {no(-61)}}, class: ClassRefused, asked: "inquiry reverse inquiry"},
		"gone":                 {answers: map[string][]string{"inquiry": {zarinpalState("FAILED")}}, want: NotTaken, asked: "inquiry"},
		"never seen":           {answers: map[string][]string{"inquiry": {zarinpalState("FAILED")}}, unseen: true, class: ClassUnavailable, asked: "inquiry"},
		"at the bank":          {answers: map[string][]string{"inquiry": {zarinpalState("IN_BANK")}}, class: ClassUnavailable, asked: "inquiry"},
		"our address":          {answers: map[string][]string{"inquiry": {zarinpalState("PAID")}, "reverse": {no(-62)}}, class: ClassUnavailable, asked: "inquiry reverse"},
		"too late":             {answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-63)}}, class: ClassRefused, asked: "inquiry reverse"},
		"too late, unverified": {answers: map[string][]string{"inquiry": {zarinpalState("PAID")}, "reverse": {no(-63)}}, token: true, class: ClassRefused, asked: "inquiry reverse"},
		"refund": {
			answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-63)}, "verify": {verified}, "sessions": {found}, "AddRefund": {`200 {"data":{"resource":{"id":"9","amount":30000}}}`}},
			token:   true, want: Refunded, asked: "inquiry reverse verify sessions AddRefund",
		},
		"refunded before": {
			answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-60)}, "verify": {verified}, "sessions": {`200 {"data":{"refunded":[{"id":"7","amount":30000}],"verified":[]}}`}},
			token:   true, want: Refunded, asked: "inquiry reverse verify sessions",
		},
		"nothing to refund": {
			answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-60)}, "verify": {verified}, "sessions": {none}},
			token:   true, class: ClassRefused, asked: "inquiry reverse verify sessions",
		},
		"another payment's reference": {
			answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-60)}, "verify": {verified}, "sessions": {strings.Replace(found, "30000", "30001", 1)}},
			token:   true, class: ClassRefused, asked: "inquiry reverse verify sessions",
		},
		"refund with errors": {
			answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-63)}, "verify": {verified}, "sessions": {found}, "AddRefund": {`200 {"errors":[{"message":"198.51.100.7"}],"data":null}`}},
			token:   true, class: ClassUnknown, asked: "inquiry reverse verify sessions AddRefund",
		},
		"refund with errors and an answer": {
			answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-63)}, "verify": {verified}, "sessions": {found}, "AddRefund": {`200 {"errors":[{"message":"no"}],"data":{"resource":{"id":"9","amount":30000}}}`}},
			token:   true, class: ClassUnknown, asked: "inquiry reverse verify sessions AddRefund",
		},
		"token not accepted": {
			answers: map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-63)}, "verify": {verified}, "sessions": {`401 `}},
			token:   true, class: ClassUnavailable, asked: "inquiry reverse verify sessions",
		},
	} {
		t.Run(name, func(t *testing.T) {
			account := Credentials{"merchant_id": zarinpalTestAccount["merchant_id"]}
			if c.token {
				account["access_token"], account["terminal_id"] = "token-of-ours", "349001"
			}
			g, asked, bodies := scriptedZarinpal(t, account, c.answers)
			v := zarinpalVisit()
			if c.unseen {
				v.BankTran = ""
			}
			got, err := g.Undo(t.Context(), v)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.asked, strings.Join(*asked, " "))
			if err != nil {
				require.NotContains(t, err.Error(), "198.51.100.7")
			}
			if last := len(*asked) - 1; (*asked)[last] == "AddRefund" {
				require.Equal(t, map[string]any{
					"session_id": "7", "amount": 30_000.0, "description": "Refund 12", "method": "PAYA", "reason": "CUSTOMER_REQUEST",
				}, (*bodies)[last]["variables"])
			}
		})
	}

	g, asked, _ := scriptedZarinpal(t, Credentials{"merchant_id": zarinpalTestAccount["merchant_id"], "access_token": "token-of-ours", "terminal_id": "1"},
		map[string][]string{"inquiry": {zarinpalState("VERIFIED")}, "reverse": {no(-63)}})
	small := zarinpalVisit()
	small.Amount = 19_999
	_, err := g.Undo(t.Context(), small)
	requireClass(t, ClassRefused, err)
	require.Equal(t, []string{"inquiry", "reverse"}, *asked)
}

func TestZarinpalAccount(t *testing.T) {
	bank := NewZarinpal("", "", nil)
	for name, c := range map[string]Credentials{
		"merchant_id is not":        {"merchant_id": "secret-but-short"},
		"access_token and terminal": {"merchant_id": zarinpalTestAccount["merchant_id"], "access_token": "secret-token"},
		"terminal_id go together":   {"merchant_id": zarinpalTestAccount["merchant_id"], "terminal_id": "349001"},
		"merchant_id is missing":    {"access_token": "secret-token", "terminal_id": "1"},
	} {
		_, err := bank.Open(c)
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "secret")
	}
	for answer, want := range map[string]Class{
		`200 {"data":{"code":"100","message":"Success","authorities":[]}}`:    "",
		`401 {"data":[],"errors":{"code":-10,"message":"from 198.51.100.7"}}`: ClassRefused,
		`200 {"data":[],"errors":{"code":-11}}`:                               ClassRefused,
		`502 <html>`:                                                          ClassUnknown,
	} {
		g, _, _ := scriptedZarinpal(t, zarinpalTestAccount, map[string][]string{"unVerified": {answer}})
		requireClass(t, want, g.Check(t.Context()))
	}
}
