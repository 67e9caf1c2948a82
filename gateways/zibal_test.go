package gateways

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	zibalTestAccount = Credentials{"merchant": "shop-secret"}
	zibalVisit       = Visit{Invoice: 12, BankToken: "3718838088", BankTran: "3718838088", Amount: 10_000}
)

func zibalSays(status int) string {
	return fmt.Sprintf(`200 {"result":100,"status":%d,"amount":10000,"orderId":"12","refNumber":77,"cardNumber":"603799******1234","message":"success"}`, status)
}

func TestZibalSession(t *testing.T) {
	l, g := opened(t, NewZibal, zibalTestAccount, `200 {"result":100,"message":"success","trackId":3718838088}`)
	got, err := g.CreateSession(t.Context(), Session{Invoice: 12, Amount: 10_000, CallbackURL: "https://pay.example/cb", Mobile: "09120000000"})
	require.NoError(t, err)
	require.Equal(t, Redirect{BankToken: "3718838088", Method: http.MethodGet, URL: g.Origin() + "/start/3718838088"}, got)
	require.Equal(t, []string{"/v1/request"}, l.paths)
	require.Equal(t, map[string]any{
		"merchant": "shop-secret", "amount": 10000.0, "orderId": "12", "callbackUrl": "https://pay.example/cb",
		"mobile": "09120000000", "description": "",
	}, l.sent(0))

	for answer, class := range map[string]Class{
		`200 {"result":102}`:                     ClassRefused,
		`200 {"result":113}`:                     ClassRefused,
		`200 {"result":115,"message":"1.2.3.4"}`: ClassRefused,
		`200 {"result":999}`:                     ClassUnknown,
		`200 {"result":100}`:                     ClassUnknown,
		`200 {"result":100,"trackId":"../x"}`:    ClassUnknown,
	} {
		_, g := opened(t, NewZibal, zibalTestAccount, answer)
		_, err := g.CreateSession(t.Context(), Session{Invoice: 12, Amount: 10_000})
		requireClass(t, class, err)
		require.NotContains(t, err.Error(), "1.2.3.4", "the bank's words may hold our address")
		require.NotContains(t, err.Error(), "shop-secret")
	}
}

func TestZibalResult(t *testing.T) {
	whole := Result{BankToken: "3718838088", BankTran: "3718838088", Amount: 10_000, Invoice: 12, RRN: "77", Card: "603799******1234"}
	for status, want := range map[int]Result{
		1: {Status: ResultPaid}, 2: {Status: ResultPaid},
		-1: {Status: ResultNotPaid}, -2: {Status: ResultNotPaid}, 4: {Status: ResultNotPaid}, 12: {Status: ResultNotPaid},
		3:  {Status: ResultNotPaid, Final: true},
		15: {Status: ResultReturned, Final: true}, 18: {Status: ResultReturned, Final: true},
	} {
		l, g := opened(t, NewZibal, zibalTestAccount, zibalSays(status))
		got, err := g.Result(t.Context(), zibalVisit)
		require.NoError(t, err)
		require.Equal(t, want.Status, got.Status, status)
		require.Equal(t, want.Final, got.Final, status)
		if want.Status == ResultPaid {
			whole.Status = ResultPaid
			require.Equal(t, whole, got)
		} else {
			require.NotEmpty(t, got.Reason)
		}
		require.Equal(t, "inquiry", l.asked(), "it only asks")
		require.InDelta(t, 3718838088, l.sent(0)["trackId"], 0)
	}

	for answer, class := range map[string]Class{
		zibalSays(16):          ClassUnavailable,
		zibalSays(21):          ClassUnavailable,
		zibalSays(13):          ClassUnknown,
		`200 {"result":100}`:   ClassUnknown,
		`200 {"result":102}`:   ClassUnavailable,
		`200 {"result":115}`:   ClassUnavailable,
		`200 {"result":203}`:   ClassRefused,
		`200 {"result":"100"}`: ClassUnknown,
		`200 {"result":100,"status":1,"amount":null,"orderId":"12"}`:    ClassUnknown,
		`200 {"result":100,"status":2,"amount":10000,"orderId":null}`:   ClassUnknown,
		`200 {"result":100,"status":2,"amount":1.5,"orderId":"12"}`:     ClassUnknown,
		`200 {"result":100,"status":2,"amount":-10000,"orderId":"12"}`:  ClassUnknown,
		`200 {"result":100,"status":true,"amount":10000,"orderId":"1"}`: ClassUnknown,
	} {
		_, g := opened(t, NewZibal, zibalTestAccount, answer)
		got, err := g.Result(t.Context(), zibalVisit)
		requireClass(t, class, err)
		require.Zero(t, got)
	}

	// Another amount is told, not hidden: the caller compares.
	_, g := opened(t, NewZibal, zibalTestAccount, `200 {"result":100,"status":2,"amount":"9000","orderId":12}`)
	got, err := g.Result(t.Context(), zibalVisit)
	require.NoError(t, err)
	require.EqualValues(t, 9_000, got.Amount)
}

