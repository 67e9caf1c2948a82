package gateways

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// AsanPardakht's peculiarities. What all banks have in common is in the contract test.

var asanAccount = Credentials{"merchant_configuration_id": "1001", "username": "user-of-ours", "password": "password-of-ours"}

func scriptedAsan(t *testing.T, answers map[string][]string) (*scripted, Gateway) {
	t.Helper()
	s := &scripted{t: t, answers: answers}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("usr") != "user-of-ours" || r.Header.Get("pwd") != "password-of-ours" {
			t.Error("the credentials are not in the headers")
		}
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	g, err := NewAsanpardakht(srv.URL+"/bank/test", "https://pay.example/", NewHTTPClient(5*time.Second)).Open(asanAccount)
	require.NoError(t, err)
	return s, g
}

func TestAsanpardakhtSession(t *testing.T) {
	s, g := scriptedAsan(t, map[string][]string{"Token": {`200 "abc"`}})
	got, err := g.CreateSession(t.Context(), Session{
		Invoice: 12, Amount: 10_000, CallbackURL: "https://shop.example/cb/12", Description: strings.Repeat("ش", 120), Mobile: "09120000000",
	})
	require.NoError(t, err)
	require.Equal(t, Redirect{
		BankToken: "abc", Method: http.MethodPost, URL: "https://pay.example", Fields: map[string]string{"RefId": "abc", "mobileap": "09120000000"},
	}, got)
	sent := s.bodies[0]
	when, err := time.ParseInLocation("20060102 150405", sent["localDate"].(string), tehran)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), when, time.Minute)
	delete(sent, "localDate")
	require.Equal(t, map[string]any{
		"serviceTypeId": json.Number("1"), "merchantConfigurationId": json.Number("1001"), "localInvoiceId": json.Number("12"),
		"amountInRials": json.Number("10000"), "additionalData": strings.Repeat("ش", 100), "callbackURL": "https://shop.example/cb/12", "paymentId": "0",
	}, sent)
}

func TestAsanpardakhtSessionCodes(t *testing.T) {
	for status, want := range map[int]Class{
		400: ClassRefused, 401: ClassRefused, 471: ClassRefused, 473: ClassRefused, 474: ClassRefused, 486: ClassRefused, 490: ClassRefused, 573: ClassRefused,
		487: ClassUnavailable,
		484: ClassUnknown, 574: ClassUnknown, 576: ClassUnknown, 489: ClassUnknown, 204: ClassUnknown, 302: ClassUnknown, 502: ClassUnknown,
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			_, g := scriptedAsan(t, map[string][]string{"Token": {fmt.Sprintf(`%d "your address is 198.51.100.7"`, status)}})
			_, err := g.CreateSession(t.Context(), Session{Invoice: 1, Amount: 1, CallbackURL: "https://shop.example/"})
			requireClass(t, want, err)
			require.NotContains(t, err.Error(), "198.51.100.7")
		})
	}
}

