package gateways

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var samanTestAccount = Credentials{"terminal_id": "2015"}

func samanVisit() Visit {
	return Visit{Invoice: 12, BankToken: "tok", Amount: 10_000, Callback: map[string]string{
		"MID": "2015", "TerminalId": "2015", "State": "OK", "Status": "2", "RRN": "browser's", "RefNum": "GmshtyjwKSu+/=", "ResNum": "12",
		"Amount": "10000", "Token": "tok",
	}}
}

func samanBooked() Visit {
	v := samanVisit()
	v.BankTran = "GmshtyjwKSu+/="
	return v
}

// samanClaimed is what a verification that was refused leaves: a number, and nothing that proves whose it is.
func samanClaimed() Visit {
	v := samanBooked()
	v.Unbooked = true
	return v
}

const samanDetail = `"TransactionDetail":{"RRN":"77","RefNum":"GmshtyjwKSu+/=","MaskedPan":"603799******1234","TerminalNumber":2015,"OrginalAmount":10000,"AffectiveAmount":9500}`

func samanSays(code int) string {
	if code != 0 && code != 2 {
		return fmt.Sprintf(`200 {"TransactionDetail":null,"ResultCode":%d,"ResultDescription":"1.2.3.4","Success":false}`, code)
	}
	return fmt.Sprintf(`200 {%s,"ResultCode":%d,"Success":%t}`, samanDetail, code, code == 0)
}

func TestSamanSession(t *testing.T) {
	l, g := opened(t, NewSaman, samanTestAccount, `200 {"status":1,"token":"2c3c1fef"}`)
	got, err := g.CreateSession(t.Context(), Session{Invoice: 12, Amount: 10_000, CallbackURL: "https://pay.example/cb", Mobile: "09120000000"})
	require.NoError(t, err)
	require.Equal(t, Redirect{
		BankToken: "2c3c1fef", Method: http.MethodPost, URL: g.Origin() + "/OnlinePG/OnlinePG", Fields: map[string]string{"Token": "2c3c1fef"},
	}, got)
	require.Equal(t, []string{"/onlinepg/onlinepg"}, l.paths)
	require.Equal(t, map[string]any{
		"action": "token", "TerminalId": "2015", "Amount": 10000.0, "ResNum": "12", "RedirectUrl": "https://pay.example/cb",
		"CellNumber": "09120000000", "TokenExpiryInMin": 20.0,
	}, l.sent(0))

	for answer, class := range map[string]Class{
		`200 {"status":-1,"errorCode":"8","errorDesc":"1.2.3.4"}`: ClassRefused,
		`200 {"status":-1,"errorCode":5}`:                         ClassRefused,
		`200 {"status":-1,"errorCode":"99"}`:                      ClassUnknown,
		`200 {"status":-1}`:                                       ClassUnknown,
		`200 {"status":1}`:                                        ClassUnknown,
		`200 {"token":"x"}`:                                       ClassUnknown,
	} {
		_, g := opened(t, NewSaman, samanTestAccount, answer)
		_, err := g.CreateSession(t.Context(), Session{Invoice: 12, Amount: 10_000})
		requireClass(t, class, err)
		require.NotContains(t, err.Error(), "1.2.3.4")
	}
}