func TestZibalVerify(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		want    Receipt
		class   Class
		asked   string
	}{
		"now":                        {[]string{zibalSays(1)}, Receipt{"77", "603799******1234"}, "", "verify"},
		"before, with details":       {[]string{`200 {"result":201,"refNumber":"78","amount":10000}`}, Receipt{RRN: "78"}, "", "verify"},
		"before, without":            {[]string{`200 {"result":201}`, zibalSays(1)}, Receipt{"77", "603799******1234"}, "", "verify inquiry"},
		"before, nobody tells more":  {[]string{`200 {"result":201}`, `500 `}, Receipt{}, "", "verify inquiry"},
		"for another amount":         {[]string{`200 {"result":100,"amount":9000}`}, Receipt{}, ClassRefused, "verify"},
		"before, for another amount": {[]string{`200 {"result":201}`, `200 {"result":100,"status":1,"amount":9000}`}, Receipt{}, ClassRefused, "verify inquiry"},
		"not paid":                   {[]string{`200 {"result":202}`}, Receipt{}, ClassRefused, "verify"},
		"unknown session":            {[]string{`200 {"result":203}`}, Receipt{}, ClassRefused, "verify"},
		"unknown merchant":           {[]string{`200 {"result":102}`}, Receipt{}, ClassUnavailable, "verify"},
		"undocumented":               {[]string{`200 {"result":-1}`}, Receipt{}, ClassUnknown, "verify"},
	} {
		t.Run(name, func(t *testing.T) {
			l, g := opened(t, NewZibal, zibalTestAccount, c.answers...)
			got, err := g.Verify(t.Context(), zibalVisit)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.asked, l.asked())
		})
	}
	requireOddIsUnknown(t, NewZibal, zibalTestAccount, func(g Gateway) error { _, err := g.Verify(t.Context(), zibalVisit); return err })
}

// Zibal gives nothing back through this API: what it says of the money is all that Undo ever says.
func TestZibalUndo(t *testing.T) {
	for status, c := range map[int]struct {
		want  Undone
		class Class
	}{
		1: {class: ClassRefused}, 2: {class: ClassRefused},
		15: {want: Refunded}, 18: {want: Reversed}, 3: {want: NotTaken},
		16: {class: ClassUnavailable}, -1: {class: ClassUnavailable}, 99: {class: ClassUnknown},
	} {
		l, g := opened(t, NewZibal, zibalTestAccount, zibalSays(status))
		got, err := g.Undo(t.Context(), zibalVisit)
		requireClass(t, c.class, err)
		require.Equal(t, c.want, got, status)
		require.Equal(t, "inquiry", l.asked())
	}
	_, g := opened(t, NewZibal, zibalTestAccount, zibalSays(16))
	_, err := g.Undo(t.Context(), zibalVisit)
	var later *Unavailable
	require.ErrorAs(t, err, &later)
	require.Equal(t, 10*time.Minute, later.After)
	require.Negative(t, g.Limits().UndoWindow)
}

func TestZibalCheckAndSettle(t *testing.T) {
	for result, class := range map[int]Class{203: "", 100: "", 102: ClassRefused, 104: ClassRefused, 115: ClassRefused, 999: ClassUnknown} {
		_, g := opened(t, NewZibal, zibalTestAccount, fmt.Sprintf(`200 {"result":%d}`, result))
		requireClass(t, class, g.Check(t.Context()))
	}
	_, g := opened(t, NewZibal, zibalTestAccount)
	require.NoError(t, g.Settle(t.Context(), zibalVisit), "without a call")
}