func TestAsanpardakhtResult(t *testing.T) {
	whole := Result{Status: ResultPaid, Amount: 10_000, BankToken: "ref", Invoice: 12, BankTran: "18446744073709551615", RRN: "77", Card: "603799******1234"}
	for name, c := range map[string]struct {
		answer string
		want   Result
		class  Class
	}{
		"amount as text":     {paid, whole, ""},
		"amount as number":   {strings.Replace(paid, `"10000"`, `10000`, 1), whole, ""},
		"tran as text":       {strings.Replace(paid, `18446744073709551615`, `"18446744073709551615"`, 1), whole, ""},
		"card in full":       {strings.Replace(paid, `603799******1234`, `6037991111111234`, 1), whole, ""},
		"not paid":           {`472`, Result{Status: ResultNotPaid}, ""},
		"not paid, so final": {`472 {"final":true,"state":"reversed"}`, Result{Status: ResultNotPaid}, ""}, // the real bank does not say so
		"password":           {`473`, Result{}, ClassUnavailable},
		"our address":        {`474 198.51.100.7`, Result{}, ClassUnavailable},
		"bad request":        {`400`, Result{}, ClassRefused},
		"no essentials":      {`200 {"refID":"ref"}`, Result{}, ClassUnknown},
		"a page":             {`200 <html>`, Result{}, ClassUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, g := scriptedAsan(t, map[string][]string{"TranResult": {c.answer}})
			got, err := g.Result(t.Context(), visit)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestAsanpardakhtCodesOfVerifyAndSettlement(t *testing.T) {
	const ok = Class("")
	for op, statuses := range map[string]map[int]Class{
		"Verify": {
			200: ok, 472: ok, 473: ok, 475: ok,
			400: ClassRefused, 471: ClassRefused, 474: ClassRefused, 476: ClassRefused, 478: ClassRefused,
			401: ClassUnavailable, 477: ClassUnavailable, 571: ClassUnavailable,
			572: ClassUnknown, 573: ClassUnknown, 500: ClassUnknown, 204: ClassUnknown, 302: ClassUnknown,
		},
		"Settlement": {
			200: ok, 474: ok, 476: ok,
			400: ClassRefused, 471: ClassRefused, 472: ClassRefused, 473: ClassRefused, 475: ClassRefused, 478: ClassRefused,
			401: ClassUnavailable, 477: ClassUnavailable, 571: ClassUnavailable,
			572: ClassUnknown, 573: ClassUnknown, 502: ClassUnknown,
		},
	} {
		for status, want := range statuses {
			t.Run(fmt.Sprint(op, " ", status), func(t *testing.T) {
				s, g := scriptedAsan(t, map[string][]string{op: {fmt.Sprint(status)}})
				var err error
				if op == "Verify" {
					_, err = g.Verify(t.Context(), visit)
				} else {
					err = g.Settle(t.Context(), visit)
				}
				requireClass(t, want, err)
				require.Equal(t, json.Number(visit.BankTran), s.bodies[0]["payGateTranId"])
			})
		}
	}
}

func TestAsanpardakhtUndo(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string][]string
		tran    string // "none" = unknown
		want    Undone
		class   Class
		asked   string
	}{
		"unverified":                 {answers: map[string][]string{"Reverse": {"200"}}, want: Reversed, asked: "Reverse"},
		"reversed before":            {answers: map[string][]string{"Reverse": {"473"}}, want: Reversed, asked: "Reverse"},
		"reversed by the bank":       {answers: map[string][]string{"Reverse": {"475"}}, want: Reversed, asked: "Reverse"},
		"verified":                   {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"200"}}, want: Cancelled, asked: "Reverse Cancel"},
		"settlement asked for":       {answers: map[string][]string{"Reverse": {"474"}}, class: ClassRefused, asked: "Reverse"},
		"settled":                    {answers: map[string][]string{"Reverse": {"476"}}, class: ClassRefused, asked: "Reverse"},
		"cancelled before":           {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"813"}, "Verify": {"478"}}, want: Cancelled, asked: "Reverse Cancel Verify"},
		"reversed meanwhile":         {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"808"}, "Verify": {"476"}}, want: Reversed, asked: "Reverse Cancel Verify"},
		"settled meanwhile":          {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"807"}, "Verify": {"475"}}, class: ClassRefused, asked: "Reverse Cancel Verify"},
		"not yet, then cancelled":    {answers: map[string][]string{"Reverse": {"472", "472"}, "Cancel": {"802", "200"}, "Verify": {"472"}}, want: Cancelled, asked: "Reverse Cancel Verify Reverse Cancel"},
		"never cancelled":            {answers: map[string][]string{"Reverse": {"472", "472"}, "Cancel": {"814", "814"}, "Verify": {"472", "472"}}, class: ClassUnavailable, asked: "Reverse Cancel Verify Reverse Cancel Verify"},
		"unclear, then cancelled":    {answers: map[string][]string{"Reverse": {"572"}, "Cancel": {"200"}}, want: Cancelled, asked: "Reverse Cancel"},
		"unclear, then reversed":     {answers: map[string][]string{"Reverse": {"573", "200"}, "Cancel": {"804"}}, want: Reversed, asked: "Reverse Cancel Reverse"},
		"unclear to the end":         {answers: map[string][]string{"Reverse": {"572", "500"}, "Cancel": {"802", "802"}}, class: ClassUnknown, asked: "Reverse Cancel Reverse Cancel"},
		"refused":                    {answers: map[string][]string{"Reverse": {"400"}}, class: ClassRefused, asked: "Reverse"},
		"cancel refused":             {answers: map[string][]string{"Reverse": {"472"}, "Cancel": {"400"}}, class: ClassRefused, asked: "Reverse Cancel"},
		"not yet processed":          {answers: map[string][]string{"Reverse": {"571"}}, class: ClassUnavailable, asked: "Reverse"},
		"failed at the bank":         {answers: map[string][]string{"Reverse": {"471"}, "TranResult": {"472"}}, want: NotTaken, asked: "Reverse TranResult"},
		"called failed, yet paid":    {answers: map[string][]string{"Reverse": {"471"}, "TranResult": {paid}}, class: ClassRefused, asked: "Reverse TranResult"},
		"no transaction known":       {answers: map[string][]string{"TranResult": {paid}, "Reverse": {"200"}}, tran: "none", want: Reversed, asked: "TranResult Reverse"},
		"no transaction at all":      {answers: map[string][]string{"TranResult": {"472"}}, tran: "none", class: ClassUnavailable, asked: "TranResult"},
		"a transaction not a number": {tran: "12; DROP", class: ClassRefused},
	} {
		t.Run(name, func(t *testing.T) {
			s, g := scriptedAsan(t, c.answers)
			v := visit
			switch c.tran {
			case "none":
				v.BankTran = ""
			case "":
			default:
				v.BankTran = c.tran
			}
			got, err := g.Undo(t.Context(), v)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.asked, strings.Join(s.asked, " "))
		})
	}
}

func TestAsanpardakhtCheck(t *testing.T) {
	for status, want := range map[int]Class{
		472: "", 401: ClassRefused, 471: ClassRefused, 473: ClassRefused, 474: ClassRefused, 484: ClassUnavailable, 502: ClassUnknown,
	} {
		_, g := scriptedAsan(t, map[string][]string{"TranResult": {fmt.Sprintf("%d 198.51.100.7", status)}})
		requireClass(t, want, g.Check(t.Context()))
	}
	_, g := scriptedAsan(t, map[string][]string{"TranResult": {paid}})
	require.NoError(t, g.Check(t.Context()))
	account := Credentials{"merchant_configuration_id": "ten", "username": "u", "password": "p"}
	_, err := NewAsanpardakht("", "", nil).Open(account)
	require.ErrorContains(t, err, "merchant_configuration_id")
	require.NotContains(t, err.Error(), "ten\"")
}