// Result believes the browser only where all of it is about our own session, and never asks the bank.
func TestSamanResult(t *testing.T) {
	paid := Result{Status: ResultPaid, BankToken: "tok", Invoice: 12, Amount: 10_000, BankTran: "GmshtyjwKSu+/="}
	unpaid := Result{Status: ResultNotPaid, BankToken: "tok", Invoice: 12, Amount: 10_000}
	for name, c := range map[string]struct {
		change map[string]string // "" takes the field away
		want   ResultStatus
		final  bool
	}{
		"paid":                  {nil, ResultPaid, false},
		"with little":           {map[string]string{"MID": "", "TerminalId": "", "Amount": "", "Token": "", "State": ""}, ResultPaid, false},
		"cancelled":             {map[string]string{"Status": "1", "RefNum": ""}, ResultNotPaid, true},
		"cancelled, and paid":   {map[string]string{"Status": "1"}, ResultNotPaid, true},
		"failed":                {map[string]string{"Status": "3"}, ResultNotPaid, true},
		"session lost":          {map[string]string{"Status": "4"}, ResultNotPaid, false},
		"another's number":      {map[string]string{"ResNum": "13"}, ResultNotPaid, false},
		"no number":             {map[string]string{"ResNum": ""}, ResultNotPaid, false},
		"another's cancelled":   {map[string]string{"ResNum": "13", "Status": "1"}, ResultNotPaid, false},
		"another session":       {map[string]string{"Token": "kot"}, ResultNotPaid, false},
		"another amount":        {map[string]string{"Amount": "1000"}, ResultNotPaid, false},
		"another terminal":      {map[string]string{"TerminalId": "2016"}, ResultNotPaid, false},
		"another's terminal":    {map[string]string{"MID": "2016"}, ResultNotPaid, false},
		"no receipt":            {map[string]string{"RefNum": ""}, ResultNotPaid, false},
		"a receipt too long":    {map[string]string{"RefNum": strings.Repeat("9", 51)}, ResultNotPaid, false},
		"a receipt with spaces": {map[string]string{"RefNum": "a b"}, ResultNotPaid, false},
	} {
		t.Run(name, func(t *testing.T) {
			v := samanVisit()
			for field, value := range c.change {
				v.Callback[field] = value
				if value == "" {
					delete(v.Callback, field)
				}
			}
			_, g := opened(t, NewSaman, samanTestAccount)
			got, err := g.Result(t.Context(), v)
			require.NoError(t, err)
			want := unpaid
			if c.want == ResultPaid {
				want = paid
			}
			want.Final, want.Reason = c.final, got.Reason
			require.Equal(t, want, got)
			require.Equal(t, c.final, got.Reason != "")
		})
	}
	_, g := opened(t, NewSaman, samanTestAccount)
	got, err := g.Result(t.Context(), Visit{Invoice: 12, BankToken: "tok", Amount: 10_000})
	require.NoError(t, err)
	require.Equal(t, unpaid, got, "a lost callback")
	require.GreaterOrEqual(t, g.Limits().SessionLife, samanToken+g.Limits().AutoReverse, "only then is all unseen money back")
}

func TestSamanVerify(t *testing.T) {
	detail := func(old, new string) string {
		return "200 {" + strings.Replace(samanDetail, old, new, 1) + `,"ResultCode":0}`
	}
	for name, c := range map[string]struct {
		answer string
		class  Class
	}{
		"now":                {samanSays(0), ""},
		"again":              {samanSays(2), ""},
		"numbers as text":    {detail(`2015,"OrginalAmount":10000`, `"2015","OrginalAmount":"10000"`), ""},
		"ours by number":     {detail(`"RRN"`, `"ResNum":"12","RRN"`), ""},
		"another payment's":  {detail(`"RRN"`, `"ResNum":"13","RRN"`), ClassRefused},
		"another amount":     {detail(`10000`, `1000`), ClassRefused},
		"another terminal":   {detail(`2015`, `2016`), ClassRefused},
		"another receipt":    {detail(`GmshtyjwKSu`, `x`), ClassRefused},
		"without amount":     {detail(`"OrginalAmount":10000,`, ``), ClassUnknown},
		"without terminal":   {detail(`"TerminalNumber":2015,`, ``), ClassUnknown},
		"without detail":     {`200 {"TransactionDetail":null,"ResultCode":2}`, ClassUnknown},
		"success, no code":   {`200 {` + samanDetail + `,"Success":true}`, ClassUnknown},
		"not found":          {samanSays(-2), ClassRefused},
		"too late":           {samanSays(-6), ClassRefused},
		"reversed":           {samanSays(5), ClassRefused},
		"terminal inactive":  {samanSays(-104), ClassUnavailable},
		"address unknown":    {samanSays(-106), ClassUnavailable},
		"undocumented":       {samanSays(-1), ClassUnknown},
		"a text for a code":  {`200 {"ResultCode":"ok"}`, ClassUnknown},
		"a fraction of code": {`200 {"ResultCode":0.5}`, ClassUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			l, g := opened(t, NewSaman, samanTestAccount, c.answer)
			got, err := g.Verify(t.Context(), samanBooked())
			requireClass(t, c.class, err)
			if c.class == "" {
				require.Equal(t, Receipt{RRN: "77", Card: "603799******1234"}, got)
			} else {
				require.Zero(t, got)
				require.NotContains(t, err.Error(), "1.2.3.4")
			}
			require.Equal(t, []string{"/verifyTxnRandomSessionkey/ipg/VerifyTransaction"}, l.paths)
			require.Equal(t, map[string]any{"RefNum": "GmshtyjwKSu+/=", "TerminalNumber": 2015.0}, l.sent(0))
		})
	}
	requireOddIsUnknown(t, NewSaman, samanTestAccount, func(g Gateway) error { _, err := g.Verify(t.Context(), samanBooked()); return err })

	// Without a receipt there is nothing to verify, and nobody is asked.
	for status, class := range map[string]Class{"": ClassUnavailable, "1": ClassRefused, "2": ClassUnavailable} {
		v := samanVisit()
		maps.DeleteFunc(v.Callback, func(name, _ string) bool { return name == "RefNum" })
		v.Callback["Status"] = status
		_, g := opened(t, NewSaman, samanTestAccount)
		_, err := g.Verify(t.Context(), v)
		requireClass(t, class, err)
	}
}

func TestSamanUndo(t *testing.T) {
	const verify, both = "VerifyTransaction", "VerifyTransaction ReverseTransaction"
	cheaper := "200 {" + strings.Replace(samanDetail, "10000", "1000", 1) + `,"ResultCode":2}`
	for name, c := range map[string]struct {
		visit   Visit
		answers []string
		want    Undone
		class   Class
		asked   string
	}{
		"unverified":                 {samanBooked(), []string{samanSays(0), samanSays(0)}, Reversed, "", both},
		"verified":                   {samanBooked(), []string{samanSays(2), samanSays(0)}, Reversed, "", both},
		"reversed meanwhile":         {samanBooked(), []string{samanSays(2), samanSays(5)}, Reversed, "", both},
		"reversed before":            {samanBooked(), []string{samanSays(5)}, Reversed, "", verify},
		"never was":                  {samanBooked(), []string{samanSays(-2)}, NotTaken, "", verify},
		"verified half an hour ago":  {samanBooked(), []string{samanSays(-6), samanSays(0)}, Reversed, "", both},
		"past everything":            {samanBooked(), []string{samanSays(-6), samanSays(-6)}, "", ClassRefused, both},
		"reverse without an answer":  {samanBooked(), []string{samanSays(2), "500 "}, "", ClassUnknown, both},
		"reverse: not found":         {samanBooked(), []string{samanSays(2), samanSays(-2)}, "", ClassUnknown, both},
		"verify without an answer":   {samanBooked(), []string{"500 "}, "", ClassUnknown, verify},
		"booked, for another amount": {samanBooked(), []string{cheaper}, "", ClassRefused, verify},
		"not booked, fresh":          {samanVisit(), []string{samanSays(0), samanSays(0)}, Reversed, "", both},
		"not booked, spent":          {samanVisit(), []string{samanSays(2)}, "", ClassRefused, verify},
		"not booked, another amount": {samanVisit(), []string{cheaper}, "", ClassRefused, verify},
		"not booked, too late":       {samanVisit(), []string{samanSays(-6)}, "", ClassRefused, verify},
		"not booked, never was":      {samanVisit(), []string{samanSays(-2)}, NotTaken, "", verify},
		"claimed, fresh":             {samanClaimed(), []string{samanSays(0), samanSays(0)}, Reversed, "", both},
		"claimed, spent":             {samanClaimed(), []string{samanSays(2)}, "", ClassRefused, verify},
		"claimed, too late":          {samanClaimed(), []string{samanSays(-6)}, "", ClassRefused, verify},
		"no receipt":                 {Visit{Invoice: 12, BankToken: "tok", Amount: 10_000}, nil, "", ClassUnavailable, ""},
		"terminal inactive":          {samanBooked(), []string{samanSays(-104)}, "", ClassUnavailable, verify},
	} {
		t.Run(name, func(t *testing.T) {
			l, g := opened(t, NewSaman, samanTestAccount, c.answers...)
			got, err := g.Undo(t.Context(), c.visit)
			requireClass(t, c.class, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.asked, l.asked(), "what is not ours is never reversed")
		})
	}
}

func TestSamanAccount(t *testing.T) {
	for code, class := range map[int]Class{-2: "", -6: "", -104: ClassRefused, -105: ClassRefused, -106: ClassRefused, 0: ClassUnknown, -1: ClassUnknown} {
		_, g := opened(t, NewSaman, samanTestAccount, samanSays(code))
		requireClass(t, class, g.Check(t.Context()))
	}
	for _, id := range []string{"x1", "-5", "0", "1.5"} {
		_, err := NewSaman("", nil).Open(Credentials{"terminal_id": id})
		require.ErrorContains(t, err, "terminal_id")
		require.NotContains(t, err.Error(), id)
	}
	require.Equal(t, "https://sep.shaparak.ir", NewSaman("", nil).Origin())
}
